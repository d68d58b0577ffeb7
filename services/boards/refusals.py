"""Shows a refusal as a page, with a way on, to a browser that goes somewhere; scripts and machines
are answered with the problem itself."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.boards.door import ASKED, asked_of
from services.boards.page import PAGES
from services.boards.refused import Way, refused
from services.boards.session import landing


class AsPage:
    """ASGI middleware around everything that answers with a problem."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; what comes back as a problem goes out as a page."""
        if scope["type"] != "http" or not _goes_somewhere(request := Request(scope)):
            await self.app(scope, receive, send)
            return
        begun: list[Message] = []
        body = bytearray()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                kind = MutableHeaders(scope=message).get("content-type", "")
                if kind.startswith("application/problem+json"):
                    begun.append(message)
                    return
            if not begun:
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                await _tell(request, begun[0], json.loads(body), send)

        await self.app(scope, receive, sending)


def _goes_somewhere(request: Request) -> bool:
    """Whether this is somebody who follows a link or types an address."""
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


async def _tell(request: Request, start: Message, problem: dict[str, str], send: Send) -> None:
    why = problem.get("title", ""), problem.get("detail", "")
    content = refused(int(start["status"]), *why, _way(request)).encode()
    headers = MutableHeaders(scope=start)
    headers["content-type"] = "text/html; charset=utf-8"
    headers["content-length"] = str(len(content))
    await send(start)
    await send({"type": "http.response.body", "body": content})


def _way(request: Request) -> Way:
    """Where it goes on from here: to the sign-in that failed, or to where the desk begins."""
    first, _, rest = request.url.path.strip("/").partition("/")
    asked, desk, _ = asked_of(request.cookies.get(ASKED))
    if first == "signed-in" and asked is not None:
        return _signing_in(desk.value, asked.to)
    if first not in PAGES:
        return Way(None, "/", "/")
    to = landing(request.query_params.get("to") or f"/{first}/")
    way = _signing_in(first, to)
    return way if rest == "sign-in" else replace(way, again=f"/{first}/")


def _signing_in(desk: str, to: str) -> Way:
    address = f"/{desk}/sign-in?"
    return Way(
        desk, address + urlencode({"to": to}), address + urlencode({"to": to, "anew": "true"})
    )
