"""``greenchannel dead-letters``, ``topics`` and ``doctor``; each imports what it needs."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from services.kit.operator import OnBroker, OnPlatform, in_a_line

if TYPE_CHECKING:
    from services.operations.desk import Desk
    from services.operations.letter import Letter

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_STATES = {
    "open": "待处理 open",
    "retrying": "重发未完 retry unfinished",
    "retried": "已重发 retried",
    "dropped": "已放弃 dropped",
}
_places = click.argument("places", metavar="PLACE...", nargs=-1)
_actor = click.option(
    "--by", "actor", default=getpass.getuser, metavar="NAME", help="who acts [who is signed in]"
)
_because = click.option("--because", required=True, metavar="WORDS", help="why, for the record")


@click.group()
def dead_letters() -> None:
    """死信 · records that could not be handled: look, send again, drop; each act is noted."""


def _narrowing(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--kind", type=click.Choice(["invalid", "bug", "set_aside", "unknown"])),
        click.option("--consumer", metavar="NAME", help="whose: triage, bridge, …"),
    ):
        command = option(command)
    return command


@dead_letters.command("list", cls=OnPlatform)
@_narrowing
@click.option("--all", "every", is_flag=True, help="those that were seen to as well")
@click.option("--json", "as_json", is_flag=True, help="a line of JSON each")
def list_(consumer: str | None, kind: str | None, every: bool, as_json: bool) -> None:
    """Those that nobody has seen to; no value of a patient is shown."""

    async def look(desk: Desk) -> list[Letter]:
        return await desk.letters(_named(consumer))

    found = [one for one in _at_the_desk(look) if kind in (None, one.kind)]
    for one in found:
        if every or one.is_open:
            click.echo(_json_of(one) if as_json else _line_of(one))
    if not as_json:
        click.echo(_summary(found), err=True)


@dead_letters.command(cls=OnPlatform)
@_places
@_actor
def show(places: tuple[str, ...], actor: str) -> None:
    """The record itself. It is about a patient: that you looked is noted."""
    from services.operations.desk import Operator

    async def look(desk: Desk) -> list[Letter]:
        chosen = await _chosen(desk, places)
        await desk.note(chosen, "shown", Operator(actor))
        return chosen

    for one in _at_the_desk(look):
        click.echo(_line_of(one))
        for name, raw in [("key", one.key), *one.headers, ("value", one.value)]:
            click.echo(f"  {name}: {_readable(raw)}")


@dead_letters.command(cls=OnPlatform)
@_places
@_narrowing
@click.option("--every", is_flag=True, help="all open ones of --consumer and --kind, oldest first")
@_because
@_actor
def retry(places: tuple[str, ...], every: bool, because: str, actor: str, **only: Any) -> None:
    """Send the record to the topic it came from, as it came.

    What was taken in already changes nothing. What cannot be taken in still comes back as a new
    letter, which names this one.
    """
    from tqdm import tqdm

    from services.operations.desk import Operator

    if every == bool(places):
        raise click.UsageError("name each PLACE, or say --every")

    async def again(desk: Desk) -> int:
        chosen = await (_open(desk, **only) if every else _chosen(desk, places))
        sent = desk.retry(chosen, Operator(actor, because))
        with tqdm(total=len(chosen), unit="", disable=None, leave=False) as bar:
            async for each in sent:
                bar.update()
                tqdm.write(
                    f"{each.letter.place} → {each.letter.topic}/{each.partition}/{each.offset}"
                )
        return len(chosen)

    count = _at_the_desk(again)
    click.echo(f"已重发 {count} 条 · {count} sent again; list shows what comes back", err=True)


@dead_letters.command(cls=OnPlatform)
@_places
@_because
@_actor
def drop(places: tuple[str, ...], because: str, actor: str) -> None:
    """Mark as seen to: what it said is not taken in, or was entered anew. The record stays until
    its topic forgets it."""
    from services.operations.desk import Operator

    async def forget(desk: Desk) -> int:
        chosen = await _chosen(desk, places)
        await desk.note(chosen, "dropped", Operator(actor, because))
        return len(chosen)

    if not places:
        raise click.UsageError("name each PLACE")
    count = _at_the_desk(forget)
    click.echo(f"已放弃 {count} 条 · {count} dropped", err=True)


def _at_the_desk(do: Callable[[Desk], Awaitable[Any]]) -> Any:
    from services.kit.settings import from_environment
    from services.operations.desk import Busy, at_the_desk
    from services.operations.letter import CannotRetry

    async def work() -> Any:
        async with at_the_desk(from_environment()) as desk:
            return await do(desk)

    with in_a_line():
        try:
            return asyncio.run(work())
        except (Busy, CannotRetry) as error:
            raise click.ClickException(str(error)) from error


async def _open(desk: Desk, consumer: str | None, kind: str | None) -> list[Letter]:
    found = await desk.letters(_named(consumer))
    return [one for one in found if one.is_open and kind in (None, one.kind)]


async def _chosen(desk: Desk, written: Sequence[str]) -> list[Letter]:
    """The letters at these places, in this order."""
    from services.operations.letter import Place

    try:
        places = [Place.of(each) for each in written]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    _named(*(place.consumer for place in places))
    if not places:
        raise click.UsageError("name each PLACE")
    found = {one.place: one for one in await desk.letters({p.consumer for p in places})}
    for place in places:
        if place not in found:
            raise click.ClickException(f"{place}: no letter lies there (kept 30 days); see list")
    return [found[place] for place in dict.fromkeys(places)]


def _named(*consumers: str | None) -> list[str]:
    from services.operations.desk import consumers as known

    wanted = [each for each in consumers if each]
    for each in wanted:
        if each not in known():
            raise click.UsageError(f"{each} has no dead letters; these have: {', '.join(known())}")
    return wanted


def _line_of(one: Letter) -> str:
    at = one.set_down_at.isoformat(timespec="seconds")
    words = [str(one.place), at, _STATES[one.state], one.kind, one.event, f"from {one.origin}"]
    words += [f"of {one.of_whom}"] if one.of_whom else []
    words += [f"again after {one.retry_of}"] if one.retry_of else []
    return "  ".join([*words, one.reason])


def _json_of(one: Letter) -> str:
    told = {
        "place": str(one.place), "set_down_at": one.set_down_at.isoformat(), "state": one.state,
        "kind": one.kind, "event": one.event, "origin": one.origin, "of": one.of_whom,
        "retry_of": one.retry_of or None, "reason": one.reason,
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False)


def _summary(found: Sequence[Letter]) -> str:
    waiting = [one for one in found if one.is_open]
    seen_to = len(found) - len(waiting)
    if not waiting:
        return f"没有待处理的死信 · no dead letter is open; {seen_to} seen to"
    kinds = Counter(f"{one.place.consumer} {one.kind}" for one in waiting)
    counted = ", ".join(f"{count} {name}" for name, count in sorted(kinds.items()))
    return f"待处理 {len(waiting)} · {len(waiting)} open ({counted}); {seen_to} seen to"


def _readable(raw: bytes) -> str:
    """As text where it is text; a terminal is sent nothing that it would obey."""
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


_SIGNS = {"good": "✓", "warn": "!", "bad": "✗", "unseen": "?"}


@click.command(cls=OnPlatform)
@click.option("--endpoints", type=FILE, help="of greenchannel run: its observer sees most of it")
@click.option("--json", "as_json", is_flag=True, help="a line of JSON for each thing")
def doctor(endpoints: Path | None, as_json: bool) -> None:
    """体检 · broker, topics, database, clocks, disks: what is wrong, and what to do.

    Run it with the environment of a superuser (as apply), on each machine whose clock counts. It
    changes nothing; some records go to a topic of their own. The exit status is 1 where anything is
    bad.
    """
    from services.kit.endpoints import observer
    from services.kit.settings import from_environment
    from services.operations.doctor import examine

    verdicts = Counter[str]()

    async def look() -> None:
        settings = observer(endpoints) if endpoints else from_environment()
        async for one in examine(settings):
            verdicts[one.verdict] += 1
            if as_json:
                click.echo(json.dumps(one._asdict(), ensure_ascii=False))
                continue
            click.echo(f"{_SIGNS[one.verdict]} {one.zh} · {one.en}: {one.found}")
            if one.cure:
                click.echo(f"    → {one.cure}")

    with in_a_line():
        asyncio.run(look())
    if not as_json:
        counted = "，".join(f"{_SIGNS[v]} {verdicts[v]}" for v in _SIGNS if verdicts[v])
        click.echo(counted, err=True)
    raise SystemExit(int(verdicts["bad"] > 0))


@click.group()
def topics() -> None:
    """主题 · the topics of the broker, as schemas/topics.yaml declares them."""


@topics.command("apply", cls=OnBroker)
@click.option(
    "--partitions", type=click.IntRange(1), help="instead of the declared number, for new"
)
def apply_topics(partitions: int | None) -> None:
    """Make those that lack, and set what differs; users and their rules are left as they are.

    A topic's number of partitions never changes: one that differs is named, and nothing is done.
    """
    from services.kit.admin import apply_broker
    from services.kit.settings import from_environment

    with in_a_line():
        changed = asyncio.run(apply_broker(from_environment(), {}, partitions))
        for line in changed or ["nothing to change"]:
            click.echo(line)
