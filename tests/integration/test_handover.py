"""Two people sign that care is handed over, each having just shown who they are."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from services.kit.auth import add_client
from services.kit.role import Role
from tests.platform import Platform
from tests.ward import FACILITY, Ward, at_ward


@pytest.fixture(scope="module")
async def ward(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ward]:
    async with at_ward(platform, tmp_path_factory.mktemp("keys")) as opened:
        yield opened


def token(ward: Ward, role: Role, name: str, ago_s: float | None = 0.0) -> str:
    """Of this person, who signed in so long ago; of software, where that is none."""
    facility = FACILITY if role is Role.CENTRE else None
    at = None if ago_s is None else time.time() - ago_s
    return ward.key.token(ward.settings, role, facility, sub=name, auth_time=at)


async def post(ward: Ward, bearer: str, patient: str, act: str, **body: Any) -> httpx.Response:
    path = f"/v1/facilities/{FACILITY}/encounters/{patient}/{act}"
    told = {"occurred_at": datetime.now(UTC).isoformat(), **body}
    return await ward.http.post(path, json=told, headers={"Authorization": f"Bearer {bearer}"})


async def test_the_crew_gives_the_doctor_receives_and_the_record_is_locked(ward: Ward) -> None:
    patient = await ward.bind(1)
    given = await post(ward, token(ward, Role.CREW, "crew-7"), patient, "handover")
    assert given.status_code == 200
    assert given.json().keys() == {"encounter_id", "facility_id", "signatures", "transferred_at"}
    assert (given.json()["transferred_at"], len(given.json()["signatures"])) == (None, 1)
    doctor = token(ward, Role.CENTRE, "doctor-3")
    received = await post(ward, doctor, patient, "transfer")
    handoff = received.json()["handoff"]
    assert (handoff["received_by"], handoff["handed_over_by"]) == ("doctor-3", "crew-7")
    assert handoff["transferred_at"] is not None
    locked = await post(ward, doctor, patient, "acceptance")
    assert (locked.status_code, locked.json()["title"]) == (409, "Handed over")
    assert "addendum" in locked.json()["detail"]
    added = await post(ward, doctor, patient, "addenda", text="漏记一次用药")
    assert [each["text"] for each in added.json()["handoff"]["addenda"]] == ["漏记一次用药"]
    kept = "SELECT array_agg(type ORDER BY recorded_at, type) FROM acts WHERE encounter_id = $1"
    signed = "Signed|Transferred|Addendum|Arrived"
    types = await ward.pool.fetchval(f"{kept} AND type ~ '{signed}'", patient)
    assert sorted(types) == [
        "AddendumWritten", "CareTransferred", "HandoverSigned", "HandoverSigned", "PatientArrived",
    ], "nobody had said that the patient had come"  # fmt: skip
    assert handoff["arrived_at"] == handoff["transferred_at"]


@pytest.mark.parametrize("ago_s", [121, -130], ids=["long ago", "in the future"])
async def test_who_has_not_just_signed_in_has_to_sign_in_again(ward: Ward, ago_s: float) -> None:
    patient = await ward.bind(1)
    stale = token(ward, Role.CENTRE, "doctor-3", ago_s)
    for act, body in (("transfer", {}), ("handover", {"reason": "the crew had to go"})):
        answer = await post(ward, stale, patient, act, **body)
        assert (answer.status_code, answer.json()["title"]) == (401, "Sign in again")
        challenge = answer.headers["WWW-Authenticate"]
        assert 'error="insufficient_user_authentication"' in challenge
        assert 'max_age="120"' in challenge
    assert (await ward.item(patient))["handoff"]["signatures"] == []
    fine = await post(ward, stale, patient, "acknowledgement")
    assert fine.status_code == 200, "what is no signature needs none"


async def test_software_signs_nothing(ward: Ward, platform: Platform) -> None:
    patient = await ward.bind(1)
    async with asyncpg.create_pool(platform.admin_dsn, min_size=1, max_size=1) as admin:
        key = await add_client(admin, "his-of-late", Role.CENTRE, FACILITY)
    for bearer in (key, token(ward, Role.CENTRE, "doctor-3", None)):
        answer = await post(ward, bearer, patient, "transfer")
        assert (answer.status_code, answer.json()["title"]) == (403, "Not a person")


async def test_for_a_crew_that_had_to_go_a_colleague_signs_and_says_why(ward: Ward) -> None:
    patient = await ward.bind(1)
    nurse, doctor = (token(ward, Role.CENTRE, name) for name in ("nurse-31", "doctor-3"))
    mute = await post(ward, nurse, patient, "handover")
    assert (mute.status_code, mute.json()["title"]) == (422, "Not the crew")
    signed = await post(ward, nurse, patient, "handover", reason="车组已接下一任务")
    assert signed.json()["signatures"][0]["reason"] == "车组已接下一任务"
    alone = await post(ward, nurse, patient, "transfer")
    assert (alone.status_code, alone.json()["title"]) == (409, "Two people")
    over = await post(ward, doctor, patient, "transfer")
    assert over.json()["handoff"]["handed_over_by"] == "nurse-31"


async def test_a_crew_hands_nobody_over_where_they_are_not_bound(ward: Ward) -> None:
    elsewhere = await ward.bind(1, facility="H-other")
    for patient in (elsewhere, "E-nobody"):
        answer = await post(ward, token(ward, Role.CREW, "crew-7"), patient, "handover")
        assert answer.status_code == 404
