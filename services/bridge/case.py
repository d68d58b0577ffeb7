"""Everything the bridge holds of one patient: what was told, and what the facility answered."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.attachment import Attachment
from schemas.clinical import BackgroundTold, ExaminationDone, FindingRecorded, TreatmentGiven
from schemas.encounter import EmergencyTransferRequested, Outcome, Patient, RevokedBoarding
from schemas.event import Identifier, Phone, Value
from schemas.handoff import (
    AcceptanceWithdrawn,
    ActivationWithdrawn,
    AddendumWritten,
    Addressee,
    Admission,
    Because,
    BedReserved,
    CentreActivated,
    DepartmentAnswered,
    DirectToConfirmed,
    Formality,
    HandoverSigned,
    IdentityBound,
    JourneyEnd,
    MilestoneReached,
    OutcomeReported,
    Owed,
    RedirectRequested,
    Trend,
    Zone,
)
from schemas.repeats import Repeats
from schemas.triage import Centre, DirectTo, TriageDecided, TriageLevel


class Promise(Value):
    """Something that the facility owes: since when and why, by when, and when it was done."""

    owed: Owed = Field(description="What.")
    department: Identifier | None = Field(
        default=None,
        description="Which of those that were called, where each answers for itself; else null.",
    )
    since: AwareDatetime = Field(description="Since when it is owed.")
    because: Because = Field(description="Why it was asked for.")
    version: int = Field(description="The record when it was asked for.")
    level: TriageLevel = Field(description="The worst level then; a worse one brings it forward.")
    due_at: AwareDatetime | None = Field(
        default=None, description="By when; null where it is never late."
    )
    latest: AwareDatetime | None = Field(
        default=None,
        description="Never later than this: it was due then before the patient got worse, or who"
        " is called said then that they cannot come; else null.",
    )
    met_at: AwareDatetime | None = Field(
        default=None, description="When it was done; null while it is waited for."
    )
    by_acceptance: bool = Field(
        default=False,
        description="The acceptance alone has done it: it is owed again where that is taken back.",
    )
    rungs: int = Field(default=0, description="How many steps of its ladder were taken.")
    again_at: AwareDatetime | None = Field(
        default=None,
        description="When its ladder began anew: the patient got worse after its last step; else"
        " null.",
    )
    next_at: AwareDatetime | None = Field(
        default=None,
        description="When the next step is taken if it is not done by then; else null.",
    )
    next_to: Addressee | None = Field(
        default=None, description="Who hears then; null where no step is left."
    )

    @property
    def is_open(self) -> bool:
        """Whether it is still waited for."""
        return self.met_at is None


class Running(Value):
    """A clock of the green channel; what is null was not reported, and is not known."""

    clock: Identifier = Field(description="Which clock.")
    centre: Centre = Field(description="Of which centre.")
    began_at: AwareDatetime | None = Field(default=None, description="When it began.")
    due_at: AwareDatetime | None = Field(default=None, description="By when it should end.")
    ended_at: AwareDatetime | None = Field(default=None, description="When it ended.")


#: What an examination lacks, so that it is not relied on.
Lack = Literal["readable", "examiner", "institution", "quality_mark", "mark_that_holds_here"]


class Recognition(Value):
    """Whether the facility relies on an examination; what it lacks, if it does not."""

    examination_id: Identifier = Field(description="The `event_id` of the examination.")
    recognised: bool = Field(description="It need not be made again here (互认).")
    lacks: tuple[Lack, ...] = Field(default=(), description="What it lacks; empty where nothing.")


class Known(Value):
    """What a human at the facility has seen."""

    level: TriageLevel = Field(description="The worst level that they saw.")
    centres: tuple[Centre, ...] = Field(description="The centres that they saw.")
    arrives_at: AwareDatetime | None = Field(
        default=None,
        description="When the patient was expected then; null where that was not known.",
    )


class LastAcknowledged(Value):
    """The last acknowledgement, of the version that was asked about."""

    at: AwareDatetime = Field(description="When.")
    by: Identifier = Field(description="Who, as they sign in.")
    version: int | None = Field(description="The version that they saw; null where nobody said.")


class Withdrawn(Value):
    """A call of a team that was taken back, beside what took it back."""

    activation: CentreActivated = Field(description="The act that stands no more.")
    withdrawal: ActivationWithdrawn = Field(description="When, by whom and why.")
    answers: tuple[DepartmentAnswered, ...] = Field(
        default=(),
        description="What its departments, which nobody else had called, had answered by then: who"
        " comes does not hear of it by this, and is telephoned.",
    )


class NotAccepted(Value):
    """An acceptance that was taken back, beside what took it back."""

    accepted_at: AwareDatetime = Field(description="When it was given.")
    accepted_by: Identifier | None = Field(
        default=None, description="By whom, as they sign in; null where that was not kept."
    )
    withdrawal: AcceptanceWithdrawn = Field(description="When, by whom and why.")


class Handoff(Value):
    """The promise that the facility knows of the patient and has taken them."""

    notified_at: AwareDatetime | None = Field(
        default=None, description="When the record went to the facility first."
    )
    first_version: int | None = Field(
        default=None,
        description="The version that was sent then: an earlier one is of an earlier time here.",
    )
    delivered_at: AwareDatetime | None = Field(
        default=None, description="When the record first came there; null before."
    )
    displayed_at: AwareDatetime | None = Field(
        default=None, description="When a board first showed it; null before."
    )
    acknowledged_at: AwareDatetime | None = Field(
        default=None, description="When a human said to have seen it; null before."
    )
    acknowledged_by: Identifier | None = Field(default=None, description="Who, as they sign in.")
    last_acknowledged: LastAcknowledged | None = Field(
        default=None,
        description="The last time: a record that has changed is acknowledged again; null before.",
    )
    accepted_at: AwareDatetime | None = Field(
        default=None, description="When the facility took the patient; null before."
    )
    accepted_by: Identifier | None = Field(
        default=None, description="Who, as they sign in; null before, and where it was not kept."
    )
    not_accepted: NotAccepted | None = Field(
        default=None,
        description="The last acceptance that was taken back; null where none was.",
    )
    redirect: RedirectRequested | None = Field(
        default=None,
        description="Another is proposed; this one stays responsible until it is chosen.",
    )
    activations: tuple[CentreActivated, ...] = Field(
        default=(), description="Centres that were alerted or activated, each act."
    )
    withdrawn: tuple[Withdrawn, ...] = Field(
        default=(), description="Such acts that were taken back, each with who did it, and why."
    )
    direct_to: DirectToConfirmed | None = Field(
        default=None,
        description="Where the patient is to be brought; null is the resuscitation room (抢救室).",
    )
    beds: tuple[BedReserved, ...] = Field(default=(), description="Beds that wait for the patient.")
    identity: IdentityBound | None = Field(
        default=None,
        description="The facility's own number of the patient; null until it is bound.",
    )
    merged: tuple[Identifier, ...] = Field(
        default=(), description="Numbers of the facility's own that go on as this one."
    )
    answers: tuple[DepartmentAnswered, ...] = Field(
        default=(), description="What each department that was called has answered last."
    )
    milestones: tuple[MilestoneReached, ...] = Field(
        default=(), description="Moments of the treatment that were reported."
    )
    outcome: OutcomeReported | None = Field(
        default=None, description="How it went on after the handover; null until somebody has said."
    )
    arrived_at: AwareDatetime | None = Field(
        default=None, description="When the patient was at the door; null before."
    )
    arrived_in: DirectTo | None = Field(
        default=None, description="Where they were really brought; null where nobody said."
    )
    death_declared_at: AwareDatetime | None = Field(
        default=None,
        description="When a doctor declared the death of who died on the way; else null.",
    )
    transferred_at: AwareDatetime | None = Field(
        default=None, description="When both had signed: care is handed over; null before."
    )
    received_by: Identifier | None = Field(default=None, description="Who signed for the facility.")
    handed_over_by: Identifier | None = Field(default=None, description="Who gave.")
    signatures: tuple[HandoverSigned, ...] = Field(
        default=(), description="Of the handover, one of each side."
    )
    addenda: tuple[AddendumWritten, ...] = Field(
        default=(), description="What was added after the handover, signed."
    )
    zone: Zone | None = Field(
        default=None,
        description="Where the facility receives this level; null where it has not said.",
    )
    clocks: tuple[Running, ...] = Field(
        default=(), description="The clocks of the green channel, of each centre that is concerned."
    )
    recognitions: tuple[Recognition, ...] = Field(
        default=(),
        description="Of the examinations in the record, which need not be made again here.",
    )
    promises: tuple[Promise, ...] = Field(
        default=(), description="What the facility owes, done or not."
    )
    known: Known | None = Field(
        default=None, description="What a human there has seen; null before anybody has."
    )


class Anchor(Value):
    """A value that is kept for a while, and the one that was kept before it."""

    name: Identifier
    value: float
    at: AwareDatetime
    before: Trend | None = None


class Case(Value):
    """One patient's view, computed from what was stored, whatever came first."""

    encounter_id: Identifier
    patient: Patient = Patient()
    unit_id: Identifier | None = None
    facility_id: Identifier | None = None
    #: Who sent the patient on, where no call did.
    transfer: EmergencyTransferRequested | None = None
    decision: TriageDecided | None = None
    triage_paused: bool = False
    #: Vital signs as they were, one by one.
    anchors: tuple[Anchor, ...] = ()
    findings: tuple[FindingRecorded, ...] = ()
    examinations: tuple[ExaminationDone, ...] = ()
    treatments: tuple[TreatmentGiven, ...] = ()
    #: What was told of the background, each time.
    backgrounds: tuple[BackgroundTold, ...] = ()
    #: Files that have arrived, whether an examination names them yet or not.
    arrived: tuple[Attachment, ...] = ()
    #: When a crew stood at the patient.
    reached_at: AwareDatetime | None = None
    boarded_at: AwareDatetime | None = None
    #: They are not aboard after all, until they board.
    boarding_revoked: RevokedBoarding | None = None
    #: How to call the unit; when it will be at the facility, and as of when that was expected.
    call_back: Phone | None = None
    arrives_at: AwareDatetime | None = None
    estimated_at: AwareDatetime | None = None
    #: When the unit came to the facility: no arrival of the patient, which the facility says.
    unit_arrived_at: AwareDatetime | None = None
    admission: Admission | None = None
    #: An admission number set aside for this patient, in the transaction that may need it; or that
    #: they had when it was said by mistake that they were aboard.
    reserved: str | None = None
    #: What the facility does later, as it was when the number was set aside.
    formalities: tuple[Formality, ...] = ()
    handoff: Handoff = Handoff()
    #: The record last sent to this facility, and the centres it was sent to.
    version: int = 0
    centres: tuple[Centre, ...] = ()
    notified_at: AwareDatetime | None = None
    ended: bool = False
    outcome: Outcome | None = None
    #: Of who died on the way, as the crew says.
    journey_end: JourneyEnd | None = None
    #: When we learned of the arrival.
    arrival_known_at: AwareDatetime | None = None
    #: When we learned that care was handed over.
    locked_at: AwareDatetime | None = None
    taken: Repeats = Repeats()

    @property
    def is_open(self) -> bool:
        """Whether a facility is told of this patient: it was not told that nobody comes."""
        return self.facility_id is not None and (bool(self.centres) or not self.ended)

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files of what was examined, as far as they have arrived: one that no examination
        names (any more) is nobody's to see."""
        named = {file.sha256 for done in self.examinations for file in done.attachments}
        return tuple(file for file in self.arrived if file.sha256 in named)

    @property
    def is_locked(self) -> bool:
        """Whether care was handed over."""
        return self.locked_at is not None
