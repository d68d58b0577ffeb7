"""Stand-ins for tests of the simulator: a tale, an endpoints file, a service that answers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

from aiohttp import web

from simulator.city import load as load_city
from simulator.endpoints import Endpoints
from simulator.pace import Pace
from simulator.story import Step
from simulator.story import load as load_story
from simulator.tale import Monitor, Patient, Tale, Van

Answer = Callable[[web.Request], Any]

HOSPITALS, CLINICS = ("F-001", "F-002", "F-003"), ("T-001", "T-002")


def tale(name: str = "chest_pain", number: int = 1, pace: Pace | None = None) -> Tale:
    """A telling that begins at 1000, with the nth ambulance first and the nth patient first.

    Everybody is known: the patients, the calls and the units have their ids.
    """
    city, told = load_city(), load_story(name)
    fleet = city.vehicles(number + len(told.units) - 1)[number - 1 :]
    vans = {unit: Van(each) for unit, each in zip(told.units, fleet, strict=True)}
    mission = city.mission(Random(number), fleet[0].station, told)
    made = Tale(told, city, mission, pace or Pace(1000.0), vans)
    for role, van in vans.items():
        van.tale, van.role = made, role
    for n, role in enumerate(told.patients, number):
        made.patients[role] = Patient(f"r-{n}", role, made, encounter_id=f"E-{n}")
    calls = dict.fromkeys(step.call for step in told.steps)
    made.incidents = {call: f"I-{n}" for n, call in enumerate(calls, number)}
    made.legs = {unit: f"L-{n}" for n, unit in enumerate(told.units, number)}
    return made


def step(told: Tale, name: str) -> Step:
    """A step of the story that is told, by its name."""
    (found,) = (each for each in told.story.steps if each.name == name)
    return found


def monitor(number: int = 1, pace: Pace | None = None) -> Monitor:
    """The monitor of the nth ambulance, on its patient."""
    told = tale(number=number, pace=pace)
    return told.attach(step(told, "attached"))


def endpoints(url: str) -> Endpoints:
    """All services at one address, and no broker."""
    centre = {facility: f"of {facility}" for facility in HOSPITALS}
    clinic = {facility: f"from {facility}" for facility in (*CLINICS, *HOSPITALS)}
    return Endpoints.model_validate(
        {
            "kafka": {"bootstrap_servers": "127.0.0.1:1"},
            "http": dict.fromkeys(("dispatch", "gateway", "bridge", "web"), url),
            "tokens": {"dispatcher": "d", "crew": "c", "centre": centre, "clinic": clinic},
        }
    )


class Shelf:
    """Takes files as the gateway does, and counts what it was asked and what broke off."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], bytearray] = {}
        self.asked: Counter[str] = Counter()
        self.broken = 0
        self.takes_s = 0.0
        self._sizes: dict[tuple[str, str], int] = {}

    async def answer(self, request: web.Request) -> web.Response:
        self.asked[request.method] += 1
        assert request.headers["Tus-Resumable"] == "1.0.0"
        _, _, _, encounter_id, _, *rest = request.path.split("/")
        if request.method == "POST":
            pairs = (pair.split(" ") for pair in request.headers["Upload-Metadata"].split(","))
            said = {name: base64.b64decode(value).decode() for name, value in pairs}
            file = encounter_id, said["sha256"]
            self._sizes[file] = int(request.headers["Upload-Length"])
            there = self.files.setdefault(file, bytearray())
            return _so_far(201, there)
        file = encounter_id, rest[0]
        if file not in self.files:
            return web.Response(status=404)
        there = self.files[file]
        if request.method == "HEAD":
            return _so_far(200, there)
        await asyncio.sleep(self.takes_s)
        if int(request.headers["Upload-Offset"]) != len(there):
            return _so_far(409, there)
        try:
            async for chunk in request.content.iter_any():
                there += chunk
        except OSError:
            self.broken += 1
        return _so_far(204 if len(there) <= self._sizes[file] else 422, there)


def _so_far(status: int, there: bytearray) -> web.Response:
    return web.Response(status=status, headers={"Upload-Offset": str(len(there))})


@contextlib.asynccontextmanager
async def service(answer: Answer) -> AsyncIterator[str]:
    """A stand-in that answers every request as it is told."""
    app = web.Application()

    async def handle(request: web.Request) -> web.StreamResponse:
        told = answer(request)
        found = await told if asyncio.iscoroutine(told) else told
        return found if isinstance(found, web.StreamResponse) else web.json_response(found)

    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
