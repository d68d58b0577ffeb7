"""A verdict as the event that goes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TypeAlias

from schemas.envelope import derived_id
from schemas.event import Event
from schemas.triage import (
    Bilingual,
    Input,
    ProtocolVersion,
    Reason,
    ScoreValue,
    ShadowDecided,
    TriageDecided,
)
from services.triage.course import Course
from services.triage.explanation import NO_PROTOCOL
from services.triage.facts import Facts
from services.triage.picture import Picture, latest
from services.triage.verdict import Verdict, View

#: Scores by name, in their order; none where nothing of one is known.
Shown: TypeAlias = Mapping[str, ScoreValue | None]


def decision_of(
    verdict: Verdict, shown: Shown, event: Event, now: datetime, set_name: str
) -> TriageDecided:
    """All that a decision says."""
    picture = verdict.view.facts.picture
    said, view = verdict.said, verdict.view
    number = verdict.course.number + 1
    return TriageDecided.made(
        event_id=derived_id("decision", picture.encounter_id, number),
        occurred_at=now,
        recorded_at=now,
        encounter_id=picture.encounter_id,
        number=number,
        changed=verdict.changed,
        worst=said.worst,
        current=said.current,
        trend=said.trend,
        protocol=_version(view, set_name),
        reasons=verdict.reasons,
        earlier=_earlier(said, verdict.reasons),
        taken_back=verdict.taken_back,
        inputs=inputs_of(picture),
        missing=said.missing,
        invalid=tuple(i for _, i in sorted(picture.impossible.items())),
        lost=said.lost,
        scores=tuple(score for score in shown.values() if score is not None),
        respond_within_min=view.edition.frame.site.respond_within_min.get(said.worst),
        questions=_asked(verdict),
        centres=said.centres,
        override=picture.override,
        folded=picture.pending,
        cause=event.event_id,
    )


def shadow_of(
    decision: TriageDecided, verdict: Verdict, before: Course | None, set_name: str
) -> Iterator[ShadowDecided]:
    """What a set on trial says beside a decision, where it says something new."""
    said = verdict.said
    differs = _gist(said) != (decision.worst, decision.current, _loudness(decision.centres))
    was = (before.worst, before.current, before.centres) if before else None
    if was == (said.worst, said.current, said.centres) and not decision.changed:
        return
    yield ShadowDecided(
        event_id=derived_id("shadow", decision.event_id, set_name),
        occurred_at=decision.occurred_at,
        recorded_at=decision.recorded_at,
        encounter_id=decision.encounter_id,
        decision=decision.event_id,
        protocol=_version(verdict.view, set_name),
        worst=said.worst,
        current=said.current,
        reasons=verdict.reasons,
        centres=said.centres,
        differs=differs,
    )


def _gist(said: Course) -> tuple[object, ...]:
    return said.worst, said.current, _loudness(said.centres)


def _loudness(centres: tuple[object, ...]) -> frozenset[tuple[object, object]]:
    return frozenset((c.centre, c.activation) for c in centres)  # type: ignore[attr-defined]


def _version(view: View, set_name: str) -> ProtocolVersion | None:
    protocol = view.protocol
    if protocol is None:
        return None
    return ProtocolVersion(protocol=protocol.protocol, version=protocol.version, set=set_name)


def _earlier(said: Course, reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """What proved the worst level, where no value says so any more."""
    now = {reason.rule for reason in reasons}
    return tuple(
        proof.reason
        for rule, proof in said.proofs.items()
        if proof.reason.level is said.worst and rule not in now
    )


def inputs_of(picture: Picture) -> tuple[Input, ...]:
    """The newest value of each vital sign, by name."""
    found = []
    for name in sorted(picture.streams.keys() | picture.readings.keys()):
        known = latest(picture, name)
        if known is not None:
            sample, method = known
            found.append(
                Input.made(
                    name=name,
                    value=sample.value,
                    occurred_at=sample.at,
                    method=method,
                    device_time=sample.device_time,
                )
            )
    return tuple(found)


def shown_in(view: View) -> Shown:
    """The scores that are shown beside the level."""
    facts, edition = view.facts, view.edition
    return {name: edition.score(facts, name) for name in edition.asked(facts).shown(view.scope)}


def _asked(verdict: Verdict) -> tuple[Bilingual, ...]:
    """The most valuable first: what the monitor has lost, what rests on one reading, then what the
    centres need."""
    view = verdict.view
    frame, found = view.edition.frame, list[Bilingual]()
    for lost in verdict.said.lost:
        question = frame.vitals[lost.name].lost
        if question is not None:
            found.append(question)
    if view.protocol is None:
        found.append(NO_PROTOCOL)
    found += _repeats(view.facts, verdict.reasons)
    found += [question.text for question in verdict.questions]
    return tuple(dict.fromkeys(found))


def _repeats(facts: Facts, reasons: tuple[Reason, ...]) -> Iterator[Bilingual]:
    for reason in reasons:
        if "single_reading" in reason.marks:
            name = facts.frame.named(reason.rule.partition(".")[0])
            yield Bilingual(zh=f"请复测{name.zh}", en=f"measure the {name.en} again")
