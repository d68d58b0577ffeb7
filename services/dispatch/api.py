"""Dispatch's interface for 120 software and crews: one request is one transaction."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from schemas.encounter import (
    DestinationSelected,
    DeviceAttached,
    DeviceDetached,
    EncounterEnded,
    EncounterEvent,
    EncounterUpdated,
    Outcome,
    Patient,
    PatientBoarded,
    PatientReached,
)
from schemas.event import Identifier
from schemas.incident import Call, CallClass, Location, Point
from schemas.unit import UnitStatus
from services.dispatch import incident, store, unit
from services.dispatch.encounter import Encounter, record
from services.kit import failpoint, outbox
from services.kit.auth import Principal
from services.kit.body import Body, Exactly
from services.kit.errors import Rejected
from services.kit.http import Access, IdempotencyKey, event_id_for, retrying
from services.kit.idempotency import key_used
from services.kit.postgres import Connection, Row, transaction
from services.kit.role import Role

router = APIRouter(prefix="/v1")

#: 3分钟出车: notified to departed in seconds; the target is 95 % (docs/clinical-safety.md).
THREE_MINUTES_S = 180.0

#: Part of the state, and of no answer.
OURS = {"taken"}

Dispatcher = Annotated[Principal, Depends(Access(Role.DISPATCHER))]
FieldStaff = Annotated[Principal, Depends(Access(Role.DISPATCHER, Role.CREW))]
Viewer = Annotated[Principal, Depends(Access(Role.DISPATCHER, Role.OPS))]


class OpenIncident(Body):
    """An accepted call."""

    external_number: Identifier | None = None
    call: Exactly[Call] = Call()
    location: Exactly[Location]
    classification: CallClass = "emergency"
    patients: tuple[Exactly[Patient], ...] = Field((Patient(),), min_length=1, max_length=50)


class AssignUnit(Body):
    """A unit is told to go, from its station."""

    unit_id: Identifier
    station: Exactly[Point]


class StampUnit(Body):
    """A status stamp of a unit."""

    status: UnitStatus


class UpdatePatient(Body):
    """The whole patient as now known."""

    patient: Exactly[Patient]


class ByUnit(Body):
    """An act of the crew of this unit."""

    unit_id: Identifier


class AttachDevice(Body):
    """A monitor is put on the patient."""

    device_id: Identifier


class SelectDestination(Body):
    """A human chose the hospital."""

    facility_id: Identifier


class EndEncounter(Body):
    """How it ended."""

    outcome: Outcome


@router.post("/incidents", status_code=201, response_model_exclude=OURS)
@retrying
async def open_incident(
    request: Request, body: OpenIncident, caller: Dispatcher, idempotency_key: IdempotencyKey = None
) -> incident.Incident:
    """Open an incident with one encounter for each presumed patient."""
    event_id = event_id_for(request, body, idempotency_key)
    given = incident.Intake(event_id=event_id, **body.model_dump())
    opened, encounters, events = incident.open_incident(given, datetime.now(UTC))
    async with transaction(request.app.state.pool) as connection:
        rows = await store.INCIDENTS.load(connection, [opened.incident_id])
        if known := rows[opened.incident_id].state:
            if known != opened:
                raise key_used()
            return known
        await store.INCIDENTS.save(connection, {opened.incident_id: Row(opened)})
        await store.ENCOUNTERS.save(connection, {e.encounter_id: Row(e) for e in encounters})
        await outbox.append(connection, "dispatch", events)
        failpoint.reach("request.decided")
    return opened


@router.get("/incidents/{incident_id}", response_model_exclude=OURS)
async def read_incident(
    request: Request, incident_id: Identifier, caller: Dispatcher
) -> incident.Incident:
    """An incident as it stands."""
    async with transaction(request.app.state.pool) as connection:
        return await _incident(connection, incident_id)


@router.post("/incidents/{incident_id}/units", status_code=201, response_model_exclude=OURS)
@retrying
async def assign_unit(
    request: Request,
    incident_id: Identifier,
    body: AssignUnit,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> unit.Unit:
    """Send a unit; the three minutes begin. 409 when the unit is not free."""
    event_id = event_id_for(request, body, idempotency_key)
    async with transaction(request.app.state.pool) as connection:
        scene = (await _incident(connection, incident_id)).location
        order = unit.Assignment(
            event_id=event_id,
            incident_id=incident_id,
            scene=Point(latitude=scene.latitude, longitude=scene.longitude),
            **body.model_dump(),
        )
        before = (await store.UNITS.load(connection, [body.unit_id]))[body.unit_id]
        state = before.state or unit.Unit(unit_id=body.unit_id)
        return await _store_unit(connection, before, unit.assign(state, order, datetime.now(UTC)))


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
            raise Rejected(404, "Unknown unit", "No unit of this name was ever assigned.")
        decision = unit.stamp(before.state, given, event_id, datetime.now(UTC))
        return await _store_unit(connection, before, decision)


async def _store_unit(
    connection: Connection, before: Row[unit.Unit], decision: unit.Decision
) -> unit.Unit:
    after, events = decision
    if after is not before.state:
        row = Row(after, before.version)
        await store.UnitStore().save(connection, {after.unit_id: row}, events)
        await outbox.append(connection, "dispatch", events)
    failpoint.reach("request.decided")
    return after


async def _incident(connection: Connection, incident_id: str) -> incident.Incident:
    rows = await store.INCIDENTS.load(connection, [incident_id], lock=False)
    if (known := rows[incident_id].state) is None:
        raise Rejected(404, "Unknown incident", "Open it first, or check the number.")
    return known


@router.get("/encounters/{encounter_id}", response_model_exclude=OURS)
async def read_encounter(
    request: Request, encounter_id: Identifier, caller: FieldStaff
) -> Encounter:
    """An encounter as it stands."""
    async with transaction(request.app.state.pool) as connection:
        return _known(await store.ENCOUNTERS.load(connection, [encounter_id], lock=False))


@router.put("/encounters/{encounter_id}/patient", response_model_exclude=OURS)
@retrying
async def update_patient(
    request: Request,
    encounter_id: Identifier,
    body: UpdatePatient,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """Say what is now known of the patient."""
    return await _act(request, body, idempotency_key, EncounterUpdated, patient=body.patient)


@router.post("/encounters/{encounter_id}/reached", response_model_exclude=OURS)
@retrying
async def reach_patient(
    request: Request,
    encounter_id: Identifier,
    body: ByUnit,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """The crew stands at the patient."""
    return await _act(request, body, idempotency_key, PatientReached, unit_id=body.unit_id)


@router.post("/encounters/{encounter_id}/devices", response_model_exclude=OURS)
@retrying
async def attach_device(
    request: Request,
    encounter_id: Identifier,
    body: AttachDevice,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """From ``occurred_at`` on, the monitor speaks for this patient."""
    return await _act(request, body, idempotency_key, DeviceAttached, device_id=body.device_id)


@router.post("/encounters/{encounter_id}/devices/{device_id}/detached", response_model_exclude=OURS)
@retrying
async def detach_device(
    request: Request,
    encounter_id: Identifier,
    device_id: Identifier,
    body: Body,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """From ``occurred_at`` on, the monitor no longer speaks for this patient."""
    return await _act(request, body, idempotency_key, DeviceDetached, device_id=device_id)


@router.post("/encounters/{encounter_id}/destination", response_model_exclude=OURS)
@retrying
async def select_destination(
    request: Request,
    encounter_id: Identifier,
    body: SelectDestination,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """Choose the hospital. From now on that facility, and no other, sees the patient."""
    return await _act(
        request,
        body,
        idempotency_key,
        DestinationSelected,
        facility_id=body.facility_id,
        selected_by=caller.name,
    )


@router.post("/encounters/{encounter_id}/boarding", response_model_exclude=OURS)
@retrying
async def board(
    request: Request,
    encounter_id: Identifier,
    body: ByUnit,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """上车即入院: the patient is aboard, and thereby admitted."""
    return await _act(request, body, idempotency_key, PatientBoarded, unit_id=body.unit_id)


@router.post("/encounters/{encounter_id}/outcome", response_model_exclude=OURS)
@retrying
async def end_encounter(
    request: Request,
    encounter_id: Identifier,
    body: EndEncounter,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """End the encounter with its outcome."""
    return await _act(request, body, idempotency_key, EncounterEnded, outcome=body.outcome)


async def _act(
    request: Request, body: Body, key: str | None, act: type[EncounterEvent], **particulars: Any
) -> Encounter:
    """Record an act on the encounter in the path, in one transaction."""
    encounter_id = request.path_params["encounter_id"]
    event = act(
        event_id=event_id_for(request, body, key),
        occurred_at=body.occurred_at,
        recorded_at=datetime.now(UTC),
        encounter_id=encounter_id,
        **particulars,
    )
    async with transaction(request.app.state.pool) as connection:
        rows = await store.ENCOUNTERS.load(connection, [encounter_id])
        before = _known(rows)
        after, events = record(before, event)
        if after is not before:
            row = Row(after, rows[encounter_id].version)
            await store.ENCOUNTERS.save(connection, {encounter_id: row})
            await outbox.append(connection, "dispatch", events)
        failpoint.reach("request.decided")
    return after


def _known(rows: dict[str, Row[Encounter]]) -> Encounter:
    (row,) = rows.values()
    if row.state is None:
        raise Rejected(404, "Unknown encounter", "Open an incident first, or check the number.")
    return row.state


@router.get("/indicators")
async def read_indicators(request: Request, caller: Viewer) -> dict[str, dict[str, int]]:
    """三分钟出车: what was on time, what departed, and what was never stamped, each for itself."""
    async with transaction(request.app.state.pool) as connection:
        counts = await store.three_minute_dispatch(connection, THREE_MINUTES_S)
    return {"dispatch_within_3min": counts}
