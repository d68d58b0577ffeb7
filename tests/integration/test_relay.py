"""The relay while the broker takes its time."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from importlib.resources import files

import pytest

from schemas.triage import TriageLevel, TriagePaused
from services.kit import outbox, postgres
from services.kit.outbox import SILENCE_S, Relay
from services.kit.settings import from_environment
from tests.platform import Platform
from tests.services import until

pytestmark = pytest.mark.timeout(60)


async def test_a_slow_broker_does_not_cost_a_relay_its_turn(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It published, found its connection closed, and published the same again, and again."""
    for name, value in platform.settings("triage").items():
        monkeypatch.setenv(name, value)
    settings = from_environment()
    pool = await postgres.connect(settings, "triage")
    folders = [files("services.kit") / "migrations", files("services.triage") / "migrations"]
    await postgres.migrate(pool, "triage", folders)
    relaying = asyncio.create_task(Relay(settings, "triage", pool).run())
    try:
        await _sent(pool, 1)
        pid = await _holder(pool)
        pausing = asyncio.create_task(platform.pause_kafka(SILENCE_S + 2))
        await asyncio.sleep(0.2)
        await _sent(pool, 2)
        await pausing
        assert await _holder(pool) == pid
    finally:
        relaying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await relaying
        await pool.close()


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
