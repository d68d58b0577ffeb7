"""Fetches records from the broker and hands them out in step."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.kit.freshness import Freshness
from services.kit.heartbeat import HEART
from services.kit.merge import Merge
from services.kit.positions import Positions
from services.kit.work import Record, place_of

#: At most so many records at once.
BATCH = 4_000
FETCH_MS = 200
#: A partition that does not deliver what it may have is waited for this long: longer than it takes
#: to fetch from all the others when all have much. What was waited is counted by rounds, none for
#: more than ``ROUND_S``, for a process that stood still has not waited.
PATIENCE_S = 20.0
ROUND_S = 0.4
#: Partitions that the broker was asked about within this time of each other are known as of one
#: moment. Less than the client's pause before it asks for some while others are not consumed.
TOGETHER_MS = 50


class Supply:
    """The records behind ``positions``."""

    consumer: AIOKafkaConsumer

    def __init__(self, positions: Positions) -> None:
        self._positions = positions
        self._merge = Merge()
        #: When the broker was asked for what waits.
        self._asked: dict[TopicPartition, int] = {}
        self._freshness = Freshness()
        #: Partitions that may have what has not come yet; how long each was fetched in vain, and
        #: when the broker had last answered about it.
        self._behind: set[TopicPartition] = set()
        self._in_vain: dict[TopicPartition, float] = {}
        self._answered: dict[TopicPartition, int] = {}
        self._looked = 0.0
        self._is_full = False

    def seek(self) -> None:
        """Begin anew at the positions."""
        self._merge.clear()
        self._behind.clear()
        self._in_vain.clear()
        for place, position in self._positions.held.items():
            self.consumer.seek(place, position)

    def behind(self) -> int:
        """How many records the broker has that are not taken, as far as it has said."""
        held = self._positions.held
        return sum(max(0, (self.consumer.highwater(p) or 0) - n) for p, n in held.items())

    def oldest_ms(self) -> int | None:
        """The time of the oldest record that was fetched and is not taken."""
        return self._merge.oldest_ms()

    async def fetch(self) -> Mapping[TopicPartition, Sequence[Record]]:
        """What comes next of the partitions of which nothing waits."""
        places = self._positions.held.keys() - self._merge.waiting()
        if not places:
            if not self._positions.held:  # more workers than partitions
                await asyncio.sleep(FETCH_MS / 1000)
            return {}
        fetched: Mapping[TopicPartition, Sequence[Record]] = await self.consumer.getmany(
            *places, timeout_ms=0 if self._is_full else FETCH_MS, max_records=BATCH
        )
        self._count_waiting(fetched.keys())
        return fetched

    def _count_waiting(self, came: Collection[TopicPartition]) -> None:
        now = time.monotonic()
        waited, self._looked = min(now - self._looked, ROUND_S), now
        for place in self._behind.difference(came, self._merge.waiting()):
            self._in_vain[place] = self._in_vain.get(place, 0.0) + waited
        for place in came:
            self._in_vain.pop(place, None)

    def take(self, fetched: Mapping[TopicPartition, Sequence[Record]]) -> list[Record]:
        """Add what was fetched, and take the next records that are not behind the positions."""
        is_behind = self._positions.is_behind
        self._asked |= {place: self._last_asked(place) for place in fetched}
        self._merge.put(
            {
                place: [record for record in records if not is_behind(*place_of(record))]
                for place, records in fetched.items()
            }
        )
        records = self._merge.take(BATCH, self._awaited())
        self._is_full = len(records) == BATCH
        return records

    def _awaited(self) -> set[TopicPartition]:
        """Partitions that may have something older than what else waits of their number, once
        what waits of them is taken."""
        held = self._positions.held
        answered = {place: self._last_asked(place) for place in held}
        self._freshness.note(HEART.wakings(), answered)
        newest: dict[int, int] = defaultdict(int)
        for place in self._merge.waiting():
            newest[place.partition] = max(newest[place.partition], self._asked[place])
        lagging = {
            place
            for place, position in held.items()
            if self._merge.end(place, position) < (self.consumer.highwater(place) or 0)
        }
        unknown = {
            place
            for place, at in answered.items()
            if at < newest[place.partition] - TOGETHER_MS or not self._freshness.is_known(place)
        }
        for place, at in answered.items():
            if place not in lagging and at != self._answered.get(place):
                self._in_vain.pop(place, None)  # it answers, and has nothing
        self._behind, self._answered = lagging | unknown, answered
        return {p for p in self._behind if self._in_vain.get(p, 0.0) < PATIENCE_S}

    def _last_asked(self, place: TopicPartition) -> int:
        """When the broker last said what it has of this partition, in milliseconds."""
        return self.consumer.last_poll_timestamp(place) or 0
