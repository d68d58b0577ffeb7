"""A service's interface over its own database, opened for a file of tests without its topics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from fastapi import FastAPI

from services.bridge import api as bridge
from services.bridge import app as bridge_app
from services.dispatch import api as dispatch
from services.dispatch import app as dispatch_app
from services.kit import postgres
from services.kit.auth import Gate
from services.kit.http import create_app
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from tests.platform import Platform


class Premises(NamedTuple):
    """Where a service is at home. ``pool`` is the service's own: it sees every row."""

    service: str
    key: SigningKey
    settings: Settings
    pool: postgres.Pool

    def app(self, asked: postgres.Pool | None = None) -> FastAPI:
        """Its interface; requests have ``asked``, or the service's own connections."""
        router, furnish = _SERVED[self.service]
        app = create_app(self.service, Gate(self.settings, self.pool), [router], is_ready)
        furnish(app, self.settings, asked or self.pool)
        return app

    def client(self, app: FastAPI, role: Role, facility: str | None = None) -> httpx.AsyncClient:
        """Somebody in this role who asks it."""
        bearer = self.key.token(self.settings, role, facility)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url=f"http://{self.service}",
            headers={"Authorization": f"Bearer {bearer}"},
        )


_SERVED: dict[str, tuple[Any, Any]] = {
    "dispatch": (dispatch.router, dispatch_app.furnish),
    "bridge": (bridge.router, bridge_app.furnish),
}


async def is_ready() -> bool:
    """Always."""
    return True


@asynccontextmanager
async def opened(
    platform: Platform, service: str, folder: Path, *, size: int = 4, **more: Any
) -> AsyncIterator[Premises]:
    """With its schema as it is now; what its acts would have told is forgotten in the end."""
    key = SigningKey()
    jwks = folder / f"{service}.json"
    jwks.write_text(key.key_set())
    settings = Settings(postgres_dsn=platform.dsn(service), jwks=str(jwks), **more)
    async with await postgres.connect(settings, service, size=size) as pool:
        folders = [files(f"services.{name}") / "migrations" for name in ("kit", service)]
        await postgres.migrate(pool, service, folders)
        yield Premises(service, key, settings, pool)
        await pool.execute("DELETE FROM outbox")
