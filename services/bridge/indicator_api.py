"""What a facility kept of what it owes: counts, and no patient."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request

from schemas.event import Identifier, Moment
from services.bridge import store
from services.bridge.indicators import FacilityIndicators, Stay, indicators
from services.bridge.item import Item
from services.kit.auth import Principal
from services.kit.errors import Rejected
from services.kit.http import Access
from services.kit.role import Role

Since = Annotated[
    Moment | None,
    Query(description="Who was bound for the facility from here on; the beginning of today."),
]
Until = Annotated[Moment | None, Query(description="Until before this; now.")]

router = APIRouter(prefix="/v1/facilities/{facility_id}", tags=["indicators"])

Viewer = Annotated[Principal, Depends(Access(Role.CENTRE, Role.OPS))]
#: A longer period is asked for in parts; so is one with more patients.
LONGEST, MOST = timedelta(days=92), 20_000


class Report(FacilityIndicators):
    """What a facility kept in a period."""

    since: datetime
    until: datetime


@router.get("/indicators")
async def read_indicators(
    request: Request,
    facility_id: Identifier,
    caller: Viewer,
    since: Since = None,
    until: Until = None,
) -> Report:
    """What was answered in time, where patients were brought, whether those who were announced were
    the centre's, and the clocks of the green channel: each with what it rests on."""
    begin, end = _period(request.app.state.zone, since, until, datetime.now(UTC))
    async with store.confined(request.app.state.pool, facility_id) as connection:
        if await store.count_stays(connection, facility_id, begin, end) > MOST:
            raise Rejected(422, "Too many", f"More than {MOST} patients: ask for a shorter period.")
        stays = [
            stay
            async for item in store.stays(connection, facility_id, begin, end)
            if (stay := Stay.of(Item.model_validate_json(item))) is not None
        ]
        redirects = await store.redirects(connection, facility_id, begin, end)
    return Report(since=begin, until=end, **dict(indicators(stays, redirects)))


def _period(
    zone: ZoneInfo, since: datetime | None, until: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    end = until or now
    begin = since or datetime.combine(end.astimezone(zone), time(), zone)
    if not timedelta(0) < end - begin <= LONGEST:
        wanted = f"until comes after since, at most {LONGEST.days} days later."
        raise Rejected(422, "No such period", wanted)
    return begin, end
