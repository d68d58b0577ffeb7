"""Alarms of the clocks: for the dispatch board and the shift lead."""

from __future__ import annotations

from fastapi import APIRouter, Request

from schemas.event import Identifier
from services.dispatch import store
from services.dispatch.callers import Dispatcher, FieldStaff
from services.dispatch.deadline import Alarm
from services.kit.body import Body
from services.kit.http import IdempotencyKey, retrying
from services.kit.postgres import transaction

router = APIRouter(prefix="/v1/alarms")
of_units = APIRouter(prefix="/v1/units")


@router.get("")
async def read_alarms(request: Request, caller: Dispatcher) -> list[Alarm]:
    """What is due and has not happened, the oldest first. An alarm whose cause is gone is told no
    more."""
    async with transaction(request.app.state.pool) as connection:
        return await store.open_alarms(connection)


@of_units.get("/{unit_id}/alarms")
async def read_alarms_of_unit(
    request: Request, unit_id: Identifier, caller: FieldStaff
) -> list[Alarm]:
    """What this unit is asked for: to leave, to say where it goes, to be heard."""
    async with transaction(request.app.state.pool) as connection:
        return [each for each in await store.open_alarms(connection) if each.unit_id == unit_id]


@router.post("/{alarm_id}/acknowledged")
@retrying
async def acknowledge_alarm(
    request: Request,
    alarm_id: Identifier,
    body: Body,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> Alarm:
    """Somebody has seen it and acts; the first who said so is kept."""
    async with transaction(request.app.state.pool) as connection:
        return await store.acknowledge_alarm(connection, alarm_id, caller.name)
