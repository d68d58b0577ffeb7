"""A city for an hour: whether any service grows.

``make proof PART=growth``, 65 minutes; ``GREENCHANNEL_PROOF_GROWTH_MINUTES`` (60).
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import linear_regression, mean
from typing import Any

import psutil
import pytest
from tqdm import tqdm

from services.kit.process import Child, end
from tests.proof.account import enter, given
from tests.services import until

SERVICES = ("dispatch", "gateway", "tracker", "triage", "bridge", "boards")
SECONDS = 60 * given("GROWTH_MINUTES", 60)
#: What a service needs to come to its size is no growth; after that an hour may add so much.
WARM = 0.25
GROWTH = 0.05
LOOK_S = 15.0
CITY = ("--calls-per-hour", "360", "--live-encounters", "60", "--ambulances", "80", "--seed", "11")


def growth(points: list[tuple[float, float]]) -> float:
    """How much of its mean a size grows in an hour, by the line through all points."""
    slope = linear_regression([x for x, _ in points], [y for _, y in points]).slope
    return round(slope * 3600 / mean(y for _, y in points), 4)


@pytest.mark.proof
@pytest.mark.timeout(int(SECONDS) + 900)
async def test_no_service_grows(tmp_path: Path) -> None:
    file, report = tmp_path / "endpoints.json", tmp_path / "report.json"
    words = ["run", "--port", "0", "--endpoints", str(file), "--report", str(report), *CITY]
    run = Child("run", [sys.executable, "-m", "services.cli", *words], tmp_path / "run.log",
                stop_with=signal.SIGINT)  # fmt: skip
    run.start()
    sizes = defaultdict[str, list[tuple[float, float]]](list)
    try:
        await until(lambda: file.exists() or run.pid is None, 180, "it does not start")
        began = time.monotonic()
        with tqdm(total=round(SECONDS), desc="looked at", unit="s") as bar:
            while (gone := time.monotonic() - began) < SECONDS:
                assert run.pid is not None, run.last_words(30)
                pids: dict[str, Any] = json.loads(file.read_text("utf-8"))["pids"]
                if gone > WARM * SECONDS:
                    for name in SERVICES:
                        size = psutil.Process(pids[name]).memory_info().rss / 1e6
                        sizes[name].append((gone, size))
                await asyncio.sleep(LOOK_S)
                bar.update(LOOK_S)
    finally:
        await asyncio.to_thread(end, [run], 120.0)
    judged = json.loads(report.read_text("utf-8"))
    rows = [
        {"service": name, "first_mb": round(each[0][1], 1), "last_mb": round(each[-1][1], 1),
         "growth_per_h": growth(each)}
        for name, each in sizes.items()
    ]  # fmt: skip
    flat = all(growth(each) <= GROWTH for each in sizes.values())
    truth = {name: count for name, count in judged["ground_truth"].items() if count}
    enter("growth", passed=flat and not truth, seconds=SECONDS, samples=judged["vitals_sent"],
          seed=11, encounters=judged["encounters"], judge_found=truth or "nothing",
          limit_per_h=GROWTH, sizes=rows)  # fmt: skip
    assert truth == {}
    assert flat, rows
