"""Says a recording again, as from now on, to a scratch run: what dispatch and the gateway had
written is written anew, and triage and bridge work on it as if it happened now.

Only who may write those topics can do it: the operator of that run.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import heapq
import json
import os
import signal
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO, cast

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from prometheus_client import Counter

from schemas.recording import Recorded, WrongFile, read, read_head
from simulator import endpoints
from simulator.api import Api, serving
from simulator.endpoints import Endpoints
from simulator.listener import Listener
from simulator.replays.rerun import Rerun, lines

#: What was recorded as decided has this long to be decided again, once all is said.
DRAIN_S = 20.0
#: What reading a recording may raise.
BROKEN = (WrongFile, OSError, EOFError, UnicodeDecodeError, zlib.error)
#: The same after a signal.
STOPPED_S = 2.0

SAID = Counter("greenchannel_player_records_total", "Records of a recording that were said again")


@dataclass(frozen=True)
class Options:
    """What ``greenchannel play`` was asked for."""

    file: Path
    endpoints: Path
    report: Path
    pace: float = 1.0


async def play(options: Options) -> int:
    """Say it until it is over or a signal comes; the exit status."""
    player = Player(await endpoints.load(options.endpoints), options.pace)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, player.stop)
    async with serving(Api(lambda: player.is_ready, {})):
        report = await player.whole(heapq.merge(*map(due, _files(options.file))))
    draft = options.report.with_suffix(".draft")
    draft.write_text(json.dumps(report, ensure_ascii=False, indent=2), "utf-8")
    os.replace(draft, options.report)
    return 0


class Due(NamedTuple):
    """A record, and how many seconds after the first one of its file it stood there."""

    after: float
    file: str
    number: int
    first: datetime
    record: Recorded


def check(path: Path) -> None:
    """Before anything starts. Raises ``WrongFile``."""
    files = _files(path)
    if not files:
        raise WrongFile(f"{path} holds no recording, *.ndjson or *.ndjson.gz")
    for file in files:
        try:
            with _opened(file) as text:
                read_head(next(text, ""))
        except UnicodeDecodeError as error:
            raise WrongFile(f"{file} is no text; what is packed is named .ndjson.gz") from error
        except BROKEN as error:
            raise WrongFile(f"{file}: {error}") from error


def _files(path: Path) -> Sequence[Path]:
    """The recording, or all that lie in the folder."""
    return sorted([*path.glob("*.ndjson"), *path.glob("*.ndjson.gz")]) if path.is_dir() else [path]


def _opened(file: Path) -> TextIO:
    if file.suffix == ".gz":
        return cast(TextIO, gzip.open(file, "rt", encoding="utf-8"))
    return file.open(encoding="utf-8")


def due(file: Path) -> Iterator[Due]:
    """The records of one file."""
    began: int | None = None
    try:
        with _opened(file) as text:
            read_head(next(text, ""))
            for number, told in enumerate(text, 2):
                record = read(told, number)
                began = record.t if began is None else began
                first = datetime.fromtimestamp(began / 1000, UTC)
                yield Due((record.t - began) / 1000, file.name, number, first, record)
    except BROKEN as error:
        raise WrongFile(f"{file.name}: {error}") from error


class Player:
    """One rerun."""

    def __init__(self, known: Endpoints, pace: float) -> None:
        self.is_ready = False
        self._known = known
        self._pace = pace
        self._listener = Listener(known)
        self._rerun = Rerun()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Say nothing more, and count."""
        self._stopping.set()

    async def whole(self, records: Iterable[Due]) -> dict[str, Any]:
        """Say everything when it is due, and wait for what becomes of it."""
        problems = []
        broker = {name: value for name, value in self._known.kafka.items() if value is not None}
        producer = AIOKafkaProducer(**broker, acks="all", enable_idempotence=True, linger_ms=2)
        await producer.start()
        try:
            async with self._listener.listening():
                self.is_ready = True
                try:
                    await self._say(records, producer)
                except WrongFile as error:  # what was said before it is counted all the same
                    problems.append(f"录制有误 · the recording is broken: {error}")
                patience = STOPPED_S if self._stopping.is_set() else DRAIN_S
                missing = await self._listener.until_folded(self._rerun.folded(), patience)
        finally:
            await producer.stop()
        report = self._rerun.compared(self._listener.decisions)
        if self._stopping.is_set():
            problems.append("未说完 · ended before all was said")
        elif missing:
            problems.append(f"未再裁定 · not decided again: {len(missing)}")
        if not report["records"]:
            problems.append("没有记录 · there is nothing in it to say")
        report["problems"] = problems
        return {**report, "lines": list(lines(report))}

    async def _say(self, records: Iterable[Due], producer: AIOKafkaProducer) -> None:
        """In order, each as long after the first as it was then."""
        now = datetime.now(UTC)
        for one in records:
            left = one.after / self._pace - (datetime.now(UTC) - now).total_seconds()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, left)):
                    await self._stopping.wait()
            if self._stopping.is_set():
                break
            if self._rerun.note(one.record):
                self._follow(one.record)
                told = one.record.told_from(one.first, now, self._pace)
                await self._send(producer, told)
        await producer.flush()

    async def _send(self, producer: AIOKafkaProducer, told: Recorded) -> None:
        try:
            await producer.send(told.topic, told.value, told.key, headers=list(told.headers))
            SAID.inc()
        except (MessageSizeTooLargeError, AssertionError) as error:
            where = f"{told.topic}/{told.partition}/{told.offset}"
            reason = str(error) or type(error).__name__
            raise WrongFile(f"{where} cannot be written: {reason}") from error

    def _follow(self, record: Recorded) -> None:
        if record.topic == "dispatch-encounters" and record.key:
            self._listener.follow(record.key.decode("utf-8", "replace"))
