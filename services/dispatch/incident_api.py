"""Calls: opened, better known, merged, closed; the patients of a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeVar

from fastapi import APIRouter, Request

from schemas.event import Event, Identifier
from schemas.incident import (
    CallerCalledBack,
    IncidentAbandoned,
    IncidentClassified,
    IncidentClosed,
    IncidentDismissed,
    IncidentEvent,
    IncidentHeld,
    IncidentLocated,
    IncidentMerged,
    IncidentResumed,
    IncidentUnmerged,
)
from services.dispatch import deadline, director, incident, store
from services.dispatch.callers import OURS, Dispatcher, FieldStaff
from services.dispatch.encounter import Encounter, Opening, encounter_id_of
from services.dispatch.requests import (
    AddPatient,
    AddPatients,
    CallBack,
    ClassifyIncident,
    CorrectCall,
    LocateIncident,
    MergeIncident,
    OpenIncident,
    UnmergeIncident,
    WithReason,
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
    told = {**body.model_dump(), "location": body.location.on_earth}
    given = incident.Intake(event_id=event_id, **told)
    opened, encounters, events = incident.open_incident(given, datetime.now(UTC))
    async with transaction(request.app.state.pool) as connection:
        rows = await store.INCIDENTS.load(connection, [opened.incident_id])
        if known := rows[opened.incident_id].state:
            if not incident.is_repeated(known, given):
                raise key_used()
            return known
        await _save(connection, Row(opened), encounters, events)
        due = deadline.of_call(opened, request.app.state.site.clocks, datetime.now(UTC))
        await store.arm(connection, due)
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
    """Say where the patient is, as now known. Units on their way are told."""
    told = {"location": body.location.on_earth, "source": body.source, "reason": body.reason}
    event = _event(request, body, idempotency_key, IncidentLocated, **told)

    async def tell(connection: Connection, after: incident.Incident) -> None:
        await director.to_scene(connection, after, event)

    return await _change(request, event, incident.correct, tell)


@router.put("/{incident_id}/classification", response_model_exclude=OURS)
@retrying
async def classify_incident(
    request: Request,
    incident_id: Identifier,
    body: ClassifyIncident,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """Say of what class the call is: only emergencies count in the three-minute rate. One that
    becomes an emergency keeps its patients, and its clocks begin then."""
    told = {"classification": body.classification, "reason": body.reason}
    event = _event(request, body, idempotency_key, IncidentClassified, **told)

    async def begin_clocks(connection: Connection, after: incident.Incident) -> None:
        if after.classification != "emergency":
            return
        legs = (await store.legs_of(connection, [after.incident_id]))[after.incident_id]
        clocks = request.app.state.site.clocks
        await store.disarm(connection, after.incident_id)
        due = deadline.as_emergency(after, legs, clocks, datetime.now(UTC))
        await store.arm(connection, due)

    return await _change(request, event, incident.correct, begin_clocks)


@router.post("/{incident_id}/call-correction", response_model_exclude=OURS)
@retrying
async def correct_call(
    request: Request,
    incident_id: Identifier,
    body: CorrectCall,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """Say that a time of the call was wrong, and why. What stood before is kept beside it; the
    indicators follow, and a call that waits is alarmed of sooner, never later."""
    wanted = incident.CallCorrection(
        event_id=event_id_for(request, body, idempotency_key),
        occurred_at=body.occurred_at,
        named=body.named,
        call=body.call,
        reason=body.reason,
        corrected_by=caller.name,
    )
    async with transaction(request.app.state.pool) as connection:
        row = (await store.INCIDENTS.load(connection, [incident_id]))[incident_id]
        after, events = incident.correct_call(store.known(row), wanted, datetime.now(UTC))
        if events:
            await _save(connection, Row(after, row.version), (), events)
            clocks = request.app.state.site.clocks
            await store.arm(connection, deadline.of_call(after, clocks, datetime.now(UTC)))
    return after


@router.post("/{incident_id}/merge", response_model_exclude=OURS)
@retrying
async def merge_incident(
    request: Request,
    incident_id: Identifier,
    body: MergeIncident,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """Two calls, one event: this one goes on as ``into``, and so do its units. 409 when a crew has
    reached a patient."""
    event = _event(request, body, idempotency_key, IncidentMerged, into=body.into)
    async with transaction(request.app.state.pool) as connection:
        # Both are locked, the lesser number first, so that two merges never wait for each other.
        rows = await store.INCIDENTS.load(connection, sorted({incident_id, body.into}))
        before, into = store.known(rows[incident_id]), store.known(rows[body.into])
        patients = await store.ENCOUNTERS.load(connection, before.encounter_ids)
        after, ended, events = incident.merge(before, into, _states(patients), event)
        if events:
            row = Row(after, rows[incident_id].version)
            await _save(connection, row, ended, events, patients)
            await director.to_go_on(connection, incident_id)
            await director.to_scene(connection, into, event)
    return after


@router.post("/{incident_id}/unmerge", response_model_exclude=OURS)
@retrying
async def unmerge_incident(
    request: Request,
    incident_id: Identifier,
    body: UnmergeIncident,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """It was another call after all: open again, with its units, its patients expected under new
    numbers."""
    told = {"out_of": body.out_of, "reason": body.reason}
    event = _event(request, body, idempotency_key, IncidentUnmerged, **told)
    async with transaction(request.app.state.pool) as connection:
        row, patients = await _with_patients(connection, incident_id)
        holder = (await store.going_on(connection, [incident_id])).get(incident_id)
        after, again, events = incident.unmerge(
            store.known(row), _states(patients), event, datetime.now(UTC)
        )
        if events:
            await _save(connection, Row(after, row.version), again, events, patients)
            assert holder is not None  # noqa: S101 (it was merged into one that there is)
            await director.to_go_on(connection, holder)
            await director.to_scene(connection, after, event)
            # A unit of the one is none of the other any more.
            for call in (after, await store.incident(connection, holder)):
                await _arm(request, connection, call, event)
    return after


@router.post("/{incident_id}/held", response_model_exclude=OURS)
@retrying
async def hold_incident(
    request: Request,
    incident_id: Identifier,
    body: WithReason,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """The call waits, and why: the shift lead hears of it at once, where no unit was sent yet."""
    event = _event(request, body, idempotency_key, IncidentHeld, reason=body.reason)

    async def alarm(connection: Connection, after: incident.Incident) -> None:
        await store.arm(
            connection, [deadline.at_once(after.incident_id, event.event_id, event.occurred_at)]
        )

    return await _change(request, event, incident.stand, alarm)


@router.post("/{incident_id}/resumed", response_model_exclude=OURS)
@retrying
async def resume_incident(
    request: Request,
    incident_id: Identifier,
    body: WithReason,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """A call that was held, given up or dismissed is worked on again."""
    event = _event(request, body, idempotency_key, IncidentResumed, reason=body.reason)

    async def alarm(connection: Connection, after: incident.Incident) -> None:
        await _arm(request, connection, after, event)

    return await _change(request, event, incident.stand, alarm)


@router.post("/{incident_id}/abandoned", response_model_exclude=OURS)
@retrying
async def abandon_incident(
    request: Request,
    incident_id: Identifier,
    body: Body,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """The caller was lost before enough was known. Call back; a unit may still be sent."""
    return await _stand(request, body, idempotency_key, IncidentAbandoned)


@router.post("/{incident_id}/dismissed", response_model_exclude=OURS)
@retrying
async def dismiss_incident(
    request: Request,
    incident_id: Identifier,
    body: WithReason,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """The call was a nuisance. It can be resumed; closing it ends it for good."""
    return await _stand(request, body, idempotency_key, IncidentDismissed, reason=body.reason)


@router.post("/{incident_id}/call-backs", response_model_exclude=OURS)
@retrying
async def call_back(
    request: Request,
    incident_id: Identifier,
    body: CallBack,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """The caller was called back, and answered or did not."""
    told = {"answered": body.answered}
    return await _correct(request, body, idempotency_key, CallerCalledBack, **told)


@router.post("/{incident_id}/closed", response_model_exclude=OURS)
@retrying
async def close_incident(
    request: Request,
    incident_id: Identifier,
    body: Body,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """Close an incident whose patients all have their outcome (409 otherwise). Of one that was
    given up or dismissed, patients whom nobody has reached end with it."""
    event = _event(request, body, idempotency_key, IncidentClosed)
    async with transaction(request.app.state.pool) as connection:
        row, patients = await _with_patients(connection, incident_id)
        after, ended, events = incident.close(store.known(row), _states(patients), event)
        if events:
            await _save(connection, Row(after, row.version), ended, events, patients)
    return after


@router.post("/{incident_id}/patients", status_code=201, response_model_exclude=OURS)
@retrying
async def add_patients(
    request: Request,
    incident_id: Identifier,
    body: AddPatients,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> incident.Incident:
    """So many more patients, in one act: their numbers are the last of ``encounter_ids``."""
    event_id = event_id_for(request, body, idempotency_key)
    numbers = range(1, len(body.patients) + 2)
    *ids, next_id = (encounter_id_of(incident_id, event_id, str(number)) for number in numbers)
    openings = [
        Opening(
            encounter_id=encounter_id,
            occurred_at=body.occurred_at,
            patient=patient,
            origin="scene",
            incident_id=incident_id,
        )
        for encounter_id, patient in zip(ids, body.patients, strict=True)
    ]
    async with transaction(request.app.state.pool) as connection:
        row = (await store.INCIDENTS.load(connection, [incident_id]))[incident_id]
        before, now = store.known(row), datetime.now(UTC)
        after, opened, events = incident.add_patients(before, openings, now, next_id)
        if events:
            await _save(connection, Row(after, row.version), opened, events)
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
        after, opened, events = incident.add_patients(before, [opening], datetime.now(UTC))
        if not events:
            again = await store.ENCOUNTERS.load(connection, [opening.encounter_id], lock=False)
            return store.known(again[opening.encounter_id])
        await _save(connection, Row(after, rows[incident_id].version), opened, events)
    return opened[0]


async def _arm(
    request: Request, connection: Connection, after: incident.Incident, event: IncidentEvent
) -> None:
    """A call that is worked on again waits for a unit, if none is sent."""
    since = deadline.Since(event.occurred_at, datetime.now(UTC))
    clocks = request.app.state.site.clocks
    await store.arm(connection, deadline.of_waiting(after, clocks, since, event.event_id))


async def _nothing(connection: Connection, after: incident.Incident) -> None:
    """Nothing else follows."""


async def _change(
    request: Request,
    event: E,
    decide: Callable[[incident.Incident, E], incident.Decision],
    then: Callable[[Connection, incident.Incident], Awaitable[None]] = _nothing,
) -> incident.Incident:
    """Store what an act changes, and in the same transaction what follows from it."""
    async with transaction(request.app.state.pool) as connection:
        rows = await store.INCIDENTS.load(connection, [event.incident_id])
        after, events = decide(store.known(rows[event.incident_id]), event)
        if events:
            await _save(connection, Row(after, rows[event.incident_id].version), (), events)
            await then(connection, after)
    return after


async def _correct(
    request: Request, body: Body, key: str | None, kind: type[IncidentEvent], **particulars: Any
) -> incident.Incident:
    return await _change(request, _event(request, body, key, kind, **particulars), incident.correct)


async def _stand(
    request: Request, body: Body, key: str | None, kind: type[IncidentEvent], **particulars: Any
) -> incident.Incident:
    return await _change(request, _event(request, body, key, kind, **particulars), incident.stand)


async def _with_patients(
    connection: Connection, incident_id: str
) -> tuple[Row[incident.Incident], dict[str, Row[Encounter]]]:
    """An incident and its patients, locked in this order."""
    row = (await store.INCIDENTS.load(connection, [incident_id]))[incident_id]
    return row, await store.ENCOUNTERS.load(connection, store.known(row).encounter_ids)


def _states(rows: Mapping[str, Row[Encounter]]) -> list[Encounter]:
    return [row.state for row in rows.values() if row.state]


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
        e.encounter_id: Row(e, versions.get(e.encounter_id, Row(None)).version) for e in encounters
    }
    await store.ENCOUNTERS.save(connection, changed)
    await outbox.append(connection, "dispatch", events)
    failpoint.reach("request.decided")
