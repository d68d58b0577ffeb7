"""The command ``greenchannel``: joins the parts, and imports each only when it is asked for."""

from __future__ import annotations

import sys

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option("0.1.0", prog_name="greenchannel")
def main() -> None:
    """绿色通道 · Green Channel: boarding the ambulance is hospital admission (上车即入院)."""


def _service(name: str, module: str, does: str) -> None:
    @main.command(name, help=does)
    def run() -> None:
        from importlib import import_module

        from services.kit import runtime

        sys.exit(runtime.start(name, import_module(module).main))


_service("dispatch", "services.dispatch.app", "120 调度 · calls, units, patients.")
_service("gateway", "services.dispatch.gateway", "遥测网关 · telemetry from devices and crews.")
_service("tracker", "services.dispatch.tracker", "车辆跟踪 · departures as GPS shows them.")
_service("triage", "services.triage.app", "分诊 · levels and centres, explained.")
_service("bridge", "services.bridge.app", "院前院内桥 · pre-arrival records, admissions, handoff.")


if __name__ == "__main__":
    main()
