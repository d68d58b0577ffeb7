"""The topics that are measured with: written once, read by all, and what each way has told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from confluent_kafka import ConsumerGroupTopicPartitions

from benchmarks.decisions import TOPIC, Found
from benchmarks.peer import moment
from schemas.envelope import Message
from schemas.topics import registry
from services.kit import kafka
from services.kit.broker import broker_answers, client
from services.kit.broker import kafka as admin
from services.kit.settings import Settings
from services.local.supervisor import PARTITIONS

#: So much is on its way to the broker at once.
IN_FLIGHT = 5_000
Ends = Mapping[TopicPartition, int]


class Broker:
    """Writes, reads and looks as the administrator."""

    def __init__(self, settings: Settings, consumer: AIOKafkaConsumer) -> None:
        self._settings, self._admin, self._consumer = settings, client(settings), consumer

    async def make(self, *names: str, **changed: str) -> None:
        """Topics like the one that decisions go to."""
        config = {**registry().topics[TOPIC].config(), **changed}
        new = [admin.NewTopic(n, PARTITIONS, replication_factor=1, config=config) for n in names]
        for made in self._admin.create_topics(new).values():
            await asyncio.wrap_future(made)
        answers = partial(broker_answers, self._settings, expected=names)
        while not await asyncio.to_thread(answers):  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def take_times_as_given(self, *names: str) -> None:
        """What is written now bears the time at which it would have been appended, so that the
        log is one of minutes and is written in seconds."""
        entry = admin.ConfigEntry(
            "message.timestamp.type", "CreateTime",
            incremental_operation=admin.AlterConfigOpType.SET,
        )  # fmt: skip
        topics = [
            admin.ConfigResource(admin.ResourceType.TOPIC, n, incremental_configs=[entry])
            for n in names
        ]
        for altered in self._admin.incremental_alter_configs(topics).values():
            await asyncio.wrap_future(altered)

    async def write(self, messages: Iterable[tuple[Message, int]]) -> None:
        """In this order, each with its time in milliseconds."""
        producer = await kafka.started(lambda: kafka.producer(self._settings))
        try:
            await _write(producer, messages)
        finally:
            await kafka.stop(producer)

    async def ends(self, *names: str) -> dict[TopicPartition, int]:
        """Where these topics end now."""
        places = [TopicPartition(name, n) for name in names for n in range(PARTITIONS)]
        return dict(await self._consumer.end_offsets(places))

    async def lag(self, group: str) -> int:
        """How many records wait for this group."""
        (asked,) = self._admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)]
        ).values()
        read = (await asyncio.wrap_future(asked)).topic_partitions
        places = {TopicPartition(p.topic, p.partition): p.offset for p in read}
        ends = await self._consumer.end_offsets(list(places))
        return sum(max(0, ends[place] - offset) for place, offset in places.items())

    async def found(self, begins: Ends, ends: Ends) -> Found:
        """What was decided between these places."""
        found = Found()
        async for r in self.records(begins, ends):
            message = Message(TOPIC, r.key or b"", r.value or b"", list(r.headers))
            found.note(message, moment(r.timestamp))
        return found

    async def records(self, begins: Ends, ends: Ends) -> AsyncIterator[ConsumerRecord]:
        """What stands between these places."""
        reader = self._consumer
        reader.assign(list(begins))
        for place, begin in begins.items():
            reader.seek(place, begin)
        left = sum(ends.values()) - sum(begins.values())
        while left > 0:
            for place, part in (await reader.getmany(timeout_ms=200)).items():
                for record in part:
                    if record.offset < ends[place]:
                        left -= 1
                        yield record
        reader.unsubscribe()


async def _write(producer: AIOKafkaProducer, messages: Iterable[tuple[Message, int]]) -> None:
    pending = []
    for m, at in messages:
        sent = producer.send(m.topic, value=m.value, key=m.key, headers=m.headers, timestamp_ms=at)
        pending.append(await sent)
        if len(pending) >= IN_FLIGHT:
            await asyncio.gather(*pending)
            pending.clear()
    await asyncio.gather(*pending)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Broker]:
    consumer = await kafka.started(lambda: kafka.reader(settings))
    try:
        yield Broker(settings, consumer)
    finally:
        await kafka.stop(consumer)
