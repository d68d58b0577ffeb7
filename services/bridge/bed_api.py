"""What an emergency department says of its beds. A facility sees nothing but its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request

from schemas.event import Identifier
from schemas.handoff import Department
from services.bridge import bed_store, journal
from services.bridge.bed_store import BEDS
from services.bridge.beds import Beds, DivertAdvised, DivertEnded, say
from services.bridge.capacity import Overview, overview, tell
from services.bridge.reading_api import Staff
from services.bridge.requests import AdvisedDivert, CountedBeds
from services.bridge.store import confined
from services.bridge.ward import Counted, Said
from services.kit import failpoint, outbox
from services.kit.auth import Principal
from services.kit.body import Body
from services.kit.http import IdempotencyKey, event_id_for, retrying
from services.kit.postgres import Connection, Row

router = APIRouter(prefix="/v1/facilities/{facility_id}", tags=["beds"])


@router.get("/beds")
async def read_beds(request: Request, facility_id: Identifier, caller: Staff) -> Overview:
    """The beds of this facility. What was counted too long ago is not known, and not 0."""
    rules = request.app.state.facilities.of(facility_id).bed_rules
    async with confined(request.app.state.pool, facility_id) as connection:
        row = (await BEDS.load(connection, [facility_id], lock=False))[facility_id]
        beds = row.state or Beds(facility_id=facility_id)
        patients = await bed_store.waiting(connection, facility_id)
        await _note(connection, caller, beds)
    return overview(beds, patients, rules, datetime.now(UTC))


@router.put("/beds/{department}")
@retrying
async def report_beds(
    request: Request,
    facility_id: Identifier,
    department: Department,
    body: CountedBeds,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> Overview:
    """Say what a department could give now; what waits for a patient already is not counted."""
    told = {"department": department, **body.model_dump()}
    return await _say(
        request, caller, Counted(**_by(request, caller, body, idempotency_key), **told)
    )


@router.post("/divert")
@retrying
async def advise_divert(
    request: Request,
    facility_id: Identifier,
    body: AdvisedDivert,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> Overview:
    """Advise to send elsewhere (建议分流), until then and no longer. Dispatch decides."""
    by = _by(request, caller, body, idempotency_key)
    return await _say(request, caller, DivertAdvised(**by, **body.model_dump()))


@router.post("/divert/ended")
@retrying
async def end_divert(
    request: Request,
    facility_id: Identifier,
    body: Body,
    caller: Staff,
    idempotency_key: IdempotencyKey = None,
) -> Overview:
    """Take that advice back before it ends by itself."""
    by = _by(request, caller, body, idempotency_key)
    return await _say(request, caller, DivertEnded(**by, **body.model_dump()))


def _by(request: Request, caller: Principal, body: Body, key: str | None) -> dict[str, Any]:
    return {"event_id": event_id_for(request, body, key), "staff_id": caller.name}


async def _say(request: Request, caller: Principal, said: Said) -> Overview:
    """Take in what was said, in one transaction, and answer with the beds as they are now."""
    facility_id = request.path_params["facility_id"]
    rules = request.app.state.facilities.of(facility_id).bed_rules
    async with confined(request.app.state.pool, facility_id) as connection:
        row = (await BEDS.load(connection, [facility_id]))[facility_id]
        now = datetime.now(UTC)
        before = row.state or Beds(facility_id=facility_id)
        after, alerts = say(before, said, rules, now)
        patients = await bed_store.waiting(connection, facility_id)
        if after is not before:
            after, news = tell(after, patients, rules, now)
            await BEDS.save(connection, {facility_id: Row(after, row.version)})
            await outbox.append(connection, "bridge", [*alerts, *news])
        await _note(connection, caller, after)
        failpoint.reach("request.decided")
    return overview(after, patients, rules, now)


async def _note(connection: Connection, caller: Principal, beds: Beds) -> None:
    """Who sees for whom a bed waits has read of those patients."""
    named = {held.encounter_id for ward in beds.wards.values() for held in ward.reservations}
    if named:
        await journal.note(connection, beds.facility_id, "beds", [(caller, sorted(named))])
