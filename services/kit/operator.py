"""What an operator types: topics, users and roles; keys of clients. Each imports what it needs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from services.kit.role import Role

FOLDER = click.Path(file_okay=False, path_type=Path)


class _NamesEnvironment(click.Command):
    """Its help names the environment that it reads."""

    reads: tuple[str, ...] = ("",)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from services.kit.settings import described

        with formatter.section("Environment"):
            formatter.write_dl(
                [
                    (name, f"{what} [{default}]" if default else what)
                    for name, what, default in described()
                    if any(part in name for part in self.reads)
                ]
            )


class Configured(_NamesEnvironment):
    """A command that reads the environment."""


class ConfiguredGroup(click.Group, _NamesEnvironment):
    """A service that has commands beside: without one of them, it runs."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _NamesEnvironment.format_epilog(self, ctx, formatter)


class OnDatabase(Configured):
    """A command that needs the database alone."""

    reads = ("POSTGRES",)


class OnBroker(Configured):
    """A command that needs the broker alone."""

    reads = ("KAFKA",)


class OnPlatform(Configured):
    """A command that needs broker and database."""

    reads = ("KAFKA", "POSTGRES")


@click.command(cls=Configured)
@click.option("--secrets", type=FOLDER, required=True, help="a file per user, holding the password")
def apply(secrets: Path) -> None:
    """建立主题、用户与权限 · topics, users, rules, roles; a second time changes nothing."""
    from services.kit.admin import apply_broker
    from services.kit.roles import apply_database
    from services.kit.settings import Settings, from_environment

    async def both(settings: Settings, words: dict[str, str]) -> list[str]:
        changed = await apply_database(settings.postgres_dsn.get_secret_value(), words)
        return changed + await apply_broker(settings, words)

    with in_a_line():
        words = {file.name: file.read_text("utf-8").strip() for file in secrets.iterdir()}
        for line in asyncio.run(both(from_environment(), words)) or ["nothing to change"]:
            click.echo(line)


@click.group()
def client() -> None:
    """客户端密钥 · keys of software clients."""


@client.command(cls=OnDatabase)
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option(
    "--facility", metavar="ID", help="with --role centre or primary_care: whose patients it sees"
)
def add(name: str, role: str, facility: str | None) -> None:
    """Make a key for NAME; it is shown once and stored hashed."""
    from services.kit.auth import add_client, check_client
    from services.kit.errors import Rejected

    try:
        check_client(name, Role(role), facility)
    except Rejected as error:
        raise click.UsageError(error.detail) from error
    click.echo(on_database("access", lambda pool: add_client(pool, name, Role(role), facility)))


@client.command(cls=OnDatabase)
@click.argument("name")
def revoke(name: str) -> None:
    """Revoke the key of NAME; it stops working within half a minute."""
    from services.kit.auth import revoke_client

    found = on_database("access", lambda pool: revoke_client(pool, name))
    click.echo("revoked" if found else f"no client named {name} has a key")
    sys.exit(0 if found else 1)


def on_database(schema: str, do: Callable[[Any], Awaitable[Any]]) -> Any:
    """Do something with the tables of a schema, as the role that the environment names."""
    from services.kit import postgres
    from services.kit.settings import from_environment

    async def work() -> Any:
        async with await postgres.connect(from_environment(), schema, size=1) as pool:
            return await do(pool)

    with in_a_line():
        return asyncio.run(work())


@contextmanager
def in_a_line(status: int = 1) -> Iterator[None]:
    """What an operator can mend is told in a line."""
    from asyncpg import PostgresError
    from confluent_kafka import KafkaException

    from services.kit.admin import CannotApply
    from services.kit.errors import Rejected, TransientFailure
    from services.kit.settings import Misconfigured

    mendable = (Rejected, TransientFailure, Misconfigured, CannotApply)
    try:
        yield
    except (*mendable, PostgresError, KafkaException, OSError) as error:
        told = click.ClickException(str(error) or type(error).__name__)
        told.exit_code = status
        raise told from error
