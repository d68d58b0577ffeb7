"""A whole run, hurt in twelve ways: each page goes out to its people, and ends. Before, ten minutes
in which nothing is wrong and nobody is called; at last the watch itself is lost, and that is seen.

``make proof PART=alerts``, about forty minutes; ``GREENCHANNEL_PROOF_CLEAN_MINUTES`` (10).
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

from tests.faults import CASES, ENDS_S, LATE_S, PARTS, Fault, hurts
from tests.proof.account import enter, given
from tests.watched import SWITCH_S, Watched, watched

CITY = ("--calls-per-hour", "240", "--live-encounters", "20", "--ambulances", "40", "--seed", "7")
CLEAN_S = 60 * given("CLEAN_MINUTES", 10)
#: Seconds to see that nobody watches.
SWITCH_SEEN_S = 120.0


async def loses(run: Watched, part: str) -> float:
    """How long it takes whoever keeps the dead man's switch to see that nobody watches."""
    while run.receivers.switch_is_lost():  # noqa: ASYNC110
        await asyncio.sleep(0.5)
    async with run.stopped(part):
        began = time.monotonic()
        while not run.receivers.switch_is_lost():
            assert time.monotonic() - began < 3 * SWITCH_SEEN_S, f"{part}: nobody notices"
            await asyncio.sleep(0.5)
        return round(time.monotonic() - began, 1)


@pytest.mark.proof
@pytest.mark.needs_program("prometheus", "prometheus-alertmanager")
@pytest.mark.timeout(4500)
async def test_each_fault_pages_its_people_and_a_clean_run_nobody(tmp_path: Path) -> None:
    began = time.monotonic()
    assert SWITCH_S < SWITCH_SEEN_S
    async with watched(tmp_path, *CITY) as run:
        with tqdm(total=round(CLEAN_S), desc="nothing is wrong", unit="s") as bar:
            start = time.monotonic()
            while (gone := time.monotonic() - start) < CLEAN_S:
                await asyncio.sleep(min(5.0, CLEAN_S - gone + 0.01))
                bar.update(5)
        clean = run.receivers.names()
        found = list[dict[str, Any]]()
        with tqdm(total=len(CASES) + len(PARTS), desc="faults", unit="") as bar:

            async def one(fault: Fault) -> None:
                found.extend(await hurts(run, fault))
                bar.update()

            await asyncio.gather(*map(one, CASES))
            for each in PARTS:
                await run.receivers.rest(ENDS_S)
                await one(each)
            await run.receivers.rest(ENDS_S)
        lost = {part: await loses(run, part) for part in ("alertmanager", "prometheus")}
    late = [each for each in found if each["late_s"] > LATE_S]
    unseen = {part: s for part, s in lost.items() if s > SWITCH_SEEN_S}
    passed = not clean and not late and not unseen
    enter(
        "alerts", passed=passed, seconds=time.monotonic() - began, samples=len(found), seed=7,
        clean_minutes=round(CLEAN_S / 60, 1), paged_in_clean=clean, faults=found,
        switch_lost_s=lost, limits={"late_s": LATE_S, "switch_lost_s": SWITCH_SEEN_S},
    )  # fmt: skip
    assert clean == []
    assert late == []
    assert unseen == {}
