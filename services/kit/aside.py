"""Keys whose handling has stopped after an unforeseen failure; the others go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from functools import partial
from typing import Generic

from services.kit import metrics as seen
from services.kit import outbox
from services.kit.census import Count, Figure
from services.kit.postgres import Connection, Pool, State, is_transient, transaction
from services.kit.work import Consumption, Received


class Aside(Generic[State]):
    """Kept in the database, so that every worker knows them; ``keys`` is what this one knows."""

    def __init__(self, pool: Pool, work: Consumption[State]) -> None:
        self._pool = pool
        self._work = work
        self.keys: set[str] = set()

    async def load(self) -> None:
        """Learn what others have set aside, or a human has taken up again."""
        async with transaction(self._pool) as connection:
            await self._learn(connection)

    async def among(self, connection: Connection, keys: Collection[str]) -> set[str]:
        """Which of these stand aside. Where one did, it is asked whether a human has taken it up
        again meanwhile."""
        if self.keys.isdisjoint(keys):
            return set()
        await self._learn(connection)
        return self.keys.intersection(keys)

    async def _learn(self, connection: Connection) -> None:
        rows = await connection.fetch(
            "SELECT key FROM set_aside WHERE consumer = $1", self._work.group
        )
        self.keys = {row["key"] for row in rows}

    async def put(self, connection: Connection, received: Received, reason: str) -> None:
        """Set the record's key aside and tell the world, in the caller's transaction."""
        await connection.execute(
            "INSERT INTO set_aside (consumer, key, reason) VALUES ($1, $2, $3)"
            " ON CONFLICT DO NOTHING",
            self._work.group,
            received.key,
            reason,
        )
        state = await self._state_if_readable(connection, received)
        events = self._work.set_aside(state, received)
        await outbox.append(connection, self._work.service, events)

    async def _state_if_readable(self, connection: Connection, received: Received) -> State | None:
        """The state of the key; none when just that is what cannot be read."""
        try:
            async with connection.transaction():
                rows = await self._work.store.load(connection, {received.key: [received]})
        except Exception as bug:
            if is_transient(bug):
                raise
            return None
        return rows[received.key].state

    def note(self, key: str) -> None:
        """The transaction that set it aside has committed."""
        self.keys.add(key)


def counted(*consumers: str) -> Count:
    """How many keys of each of these stand aside, also where none does."""
    return partial(_count, consumers)


async def _count(consumers: Sequence[str], connection: Connection) -> AsyncIterator[Figure]:
    rows = await connection.fetch("SELECT consumer, count(*) AS n FROM set_aside GROUP BY 1")
    many = {row["consumer"]: row["n"] for row in rows}
    for consumer in consumers:
        yield Figure(seen.SET_ASIDE, many.get(consumer, 0), (consumer,))
