"""Stations, units, waiting calls, recommendations and transfers, by the interface and a real
PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from schemas.capacity import Beds, CapacityReported
from schemas.handoff import Department
from schemas.triage import TriageLevel
from schemas.unit import UnitLeftScene
from services.dispatch import store
from services.dispatch.handlers import handle_capacity, handle_movement
from services.dispatch.store import FleetStore, HospitalStore
from services.kit.postgres import Row, transaction
from services.kit.work import Received
from tests.desk import HERE, NUMBERS, Desk, at_desk
from tests.platform import Platform

NAME = {"zh": "站", "en": "station"}
#: So often emergencies and transfers ask for the same units at once.
ROUNDS = 20
EMERGENCY, TRANSFER = "emergency", "non_emergency_transfer"


@pytest.fixture(scope="module")
async def desk(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with at_desk(platform, tmp_path_factory.mktemp("keys")) as opened:
        yield opened


def away(km: float) -> dict[str, float]:
    return {**HERE, "latitude": HERE["latitude"] + km / 111.195}


class County:
    """A county of its own for each test: its stations, its units, its hospital."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.name = desk, f"C-{next(NUMBERS)}"
        self.now = datetime.now(UTC)
        self.units: list[str] = []

    async def station(self, number: int = 1, km: float = 1, **more: Any) -> str:
        station = f"{self.name}.S-{number}"
        told = {"name": NAME, "kind": "township", "county": self.name, "location": away(km)}
        await self.desk.put(f"stations/{station}", **told, **more)
        return station

    async def unit(self, station: str, **more: Any) -> str:
        unit = f"{self.name}.U-{len(self.units)}"
        told = {"station_id": station, "kind": "monitoring", "occurred_at": self.now.isoformat()}
        await self.desk.put(f"units/{unit}", **{**told, **more})
        self.units.append(unit)
        return unit

    async def hospital(self, km: float = 5, **more: Any) -> str:
        hospital = f"{self.name}.F-{next(NUMBERS)}"
        await self.desk.put(f"facilities/{hospital}", name=NAME, location=away(km), **more)
        return hospital

    async def send(self, call: str, unit: str, **more: Any) -> Any:
        return await self.desk.post(f"incidents/{call}/units", self.now, unit_id=unit, **more)

    async def mine(self, call: str) -> list[dict[str, Any]]:
        """What is recommended of this county."""
        found = await self.desk.get(f"incidents/{call}/recommended-units")
        return [each for each in found if each["unit_id"] in self.units]

    async def weigh(self, call: str, level: TriageLevel) -> str:
        """Triage has decided so of the call's only patient."""
        (encounter_id,) = (await self.desk.get(f"incidents/{call}"))["encounter_ids"]
        async with transaction(self.desk.pool) as connection:
            row = (await store.ENCOUNTERS.load(connection, [encounter_id]))[encounter_id]
            assert row.state is not None
            weighed = Row(row.state.but(level=level), row.version)
            await store.ENCOUNTERS.save(connection, {encounter_id: weighed})
        return str(encounter_id)

    async def alone(self) -> None:
        """No unit is known but those of this county."""
        await self.desk.pool.execute("DELETE FROM units WHERE NOT id = ANY($1)", self.units)

    async def clear(self) -> None:
        """No unit of this county is recommended any more."""
        for unit in self.units:
            await self.desk.pool.execute("DELETE FROM units WHERE id = $1", unit)


@pytest.fixture
async def county(desk: Desk) -> AsyncIterator[County]:
    known = County(desk)
    yield known
    await known.clear()


async def test_a_unit_is_sent_from_the_station_that_the_register_knows(county: County) -> None:
    station = await county.station(km=3)
    unit, call = await county.unit(station), await county.desk.call(county.now)
    leg = (await county.send(call, unit))["leg"]
    assert (leg["station_id"], leg["county"], leg["scene_source"]) == (
        station, county.name, "caller",
    )  # fmt: skip
    told = await county.desk.events(unit)
    assigned = next(each for each in told if each["type"] == "UnitAssigned")
    assert assigned["station"] == pytest.approx(away(3))
    assert (assigned["station_id"], assigned["chosen_by"]) == (station, "dispatcher")
    stranger = await county.desk.attempt(f"incidents/{call}/units", county.now, unit_id="nobody")
    assert (stranger.status_code, stranger.json()["title"]) == (422, "No station")


async def test_the_indicators_of_a_station_and_a_county_are_of_what_was_sent_from_there(
    county: County,
) -> None:
    one, other = await county.station(1), await county.station(2)
    begin = datetime(1990, 3, 1, tzinfo=UTC) + timedelta(days=next(NUMBERS))
    for station, second in ((one, 100), (one, 200), (other, 90)):
        unit, call = await county.unit(station), await county.desk.call(begin)
        await county.desk.post(f"incidents/{call}/units", begin, unit_id=unit)
        await county.desk.stamp(unit, "departed", begin + timedelta(seconds=second))
    asked = (begin - timedelta(hours=1), begin + timedelta(hours=1))
    for by, expected in (
        ("station", {one: (1, 2), other: (1, 1)}),
        ("county", {county.name: (2, 3)}),
    ):
        groups = (await county.desk.indicators(*asked, by=by))["groups"]
        for clock in ("dispatch_within_3min", "first_unit_within_3min"):
            told = {g["group"]: g["indicators"][clock] for g in groups}
            assert {n: (t["numerator"], t["denominator"]) for n, t in told.items()} == expected
        reached = {
            g["group"]: g["indicators"]["patients"]["accepted_to_at_patient"]["running"]
            for g in groups
        }
        assert reached == {name: many for name, (_, many) in expected.items()}


async def test_the_share_of_township_health_centres_is_of_today(county: County) -> None:
    await county.station(1, enrolled_from="2020-01-01")
    await county.station(2)
    await county.station(3, enrolled_from="2020-01-01", enrolled_to="2020-12-31")
    found = (await county.desk.get("stations"))["enrolment"]
    mine = next(each for each in found if each["county"] == county.name)
    assert (mine["enrolled"], mine["of"]) == (1, 3)


async def test_a_unit_that_is_not_ready_and_a_mobile_one_are_not_recommended(
    county: County,
) -> None:
    station, call = await county.station(), await county.desk.call(county.now)
    ready, low = await county.unit(station), await county.unit(station)
    mobile = await county.unit(station, force="mobile")
    said = {"oxygen": "low", "occurred_at": county.now.isoformat()}
    await county.desk.put(f"units/{low}/readiness", **said)
    assert [each["unit_id"] for each in await county.mine(call)] == [ready]
    called = await county.desk.post(
        "mobile-force/mobilised", county.now, reason="fire", station_ids=[station]
    )
    assert [each["unit_id"] for each in called] == [mobile]
    assert {each["unit_id"] for each in await county.mine(call)} == {ready, mobile}
    await county.desk.post("mobile-force/released", county.now, station_ids=[station])
    assert [each["unit_id"] for each in await county.mine(call)] == [ready]
    types = [each["type"] for each in await county.desk.events(mobile)]
    assert types == ["UnitRegistered", "UnitMobilised", "UnitReleased"]


async def test_who_waits_is_named_by_severity_and_then_by_age(county: County) -> None:
    levels = (TriageLevel.URGENT, TriageLevel.CRITICAL, TriageLevel.NOT_YET, TriageLevel.CRITICAL)
    calls = []
    for number, level in enumerate(levels):
        at = county.now + timedelta(seconds=number)
        calls.append(await county.desk.call(at))
        await county.weigh(calls[-1], level)
    drill = await county.desk.call(county.now, classification="drill")

    async def waiting() -> list[str]:
        known = [each["incident_id"] for each in await county.desk.get("waiting-calls")]
        return [name for name in known if name in {*calls, drill}]

    assert await waiting() == [calls[1], calls[3], calls[2], calls[0]]
    unit = await county.unit(await county.station())
    await county.send(calls[1], unit)
    assert await waiting() == [calls[3], calls[2], calls[0]]
    await county.desk.stamp(unit, "stood_down", county.now)
    assert await waiting() == [calls[1], calls[3], calls[2], calls[0]]


async def test_a_call_whose_patients_all_have_an_outcome_waits_for_nobody(county: County) -> None:
    unit, call = await county.unit(await county.station()), await county.desk.call(county.now)
    transfer = await county.desk.call(county.now, classification=TRANSFER)
    await county.desk.post(f"incidents/{call}/patients", county.now, patients=[{}])

    async def waiting() -> set[str]:
        queues = [await county.desk.get(f"waiting-{kind}") for kind in ("calls", "transfers")]
        return {each["incident_id"] for queue in queues for each in queue} & {call, transfer}

    await county.send(call, unit)
    assert await waiting() == {transfer}
    await county.desk.stamp(unit, "stood_down", county.now)
    for served in (transfer, call):
        for patient in (await county.desk.get(f"incidents/{served}"))["encounter_ids"]:
            assert served in await waiting(), "a patient of it is still without outcome"
            await county.desk.post(
                f"encounters/{patient}/outcome", county.now, outcome="refused_transport"
            )
        assert served not in await waiting()
    assert (await county.desk.get(f"incidents/{call}"))["standing"] == "open"


@pytest.mark.parametrize("stamps", [("departed",), ("departed", "on_scene"), ("on_scene",)])
async def test_a_call_whose_unit_is_free_again_and_was_not_called_back_waits_for_nobody(
    county: County, stamps: tuple[str, ...]
) -> None:
    """It is not alarmed of either: who has not stamped is not who has not been there."""
    unit, call = await county.unit(await county.station()), await county.desk.call(county.now)
    await county.send(call, unit)
    for status in (*stamps, "available"):
        await county.desk.stamp(unit, status, county.now)
    assert call not in {each["incident_id"] for each in await county.desk.get("waiting-calls")}


async def test_a_unit_is_diverted_from_a_less_severe_call_which_waits_again(county: County) -> None:
    unit = await county.unit(await county.station())
    mild, severe = await county.desk.call(county.now), await county.desk.call(county.now)
    await county.weigh(mild, TriageLevel.URGENT)
    old = (await county.send(mild, unit))["leg"]["leg_id"]
    same = await county.desk.attempt(
        f"incidents/{severe}/units", county.now, unit_id=unit, divert=True
    )
    assert same.status_code == 201, "of whom nothing is known may be severe"
    leg = same.json()["leg"]
    assert (leg["incident_id"], leg["is_rolling"]) == (severe, False)
    told = await county.desk.events(unit)
    assert [each["type"] for each in told[-3:]] == [
        "UnitStatusChanged", "UnitAssigned", "UnitStatusChanged",
    ]  # fmt: skip
    assert (told[-3]["status"], told[-3]["leg_id"]) == ("stood_down", old)
    assert told[-2]["diverted_from"] == old
    before = await county.desk.get(f"legs/{old}")
    assert [stamp["status"] for stamp in before["stamps"]] == ["notified", "stood_down"]
    await county.desk.timekeeper.look()
    assert await county.desk.alarms(mild) == [("first_unit_notified_within_1min", "breach", None)]
    back = await county.desk.attempt(
        f"incidents/{mild}/units", county.now, unit_id=unit, divert=True
    )
    assert (back.status_code, back.json()["title"]) == (409, "Not more severe")


async def test_nobody_is_diverted_from_a_patient(county: County) -> None:
    unit = await county.unit(await county.station())
    mild, severe = await county.desk.call(county.now), await county.desk.call(county.now)
    encounter = await county.weigh(mild, TriageLevel.NON_URGENT)
    await county.weigh(severe, TriageLevel.CRITICAL)
    await county.send(mild, unit)
    await county.desk.post(f"encounters/{encounter}/reached", county.now, unit_id=unit)
    answer = await county.desk.attempt(
        f"incidents/{severe}/units", county.now, unit_id=unit, divert=True
    )
    assert (answer.status_code, answer.json()["title"]) == (409, "At a patient")
    await county.desk.stamp(unit, "on_scene", county.now)
    answer = await county.desk.attempt(
        f"incidents/{severe}/units", county.now, unit_id=unit, divert=True
    )
    assert (answer.status_code, answer.json()["title"]) == (409, "Not to be diverted")


# -- when no unit is free --------------------------------------------------------------------------

NOTIFICATION = "first_unit_notified_within_1min"
AT_ONCE = [(NOTIFICATION, "breach", None)]


async def looked(county: County, call: str, pass_s: int = 0) -> list[tuple[str, str, str | None]]:
    """The alarms of a call, when so many seconds have passed and the timekeeper has looked."""
    await county.desk.pool.execute(
        "UPDATE deadlines SET due_at = due_at - make_interval(secs => $1)", pass_s
    )
    await county.desk.timekeeper.look()
    return await county.desk.alarms(call)


async def test_that_no_unit_is_free_is_told_at_once_and_once(county: County) -> None:
    await county.alone()
    station, desk = await county.station(), county.desk
    unit, mobile = await county.unit(station), await county.unit(station, force="mobile")
    free = await desk.call(county.now)
    assert await looked(county, free) == [], "one is free"
    await county.send(free, unit)
    calls = [await desk.call(county.now), await desk.ask_for_transfer("F-1", county.now)]
    drill = await desk.call(county.now, classification="drill")
    for call in calls:
        assert await looked(county, call) == AT_ONCE
    assert await looked(county, drill) == await looked(county, free) == []
    told = {"classification": "emergency", "occurred_at": county.now.isoformat()}
    await desk.put(f"incidents/{drill}/classification", **told)
    for call in (*calls, drill):
        assert await looked(county, call, 61) == AT_ONCE
        assert (await desk.told(call)).count("DeadlineMissed") == 1
    await desk.post("mobile-force/mobilised", county.now, reason="fire", station_ids=[station])
    await county.send(calls[0], mobile)
    assert await looked(county, calls[0]) == []


async def test_while_a_unit_is_free_a_call_has_its_minute(county: County) -> None:
    await county.alone()
    await county.unit(await county.station())
    call = await county.desk.call(county.now)
    assert await looked(county, call) == []
    assert await looked(county, call, 50) == []
    assert await looked(county, call, 11) == AT_ONCE


async def test_a_unit_that_is_not_ready_or_breaks_down_is_none_that_is_free(county: County) -> None:
    await county.alone()
    station, desk = await county.station(), county.desk
    low, unit = await county.unit(station), await county.unit(station)
    said = {"oxygen": "low", "occurred_at": county.now.isoformat()}
    await desk.put(f"units/{low}/readiness", **said)
    call = await desk.call(county.now)
    await county.send(call, unit)
    assert await looked(county, call) == []
    await desk.stamp(unit, "out_of_service", county.now)
    assert await looked(county, call) == AT_ONCE


async def test_who_has_registered_no_unit_does_not_say_that_none_is_free(county: County) -> None:
    await county.alone()
    one, other = await county.desk.call(county.now), await county.desk.call(county.now)
    await county.desk.send(one, f"{county.name}.U-0", county.now)
    county.units.append(f"{county.name}.U-0")
    assert await looked(county, other) == []
    assert await looked(county, other, 61) == AT_ONCE


# -- where units drive -----------------------------------------------------------------------------


async def directed(county: County, unit: str) -> list[tuple[str, str | None]]:
    told = await county.desk.events(unit)
    return [(e["place"], e.get("facility_id")) for e in told if e["type"] == "UnitDirected"]


async def test_a_unit_is_told_of_another_scene_and_of_the_hospital(county: County) -> None:
    unit, call = await county.unit(await county.station()), await county.desk.call(county.now)
    hospital, other = await county.hospital(), await county.hospital()
    (patient,) = (await county.desk.get(f"incidents/{call}"))["encounter_ids"]
    await county.desk.post(f"encounters/{patient}/destination", county.now, facility_id=hospital)
    assert await directed(county, unit) == [], "nobody drives yet"
    await county.send(call, unit)
    where = {**away(2), "accuracy_m": 10}
    told = {"location": where, "source": "crew", "occurred_at": county.now.isoformat()}
    await county.desk.put(f"incidents/{call}/location", **told)
    await county.desk.post(f"encounters/{patient}/reached", county.now, unit_id=unit)
    await county.desk.post(f"encounters/{patient}/boarding", county.now, unit_id=unit)
    await county.desk.post(f"encounters/{patient}/destination", county.now, facility_id=other)
    assert await directed(county, unit) == [
        ("scene", None), ("destination", hospital), ("destination", other),
    ]  # fmt: skip
    (mine,) = [u for u in await county.desk.get("units") if u["unit_id"] == unit]
    assert (mine["leg"]["destination_id"], mine["leg"]["scene_source"]) == (other, "crew")


async def test_of_two_units_nobody_is_told_until_one_has_the_patient(county: County) -> None:
    station, call = await county.station(), await county.desk.call(county.now)
    one, two = await county.unit(station), await county.unit(station)
    hospital = await county.hospital()
    for unit in (one, two):
        await county.send(call, unit)
    (patient,) = (await county.desk.get(f"incidents/{call}"))["encounter_ids"]
    await county.desk.post(f"encounters/{patient}/destination", county.now, facility_id=hospital)
    assert await directed(county, one) == await directed(county, two) == []
    await county.desk.post(f"encounters/{patient}/boarding", county.now, unit_id=two)
    assert await directed(county, one) == []
    assert await directed(county, two) == [("destination", hospital)]


async def test_hospitals_are_recommended_by_what_they_have_and_say(county: County) -> None:
    able = await county.hospital(9, centres=["stroke"])
    near = await county.hospital(1)
    call = await county.desk.call(county.now)
    patient = await county.weigh(call, TriageLevel.SEVERE)

    async def advised() -> dict[str, set[str]]:
        found = await county.desk.get(f"encounters/{patient}/recommended-destinations")
        mine = [each for each in found if each["facility_id"] in {able, near}]
        return {e["facility_id"]: {a["why"] for a in (*e["pro"], *e["con"])} for e in mine}

    assert list(await advised()) == [near, able]
    said = CapacityReported(
        event_id="c-1", occurred_at=county.now, facility_id=near, staff_id="s", divert=True,
        beds=(Beds(department=Department.ICU, free=0),),
    )  # fmt: skip
    keeper = HospitalStore()
    async with transaction(county.desk.pool) as connection:
        received = Received(near, said, county.now, record=None)
        rows = await keeper.load(connection, {near: [received]})
        after, _ = handle_capacity(rows[near].state, received)
        await keeper.save(connection, {near: Row(after, rows[near].version)}, [])
    found = await advised()
    assert list(found) == [able, near]
    assert {"diverts", "full"} <= found[near]


# -- who is asked where the patient goes -----------------------------------------------------------

CHOSEN, LEAVING = "destination_chosen", "destination_known_on_leaving"
ABOARD = "boarding_known_on_leaving"


async def test_a_severe_patient_without_a_hospital_is_asked_about(county: County) -> None:
    unit, call = await county.unit(await county.station()), await county.desk.call(county.now)
    hospital = await county.hospital()
    patient = await county.weigh(call, TriageLevel.CRITICAL)
    await county.send(call, unit)
    await county.desk.stamp(unit, "on_scene", county.now)
    past = county.now - timedelta(seconds=181)
    await county.desk.post(f"encounters/{patient}/reached", past, unit_id=unit)
    await county.desk.timekeeper.look()
    assert await county.desk.alarms(call) == [(CHOSEN, "warning", None)]
    asked = await county.desk.get(f"units/{unit}/alarms")
    assert [(each["clock"], each["encounter_id"]) for each in asked] == [(CHOSEN, patient)]
    await county.desk.timekeeper.look()
    assert (await county.desk.told(call)).count("DeadlineWarned") == 1
    await county.desk.post(f"encounters/{patient}/destination", county.now, facility_id=hospital)
    assert await county.desk.alarms(call) == []


async def test_whoever_leaves_the_scene_without_a_hospital_is_asked(county: County) -> None:
    """By the button, and by satellites alone; also a crew that has pressed nothing else."""
    for by_gps, is_reached in ((False, True), (True, True), (False, False)):
        unit, call = await county.unit(await county.station()), await county.desk.call(county.now)
        patient = await county.weigh(call, TriageLevel.URGENT)
        leg = (await county.send(call, unit))["leg"]["leg_id"]
        if is_reached:
            await county.desk.post(f"encounters/{patient}/reached", county.now, unit_id=unit)
        past = county.now - timedelta(seconds=61)
        if by_gps:
            await see(county, unit, UnitLeftScene(
                event_id=f"left-{leg}", occurred_at=past, unit_id=unit, leg_id=leg, distance_m=9,
            ))  # fmt: skip
        else:
            await county.desk.stamp(unit, "left_scene", past)
        await county.desk.timekeeper.look()
        open_ones = [each for each in await county.desk.alarms(call) if each[0] == LEAVING]
        assert open_ones == [(LEAVING, "breach", None)]
        await county.desk.stamp(unit, "available", county.now)
        assert await county.desk.alarms(call) == []


async def test_who_is_driven_off_without_a_word_is_taken_to_be_aboard_and_flagged(
    county: County,
) -> None:
    """The crew is asked; after two minutes it is inferred where satellites saw the unit leave, with
    the time of that; and who was there may still say when it was."""
    boarded = {}
    for by_gps in (True, False):
        unit, call = await county.unit(await county.station()), await county.desk.call(county.now)
        patient = await county.weigh(call, TriageLevel.URGENT)
        leg = (await county.send(call, unit))["leg"]["leg_id"]
        await county.desk.post(f"encounters/{patient}/reached", county.now, unit_id=unit)
        past = county.now - timedelta(seconds=121)
        if by_gps:
            await see(county, unit, UnitLeftScene(
                event_id=f"left-{leg}", occurred_at=past, unit_id=unit, leg_id=leg, distance_m=9,
            ))  # fmt: skip
        else:
            await county.desk.stamp(unit, "left_scene", past)
        await county.desk.timekeeper.look()
        await county.desk.timekeeper.look()
        told = [e for e in await county.desk.events(patient) if e["type"] == "PatientBoarded"]
        boarded[by_gps] = [(e["inferred"], datetime.fromisoformat(e["occurred_at"])) for e in told]
        known = await county.desk.get(f"encounters/{patient}")
        assert known["boarding_inferred"] is by_gps
        aboard = {"unit_id": unit}
        await county.desk.post(f"encounters/{patient}/boarding", county.now, **aboard)
        known = await county.desk.get(f"encounters/{patient}")
        assert known["boarding_inferred"] is False
        assert datetime.fromisoformat(known["boarded_at"]) == county.now
        again = await county.desk.attempt(f"encounters/{patient}/boarding", county.now, **aboard)
        assert again.status_code == 409
        assert ABOARD not in {clock for clock, _, _ in await county.desk.alarms(call)}
    assert boarded == {True: [(True, past)], False: []}, "a button alone proves nobody aboard"


async def see(county: County, unit: str, event: UnitLeftScene) -> None:
    """A movement comes by Kafka."""
    keeper = FleetStore(county.desk.clocks)
    async with transaction(county.desk.pool) as connection:
        received = Received(unit, event, county.now, record=None)
        rows = await keeper.load(connection, {unit: [received]})
        after, events = handle_movement(rows[unit].state, received)
        await keeper.save(connection, {unit: Row(after, rows[unit].version)}, events)


# -- transfers that are no emergencies -------------------------------------------------------------


async def test_transfers_wait_in_a_queue_of_their_own_by_when_they_are_wanted(
    county: County,
) -> None:
    wanted = (timedelta(hours=2), None, timedelta(hours=1))
    calls = []
    for after in wanted:
        more = {} if after is None else {"scheduled_at": (county.now + after).isoformat()}
        calls.append(await county.desk.call(county.now, classification=TRANSFER, **more))
    queue = [each["incident_id"] for each in await county.desk.get("waiting-transfers")]
    assert [name for name in queue if name in calls] == [calls[1], calls[2], calls[0]]
    emergencies = [each["incident_id"] for each in await county.desk.get("waiting-calls")]
    assert not set(calls) & set(emergencies)


async def test_a_transfer_that_becomes_an_emergency_keeps_its_patient_and_starts_the_clock(
    county: County,
) -> None:
    station = await county.station()
    spare = [await county.unit(station) for _ in range(3)]
    begin = county.now - timedelta(seconds=400)
    call = await county.desk.call(begin, classification=TRANSFER)
    patients = (await county.desk.get(f"incidents/{call}"))["encounter_ids"]
    await county.desk.post(f"incidents/{call}/units", begin, unit_id=spare[0])
    await county.desk.timekeeper.look()
    assert await county.desk.alarms(call) == []
    since = county.now - timedelta(seconds=150)
    told = {"classification": "emergency", "occurred_at": since.isoformat()}
    after = await county.desk.put(f"incidents/{call}/classification", **told)
    assert after["encounter_ids"] == patients
    await county.desk.timekeeper.look()
    assert await county.desk.alarms(call) == [("dispatch_within_3min", "warning", None)]
    await county.desk.stamp(spare[0], "departed", since + timedelta(seconds=170))
    asked = (county.now - timedelta(hours=1), county.now + timedelta(seconds=1))
    groups = (await county.desk.indicators(*asked, by="county"))["groups"]
    (mine,) = [each["indicators"] for each in groups if each["group"] == county.name]
    three = mine["dispatch_within_3min"]
    assert (three["numerator"], three["denominator"], three["p50_s"]) == (1, 1, 170)


async def test_two_hundred_transfers_under_full_load_never_take_the_reserve(county: County) -> None:
    """Emergencies and transfers ask for the same units at once. They are told one after the other
    who was granted: whenever that was a transfer, as many as are kept were free beside it."""
    station, chance = await county.station(), Random(7)
    keep = county.desk.advice.fleet.reserve.of(county.name)
    fleet = [await county.unit(station) for _ in range(keep + 3)]
    transport = await county.unit(station, kind="transport")
    kinds: dict[str, str] = {}

    async def ask(call: str, unit: str) -> None:
        path = f"incidents/{call}/units"
        answer = await county.desk.attempt(path, county.now, unit_id=unit)
        assert answer.status_code in {201, 409}, answer.text

    granted: Counter[str] = Counter()
    for _ in range(ROUNDS):
        asked_for = [*chance.sample(fleet, 2), *fleet, *fleet, transport]
        kind_of = [EMERGENCY] * 2 + [TRANSFER] * (len(asked_for) - 2)
        calls = [await county.desk.call(county.now, classification=kind) for kind in kind_of]
        kinds |= dict(zip(calls, kind_of, strict=True))
        asking = [ask(*each) for each in zip(calls, asked_for, strict=True)]
        chance.shuffle(asking)
        since = await county.desk.pool.fetchval("SELECT coalesce(max(seq), 0) FROM outbox")
        await asyncio.gather(*asking)
        free = set(fleet)
        for unit, call in await county.desk.assigned_since(since):
            granted[kinds[call]] += 1
            free.discard(unit)
            if kinds[call] == TRANSFER and unit != transport:
                assert len(free) >= keep
        for unit in {*fleet, transport} - free:
            await county.desk.stamp(unit, "available", county.now)
    assert sum(kind == TRANSFER for kind in kinds.values()) >= 200
    assert granted[EMERGENCY] >= ROUNDS / 4
    assert granted[TRANSFER] >= ROUNDS
    asked = (county.now - timedelta(hours=1), county.now + timedelta(seconds=1))
    groups = (await county.desk.indicators(*asked, by="county"))["groups"]
    (mine,) = [each["indicators"] for each in groups if each["group"] == county.name]
    three = mine["dispatch_within_3min"]
    counted = three["missing"] + three["running"] + three["denominator"]
    assert counted == granted[EMERGENCY]
    assert three["excluded"] == {TRANSFER: granted[TRANSFER]}


async def test_no_transfer_is_recommended_what_is_kept(county: County) -> None:
    station = await county.station()
    keep = county.desk.advice.fleet.reserve.of(county.name)
    fleet = [await county.unit(station) for _ in range(keep)]
    call = await county.desk.call(county.now, classification=TRANSFER)
    assert await county.mine(call) == []
    answer = await county.desk.attempt(f"incidents/{call}/units", county.now, unit_id=fleet[0])
    assert (answer.status_code, answer.json()["title"]) == (409, "Reserve")
    fleet.append(await county.unit(station))
    assert {each["unit_id"] for each in await county.mine(call)} == set(fleet)
