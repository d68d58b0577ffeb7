"""The part ``intake``: calls at a steady rate beside a province's monitors.

Broker, database, dispatch and gateway run, the others do not. A call's time runs from the moment it
was due until its answer, which waits for the database's commit.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import httpx
from tqdm import tqdm

from benchmarks import monitors, pacing
from benchmarks.broker import Broker, Ends
from benchmarks.ground import Ground, opened
from benchmarks.report import Found, Limit, percentiles
from schemas.encounter import DeviceAttached, EncounterOpened, Patient
from schemas.envelope import Message, decode, encode
from schemas.event import Event
from schemas.incident import IncidentOpened
from services.kit import endpoints
from services.kit.fleet import CannotStart, readiness
from services.kit.process import Child, free_port

CALLS, MONITORS = 100, 3_000
#: Connections of dispatch centres to the service.
CONNECTIONS = 32
#: Calls that are not counted come first; the monitors begin with them, and end after all.
WARM_S, MORE_S = 5, 3
COMMITS = 200
TOPIC, TOLD_WITHIN_S = "dispatch-incidents", 30

P99 = Limit("p99", f"p99 of {CALLS} calls a second", 50, " ms", at_most=True)
ANSWERED = Limit("answered", "of all calls answered with 201", 1, "×")
ACCEPTED = Limit("accepted", "of all samples accepted meanwhile", 1, "×")


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    seconds: int = 60


class Measuring:
    """One run on one ground."""

    def __init__(self, options: Options, ground: Ground, broker: Broker) -> None:
        self._options, self._ground, self._broker = options, ground, broker
        self._ports = {"dispatch": free_port(), "gateway": free_port()}
        self._keys = ground.folder / "jwks.json"
        self._tokens = endpoints.tokens(self._keys, (), ("C-1",))

    async def whole(self) -> dict[str, Any]:
        """Start, let the monitors begin, and call."""
        commit = await self._commits()
        await self._broker.write(self._attached())
        await self._services()
        begins = await self._broker.ends(TOPIC)
        child = self._monitors()
        child.start()
        self._ground.adopt(child)
        warm = await self._call(WARM_S)
        used = self._ground.cpu_seconds()
        called = await self._call(self._options.seconds)
        after = self._ground.cpu_seconds()
        while child.pid is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        if child.status:
            raise CannotStart(f"the monitors have failed\n{child.last_words()}")
        said = json.loads(child.last_words())
        seconds = self._options.seconds
        return {
            "commit_ms": commit,
            "calls": called,
            "telemetry": said,
            "told": await self._told(begins),
            "warm": warm["count"],
            "cores": {name: round((after[name] - used[name]) / seconds, 2) for name in used},
        }

    async def _commits(self) -> dict[str, float]:
        """For scale: what the database needs to commit one row, with nothing beside it."""
        database, took = await asyncpg.connect(self._ground.dsn), list[float]()
        try:
            await database.execute("CREATE TABLE public.commits (n int)")
            for n in range(COMMITS):
                began = time.perf_counter()
                await database.execute("INSERT INTO public.commits VALUES ($1)", n)
                took.append(time.perf_counter() - began)
        finally:
            await database.close()
        return percentiles(took)

    def _attached(self) -> Iterator[tuple[Message, int]]:
        """Who wears which monitor, as dispatch would have told the gateway."""
        at = datetime.now(UTC)
        for device in monitors.names(MONITORS):
            who = {"occurred_at": at, "recorded_at": at, "encounter_id": f"E-{device}"}
            events: tuple[Event, Event] = (
                EncounterOpened(
                    event_id=f"opened-{device}", incident_id="I-1", patient=Patient(), **who
                ),
                DeviceAttached(event_id=f"attached-{device}", device_id=device, **who),
            )
            for event in events:
                yield encode(event, "greenchannel/dispatch"), round(at.timestamp() * 1000)

    async def _told(self, begins: Ends) -> dict[str, int]:
        """How many calls stand on the topic, once nothing waits any more."""
        database = await asyncpg.connect(self._ground.dsn)
        try:
            async with asyncio.timeout(TOLD_WITHIN_S):
                waits = "SELECT EXISTS (SELECT FROM dispatch.outbox)"
                while await database.fetchval(waits):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        finally:
            await database.close()
        told = Counter[str]()
        async for r in self._broker.records(begins, await self._broker.ends(TOPIC)):
            event = decode(r.topic, r.key, r.value, r.headers)
            if isinstance(event, IncidentOpened):
                told[event.event_id] += 1
        return {"calls": len(told), "records": told.total()}

    async def _services(self) -> None:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            for name, port in self._ports.items():
                child = self._ground.service(name, port)
                child.environ = {**child.environ, "GREENCHANNEL_JWKS": str(self._keys)}
                await self._ground.up(child, readiness(http, port))

    def _monitors(self) -> Child:
        seconds = WARM_S + self._options.seconds + MORE_S
        words = [str(each) for each in (self._ports["gateway"], MONITORS, seconds)]
        argv = [sys.executable, "-m", "benchmarks.monitors", *words]
        log = self._ground.folder / "logs/monitors.log"
        child = Child("monitors", argv, log)
        child.environ = {**child.environ, pacing.TOKEN: self._tokens["crew"]}
        return child

    async def _call(self, seconds: int) -> dict[str, Any]:
        took, statuses = list[float](), Counter[int]()

        async def call(http: aiohttp.ClientSession, due: float) -> None:
            async with http.post("/v1/incidents", json=_body()) as answer:
                await answer.read()
            took.append(time.monotonic() - due)
            statuses[answer.status] += 1

        async with _centre(self._ports["dispatch"], self._tokens["dispatcher"]) as http:
            began, count = time.monotonic(), seconds * CALLS
            async with asyncio.TaskGroup() as calling:
                for n in tqdm(range(count), unit=" calls", leave=False, disable=None):
                    due = began + n / CALLS
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    calling.create_task(call(http, due))
        return {"count": count, "statuses": dict(statuses), "ms": percentiles(took)}


@asynccontextmanager
async def _centre(port: int, token: str) -> Any:
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    headers = {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{port}"
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(
        url, connector=connector, headers=headers, timeout=timeout
    ) as http:
        yield http


def _body() -> dict[str, Any]:
    return {
        "occurred_at": datetime.now(UTC).isoformat(),
        "location": {"latitude": 34.2, "longitude": 117.2},
        "patients": [{"complaint": "chest_pain"}],
    }


async def measure(options: Options, folder: Path) -> dict[str, Any]:
    """All of the part, in a folder that may go afterwards."""
    async with opened(folder) as (ground, broker):
        found = await Measuring(options, ground, broker).whole()
        return {"versions": ground.versions, **found}


def limits(found: Found) -> list[dict[str, Any]]:
    """The slowest of a hundred calls, and that nothing was paid for it elsewhere."""
    calls, said = found["calls"], found["telemetry"]
    return [
        P99.beside(calls["ms"]["p99"]),
        ANSWERED.beside(calls["statuses"].get(201, 0) / calls["count"]),
        ACCEPTED.beside(said["accepted"] / said["sent"]),
    ]


def disagreements(found: Found) -> Iterator[str]:
    """Calls that were answered and not told, or told twice."""
    answered = found["calls"]["statuses"].get(201, 0) + found["warm"]
    told = found["told"]
    if told != {"calls": answered, "records": answered}:
        yield f"{answered} calls were answered, {told['calls']} told in {told['records']} records"


def lines(found: Found) -> Iterator[str]:
    """The table for a human."""
    yield f"每秒 {CALLS} 个呼叫 · {CALLS} calls and {MONITORS:,} samples a second"
    for title, ms in (
        ("calls", found["calls"]["ms"]),
        ("requests of telemetry", found["telemetry"]["ms"]),
        ("for scale: a commit of one row, nothing beside it", found["commit_ms"]),
    ):
        yield f"  {title:<50}" + "  ".join(f"{name} {value} ms" for name, value in ms.items())
    used = ", ".join(f"{name} {share}" for name, share in found["cores"].items())
    yield f"  cores: {used}"
