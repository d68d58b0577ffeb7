"""Keeps other web sites out: whose page may ask, and what our own pages may load."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kit.problems import problem

READING = frozenset({"GET", "HEAD"})


def policy(scripts: str, tiles: str | None) -> dict[str, str]:
    """The headers of every answer. ``scripts`` are the hashes of what stands in our pages; tiles
    of a map come from where the site has said, and nothing else from anywhere."""
    origin = _origin(tiles) if tiles else ""
    elsewhere = f" {origin}" if origin else ""
    rules = {
        "default-src": "'none'",
        "script-src": f"'self' {scripts}".strip(),
        "style-src": "'self'",
        "img-src": f"'self' blob: data:{elsewhere}",
        "connect-src": f"'self'{elsewhere}",
        "font-src": "'self'",
        "media-src": "'self'",
        "manifest-src": "'self'",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in rules.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
    }


def refusal(method: str, headers: Headers, url: str) -> str | None:
    """Why this request is refused, or None. ``url`` is the address of the boards: the ``Host`` must
    be its own, and whoever changes something must say that they are a page of it."""
    ours = urlsplit(url)
    if headers.get("host", "").lower() != ours.netloc.lower():
        return f"Open the boards by their own address, {url}."
    origin = headers.get("origin")
    if origin is None:
        return None if method in READING else "An Origin header is needed."
    return None if origin.lower() == _origin(url) else "Another site may not ask this."


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


class Guard:
    """ASGI middleware: refuses strangers, and sets the headers that keep strangers out. Health and
    metrics are asked for by machines, by whatever name they know this one."""

    def __init__(self, app: ASGIApp, url: str, headers: dict[str, str], machines: set[str]) -> None:
        self.app = app
        self.url = url
        self.headers = headers
        self.machines = machines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or pass on."""
        if scope["type"] != "http" or scope["path"] in self.machines:
            await self.app(scope, receive, send)
            return
        reason = refusal(scope["method"], Headers(scope=scope), self.url)
        inner = problem(403, "Not from here", reason) if reason else self.app
        await inner(scope, receive, self._with_headers(send))

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)  # a file of somebody else's has its own
                headers.setdefault("cache-control", "no-store")
            await send(message)

        return sending
