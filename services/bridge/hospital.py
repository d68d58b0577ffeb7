"""What waits for systems of hospitals: written with its effect, and taken in order per channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from schemas.encounter import EncounterEvent
from schemas.envelope import event_types
from schemas.event import Event
from schemas.handoff import PreArrivalNotified, PreArrivalWithdrawn
from schemas.repeats import Repeats
from services.bridge.case import Case, Handoff
from services.bridge.delivery import Delivery, Next, Outcome, id_of, is_bound, is_told
from services.bridge.facility import Channel, Facilities
from services.kit.postgres import Connection

#: A facility and a channel: what is told in order.
Place = tuple[str, Channel]

_WRITE = """
    INSERT INTO deliveries (id, facility_id, channel, encounter_id, type, event, state)
    SELECT id, facility_id, channel, encounter_id, type, event, state
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
                  $6::json[], $7::json[]) WITH ORDINALITY
           AS d (id, facility_id, channel, encounter_id, type, event, state, position)
     ORDER BY position
    ON CONFLICT DO NOTHING
"""
#: What became of a patient at a facility since they were last bound for it, and what it was told
#: last. One batch may bind and withdraw: then it is the version that tells them apart.
_STAY = """
    WITH theirs AS (
        SELECT type, occurred_at, recorded_at, event, (event ->> 'version')::bigint AS version
          FROM acts WHERE encounter_id = $1 AND facility_id = $2
           AND type IN ('PreArrivalNotified', 'PatientArrived', 'PreArrivalWithdrawn')
    ), gone AS (
        SELECT coalesce(max(recorded_at), '-infinity') AS at, coalesce(max(version), 0) AS version
          FROM theirs WHERE type = 'PreArrivalWithdrawn'
    )
    SELECT (SELECT event FROM theirs, gone
             WHERE type = 'PreArrivalNotified' AND recorded_at >= gone.at
               AND theirs.version > gone.version
             ORDER BY theirs.version DESC LIMIT 1) AS told,
           (SELECT max(occurred_at) FROM theirs, gone
             WHERE type = 'PatientArrived' AND recorded_at >= gone.at) AS arrived_at
"""
_FIRST = """
    SELECT id, facility_id, channel, type, event, state, attempts, spoken, erring_since,
           now() AS now, extract(epoch FROM next_at - now())::float8 AS wait_s,
           (SELECT min(w.seq) FROM deliveries AS w
             WHERE w.facility_id = $1 AND w.channel = $2 AND w.encounter_id = d.encounter_id
               AND w.seq > d.seq AND w.type = 'PreArrivalWithdrawn' AND w.refused_at IS NULL
           ) AS left_seq
      FROM deliveries AS d
     WHERE facility_id = $1 AND channel = $2 AND refused_at IS NULL ORDER BY seq LIMIT 1
"""
#: It may be there from now on, if it still stands: this waits for who withdraws, or they for this.
_TAKE = "UPDATE deliveries SET spoken = true WHERE id = $1 RETURNING true"
#: A withdrawal that waits is of a stay before, of which something may be there. A channel is told
#: in order: without the record that began the stay nothing of it was told.
_DROP = """
    DELETE FROM deliveries
     WHERE facility_id = $1 AND encounter_id = $2 AND NOT spoken AND refused_at IS NULL
       AND type <> 'PreArrivalWithdrawn'
    RETURNING channel, type = 'PreArrivalNotified'
          AND event ->> 'version' = state -> 'handoff' ->> 'first_version' AS began
"""
#: The patient was withdrawn while a connection was tried that did not come about.
_LEFT = """
    WITH gone AS (
        DELETE FROM deliveries WHERE id = $1
        RETURNING type = 'PreArrivalNotified'
              AND event ->> 'version' = state -> 'handoff' ->> 'first_version' AS began)
    DELETE FROM deliveries WHERE seq = $2 AND (SELECT began FROM gone)
"""
_AGES = """
    SELECT p.facility_id, p.channel, extract(epoch FROM now() - d.created_at)::float8 AS age_s
      FROM unnest($1::text[], $2::text[]) AS p (facility_id, channel)
      LEFT JOIN LATERAL (
           SELECT created_at FROM deliveries AS d
            WHERE d.facility_id = p.facility_id AND d.channel = p.channel AND refused_at IS NULL
            ORDER BY seq LIMIT 1) AS d ON true
"""
_MANY_REFUSED = """
    SELECT p.facility_id, p.channel, count(d.id) AS many
      FROM unnest($1::text[], $2::text[]) AS p (facility_id, channel)
      LEFT JOIN deliveries AS d ON d.facility_id = p.facility_id AND d.channel = p.channel
                               AND d.refused_at IS NOT NULL
     GROUP BY 1, 2
"""
_ALL_REFUSED = """
    SELECT id, facility_id, channel, encounter_id, type, refused_at, reason FROM deliveries
     WHERE refused_at IS NOT NULL ORDER BY facility_id, channel, seq
"""
#: A hospital that was left is told nothing more but that, and one that is bound for again not even
#: that: it would take the patient back who is on the way.
_PUT_BACK = """
    WITH refused AS (
        SELECT id, (type = 'PreArrivalWithdrawn') <> EXISTS (
                   SELECT FROM queue AS q
                    WHERE q.facility_id = d.facility_id AND q.encounter_id = d.encounter_id
                      AND NOT (q.item ->> 'withdrawn')::boolean) AS holds
          FROM deliveries AS d WHERE id = $1 AND refused_at IS NOT NULL
    ), put AS (
        UPDATE deliveries AS d
           SET refused_at = NULL, reason = NULL, erring_since = NULL, attempts = 0, next_at = now()
          FROM refused AS r WHERE d.id = r.id AND r.holds)
    SELECT holds FROM refused
"""
_FORGET = "DELETE FROM deliveries WHERE id = $1 AND refused_at IS NOT NULL RETURNING id"
_DONE = "DELETE FROM deliveries WHERE id = $1"
_REFUSED = """
    UPDATE deliveries SET attempts = attempts + 1, refused_at = now(), reason = $2 WHERE id = $1
"""
_AGAIN = """
    UPDATE deliveries
       SET attempts = attempts + 1, next_at = now() + $3::interval, erring_since = $4, reason = $2,
           spoken = $5
     WHERE id = $1
"""


@dataclass(frozen=True)
class First:
    """What a place is told next, by the database's clock: now, or when ``wait_s`` have passed."""

    id: str
    now: datetime
    wait_s: float
    row: asyncpg.Record

    def read(self) -> Delivery:
        """Raises ``ValueError`` where it is no event or case of ours any more."""
        event = event_types()[self.row["type"]].model_validate_json(self.row["event"])
        assert isinstance(event, EncounterEvent)  # noqa: S101 (no other was written)
        return Delivery(
            id=self.id,
            facility_id=self.row["facility_id"],
            channel=self.row["channel"],
            event=event,
            case=Case.model_validate_json(self.row["state"]),
            attempts=self.row["attempts"],
            spoken=self.row["spoken"],
            erring_since=self.row["erring_since"],
        )


async def write(
    connection: Connection,
    facilities: Facilities,
    cases: Mapping[str, Case],
    emitted: Sequence[Event],
) -> None:
    """Write down what systems of hospitals are to be told of these events, in their transaction and
    before the legal record holds them. ``cases`` are those that they changed, as they are now."""
    rows: list[tuple[Any, ...]] = []
    for event in emitted:
        if not isinstance(event, EncounterEvent):
            continue
        facility_id = getattr(event, "facility_id", None) or ""
        channels = [i.channel for i in facilities.interfaces(facility_id)]
        told = [channel for channel in channels if is_told(channel, event)]
        if told and isinstance(event, PreArrivalWithdrawn):
            silent = await _drop(connection, event)
            told = [channel for channel in told if channel not in silent]
        if not told:
            continue
        case = await _as_of(connection, event, facility_id, cases[event.encounter_id])
        if case is None:
            continue
        about = (event.encounter_id, event.named(), event.model_dump_json(exclude_none=True))
        state = case.but(taken=Repeats()).model_dump_json(exclude_defaults=True)
        rows += [(id_of(c, facility_id, event), facility_id, c, *about, state) for c in told]
    if rows:
        await connection.execute(_WRITE, *(list(column) for column in zip(*rows, strict=True)))


async def _drop(connection: Connection, event: PreArrivalWithdrawn) -> set[str]:
    """Forget what this facility was to be told of the patient and cannot have heard of. Returns the
    channels on which it has heard nothing, and need not hear that nobody comes."""
    rows = await connection.fetch(_DROP, event.facility_id, event.encounter_id)
    return {row["channel"] for row in rows if row["began"]}


async def _as_of(
    connection: Connection, event: EncounterEvent, facility_id: str, case: Case
) -> Case | None:
    """The case to tell this event with. None where the facility need not hear: the patient was
    bound for it and for another again within this transaction.

    A withdrawal takes back what the facility was told last. What this transaction has learned since
    is not its business: the case may be another's by now.
    """
    if not isinstance(event, PreArrivalWithdrawn):
        return case if is_bound(case, facility_id) else None
    stay = await connection.fetchrow(_STAY, event.encounter_id, facility_id)
    if stay is None or stay["told"] is None:
        return None
    told = PreArrivalNotified.model_validate_json(stay["told"])
    ended = case.ended and case.facility_id == facility_id
    return Case(
        encounter_id=case.encounter_id,
        facility_id=facility_id,
        patient=told.record.patient,
        unit_id=case.unit_id if ended else told.record.unit_id,
        boarded_at=told.record.boarded_at,
        admission=told.record.admission,
        version=told.version,
        ended=ended,
        handoff=Handoff(arrived_at=stay["arrived_at"]),
    )


async def first(connection: Connection, place: Place) -> First | None:
    """What this place is told next, if anything waits. Where it is to be told now, it is set down
    that it may be there: until then a withdrawal takes it away."""
    while (row := await connection.fetchrow(_FIRST, *place)) is not None:
        if row["left_seq"] is not None and not row["spoken"]:
            await connection.execute(_LEFT, row["id"], row["left_seq"])
            continue
        is_now = row["wait_s"] <= 0
        if is_now and not row["spoken"] and not await connection.fetchval(_TAKE, row["id"]):
            continue  # withdrawn at this moment
        return First(row["id"], row["now"], row["wait_s"], row)
    return None


async def settle(connection: Connection, name: str, following: Next, reason: str) -> None:
    """Delete what was told, set down what was refused, put off what is tried again."""
    if following.again is not None:
        since = following.erring_since
        await connection.execute(_AGAIN, name, reason, following.again, since, following.spoken)
    elif following.outcome is Outcome.REFUSED:
        await connection.execute(_REFUSED, name, reason)
    else:
        await connection.execute(_DONE, name)


async def ages(connection: Connection, places: Sequence[Place]) -> Mapping[Place, float | None]:
    """How many seconds each place has waited for what it is told next; None where nothing waits."""
    rows = await connection.fetch(_AGES, [p[0] for p in places], [p[1] for p in places])
    return {(row["facility_id"], row["channel"]): row["age_s"] for row in rows}


async def refused(connection: Connection, places: Sequence[Place]) -> Mapping[Place, int]:
    """How much of what each place refused waits for somebody to look at it."""
    rows = await connection.fetch(_MANY_REFUSED, [p[0] for p in places], [p[1] for p in places])
    return {(row["facility_id"], row["channel"]): row["many"] for row in rows}


async def all_refused(connection: Connection) -> Sequence[Mapping[str, Any]]:
    """What was refused and nobody has looked at: of each place, in the order it was written."""
    return [dict(row) for row in await connection.fetch(_ALL_REFUSED)]


async def put_back(connection: Connection, name: str) -> bool | None:
    """Tell again what was refused, under its id and before all that waits. False where it does not
    hold any more, since the patient was bound otherwise; None where no such thing was refused."""
    holds: bool | None = await connection.fetchval(_PUT_BACK, name)
    return holds


async def forget(connection: Connection, name: str) -> bool:
    """Somebody has looked at what was refused, and it is not told; whether there is one."""
    return await connection.fetchval(_FORGET, name) is not None
