"""A dead letter as an operator meets it: where it lies, what it was, what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from schemas.envelope import TYPE_PREFIX, Message
from schemas.topics import dead_letters_of

#: ``retrying``: it was to be sent again, and whether it went out nobody has noted.
State: TypeAlias = Literal["open", "retrying", "retried", "dropped"]
#: A record that is sent again says of which letter.
RETRY_OF = "retry_of"
_OURS = ("dead_", RETRY_OF)
#: Of these the key was read before the handling failed; any other may be whatever a stranger wrote.
_KEY_WAS_READ = ("bug", "set_aside")


class CannotRetry(ValueError):
    """The letter cannot be sent again; the message says why."""


@dataclass(frozen=True, order=True)
class Place:
    """Where a letter lies; written ``triage/3/120``: consumer, partition, offset."""

    consumer: str
    partition: int
    offset: int

    @classmethod
    def of(cls, written: str) -> Place:
        """Read it. Raises ``ValueError``."""
        try:
            consumer, partition, offset = written.split("/")
            place = cls(consumer, int(partition), int(offset))
        except ValueError:
            place = None
        if place is None or min(place.partition, place.offset) < 0 or str(place) != written:
            raise ValueError(f"{written}: write CONSUMER/PARTITION/OFFSET, as list shows it")
        return place

    @property
    def topic(self) -> str:
        return dead_letters_of(self.consumer)

    def __str__(self) -> str:
        return f"{self.consumer}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Letter:
    """One record of a topic of dead letters. ``set_down_at`` is the broker's time of it."""

    place: Place
    set_down_at: datetime
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    state: State = "open"

    @property
    def is_open(self) -> bool:
        """Whether somebody has to see to it."""
        return self.state in ("open", "retrying")

    def _says(self, name: str) -> str:
        found = [raw for header, raw in self.headers if header == name]
        return found[-1].decode("utf-8", "replace") if found else ""

    @property
    def topic(self) -> str:
        """Where the record came from; empty when the letter does not say."""
        return self._says("dead_topic")

    @property
    def origin(self) -> str:
        """Its place there."""
        return f"{self.topic}/{self._says('dead_partition')}/{self._says('dead_offset')}"

    @property
    def kind(self) -> str:
        """``invalid``, ``bug``, ``set_aside`` or ``unknown`` (a device nobody wears)."""
        return self._says("dead_kind")

    @property
    def reason(self) -> str:
        """Names fields and rules, never values."""
        return self._says("dead_reason")

    @property
    def event(self) -> str:
        """What the record said it was, such as ``VitalSignsRecorded.v2``; fit for a screen."""
        said = self._says("ce_type").removeprefix(TYPE_PREFIX)[:60]
        return said if said.replace(".", "").isalnum() and said.isascii() else "?"

    @property
    def of_whom(self) -> str | None:
        """The patient, unit or facility by its id, where the record's key was read as one."""
        return self.key.decode("utf-8", "replace") if self.kind in _KEY_WAS_READ else None

    @property
    def retry_of(self) -> str:
        """The letter that was sent again and came back as this one; else empty."""
        return self._says(RETRY_OF)

    def again(self) -> Message:
        """The record as it came, for the topic it came from. Raises ``CannotRetry``."""
        if not self.topic:
            raise CannotRetry("it does not say which topic it came from")
        if cut := self._says("dead_cut"):
            raise CannotRetry(f"it was too large to be kept whole ({cut}): ask its sender for it")
        kept = [(name, raw) for name, raw in self.headers if not name.startswith(_OURS)]
        mark = (RETRY_OF, str(self.place).encode())
        return Message(self.topic, self.key, self.value, [*kept, mark])
