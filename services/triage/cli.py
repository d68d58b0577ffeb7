"""What one may ask of triage at the command line; each command imports what it needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import click

FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)
FILE = click.Path(dir_okay=False, exists=True, path_type=Path)


class _Moment(click.ParamType):
    """A time with its zone."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value} is no time: 2026-03-01T08:00:00+08:00", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value} has no zone: 2026-03-01T08:00:00+08:00", param, ctx)
        return moment


def _set(_: click.Context, __: click.Parameter, name: str) -> Any:
    """A set of protocols; what is wrong with one is told line by line."""
    from services.triage.loader import ProtocolRefused, active

    try:
        return active(name)
    except ProtocolRefused as refused:
        raise click.BadParameter("\n" + "\n".join(refused.lines)) from refused


def _set_on_trial(_: click.Context, __: click.Parameter, name: str) -> Any:
    from services.triage.loader import ProtocolRefused, on_trial

    try:
        return on_trial(name)
    except ProtocolRefused as refused:
        raise click.BadParameter("\n" + "\n".join(refused.lines)) from refused


SET = click.option(
    "--protocols", "rulebook", metavar="NAME|DIR", default="default", show_default=True,
    callback=_set, help="the set of protocols: the name of one that is shipped, or a folder",
)  # fmt: skip


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
@SET
def assess(file: IO[str], rulebook: Any) -> None:
    """判定 · a decision for each line of FILE (or -), JSON Lines of picture.v1.

    A line that cannot be read is told by its number, and the rest goes on; then the status is 1.
    """
    from pydantic import ValidationError

    from schemas.envelope import complaint
    from services.triage.snapshot import Snapshot, decided

    now, bad = datetime.now(UTC), 0
    for number, line in _lines(file):
        try:
            decision = decided(Snapshot.model_validate_json(line), now, rulebook)
        except (ValidationError, LookupError) as error:
            told = complaint(error) if isinstance(error, ValidationError) else str(error)
            click.echo(f"第 {number} 行 · line {number}: {told}", err=True)
            bad += 1
            continue
        body = decision.model_dump_json(exclude_none=True)
        click.echo(f'{{"level":"{decision.worst.value}",{body[1:]}')
    sys.exit(1 if bad else 0)


def _lines(file: IO[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file, 1):
        if line.strip():
            yield number, line


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@SET
def explain(file: IO[str], lang: str, rulebook: Any) -> None:
    """解释 · decisions of FILE (or -), JSON Lines as assess writes them or as they stand on their
    topic, for a human to read."""
    from pydantic import ValidationError

    from schemas.envelope import complaint
    from schemas.triage import TriageDecided
    from services.triage.rendering import rendered

    bad = 0
    for number, line in _lines(file):
        try:
            decision = TriageDecided.model_validate_json(line)
        except ValidationError as error:
            click.echo(f"第 {number} 行 · line {number}: {complaint(error)}", err=True)
            bad += 1
            continue
        frame = rulebook.at(decision.occurred_at).frame
        click.echo("\n".join(rendered(decision, lang, frame)) + "\n")
    sys.exit(1 if bad else 0)


@click.command()
@click.option("--from", "since", type=_Moment(), help="decisions from then on")
@click.option("--to", "until", type=_Moment(), help="and until then")
@click.option(
    "--protocols", "rulebook", metavar="NAME|DIR", default="default", show_default=True,
    callback=_set_on_trial, help="the set to decide by; it may hold numbers from memory",
)  # fmt: skip
@click.option(
    "--recording", type=FILE, metavar="FILE",
    help="read what greenchannel record wrote, and not the broker of GREENCHANNEL_KAFKA_*",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="the differences as JSON Lines")
def rerun(
    since: datetime | None,
    until: datetime | None,
    rulebook: Any,
    recording: Path | None,
    as_json: bool,
) -> None:
    """重算 · decide past decisions again, and print what comes out otherwise.

    The log of a patient is read from a day before; who was opened earlier is told and left out. The
    status is 1 when anything differs.
    """
    from services.kit.operator import in_a_line
    from services.triage.reruns import Period, of_broker, of_recording, report

    period = Period(since, until)
    with in_a_line(status=2):
        source = of_recording(recording) if recording else of_broker(period)
        told = report(source, period, rulebook, as_json=as_json)
    sys.exit(1 if told else 0)
