"""Who has read of which patient: written before the answer is sent, and never changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Literal

from schemas.event import Identifier, Value
from services.kit.auth import Principal
from services.kit.postgres import Connection
from services.kit.role import Role

Way = Literal[
    "queue", "feed", "item", "act", "timeline", "attachment", "reads", "beds", "vitals",
    "handed_over",
]  # fmt: skip

_NOTE = """
    INSERT INTO reads (facility_id, name, role, way, encounter_ids) VALUES ($1, $2, $3, $4, $5)
"""
_READ = """
    SELECT read_at, name, role, way, encounter_ids FROM reads
     WHERE facility_id = $1 AND read_at >= $2 AND read_at < $3 ORDER BY read_at LIMIT $4
"""


class Read(Value):
    """One answer that was given: to whom, when, of which patients."""

    read_at: datetime
    name: Identifier
    role: Role
    way: Way
    encounter_ids: tuple[Identifier, ...]


async def note(
    connection: Connection,
    facility_id: str,
    way: Way,
    readers: Iterable[tuple[Principal, Collection[str]]],
) -> None:
    """Write down of whom each of these reads, in the transaction that reads it."""
    await connection.executemany(
        _NOTE,
        [(facility_id, who.name, who.role.value, way, list(ids)) for who, ids in readers],
    )


async def reads(
    connection: Connection, facility_id: str, since: datetime, until: datetime, limit: int
) -> Sequence[Read]:
    """What was read at the facility from ``since`` until before ``until``, oldest first."""
    rows = await connection.fetch(_READ, facility_id, since, until, limit)
    return [Read.model_validate(dict(row)) for row in rows]
