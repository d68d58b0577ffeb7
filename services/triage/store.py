"""Triage's table of states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.event import Event
from services.kit.postgres import Connection, Row, Table
from services.kit.work import Received
from services.triage.decide import State

STATES = Table("states", State, remember=1024)


class StateStore:
    """The loop's view of states. Triage alone writes them, fenced by its positions."""

    async def load(
        self, connection: Connection, batch: Mapping[str, Sequence[Received]]
    ) -> dict[str, Row[State]]:
        """The states of the batch."""
        return await STATES.load(connection, batch.keys())

    async def save(
        self, connection: Connection, changed: Mapping[str, Row[State]], emitted: Sequence[Event]
    ) -> None:
        """Store what changed."""
        await STATES.save(connection, changed)
