"""How far a dispatch has come, as GPS shows it: the unit leaves, reaches the scene, leaves that,
reaches the hospital. What nobody saw is not told: then the crew's word stands alone for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from schemas.envelope import derived_id
from schemas.event import Event
from schemas.incident import Point
from schemas.unit import Place, PositionReported, UnitArrived, UnitDeparted, UnitLeftScene
from services.dispatch import movement, outlook
from services.dispatch.movement import Fix, Motion, metres
from services.dispatch.track import (
    STARTS,
    Mission,
    Owed,
    Phase,
    Region,
    Seen,
    Start,
    Track,
)

#: A unit that stands so near has arrived at once; this near, when it stays; in metres.
HERE_M, ABOUT_M = 50.0, 150.0
#: Farther than this from its station it has left it, whenever that was.
YARD_M = 100.0
#: A crew that has said so and stands so long is on scene, wherever that is.
STAYS = timedelta(seconds=120)
#: So many of a unit's last fixes are remembered by their times.
TIMES = 8
#: How far a place that is reached shows it.
REACHES: Sequence[tuple[Place, Phase]] = (("scene", Phase.ON_SCENE), ("destination", Phase.THERE))


def see(track: Track, event: PositionReported, region: Region) -> tuple[Track, Sequence[Event]]:
    """Take in a fix; what it shows for the first time is told."""
    seen = Seen.of(event)
    track = _begun(_taken_up(track, seen), seen)
    before, after = track.motion, movement.see(track.motion, seen.fix)
    heard = seen.fix.at if event.recorded_at is None else min(seen.fix.at, event.recorded_at)
    newest = heard if track.heard_at is None else max(track.heard_at, heard)
    times = track.times if seen.fix.at in track.times else (*track.times, seen.fix.at)[-TIMES:]
    changed = track.but(motion=after, heard_at=newest, times=times)
    if after.moves and not before.moves:
        changed = _started(changed)
    changed, told = outlook.located(changed, seen, before)
    events: list[Event] = [*told]
    if track.mission is not None:
        changed, shown = _shown(changed, seen, before)
        events += shown
        changed, expected = outlook.expected(changed, seen, region)
        events += expected
        changed, again = outlook.heard(changed, seen)
        events += again
    return changed, events


def _taken_up(track: Track, seen: Seen) -> Track:
    """The first fix of a dispatch, or the first for a while, finds the unit wherever it is by then:
    what it did meanwhile nobody saw, and the crew's word stands alone for it. One that is still
    where it stood has done nothing, whatever was pressed."""
    mission, last = track.mission, track.times[-1] if track.times else None
    if mission is None or mission.reported <= mission.phase:
        return track
    is_seen = mission.is_seen or track.set_out is not None
    is_known = is_seen and last is not None and seen.fix.at - last <= outlook.GREY
    rest = track.motion.rest
    stays = rest is not None and metres(rest, seen.fix) <= YARD_M
    if is_known or stays or metres(mission.station, seen.fix) <= YARD_M:
        return track
    return track.but(mission=mission.but(phase=mission.reported), motion=Motion())


def _begun(track: Track, seen: Seen) -> Track:
    """The first fix since it was told, as far as is known here: what it did before that was not for
    this dispatch, and who moved already is not seen to begin. An order may be known later than what
    came of it."""
    mission = track.mission
    if mission is None or mission.is_seen or seen.fix.at < mission.notified_at:
        return track
    motion = track.motion
    if track.set_out is None:
        since = tuple(fix for fix in motion.recent if fix.at >= mission.notified_at)
        motion = Motion() if motion.moves else motion.but(recent=since)
    return track.but(motion=motion, mission=mission.but(is_seen=True))


def _started(track: Track) -> Track:
    """It begins to move now; not before it was told to, if it was."""
    mission, began = track.mission, track.motion.began
    if began is None:
        return track
    if mission is not None and mission.is_seen:
        began = max(began, mission.notified_at)
    start = Start(began, track.motion.rest)
    return track.but(starts=(*track.starts, start)[-STARTS:])


def _shown(track: Track, seen: Seen, before: Motion) -> tuple[Track, Sequence[Owed]]:
    """The next steps of the dispatch that this fix shows."""
    mission = track.mission
    found: list[Owed] = []
    assert mission is not None  # noqa: S101 (asked of units on a dispatch)
    start, begins = track.set_out, track.motion.moves and not before.moves
    if mission.phase is Phase.START and start is not None:
        found.append(_departed(track, mission, seen, start))
        mission = mission.but(phase=Phase.TO_SCENE)
    elif mission.phase is Phase.ON_SCENE and start is not None and begins:
        found.append(_left(track, mission, track.starts[-1]))
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


def _departed(track: Track, mission: Mission, seen: Seen, start: Start) -> UnitDeparted:
    rest = start.rest
    known = rest is not None and (
        rest.since <= mission.notified_at or metres(rest, mission.station) <= YARD_M
    )
    return UnitDeparted.made(
        event_id=derived_id("departed", mission.leg_id),
        occurred_at=start.at,
        recorded_at=None,
        unit_id=track.unit_id,
        leg_id=mission.leg_id,
        distance_m=round(metres(mission.station, seen.fix), 1),
        at_rest_at=rest.until if rest is not None and known else None,
    )


def _left(track: Track, mission: Mission, start: Start) -> UnitLeftScene:
    rest = start.rest
    return UnitLeftScene.made(
        event_id=derived_id("left scene", mission.leg_id),
        occurred_at=start.at,
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
    if rest is None or track.motion.moves:
        return at_once
    is_there = metres(goal, rest) <= ABOUT_M
    if at_once is not None:  # it may stand there for longer; it may not have been seen to leave
        return min(at_once, rest.since) if is_there else at_once
    if rest.fixes < 2:
        return None
    if mission.phase is Phase.START and metres(rest, mission.station) <= YARD_M:
        return None  # who has not been seen to leave, and is not elsewhere, is at home
    said = mission.said_on_scene if mission.phase < Phase.ON_SCENE else None
    stays = said is not None and fix.at - max(rest.since, said) >= STAYS
    return rest.since if stays or is_there else None


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
