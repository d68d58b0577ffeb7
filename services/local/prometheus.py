"""Prometheus beside an embedded run, where the machine has one: it looks at the services by the
same file and rules as anywhere else."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from services.kit.documents import read_yaml
from services.kit.process import Child

DEPLOYED = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
#: Figures of an embedded run are gone with its folder.
KEPT = "1d"


class Prometheus:
    """One in the folder of a run, on the loopback alone."""

    def __init__(self, program: str, data: Path, port: int) -> None:
        self.port, self._program, self._data = port, program, data

    @classmethod
    def found(cls, data: Path, port: int) -> Prometheus | None:
        """None where no Prometheus is on the PATH."""
        program = shutil.which("prometheus")
        return cls(program, data, port) if program else None

    def child(self, ports: Mapping[str, int]) -> Child:
        """Its process, once its file is written."""
        file = self._data / "prometheus.yml"
        there = {**{name: f"127.0.0.1:{port}" for name, port in ports.items()},
                 "prometheus": f"127.0.0.1:{self.port}"}  # fmt: skip
        file.write_text(yaml.safe_dump(configured(there)), "utf-8")
        words = [
            self._program,
            f"--config.file={file}",
            f"--storage.tsdb.path={self._data / 'prometheus'}",
            f"--storage.tsdb.retention.time={KEPT}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        return Child("prometheus", words, self._data / "logs/prometheus.log")


def configured(there: Mapping[str, str], alertmanager: str | None = None) -> dict[str, Any]:
    """The file that is deployed, with these addresses; what has none is not looked at."""
    told: dict[str, Any] = read_yaml(DEPLOYED / "prometheus.yml")
    told["rule_files"] = [str(DEPLOYED / each) for each in told["rule_files"]]
    told["scrape_configs"] = [
        {**each, "static_configs": [{"targets": [there[each["job_name"]]]}]}
        for each in told["scrape_configs"]
        if each["job_name"] in there
    ]
    told["alerting"] = {"alertmanagers": []}
    if alertmanager:
        told["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    return told
