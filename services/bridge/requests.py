"""What an emergency department says about a patient that is bound for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.event import Identifier, Moment, Text
from schemas.handoff import (
    Department,
    HospitalOutcome,
    Milestone,
    Phone,
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


class ActivatedCentre(Body):
    """A centre is alerted or activated."""

    centre: Centre
    activation: Literal[Activation.ALERT, Activation.ACTIVATE]


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


class OverriddenLevel(Body):
    """A clinician's own level, and why."""

    level: Literal["critical", "severe", "urgent", "non_urgent"]
    reason: Annotated[Text, Field(min_length=1)]


class ReachedMilestone(Body):
    """A moment inside the hospital; ``occurred_at`` is when it was."""

    milestone: Milestone


class Transfer(Body):
    """Care is handed over: the caller received it, this crew member gave it."""

    handed_over_by: Identifier


class ReportedOutcome(Body):
    """How it went on."""

    outcome: HospitalOutcome
