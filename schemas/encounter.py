"""One patient, from the first we hear of them to the outcome."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.event import Event, Identifier, Text, Value


class Outcome(StrEnum):
    """How an encounter ended."""

    TRANSPORTED = "transported"
    REFUSED_TREATMENT = "refused_treatment"
    REFUSED_TRANSPORT = "refused_transport"
    DEAD_ON_SCENE = "dead_on_scene"
    DIED_EN_ROUTE = "died_en_route"
    NO_PATIENT = "no_patient"
    LEFT_BY_OTHER_MEANS = "left_by_other_means"
    TREATED_NOT_TRANSPORTED = "treated_not_transported"
    HANDED_TO_UNIT = "handed_to_unit"
    HANDED_TO_OTHER = "handed_to_other"
    STOOD_DOWN = "stood_down"
    MERGED = "merged"


class Complaint(StrEnum):
    """Why help was called, as far as a protocol needs to know it."""

    CHEST_PAIN = "chest_pain"
    OTHER = "other"
    UNKNOWN = "unknown"


class Age(Value):
    """Age in years; estimated when nobody knows it."""

    years: Annotated[float, Field(ge=0, le=130)]
    estimated: bool = False


class Patient(Value):
    """The patient as far as known. Nothing here identifies a person; unknown is a value."""

    age: Age | None = None
    sex: Literal["male", "female", "unknown"] = "unknown"
    pregnant: Literal["yes", "no", "unknown"] = "unknown"
    identity: Literal["known", "unknown"] = "unknown"
    complaint: Complaint = Complaint.UNKNOWN
    complaint_text: Text | None = None


class EncounterEvent(Event):
    """An event of one patient: the key of everything clinical."""

    encounter_id: Identifier


class EncounterOpened(EncounterEvent):
    """A patient is presumed; nobody may know a name yet."""

    incident_id: Identifier | None = None
    patient: Patient


class EncounterUpdated(EncounterEvent):
    """What is known of the patient changed. The whole patient stands here, not the difference."""

    patient: Patient


class PatientReached(EncounterEvent):
    """A crew stands at the patient (eTimes.07)."""

    unit_id: Identifier


class DeviceAttached(EncounterEvent):
    """From ``occurred_at`` on, what this monitor measures belongs to this patient."""

    device_id: Identifier


class DeviceDetached(EncounterEvent):
    """From ``occurred_at`` on, this monitor no longer speaks for this patient."""

    device_id: Identifier


class DestinationSelected(EncounterEvent):
    """A human chose the hospital. Only from now on does that facility see the patient."""

    facility_id: Identifier
    selected_by: Identifier


class PatientBoarded(EncounterEvent):
    """The patient is aboard: the green-channel admission opens at this moment (上车即入院)."""

    unit_id: Identifier


class EncounterEnded(EncounterEvent):
    """The encounter has its outcome."""

    outcome: Outcome
