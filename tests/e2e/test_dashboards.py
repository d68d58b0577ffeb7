"""Every query of the dashboards, asked of a real Prometheus beside a run: none errs, none is empty,
and no value is one that cannot be."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest

from services.kit.process import ROOT
from tests.services import until
from tests.watched import Watched, watched

pytestmark = [
    pytest.mark.needs_program("prometheus", "prometheus-alertmanager"),
    pytest.mark.timeout(420),
]
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
CITY = ("--calls-per-hour", "1800", "--live-encounters", "20", "--ambulances", "60", "--seed", "3")
#: By then each has a value: some look back minutes.
FILLED_S = 240
#: What a figure of this unit can be at most.
MOST = {"percentunit": 1.0, "s": 24 * 3600.0, "percent": 100.0}


class Query(NamedTuple):
    board: str
    panel: str
    unit: str
    expr: str


def queries() -> list[Query]:
    found = list[Query]()
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text("utf-8"))["panels"]:
            unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "")
            found += [
                Query(file.stem, panel["title"], unit, target["expr"])
                for target in panel.get("targets", ())
            ]
    return found


@pytest.fixture(scope="module")
async def run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    async with watched(tmp_path_factory.mktemp("dashboards"), *CITY) as made:
        yield made


async def asked(http: httpx.AsyncClient, expr: str) -> Any:
    answer = await http.get("/api/v1/query", params={"query": expr})
    told = answer.json()
    assert told["status"] == "success", f"{expr}: {told.get('error')}"
    return told["data"]["result"]


async def test_every_panel_shows_something_that_can_be(run: Watched) -> None:
    waiting, shown = queries(), dict[Query, list[float]]()
    assert len(waiting) > 40
    async with httpx.AsyncClient(base_url=run.prometheus, timeout=30, trust_env=False) as http:

        async def filled() -> bool:
            for query in list(waiting):
                values = [float(each["value"][1]) for each in await asked(http, query.expr)]
                if values and not all(map(math.isnan, values)):
                    waiting.remove(query)
                    shown[query] = values
            return not waiting

        try:
            await until(filled, FILLED_S)
        except AssertionError:
            empty = "\n".join(f"{q.board} · {q.panel}: {q.expr}" for q in waiting)
            raise AssertionError(f"nothing is shown by\n{empty}") from None
    for query, values in shown.items():
        for value in values:
            fits = math.isnan(value) or 0 <= value <= MOST.get(query.unit, 1e12)
            assert fits, f"{query.board} · {query.panel}: {value} {query.unit}"
