"""Sends published records through the services of a running system, and accounts for each row."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import click
from tqdm import tqdm

from simulator import endpoints
from simulator.desk import Desk, Gone
from simulator.dispatcher import Dispatcher
from simulator.nurse import Nurse
from simulator.outside import Outside
from simulator.replays import arrivals, minutes, missions
from simulator.replays.account import Account, Fate, Unreadable
from simulator.replays.publication import PUBLICATIONS, Publication
from simulator.replays.summary import lines
from simulator.replays.table import WrongTable
from simulator.vendor import Vendor

SHARED = Path(__file__).resolve().parents[2] / "shared/data"
READ: Mapping[str, Callable[[str, str], Iterable[Any]]] = {
    "lincoln": missions.read,
    "ktas": arrivals.read,
    "numerics": minutes.read,
}
ABSENT = (
    "没有数据 · the records are not here. docs/data.md says where they are published; --file PATH"
)
NO_SYSTEM = (
    "没有运行中的系统 · no system runs there. Start one and leave it running:"
    " greenchannel run --endpoints FILE --calls-per-hour 0 --live-encounters 0"
)
ENDED = "ended before all was sent"
GONE = "the system stopped answering before all was sent"
#: The endpoints file is written whole when input begins.
READY_S = 3.0
Row = TypeVar("Row", missions.Mission, arrivals.Arrival, minutes.Minute)


class CannotReplay(Exception):
    """There is nothing to send, or nobody to send it to; the message says what to do."""


@dataclass(frozen=True)
class Options:
    """What ``greenchannel replay`` was asked for."""

    name: str
    endpoints: Path | None
    files: Sequence[Path] = ()
    limit: int | None = None
    report: Path | None = None
    everyone: bool = False
    minute_s: float = 0.02


async def replay(options: Options) -> int:
    """Send it; the exit status: 0 when all counts add up. Raises ``CannotReplay``."""
    published = PUBLICATIONS[options.name]
    paths = options.files or [SHARED / file for file in published.files]
    files, contents = await asyncio.to_thread(_read, options, paths, published.encoding)
    rows = [row for theirs in files.values() for row in theirs]
    account = Account(row.place for row in rows)
    known = await _known(options.endpoints)
    outside = Outside(known)
    with tqdm(desc=f"  {options.name}", total=len(rows), unit="row", disable=None) as bar:
        desk = Desk(known, outside, account, bar.update)
        try:
            found = await _until_gone(options, desk, files)
        except asyncio.CancelledError:  # Ctrl-C: what was sent is told all the same
            found = {"finished": False, "problems": [ENDED]}
        finally:
            await outside.close()
    report = _report(options, published, contents, account, found)
    for line in lines(report):
        click.echo(line)
    if options.report:
        await asyncio.to_thread(_write, options.report, report)
    return int(bool(report["problems"]))


async def _known(path: Path | None) -> endpoints.Endpoints:
    """Who takes the records. The file is there as long as the run is."""
    if path is None:
        raise CannotReplay(NO_SYSTEM)
    try:
        async with asyncio.timeout(READY_S):
            return await endpoints.load(path)
    except TimeoutError as error:
        raise CannotReplay(NO_SYSTEM) from error


def _read(
    options: Options, paths: Sequence[Path], encoding: str
) -> tuple[dict[str, list[Any]], list[dict[str, str]]]:
    """The rows of each file, by the number of the file, and what the files are."""
    files, contents = {}, []
    for number, path in enumerate(paths, 1):
        try:
            content = path.read_bytes()
            found = READ[options.name](content.decode(encoding), str(number))
            files[str(number)] = list(islice(found, options.limit))
        except OSError as error:
            raise CannotReplay(f"{path.name}: {ABSENT}") from error
        except (UnicodeDecodeError, WrongTable) as error:
            raise CannotReplay(f"{path.name}: 不是这份数据 · is another file: {error}") from error
        digest = hashlib.sha256(content).hexdigest()
        contents.append({"file": str(number), "name": path.name, "sha256": digest})
    return files, contents


async def _until_gone(
    options: Options, desk: Desk, files: Mapping[str, list[Any]]
) -> dict[str, Any]:
    found: dict[str, Any] = {"finished": False, "problems": [GONE]}
    try:
        found = await _send(options, desk, files)
    except* Gone:
        pass
    return found


async def _send(options: Options, desk: Desk, files: Mapping[str, list[Any]]) -> dict[str, Any]:
    for row in (row for rows in files.values() for row in rows):
        if isinstance(row, Unreadable):
            desk.settle(row.place, Fate.SKIPPED, row.reason)
    match options.name:
        case "lincoln":
            return await Dispatcher(desk, _of(missions.Mission, files)).whole()
        case "ktas":
            return await Nurse(desk, _of(arrivals.Arrival, files), options.everyone).whole()
    worn = {file: _of(minutes.Minute, {file: rows}) for file, rows in files.items()}
    return await Vendor(desk, worn, options.minute_s).whole()


def _of(kind: type[Row], files: Mapping[str, list[Any]]) -> list[Row]:
    return [row for rows in files.values() for row in rows if isinstance(row, kind)]


def _report(
    options: Options,
    published: Publication,
    contents: Sequence[Mapping[str, str]],
    account: Account,
    found: dict[str, Any],
) -> dict[str, Any]:
    problems = [*account.problems(), *found.pop("problems")]
    return {
        "replay": options.name,
        "files": contents,
        "licence": published.licence,
        "citation": published.citation,
        "not": {"zh": published.zh, "en": published.en},
        "rows": account.summary(),
        "finished": True,
        "adds_up": not problems,
        "problems": problems,
        **found,
    }


def _write(path: Path, report: Mapping[str, Any]) -> None:
    """Whole, by rename."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(report, ensure_ascii=False, indent=2), "utf-8")
    os.replace(draft, path)
