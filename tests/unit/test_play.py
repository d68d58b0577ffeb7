"""The simulator tells the truth before it acts, sends in order, and asks as outsiders ask."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError

from schemas.clinical import VitalSigns
from schemas.unit import PositionReported
from simulator import truth
from simulator.acts import DOORS, about, body_of
from simulator.endpoints import Endpoints
from simulator.feed import Feed, Parser
from simulator.journal import Follower, Journal
from simulator.outside import Outside, Refused, Request
from simulator.pace import Line, Pace, moment
from simulator.people import People, _taken_back
from simulator.reading import effect_key
from simulator.sender import ATTACHED_S, KNOWN_S, Sender
from simulator.story import Hold, Step, Story, every
from simulator.tale import HOME_S
from simulator.telemetry import Telemetry
from tests.simulated import CLINICS, HOSPITALS, Answer, endpoints, monitor, service
from tests.simulated import step as step_of
from tests.simulated import tale as tale_of


def lines_of(path: Path) -> list[truth.TruthLine]:
    return list(Follower(path).news())


# -- what monitors and vehicles say ----------------------------------------------------------


def acting_of(line: Line, now: float | None = None) -> truth.Acting | None:
    """What a sample proves when it is sent, at once unless it is said when."""
    assert line.proves is not None
    return line.proves.acting(line, line.made if now is None else now)


def test_a_sample_is_what_the_contract_takes() -> None:
    line = monitor().sample(1041.0)
    told = json.loads(line.text + "}")
    assert (told["event_id"], told["device_id"]) == ("r-1.1", "M-0001")
    vitals = VitalSigns.model_validate(told["vitals"])
    assert (vitals.heart_rate, vitals.spo2, vitals.respiratory_rate) == (36, 96, 18)
    assert told["occurred_at"] == moment(1041.0)


def test_what_a_monitor_cannot_measure_is_not_in_its_sample() -> None:
    hold = Hold(at=16, heart_rate=88, respiratory_rate=None, spo2=None)
    told = json.loads(monitor().sample(1041.0, hold).text + "}")
    assert told["vitals"] == {"heart_rate": 88}
    nothing = Hold(at=16, heart_rate=None, respiratory_rate=None, spo2=None)
    assert json.loads(monitor().sample(1041.0, nothing).text + "}")["vitals"] == {}


def test_a_position_is_what_the_contract_takes() -> None:
    told = json.loads(tale_of().van("unit").report(1009.0).text + "}")
    PositionReported.model_validate({**told, "event_id": "p"})


def test_the_second_sample_of_a_marked_hold_acts_and_no_other() -> None:
    each = monitor()
    each.entered.facility = "F-001"
    acting = [acting_of(each.sample(1000.0 + second)) for second in range(32, 60)]
    found = [mark for mark in acting if mark is not None]
    assert [(mark.level, mark.destined) for mark in found] == [("severe", True), ("critical", True)]
    assert acting.index(found[0]) == 5  # 36 s is the first at 47, 37 s the second
    assert acting.index(found[1]) == 9


def test_samples_of_a_fast_forward_count_towards_the_mark() -> None:
    each = monitor()
    tale = each.wearer.tale
    hold = tale.story.hold_at("patient", 40)
    tale.is_forwarding = True
    lines = [each.sample(1000.0 + n / 10, hold) for n in range(2)]
    found = [acting_of(line) for line in lines]
    assert found[0] is None
    assert found[1] is not None
    assert not found[1].timely
    tale.is_forwarding = False
    assert acting_of(each.sample(1041.0)) is None


def test_a_slow_story_is_stretched_evenly() -> None:
    pace = Pace(began=100.0, phase=20.0, stretch=10.0)
    assert pace.offset(150.0) == 25.0
    assert pace.due(25.0) == 150.0


async def test_nothing_of_a_mission_is_older_than_the_end_of_the_one_before(
    tmp_path: Path,
) -> None:
    """Else a monitor spoke for the patient before, and the unit was free in the midst of it."""
    asked: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> Any:
        asked.append(await request.json())
        return {"leg": {"leg_id": "L-1"}}

    async with service(answer) as url:
        journal = Journal(tmp_path / "truth.ndjson")
        people = People(endpoints(url), journal)
        tale = tale_of()
        tale.is_forwarding = True
        assigned = step_of(tale, "assigned")
        van = tale.van("unit")
        van.free_since = 0.0
        await people.act(tale, assigned)
        van.free_since = tale.pace.due(assigned.at) + 60
        await people.act(tale, assigned)
        await people.close()
        journal.close()
    told = [body["occurred_at"] for body in asked]
    after = van.free_since + assigned.at / 1000  # one act after the other
    assert told == [moment(tale.pace.due(assigned.at)), moment(after)]


def test_a_vehicle_stands_drives_and_comes_home() -> None:
    tale = tale_of()
    van, mission = tale.van("unit"), tale.mission
    assert van.position(1001.0) == van.vehicle.station.point
    assert van.is_moving(1008.0)
    assert van.position(1030.0) == mission.scene
    assert van.position(1080.0) == mission.near.point
    van.home = tale.city.path(mission.near.point, van.vehicle.station.point)
    van.home_since, van.tale = 1080.0, None
    assert van.position(1080.0) == mission.near.point
    assert van.is_moving(1080.0 + HOME_S / 2)
    assert van.position(1080.0 + HOME_S) == van.vehicle.station.point
    assert not van.is_moving(1080.0 + HOME_S)


@pytest.mark.parametrize(("rate", "expected"), [(None, 4), (20.0, 20), (1000.0, 40), (0.1, 0.8)])
def test_a_total_rate_is_shared_out_evenly_within_bounds(
    rate: float | None, expected: float
) -> None:
    telemetry = Telemetry(rate, [])
    everyone = [monitor(number) for number in range(1, 5)]
    for each in everyone:
        telemetry.attach(each)
    telemetry.begin(1000.0)
    lines = [line for tick in range(1, 101) for line in telemetry.until(1000.0 + tick / 10)]
    assert len(lines) == pytest.approx(10 * expected, abs=1)
    counts = [each.entered.sent for each in everyone]
    assert max(counts) - min(counts) <= 1
    times = [line.made for line in lines]
    assert times == sorted(times)


def test_nothing_is_streamed_before_the_beginning_after_the_end_or_by_those_who_are_over() -> None:
    each = monitor()
    telemetry = Telemetry(None, [each.van])
    telemetry.attach(each)
    assert telemetry.until(1000.0) == []
    telemetry.begin(1000.0)
    assert any(line.handle for line in telemetry.until(1002.0))
    each.wearer.is_over = True
    assert not any(line.handle for line in telemetry.until(1004.0))
    telemetry.end()
    assert telemetry.until(1100.0) == []


def test_a_moving_vehicle_reports_each_second_a_standing_one_every_ten() -> None:
    telemetry = Telemetry(None, [tale_of().van("unit")])
    telemetry.begin(1000.0)
    reports = [t for t in range(1, 47) if telemetry.until(1000.0 + t)]
    assert len([t for t in reports if 5 < t < 14]) >= 4
    assert len([t for t in reports if 15 < t < 46]) <= 4


# -- what people press -----------------------------------------------------------------------


@pytest.mark.parametrize("story", every(), ids=lambda story: story.story)
def test_every_act_of_a_story_has_a_door_and_a_body(story: Story) -> None:
    tale = tale_of(story.story)
    for step in story.steps:
        body = body_of(tale, step, 1000.0)
        tale.done[step.name] = 1000.0
        path = DOORS[step.act].path.format_map(about(tale, step, 1000.0))
        assert path.startswith("/v1/")
        assert "//" not in path
        assert not path.endswith("/")
        assert body["occurred_at"] == moment(1000.0)


def test_what_an_act_is_about_names_its_effect() -> None:
    tale = tale_of()
    told = about(tale, step_of(tale, "departed"), 1000.0)
    stamped = {**told, "status": "departed", "source": "crew"}
    assert effect_key("UnitStatusChanged", stamped) == "UnitStatusChanged/U-0001/L-1/departed/crew"
    assert effect_key("UnitAssigned", told) == "UnitAssigned/U-0001/I-1"
    located = {"unit_id": "U-1", "occurred_at": told["occurred_at"]}
    other = {**located, "unit_id": "U-2"}
    assert effect_key("UnitLocated", located) != effect_key("UnitLocated", other)
    assert effect_key("EncounterUpdated", told) == "EncounterUpdated/E-1/1000000"
    assert effect_key("Acknowledged", {**told, "facility_id": "F-2"}) == "Acknowledged/E-1/F-2"


@pytest.mark.parametrize(
    ("story", "name", "said"),
    [
        ("chest_pain", "assigned", {"unit_id": "U-0001"}),
        ("unit_broken_down", "relief_assigned", {"unit_id": "U-0002"}),
        ("unit_broken_down", "handed_on", {"unit_id": "U-0001", "to_unit_id": "U-0002"}),
        ("unit_broken_down", "reattached", {"device_id": "M-0002"}),
        ("two_unknown", "woman_attached", {"device_id": "M-0001-2"}),
        ("monitors_swapped", "older_attached", {"device_id": "M-0001-2"}),
        ("monitors_swapped", "older_given_back", {"device_id": "M-0001", "to_encounter_id": "E-1"}),
        ("monitors_swapped", "younger_given_back", {"to_encounter_id": "E-2"}),
        ("duplicate_calls", "merged", {"into": "I-1"}),
        ("birth_on_the_way", "born", {"mother_id": "E-1"}),
        ("two_transfers", "opened_again", {"continues": "E-1"}),
        ("second_patient", "destination", {"facility_id": "near"}),
        ("second_patient", "second_destination", {"facility_id": "other"}),
    ],
)
def test_a_request_repeats_whom_and_what_it_is_about(
    story: str, name: str, said: dict[str, str]
) -> None:
    tale = tale_of(story)
    tale.done["call"] = 1000.0
    places = {name: tale.facility(name).id for name in ("near", "other")}
    body = body_of(tale, step_of(tale, name), 1040.0)
    assert {key: body[key] for key in said} == {k: places.get(v, v) for k, v in said.items()}


def test_samples_are_given_back_from_before_the_first_of_them() -> None:
    tale = tale_of("monitors_swapped")
    tale.done |= {"call": 1000.0, "older_attached": 1016.0}
    body = body_of(tale, step_of(tale, "older_given_back"), 1052.0)
    assert (body["since"], body["until"]) == (moment(995.0), moment(1052.0))


def test_what_is_taken_back_is_named_by_the_id_that_it_was_sent_under() -> None:
    tale = tale_of()
    tale.ids["aspirin"] = "r-1.aspirin"
    told = {"at": 40, "name": "back", "act": "retraction", "by": "crew", "about": "aspirin"}
    body = body_of(tale, Step.model_validate(told), 1040.0)
    assert body["observation_id"] == "r-1.aspirin"
    assert _taken_back(tale, Step.model_validate(told), 1040.0) == ["r-1.aspirin"]
    assert _taken_back(tale, step_of(tale, "aspirin"), 1040.0) == []


async def acted(tmp_path: Path, story: str, name: str, answer: Any) -> tuple[Any, Any, list[Any]]:
    """One act of a story: the request that was made, the tale after it, the journal."""
    asked: list[web.Request] = []

    def say(request: web.Request) -> Any:
        asked.append(request)
        return answer

    async with service(say) as url:
        journal = Journal(tmp_path / "truth.ndjson")
        people = People(endpoints(url), journal)
        tale = tale_of(story)
        try:
            await people.act(tale, step_of(tale, name))
        finally:
            await people.close()
            journal.close()
    assert len(asked) == 1
    return asked[0], tale, lines_of(tmp_path / "truth.ndjson")


@pytest.mark.parametrize(
    ("story", "name", "bearer"),
    [
        ("chest_pain", "destination", "d"),
        ("chest_pain", "boarded", "c"),
        ("chest_pain", "arrived", "of {near}"),
        ("redirection_after_boarding", "accepted", "of {other}"),
        ("township_walk_in", "speech", "from {clinic}"),
        ("two_transfers", "asked_again", "from {near}"),
    ],
)
async def test_everybody_signs_with_what_is_theirs(
    tmp_path: Path, story: str, name: str, bearer: str
) -> None:
    answer = {"incident_id": "I-9"}
    request, tale, _ = await acted(tmp_path, story, name, answer)
    places = {name: tale.facility(name).id for name in ("near", "other", "clinic")}
    assert request.headers["Authorization"] == f"Bearer {bearer.format_map(places)}"
    assert {places["near"], places["other"]} < set(HOSPITALS)
    assert places["clinic"] in CLINICS


async def test_a_call_opens_its_incident_and_then_each_of_its_patients(tmp_path: Path) -> None:
    answer = {"incident_id": "I-7", "encounter_ids": ["E-8", "E-9"]}
    _, tale, told = await acted(tmp_path, "two_unknown", "call", answer)
    assert tale.incidents["call"] == "I-7"
    assert [patient.encounter_id for patient in tale.patients.values()] == ["E-8", "E-9"]
    incident, *begun = told
    assert isinstance(incident, truth.IncidentBegan)
    assert (incident.id, incident.handle, incident.incident_id) == ("r-1.call", "r-1", "I-7")
    assert all(isinstance(line, truth.EncounterBegan) for line in begun)
    assert [(line.id, line.handle, line.encounter_id) for line in begun] == [
        ("r-1.call", "r-1", "E-8"),
        ("r-1.call", "r-2", "E-9"),
    ]


@pytest.mark.parametrize(
    ("story", "name", "handle"),
    [
        ("second_patient", "one_more", "r-2"),
        ("birth_on_the_way", "born", "r-2"),
        ("township_walk_in", "walked_in", "r-1"),
        ("two_transfers", "opened_again", "r-2"),
    ],
)
async def test_who_is_found_born_or_walks_in_begins_without_a_call(
    tmp_path: Path, story: str, name: str, handle: str
) -> None:
    _, tale, told = await acted(tmp_path, story, name, {"encounter_id": "E-9"})
    (began,) = told
    assert isinstance(began, truth.EncounterBegan)
    assert (began.id, began.handle, began.encounter_id) == (f"{handle}.{name}", handle, "E-9")
    (patient,) = (each for each in tale.patients.values() if each.handle == handle)
    assert patient.encounter_id == "E-9"
    person = tale.story.patients[patient.role]
    assert (began.story, began.first_level) == (story, person.first_level.value)
    assert list(began.centres) == list(person.centres)


async def test_a_request_for_transfer_is_told_and_then_what_it_opened(tmp_path: Path) -> None:
    _, tale, told = await acted(tmp_path, "two_transfers", "asked_again", {"incident_id": "I-9"})
    assert tale.incidents["second"] == "I-9"
    assert [type(line) for line in told] == [
        truth.ActSent,
        truth.IncidentBegan,
        truth.Acknowledged,
    ]
    assert (told[1].id, told[1].handle) == ("r-2.asked_again", "r-2")


async def test_an_act_says_where_its_patient_was_bound_and_whether_aboard(tmp_path: Path) -> None:
    async with service(lambda request: {"incident_id": "I", "leg": {"leg_id": "L"}}) as url:
        journal = Journal(tmp_path / "truth.ndjson")
        people = People(endpoints(url), journal)
        tale = tale_of("redirection_after_boarding")
        names = ("first_reading", "destination", "boarded", "redirected", "accepted")
        for name in names:
            await people.act(tale, step_of(tale, name))
        await people.close()
        journal.close()
    acts = [a for a in lines_of(tmp_path / "truth.ndjson") if isinstance(a, truth.ActSent)]
    near, other = tale.mission.near.id, tale.mission.other.id
    assert [(act.facility, act.boarded) for act in acts] == [
        ("", False),
        ("", False),
        (near, False),
        (near, True),
        (other, True),
    ]
    assert [acts[n].about["facility_id"] for n in (1, 3, 4)] == [near, other, other]
    assert [act.level for act in acts] == ["severe", None, None, None, None]


async def test_who_drives_home_ends_their_own_mission_and_none_that_came_after(
    tmp_path: Path,
) -> None:
    asked: list[str] = []

    def answer(request: web.Request) -> dict[str, Any]:
        asked.append(request.path)
        return {}

    async with service(answer) as url:
        journal, tale = Journal(tmp_path / "truth.ndjson"), tale_of()
        people = People(endpoints(url), journal)
        van = next(iter(tale.vans.values()))
        tale.legs.clear()  # nobody sent it
        await people.stamp(tale, van, "returning")
        tale.legs[van.role] = "L-1"
        await people.stamp(tale, van, "available")
        await people.close()
        journal.close()
    assert asked == [f"/v1/units/{van.vehicle.unit_id}/stamps", "/v1/legs/L-1/stamps"]


async def test_only_a_clinicians_level_sets_it(tmp_path: Path) -> None:
    _, _, told = await acted(tmp_path, "refusal_of_transport", "lowered", {})
    assert (told[0].level, told[0].sets) == ("non_urgent", True)


async def test_an_act_proves_no_more_than_its_level(tmp_path: Path) -> None:
    _, _, told = await acted(tmp_path, "refusal_of_transport", "first_reading", {})
    assert (told[0].level, told[0].sets) == ("critical", False)


async def test_an_end_says_which(tmp_path: Path) -> None:
    _, _, told = await acted(tmp_path, "refusal_of_transport", "refused", {})
    assert told[0].about["outcome"] == "refused_transport"


async def test_a_department_that_was_called_answers_in_its_own_name(tmp_path: Path) -> None:
    request, tale, told = await acted(tmp_path, "eclampsia", "no_anaesthetist", {})
    facility = tale.mission.near.id
    assert request.path.endswith(f"{facility}/encounters/E-1/departments/anaesthesia/answer")
    assert told[0].about["department"] == "anaesthesia"
    assert "department" not in body_of(tale, step_of(tale, "no_anaesthetist"), 1042.0)
    assert effect_key("DepartmentAnswered", told[0].about).split("/")[1:4] == [
        "E-1", facility, "anaesthesia"
    ]  # fmt: skip


async def test_both_sides_sign_the_handover_the_crew_first(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def answer(request: web.Request) -> Any:
        asked.append((request.path.rpartition("/")[2], request.headers["Authorization"]))
        return {}

    async with service(answer) as url:
        journal = Journal(tmp_path / "truth.ndjson")
        people, tale = People(endpoints(url), journal), tale_of()
        await people.act(tale, step_of(tale, "transferred"))
        await people.close()
        journal.close()
    assert asked == [("handover", "Bearer c"), ("transfer", f"Bearer of {tale.mission.near.id}")]


@pytest.mark.parametrize("name", ["bed", "not_resus"])
@pytest.mark.parametrize("status", [409, 422])
async def test_that_no_bed_is_left_is_an_answer_and_the_story_goes_on(
    tmp_path: Path, name: str, status: int
) -> None:
    refusal = web.Response(status=status, text="no bed left")
    if status == 409:
        _, tale, told = await acted(tmp_path, "bleeding_to_theatre", name, refusal)
        assert name not in tale.taken
        assert (told[-1].status, told[-1].due) == (409, True)
        return
    with pytest.raises(Refused):
        await acted(tmp_path, "bleeding_to_theatre", name, refusal)


async def test_any_other_refusal_ends_the_story(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        await acted(tmp_path, "bleeding_to_theatre", "team", web.Response(status=409, text="no"))


async def test_a_request_is_sent_again_under_its_key_until_it_is_answered() -> None:
    keys: list[str] = []

    def answer(request: web.Request) -> Any:
        keys.append(request.headers["Idempotency-Key"])
        return {"ok": True} if len(keys) > 2 else web.Response(status=503)

    async with service(answer) as url:
        outside = Outside(endpoints(url))
        request = Request("dispatch", "POST", "/v1/x", SecretStr("t"), "key-1", {})
        assert await outside.act(request) == {"ok": True}
        await outside.close()
    assert keys == ["key-1"] * 3


async def test_not_found_is_an_answer_of_dispatch_and_a_pause_elsewhere() -> None:
    seen: list[str] = []

    def answer(request: web.Request) -> Any:
        seen.append(request.path)
        return {} if len(seen) > 2 else web.Response(status=404, text="not yet")

    async with service(answer) as url:
        outside = Outside(endpoints(url))
        with pytest.raises(Refused):
            await outside.act(Request("dispatch", "POST", "/v1/a", SecretStr("t"), "k", {}))
        assert await outside.act(Request("gateway", "POST", "/v1/b", SecretStr("t"), "k", {})) == {}
        await outside.close()
    assert seen == ["/v1/a", "/v1/b", "/v1/b"]


@pytest.mark.parametrize("act", ["closed", "death"])
async def test_what_follows_what_another_service_was_told_waits_until_it_is_heard(act: str) -> None:
    """A call is closed whose patient was handed over; a death is declared that the crew has told
    of."""
    seen: list[str] = []

    def answer(request: web.Request) -> Any:
        seen.append(request.path)
        return {} if len(seen) > 2 else web.Response(status=409, text="not over")

    async with service(answer) as url:
        outside = Outside(endpoints(url))
        with pytest.raises(Refused):
            await outside.act(Request("dispatch", "POST", "/v1/x/units", SecretStr("t"), "k", {}))
        waits = Request("dispatch", "POST", f"/v1/x/{act}", SecretStr("t"), "k", {})
        assert await outside.act(waits) == {}
        await outside.close()
    assert seen == ["/v1/x/units", f"/v1/x/{act}", f"/v1/x/{act}"]


# -- the sender ------------------------------------------------------------------------------


async def sent_all(
    tmp_path: Path, answer: Answer, source: Callable[[float], list[Line]]
) -> list[truth.TruthLine]:
    """Run a sender until nothing is left to send; its journal."""
    path = tmp_path / "truth.ndjson"
    journal = Journal(path)
    async with service(answer) as url:
        sender = Sender(endpoints(url), journal, source)
        task = asyncio.create_task(sender.run())
        try:
            await sender.flush(10.0)
            await sender.flush(10.0)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await sender.close()
    journal.close()
    return lines_of(path)


def once(lines: list[Line]) -> Callable[[float], list[Line]]:
    left = [lines]
    return lambda now: left.pop() if left else []


async def test_the_truth_is_told_before_the_sending_and_the_same_lines_go_again(
    tmp_path: Path,
) -> None:
    someone = monitor()
    bodies: list[list[str]] = []
    known: list[int] = []

    async def answer(request: web.Request) -> Any:
        lines = (await request.text()).split("\n")
        bodies.append([json.loads(line)["event_id"] for line in lines])
        told = lines_of(tmp_path / "truth.ndjson")
        known.append(sum(isinstance(line, truth.SamplesSent) for line in told))
        if len(bodies) < 3:
            return web.Response(status=503)
        return web.json_response({"accepted": len(lines), "refused": [], "doubted": []}, status=202)

    fresh = once([someone.sample(time.time()) for _ in range(3)])
    told = await sent_all(tmp_path, answer, fresh)
    assert bodies == [["r-1.1", "r-1.2", "r-1.3"]] * 3
    assert known == [1, 1, 1]
    assert sum(isinstance(line, truth.SamplesSent) for line in told) == 1


async def test_behind_a_line_of_an_unknown_device_the_others_of_it_wait_in_their_order(
    tmp_path: Path,
) -> None:
    someone, other = monitor(1), monitor(2)
    bodies: list[list[str]] = []

    async def answer(request: web.Request) -> Any:
        """Nobody knows the first one's device as yet."""
        lines = [json.loads(line) for line in (await request.text()).split("\n")]
        bodies.append([line["event_id"] for line in lines])
        places = [n for n, line in enumerate(lines, 1) if line["device_id"] == someone.device_id]
        refused = [{"line": n, "status": 404, "detail": "x"} for n in places if len(bodies) < 3]
        return web.json_response({"accepted": 1, "refused": refused}, status=202)

    batches = [[each.sample(time.time()) for each in (someone, other)] for _ in range(3)]
    told = await sent_all(tmp_path, answer, lambda now: batches.pop(0) if batches else [])
    assert bodies[:2] == [["r-1.1", "r-2.1"], ["r-2.2"]], "what is behind it waits"
    theirs = [id_ for body in bodies for id_ in body if id_.startswith("r-1")]
    assert list(dict.fromkeys(theirs)) == ["r-1.1", "r-1.2", "r-1.3"]
    assert theirs.count("r-1.1") > theirs.count("r-1.2") == theirs.count("r-1.3") == 1
    acknowledged = [line for line in told if isinstance(line, truth.Acknowledged)]
    assert [list(line.waiting) for line in acknowledged[:2]] == [["r-1.1"], ["r-1.2"]]
    assert [id_ for line in acknowledged for id_ in line.ids] == ["r-1.1", "r-1.2", "r-1.3"]


async def test_nobody_waits_behind_a_patient_whose_monitor_was_never_entered(
    tmp_path: Path,
) -> None:
    """The same monitor, on the next patient of the same vehicle."""
    before, after = monitor(1), monitor(1)
    before.is_forgotten, after.entered.handle = True, "r-9"
    bodies: list[str] = []

    async def answer(request: web.Request) -> Any:
        lines = [json.loads(line) for line in (await request.text()).split("\n")]
        bodies.extend(line["event_id"] for line in lines)
        unknown = [n for n, line in enumerate(lines, 1) if line["event_id"].startswith("r-1.")]
        refused = [{"line": n, "status": 404, "detail": "x"} for n in unknown]
        return web.json_response({"accepted": 1, "refused": refused}, status=202)

    old = time.time() - ATTACHED_S + 1.0
    copy = after.sample(time.time()).again()
    assert copy.stream == after.sample(time.time()).stream, "a copy overtakes nobody"
    after.entered.sent = 0
    made = once([before.sample(old), *(after.sample(time.time()) for _ in range(3))])
    told = await sent_all(tmp_path, answer, made)
    refusals = [line for line in told if isinstance(line, truth.Refused)]
    assert [(list(line.ids), line.due) for line in refusals] == [(["r-1.1"], True)]
    assert [id_ for id_ in bodies if id_.startswith("r-9")] == ["r-9.1", "r-9.2", "r-9.3"]


async def test_with_the_first_line_of_a_device_all_that_are_as_old_are_given_up(
    tmp_path: Path,
) -> None:
    someone = monitor()

    async def answer(request: web.Request) -> Any:
        lines = (await request.text()).split("\n")
        refused = [{"line": n, "status": 404, "detail": "x"} for n in range(1, len(lines) + 1)]
        return web.json_response({"accepted": 0, "refused": refused}, status=422)

    old = time.time() - ATTACHED_S
    made = [someone.sample(old + n) for n in (1.0, 1.0, 2.5)]
    told = await sent_all(tmp_path, answer, once(made))
    refusals = [line for line in told if isinstance(line, truth.Refused)]
    assert [list(line.ids) for line in refusals] == [["r-1.1", "r-1.2"], ["r-1.3"]]


async def test_at_the_end_what_still_waits_is_given_up_and_it_is_said_whose_doing_that_is(
    tmp_path: Path,
) -> None:
    someone, other, late = monitor(1), monitor(2), monitor(3)
    someone.is_forgotten, late.is_entered = True, False

    async def answer(request: web.Request) -> Any:
        lines = (await request.text()).split("\n")
        refused = [{"line": n, "status": 404, "detail": "x"} for n in range(1, len(lines) + 1)]
        return web.json_response({"accepted": 0, "refused": refused}, status=422)

    path = tmp_path / "truth.ndjson"
    journal = Journal(path)
    ago = time.time() - KNOWN_S - 1
    made = once([each.sample(ago) for each in (someone, other, someone, late)])
    async with service(answer) as url:
        sender = Sender(endpoints(url), journal, made)
        task = asyncio.create_task(sender.run())
        await sender.flush(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sender.close()
    journal.close()
    refusals = [line for line in lines_of(path) if isinstance(line, truth.Refused)]
    assert [(list(line.ids), line.due) for line in refusals] == [
        (["r-1.1", "r-1.2"], True),
        (["r-2.1"], False),
    ]


async def test_monitors_speak_while_the_gateway_does_not_answer(tmp_path: Path) -> None:
    """Else all of it would be made afterwards, when somebody else may wear the monitor."""
    someone = monitor()
    asked: list[float] = []

    async def answer(request: web.Request) -> Any:
        await asyncio.sleep(0.5)
        return web.json_response({"accepted": 1, "refused": [], "doubted": []}, status=202)

    def source(now: float) -> list[Line]:
        asked.append(now)
        return [someone.sample(now)] if len(asked) == 1 else []

    await sent_all(tmp_path, answer, source)
    apart = [later - now for now, later in pairwise(asked)]
    assert len(asked) > 3
    assert max(apart) < 0.4


async def test_a_line_refused_for_good_is_written_down(tmp_path: Path) -> None:
    someone = monitor()

    async def answer(request: web.Request) -> Any:
        refused = [{"line": 1, "status": 422, "detail": "x"}]
        return web.json_response({"accepted": 0, "refused": refused}, status=422)

    fresh = once([someone.sample(time.time())])
    told = await sent_all(tmp_path, answer, fresh)
    refusals = [line for line in told if isinstance(line, truth.Refused)]
    assert [(list(line.ids), line.status) for line in refusals] == [(["r-1.1"], 422)]


async def test_what_was_measured_while_the_gateway_was_away_is_marked_as_late(
    tmp_path: Path,
) -> None:
    someone = monitor()
    old = someone.sample(time.time() - 30)

    async def answer(request: web.Request) -> Any:
        assert "sent_at" in json.loads(await request.text())
        return web.json_response({"accepted": 1, "refused": [], "doubted": []}, status=202)

    (sent,) = [
        line
        for line in await sent_all(tmp_path, answer, once([old]))
        if isinstance(line, truth.SamplesSent)
    ]
    assert not sent.timely


# -- journal and feed ------------------------------------------------------------------------


def test_a_follower_reads_whole_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "truth.ndjson"
    follower = Follower(path)
    assert list(follower.news()) == []
    text = truth.encode(truth.InputBegan(t=1.0)) + truth.encode(truth.Ended(t=2.0))
    path.write_text(text[:-3])
    assert [line.t for line in follower.news()] == [1.0]
    path.write_text(text + "no line\n")
    assert [line.t for line in follower.news()] == [2.0]


def test_a_journal_goes_on_after_a_crash_and_knows_what_was_abandoned(tmp_path: Path) -> None:
    path = tmp_path / "truth.ndjson"
    journal = Journal(path)
    assert (journal.epochs, journal.input_began) == (0, None)
    begun = [
        truth.EncounterBegan(
            t=2.0,
            id=f"r-{n}.call",
            handle=f"r-{n}",
            encounter_id=f"E-{n}",
            story="chest_pain",
            first_level="not_yet",
            centres=[],
        )
        for n in (1, 2)
    ]
    journal.write(truth.Epoch(t=1.0, epoch="a", seed=1), truth.InputBegan(t=1.5), *begun)
    journal.write(truth.EncounterOver(t=3.0, handle="r-1"))
    journal.close()
    with path.open("a") as file:
        file.write('{"k":"begin","ha')
    again = Journal(path)
    assert (again.epochs, again.input_began) == (1, 1.5)
    assert again.abandoned == {"r-2": "E-2"}
    again.write(truth.Ended(t=4.0))
    again.close()
    assert isinstance(lines_of(path)[-1], truth.Ended)
    after = Journal(path)
    assert after.input_began is None
    after.close()


def test_events_are_cut_from_the_stream_wherever_its_chunks_are_cut() -> None:
    stream = (
        b': ping\r\n\r\nevent: snapshot\r\nid: 7\r\ndata: {"a":\r\ndata: 1}\r\n\r\n'
        b"event: item\nid: 8\ndata: {}\n\n"
    )
    for size in (1, 2, 7, len(stream)):
        parser = Parser()
        chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
        found = [sent for chunk in chunks for sent in parser.feed(chunk)]
        assert [(sent.event, sent.id, sent.data) for sent in found] == [
            ("snapshot", "7", '{"a":\n1}'),
            ("item", "8", "{}"),
        ]


async def test_a_feed_that_breaks_is_opened_again_after_its_last_number() -> None:
    asked: list[str | None] = []

    async def answer(request: web.Request) -> Any:
        asked.append(request.headers.get("Last-Event-ID"))
        if len(asked) == 2:
            return web.Response(status=503)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        number = len(asked)
        kind, body = ("snapshot", {"items": [{"n": 0}]}) if number == 1 else ("item", {"n": number})
        told = f"event: {kind}\nid: {number}\ndata: {json.dumps(body)}\n\n"
        await response.write(told.encode())
        return response

    async with service(answer) as url:
        feed = Feed(endpoints(url), "F-001")
        found = []
        async for item in feed.items():
            found.append(item["n"])
            if len(found) == 2:
                break
    assert found == [0, 3]
    assert asked == [None, "1", "1"]


def test_endpoints_without_tokens_are_none() -> None:
    with pytest.raises(ValidationError):
        Endpoints.model_validate({"kafka": {}, "http": {}})
