"""One unit as the tracker follows it: what it was told, how far that has come, and what is owed.

Everything here follows from ``dispatch-units`` and from the fixes: who reads both again knows the
same, and says the same under the same ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime

from schemas.event import Event, Identifier, Value
from schemas.incident import Point
from schemas.unit import (
    EtaUpdated,
    PositionReported,
    UnitArrived,
    UnitAssigned,
    UnitDeparted,
    UnitDirected,
    UnitFellSilent,
    UnitHeardAgain,
    UnitLeftScene,
    UnitLocated,
    UnitStatus,
    UnitStatusChanged,
)
from services.dispatch.movement import Fix, Motion, Rest
from services.dispatch.road import Roads

S = UnitStatus
#: A unit that nobody has heard of for so long, and that owes nothing, is forgotten.
FORGOTTEN = timedelta(days=1)
_OVER = frozenset({S.AVAILABLE, S.STOOD_DOWN, S.OUT_OF_SERVICE})

#: What is stamped by dispatch under the same id, and owed until that is seen.
Owed: TypeAlias = UnitDeparted | UnitArrived | UnitLeftScene


class Phase(IntEnum):
    """How far a dispatch has come, by GPS."""

    START = 0
    TO_SCENE = 1
    ON_SCENE = 2
    ONWARD = 3
    THERE = 4


#: How far a stamp by GPS shows that it has come.
_SHOWS = {
    S.DEPARTED: Phase.TO_SCENE,
    S.ON_SCENE: Phase.ON_SCENE,
    S.LEFT_SCENE: Phase.ONWARD,
    S.AT_DESTINATION: Phase.THERE,
}


class Mission(Value):
    """The dispatch that a unit is on."""

    leg_id: Identifier
    station: Point
    scene: Point
    destination: Point | None = None
    notified_at: AwareDatetime
    phase: Phase = Phase.START
    #: Whether it was seen since.
    is_seen: bool = False
    #: How far it has come by the crew's word, and when that said that it is on scene.
    reported: Phase = Phase.START
    said_on_scene: AwareDatetime | None = None
    #: What was told last of when it will be there.
    eta: EtaUpdated | None = None


#: So many starts are remembered: how often a unit may stop before its order is known.
STARTS = 8


class Start(NamedTuple):
    """When a unit began to move, and where it stood before that, if it was seen there."""

    at: datetime
    rest: Rest | None


class Track(Value):
    """A unit: how it moves, what it was told, and what of it dispatch has not stamped yet."""

    unit_id: Identifier
    motion: Motion = Motion()
    #: When it began to move, the last times: its order may be known later than it left.
    starts: tuple[Start, ...] = ()
    mission: Mission | None = None
    owed: tuple[Owed, ...] = ()
    heard_at: AwareDatetime | None = None
    #: When its last fixes were.
    times: tuple[datetime, ...] = ()
    #: What was told last: of where it is, and of its silence.
    located: UnitLocated | None = None
    silence: UnitFellSilent | UnitHeardAgain | None = None

    @property
    def set_out(self) -> Start | None:
        """When it began to move for the dispatch it is on, if it was seen to."""
        if self.mission is None:
            return None
        told = self.mission.notified_at
        return next((start for start in self.starts if start.at >= told), None)


class Seen(NamedTuple):
    """A fix as the tracker takes it in: the event, and where it is."""

    event: PositionReported
    fix: Fix

    @classmethod
    def of(cls, event: PositionReported) -> Seen:
        """The same as a fix."""
        at = event.occurred_at
        fix = Fix(at, event.latitude, event.longitude, event.accuracy_m, event.speed_kmh)
        return cls(event, fix)

    @property
    def point(self) -> Point:
        """Where it is."""
        return Point.made(latitude=self.fix.latitude, longitude=self.fix.longitude)


class Region(NamedTuple):
    """What the tracker knows of where it works."""

    roads: Roads
    zone: ZoneInfo


def order(track: Track, event: Event) -> Track:
    """Take in what dispatch says of a unit. A repeat changes nothing."""
    match event:
        case UnitAssigned():
            return _assigned(track, event)
        case UnitDirected():
            return _directed(track, event)
        case UnitStatusChanged():
            return _stamped(track, event)
    return track


def _assigned(track: Track, event: UnitAssigned) -> Track:
    if track.mission is not None and track.mission.leg_id == event.leg_id:
        return track
    mission = Mission(
        leg_id=event.leg_id,
        station=event.station,
        scene=event.scene,
        notified_at=event.occurred_at,
    )
    return track.but(mission=mission, silence=None)


def _directed(track: Track, event: UnitDirected) -> Track:
    mission = track.mission
    if mission is None or mission.leg_id != event.leg_id:
        return track
    if event.place == "destination":
        return track.but(mission=mission.but(destination=event.point, eta=None))
    if mission.phase >= Phase.ON_SCENE:
        return track
    return track.but(mission=mission.but(scene=event.point, eta=None))


def _stamped(track: Track, event: UnitStatusChanged) -> Track:
    owed = tuple(each for each in track.owed if not _is_settled(each, event))
    mission = track.mission
    if mission is not None and mission.leg_id == event.leg_id:
        if event.status in _OVER:
            mission = None
        elif event.source == "gps" and event.status in _SHOWS:
            mission = mission.but(phase=max(mission.phase, _SHOWS[event.status]))
        elif event.status in _SHOWS:
            said = event.occurred_at if event.status is S.ON_SCENE else mission.said_on_scene
            reported = max(mission.reported, _SHOWS[event.status])
            mission = mission.but(reported=reported, said_on_scene=said)
    return track.but(owed=owed, mission=mission)


def _is_settled(owed: Owed, event: UnitStatusChanged) -> bool:
    """Whether this is its stamp; or there will be none: who was called back before it has not
    moved for this dispatch."""
    if event.event_id == owed.event_id:
        return True
    is_back = event.status is S.STOOD_DOWN and event.leg_id == owed.leg_id
    return is_back and event.occurred_at <= owed.occurred_at


def latest(track: Track) -> Sequence[Event]:
    """What was told last of a unit, and what is owed: to be told by who does not know whether it
    was."""
    eta = track.mission.eta if track.mission is not None else None
    told = (track.located, eta, track.silence if track.mission is not None else None)
    return [*track.owed, *filter(None, told)]


def is_forgotten(track: Track, now: datetime) -> bool:
    """Whether nothing is lost with it."""
    if track.mission is not None or track.owed:
        return False
    return track.heard_at is None or now - track.heard_at > FORGOTTEN
