"""Stories are read by clinicians: what they say is checked, and a typing error is no story."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from schemas.triage import Centre, TriageLevel
from services.bridge.loader import facilities
from simulator.acts import DOORS
from simulator.city import metres
from simulator.story import Held, Hold, Step, Story, every, load
from tests.simulated import tale

STORIES = pytest.mark.parametrize("told", every(), ids=lambda told: told.story)
#: Doors that the services have and no story goes through. The hospitals acknowledge by themselves:
#: that is no step of a story.
SPARE = {"acknowledgement", "detach", "retraction"}


#: Whom one key calls at a hospital that keeps what all keep.
TEAMS = facilities().of(None).teams


def story() -> Story:
    return load("chest_pain")


def written(told: Story, **changes: Any) -> dict[str, Any]:
    """A story as its file says it, but for the changes."""
    return {**told.model_dump(mode="json", by_alias=True), **changes}


def with_step(told: Story, name: str, **changes: Any) -> dict[str, Any]:
    """A story with one of its steps changed."""
    steps = written(told)["steps"]
    assert name in {step["name"] for step in steps}
    return written(told, steps=[{**s, **changes} if s["name"] == name else s for s in steps])


def marks(told: Story, patient: str, *, rising: bool) -> list[tuple[float, str]]:
    return [
        (at, mark.worst.value)
        for at, mark in told.marks(patient)
        if told.raises(patient, at, mark) is rising
    ]


# -- one story -------------------------------------------------------------------------------


def test_the_levels_rise_as_the_clinician_wrote_them() -> None:
    assert story().patients["patient"].first_level is TriageLevel.SEVERE
    assert marks(story(), "patient", rising=True) == [(40, "critical")]
    bleeding = load("bleeding_to_theatre")
    assert bleeding.patients["patient"].first_level is TriageLevel.NOT_YET
    acting = marks(bleeding, "patient", rising=True)
    assert acting == [(14, "urgent"), (16, "severe"), (46, "critical")]


def test_what_proves_a_level_again_does_not_raise_it() -> None:
    again = [(28, "severe"), (36, "severe"), (52, "critical")]
    assert marks(story(), "patient", rising=False) == again


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
    assert story().hold_at("patient", offset).heart_rate == heart_rate


def test_before_the_first_value_the_monitor_shows_the_first() -> None:
    first = story().streamed["patient"][0]
    assert story().hold_at("patient", 0) is first
    assert first.at == 16


def test_each_patient_has_a_monitor_of_their_own() -> None:
    told = load("two_unknown")
    assert told.hold_at("man", 50).heart_rate == 92
    assert told.hold_at("woman", 50).heart_rate == 84


def test_a_fast_forward_sends_everything_before_its_phase_in_order() -> None:
    names = [s.name for s in story().until(24) if isinstance(s, Step)]
    on_the_way = ["call", "assigned", "departed", "on_scene", "reached", "attached"]
    assert names == [*on_the_way, "first_reading", "patient_updated"]
    assert not any(isinstance(s, Held) for s in story().until(40))


def test_a_fast_forward_past_the_slow_heart_sends_the_two_samples_that_prove_it() -> None:
    held = [s for s in story().until(60) if isinstance(s, Held)]
    assert [(s.at, s.patient, s.hold.heart_rate, s.samples) for s in held] == [
        (40, "patient", 36, 2)
    ]
    offsets = [s.at for s in story().until(60)]
    assert offsets == sorted(offsets)


def test_a_fast_forward_takes_each_patient_for_themselves() -> None:
    """What raises the level of one proves nothing of the other, and what one has, one has."""
    swapped = load("monitors_swapped")
    held = [s for s in swapped.until(60) if isinstance(s, Held)]
    assert [(s.at, s.patient, s.hold.heart_rate, s.samples) for s in held] == [(16, "older", 46, 2)]
    second = load("second_patient")
    assert not any(isinstance(s, Held) for s in second.until(36)), "it was severe already"
    names = [s.name for s in second.until(18) if isinstance(s, Step)]
    assert names[-3:] == ["reached", "attached", "one_more"]


@STORIES
@pytest.mark.parametrize("part", [0.2, 0.5, 0.8, 1.1])
def test_a_fast_forward_leaves_out_no_step_and_no_proof(told: Story, part: float) -> None:
    phase = part * told.duration
    sent = list(told.until(phase))
    assert [s.at for s in sent] == sorted(s.at for s in sent)
    assert [s for s in sent if isinstance(s, Step)] == [s for s in told.steps if s.at < phase]
    proven = [(s.patient, s.at) for s in sent if isinstance(s, Held)]
    for patient, holds in told.streamed.items():
        for hold in (hold for hold in holds if hold.at < phase):
            raises = hold.then is not None and told.raises(patient, hold.at, hold.then)
            assert proven.count((patient, hold.at)) == raises


def test_the_vehicle_drives_to_the_scene_and_to_the_hospital() -> None:
    ways = [(drive.start, drive.end, drive.towards) for drive in story().drives_of("unit")]
    assert ways == [(5, 14, "scene"), (48, 74, "near")]
    assert [story().is_driving("unit", offset) for offset in (4, 5, 14, 50, 74)] == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_each_unit_drives_its_own_ways() -> None:
    told = load("unit_broken_down")
    assert [drive.towards for drive in told.drives_of("unit")] == ["scene", "near"]
    assert [drive.towards for drive in told.drives_of("relief")] == ["unit", "near"]
    assert (told.is_driving("unit", 50), told.is_driving("relief", 50)) == (False, True)


def test_a_dead_zone_lasts_from_its_beginning_to_before_its_end() -> None:
    told = load("dead_zone")
    found = [told.zone_at("unit", offset) is not None for offset in (45.9, 46, 61.9, 62)]
    assert found == [False, True, True, False]
    assert told.zone_at("another", 50) is None
    assert story().zone_at("unit", 50) is None


# -- what is refused -------------------------------------------------------------------------

TWO, RELIEF, ZONE = load("two_unknown"), load("unit_broken_down"), load("dead_zone")
TWICE, BORN, SWAPPED = load("duplicate_calls"), load("birth_on_the_way"), load("monitors_swapped")
LOWERED = load("refusal_of_transport")
NON_URGENT = {"worst": "non_urgent", "because": {"zh": "x", "en": "x"}}


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(written(story(), steps=written(story())["steps"][::-1]), id="out of order"),
        pytest.param(written(story(), steps=written(story())["steps"][:1] * 2), id="a name twice"),
        pytest.param(written(story(), colour="red"), id="an unknown word"),
        pytest.param(written(story(), duration=None), id="no duration"),
        pytest.param(written(story(), weight=-1), id="a weight below nothing"),
        pytest.param(
            written(story(), streamed={"patient": written(story())["streamed"]["patient"][::-1]}),
            id="values out of order",
        ),
        pytest.param(
            written(story(), patients={"patient": {"first_level": "critical"}}),
            id="a level that falls below the first",
        ),
        pytest.param(
            with_step(story(), "second_reading", then=NON_URGENT),
            id="a level that a reading lowers",
        ),
        pytest.param(
            with_step(LOWERED, "lowered", act="finding"), id="a level that a finding lowers"
        ),
        pytest.param(with_step(story(), "ecg", act="biopsy"), id="an unknown act"),
        pytest.param(with_step(story(), "ecg", by="nobody"), id="an unknown actor"),
        pytest.param(
            with_step(story(), "patient_updated", then={**NON_URGENT, "worst": "critical"}),
            id="a level by what proves none",
        ),
        pytest.param(with_step(story(), "arrived", facility="far"), id="an unknown facility"),
        pytest.param(with_step(TWO, "man_seizing", patient="child"), id="an unknown patient"),
        pytest.param(with_step(TWO, "man_seizing", patient="unit"), id="a unit for a patient"),
        pytest.param(with_step(TWO, "call", opens=["man", "child"]), id="an unknown one is opened"),
        pytest.param(
            written(TWO, streamed={"child": written(TWO)["streamed"]["man"]}),
            id="an unknown patient's monitor",
        ),
        pytest.param(with_step(RELIEF, "tired", unit="third"), id="an unknown unit"),
        pytest.param(with_step(RELIEF, "tired", unit="patient"), id="a patient for a unit"),
        pytest.param(
            written(RELIEF, drives=[{"from": 1, "to": 2, "towards": "near", "unit": "third"}]),
            id="an unknown unit drives",
        ),
        pytest.param(
            written(ZONE, dead_zones=[{"from": 1, "to": 2, "unit": "third"}]),
            id="an unknown unit in a dead zone",
        ),
        pytest.param(with_step(TWICE, "second_assigned", call="third"), id="an unknown call"),
        pytest.param(with_step(TWICE, "merged", other="third"), id="merged into an unknown call"),
        pytest.param(with_step(RELIEF, "handed_on", other="third"), id="on to an unknown unit"),
        pytest.param(with_step(BORN, "born", other="nobody"), id="an unknown mother"),
        pytest.param(
            with_step(SWAPPED, "older_given_back", other="nobody"), id="given to an unknown patient"
        ),
        pytest.param(with_step(story(), "aspirin", about="nothing"), id="about an unknown step"),
        pytest.param(
            written(story(), drives=[{"from": 1, "to": 2, "towards": "moon"}]),
            id="an unknown goal",
        ),
        pytest.param(
            written(story(), drives=[{"from": 1, "to": 2, "towards": "near", "part": 0}]),
            id="a drive that leads nowhere",
        ),
        pytest.param(
            written(story(), drives=[{"from": 1, "to": 2, "towards": "near", "part": 1.1}]),
            id="a drive beyond its goal",
        ),
    ],
)
def test_a_story_that_does_not_hold_together_is_refused(changed: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Story.model_validate(changed)


def test_a_clinician_may_lower_a_level() -> None:
    levels = [mark.worst.value for _, mark in LOWERED.marks("patient")]
    assert levels == ["critical", "non_urgent"]
    assert marks(LOWERED, "patient", rising=True) == [(19, "critical")]


def test_a_step_must_speak_the_contract() -> None:
    patient = {"sex": "mail"}
    with pytest.raises(ValidationError):
        Step.model_validate(
            {"at": 0, "name": "x", "act": "update", "by": "crew", "body": {"patient": patient}}
        )
    with pytest.raises(ValidationError):
        Step.model_validate(
            {"at": 0, "name": "x", "act": "call", "by": "crew", "body": {"patients": [patient]}}
        )
    for vitals in ({"pulse": 88}, {"heart_rate": "fast"}, {"consciousness": "Q"}, {"spo2": 101}):
        with pytest.raises(ValidationError):
            Step.model_validate(
                {"at": 0, "name": "x", "act": "reading", "by": "crew", "body": {"vitals": vitals}}
            )
    with pytest.raises(ValidationError):
        Hold.model_validate(
            yaml.safe_load("{at: 1, heart_rate: fast, respiratory_rate: 1, spo2: 9}")
        )


def test_what_a_monitor_does_not_show_is_said() -> None:
    Hold.model_validate({"at": 1, "heart_rate": None, "respiratory_rate": None, "spo2": None})
    with pytest.raises(ValidationError):
        Hold.model_validate({"at": 1, "heart_rate": 88, "respiratory_rate": 18})


# -- every story -----------------------------------------------------------------------------


def test_there_are_stories_of_every_kind() -> None:
    assert len(every()) >= 23
    assert len({told.story for told in every()}) == len(every())
    assert sum(len(told.patients) > 1 for told in every()) >= 5
    assert sum(len(told.units) > 1 for told in every()) >= 4


@STORIES
def test_a_story_is_loaded_by_its_name_and_survives_being_written(told: Story) -> None:
    assert load(told.story) is told
    assert Story.model_validate(written(told)) == told


@STORIES
def test_a_story_stands_in_order_and_ends_in_time(told: Story) -> None:
    offsets = [step.at for step in told.steps]
    assert offsets[0] == 0
    assert offsets[-1] <= told.duration
    for unit in told.units:
        drives = told.drives_of(unit)
        assert all(drive.start < drive.end <= told.duration for drive in drives)
        assert all(a.end <= b.start for a, b in pairwise(drives)), "one way after the other"
    assert all(zone.start < zone.end <= told.duration for zone in told.dead_zones)


@STORIES
def test_a_story_needs_everybody_that_it_names(told: Story) -> None:
    opened = [name for step in told.steps if step.act in {"call", "walk_in"} for name in step.opens]
    opened += [step.patient for step in told.steps if step.act == "found"]
    assert sorted(opened) == sorted(told.patients)
    assigned = {step.unit for step in told.steps if step.act == "assign"}
    assert assigned == set(told.units)
    attached = {step.patient for step in told.steps if step.act == "attach"}
    assert attached == set(told.streamed)


@STORIES
def test_every_patient_of_a_story_comes_to_an_end(told: Story) -> None:
    for name, person in told.patients.items():
        ends = [s for s in told.steps_of(name) if s.act in {"transfer", "outcome", "merge"}]
        *before, end = ends
        if person.ends == "died_en_route":  # who is handed over all the same
            before, end = [end], *before
        assert [each.act for each in before] == ["transfer"] * len(before), name
        assert bool(before) == (person.ends == "died_en_route")
        last = {"transfer": None, "merge": "merged"}.get(end.act, end.body.get("outcome"))
        assert person.ends == last
        assert Centre.EMERGENCY in person.centres


@STORIES
def test_who_is_called_by_one_key_answers(told: Story) -> None:
    """Each department that a hospital calls says whether it comes, and in the end all come."""
    for called in (step for step in told.steps if step.act == "activation"):
        later = (s for s in told.steps_of(called.patient) if s.at > called.at)
        answers = [s for s in later if s.act == "answer"]
        last = {s.body["department"]: s.body["answer"] for s in answers}
        assert last == dict.fromkeys(TEAMS[Centre(called.body["centre"])], "coming")
        assert {s.facility for s in answers} == {called.facility}


def test_a_team_is_called_in_a_story_of_each_centre() -> None:
    called = {s.body["centre"] for told in every() for s in told.steps if s.act == "activation"}
    assert called == set(Centre) - {Centre.EMERGENCY}


def test_nobody_is_declared_dead_before_a_doctor_has_them() -> None:
    told = load("death_en_route")
    places = {step.name: number for number, step in enumerate(told.steps)}
    order = ["boarded", "died", "arrived", "declared", "transferred"]
    assert sorted(order, key=places.__getitem__) == order
    (declared,) = (s for s in told.steps if s.act == "death")
    assert declared.by == "department"


def test_two_units_that_relay_a_patient_meet_where_the_first_one_waits() -> None:
    relayed = tale("township_relay")
    handed = next(s.at for s in relayed.story.steps if s.act == "handed_to_unit")
    first, second = (relayed.place_of(unit, handed) for unit in relayed.story.units)
    assert metres(first, second) < 1
    assert metres(first, relayed.mission.scene) > 100
    assert metres(first, relayed.mission.near.point) > 100


@STORIES
def test_every_act_of_a_story_has_a_door(told: Story) -> None:
    assert {step.act for step in told.steps} <= DOORS.keys()


def test_every_door_is_gone_through_by_a_story_or_is_spare() -> None:
    used = {step.act for told in every() for step in told.steps}
    assert DOORS.keys() - used == SPARE
