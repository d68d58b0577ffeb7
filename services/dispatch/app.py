"""Puts dispatch together: its interface, its two loops, its relay."""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI

from services.dispatch import census, handlers, loader, recommendation
from services.dispatch.api import router
from services.dispatch.board_api import LastBoard
from services.dispatch.indicators import Site
from services.dispatch.timekeeper import LOOK_S, Timekeeper
from services.kit import aside, postgres, runtime
from services.kit.auth import Gate
from services.kit.census import Census
from services.kit.http import create_app
from services.kit.lookout import Lookout
from services.kit.loop import Loop
from services.kit.outbox import Relay
from services.kit.patience import patiently
from services.kit.settings import Misconfigured, Settings

SERVICE = "dispatch"


def site_of(settings: Settings) -> Site:
    """Where days begin here, and which clocks are kept. Raises ``Misconfigured``."""
    try:
        clocks = loader.clocks(settings.dispatch_clocks or loader.SHIPPED)
    except loader.DispatchRefused as refused:
        raise Misconfigured(str(refused)) from refused
    return Site.of(settings.time_zone, settings.dispatch_shifts, clocks)


def advice_of(settings: Settings, site: Site) -> recommendation.Site:
    """What recommendations rest on here. Raises ``Misconfigured``."""
    try:
        fleet = loader.fleet(settings.dispatch_fleet or loader.FLEET)
        roads = loader.roads(settings.dispatch_roads or loader.ROADS)
    except loader.DispatchRefused as refused:
        raise Misconfigured(str(refused)) from refused
    return recommendation.Site(fleet, roads, site.zone)


def furnish(app: FastAPI, settings: Settings, pool: postgres.Pool) -> None:
    """Give the interface what it works with. Raises ``Misconfigured``."""
    app.state.pool = pool
    app.state.site = site_of(settings)
    app.state.advice = advice_of(settings, app.state.site)
    app.state.board = LastBoard(app.state.site.clocks, app.state.advice.fleet.same_event)


async def main(settings: Settings) -> None:
    """Run until something fails."""
    site = site_of(settings)
    pool = await patiently(settings, SERVICE, lambda: postgres.connect(settings, SERVICE, size=10))
    folders = [files("services.kit") / "migrations", files("services.dispatch") / "migrations"]
    await postgres.migrate(pool, SERVICE, folders)
    reading = handlers.reading(site.clocks)
    movements = Loop(settings, pool, reading.movements)
    news = Loop(settings, pool, reading.news)
    capacity = Loop(settings, pool, reading.capacity)
    relay = Relay(settings, SERVICE, pool)

    async def is_ready() -> bool:
        loops = movements, news, capacity
        return all(loop.ready for loop in loops) and await postgres.is_writable(pool)

    app = create_app(SERVICE, Gate(settings, pool), [router], is_ready)
    furnish(app, settings, pool)
    lookout = Lookout(settings, Timekeeper(pool), LOOK_S)
    counts = [aside.counted(*(work.group for work in reading)), *census.counts(site)]
    counted = Census(SERVICE, pool, counts)
    parts = [relay.run, movements.run, news.run, capacity.run, lookout.run, counted.run]
    await runtime.together([runtime.serve(app, settings), *parts])
