"""What an emergency department says about a patient that is bound for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.event import Identifier, Moment, Phone, Text
from schemas.handoff import (
    Department,
    Formality,
    HospitalOutcome,
    Milestone,
    RedirectReason,
)
from schemas.triage import Activation, Centre, DirectTo
from services.bridge.receipt import Receipt
from services.kit.body import Body, Exactly


class Acknowledgement(Body):
    """A human has seen the record; ``version`` is the one that their screen showed."""

    version: Annotated[int, Field(ge=1)] | None = None


class Receipts(Body):
    """What a board has received. It tells by itself; nobody presses a button."""

    receipts: Annotated[tuple[Exactly[Receipt], ...], Field(min_length=1, max_length=500)]


class Redirection(Body):
    """Another hospital is proposed, and why."""

    reason: RedirectReason
    alternative_facility_id: Identifier | None = None
    note: Text | None = None


class WithdrawnAcceptance(Body):
    """It was said by mistake that the facility is ready, and why."""

    reason: Annotated[Text, Field(min_length=1)]


class WithdrawnActivation(Body):
    """The centre's team is not called after all, and why."""

    centre: Centre
    reason: Annotated[Text, Field(min_length=1)]


class ActivatedCentre(Body):
    """A centre is alerted or activated."""

    centre: Centre
    activation: Literal[Activation.ALERT, Activation.ACTIVATE]


class DepartmentAnswer(Body):
    """Whether a department that was called comes."""

    answer: Literal["coming", "cannot"]


class DirectWay(Body):
    """Straight there; whom to call, and which gate to take."""

    direct_to: DirectTo
    phone: Phone | None = None
    gate: Text | None = None


class RevokedWay(Body):
    """Not straight there after all."""

    direct_to: DirectTo


class Bed(Body):
    """A bed waits."""

    department: Department
    bed: Identifier | None = None


class ReleasedBed(Body):
    """The bed in this department waits no more."""

    department: Department


class CountedBeds(Body):
    """What a department could give now, and what it keeps for emergencies beside it; ``staffed`` is
    all that have their staff, whoever lies in them."""

    free: Annotated[int, Field(ge=0, le=10_000)]
    emergency: Annotated[int, Field(ge=0, le=10_000)]
    staffed: Annotated[int, Field(ge=0, le=10_000)] | None = None


class AdvisedDivert(Body):
    """Better elsewhere, until then, and why."""

    until: Moment
    reason: Annotated[Text, Field(min_length=1)]


class Identity(Body):
    """The facility's own number of the patient or the visit; it names nobody."""

    reference: Identifier
    provisional: bool = False


class MergedIdentity(Body):
    """Two of the facility's numbers are one patient's: ``merged`` goes on as ``reference``."""

    reference: Identifier
    merged: Identifier


class SplitIdentity(Body):
    """The number was another person's after all."""

    reference: Identifier
    reason: Annotated[Text, Field(min_length=1)]


class CompletedFormality(Body):
    """A formality was done."""

    formality: Formality


class OverriddenLevel(Body):
    """A clinician's own level, and why."""

    level: Literal["critical", "severe", "urgent", "non_urgent"]
    reason: Annotated[Text, Field(min_length=1)]


class Arrival(Body):
    """The patient is at the door; ``place`` is where they were really brought."""

    place: DirectTo | None = None


class RevokedArrival(Body):
    """The patient is not here: that they had come was said by mistake, and why."""

    reason: Annotated[Text, Field(min_length=1)]


class ReachedMilestone(Body):
    """A moment inside the hospital; ``occurred_at`` is when it was."""

    milestone: Milestone


class Signature(Body):
    """Who receives signs. ``wristband`` is what stands on the patient's wrist, scanned or typed;
    where it is not the admission's, or nobody has boarded, why it is signed all the same."""

    wristband: Identifier | None = None
    wristband_reason: Annotated[Text, Field(min_length=1)] | None = None
    not_aboard_reason: Annotated[Text, Field(min_length=1)] | None = None


class GivingSignature(Signature):
    """Who gives signs; where somebody of the facility does it for the crew, why. ``wristband`` as
    of who receives."""

    reason: Annotated[Text, Field(min_length=1)] | None = None


class Addendum(Body):
    """What the handover lacked."""

    text: Annotated[Text, Field(min_length=1)]


class ReportedOutcome(Body):
    """How it went on; whose patient it was by the final diagnosis, and its code in ICD-10."""

    outcome: HospitalOutcome
    confirmed: tuple[Centre, ...] | None = None
    diagnosis: Identifier | None = None
