"""The machine on which was measured, and what stood on it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

#: What Quix Streams stands on, as it is installed for it.
_PEERS = ("quixstreams", "confluent-kafka", "rocksdict", "pydantic")
_SAY = f"from importlib.metadata import version as v; print({{n: v(n) for n in {_PEERS}}})"


def machine() -> dict[str, Any]:
    """Its cores, its memory, and how busy it is now."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_before": round(os.getloadavg()[0], 2),
    }


def versions(python: Path) -> dict[str, str]:
    """What stands in the environment of this Python. Raises ``CalledProcessError``."""
    said = subprocess.run(  # noqa: S603 - words of our own, no shell
        [str(python), "-c", _SAY], check=True, capture_output=True, text=True
    )
    found: dict[str, str] = json.loads(said.stdout.replace("'", '"'))
    return found


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()
