"""Every user of the broker, every topic, reading and writing: the registry and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaConnectionError
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)

from schemas.topics import Operation, registry
from services.kit.admin import apply_broker
from services.kit.broker import Admin, as_user, client, kafka
from services.kit.roles import apply_database, database_answers, role_dsn
from tests.platform import Platform
from tests.services import until

USERS = sorted(set(registry().users) - set(registry().superusers))
TOPICS = sorted(registry().topics)


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """A broker of its own, for every topic gets a record here that no consumer could decode."""
    made = Platform(tmp_path_factory.mktemp("access"))
    try:
        await made.start_kafka()
        assert await asyncio.to_thread(writable, made, "admin") == set(TOPICS)
        yield made
    finally:
        made.stop()


def granted(user: str, operation: Operation) -> set[str]:
    found = {g.topic for g in registry().grants if g.user == user and g.operation == operation}
    assert found or operation == "write" or user == "vendor", f"{user} may {operation} nothing"
    return found


def connection(broker: Platform, user: str, **more: Any) -> dict[str, Any]:
    return {
        "bootstrap.servers": broker.admin_settings.kafka_bootstrap_servers,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": broker.passwords[user],
        "log_level": 0,
        **more,
    }


def writable(broker: Platform, user: str) -> set[str]:
    """The topics whose partition 0 took a record from this user; the others were refused."""
    taken, refused = set(), set()

    def delivered(error: KafkaError | None, record: Any) -> None:
        if error is None:
            taken.add(record.topic())
        else:
            assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, error
            refused.add(record.topic())

    idempotent = user == "admin" or bool(granted(user, "write"))
    producer = Producer(connection(broker, user, **{"enable.idempotence": idempotent}))
    for topic in TOPICS:
        producer.produce(topic, b"x", b"k", partition=0, on_delivery=delivered)
    assert producer.flush(20) == 0
    assert taken | refused == set(TOPICS)
    return taken


def readable(broker: Platform, user: str) -> set[str]:
    """The topics whose partition 0 gave its record to this user; the others were refused, those
    it may not even describe by their metadata."""
    more = {"group.id": user, "enable.auto.commit": False}
    consumer = Consumer(connection(broker, user, **more))
    given: set[str] = set()
    refused: set[str] = set()
    try:
        for topic in TOPICS:
            error = consumer.list_topics(topic, timeout=10).topics[topic].error
            if error is not None:
                assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, error
                refused.add(topic)
        consumer.assign([TopicPartition(t, 0, 0) for t in TOPICS if t not in refused])
        deadline = time.monotonic() + 20
        while given | refused != set(TOPICS) and time.monotonic() < deadline:
            record = consumer.poll(0.5)
            if record is None:
                continue
            topic, error = record.topic() or "", record.error()
            assert error is None or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, error
            (refused if error else given).add(topic)
    finally:
        consumer.close()
    assert given | refused == set(TOPICS)
    return given


@pytest.mark.parametrize("user", USERS)
async def test_a_user_writes_what_it_is_granted_and_nothing_else(
    broker: Platform, user: str
) -> None:
    assert await asyncio.to_thread(writable, broker, user) == granted(user, "write")


@pytest.mark.parametrize("user", USERS)
async def test_a_user_reads_what_it_is_granted_and_nothing_else(
    broker: Platform, user: str
) -> None:
    assert await asyncio.to_thread(readable, broker, user) == granted(user, "read")


@pytest.mark.parametrize(
    ("user", "operation", "topic"),
    [
        ("triage", "write", "ambulance-vitals"),
        ("bridge", "write", "dispatch-units"),
        ("gateway", "write", "triage-decisions"),
        ("vendor", "write", "ambulance-vitals"),
        ("tracker", "write", "dispatch-units"),
        ("dispatch", "write", "bridge-handoffs"),
        ("dispatch_centre", "read", "ambulance-vitals"),
        ("observer", "write", "dispatch-encounters"),
    ],
)
def test_the_registry_itself_grants_no_overstepping(
    user: str, operation: Operation, topic: str
) -> None:
    assert topic in TOPICS
    assert topic not in granted(user, operation)


def test_a_vendor_reads_nothing() -> None:
    assert not granted("vendor", "read")


@pytest.mark.parametrize("user", USERS)
async def test_a_user_has_the_groups_of_its_own_name_alone(broker: Platform, user: str) -> None:
    asking = AIOKafkaAdminClient(**broker.kafka(user))
    await asking.start()
    try:
        for own in (user, f"{user}-1", f"{user}.raw"):
            assert await asking.list_consumer_group_offsets(own) == {}
        for others in (*(set(USERS) - {user}), f"{user}s"):
            with pytest.raises(GroupAuthorizationFailedError):
                await asking.list_consumer_group_offsets(others)
    finally:
        await asking.close()


async def test_a_wrong_password_is_refused(broker: Platform) -> None:
    wrong = {**broker.kafka("triage"), "sasl_plain_password": "wrong"}
    producer = AIOKafkaProducer(**wrong)
    try:
        with pytest.raises(KafkaConnectionError):
            await producer.start()
    finally:
        await producer.stop()


async def test_nobody_gets_in_without_a_name(broker: Platform) -> None:
    servers = broker.admin_settings.kafka_bootstrap_servers
    producer = AIOKafkaProducer(bootstrap_servers=servers, request_timeout_ms=3000)
    try:
        with pytest.raises(KafkaConnectionError):
            await producer.start()
    finally:
        await producer.stop()


async def test_applying_a_second_time_changes_nothing(broker: Platform) -> None:
    assert await apply_broker(broker.admin_settings, broker.passwords, partitions=4) == []


async def test_a_changed_password_is_the_only_change(broker: Platform) -> None:
    changed = {**broker.passwords, "vendor": "another"}
    assert await apply_broker(broker.admin_settings, changed, partitions=4) == ["user vendor"]
    assert await apply_broker(broker.admin_settings, broker.passwords, partitions=4) == [
        "user vendor"
    ]


async def test_the_database_is_applied_once_too(platform: Platform) -> None:
    assert await apply_database(platform.admin_dsn, platform.passwords) == []


async def test_a_service_works_in_its_own_schema_alone(platform: Platform) -> None:
    triage = await asyncpg.connect(platform.dsn("triage"))
    try:
        await triage.execute("CREATE TABLE triage.probe (id int)")
        await triage.execute("DROP TABLE triage.probe")
        for schema in ("bridge", "dispatch", "access", "public"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await triage.execute(f"CREATE TABLE {schema}.probe (id int)")
        assert await triage.fetch("SELECT name FROM access.clients") == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await triage.execute("DELETE FROM access.clients")
    finally:
        await triage.close()


async def test_the_observer_reads_the_tables_and_neither_keys_nor_passwords(
    platform: Platform,
) -> None:
    triage = await asyncpg.connect(platform.dsn("triage"))
    observer = await asyncpg.connect(platform.dsn("observer"))
    try:
        await triage.execute("CREATE TABLE triage.probe (id int)")
        assert await observer.fetch("SELECT * FROM triage.probe") == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await observer.execute("INSERT INTO triage.probe VALUES (1)")
        for hidden in ("access.clients", "pg_catalog.pg_authid"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await observer.execute(f"SELECT * FROM {hidden}")
        await triage.execute("DROP TABLE triage.probe")
    finally:
        await triage.close()
        await observer.close()


async def test_the_database_refuses_a_wrong_password(platform: Platform) -> None:
    wrong = role_dsn(platform.admin_dsn, "triage", "wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)
    assert not await database_answers(wrong)


# -- who was given credentials, and nothing with them ----------------------------------------------

#: No hospital is given a user. This is what one could be at most, that got hold of one.
HOSPITAL = "hospital"
REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}


@pytest.fixture(scope="module")
async def hospital(broker: Platform) -> Platform:
    broker.passwords[HOSPITAL] = f"{HOSPITAL}-password"
    kind = kafka.ScramCredentialInfo(kafka.ScramMechanism.SCRAM_SHA_512, 4096)
    word = broker.passwords[HOSPITAL].encode()
    made = kafka.UserScramCredentialUpsertion(HOSPITAL, kind, word)
    superuser = client(broker.admin_settings)  # held: what it has begun ends with it
    for done in superuser.alter_user_scram_credentials([made]).values():
        await asyncio.wrap_future(done)

    async def is_let_in() -> bool:
        try:
            await asyncio.to_thread(as_hospital(broker).list_topics, timeout=3)
        except KafkaException:
            return False
        return True

    await until(is_let_in)
    return broker


def as_hospital(broker: Platform) -> Admin:
    return client(as_user(broker.admin_settings, HOSPITAL, broker.passwords[HOSPITAL]))


def test_no_user_of_the_broker_is_a_hospitals() -> None:
    services = {"bridge", "dispatch", "gateway", "tracker", "triage"}
    others = {"dispatch_centre", "vendor", "observer", "admin"}
    assert set(registry().users) == services | others


async def test_a_hospital_writes_no_topic_and_reads_none(hospital: Platform) -> None:
    assert await asyncio.to_thread(writable, hospital, HOSPITAL) == set()
    assert await asyncio.to_thread(readable, hospital, HOSPITAL) == set()
    everything = await asyncio.to_thread(as_hospital(hospital).list_topics, timeout=10)
    assert everything.topics == {}, "not even their names"


async def test_a_hospital_begins_no_transaction_under_any_name(hospital: Platform) -> None:
    for name in (HOSPITAL, *registry().users):
        within = Producer(connection(hospital, HOSPITAL, **{"transactional.id": name}))
        with pytest.raises(KafkaException) as refused:
            await asyncio.to_thread(within.init_transactions, 10)
        assert refused.value.args[0].code() in REFUSED


@pytest.mark.parametrize("group", [HOSPITAL, "bridge", "observer-1"])
async def test_a_hospital_joins_no_group(hospital: Platform, group: str) -> None:
    consumer = Consumer(connection(hospital, HOSPITAL, **{"group.id": group}))
    consumer.subscribe(TOPICS)

    def joined() -> set[int]:
        codes, deadline = set[int](), time.monotonic() + 20
        while KafkaError.GROUP_AUTHORIZATION_FAILED not in codes and time.monotonic() < deadline:
            record = consumer.poll(0.5)
            error = record.error() if record else None
            assert record is None or error is not None, "it reads"
            codes |= {error.code()} if error else set()
        return codes

    try:
        assert KafkaError.GROUP_AUTHORIZATION_FAILED in await asyncio.to_thread(joined)
    finally:
        consumer.close()


async def test_a_hospital_has_no_group_at_all(hospital: Platform) -> None:
    asking = AIOKafkaAdminClient(**hospital.kafka(HOSPITAL))
    await asking.start()
    try:
        for group in (HOSPITAL, *registry().users, *(f"{user}-1" for user in registry().users)):
            with pytest.raises(GroupAuthorizationFailedError):
                await asking.list_consumer_group_offsets(group)
        assert await asking.list_consumer_groups() == []
    finally:
        await asking.close()


async def refusals(futures: Any) -> list[int]:
    """By which code each of these was refused; -1 is none."""
    codes = []
    for future in futures.values() if isinstance(futures, dict) else [futures]:
        try:
            await asyncio.wrap_future(future)
            codes.append(-1)
        except KafkaException as refused:
            codes.append(refused.args[0].code())
    return codes


@pytest.mark.parametrize(
    "asked",
    ["create", "delete", "grow", "describe", "see settings", "set"],
)
async def test_a_hospital_manages_no_topic(hospital: Platform, asked: str) -> None:
    asking = as_hospital(hospital)
    settings = [kafka.ConfigResource(kafka.ResourceType.TOPIC, topic) for topic in TOPICS]
    for each in settings if asked == "set" else ():
        each.add_incremental_config(
            kafka.ConfigEntry(
                "retention.ms", "1", incremental_operation=kafka.AlterConfigOpType.SET
            )
        )
    own = [kafka.NewTopic(topic, 1, 1) for topic in (HOSPITAL, *TOPICS)]
    ways: dict[str, Callable[[], Any]] = {
        "create": lambda: asking.create_topics(own),
        "delete": lambda: asking.delete_topics(TOPICS),
        "grow": lambda: asking.create_partitions([kafka.NewPartitions(t, 9) for t in TOPICS]),
        "describe": lambda: asking.describe_topics(TopicCollection(TOPICS)),
        "see settings": lambda: asking.describe_configs(settings),
        "set": lambda: asking.incremental_alter_configs(settings),
    }
    codes = await refusals(ways[asked]())
    assert set(codes) <= REFUSED
    assert len(codes) == len(own if asked == "create" else TOPICS)


async def test_a_hospital_changes_no_rule_and_no_user(hospital: Platform) -> None:
    asking = as_hospital(hospital)
    rule = kafka.AclBinding(
        kafka.ResourceType.TOPIC, "centre-emergency", kafka.ResourcePatternType.LITERAL,
        f"User:{HOSPITAL}", "*", kafka.AclOperation.READ, kafka.AclPermissionType.ALLOW,
    )  # fmt: skip
    every = kafka.AclBindingFilter(
        kafka.ResourceType.ANY, None, kafka.ResourcePatternType.ANY, None, None,
        kafka.AclOperation.ANY, kafka.AclPermissionType.ANY,
    )  # fmt: skip
    kind = kafka.ScramCredentialInfo(kafka.ScramMechanism.SCRAM_SHA_512, 4096)
    for asked in (
        asking.create_acls([rule]),
        asking.delete_acls([every]),
        asking.alter_user_scram_credentials(
            [kafka.UserScramCredentialUpsertion("bridge", kind, b"mine")]
        ),
    ):
        assert set(await refusals(asked)) <= REFUSED
    superuser = client(hospital.admin_settings)
    assert await asyncio.wrap_future(superuser.describe_acls(every))
    assert await asyncio.wrap_future(asking.describe_acls(every)) == [], "nor sees one"


@pytest.mark.parametrize(
    ("listener", "way"),
    [
        ("broker", "none"),
        ("broker", "PLAIN"),
        ("controller", "none"),
        ("controller", "PLAIN"),
        ("controller", "SCRAM-SHA-512"),
    ],
)
async def test_no_listener_answers_who_has_no_name_there(
    hospital: Platform, listener: str, way: str
) -> None:
    told = connection(hospital, HOSPITAL)
    if listener == "controller":
        told["bootstrap.servers"] = f"127.0.0.1:{hospital._broker.controller_port}"
    if way == "none":
        told = {"bootstrap.servers": told["bootstrap.servers"], "log_level": 0}
    else:
        told["sasl.mechanism"] = way
    with pytest.raises(KafkaException):
        await asyncio.to_thread(kafka.AdminClient(told).list_topics, timeout=2)
