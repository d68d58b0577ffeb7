"""Reads logs for a rerun, from a recording or from the broker, and prints what differs."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import click
from tqdm import tqdm

from schemas.envelope import InvalidMessage, decode
from schemas.recording import Recorded, WrongFile, read, read_head
from services.triage.rerun import Case, Difference, Logged, cases_of, differences
from services.triage.rulebook import Rulebook

#: What triage reads, and what it decided.
TOPICS = (
    "dispatch-encounters",
    "ambulance-vitals",
    "ambulance-findings",
    "bridge-handoffs",
    "triage-decisions",
)
#: A patient's log is looked for from so long before the first decision that was asked for.
BEFORE = timedelta(days=1)


class Period(NamedTuple):
    """Which decisions are asked for."""

    since: datetime | None
    until: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether a decision of this moment is asked for."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


def of_recording(file: Path) -> Iterator[Logged]:
    """The events of a recording. Raises ``OSError`` for what is none."""
    opened = gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open()
    with opened as lines:
        try:
            read_head(next(lines, ""))
            for number, line in enumerate(lines, 2):
                yield from _logged(read(line, number))
        except WrongFile as error:
            raise OSError(f"{file.name}: {error}") from error


def of_broker(period: Period) -> list[Logged]:
    """The events that lie at the broker. Raises what the broker's client raises."""
    from services.kit.settings import from_environment
    from services.triage.log import records

    since = period.since - BEFORE if period.since else None
    found = asyncio.run(records(from_environment(), TOPICS, since, period.until))
    return [logged for record in found for logged in _logged(record)]


def _logged(record: Recorded) -> Iterator[Logged]:
    if record.topic not in TOPICS:
        return
    try:
        event = decode(record.topic, record.key, record.value, record.headers)
    except InvalidMessage:  # triage set it down among the dead letters
        return
    yield Logged(event, datetime.fromtimestamp(record.t / 1000, UTC))


def report(source: Iterable[Logged], period: Period, rulebook: Rulebook, *, as_json: bool) -> int:
    """Print every difference, and a line that counts; how many there were."""
    counts = Counter[str]()
    cases = [case for case in cases_of(source) if any(_asked(case, period))]
    for case in tqdm(cases, desc="  重算 · rerun", unit="", disable=None):
        asked = [d for d in case.decisions if period.holds(d.occurred_at)]
        if not case.is_whole:
            counts["decisions of patients whose log begins earlier"] += len(asked)
            continue
        counts["decisions"] += len(asked)
        for difference in differences(case, rulebook):
            if period.holds(difference.at):
                counts["differences"] += 1
                click.echo(_told(difference, as_json=as_json))
    left = counts["decisions of patients whose log begins earlier"]
    tail = f"; {left} 条日志不全 · of patients whose log begins earlier, left out" if left else ""
    click.echo(
        f"  {counts['decisions']} 条决定重算 · decisions again by {rulebook.name}, "
        f"{counts['differences']} 处不同 · differ{tail}",
        err=True,
    )
    return counts["differences"]


def _asked(case: Case, period: Period) -> Iterator[bool]:
    return (period.holds(decision.occurred_at) for decision in case.decisions)


def _told(difference: Difference, *, as_json: bool) -> str:
    told = difference._asdict() | {"at": difference.at.isoformat()}
    if as_json:
        return json.dumps(told, ensure_ascii=False)
    changes = ", ".join(
        f"{name} {_short(difference.then[name])} → {_short(difference.now[name])}"
        for name in difference.then
    )
    return f"{difference.encounter_id} #{difference.number} {told['at']}  {changes}"


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{centre}:{how}" for centre, how in value.items()) or "–"
    return (",".join(map(str, value)) or "–") if isinstance(value, list) else str(value)
