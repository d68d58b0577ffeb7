"""What recommendations rest on, as it stands: the register, the units, and the calls that wait."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from services.dispatch.deadline import is_waiting
from services.dispatch.encounter import Encounter
from services.dispatch.incident import Incident
from services.dispatch.recommendation import Candidate, Task, may_go
from services.dispatch.register import Hospital, Station
from services.dispatch.severity import Case
from services.dispatch.store import ENCOUNTERS, INCIDENTS, about
from services.dispatch.unit import ASSIGNABLE, Unit
from services.kit.postgres import Connection

_WORKED_ON = """
    SELECT id FROM incidents
     WHERE standing IN ('open', 'held') AND state ->> 'classification' = $1
"""
#: What is as it was at first is not written down.
_UNITS = """
    SELECT state FROM units
     WHERE cardinality($1::text[]) = 0 OR coalesce(state ->> 'status', 'available') = ANY($1)
     ORDER BY id
"""
_REGISTERS_UNITS = "SELECT EXISTS (SELECT FROM units WHERE state ->> 'registered' IS NOT NULL)"
#: Who is sent to an emergency waits for no transfer, and a transfer for all who are being sent.
_RESERVE = 4_242_001


async def stations(connection: Connection) -> dict[str, Station]:
    """All of them, by their ids."""
    rows = await connection.fetch("SELECT state FROM stations ORDER BY id")
    known = [Station.model_validate_json(row["state"]) for row in rows]
    return {station.station_id: station for station in known}


async def hospitals(connection: Connection) -> list[Hospital]:
    """All of them."""
    rows = await connection.fetch("SELECT state FROM facilities ORDER BY id")
    return [Hospital.model_validate_json(row["state"]) for row in rows]


async def units(connection: Connection, statuses: Collection[str] = ()) -> list[Unit]:
    """All of them, or those in one of these statuses."""
    rows = await connection.fetch(_UNITS, list(statuses))
    return [Unit.model_validate_json(row["state"]) for row in rows]


async def is_none_free(connection: Connection, now: datetime) -> bool:
    """Whether it is known that no unit may be sent. Who has registered none cannot say so: those
    that were never sent are not known."""
    async for row in connection.cursor(_UNITS, list(ASSIGNABLE), prefetch=10):
        if may_go(Unit.model_validate_json(row["state"]), now):
            return False
    return bool(await connection.fetchval(_REGISTERS_UNITS))


async def candidates(connection: Connection, statuses: Collection[str]) -> list[Candidate]:
    """Units in one of these statuses, with their stations and the calls that they are on."""
    known = await units(connection, statuses)
    where = await stations(connection)
    cases = await cases_of(connection, {unit.leg.incident_id for unit in known if unit.leg})
    return [Candidate(unit, station_of(unit, where), _task(unit, cases)) for unit in known]


def station_of(unit: Unit, known: dict[str, Station]) -> Station | None:
    """The station that it is registered at."""
    return known.get(unit.registered.station_id) if unit.registered else None


def _task(unit: Unit, cases: dict[str, Case]) -> Task | None:
    case = cases.get(unit.leg.incident_id) if unit.leg else None
    if case is None:
        return None
    return Task(case.incident.incident_id, case.severity, case.is_reached)


async def cases_of(connection: Connection, incident_ids: Collection[str]) -> dict[str, Case]:
    """Calls with their patients."""
    rows = await INCIDENTS.load(connection, sorted(incident_ids), lock=False)
    incidents = [row.state for row in rows.values() if row.state]
    return {case.incident.incident_id: case for case in await _with_patients(connection, incidents)}


async def waiting(connection: Connection, classification: str) -> list[Case]:
    """The calls of a class to which nobody is sent, or nobody who was not lost on the way."""
    rows = await connection.fetch(_WORKED_ON, classification)
    calls = await about(connection, [row["id"] for row in rows])
    return [Case(c.incident, tuple(c.encounters)) for c in calls.values() if is_waiting(c)]


async def _with_patients(connection: Connection, incidents: Sequence[Incident]) -> list[Case]:
    ids = sorted({patient for each in incidents for patient in each.encounter_ids})
    rows = await ENCOUNTERS.load(connection, ids, lock=False)

    def patients(incident: Incident) -> tuple[Encounter, ...]:
        found = (rows[encounter_id].state for encounter_id in incident.encounter_ids)
        return tuple(each for each in found if each is not None)

    return [Case(incident, patients(incident)) for incident in incidents]


async def hold_reserve(connection: Connection, *, for_transfer: bool) -> None:
    """Until the transaction ends: a transfer sees every unit that an emergency has taken, and no
    two transfers take the same one's place."""
    shared = "" if for_transfer else "_shared"
    await connection.execute(f"SELECT pg_advisory_xact_lock{shared}($1)", _RESERVE)
