"""Dispatch's tables: incidents, encounters, units, and every dispatch of a unit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from schemas.event import Event, Value
from schemas.incident import DeadlineMissed
from schemas.unit import EtaUpdated, UnitArrived, UnitStatus, UnitStatusChanged
from services.dispatch import deadline
from services.dispatch.clock import Clock
from services.dispatch.deadline import About, Alarm, Deadline, is_missed
from services.dispatch.encounter import Encounter
from services.dispatch.incident import Incident
from services.dispatch.indicators import Call, Journey, Sent
from services.dispatch.leg import Dispatch, Leg
from services.dispatch.register import Hospital, Station
from services.dispatch.unit import Unit
from services.kit import metrics as seen
from services.kit.errors import Rejected
from services.kit.postgres import Connection, Row, State, Table, after_commit
from services.kit.work import Received

#: Boards ask again and again, and most of what is told of a patient changes nothing: a state that
#: is known here is not read again.
INCIDENTS = Table("incidents", Incident, remember=1024)
ENCOUNTERS = Table("encounters", Encounter, remember=2048)
UNITS = Table("units", Unit, remember=1024)
STATIONS = Table("stations", Station)
HOSPITALS = Table("facilities", Hospital)

#: The columns of ``legs`` beside its state, as a ``Dispatch`` has them.
_COLUMNS = ("id", *Dispatch._fields[1:])
_KINDS = {
    "is_rolling": "boolean",
    "scene_off_m": "float8",
    **dict.fromkeys(
        ("id", "incident_id", "unit_id", "scene_source", "station_id", "county"), "text"
    ),
}
_SAVE_LEGS = f"""
    INSERT INTO legs ({", ".join(_COLUMNS)}, state)
    SELECT * FROM unnest({
    ", ".join(f"${n}::{_KINDS.get(name, 'timestamptz')}[]" for n, name in enumerate(_COLUMNS, 1))
}, ${len(_COLUMNS) + 1}::json[])
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, {
    ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
}
"""  # noqa: S608 (names of columns)
_LEG = ", ".join(f"l.{name}" for name in _COLUMNS)
_DISPATCHES = f"""
    SELECT i.state ->> 'classification', (i.state ->> 'emergency_since')::timestamptz,
           (i.state ->> 'reclassified_at')::timestamptz, {_LEG}
      FROM legs l JOIN incidents i ON i.id = l.incident_id
     WHERE l.notified >= $1 AND l.notified < $2
"""  # noqa: S608 (names of columns)
_CALLS = f"""
    SELECT i.id, i.state ->> 'classification', i.opened_at,
           (i.state -> 'call' ->> 'received_at')::timestamptz,
           (i.state -> 'call' ->> 'answered_at')::timestamptz,
           (i.state -> 'call' ->> 'accepted_at')::timestamptz,
           i.standing IN ('closed', 'nuisance', 'abandoned'),
           (i.state ->> 'emergency_since')::timestamptz,
           (i.state ->> 'scheduled_at')::timestamptz,
           coalesce(i.state ->> 'opened_as' = 'non_emergency_transfer', false),
           coalesce(i.state ->> 'origin', 'call'),
           (i.state ->> 'reclassified_at')::timestamptz, {_LEG}
      FROM incidents i LEFT JOIN legs l ON l.incident_id = i.id
     WHERE i.opened_at >= $1 AND i.opened_at < $2 AND i.standing <> 'merged'
     ORDER BY i.id
"""  # noqa: S608


_JOURNEYS = """
    SELECT i.id,
           greatest((i.state -> 'call' ->> 'accepted_at')::timestamptz,
                    (i.state ->> 'emergency_since')::timestamptz),
           (e.state ->> 'reached_at')::timestamptz, (e.state ->> 'boarded_at')::timestamptz,
           CASE WHEN e.state ->> 'outcome' = 'transported'
                THEN (e.state ->> 'ended_at')::timestamptz END,
           (e.state ->> 'door_in_at')::timestamptz, e.state ->> 'outcome' IS NOT NULL
      FROM incidents i
     CROSS JOIN LATERAL json_array_elements_text(i.state -> 'encounter_ids') AS of_call (id)
      JOIN encounters e ON e.id = of_call.id
     WHERE i.opened_at >= $1 AND i.opened_at < $2 AND i.standing <> 'merged'
       AND i.state ->> 'classification' = 'emergency'
       AND e.state ->> 'outcome' IS DISTINCT FROM 'merged'
"""
#: Each of some calls, and as which it goes on: itself, where it was not merged.
_GOES_ON = """
    WITH RECURSIVE goes_on (asked, id) AS (
        SELECT asked, asked FROM unnest($1::text[]) AS asked
         UNION
        SELECT asked, i.state ->> 'merged_into' FROM goes_on JOIN incidents i USING (id)
         WHERE i.state ->> 'merged_into' IS NOT NULL)
    SELECT asked, id FROM goes_on JOIN incidents i USING (id)
     WHERE i.state ->> 'merged_into' IS NULL
"""
_ALARMS = "SELECT state, raised_at, acknowledged_at, acknowledged_by FROM alarms"
#: What was raised longer ago than a day alarms nobody any more, whatever was never stamped; and of
#: a call that has ended only what is about a unit that is not free yet.
_OPEN_ALARMS = """
    SELECT a.state, a.raised_at, a.acknowledged_at, a.acknowledged_by
      FROM alarms a JOIN incidents i ON i.id = a.incident_id LEFT JOIN legs l ON l.id = a.leg_id
     WHERE a.raised_at > now() - interval '1 day'
       AND (i.standing NOT IN ('closed', 'merged')
            OR l.id IS NOT NULL AND l.available IS NULL AND l.stood_down IS NULL)
     ORDER BY a.raised_at, a.id
"""


def known(row: Row[State]) -> State:
    """What stands in a row. Raises ``Rejected`` 404 when nothing does."""
    if row.state is None:
        raise Rejected(404, "Unknown", "Open it first, or check the number.")
    return row.state


async def incident(connection: Connection, incident_id: str) -> Incident:
    """An incident as it stands, for reading."""
    return known((await INCIDENTS.load(connection, [incident_id], lock=False))[incident_id])


class EncounterStore:
    """The loop's view of encounters."""

    def __init__(self, clocks: Mapping[str, Clock]) -> None:
        self._clocks = clocks

    async def load(
        self, connection: Connection, batch: Mapping[str, Sequence[Received]]
    ) -> dict[str, Row[Encounter]]:
        """The encounters of the batch, locked."""
        return await ENCOUNTERS.load(connection, batch.keys())

    async def save(
        self,
        connection: Connection,
        changed: Mapping[str, Row[Encounter]],
        emitted: Sequence[Event],
    ) -> None:
        """Store what changed; for who is severe now a hospital has to be chosen, and where one does
        not answer, somebody has to telephone."""
        await ENCOUNTERS.save(connection, changed)
        missed = [event for event in emitted if isinstance(event, DeadlineMissed)]
        await raise_alarms(connection, [deadline.of_event(each) for each in missed])
        now = datetime.now(UTC)
        for row in changed.values():
            if row.state is not None:
                await arm(connection, deadline.of_patient(row.state, self._clocks, now))


class HospitalStore:
    """The loop's view of hospitals."""

    async def load(
        self, connection: Connection, batch: Mapping[str, Sequence[Received]]
    ) -> dict[str, Row[Hospital]]:
        """The hospitals of the batch, locked."""
        return await HOSPITALS.load(connection, batch.keys())

    async def save(
        self, connection: Connection, changed: Mapping[str, Row[Hospital]], emitted: Sequence[Event]
    ) -> None:
        """Store what changed."""
        await HOSPITALS.save(connection, changed)


class Fleet(Value):
    """A unit, with those of its earlier legs that are spoken of."""

    unit: Unit
    legs: dict[str, Leg]
    #: The patients of the call that it drives for, where they have to hear of it.
    patients: tuple[Encounter, ...] = ()

    def leg(self, leg_id: str) -> Leg | None:
        """One of its legs."""
        current = self.unit.leg
        return current if current and current.leg_id == leg_id else self.legs.get(leg_id)

    def with_(self, unit: Unit, leg: Leg) -> Fleet:
        """The same after an act on this leg."""
        return self.but(unit=unit, legs={**self.legs, leg.leg_id: leg})

    def with_leg(self, leg: Leg) -> Fleet:
        """The same with what is known of one of its legs."""
        is_current = self.unit.leg is not None and self.unit.leg.leg_id == leg.leg_id
        return self.with_(self.unit.but(leg=leg) if is_current else self.unit, leg)


class FleetStore:
    """The loop's view of units, with the legs that its records speak of."""

    def __init__(self, clocks: Mapping[str, Clock]) -> None:
        self._clocks = clocks

    async def load(
        self, connection: Connection, batch: Mapping[str, Sequence[Received]]
    ) -> dict[str, Row[Fleet]]:
        """The units of the batch, locked."""
        rows = await UNITS.load(connection, batch.keys())
        spoken = {getattr(r.event, "leg_id", None) for each in batch.values() for r in each}
        legs = await legs_by_id(connection, [leg_id for leg_id in spoken if leg_id])
        patients = await self._patients(connection, batch, legs)
        return {
            key: Row(
                _fleet(row.state, legs).but(patients=patients.get(key, ())) if row.state else None,
                row.version,
            )
            for key, row in rows.items()
        }

    async def _patients(
        self,
        connection: Connection,
        batch: Mapping[str, Sequence[Received]],
        legs: Mapping[str, Leg],
    ) -> dict[str, tuple[Encounter, ...]]:
        """By unit, the patients of those calls from which somebody is brought to a hospital."""
        calls = {
            key: legs[event.leg_id].incident_id
            for key, each in batch.items()
            for event in (received.event for received in each)
            if isinstance(event, EtaUpdated | UnitArrived) and event.place == "destination"
            if event.leg_id in legs
        }
        known = await about(connection, set(calls.values())) if calls else {}
        return {key: tuple(known[call].encounters) for key, call in calls.items() if call in known}

    async def save(
        self, connection: Connection, changed: Mapping[str, Row[Fleet]], emitted: Sequence[Event]
    ) -> None:
        """Store what changed."""
        fleets = {key: row for key, row in changed.items() if row.state}
        units = {key: Row(row.state.unit, row.version) for key, row in fleets.items() if row.state}
        await UNITS.save(connection, units)
        await save_legs(
            connection, [leg for r in fleets.values() if r.state for leg in _of(r.state)]
        )
        missed = [event for event in emitted if isinstance(event, DeadlineMissed)]
        await raise_alarms(connection, [deadline.of_event(each) for each in missed])
        for event in emitted:
            if isinstance(event, UnitStatusChanged):
                await arm_leaving(connection, event, fleets, self._clocks)
                row = fleets.get(event.unit_id)
                time_departure(
                    event, row.state.leg(event.leg_id or "") if row and row.state else None
                )


def time_departure(event: Event, leg: Leg | None) -> None:
    """Once it is committed: how long a unit that has left took, whoever stamped it."""
    if not isinstance(event, UnitStatusChanged) or event.status is not UnitStatus.DEPARTED:
        return
    if leg is not None and leg.leg_id == event.leg_id and leg.notified_at is not None:
        took = (event.occurred_at - leg.notified_at).total_seconds()
        after_commit(partial(seen.DEPARTED_SECONDS.labels(event.source).observe, max(0.0, took)))


async def arm_leaving(
    connection: Connection,
    event: UnitStatusChanged,
    fleets: Mapping[str, Row[Fleet]],
    clocks: Mapping[str, Clock],
) -> None:
    """Who leaves the scene has to know where to."""
    fleet = fleets[event.unit_id].state
    leg = fleet.leg(event.leg_id or "") if fleet else None
    if leg is not None and event.status is UnitStatus.LEFT_SCENE:
        due = deadline.of_leaving(leg, event.occurred_at, clocks, datetime.now(UTC))
        await arm(connection, due)


def _fleet(unit: Unit, legs: Mapping[str, Leg]) -> Fleet:
    return Fleet(unit=unit, legs={n: leg for n, leg in legs.items() if leg.unit_id == unit.unit_id})


def _of(fleet: Fleet) -> list[Leg]:
    current = fleet.unit.leg
    return list((fleet.legs | ({current.leg_id: current} if current else {})).values())


async def legs_by_id(connection: Connection, leg_ids: Collection[str]) -> dict[str, Leg]:
    """Dispatches by their ids. Who changes one has locked its unit."""
    rows = await connection.fetch("SELECT id, state FROM legs WHERE id = ANY($1)", list(leg_ids))
    return {row["id"]: Leg.model_validate_json(row["state"]) for row in rows}


async def save_legs(connection: Connection, legs: Sequence[Leg]) -> None:
    """Store dispatches, new or changed."""
    columns = list(zip(*(leg.dispatch() for leg in legs), strict=True))
    states = [leg.model_dump_json(exclude_none=True) for leg in legs]
    if states:
        await connection.execute(_SAVE_LEGS, *columns, states)


async def arm(connection: Connection, deadlines: Sequence[Deadline]) -> None:
    """Write down by when something is due; one that stands comes no later by being told again."""
    if deadlines:
        await connection.execute(
            """
            INSERT INTO deadlines (id, due_at, state)
            SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::json[])
            ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, state = excluded.state
             WHERE excluded.due_at < deadlines.due_at
            """,
            [each.deadline_id for each in deadlines],
            [each.due_at for each in deadlines],
            [each.model_dump_json(exclude_none=True) for each in deadlines],
        )


async def disarm(connection: Connection, incident_id: str) -> None:
    """Take away what is due of a call: its clocks begin anew."""
    await connection.execute(
        "DELETE FROM deadlines WHERE state ->> 'incident_id' = $1", incident_id
    )


async def take_due(
    connection: Connection, many: int, *, none_is_free: bool = False
) -> list[Deadline]:
    """What is due by the database's clock, taken away; others that look meanwhile pass it over.
    With it, where no unit is free, what waits for one."""
    or_waits = "OR (state ->> 'waits_for_free')::boolean" if none_is_free else ""
    rows = await connection.fetch(
        f"""
        DELETE FROM deadlines WHERE id IN (
            SELECT id FROM deadlines WHERE due_at <= now() {or_waits} ORDER BY due_at LIMIT $1
               FOR UPDATE SKIP LOCKED)
        RETURNING state
        """,  # noqa: S608 (words of our own)
        many,
    )
    return [Deadline.model_validate_json(row["state"]) for row in rows]


async def put_off(connection: Connection) -> None:
    """What is due first is due in a minute, and waits for no free unit any more."""
    await connection.execute(
        """
        UPDATE deadlines SET due_at = now() + interval '1 minute',
               state = (state::jsonb - 'waits_for_free')::json
         WHERE id = (SELECT id FROM deadlines
                      WHERE due_at <= now() OR (state ->> 'waits_for_free')::boolean
                      ORDER BY due_at LIMIT 1)
        """
    )


async def clock(connection: Connection) -> datetime:
    """The database's."""
    now: datetime = await connection.fetchval("SELECT now()")
    return now


async def legs_of(connection: Connection, incident_ids: Collection[str]) -> dict[str, list[Leg]]:
    """The dispatches of some calls."""
    rows = await connection.fetch(
        "SELECT incident_id, state FROM legs WHERE incident_id = ANY($1)", list(incident_ids)
    )
    found: dict[str, list[Leg]] = {incident_id: [] for incident_id in incident_ids}
    for row in rows:
        found[row["incident_id"]].append(Leg.model_validate_json(row["state"]))
    return found


async def raise_alarms(connection: Connection, missed: Sequence[Deadline]) -> set[str]:
    """Show them to the dispatch board and the shift lead; those that were not shown before."""
    if not missed:
        return set()
    rows = await connection.fetch(
        """
        INSERT INTO alarms (id, incident_id, leg_id, state)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::json[]) ON CONFLICT DO NOTHING
        RETURNING id
        """,
        [each.deadline_id for each in missed],
        [each.incident_id for each in missed],
        [each.leg_id for each in missed],
        [each.model_dump_json(exclude_none=True) for each in missed],
    )
    return {row["id"] for row in rows}


async def about(connection: Connection, incident_ids: Collection[str]) -> dict[str, About]:
    """Calls with all that was sent to them, and their patients."""
    rows = await INCIDENTS.load(connection, sorted(incident_ids), lock=False)
    known = {row.state.incident_id: row.state for row in rows.values() if row.state}
    legs = await legs_of(connection, known)
    ids = sorted({one for each in known.values() for one in each.encounter_ids})
    patients = await ENCOUNTERS.load(connection, ids, lock=False)
    return {
        name: About(call, legs[name], [e for p in call.encounter_ids if (e := patients[p].state)])
        for name, call in known.items()
    }


async def going_on(connection: Connection, incident_ids: Collection[str]) -> dict[str, str]:
    """As which each of some calls goes on: itself, where it was not merged."""
    rows = await connection.fetch(_GOES_ON, list(incident_ids))
    return {row["asked"]: row["id"] for row in rows}


async def about_what_goes_on(
    connection: Connection, incident_ids: Collection[str]
) -> dict[str, About]:
    """Calls by these numbers; of one that was merged, the call as which it goes on."""
    names = await going_on(connection, incident_ids)
    calls = await about(connection, set(names.values()))
    return {asked: calls[name] for asked, name in names.items()}


async def open_alarms(connection: Connection) -> list[Alarm]:
    """The alarms of the last day whose cause still stands, the oldest first. One that was raised
    anew is told once."""
    rows = await connection.fetch(_OPEN_ALARMS)
    alarms = [_alarm(row) for row in rows]
    calls = await about_what_goes_on(connection, {alarm.incident_id for alarm in alarms})
    return deadline.newest(
        alarm.but(incident_id=call.incident.incident_id)
        for alarm in alarms
        if (call := calls.get(alarm.incident_id)) and is_missed(alarm, call)
    )


async def acknowledge_alarm(connection: Connection, alarm_id: str, by: str) -> Alarm:
    """Say that somebody has seen it; the first who did is kept. Raises ``Rejected`` 404."""
    await connection.execute(
        "UPDATE alarms SET acknowledged_at = now(), acknowledged_by = $2"
        " WHERE id = $1 AND acknowledged_at IS NULL",
        alarm_id,
        by,
    )
    row = await connection.fetchrow(f"{_ALARMS} WHERE id = $1", alarm_id)
    if row is None:
        raise Rejected(404, "Unknown alarm", "There is none of this number: read them again.")
    return _alarm(row)


def _alarm(row: Any) -> Alarm:
    each = Deadline.model_validate_json(row["state"])
    return Alarm(
        alarm_id=each.deadline_id,
        raised_at=row["raised_at"],
        acknowledged_at=row["acknowledged_at"],
        acknowledged_by=row["acknowledged_by"],
        **each.model_dump(exclude={"deadline_id", "waits_for_free"}),
    )


async def many_dispatches(connection: Connection, since: datetime, until: datetime) -> int:
    """How many dispatches began in a period."""
    asked = "SELECT count(*) FROM legs WHERE notified >= $1 AND notified < $2"
    found: int = await connection.fetchval(asked, since, until)
    return found


async def dispatches(
    connection: Connection, since: datetime, until: datetime
) -> AsyncIterator[Sent]:
    """The dispatches that began in a period, each with the class of its call as now known."""
    async for row in connection.cursor(_DISPATCHES, since, until, prefetch=500):
        yield Sent(row[0], Dispatch(*tuple(row)[3:]).as_emergency_since(row[1], row[2]), row[2])


async def journeys(
    connection: Connection, since: datetime, until: datetime
) -> AsyncIterator[Journey]:
    """The patients of the emergencies that were opened in a period."""
    async for row in connection.cursor(_JOURNEYS, since, until, prefetch=500):
        yield Journey(*row)


async def calls(connection: Connection, since: datetime, until: datetime) -> AsyncIterator[Call]:
    """The calls that were opened in a period, with all units sent to them. One that goes on as
    another is not told: that one is."""
    known: Call | None = None
    async for row in connection.cursor(_CALLS, since, until, prefetch=500):
        call, leg = Call(*tuple(row)[:12]).counted(), tuple(row)[12:]
        if known is not None and known.incident_id != call.incident_id:
            yield known
            known = None
        known = known or call
        if leg[0] is not None:
            sent = Dispatch(*leg).as_emergency_since(call.emergency_since, call.reclassified_at)
            known = known._replace(dispatches=(*known.dispatches, sent))
    if known is not None:
        yield known
