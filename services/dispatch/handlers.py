"""What dispatch does with what it reads: departures by GPS, triage, the facility's word."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.event import Event
from schemas.unit import UnitDeparted
from services.dispatch.encounter import Encounter, hear
from services.dispatch.store import EncounterStore, Fleet, FleetStore
from services.dispatch.unit import see_departure
from services.kit.work import Consumption, Received


def handle_movement(
    fleet: Fleet | None, received: Received
) -> tuple[Fleet | None, Sequence[Event]]:
    """A movement that GPS showed. What is announced and of no use here yet is passed over."""
    event = received.event
    if fleet is None or not isinstance(event, UnitDeparted):
        return fleet, ()
    before = fleet.leg(event.leg_id)
    unit, leg, events = see_departure(fleet.unit, before, event, received.recorded_at)
    return (fleet if leg is None or leg is before else fleet.with_(unit, leg)), events


def handle_news(
    encounter: Encounter | None, received: Received
) -> tuple[Encounter | None, Sequence[Event]]:
    """What triage decided and the facility did."""
    return hear(encounter, received.event, received.recorded_at)


MOVEMENTS = Consumption(
    "dispatch", "dispatch.units", ["dispatch-movements"], FleetStore(), handle_movement
)
NEWS = Consumption(
    "dispatch",
    "dispatch.encounters",
    ["triage-decisions", "bridge-handoffs"],
    EncounterStore(),
    handle_news,
)
