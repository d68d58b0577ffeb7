"""Vendors' own records: resolved like any sample, dead-lettered when nobody claims the device."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    ConsumerRecord,
    TopicPartition,
)
from aiokafka.errors import IllegalStateError, KafkaError

from schemas.clinical import VitalSignsMeasured
from schemas.envelope import InvalidMessage, Message, decode, encode
from services.dispatch.bedside import taken
from services.dispatch.bodies import VitalsLine
from services.dispatch.device_clock import Clocks
from services.dispatch.directory import Directory
from services.dispatch.telemetry import from_raw, vitals_event
from services.kit import failpoint, kafka
from services.kit import metrics as seen
from services.kit.dead_letters import Kind, letter
from services.kit.lag import Lag
from services.kit.patience import patiently
from services.kit.settings import Settings

GROUP = "gateway.raw"
TOPIC = "ambulance-raw"
#: A record of an unknown device waits this long for its attachment, then it is dead-lettered.
WAIT_S = 15.0
#: No more records wait than this; beyond it the oldest waits no longer.
WAITING = 10_000


@dataclass(frozen=True)
class Waiting:
    """A record whose device nobody has claimed yet."""

    record: ConsumerRecord[bytes, bytes]
    line: VitalsLine
    offset: timedelta
    until: float


class RawReader:
    """Reads ``ambulance-raw``. The broker's offset follows what was written on or set down."""

    def __init__(
        self, settings: Settings, directory: Directory, producer: AIOKafkaProducer
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._producer = producer
        self._consumer: AIOKafkaConsumer
        self._clocks = Clocks()
        self._waiting: list[Waiting] = []
        self._forgets = False
        self._rounded = time.time()
        self.ready = False

    async def run(self) -> None:
        """Read for ever."""
        settings = self._settings
        await self._known()
        self._consumer = await patiently(
            settings, GROUP, lambda: kafka.started(lambda: kafka.consumer(settings, GROUP))
        )
        self._lag = Lag(GROUP, self._end_of)
        seen.ROUNDED.labels(GROUP).set_function(lambda: self._rounded)
        try:
            self._consumer.subscribe([TOPIC], listener=_Listener(self))
            while True:
                fetched = await self._consumer.getmany(timeout_ms=200, max_records=2_000)
                await self._take([record for part in fetched.values() for record in part])
                for place, records in fetched.items():
                    self._lag.took(place, records[-1].offset, records[-1].timestamp)
                self._rounded = time.time()
        finally:
            self.ready = False
            await kafka.stop(self._consumer)

    def _end_of(self, place: TopicPartition) -> int | None:
        is_ours = place in self._consumer.assignment()
        return self._consumer.highwater(place) if is_ours else None

    async def _known(self) -> None:
        """Wait until it is known who wears which monitor now."""
        await patiently(self._settings, GROUP, lambda: self._directory.caught_up(WAIT_S))

    def forget(self) -> None:
        """Whoever has the partitions now reads again what waits here, after the batch in hand:
        as long as it waits, no offset goes beyond it."""
        self._forgets = True

    async def _take(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        if not records and not self._waiting:
            return
        failpoint.reach("raw.received")
        await self._known()
        if self._forgets:
            self._forgets, self._waiting = False, []
        messages = self._messages(records)
        await patiently(self._settings, GROUP, lambda: kafka.publish(self._producer, messages))
        failpoint.reach("raw.published")
        await self._follow()
        failpoint.reach("raw.offsets_followed")

    def _messages(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> list[Message]:
        """What is to be written: vital signs of patients, and dead letters."""
        messages, candidates = [], self._waiting
        lines: list[tuple[ConsumerRecord[bytes, bytes], VitalsLine]] = []
        for record in records:
            try:
                measured = decode(record.topic, record.key, record.value, record.headers)
                assert isinstance(measured, VitalSignsMeasured)  # noqa: S101 (the topic's only type)
                lines.append((record, from_raw(measured)))
            except InvalidMessage as invalid:
                messages.append(self._dead(record, "invalid", invalid.reason))
        offsets = _offsets(self._clocks, lines)
        until = time.monotonic() + WAIT_S
        candidates += [Waiting(r, line, offsets[line.device_id], until) for r, line in lines]
        self._waiting = []
        for candidate in candidates:
            event = vitals_event(candidate.line, candidate.offset, self._directory.monitors.holder)
            if event is not None:
                messages.append(encode(event, "greenchannel/gateway"))
                self._directory.monitors.hear(event)
                taken([event])
            elif time.monotonic() > candidate.until or len(self._waiting) >= WAITING:
                messages.append(self._dead(candidate.record, "unknown", "nobody has this device"))
            else:
                self._waiting.append(candidate)
        return messages

    def _dead(self, record: ConsumerRecord[bytes, bytes], kind: Kind, reason: str) -> Message:
        seen.DEAD_LETTERS.labels("gateway", record.topic, kind).inc()
        seen.SAMPLES.labels("vitals", "refused").inc()
        return letter("gateway", record, kind, reason)

    async def _follow(self) -> None:
        """Commit up to the first record that still waits."""
        try:
            ends = {p: await self._consumer.position(p) for p in self._consumer.assignment()}
            for waiting in self._waiting:
                place = TopicPartition(waiting.record.topic, waiting.record.partition)
                ends[place] = min(ends.get(place, waiting.record.offset), waiting.record.offset)
            await self._consumer.commit(ends)
        except (KafkaError, IllegalStateError):
            return  # read again after the next start, written again under the same ids


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, reader: RawReader) -> None:
        self._reader = reader

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._reader.forget()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._reader.ready = True


def _offsets(
    clocks: Clocks,
    lines: Sequence[tuple[ConsumerRecord[bytes, bytes], VitalsLine]],
) -> dict[str, timedelta]:
    """The clock offset of each device, against the broker's time of its newest record."""
    newest: dict[str, tuple[datetime, VitalsLine]] = {}
    for record, line in lines:
        appended = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        known = newest.get(line.device_id)
        if known is None or known[1].occurred_at <= line.occurred_at:
            newest[line.device_id] = (appended, line)
    return {
        device: clocks.offset_of(device, [(line.occurred_at, line.sent_at)], appended)
        for device, (appended, line) in newest.items()
    }
