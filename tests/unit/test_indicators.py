"""The indicators of a period, of its parts, and beside the period before, of invented calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.dispatch import loader
from services.dispatch.clock import Change
from services.dispatch.groups import UNKNOWN, By, grouped
from services.dispatch.indicators import (
    Call,
    Counted,
    Indicators,
    Journey,
    Period,
    Sent,
    Site,
    against,
    indicators,
)
from services.dispatch.leg import Dispatch

SITE = Site.of("Asia/Shanghai", "08:00,20:00", loader.clocks())
#: Midnight there.
DAY = datetime(2026, 2, 28, 16, tzinfo=UTC)
WEEK = Period(DAY, DAY + timedelta(days=7), DAY + timedelta(days=7))


def at(hour: float, second: float = 0) -> datetime:
    return DAY + timedelta(hours=hour, seconds=second)


def call(number: int = 1, begin: datetime = DAY, **more: Any) -> Call:
    told = {"call_class": "emergency", "opened": begin, "received": begin, "answered": begin,
            "accepted": begin, "is_over": True}  # fmt: skip
    return Call(**{"incident_id": f"I-{number}", **told, **more})


def sent(number: int = 1, begin: datetime = DAY, **more: Any) -> Dispatch:
    told = {"leg_id": f"L-{number}", "incident_id": f"I-{number}", "unit_id": "U-1"}
    return Dispatch(**{**told, "notified": begin, **more})


def of(
    *dispatches: Dispatch, calls: Sequence[Call] = (), journeys: Sequence[Journey] = ()
) -> Counted:
    return Counted([Sent("emergency", each) for each in dispatches], [*calls], [*journeys])


def test_no_telephone_rings_for_a_transfer_that_a_clinic_asks_for() -> None:
    asked = call(2, received=None, answered=None, origin="transfer_request")
    forgotten = call(3, received=None, answered=None)
    answered = indicators(of(calls=[call(), asked, forgotten]), SITE, WEEK).call_answered_within_10s
    assert (answered.numerator, answered.denominator, answered.missing) == (1, 1, 1)


def test_every_clock_has_its_change_on_the_period_before() -> None:
    def week(seconds: float) -> Indicators:
        scheduled = call(2, call_class="non_emergency_transfer", scheduled=at(1))
        driven = sent(departed=at(0, seconds), on_scene=at(0, 2 * seconds))
        other = driven._replace(incident_id="I-2")
        journey = Journey("I-1", at(0), at(0, seconds), None, None, None, is_over=True)
        calls = [call(answered=at(0, seconds), dispatches=(driven,)),
                 scheduled._replace(dispatches=(other,))]  # fmt: skip
        return indicators(of(driven, calls=calls, journeys=[journey]), SITE, WEEK)

    told = against(week(8), week(5))
    assert told.accepted_to_on_scene.change == Change(p50_s=6)
    assert told.intervals["departed_to_on_scene"].change == Change(p50_s=3)
    assert told.patients["accepted_to_at_patient"].change == Change(p50_s=3)
    assert told.patients["boarded_to_transferred"].change == Change(), "nothing was measured"
    assert told.transfers is not None
    assert told.transfers.wanted_to_on_scene.change == Change(p50_s=6)
    assert told.call_answered_within_10s.change == Change(rate=0, p50_s=3)
    assert told.first_unit_within_3min.change == Change(rate=0, p50_s=3)
    assert told.first_unit_notified_within_1min.change == Change(rate=0, p50_s=0)


def test_a_call_and_its_patients_belong_to_where_the_first_unit_was_sent_from() -> None:
    first = sent(1, at(0, 30), departed=at(0, 90), county="C-1", station_id="S-1")
    second = sent(2, at(0, 60), departed=at(0, 70), incident_id="I-1", county="C-2",
                  station_id="S-2", unit_id="U-2")  # fmt: skip
    to_nobody = call(3)
    calls = [call(dispatches=(second, first)), to_nobody]
    journeys = [Journey(name, at(0), at(1), None, None, None, is_over=True)
                for name in ("I-1", "I-3")]  # fmt: skip
    counted = of(first, second, calls=calls, journeys=journeys)
    for by, names in ((By.COUNTY, ("C-1", "C-2")), (By.STATION, ("S-1", "S-2"))):
        found = {each.group: each.indicators for each in grouped(counted, SITE, WEEK, by)}
        assert set(found) == {*names, UNKNOWN}
        answered = {name: each.call_answered_within_10s.numerator for name, each in found.items()}
        assert answered == {names[0]: 1, names[1]: 0, UNKNOWN: 1}
        assert found[names[0]].first_unit_within_3min.p50_s == 40
        assert found[names[0]].first_unit_notified_within_1min.p50_s == 30
        assert found[names[1]].dispatch_within_3min.p50_s == 10
        assert found[names[0]].patients["accepted_to_at_patient"].measured == 1
    by_unit = {each.group: each.indicators for each in grouped(counted, SITE, WEEK, By.UNIT)}
    assert set(by_unit) == {"U-1", "U-2"}
    assert by_unit["U-1"].first_unit_within_3min.denominator == 0, "a call is no unit's"


@pytest.mark.parametrize(
    ("hour", "day", "shift"),
    [
        (0, "2026-03-01", "2026-02-28 20:00"),
        (7.99, "2026-03-01", "2026-02-28 20:00"),
        (8, "2026-03-01", "2026-03-01 08:00"),
        (20, "2026-03-01", "2026-03-01 20:00"),
        (24, "2026-03-02", "2026-03-01 20:00"),
    ],
)
def test_a_patient_and_a_dispatch_belong_to_the_day_and_the_shift_in_which_it_began(
    hour: float, day: str, shift: str
) -> None:
    began = at(hour)
    journey = Journey("I-1", began, began, None, None, None, is_over=True)
    counted = of(sent(begin=began), calls=[call(begin=began)], journeys=[journey])
    for by, name in ((By.DAY, day), (By.SHIFT, shift)):
        (found,) = grouped(counted, SITE, WEEK, by)
        assert found.group == name
        assert found.indicators.dispatch_within_3min.missing == 1
        assert found.indicators.patients["accepted_to_at_patient"].measured == 1


def restated(counted: Counted, period: Period, by: By) -> dict[str, tuple[int, int]]:
    return {
        each.group: (
            each.indicators.dispatch_within_3min.restated,
            each.indicators.first_unit_within_3min.restated,
        )
        for each in grouped(counted, SITE, period, by)
    }


def test_a_day_and_a_shift_are_restated_by_what_is_learned_after_their_own_end() -> None:
    """Though the whole period goes on until now."""
    same, night, next_day = (
        sent(1, at(9), learned_at=at(9.5)),
        sent(2, at(23), learned_at=at(23.5), incident_id="I-1"),
        sent(3, at(9), learned_at=at(30), incident_id="I-1"),
    )
    counted = of(same, night, next_day, calls=[call(begin=at(9), dispatches=(same, next_day))])
    until_now = Period(DAY, at(31), at(31))
    assert restated(counted, until_now, By.DAY) == {"2026-03-01": (1, 1)}
    assert restated(counted, until_now, By.SHIFT) == {
        "2026-03-01 08:00": (1, 1), "2026-03-01 20:00": (0, 0),
    }  # fmt: skip
    assert restated(counted, until_now, By.UNIT) == {"U-1": (0, 0)}
    assert restated(counted, until_now._replace(until=at(29)), By.UNIT) == {"U-1": (1, 0)}
    in_part = until_now._replace(until=at(23.25))
    assert restated(counted, in_part, By.DAY) == {"2026-03-01": (2, 1)}


def test_a_call_that_is_no_emergency_any_more_restates_the_day_in_which_it_was_one() -> None:
    driven = sent(departed=at(1), learned_at=at(1))
    for told_at, expected in ((at(24, 1), (1, 1)), (at(24), (0, 0))):
        drill = call(call_class="drill", dispatches=(driven,), reclassified_at=told_at)
        counted = Counted([Sent("drill", driven, told_at)], [drill], [])
        assert restated(counted, WEEK, By.DAY) == {"2026-03-01": expected}
        again = driven.as_emergency_since(None, told_at)
        counted = of(again, calls=[call(dispatches=(again,))])
        assert restated(counted, WEEK, By.DAY) == {"2026-03-01": expected}
