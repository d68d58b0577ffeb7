"""The loop: one micro-batch is one transaction, and the broker's offset follows behind it.

A handler is pure over one key: it takes a state and one record and returns the state and the
events that follow. Everything around it lives here: positions, loading and saving sets, the
outbox, retries; ``intake`` reads and sets down, ``aside`` keeps the keys whose handling stopped.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Generic, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from schemas.event import Event
from services.kit import failpoint, kafka, outbox, tally
from services.kit import metrics as seen
from services.kit.aside import Aside
from services.kit.errors import PositionMoved, TookTooLong, TransientFailure
from services.kit.intake import Intake
from services.kit.patience import patiently, pause
from services.kit.positions import Positions, moves_of
from services.kit.postgres import Connection, Pool, Row, State, after_commit, transaction
from services.kit.settings import Settings
from services.kit.supply import Supply
from services.kit.work import Consumption, Received, Record, place_of

log = logging.getLogger(__name__)
T = TypeVar("T")

#: The broker's offsets follow at most this often.
FOLLOW_S = 1.0
#: Handlers run this many records before the event loop gets a turn.
SLICE = 50
#: A record that fails for an unforeseen reason is tried this often before its key is set aside.
TRIES = 3
#: A batch that was thought about for longer, and failed, is not tried again whole: the database
#: ends a transaction that is idle for ten seconds.
LONG_S = 5.0


class Loop(Generic[State]):
    """Reads, decides, stores. ``run`` ends only by an exception."""

    def __init__(self, settings: Settings, pool: Pool, work: Consumption[State]) -> None:
        self._settings = settings
        self._pool = pool
        self._work = work
        self._turn = asyncio.Lock()
        self._positions = Positions(pool, work.group)
        self._supply = Supply(self._positions)
        self._intake = Intake(work.service, work.group)
        self._aside = Aside(pool, work)
        self._in_doubt = False
        #: Offsets the broker has not been told of yet, and when it was last told.
        self._untold: dict[TopicPartition, int] = {}
        self._told = 0.0
        self._has_taken = False
        #: Counts how often partitions were given out anew.
        self._term = 0
        self._consumer: AIOKafkaConsumer
        #: How long the last batch was thought about.
        self._thought_s = 0.0
        #: The times of the oldest record in hand and of the newest one done, in milliseconds.
        self._in_hand_ms: int | None = None
        self._done_ms = 0
        self._rounded = time.time()
        self.fault: Exception | None = None
        self.ready = False

    async def run(self) -> None:
        """Take records until something happens that cannot be mended here."""
        settings, group = self._settings, self._work.group
        producer = self._intake.producer = await self._patiently(
            lambda: kafka.started(lambda: kafka.producer(settings))
        )
        try:
            self._consumer = await self._patiently(
                lambda: kafka.started(lambda: kafka.consumer(settings, group))
            )
            try:
                self._supply.consumer = self._consumer
                seen.LAG_RECORDS.labels(group).set_function(self._behind)
                seen.LAG_SECONDS.labels(group).set_function(self._lag_s)
                seen.ROUNDED.labels(group).set_function(lambda: self._rounded)
                self._consumer.subscribe(self._work.topics, listener=_Listener(self))
                while True:
                    await self._round()
            finally:
                self.ready = False
                await kafka.stop(self._consumer)
        finally:
            await kafka.stop(producer)

    async def _round(self) -> None:
        if self.fault is not None:
            raise self.fault
        if not self.ready:
            await asyncio.sleep(0.02)
            return
        term = self._term
        # Outside the turn: while partitions are given out anew, this waits until they have been.
        fetched = await self._supply.fetch()
        async with self._turn:
            if term == self._term:
                await self._take(self._supply.take(fetched))
                await self._follow()
            elif self.ready:
                self._supply.seek()  # fetched before, and what was fetched may have gone elsewhere
        self._rounded = time.time()
        await asyncio.sleep(0)

    # -- how far behind it is, when somebody asks ----------------------------------------------

    def _behind(self) -> float:
        """How many records are there and not done; not a number while nobody knows."""
        return self._supply.behind() if self.ready else math.nan

    def _lag_s(self) -> float:
        """How old the oldest of them is. Of what has not come yet it is known that it is newer than
        what was done last."""
        if not self._behind():
            return 0.0
        waiting = filter(None, (self._in_hand_ms, self._supply.oldest_ms()))
        oldest = min(waiting, default=self._done_ms)
        return max(0.0, time.time() - oldest / 1000) if self.ready else math.nan

    # -- one batch: decode, transact, follow -------------------------------------------------

    async def _take(self, records: Sequence[Record]) -> None:
        if not records:
            return
        failpoint.reach("loop.received")
        self._in_hand_ms = min(record.timestamp for record in records)
        with seen.BATCH_SECONDS.labels(self._work.group).time():
            good, dead = self._intake.read(records)
            await self._patiently(lambda: self._intake.set_down("invalid", dead))
            await self._apply(records, good)
        self._untold |= moves_of([place_of(r) for r in records])
        self._has_taken = True
        self._in_hand_ms, self._done_ms = None, max(record.timestamp for record in records)

    async def _follow(self) -> None:
        """Tell the broker how far we are: a hint for those who look at a consumer's lag. At most
        one batch a second waits for it, and not for long."""
        if not self._untold or time.monotonic() - self._told < FOLLOW_S:
            return
        untold, self._untold, self._told = self._untold, {}, time.monotonic()
        try:
            async with asyncio.timeout(FOLLOW_S):
                await self._consumer.commit(untold)
        except (KafkaError, IllegalStateError, TimeoutError):
            self._untold = untold
            log.info("the broker did not take the offsets", extra={"action": "offsets_refused"})
            return
        if self._has_taken:
            failpoint.reach("loop.offsets_followed")

    async def _apply(self, records: Sequence[Record], good: Sequence[Received]) -> None:
        """Bring about the effects; on a bug, split the batch until the one record is found, and
        where all of it takes too long, until its parts do not."""
        try:
            await self._patiently(lambda: self._attempt(records, good))
        except (PositionMoved, TransientFailure):
            raise
        except Exception as bug:
            if len(records) == 1:
                await self._despair_of(good[0], bug)
                return
            middle = len(records) // 2
            for half in (records[:middle], records[middle:]):
                places = {place_of(record) for record in half}
                await self._apply(half, [g for g in good if g.place in places])

    async def _attempt(self, records: Sequence[Record], good: Sequence[Received]) -> None:
        """One transaction. Raises ``_TooLong`` where the same would end the same way again, by the
        time that deciding took or that a statement did."""
        self._thought_s = 0.0
        try:
            await self._transact(records, good)
        except TransientFailure as failure:
            is_long = isinstance(failure, TookTooLong) or self._thought_s > LONG_S
            if is_long and len(records) > 1:
                log.warning("a batch takes too long", extra={"action": "split"})
                raise _TooLong from failure
            raise

    async def _transact(
        self,
        records: Sequence[Record],
        good: Sequence[Received],
        instead: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> None:
        """One transaction: positions, states, outbox; ``PositionMoved`` changes nothing."""
        moves = moves_of([place_of(record) for record in records])
        if self._in_doubt and await self._positions.stand_at(moves):
            self._in_doubt = False  # the commit had happened; only its answer was lost
        else:
            self._in_doubt = True
            async with transaction(self._pool) as connection:
                failpoint.reach("loop.transaction_begun")
                await self._positions.move(connection, moves)
                await (instead(connection) if instead else self._decide(connection, good))
                failpoint.reach("loop.decided")
            self._in_doubt = False
        failpoint.reach("loop.committed")
        self._positions.moved(moves)
        for topic, count in Counter(received.record.topic for received in good).items():
            seen.HANDLED.labels(self._work.group, topic).inc(count)

    async def _decide(self, connection: Connection, good: Sequence[Received]) -> None:
        by_key: dict[str, list[Received]] = defaultdict(list)
        for received in good:
            by_key[received.key].append(received)
        aside = await self._aside.among(connection, by_key.keys())
        stopped = [received.record for key in aside for received in by_key.pop(key)]
        await self._intake.set_down("set_aside", [(r, "the key is set aside") for r in stopped])
        if not by_key:
            return
        rows = await self._work.store.load(connection, by_key)
        began = time.monotonic()
        changed, caused = await self._decide_keys(by_key, rows)
        emitted = [event for _, events in caused for event in events]
        self._thought_s = time.monotonic() - began
        await self._work.store.save(connection, changed, emitted)
        await outbox.append(connection, self._work.service, emitted)
        after_commit(partial(tally.followed, caused))

    async def _decide_keys(
        self, by_key: Mapping[str, Sequence[Received]], rows: Mapping[str, Row[State]]
    ) -> tuple[dict[str, Row[State]], list[tuple[Received, Sequence[Event]]]]:
        """The states that changed, and what each record brought about."""
        changed: dict[str, Row[State]] = {}
        caused: list[tuple[Received, Sequence[Event]]] = []
        handled = 0
        for key, batch in by_key.items():
            state = rows[key].state
            for received in batch:
                state, events = self._work.handle(state, received)
                if events:
                    caused.append((received, events))
                handled += 1
                if handled % SLICE == 0:
                    await asyncio.sleep(0)
            if state is not rows[key].state:
                changed[key] = Row(state, rows[key].version)
        return changed, caused

    # -- when things go wrong ----------------------------------------------------------------

    async def _despair_of(self, received: Received, bug: Exception) -> None:
        """Try the one record a few times more; then set its key aside and tell the world."""
        for attempt in range(TRIES - 1):
            await pause(attempt)
            try:
                await self._patiently(lambda: self._transact([received.record], [received]))
            except (PositionMoved, TransientFailure):
                raise
            except Exception as again:
                bug = again
            else:
                return
        reason = type(bug).__name__
        log.error(
            "a record failed for an unforeseen reason; its key is set aside",
            extra={"action": "set_aside", "topic": received.record.topic, "bug": reason},
            exc_info=bug,
        )
        await self._patiently(lambda: self._set_aside(received, reason))

    async def _set_aside(self, received: Received, reason: str) -> None:
        await self._intake.set_down("bug", [(received.record, reason)])
        await self._transact([received.record], [], lambda c: self._aside.put(c, received, reason))
        self._aside.note(received.key)

    def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        return patiently(self._settings, self._work.group, attempt)

    # -- partitions come and go --------------------------------------------------------------

    async def settle(self, places: set[TopicPartition]) -> None:
        """Go on where our own positions say."""
        first = await self._consumer.beginning_offsets(places)
        last = await self._consumer.end_offsets(places)
        await self._patiently(lambda: self._positions.settle(first, last))
        await self._aside.load()
        self._supply.seek()
        self._untold = dict(self._positions.held)  # what was not told before the last end
        self._done_ms = round(1000 * time.time())  # what waits for longer will be seen in hand
        self.ready = True

    async def unsettle(self) -> None:
        """Finish the batch in hand; then others may have the partitions."""
        async with self._turn:
            self.ready = False
            self._term += 1
            self._untold = {}


class _TooLong(Exception):
    """A batch cannot be brought about whole in the time that a transaction has."""


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Carries what aiokafka would swallow over to the loop."""

    def __init__(self, loop: Loop[State]) -> None:
        self._loop = loop

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._loop.unsettle()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        try:
            await self._loop.settle(assigned)
        except Exception as fault:
            self._loop.fault = fault
