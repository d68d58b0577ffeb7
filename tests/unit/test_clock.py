"""The three-minute clock at its edges, and what a rate says when there is nothing to say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch import loader
from services.dispatch.clock import Fate, Reading, fate, measured, rate
from services.kit.figures import percentile

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
LIMIT = timedelta(seconds=180)


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def ended(second: float | None, **more: object) -> Reading:
    return Reading(at(0), None if second is None else at(second), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reading", "now", "expected"),
    [
        (ended(0), None, Fate.IN_TIME),
        (ended(180), None, Fate.IN_TIME),
        (ended(180.001), None, Fate.LATE),
        (ended(-5), None, Fate.IN_TIME),
        (ended(None), None, Fate.MISSING),
        (ended(None), at(180), Fate.RUNNING),
        (ended(None), at(180.001), Fate.MISSING),
        (Reading(None, at(60)), None, Fate.MISSING),
        (Reading(None), at(0), Fate.MISSING),
        (ended(None, stood_down=at(180)), None, Fate.STOOD_DOWN),
        (ended(None, stood_down=at(180.001)), None, Fate.STOOD_DOWN_LATE),
        (ended(170, stood_down=at(175)), None, Fate.IN_TIME),
        (ended(190, stood_down=at(195)), None, Fate.LATE),
        (ended(10, is_rolling=True), None, Fate.ROLLING),
        (ended(180, is_between=True), None, Fate.IN_TIME),
        (ended(185, is_between=True, not_before=at(180.001)), None, Fate.LATE),
        (ended(185, is_between=True, not_before=at(180)), None, Fate.MISSING),
        (ended(900, is_between=True), None, Fate.MISSING),
    ],
)
def test_where_a_reading_counts(reading: Reading, now: datetime | None, expected: Fate) -> None:
    assert fate(reading, LIMIT, now) is expected


def test_a_rate_of_nothing_is_absent() -> None:
    nothing = rate([], LIMIT)
    assert (nothing.numerator, nothing.denominator, nothing.missing) == (0, 0, 0)
    assert nothing.rate is nothing.rate_if_missing_is_late is nothing.p50_s is None
    unknown = rate([ended(None)] * 3, LIMIT)
    assert (unknown.rate, unknown.missing) == (None, 3)
    assert unknown.rate_if_missing_is_late == 0


def test_a_rate_is_printed_both_ways() -> None:
    told = rate([ended(100), ended(100), ended(100), ended(200), ended(None)], LIMIT)
    assert (told.numerator, told.denominator, told.missing) == (3, 4, 1)
    assert (told.rate, told.rate_if_missing_is_late) == (0.75, 0.6)


def test_who_was_called_back_late_was_late_and_in_a_file_of_stamps_is_left_out() -> None:
    readings = [ended(100), ended(None, stood_down=at(200)), ended(None, stood_down=at(100))]
    told = rate(readings, LIMIT)
    assert (told.numerator, told.denominator, told.stood_down, told.stood_down_late) == (1, 2, 1, 1)
    told = rate(readings, LIMIT, late_stand_downs=False)
    assert (told.numerator, told.denominator, told.stood_down, told.stood_down_late) == (1, 1, 1, 1)


def test_what_may_have_ended_in_time_or_not_is_missing_and_in_no_percentile() -> None:
    told = rate([ended(100), ended(300, is_between=True, not_before=at(170))], LIMIT)
    assert (told.numerator, told.denominator, told.missing) == (1, 1, 1)
    assert told.p95_s == 100


def test_what_stands_apart_is_in_no_percentile() -> None:
    told = rate([ended(100), ended(-10), ended(900, is_rolling=True)], LIMIT)
    assert (told.p50_s, told.p95_s, told.rolling, told.before_its_beginning) == (-10, 100, 1, 1)


@pytest.mark.parametrize(
    ("many", "percent", "expected"), [(1, 50, 1), (2, 50, 1), (10, 90, 9), (20, 95, 19), (3, 95, 3)]
)
def test_a_percentile_is_a_value_that_was_measured(many: int, percent: int, expected: int) -> None:
    values = [timedelta(seconds=n) for n in range(1, many + 1)]
    assert percentile(values, percent) == expected


def test_what_goes_on_is_not_missing() -> None:
    told = measured([ended(60), ended(None), ended(None, is_over=False)])
    assert (told.measured, told.missing, told.running, told.p50_s) == (1, 1, 1, 60)


def test_what_ended_and_was_never_seen_to_begin_is_missing() -> None:
    told = measured([Reading(None, at(9), is_over=False), Reading(None, None, is_over=False)])
    assert (told.measured, told.missing, told.running) == (0, 1, 1)


def test_of_who_was_called_back_nothing_more_is_missing() -> None:
    told = measured([ended(None, stood_down=at(60)), ended(30, stood_down=at(60))])
    assert (told.measured, told.missing, told.running) == (1, 0, 0)


seconds = some.none() | some.integers(-100, 1000)
readings = some.builds(
    lambda end, back, rolling: Reading(
        at(0), None if end is None else at(end), None if back is None else at(back), rolling
    ),
    seconds, seconds, some.booleans(),
)  # fmt: skip


@given(some.lists(readings), some.integers(0, 400))
def test_every_reading_counts_in_exactly_one_place(known: list[Reading], now: int) -> None:
    told = rate(known, LIMIT, at(now))
    apart = told.missing + told.running + told.stood_down + told.rolling
    assert told.denominator + apart == len(known)
    assert 0 <= told.numerator <= told.denominator
    assert told.rate is None or told.rate_if_missing_is_late is None or (
        told.rate_if_missing_is_late <= told.rate
    )  # fmt: skip


@given(some.lists(readings, min_size=1), some.randoms())
def test_the_order_of_readings_does_not_matter(known: list[Reading], chance: object) -> None:
    shuffled = list(known)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rate(known, LIMIT) == rate(shuffled, LIMIT)


# -- the clocks of a site --------------------------------------------------------------------------


def test_the_shipped_clocks_have_their_limits_and_sources() -> None:
    clocks = loader.clocks()
    limits = {name: clock.limit_s for name, clock in clocks.items()}
    assert limits == {
        "call_answered_within_10s": 10,
        "first_unit_notified_within_1min": 60,
        "dispatch_within_3min": 180,
        "destination_chosen": 240,
        "destination_known_on_leaving": 60,
        "boarding_known_on_leaving": 120,
    }
    assert (clocks["dispatch_within_3min"].warn_s, clocks["dispatch_within_3min"].target) == (
        120,
        0.95,
    )


@pytest.mark.parametrize(
    ("mended", "reason"),
    [
        (("limit_s: 180", "limit_s: 0"), "dispatch_within_3min.limit_s"),
        (("source: no public", "sauce: no public"), "first_unit_notified_within_1min.source"),
        (("zh: 10 秒内接听率, ", ""), "call_answered_within_10s.name.zh"),
        (("dispatch_within_3min:", "three_minutes:"), "no dispatch_within_3min"),
        (("limit_s: 10\n", "limit_s: [\n"), "clocks.yaml"),
    ],
)
def test_clocks_that_lack_something_are_refused(
    mended: tuple[str, str], reason: str, tmp_path: object
) -> None:
    from pathlib import Path

    text = loader.SHIPPED.read_text("utf-8")
    assert mended[0] in text
    file = Path(str(tmp_path)) / "clocks.yaml"
    file.write_text(text.replace(*mended), "utf-8")
    with pytest.raises(loader.DispatchRefused, match=reason):
        loader.clocks(file)
