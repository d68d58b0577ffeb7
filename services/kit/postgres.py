"""The pool with deadlines, forward-only migrations, and tables that hold states as JSON."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from random import SystemRandom
from typing import Generic, TypeAlias, TypeVar

import asyncpg
from pydantic import BaseModel

from services.kit.errors import TookTooLong, TransientFailure
from services.kit.settings import Settings

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
State = TypeVar("State", bound=BaseModel)

#: So long it is waited for a connection.
FREE_S = 5.0
#: What is to be done after the transaction that runs here.
_AFTERWARDS: ContextVar[list[Callable[[], None]]] = ContextVar("afterwards")
_TRANSIENT_CODES = re.compile(r"08...|25006|25P03|40001|40P01|53300|55P03|57P0[1235]|57014")


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may succeed later. asyncpg's own crash error counts too."""
    if isinstance(error, asyncpg.PostgresError):
        return bool(_TRANSIENT_CODES.fullmatch(error.sqlstate or ""))
    return isinstance(
        error,
        OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError,
    )


async def connect(
    settings: Settings, schema: str, size: int = 4, *, acts_for: str = "service"
) -> Pool:
    """Open a pool. Raises ``TransientFailure`` when the database is away. Where a schema keeps rows
    from those who may not see them, ``acts_for`` is for whom its connections say they act."""
    try:
        pool = await asyncpg.create_pool(
            settings.postgres_dsn.get_secret_value(),
            min_size=1,
            max_size=size,
            timeout=5,
            command_timeout=10,
            max_inactive_connection_lifetime=60,
            reset=_as_it_is,
            server_settings={
                "search_path": schema,
                "application_name": f"greenchannel/{schema}",
                "greenchannel.acts_for": acts_for,
                "statement_timeout": "10s",
                "idle_in_transaction_session_timeout": "10s",
                "tcp_user_timeout": "10s",
            },
        )
    except Exception as error:
        if is_transient(error):
            raise TransientFailure(
                "the database of GREENCHANNEL_POSTGRES_DSN is out of reach"
            ) from error
        raise
    return pool


async def _as_it_is(connection: object) -> None:
    """A transaction leaves nothing behind on its connection: to ask for that each time would cost a
    round trip. Who changes one for longer (a relay) closes it."""


@asynccontextmanager
async def acquired(pool: Pool) -> AsyncIterator[Connection]:
    """A connection. Whatever means "try again later" leaves it as ``TransientFailure``.

    After such a failure every connection of the pool is opened anew: one that was cut off or
    belongs to a demoted server must not be used again. Who found none free leaves them as they are:
    others use them.
    """
    is_found = False
    try:
        async with pool.acquire(timeout=FREE_S) as connection:
            is_found = True
            yield connection
    except Exception as error:
        if not is_transient(error):
            raise
        if is_found:
            await pool.expire_connections()
        # The client's time is up a little before the server's.
        is_long = is_found and isinstance(error, TimeoutError | asyncpg.QueryCanceledError)
        raise (TookTooLong if is_long else TransientFailure)(type(error).__name__) from error


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction on a connection that is ``acquired``."""
    then = list[Callable[[], None]]()
    before = _AFTERWARDS.set(then)
    try:
        async with acquired(pool) as connection:
            async with connection.transaction():
                yield connection
            for do in then:
                do()
    finally:
        _AFTERWARDS.reset(before)


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction in which all is as it stood at one moment, and nothing is written."""
    async with acquired(pool) as connection:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection


def after_commit(do: Callable[[], None]) -> None:
    """Do this once the transaction that runs here has committed, if it does."""
    _AFTERWARDS.get().append(do)


async def migrate(pool: Pool, schema: str, folders: Collection[Traversable]) -> None:
    """Apply the numbered ``.sql`` files that this schema has not seen, each in order, once.

    Files only ever get added. Two processes may call this at the same time.
    """
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"migrate/{schema}"
        )
        await connection.execute(
            f"CREATE TABLE IF NOT EXISTS {schema}.migrations"
            " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        seen = {r["name"] for r in await connection.fetch(f"SELECT name FROM {schema}.migrations")}  # noqa: S608
        for folder in folders:
            for file in sorted(folder.iterdir(), key=lambda f: f.name):
                if not file.name.endswith(".sql") or file.name in seen:
                    continue
                await connection.execute(file.read_text("utf-8"))
                await connection.execute(
                    f"INSERT INTO {schema}.migrations (name) VALUES ($1)",  # noqa: S608
                    file.name,
                )


async def is_writable(pool: Pool) -> bool:
    """Whether a connection answers within a second and takes writes."""
    try:
        async with asyncio.timeout(1), transaction(pool) as connection:
            return not await connection.fetchval("SELECT pg_is_in_recovery()")
    except (TransientFailure, TimeoutError):
        return False


#: What no other process, and no other try of this one, comes upon again.
_VERSIONS = SystemRandom()


@dataclass(frozen=True)
class Row(Generic[State]):
    """A state and the version it was read at; version 0 was never stored."""

    state: State | None
    version: int = 0


class Table(Generic[State]):
    """A table ``(id text primary key, version bigint, state json)`` whose states are one model.

    No two states ever stored have the same version, not even when one was rolled back. So a state
    of a version that is known here need not be sent and read again: ``remember`` says how many are.
    """

    def __init__(self, name: str, model: type[State], remember: int = 0) -> None:
        self._model = model
        self._remember = remember
        self._known: OrderedDict[str, Row[State]] = OrderedDict()
        self._load = f"""
            SELECT id, t.version, CASE WHEN t.version <> known.version THEN state END AS state
              FROM {name} AS t JOIN unnest($1::text[], $2::bigint[]) AS known (id, version)
                   USING (id)
             ORDER BY id
        """  # noqa: S608
        self._save = f"""
            WITH new AS (
                SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::json[])
                           AS new (id, before, version, state)
            ), changed AS (
                UPDATE {name} AS t SET version = new.version, state = new.state
                  FROM new WHERE t.id = new.id AND t.version = new.before
                RETURNING t.id
            ), made AS (
                INSERT INTO {name} (id, version, state)
                SELECT id, version, state FROM new WHERE before = 0 ORDER BY id
                ON CONFLICT DO NOTHING RETURNING id
            )
            SELECT id FROM changed UNION ALL SELECT id FROM made
        """  # noqa: S608

    async def load(
        self, connection: Connection, ids: Collection[str], *, lock: bool = True
    ) -> dict[str, Row[State]]:
        """Read the states of ``ids``; what is not there has no state and version 0."""
        query = self._load + (" FOR UPDATE OF t" if lock else "")
        known = {id_: self._known.get(id_, Row(None)) for id_ in ids}
        rows = await connection.fetch(query, list(known), [row.version for row in known.values()])
        found: dict[str, Row[State]] = dict.fromkeys(ids, Row(None))
        for id_, version, state in rows:
            if state is None:
                found[id_] = known[id_]
            else:
                found[id_] = Row(self._model.model_validate_json(state), version)
                self._keep(id_, found[id_])
        return found

    async def save(self, connection: Connection, changed: Mapping[str, Row[State]]) -> None:
        """Store new states with the versions they were read at, all in one statement.

        Raises ``TransientFailure`` when somebody else stored one of them in between.
        """
        if not changed:
            return
        new = {id_: Row(row.state, _VERSIONS.randrange(1, 1 << 63)) for id_, row in changed.items()}
        stored = await connection.fetch(
            self._save,
            list(changed),
            [row.version for row in changed.values()],
            [row.version for row in new.values()],
            [
                row.state.model_dump_json(exclude_defaults=True)
                for row in changed.values()
                if row.state
            ],
        )
        if len(stored) != len(changed):
            raise TransientFailure("a state was changed at the same time")
        for id_, row in new.items():
            self._keep(id_, row)

    def _keep(self, id_: str, row: Row[State]) -> None:
        """Remember it, and forget what was not stored or changed for longest."""
        if self._remember:
            self._known[id_] = row
            self._known.move_to_end(id_)
            if len(self._known) > self._remember:
                self._known.popitem(last=False)
