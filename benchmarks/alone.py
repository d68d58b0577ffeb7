"""One core in one process, with no broker and no database: how fast deciding is by itself.

Run as a process of its own, ``python -m benchmarks.alone``; it writes what it measured as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from math import ceil
from statistics import median
from typing import Any, NamedTuple

from benchmarks.decisions import SOURCE
from benchmarks.vitals import Load, Stored, openings, vitals
from schemas.envelope import decode, encode
from schemas.event import Event
from services.kit.runtime import settle_memory
from services.triage.decide import REFRESH_S, SPREAD_S, State, step
from services.triage.loader import active
from services.triage.rulebook import Rulebook

ENCOUNTERS, ROUNDS = 600, 5
REPETITIONS = 5
#: Crews measure by hand in this second; from then on every decision is a refresh.
MET = 10
EVERY = ceil(REFRESH_S + SPREAD_S)
#: In these seconds after a decision a sample changes nothing; in the last of them the next is due.
STEADY = range(1, 5)
SPEAKS = len(STEADY) + 1
#: What the machine is measured by: so many additions of small numbers.
ADDITIONS = 1_000_000

States = dict[str, State]


class Step(NamedTuple):
    """One record for an encounter."""

    key: str
    event: Event
    at: datetime


class Round(NamedTuple):
    """Samples that change nothing, and those at which each decision is said again."""

    steady: Sequence[Step]
    due: Sequence[Step]


def main() -> None:
    """Measure, and write it."""
    rulebook = active()
    met, rounds = _prepared(rulebook)
    settle_memory()  # as the service does
    measured = [_repetition(dict(met), rounds, rulebook) for _ in range(REPETITIONS)]
    differing = measured[0].pop("differing")
    names = {name: [each[name] for each in measured] for name in measured[0]}
    found = {
        name: {"best": round(max(rates)), "median": round(median(rates)), "unit": "1/s"}
        for name, rates in names.items()
    }
    scale = min(_seconds(_additions) for _ in range(REPETITIONS))
    told = {"rates": found, "differing": differing, "additions_ms": round(scale * 1e3, 1)}
    json.dump(told, sys.stdout)


def _prepared(rulebook: Rulebook) -> tuple[States, list[Round]]:
    """The states after the crews' first look, and what follows: of those patients alone in whom
    nothing changes."""
    seconds = MET + ROUNDS * EVERY
    load = Load(ENCOUNTERS, seconds + 1, datetime.now(UTC).replace(microsecond=0), met=MET)
    records = list(vitals(load))[: ENCOUNTERS * (seconds + 1)]
    states: States = {}
    _take(_steps(openings(load)), states, rulebook)
    _take(_steps(records[: ENCOUNTERS * (MET + 1)]), states, rulebook)
    after = [
        each
        for n, each in enumerate(_steps(records[ENCOUNTERS * (MET + 1) :]))
        if (n // ENCOUNTERS + 1) % EVERY in (*STEADY, 0)
    ]
    calm = _calm(after, dict(states), rulebook)
    rounds = list(_rounds([each for each in after if each.key in calm]))
    return {key: state for key, state in states.items() if key in calm}, rounds


def _steps(records: Sequence[Stored]) -> Iterator[Step]:
    for event, at in records:
        yield Step(event.encounter_id, event, at)  # type: ignore[attr-defined]


def _take(steps: Iterator[Step], states: States, rulebook: Rulebook) -> None:
    for key, event, at in steps:
        states[key], _ = step(states.get(key), event, at, rulebook)


def _calm(steps: Sequence[Step], states: States, rulebook: Rulebook) -> set[str]:
    """The encounters of which each refresh comes in its turn and none says anything new."""
    calm = set(states)
    for n, (key, event, at) in enumerate(steps):
        states[key], said = step(states[key], event, at, rulebook)
        is_due = n // ENCOUNTERS % SPEAKS == SPEAKS - 1
        if len(said) != is_due or any(each.changed for each in said):  # type: ignore[attr-defined]
            calm.discard(key)
    return calm


def _rounds(steps: Sequence[Step]) -> Iterator[Round]:
    by_second = [list(group) for _, group in groupby(steps, lambda each: int(each.at.timestamp()))]
    for first in range(0, len(by_second), SPEAKS):
        *steady, due = by_second[first : first + SPEAKS]
        yield Round([each for second in steady for each in second], due)


def _repetition(states: States, rounds: Sequence[Round], rulebook: Rulebook) -> dict[str, float]:
    """Samples per second: of each kind, through all rounds."""
    spent, differing = dict.fromkeys(("steady", "refreshed", "anew"), 0.0), 0
    for samples, due in rounds:
        spent["steady"] += _seconds(partial(_fold, samples, states, rulebook))
        stored = {key: _restored(state) for key, state in states.items()}
        anew, said = list[bytes](), list[bytes]()
        spent["anew"] += _seconds(partial(_decide, due, stored, rulebook, anew))
        spent["refreshed"] += _seconds(partial(_decide, due, states, rulebook, said))
        differing += sum(one != two for one, two in zip(said, anew, strict=True))
    folded = sum(len(each.steady) for each in rounds)
    decided = sum(len(each.due) for each in rounds)
    return {
        "folded": folded / spent["steady"],
        "refreshed": decided / spent["refreshed"],
        "anew": decided / spent["anew"],
        "as_they_come": (folded + decided) / (spent["steady"] + spent["refreshed"]),
        "differing": differing,
        **_parts(states, rounds[-1].due),
    }


def _fold(steps: Sequence[Step], states: States, rulebook: Rulebook) -> None:
    for key, event, at in steps:
        states[key], said = step(states[key], event, at, rulebook)
        if said:
            raise AssertionError("a sample that changes nothing was decided on")


def _decide(steps: Sequence[Step], states: States, rulebook: Rulebook, out: list[bytes]) -> None:
    for key, event, at in steps:
        states[key], (decision,) = step(states[key], event, at, rulebook)
        out.append(encode(decision, SOURCE).value)


def _restored(state: State) -> State:
    """As from the database: nothing but what is stored."""
    return State.model_validate_json(state.model_dump_json(exclude_defaults=True))


def _parts(states: States, steps: Sequence[Step]) -> dict[str, float]:
    """What surrounds a decision, for scale."""
    records = [encode(each.event, "greenchannel/gateway") for each in steps]
    dumped = [state.model_dump_json(exclude_defaults=True) for state in states.values()]

    def rate(does: Callable[[], Any]) -> float:
        return len(steps) / _seconds(does)

    return {
        "decoded": rate(lambda: [decode(m.topic, m.key, m.value, m.headers) for m in records]),
        "state_written": rate(
            lambda: [state.model_dump_json(exclude_defaults=True) for state in states.values()]
        ),
        "state_read": rate(lambda: [State.model_validate_json(text) for text in dumped]),
    }


def _seconds(does: Callable[[], Any]) -> float:
    began = time.perf_counter()
    does()
    return time.perf_counter() - began


def _additions() -> int:
    total = 0
    for number in range(ADDITIONS):
        total += number
    return total


if __name__ == "__main__":
    main()
