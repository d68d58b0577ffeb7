"""A broker and a database of our own, in a folder that goes with them, and who runs on them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import click
import psutil

from benchmarks.broker import Broker, connected
from services.kit import endpoints, programs
from services.kit.admin import apply_broker
from services.kit.broker import broker_answers, environment
from services.kit.fleet import Answers, Keeper
from services.kit.process import ROOT, Child, end, hold
from services.kit.roles import apply_database, database_answers, server_version
from services.kit.settings import Settings
from services.local.kafka import Kafka
from services.local.postgres import Postgres
from services.local.supervisor import PARTITIONS

#: Where Quix Streams is installed, which needs other versions than ours of what it stands on.
PEERS_PYTHON = ROOT / ".venv/bench/bin/python"


class Ground:
    """One broker, one database. Ports and passwords are chosen before anything starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        lock = hold(folder)
        (folder / "logs").mkdir(mode=0o700)
        self._passwords = endpoints.passwords(folder / "passwords.json")
        self._kafka = Kafka(folder, self._passwords["admin"], lock)
        self._postgres = Postgres(folder, self._passwords["admin"])
        self._children: list[Child] = []
        self.versions = endpoints.versions()

    @property
    def settings(self) -> Settings:
        """The connection of the broker's administrator."""
        return self._kafka.settings()

    @property
    def dsn(self) -> str:
        """The connection of the database's administrator."""
        return self._postgres.dsn

    async def start(self) -> None:
        """Raises ``CannotStart``, ``Unavailable`` or ``CannotApply``."""
        database = await asyncio.to_thread(self._postgres.prepare)
        await self.up(database, partial(database_answers, self.dsn))
        await apply_database(self.dsn, self._passwords)
        broker = await self._kafka.prepare(click.echo)
        answers = partial(asyncio.to_thread, broker_answers, self.settings)
        await self.up(broker, answers)
        await apply_broker(self.settings, self._passwords, PARTITIONS)
        self.versions |= {"kafka": self._kafka.version, "java": self._kafka.java_version}
        self.versions["postgres"] = await server_version(self.dsn)

    async def up(self, child: Child, answers: Answers) -> Child:
        """Start it, and wait until it answers. Raises ``CannotStart`` with its last words."""
        self._children.append(child)
        await Keeper(child, answers, lambda: None, click.echo).first_start()
        return child

    def adopt(self, child: Child) -> None:
        """It was started, and is ended with the others."""
        self._children.append(child)

    async def down(self, child: Child) -> None:
        """End it, and wait until it has ended."""
        self._children.remove(child)
        await asyncio.to_thread(end, [child])

    def stop(self) -> None:
        """End all that still runs, the last one first."""
        for child in reversed(self._children):
            end([child])
        programs.remove(self._postgres.link)

    def service(self, name: str, port: int) -> Child:
        """A service of ours, with its own user and role."""
        environ = endpoints.environ(name, self.settings, self.dsn, self._passwords[name])
        environ |= {"GREENCHANNEL_PORT": str(port), "GREENCHANNEL_LOG_LEVEL": "WARNING"}
        argv = [sys.executable, "-m", "services.cli", name]
        return Child(name, argv, self.folder / f"logs/{name}.log", environ)

    def peer(self, name: str, words: Sequence[str], python: Path | None = None) -> Child:
        """A program of ``benchmarks`` as the broker's administrator: it makes topics of its own."""
        environ = {**os.environ, **environment(self.settings)}
        argv = [str(python or sys.executable), "-m", *words]
        return Child(name, argv, self.folder / f"logs/{name}.log", environ)

    def empty(self, name: str) -> Path:
        """A folder with nothing in it."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    def cpu_seconds(self) -> dict[str, float]:
        """What every part has used so far, with its own children."""
        return {child.name: _cpu_seconds(child) for child in self._children}


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Ground, Broker]]:
    """The ground in this folder, and its broker, for as long as they are needed."""
    ground = Ground(folder)
    try:
        click.echo("  启动 · a broker and a database of our own …")
        await ground.start()
        async with connected(ground.settings) as broker:
            yield ground, broker
    finally:
        ground.stop()


def _cpu_seconds(child: Child) -> float:
    if child.pid is None:
        return 0.0
    process = psutil.Process(child.pid)
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    times = process.cpu_times()
    return total + times.children_user + times.children_system


def resident_bytes(child: Child) -> int:
    """The memory that a program holds; 0 when it has ended."""
    return int(psutil.Process(child.pid).memory_info().rss) if child.pid else 0
