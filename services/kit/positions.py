"""Where each partition stands: moved with the effects, from the value it is expected to have.

Positions fence workers. They live in the database; the broker's offsets are only a hint.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from aiokafka import TopicPartition

from services.kit import metrics as seen
from services.kit.errors import PositionMoved
from services.kit.postgres import Connection, Pool, transaction

log = logging.getLogger(__name__)

#: How far a position is set back when the log ends before it (a broker restored from a backup).
REWIND = 10_000


class Positions:
    """The next offset to take of every partition that this worker holds."""

    def __init__(self, pool: Pool, group: str) -> None:
        self._pool = pool
        self._group = group
        self.held: dict[TopicPartition, int] = {}

    async def settle(
        self, first: Mapping[TopicPartition, int], last: Mapping[TopicPartition, int]
    ) -> None:
        """Take over the partitions of ``first``, whose logs reach from ``first`` to ``last``.

        Raises ``PositionMoved`` when one that this worker held without a break was moved by
        another. Those that it gave away may have been moved on by now.
        """
        async with transaction(self._pool) as connection:
            stored = await self._stored(connection, first)
            if any(stored[place] != self.held.get(place, stored[place]) for place in first):
                raise PositionMoved(self._group)
            held = {p: self._within(stored[p], first[p], last[p]) for p in first}
            await connection.executemany(
                "UPDATE positions SET next = $4"
                " WHERE consumer = $1 AND topic = $2 AND partition = $3",
                [(self._group, *p, n) for p, n in held.items() if n != stored[p]],
            )
        self.held = held

    async def _stored(
        self, connection: Connection, first: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        await connection.execute(
            """
            INSERT INTO positions (consumer, topic, partition, next)
            SELECT $1, * FROM unnest($2::text[], $3::int[], $4::bigint[]) ON CONFLICT DO NOTHING
            """,
            self._group,
            [place.topic for place in first],
            [place.partition for place in first],
            list(first.values()),
        )
        rows = await connection.fetch(
            "SELECT topic, partition, next FROM positions WHERE consumer = $1", self._group
        )
        return {TopicPartition(row["topic"], row["partition"]): row["next"] for row in rows}

    def _within(self, position: int, first: int, last: int) -> int:
        if first <= position <= last:
            return position
        seen.REWOUND.labels(self._group).inc()
        log.error("a position lies outside the log", extra={"action": "position_rewound"})
        return max(first, min(position, last - REWIND))

    async def move(self, connection: Connection, moves: Mapping[TopicPartition, int]) -> None:
        """Move positions within the caller's transaction.

        Raises ``PositionMoved`` when one of them is not where this worker left it. After the
        commit the caller says so with ``moved``.
        """
        rows = await connection.fetch(
            """
            UPDATE positions AS p SET next = m.next
              FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[])
                   AS m (topic, partition, expected, next)
             WHERE p.consumer = $1 AND p.topic = m.topic AND p.partition = m.partition
               AND p.next = m.expected
            RETURNING 1
            """,
            self._group,
            [place.topic for place in moves],
            [place.partition for place in moves],
            [self.held[place] for place in moves],
            list(moves.values()),
        )
        if len(rows) != len(moves):
            raise PositionMoved(self._group)

    def moved(self, moves: Mapping[TopicPartition, int]) -> None:
        """The transaction that moved them has committed."""
        self.held.update(moves)

    async def stand_at(self, moves: Mapping[TopicPartition, int]) -> bool:
        """Whether a move whose answer was lost has happened after all."""
        async with transaction(self._pool) as connection:
            stored = await self._stored(connection, moves)
        return all(stored[place] == position for place, position in moves.items())

    def is_behind(self, topic: str, partition: int, offset: int) -> bool:
        """Whether this record was taken already (it was fetched before we had settled)."""
        return offset < self.held.get(TopicPartition(topic, partition), 0)


def moves_of(places: Sequence[tuple[str, int, int]]) -> dict[TopicPartition, int]:
    """The positions behind records at ``(topic, partition, offset)``."""
    moves: dict[TopicPartition, int] = {}
    for topic, partition, offset in places:
        place = TopicPartition(topic, partition)
        moves[place] = max(moves.get(place, 0), offset + 1)
    return moves
