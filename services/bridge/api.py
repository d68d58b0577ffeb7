"""What an emergency department answers. A facility sees nothing but its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from schemas.clinical import LevelOverridden
from schemas.encounter import EncounterEvent
from schemas.event import Identifier
from schemas.handoff import (
    AcceptanceWithdrawn,
    Accepted,
    Acknowledged,
    ActivationWithdrawn,
    AddendumWritten,
    ArrivalRevoked,
    BedReleased,
    BedReserved,
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
    Milestone,
    MilestoneReached,
    MilestoneRevoked,
    OutcomeReported,
    PatientArrived,
    RedirectRequested,
    RedirectWithdrawn,
)
from schemas.triage import Activation
from services.bridge import bed_api, course_api, house_api, indicator_api, journal, store
from services.bridge.acts import act
from services.bridge.case import Case
from services.bridge.item import Item, Signed, item_of
from services.bridge.promise import keep
from services.bridge.reading_api import Staff, router
from services.bridge.receipt import receive
from services.bridge.requests import (
    Acknowledgement,
    ActivatedCentre,
    Addendum,
    Arrival,
    Bed,
    CompletedFormality,
    DepartmentAnswer,
    DirectWay,
    GivingSignature,
    Identity,
    MergedIdentity,
    OverriddenLevel,
    ReachedMilestone,
    Receipts,
    Redirection,
    ReleasedBed,
    ReportedOutcome,
    RevokedArrival,
    RevokedWay,
    Signature,
    SplitIdentity,
    WithdrawnAcceptance,
    WithdrawnActivation,
)
from services.kit import failpoint, outbox
from services.kit.auth import Principal, must_have_just_signed_in
from services.kit.body import Body
from services.kit.errors import Rejected
from services.kit.http import Access, IdempotencyKey, event_id_for, retrying
from services.kit.postgres import Row
from services.kit.role import Role

__all__ = ["router"]

for part in (bed_api, course_api, house_api, indicator_api):
    router.routes.extend(part.router.routes)

#: Who hands over sees nothing of what the facility does.
Giver = Annotated[Principal, Depends(Access(Role.CENTRE, Role.CREW))]
#: These are a person's, who has just shown who they are.
SIGNED = (HandoverSigned, AddendumWritten)
#: An act is answered with the item as it now stands.
ITEM: dict[str, Any] = {"response_model": Item, "response_model_exclude_unset": True}


@router.post("/receipts", status_code=204)
@retrying
async def note_receipts(
    request: Request, facility_id: Identifier, body: Receipts, caller: Staff
) -> Response:
    """What has come to a board, and what is on its screen. A board tells by itself; of patients who
    are not bound for this facility any more nothing is noted."""
    state, wanted = request.app.state, {each.encounter_id: each for each in body.receipts}
    async with store.confined(state.pool, facility_id) as connection:
        now = datetime.now(UTC)
        seen = await store.CASES.load(connection, wanted, lock=False)
        news = [
            key for key, row in seen.items() if receive(row.state, facility_id, wanted[key], now)[1]
        ]
        rows = await store.CASES.load(connection, news) if news else {}
        changed: dict[str, Row[Case]] = {}
        told: list[EncounterEvent] = []
        for key, row in rows.items():
            case, events = receive(row.state, facility_id, wanted[key], now)
            told += events
            if case is not None and events:
                kept = keep(case, state.facilities.of(facility_id), now)
                changed[key] = Row(kept, row.version)
        if changed:
            await state.cases.save(connection, changed, told)
            await outbox.append(connection, "bridge", told)
    return Response(status_code=204)


@router.post("/encounters/{encounter_id}/acknowledgement", **ITEM)
@retrying
async def acknowledge(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: Acknowledgement,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """A human has seen the record."""
    return await _act(request, body, idempotency_key, caller, Acknowledged)


@router.post("/encounters/{encounter_id}/acceptance", **ITEM)
@retrying
async def accept(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: Body,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """The facility is ready to take the patient."""
    return await _act(request, body, idempotency_key, caller, Accepted)


@router.post("/encounters/{encounter_id}/acceptance/withdrawn", **ITEM)
@retrying
async def withdraw_acceptance(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: WithdrawnAcceptance,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """It was said by mistake that the facility is ready; it stays responsible. 409 where nobody has
    accepted."""
    return await _act(request, body, idempotency_key, caller, AcceptanceWithdrawn)


@router.post("/encounters/{encounter_id}/redirect-request", **ITEM)
@retrying
async def ask_for_redirection(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: Redirection,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Propose another hospital (建议改送). This one stays responsible until dispatch has chosen."""
    return await _act(request, body, idempotency_key, caller, RedirectRequested)


@router.post("/encounters/{encounter_id}/redirect-request/withdrawn", **ITEM)
@retrying
async def withdraw_redirection(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: Body,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """No other hospital is proposed after all. 409 when none is."""
    return await _act(request, body, idempotency_key, caller, RedirectWithdrawn)


@router.post("/encounters/{encounter_id}/activation", **ITEM)
@retrying
async def activate(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: ActivatedCentre,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Alert or activate a centre's team (一键启动); the departments of an activated one are called,
    and each answers for itself."""
    teams = request.app.state.facilities.of(facility_id).teams
    called = teams.get(body.centre, ()) if body.activation is Activation.ACTIVATE else ()
    return await _act(request, body, idempotency_key, caller, CentreActivated, departments=called)


@router.post("/encounters/{encounter_id}/activation/withdrawn", **ITEM)
@retrying
async def withdraw_activation(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: WithdrawnActivation,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """A centre's team is not called after all (启动撤销): both stand in the record. 409 where it is
    not called."""
    return await _act(request, body, idempotency_key, caller, ActivationWithdrawn)


@router.post("/encounters/{encounter_id}/departments/{department}/answer", **ITEM)
@retrying
async def answer_call(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    department: Identifier,
    body: DepartmentAnswer,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """A department that was called says whether it comes; where it cannot, its lead is called."""
    return await _act(
        request, body, idempotency_key, caller, DepartmentAnswered, department=department
    )


@router.post("/encounters/{encounter_id}/direct-to", **ITEM)
@retrying
async def confirm_direct_to(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: DirectWay,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """The patient is to be brought straight there."""
    return await _act(request, body, idempotency_key, caller, DirectToConfirmed)


@router.post("/encounters/{encounter_id}/direct-to/revoked", **ITEM)
@retrying
async def revoke_direct_to(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: RevokedWay,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Not straight there after all: to the resuscitation room."""
    return await _act(request, body, idempotency_key, caller, DirectToRevoked)


@router.post("/encounters/{encounter_id}/bed", **ITEM)
@retrying
async def reserve_bed(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: Bed,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """A bed waits for the patient. 409, with the departments that have one, where none is left."""
    return await _act(request, body, idempotency_key, caller, BedReserved)


@router.post("/encounters/{encounter_id}/bed/released", **ITEM)
@retrying
async def release_bed(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: ReleasedBed,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """The bed waits no more: another patient may have it."""
    return await _act(request, body, idempotency_key, caller, BedReleased)


@router.post("/encounters/{encounter_id}/identity", **ITEM)
@retrying
async def bind_identity(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: Identity,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """The facility knows who it is, by a number of its own."""
    return await _act(request, body, idempotency_key, caller, IdentityBound)


@router.post("/encounters/{encounter_id}/identity/merged", **ITEM)
@retrying
async def merge_identity(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: MergedIdentity,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Two of the facility's numbers are one patient's."""
    return await _act(request, body, idempotency_key, caller, IdentityMerged)


@router.post("/encounters/{encounter_id}/identity/split", **ITEM)
@retrying
async def split_identity(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: SplitIdentity,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """The number was another person's after all: the wristband stands for a name again."""
    return await _act(request, body, idempotency_key, caller, IdentitySplit)


@router.post("/encounters/{encounter_id}/formalities", **ITEM)
@retrying
async def complete_formality(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: CompletedFormality,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """A formality was done (后补手续); none of them is waited for."""
    return await _act(request, body, idempotency_key, caller, FormalityCompleted)


@router.post("/encounters/{encounter_id}/death", **ITEM)
@retrying
async def declare_death(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: Body,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """The receiving doctor declares the death of who died on the way; the admission ends."""
    return await _act(request, body, idempotency_key, caller, DeathDeclared)


@router.post("/encounters/{encounter_id}/level", **ITEM)
@retrying
async def override_level(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: OverriddenLevel,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """A receiving clinician's own level, up or down: from now on the worst known."""
    return await _act(request, body, idempotency_key, caller, LevelOverridden)


@router.post("/encounters/{encounter_id}/arrival", **ITEM)
@retrying
async def arrive(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: Arrival,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """The patient is at the door."""
    return await _act(request, body, idempotency_key, caller, PatientArrived)


@router.post("/encounters/{encounter_id}/arrival/revoked", **ITEM)
@retrying
async def revoke_arrival(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: RevokedArrival,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """The patient is not here after all. 409 when that has stood for too long."""
    return await _act(request, body, idempotency_key, caller, ArrivalRevoked)


@router.post("/encounters/{encounter_id}/milestones", **ITEM)
@retrying
async def reach_milestone(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: ReachedMilestone,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """A moment of the treatment inside the hospital."""
    return await _act(request, body, idempotency_key, caller, MilestoneReached)


@router.post("/encounters/{encounter_id}/milestones/{milestone}/revoked", **ITEM)
@retrying
async def revoke_milestone(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    milestone: Milestone,
    body: Body,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """It was not reached after all: its clocks do not know of it any more."""
    return await _act(request, body, idempotency_key, caller, MilestoneRevoked, milestone=milestone)


@router.post("/encounters/{encounter_id}/transfer", **ITEM)
@retrying
async def transfer(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: Signature,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Who receives signs, having just signed in. With both signatures care is handed over, and the
    record is locked. A wristband that is not this patient's is 409, and so is who was never aboard,
    unless it is said why."""
    return await _act(request, body, idempotency_key, caller, HandoverSigned, side="received")


@router.post("/encounters/{encounter_id}/handover")
@retrying
async def hand_over(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: GivingSignature,
    caller: Giver,
    idempotency_key: IdempotencyKey = None,
) -> Signed:
    """Who gives signs, having just signed in: the crew; or somebody of the facility for it, with
    the reason. A wristband and who was never aboard as of who receives."""
    if caller.role is Role.CENTRE and body.reason is None:
        wanted = "Say in 'reason' why somebody of the facility signs for the crew."
        raise Rejected(422, "Not the crew", wanted)
    item = await _act(request, body, idempotency_key, caller, HandoverSigned, side="gave")
    return Signed.model_validate({**item["handoff"], **item})


@router.post("/encounters/{encounter_id}/addenda", **ITEM)
@retrying
async def add_to_it(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: Addendum,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """What the handover lacked, signed; what was handed over stays as it was."""
    return await _act(request, body, idempotency_key, caller, AddendumWritten)


@router.post("/encounters/{encounter_id}/outcome", **ITEM)
@retrying
async def report_outcome(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: ReportedOutcome,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """How it went on after the transfer of care."""
    return await _act(request, body, idempotency_key, caller, OutcomeReported)


async def _act(
    request: Request,
    body: Body,
    key: str | None,
    caller: Principal,
    kind: type[HandoffEvent] | type[LevelOverridden],
    **more: Any,
) -> dict[str, Any]:
    """Record an act on the case in the path, in one transaction."""
    facility_id = request.path_params["facility_id"]
    encounter_id = request.path_params["encounter_id"]
    now = datetime.now(UTC)
    by = (
        {"overridden_by": caller.name, "role": "receiving_clinician"}
        if kind is LevelOverridden
        else {"staff_id": caller.name}
    )
    event = kind(
        event_id=event_id_for(request, body, key),
        recorded_at=now,
        encounter_id=encounter_id,
        facility_id=facility_id,
        **by,
        **more,
        **{name: getattr(body, name) for name in type(body).model_fields},
    )
    facility = request.app.state.facilities.of(facility_id)
    async with store.confined(request.app.state.pool, facility_id) as connection:
        row = (await store.CASES.load(connection, [encounter_id]))[encounter_id]
        after, events = act(row.state, event, now, facility.revocable_for)
        if isinstance(event, SIGNED):
            must_have_just_signed_in(caller, request.app.state.signature_within, now)
        if after is not row.state:
            after = keep(after, facility, now)
        if after is not row.state:
            changed = {encounter_id: Row(after, row.version)}
            await request.app.state.cases.save(connection, changed, events)
            await outbox.append(connection, "bridge", events)
        await journal.note(connection, facility_id, "act", [(caller, [encounter_id])])
        failpoint.reach("request.decided")
    return item_of(after, facility_id, withdrawn=False)
