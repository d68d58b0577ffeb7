"""Producers and consumers with the only settings that lose nothing."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, KafkaTimeoutError

from schemas.envelope import Message
from services.kit.errors import TransientFailure
from services.kit.settings import Settings

SESSION_TIMEOUT_MS = 6_000
#: So much goes to a partition at once: many decisions, of 2 kB each, cost the broker one write.
BATCH_BYTES = 256 * 1024
#: The broker may take this long to acknowledge; after that, the fate of what was sent is unknown.
ANSWER_S = 10.0
#: So long a client has to send what it still holds when it is closed.
CLOSE_S = 3.0

AWAY = "the broker of GREENCHANNEL_KAFKA_BOOTSTRAP_SERVERS is out of reach"

Client = TypeVar("Client", AIOKafkaProducer, AIOKafkaConsumer)


def connection(settings: Settings) -> dict[str, Any]:
    """Where the broker is and who we are, as aiokafka takes it."""
    password = settings.kafka_sasl_plain_password
    return {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_plain_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
        "ssl_context": encryption(settings),
    }


def encryption(settings: Settings) -> ssl.SSLContext | None:
    """How the broker is believed to be who it is; none when nothing is encrypted."""
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    return ssl.create_default_context(cafile=settings.kafka_ca_file)


def producer(settings: Settings) -> AIOKafkaProducer:
    """A producer whose acknowledgement means stored on all replicas, each record once."""
    return AIOKafkaProducer(
        **connection(settings),
        acks="all",
        enable_idempotence=True,
        linger_ms=2,
        max_batch_size=BATCH_BYTES,
        max_request_size=2 * 1024 * 1024,
        request_timeout_ms=10_000,
        retry_backoff_ms=100,
    )


def consumer(settings: Settings, group: str) -> AIOKafkaConsumer:
    """A member of ``group`` that never commits by itself; worker ``n`` keeps its place as ``n``.

    The range assignor keeps partition ``i`` of every topic with one worker, so that all events
    of an encounter meet in one place.
    """
    return AIOKafkaConsumer(
        **connection(settings),
        group_id=group,
        group_instance_id=f"{group}-{settings.worker}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        partition_assignment_strategy=[RangePartitionAssignor],
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=1_000,
        fetch_max_wait_ms=100,
        request_timeout_ms=10_000,
        retry_backoff_ms=100,
        metadata_max_age_ms=60_000,
    )


def reader(settings: Settings, *topics: str, group: str | None = None) -> AIOKafkaConsumer:
    """A consumer that is no member of a group: it reads every partition of these topics. With
    ``group`` it is told what that has committed."""
    return AIOKafkaConsumer(
        *topics,
        **connection(settings),
        **({} if group is None else {"group_id": group}),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        request_timeout_ms=10_000,
        retry_backoff_ms=100,
    )


async def started(make: Callable[[], Client]) -> Client:
    """Make a client and connect it. Raises ``TransientFailure`` when the broker is away.

    A client that could not connect is closed and, closed once, of no use: each attempt makes one.
    """
    client = make()
    try:
        await client.start()
    except BaseException as error:
        await stop(client)
        if isinstance(error, KafkaError) and error.retriable:
            raise TransientFailure(AWAY) from error
        raise
    return client


async def stop(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Close, even if the broker is away: a producer would wait for it without end, and a consumer
    that waits to fetch again lets out that its own task was cancelled, which is no end of ours."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await client.stop()
    except TimeoutError:
        pass
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise


async def publish(to: AIOKafkaProducer, messages: list[Message]) -> None:
    """Send all and wait for every acknowledgement. Raises ``TransientFailure`` when one is missing.

    Such a failure leaves the fate of the batch unknown; sending it again under the same ids is
    the cure.
    """
    try:
        async with asyncio.timeout(ANSWER_S):
            pending = [
                await to.send(m.topic, value=m.value, key=m.key, headers=m.headers)
                for m in messages
            ]
            await asyncio.gather(*pending)
    except TimeoutError as error:
        raise TransientFailure("the broker does not answer") from error
    except KafkaError as error:
        if error.retriable or isinstance(error, KafkaTimeoutError):
            raise TransientFailure(type(error).__name__) from error
        raise
