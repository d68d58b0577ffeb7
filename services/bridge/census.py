"""What stands in the bridge's tables, for its metrics: what facilities owe, how they kept it over
some windows, the clocks of a month, and the beds that are left."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from services.bridge.beds import Beds
from services.bridge.facility import Facilities
from services.kit import metrics as seen
from services.kit.census import Count, Figure
from services.kit.postgres import Connection

#: Each item is read once, and of it what is asked for.
_OPENED = """
      FROM queue AS q,
           json_to_record(q.item) AS i (record json, handoff json, withdrawn boolean),
           json_to_record(i.handoff) AS h (acknowledged_at timestamptz, arrived_at timestamptz,
               arrived_in text, direct_to json, promises json, clocks json),
           json_to_record(i.record) AS r (
               worst text, admission json, inputs json, journey_end json)
"""
_OPEN = f"""
    SELECT q.facility_id, count(*) AS patients,
           count(*) FILTER (WHERE h.acknowledged_at IS NULL) AS unacknowledged,
           extract(epoch FROM min(q.notified_at)
               FILTER (WHERE h.acknowledged_at IS NULL AND h.arrived_at IS NULL))::float8 AS oldest,
           coalesce(sum(json_array_length(r.admission -> 'pending')), 0) AS pending
    {_OPENED} WHERE q.is_open GROUP BY 1
"""  # noqa: S608
#: When the monitor of each patient on the way spoke last, where one ever did.
_HEARD = f"""
    SELECT q.facility_id, r.worst AS level, last.at
    {_OPENED}, LATERAL (
        SELECT max(v.occurred_at) AS at
          FROM json_to_recordset(r.inputs) AS v (method text, occurred_at timestamptz)
         WHERE v.method = 'streamed') AS last
     WHERE q.is_open AND h.arrived_at IS NULL AND r.journey_end IS NULL AND last.at IS NOT NULL
"""  # noqa: S608
_OWED = f"""
    SELECT q.facility_id, p.owed, count(*) AS n, count(*) FILTER (WHERE p.due_at < now()) AS late
    {_OPENED}, json_to_recordset(h.promises)
           AS p (owed text, due_at timestamptz, met_at timestamptz)
     WHERE q.is_open AND p.met_at IS NULL AND p.due_at IS NOT NULL GROUP BY 1, 2
"""
#: As the indicators have it: who was told before it was done was told that it was late.
_FATE = """
    CASE WHEN p.met_at IS NULL AND p.due_at >= now() THEN 'running'
         WHEN p.met_at IS NULL OR p.met_at > p.due_at
              OR (p.rungs > 0 OR p.again_at IS NOT NULL) AND p.owed <> 'first_doctor' THEN 'late'
         ELSE 'kept' END
"""
_KEPT = f"""
    SELECT p.owed, r.worst AS level, {_FATE} AS fate, count(*) AS n
    {_OPENED}, json_to_recordset(h.promises)
           AS p (owed text, due_at timestamptz, met_at timestamptz, rungs int, again_at timestamptz)
     WHERE q.notified_at >= now() - $1::interval AND NOT i.withdrawn AND p.due_at IS NOT NULL
     GROUP BY 1, 2, 3
"""
_CLOCKS = f"""
    SELECT q.facility_id, c.clock, count(*) FILTER (WHERE c.ended_at <= c.due_at) AS numerator,
           count(*) FILTER (WHERE c.ended_at IS NOT NULL AND c.began_at IS NOT NULL)
               AS denominator,
           count(*) FILTER (WHERE NOT q.is_open
               AND (c.ended_at IS NULL OR c.began_at IS NULL)) AS missing,
           extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (
               ORDER BY greatest(c.ended_at - c.began_at, '0'::interval)))::float8 AS median
    {_OPENED}, json_to_recordset(h.clocks)
           AS c (clock text, began_at timestamptz, due_at timestamptz, ended_at timestamptz)
     WHERE q.notified_at >= $1 AND q.notified_at < $2 AND NOT i.withdrawn GROUP BY 1, 2
"""  # noqa: S608
_DIRECT = f"""
    SELECT q.facility_id,
           count(*) FILTER (WHERE h.arrived_in = h.direct_to ->> 'direct_to') AS numerator,
           count(h.arrived_in) AS denominator, count(*) - count(h.arrived_in) AS missing
    {_OPENED}
     WHERE q.notified_at >= $1 AND q.notified_at < $2 AND NOT i.withdrawn
       AND h.direct_to IS NOT NULL AND h.arrived_at IS NOT NULL GROUP BY 1
"""
_NAMES = "SELECT facility_id FROM facilities"
_BEDS = "SELECT id, state FROM beds"
PARTS = ("numerator", "denominator", "missing")
#: How far back it is looked.
WINDOWS = {
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "3d": timedelta(days=3),
}


def counts(facilities: Facilities, zone: ZoneInfo) -> list[Count]:
    """All that the bridge counts."""
    kept = [partial(_kept, *each) for each in WINDOWS.items()]
    of_facilities = [partial(look, facilities) for look in (_silent, _beds)]
    return [_open, _owed, *kept, *of_facilities, partial(_months, zone)]


async def _open(connection: Connection) -> AsyncIterator[Figure]:
    """Who is on the way or there and not handed over, and whom nobody has acknowledged; also of a
    facility that has nobody."""
    rows = {row["facility_id"]: row for row in await connection.fetch(_OPEN)}
    for name in await connection.fetch(_NAMES):
        row = rows.get(facility := name["facility_id"])
        yield Figure(seen.HANDOFFS, row["patients"] if row else 0, (facility,))
        yield Figure(seen.UNACKNOWLEDGED, row["unacknowledged"] if row else 0, (facility,))
        yield Figure(seen.FORMALITIES, row["pending"] if row else 0, (facility,))
        if row and row["oldest"] is not None:
            yield Figure(seen.UNACKNOWLEDGED_OLDEST, row["oldest"], (facility,))


async def _silent(facilities: Facilities, connection: Connection) -> AsyncIterator[Figure]:
    """Whose monitor spoke, and has not for as long as the facility says."""
    now: datetime = await connection.fetchval("SELECT now()")
    silent = Counter[tuple[str, str]]()
    for row in await connection.fetch(_HEARD):
        after = facilities.of(row["facility_id"]).silent_after
        is_silent = after is not None and now - row["at"] > after
        silent[row["facility_id"], row["level"]] += is_silent
    for labels, many in silent.items():
        yield Figure(seen.VITALS_SILENT, many, labels)


async def _owed(connection: Connection) -> AsyncIterator[Figure]:
    """What is waited for, and what of it is late."""
    for row in await connection.fetch(_OWED):
        labels = row["facility_id"], row["owed"]
        yield Figure(seen.OWED, row["n"], labels)
        yield Figure(seen.OWED_LATE, row["late"], labels)


async def _kept(window: str, back: timedelta, connection: Connection) -> AsyncIterator[Figure]:
    """How what was owed was kept, of those of whom a facility heard within the window."""
    for row in await connection.fetch(_KEPT, back):
        yield Figure(seen.KEPT, row["n"], (window, row["owed"], row["level"], row["fate"]))


async def _beds(facilities: Facilities, connection: Connection) -> AsyncIterator[Figure]:
    """Departments by whether a bed is left for an emergency; of an old count nothing is known."""
    now: datetime = await connection.fetchval("SELECT now()")
    for row in await connection.fetch(_BEDS):
        name, beds = row["id"], Beds.model_validate_json(row["state"])
        wards, rules = beds.wards.values(), facilities.of(name).bed_rules
        known = [ward for ward in wards if ward.is_known(rules, now)]
        left = sum(ward.left("emergency") > 0 for ward in known)
        yield Figure(seen.WARDS, left, (name, "left"))
        yield Figure(seen.WARDS, len(known) - left, (name, "none"))
        yield Figure(seen.WARDS, len(wards) - len(known), (name, "unknown"))


async def _months(zone: ZoneInfo, connection: Connection) -> AsyncIterator[Figure]:
    """The clocks of the green channel and who was brought to where it was confirmed (直通率), this
    month and the one before."""
    now: datetime = await connection.fetchval("SELECT now()")
    this = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = (this - timedelta(days=1)).replace(day=1)
    for month, since, until in (("this", this, now), ("last", last, this)):
        for row in await connection.fetch(_CLOCKS, since, until):
            labels = row["facility_id"], row["clock"], month
            for part in PARTS:
                yield Figure(seen.GREEN_CLOCKS, row[part], (*labels, part))
            if row["median"] is not None:
                yield Figure(seen.GREEN_CLOCK_MEDIAN, row["median"], labels)
        for row in await connection.fetch(_DIRECT, since, until):
            for part in PARTS:
                yield Figure(seen.DIRECT, row[part], (row["facility_id"], month, part))
