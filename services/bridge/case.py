"""Everything the bridge holds of one patient: what was told, and what the facility answered."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from schemas.clinical import Attachment, ExaminationDone, FindingRecorded, TreatmentGiven
from schemas.encounter import EmergencyTransferRequested, Outcome, Patient
from schemas.event import Identifier, Phone, Value
from schemas.handoff import (
    AddendumWritten,
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

    owed: Owed
    #: Which of those that were called, where each answers for itself.
    department: Identifier | None = None
    since: AwareDatetime
    because: Because
    #: The record and the worst level when it was asked for; a worse one brings it forward.
    version: int
    level: TriageLevel
    due_at: AwareDatetime | None = None
    #: Never later than this: it was due then before the patient got worse, or who is called said
    #: then that they cannot come.
    latest: AwareDatetime | None = None
    met_at: AwareDatetime | None = None
    #: How many steps of its ladder were taken.
    rungs: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it is still waited for."""
        return self.met_at is None


class Running(Value):
    """A clock of the green channel; what is null was not reported, and is not known."""

    clock: Identifier
    centre: Centre
    began_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


#: What an examination lacks, so that it is not relied on.
Lack = Literal["readable", "examiner", "institution", "quality_mark", "mark_that_holds_here"]


class Recognition(Value):
    """Whether the facility relies on an examination; what it lacks, if it does not."""

    examination_id: Identifier
    recognised: bool
    lacks: tuple[Lack, ...] = ()


class Known(Value):
    """What a human at the facility has seen."""

    level: TriageLevel
    centres: tuple[Centre, ...]
    arrives_at: AwareDatetime | None = None


class Handoff(Value):
    """The promise that the facility knows of the patient and has taken them."""

    notified_at: AwareDatetime | None = None
    #: The version that was sent then: an earlier one is of an earlier time here.
    first_version: int | None = None
    delivered_at: AwareDatetime | None = None
    displayed_at: AwareDatetime | None = None
    acknowledged_at: AwareDatetime | None = None
    acknowledged_by: Identifier | None = None
    accepted_at: AwareDatetime | None = None
    #: The facility proposes another, and stays responsible until one is chosen.
    redirect: RedirectRequested | None = None
    activations: tuple[CentreActivated, ...] = ()
    #: Where the patient is to be brought; to the resuscitation room (抢救室) while this is null.
    direct_to: DirectToConfirmed | None = None
    beds: tuple[BedReserved, ...] = ()
    identity: IdentityBound | None = None
    #: Numbers of the facility's own that go on as this one.
    merged: tuple[Identifier, ...] = ()
    answers: tuple[DepartmentAnswered, ...] = ()
    milestones: tuple[MilestoneReached, ...] = ()
    outcome: OutcomeReported | None = None
    arrived_at: AwareDatetime | None = None
    #: Where they were really brought; none where nobody said.
    arrived_in: DirectTo | None = None
    death_declared_at: AwareDatetime | None = None
    transferred_at: AwareDatetime | None = None
    received_by: Identifier | None = None
    handed_over_by: Identifier | None = None
    signatures: tuple[HandoverSigned, ...] = ()
    addenda: tuple[AddendumWritten, ...] = ()
    #: Where the facility receives this level.
    zone: Zone | None = None
    clocks: tuple[Running, ...] = ()
    #: Of the examinations in the record, which need not be made again here.
    recognitions: tuple[Recognition, ...] = ()
    promises: tuple[Promise, ...] = ()
    known: Known | None = None


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
    #: Files that have arrived, whether an examination names them yet or not.
    arrived: tuple[Attachment, ...] = ()
    #: When a crew stood at the patient.
    reached_at: AwareDatetime | None = None
    boarded_at: AwareDatetime | None = None
    #: How to call the unit; when it will be at the facility, and as of when that was expected.
    call_back: Phone | None = None
    arrives_at: AwareDatetime | None = None
    estimated_at: AwareDatetime | None = None
    admission: Admission | None = None
    #: An admission number set aside for this patient, in the transaction that may need it.
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
