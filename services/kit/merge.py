"""Several logs as one: records in the order of the broker's times, however far behind the reader.

Pure. Partition ``i`` of every topic holds the same keys, so these are read in step: nothing is
taken from one while something older may still have to come from another.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence

from aiokafka import TopicPartition

from services.kit.work import Record


class Merge:
    """What was fetched and not taken yet, by partition."""

    def __init__(self) -> None:
        self._waiting: dict[TopicPartition, deque[tuple[int, Record]]] = {}

    def clear(self) -> None:
        """Forget everything: it will be fetched again."""
        self._waiting.clear()

    def waiting(self) -> Collection[TopicPartition]:
        """The partitions of which something waits."""
        return self._waiting.keys()

    def end(self, place: TopicPartition, position: int) -> int:
        """The offset behind what waits, or ``position`` where nothing does."""
        waiting = self._waiting.get(place)
        return waiting[-1][1].offset + 1 if waiting else position

    def oldest_ms(self) -> int | None:
        """The time of the oldest record that waits."""
        return min((waiting[0][0] for waiting in self._waiting.values()), default=None)

    def put(self, fetched: Mapping[TopicPartition, Sequence[Record]]) -> None:
        """Add what follows in each partition. A clock that was set back moves nothing in it."""
        for place, records in fetched.items():
            waiting = self._waiting.get(place, deque())
            for record in records:
                before = waiting[-1][0] if waiting else record.timestamp
                waiting.append((max(record.timestamp, before), record))
            if waiting:
                self._waiting[place] = waiting

    def take(self, most: int, awaited: Collection[TopicPartition]) -> list[Record]:
        """The next ``most`` records at most; those of one number lie together, oldest first.

        ``awaited``: partitions of which more is there than has come. When nothing of such a one
        waits, nothing is taken from those with its number.
        """
        numbers: dict[int, list[TopicPartition]] = defaultdict(list)
        for place in self._waiting:
            numbers[place.partition].append(place)
        for place in awaited:
            if place not in self._waiting:
                numbers.pop(place.partition, None)
        taken: list[Record] = []
        # The one that is furthest behind comes first. Few keys with many records each are cheaper
        # than many keys with a few.
        for places in sorted(numbers.values(), key=lambda ps: min(map(self._next_time, ps))):
            self._take_in_step(places, most, awaited, taken)
        return taken

    def _take_in_step(
        self,
        places: Sequence[TopicPartition],
        most: int,
        awaited: Collection[TopicPartition],
        taken: list[Record],
    ) -> None:
        heads = [(self._next_time(place), place) for place in places]
        heapq.heapify(heads)
        while heads and len(taken) < most:
            _, place = heapq.heappop(heads)
            waiting = self._waiting[place]
            taken.append(waiting.popleft()[1])
            if waiting:
                heapq.heappush(heads, (self._next_time(place), place))
                continue
            del self._waiting[place]
            if place in awaited:
                return

    def _next_time(self, place: TopicPartition) -> int:
        return self._waiting[place][0][0]
