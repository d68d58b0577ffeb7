"""The indicators of a period, of its parts, and beside the period before, of invented calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.dispatch import loader
from services.dispatch.indicators import Call, Period, Sent, Site, indicators
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
