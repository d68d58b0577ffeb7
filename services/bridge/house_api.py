"""What a board asks of its own house."""

from __future__ import annotations

from fastapi import APIRouter, Request

from schemas.event import Identifier
from services.bridge.house import House, house_of
from services.bridge.reading_api import Staff

router = APIRouter(prefix="/v1/facilities/{facility_id}", tags=["handover"])


@router.get("")
async def read_house(request: Request, facility_id: Identifier, caller: Staff) -> House:
    """What this facility keeps: its teams, zones, clocks and times, each with its source."""
    return house_of(facility_id, request.app.state.facilities.of(facility_id))
