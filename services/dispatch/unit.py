"""An ambulance on its missions: each dispatch of it is a leg, and its status is one of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from pydantic import AwareDatetime
from pydantic.json_schema import SkipJsonSchema

from schemas.envelope import derived_id
from schemas.event import Event, Identifier, Value
from schemas.incident import LocationSource, Point
from schemas.repeats import Repeats, digest_of
from schemas.unit import (
    ReadinessReported,
    StampCorrected,
    UnitAssigned,
    UnitDirected,
    UnitLocated,
    UnitMobilised,
    UnitRegistered,
    UnitStatus,
    UnitStatusChanged,
)
from services.dispatch.leg import REPORTED, VERIFIED, Correction, Leg, Stamp
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
#: A unit in one of these may be taken from a less severe call: it is not there yet.
DIVERTIBLE = frozenset({S.NOTIFIED, S.ACKNOWLEDGED, S.DEPARTED})
#: What satellites said of a free unit this long before it is told is still so.
SEEN, NONE = timedelta(seconds=60), timedelta(0)
#: A unit in one of these may be sent.
ASSIGNABLE = frozenset({S.AVAILABLE, S.RETURNING, S.STOOD_DOWN})
_RANK = {status: rank for rank, status in enumerate(_MISSION)}


class Unit(Value):
    """An ambulance, its status, and its latest leg."""

    unit_id: Identifier
    status: UnitStatus = S.AVAILABLE
    legs: int = 0
    leg: Leg | None = None
    #: Where it is, by GPS.
    located: UnitLocated | None = None
    registered: UnitRegistered | None = None
    readiness: ReadinessReported | None = None
    #: Since when it is called up, if it is of the mobile force.
    mobilised: UnitMobilised | None = None
    taken: SkipJsonSchema[Repeats] = Repeats()


Decision: TypeAlias = tuple[Unit, Sequence[Event]]
#: A unit, and the one of its legs that an act was about.
Change: TypeAlias = tuple[Unit, Leg, Sequence[Event]]


class Assignment(Value):
    """A unit is told to go."""

    event_id: Identifier
    occurred_at: AwareDatetime
    unit_id: Identifier
    incident_id: Identifier
    station: Point
    station_id: Identifier | None = None
    county: Identifier | None = None
    #: The unit in whose place it goes.
    replaces: Identifier | None = None
    chosen_by: Identifier | None = None


class Scene(NamedTuple):
    """Where the patient is said to be, and by whom."""

    point: Point
    source: LocationSource


def assign(
    unit: Unit, order: Assignment, scene: Scene, now: datetime, replaced: Unit | None = None
) -> Decision:
    """Start a new leg to a scene, as it is known now.

    Raises ``Rejected`` 409 while the unit is on another one, and where the one that it replaces was
    never sent to this call.
    """
    name = f"UnitAssigned/{order.event_id}"
    if is_repeat(unit.taken, name, order):
        return unit, ()
    if unit.status not in ASSIGNABLE:
        raise Rejected(409, "Not free", f"The unit is {unit.status}. Choose another unit.")
    leg_id = _leg_id(order, unit.legs + 1)
    told = Stamp(
        stamp_id=derived_id("notified", leg_id),
        status=S.NOTIFIED,
        source="dispatcher",
        occurred_at=order.occurred_at,
        recorded_at=now,
    )
    leg = Leg(
        leg_id=leg_id,
        incident_id=order.incident_id,
        unit_id=order.unit_id,
        is_rolling=_is_rolling(unit, order.occurred_at),
        replaces=_leg_for(replaced, order) if order.replaces else None,
        scene_source=scene.source,
        station_id=order.station_id,
        county=order.county,
        stamps=(told,),
    )
    changed = unit.model_copy(
        update={
            "status": S.NOTIFIED,
            "legs": unit.legs + 1,
            "leg": leg,
            "taken": unit.taken.with_(name, digest_of(order)),
        }
    )
    assigned = UnitAssigned(
        recorded_at=now,
        leg_id=leg_id,
        scene=scene.point,
        rolling=leg.is_rolling,
        replaces=leg.replaces,
        **order.model_dump(exclude={"replaces", "county"}),
    )
    return changed, [assigned, _changed(leg.unit_id, leg_id, told)]


def divert(
    unit: Unit, order: Assignment, scene: Scene, now: datetime
) -> tuple[Unit, Leg | None, Sequence[Event]]:
    """Take the unit from a less severe call: it is called back from that, and told to go, in one
    act; also the leg that it has left. Raises ``Rejected`` 409 where it is there already."""
    if is_repeat(unit.taken, f"UnitAssigned/{order.event_id}", order):
        return unit, None, ()
    left = unit.leg
    if left is None or unit.status not in DIVERTIBLE:
        raise Rejected(409, "Not to be diverted", f"The unit is {unit.status}. Choose another.")
    back, called = call_back(unit, order, now)
    after, (assigned, *told) = assign(back, order, scene, now)
    diverted = assigned.model_copy(update={"diverted_from": left.leg_id})
    return after, back.leg, [*called, diverted, *told]


def direct(unit: Unit, leg: Leg, told: UnitDirected) -> Change:
    """Tell a unit on its way where it goes now. What it was told before is told no second time."""
    if leg.dispatch().is_over or (told.facility_id and leg.destination_id == told.facility_id):
        return unit, leg, ()
    if told.place == "destination":  # when it would have been at another is no answer any more
        since = told.occurred_at if leg.destination_id else None
        leg = leg.but(destination_id=told.facility_id, redirected_at=since, eta=None)
    return with_leg(unit, leg), leg, [told]


def call_back(unit: Unit, order: Assignment, now: datetime) -> Decision:
    """The unit that an order replaces comes back, unless it has ended its dispatch itself."""
    if S.STOOD_DOWN not in MAY_FOLLOW[unit.status]:
        return unit, ()
    back = Stamp(
        stamp_id=derived_id("called back", order.event_id),
        status=S.STOOD_DOWN,
        source="dispatcher",
        occurred_at=order.occurred_at,
        recorded_at=now,
    )
    return stamp(unit, back)


def _leg_for(unit: Unit | None, order: Assignment) -> str:
    if unit is None or unit.leg is None or unit.leg.incident_id != order.incident_id:
        raise Rejected(409, "Not sent", "The unit to be replaced was not sent to this call.")
    return unit.leg.leg_id


def _leg_id(order: Assignment, number: int) -> str:
    """Whose leg it is, to be read; where that is too long for an identifier, one made from it."""
    told = f"{order.incident_id}.{order.unit_id}.{number}"
    return told if len(told) <= 64 else derived_id("leg", told)


def _is_rolling(unit: Unit, at: datetime) -> bool:
    """Whether the unit is on the road when it is told: on its way back, called back after it had
    left, or free and seen to drive."""
    if unit.status is S.STOOD_DOWN:
        return unit.leg is not None and unit.leg.at(S.DEPARTED, REPORTED | VERIFIED) is not None
    seen = unit.located
    drives = seen is not None and seen.moves and NONE <= at - seen.occurred_at <= SEEN
    return unit.status is S.RETURNING or (unit.status is S.AVAILABLE and drives)


def stamp(unit: Unit, given: Stamp) -> Decision:
    """Take in a stamp. A mission stamp that comes late is kept and does not turn the status back.

    Raises ``Rejected`` 409 when the stamp may not follow, or when this source gave a stamp of the
    mission before. A unit may go out of service, and be available again, any number of times.
    """
    name = f"UnitStatusChanged/{given.stamp_id}"
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
    return changed, [_changed(unit.unit_id, _current(unit), given)]


def enter(unit: Unit, leg: Leg, given: Stamp) -> Change:
    """Take in a stamp of a leg that is over, or of the one that goes on: a page that was out of
    reach, a form that was typed in later. The unit's status is what it is now.

    Raises ``Rejected`` 409 when this source has given this stamp before.
    """
    if leg.leg_id == _current(unit) and given.status in MAY_FOLLOW[unit.status]:
        changed, events = stamp(unit, given)
        return changed, changed.leg or leg, events
    name = f"UnitStatusChanged/{given.stamp_id}"
    if is_repeat(unit.taken, name, given):
        return unit, leg, ()
    if leg.stamped(given.status, given.source):
        raise Rejected(409, "Stamped before", f"{given.source} has stamped {given.status} before.")
    after = leg.model_copy(update={"stamps": (*leg.stamps, given)})
    return _with(unit, after, name, given), after, [_changed(leg.unit_id, leg.leg_id, given)]


def correct(unit: Unit, leg: Leg, wanted: Correction, event_id: str) -> Change:
    """Take in that a stamp was wrong. It stays where it stands, and the correction beside it.

    Raises ``Rejected`` 404 for a stamp that is not there, 409 for one that satellites gave: what
    was verified is not for anybody to mend.
    """
    name = f"StampCorrected/{event_id}"
    if is_repeat(unit.taken, name, wanted):
        return unit, leg, ()
    given = next((each for each in leg.stamps if each.stamp_id == wanted.stamp_id), None)
    if given is None:
        raise Rejected(404, "Unknown stamp", "This dispatch has no such stamp: read it first.")
    if given.source in VERIFIED:
        raise Rejected(409, "Verified", "What GPS saw stands. Correct what was reported.")
    after = leg.model_copy(update={"corrections": (*leg.corrections, wanted)})
    corrected = StampCorrected(
        event_id=event_id,
        occurred_at=wanted.recorded_at,
        recorded_at=wanted.recorded_at,
        unit_id=leg.unit_id,
        leg_id=leg.leg_id,
        stamp_id=given.stamp_id,
        status=given.status,
        source=given.source,
        was=given.occurred_at,
        corrected_to=wanted.occurred_at,
        reason=wanted.reason,
        corrected_by=wanted.corrected_by,
    )
    return _with(unit, after, name, wanted), after, [corrected]


def with_leg(unit: Unit, leg: Leg) -> Unit:
    """The unit that knows what is known of one of its legs."""
    return unit.but(leg=leg) if leg.leg_id == _current(unit) else unit


def _current(unit: Unit) -> str | None:
    return unit.leg.leg_id if unit.leg else None


def _with(unit: Unit, leg: Leg, name: str, content: Value) -> Unit:
    """The unit that knows of an act on one of its legs."""
    update: dict[str, object] = {"taken": unit.taken.with_(name, digest_of(content))}
    if leg.leg_id == _current(unit):
        update["leg"] = leg
    return unit.model_copy(update=update)


def _changed(unit_id: str, leg_id: str | None, given: Stamp) -> UnitStatusChanged:
    return UnitStatusChanged(
        event_id=given.stamp_id,
        occurred_at=given.occurred_at,
        recorded_at=given.recorded_at,
        unit_id=unit_id,
        leg_id=leg_id,
        status=given.status,
        source=given.source,
    )
