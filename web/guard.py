"""Who may ask: this machine only, and no other web site through somebody's browser."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def refusal(method: str, host: str, origin: str | None) -> str | None:
    """Why this request is refused, or None.

    The ``Host`` must be this machine (a name that was pointed here by another site is not), an
    ``Origin`` must be ours, and whoever changes something must say theirs.
    """
    if _name_of(f"//{host}") not in _LOOPBACK:
        return "open this page by its own address, such as http://127.0.0.1"
    is_reading = method in ("GET", "HEAD")
    if origin is None:
        return None if is_reading else "an Origin header is needed"
    return None if origin == f"http://{host}" else "another site may not ask this"


def _name_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


class Guard:
    """ASGI middleware that refuses strangers and sets the headers that keep strangers out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or pass on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        reason = refusal(scope["method"], asked.get("host", ""), asked.get("origin"))
        inner = PlainTextResponse(reason, 403) if reason else self.app
        await inner(scope, receive, _with_headers(send))


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-cache")
        await send(message)

    return sending
