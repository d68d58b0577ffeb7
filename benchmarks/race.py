"""One way after the other decides the same stored records; what it told is timed by the broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from tqdm import tqdm

from benchmarks.broker import Broker, Ends
from benchmarks.decisions import Expected, Found, agreement
from benchmarks.ground import Ground, resident_bytes
from services.kit.fleet import CannotStart
from services.kit.process import Child

#: A way that has told nothing by then does not work.
SILENCE_S = 90.0
STANDSTILL_S = 30.0
LOOK_S = 0.1


@dataclass(frozen=True)
class Way:
    """A program, where it tells its decisions, and how long it may tell them."""

    title: str
    child: Child
    topic: str
    seconds: float = 300.0


class Watch:
    """Follows how much a way has told."""

    def __init__(self, broker: Broker, way: Way, begins: Ends) -> None:
        self._broker, self._way, self._begins = broker, way, begins
        self.ends: Ends = begins

    async def told(self) -> int:
        """How many decisions so far. Raises ``CannotStart`` when the way has ended badly."""
        self.ends = await self._broker.ends(self._way.topic)
        child = self._way.child
        if child.pid is None and child.status:
            raise CannotStart(f"{self._way.title} has died\n{child.last_words()}")
        return sum(self.ends.values()) - sum(self._begins.values())

    async def first(self) -> None:
        """Until it tells something. Raises ``CannotStart``."""
        deadline = time.monotonic() + SILENCE_S
        while not await self.told():
            if time.monotonic() > deadline:
                raise CannotStart(f"{self._way.title} is silent\n{self._way.child.last_words()}")
            await asyncio.sleep(LOOK_S)

    async def last(self, count: int) -> None:
        """Until it has told so many, tells no more, or its time is up."""
        known, grew = 0, time.monotonic()
        deadline = grew + self._way.seconds
        with tqdm(desc=f"  {self._way.title}", total=count, unit=" decisions", leave=False,
                  disable=None) as bar:  # fmt: skip
            while (told := await self.told()) < count:
                now = time.monotonic()
                grew = now if told > known else grew
                if now > deadline or now - grew > STANDSTILL_S:
                    return
                bar.update(told - known)
                known = told
                await asyncio.sleep(LOOK_S)


async def run(
    way: Way,
    ground: Ground,
    broker: Broker,
    expected: Expected,
    then: Sequence[Callable[[], Awaitable[None]]] = (),
) -> dict[str, Any]:
    """Start it, wait until all is told, do what comes then, end it, and read what it told."""
    begins = await broker.ends(way.topic)
    watch = Watch(broker, way, begins)
    way.child.start()
    ground.adopt(way.child)
    await watch.first()
    began, used = time.monotonic(), ground.cpu_seconds()
    await watch.last(expected.decisions)
    took, after = time.monotonic() - began, ground.cpu_seconds()
    await watch.told()
    resident = resident_bytes(way.child)
    try:
        for each in then:
            await each()
    except TimeoutError as error:
        raise CannotStart(f"{way.title}: {error}\n{way.child.last_words()}") from None
    await ground.down(way.child)
    cpu = {name: after[name] - used.get(name, 0.0) for name in after}
    found = await broker.found(begins, watch.ends)
    return {
        **_told(found, expected),
        "seen_s": round(took, 2),
        "cpu_s": {name: round(seconds, 2) for name, seconds in cpu.items()},
        "vitals_per_cpu_s": _rate(found.folded, cpu[way.child.name]),
        "vitals_per_cpu_s_of_all": _rate(found.folded, sum(cpu.values())),
        "resident_mb": round(resident / 1e6),
    }


def _told(found: Found, expected: Expected) -> dict[str, Any]:
    return {
        "vitals": found.folded,
        "decisions": found.decisions,
        "seconds": round(found.seconds, 3),
        "vitals_per_s": _rate(found.folded, found.seconds),
        "agreement": agreement(expected.by_encounter, found.by_encounter)._asdict(),
    }


def _rate(count: int, seconds: float) -> int:
    return round(count / seconds) if seconds > 0 else 0


class Books:
    """Triage's own tables, as the administrator sees them."""

    def __init__(self, database: asyncpg.Connection[asyncpg.Record], broker: Broker) -> None:
        self._database, self._broker = database, broker

    async def rest(self, *topics: str) -> None:
        """Until triage has taken all that these topics hold, and told all that followed. Raises
        ``TimeoutError`` when it takes and tells no more before that."""
        ends = await self._broker.ends(*topics)
        left, grew = await self._left(ends), time.monotonic()
        while left:
            if time.monotonic() - grew > STANDSTILL_S:
                raise TimeoutError(f"{left} records and decisions are left, and nothing happens")
            await asyncio.sleep(LOOK_S)
            before, left = left, await self._left(ends)
            grew = time.monotonic() if left != before else grew

    async def _left(self, ends: Ends) -> int:
        """How many records are not taken yet, and how many decisions are not told."""
        rows = await self._database.fetch("SELECT topic, partition, next FROM triage.positions")
        at = {(row["topic"], row["partition"]): int(row["next"]) for row in rows}
        waiting = int(await self._database.fetchval("SELECT count(*) FROM triage.outbox"))
        return waiting + sum(max(0, end - at.get(tuple(p), 0)) for p, end in ends.items())

    async def forget(self) -> None:
        """As if nothing had been taken yet."""
        await self._database.execute(
            "TRUNCATE triage.states, triage.positions, triage.outbox, triage.set_aside"
        )
