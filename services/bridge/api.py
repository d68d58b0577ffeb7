"""What an emergency department reads and answers. A facility sees nothing but its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from schemas.event import Identifier
from schemas.handoff import Acknowledged, CareTransferred, HandoffEvent, PatientArrived
from services.bridge import store
from services.bridge.handoff import act
from services.bridge.item import Item, Queue, item_of
from services.kit import failpoint, outbox
from services.kit.auth import Principal
from services.kit.body import Body
from services.kit.http import Access, IdempotencyKey, event_id_for, retrying
from services.kit.postgres import Row, transaction
from services.kit.role import Role

router = APIRouter(prefix="/v1/facilities/{facility_id}")

Staff = Annotated[Principal, Depends(Access(Role.CENTRE))]
#: A board that does not read for this long is dropped.
SEND_TIMEOUT_S = 10
HEARTBEAT_S = 15
#: An act is answered with the item as it now stands.
ITEM: dict[str, Any] = {"response_model": Item, "response_model_exclude_unset": True}


class Transfer(Body):
    """Care is handed over: the caller received it, this crew member gave it."""

    handed_over_by: Identifier


@router.get("/queue", responses={200: {"model": Queue}})
async def read_queue(request: Request, facility_id: Identifier, caller: Staff) -> Response:
    """Everything bound for this facility now."""
    async with transaction(request.app.state.pool) as connection:
        _, items = await store.snapshot(connection, facility_id)
    return Response(items, media_type="application/json")


@router.get("/feed")
async def follow_queue(
    request: Request,
    facility_id: Identifier,
    caller: Staff,
    last_event_id: Annotated[int | None, Header(ge=0, lt=2**63)] = None,
) -> EventSourceResponse:
    """The queue as server-sent events: a snapshot, or what was missed; then every change."""
    lines = request.app.state.feeds.subscribe(facility_id, last_event_id)

    async def events() -> AsyncIterator[ServerSentEvent]:
        async for feed, kind, text in lines:
            yield ServerSentEvent(data=text, event=kind, id=str(feed))

    return EventSourceResponse(events(), ping=HEARTBEAT_S, send_timeout=SEND_TIMEOUT_S)


@router.post("/encounters/{encounter_id}/acknowledgement", **ITEM)
@retrying
async def acknowledge(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: Body,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """A human has seen the record."""
    return await _act(request, body, idempotency_key, caller, Acknowledged)


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
    given = {"handed_over_by": body.handed_over_by}
    return await _act(request, body, idempotency_key, caller, CareTransferred, **given)


async def _act(
    request: Request,
    body: Body,
    key: str | None,
    caller: Principal,
    kind: type[HandoffEvent],
    **particulars: str,
) -> dict[str, Any]:
    """Record an act on the case in the path, in one transaction."""
    facility_id = request.path_params["facility_id"]
    encounter_id = request.path_params["encounter_id"]
    event = kind(
        event_id=event_id_for(request, body, key),
        occurred_at=body.occurred_at,
        recorded_at=datetime.now(UTC),
        encounter_id=encounter_id,
        facility_id=facility_id,
        staff_id=caller.name,
        **particulars,
    )
    async with transaction(request.app.state.pool) as connection:
        row = (await store.CASES.load(connection, [encounter_id]))[encounter_id]
        after, events = act(row.state, event)
        if after is not row.state:
            changed = {encounter_id: Row(after, row.version)}
            await request.app.state.cases.save(connection, changed, events)
            await outbox.append(connection, "bridge", events)
        failpoint.reach("request.decided")
    return item_of(after, facility_id, withdrawn=False)
