"""A desk whose reading fails leaves no board behind that only seems to live."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.bridge import feed as feed_module
from services.bridge.feed import MOST_OPEN, Feeds, Subscriber
from services.bridge.store import Shown
from services.kit.auth import Principal
from services.kit.errors import Rejected
from services.kit.role import Role

NOTHING: Any = None
NURSE = Principal("nurse-1", Role.CENTRE, "F-1")


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a look at the database brings, one after the other; then nothing."""
    brought: list[Any] = []

    @asynccontextmanager
    async def confined(*_: Any) -> AsyncIterator[None]:
        yield

    async def snapshot(*_: Any) -> Shown:
        return Shown(7, (), "{}")

    async def _note(*_: Any) -> None:
        return

    async def since(*_: Any) -> Any:
        found = brought.pop(0) if brought else []
        if isinstance(found, Exception):
            raise found
        return found

    for fake in (confined, snapshot, since, _note):
        monkeypatch.setattr(feed_module, fake.__name__, fake)
    monkeypatch.setattr(feed_module, "LOOK_S", 0.01)
    return brought


def item(feed: int) -> Shown:
    return Shown(feed, ("E-1",), "{}")


async def test_boards_of_a_desk_that_failed_end_and_come_back_to_a_new_one(
    news: list[Any],
) -> None:
    feeds = Feeds(NOTHING)
    news += [[], ZeroDivisionError()]
    async with asyncio.timeout(5):
        assert [line async for line in feeds.subscribe("F-1", None, NURSE)] == [
            (7, "snapshot", "{}")
        ]
        news.append([item(8)])
        lines = feeds.subscribe("F-1", None, NURSE)
        assert await anext(lines) == (7, "snapshot", "{}")
        assert await anext(lines) == (8, "item", "{}")


@pytest.mark.parametrize("after", [None, 8, 10**9])
async def test_a_board_that_knows_nothing_or_more_than_we_gets_a_snapshot(
    news: list[Any], after: int | None
) -> None:
    async with asyncio.timeout(5):
        line = await anext(Feeds(NOTHING).subscribe("F-1", after, NURSE))
    assert line == (7, "snapshot", "{}")


async def test_a_board_that_comes_just_after_the_last_one_left_goes_on(news: list[Any]) -> None:
    feeds = Feeds(NOTHING)
    async with asyncio.timeout(5):
        first = feeds.subscribe("F-1", None, NURSE)
        await anext(first)
        await first.aclose()  # type: ignore[attr-defined]
        second = feeds.subscribe("F-1", None, NURSE)
        assert await anext(second) == (7, "snapshot", "{}")
        news.append([item(8)])
        assert await anext(second) == (8, "item", "{}")


async def test_a_board_that_falls_behind_is_told_where_to_go_on(
    news: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "BEHIND", 3)
    feeds = Feeds(NOTHING)
    async with asyncio.timeout(5):
        slow, quick = feeds.subscribe("F-1", None, NURSE), feeds.subscribe("F-1", None, NURSE)
        assert (await anext(slow), await anext(quick)) == ((7, "snapshot", "{}"),) * 2
        news.append([item(8)])
        assert await anext(slow) == await anext(quick) == (8, "item", "{}")
        for feed in range(9, 13):
            news.append([item(feed)])
            assert await anext(quick) == (feed, "item", "{}")
        assert [line async for line in slow] == [(8, "behind", '{"feed":8}')]
        news.append([item(13)])
        assert await anext(quick) == (13, "item", "{}"), "the others go on"


async def test_a_hint_wakes_the_desk_and_the_look_does_not_wait(
    news: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "LOOK_S", 60)
    feeds = Feeds(NOTHING)
    async with asyncio.timeout(5):
        lines = feeds.subscribe("F-1", None, NURSE)
        await anext(lines)
        await asyncio.sleep(0)
        news.append([item(8)])
        feeds.changed(["F-2", "F-1"])
        assert await anext(lines) == (8, "item", "{}")


def test_a_caller_has_so_many_feeds_open_and_a_place_is_given_back() -> None:
    feeds, other = Feeds(NOTHING), Principal("nurse-2", Role.CENTRE, "F-1")
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_OPEN):
            stack.enter_context(feeds.place(NURSE))
        with pytest.raises(Rejected) as refused, feeds.place(NURSE):
            pass
        assert refused.value.status == 429
        with feeds.place(other):
            pass
    with feeds.place(NURSE):
        pass


def test_what_a_board_goes_on_showing_is_noted_once_a_minute() -> None:
    board = Subscriber(NURSE)
    assert set(board.unnoted([Shown(1, ("E-1", "E-2"), "{}"), item(2)], 100.0)) == {"E-1", "E-2"}
    board.noted = {"E-1": 100.0}
    assert board.unnoted([item(3)], 159.9) == []
    assert board.unnoted([item(3)], 160.0) == ["E-1"]
