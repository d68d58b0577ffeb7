"""One unit as the tracker follows it: what it was told, what GPS shows of that, and what is owed.

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

from schemas.envelope import derived_id
from schemas.event import Event, Identifier, Value
from schemas.incident import Point
from schemas.unit import (
    EtaUpdated,
    Place,
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
from services.dispatch import movement
from services.dispatch.movement import Fix, Motion, OnEarth, metres
from services.dispatch.road import Roads

S = UnitStatus
#: A unit that stands so near has arrived at once; this near, when it stays; in metres.
HERE_M, ABOUT_M = 50.0, 150.0
#: Farther than this from its station it has left it, whenever that was.
YARD_M = 100.0
#: A crew that has said so and stands so long is on scene, wherever that is.
STAYS = timedelta(seconds=120)
#: Where a unit is on the road is told this often, and when it will be there no oftener; that again
#: only when it has changed by so much.
TELL = timedelta(seconds=30)
CHANGED = timedelta(seconds=60)
#: Nothing is heard of a unit on a dispatch: it is grey, and somebody should call.
GREY, OVERDUE = timedelta(seconds=60), timedelta(seconds=180)
#: So many of a unit's last fixes are remembered by their times.
TIMES = 8
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


#: How far a place that is reached shows it.
REACHES: Sequence[tuple[Place, Phase]] = (("scene", Phase.ON_SCENE), ("destination", Phase.THERE))
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


class Track(Value):
    """A unit: how it moves, what it was told, and what of it dispatch has not stamped yet."""

    unit_id: Identifier
    motion: Motion = Motion()
    mission: Mission | None = None
    owed: tuple[Owed, ...] = ()
    heard_at: AwareDatetime | None = None
    #: When its last fixes were.
    times: tuple[datetime, ...] = ()
    #: What was told last: of where it is, and of its silence.
    located: UnitLocated | None = None
    silence: UnitFellSilent | UnitHeardAgain | None = None


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


# -- what a unit is told -----------------------------------------------------------------------


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


# -- what GPS shows ----------------------------------------------------------------------------


def see(track: Track, event: PositionReported, region: Region) -> tuple[Track, Sequence[Event]]:
    """Take in a fix; what it shows for the first time is told."""
    seen = Seen.of(event)
    track = _begun(_taken_up(track, seen), seen)
    before, after = track.motion, movement.see(track.motion, seen.fix)
    heard = seen.fix.at if event.recorded_at is None else min(seen.fix.at, event.recorded_at)
    newest = heard if track.heard_at is None else max(track.heard_at, heard)
    times = track.times if seen.fix.at in track.times else (*track.times, seen.fix.at)[-TIMES:]
    changed = track.but(motion=after, heard_at=newest, times=times)
    changed, told = _located(changed, seen, before)
    events: list[Event] = [*told]
    if track.mission is not None:
        changed, shown = _shown(changed, seen, before)
        events += shown
        changed, expected = _expected(changed, seen, region)
        events += expected
        changed, again = _heard(changed, seen)
        events += again
    return changed, events


def _taken_up(track: Track, seen: Seen) -> Track:
    """The first fix of a dispatch, or the first for a while, finds the unit wherever it is by then:
    what it did meanwhile nobody saw, and the crew's word stands alone for it. One that is still
    where it stood has done nothing, whatever was pressed."""
    mission, last = track.mission, track.times[-1] if track.times else None
    if mission is None or mission.reported <= mission.phase:
        return track
    is_known = mission.is_seen and last is not None and seen.fix.at - last <= GREY
    rest = track.motion.rest
    stays = rest is not None and metres(rest, seen.fix) <= YARD_M
    if is_known or stays or metres(mission.station, seen.fix) <= YARD_M:
        return track
    return track.but(mission=mission.but(phase=mission.reported), motion=Motion())


def _begun(track: Track, seen: Seen) -> Track:
    """The first fix since it was told: who moves already is not seen to begin, and what it did
    before was not for this dispatch."""
    mission = track.mission
    if mission is None or mission.is_seen or seen.fix.at < mission.notified_at:
        return track
    motion = Motion() if track.motion.moves else track.motion.but(recent=())
    return track.but(motion=motion, mission=mission.but(is_seen=True))


def _shown(track: Track, seen: Seen, before: Motion) -> tuple[Track, Sequence[Owed]]:
    """The next steps of the dispatch that this fix shows."""
    mission = track.mission
    found: list[Owed] = []
    assert mission is not None  # noqa: S101 (asked of units on a dispatch)
    began = track.motion.began if mission.is_seen and not before.moves else None
    began = max(began, mission.notified_at) if began else None
    if mission.phase is Phase.START and began is not None:
        found.append(_departed(track, mission, seen, began))
        mission = mission.but(phase=Phase.TO_SCENE)
    elif mission.phase is Phase.ON_SCENE and began is not None:
        found.append(_left(track, mission, began))
        mission = mission.but(phase=Phase.ONWARD)
    for place, phase in REACHES:
        goal = _goal(mission, place)
        since = _there_since(track, mission, goal, seen, before) if goal else None
        if goal is not None and since is not None:
            found.append(_arrived(track, mission, place, since, metres(goal, seen.fix)))
            mission = mission.but(phase=phase)
    if not found:
        return track, ()
    return track.but(mission=mission, owed=(*track.owed, *found)), found


def _departed(track: Track, mission: Mission, seen: Seen, began: datetime) -> UnitDeparted:
    rest = track.motion.rest
    known = rest is not None and (
        rest.since <= mission.notified_at or metres(rest, mission.station) <= YARD_M
    )
    return UnitDeparted.made(
        event_id=derived_id("departed", mission.leg_id),
        occurred_at=began,
        recorded_at=None,
        unit_id=track.unit_id,
        leg_id=mission.leg_id,
        distance_m=round(metres(mission.station, seen.fix), 1),
        at_rest_at=rest.until if rest is not None and known else None,
    )


def _left(track: Track, mission: Mission, began: datetime) -> UnitLeftScene:
    rest = track.motion.rest
    return UnitLeftScene.made(
        event_id=derived_id("left scene", mission.leg_id),
        occurred_at=began,
        recorded_at=None,
        unit_id=track.unit_id,
        leg_id=mission.leg_id,
        distance_m=round(metres(mission.scene, rest), 1) if rest else 0.0,
        not_before=rest.until if rest else None,
    )


def _goal(mission: Mission, place: Place) -> Point | None:
    """Where it may arrive next. A hospital beside the scene is reached only by leaving that."""
    if place == "scene":
        return mission.scene if mission.phase <= Phase.TO_SCENE else None
    goal = mission.destination
    if goal is None or mission.phase in (Phase.START, Phase.THERE):
        return None
    if mission.phase < Phase.ONWARD and metres(mission.scene, goal) <= 2 * ABOUT_M:
        return None
    return goal


def _there_since(
    track: Track, mission: Mission, goal: Point, seen: Seen, before: Motion
) -> datetime | None:
    """Since when it stands there, if it does."""
    fix, rest = seen.fix, track.motion.rest
    if fix.at < mission.notified_at:
        return None
    at_once = _here(goal, fix, before) if mission.phase > Phase.START else None
    if at_once is not None or rest is None or rest.fixes < 2 or track.motion.moves:
        return at_once
    if mission.phase is Phase.START and metres(rest, mission.station) <= YARD_M:
        return None  # who has not been seen to leave, and is not elsewhere, is at home
    said = mission.said_on_scene if mission.phase < Phase.ON_SCENE else None
    stays = said is not None and fix.at - max(rest.since, said) >= STAYS
    return rest.since if stays or metres(goal, rest) <= ABOUT_M else None


def _here(goal: Point, fix: Fix, before: Motion) -> datetime | None:
    """When a unit that comes has arrived: its speed is gone; or, where none is told, it is twice
    at the same place."""
    if metres(goal, fix) > HERE_M or fix.is_fast:
        return None
    if fix.speed_kmh is not None:
        return fix.at
    last = before.recent[-1] if before.recent else None
    if last is None or max(metres(goal, last), 2 * metres(last, fix)) > HERE_M:
        return None
    return min(last.at, fix.at)


def _arrived(
    track: Track, mission: Mission, place: Place, since: datetime, distance_m: float
) -> UnitArrived:
    before = [at for at in track.times if mission.notified_at <= at < since]
    return UnitArrived.made(
        event_id=derived_id("arrived", mission.leg_id, place),
        occurred_at=max(since, mission.notified_at),
        recorded_at=None,
        unit_id=track.unit_id,
        leg_id=mission.leg_id,
        place=place,
        distance_m=round(distance_m, 1),
        not_before=max(before, default=None),
    )


# -- when it will be there, where it is, and whether it is heard ------------------------------


def _expected(track: Track, seen: Seen, region: Region) -> tuple[Track, Sequence[EtaUpdated]]:
    mission = track.mission
    if mission is None or seen.fix.at < (track.heard_at or seen.fix.at):
        return track, ()
    place = _towards(mission)
    goal = _point_of(mission, place) if place else None
    if place is None or goal is None:
        return track, ()
    at, last = seen.fix.at, mission.eta
    arrives = at + region.roads.takes(seen.fix, goal, at, region.zone)
    if last is not None and last.place == place:
        is_new = abs(arrives - last.arrives_at) >= CHANGED and at - last.occurred_at >= TELL
        if not is_new:
            return track, ()
    eta = EtaUpdated.made(
        event_id=derived_id("eta", mission.leg_id, place, seen.event.event_id),
        occurred_at=at,
        recorded_at=None,
        unit_id=track.unit_id,
        leg_id=mission.leg_id,
        place=place,
        arrives_at=arrives,
        distance_m=round(metres(seen.fix, goal), 1),
    )
    return track.but(mission=mission.but(eta=eta)), [eta]


def _towards(mission: Mission) -> Place | None:
    """Where it drives to, as far as GPS has shown."""
    if mission.phase is Phase.TO_SCENE:
        return "scene"
    return "destination" if mission.phase is Phase.ONWARD else None


def _point_of(mission: Mission, place: Place) -> Point | None:
    return mission.scene if place == "scene" else mission.destination


def _located(track: Track, seen: Seen, before: Motion) -> tuple[Track, Sequence[UnitLocated]]:
    last, moves, at = track.located, track.motion.moves, seen.fix.at
    is_news = last is None or last.moves is not moves
    if last is not None and not is_news:
        is_news = moves and at - last.occurred_at >= TELL
    if not is_news or (last is not None and at < last.occurred_at):
        return track, ()
    located = UnitLocated.made(
        event_id=derived_id("located", track.unit_id, seen.event.event_id),
        occurred_at=at,
        recorded_at=None,
        unit_id=track.unit_id,
        point=seen.point,
        moves=moves,
    )
    return track.but(located=located), [located]


def _heard(track: Track, seen: Seen) -> tuple[Track, Sequence[UnitHeardAgain]]:
    mission = track.mission
    if mission is None or isinstance(track.silence, UnitHeardAgain):
        return track, ()
    heard = UnitHeardAgain.made(
        event_id=derived_id("heard", mission.leg_id, seen.event.event_id),
        occurred_at=seen.fix.at,
        recorded_at=None,
        unit_id=track.unit_id,
        leg_id=mission.leg_id,
    )
    return track.but(silence=heard), [heard]


def look(track: Track, now: datetime, region: Region) -> tuple[Track, Sequence[UnitFellSilent]]:
    """Whether a unit on a dispatch is silent by now. In a place where nobody is heard it is not
    wondered at."""
    mission = track.mission
    if mission is None:
        return track, ()
    silent = now - max(filter(None, (track.heard_at, mission.notified_at)))
    told = track.silence if isinstance(track.silence, UnitFellSilent) else None
    is_overdue = silent >= OVERDUE and not _is_in_dead_zone(track, region)
    if silent < GREY or (told is not None and (told.is_overdue or not is_overdue)):
        return track, ()
    last = track.heard_at
    step = derived_id("silent", mission.leg_id, str(last), str(is_overdue))
    event = UnitFellSilent.made(
        event_id=step,
        occurred_at=now,
        recorded_at=None,
        unit_id=track.unit_id,
        leg_id=mission.leg_id,
        last_seen_at=last,
        is_overdue=is_overdue,
    )
    return track.but(silence=event), [event]


def _is_in_dead_zone(track: Track, region: Region) -> bool:
    last: OnEarth | None = track.motion.recent[-1] if track.motion.recent else track.motion.rest
    return last is not None and region.roads.is_dead(last)


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
