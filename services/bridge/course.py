"""How the vital signs of a patient went, as a facility was told: what a board draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import AwareDatetime, Field

from schemas.clinical import TreatmentGiven, VitalSigns, VitalValue
from schemas.event import Identifier, Value
from schemas.handoff import PreArrivalNotified
from schemas.triage import Input
from services.bridge.terminology import unit_of
from services.bridge.trend import COUNTED

#: What goes with the queue: those that a monitor shows.
SHOWN = ("heart_rate", "respiratory_rate", "spo2", "systolic_bp", "diastolic_bp")
#: Of what a monitor streams, mere refreshes add a value in each part of time that is so long: more
#: cannot be drawn, and nothing acts on it. What was measured by hand, and each value of a record
#: that was more than a refresh, is kept. Ours (design).
APART = timedelta(seconds=15)
#: So far back the queue is answered.
BACK = timedelta(minutes=30)
BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)


class Measured(Value):
    """One value of a vital sign."""

    at: AwareDatetime = Field(description="When it was measured, its clock corrected.")
    value: VitalValue = Field(
        description='In the unit of its series; a word; "unmeasurable", which is no number; or what'
        " cannot be true."
    )
    method: Literal["streamed", "reading"] = Field(
        description="By a monitor that goes on, or once by hand."
    )
    invalid: bool = Field(
        default=False,
        description="It cannot be true: shown, and read by no rule. Absent where it may be.",
    )


class Series(Value):
    """The values of one vital sign, each time once, oldest first."""

    name: Identifier = Field(description="Which vital sign.")
    unit: str | None = Field(description="By UCUM; null of what is said in words.")
    values: tuple[Measured, ...] = Field(description="Those that the facility was told.")


class Courses(Value):
    """Of one patient in a queue."""

    encounter_id: Identifier = Field(description="The patient.")
    series: tuple[Series, ...] = Field(description="Of each vital sign that was told.")


class Course(Courses):
    """Of one patient, with what was given meanwhile."""

    facility_id: Identifier = Field(description="The facility that was told.")
    treatments: tuple[TreatmentGiven, ...] = Field(
        description="The last drugs and measures, as in the record."
    )


class QueueCourses(Value):
    """Of everybody in a queue, in the last half hour; of each minute the last value."""

    facility_id: Identifier = Field(description="The facility that was told.")
    since: AwareDatetime = Field(description="What was measured after this.")
    patients: tuple[Courses, ...] = Field(description="Of whom anything was told.")


class Told(NamedTuple):
    """A value that is set down."""

    facility_id: str
    encounter_id: str
    taken: Input
    is_invalid: bool


#: When the value of each vital sign was measured that was told last, of one patient at one place.
Last = Mapping[str, datetime]


def worth(event: PreArrivalNotified, last: Last) -> Iterator[Told]:
    """What of this record is set down: of a mere refresh what was not told before, and of a stream
    the first in each ``APART``. Where nothing is known of before, it may be there already."""
    for taken, is_invalid in _vitals(event):
        before = last.get(taken.name)
        is_old = taken.occurred_at == before or (
            before is not None
            and taken.method == "streamed"
            and _part(taken.occurred_at) == _part(before)
        )
        if event.changed or not is_old:
            yield Told(event.facility_id, event.encounter_id, taken, is_invalid)


def after(event: PreArrivalNotified, last: Last) -> Last:
    """What was told last when this record is."""
    return {**last, **{taken.name: taken.occurred_at for taken, _ in _vitals(event)}}


def _vitals(event: PreArrivalNotified) -> Iterator[tuple[Input, bool]]:
    """Those that were measured, and whether they cannot be true; the rest of what a level rests on
    was entered in words, or computed."""
    for taken in event.record.inputs:
        if taken.name in VitalSigns.model_fields:
            yield taken, False
    for taken in event.record.invalid:
        if taken.name in VitalSigns.model_fields:
            yield taken, True


def _part(at: datetime) -> float:
    return at.timestamp() // APART.total_seconds()


def unit(name: str) -> str | None:
    """In which its values are; none where they are words."""
    return unit_of(name) if name in COUNTED else None


class Bounds(NamedTuple):
    """Which values of a vital sign are answered: those after ``since``, the last in each part of
    time, the newest of these."""

    since: datetime
    most: int
    part: timedelta


def whole(asked: datetime | None) -> Bounds:
    """Of one patient: all that there is."""
    return Bounds(asked or BEGINNING, 2_000, timedelta.resolution)


def outline(asked: datetime | None, now: datetime) -> Bounds:
    """Of each in a queue: a minute is two pixels of the line that a card draws. Ours (design)."""
    return Bounds(max(filter(None, (asked, now - BACK))), 31, timedelta(minutes=1))
