"""What an emergency department answers. A facility sees nothing but its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import Request, Response

from schemas.clinical import LevelOverridden
from schemas.encounter import EncounterEvent
from schemas.event import Identifier
from schemas.handoff import (
    Accepted,
    Acknowledged,
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
from services.bridge import journal, store
from services.bridge.acts import act
from services.bridge.case import Case
from services.bridge.item import Item, item_of
from services.bridge.promise import keep
from services.bridge.reading_api import Staff, router
from services.bridge.receipt import Receipt, receive
from services.bridge.requests import (
    Acknowledgement,
    ActivatedCentre,
    Bed,
    DirectWay,
    Identity,
    OverriddenLevel,
    ReachedMilestone,
    Receipts,
    Redirection,
    ReportedOutcome,
    RevokedWay,
    Transfer,
)
from services.kit import failpoint, outbox
from services.kit.auth import Principal
from services.kit.body import Body
from services.kit.http import IdempotencyKey, event_id_for, retrying
from services.kit.postgres import Row

__all__ = ["router"]

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
        news = [key for key, row in seen.items() if _noted(row, facility_id, wanted[key], now)[1]]
        rows = await store.CASES.load(connection, news) if news else {}
        changed: dict[str, Row[Case]] = {}
        told: list[EncounterEvent] = []
        for key, row in rows.items():
            case, events = _noted(row, facility_id, wanted[key], now)
            told += events
            if case is not None and events:
                kept = keep(case, state.facilities.of(facility_id), now)
                changed[key] = Row(kept, row.version)
        if changed:
            await state.cases.save(connection, changed, told)
            await outbox.append(connection, "bridge", told)
    return Response(status_code=204)


def _noted(
    row: Row[Case], facility_id: str, told: Receipt, now: datetime
) -> tuple[Case | None, Sequence[EncounterEvent]]:
    return receive(row.state, facility_id, told, now)


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
    """Alert or activate a centre's team (一键启动)."""
    return await _act(request, body, idempotency_key, caller, CentreActivated)


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
    """A bed waits for the patient."""
    return await _act(request, body, idempotency_key, caller, BedReserved)


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
    body: Body,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """The patient is at the door."""
    return await _act(request, body, idempotency_key, caller, PatientArrived)


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


@router.post("/encounters/{encounter_id}/transfer", **ITEM)
@retrying
async def transfer(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: Transfer,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Care is handed over; the record is locked."""
    return await _act(request, body, idempotency_key, caller, CareTransferred)


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
        **{name: getattr(body, name) for name in type(body).model_fields},
    )
    async with store.confined(request.app.state.pool, facility_id) as connection:
        row = (await store.CASES.load(connection, [encounter_id]))[encounter_id]
        after, events = act(row.state, event, now)
        if after is not row.state:
            after = keep(after, request.app.state.facilities.of(facility_id), now)
        if after is not row.state:
            changed = {encounter_id: Row(after, row.version)}
            await request.app.state.cases.save(connection, changed, events)
            await outbox.append(connection, "bridge", events)
        await journal.note(connection, facility_id, "act", [(caller, [encounter_id])])
        failpoint.reach("request.decided")
    return item_of(after, facility_id, withdrawn=False)
