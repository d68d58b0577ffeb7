"""A desk whose reading fails leaves no board behind that only seems to live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.bridge import feed as feed_module
from services.bridge.feed import Feeds

NOTHING: Any = None


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a look at the database brings, one after the other; then nothing."""
    brought: list[Any] = []

    @asynccontextmanager
    async def transaction(_: Any) -> AsyncIterator[None]:
        yield

    async def snapshot(*_: Any) -> tuple[int, str]:
        return 7, "{}"

    async def since(*_: Any) -> Any:
        found = brought.pop(0) if brought else []
        if isinstance(found, Exception):
            raise found
        return found

    for fake in (transaction, snapshot, since):
        monkeypatch.setattr(feed_module, fake.__name__, fake)
    monkeypatch.setattr(feed_module, "LOOK_S", 0.01)
    return brought


async def test_boards_of_a_desk_that_failed_end_and_come_back_to_a_new_one(
    news: list[Any],
) -> None:
    feeds = Feeds(NOTHING)
    news += [[], ZeroDivisionError()]
    async with asyncio.timeout(5):
        assert [line async for line in feeds.subscribe("F-1", None)] == [(7, "snapshot", "{}")]
        news.append([(8, "{}")])
        lines = feeds.subscribe("F-1", None)
        assert await anext(lines) == (7, "snapshot", "{}")
        assert await anext(lines) == (8, "item", "{}")


@pytest.mark.parametrize("after", [None, 8, 10**9])
async def test_a_board_that_knows_nothing_or_more_than_we_gets_a_snapshot(
    news: list[Any], after: int | None
) -> None:
    async with asyncio.timeout(5):
        line = await anext(Feeds(NOTHING).subscribe("F-1", after))
    assert line == (7, "snapshot", "{}")


async def test_a_board_that_comes_just_after_the_last_one_left_goes_on(news: list[Any]) -> None:
    feeds = Feeds(NOTHING)
    async with asyncio.timeout(5):
        first = feeds.subscribe("F-1", None)
        await anext(first)
        await first.aclose()  # type: ignore[attr-defined]
        second = feeds.subscribe("F-1", None)
        assert await anext(second) == (7, "snapshot", "{}")
        news.append([(8, "{}")])
        assert await anext(second) == (8, "item", "{}")
