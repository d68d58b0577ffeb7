"""The relay: who wakes it, whose turn it is, and a broker that takes its time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files

import pytest

from schemas.triage import TriageLevel, TriagePaused
from services.kit import outbox, postgres
from services.kit.outbox import SILENCE_S, Relay
from services.kit.settings import from_environment
from tests.platform import Platform
from tests.services import until

pytestmark = pytest.mark.timeout(60)


@asynccontextmanager
async def relaying(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, workers: int = 1
) -> AsyncIterator[postgres.Pool]:
    """Workers that began one after the other: the first has the turn, the last writes."""
    for name, value in platform.settings("triage").items():
        monkeypatch.setenv(name, value)
    settings = from_environment()
    pool = await postgres.connect(settings, "triage", size=workers + 2)
    folders = [files("services.kit") / "migrations", files("services.triage") / "migrations"]
    await postgres.migrate(pool, "triage", folders)
    tasks = []
    for n in range(workers):
        tasks.append(asyncio.create_task(Relay(settings, "triage", pool).run()))
        await until(partial(_has_begun, pool, n), 30)
    try:
        yield pool
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await pool.close()


async def _has_begun(pool: postgres.Pool, n: int) -> bool:
    """The first has its turn; or another has a connection that ends when it is silent."""
    if n == 0:
        return await _holder(pool) is not None
    shown = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory_lock%'"
    return int(await pool.fetchval(f"{shown} AND pid <> pg_backend_pid()")) > 0


@pytest.mark.parametrize("workers", [1, 2])
async def test_what_is_written_is_relayed_without_waiting_for_the_next_look(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Also where the relay that has the turn is another worker's."""
    async with relaying(platform, monkeypatch, workers) as pool:
        await _sent(pool, 1)
        monkeypatch.setattr(outbox, "LOOK_S", 5.0)
        await asyncio.sleep(1.2)  # the last look that was shorter is over
        began = time.monotonic()
        for number in (2, 3, 4):
            await _sent(pool, number)
        assert time.monotonic() - began < 4


async def test_a_relay_that_ends_leaves_its_turn_to_the_next(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, and not when the database finds its connection silent."""
    async with relaying(platform, monkeypatch) as pool:
        pid = await _holder(pool)
    async with asyncio.timeout(SILENCE_S - 1), relaying(platform, monkeypatch) as pool:
        assert await _holder(pool) != pid


async def test_a_slow_broker_does_not_cost_a_relay_its_turn(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It published, found its connection closed, and published the same again, and again."""
    async with relaying(platform, monkeypatch) as pool:
        await _sent(pool, 1)
        pid = await _holder(pool)
        pausing = asyncio.create_task(platform.pause_kafka(SILENCE_S + 2))
        await asyncio.sleep(0.2)
        await _sent(pool, 2)
        await pausing
        assert await _holder(pool) == pid


async def _sent(pool: postgres.Pool, number: int) -> None:
    """Until one message more has been relayed."""
    at = datetime.now(UTC)
    event = TriagePaused(
        event_id=f"relay-{number}",
        occurred_at=at,
        encounter_id="E-relay",
        worst=TriageLevel.NOT_YET,
    )
    async with postgres.transaction(pool) as connection:
        await outbox.append(connection, "triage", [event])
    await until(lambda: _is_empty(pool), 30)


async def _is_empty(pool: postgres.Pool) -> bool:
    return not await outbox.held(pool)


async def _holder(pool: postgres.Pool) -> int | None:
    """The process of the database that the relay's turn is held by."""
    found: int | None = await pool.fetchval(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
    )
    return found
