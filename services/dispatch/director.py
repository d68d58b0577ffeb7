"""Tells units on their way where they go now: to the hospital that was chosen, to another scene."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas.encounter import EncounterEvent, PatientBoarded
from schemas.envelope import derived_id
from schemas.event import Event
from schemas.incident import IncidentEvent, Point
from schemas.unit import UnitDirected, UnitStatus
from services.dispatch import arrival, store, unit
from services.dispatch.deadline import About, Deadline, aboard_unsaid
from services.dispatch.encounter import Encounter, record
from services.dispatch.incident import Incident
from services.dispatch.leg import REPORTED, VERIFIED, Leg
from services.kit import outbox
from services.kit.postgres import Connection, Row


async def to_hospital(connection: Connection, encounter: Encounter, at: datetime) -> None:
    """The unit that has the patient, or alone is sent to the call, drives to the hospital that was
    chosen. Of one that nobody has registered nobody knows where it is: nothing is told."""
    chosen = encounter.destination
    if chosen is None or encounter.outcome is not None:
        return
    hospital = (await store.HOSPITALS.load(connection, [chosen], lock=False))[chosen].state
    unit_id = encounter.unit_id or await _alone(connection, encounter.incident_id)
    if hospital is None or unit_id is None:
        return
    row = (await store.UNITS.load(connection, [unit_id]))[unit_id]
    leg = row.state.leg if row.state else None
    if leg is None or leg.incident_id != encounter.incident_id:
        return
    told = UnitDirected(
        event_id=derived_id("to hospital", leg.leg_id, chosen, at.isoformat()),
        occurred_at=at,
        recorded_at=datetime.now(UTC),
        unit_id=unit_id,
        leg_id=leg.leg_id,
        place="destination",
        point=hospital.point,
        facility_id=chosen,
    )
    await _tell(connection, row, leg, told)


async def to_be_expected(
    connection: Connection, encounter: Encounter, event: EncounterEvent
) -> None:
    """The hospital is told by which unit the patient comes. Who comes by a unit that nobody has
    heard of comes by it all the same."""
    if encounter.unit_id is None:
        return
    name, now = encounter.unit_id, datetime.now(UTC)
    known = (await store.UNITS.load(connection, [name], lock=False))[name].state
    told = arrival.expected(
        encounter, known or unit.Unit(unit_id=name), event.event_id, event.occurred_at, now
    )
    await outbox.append(connection, "dispatch", [told] if told else [])


async def to_have_come(connection: Connection, known: unit.Unit, leg: Leg, event: Event) -> None:
    """The hospital is told that the unit stands there, or does not after all, with all aboard."""
    if known.leg is None or known.leg.leg_id != leg.leg_id:
        return
    calls = await store.about(connection, {leg.incident_id})
    for about in calls.values():
        told = arrival.expected_anew(about.encounters, known, event, datetime.now(UTC))
        await outbox.append(connection, "dispatch", list(told))


async def to_be_aboard(
    connection: Connection, missed: Deadline, about: About, now: datetime
) -> None:
    """Nobody has said that the patient is aboard, and satellites saw the unit leave: it is taken to
    be so, flagged, and whoever was there may still say when it was."""
    leg = next((each for each in about.legs if each.leg_id == missed.leg_id), None)
    left_at = leg.at(UnitStatus.LEFT_SCENE, VERIFIED) if leg else None
    if leg is None or left_at is None:
        return
    names = [each.encounter_id for each in aboard_unsaid(leg, about.encounters)]
    rows = await store.ENCOUNTERS.load(connection, names)
    for row in rows.values():
        if row.state is None or not any(aboard_unsaid(leg, [row.state])):
            continue  # meanwhile somebody has said so
        boarded = PatientBoarded(
            event_id=derived_id("aboard", row.state.encounter_id, leg.leg_id),
            occurred_at=left_at,
            recorded_at=now,
            encounter_id=row.state.encounter_id,
            unit_id=leg.unit_id,
            inferred=True,
        )
        after, events = record(row.state, boarded)
        await store.ENCOUNTERS.save(connection, {after.encounter_id: Row(after, row.version)})
        await outbox.append(connection, "dispatch", events)
        await to_hospital(connection, after, left_at)
        await to_be_expected(connection, after, boarded)


async def to_go_on(connection: Connection, holder: str) -> None:
    """Each dispatch for the call ``holder`` is for the one as which the call that it was sent to
    goes on now: that was merged, or is itself again. Units on their way hear it by ``to_scene``."""
    held = (await store.legs_of(connection, [holder]))[holder]
    rows = await store.UNITS.load(connection, sorted({leg.unit_id for leg in held}))
    legs = await store.legs_by_id(connection, [leg.leg_id for leg in held])  # behind the locks
    names = await store.going_on(connection, {leg.first_call for leg in legs.values()})
    moved = [
        leg.going_on_as(names[leg.first_call])
        for leg in legs.values()
        if leg.incident_id != names[leg.first_call]
    ]
    units = {name: row.state for name, row in rows.items() if row.state}
    for leg in moved:
        units[leg.unit_id] = unit.with_leg(units[leg.unit_id], leg)
    changed = {leg.unit_id: Row(units[leg.unit_id], rows[leg.unit_id].version) for leg in moved}
    await store.UNITS.save(connection, changed)
    await store.save_legs(connection, moved)


async def to_scene(connection: Connection, call: Incident, event: IncidentEvent) -> None:
    """The patient is elsewhere: every unit that is sent there and not back is told. Whose word led
    one there that has arrived stays as it was."""
    legs = (await store.legs_of(connection, [call.incident_id]))[call.incident_id]
    going = sorted(leg.unit_id for leg in legs if not leg.dispatch().is_over)
    rows = await store.UNITS.load(connection, going)
    where = call.location
    for row in rows.values():
        leg = row.state.leg if row.state else None
        if leg is None or leg.incident_id != call.incident_id:
            continue
        told = UnitDirected(
            event_id=derived_id("to scene", leg.leg_id, event.event_id),
            occurred_at=event.occurred_at,
            recorded_at=event.recorded_at,
            unit_id=leg.unit_id,
            leg_id=leg.leg_id,
            place="scene",
            point=Point(latitude=where.latitude, longitude=where.longitude),
        )
        reached = leg.at(UnitStatus.ON_SCENE, REPORTED | VERIFIED) is not None
        used = leg if reached else leg.but(scene_source=call.location_source)
        await _tell(connection, row, used, told)


async def _alone(connection: Connection, incident_id: str | None) -> str | None:
    """The one unit that is sent to a call and not back, if there is one and no more."""
    if incident_id is None:
        return None
    legs = (await store.legs_of(connection, [incident_id]))[incident_id]
    going = [leg.unit_id for leg in legs if not leg.dispatch().is_over]
    return going[0] if len(going) == 1 else None


async def _tell(connection: Connection, row: Row[unit.Unit], leg: Leg, told: UnitDirected) -> None:
    assert row.state is not None  # noqa: S101 (its leg was read from it)
    after, leg, events = unit.direct(row.state, leg, told)
    if events:
        await store.UNITS.save(connection, {after.unit_id: Row(after, row.version)})
        await store.save_legs(connection, [leg])
        await outbox.append(connection, "dispatch", events)
