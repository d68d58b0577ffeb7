"""One patient of a run: where they are in their story, and what their monitor and vehicle say."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from simulator.city import Mission, Path, Spot, Vehicle, point_along
from simulator.story import Hold, Story
from simulator.truth import Acting

#: A unit drives home within this many seconds, whatever the pace of its story was.
HOME_S = 12.0


def moment(t: float) -> str:
    """A time of the wall clock as the contract writes it, to the millisecond."""
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds")


class Line(NamedTuple):
    """A line of telemetry without its closing brace; a position has no ``id``."""

    text: str
    made: float
    handle: str = ""
    number: int = 0
    acting: Acting | None = None
    timely: bool = True

    @property
    def id(self) -> str:
        """The event's id."""
        return f"{self.handle}.{self.number}"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a story is told: ``stretch`` seconds for each of its own, from ``phase`` on."""

    began: float
    phase: float = 0.0
    stretch: float = 1.0

    def offset(self, now: float) -> float:
        """Where the story is at ``now``."""
        return self.phase + (now - self.began) / self.stretch

    def due(self, offset: float) -> float:
        """When the story reaches ``offset``."""
        return self.began + (offset - self.phase) * self.stretch


@dataclass(slots=True, eq=False)
class Van:
    """An ambulance on or between missions, and when it last said where it is."""

    vehicle: Vehicle
    next_look: float = 0.0
    reported: float = 0.0
    patient: Patient | None = None
    home: Path = ()
    home_since: float = 0.0
    #: Since when it may be sent again: nothing of its next mission is older.
    free_since: float = 0.0

    def is_moving(self, now: float) -> bool:
        """Whether it drives, with or without a patient."""
        if self.patient is not None:
            return self.patient.story.is_driving(self.patient.pace.offset(now))
        return now - self.home_since < HOME_S

    def position(self, now: float) -> Spot:
        """Where it is."""
        if self.patient is not None:
            return self.patient.vehicle_at(now)
        part = (now - self.home_since) / HOME_S
        if self.home and part < 1:
            return point_along(self.home, part)
        return self.vehicle.station.point

    def report(self, now: float) -> Line:
        """Where it is, as a line of telemetry."""
        latitude, longitude = self.position(now)
        where = f'"latitude":{latitude:.6f},"longitude":{longitude:.6f},"accuracy_m":8'
        text = f'{{"unit_id":"{self.vehicle.unit_id}","occurred_at":"{moment(now)}",{where}'
        return Line(text, now)


@dataclass(slots=True, eq=False)
class Patient:
    """One encounter as its sender knows it."""

    handle: str
    story: Story
    van: Van
    mission: Mission
    pace: Pace
    encounter_id: str = ""
    incident_id: str = ""
    leg_id: str = ""
    #: Dispatch has acknowledged the destination: from now on the facility must see them.
    is_destined: bool = False
    #: The first steps are sent at once, to begin in the midst of the story.
    is_forwarding: bool = False
    #: The monitor is off.
    is_over: bool = False
    sent: int = 0
    held: Counter[float] = field(default_factory=Counter)

    def sample(self, t: float, hold: Hold | None = None) -> Line:
        """What the monitor measures at ``t``: by the story, or what it held when it is told."""
        shown = hold or self.story.hold_at(self.pace.offset(t))
        self.sent += 1
        self.held[shown.at] += 1
        values = (
            f'"heart_rate":{shown.heart_rate},"respiratory_rate":{shown.respiratory_rate},'
            f'"spo2":{shown.spo2}'
        )
        device = self.van.vehicle.device_id
        text = (
            f'{{"event_id":"{self.handle}.{self.sent}","device_id":"{device}",'
            f'"occurred_at":"{moment(t)}","vitals":{{{values}}}'
        )
        acting = self._acting(shown)
        return Line(text, t, self.handle, self.sent, acting, not self.is_forwarding)

    def _acting(self, hold: Hold) -> Acting | None:
        if hold.then is None or self.held[hold.at] != hold.then.after_sample:
            return None
        id_ = f"{self.handle}.{self.sent}"
        return Acting(id_, hold.then.worst.value, self.is_destined, True)

    def vehicle_at(self, now: float) -> Spot:
        """Where the ambulance of this patient is."""
        drive = self.story.drive_at(self.pace.offset(now))
        if drive is None:
            return self.van.vehicle.station.point
        route, part = drive
        path = self.mission.to_scene if route == "station_to_scene" else self.mission.to_facility
        return point_along(path, part)
