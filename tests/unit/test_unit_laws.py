"""Whatever is pressed, in whatever order, twice, late or with a wrong clock: the table holds, and
the indicator is what the events on the topic come to for anybody who counts them anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from schemas.event import Event
from schemas.unit import (
    StampCorrected,
    StampSource,
    UnitArrived,
    UnitAssigned,
    UnitDeparted,
    UnitLeftScene,
    UnitStatus,
    UnitStatusChanged,
)
from services.dispatch.clock import rate
from services.dispatch.leg import Correction, Leg, Stamp
from services.dispatch.sighting import Movement, see_movement
from services.dispatch.unit import (
    MAY_FOLLOW,
    Assignment,
    Unit,
    assign,
    correct,
    divert,
    enter,
    stamp,
)
from services.kit.errors import Rejected
from tests.unit.test_unit import SCENE, STATION, at

S = UnitStatus
LIMIT = timedelta(seconds=180)
#: Kind of act, which unit, a time (clocks are wrong by up to ten minutes), a choice.
Act = tuple[str, int, int, int]
ACTS = some.lists(
    some.tuples(
        some.sampled_from(
            [
                "order",
                "divert",
                "press",
                "press",
                "press",
                "enter",
                "correct",
                "gps",
                "arrive",
                "again",
            ]
        ),
        some.integers(0, 1),
        some.integers(-600, 3600),
        some.integers(0, 11),
    ),
    max_size=40,
)


class World:
    """Two units, all their dispatches, and everything that was told of them."""

    def __init__(self) -> None:
        self.units = {f"U-{n}": Unit(unit_id=f"U-{n}") for n in (0, 1)}
        self.legs: dict[str, Leg] = {}
        self.told: list[Event] = []
        self.departures: list[UnitDeparted] = []

    def take(self, act: Act, number: int) -> None:
        """Do something, as the interface would; what is refused changes nothing."""
        unit = self.units[f"U-{act[1]}"]
        try:
            after, events = self._done(unit, act, number)
        except Rejected:
            return
        for event in events:
            if isinstance(event, UnitStatusChanged):
                assert event.status in S
        if after.status is not unit.status:
            reachable = after.status in MAY_FOLLOW[unit.status] or after.status is S.NOTIFIED
            assert reachable, f"{unit.status} became {after.status}"
        self.units[after.unit_id] = after
        if after.leg is not None:
            self.legs[after.leg.leg_id] = after.leg
        self.told += events

    def _seen(self, kind: str, leg: Leg, second: float, choice: int) -> Movement:
        told = {"unit_id": leg.unit_id, "leg_id": leg.leg_id, "occurred_at": at(second),
                "distance_m": 100}  # fmt: skip
        if kind == "gps":
            rest = at(second - 30 * choice) if choice else None
            return UnitDeparted(event_id=f"d-{leg.leg_id}", at_rest_at=rest, **told)
        if choice % 3 == 0:
            return UnitLeftScene(event_id=f"l-{leg.leg_id}", **told)
        place = "scene" if choice % 3 == 1 else "destination"
        return UnitArrived.model_validate(
            {"event_id": f"{place}-{leg.leg_id}", "place": place, **told}
        )

    def _done(self, unit: Unit, act: Act, number: int) -> tuple[Unit, Sequence[Event]]:
        kind, _, second, choice = act
        theirs = [leg for leg in self.legs.values() if leg.unit_id == unit.unit_id]
        leg = theirs[choice % len(theirs)] if theirs else None
        now = at(5000 + number)
        if kind == "order":
            order = Assignment(event_id=f"o-{number}", occurred_at=at(second), unit_id=unit.unit_id,
                               incident_id=f"I-{choice % 3}", station=STATION)  # fmt: skip
            return assign(unit, order, SCENE, now)
        if kind == "divert":
            order = Assignment(event_id=f"o-{number}", occurred_at=at(second), unit_id=unit.unit_id,
                               incident_id=f"I-{choice % 3}", station=STATION)  # fmt: skip
            after, left, events = divert(unit, order, SCENE, now)
            if left is not None:
                self.legs[left.leg_id] = left
            return after, events
        source: StampSource = "crew" if choice % 2 else "dispatcher"
        status = list(S)[choice % len(S)]
        given = Stamp(stamp_id=f"s-{number}", status=status, source=source, occurred_at=at(second),
                      recorded_at=now)  # fmt: skip
        if kind == "press":
            return stamp(unit, given)
        if leg is None:
            return unit, ()
        if kind == "enter":
            if status is S.NOTIFIED:
                return unit, ()
            after, changed, events = enter(unit, leg, given)
        elif kind in {"gps", "arrive"}:
            seen = self._seen(kind, leg, second, choice)
            after, seen_leg, events = see_movement(unit, leg, seen, now)
            changed = seen_leg or leg
            if events and isinstance(seen, UnitDeparted):
                self.departures.append(seen)
        else:
            which = leg.stamps[choice % len(leg.stamps)]
            to = None if choice == 11 else at(second)
            wanted = Correction(stamp_id=which.stamp_id, occurred_at=to, reason="wrong",
                                corrected_by="lead", recorded_at=now)  # fmt: skip
            after, changed, events = correct(unit, leg, wanted, f"c-{number}")
        self.legs[changed.leg_id] = changed
        return after, events


def run(acts: Sequence[Act]) -> World:
    """Do all of them, some a second time."""
    world = World()
    before: list[tuple[Act, int]] = []
    for number, act in enumerate(acts):
        if act[0] == "again":
            if before:
                again, was = before[act[3] % len(before)]
                told, states = len(world.told), (dict(world.units), dict(world.legs))
                try:
                    world.take(again, was)
                finally:
                    if was in {n for _, n in before if _took(world, n)}:
                        assert (len(world.told), (world.units, world.legs)) == (told, states)
            continue
        told = len(world.told)
        world.take(act, number)
        if len(world.told) > told and act[0] not in {"gps", "arrive"}:
            before.append((act, number))
    return world


def _took(world: World, number: int) -> bool:
    names = {f"o-{number}", f"s-{number}", f"c-{number}"}
    return any(event.event_id in names for event in world.told)


def recounted(
    events: Sequence[Event], by: set[str], departures: Sequence[UnitDeparted]
) -> Counter[str]:
    """The three-minute figure by the events alone, written without a line of the service's."""
    rests = {seen.leg_id: seen.at_rest_at for seen in departures} if by == {"gps"} else {}
    notified: dict[str, str] = {}
    rolling: set[str] = set()
    stamps: dict[str, dict[str, Any]] = {}
    for event in events:
        if isinstance(event, UnitAssigned):
            notified[event.leg_id] = event.event_id
            if event.rolling:
                rolling.add(event.leg_id)
        elif isinstance(event, UnitStatusChanged) and event.leg_id:
            stamps[event.event_id] = {"leg": event.leg_id, "status": event.status.value,
                                      "source": event.source, "at": event.occurred_at}  # fmt: skip
        elif isinstance(event, StampCorrected):
            stamps[event.stamp_id]["at"] = event.corrected_to
    found: Counter[str] = Counter()
    for leg in notified:
        mine = [s for s in stamps.values() if s["leg"] == leg and s["at"] is not None]
        if leg in rolling:
            found["rolling"] += 1
        else:
            found += _counted(mine, by, leg, rests)
    return found


def _counted(
    mine: Sequence[Mapping[str, Any]], by: set[str], leg: str, rests: Mapping[str, datetime | None]
) -> Counter[str]:
    people = {"crew", "dispatcher", "system"}
    began = _first(mine, "notified", people)
    left, back = _first(mine, "departed", by), _first(mine, "stood_down", people)
    said = _first(mine, "departed", people)
    if began is None or (left is None and (back is None or said is not None)):
        return Counter(missing=1)
    if left is None:
        is_late = back is not None and back - began > LIMIT
        return Counter(denominator=int(is_late), stood_down=int(not is_late))
    if _is_unsure(began, left, rests, leg):
        return Counter(missing=1)
    return Counter(denominator=1, numerator=int(left - began <= LIMIT))


def _is_unsure(
    began: datetime, left: datetime, rests: Mapping[str, datetime | None], leg: str
) -> bool:
    """Late by satellites, which may have seen it late."""
    if leg not in rests or left - began <= LIMIT:
        return False
    rest = rests[leg]
    return rest is None or rest - began <= LIMIT


def _first(stamps: Sequence[Mapping[str, Any]], status: str, by: set[str]) -> datetime | None:
    times = [s["at"] for s in stamps if s["status"] == status and s["source"] in by]
    return min(times, default=None)


@settings(max_examples=300, deadline=None)
@given(ACTS)
def test_the_indicator_is_at_any_moment_what_the_events_come_to(acts: list[Act]) -> None:
    for many in (len(acts) // 2, len(acts)):
        world = run(acts[:many])
        dispatches = [leg.dispatch() for leg in world.legs.values()]
        reported = rate((d.reading(d.departed) for d in dispatches), LIMIT)
        verified = rate((d.verified() for d in dispatches), LIMIT)
        for found, by in ((reported, {"crew", "dispatcher", "system"}), (verified, {"gps"})):
            names = ("numerator", "denominator", "missing", "stood_down", "rolling")
            counted = recounted(world.told, by, world.departures)
            assert {name: getattr(found, name) for name in names} == {n: counted[n] for n in names}


@settings(max_examples=200, deadline=None)
@given(ACTS)
def test_no_stamp_is_ever_lost_and_none_is_ever_told_twice(acts: list[Act]) -> None:
    world = run(acts)
    told = [e.event_id for e in world.told if isinstance(e, UnitStatusChanged) and e.leg_id]
    kept = [s.stamp_id for leg in world.legs.values() for s in leg.stamps]
    assert sorted(told) == sorted(kept)
    assert len(set(told)) == len(told)
