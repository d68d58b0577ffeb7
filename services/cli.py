"""The command ``greenchannel``: joins the parts, and imports each only when it is asked for."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from services.kit.operator import FOLDER, Configured, apply, client, in_a_line


class _InFull(click.Group):
    """Lists its commands without cutting what they are for."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        cmd.short_help = (cmd.help or "").partition("\n")[0]
        super().add_command(cmd, name)


@click.group(cls=_InFull, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option("0.1.0", prog_name="greenchannel")
def main() -> None:
    """绿色通道 · Green Channel: boarding the ambulance is hospital admission (上车即入院)."""


main.add_command(apply)
main.add_command(client)


def _service(name: str, module: str, does: str) -> None:
    @main.command(name, cls=Configured, help=does)
    def serve() -> None:
        from importlib import import_module

        from services.kit import runtime

        sys.exit(runtime.start(name, import_module(module).main))


_service("dispatch", "services.dispatch.app", "120 调度 · calls, units, patients.")
_service("gateway", "services.dispatch.gateway", "遥测网关 · telemetry from devices and crews.")
_service("tracker", "services.dispatch.tracker", "车辆跟踪 · departures as GPS shows them.")
_service("triage", "services.triage.app", "分诊 · levels and centres, explained.")
_service("bridge", "services.bridge.app", "院前院内桥 · pre-arrival records, admissions, handoff.")


#: A city one can follow with the eye: a call every half minute, a few patients under way.
CALLS_PER_HOUR, LIVE = 120.0, 6
FILE = click.Path(dir_okay=False, path_type=Path)


class _More(click.FloatRange):
    """A number above 0; what is no number, or without end, is none."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        number: float = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value} is no number one can count to", param, ctx)
        return number


MORE, MORE_OR_NONE = _More(min=0, min_open=True), _More(min=0)


def _in_a_folder(_: click.Context, __: click.Parameter, file: Path | None) -> Path | None:
    """Told now, and not when the run is over and there is something to write."""
    if file is not None and not file.absolute().parent.is_dir():
        raise click.BadParameter(f"{file.parent} is no folder: make it, or name another file")
    return file


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


def _told(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """Stories that there are."""
    folder = files("simulator") / "stories"
    known = sorted(file.name.removesuffix(".yaml") for file in folder.iterdir())
    for name in names:
        if name not in known:
            raise click.BadParameter(f"{name} is none of {', '.join(known)}")
    return names


def _realism(_: click.Context, __: click.Parameter, given: str | None) -> tuple[str, ...]:
    """Faults by name, with commas between them; ``all`` of them."""
    from simulator.realism import FAULTS

    names = tuple(FAULTS) if given == "all" else tuple((given or "").split(",")) if given else ()
    for name in names:
        if name not in FAULTS:
            raise click.BadParameter(f"{name} is none of {', '.join(FAULTS)}; or all")
    return names


def _load(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say how much is going on in the city."""
    for option in (
        click.option(
            "--live-encounters",
            type=click.IntRange(0),
            metavar="N",
            help="live from the beginning [one per vital a second]",
        ),
        click.option(
            "--vitals-per-second", type=MORE, metavar="X", help="by all monitors [one each]"
        ),
        click.option(
            "--calls-per-hour", type=MORE_OR_NONE, metavar="X", help=f"[{CALLS_PER_HOUR:g}]"
        ),
        click.option(
            "--story",
            "stories",
            multiple=True,
            metavar="NAME",
            callback=_told,
            help="this one, and again for more: one after the other [all, by weight]",
        ),
        click.option(
            "--realism",
            metavar="LIST",
            callback=_realism,
            help="what goes wrong with telemetry, with commas; or all [nothing]",
        ),
        click.option("--pace", type=MORE, metavar="X", help="stories are told X times faster [1]"),
        click.option(
            "--ambulances", type=click.IntRange(1), metavar="N", help="at least; more when needed"
        ),
        click.option("--seed", type=int, metavar="N", help="the same seed, the same city"),
        click.option(
            "--for",
            "seconds",
            type=MORE,
            metavar="SECONDS",
            help="seconds of input, from the first one",
        ),
    ):
        command = option(command)
    return command


@main.command()
@click.option("--kafka", metavar="HOST:PORT", callback=_brokers, help="a broker that runs already")
@click.option("--postgres", metavar="DSN", callback=_server, help="a server that runs already")
@click.option("--data", type=FOLDER, metavar="DIR", help="keep everything here [nothing is kept]")
@click.option("--report", type=FILE, callback=_in_a_folder, help="what the judge found, as JSON")
@click.option(
    "--endpoints",
    type=FILE,
    callback=_in_a_folder,
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
@_load
def run(**asked: Any) -> None:
    """全部在本机运行 · everything on this machine, and the page that shows it."""
    from services.kit.settings import from_environment
    from services.local.supervisor import Options
    from services.local.supervisor import run as supervise

    os.umask(0o077)  # what a run writes, and what its parts write, is nobody else's
    with in_a_line(status=2):
        from_environment()  # its parts get it
    sys.exit(asyncio.run(supervise(Options(**asked))))


@main.command()
@click.option("--endpoints", type=FILE, required=True)
@click.option("--truth", type=FILE, required=True)
@_load
def simulate(**asked: Any) -> None:
    """模拟城市 · a city that calls, as any outside client would."""
    import uvloop

    from simulator.play import Options, play

    given: dict[str, Any] = {"calls_per_hour": CALLS_PER_HOUR, "live_encounters": LIVE}
    if asked["vitals_per_second"]:
        given["live_encounters"] = round(asked["vitals_per_second"])  # a monitor speaks each second
    given |= {name: value for name, value in asked.items() if value is not None}
    sys.exit(uvloop.run(play(Options(**given))))


@main.command()
@click.option("--endpoints", type=FILE, required=True)
@click.option("--truth", type=FILE, required=True)
@click.option("--report", type=FILE, required=True)
def judge(**asked: Any) -> None:
    """裁判 · counts what was sent against what it reads itself."""
    import uvloop

    from simulator.judge import Options
    from simulator.judge import judge as preside

    sys.exit(uvloop.run(preside(Options(**asked))))


@main.command()
@click.argument("name", type=click.Choice(["lincoln", "ktas", "numerics"]))
@click.option(
    "--endpoints", type=FILE, help="of the running system that shall take them; must be given"
)
@click.option(
    "--file",
    "files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="PATH",
    help="the records, and again for more [those in ../shared/data]",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="rows of each file [all]")
@click.option("--all", "everyone", is_flag=True, help="ktas: not only who came by ambulance")
@click.option(
    "--minute",
    "minute_s",
    type=MORE,
    default=0.02,
    show_default=True,
    metavar="SECONDS",
    help="numerics: how long a recorded minute lasts",
)
@click.option("--report", type=FILE, callback=_in_a_folder, help="what became of them, as JSON")
def replay(**asked: Any) -> None:
    """回放真实记录 · published records through the services, each row accounted for."""
    import uvloop

    from simulator.replay import CannotReplay, Options
    from simulator.replay import replay as send

    try:
        sys.exit(uvloop.run(send(Options(**asked))))
    except CannotReplay as error:
        click.echo(f"✗ {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
