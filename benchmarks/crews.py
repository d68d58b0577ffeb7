"""Vehicles on the road, a program of its own beside what is measured: monitors that say something
each second, vehicles that say where they are, and patients who become worse, one after the other.

Called with the gateway's port, a file, how many patients and vehicles there are, and for how many
seconds; the crew's token stands in the environment. It writes into the file when each patient's
second abnormal value was due to be sent (the *acting sample*), and what came of the requests.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import uvloop

from benchmarks import pacing
from benchmarks.pacing import REQUESTS
from services.kit.process import write_whole

#: So many patients a second become worse, once what was opened has settled.
WORSE_A_SECOND, SETTLES_S, SPREAD_S = 10, 10, 5
AT_REST, WORSE = 97, 86


def device(n: int) -> str:
    """The monitor of a patient."""
    return f"M-{n:05}"


def acts_at(n: int, patients: int) -> int:
    """In which second a patient's second abnormal value is measured. The patients of one second are
    spread over its requests."""
    return SETTLES_S + n // REQUESTS % (patients // WORSE_A_SECOND)


def begins_at(n: int) -> int:
    """In which second a monitor speaks first: what is told anew every five seconds is told of other
    patients in each of them."""
    return n // REQUESTS % SPREAD_S


def bodies(patients: int, vehicles: int, second: int, at: datetime) -> Iterator[str]:
    """One second's requests."""
    for request in range(REQUESTS):
        told = [n for n in range(request, patients, REQUESTS) if second >= begins_at(n)]
        lines = [_vitals(n, patients, second, at) for n in told]
        lines += [_position(n, second, at) for n in range(request, vehicles, REQUESTS)]
        yield "\n".join(lines)


def _vitals(n: int, patients: int, second: int, at: datetime) -> str:
    said = {"device_id": device(n), "occurred_at": at.isoformat(), "sent_at": at.isoformat()}
    is_worse = second >= acts_at(n, patients) - 1
    vitals = {
        "heart_rate": 70 + (n + second) % 9,
        "respiratory_rate": 15 + (n + second) % 3,
        "spo2": WORSE if is_worse else AT_REST,
    }
    return json.dumps({**said, "vitals": vitals})


def _position(n: int, second: int, at: datetime) -> str:
    where = {"latitude": 34.1 + n / 1e4, "longitude": 117.2 + second / 1e4}
    return json.dumps({"unit_id": f"U-{n:05}", "occurred_at": at.isoformat(), **where})


async def main(port: int, file: Path, patients: int, vehicles: int, seconds: int) -> None:
    """Send, and write what came of it."""
    sending = await pacing.send(
        port, seconds, lambda second, at: bodies(patients, vehicles, second, at)
    )
    acting = {
        device(n): sending.due(acts_at(n, patients), n % REQUESTS)
        for n in range(patients)
        if acts_at(n, patients) < seconds
    }
    write_whole(file, json.dumps({**sending.told(), "acting": acting}))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])))
