"""What dispatch does with what it reads: departures by GPS, triage, the facility's word."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.event import Event
from schemas.unit import UnitDeparted
from services.dispatch.encounter import Encounter, hear
from services.dispatch.store import EncounterStore, UnitStore
from services.dispatch.unit import Unit, see_departure
from services.kit.work import Consumption, Received


def handle_movement(unit: Unit | None, received: Received) -> tuple[Unit | None, Sequence[Event]]:
    """A movement that GPS showed. What is announced and of no use here yet is passed over."""
    if not isinstance(received.event, UnitDeparted):
        return unit, ()
    return see_departure(unit, received.event, received.recorded_at)


def handle_news(
    encounter: Encounter | None, received: Received
) -> tuple[Encounter | None, Sequence[Event]]:
    """What triage decided and the facility did."""
    return hear(encounter, received.event, received.recorded_at)


MOVEMENTS = Consumption(
    "dispatch", "dispatch.units", ["dispatch-movements"], UnitStore(), handle_movement
)
NEWS = Consumption(
    "dispatch",
    "dispatch.encounters",
    ["triage-decisions", "bridge-handoffs"],
    EncounterStore(),
    handle_news,
)
