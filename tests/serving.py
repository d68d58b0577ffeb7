"""Applications that are served within the process of the tests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    """A server that leaves signals alone. Of two that overlap, the one that ends last would put
    back the handler of the one that is gone; and every stream of events in the process ends where
    the server whose handler stands is about to."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(
    app: Any, listening: socket.socket
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Serve while the block runs, or until what is given is called."""
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    task = asyncio.create_task(server.serve([listening]))

    async def end() -> None:
        server.should_exit = True
        await task

    try:
        yield end
    finally:
        await end()
        listening.close()
