"""The indicators of a period told apart: by day, shift, county, station or unit."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from enum import StrEnum

from schemas.event import Value
from services.dispatch.indicators import Call, Counted, Indicators, Period, Site, indicators
from services.dispatch.leg import Dispatch, first_unit

#: The group of a unit that no register knew, and of a call to which nobody was sent.
UNKNOWN = "unknown"


class By(StrEnum):
    """What indicators are told apart by."""

    DAY = "day"
    SHIFT = "shift"
    COUNTY = "county"
    STATION = "station"
    UNIT = "unit"


class Group(Value):
    """The indicators of one day, shift or unit."""

    group: str
    indicators: Indicators


def grouped(counted: Counted, site: Site, period: Period, by: By) -> list[Group]:
    """The same told apart. A dispatch belongs to the day and the shift in which its unit was
    notified, and to the station and county from which it was sent. A call with its patients belongs
    to those in which it was opened, and from which its first unit was sent; to no unit."""
    parts: dict[str, Counted] = {}
    untils: dict[str, datetime] = {}

    def part(name: str, at: datetime) -> Counted:
        if name not in parts:
            untils[name] = min(period.until, _ends(site, by, at) or period.until)
            parts[name] = Counted([], [], [])
        return parts[name]

    for each in counted.sent:
        if each.dispatch.notified is not None:
            name = _group_of(site, by, each.dispatch)
            part(name, each.dispatch.notified).sent.append(each)
    theirs: dict[str, Counted] = {}
    for call in counted.calls if by is not By.UNIT else ():
        theirs[call.incident_id] = part(_group_of_call(site, by, call), call.opened)
        theirs[call.incident_id].calls.append(call)
    for journey in counted.journeys:
        if journey.incident_id in theirs:
            theirs[journey.incident_id].journeys.append(journey)
    return [
        Group(group=name, indicators=indicators(each, site, period._replace(until=untils[name])))
        for name, each in sorted(parts.items())
    ]


def _group_of(site: Site, by: By, dispatch: Dispatch) -> str:
    match by:
        case By.UNIT:
            return dispatch.unit_id
        case By.STATION:
            return dispatch.station_id or UNKNOWN
        case By.COUNTY:
            return dispatch.county or UNKNOWN
    return _group(site, by, dispatch.notified) if dispatch.notified else UNKNOWN


def _group_of_call(site: Site, by: By, call: Call) -> str:
    if by in {By.DAY, By.SHIFT}:
        return _group(site, by, call.opened)
    began = first_unit(call.dispatches).began
    first = (each for each in call.dispatches if began is not None and each.notified == began)
    return next((_group_of(site, by, each) for each in first), UNKNOWN)


def _group(site: Site, by: By, at: datetime) -> str:
    """The day or the shift of what began then."""
    local = at.astimezone(site.zone)
    if by is By.DAY:
        return local.date().isoformat()
    minute = local.hour * 60 + local.minute
    begun = [shift for shift in site.shifts if shift <= minute]
    day = local.date() if begun else local.date() - timedelta(days=1)
    begins = begun[-1] if begun else site.shifts[-1]
    return f"{day.isoformat()} {begins // 60:02d}:{begins % 60:02d}"


def _ends(site: Site, by: By, at: datetime) -> datetime | None:
    """When the day or the shift of what began then ends; what is no time ends with its period."""
    local = at.astimezone(site.zone)
    match by:
        case By.DAY:
            return datetime.combine(local.date() + timedelta(days=1), time(), site.zone)
        case By.SHIFT:
            days = (local.date(), local.date() + timedelta(days=1))
            shifts = [time(begins // 60, begins % 60) for begins in site.shifts]
            next_ones = (datetime.combine(day, each, site.zone) for day in days for each in shifts)
            return next(each for each in next_ones if each > local)
    return None
