"""What a human says, finds, scores, sets or takes back, and what it changes in a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from schemas.clinical import (
    BackgroundTold,
    ExaminationDone,
    FindingRecorded,
    LevelOverridden,
    ObservationReattributed,
    ObservationRetracted,
    ScaleScored,
    TreatmentGiven,
)
from schemas.encounter import EncounterEnded, EncounterOpened, EncounterUpdated
from schemas.event import Event
from schemas.triage import Override, TriageLevel
from services.triage.picture import Given, Picture, Points, Sample, Word, among

#: How many stretches that were given away are remembered.
GIVEN = 8


#: Who gets these breathes oxygen.
_WITH_OXYGEN = frozenset({"oxygen", "ventilation"})


def _opened(picture: Picture, event: EncounterOpened, at: datetime) -> dict[str, Any]:
    return {"patient": event.patient, "origin": event.origin}


def _updated(picture: Picture, event: EncounterUpdated, at: datetime) -> dict[str, Any]:
    return {"patient": event.patient}


def _ended(picture: Picture, event: EncounterEnded, at: datetime) -> dict[str, Any]:
    return {"ended": True}


def _treated(picture: Picture, event: TreatmentGiven, at: datetime) -> dict[str, Any]:
    if event.treatment not in _WITH_OXYGEN:
        return {}
    ring = picture.readings.get("on_oxygen", ())
    given = among(ring, Sample("yes", at, event.event_id))
    return {"readings": {**picture.readings, "on_oxygen": given}}


def _told(picture: Picture, event: BackgroundTold, at: datetime) -> dict[str, Any]:
    """No rule reads it: that an anticoagulant is taken, a finding says."""
    return {}


def _found(picture: Picture, event: FindingRecorded, at: datetime) -> dict[str, Any]:
    word = Word(event.present, at, event.event_id)
    return {"signs": _with(picture.signs, {event.finding.value: word})}


def _examined(picture: Picture, event: ExaminationDone, at: datetime) -> dict[str, Any]:
    word = Word(True, at, event.event_id)
    signs = _with(picture.signs, dict.fromkeys(event.shows, word))
    if not set(event.shows) - {"not_readable"}:  # one that nobody can read is asked for again
        return {"signs": signs}
    examinations = _with(picture.examinations, {event.examination: word})
    return {"signs": signs, "examinations": examinations}


def _scored(picture: Picture, event: ScaleScored, at: datetime) -> dict[str, Any]:
    scored = {
        f"{event.scale}.{each.item}": Points(each.points, at, event.event_id)
        for each in event.items
    }
    return {"points": _with(picture.points, scored)}


def _with(
    rings: Mapping[str, tuple[Any, ...]], new: Mapping[str, Any]
) -> dict[str, tuple[Any, ...]]:
    return {**rings, **{name: among(rings.get(name, ()), each) for name, each in new.items()}}


def _retracted(picture: Picture, event: ObservationRetracted, at: datetime) -> dict[str, Any]:
    """What the observation said is not known any more; what it had replaced is."""
    gone = event.observation_id
    if event.observation == "vitals":
        return {
            "readings": without(picture.readings, lambda s: s.said_by == gone),
            "streams": without(picture.streams, lambda s: s.said_by == gone),
        }
    return {
        "signs": without(picture.signs, lambda w: w.said_by == gone),
        "points": without(picture.points, lambda p: p.said_by == gone),
        "examinations": without(picture.examinations, lambda w: w.said_by == gone),
    }


def _reattributed(picture: Picture, event: ObservationReattributed, at: datetime) -> dict[str, Any]:
    """What that monitor streamed in that stretch goes: another of this patient's goes on."""
    given = Given(event.device_id, event.since, event.until)

    def is_anothers(sample: Sample) -> bool:
        return given.holds(sample.device, sample.at)

    kept = {n: without(getattr(picture, n), is_anothers) for n in ("streams", "late", "gap")}
    silent = {
        name: {device: last for device, last in devices.items() if not given.holds(device, last)}
        for name, devices in picture.silent.items()
    }
    silent = {name: devices for name, devices in silent.items() if devices}
    since = {name: at for name, at in picture.silent_since.items() if name in silent}
    return {
        **kept,
        "silent": silent,
        "silent_since": since,
        "given": (*picture.given, given)[-GIVEN:],
    }


def without(
    rings: Mapping[str, tuple[Any, ...]], is_gone: Callable[[Any], bool]
) -> dict[str, tuple[Any, ...]]:
    """The rings without some of what they hold; an empty one is none."""
    kept = {name: tuple(e for e in ring if not is_gone(e)) for name, ring in rings.items()}
    return {name: ring for name, ring in kept.items() if ring}


def _overridden(picture: Picture, event: LevelOverridden, at: datetime) -> dict[str, Any]:
    override = Override(
        level=TriageLevel(event.level),
        reason=event.reason,
        overridden_by=event.overridden_by,
        role=event.role,
        occurred_at=at,
    )
    return {"override": override}


CHANGES: Mapping[type[Event], Callable[[Picture, Any, datetime], dict[str, Any]]] = {
    FindingRecorded: _found,
    ExaminationDone: _examined,
    ScaleScored: _scored,
    TreatmentGiven: _treated,
    BackgroundTold: _told,
    ObservationRetracted: _retracted,
    ObservationReattributed: _reattributed,
    LevelOverridden: _overridden,
    EncounterOpened: _opened,
    EncounterUpdated: _updated,
    EncounterEnded: _ended,
}
