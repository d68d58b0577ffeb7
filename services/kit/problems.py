"""What is answered when a request cannot be granted: RFC 9457, without a value of the request."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.envelope import field_at
from services.kit.errors import Rejected, TransientFailure

log = logging.getLogger(__name__)


def problem(status: int, title: str, detail: str, **more: Any) -> Response:
    """An RFC 9457 answer. ``detail`` says what to do; no value of the request is repeated."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    headers = {"Retry-After": "1"} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(json.dumps(body), status, headers, "application/problem+json")


def add_problems(app: FastAPI) -> None:
    """Turn every exception into its answer."""
    app.add_exception_handler(Rejected, _rejected)
    app.add_exception_handler(TransientFailure, _transient)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


async def _rejected(request: Request, error: Any) -> Response:
    answer = problem(error.status, error.title, error.detail)
    if error.challenge is not None:
        answer.headers["WWW-Authenticate"] = error.challenge
    return answer


async def _transient(request: Request, error: Any) -> Response:
    return problem(503, "Try again", "A part behind this service is away. Send the same again.")


async def _invalid(request: Request, error: Any) -> Response:
    if isinstance(error.body, bytes):
        wanted = "Send the header 'Content-Type: application/json'."
        return problem(415, "Not called JSON", wanted)
    if any(e["type"] == "json_invalid" for e in error.errors()):
        return _not_json()
    errors = [{"field": field_at(e["loc"][1:]), "problem": e["msg"]} for e in error.errors()[:20]]
    return problem(422, "Not valid", "Mend the fields named in 'errors'.", errors=errors)


async def _http(request: Request, error: Any) -> Response:
    if error.status_code == 400:
        return _not_json()
    if error.status_code == 413:
        return _too_large()
    wanted = "GET /openapi.json lists the paths and their methods."
    answer = problem(error.status_code, str(error.detail), wanted)
    answer.headers.update(error.headers or {})  # what is allowed instead
    return answer


async def _bug(request: Request, error: Any) -> Response:
    log.error("a request failed", extra={"action": "request_failed", "bug": type(error).__name__})
    return problem(500, "Our fault", "Send the same again; nothing is stored twice.")


def _not_json() -> Response:
    return problem(400, "Not JSON", "The body cannot be read as JSON.")


def _too_large() -> Response:
    wanted = "Send less at once: telemetry in several requests, notes in fewer words."
    return problem(413, "Too large", wanted)


class BodyLimit:
    """Answers 413 to a body that is too large, by what it says of itself or by what comes."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its bytes."""
        said = dict(scope.get("headers", ())).get(b"content-length", b"")
        if said.isdigit() and int(said) > self._limit:
            await _too_large()(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)


class Ending:
    """Answers 503 to a request that is cut short because the process ends: it is sent again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on; what has begun to be answered is cut."""
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except asyncio.CancelledError:
            if has_begun or scope["type"] != "http":
                raise
            wanted = "This process ends, and another takes its place. Send the same again."
            await problem(503, "Try again", wanted)(scope, receive, send)
