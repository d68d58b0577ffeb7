"""What triage sees of one patient: values, words and points, each with its time and its source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from schemas.clinical import (
    VitalSigns,
    VitalSignsRecorded,
    VitalValue,
)
from schemas.encounter import Origin, Patient
from schemas.event import Event, Identifier, Value
from schemas.triage import Input, Override
from services.triage.memory import Memory

#: How many values of each kind are kept; a set that looks at more samples does not load.
KEPT = 3


_WORDS = {True: "yes", False: "no"}


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
    #: When a monitor first showed a 0 or no number: of a signal that was never anything else, since
    #: then nobody knows.
    silent_since: Mapping[str, datetime] = {}
    #: The stretches that were given to another patient: what comes of them later is not this one's.
    given: tuple[Given, ...] = ()
    #: Values that cannot be true, by sign and method, until a newer one that can. No rule reads
    #: them.
    impossible: Mapping[str, Input] = {}
    #: Findings and what examinations showed: the last few words on each, oldest first.
    signs: Mapping[str, tuple[Word, ...]] = {}
    #: Items of scales, as ``lams.face``: the last few scorings, oldest first.
    points: Mapping[str, tuple[Points, ...]] = {}
    #: What was examined: the last few times that somebody could read it, oldest first.
    examinations: Mapping[str, tuple[Word, ...]] = {}
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


def among(ring: tuple[Any, ...], new: Any) -> tuple[Any, ...]:
    """With one more, by time; of the same time the later told is the later."""
    if ring and ring[-1].at > new.at:
        return tuple(sorted((*ring, new), key=lambda each: each.at))[-KEPT:]
    return (*ring[1 - KEPT :], new)


def latest(picture: Picture, name: str) -> tuple[Sample, Method] | None:
    """The newest value of a vital sign and where it comes from."""
    reading, stream = picture.readings.get(name), picture.streams.get(name)
    if stream and (reading is None or reading[-1].at < stream[-1].at):
        return stream[-1], "streamed"
    return (reading[-1], "reading") if reading else None
