"""One patient, from the first we hear of them to the outcome."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.attachment import Attachment
from schemas.event import Event, Identifier, Moment, Phone, Text, Value


class Outcome(StrEnum):
    """How an encounter ended; ``handed_to_unit`` is how it ended for one unit, and it goes on."""

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

    CARDIAC_ARREST = "cardiac_arrest"
    CHOKING = "choking"
    UNCONSCIOUS = "unconscious"
    ALTERED_CONSCIOUSNESS = "altered_consciousness"
    SYNCOPE = "syncope"
    SEIZURE = "seizure"
    STATUS_EPILEPTICUS = "status_epilepticus"
    STROKE = "stroke"
    CHEST_PAIN = "chest_pain"
    PALPITATION = "palpitation"
    DYSPNOEA = "dyspnoea"
    ASTHMA = "asthma"
    TRAUMA = "trauma"
    BURN = "burn"
    BLEEDING = "bleeding"
    HEAVY_BLEEDING = "heavy_bleeding"
    GASTROINTESTINAL_BLEEDING = "gastrointestinal_bleeding"
    VAGINAL_BLEEDING = "vaginal_bleeding"
    POISONING = "poisoning"
    OVERDOSE = "overdose"
    HYPOGLYCAEMIA = "hypoglycaemia"
    MENTAL_DISORDER = "mental_disorder"
    OBSTETRIC = "obstetric"
    CORD_PROLAPSE = "cord_prolapse"
    NEWBORN = "newborn"
    FEVER = "fever"
    ABDOMINAL_PAIN = "abdominal_pain"
    SEVERE_ABDOMINAL_PAIN = "severe_abdominal_pain"
    EPIGASTRIC_PAIN = "epigastric_pain"
    HEADACHE = "headache"
    DIZZINESS = "dizziness"
    VOMITING = "vomiting"
    OTHER = "other"
    UNKNOWN = "unknown"


class Age(Value):
    """Age in years; estimated when nobody knows it."""

    years: Annotated[float, Field(ge=0, le=130)] = Field(
        description="Part of a year counts: 0.5 is six months."
    )
    estimated: bool = Field(default=False, description="Somebody has guessed it.")


#: Isolation and exposure (隔离与暴露).
Precaution = Literal["contact", "droplet", "airborne", "chemical", "radiation"]


class Patient(Value):
    """The patient as far as known. Nothing here identifies a person; unknown is a value."""

    age: Age | None = Field(default=None, description="Absent where nobody has even guessed.")
    birth_time: Moment | None = Field(
        default=None, description="Of a newborn whose first minutes and days count."
    )
    sex: Literal["male", "female", "unknown"] = Field(
        default="unknown", description="As far as known."
    )
    pregnant: Literal["yes", "no", "unknown"] = Field(
        default="unknown", description="As somebody has said."
    )
    gestation_weeks: Annotated[float, Field(ge=0, le=45)] | None = Field(
        default=None, description="Weeks of the pregnancy; absent where not known."
    )
    postpartum_days: Annotated[int, Field(ge=0, le=365)] | None = Field(
        default=None,
        description="Days since a birth; absent where there was none, or nobody has said.",
    )
    identity: Literal["known", "unknown"] = Field(
        default="unknown", description="Whether anybody knows who it is; who, never stands here."
    )
    complaint: Complaint = Field(
        default=Complaint.UNKNOWN, description="Why help was called, by its code: no diagnosis."
    )
    complaint_text: Text | None = Field(
        default=None,
        description="The same in the caller's words; absent where none were written down.",
    )
    wishes_facility_id: Identifier | None = Field(
        default=None, description="The hospital that the patient or the family asks for."
    )
    precautions: tuple[Precaution, ...] | None = Field(
        default=None, description="What whoever comes near has to guard against; none: not known."
    )
    last_known_well: Moment | None = Field(
        default=None, description="Of a stroke: when the patient was last seen without signs."
    )


#: How we heard of a patient: a call, a crew that found one more, a clinic, a birth on the way.
Origin = Literal["call", "scene", "clinic", "birth"]


class EncounterEvent(Event):
    """An event of one patient: the key of everything clinical."""

    encounter_id: Identifier = Field(
        description="The patient, from the first call to the handover; no name."
    )


class EncounterOpened(EncounterEvent):
    """A patient is presumed; nobody may know a name yet."""

    origin: Origin = "call"
    incident_id: Identifier | None = Field(
        default=None, description="None for who walked into a clinic and needs no vehicle yet."
    )
    facility_id: Identifier | None = Field(
        default=None, description="The clinic that a patient walked into."
    )
    mother_id: Identifier | None = Field(
        default=None, description="Of who was born on the way: the encounter of the mother."
    )
    continues: Identifier | None = Field(
        default=None, description="The encounter before, of the same patient on another journey."
    )
    patient: Patient


class EncounterUpdated(EncounterEvent):
    """What is known of the patient changed. The whole patient stands here, not the difference."""

    patient: Patient


class EmergencyTransferRequested(EncounterEvent):
    """A clinic or hospital needs its patient taken on, now. An incident is opened for it."""

    incident_id: Identifier = Field(description="The call that was opened for it.")
    from_facility_id: Identifier = Field(description="Who sends the patient on.")
    requested_by: Identifier = Field(description="The sending doctor.")
    arrived_at: Moment | None = Field(
        default=None, description="When the patient came in at the sending side (door in)."
    )
    to_facility_id: Identifier | None = Field(
        default=None, description="The hospital that has agreed, where one was asked."
    )
    accepted_by: Identifier | None = Field(default=None, description="Who agreed there.")
    consent: Literal["given", "not_obtainable"] = Field(
        description="Whether the patient or the family has consented to go."
    )
    reason: Text | None = Field(default=None, description="In the words of who asks.")


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
    inferred: bool = Field(
        default=False, description="Nobody has pressed; the unit was seen to leave with them."
    )


class RevokedBoarding(Value):
    """The patient is not aboard after all: since when somebody says so, and why."""

    at: Moment = Field(description="When it was taken back.")
    reason: Annotated[Text, Field(min_length=1)] = Field(description="Why, as the crew said.")


class BoardingRevoked(EncounterEvent):
    """The patient is not aboard after all: that they were was said by mistake. They are not
    admitted; their number waits for them, in case they board."""

    unit_id: Identifier
    reason: Annotated[Text, Field(min_length=1)]


class PatientHandedToUnit(EncounterEvent):
    """Another unit goes on with the patient. Who was admitted at boarding stays admitted."""

    unit_id: Identifier
    to_unit_id: Identifier
    reason: Literal["breakdown", "relay", "capability"]


class ArrivalExpected(EncounterEvent):
    """By which unit the patient comes, how to call it, when it will be at the hospital, and when
    it came there."""

    unit_id: Identifier
    call_back: Phone | None = None
    arrives_at: Moment | None = Field(
        default=None, description="None before boarding, and where GPS does not tell."
    )
    estimated_at: Moment | None = Field(default=None, description="As of when that is expected.")
    unit_arrived_at: Moment | None = Field(
        default=None,
        description="When the unit came to the hospital with the patient, as its crew or else GPS"
        " says; none before. That the patient was taken in, the facility says.",
    )


#: Refused with these, somebody may have signed.
REFUSED = frozenset({Outcome.REFUSED_TREATMENT, Outcome.REFUSED_TRANSPORT})


class SignedRefusal(Value):
    """Who signed that treatment or transport was refused. Nobody is named, a relative or a witness
    neither."""

    signed_by: Literal["patient", "relative", "witness", "nobody"] = Field(
        description="Whose signature it is, by what they are to the patient."
    )
    told_of: Text | None = Field(
        default=None, description="Which risk was explained, in the words of who explained it."
    )
    conscious: bool | None = Field(
        default=None, description="Whether the patient was awake, as the crew judged."
    )
    understands: bool | None = Field(
        default=None, description="Whether they understood what they have and what may follow."
    )
    signature: Attachment | None = Field(
        default=None, description="The picture of it; it may arrive later."
    )


class EncounterEnded(EncounterEvent):
    """The encounter has its outcome."""

    outcome: Outcome
    refusal: SignedRefusal | None = Field(
        default=None, description="Of who refused: who has signed it, where that was told."
    )
