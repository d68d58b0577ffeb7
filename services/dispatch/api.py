"""Dispatch's interface for 120 software, crews and clinics: one request is one transaction."""

from __future__ import annotations

from fastapi import APIRouter, Request

from services.dispatch import clinic_api, encounter_api, incident_api, store, unit_api
from services.dispatch.callers import Viewer
from services.kit.postgres import transaction

#: 3分钟出车: notified to departed in seconds; the target is 95 % (docs/clinical-safety.md).
THREE_MINUTES_S = 180.0

router = APIRouter()
for part in (incident_api, unit_api, encounter_api, clinic_api):
    router.include_router(part.router)


@router.get("/v1/indicators")
async def read_indicators(request: Request, caller: Viewer) -> dict[str, dict[str, int]]:
    """三分钟出车: what was on time, what departed, and what was never stamped, each for itself."""
    async with transaction(request.app.state.pool) as connection:
        counts = await store.three_minute_dispatch(connection, THREE_MINUTES_S)
    return {"dispatch_within_3min": counts}
