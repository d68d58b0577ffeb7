"""What is fetched, and for how long a partition is waited for that does not deliver."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.kit import supply as supply_module
from services.kit.positions import Positions
from services.kit.supply import BATCH, Supply
from services.kit.work import Record
from tests.unit.test_merge import OTHER, A, B, record

NOTHING: Any = None


class Broker:
    """Has logs of these lengths, and delivers what it is told to."""

    def __init__(self, **logs: int) -> None:
        self.ends = {A: logs["a"], B: logs["b"]}
        self.polled = {A: 1000, B: 1000}
        self.deliveries: list[dict[TopicPartition, Sequence[Record]]] = []
        self.asked: list[set[TopicPartition]] = []
        self.sought: dict[TopicPartition, int] = {}

    async def getmany(
        self, *places: TopicPartition, timeout_ms: int, max_records: int
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        self.asked.append(set(places))
        if not self.deliveries:
            await asyncio.sleep(timeout_ms / 1000)
            return {}
        return self.deliveries.pop(0)

    def highwater(self, place: TopicPartition) -> int | None:
        return self.ends[place]

    def last_poll_timestamp(self, place: TopicPartition) -> int | None:
        return self.polled[place]

    def seek(self, place: TopicPartition, position: int) -> None:
        self.sought[place] = position


def made(broker: Broker) -> Supply:
    positions = Positions(NOTHING, "triage")
    positions.held = {A: 0, B: 0}
    supply = Supply(positions)
    consumer: Any = broker
    supply.consumer = consumer
    supply.seek()
    return supply


async def taken(supply: Supply) -> list[int]:
    records = supply.take(await supply.fetch())
    for r in records:
        supply._positions.held[TopicPartition(r.topic, r.partition)] = r.offset + 1
    return [r.timestamp for r in records]


async def test_what_waits_is_not_fetched_again() -> None:
    broker = Broker(a=2, b=1)
    supply = made(broker)
    broker.deliveries = [{A: [record(A, 0, 10), record(A, 1, 30)]}, {B: [record(B, 0, 20)]}]
    assert await taken(supply) == []
    assert await taken(supply) == [10, 20, 30]
    assert broker.asked == [{A, B}, {B}]


async def test_what_lies_behind_the_position_is_passed_over() -> None:
    broker = Broker(a=2, b=0)
    supply = made(broker)
    supply._positions.held[A] = 1
    broker.deliveries = [{A: [record(A, 0, 10), record(A, 1, 30)]}]
    assert await taken(supply) == [30]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply_module, "PATIENCE_S", 0.1)
    monkeypatch.setattr(supply_module, "ROUND_S", 0.03)
    monkeypatch.setattr(supply_module, "FETCH_MS", 20)


@pytest.mark.usefixtures("hasty")
async def test_a_partition_that_never_delivers_is_waited_for_only_so_long() -> None:
    broker = Broker(a=1, b=1)
    supply = made(broker)
    broker.deliveries = [{A: [record(A, 0, 10)]}]
    rounds = [await taken(supply) for _ in range(12)]
    assert rounds[:3] == [[], [], []]
    assert [10] in rounds


@pytest.mark.usefixtures("hasty")
async def test_a_leader_that_is_away_holds_up_its_neighbours_once() -> None:
    """It is not asked any more; what comes of the others goes on, after the first time at once."""
    broker = Broker(a=9, b=0)
    supply = made(broker)
    rounds = []
    for offset in range(3):
        broker.polled[A] += 1000
        broker.ends[A] = offset + 1
        broker.deliveries = [{A: [record(A, offset, offset)]}]
        rounds.append([await taken(supply) for _ in range(12)])
    assert [[offset] in each for offset, each in enumerate(rounds)] == [True] * 3
    assert [each[0] for each in rounds[1:]] == [[1], [2]]


@pytest.mark.usefixtures("hasty")
async def test_it_is_not_waited_for_longer_when_all_others_have_much() -> None:
    broker = Broker(a=1, b=1)
    supply = made(broker)
    supply._positions.held[OTHER] = 0
    broker.ends[OTHER] = broker.polled[OTHER] = 10_000
    broker.polled[OTHER] = 1000
    full = [record(OTHER, n, n) for n in range(10_000)]
    pieces = [full[n : n + BATCH] for n in range(0, 10_000, BATCH)]
    broker.deliveries = [{A: [record(A, 0, 10)]}]
    broker.deliveries += [{OTHER: piece} for piece in pieces]
    rounds = []
    for _ in pieces:
        rounds.append([t for t in await taken(supply) if t == 10])
        await asyncio.sleep(0.02)  # a batch takes its time
    assert [10] in rounds


async def test_after_a_standstill_each_partition_must_answer_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A and B lie with two brokers; the answer of each to the last question before the standstill
    was waiting, and nothing is known of what came to B since."""
    heart = SimpleNamespace(wakings=lambda: 0)
    monkeypatch.setattr(supply_module, "HEART", heart)
    broker = Broker(a=0, b=0)
    supply = made(broker)
    assert await taken(supply) == []
    heart.wakings = lambda: 1
    for answer in (9_000, 9_020):
        broker.polled[A] = answer
        broker.polled[B] = 9_000
        broker.deliveries = [{A: [record(A, 0, 10)]}] if answer == 9_020 else []
        broker.ends[A] = 1
        assert await taken(supply) == []
    broker.polled[B] = 9_030
    broker.ends[B] = 1
    broker.deliveries = [{B: [record(B, 0, 5)]}]
    assert await taken(supply) == [5, 10]


async def test_a_worker_without_partitions_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    supply = made(Broker(a=0, b=0))
    supply._positions.held.clear()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(supply_module, "asyncio", SimpleNamespace(sleep=sleep))
    assert await taken(supply) == []
    assert slept == [supply_module.FETCH_MS / 1000]


async def test_what_waited_is_fetched_again_after_a_seek() -> None:
    broker = Broker(a=1, b=1)
    supply = made(broker)
    broker.deliveries = [{A: [record(A, 0, 10)]}]
    assert await taken(supply) == []
    supply.seek()
    assert broker.sought == {A: 0, B: 0}
    broker.deliveries = [{A: [record(A, 0, 10)], B: [record(B, 0, 5)]}]
    assert await taken(supply) == [5, 10]


async def test_what_is_known_of_another_must_not_be_older_than_what_is_in_hand() -> None:
    """Of B all is taken that was there when it was last asked for; A was asked for later."""
    broker = Broker(a=1, b=0)
    supply = made(broker)
    broker.polled[A] += 51
    broker.deliveries = [{A: [record(A, 0, 10)]}]
    assert await taken(supply) == []
    broker.polled[B] = broker.polled[A]
    assert await taken(supply) == [10]


async def test_of_two_brokers_each_is_asked_in_its_own_time() -> None:
    broker = Broker(a=1, b=0)
    supply = made(broker)
    broker.polled[A] += 50
    broker.deliveries = [{A: [record(A, 0, 10)]}]
    assert await taken(supply) == [10]


async def test_what_is_taken_whole_is_awaited_when_the_broker_has_more() -> None:
    broker = Broker(a=2, b=1)
    supply = made(broker)
    broker.deliveries = [{A: [record(A, 0, 10)], B: [record(B, 0, 30)]}, {A: [record(A, 1, 20)]}]
    assert await taken(supply) == [10]
    assert await taken(supply) == [20, 30]
