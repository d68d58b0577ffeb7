"""Fetches records from the broker and hands them out in step."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.kit.merge import Merge
from services.kit.positions import Positions
from services.kit.work import Record, place_of

#: At most so many records at once.
BATCH = 500
FETCH_MS = 200
#: A partition that does not deliver what the broker has of it is waited for this long, counted in
#: fetches that had room for it: a process that stood still has not waited.
PATIENCE_S = 10.0
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
        #: Partitions that lack what the broker has of them: how long each was fetched in vain.
        self._in_vain: dict[TopicPartition, float] = {}
        self._is_full = False

    def seek(self) -> None:
        """Begin anew at the positions."""
        self._merge.clear()
        self._in_vain.clear()
        for place, position in self._positions.held.items():
            self.consumer.seek(place, position)

    async def fetch(self) -> Mapping[TopicPartition, Sequence[Record]]:
        """What comes next of the partitions of which nothing waits."""
        places = self._positions.held.keys() - self._merge.waiting()
        if not places:
            return {}
        patience, began = 0 if self._is_full else FETCH_MS, time.monotonic()
        fetched: Mapping[TopicPartition, Sequence[Record]] = await self.consumer.getmany(
            *places, timeout_ms=patience, max_records=BATCH
        )
        self._asked |= {place: self._last_asked(place) for place in fetched}
        waited = min(time.monotonic() - began, 2 * FETCH_MS / 1000)
        had_room = sum(map(len, fetched.values())) < BATCH
        for place in self._in_vain:
            if place in fetched or place not in places:
                self._in_vain[place] = 0.0
            elif had_room:
                self._in_vain[place] += waited
        return fetched

    def take(self, fetched: Mapping[TopicPartition, Sequence[Record]]) -> list[Record]:
        """Add what was fetched, and take the next records that are not behind the positions."""
        is_behind = self._positions.is_behind
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
        newest: dict[int, int] = defaultdict(int)
        for place in self._merge.waiting():
            newest[place.partition] = max(newest[place.partition], self._asked[place])
        behind = [
            place
            for place, position in self._positions.held.items()
            if self._merge.end(place, position) < (self.consumer.highwater(place) or 0)
            or self._last_asked(place) < newest[place.partition] - TOGETHER_MS
        ]
        self._in_vain = {place: self._in_vain.get(place, 0.0) for place in behind}
        return {place for place, waited in self._in_vain.items() if waited < PATIENCE_S}

    def _last_asked(self, place: TopicPartition) -> int:
        """When the broker last said what it has of this partition, in milliseconds."""
        return self.consumer.last_poll_timestamp(place) or 0
