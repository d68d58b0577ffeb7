"""Where dead letters are looked through, sent again, or dropped; each act leaves a line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.topics import dead_letters_of, registry
from services.kit import kafka, postgres
from services.kit.errors import TransientFailure
from services.kit.postgres import Pool, acquired, transaction
from services.kit.settings import Settings
from services.operations.letter import CannotRetry, Letter, Place, State

#: A broker that says nothing for this long has stopped answering.
SILENCE_S = 20.0
#: Two operators do not send the same letter again at the same time.
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('dead letters', 0))"
_ACT = """
    INSERT INTO letter_acts (consumer, partition, "offset", set_down_at, act, actor, because)
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
"""
_SENT = "UPDATE letter_acts SET sent_partition = $2, sent_offset = $3 WHERE id = $1"
#: The last word about each: who only looked has done nothing.
_BECAME = """
    SELECT DISTINCT ON (consumer, partition, "offset", set_down_at)
           consumer, partition, "offset", set_down_at,
           CASE WHEN act = 'retried' AND sent_offset IS NULL THEN 'retrying' ELSE act END AS state
      FROM letter_acts WHERE act <> 'shown'
     ORDER BY consumer, partition, "offset", set_down_at, id DESC
"""
_ASIDE = "SELECT key FROM {0}.set_aside WHERE key = ANY($1)"


class Busy(Exception):
    """Another operator is at it."""


@dataclass(frozen=True)
class Operator:
    """Who acts, and why."""

    name: str
    because: str | None = None


@dataclass(frozen=True)
class Sent:
    """A letter that was sent again, and the place where its record lies now."""

    letter: Letter
    partition: int
    offset: int


def consumers() -> tuple[str, ...]:
    """Those that have a topic of dead letters."""
    names = registry().topics
    return tuple(name.removesuffix("-dead-letters") for name in names if name.endswith("-letters"))


class Desk:
    """Open while an operator is at work."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings, self._pool = settings, pool

    async def letters(self, only: Collection[str] = ()) -> list[Letter]:
        """Every letter that its topic still has, oldest first, with what became of it."""
        found = [each async for each in self._read(only or consumers())]
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(_BECAME)
        became: dict[tuple[Place, datetime], State] = {
            (Place(row[0], row[1], row[2]), row[3]): row["state"] for row in rows
        }
        told = (replace(one, state=became.get(_name(one), one.state)) for one in found)
        return sorted(told, key=lambda one: (one.set_down_at, one.place))

    async def note(
        self, letters: Iterable[Letter], act: Literal["shown", "dropped"], who: Operator
    ) -> None:
        """Leave a line about each."""
        async with transaction(self._pool) as connection:
            for letter in letters:
                await connection.fetchval(_ACT, *_row(letter, act, who))

    async def retry(self, letters: Sequence[Letter], who: Operator) -> AsyncGenerator[Sent]:
        """Send each again, in this order, and tell of it once it is acknowledged and noted.

        The line is left before: whoever is cut off in between finds it as ``retrying``, and may
        send it once more, for an event that came already changes nothing. Raises ``CannotRetry``
        before anything is sent, ``Busy``, and ``TransientFailure``.
        """
        again = [(letter, letter.again()) for letter in letters]
        await self._refuse_those_set_aside(letters)
        async with self._alone():
            producer = await kafka.started(lambda: kafka.producer(self._settings))
            try:
                for letter, message in again:
                    async with transaction(self._pool) as connection:
                        line = await connection.fetchval(_ACT, *_row(letter, "retried", who))
                    place = await _send(producer, message)
                    async with transaction(self._pool) as connection:
                        await connection.execute(_SENT, line, place.partition, place.offset)
                    yield Sent(letter, place.partition, place.offset)
            finally:
                await kafka.stop(producer)

    async def _refuse_those_set_aside(self, letters: Sequence[Letter]) -> None:
        """What is sent again for a key that is still set aside would only come back."""
        for consumer in sorted({one.place.consumer for one in letters}):
            keys = [one.of_whom for one in letters if one.place.consumer == consumer]
            async with transaction(self._pool) as connection:
                table = f"{consumer}.set_aside"
                if not await connection.fetchval("SELECT to_regclass($1)", table):
                    continue
                rows = await connection.fetch(
                    _ASIDE.format(consumer), [key for key in keys if key is not None]
                )
            if rows:
                raise CannotRetry(
                    f"{consumer} has still set aside {', '.join(sorted(r['key'] for r in rows))}:"
                    " take them up again first (docs/runbooks/patient-set-aside.md)"
                )

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        async with acquired(self._pool) as connection:
            if not await connection.fetchval(_LOCK):
                raise Busy("another operator sends dead letters again: wait until that is done")
            try:
                yield
            finally:
                connection.terminate()  # with its lock

    async def _read(self, names: Collection[str]) -> AsyncIterator[Letter]:
        """All that the topics hold now. Raises ``TransientFailure``."""
        by_topic = {dead_letters_of(name): name for name in names}
        reader = await kafka.started(lambda: kafka.reader(self._settings, *by_topic))
        try:
            places = reader.assignment()
            ends = await reader.end_offsets(places)
            begins = await reader.beginning_offsets(places)
            left = {place for place in places if begins[place] < ends[place]}
            await reader.seek_to_beginning(*places)
            while left:
                batch = await asyncio.wait_for(reader.getmany(timeout_ms=1_000), SILENCE_S)
                for place, records in batch.items():
                    for record in records:
                        if record.offset < ends[place]:
                            yield _letter(by_topic[record.topic], record)
                for place in list(left):
                    if await reader.position(place) >= ends[place]:
                        left.discard(place)
        except (KafkaError, TimeoutError) as error:
            raise TransientFailure(_told(error)) from error
        finally:
            await kafka.stop(reader)


@asynccontextmanager
async def at_the_desk(settings: Settings) -> AsyncIterator[Desk]:
    """With the operator's own connections: a superuser of the broker, and of the database."""
    async with await postgres.connect(settings, "access", size=2) as pool:
        yield Desk(settings, pool)


async def _send(producer: AIOKafkaProducer, message: Any) -> Any:
    try:
        async with asyncio.timeout(kafka.ANSWER_S):
            return await producer.send_and_wait(
                message.topic, value=message.value, key=message.key, headers=message.headers
            )
    except (KafkaError, TimeoutError) as error:
        raise TransientFailure(_told(error)) from error


def _told(error: KafkaError | TimeoutError) -> str:
    """A broker that refuses is not away: then a right, or a bound of the topic, is what lacks."""
    name = type(error).__name__
    if isinstance(error, KafkaError) and not error.retriable:
        return f"the broker refuses it ({name}): act as its user admin; see greenchannel doctor"
    return f"{kafka.AWAY} ({name})"


def _letter(consumer: str, record: Any) -> Letter:
    return Letter(
        Place(consumer, record.partition, record.offset),
        datetime.fromtimestamp(record.timestamp / 1000, UTC),
        record.key or b"",
        record.value or b"",
        [(name, raw or b"") for name, raw in record.headers],
    )


def _name(letter: Letter) -> tuple[Place, datetime]:
    return letter.place, letter.set_down_at


def _row(letter: Letter, act: str, who: Operator) -> tuple[Any, ...]:
    place = letter.place
    return (
        place.consumer, place.partition, place.offset, letter.set_down_at, act, who.name,
        who.because,
    )  # fmt: skip
