"""Makes the dashboards that Grafana reads of ``panels.yaml``; ``--check`` says whether they fit."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
#: Of one panel, in Grafana's units: two panels stand side by side.
WIDTH, HEIGHT, COLUMNS = 12, 8, 2
SOURCE = {"type": "prometheus", "uid": "prometheus"}
KINDS = {"lines": "timeseries", "bars": "bargauge", "number": "stat", "table": "table"}


def dashboard(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """One dashboard, as Grafana provisions it."""
    return {
        "uid": f"greenchannel-{name}",
        "title": told["title"],
        "tags": ["greenchannel"],
        "timezone": "browser",
        "schemaVersion": 39,
        "version": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": [panel(place, each) for place, each in enumerate(told["panels"])],
    }


def panel(place: int, told: Mapping[str, Any]) -> dict[str, Any]:
    """One panel; a target is a line that is drawn, and what is on its wrong side stands out."""
    defaults: dict[str, Any] = {"unit": told.get("unit", "short"), "noValue": "无数据 no data"}
    if "target" in told:
        defaults["custom"] = {"thresholdsStyle": {"mode": "line"}}
        is_most = told.get("unit") != "percentunit"
        colours = ("green", "red") if is_most else ("red", "green")
        steps = [
            {"color": colours[0], "value": None},
            {"color": colours[1], "value": told["target"]},
        ]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    row, column = divmod(place, COLUMNS)
    return {
        "id": place + 1,
        "title": told["title"],
        "type": KINDS[told["kind"]],
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + n),
                "datasource": SOURCE,
                "expr": each["expr"],
                "legendFormat": each.get("legend", "__auto"),
                "instant": told["kind"] != "lines",
            }
            for n, each in enumerate(told["queries"])
        ],
    }


def made() -> Iterator[tuple[Path, str]]:
    """Each file, and what stands in it."""
    for name, told in yaml.safe_load((HERE / "panels.yaml").read_text("utf-8")).items():
        text = json.dumps(dashboard(name, told), ensure_ascii=False, indent=2)
        yield HERE / "dashboards" / f"{name}.json", f"{text}\n"


def main() -> int:
    """Write them, or say which are old."""
    files = dict(made())
    if "--check" not in sys.argv[1:]:
        for file, text in files.items():
            file.write_text(text, "utf-8")
        return 0
    there = set((HERE / "dashboards").glob("*.json"))
    old = [f.name for f, text in files.items() if f not in there or f.read_text("utf-8") != text]
    old += [f.name for f in there - files.keys()]
    for name in old:
        print(f"deploy/grafana/dashboards/{name} is old: make schemas")  # noqa: T201
    return int(bool(old))


if __name__ == "__main__":
    sys.exit(main())
