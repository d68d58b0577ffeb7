"""Puts the bridge together: its loop, its relay, its interface, its feeds, its courier."""

from __future__ import annotations

from importlib.resources import files
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from services.bridge import loader
from services.bridge.api import router
from services.bridge.courier import Courier
from services.bridge.feed import Feeds
from services.bridge.handlers import consumption
from services.bridge.outlet import outlets
from services.bridge.store import CaseStore
from services.bridge.timekeeper import Timekeeper
from services.kit import postgres, runtime
from services.kit.auth import Gate
from services.kit.http import create_app
from services.kit.loop import Loop
from services.kit.outbox import Relay
from services.kit.patience import patiently
from services.kit.settings import Settings

SERVICE = "bridge"


def furnish(app: FastAPI, settings: Settings, pool: postgres.Pool) -> None:
    """Give the interface what it works with: all but its feeds."""
    app.state.pool = pool
    app.state.facilities = loader.facilities(settings.bridge_facilities)
    app.state.cases = CaseStore(ZoneInfo(settings.time_zone), app.state.facilities)


async def main(settings: Settings) -> None:
    """Run until something fails."""
    pool = await patiently(settings, SERVICE, lambda: postgres.connect(settings, SERVICE, size=14))
    folders = [files("services.kit") / "migrations", files("services.bridge") / "migrations"]
    await postgres.migrate(pool, SERVICE, folders)
    feeds = Feeds(pool)

    async def is_ready() -> bool:
        return loop.ready and await postgres.is_writable(pool)

    app = create_app(SERVICE, Gate(settings, pool), [router], is_ready)
    furnish(app, settings, pool)
    app.state.feeds = feeds
    cases, facilities = app.state.cases, app.state.facilities
    loop = Loop(settings, pool, consumption(cases, facilities))
    relay = Relay(settings, SERVICE, pool)
    timekeeper = Timekeeper(settings, pool, cases, facilities)
    ways = outlets(facilities, ZoneInfo(settings.time_zone))
    courier = Courier(settings, pool, cases, facilities, ways)
    await runtime.together(
        [
            *(runtime.serve(app, settings), relay.run, loop.run),
            *(feeds.run, timekeeper.run, courier.run),
        ]
    )
