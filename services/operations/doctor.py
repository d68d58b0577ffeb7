"""Looks at broker, topics, database, clocks and disks, and says of each what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from confluent_kafka import KafkaException

from schemas.topics import Topic, registry
from services.kit import kafka
from services.kit.broker import client, reason
from services.kit.broker import kafka as admin
from services.kit.dead_letters import source_of
from services.kit.errors import TransientFailure
from services.kit.postgres import Connection
from services.kit.roles import DATABASE, OWNERS
from services.kit.settings import Settings
from services.operations import checkup
from services.operations.checkup import Finding, Seen
from services.operations.desk import at_the_desk

PROBES = "operations-probes"
#: Of each partition so many of the last records are looked at; of each clock, so often.
LAST, LOOKS = 200, 5
ANSWER_S = 10.0
_TABLES: Mapping[str, Sequence[tuple[str, str]]] = {
    "access": [("services.kit", "access")],
    "boards": [("services.boards", "migrations")],
    "bridge": [("services.kit", "migrations"), ("services.bridge", "migrations")],
    "dispatch": [("services.kit", "migrations"), ("services.dispatch", "migrations")],
    "gateway": [("services.dispatch", "files")],
    "triage": [("services.kit", "migrations"), ("services.triage", "migrations")],
}
#: Services that have an outbox.
_SENDERS = ("bridge", "dispatch", "triage")


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """One finding after the other; what is out of reach is a finding, and no failure."""
    yield _of_disk("本机", "this machine", Path.cwd())
    async for found in _of_database(settings):
        yield found
    async for found in _of_broker(settings):
        yield found
    try:
        async with at_the_desk(settings) as desk:
            waiting = [each for each in await desk.letters() if each.is_open]
            yield checkup.of_letters(Counter(one.place.consumer for one in waiting))
    except (TransientFailure, asyncpg.PostgresError, KafkaError) as error:
        yield Finding("死信", "dead letters", "unseen", _told(error), "see the lines above")
    for name in ("dispatch", "gateway", "bridge"):
        if f"boards_{name}" in settings.model_fields_set:
            yield await _of_service(name, getattr(settings, f"boards_{name}"))


# -- the database ----------------------------------------------------------------------------------


async def _of_database(settings: Settings) -> AsyncIterator[Finding]:
    dsn = settings.postgres_dsn.get_secret_value()
    try:
        connection = await asyncpg.connect(dsn, timeout=5, command_timeout=ANSWER_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        cure = (
            f"see that it runs, and that GREENCHANNEL_POSTGRES_DSN names it, the database"
            f" {DATABASE} and a role with its password"
        )
        yield Finding("数据库", "database", "bad", f"out of reach: {_told(error)}", cure)
        return
    try:
        async for found in _of_server(connection, _is_here(urlsplit(dsn).hostname)):
            yield found
        for schema in ("access", *OWNERS):
            yield await _of_tables(connection, schema)
        for service in _SENDERS:
            if await connection.fetchval("SELECT to_regclass($1)", f"{service}.outbox"):
                yield await _of_outbox(connection, service)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        yield Finding("数据库", "database", "unseen", _told(error), "as a superuser it sees all")
    finally:
        connection.terminate()


async def _of_server(connection: Any, is_here: bool) -> AsyncIterator[Finding]:
    version, is_replica, used, most = await connection.fetchrow(
        "SELECT current_setting('server_version_num')::int, pg_is_in_recovery(),"
        " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
        " current_setting('max_connections')::int"
    )
    yield checkup.of_server(version, is_replica, used, most)
    looks = []
    for _ in range(LOOKS):
        before = time.time()
        there = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())")
        looks.append((before, float(there), time.time()))
    yield checkup.of_clock("数据库", "the database", *_ahead(looks))
    try:
        folder = await connection.fetchval("SHOW data_directory")
    except asyncpg.InsufficientPrivilegeError:
        folder = None
    yield _of_disk("数据库", "the database", Path(folder) if folder and is_here else None)


async def _of_tables(connection: Connection, schema: str) -> Finding:
    ours = [name for package, folder in _TABLES[schema] for name in _names(package, folder)]
    if not await connection.fetchval("SELECT to_regclass($1)", f"{schema}.migrations"):
        return checkup.of_migrations(schema, ours, None)
    rows = await connection.fetch(f"SELECT name FROM {schema}.migrations")  # noqa: S608
    return checkup.of_migrations(schema, ours, [row["name"] for row in rows])


def _names(package: str, folder: str) -> list[str]:
    there: Traversable = files(package) / folder
    return [file.name for file in there.iterdir() if file.name.endswith(".sql")]


async def _of_outbox(connection: Connection, service: str) -> Finding:
    waiting, oldest_s, aside = await connection.fetchrow(
        "SELECT count(*), extract(epoch FROM clock_timestamp() - min(created_at))::float8,"  # noqa: S608
        f" (SELECT count(*) FROM {service}.set_aside) FROM {service}.outbox"
    )
    return checkup.of_outbox(service, waiting, oldest_s, aside)


# -- the broker ------------------------------------------------------------------------------------


async def _of_broker(settings: Settings) -> AsyncIterator[Finding]:
    zh, en = "消息系统", "broker"
    reach = client(settings)
    try:
        known = await asyncio.to_thread(reach.list_topics, timeout=ANSWER_S)
    except KafkaException as error:
        cure = (
            "see that it runs, and that GREENCHANNEL_KAFKA_BOOTSTRAP_SERVERS and the user and"
            " password of GREENCHANNEL_KAFKA_SASL_PLAIN_… are right"
        )
        yield Finding(zh, en, "bad", f"out of reach: {reason(reach, error)}", cure)
        return
    brokers = known.brokers
    if len(brokers) < 3:
        cure = "three, with min.insync.replicas=2, go on through the loss of any one"
        yield Finding(zh, en, "warn", f"{len(brokers)} node", cure)
    else:
        yield Finding(zh, en, "good", f"{len(brokers)} nodes")
    declared = registry().topics
    seen = await _seen(reach, declared, known.topics)
    for found in checkup.of_topics(declared, seen):
        yield found
    yield await _of_brokers_clock(settings)
    is_here = all(_is_here(node.host) for node in brokers.values())
    async for found in _of_brokers_disk(reach, brokers, is_here):
        yield found
    async for found in _of_places(settings, declared, seen):
        yield found


async def _seen(
    reach: Any, declared: Mapping[str, Topic], present: Mapping[str, Any]
) -> dict[str, Seen]:
    names = [name for name in declared if name in present]
    asked = [admin.ConfigResource(admin.ResourceType.TOPIC, name) for name in names]
    configs: dict[str, Mapping[str, str] | None] = {}
    for name, future in zip(names, reach.describe_configs(asked).values(), strict=True):
        try:
            entries = await asyncio.wrap_future(future)
            configs[name] = {key: entry.value for key, entry in entries.items()}
        except KafkaException:
            configs[name] = None  # this user may not look
    return {
        name: Seen(
            len(present[name].partitions),
            sum(part.leader < 0 for part in present[name].partitions.values()),
            sum(len(p.isrs) < len(p.replicas) for p in present[name].partitions.values()),
            configs[name],
        )
        for name in names
    }


async def _of_brokers_clock(settings: Settings) -> Finding:
    """A record is written where nobody reads: that it is acknowledged is said along with it."""
    try:
        producer = await kafka.started(lambda: kafka.producer(settings))
        try:
            looks = []
            for _ in range(LOOKS):
                before = time.time()
                async with asyncio.timeout(ANSWER_S):
                    there = await producer.send_and_wait(PROBES, b"probe", partition=0)
                looks.append((before, there.timestamp / 1000, time.time()))
        finally:
            await kafka.stop(producer)
    except (TransientFailure, KafkaError, TimeoutError) as error:
        cure = "its administrator may write there: run this as the user admin"
        return Finding("时钟 消息系统", "clock of the broker", "unseen", _told(error), cure)
    return checkup.of_clock("消息系统", "the broker, which takes records", *_ahead(looks))


async def _of_brokers_disk(
    reach: Any, brokers: Mapping[int, Any], is_here: bool
) -> AsyncIterator[Finding]:
    for number in brokers:
        asked = [admin.ConfigResource(admin.ResourceType.BROKER, str(number))]
        try:
            (future,) = reach.describe_configs(asked).values()
            config = await asyncio.wrap_future(future)
            folder = config["log.dirs"].value or config["log.dir"].value
        except KafkaException:
            folder = None
        where = Path(folder.partition(",")[0]) if folder and is_here else None
        yield _of_disk(f"消息系统 {number}", f"broker {number}", where)


async def _of_places(
    settings: Settings, declared: Mapping[str, Topic], seen: Mapping[str, Seen]
) -> AsyncIterator[Finding]:
    """Those who write with another partitioner tear a patient's events apart."""
    names = [name for name, topic in declared.items() if topic.holds and name in seen]
    try:
        reader = await kafka.started(lambda: kafka.reader(settings))
        try:
            for name in names:
                yield await _of_one(reader, name, seen[name].partitions)
        finally:
            await kafka.stop(reader)
    except (TransientFailure, KafkaError, TimeoutError) as error:
        cure = "run this as a user who may read all topics: admin or observer"
        yield Finding("分区", "partitions", "unseen", _told(error), cure)


async def _of_one(reader: Any, name: str, count: int) -> Finding:
    places = [TopicPartition(name, number) for number in range(count)]
    reader.assign(places)
    begins, ends = await reader.beginning_offsets(places), await reader.end_offsets(places)
    left = {place for place in places if begins[place] < ends[place]}
    for place in left:
        reader.seek(place, max(begins[place], ends[place] - LAST))
    rule, every, looked, strays = DefaultPartitioner(), list(range(count)), 0, Counter[str]()
    deadline = time.monotonic() + ANSWER_S
    while left and time.monotonic() < deadline:
        batch = await reader.getmany(*left, timeout_ms=500)
        for place, records in batch.items():
            for record in records:
                looked += 1
                if record.key is not None and rule(record.key, every, every) != place.partition:
                    strays[source_of(record)] += 1
        left = {place for place in left if await reader.position(place) < ends[place]}
    return checkup.of_keys(name, looked, strays)


# -- what several of them need ---------------------------------------------------------------------


async def _of_service(name: str, url: str) -> Finding:
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            answer = await http.get(f"{url}/readyz")
    except httpx.HTTPError as error:
        cure = f"start it, or mend GREENCHANNEL_BOARDS_{name.upper()}"
        return Finding(f"服务 {name}", f"service {name}", "bad", _told(error), cure)
    if answer.is_success:
        return Finding(f"服务 {name}", f"service {name}", "good", "ready")
    cure = "docs/runbooks/service-not-ready.md"
    return Finding(f"服务 {name}", f"service {name}", "bad", "is not ready", cure)


def _ahead(looks: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """How far a clock is ahead, and how well that is known: by its quickest answer."""
    before, there, after = min(looks, key=lambda look: look[2] - look[0])
    return there - (before + after) / 2, (after - before) / 2


def _is_here(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def _of_disk(zh: str, en: str, folder: Path | None) -> Finding:
    """A container's folder is not seen from its host."""
    if folder is None or not os.access(folder, os.X_OK):
        cure = "look there: df -h"
        return Finding(f"磁盘 {zh}", f"disk of {en}", "unseen", "not seen from here", cure)
    found = shutil.disk_usage(folder)
    return checkup.of_disk(zh, en, found.free, found.total)


def _told(error: BaseException) -> str:
    """In a line, without what was sent."""
    if isinstance(error, KafkaException):
        return str(error.args[0].str())
    return str(error).partition("\n")[0] or type(error).__name__
