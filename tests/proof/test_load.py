"""1,000 vital signs and 500 positions a second, everything running, for ten minutes: from an acting
sample to the queue; what Prometheus costs meanwhile.

``make proof PART=load``, a quarter of an hour; ``GREENCHANNEL_PROOF_LOAD_SECONDS`` (600).
"""

from __future__ import annotations

import asyncio
import re
import time
import timeit
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks import path
from benchmarks.ground import opened
from services.kit import metrics as seen
from tests.proof.account import at, enter, given

SECONDS = int(given("LOAD_SECONDS", 600))
POSITIONS = 500
SCRAPE_MS = 50
_SERIES = re.compile(rb"^greenchannel_", re.MULTILINE)


async def scraped(
    ports: Mapping[str, int], ms: dict[str, list[float]], series: dict[str, int]
) -> None:
    """As Prometheus does, every five seconds, for ever."""
    async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
        while True:
            for name, port in ports.items():
                try:
                    began = time.perf_counter()
                    answer = await http.get(f"http://127.0.0.1:{port}/metrics")
                    ms[name].append(1e3 * (time.perf_counter() - began))
                    series[name] = len(_SERIES.findall(answer.content))
                except httpx.TransportError:
                    continue  # not up yet, or gone already
            await asyncio.sleep(5)


def observations_ns() -> dict[str, int]:
    """What one observation costs the process that makes it, by kind, with its labels looked up."""
    kinds: dict[str, Any] = {
        "counter": lambda: seen.DEAD_LETTERS.labels("a", "b", "c").inc(),
        "gauge": lambda: seen.SOURCES_PAUSED.labels("a").set(1),
        "histogram": lambda: seen.QUEUED_SECONDS.labels("yes").observe(0.12),
        "histogram without labels": lambda: seen.TAKEN_SECONDS.observe(0.12),
    }
    times = 100_000
    return {n: round(min(timeit.repeat(do, number=times, repeat=3)) / times * 1e9)
            for n, do in kinds.items()}  # fmt: skip


@pytest.mark.proof
@pytest.mark.timeout(SECONDS + 900)
async def test_a_province_speaks_for_ten_minutes(tmp_path: Path) -> None:
    ms, series = defaultdict[str, list[float]](list), dict[str, int]()
    began = time.monotonic()
    async with opened(tmp_path) as (ground, broker):
        measuring = path.Measuring(path.Options(SECONDS, POSITIONS), ground, broker)
        looking = asyncio.create_task(scraped(measuring.ports, ms, series))
        try:
            found = await measuring.whole()
        finally:
            looking.cancel()
    limits = path.limits(found)
    wrong = list(path.disagreements(found))
    scrapes = {name: {"p50": at(0.5, each), "p99": at(0.99, each), "max": round(max(each), 1)}
               for name, each in ms.items()}  # fmt: skip
    quick = all(each["p99"] <= SCRAPE_MS for each in scrapes.values())
    enter(
        "load", passed=quick and not wrong and all(each["holds"] for each in limits),
        seconds=time.monotonic() - began, samples=found["acting"]["n"],
        vitals_per_s=path.PATIENTS, positions_per_s=POSITIONS, minutes=round(SECONDS / 60, 1),
        acting_sample_to_queue_ms=found["acting"]["ms"], unread=found["unread"],
        cores=found["cores"], disagreements=wrong, series=series,
        observation_ns=observations_ns(), scrape_limit_ms=SCRAPE_MS,
        scrapes_ms=[{"service": name, **each} for name, each in scrapes.items()],
        limits=[{"of": x["title"], "measured": x["measured"], "limit": x["limit"] + x["unit"],
                 "holds": "yes" if x["holds"] else "NO"} for x in limits],
    )  # fmt: skip
    assert wrong == []
    assert series
    assert quick, scrapes
