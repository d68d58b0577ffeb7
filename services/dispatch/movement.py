"""What a unit's GPS fixes say: that it has left its station."""

from __future__ import annotations

import math
from datetime import datetime

from pydantic import AwareDatetime

from schemas.envelope import derived_id
from schemas.event import Identifier, Value
from schemas.incident import Point
from schemas.unit import (
    PositionReported,
    UnitAssigned,
    UnitDeparted,
    UnitStatus,
    UnitStatusChanged,
)

#: A unit has left when two fixes in a row lie farther from its station than this, in metres, and
#: farther than the fix can be wrong. Not a clinical number: the size of a station's yard.
YARD_M = 100.0
FIXES = 2
EARTH_M = 6_371_008.8


class Watch(Value):
    """A unit on a leg, as the tracker follows it. ``outside`` are the times of the last fixes in
    a row that lay outside; a fix told twice is one."""

    unit_id: Identifier
    leg_id: Identifier
    station: Point
    notified_at: AwareDatetime
    outside: frozenset[datetime] = frozenset()
    departed: UnitDeparted | None = None
    stamped: bool = False

    @property
    def owes(self) -> UnitDeparted | None:
        """A departure that has not been seen back as a stamp yet."""
        return None if self.stamped else self.departed


def follow(watch: Watch | None, event: UnitAssigned | UnitStatusChanged) -> Watch | None:
    """Follow a unit from its assignment until its leg ends. A repeated order changes nothing."""
    if isinstance(event, UnitAssigned):
        if watch is not None and watch.leg_id == event.leg_id:
            return watch
        return Watch(
            unit_id=event.unit_id,
            leg_id=event.leg_id,
            station=event.station,
            notified_at=event.occurred_at,
        )
    if watch is None or event.leg_id != watch.leg_id:
        return watch
    if event.status in {UnitStatus.AVAILABLE, UnitStatus.STOOD_DOWN, UnitStatus.OUT_OF_SERVICE}:
        return None
    if event.status is UnitStatus.DEPARTED and event.source == "gps":
        return watch.model_copy(update={"stamped": True})
    return watch


def see(watch: Watch, fix: PositionReported) -> Watch:
    """Take in one fix; the watch that has ``departed`` from then on is another one."""
    if watch.departed is not None or watch.stamped:
        return watch
    if _beyond(watch, fix) <= 0:
        return watch.model_copy(update={"outside": frozenset()}) if watch.outside else watch
    outside = watch.outside | {fix.occurred_at}
    if len(outside) < FIXES:
        return watch.model_copy(update={"outside": outside})
    place = Point(latitude=fix.latitude, longitude=fix.longitude)
    return _depart(watch, min(outside), metres(watch.station, place))


def _beyond(watch: Watch, fix: PositionReported) -> float:
    """Metres beyond the yard; negative within it. A fix from before the order counts as within."""
    if fix.occurred_at < watch.notified_at:
        return -YARD_M
    distance = metres(watch.station, Point(latitude=fix.latitude, longitude=fix.longitude))
    return distance - max(YARD_M, fix.accuracy_m or 0.0)


def _depart(watch: Watch, first_outside: datetime, distance_m: float) -> Watch:
    """The departure, at the first of the fixes that show it. Its id is that of the leg."""
    departed = UnitDeparted(
        event_id=derived_id("departed", watch.leg_id),
        occurred_at=first_outside,
        unit_id=watch.unit_id,
        leg_id=watch.leg_id,
        distance_m=round(distance_m, 1),
    )
    return watch.model_copy(update={"departed": departed})


def metres(a: Point, b: Point) -> float:
    """Great-circle distance (haversine)."""
    lat_a, lat_b = math.radians(a.latitude), math.radians(b.latitude)
    half_lat, half_lon = (lat_b - lat_a) / 2, math.radians(b.longitude - a.longitude) / 2
    h = math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(h))
