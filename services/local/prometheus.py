"""Prometheus and Alertmanager beside an embedded run, where the machine has them: they look at the
services, and tell of alerts, by the same files as anywhere else."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from services.kit.documents import read_yaml
from services.kit.process import Child

_DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DEPLOYED = _DEPLOY / "prometheus"
#: As Debian calls it, and as its makers do.
_ALERTMANAGERS = ("prometheus-alertmanager", "alertmanager")
#: Figures of an embedded run are gone with its folder.
KEPT = "1d"
#: An alert is good for four times as long: so soon a Prometheus that has died is missed.
RESENT = "10s"


class Prometheus:
    """One in the folder of a run, on the loopback alone."""

    def __init__(self, program: str, data: Path, port: int) -> None:
        self.port, self._program, self._data = port, program, data

    @classmethod
    def found(cls, data: Path, port: int) -> Prometheus | None:
        """None where no Prometheus is on the PATH."""
        program = shutil.which("prometheus")
        return cls(program, data, port) if program else None

    def child(self, ports: Mapping[str, int], alertmanager: int | None = None) -> Child:
        """Its process, once its file is written. It tells ``alertmanager``, by its port."""
        file = self._data / "prometheus.yml"
        ours = {**ports, "prometheus": self.port}
        ours |= {"alertmanager": alertmanager} if alertmanager else {}
        there = {name: f"127.0.0.1:{port}" for name, port in ours.items()}
        file.write_text(yaml.safe_dump(configured(there, there.get("alertmanager"))), "utf-8")
        words = [
            self._program,
            f"--config.file={file}",
            f"--storage.tsdb.path={self._data / 'prometheus'}",
            f"--storage.tsdb.retention.time={KEPT}",
            f"--rules.alert.resend-delay={RESENT}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        return Child("prometheus", words, self._data / "logs/prometheus.log")


class Alertmanager:
    """One beside it that sends each alert to a web address, ``url`` and the receiver's name."""

    def __init__(self, program: str, data: Path, port: int, url: str) -> None:
        self.port, self._program, self._data, self._url = port, program, data, url

    @classmethod
    def found(cls, data: Path, port: int, url: str) -> Alertmanager | None:
        """None where no Alertmanager is on the PATH."""
        programs = (path for name in _ALERTMANAGERS if (path := shutil.which(name)))
        program = next(programs, None)
        return cls(program, data, port, url) if program else None

    def child(self) -> Child:
        """Its process, once its file is written."""
        file = self._data / "alertmanager.yml"
        file.write_text(yaml.safe_dump(addressed(self._url)), "utf-8")
        words = [
            self._program,
            f"--config.file={file}",
            f"--storage.path={self._data / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]
        return Child("alertmanager", words, self._data / "logs/alertmanager.log")


def addressed(url: str) -> dict[str, Any]:
    """The file that is deployed, with a web address of each receiver."""
    told: dict[str, Any] = read_yaml(_DEPLOY / "alertmanager" / "alertmanager.yml")
    for receiver in told["receivers"]:
        to = f"{url.rstrip('/')}/{receiver['name']}"
        receiver["webhook_configs"] = [{"url": to, "send_resolved": True}]
    return told


def configured(there: Mapping[str, str], alertmanager: str | None = None) -> dict[str, Any]:
    """The file that is deployed, with these addresses; what has none is not looked at."""
    told: dict[str, Any] = read_yaml(DEPLOYED / "prometheus.yml")
    told["rule_files"] = [str(DEPLOYED / each) for each in told["rule_files"]]
    told["scrape_configs"] = [
        {**_unfound(each), "static_configs": [{"targets": [there[each["job_name"]]]}]}
        for each in told["scrape_configs"]
        if each["job_name"] in there
    ]
    told["alerting"] = {"alertmanagers": []}
    if alertmanager:
        told["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    return told


def _unfound(job: Mapping[str, Any]) -> dict[str, Any]:
    """A job without the ways by which its targets are found and named."""
    return {
        key: value
        for key, value in job.items()
        if not key.endswith("_sd_configs") and key != "relabel_configs"
    }
