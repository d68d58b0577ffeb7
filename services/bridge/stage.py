"""How far a handoff has come, and what may be done at each stage: a table.

Nothing has to be done before something else: an arrival before any acknowledgement is normal. A
stage that was reached is never left for an earlier one, unless it was said by mistake (an arrival,
an acceptance, the call of a team); care that was handed over ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from schemas.clinical import LevelOverridden
from schemas.event import Event
from schemas.handoff import (
    AcceptanceWithdrawn,
    Accepted,
    Acknowledged,
    ActivationWithdrawn,
    AddendumWritten,
    ArrivalRevoked,
    BedReleased,
    BedReserved,
    CareTransferred,
    CentreActivated,
    DeathDeclared,
    DepartmentAnswered,
    DirectToConfirmed,
    DirectToRevoked,
    FormalityCompleted,
    HandoverSigned,
    IdentityBound,
    IdentityMerged,
    IdentitySplit,
    MilestoneReached,
    MilestoneRevoked,
    OutcomeReported,
    PatientArrived,
    RedirectRequested,
    RedirectWithdrawn,
)
from services.bridge.case import Handoff
from services.kit.errors import Rejected


class Stage(StrEnum):
    """The farthest that a handoff has come."""

    NOTIFIED = "notified"
    DELIVERED = "delivered"
    DISPLAYED = "displayed"
    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted"
    ACTIVATED = "activated"
    ARRIVED = "arrived"
    TRANSFERRED = "transferred"


_S = Stage
#: The patient is on the way; or is there, and care was not handed over yet.
_COMING = frozenset(_S) - {_S.ARRIVED, _S.TRANSFERRED}
_UNTIL_TRANSFER = frozenset(_S) - {_S.TRANSFERRED}
_ALWAYS = frozenset(_S)
#: At which stages each act may come.
MAY_COME: Mapping[type[Event], frozenset[Stage]] = {
    Acknowledged: _UNTIL_TRANSFER,
    Accepted: _UNTIL_TRANSFER,
    AcceptanceWithdrawn: _UNTIL_TRANSFER,
    RedirectRequested: _COMING,
    RedirectWithdrawn: _UNTIL_TRANSFER,
    CentreActivated: _UNTIL_TRANSFER,
    ActivationWithdrawn: _UNTIL_TRANSFER,
    DepartmentAnswered: _UNTIL_TRANSFER,
    DirectToConfirmed: _UNTIL_TRANSFER,
    DirectToRevoked: _UNTIL_TRANSFER,
    BedReserved: _UNTIL_TRANSFER,
    BedReleased: _UNTIL_TRANSFER,
    LevelOverridden: _UNTIL_TRANSFER,
    PatientArrived: _UNTIL_TRANSFER,
    ArrivalRevoked: frozenset({_S.ARRIVED}),
    HandoverSigned: _UNTIL_TRANSFER,
    CareTransferred: _UNTIL_TRANSFER,
    DeathDeclared: _UNTIL_TRANSFER,
    # What the hospital learns later is added.
    MilestoneReached: _ALWAYS,
    MilestoneRevoked: _ALWAYS,
    IdentityBound: _ALWAYS,
    IdentityMerged: _ALWAYS,
    IdentitySplit: _ALWAYS,
    FormalityCompleted: _ALWAYS,
    OutcomeReported: frozenset({_S.TRANSFERRED}),
    AddendumWritten: frozenset({_S.TRANSFERRED}),
}


def stage_of(handoff: Handoff) -> Stage:
    """How far it has come. What was skipped on the way there does not matter."""
    reached = {
        _S.DELIVERED: handoff.delivered_at,
        _S.DISPLAYED: handoff.displayed_at,
        _S.ACKNOWLEDGED: handoff.acknowledged_at,
        _S.ACCEPTED: handoff.accepted_at,
        _S.ACTIVATED: handoff.activations,
        _S.ARRIVED: handoff.arrived_at,
        _S.TRANSFERRED: handoff.transferred_at,
    }
    found = [stage for stage, at in reached.items() if at]
    return max(found, key=list(Stage).index, default=_S.NOTIFIED)


def check(handoff: Handoff, event: Event) -> None:
    """Raises ``Rejected`` 409 when this cannot be any more, or not yet; it says why."""
    stage = stage_of(handoff)
    if stage in MAY_COME[type(event)]:
        return
    if stage is _S.TRANSFERRED:
        wanted = "Care was handed over; the record is locked. Write what it lacks as an addendum."
        raise Rejected(409, "Handed over", wanted)
    if isinstance(event, ArrivalRevoked):
        raise Rejected(409, "Not arrived", "Nobody has said that the patient is here.")
    if isinstance(event, RedirectRequested):
        raise Rejected(409, "Arrived", "The patient is here: treat first, transfer afterwards.")
    raise Rejected(409, "Not handed over", "Care was not handed over yet: transfer it first.")
