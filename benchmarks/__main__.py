"""``make bench``: measures a part, and writes ``reports/bench.json``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from asyncpg import PostgresError

from benchmarks import report, triage
from benchmarks.ground import PEERS_PYTHON
from benchmarks.machine import machine, versions
from services.kit.admin import CannotApply
from services.kit.fleet import CannotStart
from services.kit.jars import Unavailable
from services.kit.process import write_whole
from services.kit.runtime import cancel_on_signal
from services.local.preflight import lacks


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--part", type=click.Choice(["triage"]), default="triage", show_default=True)
@click.option("--encounters", type=click.IntRange(min=10), default=1_000, show_default=True)
@click.option(
    "--seconds",
    type=click.IntRange(min=20),
    default=60,
    show_default=True,
    help="of one sample each",
)
@click.option("--rounds", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--faust-seconds",
    type=click.FloatRange(min=1),
    default=30.0,
    show_default=True,
    help="after which Faust is cut off",
)
@click.option(
    "--report", "file", type=click.Path(dir_okay=False, path_type=Path),
    default=Path("reports/bench.json"), show_default=True,
)  # fmt: skip
def main(part: str, file: Path, **asked: Any) -> None:
    """The speed of a part, beside its limits and its peers, in one run."""
    os.umask(0o077)
    with tempfile.TemporaryDirectory(prefix="greenchannel-", ignore_cleanup_errors=True) as folder:
        found = _measured(Path(folder).resolve(), triage.Options(**asked))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps({"part": part, **found}, ensure_ascii=False, indent=2))
    for line in report.lines(found):
        click.echo(line)
    click.echo(f"  {file}")
    sys.exit(int(bool(found["disagreements"])))


def _measured(folder: Path, options: triage.Options) -> Mapping[str, Any]:
    lacking = lacks(folder, 0, None, None)
    if not PEERS_PYTHON.exists():
        lacking.append("缺少 Quix Streams · no Quix Streams: type make bench, which installs it")
    for line in lacking:
        click.echo(f"✗ {line}", err=True)
    if lacking:
        sys.exit(2)
    found: dict[str, Any] = {"machine": machine()}
    click.echo("  一核 · one core, by itself: about a minute …")
    found["alone"] = triage.alone()
    try:
        found |= asyncio.run(_through(options, folder))
    except (Unavailable, CannotStart, CannotApply, OSError, PostgresError) as error:
        click.echo(f"✗ {error}", err=True)
        sys.exit(2)
    found["versions"]["peer"] = versions(PEERS_PYTHON)
    found["limits"] = report.limits(found)
    found["disagreements"] = list(report.disagreements(found))
    return found


async def _through(options: triage.Options, folder: Path) -> dict[str, Any]:
    stopping: list[bool] = []

    def say() -> None:
        stopping.append(True)
        click.echo("  停止中 · stopping …")

    cancel_on_signal(say)
    try:
        return await triage.measure(options, folder)
    except asyncio.CancelledError:
        if not stopping:
            raise
        sys.exit(2)


if __name__ == "__main__":
    main()
