"""When a patient will be at the hospital: from GPS to the hospital's record, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.unit import EtaUpdated, UnitArrived
from services.dispatch.handlers import handle_movement
from services.dispatch.store import FleetStore
from services.kit import outbox
from services.kit.postgres import Row, transaction
from services.kit.work import Received
from tests.desk import HERE, Desk, at_desk
from tests.platform import Platform

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
async def desk(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with at_desk(platform, tmp_path_factory.mktemp("keys")) as opened:
        yield opened


async def hears(desk: Desk, event: EtaUpdated | UnitArrived) -> None:
    """As the loop of dispatch does."""
    received: Any = Received(event.unit_id, event, NOW, record=None)
    fleets = FleetStore(desk.clocks)
    async with transaction(desk.pool) as connection:
        row = (await fleets.load(connection, {event.unit_id: [received]}))[event.unit_id]
        after, events = handle_movement(row.state, received)
        await fleets.save(connection, {event.unit_id: Row(after, row.version)}, events)
        await outbox.append(connection, "dispatch", events)


async def expected(desk: Desk, encounter: str) -> list[tuple[str, str | None, str | None]]:
    return [
        (each["unit_id"], each.get("call_back"), each.get("arrives_at"))
        for each in await desk.events(encounter)
        if each["type"] == "ArrivalExpected"
    ]


async def come(desk: Desk, encounter: str) -> datetime | None:
    """When the unit came, as the hospital was told last."""
    *_, last = [e for e in await desk.events(encounter) if e["type"] == "ArrivalExpected"]
    return datetime.fromisoformat(last["unit_arrived_at"]) if "unit_arrived_at" in last else None


async def test_a_hospital_hears_by_which_unit_two_patients_come_and_when(desk: Desk) -> None:
    station = {"name": {"zh": "北站", "en": "north"}, "kind": "county_centre", "county": "320300",
               "location": HERE}  # fmt: skip
    await desk.put("stations/S-expected", **station)
    unit = {"station_id": "S-expected", "kind": "monitoring", "call_back": "0516 0000 0103"}
    await desk.put("units/U-expected", occurred_at=NOW.isoformat(), **unit)
    opened = await desk.post("incidents", NOW, location=HERE, patients=[{}, {}, {}])
    call, (one, other, left) = opened["incident_id"], opened["encounter_ids"]
    leg = await desk.send(call, "U-expected", NOW)
    for each in (one, other, left):
        await desk.post(f"encounters/{each}/reached", NOW, unit_id="U-expected")
    for each in (one, other):
        await desk.post(f"encounters/{each}/boarding", NOW, unit_id="U-expected")
    first = ("U-expected", "0516 0000 0103", None)
    assert await expected(desk, one) == [first, first]
    arrives = NOW + timedelta(minutes=12)
    told = EtaUpdated(
        event_id="eta-1", occurred_at=NOW, unit_id="U-expected", leg_id=leg, place="destination",
        arrives_at=arrives, distance_m=5000,
    )  # fmt: skip
    await hears(
        desk, told.but(event_id="eta-0", place="scene", occurred_at=NOW - timedelta(minutes=9))
    )
    await hears(desk, told)
    await hears(desk, told)
    for each in (one, other):
        *_, last = found = await expected(desk, each)
        assert found == [first, first, last], "told once"
        assert last[2] is not None
        assert datetime.fromisoformat(last[2]) == arrives
    assert await expected(desk, left) == [first], "who was left behind does not come"

    here = NOW + timedelta(minutes=11)
    seen = UnitArrived(
        event_id="arr-1", occurred_at=here, unit_id="U-expected", leg_id=leg, place="destination",
        distance_m=12,
    )  # fmt: skip
    assert await come(desk, one) is None
    await hears(desk, seen)
    assert [await come(desk, each) for each in (one, other, left)] == [here, here, None]
    pressed = here + timedelta(seconds=20)
    told_of = await desk.stamp("U-expected", "at_destination", pressed)
    assert [await come(desk, each) for each in (one, other, left)] == [pressed, pressed, None]
    stamp = next(s for s in told_of["leg"]["stamps"] if s["occurred_at"] and s["source"] != "gps"
                 and s["status"] == "at_destination")  # fmt: skip
    wrong = {"corrected_to": (here + timedelta(seconds=5)).isoformat(), "reason": "slip"}
    await desk.post(f"legs/{leg}/stamps/{stamp['stamp_id']}/correction", NOW, **wrong)
    assert await come(desk, one) == here + timedelta(seconds=5)
    assert "PatientArrived" not in {each["type"] for each in await desk.events(one)}
