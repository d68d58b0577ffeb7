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


async def aboard(ward: Ward) -> str:
    """Somebody who comes in a vehicle."""
    patient = await ward.bind(1)
    await ward.board(patient, "U-7")
    return patient


async def test_the_crew_gives_the_doctor_receives_and_the_record_is_locked(ward: Ward) -> None:
    patient = await aboard(ward)
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
    patient = await aboard(ward)
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
    patient = await aboard(ward)
    async with asyncpg.create_pool(platform.admin_dsn, min_size=1, max_size=1) as admin:
        key = await add_client(admin, "his-of-late", Role.CENTRE, FACILITY)
    for bearer in (key, token(ward, Role.CENTRE, "doctor-3", None)):
        answer = await post(ward, bearer, patient, "transfer")
        assert (answer.status_code, answer.json()["title"]) == (403, "Not a person")


async def test_for_a_crew_that_had_to_go_a_colleague_signs_and_says_why(ward: Ward) -> None:
    patient = await aboard(ward)
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


async def test_wristbands_tell_two_whom_nobody_knows_apart(ward: Ward) -> None:
    """Both came in one vehicle, and the bands were put on the wrong wrists."""
    one, other = await ward.bind(1), await ward.bind(1)
    bands = {patient: await ward.board(patient, "U-7") for patient in (one, other)}
    crew, doctor = token(ward, Role.CREW, "crew-7"), token(ward, Role.CENTRE, "doctor-3")
    for act, bearer in (("handover", crew), ("transfer", doctor)):
        answer = await post(ward, bearer, one, act, wristband=bands[other])
        assert (answer.status_code, answer.json()["title"]) == (409, "Another wristband")
        assert answer.json()["detail"].count("wristband_reason") == 1
        assert not {one, other, *bands.values()} & set(answer.text.replace('"', " ").split())
    assert (await ward.item(one))["handoff"]["signatures"] == []
    given = await post(ward, crew, one, "handover", wristband=bands[one])
    assert given.json()["signatures"][0]["wristband"] == bands[one]
    why = {"wristband": bands[other], "wristband_reason": "两人腕带戴反，已当面核对"}
    at = datetime.now(UTC).isoformat()
    first, again = [await post(ward, doctor, one, "transfer", **why, occurred_at=at)
                    for _ in range(2)]  # fmt: skip
    assert (first.status_code, again.status_code) == (200, 200)
    signed = first.json()["handoff"]["signatures"][1]
    assert {name: signed[name] for name in why} == why
    assert first.json()["handoff"] == again.json()["handoff"]
    kept = "SELECT count(*) FROM acts WHERE encounter_id = $1 AND type = 'HandoverSigned'"
    assert await ward.pool.fetchval(kept, one) == 2
    silent = await post(ward, crew, other, "handover")
    assert silent.json()["signatures"][0]["wristband"] is None


async def test_a_wristband_that_was_never_given_is_another_s(ward: Ward) -> None:
    patient, doctor = await ward.bind(1), token(ward, Role.CENTRE, "doctor-3")
    band = {"wristband": "WB-20260301-0001", "not_aboard_reason": "家属驾车送来"}
    answer = await post(ward, doctor, patient, "transfer", **band)
    assert (answer.status_code, answer.json()["title"]) == (409, "Another wristband")
    why = await post(ward, doctor, patient, "transfer", **band, wristband_reason="院内已换腕带")
    assert why.status_code == 200


async def test_who_was_never_aboard_is_signed_for_only_with_the_reason(ward: Ward) -> None:
    """A unit was sent and nothing else is known: one slip of a finger hands nobody over."""
    patient = await ward.bind(1)
    crew, doctor = token(ward, Role.CREW, "crew-7"), token(ward, Role.CENTRE, "doctor-3")
    for act, bearer in (("handover", crew), ("transfer", doctor)):
        answer = await post(ward, bearer, patient, act)
        assert (answer.status_code, answer.json()["title"]) == (409, "Not aboard")
        assert "not_aboard_reason" in answer.json()["detail"]
    assert (await ward.item(patient))["handoff"]["signatures"] == []
    why = {"not_aboard_reason": "家属驾车送来"}
    for act, bearer in (("handover", crew), ("transfer", doctor)):
        assert (await post(ward, bearer, patient, act, **why)).status_code == 200
    (line,) = (await handed_over(ward, doctor))[:1]
    assert (line["encounter_id"], line["admission_number"]) == (patient, None)


async def handed_over(ward: Ward, bearer: str) -> Any:
    path = f"/v1/facilities/{FACILITY}/handed-over"
    answer = await ward.http.get(path, headers={"Authorization": f"Bearer {bearer}"})
    return answer.json()["patients"]


async def test_who_was_handed_over_is_found_again_and_the_reading_noted(ward: Ward) -> None:
    nurse, doctor = (token(ward, Role.CENTRE, name) for name in ("nurse-31", "doctor-3"))
    one, other = [await aboard(ward) for _ in range(2)]
    at = {one: "2026-03-01T08:00:00Z", other: datetime.now(UTC).isoformat()}
    for patient in (one, other):
        for bearer, act, said in ((nurse, "handover", {"reason": "x"}), (doctor, "transfer", {})):
            await post(ward, bearer, patient, act, **said, occurred_at=at[patient])
    await post(ward, doctor, other, "outcome", outcome="surgery")
    found = await handed_over(ward, nurse)
    assert one not in {each["encounter_id"] for each in found}, "it was long ago"
    item = await ward.http.get(f"/v1/facilities/{FACILITY}/encounters/{other}")
    record, handoff = item.json()["record"], item.json()["handoff"]
    assert found[0] == {
        "encounter_id": other, "transferred_at": handoff["transferred_at"],
        "level": record["worst"], "patient": found[0]["patient"],
        "admission_number": record["admission"]["admission_number"],
        "pending": record["admission"].get("pending", []), "outcome": "surgery",
    }  # fmt: skip
    assert found[0]["patient"].items() >= record["patient"].items()
    times = [each["transferred_at"] for each in found]
    assert times == sorted(times, reverse=True)
    noted = (
        "SELECT encounter_ids FROM reads WHERE way = 'handed_over' ORDER BY read_at DESC LIMIT 1"
    )
    assert other in await ward.pool.fetchval(noted)


async def test_what_was_said_by_mistake_is_taken_back(ward: Ward) -> None:
    patient, nurse = await ward.bind(1), token(ward, Role.CENTRE, "nurse-31")
    early = await post(ward, nurse, patient, "arrival/revoked", reason="x")
    assert (early.status_code, early.json()["title"]) == (409, "Not arrived")
    await post(ward, nurse, patient, "arrival", place="ct")
    await post(ward, nurse, patient, "milestones", milestone="first_doctor")
    back = await post(ward, nurse, patient, "milestones/first_doctor/revoked")
    assert back.json()["handoff"]["milestones"] == []
    twice = await post(ward, nurse, patient, "milestones/first_doctor/revoked")
    assert (twice.status_code, twice.json()["title"]) == (409, "Not reached")
    away = await post(ward, nurse, patient, "arrival/revoked", reason="点错了患者")
    handoff = away.json()["handoff"]
    assert (handoff["arrived_at"], handoff["arrived_in"]) == (None, None)
    assert {each["owed"] for each in handoff["promises"] if each["due_at"]} == {
        "delivered", "displayed", "acknowledged",
    }  # fmt: skip
    assert await ward.due(patient) is not None
    told = "SELECT array_agg(headers ->> 'ce_type' ORDER BY seq) FROM outbox WHERE key = $1"
    types = [each.split(".")[1] for each in await ward.pool.fetchval(told, patient.encode())]
    assert types == ["PatientArrived", "MilestoneReached", "MilestoneRevoked", "ArrivalRevoked"]
    late = (
        "UPDATE cases SET state = jsonb_set(state::jsonb, '{arrival_known_at}', $2) WHERE id = $1"
    )
    await post(ward, nurse, patient, "arrival")
    await ward.pool.execute(late, patient, '"2026-03-01T08:00:00Z"')
    await ward.pool.execute("UPDATE cases SET version = version + 1 WHERE id = $1", patient)
    refused = await post(ward, nurse, patient, "arrival/revoked", reason="x")
    assert (refused.status_code, refused.json()["title"]) == (409, "Too late")
    elsewhere = await ward.bind(1, facility="H-other")
    for act, body in (("arrival/revoked", {"reason": "x"}), ("milestones/wire/revoked", {})):
        assert (await post(ward, nurse, elsewhere, act, **body)).status_code == 404
