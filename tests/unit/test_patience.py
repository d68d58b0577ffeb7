"""Trying again while a dependency is away, with growing pauses, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest

from services.kit import patience
from services.kit.errors import PositionMoved, TransientFailure
from services.kit.settings import Settings


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.slept = 100.0, list[float]()
        monkeypatch.setattr(patience, "asyncio", SimpleNamespace(sleep=self._sleep))
        monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: self.now))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def failing(times: int, error: Exception) -> Callable[[], Awaitable[str]]:
    left = [error] * times

    async def attempt() -> str:
        if left:
            raise left.pop()
        return "done"

    return attempt


SETTINGS = Settings(patience=10)
AWAY = TransientFailure("away")


async def test_it_is_tried_again_until_it_succeeds(clock: Clock) -> None:
    assert await patience.patiently(SETTINGS, "part", failing(4, AWAY)) == "done"
    assert clock.slept == [0.1, 0.2, 0.4, 0.8]


async def test_pauses_grow_to_two_seconds_and_no_further(clock: Clock) -> None:
    for attempt in range(8):
        await patience.pause(attempt)
    assert clock.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]


async def test_when_patience_has_run_out_the_failure_is_passed_on(clock: Clock) -> None:
    with pytest.raises(TransientFailure, match="away"):
        await patience.patiently(SETTINGS, "part", failing(100, AWAY))
    assert 10 < clock.now - 100 <= 12


@pytest.mark.parametrize("error", [PositionMoved("triage"), ValueError(), asyncio.CancelledError()])
async def test_what_time_does_not_cure_is_not_tried_again(
    clock: Clock, error: BaseException
) -> None:
    async def attempt() -> None:
        raise error

    with pytest.raises(type(error)):
        await patience.patiently(SETTINGS, "part", attempt)
    assert clock.slept == []


async def test_a_part_that_worked_for_long_has_all_its_patience_again(clock: Clock) -> None:
    """A relay works for hours before its first failure."""
    began = []

    async def attempt() -> str:
        began.append(clock.now)
        if len(began) == 1:
            clock.now += 3600
        if len(began) < 4:
            raise AWAY
        return "done"

    assert await patience.patiently(SETTINGS, "part", attempt) == "done"
    assert clock.slept == [0.1, 0.2, 0.4]
