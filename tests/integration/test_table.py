"""A table gives what is stored, whether it was remembered or read: on a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import asyncpg
import pytest
from pydantic import BaseModel, ConfigDict

from services.kit.errors import TransientFailure
from services.kit.postgres import Pool, Row, Table, transaction
from tests.platform import Platform

NAMES = (f"states_{n}" for n in itertools.count())


class Read(BaseModel):
    """A state that counts, and knows how often one was read from its text."""

    model_config = ConfigDict(frozen=True)
    times: ClassVar[int] = 0

    n: int

    @classmethod
    def model_validate_json(cls, *said: Any, **options: Any) -> Read:
        Read.times += 1
        return super().model_validate_json(*said, **options)


@pytest.fixture
async def pool(platform: Platform) -> AsyncIterator[Pool]:
    opened = await asyncpg.create_pool(platform.admin_dsn, min_size=2, max_size=4)
    yield opened
    await opened.close()


@pytest.fixture
async def name(pool: Pool) -> AsyncIterator[str]:
    made = next(NAMES)
    await pool.execute(
        f"CREATE TABLE {made} (id text PRIMARY KEY, version bigint NOT NULL, state json NOT NULL)"
    )
    yield made
    await pool.execute(f"DROP TABLE {made}")


async def add(pool: Pool, table: Table[Any], *ids: str) -> list[int]:
    """Count each of them up by one, in one transaction; what is stored then."""
    async with transaction(pool) as connection:
        rows = await table.load(connection, ids)
        counts = {i: row.state.n + 1 if row.state else 1 for i, row in rows.items()}
        new = {i: Row(Read(n=n), rows[i].version) for i, n in counts.items()}
        await table.save(connection, new)
    return list(counts.values())


async def test_what_was_stored_is_remembered_and_not_read_again(pool: Pool, name: str) -> None:
    remembering, forgetful = Table(name, Read, remember=2), Table(name, Read)
    Read.times = 0
    for n in range(1, 4):
        assert await add(pool, remembering, "a", "b") == [n, n]
    assert Read.times == 0
    assert await add(pool, forgetful, "a", "b") == [4, 4]
    assert Read.times == 2


async def test_what_another_has_stored_is_read(pool: Pool, name: str) -> None:
    one, other = Table(name, Read, remember=9), Table(name, Read, remember=9)
    for n in range(1, 6, 2):
        assert await add(pool, one, "a") == [n]
        assert await add(pool, other, "a") == [n + 1]


async def test_what_was_rolled_back_is_never_believed(pool: Pool, name: str) -> None:
    """Another stores a state in its place; with counted versions both would have the same one."""
    one, other = Table(name, Read, remember=9), Table(name, Read, remember=9)
    assert await add(pool, one, "a") == [1]
    async with pool.acquire() as connection:
        undone = connection.transaction()
        await undone.start()
        row = (await one.load(connection, ["a"]))["a"]
        await one.save(connection, {"a": Row(Read(n=100), row.version)})
        await undone.rollback()
    assert await add(pool, other, "a") == [2]
    assert await add(pool, one, "a") == [3]


async def test_two_that_store_at_the_same_time_do_not_overwrite_each_other(
    pool: Pool, name: str
) -> None:
    table = Table(name, Read, remember=9)
    await add(pool, table, "a")
    for id_ in ("a", "new"):
        async with transaction(pool) as connection:
            stale = (await table.load(connection, [id_], lock=False))[id_]
        await add(pool, table, id_)
        with pytest.raises(TransientFailure):
            async with transaction(pool) as connection:
                await table.save(connection, {id_: Row(Read(n=100), stale.version)})
    assert await add(pool, table, "a", "new") == [3, 2]


async def test_only_so_many_are_remembered(pool: Pool, name: str) -> None:
    table = Table(name, Read, remember=2)
    for id_ in "abc":
        await add(pool, table, id_)
    Read.times = 0
    await add(pool, table, "b", "c")
    assert Read.times == 0
    await add(pool, table, "a")
    assert Read.times == 1
