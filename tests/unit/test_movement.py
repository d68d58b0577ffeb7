"""What GPS fixes show: departure, and nothing that only looks like it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from schemas.incident import Point
from schemas.unit import (
    PositionReported,
    StampSource,
    UnitAssigned,
    UnitDeparted,
    UnitStatus,
    UnitStatusChanged,
)
from services.dispatch.movement import Watch, follow, metres, see

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
STATION = Point(latitude=31.23, longitude=121.47)
SCENE = Point(latitude=31.25, longitude=121.50)
S = UnitStatus


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


DEGREE_M = 111_195.08  # a degree of latitude on a sphere of 6,371,008.8 m


def watch() -> Watch:
    return Watch(unit_id="U-1", leg_id="L-1", station=STATION, notified_at=at(0))


def fix(second: float, distance_m: float, accuracy_m: float | None = None) -> PositionReported:
    return PositionReported(
        event_id=f"fix-{second}",
        occurred_at=at(second),
        unit_id="U-1",
        latitude=STATION.latitude + distance_m / DEGREE_M,
        longitude=STATION.longitude,
        accuracy_m=accuracy_m,
    )


def drive(*fixes: PositionReported) -> UnitDeparted | None:
    """The departure that a unit's fixes show, in the order in which they come."""
    followed = watch()
    for one in fixes:
        followed = see(followed, one)
    return followed.departed


def test_two_fixes_in_a_row_beyond_the_yard_are_a_departure_at_the_first_of_them() -> None:
    departed = drive(fix(5, 10), fix(10, 110), fix(15, 200))
    assert departed is not None
    assert departed.occurred_at == at(10)
    assert departed.distance_m == 200.0
    assert (departed.unit_id, departed.leg_id) == ("U-1", "L-1")


def test_one_outlier_is_no_departure() -> None:
    assert drive(fix(5, 10), fix(10, 900), fix(15, 12), fix(20, 11)) is None
    assert drive(fix(5, 900), fix(10, 12), fix(15, 900), fix(20, 11)) is None


def test_jitter_within_the_yard_is_no_departure() -> None:
    assert drive(*(fix(n, n * 7 % 99) for n in range(60))) is None


def test_the_yard_reaches_100_metres_and_its_edge_is_still_within() -> None:
    assert drive(fix(5, 99.9), fix(10, 99.9)) is None
    assert drive(fix(5, 100.1), fix(10, 100.1)) is not None
    edge = metres(STATION, Point(latitude=fix(5, 200).latitude, longitude=STATION.longitude))
    assert drive(fix(5, 200, edge), fix(10, 200, edge)) is None


def test_a_fix_must_lie_farther_away_than_it_can_be_wrong() -> None:
    assert drive(fix(5, 250, accuracy_m=300), fix(10, 290, accuracy_m=300)) is None
    departed = drive(fix(5, 310, accuracy_m=300), fix(10, 320, accuracy_m=300))
    assert departed is not None
    assert departed.distance_m == pytest.approx(320, abs=0.2)
    assert drive(fix(5, 60, accuracy_m=3), fix(10, 90, accuracy_m=3)) is None


def test_fixes_from_before_the_order_say_nothing() -> None:
    assert drive(fix(-20, 500), fix(-10, 500)) is None
    assert drive(fix(-10, 500), fix(5, 500)) is None
    assert drive(fix(0, 500), fix(5, 500)) is not None


def test_fixes_that_come_out_of_order_give_the_earlier_time() -> None:
    departed = drive(fix(15, 200), fix(10, 110))
    assert departed is not None
    assert departed.occurred_at == at(10)


def test_after_an_outlier_the_departure_is_at_the_first_fix_of_the_real_one() -> None:
    departed = drive(fix(5, 900), fix(10, 12), fix(30, 150), fix(35, 200))
    assert departed is not None
    assert departed.occurred_at == at(30)


def test_a_departure_is_seen_once_under_the_id_of_its_leg() -> None:
    gone = see(see(watch(), fix(3, 200)), fix(5, 200))
    assert see(gone, fix(10, 300)) == gone
    other = see(see(watch(), fix(2, 300)), fix(7, 500))
    assert gone.owes is not None
    assert other.owes is not None
    assert gone.owes.event_id == other.owes.event_id


def test_a_fix_told_twice_is_one_fix() -> None:
    assert drive(fix(5, 900), fix(5, 900), fix(10, 12)) is None
    departed = drive(fix(5, 110), fix(5, 110), fix(10, 200))
    assert departed is not None
    assert departed.occurred_at == at(5)


def test_a_departure_that_was_stamped_is_not_seen_again() -> None:
    stamped = follow(watch(), status(S.DEPARTED, "gps"))
    assert stamped is not None
    assert see(see(stamped, fix(70, 200)), fix(75, 300)) == stamped
    assert stamped.owes is None


def status(value: UnitStatus, source: StampSource = "crew", leg: str = "L-1") -> UnitStatusChanged:
    return UnitStatusChanged(
        event_id=f"{value}-{source}",
        occurred_at=at(60),
        unit_id="U-1",
        leg_id=leg,
        status=value,
        source=source,
    )


def assigned(leg: str, second: float = 0) -> UnitAssigned:
    return UnitAssigned(
        event_id=f"assigned-{leg}",
        occurred_at=at(second),
        unit_id="U-1",
        leg_id=leg,
        incident_id="I-1",
        station=STATION,
        scene=SCENE,
    )


def departed() -> Watch:
    return see(see(watch(), fix(5, 200)), fix(10, 200))


def test_a_watch_begins_with_the_order_and_anew_with_the_next() -> None:
    assert follow(None, assigned("L-1")) == watch()
    anew = follow(departed(), assigned("L-2", 600))
    assert anew == watch().model_copy(update={"leg_id": "L-2", "notified_at": at(600)})


def test_an_order_told_again_does_not_forget_the_departure() -> None:
    assert follow(departed(), assigned("L-1")) == departed()


@pytest.mark.parametrize("value", S)
def test_a_watch_ends_with_the_leg(value: UnitStatus) -> None:
    over = value in {S.AVAILABLE, S.STOOD_DOWN, S.OUT_OF_SERVICE}
    assert follow(watch(), status(value)) == (None if over else watch())
    assert follow(watch(), status(value, leg="L-0")) == watch()
    assert follow(None, status(value)) is None


def test_a_departure_is_owed_until_the_stamp_of_gps_is_seen_back() -> None:
    gone = departed()
    assert gone.owes == gone.departed
    by_crew = follow(gone, status(S.DEPARTED, "crew"))
    assert by_crew == gone
    paid = follow(gone, status(S.DEPARTED, "gps"))
    assert paid is not None
    assert paid.owes is None
    assert watch().owes is None


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
