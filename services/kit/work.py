"""What a service says about its reading: records, and what it does with those of one key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, NamedTuple, Protocol, TypeAlias

from aiokafka import ConsumerRecord

from schemas.envelope import decode
from schemas.event import Event
from services.kit.postgres import Connection, Row, State

Record: TypeAlias = "ConsumerRecord[bytes, bytes]"
#: Topic, partition, offset.
Place: TypeAlias = tuple[str, int, int]


class Received(NamedTuple):
    """A decoded record. ``recorded_at`` is the broker's time of it: the handler's only clock."""

    key: str
    event: Event
    recorded_at: datetime
    record: Record

    @classmethod
    def of(cls, record: Record) -> Received:
        """Decode a record. Raises ``InvalidMessage``."""
        event = decode(record.topic, record.key, record.value, record.headers)
        at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        return cls((record.key or b"").decode(), event, at, record)

    @property
    def place(self) -> Place:
        return place_of(self.record)

    def __repr__(self) -> str:
        """Without the record: it holds a patient's data."""
        return f"Received({self.key}, {type(self.event).__name__} {self.event.event_id})"


class Store(Protocol[State]):
    """Loads and saves the states of a set of keys within the loop's transaction."""

    async def load(
        self, connection: Connection, batch: Mapping[str, Sequence[Received]]
    ) -> dict[str, Row[State]]:
        """The state of every key of the batch (none, at version 0, for a new one)."""
        ...

    async def save(
        self, connection: Connection, changed: Mapping[str, Row[State]], emitted: Sequence[Event]
    ) -> None:
        """Store new states with the versions they were loaded at, and what tells of them."""
        ...


Handle: TypeAlias = Callable[[State | None, Received], tuple[State | None, Sequence[Event]]]


@dataclass(frozen=True)
class Consumption(Generic[State]):
    """What a service reads and what it does with it.

    ``set_aside`` gives the events that tell the world that a key's handling has stopped.
    """

    service: str
    group: str
    topics: Sequence[str]
    store: Store[State]
    handle: Handle[State]
    set_aside: Callable[[State | None, Received], Sequence[Event]] = lambda state, received: ()


def place_of(record: Record) -> Place:
    """Where a record lies."""
    return record.topic, record.partition, record.offset
