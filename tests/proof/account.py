"""What was proven, when, on what: one entry for each part in ``reports/proof.json``."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psutil

from services.kit.process import ROOT, write_whole

REPORT = ROOT / "reports" / "proof.json"


def enter(part: str, *, passed: bool, seconds: float, samples: int, **found: Any) -> None:
    """Enter what a part has found in the place of what stood there."""
    told = json.loads(REPORT.read_text("utf-8")) if REPORT.exists() else {}
    told[part] = {
        "commit": _commit(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "seconds": round(seconds, 1),
        "samples": samples,
        "result": "passed" if passed else "failed",
        **found,
    }
    REPORT.parent.mkdir(exist_ok=True)
    write_whole(REPORT, json.dumps(told, ensure_ascii=False, indent=2) + "\n")


def _commit() -> str:
    """Of what was proven; with a mark where it was changed since. The page of the proof itself is
    written after each part."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/proof.md")
    return f"{commit or 'unknown'}{'-dirty' if changed else ''}"


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{platform.machine()}, {cores} cores, {memory:.0f} GiB, Python {platform.python_version()}"
    )


def given(name: str, otherwise: float) -> float:
    """A number of the environment: ``GREENCHANNEL_PROOF_…``."""
    return float(os.environ.get(f"GREENCHANNEL_PROOF_{name}", str(otherwise)))


def at(share: float, values: Sequence[float]) -> float:
    """The value at this share of them, by rank; 0 of none."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2) if ordered else 0.0
