"""A day of the city, from the seed alone."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

from schemas.triage import TriageLevel
from services.cli import main
from services.dispatch.telemetry import read_lines
from simulator import city, story
from simulator.day import BEGINS, Wanted, lines
from simulator.realism import FAULTS, FLAWLESS, OF_A_DAY, Realism
from simulator.writer import write

HOUR = Wanted(seed=7, ambulances=12, hours=1.5, calls_per_hour=40)


@pytest.fixture(scope="module")
def said() -> list[tuple[float, int, str]]:
    return list(lines(HOUR, FLAWLESS))


def acts(said: list[tuple[float, int, str]]) -> list[tuple[float, dict[str, Any]]]:
    return [(t, json.loads(text)) for t, _, text in said if text.startswith('{"act"')]


def test_the_same_seed_gives_the_same_day_byte_for_byte(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one", "two", "other")]
    for file, seed in zip(files, ("7", "7", "8"), strict=True):
        words = ["day", str(file), "--hours", "1", "--ambulances", "9", "--seed", seed,
                 "--realism", "all"]  # fmt: skip
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
    one, two, other = (file.read_bytes() for file in files)
    assert one == two != other
    assert len(one.splitlines()) > 1_000


def test_it_is_told_in_the_order_of_time_and_within_the_day(
    said: list[tuple[float, int, str]],
) -> None:
    times = [t for t, _, _ in said]
    assert times == sorted(times)
    assert BEGINS.timestamp() <= times[0]
    assert times[-1] < BEGINS.timestamp() + HOUR.hours * 3600


def test_the_gateway_would_take_every_line_of_telemetry(
    said: list[tuple[float, int, str]],
) -> None:
    telemetry = [text for _, _, text in said if not text.startswith('{"act"')]
    kinds = Counter(type(line).__name__ for _, line in read_lines("\n".join(telemetry).encode()))
    assert set(kinds) == {"VitalsLine", "PositionLine"}
    assert kinds.total() == len(telemetry)


def test_an_ambulance_is_on_one_mission_at_a_time(said: list[tuple[float, int, str]]) -> None:
    missions: dict[str, set[int]] = defaultdict(set)
    spans: dict[int, list[float]] = defaultdict(list)
    for t, mission, text in said:
        if mission:
            spans[mission].append(t)
        if text.startswith('{"act":"assign"'):
            missions[json.loads(text)["body"]["unit_id"]].add(mission)
    assert any(len(theirs) > 1 for theirs in missions.values())
    for theirs in missions.values():
        for first, second in pairwise(sorted(theirs)):
            assert spans[first][-1] < spans[second][0]


def test_every_patient_has_acts_and_samples_of_their_own(
    said: list[tuple[float, int, str]],
) -> None:
    handles = {act["patient"] for _, act in acts(said)}
    ids = Counter(json.loads(text)["event_id"] for _, _, text in said if '"device_id"' in text[:80])
    assert max(ids.values()) == 1
    assert {each.rpartition(".")[0] for each in ids} <= handles
    assert len(handles) > 20


def test_more_is_called_by_day_than_by_night() -> None:
    wanted = Wanted(seed=1, ambulances=40, hours=24, calls_per_hour=30)
    calls = Counter(int((t - BEGINS.timestamp()) // 3600) for t, act in calls_of(wanted))
    shares = city.load().calls_by_hour
    assert sum(shares) / 24 == pytest.approx(1, abs=0.01)
    assert sum(calls[h] for h in range(14, 19)) > 2 * sum(calls[h] for h in range(1, 6))
    assert calls.total() == pytest.approx(24 * 30, rel=0.15)


def calls_of(wanted: Wanted) -> list[tuple[float, str]]:
    from simulator.day import _calls

    return [(t, "call") for t in _calls(wanted, Random(1))]


def test_most_of_what_is_called_in_is_a_trifle() -> None:
    weights = {True: 0.0, False: 0.0}
    for told in story.every():
        marks = [mark for name in told.patients for _, mark in told.marks(name)]
        worst = max((mark.worst.urgency for mark in marks), default=0)
        weights[worst <= TriageLevel.URGENT.urgency] += told.weight
    assert weights[True] > weights[False]


def test_what_goes_wrong_is_in_it_too() -> None:
    wrong = Realism(["leads_off"], lambda purpose: Random(f"7/{purpose}"))
    spoilt = [text for _, _, text in lines(HOUR, wrong) if '"vitals":{}' in text]
    assert spoilt


def test_a_story_that_takes_more_ambulances_than_there_are_is_said() -> None:
    with pytest.raises(ValueError, match="a story takes 2 ambulances: there are 1"):
        for _ in lines(HOUR._replace(ambulances=1, hours=24), FLAWLESS):
            pass


def test_a_day_that_is_broken_off_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "day.ndjson"
    file.write_text("before", "utf-8")
    with pytest.raises(ValueError, match="takes 2 ambulances"):
        write(file, Wanted(seed=7, ambulances=1, hours=24, calls_per_hour=60))
    assert file.read_text("utf-8") == "before"
    assert list(tmp_path.iterdir()) == [file]
    write(file, Wanted(seed=7, ambulances=3, hours=0.1, calls_per_hour=60))
    assert file.read_text("utf-8").startswith("{")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_that_a_day_cannot_show_is_refused_and_the_others_show(
    tmp_path: Path, fault: str
) -> None:
    plain, spoilt = tmp_path / "plain", tmp_path / "spoilt"
    few = ["--hours", "0.5", "--ambulances", "12", "--calls-per-hour", "60"]
    CliRunner().invoke(main, ["day", str(plain), *few])
    result = CliRunner().invoke(main, ["day", str(spoilt), *few, "--realism", fault])
    assert (result.exit_code == 0) == (fault in OF_A_DAY)
    if fault in OF_A_DAY:
        assert spoilt.read_bytes() != plain.read_bytes()
    else:
        assert FAULTS["lost_gps"].zh in result.output, "it says which there are"
