"""All that is known of one patient that matters to triage, folded from events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime

from schemas.clinical import (
    ExaminationDone,
    FindingRecorded,
    Invalid,
    LevelOverridden,
    ObservationReattributed,
    ObservationRetracted,
    TreatmentGiven,
    VitalSigns,
    VitalSignsRecorded,
    VitalValue,
)
from schemas.encounter import EncounterEnded, EncounterOpened, EncounterUpdated, Patient
from schemas.event import Event, Identifier, Value
from schemas.repeats import digest_of
from schemas.triage import Input, Override, TriageDecided, TriageLevel

#: What a human did is remembered for as long as a case lasts. A sample is remembered until it is
#: stale: from then on its time alone keeps a repeat from deciding anything.
REMEMBERED = timedelta(hours=24)
#: Samples kept of each streamed value; a protocol that looks at more does not load.
KEPT = 3
#: What a decision accounts for.
CLINICAL = (
    VitalSignsRecorded,
    FindingRecorded,
    ExaminationDone,
    TreatmentGiven,
    ObservationRetracted,
    ObservationReattributed,
    LevelOverridden,
)


class Sample(Value):
    """One value with the time it was measured."""

    value: VitalValue
    at: AwareDatetime
    #: The device's own time, where its clock had to be corrected.
    device_time: AwareDatetime | None = None
    #: Of a reading: the event that said so, by which it can be taken back.
    said_by: Identifier | None = None


class Word(Value):
    """Whether a sign is present, and since when that is the last word."""

    present: bool
    at: AwareDatetime
    said_by: Identifier | None = None


class Picture(Value):
    """One patient as triage sees them. Only events change it."""

    encounter_id: Identifier
    patient: Patient = Patient()
    ended: bool = False
    #: Streamed values: the last few samples of each, oldest first.
    streams: Mapping[str, tuple[Sample, ...]] = {}
    #: Streamed values that came after newer ones: the last few of each, as they came.
    late: Mapping[str, tuple[Sample, ...]] = {}
    #: Values a human vouches for: the last of each.
    readings: Mapping[str, Sample] = {}
    #: Values that cannot be true, by sign and method, until a newer one that can. No rule reads
    #: them.
    impossible: Mapping[str, Input] = {}
    #: Findings and what examinations showed.
    signs: Mapping[str, Word] = {}
    #: What was examined, with the event that said so.
    examinations: Mapping[str, Identifier] = {}
    #: The last level a clinician set, and the rules that had fired then and still do: what they
    #: say was known to the clinician.
    override: Override | None = None
    weighed: tuple[str, ...] = ()
    #: Ids taken lately, shortened, with the second until which a repeat is told by them.
    taken: Mapping[str, int] = {}
    #: Clinical events taken in since the last decision.
    pending: tuple[Identifier, ...] = ()
    decided: TriageDecided | None = None

    def shows(self, sign: str) -> bool:
        """Whether the last word on a sign is that it is present."""
        return sign in self.signs and self.signs[sign].present


def fold(picture: Picture, event: Event, now: datetime, stale: timedelta) -> Picture:
    """Take in an event. A repeat, or one that is not triage's, returns the same picture.

    A streamed sample older than ``stale`` was sent after a gap: it is accounted for and stays in
    the record of its topic, but decides nothing, so that no alarm tells of the past. A time in
    the future is a wrong clock: the event counts as of ``now``, lest it hides what comes after.
    """
    # Senders number for themselves: each monitor its samples; and what a human did is another act
    # when it says something else.
    said = _device_of(event) if is_streamed(event) else digest_of(event)
    name = f"{type(event).__name__}/{event.event_id}/{said}"
    short = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    if short in picture.taken:
        return picture
    streamed, second = is_streamed(event), int(now.timestamp())
    is_stale = streamed and now - event.occurred_at > stale
    update = {} if is_stale else _update(picture, event, min(event.occurred_at, now))
    if update is None:
        return picture
    until = second + int((stale if streamed else REMEMBERED).total_seconds()) + 1
    # Forgotten by the clock of the samples' own log alone: where it is read late, other topics run
    # ahead, and by their time all that may still come twice would be forgotten.
    kept = picture.taken
    if streamed:
        kept = {i: end for i, end in kept.items() if end >= second}
    update["taken"] = {**kept, short: until}
    if isinstance(event, CLINICAL):
        update["pending"] = (*picture.pending, event.event_id)
    return picture.model_copy(update=update)


def as_said(picture: Picture, event: Event, now: datetime) -> Picture:
    """The picture in which what a human says stands against anything newer.

    A human's word counts for ``worst`` when it comes, even where a monitor has sent newer values
    since, or where it was entered late.
    """
    if isinstance(event, VitalSignsRecorded):
        said = {name for name, _ in _values(event.vitals)}
        bare: dict[str, object] = {
            "streams": {n: s for n, s in picture.streams.items() if n not in said},
            "readings": {n: s for n, s in picture.readings.items() if n not in said},
        }
    elif isinstance(event, FindingRecorded):
        bare = {"signs": {n: w for n, w in picture.signs.items() if n != event.finding}}
    else:
        return picture
    before = picture.model_copy(update=bare)
    return before.model_copy(update=_update(before, event, min(event.occurred_at, now)))


def as_streamed(before: Picture, after: Picture, event: Event) -> Picture | None:
    """The picture in which a monitor's sample stands against anything newer; none when nothing
    newer stands against it.

    A sample that came late, or that a human's newer reading hides, still counts for ``worst``.
    """
    if not isinstance(event, VitalSignsRecorded):
        return None
    said = {name for name, _ in _values(event.vitals) if name in after.streams}
    late = {n: after.late[n] for n in said if after.late.get(n) is not before.late.get(n)}
    hidden = {
        n for n in said if n in after.readings and after.readings[n].at >= after.streams[n][-1].at
    }
    if not late and not hidden:
        return None
    bare = {n: s for n, s in after.readings.items() if n not in said}
    return after.model_copy(update={"streams": {**after.streams, **late}, "readings": bare})


def _update(picture: Picture, event: Event, at: datetime) -> dict[str, object] | None:
    """What changes; nothing for what only has to be accounted for, None for what is not ours."""
    change = _CHANGES.get(type(event))
    return change(picture, event, at) if change else None


def _known(picture: Picture, event: EncounterOpened, at: datetime) -> dict[str, object]:
    return {"patient": event.patient}


def _ended(picture: Picture, event: EncounterEnded, at: datetime) -> dict[str, object]:
    return {"ended": True}


def _treated(picture: Picture, event: TreatmentGiven, at: datetime) -> dict[str, object]:
    return {}


def _found(picture: Picture, event: FindingRecorded, at: datetime) -> dict[str, object]:
    word = Word.model_construct(present=event.present, at=at, said_by=event.event_id)
    return {"signs": _signed(picture.signs, event.finding.value, word)}


def _measured(picture: Picture, event: VitalSignsRecorded, at: datetime) -> dict[str, object]:
    if is_streamed(event):
        update = _streamed(picture, event, at)
    else:
        update = {"readings": _read(picture.readings, event, at)}
    invalid = event.vitals.invalid
    if invalid or picture.impossible:  # seldom: most samples pay nothing for it
        after = picture.model_copy(update=update)
        update["impossible"] = _impossible(after, event, invalid, at)
    return update


def _examined(picture: Picture, event: ExaminationDone, at: datetime) -> dict[str, object]:
    signs, done = picture.signs, dict(picture.examinations)
    word = Word.model_construct(present=True, at=at, said_by=event.event_id)
    for shown in event.shows:
        signs = _signed(signs, shown, word)
    if set(event.shows) - {"not_readable"}:  # one that nobody can read is asked for again
        done[event.examination] = event.event_id
    return {"signs": signs, "examinations": done}


def _retracted(picture: Picture, event: ObservationRetracted, at: datetime) -> dict[str, object]:
    """What the observation said is not known any more, whatever it had replaced."""
    gone = event.observation_id
    if event.observation == "vitals":
        return {"readings": {n: s for n, s in picture.readings.items() if s.said_by != gone}}
    return {
        "signs": {n: w for n, w in picture.signs.items() if w.said_by != gone},
        "examinations": {n: by for n, by in picture.examinations.items() if by != gone},
    }


def _reattributed(
    picture: Picture, event: ObservationReattributed, at: datetime
) -> dict[str, object]:
    """Every streamed value of that stretch goes: of two monitors the other speaks again at once."""

    def left(streams: Mapping[str, tuple[Sample, ...]]) -> dict[str, tuple[Sample, ...]]:
        kept = {
            name: tuple(s for s in samples if not event.since <= s.at < event.until)
            for name, samples in streams.items()
        }
        return {name: samples for name, samples in kept.items() if samples}

    return {"streams": left(picture.streams), "late": left(picture.late)}


def _overridden(picture: Picture, event: LevelOverridden, at: datetime) -> dict[str, object]:
    override = Override(
        level=TriageLevel(event.level),
        reason=event.reason,
        overridden_by=event.overridden_by,
        role=event.role,
        occurred_at=at,
    )
    return {"override": override}


_CHANGES: Mapping[type[Event], Callable[[Picture, Any, datetime], dict[str, object]]] = {
    VitalSignsRecorded: _measured,
    FindingRecorded: _found,
    ExaminationDone: _examined,
    TreatmentGiven: _treated,
    ObservationRetracted: _retracted,
    ObservationReattributed: _reattributed,
    LevelOverridden: _overridden,
    EncounterOpened: _known,
    EncounterUpdated: _known,
    EncounterEnded: _ended,
}


def _signed(signs: Mapping[str, Word], name: str, word: Word) -> dict[str, Word]:
    known = signs.get(name)
    if known is not None and known.at > word.at:
        return dict(signs)
    return {**signs, name: word}


def _device_of(event: Event) -> str:
    return (isinstance(event, VitalSignsRecorded) and event.device_id) or ""


def is_streamed(event: Event) -> bool:
    """Whether an event is a sample of a monitor, which nobody vouches for."""
    return isinstance(event, VitalSignsRecorded) and event.method == "streamed"


def _values(vitals: VitalSigns) -> Iterator[tuple[str, VitalValue]]:
    for name in vitals.model_fields_set:
        value = getattr(vitals, name)
        if value is not None and not isinstance(value, bool):
            yield name, value


def _streamed(picture: Picture, event: VitalSignsRecorded, at: datetime) -> dict[str, object]:
    """What a monitor could not measure (a 0, no number) is a lost signal: it is not taken in."""
    streams, late = dict(picture.streams), picture.late
    for name, value in _values(event.vitals):
        if value in (0, "unmeasurable") or isinstance(value, Invalid):
            continue
        sample = Sample.model_construct(value=value, at=at, device_time=event.device_time)
        samples = (*streams.get(name, ()), sample)
        if len(samples) > 1 and samples[-2].at > sample.at:
            samples = tuple(sorted(samples, key=lambda s: s.at))
        streams[name] = samples[-KEPT:]
        if all(kept is not sample for kept in streams[name]):
            late = {**late, name: (*late.get(name, ()), sample)[-KEPT:]}
    return {"streams": streams, "late": late}


def _read(
    readings: Mapping[str, Sample], event: VitalSignsRecorded, at: datetime
) -> dict[str, Sample]:
    changed = dict(readings)
    for name, value in _values(event.vitals):
        if isinstance(value, Invalid):
            continue
        known = changed.get(name)
        if known is None or known.at <= at:
            said = event.occurred_at if event.occurred_at > at else None
            changed[name] = Sample.model_construct(
                value=value, at=at, device_time=said, said_by=event.event_id
            )
    return changed


def _impossible(
    after: Picture, event: VitalSignsRecorded, invalid: tuple[str, ...], at: datetime
) -> Mapping[str, Input]:
    """What stands of impossible values, in whatever order they come: those that nothing newer,
    taken in by the same method, has replaced."""
    found = dict(after.impossible)
    for name in invalid:
        key = f"{name}/{event.method}"
        if key not in found or found[key].occurred_at <= at:
            found[key] = Input(
                name=name,
                value=getattr(event.vitals, name),
                occurred_at=at,
                method=event.method,
                device_time=event.device_time,
            )
    possible = isinstance(event.vitals.on_oxygen, bool)  # a yes or no is in no other memory
    if possible and (key := f"on_oxygen/{event.method}") in found and found[key].occurred_at <= at:
        del found[key]
    return {key: i for key, i in found.items() if not _is_replaced(after, i)}


def _is_replaced(after: Picture, doubted: Input) -> bool:
    if doubted.method == "streamed":
        samples = after.streams.get(doubted.name, ())
        return bool(samples) and samples[-1].at >= doubted.occurred_at
    reading = after.readings.get(doubted.name)
    return reading is not None and reading.at >= doubted.occurred_at


Method = Literal["streamed", "reading"]


def latest(picture: Picture, name: str) -> tuple[Sample, Method] | None:
    """The newest value of an indicator and where it comes from."""
    reading, stream = picture.readings.get(name), picture.streams.get(name)
    if stream and (reading is None or reading.at < stream[-1].at):
        return stream[-1], "streamed"
    return (reading, "reading") if reading else None


def measured(picture: Picture, name: str) -> Sequence[Sample]:
    """The last streamed values of an indicator, oldest first, with the human's reading among them:
    it bears out what a monitor says next, above all a cuff that measures every few minutes."""
    stream, reading = picture.streams[name], picture.readings.get(name)
    if reading is None or not isinstance(reading.value, int | float):
        return stream
    return sorted((*stream, reading), key=lambda sample: sample.at)[-KEPT:]
