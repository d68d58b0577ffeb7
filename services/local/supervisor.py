"""The embedded run: everything on one machine, brought up, supervised, and taken down again."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import httpx
from asyncpg import PostgresError
from pydantic import SecretStr

from services.boards.cli import LIFE, new_code
from services.boards.store import make_enrolment
from services.kit import endpoints, postgres, programs
from services.kit.admin import CannotApply, apply_broker
from services.kit.broker import broker_answers
from services.kit.errors import TransientFailure
from services.kit.fleet import CannotStart, Fleet, readiness, side_by_side
from services.kit.jars import Unavailable
from services.kit.process import Child, free_port, hold, write_whole
from services.kit.roles import apply_database, database_answers, server_version
from services.kit.runtime import cancel_on_signal, on_signal, serve
from services.kit.settings import Settings
from services.kit.tokens import LIFE_S, SigningKey
from services.local.issuer import create_issuer
from services.local.kafka import Kafka
from services.local.people import people_of
from services.local.postgres import Postgres
from services.local.preflight import boards_port, lacks
from services.local.prometheus import Alertmanager, Prometheus
from simulator import city
from web.app import create_app

SERVICES = ("dispatch", "gateway", "tracker", "triage", "bridge", "boards")
#: Who looks in may speak to these.
OPEN = ("dispatch", "gateway", "bridge", "boards", "web", "issuer")
PARTS = ("kafka", "postgres", *SERVICES, "simulator", "judge")
#: The broker recovers from a kill in 7 s with these, in 9-12 s with the registry's 12.
PARTITIONS = 4
NAMES = {"dispatch": "调度", "gateway": "遥测", "tracker": "车辆", "triage": "分诊",
         "bridge": "衔接", "boards": "看板", "simulator": "模拟", "judge": "裁判"}  # fmt: skip
UNHURT = "✓ 无丢失、无重复、无差错 · nothing lost, doubled or wrong"
PROGRAM = (sys.executable, "-m", "services.cli")
WAYS_ROUND = "另可 · or: --kafka HOST:PORT, or GREENCHANNEL_KAFKA_HOME=an unpacked Apache Kafka"


@dataclass(frozen=True)
class Options:
    """What ``greenchannel run`` was asked for; ``None`` leaves it to the simulator."""

    kafka: str | None = None
    postgres: str | None = None
    data: Path | None = None
    report: Path | None = None
    endpoints: Path | None = None
    port: int = 8120
    seconds: float | None = None
    seed: int | None = None
    ambulances: int | None = None
    calls_per_hour: float | None = None
    vitals_per_second: float | None = None
    live_encounters: int | None = None
    stories: tuple[str, ...] = ()
    pace: float | None = None
    realism: tuple[str, ...] = ()
    recording: Path | None = None
    alerts_to: str | None = None

    def for_simulator(self) -> list[str]:
        names = ("seed", "ambulances", "calls_per_hour", "vitals_per_second", "live_encounters",
                 "pace")  # fmt: skip
        given = [("for", self.seconds), *((name, getattr(self, name)) for name in names)]
        asked = [(f"--{name.replace('_', '-')}", str(v)) for name, v in given if v is not None]
        asked += [("--story", name) for name in self.stories]
        asked += [("--realism", ",".join(self.realism))] if self.realism else []
        return [word for pair in asked for word in pair]


async def run(options: Options) -> int:
    """The whole run; its exit status. 2: it cannot start, 1: the truth was hurt, 0: all is well."""
    with ExitStack() as left:
        folder = options.data or left.enter_context(
            tempfile.TemporaryDirectory(prefix="greenchannel-", ignore_cleanup_errors=True)
        )
        data = Path(folder).resolve()  # noqa: ASYNC240 - before anything runs
        try:
            lock = hold(data)
            (data / "logs").mkdir(mode=0o700, exist_ok=True)
            found = lacks(data, options.port, options.kafka, options.postgres)
        except BlockingIOError:
            found = [f"{data} 正在使用 · another run uses it: end that, or --data DIR"]
        except OSError as error:
            found = [f"{data} 无法写入 · {error.strerror}: another --data DIR"]
        for line in found:
            click.echo(f"✗ {line}", err=True)
        return 2 if found else await Run(options, data, lock).whole()


class Run:
    """One run in its folder. Ports and passwords are chosen before anything starts."""

    def __init__(self, options: Options, data: Path, lock: int) -> None:
        self.options, self.data, self.has_input = options, data, False
        self.passwords = endpoints.passwords(data / "passwords.json")
        self.kafka = None if options.kafka else Kafka(data, self.passwords["admin"], lock)
        self.postgres = None if options.postgres else Postgres(data, self.passwords["admin"])
        theirs = Settings(kafka_bootstrap_servers=options.kafka or "")
        self.broker = self.kafka.settings() if self.kafka else theirs
        self.dsn = self.postgres.dsn if self.postgres else str(options.postgres)
        self.ports = {name: free_port() for name in (*SERVICES, "simulator", "judge", "issuer")}
        self.prometheus = Prometheus.found(data, free_port())
        to = options.alerts_to
        self.alertmanager = Alertmanager.found(data, free_port(), to) if to else None
        self.ports["web"] = options.port or free_port()
        self.ports["boards"] = boards_port(options.port) or free_port()
        places, key = city.load(), SigningKey()
        facilities = [place.id for place in places.facilities]
        # A clinic sends its patients on, and so may any hospital.
        clinics = [place.id for place in places.clinics] + facilities
        self.tokens = endpoints.tokens(data / "jwks.json", facilities, clinics, key)
        there = self.url("issuer"), [f"{self.url('boards')}/signed-in"]
        self.issuer = create_issuer(key, Settings(), people_of(places), *there)
        self.fleet, self.versions = Fleet(self.publish, click.echo), endpoints.versions()
        self.private = data / "endpoints.internal.json"
        self.operators = data / "endpoints.operator.json"
        self.public = options.endpoints or data / "endpoints.json"
        self.truth, self.judged = data / "truth.ndjson", data / "judge.json"
        self.http = httpx.AsyncClient(timeout=2, trust_env=False)
        looks = partial(self.endpoints, "judge"), lambda: self.has_input
        self.page = create_app(*looks, self.fleet.kill, self.fleet.recoveries, self.phone)

    async def whole(self) -> int:
        """Until input has ended and was counted, or a signal comes; then nothing is left."""
        logging.basicConfig(filename=self.data / "logs/web.log", filemode="w", level="WARNING")
        cancel_on_signal(lambda: click.echo("  停止中 · stopping …"))
        try:
            await self.bring_up()
            return await self.until_counted()
        except (Unavailable, CannotStart, CannotApply, OSError, PostgresError) as error:
            cure = WAYS_ROUND * isinstance(error, Unavailable)
            click.echo(f"✗ {str(error) or type(error).__name__} {cure}", err=True)
            return 2
        except asyncio.CancelledError:
            return int(self.options.report is not None)  # which nobody has written
        finally:
            on_signal(lambda: None)  # nothing interrupts what follows
            await self.take_down()

    async def take_down(self) -> None:
        for open_door in (self.public, self.operators):
            open_door.unlink(missing_ok=True)
        await self.http.aclose()
        await self.page.state.show.end()
        # What threads still do in the folder has to end before the folder goes.
        await asyncio.get_running_loop().shutdown_default_executor()
        await self.fleet.end(
            [
                ["simulator"],
                ["judge", "prometheus", "alertmanager"],
                SERVICES,
                ["kafka"],
                ["postgres"],
            ]
        )
        if self.postgres and not self.options.data:
            programs.remove(self.postgres.link)

    async def bring_up(self) -> None:
        for stale in (self.public, self.operators, self.truth, self.judged):
            stale.unlink(missing_ok=True)
        shutil.rmtree(self.data / "tmp", ignore_errors=True)
        (self.data / "tmp").mkdir(mode=0o700)
        await side_by_side(click.echo, [self.postgres_up], [self.kafka_up])
        self.publish()
        for name, app in (("web", self.page), ("issuer", self.issuer)):
            clear = Settings(
                host="127.0.0.1", port=self.ports[name], tls_certificate=None, tls_key=None
            )
            self.fleet.watch(name, serve(app, clear)())
        services = [[partial(self.up, name)] for name in SERVICES]
        city = [partial(self.up, name) for name in ("judge", "simulator")]
        if self.options.recording:  # is said once, and to those who are there
            await side_by_side(click.echo, *services)
            await side_by_side(click.echo, city[1:])
        else:
            await side_by_side(click.echo, city, *services)
        await self.prometheus_up()
        self.has_input = True
        self.publish()
        lines = [
            f"绿色通道 Green Channel  {self.url('web')}/  ·  Ctrl-C 结束 ends",
            (f"看板 boards             {self.url('boards')}/  ·  一键登录 sign in by one click"),
        ]
        if self.prometheus:
            lines.append(f"指标 Prometheus         http://127.0.0.1:{self.prometheus.port}/alerts")
        click.echo("\n".join([f"┏{'━' * 64}", *(f"┃ {line}" for line in lines), f"┗{'━' * 64}"]))

    async def postgres_up(self) -> str:
        if self.postgres:
            child = await asyncio.to_thread(self.postgres.prepare)
            await self.fleet.add(child, partial(database_answers, self.dsn))
        await apply_database(self.dsn, self.passwords)
        self.versions["postgres"] = await server_version(self.dsn)
        return f"PostgreSQL {self.versions['postgres']}"

    async def kafka_up(self) -> str:
        if self.kafka:
            child = await self.kafka.prepare(click.echo)
            self.versions |= {"kafka": self.kafka.version, "java": self.kafka.java_version}
            await self.fleet.add(child, partial(asyncio.to_thread, broker_answers, self.broker))
        elif not await asyncio.to_thread(broker_answers, self.broker, 10):
            raise CannotStart(f"{self.options.kafka} 无应答 · is silent; GREENCHANNEL_KAFKA_*?")
        await apply_broker(self.broker, self.passwords, PARTITIONS if self.kafka else None)
        return f"Apache Kafka {self.versions['kafka'] or self.options.kafka}"

    async def prometheus_up(self) -> None:
        """Whoever has one sees figures and alerts; nothing of a run hangs on it."""
        if not self.prometheus:
            return
        looked_at = {name: self.ports[name] for name in SERVICES}
        told = self.alertmanager.port if self.alertmanager else None
        beside = [(self.prometheus.child(looked_at, told), self.prometheus.port)]
        if self.alertmanager:
            beside.insert(0, (self.alertmanager.child(), self.alertmanager.port))
        for child, port in beside:
            try:
                await self.fleet.add(child, readiness(self.http, port, "/-/ready"), may_end=True)
            except CannotStart as error:
                click.echo(f"  · {child.name} 未启动 · is left out: {error}")
                self.prometheus = None if child.name == "prometheus" else self.prometheus

    async def up(self, name: str) -> str:
        given = ["--endpoints", str(self.private), "--truth", str(self.truth)]
        report, recording = ["--report", str(self.judged)], self.options.recording
        words = {
            "simulator": ["simulate", *given, *self.options.for_simulator()],
            "judge": ["judge", *given, *report],
        }.get(name, [name])
        if name == "simulator" and recording:
            pace = f"--pace={self.options.pace or 1}"
            words = ["play", str(recording), "--endpoints", str(self.operators), *report, pace]
        environ = {
            **endpoints.environ(name, self.broker, self.dsn, self.passwords.get(name, "")),
            "GREENCHANNEL_JWKS": str(self.data / "jwks.json"),
            # Its tokens are made once, at the start: they sign as long as they are good.
            "GREENCHANNEL_SIGNATURE_WITHIN_S": str(LIFE_S),
            "TMPDIR": str(self.data / "tmp"),
            "GREENCHANNEL_HOST": "127.0.0.1",
            "GREENCHANNEL_PORT": str(self.ports[name]),
            **(self.for_boards() if name == "boards" else {}),
        }
        child = Child(name, [*PROGRAM, *words], self.data / f"logs/{name}.log", environ)
        ready = readiness(self.http, self.ports[name])
        await self.fleet.add(child, ready, may_end=name not in SERVICES)
        return f"{NAMES[name]} {name}"

    def for_boards(self) -> dict[str, str]:
        """Where people open them and sign in, and where the services are."""
        theirs = {f"GREENCHANNEL_BOARDS_{name.upper()}": self.url(name)
                  for name in ("issuer", "dispatch", "gateway", "bridge")}  # fmt: skip
        codes = f"{self.url('web')}/phone"
        return {**theirs, "GREENCHANNEL_BOARDS_URL": self.url("boards"),
                "GREENCHANNEL_BOARDS_CODES": codes}  # fmt: skip

    async def phone(self) -> str | None:
        """Where a crew's phone is enrolled, with a code of its own; none without the database."""
        code, settings = new_code(), Settings(postgres_dsn=SecretStr(self.dsn))
        try:
            async with await postgres.connect(settings, "access", size=1) as pool:
                await make_enrolment(pool, code, "run", LIFE)
        except TransientFailure:
            return None
        return f"{self.url('boards')}/crew/#code={code}"

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def endpoints(self, *more: str) -> dict[str, Any]:
        """What lets anyone look in, send their own, and pull a plug; and ``more`` addresses."""
        return {
            **endpoints.observed(self.broker, self.dsn, self.passwords),
            "http": {name: self.url(name) for name in (*OPEN, *more)},
            "pids": {name: self.fleet.pid(name) for name in PARTS},
            "tokens": self.tokens,
        }

    def publish(self) -> None:
        """The simulator and the judge know at once, all others when input begins."""
        known = self.endpoints()
        if self.options.recording:  # who says it again writes topics of ours
            theirs = {**known, "kafka": endpoints.connection(self.broker)}
            write_whole(self.operators, json.dumps(theirs))
        text = json.dumps(known, indent=2)
        for file in (self.private, self.public) if self.has_input else (self.private,):
            write_whole(file, text)

    async def until_counted(self) -> int:
        try:
            await self.fleet.until_ended("simulator")
        except asyncio.CancelledError:
            if not self.options.report:
                raise
            await self.fleet.retire("simulator")
        if self.options.recording:
            return self.told_again()
        await self.fleet.until_ended("judge", patience=60)
        counted = json.loads(self.judged.read_text("utf-8"))
        counted |= {"recovery_s": self.fleet.recoveries(), "versions": self.versions}
        if self.options.report:
            write_whole(self.options.report, json.dumps(counted, ensure_ascii=False, indent=2))
        for name in ("vitals_sent", "encounters", "boardings", "admissions"):
            click.echo(f"  {name:<14} {counted[name]}")
        for line in counted["unknowable"]:
            click.echo(f"  ? 不可知 · unknowable: {line}")
        if (hands := counted["by_hand"])["acts"]:
            told = ", ".join(f"{name} {n}" for name, n in hands.items())
            click.echo(f"  · 看板上的人 · humans at boards: {told}")
        found = {**counted["ground_truth"], "refused": counted["refused"]}
        hurt = ", ".join(f"{name} {n}" for name, n in found.items() if n)
        where = f" · {self.options.report}" if self.options.report else ""
        click.echo(f"  ✗ {hurt}{where}" if hurt else f"  {UNHURT}{where}")
        return int(any(counted["ground_truth"].values()))

    def told_again(self) -> int:
        """What became of a recording."""
        found = json.loads(self.judged.read_text("utf-8"))
        for line in found.pop("lines"):
            click.echo(line)
        if self.options.report:
            told = {**found, "versions": self.versions}
            write_whole(self.options.report, json.dumps(told, ensure_ascii=False, indent=2))
        return int(bool(found["problems"]))
