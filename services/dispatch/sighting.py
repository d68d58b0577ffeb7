"""What satellites show of a unit, as dispatch takes it in: stamps beside the crew's, when it will
be there, that nobody hears of it, where it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from schemas.envelope import derived_id
from schemas.event import Event
from schemas.incident import DeadlineMissed
from schemas.unit import (
    EtaUpdated,
    UnitArrived,
    UnitDeparted,
    UnitFellSilent,
    UnitLeftScene,
    UnitLocated,
    UnitStatus,
)
from services.dispatch.leg import REPORTED, Leg, Silence, Stamp
from services.dispatch.unit import Unit, enter, with_leg

S = UnitStatus
#: What GPS shows and is stamped.
Movement: TypeAlias = UnitDeparted | UnitArrived | UnitLeftScene
#: The clock by which a unit on a dispatch is heard of.
SILENT = "unit_silent"


def see_movement(
    unit: Unit, leg: Leg | None, seen: Movement, now: datetime
) -> tuple[Unit, Leg | None, Sequence[Event]]:
    """GPS saw the unit leave or arrive: a stamp of its own beside the crew's, also where the leg is
    over by the time it is heard of. Who was called back has not moved for this leg."""
    status = _status(seen)
    if leg is None or leg.stamped(status, "gps"):
        return unit, leg, ()
    back = leg.at(S.STOOD_DOWN, REPORTED)
    if back is not None and back <= seen.occurred_at:
        return unit, leg, ()
    given = Stamp(
        stamp_id=seen.event_id,
        status=status,
        source="gps",
        occurred_at=seen.occurred_at,
        recorded_at=now,
        not_before=seen.at_rest_at if isinstance(seen, UnitDeparted) else seen.not_before,
    )
    if isinstance(seen, UnitLeftScene):
        leg = leg.but(scene_off_m=seen.distance_m)
    return enter(with_leg(unit, leg), leg, given)


def _status(seen: Movement) -> UnitStatus:
    match seen:
        case UnitDeparted():
            return S.DEPARTED
        case UnitLeftScene():
            return S.LEFT_SCENE
        case UnitArrived():
            return S.ON_SCENE if seen.place == "scene" else S.AT_DESTINATION


def expect(leg: Leg, eta: EtaUpdated) -> Leg:
    """When the unit will be there. What was expected as it set out stays: by that it is judged."""
    if leg.eta is not None and leg.eta.occurred_at >= eta.occurred_at:
        return leg
    field = "expected_on_scene" if eta.place == "scene" else "expected_at_destination"
    first = {} if getattr(leg, field) is not None else {field: eta.arrives_at}
    return leg.but(eta=eta, **first)


def fall_silent(leg: Leg, seen: UnitFellSilent, now: datetime) -> tuple[Leg, Sequence[Event]]:
    """Nothing is heard of the unit. That somebody should call is said once."""
    silence = leg.silence
    if leg.dispatch().is_over or (silence is not None and silence.is_overdue):
        return leg, ()
    since = silence.since if silence else seen.last_seen_at or seen.occurred_at
    after = leg.but(silence=Silence(since=since, is_overdue=seen.is_overdue))
    if not seen.is_overdue:
        return after, ()
    missed = DeadlineMissed(
        event_id=derived_id("overdue", seen.event_id),
        occurred_at=seen.occurred_at,
        recorded_at=now,
        incident_id=leg.incident_id,
        clock=SILENT,
        leg_id=leg.leg_id,
        unit_id=leg.unit_id,
    )
    return after, [missed]


def place(unit: Unit, located: UnitLocated) -> Unit:
    """Where the unit is; what is older than what is known changes nothing."""
    known = unit.located
    if known is not None and known.occurred_at >= located.occurred_at:
        return unit
    return unit.but(located=located)
