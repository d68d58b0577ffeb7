"""Whether a unit stands or moves: by places, by speeds, and by neither alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from schemas.incident import Point
from services.dispatch.movement import (
    AWAY_M,
    BESIDE_M,
    CLEARLY_KMH,
    ELSEWHERE,
    FAR_M,
    FAST_KMH,
    Fix,
    Motion,
    metres,
    see,
)

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
STATION = Point(latitude=31.23, longitude=121.47)
DEGREE_M = 111_195.08  # a degree of latitude on a sphere of 6,371,008.8 m


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def fix(
    second: float, north_m: float, kmh: float | None = None, accuracy_m: float | None = None
) -> Fix:
    latitude = STATION.latitude + north_m / DEGREE_M
    return Fix(at(second), latitude, STATION.longitude, accuracy_m, kmh)


def seen(fixes: Iterable[Fix], motion: Motion | None = None) -> Motion:
    motion = motion or Motion()
    for each in fixes:
        motion = see(motion, each)
    return motion


def standing(kmh: float | None = None) -> Motion:
    """A unit that has stood at its station for a minute."""
    return seen(fix(second, 0, kmh) for second in range(-60, 0, 5))


def test_who_stands_rests_where_the_mean_of_the_fixes_is() -> None:
    motion = seen([fix(0, 0), fix(5, 20), fix(10, -8)])
    assert not motion.moves
    assert motion.rest is not None
    assert metres(motion.rest, STATION) == pytest.approx(4, abs=0.1)
    assert (motion.rest.since, motion.rest.until) == (at(0), at(10))
    assert motion.stands_since == at(0)


def test_two_fast_fixes_in_a_row_are_movement_from_the_first_on() -> None:
    one = see(standing(0), fix(5, 3, FAST_KMH + 0.1))
    assert not one.moves
    moving = see(one, fix(10, 8, FAST_KMH + 0.1))
    assert moving.began == at(5)
    assert moving.rest is not None
    assert moving.rest.until == at(-5)


def test_a_speed_at_the_limit_is_none() -> None:
    assert not seen([fix(5, 3, FAST_KMH), fix(10, 8, FAST_KMH)], standing(0)).moves


def test_one_fast_fix_is_none_and_neither_are_two_apart() -> None:
    assert not seen([fix(5, 3, 30), fix(10, 3, 0), fix(15, 3, 30)], standing(0)).moves


def test_one_fix_is_enough_that_is_clearly_fast_and_elsewhere() -> None:
    assert see(standing(0), fix(5, BESIDE_M + 1, CLEARLY_KMH + 1)).began == at(5)
    assert not see(standing(0), fix(5, BESIDE_M - 1, CLEARLY_KMH + 1)).moves
    assert not see(standing(0), fix(5, BESIDE_M + 1, CLEARLY_KMH)).moves


def test_without_a_speed_two_places_that_get_farther_are_movement() -> None:
    assert seen([fix(5, 60), fix(10, 120)], standing()).moves
    assert not seen([fix(5, 60), fix(10, 70)], standing()).moves
    assert not seen([fix(5, AWAY_M - 1), fix(10, AWAY_M + 18)], standing()).moves
    assert seen([fix(5, FAR_M + 5), fix(10, FAR_M + 5)], standing()).moves


def test_without_a_speed_it_began_as_much_earlier_as_the_way_took() -> None:
    """60 m at 12 m/s are 5 s; and not before it was last seen to stand."""
    assert seen([fix(5, 60), fix(10, 120)], standing()).began == at(0)
    assert seen([fix(5, 60), fix(25, 85)], standing()).began == at(-5)


def test_one_outlier_is_no_movement() -> None:
    assert not seen([fix(5, 900), fix(10, 12), fix(15, 900), fix(20, 11)], standing()).moves
    assert not seen([fix(5, 900, 0), fix(10, 12, 0)], standing(0)).moves


def test_a_receiver_that_stands_may_think_itself_elsewhere() -> None:
    """Between houses a place wanders by a hundred metres, and the speed stays nothing."""
    wandering = seen((fix(5 * n, 20 * n, 0.4) for n in range(1, 7)), standing(0))
    assert not wandering.moves


def test_who_is_found_far_away_has_moved_though_it_stands() -> None:
    assert seen([fix(60, 500, 0), fix(65, 500, 0)], standing(0)).began == at(60)


def test_a_fix_must_lie_farther_away_than_it_can_be_wrong() -> None:
    assert not seen([fix(5, 190, None, 100), fix(10, 199, None, 100)], standing()).moves
    assert seen([fix(5, 210, None, 100), fix(10, 240, None, 100)], standing()).moves


def test_fixes_that_come_out_of_order_give_the_earlier_time() -> None:
    assert seen([fix(10, 80, 40), fix(5, 20, 30)], standing(0)).began == at(10)
    slowly = seen([fix(10, 20, 10), fix(5, 8, 10)], standing(0))
    assert slowly.began == at(5)


def test_a_fix_that_is_told_twice_or_was_overtaken_changes_nothing() -> None:
    motion = standing(0)
    assert see(motion, fix(-5, 0, 0)) == motion
    assert see(motion, fix(-30, 300, 50)) == motion
    one = see(motion, fix(5, 3, 30))
    assert see(one, fix(5, 3, 30)) == one


def test_who_is_pushed_aside_rests_there_without_having_left() -> None:
    aside = seen((fix(5 * n, 60) for n in range(ELSEWHERE + 1)), standing())
    assert not aside.moves
    assert aside.rest is not None
    assert metres(aside.rest, STATION) == pytest.approx(60, abs=1)


def moving() -> Motion:
    return seen([fix(5, 30, 40), fix(10, 90, 40)], standing(0))


def test_two_fixes_without_speed_are_rest_from_the_first_on() -> None:
    one = see(moving(), fix(15, 100, 0))
    assert one.moves
    stopped = see(one, fix(20, 102, 0))
    assert stopped.stands_since == at(15)
    assert stopped.rest is not None
    assert metres(stopped.rest, STATION) == pytest.approx(101, abs=0.1)


def test_a_crawl_is_no_rest() -> None:
    assert seen((fix(15 + 5 * n, 100 + 7 * n, 5) for n in range(9)), moving()).moves


def test_where_no_speed_is_told_rest_is_ten_seconds_in_one_place() -> None:
    left = seen([fix(5, 60), fix(10, 120)], standing())
    assert seen([fix(15, 180), fix(20, 190)], left).moves
    assert not seen([fix(15, 180), fix(20, 190), fix(25, 184)], left).moves
    assert seen([fix(15, 180), fix(20, 230), fix(25, 280), fix(30, 330)], left).moves


def test_who_drives_on_begins_anew() -> None:
    stopped = seen([fix(15, 100, 0), fix(20, 102, 0)], moving())
    again = seen([fix(40, 110, 20), fix(45, 140, 30)], stopped)
    assert again.began == at(40)
    assert again.rest == stopped.rest


def test_a_unit_of_which_nothing_is_known_moves_by_its_speed_alone() -> None:
    assert seen([fix(0, 0, 40), fix(5, 55, 40)]).began == at(0)
    assert seen([fix(0, 0), fix(5, 55), fix(10, 110)]).began == at(0)


@pytest.mark.parametrize(
    ("a", "b", "expected", "within"),
    [
        pytest.param((0, 0), (0, 180), 20_015_114, 1, id="half way round the equator"),
        pytest.param((90, 0), (-90, 0), 20_015_114, 1, id="from pole to pole"),
        pytest.param((50.06639, -5.71472), (58.64389, -3.07), 968_900, 50, id="along Britain"),
        pytest.param((31.23, 121.47), (31.23, 121.47), 0, 0, id="nowhere"),
        pytest.param((0, 179.9995), (0, -179.9995), 111.2, 0.1, id="across the date line"),
    ],
)
def test_distances_are_those_of_a_sphere(
    a: tuple[float, float], b: tuple[float, float], expected: float, within: float
) -> None:
    one, other = (Point(latitude=lat, longitude=lon) for lat, lon in (a, b))
    assert metres(one, other) == pytest.approx(expected, abs=within)
    assert metres(other, one) == pytest.approx(metres(one, other))


def test_distances_grow_with_the_way() -> None:
    far = [metres(STATION, Point(latitude=31.23 + n / 1000, longitude=121.47)) for n in range(5)]
    assert all(before < after for before, after in pairwise(far))
