"""A database that is lost with its disk comes back from a backup and the archive of what it
committed since: nothing that was acknowledged is missing, and nothing has a second effect."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest

from services.kit import programs
from services.kit.process import ROOT, Child, end, run_once
from tests.crashes import City, city
from tests.platform import Platform
from tests.promises import PROMISES
from tests.services import until

pytestmark = pytest.mark.timeout(500)
DEPLOY = ROOT / "deploy/postgres"
#: What people see, and what is still to be told.
SEEN = {
    "bridge.queue": "encounter_id", "bridge.cases": "id", "triage.states": "id",
    "dispatch.encounters": "id",
}  # fmt: skip


class Keeper(NamedTuple):
    """Whoever looks after the database: its folder, the tools, and in whose name they run."""

    platform: Platform
    home: Path
    environ: dict[str, str]
    who: dict[str, Any]

    def types(self, script: str, *words: Path) -> None:
        run_once([str(DEPLOY / script), *map(str, words)], env=self.environ, **self.who)

    def archive(self, folder: Path) -> Child:
        return Child(
            "archive", [str(DEPLOY / "archive"), str(folder)], folder.parent.parent / "archive.log",
            self.environ, stop_with=signal.SIGINT, options=self.who,
        )  # fmt: skip

    async def asks(self, query: str) -> Any:
        connection = await asyncpg.connect(self.platform.admin_dsn)
        try:
            return await connection.fetch(query)
        finally:
            await connection.close()


@pytest.fixture
async def keeper() -> AsyncIterator[Keeper]:
    """A broker and a database of their own: this one is taken away."""
    with tempfile.TemporaryDirectory(prefix="greenchannel-restore-") as folder:
        platform = Platform(Path(folder))
        try:
            link = Path(folder) / "postgres"
            bin_, who = programs.for_us(link)
            await platform.start()
            reach = {
                "PATH": f"{bin_}:{os.environ['PATH']}", "PGHOST": "127.0.0.1",
                "PGPORT": str(platform.database_port), "PGUSER": "greenchannel_admin",
                "PGPASSWORD": platform.passwords["admin"],
            }  # fmt: skip
            yield Keeper(platform, link.resolve(), {**os.environ, **reach}, who)
        finally:
            platform.stop()


async def seen(keeper: Keeper) -> dict[str, list[str]]:
    """All that people see of every patient."""
    return {
        table: [
            str(dict(row)) for row in await keeper.asks(f"SELECT * FROM {table} ORDER BY {key}")
        ]
        for table, key in SEEN.items()
    }


async def follows(keeper: Keeper) -> bool:
    rows = await keeper.asks("SELECT sync_state FROM pg_stat_replication")
    return [row[0] for row in rows] == ["sync"]


async def test_a_lost_database_comes_back_to_its_last_acknowledgement(
    keeper: Keeper, tmp_path: Path
) -> None:
    platform, home = keeper.platform, keeper.home
    archive = keeper.archive(home / "archive")
    again = keeper.archive(home / "archive-2")
    archive.start()
    try:
        await keeper.asks("ALTER SYSTEM SET synchronous_standby_names = 'greenchannel_archive'")
        await keeper.asks("SELECT pg_reload_conf()")
        await until(lambda: follows(keeper), 20, archive.last_words())
        async with city(platform, tmp_path) as made:
            await made.carry_until(lambda: len(made.patients) >= 3, 60)
            await asyncio.to_thread(keeper.types, "backup", home / "backup")
            await made.carry_until(lambda: len(made.patients) >= 6, 60)
            await made.quiet()
            before = await seen(keeper)
            riding = asyncio.create_task(
                made.carry_until(lambda: len(made.patients) >= 9, 120)
            )  # these are on their way meanwhile
            await until(lambda: len(made.patients) >= 8, 60)
            platform.kill_postgres()
            end([archive])
            shutil.rmtree(home / "data")
            await asyncio.to_thread(
                keeper.types, "restore", home / "backup", home / "archive", home / "data"
            )
            again.start()
            await asyncio.gather(platform.postgres_answers(), is_over(keeper))
            await riding
            await made.quiet()
            assert_that_nothing_is_lost(made)
            after = await seen(keeper)
        for table, rows in before.items():
            missing = [row for row in rows if row not in after[table]]
            assert missing == [], table
    finally:
        end([archive, again])


async def is_over(keeper: Keeper) -> None:
    """Until the server has read the archive to its end."""

    async def writes() -> bool:
        try:
            return not (await keeper.asks("SELECT pg_is_in_recovery()"))[0][0]
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    await until(writes, 60, "the server does not take writes")


def assert_that_nothing_is_lost(made: City) -> None:
    assert made.faults == []
    assert len(made.patients) >= 9
    for patient in made.patients:
        for promise in PROMISES:
            promise(made.ledger, patient)
