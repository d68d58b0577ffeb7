"""Notices that this process stood still: stopped, starved, or on a machine that slept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from services.kit import metrics as seen

BEAT_S = 0.1
#: From so many seconds on a delay is time in which nobody was served (ours).
STALLED_S = 0.5
#: A heart that misses this many seconds has stood still.
STANDSTILL_S = 1.0
#: A clock that goes on while the machine sleeps, where there is one.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _now() -> float:
    return time.clock_gettime(_CLOCK)


class Heartbeat:
    """Counts how often the process woke up."""

    def __init__(self, clock: Callable[[], float] = _now) -> None:
        self._clock = clock
        self._last = clock()
        self._wakings = 0

    def wakings(self) -> int:
        """How often it has woken up until now."""
        now = self._clock()
        if now - self._last > STANDSTILL_S:
            self._wakings += 1
        self._last = now
        return self._wakings

    async def run(self) -> None:
        """Beat for ever: who asks seldom would take the time between for a standstill."""
        while True:
            self.wakings()
            before = time.perf_counter()
            await asyncio.sleep(BEAT_S)
            note_delay(max(0.0, time.perf_counter() - before - BEAT_S))


def note_delay(seconds: float) -> None:
    """The loop came round so much later than asked for. Of a standstill there is one beat, however
    long it was: how much of the time it takes is counted in seconds."""
    seen.LOOP_DELAY_SECONDS.observe(seconds)
    if seconds >= STALLED_S:
        seen.LOOP_STALLED_SECONDS.inc(seconds)


#: This process's.
HEART = Heartbeat()
