"""The commands of the city and of those who look at it: each imports its part when asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any

import click

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


class _Moment(click.ParamType):
    """A time with its zone, as the contract writes it."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value} is no time: 2026-03-01T08:00:00+08:00", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value} has no zone: 2026-03-01T08:00:00+08:00", param, ctx)
        return moment


MOMENT = _Moment()
MORE, MORE_OR_NONE = _More(min=0, min_open=True), _More(min=0)


def in_a_folder(_: click.Context, __: click.Parameter, file: Path | None) -> Path | None:
    """Told now, and not when the run is over and there is something to write."""
    if file is not None and not file.absolute().parent.is_dir():
        raise click.BadParameter(f"{file.parent} is no folder: make it, or name another file")
    return file


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

    return _of(FAULTS, given)


def _of_a_day(_: click.Context, __: click.Parameter, given: str | None) -> tuple[str, ...]:
    """Those that show in what is said; on its way nothing can go wrong before anybody sends it."""
    from simulator.realism import FAULTS, OF_A_DAY

    return _of({name: told for name, told in FAULTS.items() if name in OF_A_DAY}, given)


def _of(faults: Mapping[str, Any], given: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in given.split(",")) if given else ()
    names = tuple(faults) if names == ("all",) else names
    for name in names:
        if name not in faults:
            known = [f"  {name:<19} {told.zh} · {told.en}" for name, told in faults.items()]
            raise click.BadParameter("\n".join([f"{name!r} is none of these, or all:", *known]))
    return names


def recording(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """A recording, or a folder of them."""
    if path is not None:
        from schemas.recording import WrongFile
        from simulator.player import check

        try:
            check(path)
        except WrongFile as error:
            raise click.BadParameter(str(error)) from error
    return path


def load(command: Callable[..., None]) -> Callable[..., None]:
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
            help="what goes wrong in the city, with commas; or all [nothing]",
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


@click.command()
@click.option("--endpoints", type=FILE, required=True)
@click.option("--truth", type=FILE, required=True)
@load
def simulate(**asked: Any) -> None:
    """模拟城市 · a city that calls, as any outside client would."""
    import uvloop

    from simulator.play import Options, play

    given: dict[str, Any] = {"calls_per_hour": CALLS_PER_HOUR, "live_encounters": LIVE}
    if asked["vitals_per_second"]:
        given["live_encounters"] = round(asked["vitals_per_second"])  # a monitor speaks each second
    given |= {name: value for name, value in asked.items() if value is not None}
    sys.exit(uvloop.run(play(Options(**given))))


@click.command()
@click.option("--endpoints", type=FILE, required=True)
@click.option("--truth", type=FILE, required=True)
@click.option("--report", type=FILE, required=True)
def judge(**asked: Any) -> None:
    """裁判 · counts what was sent against what it reads itself."""
    import uvloop

    from simulator.judge import Options
    from simulator.judge import judge as preside

    sys.exit(uvloop.run(preside(Options(**asked))))


@click.command()
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
@click.option("--report", type=FILE, callback=in_a_folder, help="what became of them, as JSON")
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


@click.command()
@click.argument(
    "file",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path),
    callback=in_a_folder,
)
@click.option("--seed", type=int, default=7, show_default=True, metavar="N")
@click.option("--hours", type=MORE, default=24.0, show_default=True, metavar="X")
@click.option("--ambulances", type=click.IntRange(2), default=60, show_default=True, metavar="N")
@click.option("--calls-per-hour", type=MORE, default=25.0, show_default=True, metavar="X")
@click.option(
    "--realism",
    metavar="LIST",
    callback=_of_a_day,
    help="what monitors, GPS and crews get wrong, with commas; or all [nothing]",
)
def day(file: Path, **asked: Any) -> None:
    """一天的城市 · all that it would send in a day, into FILE or - : same seed, same bytes."""
    from simulator.day import Wanted
    from simulator.writer import write

    try:
        write(file, Wanted(faults=asked.pop("realism"), **asked))
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error


@click.command()
@click.argument("file", type=FILE, callback=in_a_folder)
@click.option("--endpoints", type=FILE, required=True, help="of the running system")
@click.option(
    "--topic", "topics", multiple=True, metavar="NAME", help="this one, and again for more [all]"
)
@click.option("--since", type=MOMENT, metavar="TIME", help="[the oldest record]")
@click.option("--until", type=MOMENT, metavar="TIME", help="[now]")
@click.option(
    "--for", "seconds", type=MORE, metavar="SECONDS", help="from now on, instead of the two"
)
def record(**asked: Any) -> None:
    """录制 · a period of the topics into FILE (.gz: packed), for run --recording FILE."""
    import uvloop

    from schemas.topics import registry
    from simulator.recorder import CannotRecord, Options
    from simulator.recorder import record as write

    since, until = asked["since"], asked["until"]
    if asked["seconds"] and (since or until):
        raise click.UsageError("--for is from now on: leave out --since and --until")
    if since and until and until <= since:
        raise click.UsageError("--until is not after --since")
    if unknown := set(asked["topics"]) - registry().topics.keys():
        raise click.UsageError(f"{unknown.pop()} is none of {', '.join(registry().topics)}")
    try:
        sys.exit(uvloop.run(write(Options(**asked))))
    except CannotRecord as error:
        click.echo(f"✗ {error}", err=True)
        sys.exit(2)


@click.command(hidden=True)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--endpoints", type=FILE, required=True)
@click.option("--report", type=FILE, required=True)
@click.option("--pace", type=MORE, default=1.0)
def play(**asked: Any) -> None:
    """重演 · a recording said again to a scratch run; what run --recording does."""
    import uvloop

    from simulator.player import Options
    from simulator.player import play as say

    sys.exit(uvloop.run(say(Options(**asked))))


COMMANDS = (simulate, judge, replay, record, play, day)
