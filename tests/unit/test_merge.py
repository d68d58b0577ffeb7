"""Several logs read in step."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from services.kit.merge import Merge
from services.kit.work import Record

VITALS, ENCOUNTERS = "ambulance-vitals", "dispatch-encounters"


def record(place: TopicPartition, offset: int, timestamp: int) -> Record:
    blank: Any = None
    return ConsumerRecord(
        place.topic, place.partition, offset, timestamp, 1, b"", b"", blank, 0, 0, ()
    )


def log(place: TopicPartition, *times: int) -> dict[TopicPartition, Sequence[Record]]:
    return {place: [record(place, offset, time) for offset, time in enumerate(times)]}


def seen(records: Sequence[Record]) -> list[tuple[str, int, int]]:
    return [(r.topic, r.partition, r.timestamp) for r in records]


A, B, OTHER = (
    TopicPartition(ENCOUNTERS, 0),
    TopicPartition(VITALS, 0),
    TopicPartition(VITALS, 1),
)


def test_the_oldest_comes_first_whatever_its_topic() -> None:
    merge = Merge()
    merge.put({**log(A, 10, 40), **log(B, 20, 30, 50)})
    assert [t for _, _, t in seen(merge.take(9, ()))] == [10, 20, 30, 40, 50]
    assert merge.take(9, ()) == []


def test_nothing_runs_ahead_of_a_log_that_has_not_delivered_yet() -> None:
    merge = Merge()
    merge.put({**log(A, 10, 40), **log(B, 20)})
    assert [t for _, _, t in seen(merge.take(9, {B}))] == [10, 20]
    assert set(merge.waiting()) == {A}
    assert merge.take(9, {B}) == []
    merge.put({B: [record(B, 1, 30), record(B, 2, 60)]})
    assert [t for _, _, t in seen(merge.take(9, {B}))] == [30, 40, 60]


def test_a_log_that_has_no_more_is_not_waited_for() -> None:
    merge = Merge()
    merge.put(log(A, 10, 40))
    assert len(merge.take(9, ())) == 2


def test_other_keys_are_not_held_up() -> None:
    merge = Merge()
    merge.put({**log(A, 10), **log(OTHER, 20)})
    assert seen(merge.take(9, {B})) == [(VITALS, 1, 20)]


def test_what_shares_keys_lies_together_and_the_furthest_behind_comes_first() -> None:
    merge = Merge()
    merge.put({**log(A, 20, 40), **log(B, 30), **log(OTHER, 10, 35)})
    assert seen(merge.take(4, ())) == [
        (VITALS, 1, 10),
        (VITALS, 1, 35),
        (ENCOUNTERS, 0, 20),
        (VITALS, 0, 30),
    ]


def test_it_takes_no_more_than_it_was_asked_for() -> None:
    merge = Merge()
    merge.put({**log(A, 10, 30), **log(B, 20)})
    assert [t for _, _, t in seen(merge.take(2, ()))] == [10, 20]
    assert set(merge.waiting()) == {A}
    assert [t for _, _, t in seen(merge.take(2, ()))] == [30]


def test_a_clock_that_was_set_back_does_not_reorder_a_partition() -> None:
    merge = Merge()
    merge.put({**log(A, 20, 10, 15), **log(B, 5, 30)})
    assert [t for _, _, t in seen(merge.take(9, ()))] == [5, 20, 10, 15, 30]


def test_what_was_cleared_is_to_be_fetched_again() -> None:
    merge = Merge()
    merge.put(log(A, 10))
    merge.clear()
    assert merge.take(9, ()) == []
    assert not merge.waiting()


def test_however_the_logs_are_cut_the_order_is_the_same() -> None:
    """Three logs of one number, fetched in pieces of any size; the times are all different."""
    rng = random.Random(1)
    places = [TopicPartition(topic, 0) for topic in ("a", "b", "c")]
    owner = [rng.choice(places) for _ in range(400)]
    logs = {place: [t for t, o in enumerate(owner) if o is place] for place in places}
    for _ in range(20):
        assert read_in_pieces(logs, rng) == list(range(400))


def read_in_pieces(logs: Mapping[TopicPartition, Sequence[int]], rng: random.Random) -> list[int]:
    merge, fetched, order = Merge(), dict.fromkeys(logs, 0), []
    while any(fetched[place] < len(times) for place, times in logs.items()):
        for place in logs.keys() - merge.waiting():
            until = fetched[place] + rng.randrange(30)
            times = logs[place][fetched[place] : until]
            merge.put({place: [record(place, t, t) for t in times]})
            fetched[place] += len(times)
        behind = {place for place, times in logs.items() if fetched[place] < len(times)}
        order += [r.timestamp for r in merge.take(rng.randrange(1, 40), behind)]
    return order + [r.timestamp for r in merge.take(400, ())]
