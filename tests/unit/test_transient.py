"""What the database says that may pass, and what will not."""

from __future__ import annotations

import asyncpg
import pytest

from services.kit.postgres import is_transient

PASSES = (
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.ConnectionFailureError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ConnectionRefusedError,
    ConnectionResetError,
    TimeoutError,
)
REMAINS = (
    asyncpg.UniqueViolationError,
    asyncpg.UndefinedTableError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InvalidPasswordError,
    asyncpg.NotNullViolationError,
    ValueError,
    KeyError,
)


@pytest.mark.parametrize("kind", PASSES)
def test_what_passes_is_tried_again(kind: type[Exception]) -> None:
    assert is_transient(kind("x"))


@pytest.mark.parametrize("kind", REMAINS)
def test_what_remains_is_not(kind: type[Exception]) -> None:
    assert not is_transient(kind("x"))
