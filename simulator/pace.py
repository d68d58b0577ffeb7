"""Pace and lines: when a story reaches its offsets, and what its monitors and vehicles say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from simulator.tale import Proof


def moment(t: float) -> str:
    """A time of the wall clock as the contract writes it, to the millisecond."""
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds")


class Line(NamedTuple):
    """A line of telemetry without its closing brace; a position has no ``id``.

    ``stream``: of which device, for whom; these stay in order. ``clock``: how far the device's
    clock is ahead, in seconds; none where it does not tell when it sends. ``by_kafka``: its
    vendor writes to the broker itself. ``forgotten``: the crew never enters its monitor, so
    nobody will take it.
    """

    text: str
    made: float
    handle: str = ""
    number: int = 0
    stream: tuple[str, str] = ("", "")
    timely: bool = True
    proves: Proof | None = None
    clock: float | None = None
    by_kafka: bool = False
    forgotten: bool = False

    def whole(self, now: float) -> str:
        """As it is sent now: its device says what time it believes it is."""
        if self.clock is None:
            return self.text + "}"
        return f'{self.text},"sent_at":"{moment(now + self.clock)}"}}'

    def again(self) -> Line:
        """The same line once more: nobody counts it, for it is the same event."""
        return self._replace(handle="", number=0, proves=None)

    @property
    def id(self) -> str:
        """The event's id."""
        return f"{self.handle}.{self.number}"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a story is told: ``stretch`` seconds for each of its own, from ``phase`` on."""

    began: float
    phase: float = 0.0
    stretch: float = 1.0

    def offset(self, now: float) -> float:
        """Where the story is at ``now``."""
        return self.phase + (now - self.began) / self.stretch

    def due(self, offset: float) -> float:
        """When the story reaches ``offset``."""
        return self.began + (offset - self.phase) * self.stretch
