"""What a peer does with a record: the same decoding, deciding and encoding as the service.

It keeps a state as the JSON that the service keeps. A state whose JSON is the one it made itself is
not parsed again: the service remembers as many.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.decisions import SOURCE
from schemas.envelope import Message, decode, encode
from schemas.event import Event
from services.triage.decide import State, step
from services.triage.rulebook import Rulebook

#: As the service's ``StateStore``.
REMEMBERED = 1024


class Opening(NamedTuple):
    """How an encounter began."""

    event: Event
    at: datetime


class Decider:
    """Decides record by record. A key without a state begins with its opening."""

    def __init__(self, openings: Mapping[str, Opening], rulebook: Rulebook) -> None:
        self._openings, self._rulebook = openings, rulebook
        self._known: OrderedDict[str, tuple[bytes, State]] = OrderedDict()

    def take(self, record: Message, at_ms: int, kept: bytes | None) -> tuple[bytes, list[Message]]:
        """The state to keep from now on, and the decisions that follow."""
        event = decode(record.topic, record.key, record.value, record.headers)
        key = record.key.decode()
        state, first = self._begun(key, kept)
        state, said = step(state, event, moment(at_ms), self._rulebook)
        keeps = state.model_dump_json(exclude_defaults=True).encode()
        self._remember(key, keeps, state)
        return keeps, [encode(decision, SOURCE) for decision in (*first, *said)]

    def _begun(self, key: str, kept: bytes | None) -> tuple[State, Sequence[Event]]:
        if kept is None:
            opening = self._openings[key]
            return step(None, opening.event, opening.at, self._rulebook)
        known = self._known.get(key)
        if known is not None and known[0] == kept:
            return known[1], ()
        return State.model_validate_json(kept), ()

    def _remember(self, key: str, keeps: bytes, state: State) -> None:
        self._known[key] = keeps, state
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def moment(at_ms: int) -> datetime:
    """When the broker appended a record."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def written(messages: Iterable[tuple[Message, int | str]]) -> str:
    """Messages, a line each, with the broker's time of it or what caused it."""
    return "".join(
        json.dumps(
            [
                m.topic,
                m.key.decode(),
                m.value.decode(),
                [(n, v.decode()) for n, v in m.headers],
                more,
            ]
        )
        + "\n"
        for m, more in messages
    )


def read(file: Path) -> Iterator[tuple[Message, Any]]:
    """What ``written`` wrote."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            topic, key, value, headers, more = json.loads(line)
            pairs = [(name, text.encode()) for name, text in headers]
            yield Message(topic, key.encode(), value.encode(), pairs), more


def openings(file: Path) -> dict[str, Opening]:
    """The openings that a peer is given beforehand."""
    return {
        m.key.decode(): Opening(decode(m.topic, m.key, m.value, m.headers), moment(at))
        for m, at in read(file)
    }
