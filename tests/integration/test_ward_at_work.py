"""Two processes of the bridge, as they run: of two who want the last bed at once, one at each, one
gets it; and of four departments that are called, the lead of the one that is silent is called."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from schemas.encounter import DestinationSelected
from schemas.envelope import encode
from schemas.handoff import CentreActivated, DepartmentAnswered, Escalated
from services.bridge import loader
from services.kit.role import Role
from services.kit.tokens import SigningKey
from tests.platform import Platform
from tests.services import Caller, Service, Watcher, now, running, until
from tests.unit.test_promise import decided

pytestmark = pytest.mark.timeout(120)

HERE = "H-work"
NUMBERS = itertools.count(1)
#: How often two ask for the last bed.
ROUNDS = 25
TEAM = ["trauma_surgery", "imaging", "transfusion", "anaesthesia"]


@dataclass(frozen=True)
class Ward:
    """A hospital that speaks with two workers, and who sends patients to it."""

    doors: tuple[Caller, Caller]
    writers: dict[str, AIOKafkaProducer]
    watcher: Watcher

    async def ask(self, by: int, method: str, path: str, **body: Any) -> httpx.Response:
        said = None if method == "GET" else {"occurred_at": now(), **body}
        return await self.doors[by].send(method, f"/v1/facilities/{HERE}/{path}", said)

    async def do(self, method: str, path: str, **body: Any) -> Any:
        answer = await self.ask(0, method, path, **body)
        assert answer.is_success, answer.text
        return answer.json()

    async def patients(self, many: int) -> list[str]:
        """So many who are critical and bound for it."""
        names = [f"E-work-{next(NUMBERS)}" for _ in range(many)]
        for name in names:
            chosen = DestinationSelected(
                event_id=f"to-{name}", occurred_at=datetime.now(UTC), encounter_id=name,
                facility_id=HERE, selected_by="d-1",
            )  # fmt: skip
            level = decided("critical", 1, 0).but(encounter_id=name, event_id=f"t-{name}")
            for service, event in (("triage", level), ("dispatch", chosen)):
                told = encode(event, f"greenchannel/{service}")
                await self.writers[service].send(
                    told.topic, told.value, told.key, headers=told.headers
                )
        for writer in self.writers.values():
            await writer.flush()

        async def are_there() -> bool:
            items = (await self.do("GET", "queue"))["items"]
            known = {i["encounter_id"] for i in items if i["record"]["worst"] == "critical"}
            return set(names) <= known

        await until(are_there, 30)
        return names


@pytest.fixture(scope="module")
async def ward(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ward]:
    folder, key = tmp_path_factory.mktemp("work"), SigningKey()
    extra = {"GREENCHANNEL_BRIDGE_FACILITIES": str(_quicker(folder))}
    workers = [Service("bridge", platform, folder, key, n, extra) for n in range(2)]
    async with running(*workers), Watcher(platform, "bridge-handoffs") as watcher:
        writers = {
            user: AIOKafkaProducer(**platform.kafka(user), acks="all")
            for user in ("dispatch", "triage")
        }
        for writer in writers.values():
            await writer.start()
        try:
            doors = [Caller(worker, Role.CENTRE, HERE) for worker in workers]
            yield Ward((doors[0], doors[1]), writers, watcher)
        finally:
            for writer in writers.values():
                await writer.stop()


def _quicker(folder: Path) -> Path:
    """What is shipped, but that a department answers within four seconds, and nobody is late with
    anything else."""
    all_ = loader.facilities().model_dump(mode="json", exclude_none=True)["all"]
    for name, term in all_["terms"].items():
        soon = name == "department_answered"
        term["within_s"] = 4 if soon else 3600
        term.pop("before_arrival_s", None)
    file = folder / "quicker.yaml"
    file.write_text(json.dumps({"all": all_, "facilities": {}}), "utf-8")
    return file


async def test_of_two_who_want_the_last_bed_at_once_at_two_workers_one_gets_it(ward: Ward) -> None:
    won = Counter[int]()
    wanting = await ward.patients(2 * ROUNDS)
    for number in range(ROUNDS):
        two = wanting[2 * number : 2 * number + 2]
        offer = number % 2
        for department, free in (("icu", 1), ("ccu", offer)):
            await ward.do("PUT", f"beds/{department}", free=free, emergency=0)

        async def reserve(by: int, later_s: float, patient: str) -> httpx.Response:
            await asyncio.sleep(later_s)
            return await ward.ask(by, "POST", f"encounters/{patient}/bed", department="icu")

        lag = (number - ROUNDS // 2) / 4000  # now the one is sooner, now the other
        answers = await asyncio.gather(
            reserve(0, max(0, lag), two[0]), reserve(1, max(0, -lag), two[1])
        )
        codes = [each.status_code for each in answers]
        assert sorted(codes) == [200, 409]
        refused = answers[codes.index(409)].json()
        assert refused["title"] == "No bed left"
        assert ("One is free in: ccu." in refused["detail"]) is bool(offer)
        won[codes.index(200)] += 1
        wards = {each["department"]: each for each in (await ward.do("GET", "beds"))["wards"]}
        icu = wards["icu"]
        winner = two[codes.index(200)]
        assert icu["free"] == 0
        assert winner in {held["encounter_id"] for held in icu["reservations"]}
        loser = two[codes.index(409)]
        assert (await ward.do("GET", f"encounters/{loser}"))["handoff"]["beds"] == []
        if offer:
            await ward.do("POST", f"encounters/{loser}/bed", department="ccu")
    assert len(won) == 2, "each of them was the first at least once"


async def test_of_four_departments_that_are_called_the_silent_ones_lead_is_called_alone(
    ward: Ward,
) -> None:
    patient, other = await ward.patients(2)
    for name in (patient, other):
        await ward.do(
            "POST", f"encounters/{name}/activation", centre="trauma", activation="activate"
        )
    for number, department in enumerate(TEAM):
        path = f"departments/{department}/answer"
        for name in (patient, other) if department != "transfusion" else (other,):
            answer = await ward.ask(
                number % 2, "POST", f"encounters/{name}/{path}", answer="coming"
            )
            assert answer.is_success, answer.text

    def called() -> list[Escalated]:
        return ward.watcher.of(Escalated, patient)

    (late,) = await until(called, 30)
    assert (late.owed, late.to, late.department, late.step) == (
        "department_answered", "department_lead", "transfusion", 1,
    )  # fmt: skip
    await asyncio.sleep(2)  # as long as half of what they had: nobody else is called
    assert (len(called()), ward.watcher.of(Escalated, other)) == (1, [])
    (activated,) = ward.watcher.of(CentreActivated, patient)
    assert list(activated.departments) == TEAM
    item = await ward.do("GET", f"encounters/{patient}")
    owed = {p["department"]: p for p in item["handoff"]["promises"] if p["department"]}
    assert {name: (p["met_at"] is not None, p["rungs"]) for name, p in owed.items()} == {
        name: (name != "transfusion", int(name == "transfusion")) for name in TEAM
    }
    answered = {e.department for e in ward.watcher.of(DepartmentAnswered, patient)}
    assert answered == set(TEAM) - {"transfusion"}
