"""Records go through the services, and each row ends in exactly one way; invented rows alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from schemas.clinical import Invalid, VitalValue
from schemas.envelope import encode
from schemas.incident import Point
from schemas.triage import Bilingual, Input, ProtocolVersion, Reason, TriageDecided, TriageLevel
from services.cli import main
from services.dispatch import unit
from services.dispatch.leg import Stamp
from services.kit.errors import Rejected
from simulator import desk as desks
from simulator import nurse, replay
from simulator.dispatcher import OVERTAKEN
from simulator.listener import Listener
from simulator.nurse import NOT_BY_AMBULANCE
from simulator.replay import CannotReplay, Options
from simulator.replays.explanation import (
    changes,
    falls,
    is_explained,
    rests_on_zero,
    told,
    unexplained,
)
from simulator.replays.publication import PUBLICATIONS
from tests.simulated import endpoints, service
from tests.unit.test_records import ARRIVALS, MINUTES, MISSIONS

NOW = datetime(2026, 3, 9, 6, tzinfo=UTC)
HERE = Point(latitude=0, longitude=0)
HOW = {"source": "invented", "evidence": "design"}


def decided(number: int = 1, **fields: Any) -> TriageDecided:
    given: dict[str, Any] = {
        "event_id": f"D-{number}",
        "occurred_at": NOW,
        "encounter_id": "E-1",
        "number": number,
        "changed": True,
        "worst": "not_yet",
        "current": fields.get("worst", "not_yet"),
        "trend": "same",
        "protocol": ProtocolVersion(protocol="adult", version="1"),
        "reasons": (),
        "inputs": (),
        "missing": (),
        "questions": (),
        "centres": (),
        "folded": (),
    }
    return TriageDecided(**{**given, **fields})


def reason(level: str, value: float = 30) -> Reason:
    text = Bilingual(zh=f"心率 {value:g} /min（< 40）", en=f"heart rate {value:g} /min (< 40)")
    return Reason(rule="heart_rate.0", level=TriageLevel(level), text=text, **HOW)


def given(value: VitalValue, method: str = "streamed") -> Input:
    return Input(name="heart_rate", value=value, occurred_at=NOW, method=method)


# -- a level is explained, or it does not count ---------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"worst": "critical", "reasons": (reason("critical"),)}, True),
        ({"worst": "critical", "reasons": (reason("severe"),)}, False),
        ({"worst": "critical"}, False),
        ({"worst": "non_urgent", "inputs": (given(80),)}, True),
        ({"worst": "non_urgent", "inputs": (given(80),), "missing": ("spo2",)}, False),
        ({"worst": "non_urgent"}, False),
        ({"missing": ("spo2",)}, True),
        ({}, False),
        ({"protocol": None, "missing": ("protocol",)}, True),
        ({"protocol": None}, False),
    ],
)
def test_a_level_follows_from_what_the_decision_says(
    fields: dict[str, Any], expected: bool
) -> None:
    assert is_explained(decided(**fields)) is expected


def test_a_rise_needs_a_rule_of_its_level_and_a_fall_is_counted() -> None:
    run = [
        decided(1, missing=("spo2",)),
        decided(2, worst="critical", reasons=(reason("critical"),)),
        decided(3, worst="critical", current="not_yet", missing=("spo2",)),
        decided(4, worst="critical", current="not_yet", missing=("spo2",)),
    ]
    assert (unexplained(run), falls(run), len(changes(run))) == (0, 0, 3)
    bare = decided(2, worst="critical", current="not_yet", missing=("spo2",))
    assert unexplained([run[0], bare]) == 1
    passed = bare.model_copy(update={"earlier": (reason("critical"),)})
    assert unexplained([run[0], passed]) == 0, "it came late, and newer values stand against it"
    assert falls([run[1], run[0]]) == 1


def test_a_lost_signal_is_never_the_ground_of_a_level() -> None:
    assert rests_on_zero(decided(inputs=(given(0),)))
    assert rests_on_zero(decided(worst="critical", reasons=(reason("critical", 0),)))
    assert not rests_on_zero(decided(inputs=(given(80), given(0, "reading"))))
    assert not rests_on_zero(decided(worst="critical", reasons=(reason("critical", 30),)))


def test_a_report_holds_what_a_reader_needs_to_check_a_level() -> None:
    inputs = (given(30), given(Invalid(invalid="x")).model_copy(update={"name": "spo2"}))
    found = told(decided(worst="critical", reasons=(reason("critical"),), inputs=inputs))
    assert found["reasons"][0]["source"] == "invented"
    assert found["inputs"] == {"heart_rate": 30, "spo2": "invalid='x'"}
    assert found["protocol"] == {"protocol": "adult", "version": "1", "set": None}
    then = told(decided(worst="critical", current="not_yet", earlier=(reason("critical"),)))
    assert (then["reasons"], then["earlier"][0]["rule"]) == ([], "heart_rate.0")
    assert told(decided(protocol=None))["protocol"] is None


# -- what triage says -----------------------------------------------------------------------------


def record_of(event: TriageDecided, **other: Any) -> Any:
    message = encode(event, "greenchannel/triage")
    fields = {"topic": message.topic, "key": message.key, "value": message.value}
    return SimpleNamespace(**fields, **{"headers": message.headers, **other})


async def test_decisions_of_followed_patients_are_heard_once_and_in_order() -> None:
    listener = Listener(endpoints("http://127.0.0.1:1"))
    listener.follow("E-1")
    first, second = decided(1, folded=("a",)), decided(2, folded=("b", "c"))
    other = decided(1, encounter_id="E-2", folded=("d",))
    pause = record_of(first, headers=[("ce_type", b"greenchannel.Unknown.v1")])
    records = [record_of(each) for each in (second, first, second, other)]
    listener._take([*records, pause, SimpleNamespace(key=None)])
    assert [each.number for each in listener.decisions("E-1")] == [1, 2]
    assert listener.folding("c") == second
    assert listener.folding("d") is None
    assert await listener.until_folded("abc", 1.0) == set()
    assert await listener.until_folded("ad", 0.05) == {"d"}


async def test_who_waits_for_a_decision_is_told_when_it_comes() -> None:
    listener = Listener(endpoints("http://127.0.0.1:1"))
    listener.follow("E-1")
    waiting = asyncio.create_task(listener.until_folded("ab", 5.0))
    for number, event_id in enumerate("ab", 1):
        await asyncio.sleep(0)
        listener._take([record_of(decided(number, folded=(event_id,)))])
    assert await waiting == set()


async def test_listening_ends_with_its_block_also_where_no_broker_answers() -> None:
    async with Listener(endpoints("http://127.0.0.1:1")).listening():
        await asyncio.sleep(0)


# -- services that answer -------------------------------------------------------------------------


class Services:
    """Dispatch with its own rules for units; the others say yes to all but what is told."""

    def __init__(self, no: Mapping[str, tuple[int, str]] | None = None) -> None:
        self.no = no or {}
        self.units: dict[str, unit.Unit] = {}
        self.asked: list[tuple[str, Any]] = []
        self.lines: list[dict[str, Any]] = []
        self.patients: list[str] = []
        self.unknown_devices = 1

    async def __call__(self, request: web.Request) -> Any:
        if request.path == "/v1/telemetry":
            return self._telemetry((await request.read()).decode())
        body = await request.json()
        self.asked.append((request.path, body))
        for ending, (status, title) in self.no.items():
            if request.path.endswith(ending):
                return problem(status, title, "As was to be expected.")
        try:
            return self._answer(request, body)
        except Rejected as no:
            return problem(no.status, no.title, no.detail)

    def _answer(self, request: web.Request, body: Any) -> Any:
        key, path = request.headers["Idempotency-Key"], request.path
        if path == "/v1/incidents":
            self.patients.append(f"E-{key}")
            return {"incident_id": f"I-{key}", "encounter_ids": [f"E-{key}"]}
        if path == "/v1/indicators":
            return {"dispatch_within_3min": self._indicator()}
        if path.endswith("/units"):
            incident = path.split("/")[3]
            order = unit.Assignment(event_id=key, incident_id=incident, **{**body, "station": HERE})
            free = self.units.get(order.unit_id) or unit.Unit(unit_id=order.unit_id)
            return self._keep(unit.assign(free, order, unit.Scene(HERE, "caller"), NOW)[0])
        if path.endswith("/stamps"):
            stamp = Stamp(stamp_id=key, source="crew", **body)
            return self._keep(unit.stamp(self.units[path.split("/")[3]], stamp)[0])
        if path.endswith("/queue"):
            record = {"worst": "urgent", "admission": {}}
            return {"items": [{"encounter_id": each, "record": record} for each in self.patients]}
        return {"event_id": key, "invalid": []}

    def _keep(self, changed: unit.Unit) -> dict[str, Any]:
        self.units[changed.unit_id] = changed
        return changed.model_dump(mode="json")

    def _indicator(self) -> dict[str, int]:
        """The last leg of each unit: enough for one mission each."""
        legs = [each.leg for each in self.units.values() if each.leg]
        left = [
            stamp.occurred_at - leg.stamps[0].occurred_at
            for leg in legs
            for stamp in leg.stamps
            if stamp.status == "departed"
        ]
        within = sum(each.total_seconds() <= 180 for each in left)
        return {"numerator": within, "denominator": len(left), "missing": len(legs) - len(left)}

    def _telemetry(self, text: str) -> Any:
        """A device that is unknown once, and a sample that is refused by its value."""
        lines = [json.loads(line) for line in text.splitlines()]
        if self.unknown_devices:
            self.unknown_devices -= 1
            refused = [{"line": n, "status": 404, "detail": "?"} for n in range(1, len(lines) + 1)]
            return web.json_response({"accepted": 0, "refused": refused, "doubted": []}, status=422)
        self.lines += lines
        refused = [
            {"line": n, "status": 422, "detail": "too fast"}
            for n, line in enumerate(lines, 1)
            if line["vitals"].get("heart_rate") == 299
        ]
        doubted = [{"line": 1, "invalid": ["spo2"]}]
        return web.json_response(
            {"accepted": 1, "refused": refused, "doubted": doubted}, status=202
        )


def problem(status: int, title: str, detail: str) -> web.Response:
    return web.json_response({"title": title, "status": status, "detail": detail}, status=status)


class Hearing:
    """A listener that hears the same decision about everything."""

    decision = decided(worst="urgent", reasons=(reason("urgent"),))
    missing: Iterable[str] = ()

    def __init__(self, known: Any) -> None:
        pass

    def listening(self) -> contextlib.AbstractAsyncContextManager[None]:
        return contextlib.nullcontext()

    def follow(self, encounter_id: str) -> None:
        pass

    def decisions(self, encounter_id: str) -> list[TriageDecided]:
        return [self.decision]

    def folding(self, event_id: str) -> TriageDecided | None:
        return self.decision

    async def until_folded(self, event_ids: Iterable[str], within: float) -> Iterable[str]:
        return self.missing


@pytest.fixture(autouse=True)
def _heard(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("nurse", "vendor"):
        monkeypatch.setattr(f"simulator.{module}.Listener", Hearing)


async def replayed(
    folder: Path, name: str, text: str, answers: Services, **more: Any
) -> tuple[int, dict[str, Any]]:
    """The exit status and the report."""
    file, known, report = folder / "rows.csv", folder / "e.json", folder / "r.json"
    file.write_text(text, PUBLICATIONS[name].encoding)
    async with service(answers) as url:
        made = endpoints(url)
        centre = {each: each for each in made.tokens.centre}
        tokens = {"dispatcher": "d", "crew": "c", "centre": centre}
        known.write_text(json.dumps({"kafka": {}, "http": dict(made.http), "tokens": tokens}))
        options = Options(name, known, [file], report=report, **more)
        status = await replay.replay(options)
    return status, json.loads(report.read_text("utf-8"))


# -- missions -------------------------------------------------------------------------------------


async def test_missions_keep_their_times_and_every_row_is_accounted_for(tmp_path: Path) -> None:
    rows = [
        MISSIONS,
        "1,7/4/11,Q,,5,,X1,10:00:00,60,300,320,900,1200,2400,1,",
        "1,7/4/11,Q,,5,,X2,10:00:00,200,400,,,,500,1,",
        "2,7/4/11,Q,,,,X3,10:00:00,30,200,,,,100,0,",  # cleared before it arrived
        "3,7/4/11,Q,,,,X4,10:00:00,,,,,,,1,test",
        "4,7/4/11,Q,,,,X5,10:00:00,,,,,,late,1,",
    ]
    answers = Services()
    status, report = await replayed(tmp_path, "lincoln", "\n".join(rows), answers)
    assert report["problems"] == []
    assert status == 0
    assert report["rows"] == {
        "read": 5,
        "sent": 2,
        "refused": {"409 Not now: on_scene cannot follow available.": 1},
        "skipped": {
            "a time or a number that cannot be read": 1,
            "marked as test in the file": 1,
        },
    }
    assert report["stamps"] == {"read": 12, "sent": 11, "refused": 1, "not sent": 0}
    assert report["dispatch_within_3min"]["by_dispatch"] == {
        "numerator": 2, "denominator": 3, "missing": 0,
    }  # fmt: skip
    assert report["dispatch_within_3min"]["by_record_medical_calls"]["denominator"] == 2
    asked = Counter(path.rsplit("/", 1)[1] for path, _ in answers.asked)
    assert (asked["incidents"], asked["reached"]) == (2, 1)
    times = [body["occurred_at"] for path, body in answers.asked if path.endswith("/reached")]
    assert times == ["2011-07-04T15:05:20+00:00"]


async def test_a_unit_is_on_one_mission_at_a_time(tmp_path: Path) -> None:
    """Never cleared: it is freed when it is sent again. Not yet cleared: it cannot be sent. Cleared
    before its last stamp: that stamp would be the next mission's, and is not sent."""
    rows = [
        MISSIONS,
        "1,7/4/11,Q,,,,X1,10:00:00,60,,,,,,1,",
        "2,7/4/11,Q,,,,X1,11:00:00,60,,,,,3600,1,",
        "3,7/4/11,Q,,,,X1,11:30:00,60,,,,,120,1,",
        "4,7/4/11,Q,,,,X1,13:00:00,60,7200,,,,90,0,",
        "5,7/4/11,Q,,,,X1,14:00:00,60,,,,,90,1,",
    ]
    _, report = await replayed(tmp_path, "lincoln", "\n".join(rows), Services())
    ended = report["rows"]
    assert (ended["read"], ended["sent"]) == (5, 3)
    (no,) = ended["refused"]
    assert no.startswith("409 Not free")
    assert ended["skipped"] == {OVERTAKEN: 1}
    assert report["freed_by_dispatcher"] == 1
    assert report["stamps"] == {"read": 10, "sent": 7, "refused": 0, "not sent": 3}


async def test_a_figure_that_differs_from_dispatchs_own_does_not_add_up(tmp_path: Path) -> None:
    rows = [MISSIONS, "1,7/4/11,Q,,,,X1,10:00:00,60,,,,,,1,"]
    answers = Services()
    answers._indicator = lambda: {"numerator": 0, "denominator": 0, "missing": 0}  # type: ignore[method-assign]
    status, report = await replayed(tmp_path, "lincoln", "\n".join(rows), answers)
    assert status == 1
    assert "three-minute figure" in report["problems"][0]


# -- arrivals -------------------------------------------------------------------------------------

THREE = [
    ARRIVALS,
    "1;1;30;2;1;cough;1;0;#BO\xde!;120;80;110;18;36,5;98;3;3;2,00",
    "1;2;70;4;2;fall;1;1;5;120;80;110;18;36,5;??;2;2;2,00",
    "1;2;70;3;2;fall;1;1;5;120;80;110;18;36,5;;2;2;2,00",
]


async def test_arrivals_go_from_the_call_to_the_queue_and_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = Services()
    status, report = await replayed(tmp_path, "ktas", "\n".join(THREE), answers)
    assert report["problems"] == []
    assert status == 0
    assert report["rows"]["skipped"] == {NOT_BY_AMBULANCE: 1}
    assert [report[n] for n in ("decided", "explained", "in_queue", "admitted")] == [2] * 4
    measured = report["measured_not_validated"]
    assert (measured["green_channel"]["exact"], measured["green_channel"]["under"]) == (1, 1)
    assert measured["nurses_at_the_time"]["exact"] == 2
    assert [each["place"] for each in report["levels"]] == ["1:2", "1:3"]
    sent = [body["vitals"] for path, body in answers.asked if path.endswith("/vitals")]
    assert ["spo2" in vitals for vitals in sent] == [True, True]
    assert sorted(str(vitals["spo2"]) for vitals in sent) == ["98.0", "unmeasurable"]
    said = capsys.readouterr().out
    assert "CC BY 4.0" in said
    assert "不是验证" in said


async def test_everyone_is_sent_when_asked(tmp_path: Path) -> None:
    text = "\n".join(THREE)
    _, report = await replayed(tmp_path, "ktas", text, Services(), everyone=True, limit=3)
    assert report["rows"]["sent"] == 3


async def test_a_refusal_is_counted_with_its_reason(tmp_path: Path) -> None:
    no = Services({"/boarding": (409, "Already aboard")})
    status, report = await replayed(tmp_path, "ktas", "\n".join(THREE), no)
    assert report["rows"]["refused"] == {"409 Already aboard: As was to be expected.": 2}
    assert (status, report["decided"]) == (0, 0)


async def test_a_level_that_is_not_explained_or_not_shown_does_not_add_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hearing, "decision", decided(worst="severe"))
    monkeypatch.setattr(nurse, "SHOWN_S", 0.0)
    status, report = await replayed(tmp_path, "ktas", "\n".join(THREE), Services())
    assert status == 1
    assert report["problems"] == [
        "explained: 0 of 2 sent", "in_queue: 0 of 2 sent", "admitted: 0 of 2 sent",
    ]  # fmt: skip


# -- minutes --------------------------------------------------------------------------------------


async def test_minutes_are_streamed_in_order_with_their_zeros(tmp_path: Path) -> None:
    rows = [MINUTES, "0,80,80,14,97,,,", "1,0,0,0,0,,,", "2,299,80,14,97,,,", "3,,,,,,,70"]
    answers = Services()
    status, report = await replayed(tmp_path, "numerics", "\n".join(rows), answers, minute_s=0.001)
    assert report["problems"] == []
    assert status == 0
    assert report["rows"] == {
        "read": 4,
        "sent": 2,
        "refused": {"422 too fast": 1},
        "skipped": {"no value in the whole row": 1},
    }
    (patient,) = report["patients"]
    assert [patient[n] for n in ("samples", "accepted", "refused", "doubted")] == [3, 2, 1, 1]
    assert patient["with_a_lost_signal"] == 1
    assert answers.lines[1]["vitals"] == {"heart_rate": 0, "respiratory_rate": 0, "spo2": 0}
    times = [datetime.fromisoformat(line["occurred_at"]) for line in answers.lines]
    assert times == sorted(times)
    assert (times[2] - times[0]).total_seconds() == pytest.approx(0.002, abs=0.0011)


async def test_a_sample_that_no_decision_names_does_not_add_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hearing, "missing", ("a sample",))
    text = f"{MINUTES}\n0,80,80,14,97,,,"
    status, report = await replayed(tmp_path, "numerics", text, Services(), minute_s=0.001)
    assert status == 1
    assert report["problems"] == ["1: samples accepted, and named in no decision: 1"]


async def test_where_no_monitor_can_be_attached_every_row_is_refused(tmp_path: Path) -> None:
    no = Services({"/devices": (409, "Already ended")})
    text = f"{MINUTES}\n0,80,80,14,97,,,\n1,80,80,14,97,,,"
    status, report = await replayed(tmp_path, "numerics", text, no)
    assert report["rows"]["refused"] == {"409 Already ended: As was to be expected.": 2}
    assert status == 1


# -- what cannot be replayed ----------------------------------------------------------------------


async def test_a_system_that_goes_away_leaves_rows_that_do_not_add_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "PATIENCE_S", 0.3)
    away = Services({"/destination": (503, "Not now")})
    status, report = await replayed(tmp_path, "ktas", "\n".join(THREE), away)
    assert status == 1
    assert report["problems"][0].startswith("2 rows were neither sent, refused nor skipped")
    assert report["problems"][-1] == replay.GONE


async def test_what_is_lacking_is_said_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "READY_S", 0.3)
    monkeypatch.setattr(replay, "SHARED", tmp_path)
    with pytest.raises(CannotReplay, match=r"docs/data\.md"):
        await replay.replay(Options("ktas", tmp_path / "none"))
    file = tmp_path / "rows.csv"
    file.write_text(f"{MINUTES}\n", "utf-8")
    with pytest.raises(CannotReplay, match="is another file"):
        await replay.replay(Options("ktas", tmp_path / "none", [file]))
    for lacking in (None, tmp_path / "none"):
        with pytest.raises(CannotReplay, match="greenchannel run --endpoints"):
            await replay.replay(Options("numerics", lacking, [file]))


def test_the_command_says_what_is_lacking_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f"{MINUTES}\n", "utf-8")
    said = CliRunner().invoke(main, ["replay", "numerics", "--file", str(file)])
    assert said.exit_code == 2
    assert said.output.startswith("✗ 没有运行中的系统")
    assert said.output.count("\n") == 1
