"""Sends the picture of an examination after it by tus 1.0.0, piece by piece: where the line breaks
off, it asks how much is there, and goes on."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client import Counter

from simulator import truth
from simulator.acts import about, described, picture_of
from simulator.endpoints import Endpoints
from simulator.journal import Journal
from simulator.outside import AGAIN, AWAY, SOON_S, Refused, bearer, client
from simulator.story import Step
from simulator.tale import Tale
from simulator.telemetry import Telemetry

log = logging.getLogger(__name__)

VERSION, PIECE = {"Tus-Resumable": "1.0.0"}, "application/offset+octet-stream"
#: A few pieces make a picture.
PIECE_BYTES = 8 * 1024
#: Before a crew whose line broke off, or whose gateway is away, asks again.
PAUSE_S = 0.5
#: What is no refusal: it is asked again how much is there.
MAY_COME = AGAIN | {404, 409}

Method = Literal["POST", "HEAD", "PATCH"]

FILES = Counter("greenchannel_simulator_files_total", "Files and breaks by outcome", ["outcome"])


@dataclass(eq=False)
class Upload:
    """A picture on its way: ``id`` as the journal tells it, ``pieces`` begun so far."""

    id: str
    tale: Tale
    step: Step
    content: bytes
    told: Mapping[str, str]
    pieces: int = 0


class Uplink:
    """Every picture goes its own way: no act waits for one."""

    def __init__(self, endpoints: Endpoints, journal: Journal, telemetry: Telemetry) -> None:
        self._tokens = endpoints.tokens
        self._journal = journal
        self._telemetry = telemetry
        self._client = client(endpoints.http["gateway"])
        self._begun: asyncio.Queue[Upload] = asyncio.Queue()

    def follow(self, tale: Tale, step: Step) -> None:
        """The picture of an examination that was taken goes after it."""
        content = picture_of(tale, step)
        if content is None:
            return
        patient = tale.patient(step.patient)
        named = described(content)
        told = {**about(tale, step, tale.done[step.name]), "sha256": named["sha256"]}
        upload = Upload(f"{tale.ids[step.name]}_picture", tale, step, content, told)
        sent = truth.ActSent(
            t=time.time(),
            id=upload.id,
            handle=patient.handle,
            act="picture",
            about=told,
            facility=patient.facility,
        )
        self._journal.write(sent)
        self._begun.put_nowait(upload)

    async def run(self) -> None:
        """Send for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._whole(await self._begun.get()))

    async def flush(self, within: float) -> None:
        """Wait until all is there, but not for ever."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._begun.join()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _whole(self, upload: Upload) -> None:
        try:
            await self._send(upload)
        except Refused as error:
            refused = truth.Refused(t=time.time(), ids=[upload.id], status=error.status)
            self._journal.write(refused)
            FILES.labels("refused").inc()
            log.error("a picture is refused: %s", error, extra={"action": "refused"})
        else:
            self._journal.write(truth.Acknowledged(t=time.time(), ids=[upload.id]))
            FILES.labels("done").inc()
        self._begun.task_done()

    async def _send(self, upload: Upload) -> None:
        """Announce it, then piece after piece, until the last is answered. Raises ``Refused``."""
        method: Method = "POST"
        there, unknown = 0, 0.0
        while True:
            await self._until_out(upload)
            status, offset = await self._ask(upload, method, there)
            if status < 300:
                if method == "PATCH" and offset == len(upload.content):
                    return
                method, there = "PATCH", offset
                continue
            unknown += PAUSE_S * (status == 404)  # the patient yet, or the file
            if status not in MAY_COME or unknown > SOON_S:
                raise Refused(status, method)
            method = "POST" if (method, status) == ("HEAD", 404) else "HEAD"
            await asyncio.sleep(PAUSE_S)

    async def _until_out(self, upload: Upload) -> None:
        van = upload.tale.van(upload.step.unit)
        is_mobile = upload.step.by == "crew"
        while is_mobile and self._telemetry.is_dark(van, time.time()):  # noqa: ASYNC110 (no event)
            await asyncio.sleep(PAUSE_S)

    async def _ask(self, upload: Upload, method: Method, there: int) -> tuple[int, int]:
        """Status, and how much of it is there; 503 when the gateway is away or the line breaks."""
        path = f"/v1/encounters/{upload.told['encounter_id']}/attachments"
        token = self._tokens.of(upload.step.by, upload.told["facility_id"])
        headers = {**VERSION, **bearer(token)}
        body: AsyncIterator[bytes] | None = None
        match method:
            case "POST":
                headers |= _announcement(upload)
            case "HEAD":
                path += f"/{upload.told['sha256']}"
            case "PATCH":
                path += f"/{upload.told['sha256']}"
                piece = upload.content[there : there + PIECE_BYTES]
                headers |= {"Content-Type": PIECE, "Upload-Offset": str(there)}
                headers["Content-Length"] = str(len(piece))
                body = self._line(upload, piece)
        try:
            async with self._client.request(method, path, data=body, headers=headers) as answer:
                return answer.status, int(answer.headers.get("Upload-Offset", 0))
        except AWAY:
            return 503, 0

    async def _line(self, upload: Upload, piece: bytes) -> AsyncIterator[bytes]:
        """A piece, or what gets out of it. Raises ``ConnectionResetError`` where it breaks off."""
        upload.pieces += 1
        number = upload.tale.patient(upload.step.patient).number
        name = f"{number}.{upload.step.name}.{upload.pieces}"
        part = self._telemetry.realism.breaks_off(name)
        if part is None or not piece:
            yield piece
            return
        yield piece[: int(part * len(piece))]
        FILES.labels("broken").inc()
        raise ConnectionResetError("the line breaks off")


def _announcement(upload: Upload) -> dict[str, str]:
    told = {"sha256": upload.told["sha256"], "filetype": "image/png"}
    pairs = (f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in told.items())
    return {"Upload-Length": str(len(upload.content)), "Upload-Metadata": ",".join(pairs)}
