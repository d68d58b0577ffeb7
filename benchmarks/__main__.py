"""``make bench``: measures a part, and writes ``reports/bench.json``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import click
from asyncpg import PostgresError

from benchmarks import feeds, intake, path, report, tracker, triage, triage_report
from benchmarks.ground import PEERS_PYTHON
from benchmarks.machine import machine
from services.kit.admin import CannotApply
from services.kit.fleet import CannotStart
from services.kit.jars import Unavailable
from services.kit.process import write_whole
from services.kit.runtime import cancel_on_signal
from services.local.preflight import lacks

Found = dict[str, Any]


class Part(NamedTuple):
    """What is measured, and what is told of it."""

    measure: Callable[[Any, Path], Awaitable[Found]]
    options: type[Any]
    told: Any


PARTS = {
    "triage": Part(triage.measure, triage.Options, triage_report),
    "tracker": Part(tracker.measure, tracker.Options, tracker),
    "intake": Part(intake.measure, intake.Options, intake),
    "feeds": Part(feeds.measure, feeds.Options, feeds),
    "path": Part(path.measure, path.Options, path),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--part", type=click.Choice(list(PARTS)), default="triage", show_default=True)
@click.option(
    "--seconds",
    type=click.IntRange(min=20),
    default=60,
    show_default=True,
    help="of samples, fixes, calls or changes",
)
@click.option("--encounters", type=click.IntRange(min=10), help="of triage  [default: 1000]")
@click.option("--positions", type=click.IntRange(min=1), help="of path: a second  [default: 0]")
@click.option("--rounds", type=click.IntRange(min=1), help="of triage  [default: 2]")
@click.option(
    "--faust-seconds",
    type=click.FloatRange(min=1),
    help="of triage: after which Faust is cut off  [default: 30]",
)
@click.option("--peers/--without-peers", default=None, help="of triage  [default: with]")
@click.option(
    "--report",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="[default: reports/bench.json, of another part reports/bench-PART.json]",
)
def main(part: str, file: Path | None, **asked: Any) -> None:
    """The speed of a part, beside its limits and its peers, in one run."""
    os.umask(0o077)
    _, options, told = PARTS[part]
    given = {name: value for name, value in asked.items() if value is not None}
    if unknown := given.keys() - {each.name for each in fields(options)}:
        raise click.UsageError(f"the part {part} has no --{min(unknown).replace('_', '-')}")
    file = file or Path("reports") / ("bench.json" if part == "triage" else f"bench-{part}.json")
    with tempfile.TemporaryDirectory(prefix="greenchannel-", ignore_cleanup_errors=True) as folder:
        found = _measured(Path(folder).resolve(), part, options(**given))
    found["limits"] = told.limits(found)
    found["disagreements"] = list(told.disagreements(found))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps({"part": part, **found}, ensure_ascii=False, indent=2))
    for line in (*told.lines(found), *report.ending(found)):
        click.echo(line)
    click.echo(f"  {file}")
    sys.exit(int(bool(found["disagreements"])))


def _measured(folder: Path, part: str, options: Any) -> Found:
    lacking = lacks(folder, 0, None, None)
    if part == "triage" and options.peers and not PEERS_PYTHON.exists():
        lacking.append("缺少 Quix Streams · no Quix Streams: type make bench, which installs it")
    for line in lacking:
        click.echo(f"✗ {line}", err=True)
    if lacking:
        sys.exit(2)
    try:
        return {"machine": machine(), **asyncio.run(_through(PARTS[part], options, folder))}
    except (Unavailable, CannotStart, CannotApply, OSError, PostgresError) as error:
        click.echo(f"✗ {error}", err=True)
        sys.exit(2)


async def _through(part: Part, options: Any, folder: Path) -> Found:
    stopping: list[bool] = []

    def say() -> None:
        stopping.append(True)
        click.echo("  停止中 · stopping …")

    cancel_on_signal(say)
    try:
        return await part.measure(options, folder)
    except asyncio.CancelledError:
        if not stopping:
            raise
        sys.exit(2)


if __name__ == "__main__":
    main()
