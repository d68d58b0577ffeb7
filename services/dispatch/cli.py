"""What one may ask of dispatch at the command line; each command imports what it needs."""

from __future__ import annotations

from typing import IO

import click


@click.command()
@click.argument("file", type=click.File("rb"))
def kpi(file: IO[bytes]) -> None:
    """指标 · the indicators of FILE (or -): lines of incident_id, unit_id, status, occurred_at.

    A line that cannot be read is told by its number, and the rest goes on; then the status is 1.
    """
    import json

    from services.dispatch.kpi import Line, indicators, legs_of
    from services.dispatch.loader import clocks
    from services.kit.lines import Lines

    lines = Lines(file, Line)
    read = [line for _, line in lines]
    limit = clocks()["dispatch_within_3min"].limit
    assert limit is not None  # noqa: S101 (the shipped clock has one)
    counts = {"read": len(read), "refused": lines.refused}
    found = indicators(legs_of(read), limit) | {"lines": counts}
    click.echo(json.dumps(found, indent=2))
    if lines.refused:
        raise SystemExit(1)
