"""What a facility kept of what it owes: counts, and no patient."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from schemas.event import Identifier, Moment
from services.bridge import store
from services.bridge.indicators import FacilityIndicators, Stay, indicators
from services.bridge.item import Item
from services.kit.auth import Principal
from services.kit.errors import Rejected
from services.kit.http import Access
from services.kit.role import Role

router = APIRouter(prefix="/v1/facilities/{facility_id}", tags=["indicators"])

Viewer = Annotated[Principal, Depends(Access(Role.CENTRE, Role.OPS))]
#: A longer period is asked for in parts; so is one with more patients.
LONGEST, MOST = timedelta(days=92), 20_000


@router.get("/indicators")
async def read_indicators(
    request: Request,
    facility_id: Identifier,
    caller: Viewer,
    since: Annotated[Moment, Query(description="Of who was bound for the facility from here on.")],
    until: Annotated[Moment, Query(description="Until before this.")],
) -> FacilityIndicators:
    """What was answered in time, where patients were brought, whether those who were announced were
    the centre's, and the clocks of the green channel: each with what it rests on."""
    _check(since, until)
    async with store.confined(request.app.state.pool, facility_id) as connection:
        if await store.count_stays(connection, facility_id, since, until) > MOST:
            raise Rejected(422, "Too many", f"More than {MOST} patients: ask for a shorter period.")
        stays = [
            stay
            async for item in store.stays(connection, facility_id, since, until)
            if (stay := Stay.of(Item.model_validate_json(item))) is not None
        ]
        redirects = await store.redirects(connection, facility_id, since, until)
    return indicators(stays, redirects)


def _check(since: datetime, until: datetime) -> None:
    if not timedelta(0) < until - since <= LONGEST:
        wanted = f"until comes after since, at most {LONGEST.days} days later."
        raise Rejected(422, "No such period", wanted)
