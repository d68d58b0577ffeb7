"""Keeps who is signed in, which phones are enrolled, and who is on duty with them."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from asyncpg import Record
from cryptography.fernet import Fernet

from services.boards.session import NOTED, Session, Tokens
from services.kit.auth import HANDSET, hash_of
from services.kit.duty import LONGEST
from services.kit.errors import Rejected
from services.kit.postgres import Connection, Pool, transaction

#: What is over is removed this long afterwards.
KEPT = timedelta(days=1)
_COLUMNS = "hash, name, role, facility, spoken, sealed, tokens_end, began_at, seen_at, ends_at"
_ON_DUTY = """
    SELECT d.duty_id, d.unit_id, d.name, d.began_at, d.ends_at
      FROM access.duties d JOIN access.handsets h USING (handset_id)
     WHERE h.hash = $1 AND h.revoked_at IS NULL AND d.ended_at IS NULL AND d.ends_at > now()
     ORDER BY d.began_at
"""
_BEGIN = """
    INSERT INTO access.duties (duty_id, handset_id, unit_id, name, began_at, ends_at)
    SELECT $2, handset_id, $3, $4, now(), now() + $5
      FROM access.handsets WHERE hash = $1 AND revoked_at IS NULL
    RETURNING duty_id
"""
_END = """
    UPDATE access.duties d SET ended_at = now()
      FROM access.handsets h
     WHERE h.handset_id = d.handset_id AND h.hash = $1 AND d.duty_id = $2 AND d.ended_at IS NULL
    RETURNING duty_id
"""


def _seal(secret: str) -> Fernet:
    """Opens with what lies in the browser, and with nothing that lies here."""
    key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"boards/session").digest()
    return Fernet(base64.urlsafe_b64encode(key))


async def begin(pool: Pool, session: Session, secret: str) -> None:
    """Keep a new session; what is long over goes."""
    async with transaction(pool) as connection:
        limit = session.began_at - KEPT
        await connection.execute("DELETE FROM sessions WHERE ends_at < $1", limit)
        row = (
            session.hash, session.name, session.role, session.facility,
            json.dumps(dict(session.spoken)), _sealed(session.tokens, secret),
            session.tokens.ends_at, session.began_at, session.seen_at, session.ends_at,
        )  # fmt: skip
        places = ", ".join(f"${n + 1}" for n in range(len(row)))
        await connection.execute(f"INSERT INTO sessions ({_COLUMNS}) VALUES ({places})", *row)  # noqa: S608


@asynccontextmanager
async def held(pool: Pool, secret: str) -> AsyncIterator[tuple[Connection, Session | None]]:
    """The session of a browser; nobody else renews its tokens meanwhile."""
    async with transaction(pool) as connection:
        query = f"SELECT {_COLUMNS} FROM sessions WHERE hash = $1 FOR UPDATE"  # noqa: S608
        row = await connection.fetchrow(query, hash_of(secret))
        yield connection, _session(row, secret) if row else None


async def find(pool: Pool, secret: str) -> Session | None:
    """The session of a browser, if there is one."""
    async with transaction(pool) as connection:
        query = f"SELECT {_COLUMNS} FROM sessions WHERE hash = $1"  # noqa: S608
        row = await connection.fetchrow(query, hash_of(secret))
    return _session(row, secret) if row else None


async def spoken_names(pool: Pool, role: str) -> dict[str, dict[str, str]]:
    """How those of a role who are signed in are called, by what the services know them as."""
    query = """
        SELECT DISTINCT ON (name) name, spoken FROM sessions
         WHERE role = $1 AND ends_at > now() ORDER BY name, began_at DESC
    """
    async with transaction(pool) as connection:
        rows = await connection.fetch(query, role)
    return {row["name"]: names for row in rows if (names := json.loads(row["spoken"] or "{}"))}


async def note(pool: Pool, session: Session, now: datetime) -> None:
    """Somebody is still there."""
    if now - session.seen_at >= NOTED:
        async with transaction(pool) as connection:
            query = "UPDATE sessions SET seen_at = $2 WHERE hash = $1"
            await connection.execute(query, session.hash, now)


async def keep(connection: Connection, session: Session, secret: str) -> None:
    """Keep its fresh tokens."""
    await connection.execute(
        "UPDATE sessions SET sealed = $2, tokens_end = $3 WHERE hash = $1",
        session.hash, _sealed(session.tokens, secret), session.tokens.ends_at,
    )  # fmt: skip


async def end(pool: Pool, hashed: str) -> None:
    """Nobody is signed in there any more."""
    async with transaction(pool) as connection:
        await connection.execute("DELETE FROM sessions WHERE hash = $1", hashed)


def _sealed(tokens: Tokens, secret: str) -> bytes:
    told = asdict(tokens) | {"ends_at": None}
    return _seal(secret).encrypt(json.dumps(told).encode())


def _session(row: Record, secret: str) -> Session:
    told: dict[str, Any] = dict(row)
    opened = json.loads(_seal(secret).decrypt(told.pop("sealed")))
    tokens = Tokens(**opened | {"ends_at": told.pop("tokens_end")})
    return Session(**told | {"spoken": json.loads(told["spoken"] or "{}"), "tokens": tokens})


async def enrol(pool: Pool, code: str) -> str:
    """The key of a phone, for a code that an operator has given. Raises ``Rejected`` 403."""
    key = HANDSET + secrets.token_urlsafe(32)
    async with transaction(pool) as connection:
        label = await connection.fetchval(
            "UPDATE access.enrolments SET used_at = now()"
            " WHERE hash = $1 AND used_at IS NULL AND ends_at > now() RETURNING label",
            hash_of(code),
        )
        if label is None:
            wanted = "The code is unknown, was used or is over: ask the operator for another."
            raise Rejected(403, "Not enrolled", wanted)
        await connection.execute(
            "INSERT INTO access.handsets (handset_id, label, hash) VALUES ($1, $2, $3)",
            f"P-{secrets.token_hex(8)}", label, hash_of(key),
        )  # fmt: skip
    return key


async def is_enrolled(pool: Pool, key: str) -> bool:
    """Whether this is the key of a phone that was not revoked."""
    query = "SELECT EXISTS (SELECT FROM access.handsets WHERE hash = $1 AND revoked_at IS NULL)"
    async with transaction(pool) as connection:
        return bool(await connection.fetchval(query, hash_of(key)))


async def on_duty(pool: Pool, key: str) -> list[dict[str, Any]]:
    """Who is on duty with a phone, the first first."""
    async with transaction(pool) as connection:
        return [dict(row) for row in await connection.fetch(_ON_DUTY, hash_of(key))]


async def sign_on(pool: Pool, key: str, unit_id: str, name: str) -> str:
    """Begin a duty; its id. Whoever is on duty with this phone and this unit stays so. Raises
    ``Rejected`` 403 for a phone that is not enrolled."""
    async with transaction(pool) as connection:
        same = [
            row["duty_id"]
            for row in await connection.fetch(_ON_DUTY, hash_of(key))
            if (row["unit_id"], row["name"]) == (unit_id, name)
        ]
        if same:
            return str(same[0])
        duty_id = f"D-{secrets.token_hex(12)}"
        made = await connection.fetchval(_BEGIN, hash_of(key), duty_id, unit_id, name, LONGEST)
    if made is None:
        raise Rejected(403, "Not enrolled", "Enrol this phone first, by a code of the operator's.")
    return duty_id


async def sign_off(pool: Pool, key: str, duty_id: str) -> None:
    """End a duty that was begun with this phone; one that has ended stays ended."""
    async with transaction(pool) as connection:
        await connection.fetchval(_END, hash_of(key), duty_id)


async def make_enrolment(pool: Pool, code: str, label: str, life: timedelta) -> None:
    """Keep the hash of a code by which one phone is enrolled."""
    async with transaction(pool) as connection:
        await connection.execute(
            "INSERT INTO access.enrolments (hash, label, ends_at) VALUES ($1, $2, now() + $3)",
            hash_of(code), label, life,
        )  # fmt: skip


async def revoke_handset(pool: Pool, label: str) -> int:
    """Revoke the phones of this label; how many there were."""
    async with transaction(pool) as connection:
        done = await connection.fetch(
            "UPDATE access.handsets SET revoked_at = now()"
            " WHERE label = $1 AND revoked_at IS NULL RETURNING handset_id",
            label,
        )
    return len(done)
