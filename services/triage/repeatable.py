"""A decision that may be said again with fresh values: most refreshes are nothing else.

It must be, to the letter, what working everything out again would say. So it is given up when time
alone may change something, and where a rule rests on what a monitor streams.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from schemas.envelope import derived_id
from schemas.event import Event
from schemas.triage import ScoreValue, TriageDecided
from services.triage.facts import Facts
from services.triage.picture import Picture
from services.triage.rulebook import Edition
from services.triage.scoring import told
from services.triage.statement import inputs_of, scores_of
from services.triage.steady import Cuts
from services.triage.verdict import Verdict, View

#: Where the kept samples of each streamed vital sign lie among the cuts of all scores.
Places: TypeAlias = tuple[tuple[str, int], ...]


class Repeatable(NamedTuple):
    """A decision, what it was decided by, and until when time alone changes nothing."""

    decision: TriageDecided
    view: View
    until: datetime
    cuts: Cuts
    places: Places | None

    @classmethod
    def of(cls, verdict: Verdict, decision: TriageDecided) -> Repeatable | None:
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
        cuts = view.edition.score_cuts[view.protocol.protocol]
        return cls(decision, view, _until(facts), cuts, _places(picture, cuts))

    def may_be_said_again(self, picture: Picture, edition: Edition, now: datetime) -> bool:
        """Whether it still holds, of a sample that changes nothing."""
        if edition is not self.view.edition or now >= self.until:
            return False
        good_for = edition.streams_good_for
        for name, ring in picture.streams.items():
            if now - ring[-1].at > good_for[name]:
                return False
        return True

    def said_again(self, picture: Picture, event: Event, now: datetime) -> TriageDecided:
        """The same decision with fresh values."""
        last = self.decision
        number = last.number + 1
        return last.but(
            event_id=derived_id("decision", picture.encounter_id, number),
            occurred_at=now,
            recorded_at=now,
            number=number,
            changed=False,
            taken_back=(),
            inputs=inputs_of(picture),
            scores=self._scores(picture, now),
            folded=picture.pending,
            cause=event.event_id,
        )

    def _scores(self, picture: Picture, now: datetime) -> tuple[ScoreValue, ...]:
        """The same, where every value lies where it lay; a ratio is another with every value."""
        view, last = self.view, self.decision.scores
        edition = view.edition
        if self.places is None or self.places != _places(picture, self.cuts):
            return scores_of(view._replace(facts=edition.facts(picture, now)))
        ratios = edition.ratios
        if ratios.isdisjoint(score.name for score in last):
            return last
        facts = edition.facts(picture, now)
        again = (told(facts, edition.scores, s.name) if s.name in ratios else s for s in last)
        return tuple(score for score in again if score is not None)


def _places(picture: Picture, cuts: Cuts) -> Places | None:
    """None where the kept samples of one vital sign do not lie together."""
    found = []
    for name, ring in picture.streams.items():
        edges = cuts.get(name)
        if edges is None:
            continue
        place = bisect_right(edges, ring[-1].value)  # type: ignore[type-var]
        for sample in ring[:-1]:
            if bisect_right(edges, sample.value) != place:  # type: ignore[type-var]
                return None
        found.append((name, place))
    found.sort()
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
