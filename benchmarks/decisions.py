"""What must come out of the stored records, and whether it did."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from benchmarks.vitals import Stored
from schemas.envelope import Message, decode, encode
from schemas.triage import TriageDecided, TriageLevel
from services.triage.decide import State, step
from services.triage.rulebook import Rulebook

TOPIC = "triage-decisions"
#: Whoever decides says that it is this one, so that all say the same.
SOURCE = "greenchannel/triage"


class Said(NamedTuple):
    """The gist of a decision, and a digest of its bytes."""

    digest: bytes
    worst: TriageLevel
    current: TriageLevel
    folded: tuple[str, ...]


Course = Mapping[str, Sequence[Said]]


@dataclass
class Expected:
    """What deciding record by record gives, in one process and with nothing around it."""

    by_encounter: dict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    decisions: int = 0
    #: Records whose decision says something new.
    changing: int = 0
    #: Bytes of all decisions and of the last states as JSON.
    decision_bytes: int = 0
    state_bytes: int = 0


class Told(NamedTuple):
    """What a record leads to."""

    cause: str
    message: Message


def decided(records: Iterable[Stored], rulebook: Rulebook, expected: Expected) -> Iterable[Told]:
    """Decide, and count into ``expected`` what is told."""
    states: dict[str, State] = {}
    for event, at in records:
        key: str = event.encounter_id  # type: ignore[attr-defined]
        states[key], events = step(states.get(key), event, at, rulebook)
        for decision in events:
            message = encode(decision, SOURCE)
            _count(expected, key, message, decision)
            yield Told(event.event_id, message)
    expected.state_bytes = sum(
        len(state.model_dump_json(exclude_defaults=True)) for state in states.values()
    )


def _count(expected: Expected, key: str, message: Message, decision: object) -> None:
    assert isinstance(decision, TriageDecided)  # noqa: S101 (nothing is on trial)
    expected.by_encounter[key].append(_said(decision, message.value))
    expected.decisions += 1
    expected.changing += decision.changed
    expected.decision_bytes += len(message.value)


def _said(decision: TriageDecided, value: bytes) -> Said:
    total = hashlib.blake2b(value, digest_size=8).digest()
    return Said(total, decision.worst, decision.current, decision.folded)


@dataclass
class Found:
    """What one way has told, and when the broker had the first and the last of it."""

    by_encounter: dict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    first: datetime | None = None
    last: datetime | None = None

    def note(self, message: Message, appended: datetime) -> None:
        """Take in what stands in its topic, wherever that is."""
        decision = decode(TOPIC, message.key, message.value, message.headers)
        assert isinstance(decision, TriageDecided)  # noqa: S101 (nobody pauses here)
        self.by_encounter[decision.encounter_id].append(_said(decision, message.value))
        self.first = min(self.first or appended, appended)
        self.last = max(self.last or appended, appended)

    @property
    def decisions(self) -> int:
        return sum(map(len, self.by_encounter.values()))

    @property
    def folded(self) -> int:
        """The vitals that the decisions account for."""
        return sum(len(said.folded) for each in self.by_encounter.values() for said in each)

    @property
    def seconds(self) -> float:
        return (self.last - self.first).total_seconds() if self.first and self.last else 0.0


class Agreement(NamedTuple):
    """How far two ways say the same. ``whole`` is false where one has not said everything."""

    whole: bool
    same_levels: bool
    same_folded: bool
    same_bytes: bool


def agreement(expected: Course, found: Course) -> Agreement:
    """Compare each encounter's decisions, as far as they were found."""
    pairs = [
        (mine, yours)
        for key, said in found.items()
        for mine, yours in zip(expected.get(key, [])[: len(said)], said, strict=False)
    ]
    known = all(len(said) <= len(expected.get(key, ())) for key, said in found.items())
    whole = {k: len(v) for k, v in found.items()} == {k: len(v) for k, v in expected.items()}
    return Agreement(
        whole=whole,
        same_levels=known and all(m[1:3] == y[1:3] for m, y in pairs),
        same_folded=known and all(m.folded == y.folded for m, y in pairs),
        same_bytes=known and all(m.digest == y.digest for m, y in pairs),
    )
