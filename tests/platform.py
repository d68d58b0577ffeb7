"""One broker and one database for the integration tests, made by the embedded runtime."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from schemas.topics import registry
from services.kit import programs
from services.kit.admin import apply_broker
from services.kit.broker import as_user, broker_answers, environment
from services.kit.process import Child, end, hold
from services.kit.roles import ROLES, apply_database, database_answers, role_dsn
from services.kit.settings import Settings
from services.local.kafka import Kafka
from services.local.postgres import Postgres


class Platform:
    """Apache Kafka with its users and rules, PostgreSQL with its roles; both can be killed,
    paused and taken away for a while. Ports stay the same throughout."""

    def __init__(self, folder: Path, *, is_bare: bool = False) -> None:
        """``is_bare``: nobody but the superuser is there, and no topic."""
        self._is_bare = is_bare
        (folder / "logs").mkdir()
        self.passwords = {user: f"{user}-password" for user in (*registry().users, *ROLES)}
        self._broker = Kafka(folder, self.passwords["admin"], hold(folder))
        self._database = Postgres(folder, self.passwords["admin"])
        self.admin_settings: Settings = self._broker.settings()
        self.admin_dsn: str = self._database.dsn
        self.database_port = self._database.port
        self._started: list[Child] = []

    async def start(self) -> None:
        await self.start_postgres()
        await self.start_kafka()

    async def start_postgres(self) -> None:
        self._postgres = await asyncio.to_thread(self._database.prepare)
        self._started.append(self._postgres)
        self._postgres.start()
        await self.postgres_answers()
        if not self._is_bare:
            await apply_database(self.admin_dsn, self.passwords)

    async def start_kafka(self) -> None:
        self._kafka = await self._broker.prepare(lambda _: None)
        self._started.append(self._kafka)
        self._kafka.start()
        await self.kafka_answers()
        if not self._is_bare:
            await apply_broker(self.admin_settings, self.passwords, partitions=4)

    def stop(self) -> None:
        end(self._started)
        programs.remove(self._database.link)

    @property
    def logs(self) -> list[Path]:
        """What the broker and the database have to say."""
        return [child.log for child in self._started]

    def settings(self, service: str) -> dict[str, str]:
        """The environment of a service, as ``Settings`` reads it."""
        found = {**self.environment(service), "GREENCHANNEL_PORT": "0"}
        if service in ROLES:
            found["GREENCHANNEL_POSTGRES_DSN"] = self.dsn(service)
        return found

    def environment(self, user: str) -> dict[str, str]:
        """The broker's part of the environment, for any of its users."""
        return environment(as_user(self.admin_settings, user, self.passwords[user]))

    def kafka(self, user: str) -> dict[str, Any]:
        """Connection arguments of aiokafka's clients."""
        return {
            "bootstrap_servers": self.admin_settings.kafka_bootstrap_servers,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": self.passwords[user],
        }

    def dsn(self, role: str) -> str:
        return role_dsn(self.admin_dsn, role, self.passwords[role])

    def kill_kafka(self) -> None:
        _kill(self._kafka)

    def kill_postgres(self) -> None:
        _kill(self._postgres)

    async def restart_kafka(self, away: float = 0.0) -> None:
        """SIGKILL, the given seconds without it, and until it answers again."""
        self.kill_kafka()
        await asyncio.sleep(away)
        self._kafka.start()
        await self.kafka_answers()

    async def restart_postgres(self, away: float = 0.0) -> None:
        """SIGKILL, the given seconds without it, and until it answers again."""
        self.kill_postgres()
        await asyncio.sleep(away)
        await self.postgres_answers()

    async def pause_kafka(self, seconds: float) -> None:
        """SIGSTOP for so long: connections stay open and nothing answers."""
        await _pause(self._kafka, seconds)

    async def pause_postgres(self, seconds: float) -> None:
        """SIGSTOP for so long: connections stay open and nothing answers."""
        await _pause(self._postgres, seconds)

    async def kafka_answers(self) -> None:
        await _until(self._kafka, lambda: asyncio.to_thread(broker_answers, self.admin_settings))

    async def postgres_answers(self) -> None:
        """A new server may find the old one's last processes still ending: then once more."""
        await _until(self._postgres, lambda: database_answers(self.admin_dsn), again=True)


@asynccontextmanager
async def platform_of_its_own(name: str = "tests") -> AsyncIterator[Platform]:
    """One that runs; nothing of it is left after."""
    with tempfile.TemporaryDirectory(prefix=f"greenchannel-{name}-") as folder:
        made = Platform(Path(folder))
        try:
            await made.start()
            yield made
        finally:
            made.stop()


async def _until(child: Child, answers: Callable[[], Awaitable[bool]], again: bool = False) -> None:
    deadline = time.monotonic() + 60
    while not await answers():
        if child.pid is None and again:
            child.start()
        if child.pid is None or time.monotonic() > deadline:
            raise TimeoutError(f"{child.name} does not answer:\n{child.last_words()}")
        await asyncio.sleep(0.05)


def _kill(child: Child) -> None:
    child.signal(signal.SIGKILL)
    if child.process:
        child.process.wait()


async def _pause(child: Child, seconds: float) -> None:
    root = psutil.Process(child.pid)
    everything = [root, *root.children(recursive=True)]
    for process in everything:
        process.suspend()
    try:
        await asyncio.sleep(seconds)
    finally:
        for process in everything:
            process.resume()
