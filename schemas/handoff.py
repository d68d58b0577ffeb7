"""What a facility is told before arrival, and what it answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.attachment import Attachment
from schemas.background import KnownBackground
from schemas.clinical import ExaminationDone, FindingRecorded, TreatmentGiven
from schemas.encounter import (
    EmergencyTransferRequested,
    EncounterEvent,
    Outcome,
    Patient,
    RevokedBoarding,
)
from schemas.event import Identifier, Moment, Phone, Text, Value
from schemas.triage import (
    Activation,
    Bilingual,
    Centre,
    CentreConcern,
    DirectTo,
    Input,
    LostSignal,
    Override,
    ProtocolVersion,
    Reason,
    ScoreValue,
    TriageLevel,
)

#: Why a facility proposes another.
RedirectReason = Literal["no_bed", "no_capability", "equipment_failure", "other"]
#: How it went on in the hospital.
HospitalOutcome = Literal[
    "admitted", "intensive_care", "surgery", "discharged", "transferred", "died"
]


#: How a facility was reached.
Via = Literal["board", "fhir", "hl7", "webhook"]
#: Who hears that something is late.
Addressee = Literal["board", "shift_lead", "dispatch", "department_lead", "operations"]
#: Why something is owed: the patient is bound for the facility; or what it has seen holds no more,
#: since the patient is worse, another centre is concerned, or they come sooner, or who had no level
#: yet has been triaged as severe or critical; or it was called.
Because = Literal["bound", "worse", "centre", "sooner", "called", "proposed", "arrived", "triaged"]


class Owed(StrEnum):
    """What a facility owes a patient who is bound for it."""

    DELIVERED = "delivered"
    DISPLAYED = "displayed"
    ACKNOWLEDGED = "acknowledged"
    DEPARTMENT_ANSWERED = "department_answered"
    DIRECT_TO_CONFIRMED = "direct_to_confirmed"
    FIRST_DOCTOR = "first_doctor"


class Department(StrEnum):
    """Where a bed stands."""

    RESUS = "resus"
    EMERGENCY = "emergency"
    ICU = "icu"
    CCU = "ccu"
    STROKE_UNIT = "stroke_unit"
    TRAUMA_WARD = "trauma_ward"
    OBSTETRICS = "obstetrics"
    PICU = "picu"
    NICU = "nicu"
    THEATRE = "theatre"


#: Where a patient is received, by how severe they are.
Zone = Literal["red", "yellow", "green"]
#: What is done after the patient is treated, and never before (优先救治、后补手续).
Formality = Literal["identity", "registration", "insurance", "consent", "payment"]


class Admission(Value):
    """The green-channel admission: its number stays with the patient."""

    admission_number: Annotated[str, Field(pattern=r"^GC-\d{8}-\d{4,}$")] = Field(
        description="GC, the day and a number of that day (登记号)."
    )
    admitted_at: Moment = Field(description="The boarding (上车即入院).")
    wristband: Identifier | None = Field(
        default=None, description="What is written on the wrist: it names nobody."
    )
    provisional: bool = Field(
        default=False, description="Nobody knows yet who it is: the wristband stands for a name."
    )
    ended_at: Moment | None = Field(
        default=None,
        description="When a doctor declared the death of who died on the way: it has ended.",
    )
    inferred: bool = Field(
        default=False, description="Nobody pressed boarding; the unit left with the patient."
    )
    pending: tuple[Formality, ...] = Field(
        default=(), description="Formalities that are still to be done; none of them is waited for."
    )


class Milestone(StrEnum):
    """A moment inside the hospital; what nobody reports is not known, never assumed."""

    FIRST_DOCTOR = "first_doctor"
    CT_DONE = "ct_done"
    NEEDLE = "needle"
    WIRE = "wire"
    CAESAREAN_DECIDED = "caesarean_decided"
    DELIVERY = "delivery"
    SURGERY_BEGUN = "surgery_begun"
    ANTIBIOTICS = "antibiotics"


class Trend(Value):
    """What a vital sign was five to ten minutes before the value that stands."""

    name: Identifier = Field(description="Which vital sign.")
    value: float = Field(description="In its unit in `VitalSignsMeasured`.")
    at: Moment = Field(description="When it was measured.")


class JourneyEnd(Value):
    """How the crew says that the way ended. Nobody is dead by it before a doctor declares it."""

    outcome: Outcome = Field(description="What became of the patient, by the crew's word.")
    at: Moment = Field(description="When, as the crew said.")


class PreArrivalRecord(Value):
    """Everything the facility is told, complete in itself: a version replaces the one before."""

    patient: Patient = Field(
        description="Age, sex, pregnancy and why help was called, as far as known."
    )
    unit_id: Identifier | None = Field(
        default=None, description="The unit that has the patient; absent while none has."
    )
    call_back: Phone | None = Field(default=None, description="How to call the unit.")
    boarded_at: Moment | None = Field(default=None, description="None while still on scene (现场).")
    arrives_at: Moment | None = Field(
        default=None, description="When they will be there; none where nobody knows."
    )
    estimated_at: Moment | None = Field(default=None, description="As of when that was expected.")
    unit_arrived_at: Moment | None = Field(
        default=None,
        description="When their unit came to the hospital, as its crew or else GPS says; none"
        " before. It is not the patient's arrival, which the facility says.",
    )
    worst: TriageLevel = Field(description="The highest level so far; it never falls by itself.")
    current: TriageLevel = Field(description="The level by the values of now.")
    trend: str = Field(
        description="`worse` or `better`: how `current` changed last; `same` before it has."
    )
    triage_paused: bool = Field(
        description="Triage of this patient has stopped, and the last level stands: look yourself."
    )
    protocol: ProtocolVersion | None = Field(
        default=None, description="By which rules; null where none fits, or nothing is decided."
    )
    reasons: tuple[Reason, ...] = Field(description="The rules that fire now.")
    earlier: tuple[Reason, ...] = Field(
        default=(), description="What proved the worst level, where no value says so any more."
    )
    taken_back: tuple[Reason, ...] = Field(
        default=(), description="What had proven a level until its observation was taken back."
    )
    inputs: tuple[Input, ...] = Field(
        description="The values that the level rests on, each with its time."
    )
    trends: tuple[Trend, ...] = Field(
        default=(), description="What those were before, where anybody measured then."
    )
    missing: tuple[Identifier, ...] = Field(
        description="What nobody has measured and the level needs."
    )
    invalid: tuple[Input, ...] = Field(
        default=(), description="Values that cannot be true: shown, and read by no rule."
    )
    lost: tuple[LostSignal, ...] = Field(
        default=(), description="Vital signs that a monitor shows as 0 or not at all."
    )
    scores: tuple[ScoreValue, ...] = Field(
        default=(), description="Scores beside the level, such as NEWS2 and GCS."
    )
    respond_within_min: float | None = Field(
        default=None,
        description="By the worst level, in minutes; 0 is at once, absent where none is set.",
    )
    questions: tuple[Bilingual, ...] = Field(
        description="What the crew is asked for, most valuable first."
    )
    centres: tuple[CentreConcern, ...] = Field(
        description="The centres that are concerned, each with its reason."
    )
    override: Override | None = Field(
        default=None, description="The last level that a clinician set; absent where none did."
    )
    findings: tuple[FindingRecorded, ...] = Field(
        description="The last that were observed, or observed to be absent."
    )
    examinations: tuple[ExaminationDone, ...] = Field(
        description="Examinations on the way, or those that the sending clinic made."
    )
    attachments: tuple[Attachment, ...] = Field(
        default=(),
        description="Files of these examinations that can be read; the others are on their way.",
    )
    treatments: tuple[TreatmentGiven, ...] = Field(
        description="The last drugs and measures, with doses as given."
    )
    background: KnownBackground | None = Field(
        default=None,
        description="Allergies, medication, history and what else a handover asks for; absent"
        " where nobody has told any of it.",
    )
    transfer: EmergencyTransferRequested | None = Field(
        default=None, description="Who sends the patient on, where no call did."
    )
    admission: Admission | None = Field(
        default=None, description="None until the patient has boarded."
    )
    journey_end: JourneyEnd | None = Field(
        default=None, description="Of who died on the way: the crew's word, and when it was."
    )
    boarding_revoked: RevokedBoarding | None = Field(
        default=None,
        description="Of who is not aboard, though that was said before; absent where they board.",
    )


class CentreEvent(EncounterEvent):
    """An event in the queue of one centre of one facility."""

    facility_id: Identifier
    centre: Centre

    @property
    def topic(self) -> str:
        """The centre's queue."""
        return self.centre.topic


class PreArrivalNotified(CentreEvent):
    """A version of the record was put into the queue."""

    version: Annotated[int, Field(ge=1)]
    changed: bool = Field(description="False for a mere refresh of vital signs.")
    record: PreArrivalRecord
    decision: Identifier | None = Field(
        default=None, description="Event id of the triage decision it shows."
    )


class PreArrivalWithdrawn(CentreEvent):
    """The encounter is no longer bound for this facility: a human chose another, or it ended."""

    version: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="The last version of the record that was this facility's."
    )


class AdmissionOpened(EncounterEvent):
    """Boarding is admission: once per encounter, ``admitted_at`` is the boarding time."""

    admission: Admission
    facility_id: Identifier | None = Field(
        default=None, description="None until a human has chosen one."
    )


class AdmissionBound(EncounterEvent):
    """The admission is now this facility's: a human has chosen it, at first or instead of another.
    ``admitted_at`` and the number stay."""

    admission: Admission
    facility_id: Identifier
    before: Identifier | None = Field(default=None, description="The facility that it was before.")


class AdmissionConfirmed(EncounterEvent):
    """Somebody has said after all when the patient boarded, where that was inferred."""

    admission: Admission
    facility_id: Identifier | None = None


class AdmissionRevoked(EncounterEvent):
    """The patient was not aboard, and is not admitted: the boarding was said by mistake. The number
    is this patient's again, should they board."""

    admission: Admission
    facility_id: Identifier | None = None
    reason: Text = Field(description="Why, as the crew said.")


class AdmissionCancelled(EncounterEvent):
    """The patient came to another end than a hospital, or a doctor has declared the death of who
    died on the way. The number is not used again."""

    admission: Admission
    facility_id: Identifier | None = None
    because: Outcome


class ReceiptEvent(EncounterEvent):
    """How far the record has come at the facility, without anybody's act."""

    facility_id: Identifier
    version: Annotated[int, Field(ge=1)]
    via: Via = "board"


class RecordDelivered(ReceiptEvent):
    """A version of the record has reached the facility: a board, or a system of the hospital."""


class RecordDisplayed(ReceiptEvent):
    """A board shows the record where people can see it."""


class HandoffEvent(EncounterEvent):
    """An act of a human at the receiving facility."""

    facility_id: Identifier = Field(description="The facility.")
    staff_id: Identifier = Field(description="Who did it, as they sign in.")


class Acknowledged(HandoffEvent):
    """A human at the facility has seen the record and says so."""

    version: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="The version that they saw, where that is known."
    )


class Accepted(HandoffEvent):
    """The facility is ready to take the patient."""


class AcceptanceWithdrawn(HandoffEvent):
    """It was said by mistake that the facility is ready (撤回接受). It stays responsible all the
    same: nobody is refused by it."""

    reason: Annotated[Text, Field(min_length=1)] = Field(description="Why.")


class RedirectRequested(HandoffEvent):
    """The facility proposes another (建议改送). It stays responsible until dispatch has chosen."""

    reason: RedirectReason = Field(description="Why.")
    alternative_facility_id: Identifier | None = Field(
        default=None, description="Which other, where one is proposed."
    )
    note: Text | None = Field(
        default=None, description="In the words of who asked; null where there are none."
    )


class RedirectWithdrawn(HandoffEvent):
    """The facility proposes no other after all."""


class CentreActivated(HandoffEvent):
    """A receiving clinician alerted or activated a centre's team (一键启动)."""

    centre: Centre = Field(description="Which.")
    activation: Activation = Field(description="Alerted, or activated.")
    departments: tuple[Identifier, ...] = Field(
        default=(), description="Those that are called with it; each answers for itself."
    )


class ActivationWithdrawn(HandoffEvent):
    """A centre's team is not called after all (启动撤销): what was alerted or activated of this
    centre stands no more, and its departments owe no answer, where no other centre called them."""

    centre: Centre = Field(description="Which.")
    reason: Annotated[Text, Field(min_length=1)] = Field(description="Why.")


class DepartmentAnswered(HandoffEvent):
    """A department that was called says whether it comes. Where it cannot, its lead is called."""

    department: Identifier = Field(description="One of `departments` of the activation.")
    answer: Literal["coming", "cannot"] = Field(description="Whether it comes.")


class DirectToConfirmed(HandoffEvent):
    """The patient is to be brought straight there; who to call, and which gate to take."""

    direct_to: DirectTo = Field(description="Where to.")
    phone: Phone | None = Field(
        default=None, description="What the crew telephones; null where nobody has said."
    )
    gate: Text | None = Field(
        default=None, description="Which gate to take; null where nobody has said."
    )


class DirectToRevoked(HandoffEvent):
    """Not straight there after all: to the resuscitation room (抢救室)."""

    direct_to: DirectTo


class BedReserved(HandoffEvent):
    """A bed waits for the patient."""

    department: Department = Field(description="Where the bed stands.")
    bed: Identifier | None = Field(default=None, description="Which; null where nobody has said.")


class BedReleased(HandoffEvent):
    """The bed in this department waits for the patient no more."""

    department: Department


class IdentityBound(HandoffEvent):
    """The facility knows who the patient is, by a number of its own that names nobody."""

    reference: Identifier = Field(description="The facility's number of the patient or the visit.")
    provisional: bool = Field(
        default=False, description="The facility does not know who it is either."
    )


class IdentityMerged(HandoffEvent):
    """Two of the facility's numbers are one patient's: ``merged`` goes on as ``reference``."""

    reference: Identifier
    merged: Identifier


class IdentitySplit(HandoffEvent):
    """The number was another person's after all: the wristband stands for a name again."""

    reference: Identifier
    reason: Text


class FormalityCompleted(HandoffEvent):
    """A formality was done, after the treatment had begun."""

    formality: Formality


class DeathDeclared(HandoffEvent):
    """The receiving doctor has declared the death of who died on the way."""


class PatientArrived(HandoffEvent):
    """The patient is at the facility's door. May come before any acknowledgement."""

    place: DirectTo | None = Field(
        default=None, description="Where they were really brought; none where nobody said."
    )
    inferred: bool = Field(
        default=False,
        description="Nobody said that they had come; care was handed over, at this time.",
    )


class ArrivalRevoked(HandoffEvent):
    """The patient is not here: that they had come was said by mistake. What was to be done before
    the arrival is owed again from now on."""

    reason: Annotated[Text, Field(min_length=1)] = Field(description="Why.")


class MilestoneReached(HandoffEvent):
    """A moment of the treatment inside the hospital."""

    milestone: Milestone = Field(description="Which.")


class MilestoneRevoked(HandoffEvent):
    """It was not reached after all: it is not known again."""

    milestone: Milestone = Field(description="Which.")


class HandoverSigned(HandoffEvent):
    """One side of the handover has signed. Where both have, care is handed over."""

    side: Literal["gave", "received"] = Field(description="Who gave, or who received.")
    reason: Text | None = Field(
        default=None, description="Why somebody of the facility signs for the crew."
    )
    wristband: Identifier | None = Field(
        default=None, description="What stood on the patient's wrist; null where nobody has looked."
    )
    wristband_reason: Text | None = Field(
        default=None,
        description="Why it is signed though the wristband is another, or was not read.",
    )
    not_aboard_reason: Text | None = Field(
        default=None, description="Why it is signed though nobody has said that they boarded."
    )


class AddendumWritten(HandoffEvent):
    """Something that the handover lacked, signed. What was handed over stays as it was."""

    text: Annotated[Text, Field(min_length=1)] = Field(description="What the handover lacked.")


class CareTransferred(HandoffEvent):
    """Care was handed over; both sides signed. ``staff_id`` received, ``handed_over_by`` gave."""

    handed_over_by: Identifier


class OutcomeReported(HandoffEvent):
    """How it went on after the transfer of care."""

    outcome: HospitalOutcome = Field(description="How it went on.")
    confirmed: tuple[Centre, ...] | None = Field(
        default=None,
        description="Whose patient it was by the final diagnosis; none where nobody said.",
    )
    diagnosis: Identifier | None = Field(default=None, description="Its code in ICD-10.")


class Escalated(EncounterEvent):
    """Something that the facility owes is late: the next step of its ladder was taken."""

    facility_id: Identifier
    step: Annotated[int, Field(ge=1)]
    due_at: Moment
    owed: Owed = Owed.ACKNOWLEDGED
    to: Addressee = "board"
    because: Because = "bound"
    department: Identifier | None = Field(
        default=None, description="Which of those that were called, where one has not answered."
    )
    phone: Phone | None = Field(
        default=None, description="What is telephoned at the facility, where the site has named it."
    )
