"""By which unit a patient comes, and when it will be at the hospital: what the hospital is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from schemas.encounter import ArrivalExpected
from schemas.envelope import derived_id
from schemas.unit import EtaUpdated
from services.dispatch.encounter import Encounter
from services.dispatch.leg import Leg
from services.dispatch.unit import Unit


def expected(
    encounter: Encounter, unit: Unit, cause: str, at: datetime, now: datetime
) -> ArrivalExpected | None:
    """What is known of it when something has changed at the patient; nothing of who is over, or is
    with another unit."""
    if encounter.outcome is not None or encounter.unit_id != unit.unit_id:
        return None
    eta = _eta(encounter, unit.leg)
    return ArrivalExpected(
        event_id=derived_id("arrival", encounter.encounter_id, cause),
        occurred_at=at,
        recorded_at=now,
        encounter_id=encounter.encounter_id,
        unit_id=unit.unit_id,
        call_back=unit.registered.call_back if unit.registered else None,
        arrives_at=eta.arrives_at if eta else None,
        estimated_at=eta.occurred_at if eta else None,
    )


def expected_anew(
    patients: Iterable[Encounter], unit: Unit, eta: EtaUpdated, now: datetime
) -> Iterator[ArrivalExpected]:
    """The same of all who are aboard, when the road has changed it."""
    for each in patients:
        told = expected(each, unit, eta.event_id, eta.occurred_at, now)
        if told is not None and told.arrives_at is not None:
            yield told


def _eta(encounter: Encounter, leg: Leg | None) -> EtaUpdated | None:
    """When the unit will be at the hospital, if it drives there with the patient."""
    if leg is None or encounter.boarded_at is None or leg.incident_id != encounter.incident_id:
        return None
    return leg.eta if leg.eta is not None and leg.eta.place == "destination" else None
