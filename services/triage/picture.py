"""All that is known of one patient that matters to triage, folded from events."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime

from schemas.clinical import (
    ExaminationDone,
    FindingRecorded,
    Invalid,
    TreatmentGiven,
    VitalSigns,
    VitalSignsRecorded,
    VitalValue,
)
from schemas.encounter import EncounterEnded, EncounterOpened, EncounterUpdated, Patient
from schemas.event import Event, Identifier, Value
from schemas.triage import TriageDecided

#: Repeats of a sample come within seconds to a minute; an older one is told by its time alone.
REMEMBERED = timedelta(seconds=60)
#: Samples kept of each streamed value; a protocol's window is not wider.
KEPT = 3


class Sample(Value):
    """One value with the time it was measured."""

    value: VitalValue
    at: AwareDatetime


class Picture(Value):
    """One patient as triage sees them. Only events change it."""

    encounter_id: Identifier
    patient: Patient = Patient()
    ended: bool = False
    #: Streamed values: the last few samples of each, oldest first.
    streams: Mapping[str, tuple[Sample, ...]] = {}
    #: Values a human vouches for: the last of each.
    readings: Mapping[str, Sample] = {}
    #: Findings and what examinations showed, with whether it is present.
    signs: Mapping[str, bool] = {}
    examined: tuple[str, ...] = ()
    #: Ids taken lately, shortened, with the second they came in.
    taken: Mapping[str, int] = {}
    #: Clinical events taken in since the last decision.
    pending: tuple[Identifier, ...] = ()
    decided: TriageDecided | None = None


def fold(picture: Picture, event: Event, now: datetime, stale: timedelta) -> Picture:
    """Take in an event. A repeat, or one that is not triage's, returns the same picture.

    A streamed sample older than ``stale`` was sent after a gap: it is accounted for and stays in
    the record of its topic, but decides nothing, so that no alarm tells of the past.
    """
    short = hashlib.blake2b(event.event_id.encode(), digest_size=8).hexdigest()
    if short in picture.taken:
        return picture
    is_stale = now - event.occurred_at > stale
    update = {} if is_stale and is_streamed(event) else _update(picture, event)
    if update is None:
        return picture
    horizon = int((now - REMEMBERED).timestamp())
    taken = {i: at for i, at in picture.taken.items() if at >= horizon}
    update["taken"] = {**taken, short: int(now.timestamp())}
    if isinstance(event, VitalSignsRecorded | FindingRecorded | ExaminationDone | TreatmentGiven):
        update["pending"] = (*picture.pending, event.event_id)
    return picture.model_copy(update=update)


def _update(picture: Picture, event: Event) -> dict[str, object] | None:  # noqa: PLR0911
    if isinstance(event, VitalSignsRecorded):
        if is_streamed(event):
            return {"streams": _streamed(picture.streams, event)}
        return {"readings": _read(picture.readings, event)}
    if isinstance(event, FindingRecorded):
        return {"signs": {**picture.signs, event.finding.value: event.present}}
    if isinstance(event, ExaminationDone):
        shown: dict[str, bool] = dict.fromkeys(event.shows, True)
        examined = tuple(dict.fromkeys((*picture.examined, event.examination)))
        return {"signs": {**picture.signs, **shown}, "examined": examined}
    if isinstance(event, TreatmentGiven):
        return {}
    if isinstance(event, EncounterOpened | EncounterUpdated):
        return {"patient": event.patient}
    if isinstance(event, EncounterEnded):
        return {"ended": True}
    return None


def is_streamed(event: Event) -> bool:
    """Whether an event is a sample of a monitor, which nobody vouches for."""
    return isinstance(event, VitalSignsRecorded) and event.method == "streamed"


def _values(vitals: VitalSigns) -> Iterator[tuple[str, VitalValue]]:
    for name in vitals.model_fields_set:
        value = getattr(vitals, name)
        if value is not None and not isinstance(value, bool):
            yield name, value


def _streamed(
    streams: Mapping[str, tuple[Sample, ...]], event: VitalSignsRecorded
) -> dict[str, tuple[Sample, ...]]:
    """A streamed 0 is a lost signal, never a measurement: it is not taken in."""
    changed = dict(streams)
    for name, value in _values(event.vitals):
        if value == 0 or isinstance(value, Invalid):
            continue
        sample = Sample.model_construct(value=value, at=event.occurred_at)
        samples = (*changed.get(name, ()), sample)
        if len(samples) > 1 and samples[-2].at > sample.at:
            samples = tuple(sorted(samples, key=lambda s: s.at))
        changed[name] = samples[-KEPT:]
    return changed


def _read(readings: Mapping[str, Sample], event: VitalSignsRecorded) -> dict[str, Sample]:
    changed = dict(readings)
    for name, value in _values(event.vitals):
        if isinstance(value, Invalid):
            continue
        known = changed.get(name)
        if known is None or known.at <= event.occurred_at:
            changed[name] = Sample.model_construct(value=value, at=event.occurred_at)
    return changed


Method = Literal["streamed", "reading"]


def latest(picture: Picture, name: str) -> tuple[Sample, Method] | None:
    """The newest value of an indicator and where it comes from."""
    reading, stream = picture.readings.get(name), picture.streams.get(name)
    if stream and (reading is None or reading.at < stream[-1].at):
        return stream[-1], "streamed"
    return (reading, "reading") if reading else None
