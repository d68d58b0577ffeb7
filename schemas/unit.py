"""An ambulance: its assignments, its status, where it is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.event import Event, Identifier, Moment, Text
from schemas.incident import Point


class UnitStatus(StrEnum):
    """Where a unit stands in a mission. Any stamp may be skipped."""

    AVAILABLE = "available"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    DEPARTED = "departed"
    ON_SCENE = "on_scene"
    LEFT_SCENE = "left_scene"
    AT_DESTINATION = "at_destination"
    RETURNING = "returning"
    STOOD_DOWN = "stood_down"
    OUT_OF_SERVICE = "out_of_service"


#: Who says so. The crew's button and the GPS are kept side by side, never merged.
StampSource = Literal["crew", "gps", "dispatcher", "system"]
#: Where a unit drives to.
Place = Literal["scene", "destination"]


class UnitAssigned(Event):
    """A unit was told to go: the moment of notification. ``leg_id`` is this one dispatch of it."""

    unit_id: Identifier
    leg_id: Identifier
    incident_id: Identifier
    station: Point = Field(description="Where the unit starts from: GPS departure is seen from it.")
    scene: Point
    rolling: bool = Field(default=False, description="It was on the road when it was told.")
    replaces: Identifier | None = Field(
        default=None, description="The dispatch of another unit, in whose place this one goes."
    )


class UnitStatusChanged(Event):
    """A status stamp of a unit, with its source."""

    unit_id: Identifier
    leg_id: Identifier | None = None
    status: UnitStatus
    source: StampSource


class StampCorrected(Event):
    """A stamp was wrong; it stays in the log, and this beside it."""

    unit_id: Identifier
    leg_id: Identifier
    stamp_id: Identifier = Field(description="The id of the UnitStatusChanged that was wrong.")
    status: UnitStatus
    source: StampSource
    was: Moment
    corrected_to: Moment | None = Field(description="When it was; null where it never was.")
    reason: Text
    corrected_by: Identifier


class UnitDeparted(Event):
    """GPS shows that the unit has left its station. Sent again under the same id until stamped."""

    unit_id: Identifier
    leg_id: Identifier
    distance_m: Annotated[float, Field(ge=0)]


class UnitArrived(Event):
    """GPS shows that the unit has reached the scene or its destination."""

    unit_id: Identifier
    leg_id: Identifier
    place: Place
    distance_m: Annotated[float, Field(ge=0)]


class EtaUpdated(Event):
    """When the unit will be there, as GPS and the road let expect."""

    unit_id: Identifier
    leg_id: Identifier
    place: Place
    arrives_at: Moment
    distance_m: Annotated[float, Field(ge=0)]


class PositionReported(Event):
    """One GPS fix of a unit, WGS-84."""

    unit_id: Identifier
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    accuracy_m: Annotated[float, Field(ge=0)] | None = None
    speed_kmh: Annotated[float, Field(ge=0, le=300)] | None = None
