"""Follows ``dispatch-encounters`` from its beginning: who exists, and who wears which monitor."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from aiokafka import ConsumerRecord, TopicPartition

from schemas.envelope import InvalidMessage, decode
from services.dispatch.attachments import Attachments
from services.kit import kafka
from services.kit.errors import TransientFailure
from services.kit.patience import patiently
from services.kit.settings import Settings

log = logging.getLogger(__name__)
TOPIC = "dispatch-encounters"


class Directory:
    """What the gateway knows, all of it read from the topic."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._changed = asyncio.Event()
        self.attachments = Attachments()
        self.ready = False

    async def run(self) -> None:
        """Read for ever; ``ready`` once the end that was there at the start is reached."""
        settings = self._settings
        consumer = await patiently(
            settings, "directory", lambda: kafka.started(lambda: kafka.reader(settings, TOPIC))
        )
        try:
            places = consumer.assignment()
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            while True:
                self._take(await consumer.getmany(timeout_ms=200))
                if not self.ready and all([await consumer.position(p) >= ends[p] for p in places]):
                    self.ready = True
                    self._tell()
        finally:
            self.ready = False
            await consumer.stop()

    def _take(self, fetched: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]) -> None:
        for record in (record for part in fetched.values() for record in part):
            try:
                event = decode(record.topic, record.key, record.value, record.headers)
            except InvalidMessage as invalid:
                log.error(
                    "an event of an encounter cannot be read",
                    extra={"action": "directory_gap", "reason": invalid.reason},
                )
            else:
                self.attachments.take(event)
        if fetched:
            self._tell()

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
        """Return once all that was there at the start is known. Raises ``TransientFailure``: until
        then a device may still seem to be the patient's before."""
        if not await self.wait_until(lambda: self.ready, seconds):
            raise TransientFailure("who exists is still being read")
