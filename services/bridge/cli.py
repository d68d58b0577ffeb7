"""What one may ask of the bridge at the command line; each command imports what it needs."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import click

from services.kit.operator import OnDatabase, on_database

#: What became of one that was to be told again, or forgotten.
_AGAIN: Mapping[bool | None, str] = {
    True: "is told again",
    False: "is not told: the patient was bound otherwise since then; --forget it",
    None: "no delivery of this id was refused",
}
_FORGOTTEN: Mapping[bool | None, str] = {True: "is forgotten", False: _AGAIN[None]}


@click.command(cls=OnDatabase)
@click.option("--again", metavar="ID", multiple=True, help="tell this one again; may be repeated")
@click.option("--forget", metavar="ID", multiple=True, help="it was looked at, and is not told")
def deliveries(again: tuple[str, ...], forget: tuple[str, ...]) -> None:
    """被拒消息 · what systems of hospitals refused, and why; --again tells one again.

    What a hospital answered may repeat what it was sent: look at it where only you do.
    """
    from services.bridge import hospital

    done: list[tuple[str, Mapping[bool | None, str], bool | None]] = [
        *[(name, _AGAIN, _with(hospital.put_back, name)) for name in again],
        *[(name, _FORGOTTEN, _with(hospital.forget, name)) for name in forget],
    ]
    for name, words, became in done:
        click.echo(f"{name}  {words[became]}", err=not became)
    if done:
        sys.exit(int(not all(became for *_, became in done)))
    for each in _with(hospital.all_refused):
        click.echo(_line_of(each))


def _with(do: Callable[..., Awaitable[Any]], *words: str) -> Any:
    """Do it in a transaction of the bridge's."""
    from services.kit.postgres import transaction

    async def work(pool: Any) -> Any:
        async with transaction(pool) as connection:
            return await do(connection, *words)

    return on_database("bridge", work)


def _line_of(each: Mapping[str, Any]) -> str:
    """The id first, to be copied; the reason last, for it may be long."""
    place = (each["id"], each["facility_id"], each["channel"], each["type"], each["encounter_id"])
    at = each["refused_at"].isoformat(timespec="seconds")
    return "  ".join((*place, at, each["reason"] or ""))
