"""By which unit a patient comes, and when it will be at the hospital: what the hospital is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from schemas.encounter import ArrivalExpected
from schemas.envelope import derived_id
from schemas.event import Event
from schemas.unit import UnitStatus
from services.dispatch.encounter import Encounter
from services.dispatch.leg import REPORTED, VERIFIED, Leg
from services.dispatch.unit import Unit


def expected(
    encounter: Encounter, unit: Unit, cause: str, at: datetime, now: datetime
) -> ArrivalExpected | None:
    """What is known of it when something has changed at the patient; nothing of who is over, or is
    with another unit."""
    if encounter.outcome is not None or encounter.unit_id != unit.unit_id:
        return None
    leg = _aboard(encounter, unit.leg)
    eta = leg.eta if leg and leg.eta is not None and leg.eta.place == "destination" else None
    return ArrivalExpected(
        event_id=derived_id("arrival", encounter.encounter_id, cause),
        occurred_at=at,
        recorded_at=now,
        encounter_id=encounter.encounter_id,
        unit_id=unit.unit_id,
        call_back=unit.registered.call_back if unit.registered else None,
        arrives_at=eta.arrives_at if eta else None,
        estimated_at=eta.occurred_at if eta else None,
        unit_arrived_at=_came_at(leg) if leg else None,
    )


def expected_anew(
    patients: Iterable[Encounter], unit: Unit, cause: Event, now: datetime
) -> Iterator[ArrivalExpected]:
    """The same of all who are aboard, when the road has changed it, or the unit has come."""
    for each in patients:
        if _aboard(each, unit.leg) is not None:
            told = expected(each, unit, cause.event_id, cause.occurred_at, now)
            if told is not None:
                yield told


def _aboard(encounter: Encounter, leg: Leg | None) -> Leg | None:
    """The dispatch on which the patient is driven, if they are aboard."""
    if leg is None or encounter.boarded_at is None or leg.incident_id != encounter.incident_id:
        return None
    return leg


def _came_at(leg: Leg) -> datetime | None:
    """When the unit came to where it goes: by the crew's word, else by satellites. What was stamped
    before another hospital was chosen says nothing of that."""
    for sources in (REPORTED, VERIFIED):
        came = leg.at(UnitStatus.AT_DESTINATION, sources)
        if came is not None and (leg.redirected_at is None or came >= leg.redirected_at):
            return came
    return None
