"""What stands in dispatch's tables, for its metrics: the three minutes over some windows, who has
not left in time, what alarms, and where units and calls stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from services.dispatch import store
from services.dispatch.clock import Fate, fate
from services.dispatch.deadline import Step
from services.dispatch.indicators import COUNTED, Sent, Site
from services.dispatch.leg import Dispatch
from services.kit import metrics as seen
from services.kit.census import Count, Figure
from services.kit.postgres import Connection

WITHIN = "dispatch_within_3min"
#: How far back it is looked; what is far is looked at by itself.
WINDOWS: Sequence[Mapping[str, timedelta]] = (
    {"5m": timedelta(minutes=5), "30m": timedelta(minutes=30), "1h": timedelta(hours=1)},
    {"6h": timedelta(hours=6)},
    {"3d": timedelta(days=3)},
)
#: Who has not left for longer than this was forgotten by whoever stamps.
FORGOTTEN = timedelta(hours=1)
_UNITS = """
    SELECT coalesce(state ->> 'status', 'available') AS status,
           coalesce((state -> 'leg' -> 'silence' ->> 'is_overdue')::boolean, false)
               AND state ->> 'status' IN ('notified', 'acknowledged', 'departed', 'on_scene',
                                          'left_scene', 'at_destination') AS is_silent,
           count(*) AS n
      FROM units GROUP BY 1, 2
"""
GOING_ON = ("open", "held", "abandoned", "nuisance")
_CALLS = f"""
    SELECT standing, count(*) AS n FROM incidents WHERE standing IN {GOING_ON} GROUP BY 1
"""  # noqa: S608 (words of ours)


def counts(site: Site) -> list[Count]:
    """All that dispatch counts."""
    within = [partial(_within, site, each) for each in WINDOWS]
    return [*within, partial(_overdue, site), partial(_alarms, site), _units, _calls]


async def _within(
    site: Site, windows: Mapping[str, timedelta], connection: Connection
) -> AsyncIterator[Figure]:
    """How the dispatches of each window stand."""
    now = await store.clock(connection)
    first = now - max(windows.values())
    sent = [each async for each in store.dispatches(connection, first, now)]
    for window, back in windows.items():
        inside = [each for each in sent if (each.dispatch.notified or first) >= now - back]
        for figure in fates(inside, site, now):
            yield figure._replace(labels=(window, *figure.labels))


def fates(sent: Sequence[Sent], site: Site, now: datetime) -> Iterator[Figure]:
    """How many emergencies have each fate, as reported and as satellites saw them; also none."""
    known = [each.dispatch for each in sent if each.call_class == COUNTED]
    by = {
        "reported": [each.reading(each.departed) for each in known],
        "verified": [each.verified() for each in known],
    }
    for witness, readings in by.items():
        counted = Counter(fate(each, _limit(site), now) for each in readings)
        for each in Fate:
            yield Figure(seen.DISPATCHES, counted[each], (witness, each.value))


async def _overdue(site: Site, connection: Connection) -> AsyncIterator[Figure]:
    """Since when the first of each station should have left, and how many should have."""
    now = await store.clock(connection)
    due: dict[str, list[datetime]] = {}
    async for sent in store.dispatches(connection, now - FORGOTTEN, now):
        notified = sent.dispatch.notified
        if sent.call_class == COUNTED and notified and is_waited_for(sent.dispatch):
            due.setdefault(sent.dispatch.station_id or "unknown", []).append(
                notified + _limit(site)
            )
    for station, times in due.items():
        late = [each for each in times if each <= now]
        yield Figure(seen.DISPATCH_OVERDUE, len(late), (station,))
        if late:
            yield Figure(seen.DISPATCH_OVERDUE_OLDEST, min(late).timestamp(), (station,))


def is_waited_for(leg: Dispatch) -> bool:
    """Whether a unit was told to go and nothing says that it has left, or need not."""
    later = (leg.departed, leg.on_scene, leg.left_scene, leg.at_destination, leg.seen_to_depart)
    return not leg.is_over and not leg.is_rolling and not any(later)


def _limit(site: Site) -> timedelta:
    limit = site.clocks[WITHIN].limit
    assert limit is not None  # noqa: S101 (the loader has looked)
    return limit


async def _alarms(site: Site, connection: Connection) -> AsyncIterator[Figure]:
    """Open alarms that nobody has acknowledged, by clock and step, and the oldest of each."""
    raised: dict[tuple[str, str], list[datetime]] = {
        (clock, step.value): [] for clock in site.clocks for step in Step
    }
    for alarm in await store.open_alarms(connection):
        if alarm.acknowledged_at is None:
            raised.setdefault((alarm.clock, alarm.step.value), []).append(alarm.raised_at)
    for labels, times in raised.items():
        yield Figure(seen.ALARMS, len(times), labels)
        if times:
            yield Figure(seen.ALARMS_OLDEST, min(times).timestamp(), labels)


async def _units(connection: Connection) -> AsyncIterator[Figure]:
    """Units by status, and how many on a mission no position comes of."""
    silent = 0
    by_status = Counter[str]()
    for row in await connection.fetch(_UNITS):
        by_status[row["status"]] += row["n"]
        silent += row["n"] if row["is_silent"] else 0
    for status, many in by_status.items():
        yield Figure(seen.UNITS, many, (status,))
    yield Figure(seen.UNITS_SILENT, silent)


async def _calls(connection: Connection) -> AsyncIterator[Figure]:
    """Calls that go on, by how they stand."""
    by_standing = {row["standing"]: row["n"] for row in await connection.fetch(_CALLS)}
    for standing in GOING_ON:
        yield Figure(seen.CALLS, by_standing.get(standing, 0), (standing,))
