"""Reads the topics as ``observer`` into the stage, for ever, whatever happens to the broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from web.fold import FOLDS, Record, take
from web.stage import Stage
from web.view import CENTRES, EMERGENCY

Endpoints = Callable[[], dict[str, Any]]


class Flow(NamedTuple):
    """Topics that are read alike: how much the broker gathers before it answers, and how long."""

    topics: tuple[str, ...]
    least_bytes: int
    wait_ms: int
    #: Between two readings; nobody needs more than the page shows.
    pause_s: float
    #: How far back a new page looks at most.
    back_s: float
    #: Only read while somebody watches, and then from now on.
    only_watched: frozenset[str] = frozenset()


#: Rare events that the page times to the millisecond.
MOMENTS = Flow(
    ("dispatch-incidents", "dispatch-units", "dispatch-encounters", "dispatch-movements",
     "bridge-handoffs"), 1, 500, 0.0, 900,
)  # fmt: skip
#: Frequent events, gathered: a fetch for each would cost more than reading them.
STREAMS = Flow(
    ("ambulance-positions", "ambulance-vitals", "triage-decisions", EMERGENCY, *CENTRES),
    1 << 20, 250, 0.25, 180,
    frozenset({"ambulance-positions", "ambulance-vitals"}),
)  # fmt: skip

_KINDS = {f"greenchannel.{kind}.v1".encode(): kind for kind in FOLDS}
#: Records folded at once: our process does other things too.
MOST = 500
_RETRY_S, _RETRY_MOST_S = 0.5, 4.0
_CREDENTIALS = (
    "bootstrap_servers", "security_protocol", "sasl_mechanism",
    "sasl_plain_username", "sasl_plain_password",
)  # fmt: skip


class Reader:
    """Folds the topics into the stage. ``is_watched`` says whether anybody looks."""

    def __init__(self, stage: Stage, endpoints: Endpoints, is_watched: Callable[[], bool]) -> None:
        self.stage, self.endpoints, self.is_watched = stage, endpoints, is_watched

    async def read(self, flow: Flow) -> None:
        """Read until cancelled. Where it was, it goes on after any failure."""
        positions: dict[TopicPartition, int] = {}
        retry = _RETRY_S
        while not _is_cancelled():
            if broker := self.endpoints().get("kafka"):
                started = time.monotonic()
                try:
                    await self._follow(flow, broker, positions)
                except (KafkaError, OSError):
                    retry = _RETRY_S if time.monotonic() - started > 10 else retry
            await asyncio.sleep(retry)
            retry = min(retry * 2, _RETRY_MOST_S) if broker else _RETRY_S

    async def _follow(
        self, flow: Flow, broker: Mapping[str, Any], positions: dict[TopicPartition, int]
    ) -> None:
        consumer = AIOKafkaConsumer(
            *flow.topics,
            **{name: broker[name] for name in _CREDENTIALS if broker.get(name)},
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_min_bytes=flow.least_bytes,
            fetch_max_wait_ms=flow.wait_ms,
            request_timeout_ms=10_000,
            retry_backoff_ms=200,
        )
        try:
            await consumer.start()
            partitions = await self._place(consumer, flow, positions)
            paused: set[TopicPartition] = set()
            while not _is_cancelled():
                paused = await self._attend(consumer, flow, partitions, paused)
                batches = await consumer.getmany(timeout_ms=1_000, max_records=MOST)
                for partition, records in batches.items():
                    self._take(records)
                    positions[partition] = records[-1].offset + 1
                is_behind = sum(map(len, batches.values())) >= MOST
                await asyncio.sleep(0 if is_behind else flow.pause_s)
        finally:
            await consumer.stop()

    async def _place(
        self, consumer: AIOKafkaConsumer, flow: Flow, positions: dict[TopicPartition, int]
    ) -> frozenset[TopicPartition]:
        """Begin where we left off, else a little while ago. Without a group all is ours."""
        partitions: frozenset[TopicPartition] = consumer.assignment()
        if not partitions:
            raise OSError("no topic yet")
        since = int((time.time() - flow.back_s) * 1000)
        new = {p: since for p in partitions if p not in positions}
        if new:  # the ends are asked for first: what comes in between is not jumped over
            ends = await consumer.end_offsets(list(new))
            found = await consumer.offsets_for_times(new)
            positions |= {p: found[p].offset if found[p] else ends[p] for p in new}
        for partition in partitions:
            await consumer.position(partition)  # its own first seeking comes to an end
            consumer.seek(partition, positions[partition])
        return partitions

    async def _attend(
        self,
        consumer: AIOKafkaConsumer,
        flow: Flow,
        partitions: Iterable[TopicPartition],
        paused: set[TopicPartition],
    ) -> set[TopicPartition]:
        """Leave the dearest topics alone while nobody watches."""
        dear = {p for p in partitions if p.topic in flow.only_watched}
        if self.is_watched() and paused:
            await consumer.seek_to_end(*paused)
            consumer.resume(*paused)
            return set()
        if not self.is_watched() and dear and not paused:
            consumer.pause(*dear)
            return dear
        return paused

    def _take(self, records: Iterable[ConsumerRecord[bytes, bytes]]) -> None:
        now = time.time() * 1000
        for record in records:
            kind = next((_KINDS.get(v) for name, v in record.headers if name == "ce_type"), None)
            if kind and record.key and record.value:
                key = record.key.decode("utf-8", "replace")
                stamped = float(record.timestamp)
                take(self.stage, Record(record.topic, kind, key, record.value, stamped, now))


def _is_cancelled() -> bool:
    """Whether we were told to end, even where a library below has swallowed the word."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
