"""A tale is told: vehicles drive its ways, monitors change, what nobody hears comes afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest

from simulator.city import Spot, metres, point_along
from simulator.pace import Line, Pace
from simulator.realism import Realism
from simulator.story import Hold, Story, every
from simulator.tale import SETTLED, STALE_MARGIN_S, STALE_S, Monitor, Tale
from simulator.telemetry import FRESH_S, Telemetry
from simulator.truth import Acting
from tests.simulated import step, tale

STORIES = pytest.mark.parametrize("story", every(), ids=lambda story: story.story)
#: Somebody looks where a vehicle is each time that so much of its story has passed, in seconds.
LOOK_S = 0.05


def attached(told: Tale, *names: str) -> list[Monitor]:
    """The monitors of these steps, put on in this order."""
    return [told.attach(step(told, name)) for name in names]


def acting(line: Line, later: float = 0.0) -> Acting | None:
    """What a sample proves when it is sent so much later than it was made."""
    assert line.proves is not None
    return line.proves.acting(line, line.made + later)


def told_by(line: Line) -> tuple[str, str, int]:
    """Whose sample it is, of which monitor, and the heart rate."""
    said = json.loads(line.text + "}")
    return line.handle, said["device_id"], said["vitals"].get("heart_rate")


# -- where vehicles are ----------------------------------------------------------------------


def test_a_drive_may_end_on_the_way_and_the_next_goes_on_from_there() -> None:
    told = tale("redirection_after_boarding")
    scene, near, other = told.mission.scene, told.mission.near.point, told.mission.other.point
    way = told.city.path(scene, near)
    assert told.place_of("unit", 34) == scene
    assert told.place_of("unit", 42) == point_along(way, 0.25)
    turned = told.place_of("unit", 50)
    assert metres(turned, point_along(way, 0.5)) < 1
    assert told.place_of("unit", 67) == point_along(told.city.path(turned, other), 0.5)
    assert told.place_of("unit", 84) == told.place_of("unit", 96) == other


def test_where_a_vehicle_is_does_not_depend_on_when_somebody_looked() -> None:
    looked, only_then = tale("redirection_after_boarding"), tale("redirection_after_boarding")
    for offset in range(70):
        looked.place_of("unit", offset)
    assert looked.place_of("unit", 70) == only_then.place_of("unit", 70)


def test_another_unit_drives_to_where_the_first_one_stands() -> None:
    told = tale("unit_broken_down")
    stands = told.place_of("unit", 44)
    assert stands not in {told.mission.scene, told.mission.near.point}
    assert told.place_of("unit", 110) == stands, "it has broken down"
    relief = told.van("relief")
    assert told.place_of("relief", 47) == relief.vehicle.station.point
    assert told.place_of("relief", 62) == told.place_of("relief", 68) == stands
    assert told.place_of("relief", 96) == told.mission.near.point


def test_a_unit_that_is_stood_down_drives_back_to_its_station() -> None:
    told = tale("duplicate_calls")
    station = told.van("second").vehicle.station.point
    assert told.place_of("second", 13) != station
    assert told.place_of("second", 24) == station


def test_who_walked_in_is_fetched_at_the_clinic() -> None:
    told = tale("township_walk_in")
    assert told.place_of("unit", 26) == told.mission.clinic.point == told.mission.scene


@STORIES
@pytest.mark.parametrize("number", [1, 3])
def test_no_vehicle_jumps(story: Story, number: int) -> None:
    told = tale(story.story, number)
    for unit in story.units:
        drives = story.drives_of(unit)
        fastest = max(length(told, unit, d.start, d.end) / (d.end - d.start) for d in drives)
        looks = [told.place_of(unit, n * LOOK_S) for n in range(int(story.duration / LOOK_S) + 2)]
        assert max(metres(a, b) for a, b in pairwise(looks)) <= 1.01 * fastest * LOOK_S
        assert looks[0] == told.van(unit).vehicle.station.point


def length(told: Tale, unit: str, start: float, end: float) -> float:
    """How far a vehicle drives between two offsets, along its way."""
    looks: Sequence[Spot] = [
        told.place_of(unit, start + (end - start) * n / 400) for n in range(401)
    ]
    return sum(metres(a, b) for a, b in pairwise(looks)) + 1.0


@STORIES
def test_a_vehicle_moves_when_it_says_that_it_does(story: Story) -> None:
    told = tale(story.story)
    for unit in story.units:
        for second in range(int(story.duration)):
            here, there = told.place_of(unit, second), told.place_of(unit, second + 0.01)
            if not story.is_driving(unit, second):
                assert here == there
            assert told.van(unit).is_moving(1000.0 + second) == story.is_driving(unit, second)


def test_a_slow_tale_drives_slowly() -> None:
    quick, slow = tale(), tale(pace=Pace(1000.0, phase=40.0, stretch=10.0))
    assert slow.van("unit").position(1210.0) == quick.van("unit").position(1061.0)
    assert slow.van("unit").is_moving(1210.0)
    assert not slow.van("unit").is_moving(1070.0)


# -- which monitor speaks for whom -----------------------------------------------------------


def test_two_patients_in_one_vehicle_have_a_monitor_each() -> None:
    told = tale("two_unknown")
    man, woman = attached(told, "man_attached", "woman_attached")
    assert told_by(man.sample(1050.0)) == ("r-1", "M-0001", 92)
    assert told_by(woman.sample(1050.0)) == ("r-2", "M-0001-2", 84)
    assert (told.monitor_of("man"), told.monitor_of("woman")) == (man, woman)
    assert not man.is_off
    assert not woman.is_off


def test_a_monitor_may_be_worn_by_one_and_entered_for_another() -> None:
    told = tale("monitors_swapped")
    second, first = attached(told, "older_attached", "younger_attached")
    assert told_by(second.sample(1030.0)) == ("r-1", "M-0001-2", 78), "the younger one's heart"
    assert told_by(first.sample(1030.0)) == ("r-2", "M-0001", 46), "the older one's"
    assert (told.monitor_of("older"), told.monitor_of("younger")) == (second, first)


def test_monitors_that_are_attached_anew_speak_for_who_wears_them() -> None:
    told = tale("monitors_swapped")
    names = ("older_attached", "younger_attached", "older_again", "younger_again")
    second, first, *again = attached(told, *names)
    assert again == [first, second]
    assert told_by(first.sample(1050.0)) == ("r-1", "M-0001", 46)
    assert told_by(second.sample(1050.0)) == ("r-2", "M-0001-2", 78)
    assert not first.is_off
    assert not second.is_off


def test_the_monitor_of_a_patient_is_the_one_that_the_crew_has_entered() -> None:
    """Who wears another one is not known yet: nothing is sent from a monitor nobody entered."""
    told = tale("monitors_swapped")
    (entered,) = attached(told, "older_attached")
    assert entered.device_id == "M-0001-2"
    assert told.monitor_of("older") is entered
    assert told.speaking() == [], "nobody wears it yet, and the other one is nobody's"
    (other,) = attached(told, "younger_attached")
    assert told.speaking() == [other, entered]


def test_the_next_vehicles_monitor_takes_the_place_of_the_first() -> None:
    told = tale("unit_broken_down")
    first, second = attached(told, "attached", "reattached")
    assert (first.device_id, second.device_id) == ("M-0001", "M-0002")
    assert (first.is_off, second.is_off) == (True, False)
    assert second.van is told.van("relief")
    assert told.monitor_of("patient") is second
    telemetry = Telemetry(None, [])
    telemetry.attach(first)
    telemetry.attach(second)
    telemetry.begin(1070.0)
    said = [line for tick in range(1, 51) for line in telemetry.until(1070.0 + tick / 10)]
    assert {told_by(line)[1] for line in said} == {"M-0002"}
    assert len(said) == pytest.approx(5, abs=1)


def test_a_monitor_that_goes_to_another_patient_is_off_until_it_is_entered_anew() -> None:
    told = tale("monitors_swapped")
    second, first = attached(told, "older_attached", "younger_attached")
    assert not told.unplug(step(told, "younger_attached")), "it stays where it is"
    assert told.unplug(step(told, "older_again"))
    assert (first.is_off, second.is_off) == (True, False)
    attached(told, "older_again")
    assert (first.is_off, second.is_off) == (False, False)


def test_what_a_monitor_measured_before_it_was_entered_anew_is_not_told_of_the_next() -> None:
    """Telemetry spreads its samples over the time since it last spoke."""
    told = tale("monitors_swapped")
    attached(told, "older_attached", "younger_attached")
    told.done["older_again"] = 1052.0
    (first,) = attached(told, "older_again")
    assert [first.sample(t).made for t in (1051.95, 1052.05)] == [1052.0, 1052.05]


def test_a_monitor_is_off_when_who_wears_it_or_whom_it_is_entered_for_is_over() -> None:
    for over in ("older", "younger"):
        told = tale("monitors_swapped")
        second, _ = attached(told, "older_attached", "younger_attached")
        telemetry = Telemetry(None, [])
        telemetry.attach(second)
        telemetry.begin(1030.0)
        assert telemetry.until(1032.0)
        told.patients[over].is_over = True
        assert telemetry.until(1034.0) == []


def test_a_monitor_that_is_attached_twice_streams_once() -> None:
    (monitor,) = attached(tale(), "attached")
    telemetry = Telemetry(None, [])
    telemetry.attach(monitor)
    telemetry.attach(monitor)
    telemetry.begin(1020.0)
    assert len(telemetry.until(1030.0)) == 10


# -- what a sample proves --------------------------------------------------------------------


def test_samples_prove_it_for_whom_the_monitor_is_entered() -> None:
    told = tale("monitors_swapped")
    second, first = attached(told, "older_attached", "younger_attached")
    found = [acting(first.sample(1030.0 + n)) for n in range(3)]
    assert [mark and (mark.id, mark.level) for mark in found] == [None, ("r-2.2", "severe"), None]
    assert [acting(second.sample(1030.0 + n)) for n in range(3)] == [None] * 3


def test_no_level_rests_on_two_holds_however_late_the_monitor_is_attached() -> None:
    (monitor,) = attached(tale(), "attached")
    before, after = 1039.9, 1040.1  # a heart rate of 47 falls to 36
    rates = [json.loads(monitor.sample(t).text + "}")["vitals"]["heart_rate"]
             for t in (before, after, after, after)]  # fmt: skip
    assert rates == [47, 47, 36, 36]
    held_up = Realism(("reordering",), Random, moves=False)
    (monitor,) = attached(tale(), "attached")
    found = [monitor.sample(t, realism=held_up).text for t in (before, *[after] * 6)]
    assert ["47" in text for text in found] == [True] * (2 + SETTLED) + [False] * (5 - SETTLED)
    (other,) = attached(tale(), "attached")
    assert '"heart_rate":36' in other.sample(after).text, "what nobody saw began is not shown"


def test_what_was_counted_for_one_patient_is_not_counted_for_another() -> None:
    told = tale("monitors_swapped")
    _, first = attached(told, "older_attached", "younger_attached")
    assert acting(first.sample(1040.0)) is None
    attached(told, "older_again", "younger_again")
    assert acting(first.sample(1050.0)) is None, "the older one's first of his own"
    proven = acting(first.sample(1051.0))
    assert proven is not None
    assert (proven.id, proven.level) == ("r-1.2", "severe")


def test_what_two_wearers_showed_is_not_added_up() -> None:
    """Both hold something from the same moment on: two samples of two hearts prove nothing."""
    told = tale("monitors_swapped")
    second, first = attached(told, "older_attached", "younger_attached")
    low = told.story.hold_at("older", 16)
    assert acting(first.sample(1030.0, low)) is None
    first.wearer = told.patients["younger"]
    assert acting(first.sample(1031.0, low)) is None
    assert second.entered.held == {}


def test_a_sample_proves_for_where_its_patient_is_bound() -> None:
    told = tale()
    (monitor,) = attached(told, "attached")
    hold = told.story.hold_at("patient", 40)
    early = [monitor.sample(1040.0 + n, hold) for n in range(2)]
    assert [mark and mark.destined for mark in map(acting, early)] == [None, False]
    told.patients["patient"].facility = "F-001"
    other = told.story.hold_at("patient", 36)
    late = [monitor.sample(1042.0 + n, other) for n in range(2)]
    assert [mark and mark.destined for mark in map(acting, late)] == [None, True]


FRESH, EDGE, GAP = STALE_S - STALE_MARGIN_S, STALE_S, STALE_S + STALE_MARGIN_S


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        pytest.param([FRESH, FRESH, 0], "-!-", id="in time"),
        pytest.param([GAP, 600, 600], "-g-", id="from a gap"),
        pytest.param([GAP, FRESH, FRESH, FRESH], "--!-", id="a gap and what comes after it"),
        pytest.param([GAP, GAP, FRESH, FRESH], "-g--", id="what a gap has proven is proven"),
        pytest.param([EDGE, FRESH, FRESH], "-?!", id="on the edge, and in time"),
        pytest.param([GAP, EDGE, FRESH, FRESH], "-?!-", id="on the edge, between"),
        pytest.param([GAP, EDGE, EDGE, FRESH], "-?g-", id="two on the edge: one side has two"),
        pytest.param([EDGE, EDGE, EDGE, 0], "-?g-", id="all on the edge"),
    ],
)
def test_two_of_a_gap_or_two_in_time_prove_a_level_and_one_of_each_does_not(
    sent: list[float], said: str
) -> None:
    (monitor,) = attached(tale(), "attached")
    marks = [acting(monitor.sample(1040.0 + n), later=age) for n, age in enumerate(sent)]
    assert "".join(map(_told, marks)) == said


def _told(mark: Acting | None) -> str:
    if mark is None:
        return "-"
    return ("g" if mark.of_gap else "!") if mark.sure else "?"


def test_what_has_proven_a_level_under_anothers_name_is_given_back_with_its_stretch() -> None:
    told = tale("monitors_swapped")
    second, first = attached(told, "older_attached", "younger_attached")
    younger = told.patients["younger"]
    told.done |= {"call": 1000.0, "older_attached": 1016.0, "younger_attached": 1017.0}
    assert [acting(first.sample(1030.0 + n)) is not None for n in range(3)] == [False, True, False]
    given_back = step(told, "older_given_back")
    assert told.moved(given_back) is None
    told.done |= {"younger_again": 1046.0, "older_again": 1052.0}
    assert told.moved(given_back) == 1052.0
    stretch = told.taken_for(1056.0)
    assert stretch == (995.0, 1056.0)
    assert younger.gives_back(second.device_id, *stretch) == [], "of another monitor"
    assert younger.gives_back(first.device_id, 1031.5, 1049.0) == [], "of another stretch"
    assert younger.gives_back(first.device_id, *stretch) == ["r-2.2"]
    assert younger.gives_back(first.device_id, *stretch) == [], "it is gone"


def test_the_monitor_that_somebody_wears_speaks_of_them_under_whatever_name() -> None:
    told = tale("monitors_swapped")
    attached(told, "older_attached")
    assert told.worn_by("older") is None, "nobody has named a patient for it yet"
    attached(told, "younger_attached")
    worn = told.worn_by("older")
    assert worn is not None
    assert (worn.device_id, worn.entered.role) == ("M-0001", "younger")


def test_a_hold_without_a_mark_proves_nothing() -> None:
    (monitor,) = attached(tale(), "attached")
    assert [acting(monitor.sample(1020.0 + n)) for n in range(10)] == [None] * 10


def test_a_mark_may_ask_for_more_samples_than_two() -> None:
    (monitor,) = attached(tale(), "attached")
    mark = {"worst": "severe", "after_sample": 3, "because": {"zh": "x", "en": "x"}}
    quiet = {"at": 16, "heart_rate": 47, "respiratory_rate": 18, "spo2": 97}
    hold = Hold.model_validate({**quiet, "then": mark})
    found = [acting(monitor.sample(1020.0 + n, hold)) is not None for n in range(5)]
    assert found == [False, False, True, False, False]


# -- where nothing gets out ------------------------------------------------------------------


def said_by(telemetry: Telemetry, begin: int, end: int) -> list[tuple[float, Line]]:
    """Everything that is said between two times, each with when it got out."""
    return [
        (tick / 10, line)
        for tick in range(begin * 10 + 1, end * 10 + 1)
        for line in telemetry.until(tick / 10)
    ]


def test_a_dead_zone_keeps_what_is_said_and_brings_it_out_in_order() -> None:
    told = tale("dead_zone")
    (monitor,) = attached(told, "attached")
    telemetry = Telemetry(None, [told.van("unit")])
    telemetry.attach(monitor)
    telemetry.begin(1030.0)
    said = said_by(telemetry, 1030, 1055)
    assert telemetry.keeps(told.van("unit"))
    said += said_by(telemetry, 1055, 1075)
    assert not telemetry.keeps(told.van("unit"))
    inside = [(t, line) for t, line in said if 1046.0 <= line.made < 1062.0]
    assert all(t - line.made <= 0.2 for t, line in said if (t, line) not in inside)
    assert {t for t, _ in inside} == {1062.0}
    assert not [t for t, _ in said if 1046.0 <= t < 1062.0]
    samples = [line for _, line in said if line.handle]
    assert [line.number for line in samples] == list(range(1, len(samples) + 1))
    assert [line.made for line in samples] == sorted(line.made for line in samples)
    assert len([line for _, line in inside if line.handle]) == pytest.approx(16, abs=1)
    assert len([line for _, line in inside if not line.handle]) == pytest.approx(16, abs=1)


def test_what_comes_out_late_still_proves_what_it_shows_and_is_not_timely() -> None:
    told = tale("dead_zone")
    (monitor,) = attached(told, "attached")
    telemetry = Telemetry(None, [told.van("unit")])
    telemetry.attach(monitor)
    telemetry.begin(1045.0)
    said = said_by(telemetry, 1045, 1063)
    found = [(t - line.made, mark) for t, line in said if line.proves if (mark := acting(line))]
    assert [mark.level for _, mark in found] == ["urgent", "severe"]
    assert all(waited > FRESH_S for waited, _ in found[1:])


def test_another_vehicle_is_heard_all_the_while() -> None:
    dark, heard = tale("dead_zone"), tale("chest_pain", number=2)
    monitors = [*attached(dark, "attached"), *attached(heard, "attached")]
    telemetry = Telemetry(None, [dark.van("unit"), heard.van("unit")])
    for monitor in monitors:
        telemetry.attach(monitor)
    telemetry.begin(1046.0)
    said = [line for _, line in said_by(telemetry, 1046, 1061)]
    assert {line.handle for line in said} == {"r-2", ""}
    assert all("U-0002" in line.text for line in said if not line.handle)


def test_who_tells_what_has_been_is_not_in_a_dead_zone() -> None:
    told = tale("dead_zone", pace=Pace(1000.0, phase=50.0))
    van = told.van("unit")
    assert van.is_dark(1000.0)
    told.is_forwarding = True
    assert not van.is_dark(1000.0)
    told.is_forwarding = False
    van.tale = None
    assert not van.is_dark(1000.0)
