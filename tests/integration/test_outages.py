"""The database and the broker go away and come back, and services are asked to end, while patients
are carried: nothing is lost, nothing is doubled, and who asks meanwhile is told to try again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.clinical import TreatmentGiven
from schemas.incident import IncidentOpened
from services.kit.role import Role
from services.kit.tokens import SigningKey
from tests.crashes import City, city
from tests.platform import Platform
from tests.promises import (
    PROMISES,
    its_systems_were_told_each_thing_in_order_and_under_one_id,
    what_a_system_was_told_again_was_the_same_and_came_before_anything_else,
    what_was_sent_again_was_the_same,
)
from tests.services import Caller, Service, now, running, until

pytestmark = pytest.mark.timeout(300)
PLACE = {"latitude": 34.25, "longitude": 117.30}


@pytest.fixture(scope="module")
async def town(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[City]:
    log = logging.getLogger("aiokafka")
    level = log.level
    log.setLevel(logging.CRITICAL)  # of an absent broker, our own clients here would say a lot
    async with city(platform, tmp_path_factory.mktemp("outages")) as made:
        await made.ready()
        yield made
    log.setLevel(level)


@asynccontextmanager
async def traffic(town: City) -> AsyncIterator[None]:
    """Patients are carried while this lasts; afterwards all of them are home, and all promises
    were kept."""
    before, ended = len(town.patients), asyncio.Event()
    carrying = asyncio.create_task(town.carry_until(ended.is_set, 120))
    try:
        await until(lambda: len(town.patients) > before + 1)
        yield
    finally:
        ended.set()
        await carrying
    await town.quiet()
    for patient in town.patients[before:]:
        for promise in PROMISES:
            promise(town.ledger, patient)
        its_systems_were_told_each_thing_in_order_and_under_one_id(
            town.ledger, town.systems, patient
        )
    for receiver in (town.systems.his, town.systems.web):
        what_a_system_was_told_again_was_the_same_and_came_before_anything_else(receiver)
    what_was_sent_again_was_the_same(town.ledger)
    assert town.faults == []


async def told_to_try_again(
    town: City, caller: str, path: str, body: dict[str, Any]
) -> tuple[str, float]:
    """Ask under one key until the answer is 503; the key, and how long that answer took."""
    key = str(uuid.uuid4())
    for _ in range(100):
        began = time.monotonic()
        try:
            answer = await town.callers[caller].http.post(
                f"/v1/{path}", json=body, headers={"Idempotency-Key": key}, timeout=20
            )
        except httpx.TransportError:
            await asyncio.sleep(0.1)
            continue
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["status"] == 503
        return key, time.monotonic() - began
    raise AssertionError("no answer")


async def granted(town: City, caller: str, path: str, body: dict[str, Any], key: str) -> None:
    """The same again, twice: both times the answer is yes."""
    for _ in range(2):
        await town.ask(caller, path, body, key)


async def test_the_database_goes_away_for_twenty_seconds(town: City) -> None:
    call = {"external_number": f"call-{town.tag}", "occurred_at": now(), "location": PLACE}
    async with traffic(town):
        away = asyncio.create_task(town.platform.restart_postgres(away=20))
        await asyncio.sleep(0.5)
        key, seconds = await told_to_try_again(town, "dispatch", "incidents", call)
        assert seconds < 10
        assert not away.done()
        await away
        await granted(town, "dispatch", "incidents", call, key)
    opened = [
        e for e in town.ledger.each(IncidentOpened) if e.external_number == f"call-{town.tag}"
    ]
    assert [e.event_id for e in opened] == [key]


async def test_the_database_does_not_answer_for_twelve_seconds(town: City) -> None:
    async with traffic(town):
        await town.platform.pause_postgres(12)


async def test_the_broker_goes_away(town: City) -> None:
    async with traffic(town):
        await until(lambda: town.patients[-2].boarded_at)
        patient = town.patients[-2]
        path = f"encounters/{patient.encounter}/treatments"
        given = {"treatment": "aspirin", "occurred_at": now()}
        away = asyncio.create_task(town.platform.restart_kafka(away=14))
        await asyncio.sleep(0.5)
        town.kept["triage"].service.kill()  # it is started again while there is no broker
        key, seconds = await told_to_try_again(town, "gateway", path, given)
        assert seconds < 15
        assert not away.done()
        await away
        await granted(town, "gateway", path, given, key)
        patient.sent.append(key)
        patient.asked[key] = TreatmentGiven


async def test_no_call_waits_for_a_broker_that_is_away_for_thirty_seconds(town: City) -> None:
    """Each is answered at the first try, and each is told once when the broker is back."""
    http, keys = town.callers["dispatch"].http, list[str]()
    await town.ready()

    async def call() -> float:
        body = {"external_number": f"x-{town.tag}", "occurred_at": now(), "location": PLACE}
        keys.append(str(uuid.uuid4()))
        began = time.monotonic()
        answer = await http.post(
            "/v1/incidents", json=body, headers={"Idempotency-Key": keys[-1]}, timeout=20
        )
        assert answer.status_code == 201, answer.text
        return time.monotonic() - began

    away = asyncio.create_task(town.platform.restart_kafka(away=30))
    took = []
    while not away.done():
        took.append(await call())
        await asyncio.sleep(0.2)
    await away
    assert len(took) > 60
    assert max(took) < 5, "a call has waited for the broker"

    def told() -> list[str]:
        opened = town.ledger.each(IncidentOpened)
        return sorted(e.event_id for e in opened if e.external_number == f"x-{town.tag}")

    await until(lambda: len(told()) >= len(keys), 60, "not every call is on the topic")
    await asyncio.sleep(3)
    assert told() == sorted(keys)


async def test_services_that_are_asked_to_end_do_so_at_once_and_lose_nothing(town: City) -> None:
    async with traffic(town):
        await town.ready()
        for kept in town.kept.values():
            await kept.leave()
            kept.service.kill(signal.SIGTERM)
        began = time.monotonic()
        ended = [await kept.service.died(10) for kept in town.kept.values()]
        assert ended == [0] * 5
        assert time.monotonic() - began < 10
        for kept in town.kept.values():
            kept.begin()


async def test_who_asks_while_a_service_gives_up_is_told_to_try_again(
    platform: Platform, tmp_path: Path
) -> None:
    extra = {"GREENCHANNEL_PATIENCE": "3"}
    dispatch = Service("dispatch", platform, tmp_path, SigningKey(), extra=extra)
    answers = set[int]()

    async def ask(caller: Caller) -> None:
        while dispatch.child.pid is not None:
            with contextlib.suppress(httpx.TransportError):
                call = {"occurred_at": now(), "location": PLACE, "patients": [{}]}
                answer = await caller.http.post("/v1/incidents", json=call, timeout=30)
                answers.add(answer.status_code)

    async with running(dispatch):
        caller = Caller(dispatch, Role.DISPATCHER)
        asking = [asyncio.create_task(ask(caller)) for _ in range(10)]
        await until(lambda: answers)
        await platform.pause_postgres(15)
        await asyncio.gather(*asking)
    assert dispatch.child.status == 1
    assert answers == {201, 503}
