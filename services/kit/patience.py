"""Trying again while a dependency is away, and giving up when patience has run out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.kit import metrics as seen
from services.kit.errors import TransientFailure
from services.kit.settings import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")

#: No single attempt waits this long: one that lasted longer worked until something broke.
WORKED_S = 20.0


async def pause(attempt: int) -> None:
    """Wait before the next attempt: 0.1 s, doubling, at most 2 s."""
    await asyncio.sleep(min(0.1 * 2**attempt, 2.0))


async def patiently(settings: Settings, part: str, attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what ``attempt`` returns, once it no longer raises ``TransientFailure``.

    Raises the last ``TransientFailure`` after ``settings.patience``: the process then stops and
    its supervisor starts it anew.
    """
    began, tries = time.monotonic(), 0
    while True:
        tried = time.monotonic()
        try:
            return await attempt()
        except TransientFailure as failure:
            seen.RETRIES.labels(part).inc()
            if time.monotonic() - tried > WORKED_S:
                began, tries = time.monotonic(), 0
            if time.monotonic() - began > settings.patience:
                raise
            log.warning("will try again", extra={"action": "retry", "cause": str(failure)})
            await pause(tries)
            tries += 1
