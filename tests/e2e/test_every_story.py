"""Every story end to end, against the real services: the judge finds nothing lost or wrong.

Whatever goes wrong with telemetry does, and on the way each service stands still for a while,
triage for so long that whole stories pass it by.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from threading import Thread

import pytest

from schemas.triage import Centre
from simulator import truth
from simulator.story import every
from tests.whole_run import greenchannel

pytestmark = pytest.mark.timeout(300)

#: Told this many times faster than their own seconds, one call a second.
PACE, CALLS_PER_HOUR = 3, 3600
#: The longest first: until then all of them are over.
NAMES = [s.story for s in sorted(every(), key=lambda story: -story.duration)]
SECONDS = 80
#: Which service stands still, and for how many seconds, one after the other from this second on.
FIRST_AT = 8
STILL = {"triage": 30, "bridge": 8, "gateway": 4, "tracker": 4, "dispatch": 4}


def test_every_story_is_told_to_its_end_and_nothing_is_lost_doubled_or_wrong(
    tmp_path: Path,
) -> None:
    report, data, where = tmp_path / "report.json", tmp_path / "data", tmp_path / "endpoints.json"
    asked = {
        "for": SECONDS,
        "pace": PACE,
        "calls-per-hour": CALLS_PER_HOUR,
        "vitals-per-second": 100,
        "live-encounters": 0,
        "ambulances": 100,
        "realism": "all",
        "port": 0,
        "report": report,
        "endpoints": where,
        "data": data,
    }
    words = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    words += [word for name in NAMES for word in ("--story", name)]
    stood_still: list[str] = []
    Thread(target=stand_still, args=(where, stood_still), daemon=True).start()
    status, said = greenchannel(["run", *words])
    assert report.exists(), said
    counted = json.loads(report.read_text("utf-8"))
    assert counted["ground_truth"] == dict.fromkeys(counted["ground_truth"], 0), counted["findings"]
    assert counted["refused"] == 0, counted["findings"]
    assert counted["admissions"] == counted["boardings"] > len(NAMES) / 2
    assert not sum(counted["dead_letters"].values())
    assert all(counted["prearrivals"][centre.value] for centre in Centre)
    assert status == 0, said
    assert stood_still == list(STILL)
    assert finished(data / "truth.ndjson") >= set(NAMES)


def stand_still(where: Path, stood_still: list[str]) -> None:
    """Stop the services and let them go on, one after the other, once input has begun."""
    while not where.exists():
        time.sleep(0.2)
    pids = json.loads(where.read_text("utf-8"))["pids"]
    time.sleep(FIRST_AT)
    for service, seconds in STILL.items():
        os.kill(pids[service], signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pids[service], signal.SIGCONT)
        stood_still.append(service)
        time.sleep(1)


def finished(journal: Path) -> set[str]:
    """The stories of which every patient was told of to the end at least once."""
    began: dict[str, str] = {}
    over: Counter[str] = Counter()
    for raw in journal.read_bytes().splitlines():
        line = truth.decode(raw)
        if isinstance(line, truth.EncounterBegan):
            began[line.handle] = line.story
        elif isinstance(line, truth.EncounterOver):
            over[began[line.handle]] += 1
    return {story.story for story in every() if over[story.story] >= len(story.patients)}
