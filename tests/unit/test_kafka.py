"""Producers and consumers have the only settings that lose nothing, wherever they are made."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    NotLeaderForPartitionError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)
from pydantic import SecretStr

from schemas.envelope import Message
from services.dispatch.tracker import application
from services.kit import kafka
from services.kit.errors import TransientFailure
from services.kit.process import ROOT
from services.kit.settings import Settings

#: Where a client of the broker may be made.
KIT = "services/kit/kafka.py"
MESSAGES = [Message("t", b"k", b"1", []), Message("t", b"k", b"2", [])]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments that the client's class was made with."""
    found: dict[str, Any] = {}

    def made(*topics: str, **arguments: Any) -> None:
        found.update(arguments, topics=topics)

    monkeypatch.setattr(kafka, "AIOKafkaProducer", made)
    monkeypatch.setattr(kafka, "AIOKafkaConsumer", made)
    return found


def test_a_producer_waits_for_all_replicas_and_writes_each_record_once(
    given: dict[str, Any],
) -> None:
    kafka.producer(Settings())
    assert given["acks"] == "all"
    assert given["enable_idempotence"] is True


async def test_the_library_understands_these_settings_as_they_are_meant() -> None:
    producer = kafka.producer(Settings())
    assert producer._sender._acks == -1
    assert producer._txn_manager is not None
    assert producer._txn_manager.transactional_id is None
    await producer.stop()


def test_a_member_commits_nothing_by_itself_and_keeps_its_place(given: dict[str, Any]) -> None:
    kafka.consumer(Settings(worker=3), "triage")
    assert given["enable_auto_commit"] is False
    assert given["group_id"] == "triage"
    assert given["group_instance_id"] == "triage-3"
    assert given["partition_assignment_strategy"] == [RangePartitionAssignor]
    assert given["session_timeout_ms"] == 6_000
    assert given["heartbeat_interval_ms"] <= 2_000
    assert given["auto_offset_reset"] == "earliest"


def test_a_reader_has_no_group_and_reads_from_the_beginning(given: dict[str, Any]) -> None:
    kafka.reader(Settings(), "dispatch-encounters")
    assert "group_id" not in given
    assert given["enable_auto_commit"] is False
    assert given["auto_offset_reset"] == "earliest"


def test_nobody_but_the_kit_makes_clients_of_the_broker() -> None:
    made = set()
    for file in (ROOT / "services").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("AIOKafka"):
                made.add(file.relative_to(ROOT).as_posix())
    assert made == {KIT}


def test_the_stream_application_writes_to_all_replicas_and_takes_at_least_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    app = application(Settings(worker=2), str(tmp_path_factory.mktemp("tracker")))
    assert app.conf.producer_acks == -1
    assert app.conf.processing_guarantee.name == "AT_LEAST_ONCE"
    assert app.conf.consumer_group_instance_id == "tracker-2"
    assert app.conf.broker_session_timeout == 6.0
    assert app.conf.web_enabled is False


def test_the_stream_application_is_encrypted_as_the_other_clients_are() -> None:
    signed_in = Settings(
        kafka_security_protocol="SASL_SSL", kafka_sasl_plain_password=SecretStr("x")
    )
    credentials = application(signed_in, "").conf.broker_credentials
    assert credentials.protocol.value == "SASL_SSL"
    assert credentials.ssl_context.verify_mode.name == "CERT_REQUIRED"
    certified = application(Settings(kafka_security_protocol="SSL"), "").conf.broker_credentials
    assert certified.protocol.value == "SSL"


class Broker:
    """Takes what is sent; answers as it is told."""

    def __init__(self, *answers: Exception | None, silent: bool = False) -> None:
        self.answers, self.silent, self.sent = list(answers), silent, list[bytes]()

    async def send(self, topic: str, value: bytes, **_: Any) -> asyncio.Future[None]:
        self.sent.append(value)
        future = asyncio.get_running_loop().create_future()
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            future.set_exception(answer)
        elif not self.silent:
            future.set_result(None)
        return future


async def publish(to: Any, messages: Sequence[Message] = MESSAGES) -> None:
    await kafka.publish(to, list(messages))


async def test_all_is_sent_in_its_order_before_any_answer_is_waited_for() -> None:
    broker = Broker()
    await publish(broker)
    assert broker.sent == [b"1", b"2"]


@pytest.mark.parametrize(
    "error", [NotLeaderForPartitionError(), KafkaConnectionError(), KafkaTimeoutError()]
)
@pytest.mark.parametrize("before", [0, 1])
async def test_what_the_broker_may_take_later_is_a_transient_failure(
    error: Exception, before: int
) -> None:
    with pytest.raises(TransientFailure):
        await publish(Broker(*[None] * before, error))


@pytest.mark.parametrize("error", [TopicAuthorizationFailedError("t"), RecordTooLargeError()])
async def test_what_the_broker_will_never_take_is_passed_on(error: Exception) -> None:
    with pytest.raises(type(error)):
        await publish(Broker(error))


async def test_a_broker_that_says_nothing_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka, "ANSWER_S", 0.05)
    with pytest.raises(TransientFailure, match="does not answer"):
        await publish(Broker(silent=True))


class Client:
    """A client of the broker that can or cannot connect."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error, self.stopped = error, False

    async def start(self) -> None:
        if self.error is not None:
            raise self.error

    async def stop(self) -> None:
        self.stopped = True


async def started(client: Any) -> AIOKafkaProducer | AIOKafkaConsumer:
    return await kafka.started(lambda: client)


async def test_a_client_that_cannot_connect_is_closed_and_another_one_is_made_later() -> None:
    broken, whole = Client(KafkaConnectionError()), Client()
    with pytest.raises(TransientFailure):
        await started(broken)
    assert broken.stopped
    assert await started(whole) is whole
    assert not whole.stopped


@pytest.mark.parametrize("error", [ValueError(), asyncio.CancelledError()])
async def test_a_client_that_fails_otherwise_is_closed_too(error: BaseException) -> None:
    client = Client(error)
    with pytest.raises(type(error)):
        await started(client)
    assert client.stopped


async def test_closing_does_not_wait_for_an_absent_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waits(Client):
        async def stop(self) -> None:
            await asyncio.sleep(60)

    client: Any = Waits()
    monkeypatch.setattr(kafka, "CLOSE_S", 0.05)
    async with asyncio.timeout(5):
        await kafka.stop(client)


class Restless:
    """A client whose ``stop`` lets out the cancellation of a task of its own."""

    async def stop(self) -> None:
        own = asyncio.create_task(asyncio.sleep(60))
        own.cancel()
        await own


async def test_a_client_that_lets_out_its_own_cancellation_ends_nobody() -> None:
    await kafka.stop(Restless())


async def test_who_is_cancelled_while_closing_is_cancelled() -> None:
    class Slow:
        async def stop(self) -> None:
            await asyncio.sleep(60)

    closing = asyncio.create_task(kafka.stop(Slow()))
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
