"""A monitor goes to another patient, and the gateway hears of it late."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas.clinical import ObservationReattributed, VitalSignsRecorded
from schemas.encounter import DeviceAttached, EncounterOpened, Patient
from schemas.envelope import encode
from schemas.event import Event
from services.kit.role import Role
from services.kit.tokens import SigningKey
from tests.platform import Platform
from tests.services import Caller, Service, Watcher, running, until

pytestmark = pytest.mark.timeout(120)


@dataclass
class Ambulance:
    """Two patients, one monitor, and a dispatch whose words are held up."""

    gateway: Service
    crew: Caller
    dispatch: AIOKafkaProducer
    watcher: Watcher

    async def say(self, *events: Event) -> None:
        for event in events:
            m = encode(event, "greenchannel/dispatch")
            await self.dispatch.send_and_wait(m.topic, m.value, m.key, headers=m.headers)

    async def opened(self) -> str:
        name, at = f"E-restored-{uuid.uuid4().hex[:8]}", datetime.now(UTC)
        await self.say(
            EncounterOpened(
                event_id=f"opened-{name}", occurred_at=at, recorded_at=at, encounter_id=name,
                incident_id="I-1", patient=Patient(),
            )
        )  # fmt: skip
        return name

    async def sample(self, device: str, at: datetime) -> str:
        name = f"s-{uuid.uuid4().hex[:8]}"
        body = {"occurred_at": at.isoformat(), "sent_at": at.isoformat()}
        path = f"/v1/devices/{device}/vitals"
        await self.crew.do("POST", path, {**body, "vitals": {"heart_rate": 80}}, name)
        return name

    async def taken(self, patient: str, *names: str) -> None:
        """These samples stand in the topic as this patient's."""

        def all_there() -> bool:
            found = self.watcher.of(VitalSignsRecorded, patient)
            return {event.event_id for event in found} >= set(names)

        await until(all_there, why=f"{patient} has not got them")


def attached(patient: str, device: str, at: datetime) -> DeviceAttached:
    return DeviceAttached(
        event_id=f"attached-{uuid.uuid4().hex[:8]}", occurred_at=at,
        recorded_at=datetime.now(UTC), encounter_id=patient, device_id=device,
    )  # fmt: skip


@pytest.fixture(scope="module")
async def ambulance(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ambulance]:
    gateway = Service("gateway", platform, tmp_path_factory.mktemp("gateway"), SigningKey())
    producer = AIOKafkaProducer(**platform.kafka("dispatch"))
    async with running(gateway), producer, Watcher(platform, "ambulance-vitals") as watcher:
        yield Ambulance(gateway, Caller(gateway, Role.CREW), producer, watcher)


async def test_what_came_before_it_was_heard_of_is_given_to_whom_it_was_measured_of(
    ambulance: Ambulance,
) -> None:
    first, second, device = await ambulance.opened(), await ambulance.opened(), "M-restored-1"
    begin = datetime.now(UTC)
    await ambulance.say(attached(first, device, begin))
    own = await ambulance.sample(device, datetime.now(UTC))
    moved = datetime.now(UTC)
    strays = [await ambulance.sample(device, datetime.now(UTC)) for _ in range(2)]
    await ambulance.taken(first, own, *strays)
    late = attached(second, device, moved)
    await ambulance.say(late)
    await ambulance.taken(second, *strays)
    (told,) = await until(lambda: ambulance.watcher.of(ObservationReattributed, first))
    assert (told.to_encounter_id, told.since, told.reported_by) == (second, moved, "gateway")
    assert own not in {e.event_id for e in ambulance.watcher.of(VitalSignsRecorded, second)}
    assert told.until < datetime.now(UTC) + timedelta(seconds=1)
    after = await ambulance.sample(device, datetime.now(UTC))
    await ambulance.taken(second, after)

    # The crew puts it back: what is measured now is the first one's, and not in that stretch.
    again = datetime.now(UTC)
    await ambulance.say(attached(first, device, again))
    back = await ambulance.sample(device, datetime.now(UTC) + timedelta(milliseconds=5))
    await ambulance.taken(first, back)
    assert told.until <= again


async def test_a_gateway_that_was_away_meanwhile_gives_them_back_too(
    ambulance: Ambulance, platform: Platform, tmp_path: Path
) -> None:
    first, second, device = await ambulance.opened(), await ambulance.opened(), "M-restored-2"
    await ambulance.say(attached(first, device, datetime.now(UTC)))
    stray = await ambulance.sample(device, datetime.now(UTC))
    await ambulance.taken(first, stray)
    ambulance.gateway.kill()
    await ambulance.gateway.died()
    measured = next(
        e for e in ambulance.watcher.of(VitalSignsRecorded, first) if e.event_id == stray
    )
    moved = attached(second, device, measured.occurred_at)
    await ambulance.say(moved)
    ambulance.gateway.start()
    await ambulance.gateway.ready()
    await ambulance.taken(second, stray)


async def test_what_was_entered_for_a_time_long_ago_is_for_people_to_give_back(
    ambulance: Ambulance,
) -> None:
    """It may be a slip, and takes hours of samples from another patient."""
    first, second, device = await ambulance.opened(), await ambulance.opened(), "M-restored-4"
    long_ago = datetime.now(UTC) - timedelta(hours=5)
    await ambulance.say(attached(first, device, long_ago - timedelta(hours=1)))
    own = await ambulance.sample(device, datetime.now(UTC))
    await ambulance.taken(first, own)
    await ambulance.say(attached(second, device, long_ago))
    await asyncio.sleep(2.5)
    assert ambulance.watcher.of(ObservationReattributed, first) == []
    assert ambulance.watcher.of(VitalSignsRecorded, second) == []


async def test_where_nothing_strayed_nothing_is_said(ambulance: Ambulance) -> None:
    first, second, device = await ambulance.opened(), await ambulance.opened(), "M-restored-3"
    await ambulance.say(attached(first, device, datetime.now(UTC)))
    own = await ambulance.sample(device, datetime.now(UTC))
    await ambulance.taken(first, own)
    await ambulance.say(attached(second, device, datetime.now(UTC)))
    its = await ambulance.sample(device, datetime.now(UTC) + timedelta(milliseconds=5))
    await ambulance.taken(second, its)
    await asyncio.sleep(2.5)
    assert ambulance.watcher.of(ObservationReattributed, first) == []
