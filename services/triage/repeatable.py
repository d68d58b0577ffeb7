"""A decision that may be said again with fresh values: most refreshes are nothing else.

It must be, to the letter, what working everything out again would say. So it is given up when time
alone may change something, and where a rule rests on what a monitor streams.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from schemas.envelope import derived_id
from schemas.event import Event
from schemas.triage import TriageDecided
from services.triage.facts import Facts
from services.triage.picture import Picture
from services.triage.rulebook import Edition
from services.triage.statement import Shown, inputs_of
from services.triage.steady import Cuts
from services.triage.verdict import Verdict, View

#: Where the kept samples of each streamed vital sign lie among the cuts of a score.
Places: TypeAlias = tuple[tuple[str, int], ...]


class Repeatable(NamedTuple):
    """A decision, what it was decided by, and until when time alone changes nothing."""

    decision: TriageDecided
    view: View
    until: datetime
    shown: Shown
    #: By score; none where the kept samples of one vital sign do not lie together.
    places: Mapping[str, Places | None]

    @classmethod
    def of(cls, verdict: Verdict, shown: Shown, decision: TriageDecided) -> Repeatable | None:
        """The decision where it may be said again; else none."""
        view = verdict.view
        picture, facts = view.facts.picture, view.facts
        if view.protocol is None or picture.silent:
            return None
        if picture.patient.birth_time or picture.patient.last_known_well:
            return None
        good_for, now = view.edition.streams_good_for, facts.now
        if any(now - ring[-1].at > good_for[name] for name, ring in picture.streams.items()):
            return None
        streamed = {ring[-1].said_by for ring in picture.streams.values()}
        for support in verdict.supports:
            if support.since is not None or not streamed.isdisjoint(support.ids):
                return None
        cuts = view.edition.score_cuts
        places = {name: _places(picture, cuts[name]) for name in shown}
        return cls(decision, view, _until(facts), shown, places)

    def may_be_said_again(self, picture: Picture, edition: Edition, now: datetime) -> bool:
        """Whether it still holds, of a sample that changes nothing."""
        if edition is not self.view.edition or now >= self.until:
            return False
        good_for = edition.streams_good_for
        for name, ring in picture.streams.items():
            if now - ring[-1].at > good_for[name]:
                return False
        return True

    def said_again(self, picture: Picture, event: Event, now: datetime) -> Repeatable:
        """The same with a decision that has fresh values."""
        again, last = self._scored(picture, now), self.decision
        number = last.number + 1
        decision = last.but(
            event_id=derived_id("decision", picture.encounter_id, number),
            occurred_at=now,
            recorded_at=now,
            number=number,
            changed=False,
            taken_back=(),
            inputs=inputs_of(picture),
            scores=tuple(score for score in again.shown.values() if score is not None),
            folded=picture.pending,
            cause=event.event_id,
        )
        return again._replace(decision=decision)

    def _scored(self, picture: Picture, now: datetime) -> Repeatable:
        """A score is the same where every value lies where it lay; a ratio is another with every
        value."""
        edition, facts = self.view.edition, None
        shown, places = dict(self.shown), dict(self.places)
        for name, cuts in ((name, edition.score_cuts[name]) for name in shown):
            before, places[name] = places[name], _places(picture, cuts)
            if name in edition.ratios or before is None or places[name] != before:
                facts = facts or edition.facts(picture, now)
                shown[name] = edition.score(facts, name)
        return self._replace(shown=shown, places=places)


def _places(picture: Picture, cuts: Cuts) -> Places | None:
    found, streams = [], picture.streams
    for name, edges in cuts.items():
        ring = streams.get(name)
        if ring is None:
            continue
        place = bisect_right(edges, ring[-1].value)  # type: ignore[type-var]
        for sample in ring[:-1]:
            if bisect_right(edges, sample.value) != place:  # type: ignore[type-var]
                return None
        found.append((name, place))
    return tuple(found)


def _until(facts: Facts) -> datetime:
    """When the first reading ceases to say what is now; of streams each sample tells anew."""
    frame = facts.frame
    ends = (
        ring[-1].at + frame.good_for(name, "reading")
        for name, ring in facts.picture.readings.items()
        if name in frame.vitals
    )
    return min((end for end in ends if end > facts.now), default=datetime.max.replace(tzinfo=UTC))
