"""The HTTP side of the simulator and the judge: alive, ready, metrics, and pages of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Page = Callable[[], Any]


class Api:
    """An ASGI application that answers GET from functions; nothing here can be changed."""

    def __init__(self, is_ready: Callable[[], bool], pages: Mapping[str, Page]) -> None:
        self._is_ready = is_ready
        self._pages = pages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        status, kind, body = self._answer(scope["method"], scope["path"])
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, method: str, path: str) -> tuple[int, str, bytes]:
        if method not in {"GET", "HEAD"}:
            return self._json(405, {"title": "Only GET is answered here."})
        match path:
            case "/livez":
                return self._json(200, {"status": "alive"})
            case "/readyz":
                ready = self._is_ready()
                return self._json(
                    200 if ready else 503, {"status": "ready" if ready else "not yet"}
                )
            case "/metrics":
                return 200, CONTENT_TYPE_LATEST, generate_latest()
            case _ if path in self._pages:
                return self._json(200, self._pages[path]())
        return self._json(404, {"title": "There is no such page."})

    def _json(self, status: int, body: Any) -> tuple[int, str, bytes]:
        return status, "application/json", json.dumps(body, ensure_ascii=False).encode()


class _Server(uvicorn.Server):
    """A server that leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(api: Api) -> AsyncIterator[None]:
    """Serve while the block runs, on ``GREENCHANNEL_HOST`` and ``GREENCHANNEL_PORT``."""
    config = uvicorn.Config(
        api,
        host=os.environ.get("GREENCHANNEL_HOST", "127.0.0.1"),
        port=int(os.environ.get("GREENCHANNEL_PORT", "0")),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await task
