"""What an operator does once with a database: the roles and schemas of the services.

Done a second time it changes nothing; ``apply_database`` returns what it changed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from importlib.resources import files
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from services.kit.postgres import Connection, Pool, migrate

DATABASE = "greenchannel"
#: Services with a role ``greenchannel_<service>``; each has a schema of its own name.
SERVICES = OWNERS = ("boards", "bridge", "dispatch", "gateway", "triage")
#: Those and one who may read their tables and change nothing.
ROLES = (*SERVICES, "observer")
#: With which nobody signs in: a service takes it on for requests that may see less than it does.
NARROW = {"bridge_facility": "bridge"}


def role_dsn(admin_dsn: str, role: str, password: str) -> str:
    """The DSN of ``greenchannel_<role>`` on the server of ``admin_dsn``."""
    parts = urlsplit(admin_dsn)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"greenchannel_{role}:{quote(password, safe='')}@{host}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{DATABASE}"))


async def database_answers(dsn: str) -> bool:
    """Whether the server takes a connection now."""
    try:
        connection = await asyncpg.connect(dsn, database="postgres", timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    await connection.close(timeout=2)
    return True


async def server_version(dsn: str) -> str:
    """The version of the server, as it says it."""
    connection = await asyncpg.connect(dsn, database="postgres")
    try:
        return str(await connection.fetchval("SHOW server_version")).split()[0]
    finally:
        await connection.close()


async def apply_database(admin_dsn: str, passwords: Mapping[str, str]) -> list[str]:
    """Make the database, those of ``ROLES`` that have a password, and the schemas.
    The DSN is a superuser's; the password it does not hold comes from ``PGPASSWORD``."""
    changed = await _apply_itself(admin_dsn)
    async with asyncpg.create_pool(admin_dsn, database=DATABASE, min_size=1, max_size=1) as pool:
        async with pool.acquire() as connection:
            for role in (role for role in ROLES if role in passwords):
                changed += await _apply_role(connection, admin_dsn, role, passwords[role])
            for role, service in NARROW.items():
                changed += await _apply_narrow(connection, role, service)
            for service in OWNERS:
                changed += await _apply_schema(connection, service, f"greenchannel_{service}")
            changed += await _apply_schema(connection, "access", "CURRENT_USER")
        await migrate(pool, "access", [files("services.kit").joinpath("access")])
        await _let_read_access(pool)
        await _let_observe(pool)
    return changed


async def _apply_itself(admin_dsn: str) -> list[str]:
    connection = await asyncpg.connect(admin_dsn, database="postgres")
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            return []
        await connection.execute(f"CREATE DATABASE {DATABASE}")
        return [f"database {DATABASE}"]
    finally:
        await connection.close()


async def _apply_role(
    connection: Connection, admin_dsn: str, role: str, password: str
) -> list[str]:
    name, changed = f"greenchannel_{role}", [f"role greenchannel_{role}"]
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
        await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{_verifier(password)}'")
    elif not await _lets_in(role_dsn(admin_dsn, role, password)):
        await connection.execute(f"ALTER ROLE {name} LOGIN PASSWORD '{_verifier(password)}'")
    else:
        changed = []
    return changed


async def _apply_narrow(connection: Connection, role: str, service: str) -> list[str]:
    name = f"greenchannel_{role}"
    if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
        return []
    await connection.execute(f"CREATE ROLE {name} NOLOGIN")
    await connection.execute(f"GRANT {name} TO greenchannel_{service} WITH INHERIT FALSE")
    return [f"role {name}"]


async def _lets_in(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=10)
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
        return False
    await connection.close()
    return True


def _verifier(password: str) -> str:
    """What the server stores: so the password itself never stands in a statement, nor in a log."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(x).decode() for x in (salt, stored, server))
    return f"SCRAM-SHA-256$4096:{salt64}${stored64}:{server64}"


async def _apply_schema(connection: Connection, name: str, owner: str) -> list[str]:
    if await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", name):
        return []
    await connection.execute(f"CREATE SCHEMA {name} AUTHORIZATION {owner}")
    return [f"schema {name}"]


async def _let_read_access(pool: Pool) -> None:
    """Every service knows the keys by their hashes; the operator alone writes those of clients."""
    readers = ", ".join(f"greenchannel_{service}" for service in SERVICES)
    await pool.execute(f"GRANT USAGE ON SCHEMA access TO {readers}")
    await pool.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA access TO {readers}")
    await pool.execute(
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA access GRANT SELECT ON TABLES TO {readers}"
    )
    # The boards enrol phones and sign crews on.
    await pool.execute("GRANT INSERT, UPDATE ON access.handsets TO greenchannel_boards")
    await pool.execute("GRANT UPDATE (used_at) ON access.enrolments TO greenchannel_boards")
    await pool.execute("GRANT INSERT, UPDATE (ended_at) ON access.duties TO greenchannel_boards")


async def _let_observe(pool: Pool) -> None:
    """The observer reads the services' tables, and neither keys nor the server's own."""
    for service in OWNERS:
        for statement in (
            f"GRANT USAGE ON SCHEMA {service} TO greenchannel_observer",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {service} TO greenchannel_observer",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE greenchannel_{service} IN SCHEMA {service}"
            " GRANT SELECT ON TABLES TO greenchannel_observer",
        ):
            await pool.execute(statement)
