"""How far behind a reader is that keeps no positions of its own in the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from aiokafka import TopicPartition

from services.kit import metrics as seen


class Lag:
    """Shows what is there and not taken. ``end_of`` gives the end of a partition as far as the
    broker has said it, and none of one that is not ours; of a partition of which nothing was taken
    since the start nothing is known."""

    def __init__(self, group: str, end_of: Callable[[TopicPartition], int | None]) -> None:
        self._end_of = end_of
        self._next: dict[TopicPartition, int] = {}
        self._done_ms = 0
        seen.LAG_RECORDS.labels(group).set_function(self.behind)
        seen.LAG_SECONDS.labels(group).set_function(self.seconds)

    def took(self, place: TopicPartition, offset: int, at_ms: int) -> None:
        """This record was taken; ``at_ms`` is the broker's time of it."""
        self._next[place] = offset + 1
        self._done_ms = max(self._done_ms, at_ms)

    def keep(self, places: Collection[TopicPartition]) -> None:
        """The others are read by somebody else."""
        self._next = {place: n for place, n in self._next.items() if place in places}

    def behind(self) -> float:
        """How many records."""
        ends = {place: self._end_of(place) for place in self._next}
        return float(sum(max(0, (ends[p] or 0) - n) for p, n in self._next.items()))

    def seconds(self) -> float:
        """How old the oldest of them is at most: it is newer than what was taken last."""
        return max(0.0, time.time() - self._done_ms / 1000) if self.behind() else 0.0
