"""The loop, without broker and database: how it finds the one record that makes it fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from schemas.encounter import EncounterOpened, Patient
from services.kit import loop as loop_module
from services.kit.errors import PositionMoved, TookTooLong, TransientFailure
from services.kit.loop import TRIES, Loop
from services.kit.settings import Settings
from services.kit.work import Consumption, Received

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING: Any = None


def received(offset: int) -> Received:
    key = f"E-{offset}"
    event = EncounterOpened(
        event_id=f"e-{offset}", occurred_at=NOW, encounter_id=key, incident_id="I-1",
        patient=Patient(),
    )  # fmt: skip
    record: Any = ConsumerRecord(
        "dispatch-encounters", 0, offset, 0, 1, key.encode(), b"", None, 3, 0, ()
    )
    return Received(key, event, NOW, record)


class Rigged(Loop[Patient]):
    """Its transactions fail for some records; what it does about that is written down."""

    def __init__(self, fails: Callable[[int, int], Exception | None]) -> None:
        work = Consumption[Patient]("triage", "triage", [], NOTHING, NOTHING)
        super().__init__(Settings(), NOTHING, work)
        self._fails = fails
        self.tried: dict[int, int] = {}
        self.took: list[int] = []
        self.set_aside: list[tuple[int, str]] = []

    async def _transact(
        self,
        records: Sequence[Any],
        good: Sequence[Received],
        instead: Callable[[Any], Awaitable[None]] | None = None,
    ) -> None:
        alone = len(records) == 1
        for record in records:
            if alone:
                self.tried[record.offset] = self.tried.get(record.offset, 0) + 1
            bug = self._fails(record.offset, self.tried.get(record.offset, 0))
            if bug is not None:
                raise bug
        self.took += [record.offset for record in records]

    async def _set_aside(self, received: Received, reason: str) -> None:
        self.set_aside.append((received.record.offset, reason))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def pause(attempt: int) -> None:
        return

    monkeypatch.setattr(loop_module, "pause", pause)


async def apply(loop: Rigged, count: int) -> None:
    good = [received(offset) for offset in range(count)]
    await loop._apply([g.record for g in good], good)


async def test_all_others_are_taken_in_their_order_and_one_is_set_aside_after_three_tries() -> None:
    loop = Rigged(lambda offset, _: ZeroDivisionError() if offset == 23 else None)
    await apply(loop, 100)
    assert loop.took == [offset for offset in range(100) if offset != 23]
    assert loop.set_aside == [(23, "ZeroDivisionError")]
    assert loop.tried[23] == TRIES == 3


async def test_several_bad_records_are_each_set_aside() -> None:
    bad = {0, 7, 99}
    loop = Rigged(lambda offset, _: KeyError() if offset in bad else None)
    await apply(loop, 100)
    assert {offset for offset, _ in loop.set_aside} == bad
    assert set(loop.took) == set(range(100)) - bad


async def test_a_record_that_succeeds_at_last_is_not_set_aside() -> None:
    loop = Rigged(lambda offset, tries: KeyError() if offset == 5 and tries < 3 else None)
    await apply(loop, 8)
    assert loop.set_aside == []
    assert sorted(loop.took) == list(range(8))


@pytest.mark.parametrize("error", [PositionMoved("triage"), TransientFailure("away")])
async def test_a_lost_partition_or_an_absent_database_is_nobodys_fault(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = Rigged(lambda *_: error)
    monkeypatch.setattr(loop, "_patiently", lambda attempt: attempt())
    with pytest.raises(type(error)):
        await apply(loop, 8)
    assert loop.tried == {}
    assert loop.set_aside == []


async def test_a_partition_lost_on_the_way_ends_it_there() -> None:
    def fails(offset: int, _: int) -> Exception | None:
        return {3: ZeroDivisionError(), 6: PositionMoved("triage")}.get(offset)

    loop = Rigged(fails)
    with pytest.raises(PositionMoved):
        await apply(loop, 8)
    assert loop.took == [0, 1, 2]
    assert loop.set_aside == [(3, "ZeroDivisionError")]


class Laborious(Rigged):
    """Deciding takes a second for each record, and the database waits for ten."""

    async def _transact(
        self,
        records: Sequence[Any],
        good: Sequence[Received],
        instead: Callable[[Any], Awaitable[None]] | None = None,
    ) -> None:
        self._thought_s = float(len(records))
        if len(records) > 10:
            raise TransientFailure("InterfaceError")
        await super()._transact(records, good, instead)


async def test_a_batch_that_takes_longer_than_the_database_waits_is_taken_in_parts() -> None:
    loop = Laborious(lambda *_: None)
    await asyncio.wait_for(apply(loop, 100), 5)
    assert loop.took == list(range(100))
    assert loop.set_aside == []


async def test_a_statement_that_the_database_has_ended_is_not_repeated_whole() -> None:
    def fails(offset: int, _: int) -> Exception | None:
        return TookTooLong("TimeoutError") if offset == 3 and len(loop.took) < 3 else None

    loop = Rigged(fails)
    await asyncio.wait_for(apply(loop, 8), 5)
    assert loop.took == list(range(8))


class Broker:
    """Takes offsets, or does not."""

    def __init__(self, *answers: Exception | None) -> None:
        self._answers = list(answers)
        self.told: list[dict[Any, int]] = []

    async def commit(self, offsets: dict[Any, int]) -> None:
        if answer := self._answers.pop(0):
            raise answer
        self.told.append(dict(offsets))

    async def beginning_offsets(self, places: set[Any]) -> dict[Any, int]:
        return dict.fromkeys(places, 0)

    end_offsets = beginning_offsets

    def seek(self, place: Any, position: int) -> None:
        return


async def test_offsets_that_the_broker_refused_are_told_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_module, "FOLLOW_S", 0.01)
    loop = Rigged(lambda *_: None)
    broker: Any = Broker(KafkaError(), TimeoutError(), None)
    loop._consumer = loop._supply.consumer = broker
    one, other = TopicPartition("dispatch-encounters", 0), TopicPartition("dispatch-encounters", 1)
    loop._untold = {one: 7}
    await loop._follow()
    loop._untold |= {other: 3}
    for _ in range(3):
        await asyncio.sleep(0.011)
        await loop._follow()
    assert broker.told == [{one: 7, other: 3}]
    assert loop._untold == {}


async def test_where_it_goes_on_is_told_even_if_nothing_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What an end or a new sharing out has left untold would look like a lag for ever."""
    loop = Rigged(lambda *_: None)
    broker: Any = Broker(None)
    place = TopicPartition("dispatch-encounters", 0)
    loop._consumer = loop._supply.consumer = broker

    async def settle(first: Any, last: Any) -> None:
        loop._positions.held = {place: 20}

    async def load() -> None:
        return

    monkeypatch.setattr(loop._positions, "settle", settle)
    monkeypatch.setattr(loop._aside, "load", load)
    await loop.settle({place})
    await loop._follow()
    assert broker.told == [{place: 20}]
