"""Stories are read by clinicians: what they say is checked, and a typing error is no story."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from schemas.triage import TriageLevel
from simulator.story import Held, Hold, Step, Story, load


def story() -> Story:
    return load("chest_pain")


def spoiled(**changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = story().model_dump(mode="json")
    told["drives"] = [{"from": d.start, "to": d.end, "route": d.route} for d in story().drives]
    return {**told, **changes}


def test_the_levels_rise_as_the_clinician_wrote_them() -> None:
    assert story().first_level is TriageLevel.NOT_YET
    acting = [(at, mark.worst.value) for at, mark in story().marks() if story().raises(at, mark)]
    assert acting == [(20, "urgent"), (28, "severe"), (40, "critical")]


def test_what_proves_a_level_again_does_not_raise_it() -> None:
    again = [(at, mark.worst.value) for at, mark in story().marks() if not story().raises(at, mark)]
    assert again == [(36, "severe"), (52, "critical")]


@pytest.mark.parametrize(
    ("offset", "heart_rate"),
    [
        (16, 88),
        (31.9, 88),
        (32, 64),
        (36, 47),
        (39.9, 47),
        (40, 36),
        (53.9, 36),
        (54, 58),
        (80, 64),
    ],
)
def test_the_monitor_holds_each_value_until_the_next(offset: float, heart_rate: int) -> None:
    assert story().hold_at(offset).heart_rate == heart_rate


def test_before_the_first_value_the_monitor_shows_the_first() -> None:
    assert story().hold_at(0) is story().streamed[0]
    assert story().attached_at == 16


def test_a_fast_forward_sends_everything_before_its_phase_in_order() -> None:
    names = [s.name for s in story().until(24) if isinstance(s, Step)]
    on_the_way = ["call", "assigned", "departed", "on_scene", "reached", "attached"]
    assert names == [*on_the_way, "first_reading", "patient_updated"]
    assert not any(isinstance(s, Held) for s in story().until(40))


def test_a_fast_forward_past_the_slow_heart_sends_the_two_samples_that_prove_it() -> None:
    held = [s for s in story().until(60) if isinstance(s, Held)]
    assert [(s.at, s.hold.heart_rate, s.samples) for s in held] == [(40, 36, 2)]
    offsets = [s.at for s in story().until(60)]
    assert offsets == sorted(offsets)


def test_the_vehicle_drives_to_the_scene_and_to_the_hospital() -> None:
    assert story().drive_at(4) is None
    assert story().drive_at(9.5) == ("station_to_scene", 0.5)
    assert story().drive_at(30) == ("station_to_scene", 1.0)
    assert story().drive_at(61) == ("scene_to_facility", 0.5)
    assert [story().is_driving(offset) for offset in (4, 5, 14, 50, 74)] == [
        False,
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"steps": spoiled()["steps"][::-1]}, id="steps out of order"),
        pytest.param({"steps": spoiled()["steps"][:1] * 2}, id="a name used twice"),
        pytest.param({"colour": "red"}, id="an unknown word"),
        pytest.param({"first_level": "critical"}, id="a level that falls"),
        pytest.param({"duration": None}, id="no duration"),
    ],
)
def test_a_story_that_does_not_hold_together_is_refused(changes: dict[str, Any]) -> None:
    Story.model_validate(spoiled())
    with pytest.raises(ValidationError):
        Story.model_validate(spoiled(**changes))


def test_a_step_must_speak_the_contract() -> None:
    patient = {"sex": "mail"}
    with pytest.raises(ValidationError):
        Step.model_validate(
            {"at": 0, "name": "x", "act": "update", "by": "crew", "body": {"patient": patient}}
        )
    with pytest.raises(ValidationError):
        Hold.model_validate(
            yaml.safe_load("{at: 1, heart_rate: fast, respiratory_rate: 1, spo2: 9}")
        )
