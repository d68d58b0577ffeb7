"""Patients are carried while everything is killed and paused at random: of what was acknowledged
nothing is lost, nothing has a second effect, and each patient's events keep their order.

``make proof PART=soak``, an hour; ``GREENCHANNEL_PROOF_EVENTS`` (100000) in the broker's own
count, ``…_SEED`` (1), ``…_MINUTES`` (65) at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import KafkaException, TopicPartition
from tqdm import tqdm

from schemas.topics import registry
from services.kit.broker import client
from services.kit.broker import kafka as admin
from tests.crashes import City, Kept, city
from tests.platform import Platform
from tests.promises import PROMISES, what_was_sent_again_was_the_same
from tests.proof.account import at, enter, given
from tests.services import until

EVENTS, SEED = int(given("EVENTS", 100_000)), int(given("SEED", 1))
MOST_S = 60 * given("MINUTES", 65)
#: Of each so many, in an order that the seed decides; the pauses last 1 to 60 s.
HARMS = {
    "kill dispatch": 60, "kill triage": 60, "kill bridge": 60, "kill gateway": 20,
    "kill tracker": 20, "kill postgres": 40, "kill kafka": 30, "pause kafka": 30,
    "pause triage": 10, "pause bridge": 10, "pause dispatch": 10, "pause postgres": 10,
}  # fmt: skip
#: Seconds until what was killed works again, at the 95th percentile.
RECOVERS_S, BROKER_S = 10.0, 15.0
#: What is paused for a minute may be killed, and its neighbour paused, before anything is answered.
WAITS_S = 400.0
#: A service that is paused for longer is taken for dead: its session at the broker ends.
PAUSES_S = (1, 2, 4, 8, 15, 30, 60)


class Harm:
    """Hurts one thing after the other, and notes how long each took to work again."""

    def __init__(self, made: City, seed: int) -> None:
        self.made, self.random = made, random.Random(seed)
        self.left = [name for name, count in HARMS.items() for _ in range(count)]
        self.random.shuffle(self.left)
        self.done = Counter[str]()
        self.recovery_s = defaultdict[str, list[float]](list)

    async def goes_on(self) -> None:
        while self.left:
            name = self.left.pop()
            how, _, what = name.partition(" ")
            if how == "kill":
                await self._kill(name, what)
            else:
                await self._pause(what)
            self.done[name] += 1
            await asyncio.sleep(self.random.uniform(0.5, 2.0))

    async def _kill(self, name: str, what: str) -> None:
        began = time.monotonic()
        if what == "postgres":
            await self.made.platform.restart_postgres()
        elif what == "kafka":
            await self.made.platform.restart_kafka()
        else:
            self.made.kept[what].service.kill()
            await self._is_ready(self.made.kept[what])
        if what in ("postgres", "kafka"):
            await self.made.ready()
        self.recovery_s[name].append(time.monotonic() - began)

    async def _is_ready(self, kept: Kept) -> None:
        """It is another process, and ready."""
        await until(kept.is_ready, 120, f"{kept.service.name} does not come back")

    async def _pause(self, what: str) -> None:
        seconds = float(self.random.choice(PAUSES_S))
        pauses: dict[str, Callable[[float], Awaitable[None]]] = {
            "kafka": self.made.platform.pause_kafka,
            "postgres": self.made.platform.pause_postgres,
        }
        if what in pauses:
            await pauses[what](seconds)
        else:
            await paused(self.made.kept[what], seconds)
        await self.made.ready()


async def paused(kept: Kept, seconds: float) -> None:
    pid = kept.service.child.pid
    if pid is None:
        return
    process = psutil.Process(pid)
    process.suspend()
    try:
        await asyncio.sleep(seconds)
    finally:
        process.resume()


def stands_in_the_topics(platform: Platform) -> int:
    """The broker's own count of all that was ever written."""
    asking = client(platform.admin_settings)  # it has to live until it is answered
    topics = asking.list_topics(timeout=10).topics
    asked = {
        TopicPartition(name, n): admin.OffsetSpec.latest()
        for name in registry().topics
        if name in topics
        for n in topics[name].partitions
    }
    ends = asking.list_offsets(asked, request_timeout=10)
    return sum(end.result(timeout=20).offset for end in ends.values())


def broken(made: City) -> list[str]:
    """What does not hold, a line each."""
    found = list[str]()

    def holds(what: Callable[..., None], *about: Any) -> None:
        try:
            what(*about)
        except AssertionError as error:
            found.append(f"{what.__name__}: {str(error).partition(chr(10))[0][:200]}")

    for patient in made.patients:
        for promise in PROMISES:
            holds(promise, made.ledger, patient)
    holds(what_was_sent_again_was_the_same, made.ledger)
    return found


@pytest.mark.proof
@pytest.mark.timeout(4600)
async def test_nothing_is_lost_and_nothing_doubled(platform: Platform, tmp_path: Path) -> None:
    began = time.monotonic()
    before = stands_in_the_topics(platform)
    async with city(platform, tmp_path) as made:
        made.talks, made.waits_s = 8, WAITS_S
        await made.ready()
        harm = Harm(made, SEED)
        harming = asyncio.create_task(harm.goes_on())
        with tqdm(total=EVENTS, desc="records", unit="") as bar:

            def is_enough() -> bool:
                if harming.done():
                    harming.result()
                if time.monotonic() - began > MOST_S:
                    return True
                return harming.done() and bar.n >= EVENTS

            async def look() -> None:
                while True:
                    with contextlib.suppress(KafkaException):  # the broker is away, as it shall be
                        now = await asyncio.to_thread(stands_in_the_topics, platform) - before
                        bar.update(now - bar.n)
                    await asyncio.sleep(5)

            looking = asyncio.create_task(look())
            await made.carry_until(is_enough, MOST_S + 60)
            for task in (looking, harming):
                task.cancel()
            await asyncio.wait([looking, harming])
        await made.ready()
        await made.quiet(300)
        records = stands_in_the_topics(platform) - before
        wrong = broken(made)
    services = [s for name, times in harm.recovery_s.items() for s in times
                if name not in ("kill kafka",)]  # fmt: skip
    p95 = {"services and database": at(0.95, services),
           "broker": at(0.95, harm.recovery_s["kill kafka"])}  # fmt: skip
    holds = not wrong and not made.faults and records >= EVENTS
    quick = p95["services and database"] <= RECOVERS_S and p95["broker"] <= BROKER_S
    enter(
        "soak", passed=holds and quick, seconds=time.monotonic() - began, samples=records,
        seed=SEED, patients=len(made.patients), broken_promises=len(wrong),
        undeserved_answers=len(made.faults), harms=dict(harm.done), aimed_at=HARMS,
        recovery_p95_s=p95, recovery_max_s={k: round(max(v), 1) for k, v in
                                            harm.recovery_s.items()},
        limits={"services and database": RECOVERS_S, "broker": BROKER_S},
    )  # fmt: skip
    assert wrong == []
    assert made.faults == []
    assert records >= EVENTS
    assert quick, p95
