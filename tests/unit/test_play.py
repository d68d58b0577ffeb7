"""The simulator tells the truth before it acts, sends in order, and asks as outsiders ask."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
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
from simulator.patient import HOME_S, Line, Pace, moment
from simulator.people import People
from simulator.reading import effect_key
from simulator.sender import Sender
from simulator.story import load as load_story
from simulator.telemetry import Telemetry
from tests.simulated import Answer, endpoints, patient, service


def lines_of(path: Path) -> list[truth.TruthLine]:
    return list(Follower(path).news())


# -- what monitors and vehicles say ----------------------------------------------------------


def test_a_sample_is_what_the_contract_takes() -> None:
    line = patient().sample(1041.0)
    told = json.loads(line.text + "}")
    assert (told["event_id"], told["device_id"]) == ("r-1.1", "M-0001")
    vitals = VitalSigns.model_validate(told["vitals"])
    assert (vitals.heart_rate, vitals.spo2, vitals.respiratory_rate) == (36, 96, 18)
    assert told["occurred_at"] == moment(1041.0)


def test_a_position_is_what_the_contract_takes() -> None:
    told = json.loads(patient().van.report(1009.0).text + "}")
    PositionReported.model_validate({**told, "event_id": "p"})


def test_the_second_sample_of_a_marked_hold_acts_and_no_other() -> None:
    someone = patient()
    someone.is_destined = True
    acting = [someone.sample(1000.0 + second).acting for second in range(32, 60)]
    found = [mark for mark in acting if mark is not None]
    assert [(mark.level, mark.destined) for mark in found] == [("severe", True), ("critical", True)]
    assert acting.index(found[0]) == 5  # 36 s is the first at 47, 37 s the second
    assert acting.index(found[1]) == 9


def test_samples_of_a_fast_forward_count_towards_the_mark() -> None:
    someone = patient()
    hold = someone.story.hold_at(40)
    lines = [someone.sample(1000.0 + n / 10, hold) for n in range(2)]
    assert [line.acting is not None for line in lines] == [False, True]
    assert someone.sample(1041.0).acting is None


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
        someone = patient()
        someone.is_forwarding = True
        assigned = next(step for step in someone.story.steps if step.act == "assign")
        someone.van.free_since = 0.0
        await people.act(someone, assigned)
        someone.van.free_since = someone.pace.due(assigned.at) + 60
        await people.act(someone, assigned)
        await people.close()
        journal.close()
    told = [body["occurred_at"] for body in asked]
    assert told == [moment(someone.pace.due(assigned.at)), moment(someone.van.free_since)]


def test_a_vehicle_stands_drives_and_comes_home() -> None:
    someone = patient()
    van, mission = someone.van, someone.mission
    assert van.position(1001.0) == van.vehicle.station.point
    assert van.is_moving(1008.0)
    assert van.position(1030.0) == mission.scene
    assert van.position(1080.0) == mission.facility.point
    van.home, van.home_since, van.patient = mission.to_home, 1080.0, None
    assert van.position(1080.0) == mission.facility.point
    assert van.is_moving(1080.0 + HOME_S / 2)
    assert van.position(1080.0 + HOME_S) == van.vehicle.station.point
    assert not van.is_moving(1080.0 + HOME_S)


@pytest.mark.parametrize(("rate", "expected"), [(None, 4), (20.0, 20), (1000.0, 40), (0.1, 0.8)])
def test_a_total_rate_is_shared_out_evenly_within_bounds(
    rate: float | None, expected: float
) -> None:
    telemetry = Telemetry(rate, [])
    everyone = [patient(number) for number in range(1, 5)]
    for each in everyone:
        telemetry.attach(each)
    telemetry.begin(1000.0)
    lines = [line for tick in range(1, 101) for line in telemetry.until(1000.0 + tick / 10)]
    assert len(lines) == pytest.approx(10 * expected, abs=1)
    counts = [each.sent for each in everyone]
    assert max(counts) - min(counts) <= 1
    times = [line.made for line in lines]
    assert times == sorted(times)


def test_nothing_is_streamed_before_the_beginning_after_the_end_or_by_those_who_are_over() -> None:
    someone = patient()
    telemetry = Telemetry(None, [someone.van])
    telemetry.attach(someone)
    assert telemetry.until(1000.0) == []
    telemetry.begin(1000.0)
    assert any(line.handle for line in telemetry.until(1002.0))
    someone.is_over = True
    assert not any(line.handle for line in telemetry.until(1004.0))
    telemetry.end()
    assert telemetry.until(1100.0) == []


def test_a_moving_vehicle_reports_each_second_a_standing_one_every_ten() -> None:
    someone = patient()
    telemetry = Telemetry(None, [someone.van])
    telemetry.begin(1000.0)
    reports = [t for t in range(1, 47) if telemetry.until(1000.0 + t)]
    assert len([t for t in reports if 5 < t < 14]) >= 4
    assert len([t for t in reports if 15 < t < 46]) <= 4


# -- what people press -----------------------------------------------------------------------


def test_every_act_of_the_story_has_a_door_and_a_body() -> None:
    someone = patient()
    for step in load_story("chest_pain").steps:
        body = body_of(step, someone, 1000.0)
        assert DOORS[step.act].path.format_map(about(someone, 1000.0)).startswith("/v1/")
        assert body["occurred_at"] == moment(1000.0)
    assert body["handed_over_by"] == "crew-U-0001"


def test_what_an_act_is_about_names_its_effect() -> None:
    told = {**about(patient(), 1000.0), "status": "departed", "source": "crew"}
    assert effect_key("UnitStatusChanged", told) == "UnitStatusChanged/U-0001/L-1/departed/crew"
    assert effect_key("UnitAssigned", told) == "UnitAssigned/U-0001/I-1"
    assert effect_key("EncounterUpdated", told) == "EncounterUpdated/E-1/1000000"


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
    someone = patient()
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


async def test_an_unknown_device_is_waited_for_and_its_lines_go_first(tmp_path: Path) -> None:
    someone = patient()
    bodies: list[list[str]] = []

    async def answer(request: web.Request) -> Any:
        lines = (await request.text()).split("\n")
        bodies.append([json.loads(line)["event_id"] for line in lines])
        refused = [{"line": 2, "status": 404, "detail": "x"}] if len(bodies) == 1 else []
        return web.json_response({"accepted": 1, "refused": refused}, status=202)

    batches = [[someone.sample(time.time()) for _ in range(2)] for _ in range(2)]
    told = await sent_all(tmp_path, answer, lambda now: batches.pop(0) if batches else [])
    assert bodies[:2] == [["r-1.1", "r-1.2"], ["r-1.2", "r-1.3", "r-1.4"]]
    acknowledged = [line for line in told if isinstance(line, truth.Acknowledged)]
    assert list(acknowledged[0].waiting) == ["r-1.2"]
    assert list(acknowledged[1].ids) == ["r-1.2"]


async def test_a_line_refused_for_good_is_written_down(tmp_path: Path) -> None:
    someone = patient()

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
    someone = patient()
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
            handle=f"r-{n}",
            encounter_id=f"E-{n}",
            incident_id=f"I-{n}",
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
