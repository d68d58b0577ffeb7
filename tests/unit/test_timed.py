"""Requests are counted by their route; also the one that a bug ends, or the end of the process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY

from services.kit.problems import Ending, add_problems
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


async def test_who_is_cut_short_by_the_end_of_the_process_is_told_to_send_it_again() -> None:
    app = FastAPI()
    app.add_middleware(Ending)
    app.add_middleware(Timed, service="ending")
    waits, told = asyncio.Event(), list[Any]()

    @app.get("/v1/long")
    async def long() -> None:
        waits.set()
        await asyncio.sleep(60)

    async def nothing() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        told.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/long",
        "headers": [],
        "query_string": b"",
    }
    task = asyncio.create_task(app(scope, nothing, send))
    await waits.wait()
    task.cancel()
    await task
    start, body = told
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"1")
    assert b"Send the same again" in body["body"]
    labels = {"service": "ending", "method": "GET", "route": "/v1/long", "status": "503"}
    assert REGISTRY.get_sample_value("greenchannel_request_seconds_count", labels) == 1
