"""All that was measured, found and said of one patient, folded from events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

from schemas.clinical import (
    ExaminationDone,
    FindingRecorded,
    Invalid,
    LevelOverridden,
    ObservationReattributed,
    ObservationRetracted,
    ScaleScored,
    TreatmentGiven,
    VitalSigns,
    VitalSignsRecorded,
    VitalValue,
)
from schemas.encounter import EncounterEnded, EncounterOpened, EncounterUpdated, Origin, Patient
from schemas.event import Event, Identifier, Value
from schemas.triage import Input, Override, TriageLevel
from services.triage.memory import Memory

#: How many values of each kind are kept; a set that looks at more samples does not load.
KEPT = 3
#: How many stretches that were given away are remembered.
GIVEN = 8
#: What a decision accounts for.
CLINICAL = (
    VitalSignsRecorded,
    FindingRecorded,
    ExaminationDone,
    ScaleScored,
    TreatmentGiven,
    ObservationRetracted,
    ObservationReattributed,
    LevelOverridden,
)
_PRESSURES = ("systolic_bp", "diastolic_bp")
_WORDS = {True: "yes", False: "no"}
#: Who gets these breathes oxygen.
_WITH_OXYGEN = frozenset({"oxygen", "ventilation"})
Method: TypeAlias = Literal["streamed", "reading"]


class Sample(NamedTuple):
    """One value, when it was measured, and the event that said so."""

    value: VitalValue
    at: datetime
    said_by: str
    #: The device's own time, where its clock had to be corrected.
    device_time: datetime | None = None
    #: Of a streamed value, the monitor.
    device: str = ""


class Given(NamedTuple):
    """A stretch of a monitor that was another patient's."""

    device: str
    since: datetime
    until: datetime

    def holds(self, device: str, at: datetime) -> bool:
        """Whether a sample is of it."""
        return device == self.device and self.since <= at < self.until


class Word(NamedTuple):
    """Whether a sign is present, since when that is the word, and the event that said so."""

    present: bool
    at: datetime
    said_by: str


class Points(NamedTuple):
    """An item of a scale as a human scored it."""

    points: int
    at: datetime
    said_by: str


Samples: TypeAlias = tuple[Sample, ...]
_Silent: TypeAlias = Mapping[str, Mapping[str, datetime]]


class Picture(Value):
    """One patient as triage sees them. Only events change it, and in any order to the same."""

    encounter_id: Identifier
    patient: Patient = Patient()
    origin: Origin = "call"
    ended: bool = False
    #: Of each vital sign the last few, oldest first: as a monitor streams them,
    streams: Mapping[str, Samples] = {}
    #: as they came where newer ones were there already,
    late: Mapping[str, Samples] = {}
    #: as they came from a time in which nobody heard,
    gap: Mapping[str, Samples] = {}
    #: and as a human vouches for them.
    readings: Mapping[str, Samples] = {}
    #: Signals that are lost: which monitors show a 0 or no number, and when last. All of it is
    #: newer than any value of that vital sign.
    silent: Mapping[str, Mapping[str, datetime]] = {}
    #: The stretches that were given to another patient: what comes of them later is not this one's.
    given: tuple[Given, ...] = ()
    #: Values that cannot be true, by sign and method, until a newer one that can. No rule reads
    #: them.
    impossible: Mapping[str, Input] = {}
    #: Findings and what examinations showed: the last few words on each, oldest first.
    signs: Mapping[str, tuple[Word, ...]] = {}
    #: Items of scales, as ``lams.face``.
    points: Mapping[str, Points] = {}
    #: What was examined, with the event that said so.
    examinations: Mapping[str, Identifier] = {}
    #: The last level that a clinician set.
    override: Override | None = None
    memory: Memory = Memory()
    #: Clinical events taken in since the last decision.
    pending: tuple[Identifier, ...] = ()

    def word(self, sign: str) -> Word | None:
        """The last word on a sign."""
        words = self.signs.get(sign)
        return words[-1] if words else None

    def shows(self, sign: str) -> bool:
        """Whether the last word on a sign is that it is present."""
        words = self.signs.get(sign)
        return words is not None and words[-1].present


def fold(picture: Picture, event: Event, now: datetime, stale: timedelta) -> Picture:
    """Take in an event. A repeat, or one that is not triage's, returns the same picture.

    A streamed sample older than ``stale`` was sent after a gap: it is kept apart, for what it says
    of then, and is never what holds now. A time in the future is a wrong clock: the event counts as
    of ``now``, lest it hides what comes after.
    """
    change = _CHANGES.get(type(event))
    if change is None:
        return picture
    streamed = is_streamed(event)
    memory = picture.memory.with_(event, streamed, now, stale)
    if memory is None:
        return picture
    if streamed and picture.given and _is_given(picture, event):
        update = {}
    elif streamed and now - event.occurred_at > stale:
        update = _in_gap(picture, event, event.occurred_at)
    else:
        update = change(picture, event, min(event.occurred_at, now))
    if isinstance(event, CLINICAL):
        update["pending"] = (*picture.pending, event.event_id)
    return picture.but(memory=memory, **update)


def _is_given(picture: Picture, event: Any) -> bool:
    return any(given.holds(event.device_id or "", event.occurred_at) for given in picture.given)


def as_said(picture: Picture, event: Event, now: datetime) -> Picture:
    """The picture in which what a human says stands against anything newer.

    A human's word counts for ``worst`` when it comes, even where a monitor has sent newer values
    since, or where it was entered late.
    """
    if isinstance(event, VitalSignsRecorded):
        said = {name for name, _ in values_of(event.vitals)}
        bare: dict[str, object] = {
            "streams": {n: s for n, s in picture.streams.items() if n not in said},
            "readings": {n: s for n, s in picture.readings.items() if n not in said},
        }
    elif isinstance(event, FindingRecorded):
        bare = {"signs": {n: w for n, w in picture.signs.items() if n != event.finding}}
    else:
        return picture
    before = picture.but(**bare)
    change = _CHANGES[type(event)]
    return before.but(**change(before, event, min(event.occurred_at, now)))


def as_streamed(before: Picture, after: Picture, event: Event) -> Picture | None:
    """The picture in which a monitor's sample stands against anything newer; none when nothing
    newer stands against it.

    A sample that came late, or that a human's newer reading hides, still counts for ``worst``.
    """
    if not isinstance(event, VitalSignsRecorded):
        return None
    then: dict[str, Samples] = {}
    for name, _ in values_of(event.vitals):
        for kept, was in ((after.late, before.late), (after.gap, before.gap)):
            if name in kept and kept[name] is not was.get(name):
                then[name] = kept[name]
        newest = after.streams[name][-1] if name in after.streams else None
        reading = after.readings[name][-1] if name in after.readings else None
        if name not in then and newest and reading and reading.at >= newest.at:
            then[name] = after.streams[name]
    if not then:
        return None
    bare = {n: s for n, s in after.readings.items() if n not in then}
    return after.but(streams={**after.streams, **then}, readings=bare)


def is_streamed(event: Event) -> bool:
    """Whether an event is a sample of a monitor, which nobody vouches for."""
    return isinstance(event, VitalSignsRecorded) and event.method == "streamed"


def values_of(vitals: VitalSigns) -> list[tuple[str, VitalValue]]:
    """The values that were taken. Whether oxygen is given is a word here: a no is not a 0."""
    taken = vitals.__dict__
    return [
        (name, _WORDS[value] if value is True or value is False else value)
        for name in vitals.model_fields_set
        if (value := taken[name]) is not None
    ]


# -- what each event changes ----------------------------------------------------------------------


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
    given = _among(ring, Sample("yes", at, event.event_id))
    return {"readings": {**picture.readings, "on_oxygen": given}}


def _found(picture: Picture, event: FindingRecorded, at: datetime) -> dict[str, Any]:
    word = Word(event.present, at, event.event_id)
    return {"signs": _signed(picture.signs, (event.finding.value,), word)}


def _examined(picture: Picture, event: ExaminationDone, at: datetime) -> dict[str, Any]:
    signs = _signed(picture.signs, event.shows, Word(True, at, event.event_id))
    if not set(event.shows) - {"not_readable"}:  # one that nobody can read is asked for again
        return {"signs": signs}
    return {
        "signs": signs,
        "examinations": {**picture.examinations, event.examination: event.event_id},
    }


def _signed(
    signs: Mapping[str, tuple[Word, ...]], names: Iterable[str], word: Word
) -> dict[str, tuple[Word, ...]]:
    return {**signs, **{name: _among(signs.get(name, ()), word) for name in names}}


def _scored(picture: Picture, event: ScaleScored, at: datetime) -> dict[str, Any]:
    points = dict(picture.points)
    for scored in event.items:
        name = f"{event.scale}.{scored.item}"
        if name not in points or points[name].at <= at:
            points[name] = Points(scored.points, at, event.event_id)
    return {"points": points}


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
        "points": {n: p for n, p in picture.points.items() if p.said_by != gone},
        "examinations": {n: by for n, by in picture.examinations.items() if by != gone},
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
    return {**kept, "silent": silent, "given": (*picture.given, given)[-GIVEN:]}


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


def _among(ring: tuple[Any, ...], new: Any) -> tuple[Any, ...]:
    """With one more, by time; of the same time the later told is the later."""
    if ring and ring[-1].at > new.at:
        return tuple(sorted((*ring, new), key=lambda each: each.at))[-KEPT:]
    return (*ring[1 - KEPT :], new)


def _measured(picture: Picture, event: VitalSignsRecorded, at: datetime) -> dict[str, Any]:
    if event.method == "streamed":
        update, invalid = _streamed(picture, event, at)
    else:
        update, invalid = _read(picture, event, at), list(event.vitals.invalid)
    if invalid or picture.impossible:  # seldom: most samples pay nothing for it
        update["impossible"] = _impossible(picture.but(**update), event, invalid, at)
    return update


def _contradict(vitals: VitalSigns) -> bool:
    """Whether of a cuff's pressures the lower one is not lower: an artefact."""
    upper, lower = vitals.systolic_bp, vitals.diastolic_bp
    return isinstance(upper, float) and isinstance(lower, float) and 0 < upper <= lower


def _streamed(
    picture: Picture, event: VitalSignsRecorded, at: datetime
) -> tuple[dict[str, Any], list[str]]:
    """What a monitor could not measure (a 0, no number) is a lost signal, and no value."""
    streams, silent, late = dict(picture.streams), picture.silent, picture.late
    vitals, by, device_time = event.vitals, event.event_id, event.device_time
    device = event.device_id or ""
    doubted = list(_PRESSURES) if vitals.systolic_bp is not None and _contradict(vitals) else []
    for name, value in values_of(vitals):
        if value == 0 or value == "unmeasurable":
            silent = _silenced(picture, silent, name, at, device)
        elif isinstance(value, Invalid):
            doubted.append(name)
        elif name not in doubted:
            sample, ring = Sample(value, at, by, device_time, device), streams.get(name)
            if ring is None or ring[-1].at <= at:
                streams[name] = (*ring[1 - KEPT :], sample) if ring else (sample,)
                if name in silent:
                    silent = _heard(silent, name, at)
            else:
                streams[name] = _among(ring, sample)
                late = {**late, name: (*late.get(name, ()), sample)[-KEPT:]}
    return {"streams": streams, "silent": silent, "late": late}, doubted


def _silenced(picture: Picture, silent: _Silent, name: str, at: datetime, device: str) -> _Silent:
    """A monitor shows nothing; unless a newer value is known."""
    known = latest(picture, name)
    if known is not None and known[0].at > at:
        return silent
    devices = silent.get(name, {})
    return {**silent, name: {**devices, device: max(at, devices.get(device, at))}}


def _heard(silent: _Silent, name: str, at: datetime) -> _Silent:
    """There is a value again."""
    left = {device: last for device, last in silent[name].items() if last > at}
    others = {n: devices for n, devices in silent.items() if n != name}
    return {**others, name: left} if left else others


def _in_gap(picture: Picture, event: Any, at: datetime) -> dict[str, Any]:
    gap = dict(picture.gap)
    doubted = _PRESSURES if _contradict(event.vitals) else ()
    for name, value in values_of(event.vitals):
        if isinstance(value, float) and value and name not in doubted:
            sample = Sample(value, at, event.event_id, event.device_time, event.device_id or "")
            gap[name] = (*gap.get(name, ()), sample)[-KEPT:]
    return {"gap": gap}


def _read(picture: Picture, event: VitalSignsRecorded, at: datetime) -> dict[str, Any]:
    readings, silent = dict(picture.readings), picture.silent
    said = event.occurred_at if event.occurred_at > at else None
    for name, value in values_of(event.vitals):
        if not isinstance(value, Invalid):
            readings[name] = _among(readings.get(name, ()), Sample(value, at, event.event_id, said))
            if name in silent:
                silent = _heard(silent, name, at)
    return {"readings": readings, "silent": silent}


def _impossible(
    after: Picture, event: VitalSignsRecorded, invalid: Iterable[str], at: datetime
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
    return {key: i for key, i in found.items() if not _is_replaced(after, i)}


def _is_replaced(after: Picture, doubted: Input) -> bool:
    kept = after.streams if doubted.method == "streamed" else after.readings
    ring = kept.get(doubted.name, ())
    return bool(ring) and ring[-1].at >= doubted.occurred_at


_CHANGES: Mapping[type[Event], Callable[[Picture, Any, datetime], dict[str, Any]]] = {
    VitalSignsRecorded: _measured,
    FindingRecorded: _found,
    ExaminationDone: _examined,
    ScaleScored: _scored,
    TreatmentGiven: _treated,
    ObservationRetracted: _retracted,
    ObservationReattributed: _reattributed,
    LevelOverridden: _overridden,
    EncounterOpened: _opened,
    EncounterUpdated: _updated,
    EncounterEnded: _ended,
}


def latest(picture: Picture, name: str) -> tuple[Sample, Method] | None:
    """The newest value of a vital sign and where it comes from."""
    reading, stream = picture.readings.get(name), picture.streams.get(name)
    if stream and (reading is None or reading[-1].at < stream[-1].at):
        return stream[-1], "streamed"
    return (reading[-1], "reading") if reading else None
