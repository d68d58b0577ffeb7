"""Writes a period of the broker's topics to a file, as any reader of them may."""

from __future__ import annotations

import asyncio
import gzip
import heapq
import io
import math
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TypeAlias

import click
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from tqdm import tqdm

from schemas.recording import Head, Recorded, head_line, line
from schemas.topics import registry
from simulator import endpoints

#: The endpoints file is written whole when input begins.
READY_S = 3.0
#: So many records of one partition are held while others are behind it.
HELD = 2_000
#: A broker that says nothing for this long has stopped answering.
SILENCE_S = 20.0

NO_SYSTEM = "没有运行中的系统 · no system runs there: greenchannel run --endpoints FILE"
Record: TypeAlias = "ConsumerRecord[bytes, bytes]"


class CannotRecord(Exception):
    """There is nobody to read from; the message says what to do."""


@dataclass(frozen=True)
class Options:
    """What ``greenchannel record`` was asked for. ``since`` and ``until`` by the broker's time."""

    file: Path
    endpoints: Path
    topics: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    seconds: float | None = None


async def record(options: Options) -> int:
    """Write the file; the exit status. Raises ``CannotRecord``."""
    try:
        async with asyncio.timeout(READY_S):
            known = await endpoints.load(options.endpoints)
    except TimeoutError as error:
        raise CannotRecord(NO_SYSTEM) from error
    head = await _period(options)
    consumer = AIOKafkaConsumer(
        *head.topics,
        **{name: value for name, value in known.kafka.items() if value is not None},
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        written = await _write(options.file, head, consumer)
    except (KafkaError, OSError) as error:
        raise CannotRecord(f"{str(error) or type(error).__name__}") from error
    finally:
        await _stop(consumer)
    click.echo(f"  ✓ {written} 条 · records, {len(head.topics)} 个主题 · topics · {options.file}")
    return 0


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Close. A consumer that waits to fetch again lets out that its own task was cancelled: what
    went wrong before must be told, and not this."""
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise


async def _period(options: Options) -> Head:
    """From when until when; a period that is not over yet is waited for."""
    topics = options.topics or tuple(registry().topics)
    now = time.time()
    since = options.since.timestamp() if options.since else 0.0
    until = options.until.timestamp() if options.until else now
    if options.seconds is not None:
        since, until = now, now + options.seconds
    if until > now:
        with tqdm(desc="  waiting", total=round(until - now), unit="s", disable=None) as bar:
            while (left := until - time.time()) > 0:
                await asyncio.sleep(min(1.0, left))
                bar.update(round(time.time() - now) - bar.n)
    return Head(topics, round(since * 1000), round(until * 1000))


async def _write(file: Path, head: Head, consumer: AIOKafkaConsumer) -> int:
    """Whole, by rename, and nobody else's to read: it is about patients."""
    draft, written = file.with_name(f".{file.name}.draft"), 0
    try:
        with _opened(draft, is_packed=file.suffix == ".gz") as out:
            out.write(head_line(head))
            async for told in _in_order(consumer, head):
                out.write(line(told))
                written += 1
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    return written


@contextmanager
def _opened(file: Path, *, is_packed: bool) -> Iterator[IO[str]]:
    """For its owner alone; packed without the time of packing, so that the same is the same."""
    with ExitStack() as left:
        handle = os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        out: IO[bytes] = left.enter_context(os.fdopen(handle, "wb"))
        if is_packed:
            packed = gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=0)
            out = left.enter_context(packed)  # type: ignore[arg-type]
        yield left.enter_context(io.TextIOWrapper(out, encoding="utf-8", newline="\n"))


class _Place:
    """One partition, from the first record of the period to the last."""

    def __init__(self, end: int) -> None:
        self.end = end
        #: The broker's time of the latest record fetched, and how many wait for others.
        self.reached = -1
        self.held = 0


async def _in_order(consumer: AIOKafkaConsumer, head: Head) -> AsyncIterator[Recorded]:
    """What stands in the period, oldest first over all partitions. Raises ``OSError`` when the
    broker falls silent."""
    open_, total = await _places(consumer, head)
    waiting: list[tuple[tuple[int, str, int, int], Recorded]] = []
    places = dict(open_)
    heard = time.monotonic()
    with tqdm(desc="  recording", total=total, unit="", disable=None) as bar:
        while open_:
            fetched = await consumer.getmany(*_with_room(open_), timeout_ms=500, max_records=1_000)
            heard = time.monotonic() if fetched else heard
            if time.monotonic() - heard > SILENCE_S:
                raise OSError("代理没有回答 · the broker fell silent")
            for place, records in fetched.items():
                for record in records:
                    open_[place].reached = record.timestamp
                    if record.offset < open_[place].end:
                        open_[place].held += 1
                        heapq.heappush(waiting, (_order(record), _recorded(record)))
            for place in list(open_):
                if await consumer.position(place) >= open_[place].end:
                    del open_[place]
            bound = min((place.reached for place in open_.values()), default=math.inf)
            while waiting and waiting[0][1].t < bound:
                told = heapq.heappop(waiting)[1]
                places[TopicPartition(told.topic, told.partition)].held -= 1
                yield told
                bar.update()


async def _places(
    consumer: AIOKafkaConsumer, head: Head
) -> tuple[dict[TopicPartition, _Place], int]:
    """The partitions that hold anything of the period, each at its first; and how many records."""
    found = consumer.assignment()
    missing = set(head.topics) - {place.topic for place in found}
    if missing:
        raise OSError(f"没有主题 · there is no topic {', '.join(sorted(missing))}")
    begins = await consumer.offsets_for_times(dict.fromkeys(found, head.since))
    ends = await consumer.offsets_for_times(dict.fromkeys(found, head.until))
    last = await consumer.end_offsets(found)
    open_, total = {}, 0
    for place in found:
        begin, end = begins[place], ends[place]
        until = end.offset if end else last[place]
        if begin is not None and begin.offset < until:
            consumer.seek(place, begin.offset)
            open_[place] = _Place(until)
            total += until - begin.offset
    consumer.pause(*(found - open_.keys()))
    return open_, total


def _with_room(open_: Mapping[TopicPartition, _Place]) -> Sequence[TopicPartition]:
    """Those of which not too much waits for the others."""
    return [place for place, known in open_.items() if known.held < HELD]


def _order(record: Record) -> tuple[int, str, int, int]:
    return record.timestamp, record.topic, record.partition, record.offset


def _recorded(record: Record) -> Recorded:
    return Recorded(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        t=record.timestamp,
        key=record.key,
        value=record.value,
        headers=list(record.headers),
    )
