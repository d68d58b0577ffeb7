"""Departures by GPS, whatever the tracker slept through."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas.envelope import encode
from schemas.event import Event
from schemas.incident import Point
from schemas.unit import (
    PositionReported,
    UnitAssigned,
    UnitDeparted,
    UnitFellSilent,
    UnitHeardAgain,
    UnitLocated,
    UnitStatus,
    UnitStatusChanged,
)
from services.dispatch.tracker import AGAIN_S
from services.kit.tokens import SigningKey
from tests.crashes import QUICKLY
from tests.platform import Platform
from tests.services import Service, Watcher, running, until

STATION = Point(latitude=34.20, longitude=117.28)
AWAY = Point(latitude=34.21, longitude=117.28)


class Road:
    """Orders and fixes of one unit, as others write them."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self.unit = f"U-{uuid.uuid4().hex[:8]}"
        self.leg = f"L-{self.unit}"
        self.began = datetime.now(UTC) - timedelta(seconds=60)

    async def _write(self, event: Event) -> None:
        message = encode(event, "greenchannel/tests")
        await self._producer.send_and_wait(
            message.topic, value=message.value, key=message.key, headers=message.headers
        )

    def at(self, second: float) -> datetime:
        return self.began + timedelta(seconds=second)

    async def order(self) -> None:
        await self._write(
            UnitAssigned(
                event_id=str(uuid.uuid4()),
                occurred_at=self.began,
                unit_id=self.unit,
                leg_id=self.leg,
                incident_id="I-1",
                station=STATION,
                scene=AWAY,
            )
        )

    async def fix(self, second: float, place: Point) -> None:
        await self._write(
            PositionReported(
                event_id=str(uuid.uuid4()),
                occurred_at=self.at(second),
                unit_id=self.unit,
                latitude=place.latitude,
                longitude=place.longitude,
            )
        )

    async def stamp(self, departed: UnitDeparted) -> None:
        await self._write(
            UnitStatusChanged(
                event_id=departed.event_id,
                occurred_at=departed.occurred_at,
                unit_id=self.unit,
                leg_id=self.leg,
                status=UnitStatus.DEPARTED,
                source="gps",
            )
        )


@pytest.fixture
async def road(platform: Platform) -> AsyncIterator[Road]:
    producer = AIOKafkaProducer(**platform.kafka("admin"), acks="all")
    await producer.start()
    yield Road(producer)
    await producer.stop()


@pytest.fixture
def tracker(platform: Platform, tmp_path: Path) -> Service:
    return Service("tracker", platform, tmp_path, SigningKey(), extra=QUICKLY)


async def departed(seen: Watcher, road: Road) -> UnitDeparted:
    def told() -> list[UnitDeparted]:
        return [e for e in seen.of(UnitDeparted) if e.unit_id == road.unit]

    found: list[UnitDeparted] = await until(told, 20, "the unit has not left")
    return found[0]


async def test_a_tracker_that_died_knows_the_order_and_the_first_fix_outside(
    platform: Platform, tracker: Service, road: Road
) -> None:
    async with Watcher(platform, "dispatch-movements") as seen:
        async with running(tracker):
            await road.order()
            await road.fix(5, STATION)
            await road.fix(10, AWAY)
            tracker.kill()
            await tracker.died()
        async with running(tracker):
            await road.fix(15, AWAY)
            event = await departed(seen, road)
    assert event.occurred_at == road.at(10)
    assert event.leg_id == road.leg


async def test_a_departure_that_nobody_watched_is_told_at_the_next_start(
    platform: Platform, tracker: Service, road: Road
) -> None:
    await road.order()
    await road.fix(5, STATION)
    for second in (10, 15):
        await road.fix(second, AWAY)
    async with Watcher(platform, "dispatch-movements") as seen, running(tracker):
        event = await departed(seen, road)
    assert (event.occurred_at, event.at_rest_at) == (road.at(10), road.at(5))


async def test_a_departure_is_told_again_until_its_stamp_is_seen(
    platform: Platform, tracker: Service, road: Road
) -> None:
    await road.order()
    await road.fix(5, STATION)
    for second in (10, 15):
        await road.fix(second, AWAY)
    """Every thirty seconds, and at once by a tracker that does not know whether it was told."""

    def told() -> list[UnitDeparted]:
        return [e for e in seen.of(UnitDeparted) if e.unit_id == road.unit]

    async with Watcher(platform, "dispatch-movements") as seen:
        async with running(tracker):
            first = await departed(seen, road)
            await until(lambda: len(told()) > 1, AGAIN_S + 15, "it is not told again")
        count = len(told())
        async with running(tracker):
            await until(lambda: len(told()) > count)
        again = told()
        assert {e.event_id for e in again} == {first.event_id}
        await road.stamp(first)
        async with running(tracker):
            pass
        assert told() == again


async def test_who_spoke_while_nobody_listened_is_heard_again_and_placed(
    platform: Platform, tracker: Service, road: Road
) -> None:
    """The tracker knows such a fix before Faust hands it over; what it shows is told anyway."""

    def told(kind: type[Event]) -> list[Event]:
        return [e for e in seen.of(kind) if e.unit_id == road.unit]

    await road.order()
    async with Watcher(platform, "dispatch-movements") as seen:
        async with running(tracker):
            await until(lambda: told(UnitFellSilent), 20, "nobody wonders")
            tracker.kill()
            await tracker.died()
        await road.fix(61, STATION)
        async with running(tracker):
            await until(lambda: told(UnitHeardAgain), 20, "it is not heard again")
            await until(lambda: told(UnitLocated), 20, "nobody knows where it is")
