"""Triage's table of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.event import Event
from services.kit.postgres import Connection, Row, Table
from services.kit.work import Received
from services.triage.picture import Picture

PICTURES = Table("pictures", Picture, remember=1024)


class PictureStore:
    """The loop's view of pictures. Triage alone writes them, fenced by its positions."""

    async def load(
        self, connection: Connection, batch: Mapping[str, Sequence[Received]]
    ) -> dict[str, Row[Picture]]:
        """The pictures of the batch."""
        return await PICTURES.load(connection, batch.keys())

    async def save(
        self, connection: Connection, changed: Mapping[str, Row[Picture]], emitted: Sequence[Event]
    ) -> None:
        """Store what changed."""
        await PICTURES.save(connection, changed)
