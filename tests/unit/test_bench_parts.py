"""What the parts ``tracker``, ``intake`` and ``feeds`` of the benchmark rest on."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from benchmarks import boards, crews, feeds, intake, monitors, tracker
from benchmarks.fixes import Fleet, fixes, orders, shown
from benchmarks.pacing import REQUESTS
from benchmarks.report import ending, percentiles
from schemas.unit import UnitDeparted
from services.dispatch import loader
from services.dispatch.bodies import PositionLine, VitalsLine
from services.dispatch.telemetry import read_lines
from services.dispatch.track import Region

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
FLEET = Fleet(units=200, seconds=90, begin=BEGIN)
REGION = Region(loader.roads(), ZoneInfo("Asia/Shanghai"))


def test_the_same_seed_makes_the_same_fixes_in_the_order_of_time() -> None:
    said = list(fixes(FLEET))
    assert said == list(fixes(FLEET))
    assert len(said) == FLEET.fixes
    assert all(one.at <= two.at for one, two in pairwise(said))
    assert set(Counter(s.event.unit_id for s in said).values()) == {18}


def test_who_was_told_leaves_once_and_nobody_else_does() -> None:
    told = orders(FLEET)
    events = [event for _, event in shown(told, fixes(FLEET), REGION)]
    departed = [event.unit_id for event in events if isinstance(event, UnitDeparted)]
    assert sorted(departed) == sorted(each.unit_id for each in told)
    assert 10 < len(departed) < 40


def test_each_monitor_speaks_once_a_second_and_the_gateway_can_read_it() -> None:
    sent = list(monitors.bodies(monitors.names(3_000), BEGIN))
    assert len(sent) == REQUESTS
    lines = [line for body in sent for _, line in read_lines(body.encode())]
    assert Counter(line.device_id for line in lines) == dict.fromkeys(monitors.names(3_000), 1)  # type: ignore[union-attr]
    assert all(json.loads(line)["vitals"] for line in sent[0].split("\n"))


def test_every_patient_becomes_worse_once_and_their_second_value_is_the_one_that_acts() -> None:
    patients, worse = 1_000, dict[str, list[int]]()
    for second in range(40):
        for body in crews.bodies(patients, 500, second, BEGIN):
            for _, line in read_lines(body.encode()):
                if isinstance(line, VitalsLine) and line.vitals.spo2 == crews.WORSE:
                    worse.setdefault(line.device_id, []).append(second)
    acting = {crews.device(n): crews.acts_at(n, patients) for n in range(patients)}
    assert all(acting[name] == seconds[1] for name, seconds in worse.items() if len(seconds) > 1)
    assert Counter(acting.values()) == dict.fromkeys(range(10, 110), crews.WORSE_A_SECOND)
    lines = [
        line
        for body in crews.bodies(patients, 500, 20, BEGIN)
        for _, line in read_lines(body.encode())
    ]
    assert Counter(type(line) for line in lines) == {VitalsLine: 1_000, PositionLine: 500}


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentiles([n / 1000 for n in range(1, 101)]) == {
        "p50": 51, "p90": 91, "p99": 100, "max": 100,
    }  # fmt: skip
    assert percentiles([0.5]) == {"p50": 500, "p90": 500, "p99": 500, "max": 500}
    assert percentiles([]) == {}


def way(**changed: object) -> dict[str, object]:
    return {
        "catches_up_per_s": 2_000, "sent": 1_000, "taken_at_the_end": 990, "core": 0.5,
        "lag": {"first_half": 100, "second_half": 1_100, "most": 1_200}, "missing": 0,
        "unexpected": 0, "delay_ms": {"p50": 100, "p99": 300}, **changed,
    }  # fmt: skip


def holds(found: dict[str, object]) -> list[bool]:
    return [each["holds"] for each in tracker.limits({"ways": {"take": found}})]


def test_the_limits_of_the_tracker_hold_at_their_edges() -> None:
    assert holds(way()) == [True, True, True]
    lag = {"first_half": 100, "second_half": 1_140, "most": 1_200}
    assert holds(way(taken_at_the_end=989, lag=lag, catches_up_per_s=1_999)) == [False] * 3


def test_a_movement_that_is_missing_makes_the_rest_worthless() -> None:
    found = {"ways": {"take": way(), "one_by_one": way(missing=1)}, "limits": []}
    (line,) = tracker.disagreements(found)
    assert line == "one by one: 1 movements missing, 0 unexpected"
    assert list(ending({**found, "disagreements": [line]}))[-1] == f"✗ {line}"
    assert len(list(tracker.lines(found))) == 1 + 2 * 4


def calls(p99: float = 50.0, told: int = 105) -> dict[str, object]:
    return {
        "calls": {"count": 100, "statuses": {201: 100}, "ms": {"p99": p99}},
        "warm": 5,
        "telemetry": {"sent": 9, "accepted": 9, "ms": {"p99": 3.0}},
        "told": {"calls": 105, "records": told},
        "commit_ms": {"p99": 1.0},
        "cores": {"dispatch": 0.4},
    }


@pytest.mark.parametrize(("p99", "holds"), [(50.0, True), (50.1, False)])
def test_the_limit_of_the_calls_holds_at_its_edge(p99: float, holds: bool) -> None:
    assert intake.limits(calls(p99))[0]["holds"] is holds
    assert all(each["holds"] for each in intake.limits(calls(p99))[1:])


def test_a_call_that_is_told_twice_makes_the_rest_worthless() -> None:
    assert list(intake.disagreements(calls())) == []
    (line,) = intake.disagreements(calls(told=106))
    assert line == "105 calls were answered, 105 told in 106 records"
    assert len(list(intake.lines(calls()))) == 5


def at_boards(**changed: object) -> dict[str, object]:
    return {
        "boards": 180, "stalled": 20, "cut_off": 0, "missing": 0, "dropped_s": 30.0,
        "ms": {"p50": 20.0, "p99": 500.0}, "cores": {"bridge": 0.4}, **changed,
    }  # fmt: skip


def test_the_limits_of_the_feeds_hold_at_their_edges() -> None:
    assert [each["holds"] for each in feeds.limits(at_boards())] == [True, True]
    over = at_boards(ms={"p99": 500.1}, dropped_s=30.1)
    assert [each["holds"] for each in feeds.limits(over)] == [False, False]


def test_a_board_that_does_not_show_what_is_so_now_makes_the_rest_worthless() -> None:
    assert list(feeds.disagreements(at_boards())) == []
    assert len(list(feeds.disagreements(at_boards(cut_off=1, missing=2)))) == 2
    assert len(list(feeds.lines(at_boards()))) == 4


def test_a_change_is_timed_at_each_board_and_the_last_of_each_patient_has_to_come() -> None:
    committed = {("E-1-H-01", 2): 10.0, ("E-1-H-01", 3): 11.0, ("E-1-H-02", 2): 10.0}
    one = [("E-1-H-01", 1, 9.0), ("E-1-H-01", 2, 10.5), ("E-1-H-01", 3, 11.2)]
    behind, other = one[:2], [("E-1-H-02", 2, 10.1)]
    found = feeds.delays(committed, [one, behind, other, []])
    assert (found["received"], found["missing"]) == (4, 2)
    assert found["ms"] == {"p50": 500.0, "p90": 500.0, "p99": 500.0, "max": 500.0}


def test_an_item_is_known_by_how_it_begins() -> None:
    item = {
        "feed": 7, "encounter_id": "E-1-H-01", "facility_id": "H-01",
        "centres": ["emergency", "chest_pain"], "version": 12, "record": {"version": 3},
    }  # fmt: skip
    board = boards.Board()
    board.take("snapshot", '{"feed":6,"items":[]}', 1.0)
    board.take("item", json.dumps(item), 2.0)
    assert board.is_open.is_set()
    assert board.shown == [("E-1-H-01", 12, 2.0)]
