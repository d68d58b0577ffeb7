"""The bridge's tables: cases, the facilities' queues with their feed numbers, the legal record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeGuard
from zoneinfo import ZoneInfo

from schemas.clinical import LevelOverridden
from schemas.encounter import EncounterEvent, PatientBoarded
from schemas.event import Event
from schemas.handoff import (
    Acknowledged,
    AdmissionBound,
    AdmissionCancelled,
    AdmissionConfirmed,
    AdmissionOpened,
    AdmissionRevoked,
    Escalated,
    HandoffEvent,
    PatientArrived,
    PreArrivalNotified,
    PreArrivalWithdrawn,
    ReceiptEvent,
    RecordDelivered,
    RecordDisplayed,
)
from schemas.triage import Centre
from services.bridge import bed_store, course_store, hospital
from services.bridge.admission import day_of, number_for
from services.bridge.case import Case
from services.bridge.facility import Facilities
from services.bridge.item import text_of
from services.bridge.promise import level_of, next_due
from services.kit import metrics as seen
from services.kit.postgres import Connection, Pool, Row, Table, after_commit, transaction
from services.kit.work import Received

CASES = Table("cases", Case, remember=1024)
#: Kept for good, besides each record that was more than a refresh.
_LEGAL = (
    AdmissionOpened,
    AdmissionBound,
    AdmissionConfirmed,
    AdmissionRevoked,
    AdmissionCancelled,
    PreArrivalWithdrawn,
    ReceiptEvent,
    HandoffEvent,
    Escalated,
    LevelOverridden,
)

#: The first steps of a facility, as a handoff has their moments.
_STEPS: Mapping[type[Event], str] = {
    RecordDelivered: "delivered",
    RecordDisplayed: "displayed",
    Acknowledged: "acknowledged",
    PatientArrived: "arrived",
}
#: What changes an item of a queue.
_SHOWN = (PreArrivalNotified, PreArrivalWithdrawn, ReceiptEvent, HandoffEvent, Escalated)

#: As this role a transaction finds the rows of one facility alone, until it ends.
_CONFINE = """
    SELECT set_config('role', 'greenchannel_bridge_facility', true),
           set_config('greenchannel.facility', $1, true)
"""
_RESERVE = """
    INSERT INTO admission_numbers AS n (day, last) VALUES ($1, $2)
    ON CONFLICT (day) DO UPDATE SET last = n.last + excluded.last RETURNING last
"""
_RAISE = """
    INSERT INTO facilities AS f (facility_id, feed) SELECT * FROM unnest($1::text[], $2::bigint[])
    ON CONFLICT (facility_id) DO UPDATE SET feed = f.feed + excluded.feed
    RETURNING facility_id, feed
"""
_SHOW = """
    INSERT INTO queue (facility_id, encounter_id, feed, is_open, item, notified_at)
    SELECT * FROM unnest(
        $1::text[], $2::text[], $3::bigint[], $4::boolean[], $5::json[], $6::timestamptz[])
    ON CONFLICT (facility_id, encounter_id)
    DO UPDATE SET feed = excluded.feed, is_open = excluded.is_open, item = excluded.item,
                  notified_at = coalesce(excluded.notified_at, queue.notified_at)
"""
_KEEP = """
    INSERT INTO acts (event_id, encounter_id, type, occurred_at, event)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::json[])
"""
#: What stands is changed only where it is another time, or another facility's.
_WAKE = """
    WITH new AS (
        SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[])
                   AS new (encounter_id, due_at, facility_id)),
    gone AS (
        DELETE FROM wakings AS w USING new
         WHERE w.encounter_id = new.encounter_id AND new.due_at IS NULL)
    INSERT INTO wakings AS w (encounter_id, due_at, facility_id)
    SELECT * FROM new WHERE due_at IS NOT NULL
    ON CONFLICT (encounter_id)
    DO UPDATE SET due_at = excluded.due_at, facility_id = excluded.facility_id
     WHERE (w.due_at, w.facility_id) IS DISTINCT FROM (excluded.due_at, excluded.facility_id)
"""
_DUE = """
    SELECT now() AS now, array(
        SELECT encounter_id FROM wakings WHERE due_at <= now() ORDER BY due_at LIMIT $1) AS due
"""
_PUT_OFF = """
    UPDATE wakings SET due_at = now() + interval '1 minute' WHERE encounter_id = (
        SELECT encounter_id FROM wakings WHERE due_at <= now() ORDER BY due_at LIMIT 1)
"""
_SNAPSHOT = """
    SELECT coalesce((SELECT feed FROM facilities WHERE facility_id = $1), 0) AS feed,
           array_agg(encounter_id ORDER BY feed) AS encounter_ids,
           array_agg(jsonb_set(item::jsonb, '{feed}', to_jsonb(feed))::text ORDER BY feed) AS items
      FROM queue WHERE facility_id = $1 AND is_open
"""
_SINCE = """
    SELECT feed, encounter_id, item FROM queue
     WHERE facility_id = $1 AND feed > $2 ORDER BY feed LIMIT $3
"""
_SHOWN_NOW = """
    SELECT feed, encounter_id, item FROM queue
     WHERE facility_id = $1 AND encounter_id = $2 AND NOT (item ->> 'withdrawn')::boolean
"""
#: Who left without being this facility's any more is shown as withdrawn.
_HANDED_OVER = """
    SELECT q.feed, q.encounter_id, q.item FROM acts AS a
      JOIN queue AS q ON (q.facility_id, q.encounter_id) = (a.facility_id, a.encounter_id)
     WHERE a.facility_id = $1 AND a.type = 'CareTransferred' AND a.occurred_at >= $2
       AND NOT (q.item ->> 'withdrawn')::boolean
     ORDER BY a.occurred_at DESC, a.encounter_id LIMIT $3
"""
_TOLD = """
    SELECT type, occurred_at, recorded_at, event FROM acts
     WHERE facility_id = $1 AND encounter_id = $2
     ORDER BY occurred_at, recorded_at, type
"""
#: The gateway keeps the files; whoever is confined finds those of the one patient that it names.
_OF_ONE = "SELECT set_config('greenchannel.encounter', $1, true)"
_PIECES = """
    SELECT bytes FROM gateway.pieces WHERE encounter_id = $1 AND sha256 = $2 ORDER BY start
"""


#: Who was bound for a facility in a period, and is, or was handed over there.
_STAYED = """
      FROM queue
     WHERE facility_id = $1 AND notified_at >= $2 AND notified_at < $3
       AND NOT (item ->> 'withdrawn')::boolean
"""
#: One that was taken back was no proposal: what follows it on a patient is its withdrawal.
_REDIRECTS = """
    SELECT reason FROM (
        SELECT type, occurred_at, event ->> 'reason' AS reason,
               lead(type) OVER (PARTITION BY encounter_id ORDER BY recorded_at) AS following
          FROM acts
         WHERE facility_id = $1 AND type IN ('RedirectRequested', 'RedirectWithdrawn')
    ) AS told
     WHERE type = 'RedirectRequested' AND occurred_at >= $2 AND occurred_at < $3
       AND following IS DISTINCT FROM 'RedirectWithdrawn'
"""


class Shown(NamedTuple):
    """What a facility is shown of these patients, as JSON, as of this feed number."""

    feed: int
    encounter_ids: Sequence[str]
    text: str


@asynccontextmanager
async def confined(pool: Pool, facility_id: str) -> AsyncIterator[Connection]:
    """One transaction of a facility: it sees and changes the rows of this one, and no others."""
    async with transaction(pool) as connection:
        await connection.execute(_CONFINE, facility_id)
        yield connection


class CaseStore:
    """The loop's and the API's view of cases."""

    def __init__(
        self,
        zone: ZoneInfo,
        facilities: Facilities,
        changed: Callable[[Collection[str]], None] = lambda _: None,
    ) -> None:
        """``changed`` hears, after the commit, of which facilities the queue has changed."""
        self._zone, self._facilities, self._changed = zone, facilities, changed
        self._courses = course_store.Courses()

    async def load(
        self, connection: Connection, batch: Mapping[str, Sequence[Received]]
    ) -> dict[str, Row[Case]]:
        """The cases, locked; where a boarding waits, an admission number is set aside."""
        rows = await CASES.load(connection, batch.keys())
        boarding: dict[str, list[str]] = defaultdict(list)
        for key, received in batch.items():
            state = rows[key].state
            for event in (r.event for r in received):
                has_one = state and (state.admission or state.reserved)
                if isinstance(event, PatientBoarded) and not has_one:
                    boarding[day_of(event.occurred_at, self._zone)].append(key)
        for day, keys in sorted(boarding.items()):
            last = await connection.fetchval(_RESERVE, day, len(keys))
            for count, key in enumerate(keys, start=last - len(keys) + 1):
                state = rows[key].state or Case(encounter_id=key)
                kept = self._facilities.of(state.facility_id).formalities or ()
                reserved = state.but(reserved=number_for(day, count), formalities=kept)
                rows[key] = Row(reserved, rows[key].version)
        return rows

    async def save(
        self, connection: Connection, changed: Mapping[str, Row[Case]], emitted: Sequence[Event]
    ) -> None:
        """Store the cases, their beds, what the queues show, and the legal record. Raises
        ``Rejected`` 409 where a bed is to be reserved and none is left."""
        await CASES.save(connection, changed)
        cases = {key: row.state for key, row in changed.items() if row.state}
        moved = await bed_store.move(connection, cases, emitted, self._facilities)
        touched = _touched(cases, emitted)
        if touched:
            await _show(connection, touched)
            after_commit(partial(self._changed, touched.keys()))
        await bed_store.keep(connection, moved, self._facilities)
        await self.wake(connection, list(cases.values()))
        await hospital.write(connection, self._facilities, cases, emitted)
        await self._courses.keep(connection, emitted)
        await _keep(connection, emitted)
        _time(cases, emitted)

    async def wake(self, connection: Connection, cases: Sequence[Case]) -> None:
        """Write down when each of them has to be looked at next, if ever."""
        times = [next_due(case, self._facilities.of(case.facility_id)) for case in cases]
        await connection.execute(
            _WAKE,
            [case.encounter_id for case in cases],
            times,
            [case.facility_id for case in cases],
        )


def _time(cases: Mapping[str, Case], emitted: Sequence[Event]) -> None:
    """Once it is committed: how long a facility took from the record to its first step."""
    for event in emitted:
        if step := _STEPS.get(type(event)):
            case = cases[getattr(event, "encounter_id")]  # noqa: B009
            told, done = case.handoff.notified_at, getattr(case.handoff, f"{step}_at")
            if told is not None and done == event.occurred_at:
                took = seen.HANDOFF_SECONDS.labels(step, level_of(case).value)
                after_commit(partial(took.observe, max(0.0, (done - told).total_seconds())))


class Changed(NamedTuple):
    """An item of a queue as it is now, as JSON, and whether it stands in it."""

    text: str
    is_open: bool
    #: When the facility first heard; none of who is bound for another by now.
    notified_at: datetime | None


def _touched(cases: Mapping[str, Case], emitted: Sequence[Event]) -> dict[str, dict[str, Changed]]:
    """Per facility the items that changed: what is shown is the last state of this batch. Who was
    left is shown the version that was its last: those after it are another's."""
    last = dict[tuple[str, str], tuple[Case, bool]]()
    for event in emitted:
        if isinstance(event, _SHOWN):
            case = cases[event.encounter_id]
            withdrawn = case.facility_id != event.facility_id
            if isinstance(event, PreArrivalWithdrawn):
                case, withdrawn = case.but(version=event.version), True
            last[event.facility_id, event.encounter_id] = case, withdrawn
    touched: dict[str, dict[str, Changed]] = defaultdict(dict)
    for (facility_id, encounter_id), (case, withdrawn) in last.items():
        text = text_of(case, facility_id, withdrawn=withdrawn)
        is_open = not withdrawn and case.handoff.transferred_at is None
        notified_at = None if withdrawn else case.handoff.notified_at
        touched[facility_id][encounter_id] = Changed(text, is_open, notified_at)
    return touched


async def _show(connection: Connection, touched: Mapping[str, Mapping[str, Changed]]) -> None:
    """Facilities are locked by their names' order, always."""
    names = sorted(touched)
    rows = await connection.fetch(_RAISE, names, [len(touched[name]) for name in names])
    raised = {row["facility_id"]: row["feed"] for row in rows}
    lines = [
        (name, encounter_id, feed, item.is_open, item.text, item.notified_at)
        for name in names
        for feed, (encounter_id, item) in enumerate(
            touched[name].items(), start=raised[name] - len(touched[name]) + 1
        )
    ]
    await connection.execute(_SHOW, *(list(column) for column in zip(*lines, strict=True)))


async def _keep(connection: Connection, emitted: Sequence[Event]) -> None:
    """Admissions, withdrawals and acts are kept for good; so is each record that was more than a
    refresh, once and not per centre."""
    kept = [event for event in emitted if _is_kept(event)]
    if not kept:
        return
    await connection.execute(
        _KEEP,
        [event.event_id for event in kept],
        [event.encounter_id for event in kept],
        [type(event).__name__ for event in kept],
        [event.occurred_at for event in kept],
        [event.model_dump_json(exclude_none=True) for event in kept],
    )


def _is_kept(event: Event) -> TypeGuard[EncounterEvent]:
    if isinstance(event, PreArrivalNotified):
        return event.changed and event.centre is Centre.EMERGENCY
    return isinstance(event, _LEGAL)


async def due(connection: Connection, many: int) -> tuple[datetime, list[str]]:
    """The database's time, and of whom something is late by it."""
    row = await connection.fetchrow(_DUE, many)
    assert row is not None  # noqa: S101 (a time is always told)
    return row["now"], row["due"]


async def put_off(connection: Connection) -> None:
    """Of whom something is late first, it is late again in a minute."""
    await connection.execute(_PUT_OFF)


async def snapshot(connection: Connection, facility_id: str) -> Shown:
    """The facility's feed number and its open queue, as one JSON object, read at one moment."""
    row = await connection.fetchrow(_SNAPSHOT, facility_id)
    assert row is not None  # noqa: S101 (it is counted)
    items = ",".join(row["items"] or ())
    return Shown(
        row["feed"], row["encounter_ids"] or (), f'{{"feed":{row["feed"]},"items":[{items}]}}'
    )


async def since(connection: Connection, facility_id: str, feed: int, limit: int) -> Sequence[Shown]:
    """What changed after ``feed``, oldest first, each item as it is now."""
    return [_shown(row) for row in await connection.fetch(_SINCE, facility_id, feed, limit)]


async def shown(connection: Connection, facility_id: str, encounter_id: str) -> Shown | None:
    """The one item, also after the transfer; none of a patient who is not bound for the facility
    (any more)."""
    row = await connection.fetchrow(_SHOWN_NOW, facility_id, encounter_id)
    return None if row is None else _shown(row)


async def handed_over(
    connection: Connection, facility_id: str, since: datetime, many: int
) -> Sequence[Shown]:
    """The items of whom care was handed over here since then, the last first."""
    rows = await connection.fetch(_HANDED_OVER, facility_id, since, many)
    return [_shown(row) for row in rows]


def _shown(row: Mapping[str, Any]) -> Shown:
    text = f'{{"feed":{row["feed"]},{row["item"][1:]}'
    return Shown(row["feed"], (row["encounter_id"],), text)


async def attached(connection: Connection, encounter_id: str, sha256: str) -> bytes:
    """A file of a patient whom the facility of this transaction sees: of that one, and no other."""
    await connection.execute(_OF_ONE, encounter_id)
    pieces = await connection.fetch(_PIECES, encounter_id, sha256)
    return b"".join(piece["bytes"] for piece in pieces)


async def told(
    connection: Connection, facility_id: str, encounter_id: str
) -> Sequence[Mapping[str, Any]]:
    """Every record, act and escalation of this patient at this facility, oldest first."""
    return [dict(row) for row in await connection.fetch(_TOLD, facility_id, encounter_id)]


async def count_stays(
    connection: Connection, facility_id: str, since: datetime, until: datetime
) -> int:
    """How many patients were bound for a facility in a period, and are not gone elsewhere."""
    asked = f"SELECT count(*) {_STAYED}"
    found: int = await connection.fetchval(asked, facility_id, since, until)
    return found


async def stays(
    connection: Connection, facility_id: str, since: datetime, until: datetime
) -> AsyncIterator[str]:
    """Their items, as JSON."""
    asked = f"SELECT item {_STAYED}"
    async for row in connection.cursor(asked, facility_id, since, until, prefetch=200):
        yield row["item"]


async def redirects(
    connection: Connection, facility_id: str, since: datetime, until: datetime
) -> list[str]:
    """The reasons for which a facility proposed another in a period."""
    rows = await connection.fetch(_REDIRECTS, facility_id, since, until)
    return [row["reason"] for row in rows]
