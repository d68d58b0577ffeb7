"""A platform whose monitors say something each second, as a program of its own beside the calls.

Called with the gateway's port, how many monitors there are, and for how many seconds; the crew's
token stands in the environment. It writes what came of it as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import aiohttp
import uvloop

from benchmarks.report import percentiles

TOKEN = "GREENCHANNEL_BENCH_TOKEN"  # noqa: S105 (the name of a variable)
#: So many requests a second, each with what all its monitors have said since.
REQUESTS = 10
TIMEOUT = aiohttp.ClientTimeout(total=10)


def names(count: int) -> list[str]:
    """The monitors."""
    return [f"M-{n:05}" for n in range(count)]


def bodies(devices: list[str], at: datetime) -> Iterator[str]:
    """One second's requests."""
    size = -(-len(devices) // REQUESTS)
    for first in range(0, len(devices), size):
        yield "\n".join(_line(name, at) for name in devices[first : first + size])


def _line(device: str, at: datetime) -> str:
    said = {"device_id": device, "occurred_at": at.isoformat(), "sent_at": at.isoformat()}
    rate = 60 + (at.second + len(device)) % 40
    return json.dumps({**said, "vitals": {"heart_rate": rate, "respiratory_rate": 16, "spo2": 97}})


async def main(port: int, count: int, seconds: int) -> None:
    """Each request goes when it is due, whether those before were answered or not."""
    took, accepted = list[float](), 0
    headers = {"Authorization": f"Bearer {os.environ[TOKEN]}"}
    headers |= {"Content-Type": "application/x-ndjson"}

    async def send(http: aiohttp.ClientSession, body: str, due: float) -> None:
        nonlocal accepted
        async with http.post("/v1/telemetry", data=body, headers=headers) as answer:
            told = await answer.json(content_type=None)  # a problem is JSON by another name
        took.append(time.monotonic() - due)
        accepted += int(told.get("accepted", 0))

    devices, began = names(count), time.monotonic()
    url = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession(url, timeout=TIMEOUT) as http, asyncio.TaskGroup() as sending:
        for second in range(seconds):
            for n, body in enumerate(bodies(devices, datetime.now(UTC))):
                due = began + second + n / REQUESTS
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                sending.create_task(send(http, body, due))
    told = {"sent": count * seconds, "accepted": accepted, "ms": percentiles(took)}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
