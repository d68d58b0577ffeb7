"""The command ``greenchannel``: joins the parts, and imports each only when it is asked for."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from services.boards.cli import handset
from services.bridge.cli import deliveries
from services.dispatch.cli import kpi
from services.kit.operator import (
    FOLDER,
    Configured,
    ConfiguredGroup,
    apply,
    client,
    in_a_line,
)
from services.local.cli import demo
from services.operations.cli import dead_letters, doctor, topics
from services.triage.cli import assess, explain, rerun
from simulator.commands import COMMANDS, FILE, in_a_folder, load, recording


class _InFull(click.Group):
    """Lists its commands without cutting what they are for."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        cmd.short_help = (cmd.help or "").partition("\n")[0]
        super().add_command(cmd, name)


@click.group(cls=_InFull, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option("0.1.0", prog_name="greenchannel")
def main() -> None:
    """绿色通道 · Green Channel: boarding the ambulance is hospital admission (上车即入院)."""


OURS = (apply, client, dead_letters, deliveries, demo, doctor, handset, kpi, topics)
for command in (*OURS, *COMMANDS):
    main.add_command(command)


def _serve(name: str, module: str) -> None:
    from importlib import import_module

    from services.kit import runtime

    sys.exit(runtime.start(name, import_module(module).main))


def _service(name: str, module: str, does: str) -> None:
    @main.command(name, cls=Configured, help=does)
    def serve() -> None:
        _serve(name, module)


_service("dispatch", "services.dispatch.app", "120 调度 · calls, units, patients.")
_service("gateway", "services.dispatch.gateway", "遥测网关 · telemetry from devices and crews.")
_service("tracker", "services.dispatch.tracker", "车辆跟踪 · departures as GPS shows them.")


@main.group(
    cls=ConfiguredGroup,
    invoke_without_command=True,
    commands={"assess": assess, "explain": explain, "rerun": rerun},
    help="分诊 · levels and centres, explained; without a command, the service.",
)
@click.pass_context
def triage(context: click.Context) -> None:
    if context.invoked_subcommand is None:
        _serve("triage", "services.triage.app")


_service("bridge", "services.bridge.app", "院前院内桥 · pre-arrival records, admissions, handoff.")
_service("boards", "services.boards.app", "看板 · what people look at, and their sign-in.")


def _brokers(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    try:
        parts = [urlsplit(f"//{one}") for one in (given or "h:1").split(",")]
        fits = all(p.hostname and p.port and p.netloc == p.geturl()[2:] for p in parts)
    except ValueError:
        fits = False
    if not fits:
        raise click.BadParameter("write HOST:PORT, or several of them with commas between")
    return given


def _server(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    try:
        parts = urlsplit(given or "postgresql://127.0.0.1")
        fits = parts.scheme in {"postgres", "postgresql"} and bool(parts.hostname)
        fits = fits and parts.port != 0  # asking for it refuses what is none
    except ValueError:
        fits = False
    if not fits:
        raise click.BadParameter("write postgresql://USER@HOST:PORT of a superuser; the password"
                                 " is better kept in PGPASSWORD")  # fmt: skip
    return given


def _web(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    parts = urlsplit(given or "http://h")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.BadParameter("write http://HOST:PORT/…: the receiver's name follows it")
    return given


@main.command()
@click.option("--kafka", metavar="HOST:PORT", callback=_brokers, help="a broker that runs already")
@click.option("--postgres", metavar="DSN", callback=_server, help="a server that runs already")
@click.option("--data", type=FOLDER, metavar="DIR", help="keep everything here [nothing is kept]")
@click.option("--report", type=FILE, callback=in_a_folder, help="what the judge found, as JSON")
@click.option(
    "--endpoints",
    type=FILE,
    callback=in_a_folder,
    help="addresses and tokens, for those who look in",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=8120,
    show_default=True,
    help="of the page; 0 picks one",
)
@click.option(
    "--recording",
    type=click.Path(exists=True, path_type=Path),
    callback=recording,
    metavar="FILE",
    help="instead of a city: what greenchannel record wrote, once more; or a folder of it",
)
@click.option(
    "--alerts-to",
    metavar="URL",
    callback=_web,
    help="where alerts are sent, as Alertmanager does; it and Prometheus have to be on the PATH",
)
@load
def run(**asked: Any) -> None:
    """全部在本机运行 · everything on this machine, and the page that shows it."""
    from services.kit.settings import from_environment
    from services.local.supervisor import Options
    from services.local.supervisor import run as supervise

    city = ("stories", "realism", "seed", "ambulances", "calls_per_hour", "vitals_per_second")
    given = [name for name in (*city, "live_encounters", "seconds") if asked[name]]
    if asked["recording"] and given:
        raise click.UsageError("--recording is said as it was: leave out what makes a city")
    os.umask(0o077)  # what a run writes, and what its parts write, is nobody else's
    with in_a_line(status=2):
        from_environment()  # its parts get it
    sys.exit(asyncio.run(supervise(Options(**asked))))


if __name__ == "__main__":
    main()
