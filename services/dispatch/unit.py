"""An ambulance on its missions: each dispatch of it is a leg with stamps, each with its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from pydantic import AwareDatetime
from pydantic.json_schema import SkipJsonSchema

from schemas.envelope import derived_id
from schemas.event import Event, Identifier, Value
from schemas.incident import Point
from schemas.repeats import Repeats, digest_of
from schemas.unit import StampSource, UnitAssigned, UnitDeparted, UnitStatus, UnitStatusChanged
from services.kit.errors import Rejected
from services.kit.idempotency import is_repeat

S = UnitStatus
_MISSION = (S.NOTIFIED, S.ACKNOWLEDGED, S.DEPARTED, S.ON_SCENE, S.LEFT_SCENE, S.AT_DESTINATION)

#: Which stamps may follow a status. Any stamp of the mission may be skipped, or come late.
MAY_FOLLOW: Mapping[UnitStatus, frozenset[UnitStatus]] = {
    S.AVAILABLE: frozenset({S.OUT_OF_SERVICE}),
    S.RETURNING: frozenset({*_MISSION[1:], S.AVAILABLE, S.OUT_OF_SERVICE}),
    S.STOOD_DOWN: frozenset({S.RETURNING, S.AVAILABLE, S.OUT_OF_SERVICE}),
    S.OUT_OF_SERVICE: frozenset({S.AVAILABLE}),
    **{
        status: frozenset({*_MISSION[1:], S.RETURNING, S.AVAILABLE, S.STOOD_DOWN, S.OUT_OF_SERVICE})
        for status in _MISSION
    },
}
#: A unit in one of these may be sent.
ASSIGNABLE = frozenset({S.AVAILABLE, S.RETURNING, S.STOOD_DOWN})
_RANK = {status: rank for rank, status in enumerate(_MISSION)}


class Stamp(Value):
    """When a status was reached, by whose word."""

    status: UnitStatus
    source: StampSource
    occurred_at: AwareDatetime


class Leg(Value):
    """One dispatch of one unit, from notification until it is free again."""

    leg_id: Identifier
    incident_id: Identifier
    stamps: tuple[Stamp, ...]

    def stamped(self, status: UnitStatus, source: StampSource) -> bool:
        """Whether this source has given this stamp."""
        return any(s.status is status and s.source == source for s in self.stamps)


class Unit(Value):
    """An ambulance, its status, and its latest leg."""

    unit_id: Identifier
    status: UnitStatus = S.AVAILABLE
    legs: int = 0
    leg: Leg | None = None
    taken: SkipJsonSchema[Repeats] = Repeats()


Decision: TypeAlias = tuple[Unit, Sequence[Event]]


class Assignment(Value):
    """A unit is told to go."""

    event_id: Identifier
    occurred_at: AwareDatetime
    unit_id: Identifier
    incident_id: Identifier
    station: Point
    scene: Point


def assign(unit: Unit, order: Assignment, now: datetime) -> Decision:
    """Start a new leg. Raises ``Rejected`` 409 while the unit is on another one."""
    name = f"UnitAssigned/{order.event_id}"
    if is_repeat(unit.taken, name, order):
        return unit, ()
    if unit.status not in ASSIGNABLE:
        raise Rejected(409, "Not free", f"The unit is {unit.status}. Choose another unit.")
    leg_id = f"{order.incident_id}.{order.unit_id}.{unit.legs + 1}"
    told = Stamp(status=S.NOTIFIED, source="dispatcher", occurred_at=order.occurred_at)
    leg = Leg(leg_id=leg_id, incident_id=order.incident_id, stamps=(told,))
    changed = unit.model_copy(
        update={
            "status": S.NOTIFIED,
            "legs": unit.legs + 1,
            "leg": leg,
            "taken": unit.taken.with_(name, digest_of(order)),
        }
    )
    assigned = UnitAssigned(recorded_at=now, leg_id=leg_id, **order.model_dump())
    return changed, [assigned, _changed(changed, told, derived_id("notified", leg_id), now)]


def stamp(unit: Unit, given: Stamp, event_id: str, now: datetime) -> Decision:
    """Take in a stamp. A mission stamp that comes late is kept and does not turn the status back.

    Raises ``Rejected`` 409 when the stamp may not follow, or when this source gave a stamp of the
    mission before. A unit may go out of service, and be available again, any number of times.
    """
    name = f"UnitStatusChanged/{event_id}"
    if is_repeat(unit.taken, name, given):
        return unit, ()
    if given.status not in MAY_FOLLOW[unit.status]:
        raise Rejected(409, "Not now", f"{given.status} cannot follow {unit.status}.")
    once = given.status in _RANK
    if once and unit.leg is not None and unit.leg.stamped(given.status, given.source):
        raise Rejected(409, "Stamped before", f"{given.source} has stamped {given.status} before.")
    leg = unit.leg
    if leg is not None:
        leg = leg.model_copy(update={"stamps": (*leg.stamps, given)})
    late = once and _RANK[given.status] < _RANK.get(unit.status, len(_RANK))
    changed = unit.model_copy(
        update={
            "status": unit.status if late else given.status,
            "leg": leg,
            "taken": unit.taken.with_(name, digest_of(given)),
        }
    )
    return changed, [_changed(changed, given, event_id, now)]


def see_departure(
    unit: Unit | None, seen: UnitDeparted, now: datetime
) -> tuple[Unit | None, Sequence[Event]]:
    """GPS saw the unit leave: a stamp of its own beside the crew's."""
    if unit is None or unit.leg is None or unit.leg.leg_id != seen.leg_id:
        return unit, ()
    if unit.leg.stamped(S.DEPARTED, "gps"):
        return unit, ()
    if S.DEPARTED not in MAY_FOLLOW[unit.status]:
        return unit, ()
    given = Stamp(status=S.DEPARTED, source="gps", occurred_at=seen.occurred_at)
    return stamp(unit, given, seen.event_id, now)


def _changed(unit: Unit, given: Stamp, event_id: str, now: datetime) -> UnitStatusChanged:
    return UnitStatusChanged(
        event_id=event_id,
        occurred_at=given.occurred_at,
        recorded_at=now,
        unit_id=unit.unit_id,
        leg_id=unit.leg.leg_id if unit.leg else None,
        status=given.status,
        source=given.source,
    )
