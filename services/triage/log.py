"""Reads a period of topics from the broker, as whoever the environment names."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.recording import Recorded
from services.kit import kafka
from services.kit.settings import Settings

#: A broker that says nothing for this long has stopped answering.
SILENCE_S = 20.0


async def records(
    settings: Settings, topics: Sequence[str], since: datetime | None, until: datetime | None
) -> list[Recorded]:
    """What lies in the topics, as the broker keeps it. Raises ``OSError`` when it falls silent."""
    consumer = await kafka.started(lambda: kafka.reader(settings, *topics))
    try:
        places = consumer.assignment()
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        if since is not None:
            asked = dict.fromkeys(places, round(since.timestamp() * 1000))
            for place, found in (await consumer.offsets_for_times(asked)).items():
                begins[place] = found.offset if found else ends[place]
        open_ = {place for place in places if begins[place] < ends[place]}
        for place in open_:
            consumer.seek(place, begins[place])
        consumer.pause(*(places - open_))
        last = inf if until is None else until.timestamp() * 1000
        return await _read(consumer, open_, ends, last)
    finally:
        await kafka.stop(consumer)


async def _read(
    consumer: AIOKafkaConsumer,
    open_: set[TopicPartition],
    ends: Mapping[TopicPartition, int],
    last: float,
) -> list[Recorded]:
    found, heard = [], time.monotonic()
    while open_:
        fetched = await consumer.getmany(*open_, timeout_ms=500, max_records=2_000)
        heard = time.monotonic() if fetched else heard
        if time.monotonic() - heard > SILENCE_S:
            raise OSError("代理没有回答 · the broker fell silent")
        for place, batch in fetched.items():
            found += [
                Recorded(place.topic, place.partition, r.offset, r.timestamp, r.key, r.value,
                         list(r.headers))
                for r in batch
                if r.offset < ends[place] and r.timestamp < last
            ]  # fmt: skip
        open_ = {place for place in open_ if await consumer.position(place) < ends[place]}
    return found
