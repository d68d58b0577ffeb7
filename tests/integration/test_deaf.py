"""Who connects and takes nothing is let go, whatever the system would buffer for them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from services.kit import runtime
from services.kit.process import free_port
from services.kit.settings import Settings

#: Little enough to lie in the system's buffers for minutes.
A_SECOND = 40_000


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no such limit")
async def test_a_feed_that_nobody_reads_ends_and_one_that_is_read_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runtime, "DEAF_S", 1)
    app, ended = FastAPI(), dict[str, float]()

    @app.get("/{name}")
    async def feed(name: str) -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * (A_SECOND // 10)
                    await asyncio.sleep(0.1)
            finally:
                ended[name] = time.monotonic()

        return StreamingResponse(lines())

    settings = Settings(port=free_port())
    serving = asyncio.ensure_future(runtime.serve(app, settings)())
    await asyncio.sleep(0.5)
    deaf = socket.create_connection((settings.host, settings.port))
    deaf.sendall(b"GET /deaf HTTP/1.1\r\nHost: x\r\n\r\n")
    reader, writer = await asyncio.open_connection(settings.host, settings.port)
    writer.write(b"GET /awake HTTP/1.1\r\nHost: x\r\n\r\n")
    began = time.monotonic()
    try:
        async with asyncio.timeout(30):
            while "deaf" not in ended:
                assert await reader.read(1 << 16)
        assert ended.keys() == {"deaf"}
        assert ended["deaf"] - began < 20
    finally:
        writer.close()
        deaf.close()
        serving.cancel()
        await asyncio.wait([serving])
