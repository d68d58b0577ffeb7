"""Apache Kafka as a child of ours: one node with users and access rules, on the machine's Java."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from string import Template

from pydantic import SecretStr

from services.kit.jars import Unavailable, fetch, java
from services.kit.process import ROOT, Child, free_port, run_once, write_whole
from services.kit.settings import Settings

_DEPLOY = ROOT / "deploy/kafka"
#: All of the heap from the start, and touched: what it took later would look like a leak.
_MEMORY = ("-Xms384m", "-Xmx384m", "-XX:+AlwaysPreTouch", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")
#: The optimizing compiler takes more than it gives where broker and services share two cores: in
#: the first minute half of the broker's time goes into it, and later it saves next to nothing.
_QUICK = ("-XX:TieredStopAtLevel=1",)


class Kafka:
    """One node in ``data/kafka``; ports are chosen once, so a restart has the same."""

    def __init__(self, data: Path, password: str, lock: int) -> None:
        self.folder, self.log = data / "kafka", data / "logs/kafka.log"
        self.password, self.lock = password, lock
        self.port, self.controller_port = free_port(), free_port()

    def settings(self) -> Settings:
        """The connection of the broker's ``admin``."""
        return Settings().model_copy(
            update={
                "kafka_bootstrap_servers": f"127.0.0.1:{self.port}",
                "kafka_security_protocol": "SASL_PLAINTEXT",
                "kafka_sasl_mechanism": "SCRAM-SHA-512",
                "kafka_sasl_plain_username": "admin",
                "kafka_sasl_plain_password": SecretStr(self.password),
            }
        )

    async def prepare(self, say: Callable[[str], None]) -> Child:
        """Fetch what is missing, write the settings, format a new folder. The jars are those of
        ``GREENCHANNEL_KAFKA_HOME``, else of the lock. Raises ``Unavailable``."""
        home = os.environ.get("GREENCHANNEL_KAFKA_HOME")
        fetched = [] if home else await fetch(_DEPLOY / "kafka-jars.lock", "apache-kafka", say)
        return await asyncio.to_thread(self._prepare, home, fetched)

    def _prepare(self, home: str | None, fetched: list[Path]) -> Child:
        program, self.java_version = java()
        jars = sorted(Path(home).glob("libs/*.jar")) if home else fetched
        named = [jar.stem[14:] for jar in jars if jar.name.startswith("kafka-clients-")]
        if not named:
            raise Unavailable(f"no jars of Apache Kafka in {home}/libs")
        self.version = named[0]
        self.folder.mkdir(mode=0o700, exist_ok=True)
        filled = Template((_DEPLOY / "server.properties").read_text("utf-8")).substitute(
            port=self.port, controller_port=self.controller_port,
            folder=self.folder, password=self.password,
        )  # fmt: skip
        settings = write_whole(self.folder / "server.properties", filled)
        words = ["-cp", os.pathsep.join(map(str, jars))]
        if not (self.folder / "log/meta.properties").exists():
            self._format(str(program), words, settings)
        argv = [str(program), *_QUICK, *_MEMORY, *words, "kafka.Kafka", str(settings)]
        return Child("kafka", argv, self.log, options={"pass_fds": (self.lock,)})

    def _format(self, program: str, words: list[str], settings: Path) -> None:
        """The password goes by a file, for everybody sees the words of a program."""
        credential = f"SCRAM-SHA-512=[name=admin,password={self.password}]"
        said = ["format", "-t", uuid.uuid4().hex[:22], "-c", str(settings), "-S", credential]
        file = write_whole(self.folder / "format", "\n".join(said))
        shutil.rmtree(self.folder / "log", ignore_errors=True)
        run_once(
            [program, *_QUICK, "-XX:+UseSerialGC", *words, "kafka.tools.StorageTool", f"@{file}"]
        )
        file.unlink()
