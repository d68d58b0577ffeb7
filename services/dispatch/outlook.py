"""When a unit will be there, where it is, and whether it is heard of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from schemas.envelope import derived_id
from schemas.incident import Point
from schemas.unit import EtaUpdated, Place, UnitFellSilent, UnitHeardAgain, UnitLocated
from services.dispatch.movement import Motion, OnEarth, metres
from services.dispatch.track import Mission, Phase, Region, Seen, Track

#: Where a unit is on the road is told this often, and when it will be there no oftener; that again
#: only when it has changed by so much.
TELL = timedelta(seconds=30)
CHANGED = timedelta(seconds=60)
#: Nothing is heard of a unit on a dispatch: it is grey, and somebody should call.
GREY, OVERDUE = timedelta(seconds=60), timedelta(seconds=180)


def expected(track: Track, seen: Seen, region: Region) -> tuple[Track, Sequence[EtaUpdated]]:
    """When it will be where it drives to, if that is news."""
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
    """Where it drives to, as GPS has shown it or the crew has said, whichever is further: a
    hospital has to know when they come also where satellites lost the unit at the scene."""
    phase = max(mission.phase, mission.reported)
    if phase is Phase.TO_SCENE:
        return "scene"
    return "destination" if phase is Phase.ONWARD else None


def _point_of(mission: Mission, place: Place) -> Point | None:
    return mission.scene if place == "scene" else mission.destination


def located(track: Track, seen: Seen, before: Motion) -> tuple[Track, Sequence[UnitLocated]]:
    """Where it is: when it comes to rest or begins to move, and now and then on the road."""
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


def heard(track: Track, seen: Seen) -> tuple[Track, Sequence[UnitHeardAgain]]:
    """That it is heard of, for the first time on this dispatch or again."""
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
