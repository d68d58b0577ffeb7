"""Who somebody is comes out nowhere: made-up names, numbers and telephones are put in by every way
in, good and bad and while things break, and stand in no log, metric, key, header or URL."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import registry
from services.bridge import loader
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from tests.canaries import Canary, as_text, canary, found, links
from tests.crashes import QUICKLY
from tests.platform import Platform
from tests.receivers import SECRET, Mllp, Web, listening
from tests.services import Caller, Service, Watcher, ago, now, running, until

pytestmark = pytest.mark.timeout(400)

SERVICES = ("dispatch", "gateway", "tracker", "triage", "bridge")
#: One hospital has systems that are told; the silence of the other is told after so long.
HOME, SILENT, SILENT_S = "F-canary", "F-silent", 4
CLINIC = "C-canary"
PLACE = {"latitude": 34.25, "longitude": 117.30}
#: A producer's own records, by where they lie: their keys and headers are the producer's.
Place = tuple[str, int, int]


class Rude(Mllp):
    """A system that says in its answer whose message it does not like."""

    @staticmethod
    def _said(answer: str, name: str) -> bytes:
        if not answer.startswith("AE "):
            return Mllp._said(answer, name)
        head = "MSH|^~\\&|HIS||GREENCHANNEL||20260301||ACK|1|P|2.5.1\r"
        return f"\x0b{head}MSA|AE|{name}|{answer[3:]}\r\x1c\r".encode()


@dataclass
class Whole:
    """All services with their logs at the lowest level, who calls them, and all that came out."""

    platform: Platform
    folder: Path
    key: SigningKey = field(default_factory=SigningKey)
    his: Rude = field(default_factory=Rude)
    web: Web = field(default_factory=Web)
    fhir: Web = field(default_factory=Web)
    #: Those that are to reach whom they are for, those of whom nothing is kept, and those that are
    #: set down as they came.
    good: list[Canary] = field(default_factory=list)
    bad: list[Canary] = field(default_factory=list)
    unread: list[Canary] = field(default_factory=list)
    #: Refused by the name of a field, which is told to the sender alone.
    named: list[Canary] = field(default_factory=list)
    answers: list[httpx.Response] = field(default_factory=list)
    ours: set[Place] = field(default_factory=set)
    metrics: dict[str, str] = field(default_factory=dict)
    letters: list[Any] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)
    logs: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tape = Watcher(self.platform, *registry().topics)
        self._before = {log: log.stat().st_size for log in self.platform.logs}

    def begin(self) -> list[Service]:
        """Once the hospital's systems listen."""
        ports = (each.port for each in (self.his, self.web, self.fhir))
        hl7, webhook, fhir = (f"127.0.0.1:{port}" for port in ports)
        interfaces = [
            {"channel": "hl7", "address": f"mllp://{hl7}"},
            {"channel": "webhook", "address": f"http://{webhook}/in", "secret": "H_SECRET"},
            {"channel": "fhir", "address": f"http://{fhir}/base"},
        ]
        why = {"source": "a test", "evidence": "design", "name": {"zh": "显示", "en": "shown"}}
        lit = {**why, "within_s": SILENT_S, "ladder": [{"to": "dispatch"}]}
        kept = {HOME: {"interfaces": interfaces}, SILENT: {"terms": {"displayed": lit}}}
        shipped = loader.SHIPPED.read_text("utf-8")
        file = self.folder / "facilities.yaml"
        file.write_text(shipped.replace("facilities: {}", f"facilities: {json.dumps(kept)}"))
        extra = {
            **QUICKLY,
            "GREENCHANNEL_LOG_LEVEL": "DEBUG",
            "GREENCHANNEL_BRIDGE_FACILITIES": str(file),
            "H_SECRET": SECRET,
        }
        self.services = {
            name: Service(name, self.platform, self.folder, self.key, extra=extra)
            for name in SERVICES
        }
        dispatch, gateway, bridge = (self.services[n] for n in ("dispatch", "gateway", "bridge"))
        self.desk = self.caller(dispatch, Role.DISPATCHER)
        self.clinic = self.caller(dispatch, Role.PRIMARY_CARE, CLINIC)
        self.crew = self.caller(gateway, Role.CREW)
        self.ward = self.caller(bridge, Role.CENTRE, HOME)
        self.colleague = self.caller(bridge, Role.CENTRE, HOME)
        theirs = self.key.token(Settings(), Role.CENTRE, HOME, sub="a-colleague")
        self.colleague.http.headers["Authorization"] = f"Bearer {theirs}"
        return list(self.services.values())

    def caller(self, service: Service, role: Role, facility: str | None = None) -> Caller:
        made = Caller(service, role, facility)

        async def keep(answer: httpx.Response) -> None:
            await answer.aread()
            self.answers.append(answer)

        made.http.event_hooks["response"] = [keep]
        return made

    def puts(self, inlet: str) -> Canary:
        """Somebody else, who is to come out where they belong."""
        self.good.append(canary(inlet))
        return self.good[-1]

    def spoils(self, inlet: str) -> Canary:
        """Somebody else, of whom nothing is to be kept."""
        self.bad.append(canary(inlet))
        return self.bad[-1]

    async def refused(self, caller: Caller, path: str, body: Any, *statuses: int) -> None:
        answer = await caller.send("POST", path, {"occurred_at": now(), **body})
        assert answer.status_code in (statuses or (422,)), answer.text

    async def patient(self, complaint: str = "", facility: str | None = HOME) -> str:
        """Somebody who is called for, and bound for a facility."""
        patient = {"complaint": "chest_pain", "complaint_text": complaint}
        call = {"location": PLACE, "patients": [patient], "occurred_at": now()}
        (encounter,) = (await self.desk.do("POST", "/v1/incidents", call))["encounter_ids"]
        if facility is not None:
            chosen = {"facility_id": facility, "occurred_at": now()}
            await self.desk.do("POST", f"/v1/encounters/{encounter}/destination", chosen)
        return str(encounter)

    async def is_bound(self, encounter: str) -> bool:
        path = f"/v1/facilities/{HOME}/encounters/{encounter}"
        return (await self.ward.http.get(path)).status_code == 200

    async def write(self, user: str, *records: tuple[str, bytes, bytes, Any]) -> None:
        """Put records on topics as this user."""
        producer = AIOKafkaProducer(**self.platform.kafka(user))
        await producer.start()
        try:
            for topic, key, value, headers in records:
                sent = await producer.send_and_wait(topic, value, key, headers=headers)
                self.ours.add((sent.topic, sent.partition, sent.offset))
        finally:
            await producer.stop()

    async def collect(self) -> None:
        """What there is to look through, when all has come to rest."""
        async with httpx.AsyncClient(trust_env=False) as http:
            for name, service in self.services.items():
                self.metrics[name] = (await http.get(f"{service.url}/metrics")).text
        for record in self.tape.records:
            is_letter = record.topic.endswith("-dead-letters")
            (self.letters if is_letter else self.records).append(record)

    def look_at_logs(self) -> None:
        """Once the services have ended, with their last words."""
        for log in sorted(self.folder.glob("*.log")):
            self.logs[log.name] = log.read_bytes()
        for log, size in self._before.items():
            self.logs[log.name] = log.read_bytes()[size:]

    @property
    def everybody(self) -> list[Canary]:
        return [*self.good, *self.bad, *self.unread, *self.named]


@pytest.fixture(scope="module")
async def whole(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    made = Whole(platform, tmp_path_factory.mktemp("canaries"))
    async with listening(made.his), listening(made.web), listening(made.fhir), made.tape:
        async with running(*made.begin()):
            await what_is_good(made)
            await what_hospitals_answer(made)
            await what_is_refused(made)
            await what_stands_in_addresses(made)
            await what_nobody_can_read(made)
            await while_things_are_away(made)
            await where_it_is_our_fault(made)
            await until(lambda: not missing(made), 30, "not all has come to where it belongs")
            await made.collect()
    made.look_at_logs()
    return made


# -- ways in ---------------------------------------------------------------------------------------


async def what_is_good(whole: Whole) -> None:
    """Every text and number that an interface takes."""
    puts = whole.puts
    patient = {"complaint": "chest_pain", "complaint_text": str(puts("complaint of a call"))}
    call = {
        "external_number": puts("number of a call").phone,
        "location": {**PLACE, "address": str(puts("address of a call"))},
        "call": {"accepted_at": ago(30)},
        "patients": [patient],
    }
    opened = await whole.desk.do("POST", "/v1/incidents", {**call, "occurred_at": now()})
    incident, (encounter,) = opened["incident_id"], opened["encounter_ids"]
    await _dispatch(whole, incident, encounter)
    await _clinic(whole)
    await until(lambda: whole.is_bound(encounter), 40, "it is not in the queue")
    await _gateway(whole, encounter)
    await _files(whole, encounter)
    await _bridge(whole, encounter)


async def _dispatch(whole: Whole, incident: str, encounter: str) -> None:
    async def ask(path: str, method: str = "POST", **body: Any) -> Any:
        return await whole.desk.do(method, f"/v1/{path}", {"occurred_at": now(), **body})

    def why(inlet: str) -> dict[str, str]:
        return {"reason": str(whole.puts(inlet))}

    other = {**PLACE, "latitude": 34.26, "address": str(whole.puts("corrected address"))}
    await ask(f"incidents/{incident}/location", "PUT", location=other, **why("corrected place"))
    named = {"classification": "emergency", **why("classified")}
    await ask(f"incidents/{incident}/classification", "PUT", **named)
    await ask(f"incidents/{incident}/call-correction", accepted_at=ago(40), **why("call corrected"))
    await ask(f"incidents/{incident}/held", **why("held"))
    await ask(f"incidents/{incident}/resumed", **why("resumed"))
    patient = {"complaint": "chest_pain"}
    patient["complaint_text"] = str(whole.puts("complaint of a patient"))
    await ask(f"encounters/{encounter}/patient", "PUT", patient=patient)
    unit = f"U-{uuid.uuid4().hex[:8]}"
    await ask(f"incidents/{incident}/units", station=PLACE, unit_id=unit)
    leg = (await ask(f"units/{unit}/stamps", status="acknowledged"))["leg"]
    path = f"legs/{leg['leg_id']}/stamps/{leg['stamps'][-1]['stamp_id']}"
    await ask(f"{path}/correction", corrected_to=ago(5), **why("stamp corrected"))
    await ask(f"encounters/{encounter}/destination", facility_id=HOME)
    await ask(f"encounters/{encounter}/boarding", unit_id=unit)
    back = {"unit_id": unit, **why("boarding taken back")}
    await ask(f"encounters/{encounter}/boarding/revoked", **back)
    await ask(f"encounters/{encounter}/boarding", unit_id=unit)
    nuisance = (await ask("incidents", location=PLACE))["incident_id"]
    await ask(f"incidents/{nuisance}/dismissed", **why("dismissed"))
    (refuses,) = (await ask("incidents", location=PLACE))["encounter_ids"]
    told = {"signed_by": "witness", "told_of": str(whole.puts("risk of a refusal"))}
    await ask(f"encounters/{refuses}/outcome", outcome="refused_transport", refusal=told)
    one, two = [(await ask("incidents", location=PLACE))["incident_id"] for _ in range(2)]
    await ask(f"incidents/{one}/merge", into=two)
    await ask(f"incidents/{one}/unmerge", out_of=two, **why("unmerged"))


async def _clinic(whole: Whole) -> None:
    path, at = f"/v1/facilities/{CLINIC}/encounters", {"occurred_at": now()}
    told = {"complaint": "stroke", "complaint_text": str(whole.puts("complaint at a clinic"))}
    opened = await whole.clinic.do("POST", path, {**at, "patient": told})
    asked = {
        "location": {**PLACE, "address": str(whole.puts("address of a clinic"))},
        "consent": "given",
        "reason": str(whole.puts("reason of a transfer")),
    }
    path = f"{path}/{opened['encounter_id']}/transfer-request"
    await whole.clinic.do("POST", path, {**at, **asked})


async def _gateway(whole: Whole, encounter: str) -> None:
    async def enter(path: str, **body: Any) -> None:
        path = f"/v1/encounters/{encounter}/{path}"
        await whole.crew.do("POST", path, {"occurred_at": now(), **body})

    puts = whole.puts
    await enter("findings", finding="shock", present=True, note=str(puts("note of a finding")))
    shows = {"examination": "ecg_12_lead", "shows": ["st_elevation"]}
    await enter("examinations", **shows, note=str(puts("note of an examination")))
    await enter("level", level="critical", reason=str(puts("level of the crew")))
    told: dict[str, Any] = {
        name: [str(puts(name))]
        for name in ("allergies", "medications", "history", "skin", "belongings")
    }
    told["lines"] = [{"line": "peripheral_iv", "where": str(puts("where a line is"))}]
    await enter("background", background=told)


async def _files(whole: Whole, encounter: str) -> None:
    """Names of files, and what stands in a picture: the one is dropped, the other is nobody's but
    the board's."""
    spoils, path = whole.spoils, f"/v1/encounters/{encounter}/attachments"
    kind = "application/offset+octet-stream"

    async def announced(content: bytes, **told: str) -> httpx.Response:
        known = {"sha256": hashlib.sha256(content).hexdigest(), "filetype": "image/png", **told}
        pairs = (f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in known.items())
        headers = {"Upload-Length": str(len(content)), "Upload-Metadata": ",".join(pairs)}
        return await whole.crew.http.post(path, headers=headers)

    picture = b"\x89PNG\r\n\x1a\n" + str(spoils("picture")).encode()
    begun = await announced(picture, filename=str(spoils("name of a file")))
    assert begun.status_code == 201
    for content, status in (
        (str(spoils("no picture")).encode(), 422),
        (picture + str(spoils("more of a picture")).encode(), 422),
        (picture, 204),
    ):
        headers = {"Content-Type": kind, "Upload-Offset": "0"}
        where = begun.headers["Location"]
        answer = await whole.crew.http.patch(where, content=content, headers=headers)
        assert answer.status_code == status
    for name in ("sha256", "filetype"):
        wrong = await announced(picture, **{name: str(spoils(f"{name} of a file"))})
        assert wrong.status_code == 422
    odd = {"Upload-Length": spoils("length").latin, "Upload-Metadata": spoils("metadata").latin}
    assert (await whole.crew.http.post(path, headers=odd)).status_code == 422


async def _bridge(whole: Whole, encounter: str) -> None:
    async def act(path: str, **body: Any) -> None:
        path = f"/v1/facilities/{HOME}/{path}"
        await whole.ward.do("POST", path, {"occurred_at": now(), **body})

    puts, of = whole.puts, f"encounters/{encounter}"
    await act("divert", until=_in(600), reason=str(puts("divert")))
    await act(f"{of}/redirect-request", reason="no_bed", note=str(puts("redirection")))
    gate = {"gate": str(puts("gate")), "phone": puts("phone of a gate").phone}
    await act(f"{of}/direct-to", direct_to="cath_lab", **gate)
    await act(f"{of}/level", level="severe", reason=str(puts("level of a doctor")))
    wrong, right, more = (puts(f"{each} wristband").number for each in ("first", "last", "other"))
    await act(f"{of}/identity", reference=wrong, provisional=True)
    await act(f"{of}/identity/split", reference=wrong, reason=str(puts("another's wristband")))
    await act(f"{of}/identity", reference=right)
    await act(f"{of}/identity/merged", reference=right, merged=more)
    await act(f"{of}/arrival")
    await act(f"{of}/arrival/revoked", reason=str(puts("arrival by mistake")))
    await act(f"{of}/arrival")
    await act(
        f"{of}/handover",
        reason=str(puts("signed for the crew")),
        wristband=puts("wristband that was given").number,
        wristband_reason=str(puts("another wristband that was given")),
        not_aboard_reason=str(puts("never aboard and given")),
    )
    path = f"/v1/facilities/{HOME}/{of}/transfer"
    why = {
        "wristband_reason": str(puts("another wristband that was received")),
        "not_aboard_reason": str(puts("never aboard and received")),
    }
    await whole.colleague.do("POST", path, {**why, "occurred_at": now()})
    await act(f"{of}/addenda", text=str(puts("addendum")))
    await act(f"{of}/outcome", outcome="admitted", diagnosis=puts("diagnosis").latin)


async def what_hospitals_answer(whole: Whole) -> None:
    """A system that refuses may repeat what it was told; or says what is no answer at all."""
    spoils = whole.spoils
    whole.his.plan.extend([f"AE {spoils('refusal in HL7')}", "garbage"])
    for web in (whole.web, whole.fhir):
        web.plan.extend([f"500 {spoils('reason phrase').latin}", f"{spoils('no HTTP').latin}/1 2"])
    await whole.patient()
    plans = (whole.his.plan, whole.web.plan, whole.fhir.plan)
    await until(lambda: not any(plans), 40, "nothing was told")


async def what_is_refused(whole: Whole) -> None:
    """Bodies that cannot be read, and those that say what may not be said."""
    spoils, json_ = whole.spoils, {"Content-Type": "application/json"}
    encounter = "E-nobody"
    doors = (
        (whole.desk, "/v1/incidents"),
        (whole.crew, f"/v1/encounters/{encounter}/findings"),
        (whole.ward, f"/v1/facilities/{HOME}/encounters/{encounter}/level"),
    )
    for caller, path in doors:
        for text in ('{{"note": "{}"', "{}", '"{}"', '["{}"]', '{{"note": "{}"}} more'):
            said = text.format(spoils("no JSON"))
            answer = await caller.http.post(path, content=said.encode(), headers=json_)
            assert answer.status_code in (400, 422), answer.text
        kind = {"Content-Type": f"text/{spoils('content type').latin}"}
        answer = await caller.http.post(path, content=str(spoils("no JSON")), headers=kind)
        assert answer.status_code == 415
        wrong = str(spoils("wrong values"))
        fields = ("finding", "present", "location", "patients", "call", "reason", "level")
        await whole.refused(caller, path, {name: [wrong] for name in fields})
        await whole.refused(caller, path, {"occurred_at": wrong})
        await whole.refused(caller, path, {"caller_phone": spoils("phone of a caller").phone})
        whole.named.append(canary("name of a field"))
        await whole.refused(caller, path, {whole.named[-1].latin: 1, whole.named[-1].chinese: 1})
        await whole.refused(caller, path, {"note": f"{spoils('NUL')}\0", "reason": "\0"})
        long = f"{spoils('too long')} " * 20
        await whole.refused(caller, path, {"note": long, "reason": long})
    patient = {"sex": str(spoils("sex")), "complaint": str(spoils("complaint"))}
    place = {"latitude": str(spoils("latitude")), "longitude": 117}
    call = {"location": place, "patients": [patient], "external_number": str(spoils("number"))}
    await whole.refused(whole.desk, "/v1/incidents", call)
    whole.named.append(canary("name of a value"))
    lines = [
        str(spoils("line")),
        json.dumps({"device_id": str(spoils("device of a line")), "occurred_at": now()}),
        as_text({"device_id": "M-1", "vitals": {"heart_rate": str(spoils("value of a line"))}}),
        as_text({"device_id": "M-1", "occurred_at": now(), "vitals": {whole.named[-1].latin: 1}}),
    ]
    answer = await whole.crew.http.post("/v1/telemetry", content="\n".join(lines).encode())
    assert answer.status_code == 422


async def what_stands_in_addresses(whole: Whole) -> None:
    """Paths, questions and headers that a client makes up."""
    spoils = whole.spoils
    for caller, path in (
        (whole.desk, "/v1/encounters/"),
        (whole.crew, "/v1/encounters/"),
        (whole.ward, f"/v1/facilities/{HOME}/encounters/"),
    ):
        for name in (quote(spoils("path").chinese), spoils("path").latin, spoils("path").number):
            await caller.http.get(f"{path}{name}")
            await caller.http.get(f"/v1/{name}/{name}")
            await caller.http.post(f"{path}{name}/arrival", json={"occurred_at": now()})
        await caller.http.get("/v1/alarms", params={"name": str(spoils("question"))})
        for header in ("Idempotency-Key", "User-Agent", "X-Name", "Cookie", "Authorization"):
            said = str(spoils(header)).encode()
            given = b"Bearer " + said if header == "Authorization" else said
            asked = caller.http.build_request(
                "POST", f"{path}E-1/arrival", json={"occurred_at": now()}
            )
            asked.headers = httpx.Headers([*_but(asked.headers, header), (header.encode(), given)])
            await caller.http.send(asked)
        number = {"Last-Event-ID": spoils("last event").latin}
        await caller.http.get(f"/v1/facilities/{HOME}/feed", headers=number)
        host, port = urlsplit(str(caller.http.base_url)).hostname, caller.http.base_url.port
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"{spoils('no request')} / HTTP/1.1\r\n\r\n".encode())
        await reader.read()
        writer.close()


def _but(headers: httpx.Headers, name: str) -> Iterator[tuple[bytes, bytes]]:
    return ((k, v) for k, v in headers.raw if k.lower() != name.lower().encode())


#: Stands where somebody is to be named.
_HERE = "<here>"


async def what_nobody_can_read(whole: Whole) -> None:
    """Records that become dead letters, or are passed over, with a name in each part of them."""
    for topic in (t for t in registry().topics.values() if t.holds and t.readers):
        kind, user = topic.holds[0], "vendor" if "vendor" in topic.writers else "admin"
        typed = f"greenchannel.{kind}.v1".encode()
        subject = uuid.uuid4().hex
        good = {"event_id": subject, "occurred_at": now(), topic.key: subject}
        wrong = {name: {**good, name: _HERE} for name in good}
        texts = {"no JSON": _HERE, "unclosed": f'{{"note": "{_HERE}"'}
        texts |= {f"wrong {name}": as_text(each) for name, each in wrong.items()}
        headers: list[tuple[str, bytes]] = []
        records = []
        for inlet, text in texts.items():
            each = canary(f"{topic.name}: {inlet}")
            whole.unread.append(each)
            headers = [("ce_type", typed), ("ce_source", uuid.uuid4().hex.encode())]
            value = text.replace(_HERE, str(each)).encode()
            records.append((topic.name, subject.encode(), value, headers))
        each = canary(f"{topic.name}: type, source and key")
        whole.unread.append(each)
        headers = [(name, str(each).encode()) for name in ("ce_type", "ce_id", "ce_source", "x")]
        records.append((topic.name, str(each).encode(), str(each).encode(), headers))
        await whole.write(user, *records)


async def while_things_are_away(whole: Whole) -> None:
    """Requests and records that are under way when the database, then the broker, is gone."""
    encounter = await whole.patient(str(whole.puts("complaint before the outages")))
    await until(lambda: whole.is_bound(encounter), 40)

    async def asking() -> None:
        while True:
            text = str(whole.spoils("while it is away"))
            at: dict[str, Any] = {"occurred_at": now()}
            call = {**at, "location": {**PLACE, "address": text}, "patients": [{}]}
            found = {**at, "finding": "shock", "present": True, "note": text}
            level = {**at, "level": "severe", "reason": text}
            with contextlib.suppress(httpx.HTTPError):
                await asyncio.gather(
                    whole.desk.http.post("/v1/incidents", json=call),
                    whole.crew.http.post(f"/v1/encounters/{encounter}/findings", json=found),
                    whole.ward.http.post(
                        f"/v1/facilities/{HOME}/encounters/{encounter}/level", json=level
                    ),
                )

    for away in (whole.platform.restart_postgres, whole.platform.restart_kafka):
        tasks = [asyncio.create_task(asking()) for _ in range(3)]
        await asyncio.sleep(0.3)
        await away(2.0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for service in whole.services.values():
            await service.ready(60)


#: A rule of the database that says no, and whose row it was, as its own rules do.
_NO = """
    CREATE FUNCTION {schema}.canary() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'refused' USING DETAIL = {shown}, HINT = {shown}; END $$;
    CREATE TRIGGER canary BEFORE INSERT OR UPDATE ON {schema}.{table} FOR EACH ROW
        WHEN ({when}) EXECUTE FUNCTION {schema}.canary();
"""
_YES = "DROP FUNCTION {schema}.canary() CASCADE"


async def where_it_is_our_fault(whole: Whole) -> None:
    """A request, a record and a part of a service fail with an error that quotes what it saw."""
    admin = await asyncpg.connect(whole.platform.admin_dsn)

    @contextlib.asynccontextmanager
    async def never(schema: str, table: str, when: str, shown: str) -> AsyncIterator[None]:
        told = {"schema": schema, "table": table, "when": when, "shown": shown}
        await admin.execute(_NO.format(**told))
        try:
            yield
        finally:
            await admin.execute(_YES.format(schema=schema))

    try:
        one = await whole.patient(str(whole.puts("complaint before a bug in triage")))
        await until(lambda: whole.is_bound(one), 40)
        level = f"NEW.encounter_id = '{one}' AND NEW.type = 'LevelOverridden'"
        async with never("bridge", "acts", level, "NEW.event::text"):
            body = {"level": "severe", "reason": str(whole.spoils("a bug in a request"))}
            path = f"/v1/facilities/{HOME}/encounters/{one}/level"
            await whole.refused(whole.ward, path, body, 500)
        async with never("triage", "states", f"NEW.id = '{one}'", "NEW.state::text"):
            finding = {"finding": "shock", "present": True, "occurred_at": now()}
            note = str(whole.puts("a bug in a loop"))
            path = f"/v1/encounters/{one}/findings"
            await whole.crew.do("POST", path, {**finding, "note": note})
            aside = "SELECT count(*) FROM triage.set_aside WHERE key = $1"
            await until(lambda: admin.fetchval(aside, one), 40, "triage has not given up")
        await admin.execute("DELETE FROM triage.set_aside WHERE key = $1", one)
        two = await whole.patient(str(whole.puts("complaint before a step is put off")), SILENT)
        bound = "SELECT count(*) FROM bridge.wakings WHERE encounter_id = $1"
        await until(lambda: admin.fetchval(bound, two), 40)
        async with never("bridge", "cases", f"NEW.id = '{two}'", "NEW.state::text"):
            await until(lambda: _put_off(whole), 60, "nothing was put off")
        assert await whole.services["bridge"].is_ready(), "it goes on with all others"
    finally:
        await admin.close()


async def _put_off(whole: Whole) -> bool:
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"{whole.services['bridge'].url}/metrics")).text
    return "greenchannel_put_off_total 0" not in text


def _in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


# -- ways out --------------------------------------------------------------------------------------


def missing(whole: Whole) -> list[str]:
    """By which ways in somebody has not come to where they belong."""
    awaited = [*whole.good, *whole.unread]
    texts = [("", record.value) for record in whole.tape.records if record.value]
    there = {each.inlet for each in found(awaited, texts)}
    return [each.inlet for each in awaited if each.inlet not in there]


def test_who_is_looked_for_is_found_however_it_is_written() -> None:
    one, other = canary("one"), canary("other")
    for part in one[1:]:
        once = json.dumps({"note": part})
        for text in (part, once, json.dumps(once), json.dumps([json.dumps(once)]), quote(part)):
            assert {each.inlet for each in found([one, other], [("", text)])} == {"one"}
        for raw in (part.encode(), repr(part.encode()), repr([ascii(part)])):
            assert {each.inlet for each in found([one, other], [("", raw)])} == {"one"}


def test_who_was_put_in_is_where_they_belong(whole: Whole) -> None:
    assert len({each.inlet for each in whole.good}) > 30
    assert missing(whole) == []
    shown = [
        *(("told", body) for _, body in whole.web.came),
        *(("asked", a.text) for a in whole.answers),
    ]
    seen = {each.inlet for each in found(whole.good, shown)}
    assert {"complaint of a patient", "last wristband", "level of a doctor"} <= seen


def test_no_log_of_a_service_of_the_broker_or_of_the_database_names_anybody(whole: Whole) -> None:
    assert len(whole.logs) == len(SERVICES) + 2
    for name in ("dispatch-0.log", "bridge-0.log", "triage-0.log"):
        assert b'"level": "ERROR"' in whole.logs[name], name
    assert found(whole.everybody, whole.logs.items()) == []


def test_no_metric_names_anybody(whole: Whole) -> None:
    assert all("greenchannel_" in page for page in whole.metrics.values())
    assert found(whole.everybody, whole.metrics.items()) == []


def test_no_key_and_no_header_of_a_topic_names_anybody(whole: Whole) -> None:
    theirs = [r for r in whole.records if (r.topic, r.partition, r.offset) not in whole.ours]
    assert {r.topic for r in theirs} > {"dispatch-incidents", "bridge-handoffs", "triage-decisions"}
    assert found(whole.everybody, ((r.topic, _envelope(r.key, r.headers)) for r in theirs)) == []


def test_what_we_add_to_a_dead_letter_names_nobody(whole: Whole) -> None:
    assert {r.topic for r in whole.letters} == {f"{name}-dead-letters" for name in SERVICES}
    added = [
        (r.topic, _envelope(b"", [h for h in r.headers if h[0].startswith("dead_")]))
        for r in whole.letters
    ]
    assert all("dead_reason" in text for _, text in added)
    assert found(whole.everybody, added) == []


def _envelope(key: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> str:
    return repr((key, list(headers)))


def test_no_address_names_anybody(whole: Whole) -> None:
    bundles = [json.loads(body) for _, body in whole.fhir.came]
    items = [json.loads(body) for _, body in whole.web.came]
    answers = [a.json() for a in whole.answers if a.is_success and a.content]
    assert {"Patient", "Encounter"} <= {e["resource"]["resourceType"] for e in bundles[0]["entry"]}
    leads = [("fhir", link) for link in links(bundles, references=True)]
    leads += [("webhook or answer", link) for link in links([*items, *answers])]
    assert ("fhir", "urn:") in {(kind, link[:4]) for kind, link in leads}
    paths = [("path", path) for path in (*whole.web.paths, *whole.fhir.paths)]
    assert found(whole.everybody, [*leads, *paths]) == []


def test_no_header_that_is_sent_names_anybody(whole: Whole) -> None:
    posted = [("webhook", repr(each)) for each in (*whole.web.headers, *whole.fhir.headers)]
    answered = [("answer", repr(a.headers.raw)) for a in whole.answers]
    assert "webhook-id" in posted[0][1]
    assert found(whole.everybody, [*posted, *answered]) == []


def test_no_refusal_repeats_what_was_sent(whole: Whole) -> None:
    """But for the name of a field that nobody knows, which is told to its sender."""
    told = [(str(a.url.path), a.text) for a in whole.answers if a.status_code >= 400]
    assert {a.status_code for a in whole.answers} >= {400, 401, 404, 415, 422, 500, 503}
    assert found([*whole.good, *whole.bad, *whole.unread], told) == []
    named = {each.inlet for each in found(whole.named, told)}
    assert named == {"name of a field", "name of a value"}
