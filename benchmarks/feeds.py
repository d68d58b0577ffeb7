"""The part ``feeds``: what is committed, at the boards of all facilities, some of which never read.

Broker, database and bridge run, the other services do not. The changes are written by this process,
as another worker of the bridge would: the bridge that serves the boards has to be told of them. A
change's time runs from its commit until a board has received it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from pydantic import SecretStr
from tqdm import tqdm

from benchmarks import boards
from benchmarks.ground import Ground, opened
from benchmarks.report import Found, Limit, percentiles
from schemas.encounter import DestinationSelected
from schemas.event import Event
from schemas.triage import TriageDecided
from services.bridge import loader
from services.bridge.case import Case
from services.bridge.feed import Feeds
from services.bridge.handoff import hear
from services.bridge.record import notify
from services.bridge.store import CASES, CaseStore
from services.kit import endpoints, postgres
from services.kit.fleet import CannotStart, readiness
from services.kit.postgres import Row, transaction
from services.kit.process import ROOT, Child, end, free_port
from services.kit.settings import Settings

FACILITIES = [f"H-{n:02}" for n in range(20)]
#: Boards of each facility that read; one more never does.
READING = 9
#: Patients bound for each, each of whom changes once a second, a twentieth of them at a time.
PATIENTS, A_SECOND = 10, 20
#: Changes that are not counted come first.
WARM_S = 5
DROPPED_WITHIN_S = 60
DECIDED = ROOT / "schemas/examples/chest-pain/31-triage-decisions.TriageDecided.json"

P99 = Limit("p99", "p99 of a change from its commit to a board", 500, " ms", at_most=True)
DROPPED = Limit("dropped", "all boards that never read are dropped within", 30, " s", at_most=True)


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    seconds: int = 60


class Measuring:
    """One run on one ground."""

    def __init__(self, options: Options, ground: Ground) -> None:
        self._options, self._ground = options, ground
        self._port = free_port()
        self._keys = ground.folder / "jwks.json"
        self._tokens = endpoints.tokens(self._keys, FACILITIES, ("C-1",))["centre"]
        self._came = ground.folder / "boards.json"

    async def whole(self) -> dict[str, Any]:
        """Start, bind the patients, open the boards, and change."""
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            bridge = self._ground.service("bridge", self._port)
            bridge.environ = {**bridge.environ, "GREENCHANNEL_JWKS": str(self._keys)}
            await self._ground.up(bridge, readiness(http, self._port))
            async with _worker(self._ground.dsn) as (pool, cases):
                writer = Writer(pool, cases)
                await writer.bind()
                child = self._boards()
                child.start()
                self._ground.adopt(child)
                await self._until_open(child, http)
                return await self._changing(writer, child, http)

    async def _changing(
        self, writer: Writer, child: Child, http: httpx.AsyncClient
    ) -> dict[str, Any]:
        dropping = asyncio.create_task(self._dropped(http))
        await writer.change(WARM_S)
        writer.committed.clear()
        used = self._ground.cpu_seconds()
        await writer.change(self._options.seconds)
        after = self._ground.cpu_seconds()
        dropped = await dropping
        await asyncio.sleep(2)  # what is under way arrives
        await asyncio.to_thread(end, [child])
        came = json.loads(self._came.read_text("utf-8"))
        return {
            "changes": len(writer.committed),
            "boards": len(came["boards"]),
            "stalled": len(FACILITIES),
            "cut_off": came["cut_off"],
            "dropped_s": dropped,
            **delays(writer.committed, came["boards"]),
            "cores": {
                name: round((after[name] - used[name]) / self._options.seconds, 2) for name in used
            },
        }

    def _boards(self) -> Child:
        words = [str(each) for each in (self._came, self._port, READING)]
        argv = [sys.executable, "-m", "benchmarks.boards", *words]
        child = Child("boards", argv, self._ground.folder / "logs/boards.log")
        child.environ = {**child.environ, boards.TOKENS: json.dumps(self._tokens)}
        return child

    async def _until_open(self, child: Child, http: httpx.AsyncClient) -> None:
        wanted = len(FACILITIES) * (READING + 1)
        try:
            async with asyncio.timeout(60):
                while await self._open(http) < wanted:
                    if child.pid is None:
                        raise CannotStart(f"the boards have failed\n{child.last_words()}")
                    await asyncio.sleep(0.2)
        except TimeoutError as error:
            raise CannotStart("the boards do not get their feeds") from error

    async def _open(self, http: httpx.AsyncClient) -> int:
        text = (await http.get(f"http://127.0.0.1:{self._port}/metrics")).text
        found = re.findall(r"^greenchannel_feed_subscribers\{[^}]*\} (\S+)$", text, re.MULTILINE)
        return round(sum(map(float, found)))

    async def _dropped(self, http: httpx.AsyncClient) -> float:
        """After how many seconds of changes those that never read have gone; if they have not, the
        time until which it was looked."""
        began = time.monotonic()
        while await self._open(http) > len(FACILITIES) * READING:
            if time.monotonic() - began > DROPPED_WITHIN_S:
                break
            await asyncio.sleep(0.5)
        return round(time.monotonic() - began, 1)


class Writer:
    """Changes patients at a steady rate, and knows when each change was committed."""

    def __init__(self, pool: postgres.Pool, cases: CaseStore) -> None:
        self._pool, self._cases = pool, cases
        self._names = [f"E-{n}-{name}" for n in range(PATIENTS) for name in FACILITIES]
        self.committed: dict[tuple[str, int], float] = {}

    async def bind(self) -> None:
        """All of them, each with a decision as triage takes one."""
        at = datetime.now(UTC)
        decided = TriageDecided.model_validate(json.loads(DECIDED.read_text("utf-8"))["value"])
        for name in self._names:
            chosen = DestinationSelected(
                event_id=f"to-{name}", occurred_at=at, encounter_id=name,
                facility_id=_facility_of(name), selected_by="d-1",
            )  # fmt: skip
            case, _ = hear(None, name, decided.but(encounter_id=name), at)
            case, told = hear(case, name, chosen, at)
            async with transaction(self._pool) as connection:
                await self._cases.save(connection, {name: Row(case)}, told)

    async def change(self, seconds: int) -> None:
        """A part of them in each transaction, as a micro-batch of the loop brings them."""
        began, size = time.monotonic(), len(self._names) // A_SECOND
        for n in tqdm(range(seconds * A_SECOND), unit=" batches", leave=False, disable=None):
            await asyncio.sleep(max(0.0, began + n / A_SECOND - time.monotonic()))
            first = n % A_SECOND * size
            await self._change(self._names[first : first + size])

    async def _change(self, names: Sequence[str]) -> None:
        changed, told = dict[str, Row[Case]](), list[Event]()
        async with transaction(self._pool) as connection:
            for name, row in (await CASES.load(connection, names)).items():
                assert row.state is not None  # noqa: S101 (it was bound)
                case, events = notify(row.state, datetime.now(UTC), changed=False)
                changed[name] = Row(case, row.version)
                told += events
            await self._cases.save(connection, changed, told)
        now = time.time()
        for name, row in changed.items():
            assert row.state is not None  # noqa: S101
            self.committed[name, row.state.version] = now


@asynccontextmanager
async def _worker(dsn: str) -> Any:
    """What another worker of the bridge has to write with, and to tell the others by."""
    settings = Settings(postgres_dsn=SecretStr(dsn))
    async with await postgres.connect(settings, "bridge") as pool:
        feeds = Feeds(pool)
        telling = asyncio.create_task(feeds.run())
        yield pool, CaseStore(ZoneInfo("Asia/Shanghai"), loader.facilities(), feeds.changed)
        telling.cancel()
        await asyncio.wait([telling])


def _facility_of(name: str) -> str:
    return name[name.find("H") :]


def delays(
    committed: dict[tuple[str, int], float], came: Sequence[Sequence[tuple[str, int, float]]]
) -> dict[str, Any]:
    """How long each took to each board; and who of them did not get the last of each patient."""
    last: dict[str, int] = {}
    for name, version in committed:
        last[name] = max(version, last.get(name, 0))
    took, missing = list[float](), 0
    for shown in came:
        took += [at - committed[name, n] for name, n, at in shown if (name, n) in committed]
        newest = {name: n for name, n, _ in shown}
        facility = _facility_of(next(iter(newest), ""))
        own = {name: n for name, n in last.items() if _facility_of(name) == facility}
        missing += not newest or own != newest
    return {"ms": percentiles(took), "received": len(took), "missing": missing}


async def measure(options: Options, folder: Path) -> dict[str, Any]:
    """All of the part, in a folder that may go afterwards."""
    async with opened(folder) as (ground, _):
        return {**await Measuring(options, ground).whole(), "versions": ground.versions}


def limits(found: Found) -> list[dict[str, Any]]:
    """The slowest of a hundred, and how long one is served that does not read."""
    return [P99.beside(found["ms"]["p99"]), DROPPED.beside(found["dropped_s"])]


def disagreements(found: Found) -> Iterator[str]:
    """Boards that were cut off, or do not show what is so now."""
    if found["cut_off"]:
        yield f"{found['cut_off']} boards that read were cut off"
    if found["missing"]:
        yield f"{found['missing']} boards do not show the last of each patient"


def lines(found: Found) -> Iterator[str]:
    """The table for a human."""
    rate = len(FACILITIES) * PATIENTS
    where = f"{found['boards']} boards of {len(FACILITIES)} facilities"
    yield f"每秒 {rate} 次变化 · {rate} changes a second at {where}"
    ms = "  ".join(f"{name} {value} ms" for name, value in found["ms"].items())
    yield f"  {'from the commit to a board':<50}{ms}"
    yield f"  {found['stalled']} boards that never read, dropped after {found['dropped_s']} s"
    yield "  cores: " + ", ".join(f"{name} {share}" for name, share in found["cores"].items())
