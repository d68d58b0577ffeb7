"""Stand-ins for tests of the simulator: a patient, an endpoints file, a service that answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

from aiohttp import web

from simulator.city import load as load_city
from simulator.endpoints import Endpoints
from simulator.patient import Pace, Patient, Van
from simulator.story import load as load_story

Answer = Callable[[web.Request], Any]


def patient(number: int = 1, pace: Pace | None = None) -> Patient:
    """The patient of the nth ambulance; the story began at 1000."""
    city = load_city()
    van = Van(city.vehicles(number)[number - 1])
    mission = city.mission(Random(number), van.vehicle.station)
    made = Patient(f"r-{number}", load_story("chest_pain"), van, mission, pace or Pace(1000.0))
    made.encounter_id, made.incident_id, made.leg_id = f"E-{number}", f"I-{number}", f"L-{number}"
    van.patient = made
    return made


def endpoints(url: str) -> Endpoints:
    """All services at one address, and no broker."""
    centre = {"F-001": "one", "F-002": "two", "F-003": "three"}
    return Endpoints.model_validate(
        {
            "kafka": {"bootstrap_servers": "127.0.0.1:1"},
            "http": dict.fromkeys(("dispatch", "gateway", "bridge", "web"), url),
            "tokens": {"dispatcher": "d", "crew": "c", "centre": centre},
        }
    )


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
