"""What the facility does about a patient that is bound for it, and when it may.

Arrival before acknowledgement is normal. A transfer of care locks the handoff; what the hospital
learns later (milestones, identity, outcome) is added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.clinical import LevelOverridden
from schemas.encounter import EncounterEvent
from schemas.handoff import (
    Accepted,
    Acknowledged,
    BedReleased,
    BedReserved,
    CareTransferred,
    CentreActivated,
    DirectToConfirmed,
    DirectToRevoked,
    HandoffEvent,
    IdentityBound,
    MilestoneReached,
    OutcomeReported,
    PatientArrived,
    RedirectRequested,
)
from schemas.repeats import digest_of, name_of
from services.bridge.case import Case, Handoff
from services.bridge.handoff import Decision
from services.bridge.promise import asked_again, seen
from services.bridge.record import notify
from services.kit.errors import Rejected, nothing_here
from services.kit.idempotency import is_repeat

#: What may come after care was handed over.
AFTER_TRANSFER = (MilestoneReached, IdentityBound, OutcomeReported)
#: Who does one of these has seen the record as it stands.
SEES = (Acknowledged, Accepted, CentreActivated, DirectToConfirmed)
#: Beds reserved and teams called for one patient; more are a slip.
MOST = 20

Update = Mapping[str, Any]


def act(case: Case | None, event: HandoffEvent | LevelOverridden, now: datetime) -> Decision:
    """Record an act of the facility.

    Raises ``Rejected`` 404 when the patient is not bound for this facility or the record was
    withdrawn from it, 409 when the act was done before, cannot be yet, or cannot be any more.
    """
    if case is None or case.facility_id != event.facility_id or not case.centres:
        raise nothing_here()
    name = name_of(event)
    if is_repeat(case.taken, name, event):
        return case, ()
    if case.is_locked and not isinstance(event, AFTER_TRANSFER):
        raise Rejected(409, "Handed over", "Care was handed over; the record is locked.")
    update = _ACTS[type(event)](case.handoff, event) if isinstance(event, HandoffEvent) else {}
    locked_at = now if isinstance(event, CareTransferred) else case.locked_at
    changed = case.model_copy(
        update={
            "locked_at": locked_at,
            "handoff": case.handoff.model_copy(update=update),
            "taken": case.taken.with_(name, digest_of(event)),
        }
    )
    after, events = _told(changed, event, now)
    return (seen(after, event.occurred_at) if isinstance(event, SEES) else after), events


def _told(
    case: Case, event: EncounterEvent, now: datetime
) -> tuple[Case, Sequence[EncounterEvent]]:
    """A team that is called stands in front of a queue: the record goes there too."""
    if not isinstance(event, CentreActivated) or event.centre in case.centres:
        return case, [event]
    after, notified = notify(case, now)
    return after, [event, *notified]


def _once(handoff: Handoff, stamp: str) -> None:
    if getattr(handoff, stamp) is not None:
        done = stamp.removesuffix("_at").replace("_", " ")
        wanted = f"{done} was recorded before: nothing is left to do. To repeat a request, send it"
        raise Rejected(409, "Done before", f"{wanted} with the same Idempotency-Key.")


def _acknowledged(handoff: Handoff, event: Acknowledged) -> Update:
    """Once, and again when it is asked for. Who has seen an earlier version than the one that was
    asked about has to look."""
    asked = asked_again(handoff)
    if asked is not None and event.version is not None and event.version < asked.version:
        wanted = f"Version {asked.version} says something else: look at it, and acknowledge that."
        raise Rejected(409, "Changed since", wanted)
    if asked is not None and handoff.acknowledged_at is not None:
        return {}
    _once(handoff, "acknowledged_at")
    return {"acknowledged_at": event.occurred_at, "acknowledged_by": event.staff_id}


def _accepted(handoff: Handoff, event: Accepted) -> Update:
    _once(handoff, "accepted_at")
    return {"accepted_at": event.occurred_at}


def _redirect(handoff: Handoff, event: RedirectRequested) -> Update:
    _once(handoff, "redirect")
    if handoff.arrived_at is not None:
        raise Rejected(409, "Arrived", "The patient is here: treat first, transfer afterwards.")
    return {"redirect": event}


def _activated(handoff: Handoff, event: CentreActivated) -> Update:
    return {"activations": _added(handoff.activations, event)}


def _confirmed(handoff: Handoff, event: DirectToConfirmed) -> Update:
    return {"direct_to": event}


def _revoked(handoff: Handoff, event: DirectToRevoked) -> Update:
    known = handoff.direct_to
    if known is None or known.direct_to is not event.direct_to:
        raise Rejected(409, "Not confirmed", "This way was not confirmed, or is not any more.")
    return {"direct_to": None}


def _reserved(handoff: Handoff, event: BedReserved) -> Update:
    return {"beds": _added(handoff.beds, event)}


def _released(handoff: Handoff, event: BedReleased) -> Update:
    left = tuple(each for each in handoff.beds if each.department is not event.department)
    if left == handoff.beds:
        raise Rejected(409, "Not reserved", "No bed waits there, or none does any more.")
    return {"beds": left}


def _bound(handoff: Handoff, event: IdentityBound) -> Update:
    return {"identity": event}


def _arrived(handoff: Handoff, event: PatientArrived) -> Update:
    _once(handoff, "arrived_at")
    return {"arrived_at": event.occurred_at}


def _reached(handoff: Handoff, event: MilestoneReached) -> Update:
    """A milestone told again is corrected."""
    others = [m for m in handoff.milestones if m.milestone is not event.milestone]
    return {"milestones": (*others, event)}


def _transferred(handoff: Handoff, event: CareTransferred) -> Update:
    _once(handoff, "transferred_at")
    return {
        "transferred_at": event.occurred_at,
        "received_by": event.staff_id,
        "handed_over_by": event.handed_over_by,
    }


def _reported(handoff: Handoff, event: OutcomeReported) -> Update:
    """An outcome told again is corrected."""
    if handoff.transferred_at is None:
        raise Rejected(409, "Not handed over", "Care was not handed over yet: transfer it first.")
    return {"outcome": event}


def _added(known: tuple[Any, ...], event: HandoffEvent) -> tuple[Any, ...]:
    if len(known) >= MOST:
        raise Rejected(409, "Too many", f"{MOST} of these were recorded for this patient.")
    return (*known, event)


_ACTS: Mapping[type[HandoffEvent], Callable[[Handoff, Any], Update]] = {
    Acknowledged: _acknowledged,
    Accepted: _accepted,
    RedirectRequested: _redirect,
    CentreActivated: _activated,
    DirectToConfirmed: _confirmed,
    DirectToRevoked: _revoked,
    BedReserved: _reserved,
    BedReleased: _released,
    IdentityBound: _bound,
    PatientArrived: _arrived,
    MilestoneReached: _reached,
    CareTransferred: _transferred,
    OutcomeReported: _reported,
}
