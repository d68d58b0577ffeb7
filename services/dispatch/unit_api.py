"""Ambulances: sent, and stamped on their way."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request

from schemas.event import Identifier
from schemas.incident import Point
from services.dispatch import incident, store, unit
from services.dispatch.callers import OURS, Dispatcher, FieldStaff
from services.dispatch.requests import AssignUnit, StampUnit
from services.kit import failpoint, outbox
from services.kit.errors import Rejected
from services.kit.http import IdempotencyKey, event_id_for, retrying
from services.kit.postgres import Connection, Row, transaction
from services.kit.role import Role

router = APIRouter(prefix="/v1")


@router.post("/incidents/{incident_id}/units", status_code=201, response_model_exclude=OURS)
@retrying
async def assign_unit(
    request: Request,
    incident_id: Identifier,
    body: AssignUnit,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> unit.Unit:
    """Send a unit; the three minutes begin. 409 when the unit is not free, or the call is over."""
    event_id = event_id_for(request, body, idempotency_key)
    async with transaction(request.app.state.pool) as connection:
        call = await store.incident(connection, incident_id)
        scene = call.location
        order = unit.Assignment(
            event_id=event_id,
            incident_id=incident_id,
            scene=Point(latitude=scene.latitude, longitude=scene.longitude),
            **body.model_dump(),
        )
        before = (await store.UNITS.load(connection, [body.unit_id]))[body.unit_id]
        state = before.state or unit.Unit(unit_id=body.unit_id)
        decision = unit.assign(state, order, datetime.now(UTC))
        if decision[0] is not state:
            incident.must_go_on(call)
        return await _save(connection, before, decision)


@router.post("/units/{unit_id}/stamps", response_model_exclude=OURS)
@retrying
async def stamp_unit(
    request: Request,
    unit_id: Identifier,
    body: StampUnit,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> unit.Unit:
    """Record a status stamp, by the crew or by the dispatcher for them."""
    event_id = event_id_for(request, body, idempotency_key)
    source = "crew" if caller.role is Role.CREW else "dispatcher"
    given = unit.Stamp(status=body.status, source=source, occurred_at=body.occurred_at)
    async with transaction(request.app.state.pool) as connection:
        before = (await store.UNITS.load(connection, [unit_id]))[unit_id]
        if before.state is None:
            raise Rejected(404, "Unknown unit", "No unit of this name was ever assigned: check it.")
        decision = unit.stamp(before.state, given, event_id, datetime.now(UTC))
        return await _save(connection, before, decision)


async def _save(
    connection: Connection, before: Row[unit.Unit], decision: unit.Decision
) -> unit.Unit:
    after, events = decision
    if after is not before.state:
        row = Row(after, before.version)
        await store.UnitStore().save(connection, {after.unit_id: row}, events)
        await outbox.append(connection, "dispatch", events)
    failpoint.reach("request.decided")
    return after
