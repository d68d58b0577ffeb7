"""Whatever is pressed, in whatever order, twice, late or with a wrong clock: the table holds, and
the indicator is what the events on the topic come to for anybody who counts them anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from schemas.event import Event
from schemas.incident import Call, CallClass, IncidentClassified, Location
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
from services.dispatch import loader
from services.dispatch.clock import Rate
from services.dispatch.incident import Incident, Intake, begin
from services.dispatch.incident import correct as classify
from services.dispatch.indicators import Call as Called
from services.dispatch.indicators import Counted, Indicators, Period, Sent, Site, indicators
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
SITE = Site.of("Asia/Shanghai", "08:00,20:00", loader.clocks())
#: All is over by then.
PERIOD = Period(at(-10_000), at(20_000), at(30_000))
PEOPLE = {"crew", "dispatcher", "system"}
#: What a call is said to be.
CLASSES: Sequence[CallClass] = ("emergency", "drill", "emergency", "non_emergency_transfer")
#: What the three calls are opened as.
OPENED: Sequence[CallClass] = ("standby", "emergency", "non_emergency_transfer")
#: Kind of act, which unit, a time (clocks are wrong by minutes), a choice.
Act = tuple[str, int, int, int]
KINDS = (
    ["order", "divert", "enter", "correct", "gps", "arrive", "again"]
    + 3 * ["press"]
    + 2 * ["classify"]
)
ACT = some.tuples(
    some.sampled_from(KINDS),
    some.integers(0, 1),
    some.integers(-15, 45).map(lambda n: 20 * n),
    some.integers(0, 11),
)
#: Histories of any length: left alone, most would be too short to go wrong.
ACTS = some.integers(0, 40).flatmap(lambda n: some.lists(ACT, min_size=n, max_size=n))


def called(number: int) -> Incident:
    intake = Intake(
        event_id=f"call-{number}",
        occurred_at=at(-1000),
        external_number=None,
        call=Call(),
        location=Location(latitude=31.2, longitude=121.5),
        classification=OPENED[number],
        patients=(),
    )
    return begin(intake, [f"E-{number}"], at(-1000))[0].but(incident_id=f"I-{number}")


class World:
    """Three calls, two units, all their dispatches, and everything that was told of them."""

    def __init__(self) -> None:
        self.calls = {f"I-{n}": called(n) for n in range(3)}
        self.units = {f"U-{n}": Unit(unit_id=f"U-{n}") for n in (0, 1)}
        self.legs: dict[str, Leg] = {}
        self.told: list[Event] = []
        self.departures: list[UnitDeparted] = []

    def take(self, act: Act, number: int) -> None:
        """Do something, as the interface would; what is refused changes nothing."""
        unit = self.units[f"U-{act[1]}"]
        if act[0] == "classify":
            return self._classify(act, number)
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

    def _classify(self, act: Act, number: int) -> None:
        _, _, second, choice = act
        event = IncidentClassified(
            event_id=f"k-{number}", incident_id=f"I-{choice % 3}", occurred_at=at(second),
            recorded_at=at(5000 + number), classification=CLASSES[choice // 3],
        )  # fmt: skip
        changed, events = classify(self.calls[event.incident_id], event)
        self.calls[event.incident_id] = changed
        self.told += events

    def indicators(self) -> Indicators:
        """As the service computes them from what it keeps."""
        sent = {leg.leg_id: self._sent(leg) for leg in self.legs.values()}
        calls = [
            Called(
                call.incident_id, call.classification, call.opened_at, None, None, None, True,
                dispatches=tuple(s.dispatch for s in sent.values()
                                 if s.dispatch.incident_id == call.incident_id),
            )
            for call in self.calls.values()
        ]  # fmt: skip
        return indicators(Counted(list(sent.values()), calls, []), SITE, PERIOD)

    def _sent(self, leg: Leg) -> Sent:
        call = self.calls[leg.incident_id]
        dispatch = leg.dispatch().as_emergency_since(call.emergency_since, call.reclassified_at)
        return Sent(call.classification, dispatch, call.reclassified_at)

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
                told, states = len(world.told), (
                    dict(world.units), dict(world.legs), dict(world.calls)
                )  # fmt: skip
                try:
                    world.take(again, was)
                finally:
                    if was in {n for _, n in before if _took(world, n)}:
                        after = dict(world.units), dict(world.legs), dict(world.calls)
                        assert (len(world.told), after) == (told, states)
            continue
        told = len(world.told)
        world.take(act, number)
        if len(world.told) > told and act[0] not in {"gps", "arrive"}:
            before.append((act, number))
    return world


def _took(world: World, number: int) -> bool:
    names = {f"o-{number}", f"s-{number}", f"c-{number}", f"k-{number}"}
    return any(event.event_id in names for event in world.told)


class Told:
    """What the events alone say of each dispatch, read without a line of the service's."""

    def __init__(self, events: Sequence[Event], departures: Sequence[UnitDeparted]) -> None:
        self.rests = {seen.leg_id: seen.at_rest_at for seen in departures}
        self.of_call: dict[str, str] = {}
        self.rolling: set[str] = set()
        self.classes: dict[str, str] = {f"I-{n}": name for n, name in enumerate(OPENED)}
        self.since: dict[str, datetime] = {}
        self._stamps: dict[str, dict[str, Any]] = {}
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, UnitAssigned):
            self.of_call[event.leg_id] = event.incident_id
            if event.rolling:
                self.rolling.add(event.leg_id)
        elif isinstance(event, UnitStatusChanged) and event.leg_id:
            self._stamps[event.event_id] = {
                "leg": event.leg_id,
                "status": event.status.value,
                "source": event.source,
                "at": event.occurred_at,
            }
        elif isinstance(event, StampCorrected):
            self._stamps[event.stamp_id]["at"] = event.corrected_to
        elif isinstance(event, IncidentClassified):
            self.classes[event.incident_id] = event.classification
            opened = OPENED[int(event.incident_id[2:])]
            if event.classification == "emergency" != opened:
                self.since.setdefault(event.incident_id, event.occurred_at)

    def first(self, leg: str, status: str, by: set[str]) -> datetime | None:
        times = (
            s["at"]
            for s in self._stamps.values()
            if (s["leg"], s["status"]) == (leg, status) and s["source"] in by
        )
        return min(filter(None, times), default=None)

    def began(self, leg: str) -> tuple[datetime | None, bool]:
        """When its three minutes began, and whether it was on the road already: told to go, or when
        its call became an emergency, whichever is later."""
        told, since = self.first(leg, "notified", PEOPLE), self.since.get(self.of_call[leg])
        if told is None or since is None or told >= since:
            return told, leg in self.rolling
        left = [self.first(leg, "departed", by) for by in (PEOPLE, {"gps"})]
        if any(each < since for each in left if each):
            return told, True
        return since, leg in self.rolling

    @property
    def counted(self) -> list[str]:
        """The dispatches of what are emergencies now."""
        return [leg for leg, call in self.of_call.items() if self.classes[call] == "emergency"]


def recounted(told: Told, by: set[str]) -> Counter[str]:
    """The three-minute figure of each dispatch."""
    found: Counter[str] = Counter()
    for leg in told.counted:
        began, is_rolling = told.began(leg)
        found += Counter(rolling=1) if is_rolling else _counted(told, leg, began, by)
    return found


def _counted(told: Told, leg: str, began: datetime | None, by: set[str]) -> Counter[str]:
    left = told.first(leg, "departed", by)
    back, said = told.first(leg, "stood_down", PEOPLE), told.first(leg, "departed", PEOPLE)
    if left is None and said is not None:
        return Counter(missing=1)
    if by == {"gps"} and _is_unsure(told, leg, began, left):
        return Counter(missing=1)
    return _fate(began, left, back)


def _fate(began: datetime | None, left: datetime | None, back: datetime | None) -> Counter[str]:
    if began is None or (left is None and back is None):
        return Counter(missing=1)
    if left is not None:
        return Counter(denominator=1, numerator=int(left - began <= LIMIT))
    assert back is not None
    is_late = back - began > LIMIT
    return Counter(denominator=int(is_late), stood_down=int(not is_late))


def _is_unsure(told: Told, leg: str, began: datetime | None, left: datetime | None) -> bool:
    """Late by satellites, which may have seen it late."""
    if began is None or left is None or left - began <= LIMIT:
        return False
    rest = told.rests[leg]
    return rest is None or rest - began <= LIMIT


def recounted_by_call(told: Told) -> Counter[str]:
    """The three minutes of each call: its first unit told, the first of any that left."""
    found: Counter[str] = Counter()
    for call in sorted(set(told.of_call.values())):
        legs = [leg for leg in told.counted if told.of_call[leg] == call]
        if not legs:
            continue
        began = min((at for leg in legs if (at := told.began(leg)[0])), default=None)
        if (began, True) in {told.began(leg) for leg in legs}:
            found["rolling"] += 1
            continue
        lefts = [told.first(leg, "departed", PEOPLE) for leg in legs]
        left = min(filter(None, lefts), default=None)
        backs = [told.first(leg, "stood_down", PEOPLE) for leg in legs]
        back = max(filter(None, backs)) if all(backs) else None
        found += _fate(began, left, back)
    return found


@settings(max_examples=300, deadline=None)
@given(ACTS)
def test_the_indicator_is_at_any_moment_what_the_events_come_to(acts: list[Act]) -> None:
    for many in (len(acts) // 2, len(acts)):
        world = run(acts[:many])
        found, told = world.indicators(), Told(world.told, world.departures)
        assert found.dispatch_within_3min.verified is not None
        assert figures(found.dispatch_within_3min) == recounted(told, PEOPLE)
        assert figures(found.dispatch_within_3min.verified) == recounted(told, {"gps"})
        assert figures(found.first_unit_within_3min) == recounted_by_call(told)
        others = Counter(told.classes[call] for call in told.of_call.values())
        del others["emergency"]
        assert found.dispatch_within_3min.excluded == others


def figures(found: Rate) -> Counter[str]:
    names = ("numerator", "denominator", "missing", "stood_down", "rolling")
    return Counter({name: getattr(found, name) for name in names})


@settings(max_examples=200, deadline=None)
@given(ACTS)
def test_no_stamp_is_ever_lost_and_none_is_ever_told_twice(acts: list[Act]) -> None:
    world = run(acts)
    told = [e.event_id for e in world.told if isinstance(e, UnitStatusChanged) and e.leg_id]
    kept = [s.stamp_id for leg in world.legs.values() for s in leg.stamps]
    assert sorted(told) == sorted(kept)
    assert len(set(told)) == len(told)
