"""A facility's feed: read from the database once per facility, fanned out to bounded queues."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import asyncpg

from services.bridge import journal
from services.bridge.store import Shown, confined, since, snapshot
from services.kit import metrics as seen
from services.kit.auth import Principal
from services.kit.errors import Rejected, TransientFailure
from services.kit.patience import pause
from services.kit.postgres import Connection, Pool, after_commit, is_transient

log = logging.getLogger(__name__)

#: A subscriber that is this many items behind is dropped; it comes back with Last-Event-ID.
BEHIND = 500
#: Who has written hints the desks of its own process after the commit. Those of another one are
#: told by a notification of its own, at most this often: a writer that notifies waits for all that
#: notify before it. It is only a hint: a facility that is watched is looked at this often anyway.
CHANNEL, TELL_S = "bridge_feed", 0.05
LOOK_S = 1.0
#: How many items one look takes.
READ = 200
#: So many feeds one caller may have open with one worker.
MOST_OPEN = 32
#: That a board goes on showing a patient is noted this often.
NOTE_S = 60.0

Line = tuple[int, str, str]
_TELL = "SELECT pg_notify($1, name) FROM unnest($2::text[]) AS name"


@dataclass(eq=False)
class Subscriber:
    """One open board."""

    reader: Principal
    lines: asyncio.Queue[Line | None] = field(default_factory=lambda: asyncio.Queue(BEHIND))
    is_behind: bool = False
    #: When it was last noted of whom this board reads.
    noted: dict[str, float] = field(default_factory=dict)

    def push(self, line: Line) -> bool:
        """Queue a line; false when this subscriber cannot keep up."""
        try:
            self.lines.put_nowait(line)
        except asyncio.QueueFull:
            return False
        return True

    def unnoted(self, lines: Sequence[Shown], now: float) -> Collection[str]:
        """Of whom it has yet to be noted that this board reads them."""
        ids = {id_ for line in lines for id_ in line.encounter_ids}
        return [i for i in ids if i not in self.noted or now - self.noted[i] >= NOTE_S]

    def end(self, *, is_behind: bool = False) -> None:
        """Let the reader see the end as soon as possible."""
        self.is_behind = is_behind
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
        self._open: Counter[Principal] = Counter()
        self._untold: set[str] = set()
        self._changed = asyncio.Event()

    def changed(self, facilities: Collection[str]) -> None:
        """The queues of these have changed, and it is committed."""
        for facility_id in facilities:
            self._hint(facility_id)
        self._untold.update(facilities)
        self._changed.set()

    async def run(self) -> None:
        """Tell other workers what has changed here, and hear what has there, for ever."""
        attempt = 0
        while True:
            try:
                async with self._pool.acquire(timeout=5) as connection:
                    try:
                        await connection.add_listener(CHANNEL, self._on_hint)
                        await connection.execute("SET synchronous_commit = off")  # it is a hint
                        attempt = 0
                        while True:
                            await self._tell(connection)
                    finally:
                        with contextlib.suppress(asyncpg.InterfaceError):  # it is closed already
                            connection.terminate()  # with its listener
            except Exception as error:
                if not is_transient(error):
                    raise
                await pause(attempt)
                attempt += 1

    async def _tell(self, connection: Connection) -> None:
        """Once, when something has changed or it is time; raises when the link is gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._changed.wait()
        self._changed.clear()
        names, self._untold = self._untold, set()
        await connection.execute(_TELL, CHANNEL, list(names))
        await asyncio.sleep(TELL_S)

    def _on_hint(self, connection: Connection, pid: int, _: str, facility_id: object) -> None:
        if pid != connection.get_server_pid():  # our own desks know
            self._hint(str(facility_id))

    def _hint(self, facility_id: str) -> None:
        if desk := self._desks.get(facility_id):
            desk.hint.set()

    @contextlib.contextmanager
    def place(self, reader: Principal) -> Iterator[None]:
        """One of the feeds that a caller may have open at once. Raises ``Rejected`` 429."""
        if self._open[reader] >= MOST_OPEN:
            wanted = "Close one, or give each system a key of its own."
            raise Rejected(429, "Too many feeds", f"You have {MOST_OPEN} feeds open. {wanted}")
        self._open[reader] += 1
        try:
            yield
        finally:
            self._open -= Counter([reader])

    async def subscribe(
        self, facility_id: str, after: int | None, reader: Principal
    ) -> AsyncIterator[Line]:
        """Lines ``(feed, kind, JSON)``: what changed ``after`` a number, or a snapshot; then news.

        Ends when the subscriber falls behind, and says where to go on.
        """
        subscriber = Subscriber(reader)
        desk = await self._join(facility_id, subscriber)
        seen.SUBSCRIBERS.labels(facility_id).inc()
        try:
            told, lines = await self._beginning(facility_id, after, subscriber)
            for line in lines:
                yield line
            while (news := await subscriber.lines.get()) is not None:
                if news[0] > told:
                    yield news
                    told = news[0]
            if subscriber.is_behind:
                yield told, "behind", f'{{"feed":{told}}}'
        finally:
            seen.SUBSCRIBERS.labels(facility_id).dec()
            desk.subscribers.discard(subscriber)
            if not desk.subscribers and desk.task is not None:
                desk.task.cancel()
                self._close(facility_id, desk)  # at once: who comes now gets a desk that works

    async def _join(self, facility_id: str, subscriber: Subscriber) -> Desk:
        desk = self._desks.get(facility_id)
        if desk is None:
            async with confined(self._pool, facility_id) as connection:
                feed = (await snapshot(connection, facility_id)).feed
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

    async def _beginning(
        self, facility_id: str, after: int | None, subscriber: Subscriber
    ) -> tuple[int, list[Line]]:
        async with confined(self._pool, facility_id) as connection:
            queue = await snapshot(connection, facility_id)
            if after is None or after > queue.feed:  # ahead of us: the database is another one
                await _note(connection, facility_id, [subscriber], [queue])
                return queue.feed, [(queue.feed, "snapshot", queue.text)]
            missed = await since(connection, facility_id, after, 100_000)
            await _note(connection, facility_id, [subscriber], missed)
        return max([after, *(item.feed for item in missed)]), [_line(item) for item in missed]

    async def _watch(self, facility_id: str, desk: Desk) -> None:
        while True:
            desk.hint.clear()
            try:
                async with confined(self._pool, facility_id) as connection:
                    news = await since(connection, facility_id, desk.feed, READ)
                    watching = list(desk.subscribers)  # who comes later reads these by itself
                    await _note(connection, facility_id, watching, news)
            except TransientFailure:
                await pause(3)
                continue
            for item in news:
                desk.feed = item.feed
                self._fan_out(desk, watching, _line(item))
            if len(news) < READ:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await desk.hint.wait()

    def _fan_out(self, desk: Desk, watching: Sequence[Subscriber], line: Line) -> None:
        for subscriber in [s for s in watching if not s.is_behind and not s.push(line)]:
            log.warning("a board fell behind and was dropped", extra={"action": "board_dropped"})
            desk.subscribers.discard(subscriber)
            subscriber.end(is_behind=True)


def _line(item: Shown) -> Line:
    return item.feed, "item", item.text


async def _note(
    connection: Connection,
    facility_id: str,
    boards: Sequence[Subscriber],
    lines: Sequence[Shown],
) -> None:
    """Note of whom these boards are about to be told, in the transaction that reads it."""
    now = time.monotonic()
    reads = [(board, ids) for board in boards if (ids := board.unnoted(lines, now))]
    if not reads:
        return
    readers = [(board.reader, ids) for board, ids in reads]
    await journal.note(connection, facility_id, "feed", readers)

    def keep() -> None:
        for board, ids in reads:
            board.noted.update(dict.fromkeys(ids, now))

    after_commit(keep)
