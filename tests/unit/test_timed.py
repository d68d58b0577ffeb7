"""Requests are counted by their route; also the one that a bug ends."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY

from services.kit.problems import add_problems
from services.kit.timed import Timed


@pytest.mark.parametrize(("path", "status"), [("/v1/good/1", 200), ("/v1/bug/2", 500)])
async def test_an_answer_is_counted_by_its_route(path: str, status: int) -> None:
    app = FastAPI()
    app.add_middleware(Timed, service="timed")
    add_problems(app)

    @app.get("/v1/good/{name}")
    async def good(name: str) -> str:
        return name

    @app.get("/v1/bug/{name}")
    async def bug(name: str) -> str:
        raise RuntimeError(name)

    way = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=way, base_url="http://here") as client:
        assert (await client.get(path)).status_code == status
    route = f"{path.rpartition('/')[0]}/{{name}}"
    labels = {"service": "timed", "method": "GET", "route": route, "status": str(status)}
    assert REGISTRY.get_sample_value("greenchannel_request_seconds_count", labels) == 1
