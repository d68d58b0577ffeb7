"""The table of vital signs: value by value, as each facility was told them."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from schemas.clinical import Invalid
from schemas.event import Event
from schemas.handoff import PreArrivalNotified
from schemas.triage import Centre
from services.bridge.course import Bounds, Last, Told, after, unit, worth
from services.kit.postgres import Connection, after_commit

#: How many patients are remembered: far more than one process has at a time.
REMEMBERED = 4096

_KEEP = """
    INSERT INTO vitals (facility_id, encounter_id, name, at, value, method, invalid)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::json[],
                         $6::text[], $7::boolean[])
    ON CONFLICT DO NOTHING
"""
#: The newest of each, by the table's key alone: what is asked for is bounded, however much there
#: is. A text is put together in half the time of a JSON object.
_SERIES = """
    SELECT p.encounter_id, n.name, v.values
      FROM unnest($2::text[]) AS p (encounter_id)
     CROSS JOIN unnest($3::text[]) AS n (name)
     CROSS JOIN LATERAL (
           SELECT string_agg('{"at":' || to_json(at) || ',"value":' || value
                             || CASE WHEN invalid THEN ',"invalid":true' ELSE '' END
                             || ',"method":"' || method || '"}', ',' ORDER BY at) AS values
             FROM (SELECT at, value, method, invalid
                     FROM (SELECT at, value, method, invalid, date_bin($6, at, 'epoch') AS part,
                                  lag(date_bin($6, at, 'epoch')) OVER (ORDER BY at DESC) AS newer
                             FROM vitals
                            WHERE facility_id = $1 AND encounter_id = p.encounter_id
                              AND name = n.name AND at > $4) AS each
                    WHERE newer IS DISTINCT FROM part
                    ORDER BY at DESC LIMIT $5) AS newest) AS v
     WHERE v.values IS NOT NULL
"""
_QUEUED = "SELECT encounter_id FROM queue WHERE facility_id = $1 AND is_open ORDER BY feed"


class Courses:
    """Sets down how vital signs go. What was told last of each patient is remembered, so that what
    every record repeats is not written anew; who has forgotten writes it, and it stands once."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str], Last] = OrderedDict()

    async def keep(self, connection: Connection, emitted: Sequence[Event]) -> None:
        """Set down what these records tell of vital signs. A record stands in the queue of each
        centre, and counts once."""
        last: dict[tuple[str, str], Last] = {}
        rows: list[Told] = []
        for event in emitted:
            if isinstance(event, PreArrivalNotified) and event.centre is Centre.EMERGENCY:
                key = event.facility_id, event.encounter_id
                before = last.get(key) or self._last.get(key, {})
                rows += worth(event, before)
                last[key] = after(event, before)
        if rows:
            columns = zip(*map(_row, rows), strict=True)
            await connection.execute(_KEEP, *(list(column) for column in columns))
        after_commit(partial(self._remember, last))

    def _remember(self, last: Mapping[tuple[str, str], Last]) -> None:
        for key, known in last.items():
            self._last[key] = known
            self._last.move_to_end(key)
        while len(self._last) > REMEMBERED:
            self._last.popitem(last=False)


def _row(told: Told) -> tuple[object, ...]:
    facility_id, encounter_id, taken, is_invalid = told
    value = taken.value
    text = json.dumps({"invalid": value.invalid} if isinstance(value, Invalid) else value)
    about = facility_id, encounter_id, taken.name, taken.occurred_at
    return *about, text, taken.method, is_invalid


async def queued(connection: Connection, facility_id: str) -> list[str]:
    """Everybody who is bound for this facility now."""
    rows = await connection.fetch(_QUEUED, facility_id)
    return [row["encounter_id"] for row in rows]


async def series(
    connection: Connection,
    facility_id: str,
    encounter_ids: Sequence[str],
    names: Collection[str],
    bounds: Bounds,
) -> dict[str, str]:
    """By patient, their ``Series`` as a JSON array."""
    rows = await connection.fetch(_SERIES, facility_id, encounter_ids, list(names), *bounds)
    place = {name: number for number, name in enumerate(names)}
    found: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: place[row["name"]]):
        found.setdefault(row["encounter_id"], []).append(_one(row["name"], row["values"]))
    return {name: f"[{','.join(each)}]" for name, each in found.items()}


def _one(name: str, values: str) -> str:
    return f'{{"name":"{name}","unit":{json.dumps(unit(name))},"values":[{values}]}}'
