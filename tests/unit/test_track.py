"""A dispatch as GPS shows it: leaving, arriving, leaving the scene; what is owed; who is silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest

from schemas.event import Event
from schemas.incident import Point
from schemas.unit import (
    EtaUpdated,
    PositionReported,
    StampSource,
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
from services.dispatch import loader
from services.dispatch.outlook import CHANGED, GREY, OVERDUE, TELL, look
from services.dispatch.progress import ABOUT_M, HERE_M, STAYS, see
from services.dispatch.road import DeadZone, Roads
from services.dispatch.track import FORGOTTEN, Owed, Phase, Region, Track, is_forgotten, order
from tests.unit.test_movement import DEGREE_M

E = TypeVar("E", bound=Event)
S = UnitStatus
BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
STATION = Point(latitude=31.23, longitude=121.47)
REGION = Region(loader.roads(), ZoneInfo("Asia/Shanghai"))


def north(metres: float) -> Point:
    return Point(latitude=STATION.latitude + metres / DEGREE_M, longitude=STATION.longitude)


SCENE, HOSPITAL = north(2_000), north(6_000)


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def fix(second: float, metres: float, kmh: float | None = 0.0) -> PositionReported:
    place = north(metres)
    return PositionReported(
        event_id=f"fix-{second}",
        occurred_at=at(second),
        unit_id="U-1",
        latitude=place.latitude,
        longitude=place.longitude,
        speed_kmh=kmh,
    )


def assigned(leg: str = "L-1", second: float = 0, scene: Point = SCENE) -> UnitAssigned:
    return UnitAssigned(
        event_id=f"assigned-{leg}",
        occurred_at=at(second),
        unit_id="U-1",
        leg_id=leg,
        incident_id="I-1",
        station=STATION,
        scene=scene,
    )


def directed(place: str = "destination", point: Point = HOSPITAL, leg: str = "L-1") -> UnitDirected:
    return UnitDirected.model_validate(
        {"event_id": f"{leg}-{place}", "occurred_at": at(1), "unit_id": "U-1", "leg_id": leg,
         "place": place, "point": point}
    )  # fmt: skip


def stamp(
    status: UnitStatus, source: StampSource = "crew", second: float = 60, **more: str
) -> UnitStatusChanged:
    told = {"event_id": f"{status}-{source}", "leg_id": "L-1"} | more
    return UnitStatusChanged.model_validate(
        {"occurred_at": at(second), "unit_id": "U-1", "status": status, "source": source, **told}
    )


class Unit:
    """A unit and everything that was told of it."""

    def __init__(self, *orders: Event, region: Region = REGION) -> None:
        self.track, self.told, self.region = Track(unit_id="U-1"), list[Event](), region
        self.order(*orders)

    def order(self, *events: Event) -> Unit:
        for event in events:
            self.track = order(self.track, event)
        return self

    def see(self, *fixes: PositionReported) -> Unit:
        for each in fixes:
            self.track, events = see(self.track, each, self.region)
            self.told += events
        return self

    def look(self, second: float) -> Unit:
        self.track, events = look(self.track, at(second), self.region)
        self.told += events
        return self

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, kind)]

    @property
    def steps(self) -> list[str]:
        return [type(event).__name__ for event in self.told if isinstance(event, Owed)]


def standing(second: float = 0, metres: float = 0) -> list[PositionReported]:
    return [fix(second + n, metres) for n in (-30, -20, -10)]


def drive(begin: float, start: float, end: float) -> list[PositionReported]:
    """At 10 m/s, a fix each 5 s, and two at the end of the way."""
    took = int(abs(end - start) / 10)
    there = [start + (end - start) * t / took for t in range(0, took, 5)]
    fixes = [fix(begin + 5 * n, metres, 36.0) for n, metres in enumerate(there)]
    return [*fixes, fix(begin + took, end), fix(begin + took + 5, end)]


def on_scene() -> Unit:
    return Unit(assigned(), directed()).see(*standing(), *drive(20, 0, 2_000))


def test_a_whole_dispatch() -> None:
    unit = on_scene().see(*drive(600, 2_000, 6_000))
    assert unit.steps == ["UnitDeparted", "UnitArrived", "UnitLeftScene", "UnitArrived"]
    departed, left = unit.of(UnitDeparted)[0], unit.of(UnitLeftScene)[0]
    scene, hospital = unit.of(UnitArrived)
    assert (departed.occurred_at, departed.at_rest_at) == (at(20), at(-10))
    assert (scene.place, scene.occurred_at, scene.distance_m) == ("scene", at(220), 0)
    assert left.occurred_at == at(600)
    assert (hospital.place, hospital.occurred_at) == ("destination", at(1_000))
    assert {event.leg_id for event in (departed, scene, left, hospital)} == {"L-1"}


def test_a_unit_that_has_no_order_is_followed_and_nothing_is_owed() -> None:
    unit = Unit().see(*standing(), *drive(20, 0, 2_000))
    assert unit.steps == []
    assert [event.moves for event in unit.of(UnitLocated)][:2] == [False, True]
    assert unit.track.owed == ()


def test_what_moved_before_the_order_was_not_for_it() -> None:
    home = Unit().see(*drive(-300, 2_500, 100)).order(assigned())
    assert home.track.motion.moves is False
    rolling = Unit().see(*drive(-100, 3_000, 500)[:-5]).order(assigned())
    assert rolling.track.motion.moves
    rolling.see(fix(5, 400, 36), fix(10, 350, 36))
    (departed,) = rolling.of(UnitDeparted)
    assert (departed.occurred_at, departed.at_rest_at) == (at(5), None)


def test_an_order_that_is_read_after_the_fixes_shows_the_same() -> None:
    """At a start all orders are read first, and then the fixes of before."""
    early = Unit(assigned(), directed()).see(*standing(), *drive(20, 0, 2_000))
    late = Unit().see(*standing()).order(assigned(), directed()).see(*drive(20, 0, 2_000))
    assert [e.model_dump() for e in early.track.owed] == [e.model_dump() for e in late.track.owed]


@pytest.mark.parametrize("kmh", [36.0, None])
def test_an_order_that_comes_when_the_unit_is_on_its_way_or_there_shows_the_same(
    kmh: float | None,
) -> None:
    """The broker or the database was away: fixes may be known before what they are of."""
    fixes = [*standing(), *drive(20, 0, 2_000), fix(230, 2_000), fix(300, 2_000)]
    if kmh is None:
        fixes = [each.model_copy(update={"speed_kmh": None}) for each in fixes]

    def owed(known_from: int) -> list[tuple[object, ...]]:
        unit = Unit().see(*fixes[:known_from]).order(assigned(), directed())
        told = unit.see(*fixes[known_from:]).track.owed
        return [(type(e), e.occurred_at, getattr(e, "at_rest_at", None)) for e in told]

    assert len(owed(0)) == 2
    for known_from in range(len(fixes)):
        assert owed(known_from) == owed(0), known_from


def test_an_order_that_is_known_after_a_stop_on_the_way_shows_when_the_unit_left() -> None:
    fixes = [*standing(), *drive(20, 0, 1_000), *drive(160, 1_000, 2_000)]
    late = Unit().see(*fixes[:-9]).order(assigned()).see(*fixes[-9:])
    assert late.steps == ["UnitDeparted", "UnitArrived"]
    assert late.of(UnitDeparted)[0] == Unit(assigned()).see(*fixes).of(UnitDeparted)[0].but(
        distance_m=late.of(UnitDeparted)[0].distance_m
    )


def test_who_was_not_seen_on_its_way_has_arrived_when_it_is_seen_there() -> None:
    """And not when it came to where it stood before that."""
    stood = [fix(600, 2_000), fix(605, 2_000)]
    for fixes in (stood, [*drive(600, 2_000, 3_000), fix(730, 3_000)]):
        unit = on_scene().see(*fixes, fix(1_800, 6_000), fix(1_810, 6_000))
        (_, hospital) = unit.of(UnitArrived)
        assert hospital.occurred_at == at(1_800)
        assert hospital.not_before == fixes[-1].occurred_at


def test_a_button_that_is_known_with_its_order_hides_no_departure_that_was_seen() -> None:
    fixes = [*standing(), *drive(20, 0, 2_000)]
    unit = Unit().see(*fixes[:-10]).order(assigned(), stamp(S.DEPARTED, second=18))
    assert unit.see(*fixes[-10:]).steps == ["UnitDeparted", "UnitArrived"]
    assert unit.of(UnitDeparted)[0].occurred_at == at(20)


def test_who_was_first_seen_elsewhere_is_not_said_to_have_stood_at_the_station() -> None:
    unit = Unit(assigned()).see(
        fix(200, 900), fix(205, 900), fix(230, 950, 40), fix(235, 1_000, 40)
    )
    (departed,) = unit.of(UnitDeparted)
    assert (departed.occurred_at, departed.at_rest_at) == (at(230), None)
    at_home = Unit(assigned()).see(fix(200, 9), fix(205, 9), fix(230, 40, 30), fix(235, 90, 30))
    assert at_home.of(UnitDeparted)[0].at_rest_at == at(205)


def test_a_unit_that_stands_all_day_has_neither_left_nor_arrived() -> None:
    unit = Unit(assigned(), directed(point=north(20))).see(*(fix(60 * n, 5) for n in range(1_440)))
    assert unit.steps == []


def test_a_patient_at_the_door_of_the_station_is_not_seen_to_be_reached() -> None:
    assert Unit(assigned(scene=north(60))).see(*(fix(5 * n, 40) for n in range(9))).steps == []


def test_a_stop_on_the_way_is_no_arrival_and_one_beside_the_scene_is() -> None:
    unit = Unit(assigned()).see(*standing(), *drive(20, 0, 1_000), fix(140, 1_000), fix(160, 1_000))
    assert unit.steps == ["UnitDeparted"]
    beside = Unit(assigned()).see(*standing(), *drive(20, 0, 2_000 - ABOUT_M + 2))
    (arrived,) = beside.of(UnitArrived)
    assert arrived.distance_m == pytest.approx(ABOUT_M - 2, abs=0.1)
    passing = Unit(assigned()).see(*standing(), *drive(20, 0, 4_000)[:-2])
    assert passing.steps == ["UnitDeparted"]


def test_here_is_at_once_and_a_little_away_takes_two() -> None:
    on_the_way = Unit(assigned()).see(*standing(), *drive(20, 0, 1_500)[:-2])
    track = on_the_way.track
    on_the_way.see(fix(200, 2_000 - HERE_M + 1))
    assert on_the_way.steps[-1] == "UnitArrived"
    on_the_way.track = track
    on_the_way.told.clear()
    on_the_way.see(fix(200, 2_000 - HERE_M - 1))
    assert on_the_way.steps == []
    on_the_way.see(fix(205, 2_000 - HERE_M - 1))
    assert on_the_way.of(UnitArrived)[0].occurred_at == at(200)


def test_without_speeds_the_same_is_seen() -> None:
    fixes = [*standing(), *drive(20, 0, 2_000), fix(230, 2_000), *drive(600, 2_000, 6_000)]
    silent = [each.model_copy(update={"speed_kmh": None}) for each in fixes]
    unit = Unit(assigned(), directed()).see(*silent)
    assert unit.steps == ["UnitDeparted", "UnitArrived", "UnitLeftScene", "UnitArrived"]


def test_a_crew_that_says_so_and_stays_is_on_scene_wherever_that_is() -> None:
    """The caller was 900 m wrong: that is what is measured when it leaves again."""
    unit = Unit(assigned(), directed()).see(*standing(), *drive(20, 0, 1_100))
    unit.order(stamp(S.ON_SCENE, second=140))
    unit.see(fix(140 + STAYS.total_seconds() - 1, 1_100))
    assert unit.steps == ["UnitDeparted"]
    unit.see(fix(140 + STAYS.total_seconds(), 1_100))
    (arrived,) = unit.of(UnitArrived)
    assert (arrived.occurred_at, arrived.distance_m) == (at(130), 900)
    unit.see(*drive(600, 1_100, 6_000))
    assert unit.of(UnitLeftScene)[0].distance_m == pytest.approx(900, abs=1)


def test_a_scene_that_is_corrected_is_the_one_that_is_reached() -> None:
    unit = Unit(assigned(), directed("scene", north(3_000)))
    unit.see(*standing(), *drive(20, 0, 2_000))
    assert unit.steps == ["UnitDeparted"]
    unit.see(*drive(300, 2_000, 3_000))
    assert unit.steps == ["UnitDeparted", "UnitArrived"]
    unit.order(directed("scene", SCENE))
    assert unit.track.mission is not None
    assert unit.track.mission.scene == north(3_000)


def test_a_hospital_beside_the_scene_is_reached_only_by_leaving_that() -> None:
    unit = Unit(assigned(), directed(point=north(2_200))).see(*standing(), *drive(20, 0, 2_000))
    unit.see(fix(300, 2_010), fix(310, 2_120, None))
    assert unit.steps == ["UnitDeparted", "UnitArrived"]
    unit.see(*drive(600, 2_000, 2_200))
    assert [event.place for event in unit.of(UnitArrived)] == ["scene", "destination"]


def test_who_never_came_to_the_scene_may_come_to_the_hospital() -> None:
    unit = Unit(assigned(), directed()).see(*standing(), *drive(20, 0, 6_000))
    assert [event.place for event in unit.of(UnitArrived)] == ["destination"]


def test_one_fix_at_the_scene_is_no_arrival_of_a_unit_that_stands_at_its_station() -> None:
    unit = Unit(assigned()).see(*standing(), fix(10, 2_000), fix(15, 5))
    assert unit.steps == []


def test_what_nobody_saw_is_not_told_when_the_unit_is_found_where_the_crew_says() -> None:
    """Nothing came of it while it drove: then it stands at its patient, and leaves."""
    unit = Unit(assigned(), directed()).see(*standing())
    unit.order(stamp(S.DEPARTED, second=30), stamp(S.ON_SCENE, second=300))
    unit.see(fix(600, 1_990), fix(610, 1_995), fix(620, 1_992))
    assert unit.steps == []
    unit.see(*drive(700, 1_992, 6_000))
    assert unit.steps == ["UnitLeftScene", "UnitArrived"]
    assert unit.of(UnitLeftScene)[0].not_before == at(620)


def test_who_stands_where_it_stood_has_not_left_whatever_was_pressed() -> None:
    unit = Unit(assigned()).order(stamp(S.DEPARTED, second=5)).see(fix(30, 4), fix(40, 2))
    assert unit.see(*drive(200, 0, 500)).steps == ["UnitDeparted"]
    assert unit.of(UnitDeparted)[0].at_rest_at == at(40)


def test_an_arrival_says_when_the_unit_was_last_seen_on_its_way() -> None:
    unit = on_scene()
    assert unit.of(UnitArrived)[0].not_before == at(215)
    lost = Unit(assigned()).see(*standing(), *drive(20, 0, 1_000)[:-2], fix(260, 2_000))
    (arrived,) = lost.of(UnitArrived)
    assert (arrived.occurred_at, arrived.not_before) == (at(260), at(115))


def test_a_movement_has_the_same_id_whoever_sees_it() -> None:
    one, other = on_scene(), Unit(assigned(), directed()).see(*standing(), *drive(22, 0, 2_000))
    assert [e.event_id for e in one.track.owed] == [e.event_id for e in other.track.owed]


def test_what_is_owed_is_paid_by_its_own_stamp_also_when_the_dispatch_is_over() -> None:
    unit = on_scene().order(stamp(S.AVAILABLE, second=400))
    assert unit.track.mission is None
    departed, arrived = unit.track.owed
    ids = [departed.event_id, arrived.event_id]
    unit.order(stamp(S.DEPARTED), stamp(S.ON_SCENE, "gps"))
    assert [each.event_id for each in unit.track.owed] == ids
    unit.order(stamp(S.DEPARTED, "gps", event_id=departed.event_id))
    assert [each.event_id for each in unit.track.owed] == ids[1:]
    unit.order(assigned("L-2", 500))
    assert [each.event_id for each in unit.track.owed] == ids[1:]


def test_who_was_called_back_before_it_moved_owes_nothing() -> None:
    assert on_scene().order(stamp(S.STOOD_DOWN, second=19)).track.owed == ()
    assert len(on_scene().order(stamp(S.STOOD_DOWN, second=300)).track.owed) == 2
    other = on_scene().order(stamp(S.STOOD_DOWN, second=19, leg_id="L-0"))
    assert len(other.track.owed) == 2


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        (S.DEPARTED, Phase.TO_SCENE),
        (S.ON_SCENE, Phase.ON_SCENE),
        (S.LEFT_SCENE, Phase.ONWARD),
        (S.AT_DESTINATION, Phase.THERE),
    ],
)
def test_what_was_stamped_before_a_start_is_not_seen_again(
    status: UnitStatus, phase: Phase
) -> None:
    unit = Unit(assigned(), stamp(status, "gps"), stamp(S.DEPARTED, "gps"))
    assert unit.track.mission is not None
    assert unit.track.mission.phase is phase
    button = Unit(assigned(), stamp(status)).track.mission
    assert button is not None
    assert button.phase is Phase.START


@pytest.mark.parametrize("status", S)
def test_a_mission_ends_with_its_leg(status: UnitStatus) -> None:
    is_over = status in {S.AVAILABLE, S.STOOD_DOWN, S.OUT_OF_SERVICE}
    assert (Unit(assigned()).order(stamp(status)).track.mission is None) is is_over
    assert Unit(assigned()).order(stamp(status, leg_id="L-0")).track.mission is not None


def test_an_order_told_again_forgets_nothing() -> None:
    unit = on_scene()
    before = unit.track
    assert unit.order(assigned(), directed(leg="L-0")).track == before


# -- expected, located, silent ---------------------------------------------------------------


def test_it_is_expected_by_road_and_hour_and_told_again_when_that_changed() -> None:
    unit = Unit(assigned(), directed()).see(*standing(), fix(20, 0, 36), fix(25, 50, 36))
    (first,) = unit.of(EtaUpdated)
    speed = REGION.roads.speed_kmh.at(16) / 3.6  # four in the afternoon in Shanghai
    away = 1_950 * REGION.roads.detour.value
    assert first.place == "scene"
    assert (first.arrives_at - at(25)).total_seconds() == pytest.approx(away / speed, abs=0.2)
    unit.see(fix(30, 100, 36), fix(50, 150, 36))
    assert len(unit.of(EtaUpdated)) == 1
    held_up = 25 + CHANGED.total_seconds() + TELL.total_seconds()
    unit.see(fix(held_up + 10, 150, 10))
    assert len(unit.of(EtaUpdated)) == 2
    unit.see(*drive(300, 2_000, 2_000 + 10), *drive(600, 2_010, 3_000)[:-2])
    assert unit.of(EtaUpdated)[-1].place == "destination"


def test_who_says_that_they_have_left_is_expected_at_the_hospital_whatever_satellites_show() -> (
    None
):
    """They lost the unit beside the scene, and never saw it arrive there."""
    unit = Unit(assigned(), directed()).see(*standing(), fix(20, 0, 36), fix(25, 50, 36))
    assert unit.of(EtaUpdated)[-1].place == "scene"
    unit.order(stamp(S.ON_SCENE, second=300), stamp(S.LEFT_SCENE, second=600)).see(
        fix(605, 2_400, 36)
    )
    assert unit.of(EtaUpdated)[-1].place == "destination"
    told = len(unit.of(EtaUpdated))
    unit.order(stamp(S.AT_DESTINATION, second=700)).see(fix(900, 2_600, 36))
    assert len(unit.of(EtaUpdated)) == told


def test_a_unit_says_where_it_is_when_that_changes_and_now_and_then() -> None:
    unit = Unit().see(*(fix(10 * n, 0) for n in range(9)))
    assert [event.occurred_at for event in unit.of(UnitLocated)] == [at(0)]
    unit.see(*drive(100, 0, 1_000))
    told = [(event.moves, event.occurred_at) for event in unit.of(UnitLocated)][1:]
    assert told == [(True, at(105)), (True, at(135)), (True, at(165)), (True, at(195)),
                    (False, at(205))]  # fmt: skip


def test_a_silent_unit_is_grey_and_then_somebody_should_call() -> None:
    unit = Unit(assigned()).see(fix(10, 0))
    begins = 10 + GREY.total_seconds()
    assert unit.look(begins - 1).of(UnitFellSilent) == []
    (grey,) = unit.look(begins).look(begins + 50).of(UnitFellSilent)
    assert (grey.last_seen_at, grey.is_overdue) == (at(10), False)
    unit.look(10 + OVERDUE.total_seconds()).look(900)
    assert [event.is_overdue for event in unit.of(UnitFellSilent)] == [False, True]
    heard = len(unit.of(UnitHeardAgain))
    unit.see(fix(910, 0), fix(915, 0))
    assert len(unit.of(UnitHeardAgain)) == heard + 1


def test_a_unit_that_was_never_heard_is_silent_since_it_was_told() -> None:
    unit = Unit(assigned()).look(GREY.total_seconds())
    assert unit.of(UnitFellSilent)[0].last_seen_at is None
    assert Unit().see(fix(0, 0)).look(9_000).of(UnitFellSilent) == []


def test_nobody_wonders_at_silence_where_no_signal_is() -> None:
    tunnel = DeadZone(**STATION.model_dump(), name="tunnel", radius_m=300)
    roads: Roads = REGION.roads.but(dead_zones=(tunnel,))
    region = Region(roads, REGION.zone)
    inside = Unit(assigned(), region=region).see(fix(10, 299)).look(80).look(900)
    assert [event.is_overdue for event in inside.of(UnitFellSilent)] == [False]
    outside = Unit(assigned(), region=region).see(fix(10, 302)).look(80).look(900)
    assert [event.is_overdue for event in outside.of(UnitFellSilent)] == [False, True]


def test_a_clock_ahead_of_ours_does_not_hide_a_silence() -> None:
    ahead = fix(600, 0).model_copy(update={"recorded_at": at(10)})
    assert len(Unit(assigned()).see(ahead).look(80).of(UnitFellSilent)) == 1


def test_who_was_heard_of_long_ago_and_owes_nothing_is_forgotten() -> None:
    later = FORGOTTEN.total_seconds() + 11
    assert is_forgotten(Unit().see(fix(10, 0)).track, at(later))
    assert not is_forgotten(Unit().see(fix(10, 0)).track, at(later - 2))
    assert not is_forgotten(Unit(assigned()).see(fix(10, 0)).track, at(later))
    assert not is_forgotten(on_scene().order(stamp(S.AVAILABLE)).track, at(later))


def test_every_movement_is_told_once() -> None:
    unit = on_scene().see(*drive(600, 2_000, 6_000))
    ids = [event.event_id for event in unit.told]
    assert len(ids) == len(set(ids))
