"""A platform whose monitors say something each second, as a program of its own beside the calls.

Called with the gateway's port, how many monitors there are, and for how many seconds; the crew's
token stands in the environment. It writes what came of it as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime

import uvloop

from benchmarks import pacing
from benchmarks.pacing import REQUESTS


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
    """Send, and write what came of it."""
    devices = names(count)
    sending = await pacing.send(port, seconds, lambda _, at: bodies(devices, at))
    sys.stdout.write(json.dumps(sending.told()))


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
