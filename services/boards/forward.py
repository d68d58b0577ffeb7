"""Hands what a page asks to the service that it asks for, with the token of who is signed in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

import httpx
from anyio import CancelScope
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from services.boards import store
from services.boards.door import HANDSET, SESSION, AtDesk, Desk, handset_key, settings_of, signed_in
from services.kit.auth import DUTY_HEADER
from services.kit.errors import Rejected, TransientFailure
from services.kit.problems import problem

router = APIRouter()

Service = Literal["dispatch", "gateway", "bridge"]
#: What of a request and of an answer is handed on; everything else stays where it is.
ASKED = ("accept", "content-type", "content-length", "idempotency-key", "last-event-id",
         "if-none-match", "tus-resumable", "upload-length", "upload-metadata", "upload-offset",
         DUTY_HEADER)  # fmt: skip
ANSWERED = ("content-type", "content-disposition", "content-security-policy", "etag", "retry-after",
            "www-authenticate", "tus-resumable", "upload-length", "upload-offset",
            "x-content-type-options")  # fmt: skip
#: What a crew reads before it is on duty.
NAMES = frozenset({"unit-names", "facility-names"})
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH"]
CONNECT_S, ANSWER_S = 3.0, 15.0
#: A stream goes on for as long as somebody is signed in; that is looked at this often.
LOOK_S = 20.0


@router.api_route("/{desk}/api/{service}/v1/{path:path}", methods=METHODS)
async def hand_on(
    request: Request,
    desk: AtDesk,
    service: Service,
    path: Annotated[str, Path(pattern=r"^[A-Za-z0-9._:/-]+$")],
) -> Response:
    """What the service answers. 503 where it is away: nothing was done, or the same may be sent
    again under the same ``Idempotency-Key``."""
    if {"", ".", ".."} & set(path.split("/")):  # what leads out of the interface
        raise Rejected(404, "Not found", "The path is none of the service's interface.")
    bearer = await _bearer(request, desk, path)
    http: httpx.AsyncClient = request.app.state.http
    base = getattr(settings_of(request), f"boards_{service}").rstrip("/")
    headers = {name: request.headers[name] for name in ASKED if name in request.headers}
    asked = http.build_request(
        request.method,
        httpx.URL(f"{base}/v1/{path}", query=request.url.query.encode()),
        headers={**headers, "authorization": f"Bearer {bearer}"},
        content=request.stream() if request.method not in ("GET", "HEAD") else None,
        timeout=httpx.Timeout(
            ANSWER_S, connect=CONNECT_S, read=None if _is_feed(request) else ANSWER_S
        ),
    )
    try:
        answer = await http.send(asked, stream=True)
    except (httpx.HTTPError, ClientDisconnect):  # in a dead zone the page goes away in between
        return problem(503, "Try again", f"{service} is away. Send the same again.")
    return _answer(request, answer)


def _is_feed(request: Request) -> bool:
    return "text/event-stream" in request.headers.get("accept", "")


async def _bearer(request: Request, desk: Desk, path: str) -> str:
    """A crew's phone acts by its own key, for the duty that it names; everybody else by the token
    of their sign-in, and so does a crew that signs. Without a duty a crew reads names and no more.
    Raises ``Rejected`` 401 and 403."""
    signs = "as-signed-in" in request.headers and path.endswith("/handover")
    if desk is Desk.CREW and not signs:
        if DUTY_HEADER in request.headers and request.cookies.get(HANDSET):
            return handset_key(request)
        session = await signed_in(request, desk)
        if path not in NAMES:
            raise Rejected(403, "Not on duty", "Sign on with your unit first, on this phone.")
        return session.tokens.access
    return (await signed_in(request, desk)).tokens.access


def _answer(request: Request, answer: httpx.Response) -> Response:
    headers = {name: answer.headers[name] for name in ANSWERED if name in answer.headers}
    headers |= {"cache-control": "no-store", "x-accel-buffering": "no"}
    if (place := answer.headers.get("location", "")).startswith("/v1/"):
        headers["location"] = request.url.path.partition("/v1/")[0] + place  # as the page knows it
    body = _until_signed_out(request, answer) if _is_feed(request) else _whole(answer)
    return StreamingResponse(body, answer.status_code, headers)


async def _whole(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_bytes():
            yield piece
    finally:
        await answer.aclose()


async def _until_signed_out(request: Request, answer: httpx.Response) -> AsyncIterator[bytes]:
    """The feed, for as long as its reader is signed in, and there."""
    watch = asyncio.ensure_future(_signed_out(request))
    pieces = cast("AsyncGenerator[bytes, None]", answer.aiter_raw())
    waiting: set[asyncio.Future[Any]] = {watch}
    try:
        while True:
            piece = asyncio.ensure_future(anext(pieces, b""))
            waiting = {watch, piece}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if watch.done() or not (told := piece.result()):
                return
            yield told
    except httpx.HTTPError:
        return  # the page comes back with the number that it has
    finally:
        # Who leaves cancels what is awaited here: a read has to end before its source is closed.
        with CancelScope(shield=True):
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            await pieces.aclose()
            await answer.aclose()


async def _signed_out(request: Request) -> None:
    """Ends when nobody is signed in any more; who follows a feed is there."""
    pool, secret = request.app.state.pool, request.cookies.get(SESSION, "")
    while True:
        with suppress(TransientFailure):  # nobody knows, and the feed goes on
            session, now = await store.find(pool, secret), datetime.now(UTC)
            if session is None or now >= session.ends_at:
                return
            await store.note(pool, session, now)
        await asyncio.sleep(LOOK_S)
