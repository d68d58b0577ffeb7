"""A region as its hospitals meet it: the bridge as it runs, with two workers on one database and no
broker; and three hospitals that read by every way there is."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import aiohttp
import asyncpg
from aiokafka import ConsumerRecord

from schemas.encounter import EncounterEvent
from schemas.envelope import event_types
from schemas.event import Event
from services.bridge import api as bridge
from services.bridge import loader
from services.bridge.app import furnish
from services.bridge.case import Case
from services.bridge.courier import Courier
from services.bridge.handlers import consumption
from services.bridge.outlet import outlets
from services.bridge.timekeeper import LOOK_S, Timekeeper
from services.kit import postgres, runtime
from services.kit.auth import Gate
from services.kit.http import create_app
from services.kit.lookout import Lookout
from services.kit.loop import Loop
from services.kit.postgres import transaction
from services.kit.process import free_port
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from services.kit.work import Received
from simulator.feed import Parser, Sent
from tests.onlooker import MARK, Onlooker
from tests.platform import Platform
from tests.receivers import Mllp, Web, listening
from tests.services import until

HOSPITALS = ("H-who-a", "H-who-b", "H-who-c")
#: What a caller is told of nobody.
NOBODY = "E-who-0"
NUMBERS = itertools.count(1)
ENDLESS = aiohttp.ClientTimeout(total=None)
_TABLES = ("cases", "queue", "wakings", "acts", "reads", "beds", "deliveries",
           "vitals")  # fmt: skip


class Answer(NamedTuple):
    """What somebody was told."""

    status: int
    headers: frozenset[str]
    path: str
    text: str

    @property
    def is_good(self) -> bool:
        return self.status < 400

    def json(self) -> Any:
        return json.loads(self.text)


class Died(Exception):
    """A worker has died in a transaction."""


@dataclass
class Worker:
    """One process of the bridge."""

    app: Any
    url: str
    loop: Loop[Case]
    #: What its handler took in since the last look, with what followed.
    taken: list[tuple[EncounterEvent, Sequence[Event]]]


@dataclass
class Hospital:
    """All that one hospital has been given, by whichever way."""

    name: str
    his: Mllp
    fhir: Web
    web: Web
    lines: list[Sent] = field(default_factory=list)
    board: asyncio.Task[None] | None = None
    #: How much of each way was looked at.
    seen: dict[str, int] = field(default_factory=dict)

    @property
    def ways(self) -> dict[str, Sequence[str]]:
        """What came unasked."""
        return {
            "feed": [line.data for line in self.lines],
            "hl7": [said for _, said in self.his.came],
            "fhir": [said for _, said in self.fhir.came],
            "webhook": [said for _, said in self.web.came],
        }

    def news(self) -> list[tuple[str, str]]:
        """What came since the last look."""
        found = []
        for way, told in self.ways.items():
            found += [(way, said) for said in told[self.seen.get(way, 0) :]]
            self.seen[way] = len(told)
        return found


@dataclass
class Region:
    """Everything of one module of tests; each example has patients of its own."""

    settings: Settings
    key: SigningKey
    service: postgres.Pool
    workers: Sequence[Worker]
    hospitals: dict[str, Hospital]
    admin: Any
    http: aiohttp.ClientSession
    onlooker: Onlooker = field(default_factory=lambda: Onlooker(HOSPITALS))
    courier: asyncio.Task[None] | None = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    patients: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)

    # -- what happens in the region ------------------------------------------------------------

    async def take(self, events: Sequence[EncounterEvent], by: int, *, dies: bool = False) -> None:
        """A batch, as a worker's loop does it: one transaction. Who dies in it has done nothing."""
        worker, now = self.workers[by], datetime.now(UTC)
        worker.taken.clear()
        good = [Received(each.encounter_id, each, now, _record(each)) for each in events]
        with contextlib.suppress(Died):
            async with transaction(self.service) as connection:
                await worker.loop._decide(connection, good)
                if dies:
                    worker.taken.clear()
                    raise Died
        for event, followed in worker.taken:
            self.onlooker.saw(event, followed)

    async def act(
        self, facility: str, name: str, path: str, body: dict[str, Any], **more: Any
    ) -> Answer:
        """A post about a patient. What is accepted is noted with the words that it brought."""
        answer = await self.ask(facility, "POST", f"encounters/{name}/{path}", body, **more)
        if answer.is_good:
            told = answer.json()
            over = (told.get("handoff") or told)["transferred_at"] is not None
            marks = set(MARK.findall(json.dumps([body, more.get("key")])))
            self.onlooker.did(facility, name, marks, hands_over=over)
        return answer

    async def ask(  # noqa: PLR0913 (what a request may say)
        self,
        facility: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        of: str | None = None,
        by: int = 0,
        who: str = "nurse",
        role: Role = Role.CENTRE,
        key: str | None = None,
    ) -> Answer:
        """As somebody of this facility, by the path of ``of``, which is their own where nothing is
        said."""
        said = (
            None
            if method == "GET"
            else {"occurred_at": datetime.now(UTC).isoformat()} | (body or {})
        )
        headers = self.bearer(facility, who, role) | ({"Idempotency-Key": key} if key else {})
        url = f"{self.workers[by].url}/v1/facilities/{of or facility}/{path}"
        async with self.http.request(method, url, json=said, headers=headers) as answer:
            return Answer(answer.status, frozenset(answer.headers), path, await answer.text())

    def bearer(self, facility: str, who: str = "nurse", role: Role = Role.CENTRE) -> dict[str, str]:
        """Of a person whose name shows where they work, and says it to nobody."""
        own = facility if role is Role.CENTRE else None
        name = f"{who}-{facility[-1]}" if own else who
        if name not in self.tokens:
            self.tokens[name] = self.key.token(self.settings, role, own, sub=name)
        return {"Authorization": f"Bearer {self.tokens[name]}"}

    # -- how the hospitals read ----------------------------------------------------------------

    def sit_down(self, facility: str, by: int, after: str | None = None) -> None:
        """A board is opened, or comes back after a number."""
        hospital = self.hospitals[facility]
        if hospital.board is not None:
            hospital.board.cancel()
        hospital.board = asyncio.create_task(self._read(hospital, by, after))

    async def _read(self, hospital: Hospital, by: int, after: str | None) -> None:
        headers = self.bearer(hospital.name, "board") | ({"Last-Event-ID": after} if after else {})
        url = f"{self.workers[by].url}/v1/facilities/{hospital.name}/feed"
        parser = Parser()
        async with self.http.get(url, headers=headers, timeout=ENDLESS) as answer:
            assert answer.status == 200
            async for chunk in answer.content.iter_any():
                hospital.lines += parser.feed(chunk)

    def start_courier(self) -> None:
        """Who tells the systems of hospitals."""
        state = self.workers[0].app.state
        ways = outlets(state.facilities, ZoneInfo(self.settings.time_zone))
        made = Courier(self.settings, self.service, state.cases, state.facilities, ways)
        self.courier = asyncio.create_task(made.run())

    async def kill_courier(self) -> None:
        """As it stands, with whatever it was saying; another one takes over."""
        await self.end_courier()
        self.start_courier()

    async def end_courier(self) -> None:
        """For good."""
        assert self.courier is not None
        self.courier.cancel()
        await asyncio.wait([self.courier])
        if not self.courier.cancelled():
            self.courier.result()

    async def settle(self) -> None:
        """Until everybody has heard everything."""
        await until(self._is_told, 30, "a hospital was not told all")
        self.look()

    async def _is_told(self) -> bool:
        waiting = "SELECT count(*) FROM bridge.deliveries WHERE facility_id = ANY ($1)"
        if await self.admin.fetchval(waiting, list(HOSPITALS)):
            return False
        rows = await self.admin.fetch("SELECT facility_id, feed FROM bridge.facilities")
        feeds = {row["facility_id"]: row["feed"] for row in rows}
        return all(
            int(each.lines[-1].id) >= feeds.get(each.name, 0) if each.lines else False
            for each in self.hospitals.values()
        )

    # -- what is held against it ---------------------------------------------------------------

    def look(self) -> None:
        """Everything that came unasked since the last look was to be known."""
        for hospital in self.hospitals.values():
            if hospital.board is not None and hospital.board.done():
                hospital.board.result()
            for way, said in hospital.news():
                self.judge(hospital.name, way, said)
        if self.courier is not None and self.courier.done():
            self.courier.result()

    def judge(self, facility: str, way: str, said: str) -> None:
        """This was given to the facility."""
        wrong = list(self.onlooker.wrong(facility, said))
        assert not wrong, f"{facility} learned by {way}: {wrong}"

    async def told(self) -> None:
        """What acts had followed of records, from the outbox."""
        rows = await self.service.fetch(
            "DELETE FROM outbox RETURNING seq, headers ->> 'ce_type' AS type, value"
        )
        for row in sorted(rows, key=lambda row: int(row["seq"])):
            kind = event_types()[row["type"].removeprefix("greenchannel.").removesuffix(".v1")]
            self.onlooker.told(kind.model_validate_json(row["value"]))

    async def begin(self) -> None:
        """Four patients of whom nobody has heard, and a board in each hospital."""
        self.onlooker, self.since = Onlooker(HOSPITALS), datetime.now(UTC)
        self.patients = [f"E-who-{next(NUMBERS)}" for _ in range(4)]
        for number, (name, hospital) in enumerate(self.hospitals.items()):
            for way in (hospital.lines, hospital.his.came, hospital.fhir.came, hospital.web.came):
                way.clear()
            hospital.seen.clear()
            for department in ("icu", "ccu"):
                body = {"free": 1, "emergency": 1}
                assert (await self.ask(name, "PUT", f"beds/{department}", body)).is_good
            self.sit_down(name, number % 2)
        await until(self._all_sit, why="a board was not opened")
        if self.courier is None or self.courier.done():
            self.start_courier()

    def _all_sit(self) -> bool:
        self.look()
        return all(each.lines for each in self.hospitals.values())

    async def forget(self) -> None:
        """Nothing is left of the patients of this example; feeds go on counting."""
        for hospital in self.hospitals.values():
            if hospital.board is not None:
                hospital.board.cancel()
                await asyncio.wait([hospital.board])
                hospital.board = None
            for receiver in (hospital.his, hospital.fhir, hospital.web):
                receiver.plan.clear()
        for table in _TABLES:
            await self.admin.execute(
                f"DELETE FROM bridge.{table} WHERE facility_id = ANY ($1)", list(HOSPITALS)
            )
        await self.admin.execute("DELETE FROM bridge.cases WHERE id LIKE 'E-who-%'")
        await self.admin.execute("DELETE FROM bridge.acts WHERE encounter_id LIKE 'E-who-%'")
        await self.admin.execute("DELETE FROM bridge.outbox")


def _record(event: Event) -> ConsumerRecord[bytes, bytes]:
    """Where it would lie; of that the handler sees nothing."""
    topic = "dispatch-encounters"
    return ConsumerRecord(topic, 0, 0, 0, 0, b"", b"", None, 0, 0, ())


@asynccontextmanager
async def in_region(platform: Platform, folder: Path) -> AsyncIterator[Region]:
    """Open it: receivers, a file that names them, two workers, and those who tell."""
    async with AsyncExitStack() as stack:
        hospitals = {name: Hospital(name, Mllp(), Web(), Web()) for name in HOSPITALS}
        for each in hospitals.values():
            for receiver in (each.his, each.fhir, each.web):
                await stack.enter_async_context(listening(receiver))
        file = folder / "ours.yaml"
        shipped = loader.SHIPPED.read_text("utf-8")
        named = json.dumps({name: _interfaces(each) for name, each in hospitals.items()})
        file.write_text(shipped.replace("facilities: {}", f"facilities: {named}"), "utf-8")
        key = SigningKey()
        (folder / "jwks.json").write_text(key.key_set())
        settings = Settings(
            postgres_dsn=platform.dsn("bridge"), jwks=str(folder / "jwks.json"),
            bridge_facilities=file, signature_within_s=3600,
        )  # fmt: skip
        service = await stack.enter_async_context(
            await postgres.connect(settings, "bridge", size=12)
        )
        folders = [files(f"services.{name}") / "migrations" for name in ("kit", "bridge")]
        await postgres.migrate(service, "bridge", folders)
        admin = await asyncpg.connect(platform.admin_dsn)
        stack.push_async_callback(admin.close)
        workers = [await _worker(stack, settings, service) for _ in range(2)]
        http = await stack.enter_async_context(aiohttp.ClientSession())
        region = Region(settings, key, service, workers, hospitals, admin, http)
        await until(lambda: _answers(http, workers))
        yield region
        if region.courier is not None:
            await region.end_courier()
        await region.forget()


def _interfaces(hospital: Hospital) -> dict[str, Any]:
    def web(channel: str, receiver: Web) -> dict[str, str]:
        address = f"http://127.0.0.1:{receiver.port}/in"
        return {"channel": channel, "address": address, "secret": "H_SECRET"}

    hl7 = {"channel": "hl7", "address": f"mllp://127.0.0.1:{hospital.his.port}"}
    return {"interfaces": [hl7, web("fhir", hospital.fhir), web("webhook", hospital.web)]}


async def _worker(stack: AsyncExitStack, settings: Settings, service: postgres.Pool) -> Worker:
    """One process: requests have connections that see nothing until they are confined."""
    asked = await stack.enter_async_context(
        await postgres.connect(settings, "bridge", size=6, acts_for="nobody")
    )

    async def is_ready() -> bool:
        return True

    app = create_app("bridge", Gate(settings, service), [bridge.router], is_ready)
    furnish(app, settings, asked)
    state, port, taken = app.state, free_port(), list[tuple[EncounterEvent, Sequence[Event]]]()
    real = consumption(state.cases, state.facilities)

    def handle(case: Case | None, received: Received) -> tuple[Case | None, Sequence[Event]]:
        after, events = real.handle(case, received)
        assert isinstance(received.event, EncounterEvent)
        taken.append((received.event, events))
        return after, events

    loop = Loop(settings, service, replace(real, handle=handle))
    parts = [
        runtime.serve(app, settings.model_copy(update={"port": port})),
        state.feeds.run,
        Lookout(settings, Timekeeper(service, state.cases, state.facilities), LOOK_S).run,
    ]
    for part in parts:
        await stack.enter_async_context(_going(part))
    return Worker(app, f"http://127.0.0.1:{port}", loop, taken)


@asynccontextmanager
async def _going(part: runtime.Part) -> AsyncIterator[None]:
    task = asyncio.ensure_future(part())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=10)
        if task.done() and not task.cancelled():
            task.result()


async def _answers(http: aiohttp.ClientSession, workers: Sequence[Worker]) -> bool:
    with contextlib.suppress(aiohttp.ClientConnectionError):
        return all([(await http.get(f"{worker.url}/livez")).ok for worker in workers])
    return False
