"""The register: stations, hospitals, units; and what crews find when they look at their units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Request

from schemas.envelope import derived_id
from schemas.event import Identifier, Value
from schemas.unit import ReadinessReported, UnitMobilised, UnitRegistered, UnitReleased
from services.dispatch import network_store, register, store
from services.dispatch.callers import OURS, Anybody, Dispatcher, FieldStaff, Viewer
from services.dispatch.register import (
    Enrolment,
    FacilityName,
    Hospital,
    Station,
    UnitEvent,
    UnitName,
)
from services.dispatch.requests import (
    Mobilise,
    RegisterHospital,
    RegisterStation,
    RegisterUnit,
    Release,
    ReportReadiness,
)
from services.dispatch.unit import Unit
from services.kit import failpoint, outbox
from services.kit.body import Body
from services.kit.errors import Rejected
from services.kit.http import IdempotencyKey, event_id_for, retrying
from services.kit.postgres import Connection, Row, transaction

router = APIRouter(prefix="/v1")


class Stations(Value):
    """All stations, and how many township health centres take part, county by county."""

    stations: tuple[Station, ...]
    enrolment: tuple[Enrolment, ...]


@router.get("/stations")
async def read_stations(request: Request, caller: Viewer) -> Stations:
    """All stations, and the share of township health centres that take part today."""
    async with transaction(request.app.state.pool) as connection:
        known = tuple((await network_store.stations(connection)).values())
    today = datetime.now(request.app.state.site.zone).date()
    return Stations(stations=known, enrolment=tuple(register.enrolment(known, today)))


@router.put("/stations/{station_id}")
@retrying
async def register_station(
    request: Request, station_id: Identifier, body: RegisterStation, caller: Dispatcher
) -> Station:
    """Enter a station, or enter it anew. What was sent from it before keeps its county."""
    told = body.model_dump(exclude={"location"})
    station = Station(station_id=station_id, point=body.location.point, **told)
    async with transaction(request.app.state.pool) as connection:
        row = (await store.STATIONS.load(connection, [station_id]))[station_id]
        await store.STATIONS.save(connection, {station_id: Row(station, row.version)})
    return station


@router.get("/facilities")
async def read_hospitals(request: Request, caller: Viewer) -> list[Hospital]:
    """All hospitals, with what they last said they have free."""
    async with transaction(request.app.state.pool) as connection:
        return await network_store.hospitals(connection)


@router.get("/facility-names")
async def read_facility_names(request: Request, caller: Anybody) -> list[FacilityName]:
    """How the hospitals are called, and nothing else of them: for whoever shows a number."""
    async with transaction(request.app.state.pool) as connection:
        known = await network_store.hospitals(connection)
    return [FacilityName(facility_id=each.facility_id, name=each.name) for each in known]


@router.get("/unit-names")
async def read_unit_names(request: Request, caller: FieldStaff) -> list[UnitName]:
    """The units that the register knows, and nothing of what they do: for a crew that signs on."""
    async with transaction(request.app.state.pool) as connection:
        known = await network_store.units(connection)
    told = ((unit.unit_id, unit.registered) for unit in known)
    return [
        UnitName(unit_id=unit_id, kind=entered.kind, station_id=entered.station_id)
        for unit_id, entered in sorted(told, key=lambda each: each[0])
        if entered is not None
    ]


@router.put("/facilities/{facility_id}")
@retrying
async def register_hospital(
    request: Request, facility_id: Identifier, body: RegisterHospital, caller: Dispatcher
) -> Hospital:
    """Enter a hospital and its centres, or enter it anew. What it has free it says itself."""
    async with transaction(request.app.state.pool) as connection:
        row = (await store.HOSPITALS.load(connection, [facility_id]))[facility_id]
        hospital = Hospital(
            facility_id=facility_id,
            name=body.name,
            point=body.location.point,
            centres=body.centres,
            phone=body.phone,
            capacity=row.state.capacity if row.state else None,
        )
        await store.HOSPITALS.save(connection, {facility_id: Row(hospital, row.version)})
    return hospital


@router.get("/units", response_model_exclude={"__all__": OURS})
async def read_units(request: Request, caller: Viewer) -> list[Unit]:
    """All units: status, where they are, whether they are ready, and the dispatch they are on."""
    async with transaction(request.app.state.pool) as connection:
        return await network_store.units(connection)


@router.put("/units/{unit_id}", response_model_exclude=OURS)
@retrying
async def register_unit(
    request: Request,
    unit_id: Identifier,
    body: RegisterUnit,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> Unit:
    """Enter a vehicle: its station, its kind and force, and what it carries. 409 when nobody knows
    the station."""
    event = UnitRegistered(
        event_id=event_id_for(request, body, idempotency_key),
        recorded_at=datetime.now(UTC),
        unit_id=unit_id,
        **body.model_dump(),
    )
    async with transaction(request.app.state.pool) as connection:
        if body.station_id not in await network_store.stations(connection):
            raise Rejected(409, "Unknown station", "Enter the station first, or check its number.")
        row = (await store.UNITS.load(connection, [unit_id]))[unit_id]
        return await _take(connection, row, row.state or Unit(unit_id=unit_id), event)


@router.put("/units/{unit_id}/readiness", response_model_exclude=OURS)
@retrying
async def report_readiness(
    request: Request,
    unit_id: Identifier,
    body: ReportReadiness,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Unit:
    """Say what the crew found: a unit that lacks something is recommended to nobody."""
    event = ReadinessReported(
        event_id=event_id_for(request, body, idempotency_key),
        recorded_at=datetime.now(UTC),
        unit_id=unit_id,
        **body.model_dump(),
    )
    async with transaction(request.app.state.pool) as connection:
        row = (await store.UNITS.load(connection, [unit_id]))[unit_id]
        return await _take(connection, row, store.known(row), event)


@router.post("/mobile-force/mobilised", response_model_exclude={"__all__": OURS})
@retrying
async def mobilise(
    request: Request, body: Mobilise, caller: Dispatcher, idempotency_key: IdempotencyKey = None
) -> list[Unit]:
    """Call up the mobile force, all of it or that of some stations, in one act. The answer has
    the units that may be sent from now on."""
    event_id = event_id_for(request, body, idempotency_key)

    def event(unit_id: str) -> UnitMobilised:
        return UnitMobilised(reason=body.reason, **_about(event_id, unit_id, body))

    return await _of_force(request, body.station_ids, event)


@router.post("/mobile-force/released", response_model_exclude={"__all__": OURS})
@retrying
async def release(
    request: Request, body: Release, caller: Dispatcher, idempotency_key: IdempotencyKey = None
) -> list[Unit]:
    """The mobile force, or that of some stations, is called up no more. Who is on the road stays
    on it."""
    event_id = event_id_for(request, body, idempotency_key)

    def event(unit_id: str) -> UnitReleased:
        return UnitReleased(**_about(event_id, unit_id, body))

    return await _of_force(request, body.station_ids, event)


def _about(event_id: str, unit_id: str, body: Body) -> dict[str, object]:
    """One act on many units is an event of each."""
    return {
        "event_id": derived_id("force", event_id, unit_id),
        "occurred_at": body.occurred_at,
        "recorded_at": datetime.now(UTC),
        "unit_id": unit_id,
    }


async def _of_force(
    request: Request, station_ids: Sequence[str], event: Callable[[str], UnitEvent]
) -> list[Unit]:
    async with transaction(request.app.state.pool) as connection:
        ids = [
            unit.unit_id
            for unit in await network_store.units(connection)
            if register.is_mobile(unit) and _is_at(unit, station_ids)
        ]
        rows = await store.UNITS.load(connection, sorted(ids))
        return [
            await _take(connection, row, row.state, event(unit_id))
            for unit_id, row in rows.items()
            if row.state is not None
        ]


def _is_at(unit: Unit, station_ids: Sequence[str]) -> bool:
    told = unit.registered
    return not station_ids or (told is not None and told.station_id in station_ids)


async def _take(connection: Connection, row: Row[Unit], before: Unit, event: UnitEvent) -> Unit:
    after, events = register.take(before, event)
    if events:
        await store.UNITS.save(connection, {after.unit_id: Row(after, row.version)})
        await outbox.append(connection, "dispatch", events)
        failpoint.reach("request.decided")
    return after
