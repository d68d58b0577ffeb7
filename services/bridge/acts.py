"""What the facility does about a patient that is bound for it, and when it may.

Arrival before acknowledgement is normal. A transfer of care locks the handoff; what the hospital
learns later (milestones, identity, outcome) is added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from schemas.clinical import LevelOverridden
from schemas.encounter import EncounterEvent, Outcome
from schemas.envelope import derived_id
from schemas.event import Event
from schemas.handoff import (
    AcceptanceWithdrawn,
    Accepted,
    Acknowledged,
    ActivationWithdrawn,
    AddendumWritten,
    Admission,
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
    HandoffEvent,
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
from schemas.repeats import digest_of, name_of
from services.bridge import admission
from services.bridge.case import Case, Handoff, LastAcknowledged, NotAccepted, Withdrawn
from services.bridge.handoff import Decision
from services.bridge.objection import check_content, check_time
from services.bridge.promise import asked_again, called_by, seen, unaccepted, unarrived, uncalled
from services.bridge.record import notify
from services.bridge.stage import check
from services.kit.errors import Rejected, nothing_here
from services.kit.idempotency import is_repeat

#: Who does one of these has seen the record as it stands.
SEES = (Acknowledged, Accepted, CentreActivated, DirectToConfirmed)
#: Both have to sign.
SIDES = ("gave", "received")
#: Beds reserved and teams called for one patient; more are a slip.
MOST = 20

Update = Mapping[str, Any]


def act(
    case: Case | None,
    event: HandoffEvent | LevelOverridden,
    now: datetime,
    revocable_for: timedelta = timedelta.max,
) -> Decision:
    """Record an act of the facility, which may take an arrival back for so long.

    Raises ``Rejected`` 404 when the patient is not bound for this facility or the record was
    withdrawn from it, 409 when the act was done before, cannot be yet, or cannot be any more, 422
    when it is said to be still to come, or of a version that is.
    """
    if case is None or case.facility_id != event.facility_id or not case.centres:
        raise nothing_here()
    name = name_of(event)
    if is_repeat(case.taken, name, event):
        return case, ()
    check_time(event, now)
    check(case.handoff, event)
    check_content(case, event, now, revocable_for)
    update = _ACTS[type(event)](case.handoff, event) if isinstance(event, HandoffEvent) else {}
    changed = case.but(
        locked_at=now if isinstance(event, CareTransferred) else case.locked_at,
        arrival_known_at=now if isinstance(event, PatientArrived) else case.arrival_known_at,
        handoff=case.handoff.but(**update),
        admission=_admission(case, event),
        taken=case.taken.with_(name, digest_of(event)),
    )
    after, events = _told(changed, event, now)
    if isinstance(event, ArrivalRevoked):
        after = unarrived(after, now)
    if isinstance(event, ActivationWithdrawn):
        after = uncalled(after)
    if isinstance(event, AcceptanceWithdrawn):
        after = unaccepted(after, now)
    if isinstance(event, SEES):
        after = seen(after, now, by_acceptance=isinstance(event, Accepted))
    return after, events


def _admission(case: Case, event: HandoffEvent | LevelOverridden) -> Admission | None:
    if case.admission is None or not isinstance(event, HandoffEvent):
        return case.admission
    return admission.after(case.admission, event)


def _told(case: Case, event: EncounterEvent, now: datetime) -> Decision:
    """A team that is called stands in front of a queue: the record goes there too. The admission of
    who died on the way ends when a doctor has said so."""
    if isinstance(event, HandoverSigned):
        return _handed_over(case, event, now)
    if isinstance(event, DeathDeclared):
        if case.outcome is not Outcome.DIED_EN_ROUTE:
            wanted = "Nobody has said that the patient died on the way. Report it as the outcome."
            raise Rejected(409, "Not died on the way", wanted)
        ended, cancelled = admission.end(case, event, now)
        return ended, [event, *cancelled]
    if not isinstance(event, CentreActivated) or event.centre in case.centres:
        return case, [event]
    after, notified = notify(case, now)
    return after, [event, *notified]


def _handed_over(case: Case, event: HandoverSigned, now: datetime) -> Decision:
    """Two signatures, in any order, hand care over. Who is handed over has come, if nobody has said
    so."""
    by = {each.side: each for each in case.handoff.signatures}
    if len(by) < len(SIDES):
        return case, [event]
    about = {
        "occurred_at": max(each.occurred_at for each in by.values()),
        "recorded_at": now,
        "encounter_id": case.encounter_id,
        "facility_id": event.facility_id,
        "staff_id": by["received"].staff_id,
    }
    subject = (case.encounter_id, event.facility_id)
    told: list[Event] = [event]
    if case.handoff.arrived_at is None:
        name = derived_id("arrived", *subject)
        case, come = act(case, PatientArrived(event_id=name, inferred=True, **about), now)
        told += come
    name = derived_id("transferred", *subject)
    transferred = CareTransferred(event_id=name, handed_over_by=by["gave"].staff_id, **about)
    over, last = act(case, transferred, now)
    return over, [*told, *last]


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
    last = LastAcknowledged(at=event.occurred_at, by=event.staff_id, version=event.version)
    if asked is not None and handoff.acknowledged_at is not None:
        return {"last_acknowledged": last}
    _once(handoff, "acknowledged_at")
    first = {"acknowledged_at": event.occurred_at, "acknowledged_by": event.staff_id}
    return {**first, "last_acknowledged": last}


def _accepted(handoff: Handoff, event: Accepted) -> Update:
    _once(handoff, "accepted_at")
    return {"accepted_at": event.occurred_at, "accepted_by": event.staff_id}


def _redirect(handoff: Handoff, event: RedirectRequested) -> Update:
    _once(handoff, "redirect")
    return {"redirect": event}


def _not_redirected(handoff: Handoff, event: RedirectWithdrawn) -> Update:
    if handoff.redirect is None:
        raise Rejected(409, "Not proposed", "No other hospital is proposed, or none any more.")
    return {"redirect": None}


def _not_accepted(handoff: Handoff, event: AcceptanceWithdrawn) -> Update:
    if handoff.accepted_at is None:
        raise Rejected(409, "Not accepted", "Nobody has accepted, or it was taken back.")
    was = {"accepted_at": handoff.accepted_at, "accepted_by": handoff.accepted_by}
    return {
        "accepted_at": None,
        "accepted_by": None,
        "not_accepted": NotAccepted(withdrawal=event, **was),
    }


def _activated(handoff: Handoff, event: CentreActivated) -> Update:
    """What was taken back counts too: calling and calling off twenty times is a slip as well."""
    _added((*handoff.activations, *handoff.withdrawn), event)
    return {"activations": (*handoff.activations, event)}


def _not_activated(handoff: Handoff, event: ActivationWithdrawn) -> Update:
    """The acts stand no more, and are kept beside what took them back, with what departments had
    answered whom nobody calls now: that is no answer to a later call."""
    left = tuple(each for each in handoff.activations if each.centre is not event.centre)
    if left == handoff.activations:
        raise Rejected(409, "Team not called", "This team was not called, or it was taken back.")
    gone = (each for each in handoff.activations if each.centre is event.centre)
    called = called_by(left)
    free = tuple(each for each in handoff.answers if each.department not in called)

    def withdrawn(act: CentreActivated) -> Withdrawn:
        answers = tuple(each for each in free if each.department in act.departments)
        return Withdrawn(activation=act, withdrawal=event, answers=answers)

    return {
        "activations": left,
        "withdrawn": (*handoff.withdrawn, *map(withdrawn, gone)),
        "answers": tuple(each for each in handoff.answers if each.department in called),
    }


def _confirmed(handoff: Handoff, event: DirectToConfirmed) -> Update:
    return {"direct_to": event}


def _revoked(handoff: Handoff, event: DirectToRevoked) -> Update:
    known = handoff.direct_to
    if known is None or known.direct_to is not event.direct_to:
        raise Rejected(409, "Not confirmed", "This way was not confirmed, or is not any more.")
    return {"direct_to": None}


def _reserved(handoff: Handoff, event: BedReserved) -> Update:
    return {"beds": _added(handoff.beds, event)}


def _answered(handoff: Handoff, event: DepartmentAnswered) -> Update:
    """An answer told again is another answer."""
    called = called_by(handoff.activations)
    if event.department not in called:
        wanted = f"Nobody called it. Those that were called: {', '.join(sorted(called)) or 'none'}."
        raise Rejected(409, "Not called", wanted)
    others = [each for each in handoff.answers if each.department != event.department]
    return {"answers": (*others, event)}


def _released(handoff: Handoff, event: BedReleased) -> Update:
    left = tuple(each for each in handoff.beds if each.department is not event.department)
    if left == handoff.beds:
        raise Rejected(409, "Not reserved", "No bed waits there, or none does any more.")
    return {"beds": left}


def _bound(handoff: Handoff, event: IdentityBound) -> Update:
    return {"identity": event}


def _merged(handoff: Handoff, event: IdentityMerged) -> Update:
    """The number that goes on stands for the patient; the others are kept beside it."""
    if event.merged == event.reference:
        raise Rejected(409, "Itself", "A number cannot be merged into itself.")
    known = _numbers(handoff)
    if not {event.reference, event.merged} & known.keys():
        wanted = "Neither number stands for the patient: bind the one that does (…/identity) first."
        raise Rejected(409, "Not bound", wanted)
    others = [each for each in {**known, event.merged: None} if each != event.reference]
    bound = IdentityBound(**event.model_dump(exclude={"merged"}))
    return {"identity": bound, "merged": tuple(others[-MOST:])}


def _split(handoff: Handoff, event: IdentitySplit) -> Update:
    if event.reference not in _numbers(handoff):
        raise Rejected(409, "Not bound", "This number does not stand for the patient.")
    if handoff.identity and handoff.identity.reference == event.reference:
        return {"identity": None, "merged": ()}  # they went on as the one that is not theirs
    return {"merged": tuple(each for each in handoff.merged if each != event.reference)}


def _numbers(handoff: Handoff) -> dict[str, None]:
    """The facility's numbers that stand for the patient, oldest first."""
    bound = [handoff.identity.reference] if handoff.identity else []
    return dict.fromkeys((*handoff.merged, *bound))


def _nothing(handoff: Handoff, event: FormalityCompleted) -> Update:
    return {}


def _declared(handoff: Handoff, event: DeathDeclared) -> Update:
    _once(handoff, "death_declared_at")
    return {"death_declared_at": event.occurred_at}


def _arrived(handoff: Handoff, event: PatientArrived) -> Update:
    _once(handoff, "arrived_at")
    return {"arrived_at": event.occurred_at, "arrived_in": event.place}


def _unarrived(handoff: Handoff, event: ArrivalRevoked) -> Update:
    return {"arrived_at": None, "arrived_in": None}


def _reached(handoff: Handoff, event: MilestoneReached) -> Update:
    """A milestone told again is corrected."""
    return {"milestones": (*_others(handoff, event), event)}


def _unreached(handoff: Handoff, event: MilestoneRevoked) -> Update:
    left = _others(handoff, event)
    if left == handoff.milestones:
        raise Rejected(409, "Not reached", "Nobody has said that it was, or it was taken back.")
    return {"milestones": left}


def _others(
    handoff: Handoff, event: MilestoneReached | MilestoneRevoked
) -> tuple[MilestoneReached, ...]:
    return tuple(m for m in handoff.milestones if m.milestone is not event.milestone)


def _signed(handoff: Handoff, event: HandoverSigned) -> Update:
    """Each side once, and not both by the same hand."""
    for each in handoff.signatures:
        if each.side == event.side:
            wanted = "This side has signed. To repeat a request, send it with the same key."
            raise Rejected(409, "Done before", wanted)
        if each.staff_id == event.staff_id:
            raise Rejected(409, "Two people", "Who has signed for one side signs not the other.")
    return {"signatures": (*handoff.signatures, event)}


def _added_to(handoff: Handoff, event: AddendumWritten) -> Update:
    return {"addenda": _added(handoff.addenda, event)}


def _transferred(handoff: Handoff, event: CareTransferred) -> Update:
    _once(handoff, "transferred_at")
    return {
        "transferred_at": event.occurred_at,
        "received_by": event.staff_id,
        "handed_over_by": event.handed_over_by,
    }


def _reported(handoff: Handoff, event: OutcomeReported) -> Update:
    """An outcome told again is corrected."""
    return {"outcome": event}


def _added(known: tuple[Any, ...], event: HandoffEvent) -> tuple[Any, ...]:
    if len(known) >= MOST:
        raise Rejected(409, "Too many", f"{MOST} of these were recorded for this patient.")
    return (*known, event)


_ACTS: Mapping[type[HandoffEvent], Callable[[Handoff, Any], Update]] = {
    Acknowledged: _acknowledged,
    Accepted: _accepted,
    AcceptanceWithdrawn: _not_accepted,
    RedirectRequested: _redirect,
    RedirectWithdrawn: _not_redirected,
    CentreActivated: _activated,
    ActivationWithdrawn: _not_activated,
    DirectToConfirmed: _confirmed,
    DirectToRevoked: _revoked,
    BedReserved: _reserved,
    DepartmentAnswered: _answered,
    BedReleased: _released,
    IdentityBound: _bound,
    IdentityMerged: _merged,
    IdentitySplit: _split,
    FormalityCompleted: _nothing,
    DeathDeclared: _declared,
    PatientArrived: _arrived,
    ArrivalRevoked: _unarrived,
    MilestoneReached: _reached,
    MilestoneRevoked: _unreached,
    HandoverSigned: _signed,
    CareTransferred: _transferred,
    AddendumWritten: _added_to,
    OutcomeReported: _reported,
}
