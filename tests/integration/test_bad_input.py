"""Bad input has its answer: what cannot be read is set down, what can be mended is said, and what
is good beside it goes on."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from schemas.clinical import Invalid, VitalSignsMeasured, VitalSignsRecorded
from schemas.encounter import DeviceAttached, EncounterOpened
from schemas.envelope import decode, encode
from schemas.event import Event
from schemas.handoff import Acknowledged, PreArrivalNotified
from schemas.incident import IncidentOpened
from schemas.topics import registry
from schemas.triage import TriageDecided, TriageLevel
from schemas.unit import PositionReported, UnitStatusChanged
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from tests.platform import Platform
from tests.services import Caller, Service, Watcher, now, running, until

EXAMPLES = Path(__file__).resolve().parents[2] / "schemas/examples"
INVALID = sorted((EXAMPLES / "invalid").glob("*.json"))
SERVICES = ("dispatch", "gateway", "tracker", "triage", "bridge")
#: Stands in everything bad that is sent here, and so in no answer and no log.
MARK = "Zz7Mark"
FACILITY = "F-001"
GARBAGE = b"\x80\x81" + MARK.encode() + b"\xff"
#: Read only when a monitor's samples are given to another patient.
READS_BACK = ("gateway", "ambulance-vitals")
#: Who reads a topic anew at each start: they skip what they cannot read, and log its place.
FOLLOWERS = {"gateway": "dispatch-encounters", "tracker": "dispatch-units"}
TEN_MB = 10 * 1024 * 1024
Headers = Iterable[tuple[str, bytes | None]]


class Tape(Watcher):
    """Keeps records as they are: on these topics lies what nobody can decode."""

    async def _read(self) -> None:
        while True:
            for part in (await self._consumer.getmany(timeout_ms=100)).values():
                self.records += part

    def on(self, topic: str, key: str) -> list[Any]:
        self._check()
        return [r for r in self.records if r.topic == topic and r.key == key.encode()]

    def letters(self, consumer: str, key: str) -> list[dict[str, str]]:
        """The headers of the dead letters with this key."""
        found = self.on(f"{consumer}-dead-letters", key)
        return [{name: (raw or b"").decode() for name, raw in r.headers} for r in found]

    def has_letters(self, consumer: str, key: str, number: int) -> bool:
        return len(self.letters(consumer, key)) == number

    def read(self, kind: type[Event], key: str) -> list[Any]:
        """What of this kind can be read under this key."""
        (topic, *_) = registry().holding(kind.__name__)
        said = f"greenchannel.{kind.__name__}.v{kind.VERSION}".encode()
        return [
            decode(r.topic, r.key, r.value, r.headers)
            for r in self.on(topic.name, key)
            if r.value and ("ce_type", said) in r.headers and GARBAGE not in r.value
        ]


@dataclass(frozen=True)
class Patient:
    encounter: str
    incident: str
    device: str

    @property
    def path(self) -> str:
        return f"/v1/encounters/{self.encounter}"


class House:
    """All services, those who call them, and what is on their topics."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.platform = platform
        self.key = SigningKey()
        self.services = {n: Service(n, platform, folder, self.key) for n in SERVICES}
        self.desk = Caller(self.services["dispatch"], Role.DISPATCHER)
        self.crew = Caller(self.services["gateway"], Role.CREW)
        self.ward = Caller(self.services["bridge"], Role.CENTRE, FACILITY)
        self.packed = "gzip"
        self.tape = Tape(platform, *registry().topics)
        self.stranger = f"M-{uuid.uuid4().hex[:12]}"

    async def patient(self, attached: bool = True) -> Patient:
        """Somebody for whom help was called, with a monitor of their own."""
        where = {"latitude": 34.19, "longitude": 117.28}
        opened = await self.desk.do(
            "POST", "/v1/incidents", {"location": where, "occurred_at": now()}
        )
        found = Patient(
            opened["encounter_ids"][0], opened["incident_id"], f"M-{uuid.uuid4().hex[:12]}"
        )
        if attached:
            await self.attach(found)
        return found

    async def attach(self, patient: Patient, seconds_ago: float = 0) -> None:
        at = (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat()
        body = {"device_id": patient.device, "occurred_at": at}
        await self.desk.do("POST", f"{patient.path}/devices", body)

    async def write(
        self, user: str, topic: str, key: str | None, value: bytes | None, headers: Headers = ()
    ) -> Any:
        """Put a record on a topic as this user; where it went."""
        producer = AIOKafkaProducer(
            **self.platform.kafka(user), compression_type=self.packed, max_request_size=2**24
        )
        await producer.start()
        try:
            raw = key.encode() if key is not None else None
            return await producer.send_and_wait(topic, value, raw, headers=list(headers))
        finally:
            await producer.stop()

    async def measure(self, device: str, **more: Any) -> str:
        """A vendor's own good record; its id."""
        event_id = uuid.uuid4().hex
        given = {"occurred_at": now(), "vitals": {"heart_rate": 88}, **more}
        event = VitalSignsMeasured(event_id=event_id, device_id=device, **given)
        sent = encode(event, "vendor")
        await self.write("vendor", sent.topic, device, sent.value, sent.headers)
        return event_id

    def is_logged(self, service: str, place: str) -> bool:
        """Whether the service has logged that it cannot read what lies there."""
        lines = self.services[service].child.log.read_text("utf-8").splitlines()
        return any('"action": "unreadable"' in x and f'"place": "{place}' in x for x in lines)

    async def fixes(self) -> float:
        """How many fixes the tracker has taken since it began."""
        url = f"{self.services['tracker'].url}/metrics"
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            told = (await http.get(url)).text.splitlines()
        name = 'greenchannel_records_handled_total{consumer="tracker",topic="ambulance-positions"}'
        return next((float(line.split()[-1]) for line in told if line.startswith(name)), 0.0)

    async def recorded(self, patient: Patient, event_id: str) -> VitalSignsRecorded:
        """The patient's vital signs that a sample became, once they are there."""

        def find() -> Any:
            found = self.tape.read(VitalSignsRecorded, patient.encounter)
            return next((e for e in found if e.event_id == event_id), None)

        event = await until(find, 40)
        assert isinstance(event, VitalSignsRecorded)
        return event

    async def decided(self, patient: Patient, event_id: str) -> TriageDecided:
        """The decision that took in this event, once it is there."""

        def find() -> Any:
            found = self.tape.read(TriageDecided, patient.encounter)
            return next((e for e in found if event_id in e.folded), None)

        event = await until(find, 40)
        assert isinstance(event, TriageDecided)
        return event


@pytest.fixture(scope="module")
async def house(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("bad-input")
    made = House(platform, folder)
    async with made.tape, running(*made.services.values()):
        await made.measure(made.stranger, vitals={"heart_rate": MARK})
        yield made
        assert [n for n, s in made.services.items() if s.child.pid is None] == [], "died"
        for log in folder.glob("*.log"):
            assert MARK not in log.read_text("utf-8", "replace"), log.name


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """What a refusal says. It is in its format, and nothing that was sent stands in it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["type"] == "about:blank"
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    assert MARK not in answer.text
    return told


def fields(told: Mapping[str, Any]) -> list[str]:
    return [error["field"] for error in told["errors"]]


# -- on the broker ---------------------------------------------------------------------------------


async def test_what_a_vendor_sends_unreadable_is_set_down_with_its_reason(house: House) -> None:
    patient = await house.patient()
    sent = {}
    for path in INVALID:
        document = json.loads(path.read_text("utf-8"))
        if document["topic"] == "ambulance-raw":
            value = base64.b64decode(document.get("value_base64", "")) or None
            if "value" in document and document["value"] is not None:
                value = json.dumps(document["value"]).encode()
            headers = [(name, text.encode()) for name, text in document["headers"].items()]
            key = f"{path.stem}-{uuid.uuid4().hex[:8]}" if document["key"] else ""
            given = key if document["key"] else None
            place = await house.write("vendor", "ambulance-raw", given, value, headers)
            sent[path] = (key, place, value)
    assert len(sent) > 15
    event_id = await house.measure(patient.device)
    assert (await house.recorded(patient, event_id)).vitals.heart_rate == 88
    for path, (key, place, value) in sent.items():
        said = path.with_suffix(".complaint").read_text("utf-8").strip()
        letters = await until(partial(house.tape.letters, "gateway", key), 40, path.stem)
        letter = letters[-1]
        assert letter["dead_topic"] == "ambulance-raw"
        assert (letter["dead_partition"], letter["dead_offset"]) == (
            str(place.partition),
            str(place.offset),
        )
        assert letter["dead_kind"] == "invalid"
        assert letter["dead_reason"] == said
        assert house.tape.on("gateway-dead-letters", key)[-1].value == (value or b"")


async def test_a_record_without_headers_or_with_empty_ones_is_set_down(house: House) -> None:
    patient = await house.patient()
    good = encode(
        VitalSignsMeasured(
            event_id="x", occurred_at=now(), device_id=patient.device, vitals={"heart_rate": 88}
        ),
        "vendor",
    )
    none: Headers = ()
    empty = [(name, None) for name, _ in good.headers]
    for number, headers in enumerate((none, empty), start=1):
        await house.write("vendor", "ambulance-raw", patient.device, good.value, headers)
        await until(partial(house.tape.has_letters, "gateway", patient.device, number))
        letter = house.tape.letters("gateway", patient.device)[-1]
        assert letter["dead_reason"] == "ce_type is none of VitalSignsMeasured"
    event_id = await house.measure(patient.device)
    await house.recorded(patient, event_id)


async def test_a_record_larger_than_any_letter_is_set_down_by_its_beginning(house: House) -> None:
    patient = await house.patient()
    huge = GARBAGE + b"0" * TEN_MB
    assert len(gzip.compress(huge)) < 100_000
    headers = [("ce_type", b"x" * 500_000)]
    await house.write("vendor", "ambulance-raw", patient.device, huge, headers)
    (letter,) = await until(lambda: house.tape.letters("gateway", patient.device), 60)
    assert letter["dead_cut"].startswith(f"value of {len(huge)}")
    (record,) = house.tape.on("gateway-dead-letters", patient.device)
    assert huge.startswith(record.value)
    assert len(record.value) > 1024 * 1024
    event_id = await house.measure(patient.device)
    await house.recorded(patient, event_id)


@pytest.mark.parametrize("packed", ["gzip", "lz4", "snappy", "zstd"])
async def test_vendors_compress_as_they_like(
    house: House, packed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house, "packed", packed)
    patient = await house.patient()
    await house.recorded(patient, await house.measure(patient.device))
    unit = f"U-{uuid.uuid4().hex[:8]}"
    fix = PositionReported(
        event_id=unit, occurred_at=datetime.now(UTC), unit_id=unit, latitude=34.2, longitude=117.3
    )
    before, sent = await house.fixes(), encode(fix, "vendor")
    await house.write("vendor", sent.topic, unit, sent.value, sent.headers)

    async def is_taken() -> bool:
        return await house.fixes() > before

    await until(is_taken)


async def test_what_no_consumer_can_read_is_set_down_by_each_and_the_next_flows(
    house: House,
) -> None:
    patient = await house.patient()
    unit = f"U-{uuid.uuid4().hex[:8]}"
    unknown = encode(EncounterOpened(event_id="x", occurred_at=now(), encounter_id="x",
                                     patient={}), "x")  # fmt: skip
    newer = [("ce_type", b"greenchannel.EncounterOpened.v99"), ("ce_source", MARK.encode())]
    for topic in readable():
        key = unit if registry().topics[topic].key == "unit_id" else patient.encounter
        await house.write("admin", topic, key, GARBAGE)
        await house.write("admin", topic, key, unknown.value, newer)
    for topic in readable():
        key = unit if registry().topics[topic].key == "unit_id" else patient.encounter
        for consumer in registry().topics[topic].readers:
            if (consumer, topic) == READS_BACK:
                continue
            if FOLLOWERS.get(consumer) == topic:
                await until(partial(house.is_logged, consumer, f"{topic}/"))
                continue
            await until(partial(are_set_down, house, consumer, topic, key), 40)
            for letter in set_down(house, consumer, topic, key):
                assert letter["dead_kind"] == "invalid"
                assert letter["dead_reason"] in reasons(topic)
    await check_that_all_flows(house, patient, unit)


def readable() -> list[str]:
    """The topics that our services read as events; the vendors' own is told of above."""
    topics = registry().topics.values()
    return [t.name for t in topics if t.events and t.readers and t.name != "ambulance-raw"]


def set_down(house: House, consumer: str, topic: str, key: str) -> list[dict[str, str]]:
    return [x for x in house.tape.letters(consumer, key) if x["dead_topic"] == topic]


def are_set_down(house: House, consumer: str, topic: str, key: str) -> bool:
    return len(set_down(house, consumer, topic, key)) == 2


def reasons(topic: str) -> set[str]:
    return {
        f"ce_type is none of {', '.join(registry().topics[topic].holds)}",
        "unknown version of EncounterOpened; known: 1",
    }


async def check_that_all_flows(house: House, patient: Patient, unit: str) -> None:
    """Through every consumer: vital signs, a record, a departure seen by GPS."""
    body = {"occurred_at": now(), "vitals": {"pain": 5, "systolic_bp": 134}}
    event_id = (await house.crew.do("POST", f"{patient.path}/vitals", body))["event_id"]
    await house.decided(patient, event_id)
    body = {"facility_id": FACILITY, "occurred_at": now()}
    await house.desk.do("POST", f"{patient.path}/destination", body)
    await until(lambda: house.tape.read(PreArrivalNotified, patient.encounter), 40)
    station = {"latitude": 34.20, "longitude": 117.28}
    body = {"unit_id": unit, "station": station, "occurred_at": now()}
    await house.desk.do("POST", f"/v1/incidents/{patient.incident}/units", body)

    await house.crew.do("POST", f"/v1/units/{unit}/positions", {**station, "occurred_at": now()})

    async def seen_leaving() -> bool:
        fix = {"latitude": 34.21, "longitude": 117.28, "occurred_at": now()}
        await house.crew.do("POST", f"/v1/units/{unit}/positions", fix)
        stamps = house.tape.read(UnitStatusChanged, unit)
        return any(stamp.source == "gps" for stamp in stamps)

    await until(seen_leaving, 40)


# -- devices and patients nobody knows -------------------------------------------------------------


async def test_a_device_nobody_has_is_told_so_and_nothing_is_stored(house: House) -> None:
    patient = await house.patient(attached=False)
    path = f"/v1/devices/{patient.device}/vitals"
    body = {"occurred_at": now(), "vitals": {"heart_rate": 88, "spo2": MARK}}
    told = problem(await house.crew.send("POST", path, body, key="first"), 404)
    assert told["title"] == "Unknown device"
    await house.attach(patient)
    body["occurred_at"] = now()
    await house.crew.do("POST", path, body, key="second")
    await house.recorded(patient, "second")
    stored = house.tape.read(VitalSignsRecorded, patient.encounter)
    assert [event.event_id for event in stored] == ["second"]


async def test_a_record_whose_device_is_attached_within_the_wait_is_not_lost(
    house: House,
) -> None:
    patient = await house.patient(attached=False)
    waiting = await house.measure(patient.device)
    other = await house.patient()
    await house.recorded(other, await house.measure(other.device))  # nobody waits for it
    assert house.tape.on("ambulance-vitals", patient.encounter) == []
    await house.attach(patient)
    await house.recorded(patient, waiting)
    assert house.tape.letters("gateway", patient.device) == []


async def test_a_patient_nobody_has_opened_is_told_so(house: House) -> None:
    path, at = f"/v1/encounters/{MARK}-1", {"occurred_at": now()}
    asked = [
        house.crew.send("POST", f"{path}/vitals", {**at, "vitals": {"pain": 3}}),
        house.crew.send("POST", f"{path}/findings", {**at, "finding": "diaphoresis",
                                                     "present": True}),
        house.crew.send("POST", f"{path}/examinations", {**at, "examination": "ecg_12_lead",
                                                         "shows": ["st_elevation"]}),
        house.crew.send("POST", f"{path}/treatments", {**at, "treatment": "aspirin"}),
        house.desk.send("GET", path),
        house.desk.send("PUT", f"{path}/patient", {**at, "patient": {}}),
        house.desk.send("POST", f"{path}/devices", {**at, "device_id": MARK}),
        house.desk.send("POST", f"{path}/boarding", {**at, "unit_id": MARK}),
        house.desk.send("POST", f"{path}/outcome", {**at, "outcome": "no_patient"}),
        house.desk.send("GET", f"/v1/incidents/{MARK}"),
        house.desk.send("POST", f"/v1/units/{MARK}/stamps", {**at, "status": "departed"}),
        house.ward.send("POST", f"/v1/facilities/{FACILITY}{path[3:]}/arrival", at),
    ]  # fmt: skip
    for answer in await asyncio.gather(*asked):
        problem(answer, 404)
    assert house.tape.on("ambulance-vitals", f"{MARK}-1") == []


# -- clocks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("says_when_sent", [True, False])
@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_device_clock_ten_minutes_off_is_corrected_and_shown(
    house: House, minutes: int, says_when_sent: bool
) -> None:
    patient = await house.patient()
    for send in (by_request, by_line, by_broker):
        shown = datetime.now(UTC) + timedelta(minutes=minutes)
        body = {"occurred_at": shown.isoformat(), "vitals": {"heart_rate": 88}}
        if says_when_sent:
            body["sent_at"] = (shown + timedelta(milliseconds=150)).isoformat()
        event = await house.recorded(patient, await send(house, patient, body))
        assert abs(event.occurred_at - datetime.now(UTC)) < timedelta(seconds=45)
        assert event.device_time == shown


async def by_request(house: House, patient: Patient, body: dict[str, Any]) -> str:
    answer = await house.crew.send("POST", f"/v1/devices/{patient.device}/vitals", body)
    assert answer.status_code == 202
    return str(answer.json()["event_id"])


async def by_line(house: House, patient: Patient, body: dict[str, Any]) -> str:
    event_id = uuid.uuid4().hex
    line = json.dumps({**body, "device_id": patient.device, "event_id": event_id})
    answer = await house.crew.http.post("/v1/telemetry", content=line)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 1, "refused": [], "doubted": []}
    return event_id


async def by_broker(house: House, patient: Patient, body: dict[str, Any]) -> str:
    return await house.measure(patient.device, **body)


async def test_a_sample_stored_and_sent_later_by_a_right_clock_keeps_its_time(
    house: House,
) -> None:
    patient = await house.patient(attached=False)
    await house.attach(patient, seconds_ago=900)
    measured = datetime.now(UTC) - timedelta(minutes=10)
    body = {"occurred_at": measured.isoformat(), "sent_at": now(), "vitals": {"spo2": 93}}
    for send in (by_request, by_broker):
        event = await house.recorded(patient, await send(house, patient, body))
        assert event.occurred_at == measured
        assert event.device_time is None


async def test_a_clock_that_makes_no_sense_at_all_harms_nobody(house: House) -> None:
    patient = await house.patient()
    first, last = "1900-01-01T00:00:00Z", "2199-12-31T23:59:59Z"
    for occurred_at, sent_at in ((first, last), (last, first), (last, last), (first, first)):
        body = {"occurred_at": occurred_at, "sent_at": sent_at, "vitals": {"heart_rate": 88}}
        answer = await house.crew.send("POST", f"/v1/devices/{patient.device}/vitals", body)
        assert answer.status_code in {202, 404}
        await house.measure(patient.device, **body)
    event_id = await house.measure(patient.device)
    assert abs((await house.recorded(patient, event_id)).occurred_at - datetime.now(UTC)) < (
        timedelta(minutes=2)
    )


NAIVE = "2026-03-09T06:12:00.000007"


@pytest.mark.parametrize(
    ("who", "path", "body", "field"),
    [
        ("desk", "/v1/incidents", {"location": {"latitude": 1, "longitude": 1}}, "occurred_at"),
        (
            "desk",
            "/v1/incidents",
            {
                "location": {"latitude": 1, "longitude": 1},
                "occurred_at": "2026-03-09T06:12:00Z",
                "call": {"answered_at": NAIVE},
            },
            "call.answered_at",
        ),
        ("desk", "/v1/encounters/E-1/boarding", {"unit_id": "U-1"}, "occurred_at"),
        ("crew", "/v1/devices/M-1/vitals", {"vitals": {}}, "occurred_at"),
        (
            "crew",
            "/v1/devices/M-1/vitals",
            {"vitals": {}, "occurred_at": "2026-03-09T06:12:00Z", "sent_at": NAIVE},
            "sent_at",
        ),
        ("crew", "/v1/encounters/E-1/vitals", {"vitals": {}}, "occurred_at"),
        ("crew", "/v1/units/U-1/positions", {"latitude": 1, "longitude": 1}, "occurred_at"),
        ("ward", f"/v1/facilities/{FACILITY}/encounters/E-1/arrival", {}, "occurred_at"),
    ],
)
async def test_a_time_without_its_zone_is_refused_by_name(
    house: House, who: str, path: str, body: dict[str, Any], field: str
) -> None:
    caller: Caller = getattr(house, who)
    answer = await caller.send("POST", path, {"occurred_at": NAIVE, **body})
    told = problem(answer, 422)
    assert told["errors"] == [{"field": field, "problem": "Input should have timezone info"}]
    assert NAIVE not in answer.text


ECG = {"examination": "ecg_12_lead"}


@pytest.mark.parametrize("written", [1795407718, 1795407718.5, "1795407718", True])
async def test_a_number_is_no_time(house: House, written: Any) -> None:
    body = {"latitude": 1, "longitude": 1, "occurred_at": written}
    told = problem(await house.crew.send("POST", "/v1/units/U-1/positions", body), 422)
    assert [error["field"] for error in told["errors"]] == ["occurred_at"]
    assert "2026-03-09T14:12:00+08:00" in told["errors"][0]["problem"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("examinations", ECG | {"shows": []}),
        ("examinations", ECG | {"shows": ["st_elevation", "no_st_elevation"]}),
        ("treatments", {"treatment": "aspirin", "dose": 300}),
        ("treatments", {"treatment": "aspirin", "unit": "mg"}),
    ],
)  # fmt: skip
async def test_what_contradicts_itself_is_refused(
    house: House, path: str, body: dict[str, Any]
) -> None:
    answer = await house.crew.send(
        "POST", f"/v1/encounters/E-1/{path}", {**body, "occurred_at": now()}
    )
    assert len(problem(answer, 422)["errors"]) == 1


# -- vital signs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "impossible"),
    [
        ("heart_rate", "999"),
        ("heart_rate", "-1"),
        ("heart_rate", "NaN"),
        ("heart_rate", "1e999"),
        ("heart_rate", "9" * 400),
        ("heart_rate", "true"),
        ("heart_rate", f'"{MARK}"'),
        ("heart_rate", '"\\ud800"'),
        ("heart_rate", '"a\\u0000b"'),
        ("heart_rate", '{"value": 88, "unit": "/min"}'),
        ("consciousness", '["A"]'),
        ("consciousness", '"alert"'),
        ("on_oxygen", '"maybe"'),
    ],
)
async def test_one_impossible_value_is_invalid_and_the_rest_of_the_set_counts(
    house: House, name: str, impossible: str
) -> None:
    patient = await house.patient()
    written = f'{{"occurred_at": "{now()}", "vitals": {{"{name}": {impossible}, "spo2": 93}}}}'
    event_id = uuid.uuid4().hex
    answer = await house.crew.http.post(
        f"{patient.path}/vitals",
        content=written,
        headers={"Content-Type": "application/json", "Idempotency-Key": event_id},
    )
    assert answer.status_code in {202, 404}, answer.text
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"event_id": event_id, "invalid": [name]}
    event = await house.recorded(patient, event_id)
    assert isinstance(getattr(event.vitals, name), Invalid)
    assert event.vitals.spo2 == 93
    decision = await house.decided(patient, event_id)
    assert [(i.name, i.value) for i in decision.inputs] == [("spo2", 93)]
    assert [(i.name, i.value) for i in decision.invalid] == [(name, getattr(event.vitals, name))]


@pytest.mark.parametrize(
    ("who", "route", "body", "field"),
    [
        ("crew", "POST /v1/devices/M-1/vitals", {"vitals": {"hr": 88}}, "vitals.hr"),
        ("crew", "POST /v1/encounters/E-1/vitals", {"vitals": {"SpO2": 93}}, "vitals.SpO2"),
        (
            "desk",
            "PUT /v1/encounters/E-1/patient",
            {"patient": {"age": {"years": 60, "months": 3}}},
            "patient.age.months",
        ),
        (
            "desk",
            "POST /v1/incidents",
            {"location": {"latitude": 1, "longitude": 1, "lat": 1}},
            "location.lat",
        ),
    ],
)
async def test_a_name_nobody_knows_is_refused_at_every_depth(
    house: House, who: str, route: str, body: dict[str, Any], field: str
) -> None:
    caller: Caller = getattr(house, who)
    method, path = route.split()
    told = problem(await caller.send(method, path, {"occurred_at": now(), **body}), 422)
    assert told["errors"] == [{"field": field, "problem": "Extra inputs are not permitted"}]


# -- bodies ----------------------------------------------------------------------------------------

DOORS = {
    "dispatch": "/v1/incidents",
    "gateway": "/v1/telemetry",
    "tracker": "/livez",
    "triage": "/readyz",
    "bridge": f"/v1/facilities/{FACILITY}/encounters/E-1/arrival",
}


@pytest.mark.parametrize("service", SERVICES)
async def test_ten_megabytes_are_too_large_everywhere(house: House, service: str) -> None:
    async with httpx.AsyncClient(
        base_url=house.services[service].url, timeout=60, trust_env=False
    ) as http:
        body = (MARK.encode() + b"0" * 57) * (TEN_MB // 64)
        headers = {"Content-Type": "application/json"}
        told = problem(await http.post(DOORS[service], content=body, headers=headers), 413)
        assert told["title"] == "Too large"
        assert (await http.get("/livez")).status_code == 200


@pytest.mark.parametrize("who", ["desk", "crew", "ward"])
async def test_ten_megabytes_are_too_large_in_pieces_too(house: House, who: str) -> None:
    caller: Caller = getattr(house, who)
    service = {"desk": "dispatch", "crew": "gateway", "ward": "bridge"}[who]

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(TEN_MB // 65536):
            yield MARK.encode() + b"0" * (65536 - len(MARK))

    headers = {"Content-Type": "application/json"}
    problem(await caller.http.post(DOORS[service], content=pieces(), headers=headers), 413)


@pytest.mark.parametrize("body", [f'{{"{MARK}', "", f"{MARK}", '{"a": 1} x', "\ud800", "[" * 9999])
async def test_what_is_no_json_is_told_so(house: House, body: str) -> None:
    raw = body.encode("utf-8", "surrogatepass")
    headers = {"Content-Type": "application/json"}
    for caller, path in (
        (house.desk, DOORS["dispatch"]),
        (house.crew, "/v1/devices/M-1/vitals"),
        (house.ward, DOORS["bridge"]),
    ):
        answer = await caller.http.post(path, content=raw, headers=headers)
        told = problem(answer, 400 if raw else 422)
        assert raw or fields(told) == ["body"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", f"x/{MARK}", None],
)
async def test_what_is_not_called_json_is_told_so(house: House, content_type: str | None) -> None:
    body = json.dumps({"occurred_at": now(), "vitals": {"spo2": 93}})
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await house.crew.http.post("/v1/devices/M-1/vitals", content=body, headers=headers)
    told = problem(answer, 415)
    assert "application/json" in told["detail"]


async def test_fields_are_named_that_are_wrong_unknown_or_missing(house: House) -> None:
    body = {
        "occurred_at": now(),
        "location": {"latitude": 134.25, "longitude": MARK},
        "external_number": f"{MARK} 中文",
        "patients": [{"sex": MARK, "complaint_text": "a\x00b"}],
        "colour": MARK,
        f"{MARK} with spaces": 1,
    }
    told = problem(await house.desk.send("POST", "/v1/incidents", body), 422)
    assert set(fields(told)) >= {
        "location.latitude",
        "location.longitude",
        "external_number",
        "patients.0.sex",
        "patients.0.complaint_text",
        "colour",
        "(unnamed)",
    }
    told = problem(await house.desk.send("POST", "/v1/incidents", {"occurred_at": now()}), 422)
    assert fields(told) == ["location"]


async def test_an_identifier_that_is_none_is_refused_by_name(house: House) -> None:
    at = {"occurred_at": now(), "vitals": {}}
    for name in (f"{MARK} 7", f"{MARK}监护仪", "-x", "x" * 65):
        answer = await house.crew.send("POST", f"/v1/devices/{name}/vitals", at)
        assert fields(problem(answer, 422)) == ["device_id"]
    headers = {"Idempotency-Key": f"{MARK} key"}
    answer = await house.crew.http.post("/v1/devices/M-1/vitals", json=at, headers=headers)
    assert fields(problem(answer, 422)) == ["idempotency-key"]
    for number in (MARK, "-1", "9" * 30):
        answer = await house.ward.http.get(
            f"/v1/facilities/{FACILITY}/feed", headers={"Last-Event-ID": number}
        )
        assert fields(problem(answer, 422)) == ["last-event-id"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_what_is_no_number_is_no_place(house: House, number: str) -> None:
    body = f'{{"occurred_at": "{now()}", "latitude": {number}, "longitude": 117.2, "unit_id": "U"}}'
    headers = {"Content-Type": "application/json"}
    single = body.replace(', "unit_id": "U"', "")
    answer = await house.crew.http.post("/v1/units/U/positions", content=single, headers=headers)
    assert fields(problem(answer, 422)) == ["latitude"]
    answer = await house.crew.http.post("/v1/telemetry", content=body)
    assert problem(answer, 422)["refused"][0]["detail"].startswith("latitude: ")


async def test_a_path_or_a_method_that_is_not_there_is_told_so(house: House) -> None:
    for service in SERVICES:
        url = house.services[service].url
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
            problem(await http.get(f"/v1/{MARK}"), 404)
            problem(await http.delete("/livez"), 405)


async def test_a_wrong_or_expired_token_is_refused(house: House) -> None:
    settings = Settings()
    roles = {"dispatch": Role.DISPATCHER, "gateway": Role.CREW, "bridge": Role.CENTRE}
    for service, role in roles.items():
        bearers = (
            house.key.token(settings, role, FACILITY, life_s=-1),
            SigningKey().token(settings, role, FACILITY),
            house.key.token(settings.model_copy(update={"jwt_audience": MARK}), role, FACILITY),
            MARK,
            f"gck_{MARK}",
        )
        url = house.services[service].url
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
            for bearer in bearers:
                headers = {"Authorization": f"Bearer {bearer}"}
                answer = await http.post(DOORS[service], json={}, headers=headers)
                assert problem(answer, 401)["title"] == "Not signed in"
                assert bearer not in answer.text


# -- lines -----------------------------------------------------------------------------------------


async def test_each_bad_line_is_named_and_the_good_ones_are_taken(house: House) -> None:
    patient = await house.patient()
    sample = {"occurred_at": now(), "vitals": {"heart_rate": 88}}
    await by_request(house, patient, sample)  # from now on the device is known
    good = {**sample, "device_id": patient.device}
    unit = f"U-{uuid.uuid4().hex[:8]}"
    fix = {"unit_id": unit, "occurred_at": now(), "latitude": 34.2, "longitude": 117.3}
    lines: list[bytes] = [
        json.dumps({**good, "event_id": f"{patient.device}.1"}).encode(),
        f'{{"device_id": "{MARK}'.encode(),
        b"",
        GARBAGE,
        json.dumps({**good, "occurred_at": NAIVE}).encode(),
        json.dumps({**good, "device_id": f"{MARK}-9"}).encode(),
        json.dumps({**fix, "latitude": 134.25}).encode(),
        json.dumps({**fix, "event_id": f"{unit}.1"}).encode(),
        json.dumps({**good, "colour": MARK}).encode(),
        json.dumps({**good, "event_id": f"{patient.device}.2", "vitals": {"spo2": MARK}}).encode(),
        json.dumps([MARK]).encode(),
        json.dumps({**good, "device_id": f"{MARK}-8", "vitals": {"spo2": MARK}}).encode(),
    ]
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await house.crew.http.post("/v1/telemetry", content=b"\n".join(lines), headers=headers)
    assert answer.status_code == 202
    assert MARK not in answer.text
    told = answer.json()
    assert told["accepted"] == 3
    refused = {line["line"]: line for line in told["refused"]}
    assert {number: line["status"] for number, line in refused.items()} == {
        2: 400,
        4: 400,
        5: 422,
        6: 404,
        7: 422,
        9: 422,
        11: 422,
        12: 404,
    }
    assert told["doubted"] == [{"line": 10, "invalid": ["spo2"]}]
    assert refused[5]["detail"] == "occurred_at: Input should have timezone info"
    assert refused[7]["detail"].startswith("latitude: ")
    assert refused[9]["detail"].startswith("colour: ")
    await house.recorded(patient, f"{patient.device}.1")
    assert isinstance((await house.recorded(patient, f"{patient.device}.2")).vitals.spo2, Invalid)
    await until(lambda: house.tape.read(PositionReported, unit))


async def test_more_lines_than_one_request_may_have_are_refused(house: House) -> None:
    answer = await house.crew.http.post("/v1/telemetry", content=b"{}\n" * 5_001)
    assert problem(answer, 413)["detail"] == "Send at most 5000 lines at once."
    bare = (b"{}\n" * 5_001).removesuffix(b"\n")
    problem(await house.crew.http.post("/v1/telemetry", content=bare), 413)
    told = problem(await house.crew.http.post("/v1/telemetry", content=b"{}\n" * 5_000), 422)
    assert [line["line"] for line in told["refused"]] == list(range(1, 5_001))


async def test_where_no_line_is_good_nothing_is_accepted(house: House) -> None:
    answer = await house.crew.http.post("/v1/telemetry", content=f'{{"{MARK} 1": 1}}\n{MARK}\n')
    told = problem(answer, 422)
    assert told["accepted"] == 0
    assert [line["line"] for line in told["refused"]] == [1, 2]


# -- repeats ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["given", None])
async def test_the_same_request_again_is_the_same_answer_and_one_event(
    house: House, key: str | None
) -> None:
    """With a key by its key, without one by its content."""
    given = f"{key}-{uuid.uuid4().hex}" if key else None

    async def twice(caller: Caller, path: str, body: dict[str, Any]) -> Any:
        headers = (
            {"Idempotency-Key": uuid.uuid5(uuid.NAMESPACE_URL, given + path).hex} if given else {}
        )
        answers = [await caller.http.post(path, json=body, headers=headers) for _ in range(2)]
        assert answers[0].is_success, answers[0].text
        assert answers[0].status_code == answers[1].status_code
        assert answers[0].json() == answers[1].json()
        return answers[0].json()

    where = {"latitude": 34.19, "longitude": 117.28}
    opened = await twice(house.desk, "/v1/incidents", {"location": where, "occurred_at": now()})
    encounter = opened["encounter_ids"][0]
    device = f"M-{uuid.uuid4().hex[:12]}"
    path = f"/v1/encounters/{encounter}"

    async def is_judged() -> bool:
        return (await house.desk.http.get(path)).json()["triage"] is not None

    await until(is_judged)  # an answer shows the patient as they stand, and that comes by itself
    await twice(house.desk, f"{path}/devices", {"device_id": device, "occurred_at": now()})
    body = {"occurred_at": now(), "vitals": {"heart_rate": 88}}
    sampled = await twice(house.crew, f"/v1/devices/{device}/vitals", body)
    patient = Patient(encounter, opened["incident_id"], device)
    await house.recorded(patient, sampled["event_id"])
    read = await twice(house.crew, f"{path}/vitals", {**body, "vitals": {"pain": 3}})
    await house.decided(patient, read["event_id"])

    assert len(house.tape.read(IncidentOpened, opened["incident_id"])) == 1
    assert len(house.tape.read(EncounterOpened, encounter)) == 1
    assert len(house.tape.read(DeviceAttached, encounter)) == 1
    stored = {e.event_id for e in house.tape.read(VitalSignsRecorded, encounter)}
    assert stored == {sampled["event_id"], read["event_id"]}
    folded = [i for d in house.tape.read(TriageDecided, encounter) for i in d.folded]
    assert len(folded) == len(set(folded))


async def test_one_key_for_two_patients_is_two_acts(house: House) -> None:
    patients = [await house.patient() for _ in range(2)]
    for patient in patients:
        body = {"facility_id": FACILITY, "occurred_at": now()}
        await house.desk.do("POST", f"{patient.path}/destination", body)
        await until(partial(house.tape.read, PreArrivalNotified, patient.encounter), 40)
    for _ in range(2):
        for patient in patients:
            path = f"/v1/facilities/{FACILITY}/encounters/{patient.encounter}/acknowledgement"
            at = {"occurred_at": "2026-03-09T06:12:00Z"}
            await house.ward.do("POST", path, at, key="seen-by-night-shift")
    for patient in patients:
        await until(partial(house.tape.read, Acknowledged, patient.encounter), 40)
        assert len(house.tape.read(Acknowledged, patient.encounter)) == 1


async def test_a_key_that_comes_with_other_content_is_refused_and_loses_nothing(
    house: House,
) -> None:
    where = {"latitude": 34.19, "longitude": 117.28}
    key = {"Idempotency-Key": f"call-{uuid.uuid4().hex}"}
    first = {"location": where, "occurred_at": now(), "external_number": "A-1"}
    answer = await house.desk.http.post("/v1/incidents", json=first, headers=key)
    assert answer.status_code == 201
    for other in ({"external_number": "A-2"}, {"patients": [{"sex": "female"}]}):
        body = {**first, **other}
        told = problem(await house.desk.http.post("/v1/incidents", json=body, headers=key), 409)
        assert told["detail"] == "This Idempotency-Key stood for other content: take a new key."
    again = await house.desk.http.post("/v1/incidents", json=first, headers=key)
    assert again.json() == answer.json()
    assert "taken" not in answer.json()


async def test_what_a_crew_does_under_a_used_key_is_another_act(house: House) -> None:
    """The gateway keeps no record and cannot compare; what it has taken is not dropped later."""
    patient = await house.patient()
    key = {"Idempotency-Key": f"f-{uuid.uuid4().hex}"}
    for finding in ("diaphoresis", "cardiac_arrest", "cardiac_arrest"):
        body = {"finding": finding, "present": True, "occurred_at": "2026-03-09T06:12:00Z"}
        answer = await house.crew.http.post(f"{patient.path}/findings", json=body, headers=key)
        assert answer.status_code == 202

    def worst() -> bool:
        told = house.tape.read(TriageDecided, patient.encounter)
        return bool(told) and told[-1].worst is TriageLevel.CRITICAL

    await until(worst, 20)
    folded = [i for d in house.tape.read(TriageDecided, patient.encounter) for i in d.folded]
    assert folded == list(key.values()) * 2


async def test_a_board_that_is_ahead_of_us_begins_anew(house: House) -> None:
    """As after a restored database: its last id is one that we have yet to give."""
    path, headers = f"/v1/facilities/{FACILITY}/feed", {"Last-Event-ID": "999999999"}
    async with house.ward.http.stream("GET", path, headers=headers) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("event:"):
                assert line == "event: snapshot"
                break


# -- last, for it takes its time -------------------------------------------------------------------


async def test_a_record_of_a_device_nobody_claims_is_set_down_after_the_wait(
    house: House,
) -> None:
    """It was written when the services began."""
    (letter,) = await until(lambda: house.tape.letters("gateway", house.stranger), 40)
    assert letter["dead_kind"] == "unknown"
    assert letter["dead_reason"] == "nobody has this device"
    assert letter["dead_topic"] == "ambulance-raw"
