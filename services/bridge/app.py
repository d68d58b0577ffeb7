"""Puts the bridge together: its loop, its relay, its interface, its feeds."""

from __future__ import annotations

from importlib.resources import files
from zoneinfo import ZoneInfo

from services.bridge.api import router
from services.bridge.feed import Feeds
from services.bridge.handlers import consumption
from services.bridge.store import CaseStore
from services.kit import postgres, runtime
from services.kit.auth import Gate
from services.kit.http import create_app
from services.kit.loop import Loop
from services.kit.outbox import Relay
from services.kit.patience import patiently
from services.kit.settings import Settings

SERVICE = "bridge"


async def main(settings: Settings) -> None:
    """Run until something fails."""
    pool = await patiently(settings, SERVICE, lambda: postgres.connect(settings, SERVICE, size=12))
    folders = [files("services.kit") / "migrations", files("services.bridge") / "migrations"]
    await postgres.migrate(pool, SERVICE, folders)
    zone = ZoneInfo(settings.time_zone)
    loop, relay = Loop(settings, pool, consumption(zone)), Relay(settings, SERVICE, pool)
    feeds = Feeds(pool)

    async def is_ready() -> bool:
        return loop.ready and await postgres.is_writable(pool)

    app = create_app(SERVICE, Gate(settings, pool), [router], is_ready)
    app.state.pool, app.state.feeds, app.state.cases = pool, feeds, CaseStore(zone)
    await runtime.together([runtime.serve(app, settings), relay.run, loop.run, feeds.run])
