"""Our own services as processes, against the platform of the tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer

from schemas.envelope import InvalidMessage, decode
from schemas.event import Event
from services.kit.process import ROOT, Child, free_port
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from tests.platform import Platform


def now() -> str:
    return datetime.now(UTC).isoformat()


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


async def until(
    holds: Callable[[], Awaitable[Any] | Any],
    seconds: float = 20,
    why: str = "it did not come about",
) -> Any:
    """Poll until ``holds`` is truthy and return it; fail with ``why`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, why
        await asyncio.sleep(0.05)


@dataclass
class Service:
    """One service as a process. ``start`` may be called again after its death."""

    name: str
    platform: Platform
    folder: Path
    key: SigningKey
    worker: int = 0
    extra: Mapping[str, str] = field(default_factory=dict)
    #: Where its code lies.
    root: Path = ROOT
    callers: list[Caller] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = free_port()
        jwks = self.folder / "jwks.json"
        jwks.write_text(self.key.key_set())
        environ = {
            **os.environ,
            **self.platform.settings(self.name),
            "GREENCHANNEL_JWKS": str(jwks),
            "GREENCHANNEL_SIGNATURE_WITHIN_S": "3600",  # tokens here are made once
            "GREENCHANNEL_PORT": str(self.port),
            "GREENCHANNEL_WORKER": str(self.worker),
            **self.extra,
        }
        self.child = Child(
            f"{self.name}-{self.worker}",
            [sys.executable, "-m", "services.cli", self.name],
            self.folder / f"{self.name}-{self.worker}.log",
            environ,
            options={"cwd": self.root},
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, **extra: str) -> None:
        self.child.environ = {**self.child.environ, **extra}
        self.child.start()

    async def is_ready(self) -> bool:
        if self.child.pid is None:
            raise AssertionError(f"{self.name} has died:\n{self.child.last_words(40)}")
        try:
            async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
                return (await http.get(f"{self.url}/readyz")).status_code == 200
        except httpx.HTTPError:
            return False

    async def ready(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not await self.is_ready():
            assert time.monotonic() < deadline, f"{self.name}:\n{self.child.last_words(40)}"
            await asyncio.sleep(0.05)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.child.signal(number)

    async def died(self, seconds: float = 30) -> int:
        """Its exit status, once it has ended."""
        await until(lambda: self.child.pid is None, seconds, f"{self.name} goes on")
        assert self.child.status is not None
        return self.child.status


class Caller:
    """An outside client with a role."""

    def __init__(self, service: Service, role: Role, facility: str | None = None) -> None:
        self.service_name = service.name
        token = service.key.token(Settings(), role, facility)
        self.http = httpx.AsyncClient(
            base_url=service.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )
        service.callers.append(self)

    async def send(
        self, method: str, path: str, body: Any = None, key: str | None = None
    ) -> httpx.Response:
        """Send until there is an answer that is not "try again", as a good client does."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        for _ in range(100):
            try:
                answer = await self.http.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code != 503:
                return answer
            await asyncio.sleep(0.1)
        raise AssertionError(f"{method} {path}: no answer")

    async def do(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        answer = await self.send(method, path, body, key)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


class Watcher:
    """Reads topics as the observer, from where they end now."""

    def __init__(self, platform: Platform, *topics: str) -> None:
        self._platform = platform
        self._topics = topics
        self.events: list[Event] = []
        self.records: list[Any] = []

    async def __aenter__(self) -> Watcher:
        self._consumer = AIOKafkaConsumer(
            *self._topics,
            **self._platform.kafka("observer"),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await self._consumer.start()
        places = self._consumer.assignment()
        for place, end in (await self._consumer.end_offsets(places)).items():
            await self._consumer.position(place)  # its own first seeking comes to an end
            self._consumer.seek(place, end)
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._consumer.stop()

    async def _read(self) -> None:
        while True:
            for part in (await self._consumer.getmany(timeout_ms=100)).values():
                for record in part:
                    self.records.append(record)
                    with contextlib.suppress(InvalidMessage):  # another test has spoilt it
                        self.events.append(
                            decode(record.topic, record.key, record.value, record.headers)
                        )

    def _check(self) -> None:
        if self._task.done():
            self._task.result()

    def of(self, kind: type[Event], encounter_id: str | None = None) -> list[Any]:
        self._check()
        return [
            e
            for e in self.events
            if isinstance(e, kind)
            and (encounter_id is None or getattr(e, "encounter_id", None) == encounter_id)
        ]


@asynccontextmanager
async def running(*services: Service) -> AsyncIterator[None]:
    """The services, ready; ended afterwards whatever happens."""
    try:
        for service in services:
            service.start()
        await asyncio.gather(*(service.ready() for service in services))
        yield
    except BaseException:
        for service in services:
            sys.stdout.write(f"--- {service.child.name}\n{service.child.last_words(8)}\n")
        raise
    finally:
        for service in services:
            if service.child.pid is not None:
                service.kill(signal.SIGCONT)
                service.kill(signal.SIGTERM)
        for service in services:
            for caller in service.callers:
                await caller.http.aclose()
            if service.child.process:
                await asyncio.to_thread(service.child.process.wait, 15)
