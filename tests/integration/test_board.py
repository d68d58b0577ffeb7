"""The dispatch board and a crew's phone, by the interface and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import Request

from schemas.triage import TriageDecided, TriageLevel
from services.dispatch import store
from services.dispatch.callers import Door
from services.dispatch.encounter import hear
from services.kit.auth import Gate, Principal
from services.kit.http import access_of, routes_of
from services.kit.postgres import Row, transaction
from services.kit.role import Role
from tests.desk import HERE, NUMBERS, Desk
from tests.integration.test_routes import CREW, NOTHING_HERE, TABLE
from tests.platform import Platform
from tests.premises import Premises, opened
from tests.unit.test_dispatch import decision

ELSEWHERE = {"latitude": 34.3, "longitude": 117.4}
COMPLAINTS = [{"complaint": "chest_pain"}]


class Phones(Gate):
    """Crews have signed on with the unit that their name says."""

    async def principal(self, request: Request) -> Principal:
        caller = await super().principal(request)
        _, _, unit = caller.name.partition("crew-of-")
        return replace(caller, unit=unit or None)


@dataclass
class Room:
    """A dispatcher at the desk, and phones of crews."""

    at: Premises
    desk: Desk
    http: httpx.AsyncClient

    def bearer(self, unit: str | None) -> dict[str, str]:
        """Of a crew that has signed on with this unit, or with none."""
        name = f"crew-of-{unit}" if unit else "crew"
        token = self.at.key.token(self.at.settings, Role.CREW, sub=name)
        return {"Authorization": f"Bearer {token}"}

    async def overview(self, tag: str | None = None) -> httpx.Response:
        headers = {"If-None-Match": tag} if tag else {}
        answer = await self.http.get("/v1/overview", headers=headers)
        assert answer.status_code in (200, 304), answer.text
        return answer

    async def on_board(self, call: str) -> Any:
        """The call as the board shows it, if it does."""
        shown = (await self.overview()).json()["incidents"]
        return next((each for each in shown if each["incident_id"] == call), None)

    async def mission(self, unit: str, tag: str | None = None) -> httpx.Response:
        headers = {"If-None-Match": tag} if tag else {}
        return await self.http.get(f"/v1/units/{unit}/mission", headers=headers)

    async def seen(self, unit: str) -> set[str]:
        """The patients on the phone of this unit."""
        answer = await self.mission(unit)
        assert answer.status_code == 200, answer.text
        return {each["encounter_id"] for each in answer.json()["patients"]}


@pytest.fixture(scope="module")
async def room(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Room]:
    async with opened(platform, "dispatch", tmp_path_factory.mktemp("keys"), size=8) as at:
        app = at.app()
        app.state.gate = Phones(at.settings, at.pool)
        async with at.client(app, Role.DISPATCHER) as http:
            yield Room(at, Desk(http, at.pool, at.settings, at.key), http)
        await at.pool.execute("DELETE FROM deadlines")


def now() -> datetime:
    return datetime.now(UTC)


def named(kind: str) -> str:
    return f"board-{kind}-{next(NUMBERS)}"


@dataclass(frozen=True)
class Run:
    """A call, its patient, and the unit that was sent."""

    call: str
    patient: str
    unit: str
    leg: str


async def sent(room: Room, at: datetime | None = None, **more: Any) -> Run:
    at, unit = at or now(), named("U")
    call = await room.desk.call(at, patients=COMPLAINTS, **more)
    (patient,) = (await room.desk.get(f"incidents/{call}"))["encounter_ids"]
    return Run(call, patient, unit, await room.desk.send(call, unit, at))


async def decided(room: Room, patient: str, level: TriageLevel) -> None:
    """Triage has spoken of the patient."""
    event: TriageDecided = decision(next(NUMBERS), level).but(encounter_id=patient)
    async with transaction(room.at.pool) as connection:
        row = (await store.ENCOUNTERS.load(connection, [patient]))[patient]
        after, _ = hear(row.state, event, now())
        await store.ENCOUNTERS.save(connection, {patient: Row(after, row.version)})


# -- the board -------------------------------------------------------------------------------------


async def test_a_call_is_on_the_board_as_it_is_read_alone_with_all_that_belongs_to_it(
    room: Room,
) -> None:
    at = now() - timedelta(seconds=40)
    run = await sent(room, at, call={"accepted_at": at.isoformat()})
    await room.desk.post(f"encounters/{run.patient}/reached", now(), unit_id=run.unit)
    await decided(room, run.patient, TriageLevel.SEVERE)
    shown = await room.on_board(run.call)
    alone = await room.desk.get(f"incidents/{run.call}")
    legs, patients, clocks = (shown.pop(name) for name in ("legs", "patients", "clocks"))
    assert shown == {k: v for k, v in alone.items() if not k.startswith("earlier_")}
    assert legs == [await room.desk.get(f"legs/{run.leg}")]
    whole = await room.desk.get(f"encounters/{run.patient}")
    assert patients == [{name: whole[name] for name in patients[0]}]
    assert (patients[0]["unit_id"], patients[0]["level"]) == (run.unit, "severe")
    limits = room.desk.clocks
    first, leaves = clocks
    told = legs[0]["stamps"][0]["occurred_at"]
    assert (first["leg_id"], first["ended_at"]) == (None, told)
    assert _seconds(first, "due_at") == limits["first_unit_notified_within_1min"].limit_s
    assert (leaves["leg_id"], leaves["ended_at"]) == (run.leg, None)
    assert _seconds(leaves, "due_at") == limits["dispatch_within_3min"].limit_s
    assert _seconds(leaves, "warn_at") == limits["dispatch_within_3min"].warn_s
    await room.desk.stamp(run.unit, "departed", now())
    (_, leaves) = (await room.on_board(run.call))["clocks"]
    assert leaves["ended_at"] is not None


def _seconds(clock: Mapping[str, str], until: str) -> float:
    ends, began = (datetime.fromisoformat(clock[name]) for name in (until, "began_at"))
    return (ends - began).total_seconds()


async def test_a_unit_stands_on_the_board_with_what_it_is_on(room: Room) -> None:
    run = await sent(room)
    unit = await _unit(room, run.unit)
    assert (unit["status"], unit["leg_id"], unit["incident_id"]) == ("notified", run.leg, run.call)
    assert unit["located"] is unit["kind"] is unit["readiness"] is None
    await room.desk.stamp(run.unit, "available", now())
    unit = await _unit(room, run.unit)
    assert (unit["status"], unit["leg_id"], unit["incident_id"]) == ("available", None, None)


async def _unit(room: Room, name: str) -> Any:
    units = (await room.overview()).json()["units"]
    return next(each for each in units if each["unit_id"] == name)


async def test_what_is_as_it_was_is_not_sent_again_and_is_as_of_now(room: Room) -> None:
    await sent(room)
    first = await room.overview()
    again = await room.overview()
    assert again.headers["ETag"] == first.headers["ETag"]
    one, other = first.json(), again.json()
    assert one.pop("as_of") < other.pop("as_of")
    assert one == other
    for said in (first.headers["ETag"], f'"x", W/{first.headers["ETag"]}'):
        known = await room.overview(said)
        assert (known.status_code, known.content) == (304, b"")
        assert known.headers["ETag"] == first.headers["ETag"]
    assert (await room.overview('"x"')).status_code == 200


Change = Callable[[Room, Run], Awaitable[Any]]
CHANGES: Mapping[str, Change] = {
    "located": lambda room, run: room.desk.put(
        f"incidents/{run.call}/location", location=ELSEWHERE, occurred_at=now().isoformat()
    ),
    "stamped": lambda room, run: room.desk.stamp(run.unit, "acknowledged", now()),
    "corrected": lambda room, run: _corrected(room, run),
    "updated": lambda room, run: room.desk.put(
        f"encounters/{run.patient}/patient", patient={"sex": "male"}, occurred_at=now().isoformat()
    ),
    "decided": lambda room, run: decided(room, run.patient, TriageLevel.CRITICAL),
    "one more": lambda room, run: room.desk.post(f"incidents/{run.call}/encounters", now()),
    "ready": lambda room, run: room.desk.put(
        f"units/{run.unit}/readiness", oxygen="low", occurred_at=now().isoformat()
    ),
    "called": lambda room, run: room.desk.call(now()),
    "alarmed": lambda room, run: _alarmed(room),
    "seen": lambda room, run: _seen(room),
}


async def _corrected(room: Room, run: Run) -> None:
    stamp = (await room.desk.get(f"legs/{run.leg}"))["stamps"][0]["stamp_id"]
    body = {"corrected_to": now().isoformat(), "reason": "late"}
    await room.desk.post(f"legs/{run.leg}/stamps/{stamp}/correction", now(), **body)


async def _alarmed(room: Room) -> str:
    call = await room.desk.call(now() - timedelta(minutes=2))
    before = (await room.overview()).headers["ETag"]
    await room.desk.timekeeper.look()
    alarms = (await room.overview()).json()["alarms"]
    assert [each["clock"] for each in alarms if each["incident_id"] == call]
    assert (await room.overview(before)).status_code == 200
    return call


async def _seen(room: Room) -> None:
    alarm = await room.desk.alarm_id(await _alarmed(room))
    before = (await room.overview()).headers["ETag"]
    await room.desk.post(f"alarms/{alarm}/acknowledged", now())
    assert (await room.overview(before)).status_code == 200


async def test_a_call_that_has_ended_is_shown_for_ten_minutes_by_our_own_clock(room: Room) -> None:
    call = await room.desk.call(now())
    await room.desk.post(f"incidents/{call}/dismissed", now(), reason="x")
    await room.desk.post(f"incidents/{call}/closed", now() - timedelta(hours=1))
    assert (await room.on_board(call))["standing"] == "closed"
    before = (await room.overview()).headers["ETag"]
    past = "UPDATE incidents SET ended_at = ended_at - interval '601 s' WHERE id = $1"
    await room.at.pool.execute(past, call)
    assert (await room.overview(before)).status_code == 200
    assert await room.on_board(call) is None


@pytest.mark.parametrize("change", CHANGES)
async def test_whatever_changes_is_sent(room: Room, change: str) -> None:
    run = await sent(room)
    before = await room.overview()
    await CHANGES[change](room, run)
    after = await room.overview(before.headers["ETag"])
    assert after.status_code == 200
    assert after.headers["ETag"] != before.headers["ETag"]


async def test_the_alarms_of_the_board_are_those_that_are_read_alone(room: Room) -> None:
    call = await _alarmed(room)
    shown = (await room.overview()).json()["alarms"]
    assert call in {each["incident_id"] for each in shown}
    assert shown == await room.desk.get("alarms")


async def test_a_unit_that_is_not_heard_of_alarms_though_its_call_has_ended(room: Room) -> None:
    """And no more once it is free: of what has ended nothing else is asked."""
    run = await sent(room, now() - timedelta(minutes=4))
    await room.desk.timekeeper.look()
    await room.desk.post(f"encounters/{run.patient}/outcome", now(), outcome="no_patient")
    await room.desk.post(f"incidents/{run.call}/closed", now())
    alarms = (await room.overview()).json()["alarms"]
    assert run.leg in {each["leg_id"] for each in alarms}
    await room.desk.stamp(run.unit, "stood_down", now())
    alarms = (await room.overview()).json()["alarms"]
    assert run.leg not in {each["leg_id"] for each in alarms}


async def test_the_board_is_of_one_moment_whatever_happens_meanwhile(room: Room) -> None:
    """A unit that is on a dispatch is among those sent to its call, however often it is sent."""
    units = [named("U") for _ in range(4)]
    is_over = asyncio.Event()

    async def drive(unit: str) -> None:
        while not is_over.is_set():
            call = await room.desk.call(now())
            await room.desk.send(call, unit, now())
            await room.desk.stamp(unit, "available", now())

    seen: list[str] = []

    async def look() -> None:
        for _ in range(60):
            board = (await room.overview()).json()
            legs = {leg["leg_id"] for call in board["incidents"] for leg in call["legs"]}
            told = [u["leg_id"] for u in board["units"] if u["unit_id"] in units and u["leg_id"]]
            assert set(told) <= legs
            seen.extend(told)
        is_over.set()

    await asyncio.gather(look(), *map(drive, units))
    assert seen, "of units that stand still nothing is proven"


# -- the phone of a crew ---------------------------------------------------------------------------


async def test_a_crew_is_shown_the_dispatch_that_it_is_on(room: Room) -> None:
    run = await sent(room)
    answer = await room.mission(run.unit)
    told = answer.json()
    call = await room.desk.get(f"incidents/{run.call}")
    assert told["unit"]["status"] == "notified"
    assert told["leg"] == await room.desk.get(f"legs/{run.leg}")
    assert told["incident"] == {name: call[name] for name in told["incident"]}
    assert told["incident"]["location"]["latitude"] == HERE["latitude"]
    assert told["patients"] == [await room.desk.get(f"encounters/{run.patient}")]
    assert told["other_units"] == []
    known = await room.mission(run.unit, answer.headers["ETag"])
    assert (known.status_code, known.content) == (304, b"")
    other = named("U")
    await room.desk.send(run.call, other, now())
    after = await room.mission(run.unit, answer.headers["ETag"])
    assert after.json()["other_units"] == [{"unit_id": other, "status": "notified"}]


async def test_a_crew_is_not_shown_whom_another_unit_has(room: Room) -> None:
    run, other = await sent(room), named("U")
    await room.desk.send(run.call, other, now())
    second = (await room.desk.post(f"incidents/{run.call}/encounters", now()))["encounter_id"]
    assert await room.seen(run.unit) == await room.seen(other) == {run.patient, second}
    await room.desk.post(f"encounters/{run.patient}/reached", now(), unit_id=run.unit)
    assert await room.seen(run.unit) == {run.patient, second}
    assert await room.seen(other) == {second}


async def test_whom_a_unit_has_it_has_whatever_call_they_are_of(room: Room) -> None:
    first, second = await sent(room), await sent(room)
    handed = {"unit_id": first.unit, "to_unit_id": second.unit, "reason": "breakdown"}
    await room.desk.post(f"encounters/{first.patient}/handed-to-unit", now(), **handed)
    assert await room.seen(second.unit) == {first.patient, second.patient}
    assert await room.seen(first.unit) == set()
    assert (await room.desk.get(f"encounters/{first.patient}"))["units"] == [
        first.unit, second.unit,
    ]  # fmt: skip


@pytest.mark.parametrize(("ago_min", "is_shown"), [(29, True), (31, False)])
async def test_a_dispatch_that_has_ended_is_shown_for_half_an_hour(
    room: Room, ago_min: int, is_shown: bool
) -> None:
    run = await sent(room, now() - timedelta(minutes=50))
    await room.desk.post(f"encounters/{run.patient}/reached", now(), unit_id=run.unit)
    ended = now() - timedelta(minutes=ago_min)
    await room.desk.stamp(run.unit, "available", ended)
    told = (await room.mission(run.unit)).json()
    assert (told["leg"] is not None, told["incident"] is not None) == (is_shown, is_shown)
    assert await room.seen(run.unit) == {run.patient}, "who has no outcome yet is still theirs"
    await room.desk.post(f"encounters/{run.patient}/outcome", ended, outcome="no_patient")
    assert await room.seen(run.unit) == ({run.patient} if is_shown else set())


async def test_a_crew_is_shown_the_call_as_which_its_own_goes_on(room: Room) -> None:
    run, into = await sent(room), await sent(room)
    await room.desk.post(f"incidents/{run.call}/merge", now(), into=into.call)
    told = (await room.mission(run.unit)).json()
    assert told["incident"]["incident_id"] == into.call
    assert await room.seen(run.unit) == {into.patient}
    assert [each["unit_id"] for each in told["other_units"]] == [into.unit]
    theirs = room.bearer(run.unit)
    answer = await room.http.get(f"/v1/encounters/{into.patient}", headers=theirs)
    assert answer.status_code == 200


async def test_a_unit_goes_on_for_the_call_as_which_its_own_does(room: Room) -> None:
    """Nobody is sent a second time, and the hospital hears of it."""
    entered = {"name": {"zh": "医院", "en": "hospital"}, "location": ELSEWHERE}
    await room.desk.put(f"facilities/{(facility := named('F'))}", **entered)
    early = now() - timedelta(seconds=30)
    run = await sent(room, early)
    call = await room.desk.call(now(), patients=COMPLAINTS)
    elsewhere = {"location": ELSEWHERE, "source": "caller", "reason": "问清了"}
    told = {**elsewhere, "occurred_at": now().isoformat()}
    await room.desk.put(f"incidents/{call}/location", **told)
    assert call in await _waiting(room)
    await room.desk.post(f"incidents/{run.call}/merge", now(), into=call)

    shown = await room.on_board(call)
    assert [(leg["leg_id"], leg["sent_to"]) for leg in shown["legs"]] == [(run.leg, run.call)]
    clocks = {each["clock"]: each for each in shown["clocks"]}
    told = clocks["first_unit_notified_within_1min"]
    assert told["ended_at"] < told["began_at"], "it was told before the call came in"
    assert call not in await _waiting(room)
    assert (await room.on_board(run.call))["legs"] == []
    units = (await room.overview()).json()["units"]
    assert [each["incident_id"] for each in units if each["unit_id"] == run.unit] == [call]
    directed = (await room.desk.events(run.unit))[-1]
    assert (directed["type"], directed["point"]) == ("UnitDirected", ELSEWHERE)

    (patient,) = shown["patients"]
    path = f"encounters/{patient['encounter_id']}"
    await room.desk.post(f"{path}/reached", now(), unit_id=run.unit)
    await room.desk.post(f"{path}/destination", now(), facility_id=facility)
    assert (await room.desk.get(f"legs/{run.leg}"))["destination_id"] == facility

    await room.desk.stamp(run.unit, "stood_down", now())
    assert call in await _waiting(room)


async def test_what_was_merged_by_mistake_has_its_unit_again(room: Room) -> None:
    first, second, third = await sent(room), await sent(room), await sent(room)
    await room.desk.post(f"incidents/{first.call}/merge", now(), into=second.call)
    await room.desk.post(f"incidents/{second.call}/merge", now(), into=third.call)

    async def theirs() -> dict[str, set[str]]:
        return {
            run.call: {leg["unit_id"] for leg in (await room.on_board(run.call))["legs"]}
            for run in (first, second, third)
        }

    units = {first.unit, second.unit, third.unit}
    assert await theirs() == {first.call: set(), second.call: set(), third.call: units}
    told = {"out_of": third.call, "reason": "另一名患者"}
    await room.desk.post(f"incidents/{second.call}/unmerge", now(), **told)
    assert await theirs() == {
        first.call: set(), second.call: {first.unit, second.unit}, third.call: {third.unit},
    }  # fmt: skip
    leg = await room.desk.get(f"legs/{second.leg}")
    assert (leg["incident_id"], leg["sent_to"]) == (second.call, None)


async def _waiting(room: Room) -> set[str]:
    return {each["incident_id"] for each in await room.desk.get("waiting-calls")}


async def test_a_unit_that_nobody_knows_has_no_phone(room: Room) -> None:
    assert (await room.mission("U-nobody")).status_code == 404


async def test_anybody_reads_how_hospitals_are_called_and_nothing_else_of_them(room: Room) -> None:
    facility, name = named("F"), {"zh": "医院", "en": "hospital"}
    await room.desk.put(f"facilities/{facility}", name=name, location=HERE)
    found = await room.desk.get("facility-names")
    assert [each for each in found if each["facility_id"] == facility] == [
        {"facility_id": facility, "name": name}
    ]


async def test_a_crew_that_signs_on_reads_which_units_there_are(room: Room) -> None:
    station, unit = named("S"), named("U")
    entered = {"name": {"zh": "站", "en": "station"}, "kind": "township", "county": "C"}
    await room.desk.put(f"stations/{station}", **entered, location=HERE)
    told = {"station_id": station, "kind": "monitoring", "occurred_at": now().isoformat()}
    await room.desk.put(f"units/{unit}", **told)
    unknown = await sent(room)
    answer = await room.http.get("/v1/unit-names", headers=room.bearer(None))
    found = {each["unit_id"]: each for each in answer.json()}
    assert found[unit] == {"unit_id": unit, "kind": "monitoring", "station_id": station}
    assert unknown.unit not in found, "the register does not know it"


# -- a crew that has signed on with a unit ---------------------------------------------------------

#: Every route that lets a crew in, with what its body says; ``UNIT`` is the crew's own.
UNIT = "UNIT"
ENCOUNTER = "/v1/encounters/{encounter_id}"
BODIES: Mapping[str, dict[str, Any] | None] = {
    "POST /v1/incidents/{incident_id}/patients": {"patients": [{}]},
    "POST /v1/incidents/{incident_id}/encounters": {},
    "POST /v1/units/{unit_id}/stamps": {"status": "acknowledged"},
    "GET /v1/legs/{leg_id}": None,
    "POST /v1/legs/{leg_id}/stamps": {"status": "acknowledged"},
    f"GET {ENCOUNTER}": None,
    f"PUT {ENCOUNTER}/patient": {"patient": {}},
    f"POST {ENCOUNTER}/reached": {"unit_id": UNIT},
    f"POST {ENCOUNTER}/devices": {"device_id": "M-board"},
    f"POST {ENCOUNTER}/devices/{{device_id}}/detached": {},
    f"POST {ENCOUNTER}/boarding": {"unit_id": UNIT},
    f"POST {ENCOUNTER}/boarding/revoked": {"unit_id": UNIT, "reason": "a slip"},
    f"POST {ENCOUNTER}/handed-to-unit": {
        "unit_id": UNIT, "to_unit_id": "U-any", "reason": "relay",
    },
    f"POST {ENCOUNTER}/outcome": {"outcome": "no_patient"},
    f"GET {ENCOUNTER}/recommended-destinations": None,
    "PUT /v1/units/{unit_id}/readiness": {"fuel": "low"},
    "GET /v1/units/{unit_id}/alarms": None,
    "GET /v1/units/{unit_id}/mission": None,
    "GET /v1/facility-names": None,
    "GET /v1/unit-names": None,
}  # fmt: skip
LETS_CREWS_IN = {
    route for route, roles in TABLE["dispatch"].items() if CREW <= roles and "/v1/" in route
}
#: Of these there is nothing that is another unit's.
OF_ALL = {"GET /v1/facility-names", "GET /v1/unit-names"}


def test_every_route_that_lets_a_crew_in_is_tried(room: Room) -> None:
    assert BODIES.keys() == LETS_CREWS_IN
    app = room.http._transport.app  # type: ignore[attr-defined]
    for route in routes_of(app):
        access = access_of(route)
        if "/v1/" in route.path and access and Role.CREW in access.roles:
            assert isinstance(access, Door), route.path


async def ask(room: Room, route: str, run: Run, crew: str | None, unit: str) -> httpx.Response:
    method, path = route.split(" ")
    names = {
        "incident_id": run.call, "encounter_id": run.patient, "unit_id": run.unit,
        "leg_id": run.leg, "device_id": "M-worn",
    }  # fmt: skip
    said = BODIES[route]
    body = None if said is None else {k: unit if v == UNIT else v for k, v in said.items()}
    told = None if body is None else {"occurred_at": now().isoformat(), **body}
    url = path.format(**names)
    return await room.http.request(method, url, json=told, headers=room.bearer(crew))


async def worn(room: Room) -> Run:
    run = await sent(room)
    await room.desk.post(f"encounters/{run.patient}/devices", now(), device_id="M-worn")
    return run


async def aboard(room: Room, route: str, run: Run, unit: str) -> None:
    """Whose boarding is taken back by this route was said to be aboard."""
    if route.endswith("/boarding/revoked"):
        await room.desk.post(f"encounters/{run.patient}/boarding", now(), unit_id=unit)


@pytest.mark.parametrize("route", BODIES)
async def test_for_a_crew_of_a_unit_nothing_exists_that_is_another_units(
    room: Room, route: str
) -> None:
    run, other = await worn(room), await worn(room)
    refused = await ask(room, route, run, other.unit, run.unit)
    if route in OF_ALL:
        assert refused.status_code == 200
        return
    assert (refused.status_code, refused.json()) == (404, NOTHING_HERE)
    nobody = Run("I-none", "E-none", "U-none", "L-none")
    refused = await ask(room, route, nobody, other.unit, other.unit)
    assert (refused.status_code, refused.json()) == (404, NOTHING_HERE), "in the same words"


@pytest.mark.parametrize("route", BODIES)
@pytest.mark.parametrize("is_bound", [True, False])
async def test_a_crew_acts_for_what_is_its_units_and_without_a_unit_for_all(
    room: Room, route: str, is_bound: bool
) -> None:
    run = await worn(room)
    await aboard(room, route, run, run.unit)
    answer = await ask(room, route, run, run.unit if is_bound else None, run.unit)
    assert answer.is_success, answer.text


@pytest.mark.parametrize(
    "route", [route for route, said in BODIES.items() if "unit_id" in (said or {})]
)
async def test_a_crew_speaks_for_no_other_unit(room: Room, route: str) -> None:
    run, other = await worn(room), await worn(room)
    await aboard(room, route, run, other.unit)
    answer = await ask(room, route, run, run.unit, other.unit)
    assert (answer.status_code, answer.json()) == (404, NOTHING_HERE)
    answer = await ask(room, route, run, None, other.unit)
    assert answer.is_success, "who is bound to no unit may, as ever"


async def test_what_a_unit_had_or_was_sent_to_it_goes_on_seeing(room: Room) -> None:
    run, other = await sent(room), await sent(room)
    handed = {"unit_id": run.unit, "to_unit_id": other.unit, "reason": "relay"}
    assert (await ask(room, f"GET {ENCOUNTER}", run, other.unit, "")).status_code == 404
    await room.desk.post(f"encounters/{run.patient}/handed-to-unit", now(), **handed)
    assert (await ask(room, f"GET {ENCOUNTER}", run, other.unit, "")).status_code == 200
    await room.desk.stamp(run.unit, "available", now())
    await room.desk.send((await sent(room)).call, run.unit, now())
    assert (await ask(room, f"GET {ENCOUNTER}", run, run.unit, "")).status_code == 200
    back = {"unit_id": other.unit, "to_unit_id": named("U"), "reason": "relay"}
    await room.desk.post(f"encounters/{run.patient}/handed-to-unit", now(), **back)
    assert (await ask(room, f"GET {ENCOUNTER}", run, other.unit, "")).status_code == 200


async def test_of_another_unit_at_its_call_a_crew_reads_and_does_not_speak_for_it(
    room: Room,
) -> None:
    run, other = await sent(room), named("U")
    await room.desk.send(run.call, other, now())
    assert (await ask(room, "GET /v1/legs/{leg_id}", run, other, other)).status_code == 200
    answer = await ask(room, "POST /v1/legs/{leg_id}/stamps", run, other, other)
    assert (answer.status_code, answer.json()) == (404, NOTHING_HERE)
