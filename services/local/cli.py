"""``greenchannel demo``: what a simulated city needs beside a system that runs already."""

from __future__ import annotations

import json
from pathlib import Path

import click

from services.kit.operator import Configured, in_a_line

#: The keys of a demo begin so: a key set that holds another is somebody's who signs in people.
KEY = "demo-"
#: Who acts in the city; nobody there looks after the system.
ACTING = ("dispatcher", "crew", "primary_care", "centre", "clinic")


@click.command(cls=Configured)
@click.option(
    "--secrets",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="a file per user, holding the password; jwks.json and demo.json are written there",
)
def demo(secrets: Path) -> None:
    """演示用令牌 · twelve hours of tokens for the simulated city of docker-compose.yml."""
    from secrets import token_hex

    from services.kit import endpoints
    from services.kit.broker import as_user
    from services.kit.settings import from_environment
    from services.kit.tokens import SigningKey
    from simulator import city

    with in_a_line():
        settings, places, key = from_environment(), city.load(), SigningKey(KEY + token_hex(4))
        _refuse_another(secrets / "jwks.json")
        facilities = [place.id for place in places.facilities]
        clinics = [place.id for place in places.clinics] + facilities
        signed = endpoints.bearers(key, facilities, clinics)
        password = (secrets / "observer").read_text("utf-8").strip()
        known = {
            "kafka": endpoints.connection(as_user(settings, "observer", password)),
            "http": {
                "dispatch": settings.boards_dispatch,
                "gateway": settings.boards_gateway,
                "bridge": settings.boards_bridge,
            },
            "tokens": {name: signed[name] for name in ACTING},
        }
        _write(secrets / "jwks.json", key.key_set())
        _write(secrets / "demo.json", json.dumps(known, indent=2))
    click.echo("✓ 令牌有效 12 小时 · jwks.json and demo.json are written, good for 12 hours")


def _refuse_another(jwks: Path) -> None:
    held = json.loads(jwks.read_text("utf-8"))["keys"] if jwks.exists() else []
    if not all(str(one.get("kid", "")).startswith(KEY) for one in held):
        raise click.ClickException(
            f"{jwks} holds keys of who signs in people: a demo wants a composition of its own"
        )


def _write(file: Path, text: str) -> None:
    """Into the file that is there: it is mounted into containers that run. They run in other names
    and read it; nobody else passes the folder."""
    file.write_text(text, "utf-8")
    file.chmod(0o644)
