"""The indicators: as JSON, and as a table for a spreadsheet."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from schemas.event import Moment, Value
from services.dispatch import store
from services.dispatch.callers import Viewer
from services.dispatch.clock import Measured
from services.dispatch.groups import By, Group, grouped
from services.dispatch.indicators import (
    Counted,
    Indicator,
    Indicators,
    Period,
    Site,
    Transfers,
    against,
    indicators,
)
from services.kit.errors import Rejected
from services.kit.postgres import transaction

#: More than this is asked for in parts: all of it is held while it is counted.
LONGEST, MOST = timedelta(days=400), 200_000

router = APIRouter(prefix="/v1")
Since = Annotated[Moment | None, Query(description="From here on; the beginning of today.")]
Until = Annotated[Moment | None, Query(description="Until before this; now.")]
ByWhat = Annotated[By | None, Query(description="Told apart by this too.")]


class Report(Indicators):
    """The indicators of a period, and of its parts."""

    since: datetime
    until: datetime
    groups: tuple[Group, ...] = ()


@router.get("/indicators")
async def read_indicators(
    request: Request, caller: Viewer, since: Since = None, until: Until = None, by: ByWhat = None
) -> Report:
    """三分钟出车率 and the other clocks: what was in time, what was measured, what is missing, each
    for itself; a rate of nothing is absent. Restated whenever a late stamp or a correction comes.
    The change is against the period of the same length before."""
    return await _report(request, since, until, by)


class Csv(Response):
    """A table for a spreadsheet."""

    media_type = "text/csv"


@router.get(
    "/indicators.csv",
    response_class=Csv,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def read_indicators_as_table(
    request: Request, caller: Viewer, since: Since = None, until: Until = None, by: ByWhat = None
) -> Response:
    """The same as CSV: a line for each group, clock and witness."""
    report = await _report(request, since, until, by)
    return Csv(_table(report))


async def _report(
    request: Request, since: datetime | None, until: datetime | None, by: By | None
) -> Report:
    site: Site = request.app.state.site
    period = _period(site, since, until, datetime.now(UTC))
    now = await _read(request, period)
    earlier = await _read(request, period.before)

    def report() -> Report:
        whole = indicators(now, site, period)
        before = indicators(earlier, site, period.before)
        return Report(
            since=period.since,
            until=period.until,
            groups=tuple(grouped(now, site, period, by) if by else ()),
            **dict(against(whole, before)),
        )

    # A month is counted beside the loop: a call must not wait for a figure.
    return await asyncio.to_thread(report)


def _period(site: Site, since: datetime | None, until: datetime | None, now: datetime) -> Period:
    end = until or now
    begin = since or datetime.combine(end.astimezone(site.zone), time(), site.zone)
    if not timedelta(0) < end - begin <= LONGEST:
        wanted = f"until comes after since, at most {LONGEST.days} days later."
        raise Rejected(422, "No such period", wanted)
    return Period(begin, end, now)


async def _read(request: Request, period: Period) -> Counted:
    since, until = period.since, period.until
    async with transaction(request.app.state.pool) as connection:
        if await store.many_dispatches(connection, since, until) > MOST:
            wanted = f"It has more than {MOST} dispatches: ask for it in parts."
            raise Rejected(422, "Too long a period", wanted)
        return Counted(
            [each async for each in store.dispatches(connection, since, until)],
            [each async for each in store.calls(connection, since, until)],
            [each async for each in store.journeys(connection, since, until)],
        )


#: The columns of the table: the fields of a rate, and those of a clock without a limit.
_FIELDS = ("numerator", "denominator", "measured", "missing", "running", "stood_down",
           "stood_down_late", "rolling", "before_its_beginning", "restated", "rate",
           "rate_if_missing_is_late", "p50_s", "p90_s", "p95_s", "target", "change_rate",
           "change_p50_s")  # fmt: skip


def _table(report: Report) -> str:
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(("group", "indicator", "by", *_FIELDS))
    for group, found in (("", report), *((each.group, each.indicators) for each in report.groups)):
        for field in Indicators.model_fields:
            for name, by, value in _rows(field, getattr(found, field)):
                cells = value.model_dump()
                change = cells.get("change") or {}
                cells |= {f"change_{of}": changed for of, changed in change.items()}
                table.writerow((group, name, by, *(cells.get(column) for column in _FIELDS)))
    return written.getvalue()


def _rows(name: str, value: Any) -> Iterator[tuple[str, str, Value]]:
    """What of this is a clock, or holds some."""
    match value:
        case Indicator():
            yield name, "reported", value
            if value.verified is not None:
                yield name, "verified", value.verified
        case Measured():
            yield name, "reported", value
        case Mapping():
            for each, held in value.items():
                yield from _rows(f"{name}.{each}", held)
        case Transfers():
            for each, held in value:
                yield from _rows(f"{name}.{each}", held)
