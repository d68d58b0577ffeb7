"""Each service by itself at the rate of a province, on this machine, beside its limits.

``make proof PART=services``, a quarter of an hour: what ``make bench`` measures.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import feeds, intake, tracker
from tests.proof.account import enter, given

SECONDS = int(given("SERVICES_SECONDS", 60))
#: Dispatch and gateway; the tracker; the bridge.
PARTS: dict[str, Any] = {"dispatch and gateway": intake, "tracker": tracker, "bridge": feeds}


@pytest.mark.proof
@pytest.mark.timeout(3000)
async def test_each_service_alone(tmp_path: Path) -> None:
    began, rows, wrong = time.monotonic(), list[dict[str, Any]](), list[str]()
    for name, part in PARTS.items():
        folder = tmp_path / name.partition(" ")[0]
        folder.mkdir()
        found = await part.measure(part.Options(SECONDS), folder)
        wrong += [f"{name}: {each}" for each in part.disagreements(found)]
        rows += [
            {"service": name, "of": one["title"], "measured": f"{one['measured']:,}{one['unit']}",
             "limit": one["limit"] + one["unit"], "holds": "yes" if one["holds"] else "NO"}
            for one in part.limits(found)
        ]  # fmt: skip
    holds = all(row["holds"] == "yes" for row in rows)
    enter("services", passed=holds and not wrong, seconds=time.monotonic() - began,
          samples=len(rows), disagreements=wrong, limits=rows)  # fmt: skip
    assert wrong == []
