"""Beds on a real database: of two who want the last, one gets it; a patient who is withdrawn gives
theirs back; dispatch is told with age and owner."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from schemas.encounter import DestinationSelected, EncounterEnded, Outcome
from schemas.event import Event
from services.bridge.bed_store import BEDS
from services.bridge.handoff import hear
from services.bridge.promise import keep
from services.bridge.store import CASES
from services.kit import postgres
from services.kit.postgres import Row, transaction
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from tests.platform import Platform
from tests.premises import opened
from tests.services import until
from tests.unit.test_promise import decided

NUMBERS = itertools.count(1)


def now(ago_s: float = 0) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=ago_s)


@dataclass(frozen=True)
class House:
    """The bridge's interface, and nothing that relays."""

    app: Any
    pool: postgres.Pool
    key: SigningKey
    settings: Settings

    def hospital(self, name: str = "") -> Hospital:
        """One that has said nothing yet."""
        return Hospital(self, name or f"H-beds-{next(NUMBERS)}")


@dataclass(frozen=True)
class Hospital:
    """A hospital and those who speak for it."""

    house: House
    name: str

    async def ask(
        self, method: str, path: str, facility: str = "", by: Role = Role.CENTRE, **body: Any
    ) -> httpx.Response:
        own = self.name if by is Role.CENTRE else None
        token = self.house.key.token(self.house.settings, by, own)
        headers = {"Authorization": f"Bearer {token}"}
        said = None if method == "GET" else {"occurred_at": now().isoformat(), **body}
        transport = httpx.ASGITransport(app=self.house.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://b", headers=headers
        ) as http:
            url = f"/v1/facilities/{facility or self.name}/{path}"
            return await http.request(method, url, json=said)

    async def do(self, method: str, path: str, **body: Any) -> Any:
        answer = await self.ask(method, path, **body)
        assert answer.is_success, answer.text
        return answer.json()

    async def take_over(self, patient: str) -> None:
        """The crew signs, and then the facility."""
        why = {"not_aboard_reason": "家属驾车送来"}
        await self.do("POST", f"encounters/{patient}/handover", by=Role.CREW, **why)
        await self.do("POST", f"encounters/{patient}/transfer", **why)

    async def count(self, department: str, free: int, emergency: int, **more: Any) -> Any:
        said = {"free": free, "emergency": emergency, **more}
        return await self.do("PUT", f"beds/{department}", **said)

    async def left(self, department: str) -> tuple[int | None, int | None]:
        wards = (await self.do("GET", "beds"))["wards"]
        return next((w["free"], w["emergency"]) for w in wards if w["department"] == department)

    async def hears(self, name: str, *events: Event) -> None:
        """As the bridge's loop does."""
        state = self.house.app.state
        async with transaction(self.house.pool) as connection:
            row = (await CASES.load(connection, [name]))[name]
            case, told = row.state, list[Event]()
            for event in events:
                case, more = hear(case, name, event, now())
                told += more
            assert case is not None
            case = keep(case, state.facilities.of(case.facility_id), now())
            await state.cases.save(connection, {name: Row(case, row.version)}, told)

    def chosen(self, name: str) -> DestinationSelected:
        return DestinationSelected(
            event_id=f"to-{self.name}", occurred_at=now(), encounter_id=name,
            facility_id=self.name, selected_by="d-1",
        )  # fmt: skip

    async def patient(self, level: str = "critical") -> str:
        """Somebody who is bound for it."""
        name = f"E-beds-{next(NUMBERS)}"
        await self.hears(name, decided(level, 1, 0).but(encounter_id=name), self.chosen(name))
        return name

    async def reserve(self, patient: str, department: str = "icu") -> httpx.Response:
        return await self.ask("POST", f"encounters/{patient}/bed", department=department)

    async def reads(self) -> list[list[str]]:
        """Of whom somebody was told for whom beds wait."""
        rows = await self.house.pool.fetch(
            "SELECT encounter_ids FROM reads WHERE facility_id = $1 AND way = 'beds'", self.name
        )
        return [row["encounter_ids"] for row in rows]

    async def told(self, kind: str = "CapacityReported") -> list[dict[str, Any]]:
        """What will be told of its beds, in order."""
        rows = await self.house.pool.fetch(
            "SELECT topic, value FROM outbox WHERE key = $1 AND headers ->> 'ce_type' LIKE $2"
            " ORDER BY seq",
            self.name.encode(),
            f"%.{kind}.v1",
        )
        assert {row["topic"] for row in rows} <= {"bridge-capacity"}
        return [json.loads(row["value"]) for row in rows]


@pytest.fixture(scope="module")
async def house(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("keys")
    async with opened(platform, "bridge", folder, size=8) as at:
        yield House(at.app(), at.pool, at.key, at.settings)
        await at.pool.execute("DELETE FROM wakings")


async def test_of_two_who_want_the_last_bed_at_once_one_gets_it_and_the_other_an_offer(
    house: House,
) -> None:
    for _ in range(5):
        here = house.hospital()
        await here.count("icu", 0, 1)
        await here.count("ccu", 2, 1)
        wanting = [await here.patient() for _ in range(4)]
        answers = await asyncio.gather(*(here.reserve(patient) for patient in wanting))
        assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
        problems = [each.json() for each in answers if each.status_code == 409]
        assert {each["title"] for each in problems} == {"No bed left"}
        assert all(each["detail"].endswith("One is free in: ccu.") for each in problems)
        assert await here.left("icu") == (0, 0)
        (held,) = (await here.do("GET", "beds"))["wards"][1]["reservations"]
        won = wanting[[each.status_code for each in answers].index(200)]
        assert held["encounter_id"] == won
        queue = (await here.do("GET", "queue"))["items"]
        assert {i["encounter_id"]: len(i["handoff"]["beds"]) for i in queue} == {
            patient: int(patient == won) for patient in wanting
        }
        (alert,) = await here.told("BedManagerAlerted")
        assert (alert["because"], alert["encounter_id"]) == ("used", won)


async def test_the_last_emergency_bed_is_refused_to_a_milder_patient_who_stays(
    house: House,
) -> None:
    here = house.hospital()
    await here.count("icu", 0, 1)
    patient = await here.patient("urgent")
    answer = await here.reserve(patient)
    assert (answer.status_code, answer.json()["title"]) == (409, "No bed left")
    assert "kept for the critical and severe" in answer.json()["detail"]
    queue = (await here.do("GET", "queue"))["items"]
    assert [item["encounter_id"] for item in queue] == [patient]
    assert await here.left("icu") == (0, 1)


async def test_a_bed_is_given_back_once_by_an_act_and_by_itself_when_nobody_comes(
    house: House,
) -> None:
    here, there = house.hospital(), house.hospital()
    await here.count("icu", 3, 1)
    released, redirected, ended = [await here.patient() for _ in range(3)]
    for patient in (released, redirected, ended):
        assert (await here.reserve(patient)).status_code == 200
    assert await here.left("icu") == (0, 1)
    await here.do("POST", f"encounters/{released}/bed/released", department="icu")
    again = await here.ask("POST", f"encounters/{released}/bed/released", department="icu")
    assert (again.status_code, again.json()["title"]) == (409, "Not reserved")
    assert await here.left("icu") == (1, 1)
    await here.hears(redirected, there.chosen(redirected))
    assert await here.left("icu") == (2, 1)
    end = EncounterEnded(
        event_id="end", occurred_at=now(), encounter_id=ended, outcome=Outcome.REFUSED_TRANSPORT
    )
    await here.hears(ended, end)
    await here.hears(ended, end)
    assert await here.left("icu") == (3, 1)
    assert [each["beds"][0]["free"] for each in await here.told()] == [3, 2, 1, 0, 1, 2, 3]


async def test_a_repeated_reservation_takes_no_second_bed(house: House) -> None:
    here = house.hospital()
    await here.count("icu", 2, 1)
    patient, at = await here.patient(), now().isoformat()
    for _ in range(2):
        await here.do("POST", f"encounters/{patient}/bed", department="icu", occurred_at=at)
    await here.do("POST", f"encounters/{patient}/bed", department="icu", bed="ICU-7")
    assert await here.left("icu") == (1, 1)


async def test_after_the_handover_the_bed_is_the_patients(house: House) -> None:
    here = house.hospital()
    await here.count("icu", 2, 1)
    patient = await here.patient()
    await here.reserve(patient)
    await here.take_over(patient)
    assert await here.left("icu") == (1, 1)
    (icu,) = (await here.do("GET", "beds"))["wards"]
    assert icu["reservations"] == []


async def test_dispatch_is_told_with_age_and_owner_and_who_waits_for_a_doctor(
    house: House,
) -> None:
    here, counted_at = house.hospital(), now(600)
    await here.count("icu", 2, 1, staffed=8, occurred_at=counted_at.isoformat())
    severe, urgent = await here.patient("severe"), await here.patient("urgent")
    for patient in (severe, urgent):
        await here.do("POST", f"encounters/{patient}/arrival")
    (*_, told) = await here.told()
    assert told["waiting"] == [
        {"level": "severe", "patients": 1},
        {"level": "urgent", "patients": 1},
    ]
    (icu,) = told["beds"]
    assert datetime.fromisoformat(icu.pop("reported_at")) == counted_at
    assert icu == {
        "department": "icu", "free": 2, "emergency": 1, "staffed": 8,
        "reported_by": f"centre-{here.name}",
    }  # fmt: skip
    assert told["staff_id"] == f"centre-{here.name}"
    assert datetime.fromisoformat(told["occurred_at"]) > counted_at + timedelta(seconds=590)
    await here.do("POST", f"encounters/{severe}/milestones", milestone="first_doctor")
    assert (await here.told())[-1]["waiting"] == [{"level": "urgent", "patients": 1}]
    assert (await here.do("GET", "beds"))["waiting"] == [{"level": "urgent", "patients": 1}]
    await here.take_over(urgent)
    assert (await here.told())[-1]["waiting"] == []
    before = len(await here.told())
    await here.do("POST", f"encounters/{severe}/milestones", milestone="needle")
    assert len(await here.told()) == before, "nothing is new"


async def test_of_a_hospital_that_never_said_anything_nothing_is_known_and_nothing_told(
    house: House,
) -> None:
    here = house.hospital()
    patient = await here.patient("non_urgent")
    item = (await here.reserve(patient)).json()
    assert [bed["department"] for bed in item["handoff"]["beds"]] == ["icu"]
    await here.do("POST", f"encounters/{patient}/arrival")
    assert await here.told() == []
    beds = await here.do("GET", "beds")
    assert (beds["wards"], beds["divert"]) == ([], None)
    async with transaction(house.pool) as connection:
        assert (await BEDS.load(connection, [here.name]))[here.name].state is None


async def test_what_was_counted_too_long_ago_is_unknown_and_refuses_nobody(house: House) -> None:
    here = house.hospital()
    await here.count("icu", 0, 0, occurred_at=now(1801).isoformat())
    (icu,) = (await here.do("GET", "beds"))["wards"]
    assert (icu["is_known"], icu["free"], icu["emergency"]) == (False, None, None)
    assert (await here.reserve(await here.patient("non_urgent"))).status_code == 200
    assert [each["beds"] for each in await here.told()] == [[]]


async def test_advice_has_an_owner_ends_by_itself_and_may_be_taken_back(house: House) -> None:
    here = house.hospital()
    end = now(-3600)
    shown = await here.do("POST", "divert", until=end.isoformat(), reason="满")
    assert shown["divert"]["by"] == f"centre-{here.name}"
    (told,) = await here.told()
    assert (told["divert"], told["divert_reason"]) == (True, "满")
    assert datetime.fromisoformat(told["divert_until"]) == end
    assert (await here.reserve(await here.patient())).status_code == 200, "it refuses nobody"
    await here.do("POST", "divert/ended")
    assert (await here.told())[-1]["divert"] is False
    assert (await here.ask("POST", "divert/ended")).status_code == 409
    for wrong in (now(1), now(-14_500)):
        answer = await here.ask("POST", "divert", until=wrong.isoformat(), reason="满")
        assert (answer.status_code, answer.json()["title"]) == (422, "No such end")
    await here.do("POST", "divert", until=now(-0.3).isoformat(), reason="满")

    async def is_over() -> bool:
        return (await here.do("GET", "beds"))["divert"] is None

    await until(is_over)
    await here.count("icu", 1, 1)
    told = (await here.told())[-1]
    assert (told["divert"], "divert_until" in told) == (False, False)


async def test_a_redirect_for_want_of_a_bed_alerts_the_bed_manager_and_moves_nobody(
    house: House,
) -> None:
    here = house.hospital()
    patient, other = await here.patient(), await here.patient()
    await here.do("POST", f"encounters/{patient}/redirect-request", reason="no_bed")
    await here.do("POST", f"encounters/{other}/redirect-request", reason="equipment_failure")
    (alert,) = await here.told("BedManagerAlerted")
    assert (alert["because"], alert["encounter_id"]) == ("redirect", patient)
    assert len((await here.do("GET", "queue"))["items"]) == 2


async def test_another_facilitys_beds_do_not_exist(house: House) -> None:
    here, there = house.hospital(), house.hospital()
    await there.count("icu", 2, 1)
    body = {"until": now(-600).isoformat(), "reason": "满"}
    for method, path, said in (
        ("GET", "beds", {}),
        ("PUT", "beds/icu", {"free": 0, "emergency": 0}),
        ("POST", "divert", body),
        ("POST", "divert/ended", {}),
    ):
        answer = await here.ask(method, path, there.name, **said)
        assert (answer.status_code, answer.json()["title"]) == (404, "Not found")
    patient = await there.patient()
    assert (await here.reserve(patient)).status_code == 404
    assert await there.left("icu") == (2, 1)


@pytest.mark.parametrize(
    ("department", "said", "problem"),
    [
        ("icu", {"free": -1, "emergency": 1}, "Not valid"),
        ("icu", {"free": 1}, "Not valid"),
        ("attic", {"free": 1, "emergency": 1}, "Not valid"),
        ("icu", {"free": 3, "emergency": 1, "staffed": 3}, "More than staffed"),
    ],
)
async def test_a_report_that_cannot_be_is_refused_with_what_to_mend(
    house: House, department: str, said: dict[str, Any], problem: str
) -> None:
    answer = await house.hospital().ask("PUT", f"beds/{department}", **said)
    assert (answer.status_code, answer.json()["title"]) == (422, problem)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_who_sees_for_whom_a_bed_waits_has_read_of_them(house: House) -> None:
    here = house.hospital()
    await here.count("icu", 2, 1)
    await here.do("GET", "beds")
    assert await here.reads() == [], "of nobody yet"
    patient = await here.patient()
    assert (await here.reserve(patient)).status_code == 200
    await here.do("GET", "beds")
    await here.count("icu", 1, 1)
    assert await here.reads() == [[patient], [patient]]
