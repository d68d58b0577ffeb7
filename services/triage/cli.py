"""What one may ask of triage at the command line; each command imports what it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable
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


def _set(ctx: click.Context, _: click.Parameter, name: str) -> Any:
    """A set of protocols; what is wrong with one is told line by line."""
    from services.triage.loader import active

    return _loaded(active, name, ctx)


def _set_on_trial(ctx: click.Context, _: click.Parameter, name: str) -> Any:
    from services.triage.loader import on_trial

    return _loaded(on_trial, name, ctx)


def _loaded(load: Callable[[str, Path | None], Any], name: str, ctx: click.Context) -> Any:
    from services.triage.loader import ProtocolRefused

    try:
        return load(name, ctx.meta.get(_SITE))
    except ProtocolRefused as refused:
        raise click.UsageError("\n" + "\n".join(refused.lines), ctx) from refused


#: Where the context keeps the file of the site.
_SITE = "greenchannel.triage.site"


def _keep(ctx: click.Context, _: click.Parameter, file: Path | None) -> None:
    ctx.meta[_SITE] = file


SITE = click.option(
    "--site", type=FILE, metavar="FILE", envvar="GREENCHANNEL_TRIAGE_SITE", show_envvar=True,
    callback=_keep, is_eager=True, expose_value=False,
    help="what this site sets otherwise: ages, altitude, response times",
)  # fmt: skip
SET = click.option(
    "--protocols", "rulebook", metavar="NAME|DIR", default="default", show_default=True,
    callback=_set, help="the set of protocols: the name of one that is shipped, or a folder",
)  # fmt: skip


@click.command()
@click.argument("file", type=click.File("rb"))
@SET
@SITE
def assess(file: IO[bytes], rulebook: Any) -> None:
    """判定 · a decision for each line of FILE (or -), JSON Lines of picture.v1.

    A line that cannot be read is told by its number, and the rest goes on; then the status is 1.
    """
    from pydantic import ValidationError

    from schemas.envelope import complaint
    from services.kit.lines import Lines
    from services.triage.snapshot import Snapshot, decided

    now, lines = datetime.now(UTC), Lines(file, Snapshot)
    for number, snapshot in lines:
        try:
            decision = decided(snapshot, now, rulebook)
        except (ValidationError, LookupError) as error:
            told = complaint(error) if isinstance(error, ValidationError) else str(error)
            lines.refuse(number, told)
            continue
        body = decision.model_dump_json(exclude_none=True)
        click.echo(f'{{"level":"{decision.worst.value}",{body[1:]}')
    sys.exit(1 if lines.refused else 0)


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@SET
def explain(file: IO[bytes], lang: str, rulebook: Any) -> None:
    """解释 · decisions of FILE (or -), JSON Lines as assess writes them or as they stand on their
    topic, for a human to read."""
    from schemas.triage import TriageDecided
    from services.kit.lines import Lines
    from services.triage.rendering import rendered

    lines = Lines(file, TriageDecided)
    for number, decision in lines:
        try:
            frame = rulebook.at(decision.occurred_at).frame
        except LookupError as error:
            lines.refuse(number, str(error))
            continue
        click.echo("\n".join(rendered(decision, lang, frame)) + "\n")
    sys.exit(1 if lines.refused else 0)


@click.command()
@click.option("--from", "since", type=_Moment(), help="decisions from then on")
@click.option("--to", "until", type=_Moment(), help="and until then")
@click.option(
    "--protocols", "rulebook", metavar="NAME|DIR", default="default", show_default=True,
    callback=_set_on_trial, help="the set to decide by; it may hold numbers from memory",
)  # fmt: skip
@SITE
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
