"""A facility's feed: read from the database once per facility, fanned out to bounded queues."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from services.bridge.store import FEED_CHANNEL, since, snapshot
from services.kit import observability as seen
from services.kit.errors import TransientFailure
from services.kit.patience import pause
from services.kit.postgres import Pool, is_transient, transaction

log = logging.getLogger(__name__)

#: A subscriber that is this many items behind is dropped; it comes back with Last-Event-ID.
BEHIND = 500
#: A notification is only a hint; a facility that is watched is looked at this often anyway.
LOOK_S = 1.0
#: How many items one look takes.
READ = 200

Line = tuple[int, str, str]


@dataclass(eq=False)
class Subscriber:
    """One open board."""

    lines: asyncio.Queue[Line | None] = field(default_factory=lambda: asyncio.Queue(BEHIND))

    def push(self, line: Line) -> bool:
        """Queue a line; false when this subscriber cannot keep up."""
        try:
            self.lines.put_nowait(line)
        except asyncio.QueueFull:
            return False
        return True

    def end(self) -> None:
        """Let the reader see the end as soon as possible."""
        while not self.lines.empty():
            self.lines.get_nowait()
        self.lines.put_nowait(None)


@dataclass(eq=False)
class Desk:
    """The watchers of one facility, and how far they have been told."""

    feed: int
    hint: asyncio.Event = field(default_factory=asyncio.Event)
    subscribers: set[Subscriber] = field(default_factory=set)
    task: asyncio.Task[None] | None = None


class Feeds:
    """All facilities that somebody watches."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._desks: dict[str, Desk] = {}

    async def run(self) -> None:
        """Pass notifications on to the desks, for ever."""
        attempt = 0
        while True:
            try:
                async with self._pool.acquire(timeout=5) as connection:
                    await connection.add_listener(FEED_CHANNEL, self._on_hint)
                    attempt = 0
                    try:
                        while True:
                            await connection.execute("SELECT 1")  # raises when the link is gone
                            await asyncio.sleep(LOOK_S)
                    finally:
                        await connection.remove_listener(FEED_CHANNEL, self._on_hint)
            except Exception as error:
                if not is_transient(error):
                    raise
                await pause(attempt)
                attempt += 1

    def _on_hint(self, _connection: object, _pid: int, _channel: str, facility_id: str) -> None:
        if desk := self._desks.get(facility_id):
            desk.hint.set()

    async def subscribe(self, facility_id: str, after: int | None) -> AsyncIterator[Line]:
        """Lines ``(feed, kind, JSON)``: what changed ``after`` a number, or a snapshot; then news.

        Ends when the subscriber falls behind.
        """
        subscriber = Subscriber()
        desk = await self._join(facility_id, subscriber)
        seen.SUBSCRIBERS.labels(facility_id).inc()
        try:
            told, lines = await self._beginning(facility_id, after)
            for line in lines:
                yield line
            while (news := await subscriber.lines.get()) is not None:
                if news[0] > told:
                    yield news
        finally:
            seen.SUBSCRIBERS.labels(facility_id).dec()
            desk.subscribers.discard(subscriber)
            if not desk.subscribers and desk.task is not None:
                desk.task.cancel()
                self._close(facility_id, desk)  # at once: who comes now gets a desk that works

    async def _join(self, facility_id: str, subscriber: Subscriber) -> Desk:
        desk = self._desks.get(facility_id)
        if desk is None:
            async with transaction(self._pool) as connection:
                feed, _ = await snapshot(connection, facility_id)
            desk = self._desks.setdefault(facility_id, Desk(feed))
        desk.subscribers.add(subscriber)
        if desk.task is None:
            desk.task = asyncio.create_task(self._watch(facility_id, desk))
            desk.task.add_done_callback(lambda task: self._watched(facility_id, desk, task))
        return desk

    def _watched(self, facility_id: str, desk: Desk, task: asyncio.Task[None]) -> None:
        """Boards of a desk that nobody looks after any more come back to a new one."""
        self._close(facility_id, desk)
        for subscriber in desk.subscribers:
            subscriber.end()
        if not task.cancelled() and (error := task.exception()):
            log.error("a desk has failed", exc_info=error, extra={"action": "desk_failed"})

    def _close(self, facility_id: str, desk: Desk) -> None:
        if self._desks.get(facility_id) is desk:
            del self._desks[facility_id]

    async def _beginning(self, facility_id: str, after: int | None) -> tuple[int, list[Line]]:
        async with transaction(self._pool) as connection:
            feed, items = await snapshot(connection, facility_id)
            if after is None or after > feed:  # ahead of us: the database is another one
                return feed, [(feed, "snapshot", items)]
            missed = await since(connection, facility_id, after, 100_000)
        lines = [(feed, "item", item) for feed, item in missed]
        return max([after, *(feed for feed, _ in missed)]), lines

    async def _watch(self, facility_id: str, desk: Desk) -> None:
        while True:
            desk.hint.clear()
            try:
                async with transaction(self._pool) as connection:
                    news = await since(connection, facility_id, desk.feed, READ)
            except TransientFailure:
                await pause(3)
                continue
            for feed, item in news:
                desk.feed = feed
                self._fan_out(desk, (feed, "item", item))
            if len(news) < READ:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await desk.hint.wait()

    def _fan_out(self, desk: Desk, line: Line) -> None:
        for subscriber in [s for s in desk.subscribers if not s.push(line)]:
            log.warning("a board fell behind and was dropped", extra={"action": "board_dropped"})
            desk.subscribers.discard(subscriber)
            subscriber.end()
