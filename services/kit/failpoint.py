"""Named points at which a test may kill the process, to prove that nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

#: Every point there is, by the part of a service that reaches it, in the order of its steps:
#: receive → transaction → publish → mark → commit.
POINTS: Mapping[str, tuple[str, ...]] = {
    "loop": (
        "loop.received",
        "loop.dead_lettered",
        "loop.transaction_begun",
        "loop.decided",
        "loop.committed",
        "loop.offsets_followed",
    ),
    "relay": ("relay.read", "relay.published", "relay.marked"),
    "timekeeper": ("timekeeper.told",),
    "courier": ("courier.read", "courier.told", "courier.settled"),
    "request": ("request.received", "request.decided", "request.committed"),
    "gateway": ("gateway.received", "gateway.published"),
    "raw": ("raw.received", "raw.published", "raw.offsets_followed"),
    "tracker": (
        "tracker.received",
        "tracker.dead_lettered",
        "tracker.edge_kept",
        "tracker.published",
        "tracker.taken",
        "tracker.offsets_followed",
    ),
}

_armed: str | None = None
_log: Path | None = None


def arm(name: str | None, log: Path | None) -> None:
    """Kill this process with SIGKILL when it first reaches ``name``; note it in ``log`` before.

    Raises ``ValueError`` for a point that does not exist: it could never be reached.
    """
    global _armed, _log
    if name and not any(name in points for points in POINTS.values()):
        raise ValueError(f"no point is named {name}")
    _armed, _log = name or None, log


def reach(name: str) -> None:
    """Say that the process stands at this point. Costs one comparison when nothing is armed."""
    if _armed is None or _armed != name:
        return
    if _log is not None:
        with _log.open("a") as log:
            log.write(f"{name}\n")
    os.kill(os.getpid(), signal.SIGKILL)
