"""What goes wrong with telemetry, and what the truth still says."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from random import Random
from typing import Any

import pytest

from simulator.crew import FORGETTABLE, Crew
from simulator.pace import Line, Pace
from simulator.realism import (
    ARTEFACTS,
    ARTEFACTS_APART,
    CLOCKS_S,
    DEAD_ZONES,
    FAULTS,
    FLAWLESS,
    HELD_UP_S,
    LEADS_OFF,
    WANDERS,
    Realism,
    Spells,
)
from simulator.story import Step, every
from simulator.tale import SETTLED, SETTLED_S, STALE_MARGIN_S, STALE_S, Tale
from simulator.telemetry import Telemetry
from tests.simulated import monitor, step, tale

VALUES = {"heart_rate": 80.0, "respiratory_rate": 16.0, "spo2": 97.0}


def made(*faults: str, seed: int = 1) -> Realism:
    return Realism(faults, lambda purpose: Random(f"{seed}/{purpose}"))


def test_each_fault_is_told_in_both_languages() -> None:
    assert all(told.zh and told.en for told in FAULTS.values())


def test_nothing_goes_wrong_unless_it_is_switched_on() -> None:
    lines = [Line(f"{n}", float(n), "h", n) for n in range(500)]
    for realism in (FLAWLESS, made()):
        assert realism.on_the_way(lines, 0.0) == lines
        assert all(realism.measured("M-1", VALUES, float(t)) is VALUES for t in range(500))
        assert realism.clock("M-1") == 0.0
        assert not any(realism.is_dark("U-1", float(t)) for t in range(5000))


def test_a_spell_lasts_as_long_as_it_may_and_comes_again() -> None:
    spells = Spells(Random(1), LEADS_OFF)
    on = [spells.is_on(t / 10) for t in range(20_000)]
    lengths, length = [], 0
    for is_on in on:
        if length and not is_on:
            lengths.append(length / 10)
        length = length + 1 if is_on else 0
    assert len(lengths) > 10
    shortest, longest = LEADS_OFF.lasts
    assert all(shortest - 0.2 <= each <= longest + 0.2 for each in lengths)


def test_what_a_dead_zone_keeps_is_not_too_old_to_decide_something() -> None:
    assert DEAD_ZONES.lasts[1] + HELD_UP_S[1] < STALE_S - STALE_MARGIN_S


def test_leads_that_are_off_give_zeros_or_nothing() -> None:
    realism = made("leads_off")
    shown = [realism.measured("M-1", VALUES, t / 2) for t in range(2000)]
    off = [values for values in shown if values != VALUES]
    assert off
    assert all(set(values.values()) <= {0.0} for values in off)
    assert {} in off


def test_artefacts_come_alone() -> None:
    realism = made("artefacts")
    shown = [realism.measured("M-1", VALUES, float(t)) for t in range(3000)]
    places = [n for n, values in enumerate(shown) if values != VALUES]
    assert len(places) > 20
    assert min(b - a for a, b in itertools.pairwise(places)) > ARTEFACTS_APART


def test_a_clock_is_wrong_by_minutes_and_stays_so() -> None:
    realism = made("device_clocks")
    clocks = {f"M-{n}": realism.clock(f"M-{n}") for n in range(200)}
    assert set(clocks.values()) == set(CLOCKS_S)
    assert all(realism.clock(device) == clock for device, clock in clocks.items())


def test_a_duplicate_is_the_same_event_and_is_not_counted() -> None:
    realism = made("duplicates")
    lines = [Line(f"{n}", float(n), "h", n) for n in range(2000)]
    arrived = [*realism.on_the_way(lines, 0.0), *realism.on_the_way([], 100.0)]
    copies = [line for line in arrived if not line.handle]
    assert 10 < len(copies) < 100
    assert [line for line in arrived if line.handle] == lines
    assert {line.text for line in copies} < {line.text for line in lines}


def test_what_is_held_up_comes_later_and_nothing_is_lost() -> None:
    realism = made("reordering")
    lines = [Line(f"{n}", float(n), "h", n) for n in range(2000)]
    at_once = realism.on_the_way(lines, 0.0)
    assert len(at_once) < 2000
    later = realism.on_the_way([], HELD_UP_S[1])
    assert sorted([*at_once, *later], key=lambda line: line.made) == lines


def test_the_same_seed_the_same_faults() -> None:
    def run(seed: int) -> list[Any]:
        realism = made(*FAULTS, seed=seed)
        lines = [Line(f"{n}", float(n), "h", n) for n in range(300)]
        shown: list[Any] = [realism.measured("M-1", VALUES, float(t)) for t in range(300)]
        return [shown, realism.on_the_way(lines, 1.0), realism.clock("M-1")]

    assert run(3) == run(3) != run(4)


def test_an_artefact_is_of_a_value_that_acts_by_a_second_sample() -> None:
    """A cuff, a thermometer and a strip act at once: of them the truth would have to know."""
    spoilt = {name for artefact in ARTEFACTS for name in artefact}
    assert spoilt <= {"heart_rate", "respiratory_rate", "spo2"}


def test_a_wrong_clock_is_told_from_a_late_sample_by_the_time_of_sending() -> None:
    realism = made("device_clocks")
    wrong = next(n for n in range(1, 50) if realism.clock(f"M-{n:04}") == 185.0)
    worn = monitor(wrong, Pace(1000.0))
    line = worn.sample(1100.0, realism=realism)
    assert '"occurred_at":"1970-01-01T00:21:25.000+00:00"' in line.text
    assert '"sent_at":"1970-01-01T00:21:45.000+00:00"' in line.whole(1120.0)


def test_no_level_hangs_on_a_sample_that_is_spoilt() -> None:
    """Neither before a held value has proven its level, nor shortly before it changes."""
    told = tale("chest_pain", pace=Pace(1000.0, stretch=30.0))
    worn = told.attach(step(told, "attached"))
    holds = told.story.streamed["patient"]
    realism = made("leads_off", "artefacts")
    spoilt: list[tuple[float, int, float]] = []
    made_of_hold: dict[float, int] = {}
    t = told.pace.due(holds[0].at)
    while t < told.pace.due(holds[-1].at):
        shown = told.story.hold_at("patient", told.pace.offset(t))
        line = worn.sample(t, realism=realism)
        assert line.proves is not None
        line.proves.acting(line, t)  # sent at once
        made_of_hold[shown.at] = made_of_hold.get(shown.at, 0) + 1
        values = json.loads(line.text + "}")["vitals"]
        if any(abs(values.get(n, 0.0) - v) > WANDERS[n] for n, v in shown.measured.items()):
            following = min(hold.at for hold in holds if hold.at > shown.at)
            spoilt.append((shown.at, made_of_hold[shown.at], told.pace.due(following) - t))
        t += 1.0
    assert len(spoilt) > 20
    assert all(nth > SETTLED and left > SETTLED_S for _, nth, left in spoilt)


def test_values_move_from_sample_to_sample_and_stay_near_what_is_held() -> None:
    realism = made()
    held = {"heart_rate": 80.0, "respiratory_rate": 16.0, "spo2": 99.0}
    shown = [realism.moving("M-1", held, ("respiratory_rate",)) for _ in range(2000)]
    assert {s["heart_rate"] for s in shown} == {78.0, 79.0, 80.0, 81.0, 82.0}
    assert {s["spo2"] for s in shown} == {98.0, 99.0, 100.0}
    assert {s["respiratory_rate"] for s in shown} == {16.0}, "a level hangs on it"
    steps = [abs(a["heart_rate"] - b["heart_rate"]) for a, b in itertools.pairwise(shown)]
    assert set(steps) == {0.0, 1.0}


def test_what_is_full_or_nothing_does_not_move_beyond_it() -> None:
    realism = made()
    held = {"heart_rate": 0.0, "spo2": 100.0}
    shown = [realism.moving("M-1", held, ()) for _ in range(500)]
    assert {s["heart_rate"] for s in shown} == {0.0}, "a heart that stands still is no wander"
    assert {s["spo2"] for s in shown} == {99.0, 100.0}
    assert FLAWLESS.moving("M-1", held, ()) is held


def test_a_cuff_measures_every_three_to_five_minutes() -> None:
    realism = made()
    found = [(t, v) for t in range(7200) if (v := realism.cuff("M-1", (120.0, 80.0), float(t)))]
    apart = [b - a for (a, _), (b, _) in itertools.pairwise(found)]
    assert len(found) > 20
    assert 180 <= min(apart) <= max(apart) <= 301
    assert {v["systolic_bp"] - v["diastolic_bp"] for _, v in found} == {40.0}
    assert {abs(v["systolic_bp"] - 120.0) for _, v in found} <= {0.0, 1.0, 2.0}
    assert not FLAWLESS.cuff("M-1", (120.0, 80.0), 9_999.0)


def test_a_cuff_finds_again_what_somebody_has_read_and_nobody_took_back() -> None:
    told = tale("chest_pain", pace=Pace(1000.0))
    worn = told.attach(step(told, "attached"))
    realism = made()
    seconds = range(16, 1200)
    assert not any("systolic" in worn.sample(1000.0 + s, realism=realism).text for s in seconds)
    told.done["first_reading"] = 1020.0  # it is on its way: the cuff must not be heard before it
    seconds = range(1200, 2400)
    assert not any("systolic" in worn.sample(1000.0 + s, realism=realism).text for s in seconds)
    told.taken.add("first_reading")
    shown = [worn.sample(1000.0 + s, realism=realism).text for s in range(2400, 3600)]
    assert 3 < sum("systolic_bp" in text for text in shown) < 8


def test_the_pressures_of_a_story_are_those_of_its_readings() -> None:
    pressures = {s.story: [s.pressures(name) for name in s.patients] for s in every()}
    assert all(upper > lower for each in pressures.values() for one in each
               for upper, lower in one.values())  # fmt: skip
    assert sum(bool(one) for each in pressures.values() for one in each) > 15


@pytest.mark.parametrize(("vehicle", "clock"), [(1, 0.0), (2, 0.0), (4, None)])
def test_an_older_platform_does_not_say_when_it_sends(vehicle: int, clock: float | None) -> None:
    worn = monitor(vehicle, Pace(1000.0))
    line = worn.sample(1100.0, realism=made("vendors"))
    assert line.clock == clock
    assert ("sent_at" in line.whole(1120.0)) == (clock is not None)
    assert "sent_at" in worn.sample(1101.0).whole(1120.0), "where no vendor writes himself"


@pytest.mark.parametrize(("vehicle", "by_kafka"), [(1, False), (2, True)])
def test_every_other_vendor_writes_to_the_broker(vehicle: int, *, by_kafka: bool) -> None:
    worn = monitor(vehicle, Pace(1000.0))
    assert worn.sample(1020.0, realism=made("vendors")).by_kafka is by_kafka
    assert not worn.sample(1020.0).by_kafka


def test_a_lost_vehicle_says_nothing_of_its_place() -> None:
    told = tale()
    van = told.van("unit")
    telemetry = Telemetry(None, [van], made("lost_gps"))
    telemetry.begin(1000.0)
    reports = [t for t in range(1000, 3000) if telemetry.until(float(t))]
    plain = Telemetry(None, [van], FLAWLESS)
    plain.begin(1000.0)
    assert 0 < len(reports) < len([t for t in range(1000, 3000) if plain.until(float(t))])


@pytest.mark.parametrize("fault", ["late_monitors", "late_presses", "forgotten_monitors"])
def test_what_crews_do_late_or_never_is_a_share_of_what_they_do(fault: str) -> None:
    realism = made(fault)
    whose = [f"p-{n}" for n in range(1000)]
    late = sum(realism.enters_late(each) > 0 for each in whose)
    pressed = sum(realism.presses_late(each) > 0 for each in whose)
    forgotten = sum(realism.forgets(each) for each in whose)
    expected = {"late_monitors": late, "late_presses": pressed, "forgotten_monitors": forgotten}
    assert 50 < expected.pop(fault) < 400
    assert set(expected.values()) == {0}
    assert realism.forgets("p-1") is realism.forgets("p-1")


def test_some_departments_never_answer() -> None:
    realism = made("no_answer")
    ignored = sum(realism.is_ignored(f"p-{n}") for n in range(1000))
    assert 80 < ignored < 300


async def test_a_crew_forgets_some_stamps_of_the_way_and_nothing_else() -> None:
    told = tale("unit_broken_down")
    acted: list[str] = []

    class Hands:
        async def act(self, tale: Tale, step: Step, done: float | None = None) -> None:
            acted.append(step.name)

    def crew(*faults: str) -> Crew:
        nobody: Any = Hands()
        telemetry = Telemetry(None, [], made(*faults, seed=3))
        return Crew(nobody, {}, telemetry, nobody, lambda patient: None)

    stamps = [step for step in told.story.steps if step.act == "stamp" and step.by == "crew"]
    for faults, forgotten in (((), False), (("forgotten_presses",), True)):
        acted.clear()
        for number in range(20):
            told.patients["patient"].handle = f"r-{number}"
            for each in stamps:
                await crew(*faults)._take(told, each)
        missing = Counter(each.name for each in stamps for _ in range(20)) - Counter(acted)
        assert bool(missing) is forgotten
        named = {each.name: each.body["status"] for each in stamps}
        assert {named[name] for name in missing} <= FORGETTABLE
        assert missing.total() < len(stamps) * 20 / 4
