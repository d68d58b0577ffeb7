"""Every story against the protocols: the level a clinician wrote beside a step is what triage says.

The clinician wrote by the patient, triage decides by its rules: neither knows of the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from schemas.clinical import (
    BackgroundTold,
    ExaminationDone,
    FindingRecorded,
    LevelOverridden,
    TreatmentGiven,
    VitalSignsRecorded,
)
from schemas.encounter import EncounterOpened, EncounterUpdated
from schemas.event import Event
from schemas.triage import Centre, TriageDecided, TriageLevel
from services.triage.decide import step as decide
from services.triage.loader import active
from simulator.realism import CUFF_WANDERS, WANDERS
from simulator.story import Hold, Step, Story, every

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
RULES = active()
#: A patient whose monitor is entered wrongly is another question (test_story_told).
PATIENTS = [
    (story, name) for story in every() if story.story != "monitors_swapped"
    for name in story.patients
]  # fmt: skip


def at(offset: float) -> datetime:
    return BEGIN + timedelta(seconds=offset)


KINDS: dict[str, type[Event]] = {
    "update": EncounterUpdated,
    "finding": FindingRecorded,
    "examination": ExaminationDone,
    "treatment": TreatmentGiven,
    "background": BackgroundTold,
    "reading": VitalSignsRecorded,
    "level": LevelOverridden,
}
#: What the door an act goes through adds to it.
ADDED: dict[str, dict[str, str]] = {
    "reading": {"method": "reading"},
    "level": {"overridden_by": "crew-1", "role": "crew"},
}


def event_of(step: Step, patient: dict[str, Any]) -> Event | None:
    common = {"event_id": step.name, "occurred_at": at(step.at), "encounter_id": "E-1"}
    if step.act in {"call", "walk_in", "found"}:
        return EncounterOpened.model_validate({**common, "patient": patient})
    if step.act not in KINDS:
        return None
    return KINDS[step.act].model_validate({**common, **step.body, **ADDED.get(step.act, {})})


def opened_as(story: Story, name: str) -> tuple[Step, dict[str, Any]]:
    """The step that opens a patient, and what it says of them."""
    for step in story.steps:
        if step.act == "call" and name in step.opens:
            return step, step.body["patients"][step.opens.index(name)]
        if step.act == "walk_in" and name in step.opens:
            return step, step.body["patient"]
        if step.act == "found" and step.patient == name:
            born = {"birth_time": at(step.at)} if step.other else {}
            return step, {**step.body["patient"], **born}
    raise AssertionError(f"{name} is opened by nobody")


class Moving(NamedTuple):
    """By how much what a monitor shows is off what is held, in its own steps; and a cuff's."""

    monitor: Mapping[str, int] = {}
    cuff: int | None = None


def happenings(
    story: Story, name: str, moving: Moving
) -> Iterator[tuple[float, Event, TriageLevel | None]]:
    """What triage is told of a patient, second by second, and the level that follows from it."""
    opening, patient = opened_as(story, name)
    told: list[tuple[float, int, Event, TriageLevel | None]] = []
    for number, step in enumerate(story.steps):
        mine = step is opening or (step.act != "call" and step.patient == name)
        if mine and (event := event_of(step, patient)) is not None:
            told.append((step.at, number, event, step.then.worst if step.then else None))
    held: dict[float, int] = {}
    offsets = {step.name: step.at for step in story.steps}
    attached = [s.at for s in story.steps if s.act == "attach" and s.patient == name]
    over = [s.at for s in story.steps if s.act in {"transfer", "outcome"} and s.patient == name]
    for second in range(int(min(attached)), int(min(over))) if attached else ():
        shown = story.hold_at(name, second)
        held[shown.at] = held.get(shown.at, 0) + 1
        proves = shown.then if shown.then and held[shown.at] == shown.then.after_sample else None
        level = proves.worst if proves else None
        told.append((second + 0.5, 0, sample(second + 0.5, shown, moving), level))
        read = [pair for n, pair in story.pressures(name).items() if offsets[n] <= second]
        if read and moving.cuff is not None:
            told.append((second + 0.7, 0, cuff(second + 0.7, read[-1], moving.cuff), None))
    for offset, _, event, level in sorted(told, key=lambda each: each[:2]):
        yield offset, event, level


def sample(offset: float, shown: Hold, moving: Moving) -> Event:
    measured = shown.measured
    by = {n: d for n, d in moving.monitor.items() if n not in shown.steady and measured.get(n)}
    return streamed(offset, {n: value + by.get(n, 0) for n, value in measured.items()})


def cuff(offset: float, pressure: tuple[float, float], by: int) -> Event:
    upper, lower = pressure
    return streamed(offset, {"systolic_bp": upper + by, "diastolic_bp": lower + by})


def streamed(offset: float, values: Mapping[str, float]) -> Event:
    return VitalSignsRecorded(
        event_id=f"sample-{offset}",
        occurred_at=at(offset),
        encounter_id="E-1",
        method="streamed",
        device_id="M-1",
        vitals=values,
    )


def off(heart_rate: int, respiratory_rate: int, spo2: int, cuff: int) -> Moving:
    """As far off as values move, each up or down."""
    signs = {"heart_rate": heart_rate, "respiratory_rate": respiratory_rate, "spo2": spo2}
    return Moving({n: sign * WANDERS[n] for n, sign in signs.items()}, cuff * CUFF_WANDERS)


#: As it is held, and at the ends of how far values move.
ENDS = {
    "held": Moving(),
    "again": off(0, 0, 0, 0),
    "low": off(-1, -1, -1, -1),
    "high": off(1, 1, 1, 1),
    "shocked": off(1, 1, -1, -1),
    "breathless": off(-1, 1, -1, 1),
    "quiet": off(1, -1, 1, -1),
}


@pytest.mark.parametrize("moving", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize(("story", "name"), PATIENTS, ids=[f"{s.story}/{n}" for s, n in PATIENTS])
def test_the_levels_are_those_that_a_clinician_wrote(
    story: Story, name: str, moving: Moving
) -> None:
    state, last = None, None
    due = story.patients[name].first_level
    for offset, event, level in happenings(story, name, moving):
        state, decisions = decide(state, event, at(offset), RULES)
        sets = isinstance(event, LevelOverridden)
        if level is not None and (sets or level.urgency > due.urgency):
            due = level
        last = decisions[-1] if decisions else last
        assert isinstance(last, TriageDecided)
        assert last.worst is due, f"at {offset}, by {event.event_id}"
    assert isinstance(last, TriageDecided)
    concerned = {Centre.EMERGENCY, *(concern.centre for concern in last.centres)}
    assert concerned == set(story.patients[name].centres)


def test_every_centre_has_a_story() -> None:
    shown = {c for story in every() for person in story.patients.values() for c in person.centres}
    assert shown == set(Centre)
