"""What a facility has free, with its age and who says so."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.event import Event, Identifier, Moment, Text, Value
from schemas.handoff import Department
from schemas.triage import TriageLevel

#: Why the bed manager is called: the emergency bed that a department keeps was given away, or a
#: report has none; or a patient is to go elsewhere for want of a bed.
BedAlarm = Literal["used", "missing", "redirect"]


class Beds(Value):
    """Beds of one department. ``free`` is what could be given now; staffed, not merely standing."""

    department: Department
    free: Annotated[int, Field(ge=0)]
    staffed: Annotated[int, Field(ge=0)] | None = None
    emergency: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Beside the free ones: kept for emergencies, and not used."
    )
    reported_at: Moment | None = Field(
        default=None, description="How old it is: when a human there counted."
    )
    reported_by: Identifier | None = None


class PatientsWaiting(Value):
    """How many patients of this level are there and have not seen a doctor yet."""

    level: TriageLevel
    patients: Annotated[int, Field(ge=1)]


class CapacityReported(Event):
    """A facility said what it has free. Old capacity is unknown, whatever it says.

    ``divert`` is advice to send elsewhere. A hospital may not refuse: dispatch decides.
    ``staff_id`` said last what changed.
    """

    facility_id: Identifier
    staff_id: Identifier
    beds: tuple[Beds, ...]
    divert: bool = False
    divert_until: Moment | None = Field(
        default=None, description="The advice ends then by itself; nobody tells of it."
    )
    divert_by: Identifier | None = None
    divert_reason: Text | None = None
    waiting: tuple[PatientsWaiting, ...] | None = Field(
        default=None, description="Patients at the facility without a doctor, by their worst level."
    )


class BedManagerAlerted(Event):
    """A bed for emergencies is wanted: whoever manages the beds has to find one. No patient is
    refused for it."""

    facility_id: Identifier
    because: BedAlarm
    department: Department | None = None
    encounter_id: Identifier | None = None
    staff_id: Identifier | None = Field(default=None, description="Whose act it followed from.")
