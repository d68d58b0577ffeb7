"""Puts the bridge together: its loop, its relay, its interface, its feeds, its courier."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from services.bridge import census, loader
from services.bridge.api import router
from services.bridge.courier import Courier
from services.bridge.course_api import AT_ONCE
from services.bridge.facility import Facilities
from services.bridge.feed import Feeds
from services.bridge.handlers import consumption
from services.bridge.outlet import InterfaceRefused, outlets
from services.bridge.store import CaseStore
from services.bridge.timekeeper import LOOK_S, Timekeeper
from services.kit import aside, postgres, runtime
from services.kit.auth import Gate
from services.kit.census import Census
from services.kit.http import create_app
from services.kit.lookout import Lookout
from services.kit.loop import Loop
from services.kit.outbox import Relay
from services.kit.patience import patiently
from services.kit.settings import Misconfigured, Settings

SERVICE = "bridge"


def facilities_of(settings: Settings) -> Facilities:
    """What the facilities of this site keep. Raises ``Misconfigured``."""
    try:
        return loader.facilities(settings.bridge_facilities)
    except loader.FacilitiesRefused as refused:
        raise Misconfigured(str(refused)) from refused


def furnish(app: FastAPI, settings: Settings, pool: postgres.Pool) -> None:
    """Give the interface what it works with. Of ``pool`` it sees what a facility may see. Raises
    ``Misconfigured``."""
    app.state.pool = pool
    app.state.signature_within = timedelta(seconds=settings.signature_within_s)
    app.state.feeds = Feeds(pool)
    app.state.courses = asyncio.Semaphore(AT_ONCE)
    app.state.facilities = facilities_of(settings)
    app.state.zone = zone = ZoneInfo(settings.time_zone)
    app.state.cases = CaseStore(zone, app.state.facilities, app.state.feeds.changed)


async def main(settings: Settings) -> None:
    """Run until something fails."""
    try:
        ways = outlets(facilities_of(settings), ZoneInfo(settings.time_zone))
    except InterfaceRefused as refused:
        raise Misconfigured(str(refused)) from refused
    pool = await patiently(settings, SERVICE, lambda: postgres.connect(settings, SERVICE, size=11))
    folders = [files("services.kit") / "migrations", files("services.bridge") / "migrations"]
    await postgres.migrate(pool, SERVICE, folders)
    # Whoever asks gets connections that see nothing until their transaction is confined.
    asked = await patiently(
        settings,
        SERVICE,
        lambda: postgres.connect(settings, SERVICE, size=10, acts_for="nobody"),
    )

    async def is_ready() -> bool:
        return loop.ready and await postgres.is_writable(pool)

    app = create_app(SERVICE, Gate(settings, pool), [router], is_ready)
    furnish(app, settings, asked)
    cases, facilities = app.state.cases, app.state.facilities
    work = consumption(cases, facilities)
    loop = Loop(settings, pool, work)
    relay = Relay(settings, SERVICE, pool)
    lookout = Lookout(settings, Timekeeper(pool, cases, facilities), LOOK_S)
    courier = Courier(settings, pool, cases, facilities, ways)
    counts = census.counts(facilities, app.state.zone)
    counted = Census(SERVICE, pool, [aside.counted(work.group), *counts])
    await runtime.together(
        [
            *(runtime.serve(app, settings), relay.run, loop.run, counted.run),
            *(app.state.feeds.run, lookout.run, courier.run),
        ]
    )
