"""The part ``path``: from a monitor to the queue of the emergency department, everything running.

Patients are called for, taken aboard and bound for a facility through the services. Then all
monitors speak once a second, vehicles say where they are, and ten patients a second become worse.
Of each the *acting sample* is timed, the second abnormal value: from the moment when it was due to
be sent until the broker has the record with the new level.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import httpx
from tqdm import tqdm

from benchmarks import crews, pacing, screens
from benchmarks.broker import Broker, Ends
from benchmarks.crews import SETTLES_S, device
from benchmarks.ground import Ground, opened
from benchmarks.report import Found, Limit, percentiles
from services.kit import endpoints
from services.kit.fleet import CannotStart, readiness
from services.kit.process import Child, free_port

SERVICES = ("dispatch", "gateway", "tracker", "triage", "bridge")
FACILITIES = [f"H-{n:02}" for n in range(20)]
PATIENTS, A_CALL = 1_000, 50
TOPIC = "centre-emergency"
#: What comes after the last acting sample; and how long what is under way may take to arrive.
MORE_S, DRAINS_S = 3, 15
#: Requests at once while patients are taken aboard.
AT_ONCE = 16

P50 = Limit("p50", "p50 from an acting sample to the queue", 60, " ms", at_most=True)
P99 = Limit("p99", "p99 from an acting sample to the queue", 250, " ms", at_most=True)
COUNT = Limit("n", "acting samples", 500, "")
LAG = Limit("lag", "records that nobody has read, at the end", 1_000, "", at_most=True)


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    seconds: int = 60
    #: So many vehicles say each second where they are.
    positions: int = 0


class Measuring:
    """One run on one ground."""

    def __init__(self, options: Options, ground: Ground, broker: Broker) -> None:
        self._options, self._ground, self._broker = options, ground, broker
        self.ports = {name: free_port() for name in SERVICES}
        self._keys = ground.folder / "jwks.json"
        self._tokens = endpoints.tokens(self._keys, FACILITIES, ("C-1",))
        self._said = ground.folder / "crews.json"

    async def whole(self) -> dict[str, Any]:
        """Start, take the patients aboard, let them speak, and read what the queues say."""
        await self._services()
        self._start(self._child("screens", self._url("bridge"), token=self._tokens["centre"]))
        patients = await self._aboard()
        await self._settled()
        begins = {topic: await self._broker.ends(topic) for topic in STAGES}
        crew = self._child(
            *("crews", self.ports["gateway"], self._said),
            *(PATIENTS, self._options.positions, self._total),
            token=None,
        )
        self._start(crew)
        await asyncio.sleep(SETTLES_S)
        used = self._ground.cpu_seconds()
        after = await self._watched(crew)
        if crew.status:
            raise CannotStart(f"the crews have failed\n{crew.last_words()}")
        lag = await self._unread()
        await asyncio.sleep(DRAINS_S)
        said = json.loads(self._said.read_text("utf-8"))
        acting = said.pop("acting")
        stages = [acting]
        for topic, begin in begins.items():
            stages.append(await self._told(topic, begin, patients))
        records = await self._broker.ends(TOPIC)
        untold = acting.keys() - stages[-1].keys()
        took = [stages[-1][name] - due for name, due in acting.items() if name not in untold]
        measured = self._total - SETTLES_S
        return {
            "patients": PATIENTS,
            "positions_per_s": self._options.positions,
            "facilities": len(FACILITIES),
            "acting": {"n": len(took), "untold": len(untold), "ms": percentiles(took)},
            "stages": {
                topic: percentiles([after[n] - before[n] for n in after.keys() & before.keys()])
                for topic, (before, after) in zip(STAGES, pairwise(stages), strict=True)
            },
            "records": sum(records.values()) - sum(begins[TOPIC].values()),
            "telemetry": said,
            "unread": lag,
            "cores": {n: round((after[n] - used[n]) / measured, 2) for n in used if n in after},
        }

    @property
    def _total(self) -> int:
        return SETTLES_S + self._options.seconds + MORE_S

    def _url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    async def _services(self) -> None:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            for name, port in self.ports.items():
                child = self._ground.service(name, port)
                child.environ = {**child.environ, "GREENCHANNEL_JWKS": str(self._keys)}
                await self._ground.up(child, readiness(http, port))

    def _child(self, name: str, *words: object, token: Any) -> Child:
        argv = [sys.executable, "-m", f"benchmarks.{name}", *map(str, words)]
        child = Child(name, argv, self._ground.folder / f"logs/{name}.log")
        given = {screens.TOKENS: json.dumps(token), pacing.TOKEN: self._tokens["crew"]}
        child.environ = {**child.environ, **given}
        return child

    def _start(self, child: Child) -> None:
        child.start()
        self._ground.adopt(child)

    async def _aboard(self) -> dict[str, str]:
        """Calls with many patients each; every patient with a monitor, a first look and a hospital,
        and aboard. The name of each patient's encounter, with its monitor."""
        patients: dict[str, str] = {}
        turns = asyncio.Semaphore(AT_ONCE)
        with tqdm(total=PATIENTS, unit=" patients", leave=False, disable=None) as shown:

            async def take(to: Services, name: str, n: int) -> None:
                async with turns:
                    await to.take_aboard(name, n)
                patients[name] = device(n)
                shown.update()

            urls = {name: self._url(name) for name in SERVICES}
            async with _services(urls, self._tokens) as to, asyncio.TaskGroup() as taking:
                for first in range(0, PATIENTS, A_CALL):
                    for n, name in enumerate(await to.call(A_CALL), start=first):
                        taking.create_task(take(to, name, n))
        return patients

    async def _settled(self) -> None:
        """Until all that was said is told."""
        database = await asyncpg.connect(self._ground.dsn)
        waits = " OR ".join(
            f"EXISTS (SELECT FROM {name}.outbox)" for name in ("dispatch", "triage", "bridge")
        )
        try:
            async with asyncio.timeout(60):
                while await database.fetchval(f"SELECT {waits}"):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
        finally:
            await database.close()

    async def _watched(self, crew: Child) -> dict[str, float]:
        """Until it has ended; what every part had used a moment before."""
        used: dict[str, float] = {}
        with tqdm(total=self._total - SETTLES_S, unit=" s", leave=False, disable=None) as shown:
            while crew.pid is not None:
                used = self._ground.cpu_seconds()
                await asyncio.sleep(1)
                shown.update()
        return used

    async def _unread(self) -> dict[str, int]:
        """How many records wait for each consumer, the moment the last sample was sent."""
        return {group: await self._broker.lag(group) for group in ("triage", "bridge")}

    async def _told(
        self, topic: str, begins: Ends, patients: Mapping[str, str]
    ) -> dict[str, float]:
        """When each patient's second abnormal value stood in the topic, or first the worse level
        that came of it, by the broker's clock."""
        found: dict[str, float] = {}
        seen = Counter[str]()
        async for r in self._broker.records(begins, await self._broker.ends(topic)):
            monitor = patients.get((r.key or b"").decode())
            if monitor is None or monitor in found:
                continue
            seen[monitor] += STAGES[topic](json.loads(r.value or b"{}"))
            if seen[monitor] == (2 if topic == "ambulance-vitals" else 1):
                found[monitor] = r.timestamp / 1e3
        return found


def _is_worse(level: str) -> bool:
    return level in {"critical", "severe"}


#: The topics on the way, and what in each tells of a patient's becoming worse.
STAGES: Mapping[str, Callable[[Any], bool]] = {
    "ambulance-vitals": lambda said: said["vitals"].get("spo2") == crews.WORSE,
    "triage-decisions": lambda said: _is_worse(said["worst"]),
    TOPIC: lambda said: "record" in said and _is_worse(said["record"]["worst"]),
}


class Services:
    """What a dispatch centre and its crews say before all monitors speak."""

    def __init__(self, dispatch: aiohttp.ClientSession, gateway: aiohttp.ClientSession) -> None:
        self._dispatch, self._gateway = dispatch, gateway

    async def call(self, patients: int) -> list[str]:
        """The encounters of a call."""
        where = {"latitude": 34.2, "longitude": 117.2}
        known = {"age": {"years": 61}, "sex": "male", "complaint": "dizziness"}
        body = {"location": where, "patients": [known] * patients}
        told = await self._post(self._dispatch, "incidents", body)
        return list(told["encounter_ids"])

    async def take_aboard(self, name: str, n: int) -> None:
        """All that makes a patient one who is on the way."""
        of, unit = f"encounters/{name}", f"U-{n:05}"
        await self._post(self._dispatch, f"{of}/devices", {"device_id": device(n)})
        looked = {
            "vitals": {
                "consciousness": "A", "on_oxygen": False, "temperature": 36.7, "heart_rate": 74,
                "respiratory_rate": 16, "spo2": 97, "systolic_bp": 128, "diastolic_bp": 78,
            }
        }  # fmt: skip
        await self._post(self._gateway, f"{of}/vitals", looked)
        facility = FACILITIES[n % len(FACILITIES)]
        await self._post(self._dispatch, f"{of}/destination", {"facility_id": facility})
        await self._post(self._dispatch, f"{of}/boarding", {"unit_id": unit})

    async def _post(self, to: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> Any:
        said = {**body, "occurred_at": datetime.now(UTC).isoformat()}
        async with to.post(f"/v1/{path}", json=said) as answer:
            if answer.status >= 400:
                raise CannotStart(f"{path}: {answer.status} {await answer.text()}")
            return await answer.json()


@asynccontextmanager
async def _services(urls: Mapping[str, str], tokens: Mapping[str, str]) -> AsyncIterator[Services]:
    def session(service: str, role: str) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            urls[service], headers={"Authorization": f"Bearer {tokens[role]}"}
        )

    async with (
        session("dispatch", "dispatcher") as dispatch,
        session("gateway", "crew") as gateway,
    ):
        yield Services(dispatch, gateway)


async def measure(options: Options, folder: Path) -> dict[str, Any]:
    """All of the part, in a folder that may go afterwards."""
    async with opened(folder) as (ground, broker):
        found = await Measuring(options, ground, broker).whole()
        return {"versions": ground.versions, **found}


def limits(found: Found) -> list[dict[str, Any]]:
    """How quick half of them are and nearly all, and that nothing piles up meanwhile."""
    acting = found["acting"]
    return [
        COUNT.beside(acting["n"]),
        P50.beside(acting["ms"].get("p50", float("inf"))),
        P99.beside(acting["ms"].get("p99", float("inf"))),
        LAG.beside(sum(found["unread"].values())),
    ]


def disagreements(found: Found) -> Iterator[str]:
    """Samples that nothing came of."""
    if found["acting"]["untold"]:
        yield f"{found['acting']['untold']} acting samples changed nothing in a queue"
    said = found["telemetry"]
    if said["accepted"] != said["sent"]:
        yield f"{said['sent']} samples and positions were sent, {said['accepted']} accepted"


def lines(found: Found) -> Iterator[str]:
    """The table for a human."""
    beside = f" and {found['positions_per_s']} positions" if found["positions_per_s"] else ""
    yield f"每秒 {PATIENTS:,} 条体征 · {PATIENTS:,} samples{beside} a second, all services running"
    for title, ms in (
        (f"{found['acting']['n']} acting samples to the queue", found["acting"]["ms"]),
        *((f"    until it stands in {topic}", ms) for topic, ms in found["stages"].items()),
        ("requests of telemetry", found["telemetry"]["ms"]),
    ):
        yield f"  {title:<50}" + "  ".join(f"{name} {value} ms" for name, value in ms.items())
    yield "  cores: " + ", ".join(f"{name} {share}" for name, share in found["cores"].items())
