"""Watches a run from outside and says what was lost, doubled, misrouted, lowered, or late.

It knows the journal of the truth and what its own readers of topics and feeds read, and nothing
else. The counting is ``verdict``'s; this is the reading and the clock.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import ConsumerRecord

from simulator import endpoints
from simulator.api import Api, serving
from simulator.endpoints import Endpoints
from simulator.feed import Feed
from simulator.journal import Follower
from simulator.metrics import shown
from simulator.reading import Record, read, read_item
from simulator.report import report, score
from simulator.verdict import Verdict
from simulator.witness import Witness, flows

log = logging.getLogger(__name__)

#: After the end of input, what is owed has this long to come; after a signal less.
DRAIN_S, SIGNALLED_DRAIN_S = 15.0, 6.0
#: The count is taken no earlier than this after the end, for what nobody owes may come too.
QUIET_S = 3.0
#: An end that is older than this when we begin was another judge's.
OLD_S = 60.0


@dataclass(frozen=True)
class Options:
    """What ``greenchannel judge`` was asked for."""

    endpoints: Path
    truth: Path
    report: Path


async def judge(options: Options) -> int:
    """Judge until the input has ended or a signal comes; write the report; the exit status."""
    court = Court(options, await endpoints.load(options.endpoints))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, court.adjourn)
    with shown(court.score):
        async with serving(Api(lambda: court.is_ready, {"/score": court.score})):
            await court.sit()
    return 0


class Court:
    """One judge's sitting. If it began after the sending, it says what it cannot know."""

    def __init__(self, options: Options, known: Endpoints) -> None:
        self._options = options
        self._verdict = Verdict(time.time())
        self._journal = Follower(options.truth)
        self._witnesses = [Witness(known.kafka, flow, self._take) for flow in flows()]
        self._feeds = [Feed(known, facility) for facility in known.tokens.centre]
        self._adjourned: float | None = None
        self._score: tuple[float, dict[str, Any]] = (0.0, {})
        self._catch_up()
        self._passed = self._ended if self._is_counted() else None

    @property
    def is_ready(self) -> bool:
        """Whether nothing that happens from now on escapes it."""
        return all(w.is_reading for w in self._witnesses) and all(f.is_open for f in self._feeds)

    def adjourn(self) -> None:
        """Count soon, whether input has ended or not."""
        self._adjourned = time.time()

    def score(self) -> dict[str, Any]:
        """The totals now, counted at most once a second."""
        now = time.time()
        if now - self._score[0] >= 1.0:
            self._score = (now, score(self._verdict, now))
        return self._score[1]

    async def sit(self) -> None:
        """Read, until there is nothing more to wait for; then write the report."""
        works = [witness.run() for witness in self._witnesses]
        works += [self._follow(feed) for feed in self._feeds]
        tasks = [asyncio.create_task(work) for work in (*works, self._until_drained())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._write(report(self._verdict, time.time()))

    # -- reading -----------------------------------------------------------------------------

    def _catch_up(self) -> None:
        """The truth first: it is written before the sending, and so never behind the effect."""
        for line in self._journal.news():
            self._verdict.tell(line)

    def _take(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        now = time.time()
        self._catch_up()
        for r in records:
            if r.topic.endswith("-dead-letters"):
                self._verdict.tally.dead_letters[r.topic] += 1
                continue
            reading = read(Record(r.topic, r.key, r.value, r.headers, r.timestamp, r.offset), now)
            if reading is not None:
                self._verdict.read(reading)

    async def _follow(self, feed: Feed) -> None:
        async for item in feed.items():
            now = time.time()
            self._catch_up()
            self._verdict.read(read_item(item, now))

    # -- ending ------------------------------------------------------------------------------

    @property
    def _ended(self) -> float | None:
        return self._verdict.ledger.presence.ended

    def _is_counted(self) -> bool:
        """Whether the end that the journal shows was another judge's to count."""
        if self._ended is None:
            return False
        try:
            written = self._options.report.stat().st_mtime
        except FileNotFoundError:
            written = 0.0
        return written >= self._ended or time.time() - self._ended > OLD_S

    async def _until_drained(self) -> None:
        closed = 0.0
        while True:
            await asyncio.sleep(0.1)
            self._catch_up()
            now = time.time()
            if now - closed >= 1.0:
                self._verdict.close_cases(now)
                closed = now
            since, patience = self._adjourned, SIGNALLED_DRAIN_S
            if self._ended is not None and self._ended != self._passed:
                since, patience = self._ended, DRAIN_S
            if since is None or now - since < QUIET_S:
                continue
            if now - since >= patience or not self._verdict.owed():
                return

    def _write(self, result: dict[str, Any]) -> None:
        """Whole, by rename."""
        path = self._options.report
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(result, ensure_ascii=False, indent=2), "utf-8")
        os.replace(draft, path)
        log.info("the count is taken", extra={"action": "counted", **result["ground_truth"]})
