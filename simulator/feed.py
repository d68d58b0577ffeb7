"""Follows a facility's feed, as its board does, and comes back where it was cut off."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp

from simulator.endpoints import Endpoints
from simulator.outside import AWAY, bearer, client

log = logging.getLogger(__name__)

#: The feed sends a sign of life every 15 s: after this long without one it is cut off.
TIMEOUT = aiohttp.ClientTimeout(total=None, connect=5.0, sock_read=35.0)
PAUSE_S = 0.25


class Sent(NamedTuple):
    """A server-sent event."""

    event: str
    id: str
    data: str


class Parser:
    """Cuts a stream of bytes into server-sent events, wherever the chunks are cut."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Sent]:
        """The events that ``chunk`` completes; comments are none."""
        # CRLF is what the feed sends, and a line of JSON never holds a bare CR.
        whole = (self._rest + chunk).replace(b"\r\n", b"\n")
        *blocks, self._rest = whole.split(b"\n\n")
        return [sent for block in blocks if (sent := _event_of(block.decode())) is not None]


def _event_of(block: str) -> Sent | None:
    fields: dict[str, list[str]] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    if "data" not in fields:
        return None
    last = {name: values[-1] for name, values in fields.items()}
    return Sent(last.get("event", "message"), last.get("id", ""), "\n".join(fields["data"]))


class Feed:
    """The items of one facility, for ever: first all that are open, then each that changes."""

    def __init__(self, endpoints: Endpoints, facility: str) -> None:
        self.facility = facility
        self.is_open = False
        self._service = endpoints.http["bridge"]
        self._headers = {**bearer(endpoints.tokens.centre[facility]), "Accept": "text/event-stream"}

    async def items(self) -> AsyncIterator[dict[str, Any]]:
        """Ends never: a feed that breaks is opened again after the last number it gave."""
        async with client(self._service, TIMEOUT) as session:
            while True:
                try:
                    async for item in self._once(session):
                        yield item
                except (*AWAY, ValueError):
                    log.info("a feed was cut off", extra={"action": "feed_cut_off"})
                self.is_open = False
                await asyncio.sleep(PAUSE_S)

    async def _once(self, session: aiohttp.ClientSession) -> AsyncIterator[dict[str, Any]]:
        path = f"/v1/facilities/{self.facility}/feed"
        parser = Parser()
        async with session.get(path, headers=self._headers) as answer:
            if answer.status != 200:
                return
            self.is_open = True
            async for chunk in answer.content.iter_any():
                for sent in parser.feed(chunk):
                    if sent.event in {"snapshot", "item"}:
                        told = json.loads(sent.data)
                        for item in told["items"] if sent.event == "snapshot" else [told]:
                            yield item
                    if sent.id:
                        self._headers["Last-Event-ID"] = sent.id
