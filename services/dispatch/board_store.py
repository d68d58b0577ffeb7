"""What screens read of dispatch's tables: few questions, all about one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from services.dispatch import overview
from services.dispatch.clock import Clock
from services.dispatch.encounter import Encounter
from services.dispatch.fleet import SameEvent
from services.dispatch.incident import Incident
from services.dispatch.register import Hospital
from services.dispatch.store import (
    ENCOUNTERS,
    HOSPITALS,
    UNITS,
    about,
    clock,
    incident,
    known,
    legs_by_id,
    legs_of,
    open_alarms,
)
from services.dispatch.unit import Unit
from services.kit.postgres import Connection

#: Which calls and units a board shows, and a tag that is another one when anything of them is. No
#: two states have one version; a dispatch and an alarm have none, but a row that was written anew.
#: With a call that goes on stand those that were merged into it, be it through another.
_SHOWN = """
    WITH RECURSIVE going_on AS (
        SELECT id, version, state FROM incidents
         WHERE standing IN ('open', 'held', 'abandoned', 'nuisance')
         UNION ALL
        SELECT i.id, i.version, i.state
          FROM going_on g JOIN incidents i ON i.state ->> 'merged_into' = g.id
         WHERE i.standing = 'merged' AND i.ended_at > now() - $2::interval),
    calls AS (
        SELECT * FROM going_on
         UNION ALL
        SELECT id, version, state FROM incidents
         WHERE standing IN ('closed', 'merged') AND ended_at > now() - $1::interval
           AND id NOT IN (SELECT id FROM going_on)),
    versions (of) AS (
        SELECT id || ' ' || version FROM calls
         UNION ALL
        SELECT e.id || ' ' || e.version
          FROM calls CROSS JOIN LATERAL json_array_elements_text(state -> 'encounter_ids') AS p (id)
          JOIN encounters e ON e.id = p.id
         UNION ALL
        SELECT l.id || ' ' || l.xmin::text FROM legs l JOIN calls ON calls.id = l.incident_id
         UNION ALL
        SELECT id || ' ' || version FROM units
         UNION ALL
        SELECT id || ' ' || xmin::text FROM alarms WHERE raised_at > now() - interval '1 day')
    SELECT now() AS at,
           (SELECT md5(string_agg(of, ',' ORDER BY of)) FROM versions) AS tag,
           (SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM calls) AS calls,
           (SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM units) AS units
"""
_HAD = """
    SELECT id FROM encounters
     WHERE unit_id = $1 AND (ended_at IS NULL OR ended_at > now() - $2::interval)
"""
_SENT = """
    SELECT EXISTS (
        SELECT FROM legs WHERE unit_id = $1 AND $2 IN (incident_id, state ->> 'sent_to'))
"""


class Shown(NamedTuple):
    """What a board shows at a moment, and the tag of it."""

    at: datetime
    tag: str
    calls: list[str]
    units: list[str]


async def shown(connection: Connection) -> Shown:
    """What is on the board now."""
    row = await connection.fetchrow(_SHOWN, overview.BOARD_KEEPS, overview.MERGED_KEEPS)
    return Shown(row["at"], row["tag"] or "", row["calls"], row["units"])


async def board(
    connection: Connection,
    asked: Shown,
    clocks: Mapping[str, Clock],
    same_event: SameEvent | None,
) -> overview.Board:
    """All of it."""
    calls = await about(connection, asked.calls)
    rows = await UNITS.load(connection, asked.units, lock=False)
    drawn = (overview.board_call(each, clocks) for each in calls.values())
    return overview.Board.made(
        incidents=tuple(sorted(drawn, key=lambda call: (call.opened_at, call.incident_id))),
        units=tuple(overview.board_unit(row.state) for row in rows.values() if row.state),
        alarms=tuple(await open_alarms(connection)),
        same_event=same_event,
    )


async def mission(connection: Connection, unit_id: str) -> overview.Mission:
    """What the crew of this unit is shown. Raises ``Rejected`` 404 where nobody knows the unit."""
    unit = known((await UNITS.load(connection, [unit_id], lock=False))[unit_id])
    leg = overview.current_leg(unit, await clock(connection))
    call = await incident(connection, leg.incident_id) if leg else None
    had = await connection.fetch(_HAD, unit_id, overview.PHONE_KEEPS)
    ids = {row["id"] for row in had}.union(call.encounter_ids if call else ())
    rows = await ENCOUNTERS.load(connection, sorted(ids), lock=False)
    patients = [row.state for row in rows.values() if row.state]
    hospitals = await _hospitals(connection, patients)
    told = overview.mission(
        unit,
        leg,
        call,
        overview.with_phones(patients, {h.facility_id: h.phone for h in hospitals if h.phone}),
        await _others(connection, unit_id, call) if call else [],
    )
    return told.but(destinations=overview.destinations(told.patients, hospitals))


async def _hospitals(connection: Connection, patients: Iterable[Encounter]) -> list[Hospital]:
    """What the register knows of the hospitals that these are bound for."""
    names = sorted(filter(None, {each.destination for each in patients}))
    rows = await HOSPITALS.load(connection, names, lock=False)
    return [row.state for row in rows.values() if row.state]


async def _others(connection: Connection, unit_id: str, call: Incident) -> list[Unit]:
    """Who else is on its way to this call, or there."""
    legs = (await legs_of(connection, [call.incident_id]))[call.incident_id]
    others = (leg for leg in legs if leg.unit_id != unit_id)
    ids = {leg.unit_id for leg in others if overview.ended_at(leg) is None}
    rows = await UNITS.load(connection, sorted(ids), lock=False)
    return [row.state for row in rows.values() if row.state]


# -- whose is what ---------------------------------------------------------------------------------


async def has_call(
    connection: Connection, unit_id: str, incident_id: str, *, to_read: bool
) -> bool:
    """Whether this unit is or was sent to this call."""
    found: bool = await connection.fetchval(_SENT, unit_id, incident_id)
    return found


async def has_leg(connection: Connection, unit_id: str, leg_id: str, *, to_read: bool) -> bool:
    """Whether this dispatch is the unit's own; to be read it may be of a call that it was sent to,
    too."""
    leg = (await legs_by_id(connection, [leg_id])).get(leg_id)
    if leg is None or leg.unit_id == unit_id:
        return leg is not None
    return to_read and await has_call(connection, unit_id, leg.incident_id, to_read=to_read)


async def has_patient(
    connection: Connection, unit_id: str, encounter_id: str, *, to_read: bool
) -> bool:
    """Whether this unit has or had the patient, or is or was sent to their call."""
    rows = await ENCOUNTERS.load(connection, [encounter_id], lock=False)
    patient = rows[encounter_id].state
    if patient is None:
        return False
    if unit_id in (patient.unit_id, *patient.units):
        return True
    call = patient.incident_id
    return call is not None and await has_call(connection, unit_id, call, to_read=to_read)
