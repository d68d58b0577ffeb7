"""The indicators of a period, of its parts, and beside the period before, of invented calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.dispatch import loader
from services.dispatch.clock import Change
from services.dispatch.indicators import (
    Call,
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


def emergencies(*dispatches: Dispatch) -> list[Sent]:
    return [Sent("emergency", each) for each in dispatches]


def test_no_telephone_rings_for_a_transfer_that_a_clinic_asks_for() -> None:
    asked = call(2, received=None, answered=None, origin="transfer_request")
    forgotten = call(3, received=None, answered=None)
    answered = indicators([], [call(), asked, forgotten], SITE, WEEK).call_answered_within_10s
    assert (answered.numerator, answered.denominator, answered.missing) == (1, 1, 1)


def test_every_clock_has_its_change_on_the_period_before() -> None:
    def week(seconds: float) -> Indicators:
        scheduled = call(2, call_class="non_emergency_transfer", scheduled=at(1))
        driven = sent(departed=at(0, seconds), on_scene=at(0, 2 * seconds))
        other = driven._replace(incident_id="I-2")
        journey = Journey(at(0), at(0, seconds), None, None, None, is_over=True)
        calls = [call(answered=at(0, seconds), dispatches=(driven,)),
                 scheduled._replace(dispatches=(other,))]  # fmt: skip
        return indicators(emergencies(driven), calls, SITE, WEEK, [journey])

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
