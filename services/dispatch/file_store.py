"""Files on their way and those that have arrived, in the gateway's own schema."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.attachment import Attachment
from services.kit.errors import Rejected
from services.kit.postgres import Connection

#: So many files of one patient: who sends more sends them for another reason.
MOST = 64
#: What was begun and did not arrive within this time is let go of.
LAPSES = timedelta(days=1)

_BEGIN = """
    INSERT INTO files (encounter_id, sha256, media_type, size)
    SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM files WHERE encounter_id = $1) < $5
    ON CONFLICT DO NOTHING
"""
_FIND = """
    SELECT media_type, size, received, whole_at, told_at IS NOT NULL AS is_told FROM files
     WHERE encounter_id = $1 AND sha256 = $2
"""
_GROW = """
    UPDATE files SET received = received + $4
     WHERE encounter_id = $1 AND sha256 = $2 AND received = $3
       AND received + $4 <= size AND whole_at IS NULL
    RETURNING received
"""
_PIECES = "SELECT bytes FROM pieces WHERE encounter_id = $1 AND sha256 = $2 ORDER BY start"
_WHOLE = """
    UPDATE files SET whole_at = now() WHERE encounter_id = $1 AND sha256 = $2 RETURNING whole_at
"""
_UNTOLD = """
    SELECT encounter_id, sha256, media_type, size, whole_at FROM files
     WHERE whole_at IS NOT NULL AND told_at IS NULL AND whole_at < now() - $1::interval
     ORDER BY whole_at LIMIT $2
"""


class Progress(NamedTuple):
    """How far a file has come; since when it is whole, if it is."""

    file: Attachment
    received: int
    whole_at: datetime | None
    is_told: bool


async def begin(connection: Connection, encounter_id: str, file: Attachment) -> Progress:
    """What is there of this file; nothing, where it is new, or was announced otherwise by mistake.
    Raises ``Rejected`` 409 where it is whole and is otherwise, or the patient has too many."""
    described = (encounter_id, file.sha256, file.media_type, file.size)
    before = await find(connection, encounter_id, file.sha256)
    if before is not None and before.file != file:
        await drop(connection, encounter_id, file.sha256)
    await connection.execute(_BEGIN, *described, MOST)
    found = await find(connection, encounter_id, file.sha256)
    if found is None:
        raise Rejected(409, "Too many files", f"A patient has at most {MOST} files.")
    if found.file != file:
        raise Rejected(409, "Announced otherwise", "The same bytes have one length and one kind.")
    return found


async def find(connection: Connection, encounter_id: str, sha256: str) -> Progress | None:
    """What is there of this file, if it was announced."""
    row = await connection.fetchrow(_FIND, encounter_id, sha256)
    if row is None:
        return None
    file = Attachment(sha256=sha256, media_type=row["media_type"], size=row["size"])
    return Progress(file, row["received"], row["whole_at"], row["is_told"])


async def add(
    connection: Connection, encounter_id: str, sha256: str, start: int, piece: bytes
) -> int | None:
    """Keep a piece that begins at ``start``; how many bytes are there then. None where the file has
    come to another place, or would become too long: nothing was kept."""
    received: int | None = await connection.fetchval(_GROW, encounter_id, sha256, start, len(piece))
    if received is not None:
        kept = "INSERT INTO pieces (encounter_id, sha256, start, bytes) VALUES ($1, $2, $3, $4)"
        await connection.execute(kept, encounter_id, sha256, start, piece)
    return received


async def check(connection: Connection, encounter_id: str, sha256: str) -> datetime | None:
    """Since when it is whole, now that all bytes are there. None where they are not those that were
    announced: then nothing is kept of them."""
    hashed = hashlib.sha256()
    async for row in connection.cursor(_PIECES, encounter_id, sha256, prefetch=4):
        hashed.update(row["bytes"])
    if hashed.hexdigest() != sha256:
        await drop(connection, encounter_id, sha256)
        return None
    found: datetime = await connection.fetchval(_WHOLE, encounter_id, sha256)
    return found


async def content(connection: Connection, encounter_id: str, sha256: str) -> bytes:
    """The bytes that are there."""
    pieces = await connection.fetch(_PIECES, encounter_id, sha256)
    return b"".join(piece["bytes"] for piece in pieces)


async def drop(connection: Connection, encounter_id: str, sha256: str) -> None:
    """Let go of a file that is not whole."""
    gone = "DELETE FROM files WHERE encounter_id = $1 AND sha256 = $2 AND whole_at IS NULL"
    await connection.execute(gone, encounter_id, sha256)


async def untold(
    connection: Connection, after: timedelta, many: int
) -> Sequence[tuple[str, Progress]]:
    """Files that have been whole for so long, and of which the broker has not been told."""
    return [
        (
            row["encounter_id"],
            Progress(
                Attachment(sha256=row["sha256"], media_type=row["media_type"], size=row["size"]),
                row["size"],
                row["whole_at"],
                False,
            ),
        )
        for row in await connection.fetch(_UNTOLD, after, many)
    ]


async def told(connection: Connection, encounter_id: str, sha256: str) -> None:
    """The broker has it."""
    noted = "UPDATE files SET told_at = now() WHERE encounter_id = $1 AND sha256 = $2"
    await connection.execute(noted, encounter_id, sha256)


async def tidy(connection: Connection) -> None:
    """Let go of what was begun long ago and never arrived."""
    await connection.execute(
        "DELETE FROM files WHERE whole_at IS NULL AND begun_at < now() - $1::interval", LAPSES
    )
