"""Each service by itself at the rate of a province, on this machine, beside its limits.

``make proof PART=services``, a quarter of an hour: what ``make bench`` measures, without peers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from services.kit.process import ROOT
from tests.proof.account import enter, given

SECONDS = int(given("SERVICES_SECONDS", 60))
#: By the part of the bench that measures it, each in a process of its own: one is held to cores.
PARTS = {
    "intake": ("dispatch and gateway",),
    "triage": ("triage", "--without-peers", "--rounds", "1"),
    "feeds": ("bridge",),
    "tracker": ("tracker",),
}


def measured(part: str, words: Sequence[str], file: Path) -> dict[str, Any]:
    argv = [sys.executable, "-m", "benchmarks", "--part", part, "--seconds", str(SECONDS),
            "--report", str(file), *words]  # fmt: skip
    status = subprocess.run(argv, cwd=ROOT, check=False).returncode
    assert file.exists(), f"{part} ended with {status} before it had measured"
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


@pytest.mark.proof
@pytest.mark.timeout(3000)
def test_each_service_alone(tmp_path: Path) -> None:
    began, rows, wrong = time.monotonic(), list[dict[str, Any]](), list[str]()
    for part, (name, *words) in PARTS.items():
        found = measured(part, words, tmp_path / f"{part}.json")
        wrong += [f"{name}: {each}" for each in found["disagreements"]]
        rows += [
            {"service": name, "of": one["title"], "measured": f"{one['measured']:,}{one['unit']}",
             "limit": one["limit"] + one["unit"], "holds": "yes" if one["holds"] else "NO"}
            for one in found["limits"]
        ]  # fmt: skip
    holds = all(row["holds"] == "yes" for row in rows)
    enter("services", passed=holds and not wrong, seconds=time.monotonic() - began,
          samples=len(rows), disagreements=wrong, limits=rows)  # fmt: skip
    assert wrong == []
