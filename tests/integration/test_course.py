"""How vital signs went, as each facility was told, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from schemas.encounter import DestinationSelected
from schemas.event import Event
from services.bridge import course_api, store
from services.bridge.course import SHOWN
from services.bridge.handoff import hear
from services.kit.postgres import Row, transaction
from tests.platform import Platform
from tests.unit.test_promise import decided
from tests.ward import ANOTHER, FACILITY, Ward, at_ward


@pytest.fixture(scope="module")
async def ward(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ward]:
    async with at_ward(platform, tmp_path_factory.mktemp("keys")) as opened:
        yield opened


@cache
def minute() -> datetime:
    """The minute in which a test began: a part of time begins with it."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


@pytest.fixture(autouse=True)
def of_its_own() -> None:
    """A file's tests may run long after it was read."""
    minute.cache_clear()


def ago(seconds: float) -> datetime:
    return minute() - timedelta(seconds=seconds)


def taken(name: str, value: Any, at: datetime, method: str = "streamed") -> dict[str, Any]:
    return {"name": name, "value": value, "occurred_at": at, "method": method}


async def tell(
    ward: Ward, patient: str, inputs: Sequence[dict[str, Any]], *, changed: bool = False, **of: Any
) -> None:
    """Triage has decided, and the facility is told."""
    async with transaction(ward.pool) as connection:
        row = (await store.CASES.load(connection, [patient]))[patient]
        assert row.state is not None
        assert row.state.decision is not None
        number = row.state.decision.number + 1
        said = decided("severe", number, 0).model_dump() | {"event_id": f"t-{number}"}
        said |= {"inputs": inputs, "changed": changed, **of}
        event = decided("severe", 1, 0).model_validate(said)
        case, events = hear(row.state, patient, event, datetime.now(UTC))
        await ward.state.cases.save(connection, {patient: Row(case, row.version)}, events)


async def choose(ward: Ward, patient: str, facility: str) -> None:
    async with transaction(ward.pool) as connection:
        row = (await store.CASES.load(connection, [patient]))[patient]
        now = datetime.now(UTC)
        chosen: Event = DestinationSelected(
            event_id=f"to-{facility}-{row.version}", occurred_at=now, encounter_id=patient,
            facility_id=facility, selected_by="d-1",
        )  # fmt: skip
        case, events = hear(row.state, patient, chosen, now)
        await ward.state.cases.save(connection, {patient: Row(case, row.version)}, events)


async def series(ward: Ward, patient: str, **asked: str) -> dict[str, list[Any]]:
    path = f"/v1/facilities/{FACILITY}/encounters/{patient}/vitals"
    answer = await ward.http.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return {each["name"]: each["values"] for each in answer.json()["series"]}


def ages(values: Sequence[Any]) -> list[float]:
    """How long ago each was measured, in seconds."""
    return [(minute() - datetime.fromisoformat(each["at"])).total_seconds() for each in values]


async def test_each_value_stands_once_at_its_time_oldest_first(ward: Ward) -> None:
    patient = await ward.bind(1)
    cuff = taken("systolic_bp", 92, ago(100), "reading")
    await tell(ward, patient, [taken("heart_rate", 118, ago(60)), cuff])
    await tell(ward, patient, [taken("heart_rate", 121, ago(30)), cuff])
    late = taken("heart_rate", 110, ago(90))
    await tell(ward, patient, [late, cuff, taken("news2", 9, ago(10))])
    path = f"/v1/facilities/{FACILITY}/encounters/{patient}/vitals"
    told = (await ward.http.get(path)).json()
    assert told.keys() == {"encounter_id", "facility_id", "series", "treatments"}
    assert [(each["name"], each["unit"]) for each in told["series"]] == [
        ("heart_rate", "/min"), ("systolic_bp", "mm[Hg]"),
    ], "a score is no vital sign"  # fmt: skip
    found = await series(ward, patient)
    assert ages(found["heart_rate"]) == [90, 60, 30]
    assert [each["value"] for each in found["heart_rate"]] == [110, 118, 121]
    assert found["systolic_bp"] == [
        {"at": found["systolic_bp"][0]["at"], "value": 92, "method": "reading"}
    ]
    assert ages(found["systolic_bp"]) == [100]


async def test_what_is_no_number_is_none(ward: Ward) -> None:
    patient = await ward.bind(1)
    words = [taken("spo2", "unmeasurable", ago(50)), taken("consciousness", "P", ago(50)),
             taken("diastolic_bp", 0, ago(50))]  # fmt: skip
    wrong = [taken("heart_rate", {"invalid": "999"}, ago(40))]
    await tell(ward, patient, words, invalid=wrong)
    found = await series(ward, patient)
    assert found["spo2"][0]["value"] == "unmeasurable"
    assert (found["consciousness"][0]["value"], found["diastolic_bp"][0]["value"]) == ("P", 0)
    assert (found["heart_rate"][0]["value"], found["heart_rate"][0]["invalid"]) == (
        {"invalid": "999"}, True,
    )  # fmt: skip


async def test_a_refresh_adds_one_value_of_a_stream_in_a_while_and_a_change_each(
    ward: Ward,
) -> None:
    patient = await ward.bind(1)
    for second in range(120, 60, -6):  # 120, 114, 108 … 66 s ago
        await tell(ward, patient, [taken("heart_rate", second, ago(second))])
    await tell(ward, patient, [taken("heart_rate", 40, ago(61))], changed=True)
    await tell(ward, patient, [taken("heart_rate", 60, ago(59), "reading")])
    found = await series(ward, patient)
    assert ages(found["heart_rate"]) == [120, 102, 90, 72, 61, 59]


async def test_since_is_of_when_it_was_measured(ward: Ward) -> None:
    patient = await ward.bind(1)
    for second in (90, 60, 30):
        await tell(ward, patient, [taken("spo2", 90, ago(second))])
    newer = await series(ward, patient, since=ago(60).isoformat())
    assert ages(newer["spo2"]) == [30]
    assert await series(ward, patient, since=ago(30).isoformat()) == {}


async def test_what_another_facility_was_told_is_not_in_it(ward: Ward) -> None:
    patient = await ward.bind(1, facility=ANOTHER)
    await tell(ward, patient, [taken("heart_rate", 100, ago(500))])
    path = f"/v1/facilities/{FACILITY}/encounters/{patient}/vitals"
    assert (await ward.http.get(path)).status_code == 404
    await choose(ward, patient, FACILITY)
    await tell(ward, patient, [taken("heart_rate", 120, ago(100))])
    assert ages((await series(ward, patient))["heart_rate"]) == [500, 100], (
        "what stood in the first record it was told; of the time before, one value"
    )
    await tell(ward, patient, [taken("heart_rate", 130, ago(20))])
    await choose(ward, patient, ANOTHER)
    assert (await ward.http.get(path)).status_code == 404
    assert patient not in {each["encounter_id"] for each in (await queue(ward))["patients"]}
    for path in ("vitals", f"encounters/{patient}/vitals"):
        assert (await ward.http.get(f"/v1/facilities/{ANOTHER}/{path}")).status_code == 404


async def queue(ward: Ward, **asked: str) -> Any:
    answer = await ward.http.get(f"/v1/facilities/{FACILITY}/vitals", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_board_that_is_opened_asks_once_for_its_whole_queue(ward: Ward) -> None:
    one, other, silent = [await ward.bind(1) for _ in range(3)]
    old = [taken("heart_rate", 80, ago(1900)), taken("temperature", 36.6, ago(10))]
    await tell(ward, one, [*old, taken("spo2", 97, ago(10))])
    await tell(ward, one, [taken("heart_rate", 90, ago(1000))])
    await tell(ward, other, [taken("respiratory_rate", 22, ago(5))])
    told = await queue(ward)
    found = {each["encounter_id"]: each["series"] for each in told["patients"]}
    assert [(each["name"], ages(each["values"])) for each in found[one]] == [
        ("heart_rate", [1000]), ("spo2", [10]),
    ], "the last half hour of what a monitor shows"  # fmt: skip
    assert {each["name"] for each in found[other]} == {"respiratory_rate"}
    assert silent not in found
    begin = datetime.fromisoformat(told["since"])
    assert abs(datetime.now(UTC) - begin - timedelta(minutes=30)) < timedelta(seconds=30)
    newer = await queue(ward, since=ago(7).isoformat())
    assert [each["encounter_id"] for each in newer["patients"]] == [other]


async def test_who_reads_how_it_went_is_noted(ward: Ward) -> None:
    patient = await ward.bind(1)
    await tell(ward, patient, [taken("spo2", 97, ago(10))])
    noted = "SELECT count(*) FROM reads WHERE way = 'vitals' AND $1 = ANY (encounter_ids)"
    await series(ward, patient)
    assert await ward.pool.fetchval(noted, patient) == 1
    await queue(ward)
    assert await ward.pool.fetchval(noted, patient) == 2


async def test_of_a_full_queue_the_last_of_each_minute_is_told(ward: Ward) -> None:
    patients = [await ward.bind(1) for _ in range(3)]
    for name in SHOWN:  # one value in 12 s, for more than half an hour
        await ward.pool.execute(
            """INSERT INTO vitals
               SELECT $1, p, $3, $4::timestamptz - s * interval '12 s', '88', 'streamed', false
                 FROM unnest($2::text[]) AS p, generate_series(0, 200) AS s""",
            FACILITY, patients, name, minute(),
        )  # fmt: skip
    found = {each["encounter_id"]: each["series"] for each in (await queue(ward))["patients"]}
    for patient in patients:
        assert [each["name"] for each in found[patient]] == list(SHOWN)
        for each in found[patient]:
            told = ages(each["values"])
            assert told == [*(60 * n + 12 for n in reversed(range(len(told) - 1))), 0]
            assert 28 <= len(told) <= 31
    assert len((await series(ward, patients[0]))["heart_rate"]) == 201, "of one patient, all"


async def test_whoever_acts_does_not_wait_for_boards_that_open(ward: Ward) -> None:
    courses = ward.state.courses
    for _ in range(course_api.AT_ONCE):
        await courses.acquire()
    opening = asyncio.create_task(queue(ward))
    assert (await ward.http.get(f"/v1/facilities/{FACILITY}/beds")).status_code == 200
    await asyncio.sleep(0.3)
    assert not opening.done()
    for _ in range(course_api.AT_ONCE):
        courses.release()
    assert (await opening)["facility_id"] == FACILITY
