"""Counts and times requests by their route; a feed is timed until it begins."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kit import metrics as seen

#: Anybody may send a method that nobody knows: it gets no name of its own.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Timed:
    """Around the whole application, so that what is refused at the door counts too."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and note when and how the answer began."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, told = time.perf_counter(), list[int]()

        def note(status: int) -> None:
            told.append(status)
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in METHODS else "other"
            labels = self._service, method, route, str(status)
            seen.REQUEST_SECONDS.labels(*labels).observe(time.perf_counter() - began)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                note(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            if not told:  # a bug: the answer to it is made outside of this
                note(500)
            raise
