"""Ambulances: sent, replaced, and stamped on their way; dispatches that are over, mended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from fastapi import APIRouter, Request

from schemas.event import Event, Identifier
from schemas.incident import Point
from schemas.unit import UnitStatus
from services.dispatch import (
    deadline,
    director,
    incident,
    network_store,
    recommendation,
    severity,
    store,
    unit,
)
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
    """Send a unit; the three minutes begin. 409 when the unit is not free, or the call is over;
    where another was sent whom ``seen_legs`` does not name; and where a transfer that is no
    emergency would take what is kept for emergencies."""
    event_id = event_id_for(request, body, idempotency_key)
    async with transaction(request.app.state.pool) as connection:
        # Calls are locked before units, and of two the lesser name first: two orders never wait
        # for each other.
        call_row = (await store.INCIDENTS.load(connection, [incident_id]))[incident_id]
        call = store.known(call_row)
        await network_store.hold_reserve(connection, for_transfer=not incident.is_urgent(call))
        names = sorted({body.unit_id, body.replaces or body.unit_id})
        rows = await store.UNITS.load(connection, names)
        order = await _order(connection, body, caller, call, rows[body.unit_id], event_id)
        sending = Sending(request, connection, call_row, rows, order, body.seen_legs)
        return await (_divert(sending) if body.divert else _assign(sending))


class Sending(NamedTuple):
    """An order with all that it is about, locked."""

    request: Request
    connection: Connection
    call: Row[incident.Incident]
    rows: Mapping[str, Row[unit.Unit]]
    order: unit.Assignment
    #: The dispatches of the call that the sender knows, if they say so.
    seen_legs: Collection[str] | None

    @property
    def scene(self) -> unit.Scene:
        """Where the patient is said to be."""
        call = store.known(self.call)
        point = Point(latitude=call.location.latitude, longitude=call.location.longitude)
        return unit.Scene(point, call.location_source)

    @property
    def before(self) -> unit.Unit:
        """The unit that is told."""
        name = self.order.unit_id
        return self.rows[name].state or unit.Unit(unit_id=name)


async def _order(
    connection: Connection,
    body: AssignUnit,
    caller: Principal,
    call: incident.Incident,
    row: Row[unit.Unit],
    event_id: str,
) -> unit.Assignment:
    """The order, with the station that the register knows. Raises ``Rejected`` 422 without one."""
    known = await network_store.stations(connection)
    station = network_store.station_of(row.state, known) if row.state else None
    if body.station is None and station is None:
        wanted = "Say its station: the register does not know where this unit stands."
        raise Rejected(422, "No station", wanted)
    return unit.Assignment(
        event_id=event_id,
        occurred_at=body.occurred_at,
        unit_id=body.unit_id,
        incident_id=call.incident_id,
        station=body.station or (station.point if station else None),
        station_id=station.station_id if station else None,
        county=station.county if station else None,
        replaces=body.replaces,
        chosen_by=caller.name,
    )


async def _assign(sending: Sending) -> unit.Unit:
    order, connection, now = sending.order, sending.connection, datetime.now(UTC)
    other = sending.rows[order.replaces].state if order.replaces else None
    after, events = unit.assign(sending.before, order, sending.scene, now, other)
    if after is not sending.before:
        await _must_be_seen(sending)
        await _keep_reserve(sending, now)
        await _take_up(sending, now)
        await _save(connection, sending.rows[order.unit_id], after, events)
        await _arm(sending, after, now)
        if other is not None:
            back, told = unit.call_back(other, order, now)
            await _save(connection, sending.rows[other.unit_id], back, told)
    failpoint.reach("request.decided")
    return after


async def _divert(sending: Sending) -> unit.Unit:
    """The unit leaves a less severe call, which waits again."""
    order, connection, now = sending.order, sending.connection, datetime.now(UTC)
    after, left, events = unit.divert(sending.before, order, sending.scene, now)
    if left is not None:
        await _must_be_seen(sending)
        cases = await network_store.cases_of(connection, {order.incident_id, left.incident_id})
        severity.must_be_worse(cases[order.incident_id], cases[left.incident_id])
        await _take_up(sending, now)
        await _save(connection, sending.rows[order.unit_id], after, events, left)
        await store.save_legs(connection, [leg for leg in (after.leg,) if leg])
        again = deadline.at_once(left.incident_id, order.event_id, order.occurred_at)
        await store.arm(connection, [again])
        await _arm(sending, after, now)
    failpoint.reach("request.decided")
    return after


async def _must_be_seen(sending: Sending) -> None:
    """Raises ``Rejected`` 409 where a unit goes to the call that the sender knows nothing of."""
    if sending.seen_legs is None:
        return
    incident_id = sending.order.incident_id
    legs = (await store.legs_of(sending.connection, [incident_id]))[incident_id]
    unseen = sorted(leg.unit_id for leg in legs if leg.goes and leg.leg_id not in sending.seen_legs)
    if unseen:
        wanted = f"{', '.join(unseen)} goes to this call. Name its dispatch to send one more."
        raise Rejected(409, "Another was sent", wanted)


async def _keep_reserve(sending: Sending, now: datetime) -> None:
    """Raises ``Rejected`` 409 where a call that can wait would take what is kept for others."""
    if incident.is_urgent(store.known(sending.call)):
        return
    site: recommendation.Site = sending.request.app.state.advice
    free = await network_store.candidates(sending.connection, unit.ASSIGNABLE)
    chosen = next((c for c in free if c.unit.unit_id == sending.order.unit_id), None)
    if chosen is not None and not recommendation.leaves_reserve(chosen, free, site, now):
        wanted = (
            "It is kept for emergencies. Take a transport vehicle, or wait until more are free."
        )
        raise Rejected(409, "Reserve", wanted)


async def _take_up(sending: Sending, now: datetime) -> None:
    order, call = sending.order, store.known(sending.call)
    taken_up, resumed = incident.take_up(call, order.event_id, order.occurred_at, now)
    if resumed:
        changed = {call.incident_id: Row(taken_up, sending.call.version)}
        await store.INCIDENTS.save(sending.connection, changed)
        await outbox.append(sending.connection, "dispatch", resumed)


async def _arm(sending: Sending, after: unit.Unit, now: datetime) -> None:
    if after.leg is not None:
        clocks = sending.request.app.state.site.clocks
        await store.arm(sending.connection, deadline.of_leg(after.leg, clocks, now))


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
        if events and after.leg is not None:
            await _arm_after(request, connection, after.leg, given)
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
        if events:
            await _arm_after(request, connection, leg, given)
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


async def _arm_after(request: Request, connection: Connection, leg: Leg, given: Stamp) -> None:
    """Who leaves the scene has to know where to; a call that loses its unit waits again."""
    clocks, now = request.app.state.site.clocks, datetime.now(UTC)
    if given.status is UnitStatus.LEFT_SCENE:
        await store.arm(connection, deadline.of_leaving(leg, given.occurred_at, clocks, now))
    elif deadline.is_lost_by(leg, given):
        call = await store.incident(connection, leg.incident_id)
        since = deadline.Since(given.occurred_at, now)
        await store.arm(connection, deadline.of_waiting(call, clocks, since, given.stamp_id))


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
    for event in events:
        store.time_departure(event, changed)
    await outbox.append(connection, "dispatch", events)
    for event in events:
        if getattr(event, "status", None) is UnitStatus.AT_DESTINATION and changed is not None:
            await director.to_have_come(connection, after, changed, event)
