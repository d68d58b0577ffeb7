"""Whatever is asked, an interface answers as it says of itself: nothing that is sent breaks it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import requests
from aiokafka import AIOKafkaConsumer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Response

from schemas.envelope import decode
from schemas.topics import registry
from services.kit.role import CONFINED, Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from tests.fuzzing import (
    DESCRIPTIONS,
    PATHS,
    Case,
    Patient,
    is_much_alike,
    role_for,
    schema_of,
    try_out,
)
from tests.platform import Platform
from tests.services import Caller, Service, running, until

FACILITY, STATION = "F-001", "S-001"
AT = {"occurred_at": "2026-03-09T04:00:00Z"}
WHERE = {"latitude": 34.19, "longitude": 117.28}
#: So many patients have as many acts of any kind, one after the other.
WALKS, STEPS = 8, 30


class City:
    """The three services, and patients to ask about."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.platform, key = platform, SigningKey()
        self.services = {name: Service(name, platform, folder, key) for name in DESCRIPTIONS}
        self.bearers = {
            role: key.token(Settings(), role, FACILITY if role in CONFINED else None)
            for role in Role
        }
        self.desk = Caller(self.services["dispatch"], Role.DISPATCHER)
        self.clinic = Caller(self.services["dispatch"], Role.PRIMARY_CARE, FACILITY)
        self.ward = Caller(self.services["bridge"], Role.CENTRE, FACILITY)
        self.http = requests.Session()
        self.http.trust_env = False

    async def people(self) -> None:
        """A patient aboard for each path, since many an act is the last of its kind; and for each
        walk one who is expected."""
        await self._network()
        alarm, number = await self._alarm(), len(PATHS) + WALKS
        made = await asyncio.gather(*(self._expected(n, alarm) for n in range(number)))
        self.aboard, self.expected = made[: len(PATHS)], made[len(PATHS) :]
        await asyncio.gather(*(self._board(n) for n in range(len(PATHS))))
        await until(self._has_heard)

    async def _has_heard(self) -> bool:
        queue = await self.ward.do("GET", f"/v1/facilities/{FACILITY}/queue")
        return len(queue["items"]) == len(self.aboard) + len(self.expected)

    async def _expected(self, number: int, alarm: str) -> Patient:
        device = {"device_id": f"M-{number}"}
        made = Patient(facility_id=FACILITY, station_id=STATION, alarm_id=alarm, **device)
        call = {**AT, "location": WHERE}
        made.learn(await self.desk.do("POST", "/v1/incidents", call, f"call-{number}"))
        path = f"/v1/encounters/{made.names['encounter_id']}"
        await self.desk.do("POST", f"{path}/devices", {**AT, **device})
        await self.desk.do("POST", f"{path}/destination", {**AT, "facility_id": FACILITY})
        path = f"/v1/facilities/{FACILITY}/encounters"
        own = await self.clinic.do("POST", path, AT, f"own-{number}")
        made.clinics = {"encounter_id": own["encounter_id"]}
        return made

    async def _board(self, number: int) -> None:
        patient, said = self.aboard[number], {**AT, "unit_id": f"U-{number}"}
        path = f"/v1/incidents/{patient.names['incident_id']}/units"
        patient.learn(await self.desk.do("POST", path, {**said, "station": WHERE}))
        path = f"/v1/encounters/{patient.names['encounter_id']}/boarding"
        await self.desk.do("POST", path, said)

    async def _network(self) -> None:
        told = {"name": {"zh": "一号", "en": "the first"}, "location": WHERE}
        await self.desk.do("PUT", f"/v1/facilities/{FACILITY}", told)
        told |= {"kind": "county_centre", "county": "C-1"}
        await self.desk.do("PUT", f"/v1/stations/{STATION}", told)

    async def _alarm(self) -> str:
        """A call that has to wait alarms at once."""
        call = await self.desk.do("POST", "/v1/incidents", {**AT, "location": WHERE}, "alarm")
        path = f"/v1/incidents/{call['incident_id']}/held"
        await self.desk.do("POST", path, {**AT, "reason": "no unit is free"}, "held")
        alarms = await until(lambda: self.desk.do("GET", "/v1/alarms"))
        return str(alarms[0]["alarm_id"])

    def ask(self, case: Case, patient: Patient, other: Patient) -> Response:
        """Send it about this patient, as one who may, until the answer is not "try again"; and
        hold the answer against the description."""
        service = str(case.operation.schema.raw_schema["info"]["title"]).split()[-1]
        role = role_for(case)
        patient.put_into(case, role, other)
        headers = {"Authorization": f"Bearer {self.bearers[role]}"}
        deadline = time.monotonic() + 10
        while True:
            answer = case.call(self.services[service].url, self.http, headers)
            if answer.status_code != 503 or time.monotonic() > deadline:
                break
        case.validate_response(answer)
        return answer


@pytest.fixture(scope="module")
async def city(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[City]:
    """On a broker and a database of its own: what is made up here is nobody else's past."""
    folder = tmp_path_factory.mktemp("fuzzed")
    platform = Platform(folder)
    try:
        await asyncio.gather(platform.start_postgres(), platform.start_kafka())
        made = City(platform, folder)
        with made.http:
            async with running(*made.services.values()):
                await made.people()
                yield made
    finally:
        platform.stop()


@pytest.mark.parametrize("service", DESCRIPTIONS)
async def test_what_is_tried_is_what_the_service_says_of_itself(city: City, service: str) -> None:
    caller = Caller(city.services[service], Role.OPS)
    assert await caller.do("GET", "/openapi.json") == DESCRIPTIONS[service]


@pytest.mark.parametrize(("service", "path"), PATHS)
def test_an_operation_answers_as_it_says(city: City, service: str, path: str) -> None:
    number = PATHS.index((service, path))

    def ask(case: Case) -> None:
        if not is_much_alike(case):
            city.ask(case, city.aboard[number], city.aboard[number - 1])

    try_out(service, path, ask)


def test_whatever_follows_what_it_is_answered_as_is_said(city: City) -> None:
    """Acts of all three services on the same patient, in any order."""
    acts = st.one_of([schema_of(name).exclude(method="GET").as_strategy() for name in DESCRIPTIONS])
    walks = itertools.cycle(range(WALKS))

    @settings(max_examples=WALKS, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.data())
    def walk(data: st.DataObject) -> None:
        number = next(walks)
        patient, other = city.expected[number], city.expected[number - 1]
        for _ in range(STEPS):
            answer = city.ask(data.draw(acts), patient, other)
            if answer.status_code in {200, 201} and answer.content:
                patient.learn(answer.json())

    walk()


async def test_whatever_was_told_of_it_can_be_read(city: City) -> None:
    """What the services put on the topics about all that."""
    topics = [topic.name for topic in registry().topics.values() if topic.events]
    told = AIOKafkaConsumer(
        *topics, **city.platform.kafka("observer"), auto_offset_reset="earliest"
    )
    async with told:
        ends = await told.end_offsets(told.assignment())
        while [place for place, end in ends.items() if await told.position(place) < end]:
            for records in (await told.getmany(timeout_ms=1000)).values():
                for each in records:
                    decode(each.topic, each.key, each.value, each.headers)
