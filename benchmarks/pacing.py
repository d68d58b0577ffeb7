"""Telemetry at a steady pace, and what came of it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from benchmarks.report import percentiles

#: Where the crew's token stands in the environment.
TOKEN = "GREENCHANNEL_BENCH_TOKEN"  # noqa: S105 (the name of a variable)
#: So many requests a second, each with what all its monitors have said since.
REQUESTS = 10
TIMEOUT = aiohttp.ClientTimeout(total=10)

#: The requests of a second, which is counted from 0, with the time of what they say.
Bodies = Callable[[int, datetime], Iterator[str]]


@dataclass
class Sending:
    """What was sent to a gateway since ``began``, by the machine's clock."""

    began: float = field(default_factory=time.time)
    sent: int = 0
    accepted: int = 0
    took: list[float] = field(default_factory=list)

    def due(self, second: int, request: int) -> float:
        """When a request is to go."""
        return self.began + second + request / REQUESTS

    def told(self) -> dict[str, Any]:
        """How many lines were sent and accepted, and how long the requests took."""
        return {"sent": self.sent, "accepted": self.accepted, "ms": percentiles(self.took)}


async def send(port: int, seconds: int, bodies: Bodies) -> Sending:
    """Each request goes when it is due, whether those before were answered or not."""
    headers = {"Authorization": f"Bearer {os.environ[TOKEN]}"}
    headers |= {"Content-Type": "application/x-ndjson"}
    sending = Sending()

    async def post(http: aiohttp.ClientSession, body: str, due: float) -> None:
        async with http.post("/v1/telemetry", data=body, headers=headers) as answer:
            told = await answer.json(content_type=None)  # a problem is JSON by another name
        sending.took.append(time.time() - due)
        sending.accepted += int(told.get("accepted", 0))

    url = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession(url, timeout=TIMEOUT) as http, asyncio.TaskGroup() as posting:
        for second in range(seconds):
            for request, body in enumerate(bodies(second, datetime.now(UTC))):
                due = sending.due(second, request)
                await asyncio.sleep(max(0.0, due - time.time()))
                posting.create_task(post(http, body, due))
                sending.sent += body.count("\n") + 1
    return sending
