"""What is asked for is stored as it is answered, on a real PostgreSQL; samples are read back from a
real broker."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from schemas.clinical import (
    LevelOverridden,
    ObservationReattributed,
    ObservationRetracted,
    VitalSignsRecorded,
)
from schemas.encounter import DestinationSelected
from schemas.envelope import decode, encode
from schemas.event import Event
from services.bridge.handoff import hear
from services.bridge.store import CASES, CaseStore
from services.dispatch import gateway
from services.dispatch.device_clock import Clocks
from services.dispatch.history import Stretch, samples
from services.kit import kafka, postgres
from services.kit.auth import Gate
from services.kit.broker import as_user
from services.kit.http import create_app
from services.kit.postgres import Row, transaction
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from tests.given import GivenDirectory
from tests.platform import Platform
from tests.premises import is_ready, opened

#: Of this file alone: the queues of others stay as they are.
CLINIC, FACILITY, ANOTHER = "C-901", "F-901", "F-902"
AT = {"occurred_at": "2026-03-09T06:12:00Z"}
WHERE = {"latitude": 34.19, "longitude": 117.28}
NUMBERS = itertools.count(1)
Told = dict[str, Any]


@dataclass(frozen=True)
class House:
    """Dispatch and bridge within this process; nothing relays what they put into their outbox."""

    clients: Mapping[Role, httpx.AsyncClient]
    dispatch: postgres.Pool
    bridge: postgres.Pool
    cases: CaseStore
    #: A crew that hands its patient over.
    door: httpx.AsyncClient

    async def ask(
        self, role: Role, route: str, body: Told | None = None, key: str | None = None
    ) -> httpx.Response:
        method, path = route.split(" ")
        said = None if method == "GET" else {**AT, **(body or {})}
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.clients[role].request(method, path, json=said, headers=headers)

    async def do(
        self, role: Role, route: str, body: Told | None = None, key: str | None = None
    ) -> Told:
        """What is answered, twice the same: a repeat changes nothing and tells nobody."""
        key = key or f"k-{next(NUMBERS)}"
        first = await self.ask(role, route, body, key)
        assert first.is_success, first.text
        sent = await self.sent()
        again = await self.ask(role, route, body, key)
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert await self.sent() == sent
        told: Told = first.json()
        return told

    async def refused(
        self, role: Role, route: str, body: Told | None = None, key: str | None = None
    ) -> tuple[int, str]:
        before = await self.sent()
        answer = await self.ask(role, route, body, key)
        assert await self.sent() == before
        told = answer.json()
        return answer.status_code, told["title"]

    async def sent(self) -> int:
        """How much waits to be sent."""
        counts = [
            await pool.fetchval("SELECT count(*) FROM outbox")
            for pool in (self.dispatch, self.bridge)
        ]
        return sum(counts)

    async def told(self, key: str) -> list[str]:
        """The events under this key, in the order in which they will be sent."""
        rows = await self.dispatch.fetch(
            "SELECT headers ->> 'ce_type' AS type FROM outbox WHERE key = $1 ORDER BY seq",
            key.encode(),
        )
        return [row["type"].split(".")[1] for row in rows]

    async def call(self, **more: Any) -> Told:
        return await self.do(Role.DISPATCHER, "POST /v1/incidents", {"location": WHERE, **more})

    async def encounter(self, number: str) -> Told:
        answer = await self.ask(Role.DISPATCHER, f"GET /v1/encounters/{number}")
        told: Told = answer.json()
        return told

    async def patient(self, facility: str = FACILITY) -> str:
        """Somebody who is bound for this facility."""
        name = f"E-bound-{next(NUMBERS)}"
        chosen = DestinationSelected(
            event_id="to", occurred_at=datetime.now(UTC), encounter_id=name,
            facility_id=facility, selected_by="dispatcher-1",
        )  # fmt: skip
        async with transaction(self.bridge) as connection:
            case, events = hear(None, name, chosen, datetime.now(UTC))
            await self.cases.save(connection, {name: Row(case)}, events)
        return name


@pytest.fixture(scope="module")
async def house(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("keys")
    async with (
        opened(platform, "dispatch", folder, size=2) as dispatch,
        opened(platform, "bridge", folder, size=2) as bridge,
        AsyncExitStack() as stack,
    ):
        calls, queues = dispatch.app(), bridge.app()
        clients = {
            Role.DISPATCHER: dispatch.client(calls, Role.DISPATCHER),
            Role.CREW: dispatch.client(calls, Role.CREW),
            Role.PRIMARY_CARE: dispatch.client(calls, Role.PRIMARY_CARE, CLINIC),
            Role.CENTRE: bridge.client(queues, Role.CENTRE, FACILITY),
        }
        door = bridge.client(queues, Role.CREW)
        for client in (*clients.values(), door):
            await stack.enter_async_context(client)
        yield House(clients, dispatch.pool, bridge.pool, queues.state.cases, door)


# -- calls -----------------------------------------------------------------------------------------


async def test_what_is_better_known_of_a_call_is_answered_stored_and_told(house: House) -> None:
    number = (await house.call())["incident_id"]
    path = f"/v1/incidents/{number}"
    there = {"latitude": 34.2, "longitude": 117.3, "accuracy_m": 5.0, "address": "北门"}
    where = {"location": there, "source": "crew", "reason": "不是南门"}
    told = await house.do(Role.DISPATCHER, f"PUT {path}/location", where)
    assert (told["location"], told["location_source"]) == ({**there, "given": None}, "crew")
    assert [each["reason"] for each in told["earlier_locations"]] == ["不是南门"]
    drill = {"classification": "drill", "reason": "区里的演练"}
    told = await house.do(Role.DISPATCHER, f"PUT {path}/classification", drill)
    values = await house.dispatch.fetch(
        "SELECT value FROM outbox WHERE key = $1 ORDER BY seq", number.encode()
    )
    reasons = [json.loads(row["value"]).get("reason") for row in values]
    assert reasons == [None, "不是南门", "区里的演练"]
    assert (await house.ask(Role.DISPATCHER, f"GET {path}")).json() == told
    assert await house.told(number) == ["IncidentOpened", "IncidentLocated", "IncidentClassified"]


async def test_a_time_of_a_call_is_corrected_and_what_stood_before_is_kept(house: House) -> None:
    call = {"received_at": "2026-03-09T06:10:00Z", "accepted_at": "2026-03-09T06:21:00Z"}
    opened = await house.call(call=call)
    path, was = f"/v1/incidents/{opened['incident_id']}", {**call, "answered_at": None}
    route, why = f"POST {path}/call-correction", {"reason": "以录音为准"}
    right = {"accepted_at": "2026-03-09T06:11:00Z"}
    told = await house.do(Role.DISPATCHER, route, {**right, **why}, "right")
    assert told["call"] == {**was, **right}
    (before,) = told["earlier_calls"]
    assert before.pop("corrected_by")
    assert before == {"call": was, "until": AT["occurred_at"], **why}
    # Without a key, two that differ in what is null are two.
    for name in ("received_at", "answered_at"):
        for _ in range(2):
            answer = await house.ask(Role.DISPATCHER, route, {name: None, **why})
            assert answer.is_success, answer.text
    told = (await house.ask(Role.DISPATCHER, f"GET {path}")).json()
    assert told["call"] == {"received_at": None, "answered_at": None, **right}
    assert len(told["earlier_calls"]) == 3
    assert await house.told(opened["incident_id"]) == ["IncidentOpened", *["CallCorrected"] * 3]
    other = {"received_at": None, **why}
    assert await house.refused(Role.DISPATCHER, route, other, "right") == (409, "Key used before")
    assert (await house.refused(Role.DISPATCHER, route, why))[0] == 422
    assert (await house.refused(Role.DISPATCHER, route, {**right, "reason": ""}))[0] == 422
    into = {"into": (await house.call())["incident_id"]}
    await house.do(Role.DISPATCHER, f"POST {path}/merge", into)
    assert await house.refused(Role.DISPATCHER, route, {**right, **why}) == (409, "Merged")


async def test_a_call_that_was_accepted_sooner_is_alarmed_of_sooner_and_never_later(
    house: House,
) -> None:
    now = datetime.now(UTC)
    at = {"occurred_at": now.isoformat()}
    number = (await house.call(call={"accepted_at": now.isoformat()}, **at))["incident_id"]
    its = "FROM deadlines WHERE state ->> 'incident_id' = $1"
    due = []
    for second in (-1, -20, 30):
        accepted = (now + timedelta(seconds=second)).isoformat()
        told = {"accepted_at": accepted, "reason": "以录音为准", **at}
        await house.do(Role.DISPATCHER, f"POST /v1/incidents/{number}/call-correction", told)
        due.append(await house.dispatch.fetchval(f"SELECT due_at {its}", number) - now)
    assert due == [timedelta(seconds=second) for second in (59, 40, 40)]


async def test_a_second_call_is_merged_into_the_first_with_its_placeholders(house: House) -> None:
    first, second = await house.call(), await house.call(patients=[{}, {}])
    path = f"/v1/incidents/{second['incident_id']}"
    told = await house.do(
        Role.DISPATCHER, f"POST {path}/merge", {"into": first["incident_id"]}, "merge"
    )
    assert told["merged_into"] == first["incident_id"]
    for number in second["encounter_ids"]:
        assert (await house.encounter(number))["outcome"] == "merged"
        assert await house.told(number) == ["EncounterOpened", "EncounterEnded"]
    other = {"into": second["incident_id"]}
    assert await house.refused(Role.DISPATCHER, f"POST {path}/merge", other, "merge") == (
        409, "Key used before",
    )  # fmt: skip
    assert await house.refused(Role.DISPATCHER, f"POST {path}/closed") == (409, "Merged")
    unit = {"unit_id": "U-merged", "station": WHERE}
    assert await house.refused(Role.DISPATCHER, f"POST {path}/units", unit) == (409, "Merged")
    for into, said in (
        (second["incident_id"], (409, "Merged")),
        (first["incident_id"], (409, "Itself")),
        ("I-none", (404, "Unknown")),
    ):
        route = f"POST /v1/incidents/{first['incident_id']}/merge"
        assert await house.refused(Role.DISPATCHER, route, {"into": into}) == said


async def test_who_sends_a_unit_again_that_was_sent_before_the_merge_is_answered(
    house: House,
) -> None:
    first, second = await house.call(), await house.call()
    path, unit = f"/v1/incidents/{second['incident_id']}", f"U-{next(NUMBERS)}"
    sent = {"unit_id": unit, "station": WHERE}
    before = await house.do(Role.DISPATCHER, f"POST {path}/units", sent, "send")
    await house.do(Role.DISPATCHER, f"POST {path}/merge", {"into": first["incident_id"]})
    again = await house.do(Role.DISPATCHER, f"POST {path}/units", sent, "send")
    goes_on = {"incident_id": first["incident_id"], "sent_to": second["incident_id"]}
    assert again == before | {"leg": before["leg"] | goes_on}


async def test_a_call_whose_patient_was_reached_is_merged_the_other_way(house: House) -> None:
    first, second = await house.call(), await house.call()
    (reached,) = second["encounter_ids"]
    await house.do(Role.CREW, f"POST /v1/encounters/{reached}/reached", {"unit_id": "U-1"})
    route = f"POST /v1/incidents/{second['incident_id']}/merge"
    said = await house.refused(Role.DISPATCHER, route, {"into": first["incident_id"]})
    assert said == (409, "Reached")
    route = f"POST /v1/incidents/{first['incident_id']}/merge"
    await house.do(Role.DISPATCHER, route, {"into": second["incident_id"]})
    assert (await house.encounter(reached))["outcome"] is None


async def test_one_more_patient_is_found_and_the_call_is_closed_when_all_is_over(
    house: House,
) -> None:
    call = await house.call()
    path, (first,) = f"/v1/incidents/{call['incident_id']}", call["encounter_ids"]
    found = await house.do(Role.CREW, f"POST {path}/encounters", {"patient": {"sex": "female"}})
    born = await house.do(Role.CREW, f"POST {path}/encounters", {"mother_id": first})
    assert (found["origin"], born["origin"], born["mother_id"]) == ("scene", "birth", first)
    numbers = [first, found["encounter_id"], born["encounter_id"]]
    told = (await house.ask(Role.DISPATCHER, f"GET {path}")).json()
    assert told["encounter_ids"] == numbers
    for number in numbers:
        assert await house.refused(Role.DISPATCHER, f"POST {path}/closed") == (409, "Not over")
        outcome = {"outcome": "refused_transport"}
        await house.do(Role.CREW, f"POST /v1/encounters/{number}/outcome", outcome)
    closed = await house.do(Role.DISPATCHER, f"POST {path}/closed")
    assert closed["closed_at"] == AT["occurred_at"]
    assert await house.refused(Role.CREW, f"POST {path}/encounters") == (409, "Closed")
    unit = {"unit_id": "U-closed", "station": WHERE}
    assert await house.refused(Role.DISPATCHER, f"POST {path}/units", unit) == (409, "Closed")


# -- patients --------------------------------------------------------------------------------------


async def test_several_patients_are_found_in_one_act_and_others_under_its_key_are_refused(
    house: House,
) -> None:
    opened = await house.do(Role.DISPATCHER, "POST /v1/incidents", {"location": WHERE})
    route, found = f"POST /v1/incidents/{opened['incident_id']}/patients", [{}, {"sex": "female"}]
    after = await house.do(Role.CREW, route, {"patients": found}, "k-several")
    assert after["encounter_ids"][:-2] == opened["encounter_ids"]
    for other in (found[:1], [*found, {}], found[::-1]):
        status, _ = await house.refused(Role.CREW, route, {"patients": other}, "k-several")
        assert status == 409, other
    more = await house.do(Role.CREW, route, {"patients": found})
    assert len(more["encounter_ids"]) == len(after["encounter_ids"]) + 2


async def test_a_patient_is_handed_from_unit_to_unit(house: House) -> None:
    (number,) = (await house.call())["encounter_ids"]
    path = f"/v1/encounters/{number}"
    await house.do(Role.CREW, f"POST {path}/boarding", {"unit_id": "U-1"})
    handed = {"unit_id": "U-1", "to_unit_id": "U-2", "reason": "breakdown"}
    told = await house.do(Role.CREW, f"POST {path}/handed-to-unit", handed)
    assert (told["unit_id"], told["boarded_at"]) == ("U-2", AT["occurred_at"])
    again = await house.refused(Role.CREW, f"POST {path}/handed-to-unit", handed)
    assert again == (409, "Another unit")
    to_itself = {**handed, "unit_id": "U-2"}
    answer = await house.ask(Role.CREW, f"POST {path}/handed-to-unit", to_itself)
    assert answer.status_code == 422
    answer = await house.ask(Role.CREW, f"POST {path}/outcome", {"outcome": "handed_to_unit"})
    assert answer.status_code == 422
    comes = "ArrivalExpected"  # by this unit, and then by that one
    assert await house.told(number) == [
        "EncounterOpened", "PatientBoarded", comes, "PatientHandedToUnit", comes,
    ]  # fmt: skip


# -- clinics ---------------------------------------------------------------------------------------

ASKED = {"location": WHERE, "consent": "given", "to_facility_id": "F-002", "reason": "无导管室"}


async def test_a_clinics_patient_walks_in_and_is_taken_on(house: House) -> None:
    path = f"/v1/facilities/{CLINIC}/encounters"
    who = {"patient": {"complaint": "stroke"}, "continues": "E-before"}
    opened = await house.do(Role.PRIMARY_CARE, f"POST {path}", who, "walk-in")
    assert (opened["origin"], opened["facility_id"]) == ("clinic", CLINIC)
    assert (opened["incident_id"], opened["continues"]) == (None, "E-before")
    said = await house.refused(Role.PRIMARY_CARE, f"POST {path}", {}, "walk-in")
    assert said == (409, "Key used before")

    number = opened["encounter_id"]
    route = f"POST {path}/{number}/transfer-request"
    asked = await house.do(Role.PRIMARY_CARE, route, ASKED, "ask")
    answer = await house.ask(Role.DISPATCHER, f"GET /v1/incidents/{asked['incident_id']}")
    call = answer.json()
    assert (call["origin"], call["encounter_ids"]) == ("transfer_request", [number])
    assert await house.told(number) == ["EncounterOpened", "EmergencyTransferRequested"]
    assert await house.told(asked["incident_id"]) == ["IncidentOpened"]
    for body, key, title in (
        ({**ASKED, "consent": "not_obtainable"}, "ask", "Key used before"),
        (ASKED, "ask-again", "Asked before"),
    ):
        assert await house.refused(Role.PRIMARY_CARE, route, body, key) == (409, title)
    other = (await house.call())["incident_id"]
    merged = await house.refused(
        Role.DISPATCHER, f"POST /v1/incidents/{asked['incident_id']}/merge", {"into": other}
    )
    assert merged == (409, "Reached"), "the patient is there, in the clinic"


async def test_a_clinic_may_use_a_key_that_stands_for_a_call_or_another_patient(
    house: House,
) -> None:
    """Callers number for themselves."""
    call = await house.do(Role.DISPATCHER, "POST /v1/incidents", {"location": WHERE}, "no-1")
    incidents = {call["incident_id"]}
    path = f"/v1/facilities/{CLINIC}/encounters"
    for _ in range(2):
        opened = await house.do(Role.PRIMARY_CARE, f"POST {path}")
        route = f"POST {path}/{opened['encounter_id']}/transfer-request"
        asked = await house.do(Role.PRIMARY_CARE, route, ASKED, "no-1")
        incidents.add(asked["incident_id"])
    assert len(incidents) == 3


# -- facilities ------------------------------------------------------------------------------------

DONE: Mapping[str, Told] = {
    "acknowledgement": {},
    "acceptance": {},
    "redirect-request": {"reason": "no_bed"},
    "redirect-request/withdrawn": {},
    "activation": {"centre": "stroke", "activation": "activate"},
    "departments/imaging/answer": {"answer": "coming"},
    "direct-to": {"direct_to": "ct", "phone": "555-0142", "gate": "北门"},
    "direct-to/revoked": {"direct_to": "ct"},
    "bed": {"department": "stroke_unit"},
    "bed/released": {"department": "stroke_unit"},
    "identity": {"reference": "V-88"},
    "identity/merged": {"reference": "V-90", "merged": "V-88"},
    "identity/split": {"reference": "V-90", "reason": "腕带核对不符"},
    "formalities": {"formality": "consent"},
    "level": {"level": "severe", "reason": "looks worse"},
    "arrival": {"place": "ct"},
    "milestones": {"milestone": "ct_done"},
    "transfer": {"not_aboard_reason": "家属驾车送来"},
    "outcome": {"outcome": "intensive_care", "confirmed": ["stroke"], "diagnosis": "I63.9"},
}


async def test_every_act_of_a_facility_is_kept_for_good_whatever_its_keys(house: House) -> None:
    """One key for all of them: each kind is an act of its own."""
    number = await house.patient()
    path = f"/v1/facilities/{FACILITY}/encounters/{number}"
    why = {**AT, "not_aboard_reason": "家属驾车送来"}
    given = await house.door.post(f"{path}/handover", json=why)
    assert (given.status_code, given.json()["transferred_at"]) == (200, None)
    for act, body in DONE.items():
        told = await house.do(Role.CENTRE, f"POST {path}/{act}", body, "shift-7")
        assert (told["encounter_id"], told["withdrawn"]) == (number, False)
    assert told["centres"] == ["emergency", "stroke"]
    assert told["handoff"]["outcome"]["staff_id"] == f"centre-{FACILITY}"
    assert await acts_of(house, number, "shift-7") == len(DONE)
    assert told["handoff"]["direct_to"] is None
    queue = (await house.ask(Role.CENTRE, f"GET /v1/facilities/{FACILITY}/queue")).json()
    assert number not in {item["encounter_id"] for item in queue["items"]}
    locked = await house.refused(Role.CENTRE, f"POST {path}/bed", DONE["bed"])
    assert locked == (409, "Handed over")


async def acts_of(house: House, number: str, event_id: str) -> int:
    found = await house.bridge.fetchval(
        "SELECT count(*) FROM acts WHERE encounter_id = $1 AND event_id = $2", number, event_id
    )
    return int(found)


async def test_what_a_facility_says_after_another_was_chosen_is_said_to_nobody(
    house: House,
) -> None:
    number = await house.patient(ANOTHER)
    path = f"/v1/facilities/{FACILITY}/encounters/{number}"
    for act, body in DONE.items():
        assert await house.refused(Role.CENTRE, f"POST {path}/{act}", body) == (404, "Not found")


async def test_a_crews_retraction_is_shown_in_the_queue(house: House) -> None:
    number = await house.patient()
    now = datetime.now(UTC)
    gone = ObservationRetracted(
        event_id="r", occurred_at=now, encounter_id=number, observation="finding",
        observation_id="f", reason="wrong_patient", retracted_by="crew-1",
    )  # fmt: skip
    async with transaction(house.bridge) as connection:
        row = (await CASES.load(connection, [number]))[number]
        case, events = hear(row.state, number, gone, now)
        await house.cases.save(connection, {number: Row(case, row.version)}, events)
    queue = (await house.ask(Role.CENTRE, f"GET /v1/facilities/{FACILITY}/queue")).json()
    (item,) = (i for i in queue["items"] if i["encounter_id"] == number)
    assert (item["version"], item["record"]["findings"]) == (2, [])


# -- samples that were another patient's -----------------------------------------------------------

NOW = datetime.now(UTC)


def sample(number: int, second: float, **more: Any) -> VitalSignsRecorded:
    given = {
        "event_id": f"M-1.{number}",
        "occurred_at": NOW + timedelta(seconds=second),
        "encounter_id": "E-history",
        "method": "streamed",
        "device_id": "M-1",
        "vitals": {"heart_rate": 80},
    }
    return VitalSignsRecorded.model_validate({**given, **more})


@dataclass(frozen=True)
class Door:
    """The gateway within this process, with a real broker behind it, and one who uses it."""

    settings: Settings
    observer: Settings
    producer: AIOKafkaProducer
    crew: httpx.AsyncClient

    async def write(self, *events: Event) -> None:
        await kafka.publish(
            self.producer, [encode(event, "greenchannel/gateway") for event in events]
        )

    async def send(self, path: str, body: Told, key: str = "k-1") -> httpx.Response:
        headers = {"Idempotency-Key": key}
        return await self.crew.post(path, json={**AT, **body}, headers=headers)

    async def read(self, topic: str, key: str) -> list[Event]:
        """Everything that stands under this key."""
        consumer = await kafka.started(lambda: kafka.reader(self.observer, topic))
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found = list[Event]()
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                fetched = await consumer.getmany(timeout_ms=200)
                found += [
                    decode(r.topic, r.key, r.value, r.headers)
                    for r in itertools.chain(*fetched.values())
                    if r.key == key.encode()
                ]
            return found
        finally:
            await kafka.stop(consumer)


@pytest.fixture(scope="module")
async def door(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    key = SigningKey()
    jwks = tmp_path_factory.mktemp("keys") / "jwks.json"
    jwks.write_text(key.key_set())
    broker, observer = (
        as_user(platform.admin_settings, user, platform.passwords[user])
        for user in ("gateway", "observer")
    )
    settings = broker.model_copy(
        update={"jwks": str(jwks), "postgres_dsn": SecretStr(platform.dsn("gateway"))}
    )
    async with await postgres.connect(settings, "access", size=1) as pool:
        app = create_app("gateway", Gate(settings, pool), [gateway.router], is_ready)
        producer = await kafka.started(lambda: kafka.producer(settings))
        directory = GivenDirectory(settings)
        directory.monitors.encounters.update(dict.fromkeys(("E-history", "E-other")))
        app.state.settings, app.state.directory, app.state.producer = settings, directory, producer
        app.state.clocks = Clocks()
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://house",
            headers={"Authorization": f"Bearer {key.token(settings, Role.CREW)}"},
        ) as crew:
            yield Door(settings, observer, producer, crew)
        await kafka.stop(producer)


THEIRS = [sample(n, n) for n in range(5)]


@pytest.fixture(scope="module")
async def written(door: Door) -> None:
    """What a monitor said, in a topic with much else."""
    await door.write(
        sample(10, -0.001),
        *THEIRS,
        sample(11, 5),
        sample(12, 2, device_id="M-2"),
        sample(13, 2, method="reading", device_id=None),
        sample(14, 2, encounter_id="E-another"),
    )


WANTED = Stretch("E-history", "M-1", NOW, NOW + timedelta(seconds=5))


@pytest.mark.usefixtures("written")
async def test_the_samples_of_a_stretch_are_read_back_and_no_others(door: Door) -> None:
    assert await samples(door.settings, WANTED) == THEIRS
    nobody = WANTED._replace(encounter_id="E-nobody-has-sent-anything")
    assert await samples(door.settings, nobody) == []
    later = WANTED._replace(since=NOW + timedelta(hours=1), until=NOW + timedelta(hours=2))
    assert await samples(door.settings, later) == []


@pytest.mark.usefixtures("written")
async def test_another_patient_gets_each_sample_under_its_own_id(door: Door) -> None:
    path = "/v1/encounters/E-history/reattributions"
    stretch = {"device_id": "M-1", "since": WANTED.since.isoformat(),
               "until": WANTED.until.isoformat()}  # fmt: skip
    for _ in range(2):  # what is sent again stands there again, under the same ids
        answer = await door.send(path, {**stretch, "to_encounter_id": "E-other"})
        assert (answer.status_code, answer.json()) == (202, {"event_id": "k-1"})
    theirs = [e.model_copy(update={"encounter_id": "E-other"}) for e in THEIRS]
    assert await door.read("ambulance-vitals", "E-other") == theirs * 2
    said = (await door.read("ambulance-vitals", "E-history"))[-1]
    assert isinstance(said, ObservationReattributed)
    assert (said.to_encounter_id, said.reported_by) == ("E-other", "crew")
    for to, status in (("E-history", 422), ("E-nobody", 404)):
        answer = await door.send(path, {**stretch, "to_encounter_id": to})
        assert answer.status_code == status
    await door.send(path, stretch, "nobodys")
    assert (await door.read("ambulance-vitals", "E-history"))[-1].event_id == "nobodys"


async def test_what_a_crew_corrects_goes_to_the_topic_of_what_it_is_about(door: Door) -> None:
    path = "/v1/encounters/E-history"
    await door.send(f"{path}/level", {"level": "urgent", "reason": "looks well"}, "level")
    for observation in ("finding", "scale", "vitals"):
        gone = {"observation": observation, "observation_id": "x", "reason": "artefact"}
        answer = await door.send(f"{path}/retractions", gone, f"no-{observation}")
        assert answer.status_code == 202
    level, finding, scale = await door.read("ambulance-findings", "E-history")
    reading = (await door.read("ambulance-vitals", "E-history"))[-1]
    assert isinstance(level, LevelOverridden)
    assert (level.event_id, level.role, level.overridden_by) == ("level", "crew", "crew")
    taken_back = (finding, scale, reading)
    assert [type(e) for e in taken_back] == [ObservationRetracted] * 3
    assert [e.event_id for e in taken_back] == ["no-finding", "no-scale", "no-vitals"]
