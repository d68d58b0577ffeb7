"""Our containers as docker-compose.yml starts them, without an engine: each service by its command,
its environment, the entry of the image and the secrets that it is given, from the files that the
image holds, until the health check of its container says that it is well. Hosts and ports are those
of this machine."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from schemas.topics import registry
from schemas.triage import Bilingual
from services.kit.process import ROOT, Child, end, free_port
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from services.local.issuer import create_issuer
from services.local.people import Person
from tests import image
from tests.platform import Platform
from tests.services import until
from tests.serving import serving

pytestmark = pytest.mark.timeout(500)
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("dispatch", "gateway", "tracker", "triage", "bridge", "boards")


@dataclass
class Composition:
    """The containers of ours, as processes; ``typed`` are variables of who brings them up."""

    folder: Path
    platform: Platform
    typed: Mapping[str, str]
    running: dict[str, Child] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = {name: free_port() for name in (*OURS, "simulator", "apply")}
        app, bin_ = self.folder / "app", self.folder / "bin"
        image.unpack(app)
        image.command(bin_ / "greenchannel", app)
        self._path = f"{bin_}:{Path(sys.executable).parent}:/usr/bin:/bin"
        (self.folder / "deploy").mkdir()
        subprocess.run(
            [shutil.copy(ROOT / "deploy/secrets.sh", self.folder / "deploy")], check=True
        )
        self.secrets = self.folder / "deploy/secrets"
        (self.secrets / "admin").write_text(self.platform.passwords["admin"])

    def environ(self, name: str) -> dict[str, str]:
        """Its environment in the container, at the addresses of this machine."""
        told = SERVICES[name].get("environment", {})
        return {"PATH": self._path, **{key: self._here(name, str(told[key])) for key in told}}

    def _here(self, name: str, value: str) -> str:
        value = re.sub(
            r"\$\{(\w+):-(.*?)\}", lambda found: self.typed.get(found[1]) or found[2], value
        )
        broker = self.platform.admin_settings.kafka_bootstrap_servers
        value = value.replace("/run/secrets", str(self._mounted(name)))
        value = value.replace("kafka:9092", broker)
        for other, port in self.ports.items():
            value = value.replace(f"http://{other}:8000", f"http://127.0.0.1:{port}")
        return re.sub(r"(?<![.\d])8000\b", str(self.ports[name]), value)

    def _mounted(self, name: str) -> Path:
        """What the container has of deploy/secrets: the files themselves, and no other."""
        there = self.folder / "run" / name
        if not there.exists():
            there.mkdir(parents=True)
            for secret in SERVICES[name]["secrets"]:
                file = self.folder / COMPOSE["secrets"][secret]["file"]
                (there / secret).symlink_to(file)
        return there

    def words(self, name: str, *instead: str) -> list[str]:
        """The entry of the image, and the command of the container or another one."""
        (entry,) = json.loads(re.findall(r"^ENTRYPOINT (.*)$", image.DOCKERFILE, re.MULTILINE)[0])
        text = (ROOT / entry.removeprefix("/app/")).read_text("utf-8")
        text = text.replace("/run/secrets", str(self._mounted(name)))
        text = text.replace("@postgres/", f"@127.0.0.1:{self.platform.database_port}/")
        file = self.folder / f"enter-{name}"
        file.write_text(text)
        return [
            "sh",
            str(file),
            *(self._here(name, w) for w in instead or SERVICES[name]["command"]),
        ]

    async def run(self, name: str, *instead: str) -> subprocess.CompletedProcess[str]:
        """To its end."""
        return await asyncio.to_thread(
            lambda: subprocess.run(
                self.words(name, *instead), env=self.environ(name), cwd=self.folder,
                capture_output=True, text=True, check=False,
            )
        )  # fmt: skip

    def start(self, name: str) -> None:
        child = Child(
            name, self.words(name), self.folder / f"{name}.log", self.environ(name),
            options={"cwd": self.folder},
        )  # fmt: skip
        child.start()
        self.running[name] = child

    async def is_well(self, name: str) -> bool:
        """By the health check of its container."""
        child = self.running[name]
        assert child.pid is not None, f"{name} has died:\n{child.last_words(40)}"
        kind, *words = SERVICES[name]["healthcheck"]["test"]
        assert kind == "CMD"
        words = [self._here(name, re.sub(r":8000\b", f":{self.ports[name]}", w)) for w in words]
        found = await asyncio.to_thread(
            subprocess.run, words, env=self.environ(name), capture_output=True, check=False
        )
        return found.returncode == 0

    async def well(self, name: str, seconds: float = 90) -> None:
        try:
            await until(lambda: self.is_well(name), seconds)
        except AssertionError as error:
            raise AssertionError(f"{name} is not well:\n{self.last_words(name)}") from error

    async def asks(self, query: str) -> Any:
        """The database, as its superuser."""
        connection = await asyncpg.connect(self.platform.admin_dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    def last_words(self, name: str) -> str:
        return self.running[name].last_words(30)


def in_order(names: tuple[str, ...]) -> Iterator[str]:
    """As they wait for each other."""
    left = list(names)
    while left:
        ready = [n for n in left if not set(SERVICES[n]["depends_on"]) & set(left)]
        assert ready, f"they wait for each other: {left}"
        yield from ready
        left = [n for n in left if n not in ready]


@pytest.fixture(scope="module")
async def composition() -> AsyncIterator[Composition]:
    """A broker and a database with nobody in it but the superuser, and the services."""
    listening = socket.create_server(("127.0.0.1", 0))
    issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
    people = [Person("P-1", Role.DISPATCHER, Bilingual(zh="一号", en="one"))]
    back = ["http://127.0.0.1:8004/signed-in"]
    app = create_issuer(SigningKey(), Settings(), people, issuer, back)
    typed = {
        "GREENCHANNEL_BOARDS_ISSUER": issuer,
        "GREENCHANNEL_SIGNATURE_WITHIN_S": "43200",
    }
    with tempfile.TemporaryDirectory(prefix="greenchannel-compose-") as folder:
        (Path(folder) / "platform").mkdir()
        platform = Platform(Path(folder) / "platform", is_bare=True)
        made = Composition(Path(folder), platform, typed)
        try:
            await platform.start()
            async with serving(app, listening):
                yield made
        finally:
            end(list(made.running.values()))
            platform.stop()


async def test_apply_ends_well_and_a_second_time_changes_nothing(composition: Composition) -> None:
    first = await composition.run("apply")
    assert first.returncode == 0, first.stderr
    assert len(first.stdout.splitlines()) > len(registry().topics)
    second = await composition.run("apply")
    assert (second.returncode, second.stdout) == (0, "nothing to change\n"), second.stderr


async def test_each_service_is_well_as_its_container_is_started(composition: Composition) -> None:
    for name in in_order(OURS):
        composition.start(name)
    for name in OURS:
        await composition.well(name)


async def test_the_check_up_of_the_composition_sees_all_that_it_looks_at(
    composition: Composition,
) -> None:
    done = await composition.run("apply", "doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    said = {one["en"]: one["verdict"] for one in map(json.loads, done.stdout.splitlines())}
    for name in ("dispatch", "gateway", "bridge"):
        assert said[f"service {name}"] == "good"


async def test_a_demo_city_calls_and_is_let_in(composition: Composition) -> None:
    """`deploy/demo.sh`, then the container: services that run read the new key themselves."""
    made = await composition.run("apply", "demo", "--secrets", str(composition.secrets))
    assert made.returncode == 0, made.stderr
    known = json.loads((composition.secrets / "demo.json").read_text())
    assert known["http"]["bridge"] == f"http://127.0.0.1:{composition.ports['bridge']}"
    composition.start("simulator")
    await composition.well("simulator")
    # It begins even where nobody hears it.
    await until(
        lambda: composition.asks("SELECT count(*) FROM bridge.queue"), 60, "no hospital hears of it"
    )


async def test_a_service_ends_within_the_time_that_it_is_given(composition: Composition) -> None:
    running = composition.running
    patience = {SERVICES[name]["stop_grace_period"] for name in running}
    assert patience == {"15s"}
    await asyncio.to_thread(end, list(running.values()), 15)
    assert {name: child.status for name, child in running.items()} == dict.fromkeys(running, 0)
