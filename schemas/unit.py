"""An ambulance: its assignments, its status, where it is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.event import Event, Identifier, Moment, Phone, Text
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


class UnitKind(StrEnum):
    """What a vehicle is built for (types A to D of WS/T 292)."""

    TRANSPORT = "transport"
    MONITORING = "monitoring"
    PROTECTIVE = "protective"
    SPECIAL = "special"


class Equipment(StrEnum):
    """What a vehicle carries, as far as a call may need it."""

    DEFIBRILLATOR = "defibrillator"
    VENTILATOR = "ventilator"
    ECG = "ecg"
    COMPRESSION_DEVICE = "compression_device"
    INCUBATOR = "incubator"
    OBSTETRIC_KIT = "obstetric_kit"
    NEGATIVE_PRESSURE = "negative_pressure"
    BARIATRIC_STRETCHER = "bariatric_stretcher"


#: Standing units wait for calls; mobile ones are called up when those do not suffice.
Force = Literal["standing", "mobile"]


class UnitRegistered(Event):
    """A vehicle belongs to a station, and carries this."""

    unit_id: Identifier
    station_id: Identifier
    kind: UnitKind
    force: Force = "standing"
    equipment: tuple[Equipment, ...] = ()
    call_back: Phone | None = Field(default=None, description="How a hospital calls its crew.")


class ReadinessReported(Event):
    """What the crew found when it looked at itself and its vehicle; null is what nobody looked
    at, and no "enough"."""

    unit_id: Identifier
    crew: Literal["complete", "incomplete"] | None = None
    equipment: Literal["complete", "incomplete"] | None = None
    oxygen: Literal["enough", "low"] | None = None
    fuel: Literal["enough", "low"] | None = None


class UnitMobilised(Event):
    """A unit of the mobile force is called up: it may be sent from now on."""

    unit_id: Identifier
    reason: Text


class UnitReleased(Event):
    """A unit of the mobile force is called up no more."""

    unit_id: Identifier


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
    diverted_from: Identifier | None = Field(
        default=None, description="The dispatch to a less severe call that it was taken from."
    )
    station_id: Identifier | None = None
    chosen_by: Identifier | None = None


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
    corrected_to: Moment | None = Field(None, description="When it was; none where it never was.")
    reason: Text
    corrected_by: Identifier


class UnitDirected(Event):
    """A unit on its way is told where to go: the patient is elsewhere than was thought, or a
    hospital was chosen."""

    unit_id: Identifier
    leg_id: Identifier
    place: Place
    point: Point
    facility_id: Identifier | None = Field(
        default=None, description="The hospital, where it goes to one."
    )


class UnitDeparted(Event):
    """GPS shows that the unit has begun to move. Sent again under the same id until stamped."""

    unit_id: Identifier
    leg_id: Identifier
    distance_m: Annotated[float, Field(ge=0)] = Field(
        description="How far from its station it was when that was certain."
    )
    at_rest_at: Moment | None = Field(
        default=None,
        description="When it was last seen to stand at its station: it left between then and"
        " occurred_at. Null where it was not seen there.",
    )


class UnitArrived(Event):
    """GPS shows that the unit has reached the scene or its destination."""

    unit_id: Identifier
    leg_id: Identifier
    place: Place
    distance_m: Annotated[float, Field(ge=0)]
    not_before: Moment | None = Field(
        default=None,
        description="When it was last seen on its way: it arrived between then and occurred_at."
        " Null where it was not seen before.",
    )


class UnitLeftScene(Event):
    """GPS shows that the unit has left the place where it stood for its patient."""

    unit_id: Identifier
    leg_id: Identifier
    distance_m: Annotated[float, Field(ge=0)] = Field(
        description="How far it had stood from where the patient was said to be."
    )
    not_before: Moment | None = Field(
        default=None, description="When it was last seen to stand there."
    )


class EtaUpdated(Event):
    """When the unit will be there, as GPS and the road let expect."""

    unit_id: Identifier
    leg_id: Identifier
    place: Place
    arrives_at: Moment
    distance_m: Annotated[float, Field(ge=0)]


class UnitLocated(Event):
    """Where a unit is: when it comes to rest or begins to move, and now and then on the road."""

    unit_id: Identifier
    point: Point
    moves: bool


class UnitFellSilent(Event):
    """No position has come of a unit that is on a dispatch."""

    unit_id: Identifier
    leg_id: Identifier
    last_seen_at: Moment | None = Field(
        default=None, description="When it was last heard; null where nobody remembers."
    )
    is_overdue: bool = Field(description="It has lasted so long that somebody should call.")


class UnitHeardAgain(Event):
    """A position has come of a unit that is on a dispatch, for the first time or again."""

    unit_id: Identifier
    leg_id: Identifier


class PositionReported(Event):
    """One GPS fix of a unit, WGS-84."""

    unit_id: Identifier
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    accuracy_m: Annotated[float, Field(ge=0)] | None = None
    speed_kmh: Annotated[float, Field(ge=0, le=300)] | None = None
