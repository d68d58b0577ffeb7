"""Who may do what: every route × every role × own and other facility × every kind of bearer."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import APIRouter, FastAPI

from services.bridge import api as bridge
from services.bridge import app as bridge_app
from services.dispatch import api as dispatch
from services.dispatch import app as dispatch_app
from services.dispatch import bedside, gateway
from services.dispatch.device_clock import Clocks
from services.kit import auth, kafka, postgres
from services.kit.auth import Gate, add_client, revoke_client
from services.kit.errors import Rejected
from services.kit.http import create_app, routes_of
from services.kit.role import CONFINED, Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from tests.given import GivenDirectory
from tests.platform import Platform

ROOT = Path(__file__).resolve().parents[2]
OWN, OTHER = "F-001", "F-002"

#: For this door nobody asks who is there.
ANYONE: frozenset[Role] = frozenset()
SIGNED_IN = frozenset(Role)
DISPATCHER = frozenset({Role.DISPATCHER})
CREW = frozenset({Role.CREW})
FIELD = frozenset({Role.DISPATCHER, Role.CREW})
BEDSIDE = FIELD | {Role.PRIMARY_CARE}
ENTERING = frozenset({Role.CREW, Role.PRIMARY_CARE})
CLINIC = frozenset({Role.PRIMARY_CARE})
CENTRE = frozenset({Role.CENTRE})
VIEWERS = frozenset({Role.DISPATCHER, Role.OPS})
AUDITOR = frozenset({Role.ADMIN})

ALWAYS = {
    "GET /livez": ANYONE,
    "GET /readyz": ANYONE,
    "GET /metrics": ANYONE,
    "GET /openapi.json": SIGNED_IN,
}
ENCOUNTER = "/v1/encounters/{encounter_id}"
FACILITY = "/v1/facilities/{facility_id}"
#: What a facility does about a patient that is bound for it.
FACILITY_ACTS = (
    "acknowledgement", "acceptance", "redirect-request", "redirect-request/withdrawn", "activation",
    "acceptance/withdrawn", "activation/withdrawn", "direct-to",
    "direct-to/revoked", "bed", "bed/released", "identity", "level", "arrival", "milestones",
    "transfer", "outcome", "departments/{department}/answer", "identity/merged", "identity/split",
    "formalities", "death", "addenda", "arrival/revoked", "milestones/{milestone}/revoked",
)  # fmt: skip
#: The access matrix: who is let in where. A route that is not here fails the tests.
TABLE: Mapping[str, Mapping[str, frozenset[Role]]] = {
    "dispatch": {
        **ALWAYS,
        "POST /v1/incidents": DISPATCHER,
        "GET /v1/incidents/{incident_id}": DISPATCHER,
        "PUT /v1/incidents/{incident_id}/location": DISPATCHER,
        "PUT /v1/incidents/{incident_id}/classification": DISPATCHER,
        "POST /v1/incidents/{incident_id}/call-correction": DISPATCHER,
        "POST /v1/incidents/{incident_id}/merge": DISPATCHER,
        "POST /v1/incidents/{incident_id}/unmerge": DISPATCHER,
        "POST /v1/incidents/{incident_id}/held": DISPATCHER,
        "POST /v1/incidents/{incident_id}/resumed": DISPATCHER,
        "POST /v1/incidents/{incident_id}/abandoned": DISPATCHER,
        "POST /v1/incidents/{incident_id}/dismissed": DISPATCHER,
        "POST /v1/incidents/{incident_id}/call-backs": DISPATCHER,
        "POST /v1/incidents/{incident_id}/closed": DISPATCHER,
        "POST /v1/incidents/{incident_id}/patients": FIELD,
        "POST /v1/incidents/{incident_id}/encounters": FIELD,
        "POST /v1/incidents/{incident_id}/units": DISPATCHER,
        "POST /v1/units/{unit_id}/stamps": FIELD,
        "GET /v1/legs/{leg_id}": FIELD,
        "POST /v1/legs/{leg_id}/stamps": FIELD,
        "POST /v1/legs/{leg_id}/stamps/{stamp_id}/correction": DISPATCHER,
        f"GET {ENCOUNTER}": BEDSIDE,
        f"PUT {ENCOUNTER}/patient": BEDSIDE,
        f"POST {ENCOUNTER}/reached": FIELD,
        f"POST {ENCOUNTER}/devices": BEDSIDE,
        f"POST {ENCOUNTER}/devices/{{device_id}}/detached": BEDSIDE,
        f"POST {ENCOUNTER}/destination": DISPATCHER,
        f"POST {ENCOUNTER}/boarding": FIELD,
        f"POST {ENCOUNTER}/boarding/revoked": FIELD,
        f"POST {ENCOUNTER}/handed-to-unit": FIELD,
        f"POST {ENCOUNTER}/outcome": BEDSIDE,
        f"POST {FACILITY}/encounters": CLINIC,
        f"POST {FACILITY}/encounters/{{encounter_id}}/transfer-request": CLINIC,
        "GET /v1/incidents/{incident_id}/recommended-units": DISPATCHER,
        "GET /v1/waiting-calls": DISPATCHER,
        "GET /v1/waiting-transfers": DISPATCHER,
        f"GET {ENCOUNTER}/recommended-destinations": FIELD,
        "GET /v1/stations": VIEWERS,
        "PUT /v1/stations/{station_id}": DISPATCHER,
        "GET /v1/facilities": VIEWERS,
        "GET /v1/facility-names": SIGNED_IN,
        "GET /v1/unit-names": FIELD,
        f"PUT {FACILITY}": DISPATCHER,
        "GET /v1/units": VIEWERS,
        "PUT /v1/units/{unit_id}": DISPATCHER,
        "PUT /v1/units/{unit_id}/readiness": FIELD,
        "GET /v1/units/{unit_id}/alarms": FIELD,
        "GET /v1/units/{unit_id}/mission": FIELD,
        "GET /v1/overview": DISPATCHER,
        "POST /v1/mobile-force/mobilised": DISPATCHER,
        "POST /v1/mobile-force/released": DISPATCHER,
        "GET /v1/alarms": DISPATCHER,
        "POST /v1/alarms/{alarm_id}/acknowledged": DISPATCHER,
        "GET /v1/indicators": VIEWERS,
        "GET /v1/indicators.csv": VIEWERS,
    },
    "gateway": {
        **ALWAYS,
        "POST /v1/telemetry": CREW,
        "POST /v1/devices/{device_id}/vitals": CREW,
        "POST /v1/units/{unit_id}/positions": CREW,
        f"POST {ENCOUNTER}/vitals": ENTERING,
        f"POST {ENCOUNTER}/findings": ENTERING,
        f"POST {ENCOUNTER}/examinations": ENTERING,
        f"POST {ENCOUNTER}/scales": ENTERING,
        f"POST {ENCOUNTER}/treatments": ENTERING,
        f"POST {ENCOUNTER}/background": ENTERING,
        f"POST {ENCOUNTER}/level": CREW,
        f"GET {ENCOUNTER}/devices": CREW,
        f"POST {ENCOUNTER}/retractions": ENTERING,
        f"POST {ENCOUNTER}/reattributions": ENTERING,
        f"POST {ENCOUNTER}/attachments": ENTERING,
        f"HEAD {ENCOUNTER}/attachments/{{sha256}}": ENTERING,
        f"PATCH {ENCOUNTER}/attachments/{{sha256}}": ENTERING,
        f"GET {ENCOUNTER}/attachments/{{sha256}}": DISPATCHER,
    },
    "bridge": {
        **ALWAYS,
        f"GET {FACILITY}": CENTRE,
        f"GET {FACILITY}/queue": CENTRE,
        f"GET {FACILITY}/handed-over": CENTRE,
        f"GET {FACILITY}/feed": CENTRE,
        f"GET {FACILITY}/vitals": CENTRE,
        f"GET {FACILITY}/encounters/{{encounter_id}}/vitals": CENTRE,
        f"GET {FACILITY}/encounters/{{encounter_id}}": CENTRE,
        f"GET {FACILITY}/encounters/{{encounter_id}}/timeline": CENTRE,
        f"GET {FACILITY}/encounters/{{encounter_id}}/attachments/{{sha256}}": CENTRE,
        f"GET {FACILITY}/reads": AUDITOR,
        f"POST {FACILITY}/receipts": CENTRE,
        f"POST {FACILITY}/encounters/{{encounter_id}}/handover": CENTRE | CREW,
        f"GET {FACILITY}/beds": CENTRE,
        f"GET {FACILITY}/indicators": CENTRE | {Role.OPS},
        f"PUT {FACILITY}/beds/{{department}}": CENTRE,
        f"POST {FACILITY}/divert": CENTRE,
        f"POST {FACILITY}/divert/ended": CENTRE,
        **{f"POST {FACILITY}/encounters/{{encounter_id}}/{act}": CENTRE for act in FACILITY_ACTS},
    },
}
ROUTERS: Mapping[str, APIRouter] = {
    "dispatch": dispatch.router,
    "gateway": gateway.router,
    "bridge": bridge.router,
}
KIT = files("services.kit") / "migrations"
MIGRATIONS = {
    "dispatch": [KIT, files("services.dispatch") / "migrations"],
    "gateway": [files("services.dispatch") / "files"],
    "bridge": [KIT, files("services.bridge") / "migrations"],
}
#: An answer to HEAD has no body, so it says nothing that could be compared: see below.
ROUTES = [
    (service, route)
    for service, lines in TABLE.items()
    for route in lines
    if not route.startswith("HEAD")
]
GUARDED = [(service, route) for service, route in ROUTES if TABLE[service][route] != ANYONE]
NOBODY = {
    "incident_id": "I-none",
    "unit_id": "U-none",
    "station_id": "S-none",
    "leg_id": "L-none",
    "alarm_id": "A-none",
    "stamp_id": "S-none",
    "encounter_id": "E-none",
    "device_id": "M-none",
    "department": "icu",
    "milestone": "wire",
    "facility_id": OWN,
    "sha256": "0" * 64,
}
#: What a route is told by headers alone.
TOLD = {
    f"POST {ENCOUNTER}/attachments": {
        "Upload-Length": "10",
        "Upload-Metadata": "sha256 "
        + base64.b64encode(b"0" * 64).decode()
        + ",filetype aW1hZ2UvcG5n",
    },
    f"PATCH {ENCOUNTER}/attachments/{{sha256}}": {
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    },
}
#: Who is let in here sees nothing of a patient that is not theirs, nor a file that is not there.
HIDING = {
    (Role.DISPATCHER, f"GET {ENCOUNTER}/attachments/{{sha256}}"),
    (Role.PRIMARY_CARE, f"GET {ENCOUNTER}"),
    (Role.CENTRE, f"GET {FACILITY}/encounters/{{encounter_id}}"),
    (Role.CENTRE, f"GET {FACILITY}/encounters/{{encounter_id}}/timeline"),
    (Role.CENTRE, f"GET {FACILITY}/encounters/{{encounter_id}}/vitals"),
    (Role.CENTRE, f"GET {FACILITY}/encounters/{{encounter_id}}/attachments/{{sha256}}"),
}


class EmptyFeeds:
    """Every board is shown one line and then ends."""

    async def subscribe(self, *_: object) -> AsyncIterator[Any]:
        yield 0, "snapshot", "{}"

    def place(self, _: object) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass(frozen=True)
class House:
    """The three services that answer to HTTP, within this process."""

    key: SigningKey
    settings: Settings
    clients: postgres.Pool
    apps: Mapping[str, FastAPI]
    bearers: Mapping[Role, str]

    async def ask(
        self,
        service: str,
        route: str,
        bearer: str | None,
        body: dict[str, Any] | None = None,
        told: Mapping[str, str] | None = None,
        **names: str,
    ) -> Answer:
        method, path = route.split(" ")
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        headers |= told or {}
        transport = httpx.ASGITransport(app=self.apps[service])
        async with httpx.AsyncClient(transport=transport, base_url="http://house") as http:
            said = body or {} if method in {"POST", "PUT"} else None
            url = path.format(**{**NOBODY, **names})
            return Answer(await http.request(method, url, json=said, headers=headers))

    async def do(
        self, service: str, route: str, role: Role, body: dict[str, Any] | None, **names: str
    ) -> dict[str, Any]:
        """What is answered to who may, with what they say being right."""
        token = self.key.token(self.settings, role, facility_of(role))
        answer = await self.ask(service, route, token, body, None, **names)
        assert answer.http.is_success, answer.http.text
        told: dict[str, Any] = answer.http.json()
        return told


@dataclass(frozen=True)
class Answer:
    http: httpx.Response

    @property
    def status(self) -> int:
        return self.http.status_code

    @property
    def problem(self) -> dict[str, Any]:
        """The problem that was answered, with all its fields and no other type."""
        assert self.http.headers["content-type"] == "application/problem+json"
        told: dict[str, Any] = self.http.json()
        assert told.keys() >= {"type", "title", "status", "detail"}
        assert told["status"] == self.status
        return told

    @property
    def is_granted(self) -> bool:
        """Whether the route itself has answered: what is then wrong with the request is its word.

        Not to be let in at another facility's looks as if there were nothing.
        """
        if self.status < 400:
            return True
        hidden = self.status == 404 and self.problem["title"] == "Not found"
        return self.status not in {401, 403, 500, 503} and not hidden


@pytest.fixture(scope="module")
async def house(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    key = SigningKey()
    jwks = tmp_path_factory.mktemp("keys") / "jwks.json"
    jwks.write_text(key.key_set())
    async with AsyncExitStack() as stack:
        pools, apps = {}, {}
        for service in ("dispatch", "bridge", "gateway"):
            settings = Settings(postgres_dsn=platform.dsn(service), jwks=str(jwks))
            pools[service] = await stack.enter_async_context(
                await postgres.connect(settings, service, size=2)
            )
            await postgres.migrate(pools[service], service, MIGRATIONS[service])
            gate = Gate(settings, pools[service])
            apps[service] = create_app(service, gate, [ROUTERS[service]], is_ready)
            furnish = bridge_app.furnish if service == "bridge" else dispatch_app.furnish
            furnish(apps[service], settings, pools[service])
        apps["bridge"].state.feeds = EmptyFeeds()
        apps["gateway"].state.directory = GivenDirectory(settings)
        apps["gateway"].state.producer = None
        apps["gateway"].state.clocks = Clocks()
        clients = await stack.enter_async_context(
            asyncpg.create_pool(platform.admin_dsn, min_size=1, max_size=1)
        )
        bearers = {
            role: await add_client(clients, f"client-{role}", role, facility_of(role))
            for role in Role
        }
        yield House(key, settings, clients, apps, bearers)
        await clients.execute("DELETE FROM access.clients")
        await pools["dispatch"].execute("DELETE FROM outbox")


async def is_ready() -> bool:
    return True


def facility_of(role: Role) -> str | None:
    return OWN if role in CONFINED else None


# -- the table -------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", TABLE)
async def test_every_route_stands_in_the_table_and_every_line_has_its_route(
    house: House, service: str
) -> None:
    routes = {f"{m} {r.path}" for r in routes_of(house.apps[service]) for m in r.methods or ()}
    assert routes ^ TABLE[service].keys() == set()


def test_a_route_without_a_rule_starts_no_service() -> None:
    router = APIRouter(prefix="/v1")

    @router.get("/forgotten")
    async def forgotten() -> None:
        return

    with pytest.raises(RuntimeError, match="/v1/forgotten has no access rule"):
        create_app("dispatch", None, [router], is_ready)


def test_the_table_is_what_the_documentation_says() -> None:
    lines = (ROOT / "docs/http.md").read_text("utf-8").splitlines()
    rows = [re.match(r"\| `([A-Z]+ /v1[^`]*)` \| ([^|]*) \|", line) for line in lines]
    told = {row[1]: {Role(word) for word in re.findall(r"\w+", row[2]) if word in set(Role)}
            for row in rows if row}  # fmt: skip
    table = {route: roles for lines in TABLE.values() for route, roles in lines.items()}
    assert told == {route: roles for route, roles in table.items() if "/v1/" in route}


@pytest.mark.parametrize("service", TABLE)
async def test_the_description_says_who_comes_in_and_how_the_others_are_refused(
    house: House, service: str
) -> None:
    token = house.key.token(house.settings, Role.OPS)
    described = (await house.ask(service, "GET /openapi.json", token)).http.json()
    committed = (ROOT / f"schemas/openapi/{service}.json").read_text("utf-8")
    assert described == json.loads(committed)
    for schema in described["components"]["schemas"].values():
        assert "taken" not in schema.get("properties", {})
    for route, roles in TABLE[service].items():
        method, path = route.split(" ")
        if path == "/openapi.json" or roles == ANYONE:
            continue
        operation = described["paths"][path][method.lower()]
        assert operation["security"] == [{"bearer": sorted(roles)}]
        refusals = {s: r["content"] for s, r in operation["responses"].items() if s >= "400"}
        assert {"401", "403", "404", "422", "503"} <= refusals.keys()
        assert ({"400", "409", "413", "415"} <= refusals.keys()) == (method not in {"GET", "HEAD"})
        assert {kind for content in refusals.values() for kind in content} == {
            "application/problem+json"
        }
        (granted,) = (r for s, r in operation["responses"].items() if s < "300")
        kind = "text/csv" if path.endswith(".csv") else "application/json"
        kind = "image/png" if "/attachments" in path else kind
        said_by_headers = service == "gateway" and "/attachments" in path
        silent = path.endswith("/feed") or "204" in operation["responses"] or said_by_headers
        assert silent or granted["content"][kind]["schema"]
    assert described["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


# -- who is let in ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("service", "route"), ROUTES)
async def test_a_token_opens_what_its_role_may_enter(
    house: House, service: str, route: str
) -> None:
    allowed = TABLE[service][route]
    for role in Role:
        token = house.key.token(house.settings, role, facility_of(role))
        answer = await house.ask(service, route, token)
        expect(answer, allowed == ANYONE or role in allowed, (role, route) in HIDING)


@pytest.mark.parametrize(("service", "route"), ROUTES)
async def test_a_client_key_opens_what_its_role_may_enter(
    house: House, service: str, route: str
) -> None:
    allowed = TABLE[service][route]
    for role, bearer in house.bearers.items():
        answer = await house.ask(service, route, bearer)
        expect(answer, allowed == ANYONE or role in allowed, (role, route) in HIDING)


def expect(answer: Answer, granted: bool, hides: bool = False) -> None:
    if hides:
        assert (answer.status, answer.problem) == (404, NOTHING_HERE)
    elif granted:
        assert answer.is_granted, answer.http.text
    else:
        assert answer.status == 403
        assert answer.problem["title"] == "Not allowed"


# -- own and other facility ------------------------------------------------------------------------


CONFINING = [
    (service, route)
    for service, route in ROUTES
    if FACILITY in route and TABLE[service][route] & CONFINED
]


@pytest.mark.parametrize(("service", "route"), CONFINING)
async def test_another_facility_does_not_exist(house: House, service: str, route: str) -> None:
    (role,) = TABLE[service][route] & CONFINED
    assert role in CONFINED
    token = house.key.token(house.settings, role, OTHER)
    nowhere = house.key.token(house.settings, role)
    for bearer, facility in (
        (token, OWN),
        (token, "F-999"),
        (nowhere, OWN),
        (house.bearers[role], OTHER),
    ):
        answer = await house.ask(service, route, bearer, facility_id=facility)
        assert answer.status == 404
        assert answer.problem == NOTHING_HERE


NOTHING_HERE = {
    "type": "about:blank",
    "title": "Not found",
    "status": 404,
    "detail": (
        "There is nothing here for you. Check the names of the facility and the patient: another "
        "hospital may have been chosen, or none yet."
    ),
}


async def test_another_facilitys_patient_looks_like_one_who_does_not_exist(house: House) -> None:
    """The same words, whether the facility is another's or the patient is nobody."""
    token = house.key.token(house.settings, Role.CENTRE, OWN)
    transport = httpx.ASGITransport(app=house.apps["bridge"])
    headers = {"Authorization": f"Bearer {token}"}
    body = {"occurred_at": "2026-03-09T06:12:00Z"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://house", headers=headers
    ) as http:
        for facility in (OWN, OTHER):
            path = f"/v1/facilities/{facility}/encounters/E-none/acknowledgement"
            answer = Answer(await http.post(path, json=body))
            assert answer.status == 404
            assert answer.problem == NOTHING_HERE


@pytest.mark.parametrize(
    ("service", "route"), [r for r in GUARDED if r[0] != "bridge" and r not in CONFINING]
)
async def test_a_facility_makes_no_difference_where_none_is_asked_for(
    house: House, service: str, route: str
) -> None:
    allowed = TABLE[service][route]
    for facility in (OWN, OTHER):
        answer = await house.ask(
            service, route, house.key.token(house.settings, Role.CENTRE, facility)
        )
        expect(answer, allowed == SIGNED_IN)


# -- a clinic's own patients -----------------------------------------------------------------------

AT = {"occurred_at": "2026-03-09T06:12:00Z"}
WHERE = {"latitude": 34.19, "longitude": 117.28}
#: A body for each route on an encounter that a clinic may use.
BEDSIDE_BODIES: Mapping[str, dict[str, Any] | None] = {
    f"GET {ENCOUNTER}": None,
    f"PUT {ENCOUNTER}/patient": {"patient": {}},
    f"POST {ENCOUNTER}/devices": {"device_id": "M-1"},
    f"POST {ENCOUNTER}/devices/{{device_id}}/detached": {},
    f"POST {ENCOUNTER}/outcome": {"outcome": "refused_transport"},
    f"POST {ENCOUNTER}/vitals": {"vitals": {"pain": 3}},
    f"POST {ENCOUNTER}/findings": {"finding": "shock", "present": True},
    f"POST {ENCOUNTER}/examinations": {"examination": "ecg_12_lead", "shows": ["not_readable"]},
    f"POST {ENCOUNTER}/scales": {"scale": "lams", "items": [{"item": "grip", "points": 2}]},
    f"POST {ENCOUNTER}/treatments": {"treatment": "oxygen"},
    f"POST {ENCOUNTER}/background": {"background": {"allergies": []}},
    f"POST {ENCOUNTER}/retractions": {
        "observation": "finding", "observation_id": "x", "reason": "artefact",
    },
    f"POST {ENCOUNTER}/reattributions": {
        "device_id": "M-1", "since": "2026-03-09T06:00:00Z", "until": "2026-03-09T06:10:00Z",
    },
    f"POST {FACILITY}/encounters/{{encounter_id}}/transfer-request": {
        "location": WHERE, "consent": "given",
    },
    f"POST {ENCOUNTER}/attachments": None,
    f"PATCH {ENCOUNTER}/attachments/{{sha256}}": None,
}  # fmt: skip
CLINICS_ROUTES = [
    (service, route)
    for service, route in ROUTES
    if Role.PRIMARY_CARE in TABLE[service][route] and "{encounter_id}" in route
]


@dataclass(frozen=True)
class Patients:
    """An encounter that a clinic opened, and one of a call."""

    clinic: str
    call: str


@pytest.fixture(scope="module")
async def patients(house: House) -> Patients:
    clinic = await house.do(
        "dispatch", f"POST {FACILITY}/encounters", Role.PRIMARY_CARE, {**AT, "patient": {}}
    )
    call = await house.do(
        "dispatch", "POST /v1/incidents", Role.DISPATCHER, {**AT, "location": WHERE}
    )
    found = Patients(clinic["encounter_id"], call["encounter_ids"][0])
    known = house.apps["gateway"].state.directory.monitors.encounters
    known.update({found.clinic: OWN, found.call: None})
    return found


def test_every_route_of_a_clinic_on_a_patient_is_tried() -> None:
    assert {route for _, route in CLINICS_ROUTES} == BEDSIDE_BODIES.keys()


@pytest.mark.parametrize(("service", "route"), CLINICS_ROUTES)
async def test_for_a_clinic_only_the_patients_exist_that_it_has_opened(
    house: House, patients: Patients, service: str, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same words for another clinic's patient, for one of a call, and for nobody; also
    with a token that names no facility, as a call's encounter names none."""
    monkeypatch.setattr(bedside, "WAIT_S", 0.0)
    settings, said = house.settings, BEDSIDE_BODIES[route]
    own, other, nowhere = (
        house.key.token(settings, Role.PRIMARY_CARE, facility) for facility in (OWN, OTHER, None)
    )
    body = None if said is None else {**AT, **said}
    for bearer, facility, encounter in (
        (own, OWN, patients.call),
        (own, OWN, "E-none"),
        (other, OTHER, patients.clinic),
        (other, OTHER, patients.call),
        (nowhere, OWN, patients.clinic),
        (nowhere, OWN, patients.call),
        (nowhere, OWN, "E-none"),
    ):
        answer = await house.ask(
            *(service, route, bearer, body, TOLD.get(route)),
            encounter_id=encounter,
            facility_id=facility,
        )
        assert (answer.status, answer.problem) == (404, NOTHING_HERE)


@pytest.mark.parametrize(
    ("service", "route"),
    [r for r in CLINICS_ROUTES if not re.search("/outcome|/attachments", r[1])],
)
async def test_a_clinic_acts_for_the_patient_it_has_opened(
    house: House, patients: Patients, service: str, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = list[Any]()

    async def publish(_: Any, messages: list[Any]) -> None:
        sent.extend(messages)

    monkeypatch.setattr(kafka, "publish", publish)
    if route.endswith("/detached"):
        path, on = f"POST {ENCOUNTER}/devices", {**AT, "device_id": NOBODY["device_id"]}
        await house.do("dispatch", path, Role.PRIMARY_CARE, on, encounter_id=patients.clinic)
    said = BEDSIDE_BODIES[route]
    body = None if said is None else {**AT, **said}
    await house.do(service, route, Role.PRIMARY_CARE, body, encounter_id=patients.clinic)
    assert {message.key for message in sent} <= {patients.clinic.encode()}
    assert len(sent) == (1 if service == "gateway" else 0)


async def test_how_much_of_a_file_is_there_is_told_to_who_may_send_it(
    house: House, patients: Patients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bedside, "WAIT_S", 0.0)
    route = f"HEAD {ENCOUNTER}/attachments/{{sha256}}"
    for role in Role:
        token = house.key.token(house.settings, role, facility_of(role))
        answer = await house.ask("gateway", route, token, encounter_id=patients.clinic)
        assert answer.status == (404 if role in ENTERING else 403), "nobody has announced it"
    assert (await house.ask("gateway", route, None)).status == 401
    path = f"POST {ENCOUNTER}/attachments"
    own, other = (
        house.key.token(house.settings, Role.PRIMARY_CARE, facility) for facility in (OWN, OTHER)
    )
    begun = await house.ask(*("gateway", path, own, None, TOLD[path]), encounter_id=patients.clinic)
    assert begun.status == 201
    for bearer, status in ((own, 200), (other, 404)):
        answer = await house.ask("gateway", route, bearer, encounter_id=patients.clinic)
        assert answer.status == status


async def test_samples_are_given_to_no_patient_that_is_not_the_clinics(
    house: House, patients: Patients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bedside, "WAIT_S", 0.0)
    route = f"POST {ENCOUNTER}/reattributions"
    token = house.key.token(house.settings, Role.PRIMARY_CARE, OWN)
    for to, status in ((patients.call, 404), ("E-none", 404), (patients.clinic, 422)):
        body = {**AT, **(BEDSIDE_BODIES[route] or {}), "to_encounter_id": to}
        answer = await house.ask("gateway", route, token, body, encounter_id=patients.clinic)
        assert answer.status == status
        assert (answer.problem == NOTHING_HERE) == (status == 404)


# -- bearers that are none -------------------------------------------------------------------------


def bad_tokens(house: House) -> Iterator[str | None]:
    """For each a role that would open every door, if the token were good."""
    good, role = house.settings, Role.CREW
    yield None
    yield "not-a-token"
    yield "gck_made-up"
    yield house.key.token(good, role, life_s=-1)
    yield SigningKey().token(good, role)
    yield house.key.token(good.model_copy(update={"jwt_audience": "elsewhere"}), role)
    yield house.key.token(good.model_copy(update={"jwt_issuer": "somebody"}), role)
    yield from forged(house)


def forged(house: House) -> Iterator[str]:
    """Signed by nobody, by the public key as a secret, by a key under another name."""
    claims = jwt.decode(
        house.key.token(house.settings, Role.CREW), options={"verify_signature": False}
    )
    yield jwt.encode(claims, "", "none", {"kid": "run"})
    yield hashed(claims, house.key.key_set().encode())
    yield jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": "other"})
    yield jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256")


def hashed(claims: Mapping[str, Any], secret: bytes) -> str:
    """A token with HS256; the library itself refuses to make one from a public key."""
    parts = ({"alg": "HS256", "kid": "run"}, claims)
    said = b".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts)
    digest = base64.urlsafe_b64encode(hmac.digest(secret, said, "sha256")).rstrip(b"=")
    return b".".join((said, digest)).decode()


@pytest.mark.parametrize(("service", "route"), GUARDED)
async def test_without_a_good_bearer_nobody_enters(house: House, service: str, route: str) -> None:
    for bearer in bad_tokens(house):
        answer = await house.ask(service, route, bearer)
        assert answer.status == 401, bearer
        assert answer.problem["title"] == "Not signed in"
        assert answer.http.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("service", "route"), GUARDED)
async def test_a_token_in_the_address_opens_nothing(house: House, service: str, route: str) -> None:
    """Addresses stand in logs; a browser that follows the feed sends the header by ``fetch``."""
    (role, *_) = TABLE[service][route]
    token = house.key.token(house.settings, role, facility_of(role))
    asked = "&".join(f"{name}={token}" for name in ("access_token", "token", "authorization"))
    answer = await house.ask(service, f"{route}?{asked}", None)
    assert answer.status == 401
    assert (await house.ask(service, route, token)).status != 401, "it is a good one"


async def test_a_token_needs_a_role_and_a_name_that_may_stand_in_records(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = jwt.decode(
        house.key.token(house.settings, Role.CREW), options={"verify_signature": False}
    )
    for change in ({"role": "surgeon"}, {"role": None}, {"sub": "张 三"}, {"sub": "x" * 65}):
        monkeypatch.setattr(jwt, "decode", lambda *_, c=change, **__: {**good, **c})
        token = house.key.token(house.settings, Role.CREW)
        answer = await house.ask("gateway", "POST /v1/telemetry", token)
        assert answer.status == 401, change


async def test_while_the_key_set_is_away_the_answer_is_to_try_again(house: House) -> None:
    away = house.settings.model_copy(update={"jwks": "nowhere/jwks.json"})
    app = create_app("dispatch", Gate(away, house.clients), [dispatch.router], is_ready)
    token = house.key.token(house.settings, Role.OPS)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://house", headers=headers
    ) as http:
        answer = Answer(await http.get("/v1/indicators"))
    assert answer.status == 503
    assert answer.problem["title"] == "Try again"
    assert answer.http.headers["retry-after"] == "1"


async def test_another_scheme_is_no_bearer(house: House) -> None:
    transport = httpx.ASGITransport(app=house.apps["dispatch"])
    token = house.key.token(house.settings, Role.DISPATCHER)
    async with httpx.AsyncClient(transport=transport, base_url="http://house") as http:
        for header in (f"Basic {token}", token, "Bearer", "Bearer "):
            answer = Answer(await http.get("/v1/indicators", headers={"Authorization": header}))
            assert answer.status == 401
            assert answer.problem["title"] == "Not signed in"


# -- client keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("service", "route"), GUARDED)
async def test_a_revoked_client_key_opens_nothing(house: House, service: str, route: str) -> None:
    name = f"revoked-{service}-{GUARDED.index((service, route))}"
    keys = [
        await add_client(house.clients, f"{name}-{role}", role, facility_of(role)) for role in Role
    ]
    for role in Role:
        assert await revoke_client(house.clients, f"{name}-{role}")
    for key in keys:
        assert (await house.ask(service, route, key)).status == 401


async def test_a_key_in_use_stops_working_once_it_is_looked_up_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await add_client(house.clients, "in-use", Role.OPS, None)
    assert (await house.ask("dispatch", "GET /v1/indicators", key)).status == 200
    assert await revoke_client(house.clients, "in-use")
    monkeypatch.setattr(auth, "KEY_CACHE_S", -1.0)
    assert (await house.ask("dispatch", "GET /v1/indicators", key)).status == 401


async def test_the_operator_makes_and_revokes_a_key_by_the_command(
    house: House, platform: Platform
) -> None:
    def client(*words: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", "client", *words],
            cwd=ROOT,
            env={**os.environ, "GREENCHANNEL_POSTGRES_DSN": platform.admin_dsn},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    add = ("add", "board-7", "--role", "centre", "--facility", OWN)
    status, key, _ = await asyncio.to_thread(client, *add)
    assert status == 0
    assert re.fullmatch(r"gck_[A-Za-z0-9_-]{43}", key)
    stored = await house.clients.fetchrow("SELECT * FROM access.clients WHERE name = 'board-7'")
    assert stored is not None
    assert key not in str(dict(stored))
    queue = f"GET {FACILITY}/queue"
    assert (await house.ask("bridge", queue, key)).status == 200
    assert (await house.ask("bridge", queue, key, facility_id=OTHER)).status == 404

    status, _, said = await asyncio.to_thread(client, *add)
    assert status == 1
    assert "board-7 exists" in said
    assert (await asyncio.to_thread(client, "revoke", "board-7"))[:2] == (0, "revoked")
    assert not await revoke_client(house.clients, "board-7")


@pytest.mark.parametrize(
    ("name", "role", "facility"),
    [
        ("board-8", Role.CENTRE, None),
        ("clinic-8", Role.PRIMARY_CARE, None),
        ("tablet-8", Role.CREW, OWN),
        ("王医生", Role.CREW, None),
        ("", Role.CREW, None),
        ("x" * 65, Role.CREW, None),
    ],
)
async def test_a_client_is_refused_that_could_stand_in_no_record(
    house: House, name: str, role: Role, facility: str | None
) -> None:
    with pytest.raises(Rejected):
        await add_client(house.clients, name, role, facility)
