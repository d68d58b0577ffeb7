"""What dispatch does with what it reads: movements by GPS, triage, the facility's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.capacity import CapacityReported
from schemas.event import Event
from schemas.unit import EtaUpdated, UnitArrived, UnitFellSilent, UnitHeardAgain, UnitLocated
from services.dispatch import arrival, sighting
from services.dispatch.clock import Clock
from services.dispatch.encounter import Encounter, hear
from services.dispatch.leg import Leg
from services.dispatch.register import Hospital, hear_capacity
from services.dispatch.sighting import Movement
from services.dispatch.store import EncounterStore, Fleet, FleetStore, HospitalStore
from services.kit.work import Consumption, Received


def handle_movement(
    fleet: Fleet | None, received: Received
) -> tuple[Fleet | None, Sequence[Event]]:
    """What GPS shows of a unit, and of the dispatch that it is on. Of a unit that was never sent
    nothing is kept."""
    event = received.event
    if fleet is None:
        return None, ()
    if isinstance(event, UnitLocated):
        placed = sighting.place(fleet.unit, event)
        return (fleet if placed is fleet.unit else fleet.but(unit=placed)), ()
    before = fleet.leg(getattr(event, "leg_id", ""))
    if before is None:
        return fleet, ()
    if isinstance(event, Movement):
        return _moved(fleet, before, event, received.recorded_at)
    leg, told = _heard(before, event, received.recorded_at)
    if leg is before:
        return fleet, told
    known = fleet.with_leg(leg)
    if isinstance(event, EtaUpdated) and event.place == "destination":
        told = list(arrival.expected_anew(known.patients, known.unit, event, received.recorded_at))
    return known, told


def _moved(
    fleet: Fleet, before: Leg, event: Movement, now: datetime
) -> tuple[Fleet, Sequence[Event]]:
    """The unit has left or arrived. Who is aboard has come to the hospital with it."""
    after, leg, events = sighting.see_movement(fleet.unit, before, event, now)
    if leg is None or leg is before:
        return fleet, events
    known = fleet.with_(after, leg)
    if not isinstance(event, UnitArrived) or event.place != "destination":
        return known, events
    return known, [*events, *arrival.expected_anew(known.patients, known.unit, event, now)]


def _heard(leg: Leg, event: Event, now: datetime) -> tuple[Leg, Sequence[Event]]:
    """What changes of a dispatch without a stamp."""
    match event:
        case EtaUpdated():
            return sighting.expect(leg, event), ()
        case UnitFellSilent():
            return sighting.fall_silent(leg, event, now)
        case UnitHeardAgain():
            return (leg.but(silence=None) if leg.silence else leg), ()
    return leg, ()


def handle_news(
    encounter: Encounter | None, received: Received
) -> tuple[Encounter | None, Sequence[Event]]:
    """What triage decided and the facility did."""
    return hear(encounter, received.event, received.recorded_at)


def handle_capacity(
    hospital: Hospital | None, received: Received
) -> tuple[Hospital | None, Sequence[Event]]:
    """What a hospital has free. Of one that nobody has registered nothing is kept."""
    if not isinstance(received.event, CapacityReported):
        return hospital, ()
    return hear_capacity(hospital, received.event), ()


class Reading(NamedTuple):
    """What dispatch reads, and what it does with it."""

    movements: Consumption[Fleet]
    news: Consumption[Encounter]
    capacity: Consumption[Hospital]


def reading(clocks: Mapping[str, Clock]) -> Reading:
    """What dispatch reads, by the clocks that are kept here."""
    service = "dispatch"
    return Reading(
        Consumption(
            service, "dispatch.units", ["dispatch-movements"], FleetStore(clocks), handle_movement
        ),
        Consumption(
            service,
            "dispatch.encounters",
            ["triage-decisions", "bridge-handoffs"],
            EncounterStore(clocks),
            handle_news,
        ),
        Consumption(
            service, "dispatch.facilities", ["bridge-capacity"], HospitalStore(), handle_capacity
        ),
    )
