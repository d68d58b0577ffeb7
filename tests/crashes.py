"""Patients on their way while services die: the services and who starts them again, the traffic,
and a ledger of what every topic said."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer, TopicPartition

from schemas.clinical import TreatmentGiven, VitalSigns, VitalSignsMeasured
from schemas.encounter import (
    DestinationSelected,
    DeviceAttached,
    EncounterEnded,
    EncounterOpened,
    PatientBoarded,
)
from schemas.envelope import InvalidMessage, Message, decode, encode
from schemas.event import Event
from schemas.handoff import (
    Acknowledged,
    Escalated,
    HandoverSigned,
    PatientArrived,
    PreArrivalNotified,
    RecordDelivered,
)
from schemas.incident import IncidentOpened
from schemas.topics import registry
from schemas.triage import TriageDecided
from schemas.unit import UnitAssigned, UnitDeparted
from services.bridge import loader
from services.kit.failpoint import POINTS
from services.kit.process import end
from services.kit.role import Role
from services.kit.tokens import SigningKey
from tests.platform import Platform
from tests.receivers import SECRET, Mllp, Web, listening
from tests.services import Caller, Service, Watcher, ago, now, until

#: The parts of each service, in the order in which their points are armed.
PARTS = {
    "triage": ("loop", "relay"),
    "bridge": ("loop", "relay", "request", "timekeeper", "courier"),
    "dispatch": ("request", "loop", "relay", "timekeeper"),
    "gateway": ("gateway", "raw"),
    "tracker": ("tracker",),
}
#: So long ago a unit was told to go: its warning is due, and its breach is far.
STOOD_S = 121.0
#: Services are started many times; what Python has compiled once need not be compiled again.
QUICKLY = {"PYTHONDONTWRITEBYTECODE": ""}
#: Those that have an outbox and positions.
OWNERS = ("dispatch", "triage", "bridge")
#: Every consumer and a topic in which it finds what it cannot read.
POISONED = {
    "triage": "ambulance-vitals",
    "bridge": "triage-decisions",
    "dispatch": "triage-decisions",
    "gateway": "ambulance-raw",
    "tracker": "ambulance-positions",
}
#: Of two hospitals one has systems that are told, and the other neither these nor a board: after
#: this long its silence is told.
SILENT_S = 1
STATION = {"latitude": 34.20, "longitude": 117.28}
AWAY = {"latitude": 34.21, "longitude": 117.28}


def points_of(service: str) -> list[str]:
    """Every point that this service reaches, in the order of its steps."""
    return [point for part in PARTS[service] for point in POINTS[part]]


class Ledger(Watcher):
    """What stands in the topics, each event once; and how often, and with which bytes, it came."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform, *registry().topics)
        self.bytes: dict[tuple[str, str], set[bytes]] = defaultdict(set)
        self.dead: dict[str, list[Any]] = defaultdict(list)
        self._by: dict[tuple[type[Event], str | None], list[Any]] = defaultdict(list)
        self._folded: dict[str, set[str]] = defaultdict(set)

    async def __aenter__(self) -> Ledger:
        await super().__aenter__()
        return self

    async def _read(self) -> None:
        while True:
            for part in (await self._consumer.getmany(timeout_ms=100)).values():
                for record in part:
                    self._note(record)

    def _note(self, record: Any) -> None:
        if record.topic.endswith("-dead-letters"):
            self.dead[record.topic.removesuffix("-dead-letters")].append(record)
            return
        try:
            event = decode(record.topic, record.key, record.value, record.headers)
        except InvalidMessage:
            return
        came = self.bytes[record.topic, event.event_id]
        if came:
            came.add(record.value)
            return
        came.add(record.value)
        subject = record.key.decode()
        self._by[type(event), None].append(event)
        for kind in (type(event), Event):
            self._by[kind, subject].append(event)
        if isinstance(event, TriageDecided):
            self._folded[subject].update(event.folded)

    def _check(self) -> None:
        if not self._task.cancelled():
            super()._check()

    def each(self, kind: type[Event], subject: str | None = None) -> list[Any]:
        """Every event of a kind, of one encounter or unit, in the order in which they first came;
        a redelivery counts once. Of all kinds with ``Event``: in order within each topic."""
        self._check()
        return self._by[kind, subject]

    def folded(self, encounter_id: str) -> set[str]:
        """All that decisions of this encounter took in."""
        self._check()
        return self._folded[encounter_id]

    def shown(self, encounter_id: str) -> set[str]:
        """All that decisions took in, once the last of them stands in a record."""
        decisions = self.each(TriageDecided, encounter_id)
        records = self.each(PreArrivalNotified, encounter_id)
        told = decisions and any(r.decision == decisions[-1].event_id for r in records)
        return self._folded[encounter_id] if told else set()

    async def at_the_end(self) -> bool:
        """Whether all that is there was read."""
        self._check()
        places = self._consumer.assignment()
        ends = await self._consumer.end_offsets(places)
        return all([await self._consumer.position(p) >= ends[p] for p in places])

    async def ends_of(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        found: dict[TopicPartition, int] = await self._consumer.end_offsets(list(places))
        return found


class Kept:
    """A service that is started again whenever it dies, as the supervisor does. While it has
    points left, each start is armed with the next one."""

    def __init__(self, service: Service, points: Sequence[str] = ()) -> None:
        self.service = service
        self.left = deque(points)
        self.fired: list[str] = []
        #: Deaths at no point.
        self.deaths: list[str] = []
        self._log = service.folder / f"{service.name}-{service.worker}-points"
        self._log.touch()
        self._task: asyncio.Task[None] | None = None

    async def is_ready(self) -> bool:
        return self.service.child.pid is not None and await self.service.is_ready()

    def begin(self) -> None:
        self._task = asyncio.create_task(self._keep())

    async def leave(self) -> None:
        """Start it no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _keep(self) -> None:
        while True:
            point = self.left[0] if self.left else ""
            self.service.start(
                GREENCHANNEL_FAIL_POINT=point, GREENCHANNEL_FAIL_POINT_LOG=str(self._log)
            )
            while self.service.child.pid is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            self._note(point)

    def _note(self, point: str) -> None:
        reached = self._log.read_text().split()
        if reached == [*self.fired, point] and self.service.child.status == -9:
            self.fired.append(self.left.popleft())
        else:
            words = self.service.child.last_words(5)
            self.deaths.append(f"{self.service.name}: {self.service.child.status}\n{words}")


@dataclass
class Patient:
    """One patient's way and all that was acknowledged to their senders on it."""

    name: str
    facility: str
    incident: str = ""
    encounter: str = ""
    unit: str = ""
    #: Clinical events, each of which has to stand in exactly one decision.
    sent: list[str] = field(default_factory=list)
    #: What each acknowledged request is as an event.
    asked: dict[str, type[Event]] = field(default_factory=dict)
    boarded_at: str = ""
    #: Nobody there is told but by a telephone.
    is_silent: bool = False


class Systems:
    """What two hospitals have: the one two systems of its own, the other nothing at all."""

    def __init__(self) -> None:
        self.tag = uuid.uuid4().hex[:6]
        self.facilities = (f"F-{self.tag}-0", f"F-{self.tag}-1")
        self.his, self.web = Mllp(), Web()

    def told_to(self, folder: Path) -> dict[str, str]:
        """The environment by which the bridge knows of them."""
        mllp, http = (f"127.0.0.1:{each.port}" for each in (self.his, self.web))
        interfaces = [
            {"channel": "hl7", "address": f"mllp://{mllp}"},
            {"channel": "webhook", "address": f"http://{http}/in", "secret": "H_SECRET"},
        ]
        why = {"source": "a test", "evidence": "design", "name": {"zh": "显示", "en": "shown"}}
        lit = {**why, "within_s": SILENT_S, "ladder": [{"to": "dispatch"}]}
        ours = ({"interfaces": interfaces}, {"terms": {"displayed": lit}})
        kept = json.dumps(dict(zip(self.facilities, ours, strict=True)))
        shipped = loader.SHIPPED.read_text("utf-8")
        file = folder / "facilities.yaml"
        file.write_text(shipped.replace("facilities: {}", f"facilities: {kept}"), "utf-8")
        return {"GREENCHANNEL_BRIDGE_FACILITIES": str(file), "H_SECRET": SECRET}


class City:
    """All five services, patients on their way, two hospitals, and the ledger."""

    writer: AIOKafkaProducer

    def __init__(
        self, platform: Platform, services: dict[str, Kept], ledger: Ledger, systems: Systems
    ) -> None:
        self.platform = platform
        self.kept = services
        self.ledger = ledger
        self.systems = systems
        self.patients: list[Patient] = []
        #: The records that nobody can read, by where they lie.
        self.poison: dict[tuple[str, int, int], Message] = {}
        #: Answers that a client did not deserve.
        self.faults: list[str] = []
        #: How many times as much as usual a monitor says.
        self.talks = 1
        #: So long, in seconds, anything may take.
        self.waits_s = 90.0
        self.tag = systems.tag
        self.callers = {
            name: Caller(services[name].service, role)
            for name, role in (("dispatch", Role.DISPATCHER), ("gateway", Role.CREW))
        }
        for facility in systems.facilities:
            self.callers.setdefault("crew", Caller(services["bridge"].service, Role.CREW))
            self.callers[facility] = Caller(services["bridge"].service, Role.CENTRE, facility)

    # -- asking ------------------------------------------------------------------------------

    async def act(
        self, patient: Patient, kind: type[Event], caller: str, path: str, body: Any
    ) -> Any:
        """Ask for something that is an event then."""
        key = str(uuid.uuid4())
        answer = await self.ask(caller, path, body, key)
        patient.asked[key] = kind
        return answer

    async def ask(self, caller: str, path: str, body: Any, key: str) -> Any:
        """Send under one key until it is acknowledged."""
        deadline = time.monotonic() + self.waits_s
        while time.monotonic() < deadline:
            try:
                answer = await self.callers[caller].http.post(
                    f"/v1/{path}", json=body, headers={"Idempotency-Key": key}, timeout=20
                )
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.is_success:
                return answer.json()
            if answer.status_code != 503:
                self.faults.append(f"{path}: {answer.status_code} {answer.text}")
            await asyncio.sleep(0.1)
        raise AssertionError(f"{path}: no answer\n{self.faults[-3:]}")

    # -- one patient -------------------------------------------------------------------------

    async def carry(self, number: int) -> None:
        """From the call to the handover."""
        facility = self.systems.facilities[number % 2]
        patient = Patient(f"{self.tag}-{number}", facility, is_silent=number % 2 == 1)
        self.patients.append(patient)
        call = {
            "occurred_at": now(),
            "external_number": patient.name,
            "location": {"latitude": 34.25, "longitude": 117.30},
            "patients": [{"complaint": "chest_pain"}],
        }
        opened = await self.act(patient, IncidentOpened, "dispatch", "incidents", call)
        (patient.encounter,) = opened["encounter_ids"]
        patient.unit = f"U-{patient.name}"
        # Told long ago, and still there: it is warned of, if it is looked for before it leaves.
        order = {"unit_id": patient.unit, "station": STATION, "occurred_at": ago(STOOD_S)}
        patient.incident = opened["incident_id"]
        path = f"incidents/{patient.incident}/units"
        await self.act(patient, UnitAssigned, "dispatch", path, order)
        driving = asyncio.create_task(self._drive(patient))
        await self._ride(patient)
        await self._hand_over(patient)
        await driving

    async def _drive(self, patient: Patient) -> None:
        """Fixes at the station, then away from it, until the departure is seen."""
        for at in (STATION, *[AWAY] * 500):
            fix = {**at, "occurred_at": now()}
            path = f"units/{patient.unit}/positions"
            await self.ask("gateway", path, fix, str(uuid.uuid4()))
            if self.ledger.each(UnitDeparted, patient.unit):
                return
            await asyncio.sleep(0.3)
        raise AssertionError(f"{patient.unit} has not left")

    async def _ride(self, patient: Patient) -> None:
        path = f"encounters/{patient.encounter}"
        device = {"device_id": f"M-{patient.name}", "occurred_at": now()}
        await until(
            lambda: self.ledger.each(EncounterOpened, patient.encounter), self.waits_s, "opened"
        )
        await self.act(patient, DeviceAttached, "dispatch", f"{path}/devices", device)
        await until(
            lambda: self.ledger.each(DeviceAttached, patient.encounter), self.waits_s, "attached"
        )
        await self._stream(patient, 3)
        chosen = {"facility_id": patient.facility, "occurred_at": now()}
        await self.act(patient, DestinationSelected, "dispatch", f"{path}/destination", chosen)
        await self._stream(patient, 3)
        patient.boarded_at = now()
        aboard = {"unit_id": patient.unit, "occurred_at": patient.boarded_at}
        await self.act(patient, PatientBoarded, "dispatch", f"{path}/boarding", aboard)
        await self._stream(patient, 6)
        await until(
            lambda: self._is_shown(patient), self.waits_s, f"{patient.name}: not all is shown"
        )

    async def _is_shown(self, patient: Patient) -> bool:
        """Samples wait for the next decision; something a human does brings one about."""
        if set(patient.sent) <= self.ledger.shown(patient.encounter):
            return True
        await self._treat(patient)
        await asyncio.sleep(1)
        return False

    async def _treat(self, patient: Patient) -> None:
        path, body = f"encounters/{patient.encounter}/treatments", {"treatment": "oxygen"}
        body["occurred_at"] = now()
        taken = await self.act(patient, TreatmentGiven, "gateway", path, body)
        patient.sent.append(taken["event_id"])

    async def _stream(self, patient: Patient, times: int) -> None:
        """What a monitor sends by HTTP, and what a vendor writes into the topic."""
        for count in range(times * self.talks):
            device, vitals = f"M-{patient.name}", {"heart_rate": 88 + count, "spo2": 97}
            ids = [str(uuid.uuid4()) for _ in range(3)]
            lines = [
                {"event_id": i, "device_id": device, "occurred_at": now(), "vitals": vitals}
                for i in ids[:2]
            ]
            await self._telemetry("\n".join(map(json.dumps, lines)))
            measured = VitalSignsMeasured(
                event_id=ids[2],
                occurred_at=datetime.now(UTC),
                device_id=device,
                vitals=VitalSigns(**vitals),
            )
            await self.write(encode(measured, f"vendor/{self.tag}"))
            patient.sent += ids
            if count % 3 == 0:
                await self._treat(patient)
            await asyncio.sleep(0.2)

    async def _telemetry(self, lines: str) -> None:
        """A line that was refused because the gateway has not heard of the device is sent again."""
        deadline = time.monotonic() + self.waits_s
        while time.monotonic() < deadline:
            try:
                answer = await self.callers["gateway"].http.post(
                    "/v1/telemetry", content=lines, timeout=20
                )
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code == 202 and not answer.json()["refused"]:
                return
            if answer.status_code not in {202, 422, 503}:
                self.faults.append(f"telemetry: {answer.status_code} {answer.text}")
            await asyncio.sleep(0.1)
        raise AssertionError("telemetry: no answer")

    async def _hand_over(self, patient: Patient) -> None:
        why = f"{patient.name}: its hospital has not been told, and nobody says so"
        await until(lambda: self._has_come_there(patient), self.waits_s, why)
        path = f"facilities/{patient.facility}/encounters/{patient.encounter}"
        at = {"occurred_at": now()}
        ward = patient.facility
        await self.act(patient, Acknowledged, ward, f"{path}/acknowledgement", at)
        await self.act(patient, PatientArrived, ward, f"{path}/arrival", at)
        signed = {**at, "not_aboard_reason": "登车可能尚未得知"}
        await self.act(patient, HandoverSigned, "crew", f"{path}/handover", signed)
        await self.act(patient, HandoverSigned, ward, f"{path}/transfer", signed)
        await until(
            lambda: self.ledger.each(EncounterEnded, patient.encounter), self.waits_s, "ended"
        )

    def _has_come_there(self, patient: Patient) -> bool:
        """Whether the record has come to the hospital; or dispatch was told to telephone."""
        told = self.ledger.each(Escalated, patient.encounter)
        if patient.is_silent:
            return any(each.to == "dispatch" for each in told)
        return bool(self.ledger.each(RecordDelivered, patient.encounter))

    # -- many --------------------------------------------------------------------------------

    async def carry_until(
        self, done: Callable[[], bool], seconds: float, every: float = 1.5
    ) -> None:
        """A new patient every so often, at most ten at a time, until ``done``; then all of them
        are brought home."""
        deadline, under_way = time.monotonic() + seconds, set[asyncio.Task[None]]()
        while not done() and time.monotonic() < deadline:
            under_way |= {asyncio.create_task(self.carry(len(self.patients)))}
            for _ in range(int(every / 0.1)):
                await asyncio.sleep(0.1)
                for task in [t for t in under_way if t.done()]:
                    task.result()
                    under_way.remove(task)
            while len(under_way) >= 10 and not done():
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED, timeout=1)
                if time.monotonic() > deadline:
                    break
                under_way = {t for t in under_way if not t.done() or t.result()}
        await asyncio.gather(*under_way)

    async def ready(self) -> None:
        """Wait until every service answers that it is."""
        for kept in self.kept.values():
            await until(kept.is_ready, 60, f"{kept.service.name} is not ready")

    async def write(self, message: Message) -> tuple[str, int, int]:
        """Put a record into a topic, acknowledged; where it lies."""
        found = await self.writer.send_and_wait(
            message.topic, value=message.value, key=message.key, headers=message.headers
        )
        return found.topic, found.partition, found.offset

    async def spoil(self, topic: str) -> None:
        """Write something that nobody can read."""
        headers = [("ce_type", b"greenchannel.Nonsense.v1"), ("ce_source", b"a stranger")]
        number = len(self.poison)
        message = Message(topic, f"poison-{number}".encode(), b"\xff\x00 not JSON", headers)
        self.poison[await self.write(message)] = message

    async def spoil_for_points(self) -> None:
        """For ever: something that nobody can read for each service that waits to die of it."""
        while True:
            for topic in {
                POISONED[name]
                for name, kept in self.kept.items()
                if kept.left and kept.left[0].endswith("dead_lettered")
            }:
                await self.spoil(topic)
            await asyncio.sleep(0.5)

    async def quiet(self, seconds: float = 60) -> None:
        """Wait until everything is handled: all read, all outboxes empty."""
        connection = await asyncpg.connect(self.platform.admin_dsn)
        try:
            await until(lambda: self._rests(connection), seconds, "it does not come to rest")
            await until(self.ledger.at_the_end, seconds)
        finally:
            await connection.close()

    async def _rests(self, connection: asyncpg.Connection[asyncpg.Record]) -> bool:
        for schema in OWNERS:
            rows = await connection.fetch(f"SELECT topic, partition, next FROM {schema}.positions")
            places = {TopicPartition(r["topic"], r["partition"]): r["next"] for r in rows}
            ends = await self.ledger.ends_of(places)
            if any(places[p] < ends[p] for p in places):
                return False
            if await connection.fetchval(f"SELECT count(*) FROM {schema}.outbox"):
                return False
        untold = "SELECT count(*) FROM bridge.deliveries WHERE facility_id = ANY($1)"
        return not await connection.fetchval(untold, self.systems.facilities)


@asynccontextmanager
async def city(
    platform: Platform, folder: Path, points: Callable[[str], Sequence[str]] = lambda _: ()
) -> AsyncIterator[City]:
    """The five services, kept alive; ``points`` are what each of them dies at."""
    key, systems = SigningKey(), Systems()
    async with listening(systems.his), listening(systems.web), Ledger(platform) as ledger:
        extra = {**QUICKLY, **systems.told_to(folder)}
        kept = {
            name: Kept(Service(name, platform, folder, key, extra=extra), points(name))
            for name in PARTS
        }
        made = City(platform, kept, ledger, systems)
        made.writer = AIOKafkaProducer(
            **platform.kafka("admin"), acks="all", enable_idempotence=True
        )
        await made.writer.start()
        try:
            for one in kept.values():
                one.begin()
            yield made
        finally:
            for one in kept.values():
                await one.leave()
            await asyncio.gather(*(_end(one.service) for one in kept.values()))
            await made.writer.stop()


async def _end(service: Service) -> None:
    for caller in service.callers:
        await caller.http.aclose()
    if service.child.process:
        await asyncio.to_thread(end, [service.child])
