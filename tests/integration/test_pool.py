"""Connections of a pool, when one is lost and when none is free."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.kit import postgres
from services.kit.errors import TransientFailure
from services.kit.postgres import Pool, transaction
from tests.platform import Platform


@pytest.fixture
async def pool(platform: Platform) -> AsyncIterator[Pool]:
    opened = await asyncpg.create_pool(platform.admin_dsn, min_size=2, max_size=2)
    yield opened
    await opened.close()


async def process(connection: postgres.Connection) -> int:
    """The database's process that serves it."""
    return int(await connection.fetchval("SELECT pg_backend_pid()"))


async def of_both(pool: Pool) -> set[int]:
    async with transaction(pool) as one, transaction(pool) as other:
        return {await process(one), await process(other)}


async def test_who_finds_none_free_is_told_to_try_again_and_leaves_them_as_they_are(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request that came too many had all connections opened anew, and made it worse."""
    monkeypatch.setattr(postgres, "FREE_S", 0.2)
    before = await of_both(pool)
    async with transaction(pool), transaction(pool):
        for _ in range(3):
            with pytest.raises(TransientFailure):
                async with transaction(pool):
                    raise AssertionError("there is no third")
    assert await of_both(pool) == before


async def test_when_one_is_lost_all_are_opened_anew(pool: Pool, platform: Platform) -> None:
    before = await of_both(pool)
    admin = await asyncpg.connect(platform.admin_dsn)

    async def lose() -> None:
        async with transaction(pool) as connection:
            await admin.execute("SELECT pg_terminate_backend($1)", await process(connection))
            await connection.execute("SELECT 1")

    with pytest.raises(TransientFailure):
        await lose()
    await admin.close()
    assert not before & await of_both(pool)
