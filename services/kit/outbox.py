"""Messages are written with the effect they tell of, and sent in that order by one relay."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
from aiokafka import AIOKafkaProducer

from schemas.envelope import Message, encode
from schemas.event import Event
from services.kit import failpoint, kafka, tally
from services.kit import metrics as seen
from services.kit.patience import patiently
from services.kit.postgres import Connection, Pool, acquired, after_commit, transaction
from services.kit.settings import Settings

BATCH = 500
#: A topic takes 1 MiB with all that surrounds a value. What is larger would be first in the outbox
#: for ever; refused here, it stops one patient, who is set aside and told of, and not all.
MOST_BYTES = 1_000_000
#: Who has written wakes the relay of its own process after the commit; that wakes the one of
#: another process if it is not its turn. A notification by who writes would do, and commits that
#: notify go one by one. It is only a hint: the outbox is looked at this often anyway.
LOOK_S = 1.0
#: A relay that was suspended loses its turn when it has been silent for this long; one that waits
#: for the broker speaks this often.
SILENCE_S = 6
SPEAK_S = 2.0

_READ = "SELECT seq, topic, key, value, headers FROM outbox ORDER BY seq LIMIT $1"
_APPEND = """
    INSERT INTO outbox (topic, key, value, headers)
    SELECT topic, key, value, headers
      FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::json[])
           WITH ORDINALITY AS m (topic, key, value, headers, position)
     ORDER BY position
"""


async def append(connection: Connection, service: str, events: Sequence[Event]) -> None:
    """Write events behind the effect they belong to, in the same transaction."""
    if not events:
        return
    messages = [encode(event, f"greenchannel/{service}") for event in events]
    if any(len(m.value or b"") > MOST_BYTES for m in messages):
        raise ValueError("an event is larger than its topic takes")
    await connection.execute(
        _APPEND,
        [m.topic for m in messages],
        [m.key for m in messages],
        [m.value for m in messages],
        [json.dumps({name: raw.decode() for name, raw in m.headers}) for m in messages],
    )
    after_commit(partial(tally.count, events))
    if relay := _RELAYS.get(service):
        after_commit(relay.hint)


#: The relay of a service in this process, if it has one.
_RELAYS: dict[str, Relay] = {}


class Relay:
    """Sends what the outbox holds. Of all workers of a service one relays, by advisory lock."""

    def __init__(self, settings: Settings, service: str, pool: Pool) -> None:
        self._settings = settings
        self._service = service
        self._pool = pool
        self._channel = f"{service}_outbox"
        self._hint = asyncio.Event()
        _RELAYS[service] = self

    def hint(self, *_: object) -> None:
        """Something was written."""
        self._hint.set()

    async def run(self) -> None:
        """Relay for ever; a dependency that stays away ends it with ``TransientFailure``."""
        while True:
            await patiently(self._settings, f"{self._service}_relay", self._relay)

    async def _relay(self) -> None:
        """Hold the lock on one connection and send until something fails."""
        producer = await kafka.started(lambda: kafka.producer(self._settings))
        try:
            async with acquired(self._pool) as connection:
                try:
                    await connection.execute(f"SET idle_session_timeout = '{SILENCE_S}s'")
                    await self._wait_for_turn(connection)
                    await connection.add_listener(self._channel, self.hint)
                    await self._drain(connection, producer)
                finally:
                    with contextlib.suppress(asyncpg.InterfaceError):  # it is closed already
                        connection.terminate()  # with its turn and its listener
        finally:
            await kafka.stop(producer)

    async def _wait_for_turn(self, connection: Connection) -> None:
        """Until no other worker relays; that one is told of what was written here."""
        mine = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"
        while not await connection.fetchval(mine, f"relay/{self._service}"):
            if self._hint.is_set():
                self._hint.clear()
                await connection.execute("SELECT pg_notify($1, '')", self._channel)
            await self._hinted()

    async def _drain(self, connection: Connection, producer: AIOKafkaProducer) -> None:
        while True:
            self._hint.clear()
            rows = await connection.fetch(_READ, BATCH)
            if rows:
                await self._send(connection, producer, rows)
            if len(rows) < BATCH:
                await self._hinted()

    async def _hinted(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._hint.wait()

    async def _send(
        self, connection: Connection, producer: AIOKafkaProducer, rows: list[asyncpg.Record]
    ) -> None:
        failpoint.reach("relay.read")
        async with _speaking(connection):
            await kafka.publish(producer, [_message(row) for row in rows])
        failpoint.reach("relay.published")
        await connection.execute("DELETE FROM outbox WHERE seq = ANY($1)", [r["seq"] for r in rows])
        failpoint.reach("relay.marked")
        seen.RELAYED.labels(self._service).inc(len(rows))


@asynccontextmanager
async def _speaking(connection: Connection) -> AsyncIterator[None]:
    """Meanwhile the connection says now and then that this process goes on. A broker that takes
    long must not cost a relay its turn: the next would send the same again, and take as long."""

    told = asyncio.Event()

    async def speak() -> None:
        while not told.is_set():
            try:
                async with asyncio.timeout(SPEAK_S):
                    await told.wait()
            except TimeoutError:
                await connection.execute("SELECT 1")

    speaking = asyncio.create_task(speak())
    try:
        yield
    except BaseException:  # whoever is asked to end waits for no answer
        speaking.cancel()
        raise
    told.set()
    await speaking


def _message(row: asyncpg.Record) -> Message:
    headers = [(name, value.encode()) for name, value in json.loads(row["headers"]).items()]
    return Message(row["topic"], row["key"], row["value"], headers)


async def held(pool: Pool) -> int:
    """How many messages wait. For health and tests."""
    async with transaction(pool) as connection:
        return int(await connection.fetchval("SELECT count(*) FROM outbox"))
