"""Follows a topic without a group: all of it, or its latest part, is read anew at every start, so
that what was learnt from it needs no memory of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from schemas.envelope import InvalidMessage, decode
from schemas.event import Event
from services.kit import kafka
from services.kit.errors import TransientFailure
from services.kit.freshness import Freshness
from services.kit.heartbeat import HEART
from services.kit.patience import patiently
from services.kit.settings import Settings

log = logging.getLogger(__name__)


class Follower:
    """Hands every event of ``topic`` to ``take``: from the beginning, or those of the last
    ``window`` by the times of the records. What cannot be read is logged with its place."""

    def __init__(
        self,
        settings: Settings,
        topic: str,
        take: Callable[[Event], object],
        window: timedelta | None = None,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._take = take
        self._window = window
        self._changed = asyncio.Event()
        self._freshness = Freshness()
        #: As of which waking everything is known, if it is.
        self._known: int | None = None
        self.ready = False

    async def run(self) -> None:
        """Read for ever; ``ready`` once the end that was there at the start is reached."""
        await self._read(lambda: False)

    async def read(self) -> None:
        """Read to the end that was there at the start."""
        await self._read(lambda: self.ready)

    async def _read(self, is_enough: Callable[[], bool]) -> None:
        settings, topic = self._settings, self._topic
        consumer = await patiently(
            settings, topic, lambda: kafka.started(lambda: kafka.reader(settings, topic))
        )
        try:
            places = consumer.assignment()
            await self._seek(consumer)
            ends = await consumer.end_offsets(places)
            while not is_enough():
                fetched = await consumer.getmany(timeout_ms=200, max_records=500)
                for record in (record for part in fetched.values() for record in part):
                    self._take_record(record)
                reached = {place: await consumer.position(place) for place in places}
                caught_up = all(reached[place] >= ends[place] for place in places)
                has_answered = self._look_at(consumer, reached)
                if fetched or has_answered or caught_up is not self.ready:
                    self.ready = self.ready or caught_up
                    self._tell()
                await asyncio.sleep(0)  # what is buffered is had without waiting
        finally:
            self.ready = False
            await kafka.stop(consumer)

    async def _seek(self, consumer: AIOKafkaConsumer) -> None:
        places = consumer.assignment()
        if self._window is None:
            await consumer.seek_to_beginning(*places)
            return
        since = round((time.time() - self._window.total_seconds()) * 1000)
        first = await consumer.offsets_for_times(dict.fromkeys(places, since))
        ends = await consumer.end_offsets(places)
        for place in places:
            await consumer.position(place)  # its own first seeking comes to an end, and not later
            found = first[place]
            consumer.seek(place, ends[place] if found is None else found.offset)

    def _take_record(self, record: ConsumerRecord[bytes, bytes]) -> None:
        try:
            event = decode(record.topic, record.key, record.value, record.headers)
        except InvalidMessage as invalid:
            place = TopicPartition(record.topic, record.partition)
            log.error(
                "an event cannot be read and is skipped",
                extra={
                    "action": "unreadable",
                    "place": f"{place.topic}/{place.partition}/{record.offset}",
                    "reason": invalid.reason,
                },
            )
        else:
            self._take(event)

    def _look_at(self, consumer: AIOKafkaConsumer, reached: Mapping[TopicPartition, int]) -> bool:
        """Note what is known now; whether the broker has answered since the last time."""
        wakings = HEART.wakings()
        answered = {place: consumer.last_poll_timestamp(place) or 0 for place in reached}
        has_answered = self._freshness.note(wakings, answered)
        is_known = all(
            self._freshness.is_known(place) and position >= (consumer.highwater(place) or 0)
            for place, position in reached.items()
        )
        self._known = wakings if is_known else None
        return has_answered

    def _is_fresh(self) -> bool:
        return self._known == HEART.wakings()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Whether ``holds`` becomes true within ``seconds``."""
        deadline = time.monotonic() + seconds
        while not holds():
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._changed.wait()
            except TimeoutError:
                return False
        return True

    async def caught_up(self, seconds: float) -> None:
        """Return once all that was there at the start is known, and what came since. Raises
        ``TransientFailure``: until then what is known may be what held before."""
        if not await self.wait_until(lambda: self.ready and self._is_fresh(), seconds):
            raise TransientFailure(f"{self._topic} is still being read")
