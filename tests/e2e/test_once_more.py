"""What was recorded is said once more to a system of its own: triage decides as it had decided."""

from __future__ import annotations

import gzip
import json
import math
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import pytest

from schemas.recording import Recorded, read, read_head
from services.kit.process import ROOT
from services.triage.loader import active
from services.triage.rerun import cases_of, decide_again
from services.triage.reruns import of_recording
from tests.whole_run import greenchannel

pytestmark = pytest.mark.timeout(240)

STORIES = ROOT / "schemas/examples/stories"
PACE = 3
#: So long after input began it is recorded; what was due some seconds before has to be there.
RECORDED_S, DUE_S = 40, 36
SAID = ("dispatch-encounters", "ambulance-findings")
#: What triage reads besides, and what it decided.
DECIDED = ("ambulance-vitals", "bridge-handoffs", "triage-decisions")


def test_the_stories_are_decided_as_they_were_and_can_be_recorded_again(tmp_path: Path) -> None:
    report, where, again = (tmp_path / name for name in ("r.json", "e.json", "again.ndjson.gz"))
    words = ["run", "--recording", STORIES, "--pace", PACE, "--port", 0]
    words += ["--report", report, "--endpoints", where]
    with ThreadPoolExecutor() as beside:
        running = beside.submit(greenchannel, words)
        while not where.exists() and not running.done():
            time.sleep(0.2)
        time.sleep(0 if running.done() else RECORDED_S)
        recording = greenchannel(["record", again, "--endpoints", where, *topics()], 60)
        status, said = running.result()
    assert status == 0, said
    assert recording[0] == 0, recording[1] + said
    counted = json.loads(report.read_text("utf-8"))
    assert counted["patients"] == counted["same"] > 25, counted["others"]
    assert (counted["otherwise"], counted["problems"]) == (0, [])
    fates = sum((Counter(each) for each in counted["records"].values()), Counter())
    assert fates.total() == sum(1 for file in stories() for _ in records(file.read_text("utf-8")))
    assert fates["said"] > fates["made again"] / 2 > 0
    assert again.stat().st_mode & 0o077 == 0
    assert within(told(again), sources())
    assert within(sources(DUE_S), told(again))
    assert reproduced(again) > 100


def reproduced(packed: Path) -> int:
    """So many decisions come out again to the letter, when they are decided again."""
    rules, count = active(), 0
    for case in cases_of(of_recording(packed)):
        again = list(decide_again(case, rules))[: len(case.decisions)]
        assert again == list(case.decisions)
        count += len(again)
    return count


Bare: TypeAlias = "Counter[tuple[str, bytes | None, bytes]]"


def within(some: Bare, more: Bare) -> bool:
    assert not some - more
    return some.total() > 100


def topics() -> list[str]:
    return [word for topic in (*SAID, *DECIDED) for word in ("--topic", topic)]


def stories() -> list[Path]:
    return sorted(STORIES.glob("*.ndjson"))


def records(text: str) -> Iterator[tuple[int, str]]:
    lines = text.splitlines()
    read_head(lines[0])
    return iter(list(enumerate(lines[1:], 2)))


def sources(until_s: float = math.inf) -> Bare:
    """What the recordings hold of these topics, until so long after the beginning."""
    found: Bare = Counter()
    for file in stories():
        told = [read(line, number) for number, line in records(file.read_text("utf-8"))]
        due = (r for r in told if (r.t - told[0].t) / 1000 / PACE < until_s)
        found.update(bare(r) for r in due if r.topic in SAID)
    return found


def told(packed: Path) -> Bare:
    """What was recorded, which stands in the order of the broker's time."""
    text = gzip.decompress(packed.read_bytes()).decode()
    found = [read(line, number) for number, line in records(text)]
    assert all(a.t <= b.t for a, b in pairwise(found))
    return Counter(bare(record) for record in found if record.topic in SAID)


def bare(record: Recorded) -> tuple[str, bytes | None, bytes]:
    """A record without its times, which are others now."""
    timeless = re.sub(rb'"\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)"', b'""', record.value or b"")
    return record.topic, record.key, timeless
