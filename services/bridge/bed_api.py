"""What an emergency department says of its beds. A facility sees nothing but its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from schemas.event import Identifier
from schemas.handoff import Department
from services.bridge import bed_store
from services.bridge.bed_store import BEDS
from services.bridge.beds import Beds, DivertAdvised, DivertEnded, say
from services.bridge.capacity import Overview, overview, tell
from services.bridge.requests import AdvisedDivert, CountedBeds
from services.bridge.store import confined
from services.bridge.ward import Counted, Said
from services.kit import failpoint, outbox
from services.kit.auth import Principal
from services.kit.body import Body
from services.kit.http import Access, IdempotencyKey, event_id_for, retrying
from services.kit.postgres import Row
from services.kit.role import Role

router = APIRouter(prefix="/v1/facilities/{facility_id}", tags=["beds"])

Staff = Annotated[Principal, Depends(Access(Role.CENTRE))]


@router.get("/beds")
async def read_beds(request: Request, facility_id: Identifier, caller: Staff) -> Overview:
    """The beds of this facility. What was counted too long ago is not known, and not 0."""
    rules = request.app.state.facilities.of(facility_id).bed_rules
    async with confined(request.app.state.pool, facility_id) as connection:
        row = (await BEDS.load(connection, [facility_id], lock=False))[facility_id]
        beds = row.state or Beds(facility_id=facility_id)
        patients = await bed_store.waiting(connection, facility_id)
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
    said = Counted(
        event_id=event_id_for(request, body, idempotency_key),
        staff_id=caller.name,
        department=department,
        **body.model_dump(),
    )
    return await _say(request, facility_id, said)


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
    said = DivertAdvised(
        event_id=event_id_for(request, body, idempotency_key),
        staff_id=caller.name,
        **body.model_dump(),
    )
    return await _say(request, facility_id, said)


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
    said = DivertEnded(
        event_id=event_id_for(request, body, idempotency_key),
        staff_id=caller.name,
        **body.model_dump(),
    )
    return await _say(request, facility_id, said)


async def _say(request: Request, facility_id: str, said: Said) -> Overview:
    """Take in what was said, in one transaction, and answer with the beds as they are now."""
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
        failpoint.reach("request.decided")
    return overview(after, patients, rules, now)
