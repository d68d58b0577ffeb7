"""What cannot be handled is kept: the original bytes, with origin and reason."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Literal

from aiokafka import ConsumerRecord

from schemas.envelope import Message
from schemas.topics import dead_letters_of

Kind = Literal["invalid", "bug", "set_aside", "unknown"]
#: Bytes of a value that fit into a dead letter, and of its key and headers each. A record that
#: came compressed may be larger: the beginning of it is kept.
ROOM, MARGIN = 1_500_000, 200_000


def letter(consumer: str, record: ConsumerRecord[bytes, bytes], kind: Kind, reason: str) -> Message:
    """The dead letter of a record. Origin and reason are headers; the bytes stay as they came."""
    key, value, headers = record.key or b"", record.value or b"", list(record.headers or ())
    origin = {
        "dead_topic": record.topic,
        "dead_partition": str(record.partition),
        "dead_offset": str(record.offset),
        "dead_kind": kind,
        "dead_reason": reason[:1000],
    }
    size = sum(len(name.encode()) + len(raw or b"") for name, raw in headers)
    if max(len(value) - ROOM, len(key) - MARGIN, size - MARGIN) > 0:
        origin["dead_cut"] = f"value of {len(value)}, key of {len(key)}, headers of {size} bytes"
        headers = headers if size <= MARGIN else []
    headers += [(name, text.encode()) for name, text in origin.items()]
    return Message(dead_letters_of(consumer), key[:MARGIN], value[:ROOM], headers)


def source_of(record: ConsumerRecord[bytes, bytes]) -> str:
    """Who sent it, as far as it says: limits are kept per source."""
    for name, raw in record.headers:
        if name == "ce_source" and raw:
            return bytes(raw).decode("utf-8", "replace")[:64]
    return "unnamed"


@dataclass
class Limits:
    """Judges the stream of good and bad records of each source.

    A source is paused when its last ``window`` records hold more than ``share`` bad ones: its
    records then go to the dead letters unread until ``window`` of them have passed. When it is a
    service of our own, or when at least ``sources`` sources were heard and most of them are
    paused, the fault is ours.
    """

    window: int = 50
    share: float = 0.5
    sources: int = 3
    _heard: dict[str, deque[bool]] = field(default_factory=lambda: defaultdict(deque))
    _paused: dict[str, int] = field(default_factory=dict)

    def note(self, source: str, *, good: bool) -> None:
        """Take in how one record of ``source`` fared."""
        heard = self._heard[source]
        heard.append(good)
        if len(heard) > self.window:
            heard.popleft()
        if len(heard) == self.window and heard.count(False) > self.window * self.share:
            self._paused[source] = self.window
            heard.clear()

    def is_paused(self, source: str) -> bool:
        """Whether the next record of ``source`` is to be set down unread; counts it."""
        left = self._paused.get(source, 0)
        if left == 0:
            return False
        if left == 1:
            del self._paused[source]
        else:
            self._paused[source] = left - 1
        return True

    @property
    def paused(self) -> int:
        """How many sources are paused now."""
        return len(self._paused)

    @property
    def fault_is_ours(self) -> bool:
        """Whether a service of our own sends rubbish, as when the versions of two of them do not
        go together; or most of at least ``sources`` sources do."""
        if any(source.startswith("greenchannel/") for source in self._paused):
            return True
        return len(self._heard) >= self.sources and self.paused * 2 > len(self._heard)
