"""Clinics and hospitals that send a patient on: walk-ins and emergency transfers."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request

from schemas.event import Identifier
from services.dispatch import deadline, store
from services.dispatch.callers import OURS, Clinic, known
from services.dispatch.encounter import (
    Encounter,
    Opening,
    encounter_id_of,
    is_repeated,
    open_encounter,
)
from services.dispatch.requests import OpenEncounter, RequestTransfer
from services.dispatch.transfer import Transfer, request_transfer
from services.kit import failpoint, outbox
from services.kit.http import IdempotencyKey, event_id_for, retrying
from services.kit.idempotency import key_used
from services.kit.postgres import Row, transaction

router = APIRouter(prefix="/v1/facilities/{facility_id}")


@router.post("/encounters", status_code=201, response_model_exclude=OURS)
@retrying
async def open_encounter_at_clinic(
    request: Request,
    facility_id: Identifier,
    body: OpenEncounter,
    caller: Clinic,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """A patient walked in, or is to go on from here: the record begins before any vehicle."""
    event_id = event_id_for(request, body, idempotency_key)
    opening = Opening(
        encounter_id=encounter_id_of(facility_id, event_id),
        occurred_at=body.occurred_at,
        patient=body.patient,
        origin="clinic",
        facility_id=facility_id,
        continues=body.continues,
    )
    encounter, opened = open_encounter(opening, datetime.now(UTC))
    async with transaction(request.app.state.pool) as connection:
        rows = await store.ENCOUNTERS.load(connection, [opening.encounter_id])
        if before := rows[opening.encounter_id].state:
            if not is_repeated(before, opening):
                raise key_used()
            return before
        await store.ENCOUNTERS.save(connection, {encounter.encounter_id: Row(encounter)})
        await outbox.append(connection, "dispatch", [opened])
        failpoint.reach("request.decided")
    return encounter


@router.post(
    "/encounters/{encounter_id}/transfer-request", status_code=201, response_model_exclude=OURS
)
@retrying
async def ask_for_transfer(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    body: RequestTransfer,
    caller: Clinic,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """The patient has to be taken on, now: an incident is opened, and units come as to a call."""
    asked = Transfer(
        event_id=event_id_for(request, body, idempotency_key),
        from_facility_id=facility_id,
        requested_by=caller.name,
        **{**body.model_dump(), "location": body.location.on_earth},
    )
    async with transaction(request.app.state.pool) as connection:
        rows = await store.ENCOUNTERS.load(connection, [encounter_id])
        before = known(rows, caller)
        now = datetime.now(UTC)
        after, opened, events = request_transfer(before, asked, now)
        if opened is not None:
            await store.INCIDENTS.save(connection, {opened.incident_id: Row(opened)})
            row = Row(after, rows[encounter_id].version)
            await store.ENCOUNTERS.save(connection, {encounter_id: row})
            await outbox.append(connection, "dispatch", events)
            due = deadline.of_call(opened, request.app.state.site.clocks, now)
            await store.arm(connection, due)
        failpoint.reach("request.decided")
    return after
