"""What an operator types for the boards: phones of crews."""

from __future__ import annotations

import secrets
import sys
from datetime import timedelta

import click

from services.kit.operator import OnDatabase, on_database

#: Without letters and digits that are read as each other.
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LIFE = timedelta(minutes=15)


def new_code() -> str:
    """Twelve letters in threes of four, to be typed on a phone: 60 bits, once, for 15 minutes."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))


@click.group()
def handset() -> None:
    """车组终端 · phones of crews."""


@handset.command(cls=OnDatabase)
@click.argument("label")
def add(label: str) -> None:
    """A code that enrols one phone as LABEL within 15 minutes; typed at /crew on that phone."""
    from services.boards import store

    code = new_code()
    on_database("access", lambda pool: store.make_enrolment(pool, code, label, LIFE))
    click.echo(code)


@handset.command(cls=OnDatabase)
@click.argument("label")
def revoke(label: str) -> None:
    """The phones of LABEL act no more, within half a minute."""
    from services.boards import store

    found = on_database("access", lambda pool: store.revoke_handset(pool, label))
    click.echo(f"{found} revoked" if found else f"no phone is enrolled as {label}")
    sys.exit(0 if found else 1)
