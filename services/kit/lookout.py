"""Looks again and again for what is due; what is wrong with one of them holds up no other."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from services.kit import metrics as seen
from services.kit.errors import TransientFailure
from services.kit.patience import patiently
from services.kit.settings import Settings

log = logging.getLogger(__name__)

#: So many are looked at in one transaction.
MANY = 200
#: When so many in a row cannot be told, it is us and not they: better to end and be started anew.
MOST = 10


class Looking(Protocol):
    """Who knows what is due, the first due first."""

    async def look(self, many: int = MANY) -> int:
        """Tell of so many at most, in one transaction; how many were looked at."""

    async def put_off(self) -> None:
        """The one that is due first comes up again in a minute."""


class Lookout:
    """Looks for ever. After a failure that nobody foresaw fewer are looked at together, until it is
    known which one it is: that one is put off, and people are told. Where each of them fails, the
    failure is raised."""

    def __init__(self, settings: Settings, looking: Looking, pause_s: float) -> None:
        self._settings, self._looking, self._pause_s = settings, looking, pause_s
        self._many, self._put_off = MANY, 0

    async def run(self) -> None:
        """A database that stays away ends it with ``TransientFailure``."""
        while True:
            if not await patiently(self._settings, "timekeeper", self.once):
                await asyncio.sleep(self._pause_s)

    async def once(self) -> bool:
        """Whether more waits, or the same waits again."""
        many = self._many
        try:
            taken = await self._looking.look(many)
        except TransientFailure:
            raise
        except Exception:
            if many > 1:
                self._many = many // 2
                return True
            if self._put_off == MOST:
                raise
            log.exception("what is due cannot be told", extra={"action": "put_off"})
            await self._looking.put_off()
            seen.PUT_OFF.inc()
            self._put_off += 1
            return True
        self._many, self._put_off = min(MANY, 2 * many), 0
        return taken >= many
