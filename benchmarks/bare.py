"""For scale: a loop that decodes with the same model and produces the same bytes, and decides
nothing, keeps nothing and promises nothing.

Called with the topic to write to and the decisions, each with the record that causes it; what is
caused by none of them goes out first.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.peer import read
from schemas.envelope import Message, decode
from services.kit import kafka
from services.kit.runtime import cancel_on_signal
from services.kit.settings import from_environment

SOURCE = "ambulance-vitals"
BATCH = 500
#: So much may be unacknowledged.
IN_FLIGHT = 5_000


async def main(name: str, given: Path) -> None:
    """Read to the end once, and wait for a signal."""
    cancel_on_signal()
    told: dict[str, list[Message]] = defaultdict(list)
    for message, cause in read(given):
        told[cause].append(message)
    settings = from_environment()
    producer = await kafka.started(lambda: kafka.producer(settings))
    consumer = await kafka.started(lambda: kafka.reader(settings, SOURCE))
    try:
        await _copy(consumer, producer, name, told)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    finally:
        await kafka.stop(consumer)
        await kafka.stop(producer)


async def _copy(
    consumer: AIOKafkaConsumer,
    producer: AIOKafkaProducer,
    name: str,
    told: dict[str, list[Message]],
) -> None:
    ends = await consumer.end_offsets(consumer.assignment())
    left = sum(ends.values())
    pending = [await _send(producer, name, m) for m in told.pop("", ())]
    while left > 0:
        fetched = await consumer.getmany(timeout_ms=200, max_records=BATCH)
        for record in (record for part in fetched.values() for record in part):
            left -= 1
            event = decode(record.topic, record.key, record.value, record.headers)
            for m in told.get(event.event_id, ()):
                pending.append(await _send(producer, name, m))
        if len(pending) > IN_FLIGHT:
            await asyncio.gather(*pending)
            pending.clear()
    await asyncio.gather(*pending)


async def _send(producer: AIOKafkaProducer, name: str, m: Message) -> Any:
    return await producer.send(name, value=m.value, key=m.key, headers=m.headers)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], Path(sys.argv[2])))
