"""Puts the boards together: who stands at which desk, the pages, the ways to the services."""

from __future__ import annotations

from importlib.resources import files

import httpx
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from services.boards import api, forward, pages
from services.boards.guard import Guard, policy
from services.boards.page import SCRIPT_HASH
from services.boards.provider import Provider
from services.boards.refusals import AsPage
from services.kit import postgres, runtime
from services.kit.http import OPEN_PATHS, create_app
from services.kit.patience import patiently
from services.kit.settings import Settings

SERVICE = "boards"
#: An upload of a file is the largest thing that a page sends.
BODY_LIMIT = 10_500_000


def furnish(app: FastAPI, settings: Settings, pool: postgres.Pool, http: httpx.AsyncClient) -> None:
    """Give the boards what they work with. Raises ``Misconfigured``."""
    app.state.settings = settings
    app.state.pool = pool
    app.state.http = http
    app.state.provider = Provider(settings, http)
    for router in (api.router, forward.router):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    app.include_router(pages.router)
    headers = policy(SCRIPT_HASH, settings.boards_tiles)
    app.add_middleware(Guard, url=settings.boards_url, headers=headers, machines=OPEN_PATHS)
    app.add_middleware(AsPage)


async def main(settings: Settings) -> None:
    """Run until something fails."""
    limits = httpx.Limits(max_connections=2000, max_keepalive_connections=50)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as http:
        Provider(
            settings, http
        )  # what is wrong with its settings is said before anything is waited for
        pool = await patiently(
            settings, SERVICE, lambda: postgres.connect(settings, SERVICE, size=10)
        )
        await postgres.migrate(pool, SERVICE, [files("services.boards") / "migrations"])

        async def is_ready() -> bool:
            return await postgres.is_writable(pool)

        app = create_app(SERVICE, None, [], is_ready, BODY_LIMIT)
        furnish(app, settings, pool, http)
        await runtime.together([runtime.serve(app, settings)])
