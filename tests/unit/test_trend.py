"""How vital signs were a while ago."""

from __future__ import annotations

from typing import Any

from schemas.handoff import Trend
from schemas.triage import Input
from services.bridge.case import Anchor
from services.bridge.record import record_of
from services.bridge.trend import followed, trends
from tests.unit.test_bridge_acts import at
from tests.unit.test_promise import Ward, decided


def taken(value: Any, second: float, name: str = "spo2") -> Input:
    told = {"name": name, "value": value, "occurred_at": at(second), "method": "streamed"}
    return Input.model_validate(told)


def after(*inputs: Input) -> list[tuple[str, float, float]]:
    anchors: tuple[Anchor, ...] = ()
    for each in inputs:
        anchors = followed(anchors, [each])
    return [(t.name, t.value, (t.at - at(0)).total_seconds()) for t in trends(anchors)]


def test_a_value_is_compared_with_the_one_five_to_ten_minutes_before() -> None:
    minute = [taken(float(100 - n), 60 * n) for n in range(20)]
    assert after(*minute[:5]) == [], "nobody knows how it was"
    assert after(*minute[:6]) == [("spo2", 100, 0)]
    assert after(*minute[:10]) == [("spo2", 100, 0)]
    assert after(*minute[:11]) == [("spo2", 95, 300)]


def test_each_sign_has_its_own_and_a_zero_is_one() -> None:
    found = after(taken(0.0, 0, "heart_rate"), taken(90.0, 10), taken(40.0, 400, "heart_rate"))
    assert found == [("heart_rate", 0, 0)]


def test_what_cannot_be_counted_has_no_trend() -> None:
    tried = [taken("unmeasurable", 400 * n) for n in range(4)]
    assert after(*tried, taken(90.0, 2000), taken("unmeasurable", 2400)) == []
    for name, said in (("on_oxygen", True), ("consciousness", "A"), ("shock_index", 1.2)):
        assert after(*(taken(said, 400 * n, name) for n in range(4))) == []


def test_an_older_value_that_comes_late_changes_nothing() -> None:
    assert after(taken(90.0, 1000), taken(50.0, 100)) == []


def test_a_record_shows_it() -> None:
    ward = Ward()
    for number, second in enumerate((0, 320), start=1):
        told = decided("urgent", number, second).but(inputs=(taken(90.0 + number, second),))
        ward.hears(told, second)
    assert record_of(ward.case).trends == (Trend(name="spo2", value=91, at=at(0)),)
