"""Makes the stories' examples: ``python -m simulator.examples RECORDING TRUTH``.

The recording is of a run that told every story, the truth its journal: ``greenchannel run --data``
keeps it. Each story becomes a recording of its own, with names and times that do not change.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click

from schemas.recording import Head, Recorded, head_line, line, read, read_head
from simulator import truth
from simulator.story import Story, every

FOLDER = Path(__file__).resolve().parents[1] / "schemas/examples/stories"
#: When every story begins.
BEGINS = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
#: One position in so many is shown.
POSITIONS_OF = 5
ADMISSION = r"GC-\d{8}-\d{4,}"


@dataclass
class Telling:
    """One telling of a story: who was in it, and from when until when, in seconds."""

    story: Story
    began: float
    ended: float = 0.0
    handles: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    over: int = 0

    def name(self, ours: str, kind: str) -> None:
        """A name that does not change for one of the run's."""
        if ours and ours not in self.names:
            number = sum(name.startswith(f"{kind}-") for name in self.names.values()) + 1
            self.names[ours] = f"{kind}-{self.story.story}-{number}"


def tellings(journal: Iterable[truth.TruthLine]) -> dict[str, Telling]:
    """The first telling of each story that came to its end, by the story's name."""
    stories = {story.story: story for story in every()}
    of_handle: dict[str, Telling] = {}
    found: dict[str, Telling] = {}
    for said in journal:
        if isinstance(said, truth.EncounterBegan):
            if said.handle not in of_handle:  # patients of one telling are numbered on
                telling = Telling(stories[said.story], said.t)
                epoch, _, number = said.handle.rpartition("-")
                telling.handles = [
                    f"{epoch}-{int(number) + n}" for n in range(len(telling.story.patients))
                ]
                of_handle.update(dict.fromkeys(telling.handles, telling))
            of_handle[said.handle].name(said.encounter_id, "E")
        elif isinstance(said, truth.ActSent) and said.handle in of_handle:
            of_handle[said.handle].name(said.about["incident_id"], "I")
            of_handle[said.handle].names.setdefault(said.about["unit_id"], said.about["unit_id"])
        elif isinstance(said, truth.EncounterOver):
            telling = of_handle[said.handle]
            telling.over += 1
            telling.ended = said.t
            if telling.over == len(telling.story.patients):
                found.setdefault(telling.story.story, telling)
    return found


def told(telling: Telling, records: Iterable[Recorded]) -> Iterator[Recorded]:
    """What of a recording is about one telling, oldest first, under names that do not change."""
    since, until = (telling.began - 2.0) * 1000, (telling.ended + 2.0) * 1000
    first = datetime.fromtimestamp(telling.began, UTC)
    offsets: Counter[str] = Counter()
    looks: Counter[bytes] = Counter()
    rename = _renaming(telling)
    for record in records:
        key = (record.key or b"").decode("utf-8", "replace")
        if not since <= record.t <= until or key not in telling.names:
            continue
        if record.topic == "ambulance-positions":
            looks[record.key or b""] += 1
            if looks[record.key or b""] % POSITIONS_OF != 1:
                continue
        moved = record.told_from(first, BEGINS)
        yield moved._replace(
            partition=0,
            offset=offsets[record.topic],
            t=round(record.t - first.timestamp() * 1000 + BEGINS.timestamp() * 1000),
            key=rename(moved.key),
            value=rename(moved.value),
            headers=[(name, rename(said)) for name, said in moved.headers],
        )
        offsets[record.topic] += 1


def _renaming(telling: Telling) -> Callable[[bytes | None], bytes | None]:
    handles = {h: f"{telling.story.story}-{n}" for n, h in enumerate(telling.handles, 1)}
    names = {**telling.names, **handles}
    longest = [re.escape(name) for name in sorted(names, key=len, reverse=True)]
    pattern = re.compile("|".join(rf"\b{each}\b" for each in (*longest, ADMISSION)).encode())

    def renamed(found: re.Match[bytes]) -> bytes:
        name = found[0].decode()
        number = sum(each.startswith("GC-") for each in names.values()) + 1
        return names.setdefault(name, f"GC-{BEGINS:%Y%m%d}-{number:04}").encode()

    return lambda said: said and pattern.sub(renamed, said)


def main(arguments: Sequence[str]) -> int:
    """Write all files anew; the exit status."""
    if len(arguments) != 2:
        click.echo((__doc__ or "").partition("\n")[0], err=True)
        return 2
    recording, journal = map(Path, arguments)
    with recording.open(encoding="utf-8") as text:
        topics = read_head(next(text)).topics
        records = [read(each, number) for number, each in enumerate(text, 2)]
    lines = [truth.decode(raw) for raw in journal.read_bytes().splitlines()]
    found = tellings(lines)
    missing = {story.story for story in every()} - found.keys()
    if missing:
        click.echo(f"not told to the end: {', '.join(sorted(missing))}", err=True)
        return 1
    FOLDER.mkdir(exist_ok=True)
    for number, story in enumerate(every(), 1):
        mine = list(told(found[story.story], records))
        head = Head(topics, mine[0].t, mine[-1].t + 1)
        file = FOLDER / f"{number:02}-{story.story}.ndjson"
        file.write_text(head_line(head) + "".join(map(line, mine)), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
