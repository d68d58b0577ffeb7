"""What one may ask of the bridge at the command line; each command imports what it needs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from services.kit.operator import OnDatabase, on_database


@click.command(cls=OnDatabase)
@click.option("--again", metavar="ID", multiple=True, help="tell this one again; may be repeated")
def deliveries(again: tuple[str, ...]) -> None:
    """被拒消息 · what systems of hospitals refused, and why; --again tells one again.

    What a hospital answered may repeat what it was sent: look at it where only you do.
    """
    if again:
        lost = [name for name in again if not _put_back(name)]
        for name in again:
            found = "no delivery of this id was refused" if name in lost else "is told again"
            click.echo(f"{name}  {found}", err=name in lost)
        sys.exit(int(bool(lost)))
    for each in _refused():
        click.echo(_line_of(each))


def _refused() -> list[Mapping[str, Any]]:
    from services.bridge import hospital
    from services.kit.postgres import transaction

    async def read(pool: Any) -> list[Mapping[str, Any]]:
        async with transaction(pool) as connection:
            return list(await hospital.all_refused(connection))

    found: list[Mapping[str, Any]] = on_database("bridge", read)
    return found


def _put_back(name: str) -> bool:
    from services.bridge import hospital
    from services.kit.postgres import transaction

    async def write(pool: Any) -> bool:
        async with transaction(pool) as connection:
            return await hospital.put_back(connection, name)

    return bool(on_database("bridge", write))


def _line_of(each: Mapping[str, Any]) -> str:
    """The id first, to be copied; the reason last, for it may be long."""
    place = (each["id"], each["facility_id"], each["channel"], each["type"], each["encounter_id"])
    at = each["refused_at"].isoformat(timespec="seconds")
    return "  ".join((*place, at, each["reason"] or ""))
