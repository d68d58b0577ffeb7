"""What of the vital signs in a record is set down for a board to draw."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.handoff import PreArrivalNotified
from schemas.triage import TriageDecided
from services.bridge.course import BACK, Last, after, outline, unit, worth
from services.bridge.handoff import hear
from tests.unit.test_bridge_acts import at, bound
from tests.unit.test_promise import decided


def record(*inputs: Any, changed: bool = False, **of: Any) -> PreArrivalNotified:
    """As a facility is told it; an input is a name, a value, a time in seconds and a method."""
    said = decided("severe", 1, 0).model_dump() | {"changed": changed, **of}
    told = [dict(zip(("name", "value", "occurred_at", "method"), each, strict=True))
            for each in inputs]  # fmt: skip
    event = TriageDecided.model_validate(said | {"inputs": told})
    (notified, *_) = hear(bound(), "E-1", event, at(0))[1]
    assert isinstance(notified, PreArrivalNotified)
    return notified


def pulse(second: float, method: str = "streamed") -> tuple[Any, ...]:
    return "heart_rate", 88.0, at(second), method


def kept(event: PreArrivalNotified, last: Last) -> list[str]:
    return [told.taken.name for told in worth(event, last)]


@pytest.mark.parametrize(
    ("before", "now", "is_kept"),
    [(0, 14.9, False), (0, 15, True), (14.9, 15, True), (44, 31, False), (44, 29.9, True)],
)
def test_of_a_stream_the_first_of_each_quarter_of_a_minute_is_kept(
    before: float, now: float, is_kept: bool
) -> None:
    last = after(record(pulse(before)), {})
    assert kept(record(pulse(now)), last) == (["heart_rate"] if is_kept else [])


def test_what_was_told_before_is_not_written_anew_unless_nobody_remembers() -> None:
    cuff = ("systolic_bp", 92.0, at(3), "reading")
    last = after(record(cuff), {})
    assert kept(record(cuff), last) == []
    assert kept(record(cuff), {}) == ["systolic_bp"]


def test_what_was_measured_by_hand_and_what_has_changed_something_is_kept_always() -> None:
    last = after(record(pulse(0)), {})
    assert kept(record(pulse(1, "reading")), last) == ["heart_rate"]
    assert kept(record(pulse(1), changed=True), last) == ["heart_rate"]
    thinned = after(record(pulse(1)), last)
    assert kept(record(pulse(1), changed=True), thinned) == ["heart_rate"], "told before, not kept"


def test_what_cannot_be_true_is_marked_and_what_is_no_vital_sign_left_out() -> None:
    wrong = {"name": "spo2", "value": {"invalid": "999"}, "occurred_at": at(0), "method": "reading"}
    event = record(pulse(0), ("news2", 7.0, at(0), "reading"), invalid=[wrong])
    assert [(t.taken.name, t.is_invalid) for t in worth(event, {})] == [
        ("heart_rate", False), ("spo2", True),
    ]  # fmt: skip


def test_a_unit_is_of_what_is_counted() -> None:
    assert (unit("systolic_bp"), unit("consciousness"), unit("on_oxygen")) == ("mm[Hg]", None, None)


def test_the_queue_goes_back_half_an_hour_at_most() -> None:
    now = at(7200)
    assert outline(None, now).since == outline(at(0), now).since == now - BACK
    assert outline(at(7000), now).since == at(7000)
    assert timedelta(minutes=30) == BACK
