"""What waits, and what fits it: calls in the order of their severity, units, hospitals."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from pydantic import AwareDatetime

from schemas.event import Identifier, Value
from schemas.incident import Point
from schemas.triage import TriageLevel
from services.dispatch import network_store, recommendation, store
from services.dispatch.callers import Dispatcher, FieldStaff
from services.dispatch.encounter import Encounter
from services.dispatch.incident import Incident, Standing, is_urgent
from services.dispatch.indicators import COUNTED
from services.dispatch.recommendation import HospitalAdvice, UnitAdvice
from services.dispatch.severity import Case, in_order
from services.dispatch.unit import ASSIGNABLE, DIVERTIBLE
from services.kit.postgres import Connection, transaction

router = APIRouter(prefix="/v1")


class Waiting(Value):
    """A call to which nobody is sent."""

    incident_id: Identifier
    severity: TriageLevel
    since: AwareDatetime
    standing: Standing
    encounter_ids: tuple[Identifier, ...]
    #: Of a transfer that is no emergency: when the vehicle is wanted.
    scheduled_at: AwareDatetime | None = None


@router.get("/waiting-calls")
async def read_waiting_calls(request: Request, caller: Dispatcher) -> list[Waiting]:
    """Emergencies to which nobody is sent, the most severe first, then the longest waiting
    (就急就重)."""
    async with transaction(request.app.state.pool) as connection:
        cases = await network_store.waiting(connection, COUNTED)
    return [_waiting(case) for case in in_order(cases)]


@router.get("/waiting-transfers")
async def read_waiting_transfers(request: Request, caller: Dispatcher) -> list[Waiting]:
    """Transfers that are no emergencies and to which nobody is sent: by the time for which they
    are wanted, be it now."""
    async with transaction(request.app.state.pool) as connection:
        cases = await network_store.waiting(connection, "non_emergency_transfer")
    return sorted(map(_waiting, cases), key=lambda w: (w.scheduled_at or w.since, w.incident_id))


def _waiting(case: Case) -> Waiting:
    return Waiting(
        incident_id=case.incident.incident_id,
        severity=case.severity,
        since=case.since,
        standing=case.incident.standing,
        encounter_ids=case.incident.encounter_ids,
        scheduled_at=case.incident.scheduled_at,
    )


@router.get("/incidents/{incident_id}/recommended-units")
async def recommend_units(
    request: Request, incident_id: Identifier, caller: Dispatcher
) -> list[UnitAdvice]:
    """Free units that fit the call, the best first, each with what speaks for it and against it.
    Where none is free: units on their way to less severe calls, to be taken from those by
    ``divert``. A call that can wait is told none of those that are kept for emergencies."""
    site: recommendation.Site = request.app.state.advice
    now = datetime.now(UTC)
    async with transaction(request.app.state.pool) as connection:
        call = await store.incident(connection, incident_id)
        case = (await network_store.cases_of(connection, [incident_id]))[incident_id]
        known = await network_store.candidates(connection, ASSIGNABLE | DIVERTIBLE)
    if not is_urgent(call):
        free = [each for each in known if each.unit.status in ASSIGNABLE]
        known = [c for c in free if recommendation.leaves_reserve(c, free, site, now)]
    needs = site.fleet.equipment.of(each.patient.complaint for each in case.encounters)
    wanted = recommendation.Call(_scene(call), case.severity, needs)
    return recommendation.units(wanted, known, site, now)


def _scene(call: Incident) -> Point:
    return Point(latitude=call.location.latitude, longitude=call.location.longitude)


@router.get("/encounters/{encounter_id}/recommended-destinations")
async def recommend_destinations(
    request: Request, encounter_id: Identifier, caller: FieldStaff
) -> list[HospitalAdvice]:
    """Hospitals for this patient, the best first, each with what speaks for it and against it: by
    the centres that triage names, what the hospitals say they have free, the network of the unit,
    the way, and what the patient wishes."""
    site: recommendation.Site = request.app.state.advice
    async with transaction(request.app.state.pool) as connection:
        rows = await store.ENCOUNTERS.load(connection, [encounter_id], lock=False)
        encounter = store.known(rows[encounter_id])
        patient = await _patient(connection, encounter)
        known = await network_store.hospitals(connection)
    if patient is None:
        return []
    return recommendation.hospitals(patient, known, site, datetime.now(UTC))


async def _patient(connection: Connection, encounter: Encounter) -> recommendation.Patient | None:
    """Who is to be brought, from where their call is; none of whom nobody knows where they are."""
    if encounter.incident_id is None:
        return None
    call = await store.incident(connection, encounter.incident_id)
    network = None
    if encounter.unit_id is not None:
        rows = await store.UNITS.load(connection, [encounter.unit_id], lock=False)
        unit = rows[encounter.unit_id].state
        stations = await network_store.stations(connection)
        station = network_store.station_of(unit, stations) if unit else None
        network = station.network_facility_id if station else None
    return recommendation.Patient(
        point=_scene(call),
        severity=encounter.level,
        centres=frozenset(encounter.centres),
        wishes=encounter.patient.wishes_facility_id,
        network=network,
    )
