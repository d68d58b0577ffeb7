"""What one may ask of dispatch at the command line; each command imports what it needs."""

from __future__ import annotations

from typing import IO

import click


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
def kpi(file: IO[str]) -> None:
    """指标 · the indicators of FILE (or -): lines of incident_id, unit_id, status, occurred_at.

    A line that cannot be read is told by its number, and the rest goes on; then the status is 1.
    """
    import json

    from pydantic import ValidationError

    from schemas.envelope import complaint
    from services.dispatch.kpi import Line, indicators, legs_of
    from services.dispatch.loader import clocks

    read: list[Line] = []
    bad = 0
    for number, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            read.append(Line.model_validate_json(text))
        except ValidationError as error:
            click.echo(f"第 {number} 行 · line {number}: {complaint(error)}", err=True)
            bad += 1
    limit = clocks()["dispatch_within_3min"].limit
    assert limit is not None  # noqa: S101 (the shipped clock has one)
    found = indicators(legs_of(read), limit) | {"lines": {"read": len(read), "refused": bad}}
    click.echo(json.dumps(found, indent=2))
    if bad:
        raise SystemExit(1)
