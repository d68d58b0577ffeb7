"""Reads every topic that is judged, from its beginning, as the broker's user ``observer``."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from schemas.topics import registry

log = logging.getLogger(__name__)

Take = Callable[[Sequence["ConsumerRecord[bytes, bytes]"]], None]
PAUSE_S = 0.5
#: Records taken in one go: the process answers and follows feeds in between.
MOST = 1_000
#: A reader that hears nothing for this long is made anew: a client may stop without a word.
SILENCE_S = 20.0


@dataclass(frozen=True)
class Flow:
    """Topics that are read alike: how much the broker gathers, and how long, before it answers.

    A fetch for each record would cost more than the reading, so ``pause_s`` lies between two.
    """

    topics: tuple[str, ...]
    least_bytes: int
    wait_ms: int
    pause_s: float


_UNTIMED = ("ambulance-vitals", "ambulance-findings", "dispatch-incidents", "dispatch-units")
_NOT_JUDGED = ("ambulance-raw", "ambulance-positions", "triage-shadow")


def flows() -> tuple[Flow, ...]:
    """What latencies are taken from, read at once; and all else, gathered."""
    dead = tuple(name for name in registry().topics if name.endswith("-dead-letters"))
    gathered = (*_UNTIMED, *dead)
    timed = tuple(name for name in registry().topics if name not in (*gathered, *_NOT_JUDGED))
    return Flow(timed, 1, 100, 0.004), Flow(gathered, 1 << 18, 250, 0.1)


class Witness:
    """Reads one flow for ever; after any failure it goes on where it was."""

    def __init__(self, broker: Mapping[str, str | None], flow: Flow, take: Take) -> None:
        self._broker = {name: value for name, value in broker.items() if value is not None}
        self._flow = flow
        self._take = take
        self._positions: dict[TopicPartition, int] = {}
        self.is_reading = False

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                await self._read()
            except (KafkaError, OSError) as error:
                log.warning("the broker is away: %s", error, extra={"action": "broker_away"})
            await asyncio.sleep(PAUSE_S)

    async def _read(self) -> None:
        """Read until the broker fails or falls silent."""
        consumer = AIOKafkaConsumer(
            *self._flow.topics,
            **self._broker,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_min_bytes=self._flow.least_bytes,
            fetch_max_wait_ms=self._flow.wait_ms,
            request_timeout_ms=10_000,
            retry_backoff_ms=100,
        )
        try:
            await consumer.start()
            await self._go_on(consumer)
            self.is_reading = True
            heard = time.monotonic()
            while time.monotonic() - heard < SILENCE_S:
                fetched = await consumer.getmany(timeout_ms=500, max_records=MOST)
                for place, records in fetched.items():
                    self._take(records)
                    self._positions[place] = records[-1].offset + 1
                if fetched:
                    heard = time.monotonic()
                await asyncio.sleep(self._flow.pause_s)
        finally:
            await consumer.stop()

    async def _go_on(self, consumer: AIOKafkaConsumer) -> None:
        """Where an earlier consumer stopped. Raises ``OSError`` while there is a topic missing."""
        places = consumer.assignment()
        if {place.topic for place in places} != set(self._flow.topics):
            raise OSError("a topic is not there yet")
        for place in places & self._positions.keys():
            await consumer.position(place)  # its own first seeking comes to an end, and not later
            consumer.seek(place, self._positions[place])
