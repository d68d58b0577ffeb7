"""Takes files of examinations over lines that break off: tus 1.0.0, core and creation.

A piece that was taken is kept when the line breaks within a request. The last one is answered once
the file is what was announced and the broker has been told.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Annotated, Any, get_args

from aiokafka import AIOKafkaProducer
from fastapi import APIRouter, Header, Path, Request, Response
from starlette.requests import ClientDisconnect

from schemas.attachment import MediaType, Sha256
from schemas.clinical import AttachmentReceived
from schemas.envelope import derived_id
from schemas.event import Identifier
from services.dispatch import file_store
from services.dispatch.bedside import Bedside, Desk, known, publish
from services.dispatch.file_store import Progress
from services.dispatch.upload import PIECE, VERSION, announced, begins_well
from services.kit import metrics as seen
from services.kit.errors import Rejected, TransientFailure, nothing_here
from services.kit.http import NOTHING_RUNS
from services.kit.openapi import OTHER_VERSION, file_of
from services.kit.postgres import Pool, transaction
from services.kit.problems import problem

log = logging.getLogger(__name__)

#: What is kept at once, and so the most that a broken line costs.
PIECE_BYTES = 256 * 1024
#: Whoever sent the last piece tells of it; if they died over it, it is told after this time.
TELL_AFTER, LOOK_S, MANY = timedelta(seconds=5), 2.0, 100

router = APIRouter(prefix="/v1/encounters/{encounter_id}/attachments", tags=["observations"])
Hash = Annotated[Sha256, Path(description="SHA-256 of the whole file, in hexadecimal.")]
Spoken = Annotated[str, Header(description="The version of tus that you speak.")]
_REFUSED: dict[int | str, dict[str, Any]] = {412: OTHER_VERSION}
_PIECES = {"content": {PIECE: {"schema": {"type": "string", "format": "binary"}}}}


@router.post("", status_code=201, response_class=Response, responses=_REFUSED)
async def announce_file(
    request: Request,
    encounter_id: Identifier,
    caller: Bedside,
    upload_length: Annotated[int, Header(ge=0)],
    upload_metadata: Annotated[
        str, Header(max_length=1000, description="`sha256` and `filetype`, each in Base64.")
    ],
    tus_resumable: Spoken = VERSION,
) -> Response:
    """A file is to come. Announced again, it is the same file; `Upload-Offset` says how much of it
    is there."""
    _check_version(tus_resumable)
    file = announced(upload_length, upload_metadata)
    await known(request, encounter_id, caller)
    async with transaction(request.app.state.pool) as connection:
        there = await file_store.begin(connection, encounter_id, file)
    answer = _answer(201, there)
    answer.headers["Location"] = f"/v1/encounters/{encounter_id}/attachments/{file.sha256}"
    return answer


@router.head("/{sha256}", response_class=Response, responses=_REFUSED)
async def find_file(
    request: Request,
    encounter_id: Identifier,
    sha256: Hash,
    caller: Bedside,
    tus_resumable: Spoken = VERSION,
) -> Response:
    """How much of it is there: `Upload-Offset` of `Upload-Length`. Go on from there."""
    _check_version(tus_resumable)
    there = await _begun(request, encounter_id, sha256, caller)
    return _answer(200, there)


@router.patch(
    "/{sha256}",
    status_code=204,
    responses=_REFUSED,
    openapi_extra={"requestBody": {"required": True, **_PIECES}},
)
async def take_piece(
    request: Request,
    encounter_id: Identifier,
    sha256: Hash,
    caller: Bedside,
    upload_offset: Annotated[int, Header(ge=0)],
    tus_resumable: Spoken = VERSION,
) -> Response:
    """The bytes from `Upload-Offset` on, as many as you like."""
    _check_version(tus_resumable)
    if request.headers.get("content-type") != PIECE:
        return problem(415, "Not called a piece", f"Send the header 'Content-Type: {PIECE}'.")
    there = await _begun(request, encounter_id, sha256, caller)
    if upload_offset != there.received:
        return _elsewhere(there)
    try:
        there = await _take(request, encounter_id, there)
    except ClientDisconnect:  # nobody hears the answer; what came is kept
        return Response(status_code=400)
    if there.received == there.file.size and there.whole_at is None:
        there = await _checked(request, encounter_id, there)
    if there.whole_at is not None and not there.is_told:
        await _tell(request.app.state.pool, request.app.state.producer, encounter_id, there)
    return _answer(204, there)


@router.get(
    "/{sha256}",
    response_class=Response,
    responses={200: file_of(get_args(MediaType))},
)
async def read_file(
    request: Request, encounter_id: Identifier, sha256: Hash, caller: Desk
) -> Response:
    """A file that has arrived whole: who signed a refusal, the picture of an ECG."""
    async with transaction(request.app.state.pool) as connection:
        there = await file_store.find(connection, encounter_id, sha256)
        if there is None or there.whole_at is None:
            raise nothing_here()
        content = await file_store.content(connection, encounter_id, sha256)
    return Response(content, media_type=there.file.media_type, headers=NOTHING_RUNS)


async def _take(request: Request, encounter_id: str, there: Progress) -> Progress:
    """Keep what comes, piece by piece. Raises ``Rejected`` 409 where another sender was quicker."""
    waiting = bytearray()
    try:
        async for chunk in request.stream():
            waiting += chunk
            while len(waiting) >= PIECE_BYTES:
                piece, waiting = bytes(waiting[:PIECE_BYTES]), waiting[PIECE_BYTES:]
                there = await _keep(request, encounter_id, there, piece)
    except ClientDisconnect:
        if waiting:
            await _keep(request, encounter_id, there, bytes(waiting))
        raise
    return await _keep(request, encounter_id, there, bytes(waiting)) if waiting else there


async def _keep(request: Request, encounter_id: str, there: Progress, piece: bytes) -> Progress:
    file = there.file
    if there.received + len(piece) > file.size:
        wanted = f"{file.size} bytes were announced. Ask by HEAD how many are there."
        raise Rejected(422, "More than was announced", wanted)
    if there.received == 0 and not begins_well(file.media_type, piece):
        raise Rejected(422, "Another kind", f"No {file.media_type} begins like this.")
    async with transaction(request.app.state.pool) as connection:
        received = await file_store.add(
            connection, encounter_id, file.sha256, there.received, piece
        )
    if received is None:
        raise Rejected(409, "Taken meanwhile", "Ask by HEAD how much is there, and go on there.")
    return there._replace(received=received)


async def _checked(request: Request, encounter_id: str, there: Progress) -> Progress:
    """Raises ``Rejected`` 422 where the bytes are not what was announced."""
    async with transaction(request.app.state.pool) as connection:
        whole_at = await file_store.check(connection, encounter_id, there.file.sha256)
    if whole_at is None:
        wanted = "The bytes have another SHA-256: announce the file again, and send all of it."
        raise Rejected(422, "Other bytes", wanted)
    return there._replace(whole_at=whole_at)


async def _begun(request: Request, encounter_id: str, sha256: str, caller: Bedside) -> Progress:
    """Raises ``Rejected`` 404 for a file that nobody has announced."""
    await known(request, encounter_id, caller)
    async with transaction(request.app.state.pool) as connection:
        there = await file_store.find(connection, encounter_id, sha256)
    if there is None:
        raise nothing_here()
    return there


async def _tell(pool: Pool, producer: AIOKafkaProducer, encounter_id: str, there: Progress) -> None:
    """Tell the broker, under one id however often; then note that it knows."""
    assert there.whole_at is not None  # noqa: S101 (only what is whole is told)
    event = AttachmentReceived(
        event_id=derived_id("attachment", encounter_id, there.file.sha256),
        occurred_at=there.whole_at,
        encounter_id=encounter_id,
        attachment=there.file,
    )
    await publish(producer, [event])
    async with transaction(pool) as connection:
        await file_store.told(connection, encounter_id, there.file.sha256)


class Teller:
    """Tells of files whose sender died over the last piece, and lets go of what never arrived."""

    def __init__(self, pool: Pool, producer: AIOKafkaProducer) -> None:
        self._pool, self._producer = pool, producer

    async def run(self) -> None:
        """Look again and again, however long the database is away: telemetry needs none."""
        while True:
            try:
                await self._look()
            except TransientFailure as failure:
                seen.RETRIES.labels("files").inc()
                log.warning("will try again", extra={"action": "retry", "cause": str(failure)})
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        async with transaction(self._pool) as connection:
            await file_store.tidy(connection)
            found = await file_store.untold(connection, TELL_AFTER, MANY)
        for encounter_id, there in found:
            await _tell(self._pool, self._producer, encounter_id, there)


def _check_version(spoken: str) -> None:
    if spoken != VERSION:
        raise Rejected(412, "Another version", f"This speaks tus {VERSION}.")


def _elsewhere(there: Progress) -> Response:
    answer = problem(409, "Another place", "Go on from Upload-Offset.")
    answer.headers.update(_headers(there))
    return answer


def _answer(status: int, there: Progress) -> Response:
    return Response(status_code=status, headers=_headers(there))


def _headers(there: Progress) -> dict[str, str]:
    return {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(there.received),
        "Upload-Length": str(there.file.size),
        "Cache-Control": "no-store",
    }
