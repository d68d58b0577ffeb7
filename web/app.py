"""Wires the first page: who may ask, what is read, and what those who watch are told."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import FileResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from web.audience import SEATS, Audience, Feed, event
from web.guard import Guard
from web.plugs import SERVICES, Plugs
from web.reader import MOMENTS, STREAMS, Reader
from web.stage import Stage
from web.view import Place, sections

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
PLACES = Path(__file__).parent.parent / "simulator" / "places.yaml"
#: At most so often the page changes; at least so often it hears that we live.
TICK_S, HEARTBEAT_S = 0.2, 2.0


class Show:
    """The running page: its stage, its audience, and what it last told them."""

    def __init__(
        self,
        endpoints: Callable[[], dict[str, Any]],
        has_input: Callable[[], bool],
        recoveries: Callable[[], dict[str, list[float]]],
    ) -> None:
        self.endpoints, self.has_input, self.recoveries = endpoints, has_input, recoveries
        self.stage, self.audience, self.plugs = Stage(), Audience(), Plugs()
        self.score: dict[str, Any] | None = None
        self.city = _city()
        self.facilities: dict[str, Place] = {
            f["id"]: (f["point"][0], f["point"][1]) for f in self.city.get("facilities", ())
        }
        self.told: dict[str, bytes] = {}
        self.works: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Start to read and to tell, when the first watcher comes; before, nothing is done."""
        if not self.works:
            reader = Reader(self.stage, self.endpoints, lambda: len(self.audience) > 0)
            works = (
                reader.read(MOMENTS), reader.read(STREAMS),
                self.play(), self.tidy(), self.ask_judge(),
            )  # fmt: skip
            self.works = [asyncio.create_task(work) for work in works]
            for task in self.works:
                task.add_done_callback(_report)

    async def end(self) -> None:
        """Let all watchers go and stop."""
        self.audience.close()
        for work in self.works:
            work.cancel()
        if self.works:
            await asyncio.wait(self.works, timeout=5)

    def look(self) -> dict[str, bytes]:
        """Every section as it is now, encoded."""
        now = _now()
        seen = sections(self.stage, self.facilities, now)
        endpoints = self.endpoints()
        seen["ready"] = self.has_input()
        seen["judge"] = self.score
        seen["boards"] = endpoints.get("http", {}).get("boards")
        seen["services"] = self.plugs.look(
            endpoints.get("pids", {}), self.recoveries(), _is_alive, now
        )
        return {name: _json(section) for name, section in seen.items()}

    def snapshot(self) -> bytes:
        """What a new watcher needs."""
        return event("snapshot", self._message({**self.look(), "city": _json(self.city)}))

    def change(self) -> bytes | None:
        """What changed since the last change, or None."""
        seen = self.look()
        changed = {name: body for name, body in seen.items() if self.told.get(name) != body}
        self.told = seen
        return event("change", self._message(changed)) if changed else None

    def heartbeat(self) -> bytes:
        """Nothing but the time."""
        return event("change", self._message({}))

    def _message(self, parts: dict[str, bytes]) -> bytes:
        times = {"now": _json(_now()), "as_of": _json(self.stage.as_of)}
        return b"{%s}" % b",".join(b'"%s":%s' % (n.encode(), b) for n, b in (times | parts).items())

    async def play(self) -> None:
        """Tell the audience what changed, at most five times a second."""
        last = 0.0
        while True:
            await asyncio.sleep(TICK_S)
            if not len(self.audience):
                continue
            message = self.change()
            if message is None and time.monotonic() - last > HEARTBEAT_S:
                message = self.heartbeat()
            if message:
                last = time.monotonic()
                self.audience.tell(message)

    async def tidy(self) -> None:
        """Forget what is over."""
        while True:
            await asyncio.sleep(5)
            self.stage.forget(_now())

    async def ask_judge(self) -> None:
        """Read the judge's count once a second while somebody watches."""
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            while True:
                await asyncio.sleep(1)
                address = self.endpoints().get("http", {}).get("judge")
                if not len(self.audience):
                    self.score = None  # whoever comes next is not told of the past
                elif address:
                    self.score = await _score(client, f"{address}/score") or self.score


async def _score(client: httpx.AsyncClient, address: str) -> dict[str, Any] | None:
    try:
        answer = await client.get(address)
        found = answer.json() if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def create_app(
    endpoints: Callable[[], dict[str, Any]],
    has_input: Callable[[], bool],
    pull_plug: Callable[[str], Awaitable[None]],
    recoveries: Callable[[], dict[str, list[float]]],
    phone: Callable[[], Awaitable[str | None]],
) -> FastAPI:
    """The first page, to be served on a loopback address only. ``phone`` says where a phone of a
    crew is enrolled, with a code; nothing while the database is away.

    Before the server ends, ``await app.state.show.end()`` lets the watchers go; without it their
    connections hold the server for as long as it is patient.
    """
    show = Show(endpoints, has_input, recoveries)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.show = show
    app.add_middleware(Guard)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _add_routes(app, show, pull_plug)

    @app.get("/phone")
    async def enrol() -> Response:
        """A phone of a crew, enrolled by a tap: in a run there is no operator to ask."""
        address = await phone()
        if address is None:
            raise HTTPException(503, "the database does not answer: try again in a moment")
        return RedirectResponse(address, 303, {"Cache-Control": "no-store"})

    return app


def _add_routes(app: FastAPI, show: Show, pull_plug: Callable[[str], Awaitable[None]]) -> None:
    @app.get("/")
    async def page() -> FileResponse:
        return FileResponse(STATIC / "first" / "index.html")

    @app.exception_handler(404)
    async def elsewhere(request: Request, error: HTTPException) -> Response:
        """Whoever looks for a page finds the one there is."""
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/", 303)
        return await http_exception_handler(request, error)

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/stage")
    async def stage() -> Response:
        show.begin()
        if len(show.audience) >= SEATS:
            raise HTTPException(503, "too many watch already: close a window and try again")
        return Feed(show.audience, show.snapshot)

    @app.post("/plugs/{service}", status_code=202)
    async def pull(service: str, request: Request) -> dict[str, str]:
        if service not in SERVICES:
            raise HTTPException(404, f"no plug of this name; there are {', '.join(SERVICES)}")
        pid = show.endpoints().get("pids", {}).get(service)
        if pid is None:
            raise HTTPException(409, "it does not run yet")
        known = len(show.recoveries().get(service, ()))
        show.plugs.pulled(service, pid, known, _now())
        with suppress(ProcessLookupError):  # somebody was faster
            await pull_plug(service)
        return {"service": service, "state": "down"}


def _report(work: asyncio.Task[None]) -> None:
    """A part that fails leaves the others running; the page then says how old it is."""
    if not work.cancelled() and (error := work.exception()):
        log.error("a part of the page has stopped", exc_info=error, extra={"action": "stopped"})


def _city() -> dict[str, Any]:
    """The map, where there is one."""
    with suppress(OSError, yaml.YAMLError):
        return yaml.safe_load(PLACES.read_text("utf-8")) or {}
    return {}


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _now() -> float:
    return round(time.time() * 1000)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode()
