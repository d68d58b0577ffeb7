"""The part ``triage``: deciding alone, through broker and database, beside peers; and memory."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import asyncpg
import click
import httpx

from benchmarks.broker import Broker
from benchmarks.decisions import TOPIC, Expected, decided
from benchmarks.ground import PEERS_PYTHON, Ground, opened, resident_bytes
from benchmarks.machine import versions
from benchmarks.peer import written
from benchmarks.race import Books, Way, run
from benchmarks.triage_report import TITLES
from benchmarks.vitals import Load, Stored, openings, vitals
from schemas.encounter import EncounterOpened
from schemas.envelope import Message, encode
from services.kit.fleet import readiness
from services.kit.process import ROOT, Child, free_port
from services.local.supervisor import PARTITIONS
from services.triage.loader import active

TOPICS = ("dispatch-encounters", "ambulance-vitals")
#: Memory is looked at with so many encounters live, each heard of for so many seconds.
LIVE, HEARD_S = 10_000, 4


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    encounters: int = 1_000
    seconds: int = 60
    rounds: int = 2
    faust_seconds: float = 30.0
    peers: bool = True


def alone() -> dict[str, Any]:
    """A process of its own: nothing of ours is in its way."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.alone"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class Measuring:
    """One run on one ground."""

    def __init__(self, options: Options, ground: Ground, broker: Broker) -> None:
        self.options, self.ground, self.broker = options, ground, broker
        begin = datetime.now(UTC).replace(microsecond=0)
        begin -= timedelta(seconds=options.seconds + 30)
        self.load = Load(options.encounters, options.seconds, begin)
        self.expected = Expected()
        self.port = free_port()
        self.given = ground.folder / "openings.ndjson"
        self.told = ground.folder / "decisions.ndjson"
        self.memory: dict[str, Any] = {}

    async def whole(self) -> dict[str, Any]:
        """Write, let each decide, and look at memory."""
        idle = await self.idle()
        await self.prepare()
        database = await asyncpg.connect(self.ground.dsn)
        try:
            ways = await self.race(Books(database, self.broker), idle)
        finally:
            await database.close()
        return {"stored": self.stored(), "ways": ways, "memory": self.memory}

    async def idle(self) -> int:
        """The memory of triage when nothing has happened yet; its tables are made on the way."""
        child = await self.service_up()
        resident = resident_bytes(child)
        await self.ground.down(child)
        return resident

    async def service_up(self) -> Child:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            child = self.ground.service("triage", self.port)
            return await self.ground.up(child, readiness(http, self.port))

    async def prepare(self) -> None:
        """Write the records to the broker, and beside it what must come of them."""
        click.echo("  写入 · writing what will be read …")
        await self.broker.take_times_as_given(*TOPICS)
        first, then = openings(self.load), list(vitals(self.load))
        await self.broker.write(_messages(chain(first, then)))
        self.given.write_text(written(_messages(first)), "utf-8")
        told = decided(chain(first, then), active(), self.expected)
        opened = {event.event_id for event, _ in first}
        pairs = ((m, "" if cause in opened else cause) for cause, m in told)
        self.told.write_text(written(pairs), "utf-8")

    async def race(self, books: Books, idle: int) -> dict[str, list[dict[str, Any]]]:
        """In turn, so that what the machine does beside it meets all alike."""
        found = defaultdict[str, list[dict[str, Any]]](list)
        for n in range(self.options.rounds):
            if self.options.peers:
                found["quix"].append(await self.by_peer(self.quix(f"bench-quix-{n}")))
                if n == 0:
                    found["faust"].append(await self.by_faust("bench-faust"))
                found["bare"].append(await self.by_peer(self.bare(f"bench-bare-{n}")))
            is_last = n == self.options.rounds - 1
            found["triage"].append(await self.by_triage(books, idle if is_last else None))
        return found

    async def by_triage(self, books: Books, idle: int | None) -> dict[str, Any]:
        await books.forget()
        child = self.ground.service("triage", self.port)
        then = [partial(books.rest, *TOPICS)]
        if idle is not None:
            then.append(partial(self.fill, books, child, idle))
        return await self._run(Way(TITLES["triage"], child, TOPIC), then)

    async def fill(self, books: Books, child: Child, idle: int) -> None:
        """Many more encounters, all live at once, in the process that has decided until now."""
        begin = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=HEARD_S + 10)
        load = Load(LIVE, HEARD_S, begin, seed=2)
        await self.broker.write(_messages(chain(openings(load), vitals(load))))
        await books.rest(*TOPICS)
        resident = resident_bytes(child)
        self.memory = {
            "live_encounters": LIVE,
            "idle_mb": round(idle / 1e6, 1),
            "resident_mb": round(resident / 1e6, 1),
            "kb_per_encounter": round((resident - idle) / LIVE / 1e3, 2),
        }

    async def by_faust(self, topic: str) -> dict[str, Any]:
        await self.broker.make(f"{topic}-states-changelog", **{"cleanup.policy": "compact"})
        return await self.by_peer(self.faust(topic))

    async def by_peer(self, way: Way) -> dict[str, Any]:
        await self.broker.make(way.topic)
        return await self._run(way)

    async def _run(
        self, way: Way, then: Sequence[Callable[[], Awaitable[None]]] = ()
    ) -> dict[str, Any]:
        found = await run(way, self.ground, self.broker, self.expected, then)
        click.echo(f"  ✓ {way.title}: {found['vitals_per_s']:,}/s")
        return {**found, "cut_off": found["decisions"] < self.expected.decisions}

    def stored(self) -> dict[str, Any]:
        """What was decided on."""
        expected, load = self.expected, self.load
        return {
            "encounters": load.encounters,
            "vitals": load.vitals,
            "partitions": PARTITIONS,
            "decisions": expected.decisions,
            "changing": expected.changing,
            "bytes_per_decision": round(expected.decision_bytes / expected.decisions),
            "bytes_per_state": round(expected.state_bytes / load.encounters),
        }

    def quix(self, topic: str) -> Way:
        words = ["benchmarks.quix", topic, str(self.given), str(self.ground.empty("quix"))]
        return Way(TITLES["quix"], self.ground.peer("quix", words, PEERS_PYTHON), topic)

    def bare(self, topic: str) -> Way:
        words = ["benchmarks.bare", topic, str(self.told)]
        return Way(TITLES["bare"], self.ground.peer("bare", words), topic)

    def faust(self, topic: str) -> Way:
        folder = str(self.ground.empty("faust"))
        words = ["benchmarks.faust_agent", topic, str(self.given), folder, str(PARTITIONS)]
        child = self.ground.peer("faust", words)
        return Way(TITLES["faust"], child, topic, self.options.faust_seconds)


def _messages(records: Iterable[Stored]) -> Iterator[tuple[Message, int]]:
    for event, at in records:
        source = "dispatch" if isinstance(event, EncounterOpened) else "gateway"
        yield encode(event, f"greenchannel/{source}"), round(at.timestamp() * 1000)


async def measure(options: Options, folder: Path) -> dict[str, Any]:
    """All of the part, in a folder that may go afterwards."""
    click.echo("  一核 · one core, by itself: about a minute …")
    by_itself = await asyncio.to_thread(alone)
    async with opened(folder) as (ground, broker):
        found = await Measuring(options, ground, broker).whole()
        known = {**ground.versions, **({"peer": versions(PEERS_PYTHON)} if options.peers else {})}
        return {"versions": known, "alone": by_itself, **found}
