"""How long a unit takes to a place, and where nobody is heard: what a site knows of its roads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from schemas.event import Text, Value
from schemas.incident import Point
from schemas.triage import Evidence
from services.dispatch.movement import OnEarth, metres

Hour = Annotated[int, Field(ge=0, le=23)]
Sourced = Annotated[Text, Field(min_length=1)]


class Detour(Value):
    """How many times as long as the straight line a road is."""

    value: Annotated[float, Field(ge=1, le=5)]
    source: Sourced
    evidence: Evidence


class Speed(Value):
    """Kilometres an hour, from each of these hours of the day until the next."""

    by_hour: Mapping[Hour, Annotated[float, Field(gt=0, le=200)]]
    source: Sourced
    evidence: Evidence

    @field_validator("by_hour")
    @classmethod
    def _begins_at_midnight(cls, by_hour: Mapping[int, float]) -> Mapping[int, float]:
        if 0 not in by_hour:
            raise ValueError("the first hour is 0: who drives at midnight has a speed too")
        return by_hour

    def at(self, hour: int) -> float:
        """The speed at this hour."""
        return self.by_hour[max(begins for begins in self.by_hour if begins <= hour)]


class DeadZone(Point):
    """A circle in which no signal is."""

    name: Sourced
    radius_m: Annotated[float, Field(gt=0)]


class Roads(Value):
    """The roads of a region."""

    detour: Detour
    speed_kmh: Speed
    dead_zones: tuple[DeadZone, ...] = ()

    def takes(self, one: OnEarth, other: OnEarth, at: datetime, zone: ZoneInfo) -> timedelta:
        """How long a unit drives from one place to another, if it leaves then."""
        speed = self.speed_kmh.at(at.astimezone(zone).hour) / 3.6
        return timedelta(seconds=metres(one, other) * self.detour.value / speed)

    def is_dead(self, place: OnEarth) -> bool:
        """Whether nobody is heard there."""
        return any(metres(place, zone) <= zone.radius_m for zone in self.dead_zones)
