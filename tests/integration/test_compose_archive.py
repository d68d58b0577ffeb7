"""What docker-compose.yml adds to the archive of the database: who is let in to follow it, how the
container gets its password, and how it knows that it follows."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from services.kit import programs
from services.kit.process import ROOT, Child, end
from tests.platform import Platform
from tests.services import until

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
DEPLOY = ROOT / "deploy/postgres"
#: What initdb and the official image write there for those who come over a network.
OFFICIAL = "local all all trust\nhost all all all scram-sha-256\n"


class Server(NamedTuple):
    """A database as the image makes it, and the scripts as the containers have them."""

    platform: Platform
    home: Path
    environ: dict[str, str]
    who: dict[str, Any]

    def words(self, name: str) -> list[str]:
        """How compose starts the container, with the paths of this machine."""
        service = COMPOSE["services"][name]
        return [self.here(word) for word in (*service["entrypoint"], *service["command"])]

    def here(self, word: str) -> str:
        found = word.replace("/opt/greenchannel", str(self.home / "deploy"))
        return found.replace("/var/lib/postgresql", str(self.home / "volume"))

    async def runs(self, *words: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            lambda: subprocess.run(
                words, env=self.environ, capture_output=True, text=True, check=False, **self.who
            )
        )

    async def is_well(self) -> bool:
        """By the health check of the container."""
        _, *check = COMPOSE["services"]["archive"]["healthcheck"]["test"]
        return (await self.runs(*map(self.here, check))).returncode == 0


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    with tempfile.TemporaryDirectory(prefix="greenchannel-archive-") as folder:
        platform = Platform(Path(folder))
        try:
            link = Path(folder) / "postgres"
            bin_, who = programs.for_us(link)
            await platform.start_postgres()
            home = link.resolve()
            shutil.copytree(DEPLOY, home / "deploy")
            secret = home / "admin"
            secret.write_text(platform.passwords["admin"])
            entry = home / "deploy/enter"
            entry.write_text(entry.read_text().replace("/run/secrets/admin", str(secret)))
            (home / "volume").mkdir()
            (home / "data/pg_hba.conf").write_text(OFFICIAL)
            for path in (home / "volume", home / "data/pg_hba.conf", secret):
                os.chown(path, who.get("user", -1), who.get("group", -1))
            told = {
                name: str(value)
                for name, value in COMPOSE["services"]["archive"]["environment"].items()
            }
            environ = {
                "PATH": f"{bin_}:/usr/bin:/bin", **told,
                "PGHOST": "127.0.0.1", "PGPORT": str(platform.database_port),
                "PGDATA": str(home / "data"),
                "POSTGRES_USER": COMPOSE["services"]["postgres"]["environment"]["POSTGRES_USER"],
            }  # fmt: skip
            made = Server(platform, home, environ, who)
            assert (await made.runs("pg_ctl", "reload", "-D", str(home / "data"))).returncode == 0
            yield made
        finally:
            platform.stop()


async def test_the_archive_follows_a_database_that_the_image_has_made(server: Server) -> None:
    archive = Child(
        "archive", server.words("archive"), server.home / "archive.log", server.environ,
        stop_with=signal.SIGINT, options=server.who,
    )  # fmt: skip
    archive.start()
    try:
        await until(lambda: "no pg_hba.conf entry for replication" in archive.last_words(), 20,
                    "the image lets it in by itself")  # fmt: skip
        assert not await server.is_well()
        for _ in range(2):  # at first, and by hand on one that is older
            admitted = await server.runs(str(server.home / "deploy/admit-archive.sh"))
            assert admitted.returncode == 0, admitted.stderr
        rules = (server.home / "data/pg_hba.conf").read_text()
        assert rules == f"{OFFICIAL}host replication greenchannel_admin samenet scram-sha-256\n"
        await until(server.is_well, 20, "it does not follow")
        assert [*(server.home / "volume/archive").glob("*.partial")] != []
        backup = str(server.home / "volume/backup")
        entry = server.words("archive")[0]
        made = await server.runs(entry, str(server.home / "deploy/backup"), backup)
        assert made.returncode == 0, made.stderr
        assert (Path(backup) / "backup_manifest").exists()
    finally:
        end([archive])
    await until(lambda: _is_ill(server), 10, "nobody follows, and it is well")


async def _is_ill(server: Server) -> bool:
    return not await server.is_well()


async def test_nobody_else_is_let_in_to_follow(server: Server) -> None:
    await server.runs(str(server.home / "deploy/admit-archive.sh"))
    other = {**server.environ, "PGUSER": "greenchannel_observer",
             "PGPASSWORD": server.platform.passwords["observer"]}  # fmt: skip
    refused = await server._replace(environ=other).runs(
        "pg_receivewal", "--no-loop", "--directory", str(server.home / "volume")
    )
    assert refused.returncode != 0
    assert "no pg_hba.conf entry for replication" in refused.stderr
