"""What a facility is told before arrival, and what it answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.clinical import ExaminationDone, FindingRecorded, TreatmentGiven
from schemas.encounter import EncounterEvent, Patient
from schemas.event import Identifier, Moment, Value
from schemas.triage import Bilingual, Centre, CentreConcern, Input, Reason, TriageLevel


class Admission(Value):
    """The green-channel admission: its number stays with the patient."""

    admission_number: Annotated[str, Field(pattern=r"^GC-\d{8}-\d{4,}$")]
    admitted_at: Moment


class PreArrivalRecord(Value):
    """Everything the facility is told, complete in itself: a version replaces the one before."""

    patient: Patient
    unit_id: Identifier | None = None
    worst: TriageLevel
    current: TriageLevel
    trend: str
    triage_paused: bool
    reasons: tuple[Reason, ...]
    inputs: tuple[Input, ...]
    missing: tuple[Identifier, ...]
    invalid: tuple[Input, ...] = Field(
        default=(), description="Values that cannot be true: shown, and read by no rule."
    )
    questions: tuple[Bilingual, ...]
    centres: tuple[CentreConcern, ...]
    findings: tuple[FindingRecorded, ...]
    examinations: tuple[ExaminationDone, ...]
    treatments: tuple[TreatmentGiven, ...]
    admission: Admission | None = Field(
        default=None, description="None until the patient has boarded."
    )


class PreArrivalNotified(EncounterEvent):
    """A version of the record was put into the queue of one centre of one facility."""

    facility_id: Identifier
    centre: Centre
    version: Annotated[int, Field(ge=1)]
    changed: bool = Field(description="False for a mere refresh of vital signs.")
    record: PreArrivalRecord
    decision: Identifier | None = Field(
        default=None, description="Event id of the triage decision it shows."
    )


class PreArrivalWithdrawn(EncounterEvent):
    """The encounter is no longer bound for this facility: a human chose another, or it ended."""

    facility_id: Identifier
    centre: Centre


class AdmissionOpened(EncounterEvent):
    """Boarding is admission: once per encounter, ``admitted_at`` is the boarding time."""

    admission: Admission
    facility_id: Identifier | None = Field(
        default=None, description="None until a human has chosen one."
    )


class HandoffEvent(EncounterEvent):
    """An act of a human at the receiving facility."""

    facility_id: Identifier
    staff_id: Identifier


class Acknowledged(HandoffEvent):
    """A human at the facility has seen the record and says so."""


class PatientArrived(HandoffEvent):
    """The patient is at the facility's door. May come before any acknowledgement."""


class CareTransferred(HandoffEvent):
    """Care was handed over; both sides signed. ``staff_id`` received, ``handed_over_by`` gave."""

    handed_over_by: Identifier
