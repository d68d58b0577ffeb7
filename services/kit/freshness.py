"""Of which partitions it is known what the broker has now. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from aiokafka import TopicPartition


class Freshness:
    """Counts answers, by partition.

    A process that stood still wakes up to answers that the brokers gave before: only the one after
    it tells what has happened since.
    """

    def __init__(self) -> None:
        self._wakings = 0
        self._last: dict[TopicPartition, int] = {}
        self._answers: Counter[TopicPartition] = Counter()
        self._due: dict[TopicPartition, int] = {}

    def note(self, wakings: int, answered: Mapping[TopicPartition, int]) -> bool:
        """How often the process has woken up, and when each partition was last answered about (0:
        never). Whether there was any answer since the last time."""
        if wakings != self._wakings:
            self._wakings = wakings
            self._due = {place: number + 2 for place, number in self._answers.items()}
        new = {p: at for p, at in answered.items() if at and at != self._last.get(p)}
        self._last.update(new)
        self._answers.update(new.keys())
        return bool(new)

    def is_known(self, place: TopicPartition) -> bool:
        """Whether the last answer about it was given after we last woke up."""
        return self._answers[place] >= self._due.get(place, 1)
