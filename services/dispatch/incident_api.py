"""Calls: opened, better known, merged, closed; the patients of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeVar

from fastapi import APIRouter, Request

from schemas.event import Event, Identifier
from schemas.incident import (
    IncidentClassified,
    IncidentClosed,
    IncidentEvent,
    IncidentLocated,
    IncidentMerged,
)
from services.dispatch import incident, store
from services.dispatch.callers import OURS, Dispatcher, FieldStaff
from services.dispatch.encounter import Encounter, Opening, encounter_id_of
from services.dispatch.requests import (
    AddPatient,
    ClassifyIncident,
    LocateIncident,
    MergeIncident,
    OpenIncident,
)
from services.kit import failpoint, outbox
from services.kit.body import Body
from services.kit.http import IdempotencyKey, event_id_for, retrying
from services.kit.idempotency import key_used
from services.kit.postgres import Connection, Row, transaction

E = TypeVar("E", bound=IncidentEvent)

router = APIRouter(prefix="/v1/incidents")


@router.post("", status_code=201, response_model_exclude=OURS)
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
            if not incident.is_repeated(known, given):
                raise key_used()
            return known
        await _save(connection, Row(opened), encounters, events)
    return opened


@router.get("/{incident_id}", response_model_exclude=OURS)
async def read_incident(
    request: Request, incident_id: Identifier, caller: Dispatcher
) -> incident.Incident:
    """An incident as it stands."""
    async with transaction(request.app.state.pool) as connection:
        return await store.incident(connection, incident_id)


@router.put("/{incident_id}/location", response_model_exclude=OURS)
@retrying
async def locate_incident(
    request: Request,
    incident_id: Identifier,
    body: LocateIncident,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """Say where the patient is, as now known. Units on their way keep the scene they were sent
    to until they are told."""
    told = {"location": body.location, "source": body.source}
    return await _correct(request, body, idempotency_key, IncidentLocated, **told)


@router.put("/{incident_id}/classification", response_model_exclude=OURS)
@retrying
async def classify_incident(
    request: Request,
    incident_id: Identifier,
    body: ClassifyIncident,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """Say of what class the call is: only emergencies count in the three-minute rate."""
    told = {"classification": body.classification}
    return await _correct(request, body, idempotency_key, IncidentClassified, **told)


@router.post("/{incident_id}/merge", response_model_exclude=OURS)
@retrying
async def merge_incident(
    request: Request,
    incident_id: Identifier,
    body: MergeIncident,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """Two calls, one event: this one goes on as ``into``. 409 when a crew has reached a patient."""
    event = _event(request, body, idempotency_key, IncidentMerged, into=body.into)
    async with transaction(request.app.state.pool) as connection:
        # Both are locked, the lesser number first, so that two merges never wait for each other.
        rows = await store.INCIDENTS.load(connection, sorted({incident_id, body.into}))
        before, into = store.known(rows[incident_id]), store.known(rows[body.into])
        patients = await store.ENCOUNTERS.load(connection, before.encounter_ids)
        placeholders = [row.state for row in patients.values() if row.state]
        after, ended, events = incident.merge(before, into, placeholders, event)
        if events:
            row = Row(after, rows[incident_id].version)
            await _save(connection, row, ended, events, patients)
    return after


@router.post("/{incident_id}/closed", response_model_exclude=OURS)
@retrying
async def close_incident(
    request: Request,
    incident_id: Identifier,
    body: Body,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """Close an incident whose patients all have their outcome (409 otherwise)."""
    event = _event(request, body, idempotency_key, IncidentClosed)
    async with transaction(request.app.state.pool) as connection:
        rows = await store.INCIDENTS.load(connection, [incident_id])
        before = store.known(rows[incident_id])
        patients = await store.ENCOUNTERS.load(connection, before.encounter_ids, lock=False)
        states = [row.state for row in patients.values() if row.state]
        after, events = incident.close(before, states, event)
        if events:
            await _save(connection, Row(after, rows[incident_id].version), (), events)
    return after


@router.post("/{incident_id}/encounters", status_code=201, response_model_exclude=OURS)
@retrying
async def add_patient(
    request: Request,
    incident_id: Identifier,
    body: AddPatient,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """One more patient of this call: found on scene, or, with ``mother_id``, born on the way."""
    event_id = event_id_for(request, body, idempotency_key)
    opening = Opening(
        encounter_id=encounter_id_of(incident_id, event_id),
        occurred_at=body.occurred_at,
        patient=body.patient,
        origin="birth" if body.mother_id else "scene",
        incident_id=incident_id,
        mother_id=body.mother_id,
    )
    async with transaction(request.app.state.pool) as connection:
        rows = await store.INCIDENTS.load(connection, [incident_id])
        before = store.known(rows[incident_id])
        after, opened, events = incident.add_patient(before, opening, datetime.now(UTC))
        if not events:
            again = await store.ENCOUNTERS.load(connection, [opening.encounter_id], lock=False)
            return store.known(again[opening.encounter_id])
        await _save(connection, Row(after, rows[incident_id].version), opened, events)
    return opened[0]


async def _correct(
    request: Request, body: Body, key: str | None, kind: type[IncidentEvent], **particulars: Any
) -> incident.Incident:
    incident_id = request.path_params["incident_id"]
    event = _event(request, body, key, kind, **particulars)
    async with transaction(request.app.state.pool) as connection:
        rows = await store.INCIDENTS.load(connection, [incident_id])
        before = store.known(rows[incident_id])
        after, events = incident.correct(before, event)
        if events:
            await _save(connection, Row(after, rows[incident_id].version), (), events)
    return after


def _event(request: Request, body: Body, key: str | None, kind: type[E], **particulars: Any) -> E:
    return kind(
        event_id=event_id_for(request, body, key),
        occurred_at=body.occurred_at,
        recorded_at=datetime.now(UTC),
        incident_id=request.path_params["incident_id"],
        **particulars,
    )


async def _save(
    connection: Connection,
    row: Row[incident.Incident],
    encounters: Sequence[Encounter],
    events: Sequence[Event],
    versions: Mapping[str, Row[Encounter]] = MappingProxyType({}),
) -> None:
    """Store an incident, the encounters of it that changed, and what tells of them."""
    assert row.state is not None  # noqa: S101 (nobody stores nothing)
    await store.INCIDENTS.save(connection, {row.state.incident_id: row})
    changed = {
        e.encounter_id: Row(e, versions[e.encounter_id].version if versions else 0)
        for e in encounters
    }
    await store.ENCOUNTERS.save(connection, changed)
    await outbox.append(connection, "dispatch", events)
    failpoint.reach("request.decided")
