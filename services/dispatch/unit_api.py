"""Ambulances: sent, replaced, and stamped on their way; dispatches that are over, mended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Request

from schemas.event import Event, Identifier
from schemas.incident import Point
from services.dispatch import deadline, incident, store, unit
from services.dispatch.callers import OURS, Dispatcher, FieldStaff
from services.dispatch.leg import Correction, Leg, Stamp
from services.dispatch.requests import AssignUnit, CorrectStamp, StampLeg, StampUnit
from services.kit import failpoint, outbox
from services.kit.auth import Principal
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
    event_id, now = event_id_for(request, body, idempotency_key), datetime.now(UTC)
    async with transaction(request.app.state.pool) as connection:
        row = (await store.INCIDENTS.load(connection, [incident_id]))[incident_id]
        call = store.known(row)
        # Both are locked, the lesser name first, so that two orders never wait for each other.
        names = sorted({body.unit_id, body.replaces or body.unit_id})
        rows = await store.UNITS.load(connection, names)
        before = rows[body.unit_id].state or unit.Unit(unit_id=body.unit_id)
        other = rows[body.replaces].state if body.replaces else None
        point = Point(latitude=call.location.latitude, longitude=call.location.longitude)
        scene = unit.Scene(point, call.location_source)
        order = unit.Assignment(event_id=event_id, incident_id=incident_id, **body.model_dump())
        after, events = unit.assign(before, order, scene, now, other)
        if after is not before:
            taken_up, resumed = incident.take_up(call, event_id, body.occurred_at, now)
            if resumed:
                changed = {incident_id: Row(taken_up, row.version)}
                await store.INCIDENTS.save(connection, changed)
                await outbox.append(connection, "dispatch", resumed)
            await _save(connection, rows[body.unit_id], after, events)
            if after.leg is not None:
                due = deadline.of_leg(after.leg, request.app.state.site.clocks, now)
                await store.arm(connection, due)
            if other is not None:
                await _save(connection, rows[other.unit_id], *unit.call_back(other, order, now))
        failpoint.reach("request.decided")
    return after


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
    given = _stamp(request, body, caller, idempotency_key)
    async with transaction(request.app.state.pool) as connection:
        row = await _unit(connection, unit_id)
        before = store.known(row)
        after, events = unit.stamp(before, given)
        await _save(connection, row, after, events)
        failpoint.reach("request.decided")
    return after


@router.get("/legs/{leg_id}")
async def read_leg(request: Request, leg_id: Identifier, caller: FieldStaff) -> Leg:
    """One dispatch of one unit: its stamps, each with its source, and what was corrected."""
    async with transaction(request.app.state.pool) as connection:
        return await _leg(connection, leg_id)


@router.post("/legs/{leg_id}/stamps")
@retrying
async def stamp_leg(
    request: Request,
    leg_id: Identifier,
    body: StampLeg,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Leg:
    """Record a stamp of a dispatch that may be over: the unit's status does not turn back."""
    given = _stamp(request, body, caller, idempotency_key)
    async with transaction(request.app.state.pool) as connection:
        row = await _unit(connection, (await _leg(connection, leg_id)).unit_id)
        before = await _leg(connection, leg_id)  # anew, behind the lock of its unit
        known = store.known(row)
        after, leg, events = unit.enter(known, before, given)
        await _save(connection, row, after, events, leg)
        failpoint.reach("request.decided")
    return leg


@router.post("/legs/{leg_id}/stamps/{stamp_id}/correction")
@retrying
async def correct_stamp(
    request: Request,
    leg_id: Identifier,
    stamp_id: Identifier,
    body: CorrectStamp,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> Leg:
    """Say that a stamp was wrong, and why. Nothing is overwritten; the indicators follow."""
    event_id = event_id_for(request, body, idempotency_key)
    wanted = Correction(
        stamp_id=stamp_id,
        occurred_at=body.corrected_to,
        reason=body.reason,
        corrected_by=caller.name,
        recorded_at=datetime.now(UTC),
    )
    async with transaction(request.app.state.pool) as connection:
        row = await _unit(connection, (await _leg(connection, leg_id)).unit_id)
        before = await _leg(connection, leg_id)
        known = store.known(row)
        after, leg, events = unit.correct(known, before, wanted, event_id)
        await _save(connection, row, after, events, leg)
        failpoint.reach("request.decided")
    return leg


def _stamp(
    request: Request, body: StampUnit | StampLeg, caller: Principal, key: str | None
) -> Stamp:
    return Stamp(
        stamp_id=event_id_for(request, body, key),
        status=body.status,
        source="crew" if caller.role is Role.CREW else "dispatcher",
        occurred_at=body.occurred_at,
        recorded_at=datetime.now(UTC),
    )


async def _unit(connection: Connection, unit_id: str) -> Row[unit.Unit]:
    row = (await store.UNITS.load(connection, [unit_id]))[unit_id]
    if row.state is None:
        raise Rejected(404, "Unknown unit", "No unit of this name was ever assigned: check it.")
    return row


async def _leg(connection: Connection, leg_id: str) -> Leg:
    found = (await store.legs_by_id(connection, [leg_id])).get(leg_id)
    if found is None:
        raise Rejected(404, "Unknown dispatch", "There is none of this number: check it.")
    return found


async def _save(
    connection: Connection,
    row: Row[unit.Unit],
    after: unit.Unit,
    events: Sequence[Event],
    leg: Leg | None = None,
) -> None:
    if after is row.state:
        return
    await store.UNITS.save(connection, {after.unit_id: Row(after, row.version)})
    changed = leg or after.leg
    if changed is not None:
        await store.save_legs(connection, [changed])
    await outbox.append(connection, "dispatch", events)
