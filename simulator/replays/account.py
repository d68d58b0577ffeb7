"""What became of every row of a file of records: sent, refused or skipped, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple


class Fate(StrEnum):
    """How a row ended."""

    #: All that the contract has words for was sent, and taken.
    SENT = "sent"
    #: A service said no to it, or to a part of it.
    REFUSED = "refused"
    #: It, or a part of it, was not sent.
    SKIPPED = "skipped"


class Unreadable(NamedTuple):
    """A row that cannot be read, and why. The reason repeats no value."""

    place: str
    reason: str


class Account:
    """The book of one replay: a row is named by its ``place``, and entered once."""

    def __init__(self, places: Iterable[str]) -> None:
        self._places = tuple(places)
        self._open = set(self._places)
        self._ended: Counter[tuple[Fate, str]] = Counter()
        self._twice: list[str] = []

    def settle(self, place: str, fate: Fate, reason: str = "") -> None:
        """Enter how a row ended. A second entry for the same row is a fault of ours, and shown."""
        if place not in self._open:
            self._twice.append(place)
            return
        self._open.discard(place)
        self._ended[fate, reason] += 1

    def count(self, fate: Fate) -> int:
        """How many rows ended so."""
        return sum(n for (ended, _), n in self._ended.items() if ended is fate)

    def summary(self) -> dict[str, Any]:
        """Rows read, and what became of them; reasons with numbers, the most frequent first."""
        return {
            "read": len(self._places),
            "sent": self.count(Fate.SENT),
            "refused": self._reasons(Fate.REFUSED),
            "skipped": self._reasons(Fate.SKIPPED),
        }

    def problems(self) -> list[str]:
        """Why the rows do not add up, in sentences; none when they do."""
        said = []
        if self._open:
            first = min(self._open)
            said.append(f"{len(self._open)} rows were neither sent, refused nor skipped: {first} …")
        if self._twice:
            said.append(f"{len(self._twice)} rows were entered twice: {self._twice[0]} …")
        ended = sum(self.count(fate) for fate in Fate)
        if ended != len(self._places):
            said.append(f"{len(self._places)} rows were read, and {ended} ended")
        return said

    def _reasons(self, fate: Fate) -> dict[str, int]:
        return {why: n for (ended, why), n in self._ended.most_common() if ended is fate}
