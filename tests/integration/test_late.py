"""What a facility owes and is late: told once by the database's clock, whoever looks; and dispatch
hears whom to telephone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import REGISTRY

from schemas.event import Event
from schemas.handoff import Acknowledged, Escalated, HandoverSigned, Owed, RecordDisplayed
from services.bridge.store import CASES
from services.dispatch.encounter import hear as dispatch_hears
from services.dispatch.store import ENCOUNTERS, EncounterStore
from services.kit.lookout import Lookout
from services.kit.postgres import Row, transaction
from tests.desk import Desk, at_desk
from tests.platform import Platform
from tests.ward import ANOTHER, FACILITY, NUMBERS, Ward, at_ward


@pytest.fixture(scope="module")
async def ward(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ward]:
    async with at_ward(platform, tmp_path_factory.mktemp("keys")) as opened:
        yield opened


async def test_what_is_late_is_told_once_with_the_next_step_written_down(ward: Ward) -> None:
    late, soon = await ward.bind(61), await ward.bind(1)
    before, dark = (await ward.item(late))["feed"], dark_boards()
    await ward.look()
    await ward.look()
    assert await ward.told(late) == [
        ("delivered", "operations", 1),
        ("displayed", "dispatch", 1),
        ("acknowledged", "board", 1),
    ]
    assert await ward.told(soon) == []
    assert dark_boards() == dark + 1
    item = await ward.item(late)
    assert item["feed"] > before, "the board sees it"
    assert [each["rungs"] for each in item["handoff"]["promises"]] == [1, 1, 1]
    due = await ward.due(late)
    assert due is not None
    assert 58 < (due - datetime.now(UTC)).total_seconds() < 60
    kept = "SELECT count(*) FROM acts WHERE encounter_id = $1 AND type = 'Escalated'"
    assert await ward.pool.fetchval(kept, late) == 3


def dark_boards() -> float:
    labels = {"facility": FACILITY, "owed": "displayed", "to": "dispatch"}
    return REGISTRY.get_sample_value("greenchannel_escalations_total", labels) or 0


async def test_of_many_that_are_late_at_once_each_is_told_once(ward: Ward) -> None:
    names = [await ward.bind(30, "non_urgent") for _ in range(40)]
    await ward.look()
    for name in names:
        assert await ward.told(name) == [
            ("delivered", "operations", 1),
            ("displayed", "dispatch", 1),
        ]
        assert await ward.due(name) is None


async def test_after_an_outage_the_last_step_is_told_alone(ward: Ward) -> None:
    name = await ward.bind(3600)
    await ward.receive(name, displayed=True)
    await ward.look()
    assert await ward.told(name) == [("acknowledged", "dispatch", 3)]
    assert await ward.due(name) is None


async def test_a_board_tells_what_it_has_and_nobody_hears_of_it_twice(ward: Ward) -> None:
    name = await ward.bind(1)
    assert await ward.receive(name, displayed=False) == 204
    assert await ward.receive(name, displayed=True) == 204
    item = await ward.item(name)
    assert (item["handoff"]["delivered_at"] is None, item["handoff"]["displayed_at"] is None) == (
        False,
        False,
    )
    assert await ward.receive(name, displayed=True) == 204
    assert (await ward.item(name))["feed"] == item["feed"]
    due = await ward.due(name)
    assert due is not None
    assert (due - datetime.now(UTC)).total_seconds() > 55, "a human has not seen it"


async def test_a_board_tells_of_its_own_patients_alone(ward: Ward) -> None:
    other = await ward.bind(1, facility=ANOTHER)
    assert await ward.receive(other, "E-nobody", displayed=True) == 204
    async with transaction(ward.pool) as connection:
        row = (await CASES.load(connection, [other], lock=False))[other]
    assert row.state is not None
    assert row.state.handoff.displayed_at is None
    assert await ward.receive(other, displayed=True, facility=ANOTHER) == 404


async def test_who_has_acknowledged_is_not_called_again(ward: Ward) -> None:
    name = await ward.bind(10)
    path = f"/v1/facilities/{FACILITY}/encounters/{name}/acknowledgement"
    answer = await ward.http.post(path, json={"occurred_at": datetime.now(UTC).isoformat()})
    assert answer.status_code == 200
    assert await ward.due(name) is None
    await ward.look()
    assert await ward.told(name) == []


async def test_the_lead_of_who_cannot_come_after_all_is_called_once_each_time(ward: Ward) -> None:
    name = await ward.bind(1)
    path = f"/v1/facilities/{FACILITY}/encounters/{name}"

    async def does(what: str, **more: str) -> None:
        told = {"occurred_at": datetime.now(UTC).isoformat(), **more}
        assert (await ward.http.post(f"{path}/{what}", json=told)).status_code == 200

    await does("activation", centre="emergency", activation="activate")
    for count in (1, 2):
        await does("departments/emergency/answer", answer="coming")
        await ward.look()
        await does("departments/emergency/answer", answer="cannot")
        due = await ward.due(name)
        assert due is not None
        assert due <= datetime.now(UTC)
        await ward.look()
        await ward.look()
        assert await ward.told(name) == [("department_answered", "department_lead", 1)] * count


async def test_an_act_counts_from_when_it_came_and_none_is_still_to_come(ward: Ward) -> None:
    name = await ward.bind(90)
    path = f"/v1/facilities/{FACILITY}/encounters/{name}"
    now = datetime.now(UTC)
    back = {"occurred_at": (now - timedelta(seconds=60)).isoformat()}
    told = (await ward.http.post(f"{path}/acknowledgement", json=back)).json()["handoff"]
    met = [datetime.fromisoformat(each["met_at"]) for each in told["promises"]]
    assert len(met) == 3
    assert all(now <= each for each in met)
    assert datetime.fromisoformat(told["acknowledged_at"]) == now - timedelta(seconds=60)
    ahead = {"occurred_at": (now + timedelta(hours=1)).isoformat()}
    refused = await ward.http.post(f"{path}/arrival", json=ahead)
    assert (refused.status_code, refused.json()["title"]) == (422, "In the future")
    assert "'occurred_at'" in refused.json()["detail"]


@pytest.mark.parametrize("phone", ["内线8440", "8", "0516 8500 0120\n"])
async def test_a_phone_that_is_none_is_refused_in_words(ward: Ward, phone: str) -> None:
    name = await ward.bind(1)
    way = {"occurred_at": datetime.now(UTC).isoformat(), "direct_to": "cath_lab", "phone": phone}
    path = f"/v1/facilities/{FACILITY}/encounters/{name}/direct-to"
    answer = await ward.http.post(path, json=way)
    said = "Value error, digits, blanks, + and - only, 2 to 20 of them"
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "phone", "problem": said}]
    assert (await ward.http.post(path, json={**way, "phone": "8440"})).status_code == 200


# -- over many -------------------------------------------------------------------------------------


async def test_what_a_facility_kept_is_counted_from_what_it_was_shown(ward: Ward) -> None:
    async def kept() -> Any:
        now = datetime.now(UTC)
        period = {"since": now - timedelta(hours=2), "until": now + timedelta(hours=1)}
        path = f"/v1/facilities/{FACILITY}/indicators"
        answer = await ward.http.get(path, params={k: v.isoformat() for k, v in period.items()})
        assert answer.status_code == 200, answer.text
        return answer.json()

    before = await kept()
    late, other = await ward.bind(200), await ward.bind(10)
    for name in (late, other):
        path = f"/v1/facilities/{FACILITY}/encounters/{name}"
        now = {"occurred_at": datetime.now(UTC).isoformat()}
        assert (await ward.http.post(f"{path}/acknowledgement", json=now)).status_code == 200
    asked = {**now, "reason": "no_bed"}
    assert (await ward.http.post(f"{path}/redirect-request", json=asked)).status_code == 200
    await ward.bind(5, facility=ANOTHER)
    after = await kept()
    assert after["patients"] == before["patients"] + 2
    changed = {
        name: after["promises"]["acknowledged"][name]
        - before["promises"].get("acknowledged", {}).get(name, 0)
        for name in ("numerator", "denominator")
    }
    assert changed == {"numerator": 1, "denominator": 2}
    assert after["redirects"]["no_bed"] == before["redirects"].get("no_bed", 0) + 1


async def test_without_a_period_it_is_today_until_now(ward: Ward) -> None:
    path = f"/v1/facilities/{FACILITY}/indicators"
    await ward.bind(1)
    today = (await ward.http.get(path)).json()
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    assert datetime.fromisoformat(today["since"]) == now.replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    assert now - timedelta(seconds=30) < datetime.fromisoformat(today["until"]) <= now
    named = {name: today[name] for name in ("since", "until")}
    assert (await ward.http.get(path, params=named)).json() == today
    assert today["patients"] > 0
    until = datetime(2026, 3, 1, 12, tzinfo=UTC)
    then = (await ward.http.get(path, params={"until": until.isoformat()})).json()
    assert then["since"] == "2026-03-01T00:00:00+08:00"


async def test_a_period_that_is_none_is_refused_with_what_to_do(ward: Ward) -> None:
    path, now = f"/v1/facilities/{FACILITY}/indicators", datetime.now(UTC)
    for days in (0, -1, 93):
        until = (now + timedelta(days=days)).isoformat()
        answer = await ward.http.get(path, params={"since": now.isoformat(), "until": until})
        assert (answer.status_code, answer.json()["title"]) == (422, "No such period")


# -- dispatch --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def desk(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with at_desk(platform, tmp_path_factory.mktemp("keys")) as opened:
        yield opened


async def hears(desk: Desk, event: Any) -> None:
    """As dispatch's loop does."""
    cases = EncounterStore(desk.clocks)
    async with transaction(desk.pool) as connection:
        row = (await ENCOUNTERS.load(connection, [event.encounter_id]))[event.encounter_id]
        after, events = dispatch_hears(row.state, event, datetime.now(UTC))
        assert after is not None
        await cases.save(connection, {event.encounter_id: Row(after, row.version)}, list(events))


def about(kind: type[Event], encounter: str, **more: Any) -> Any:
    common = {"event_id": f"a-{next(NUMBERS)}", "encounter_id": encounter,
              "facility_id": FACILITY, "occurred_at": datetime.now(UTC)}  # fmt: skip
    return kind.model_validate({**common, **more})


def silent(encounter: str, owed: Owed, to: str = "dispatch", **more: Any) -> Escalated:
    told = {"step": 3, "due_at": datetime.now(UTC), "owed": owed, "to": to, **more}
    event: Escalated = about(Escalated, encounter, **told)
    return event


@pytest.mark.parametrize(
    ("owed", "ends"),
    [
        (Owed.ACKNOWLEDGED, {"kind": Acknowledged, "staff_id": "n-1"}),
        (Owed.DISPLAYED, {"kind": RecordDisplayed, "version": 1}),
    ],
)
async def test_dispatch_is_told_to_telephone_until_the_hospital_answers(
    desk: Desk, owed: Owed, ends: dict[str, Any]
) -> None:
    now = datetime.now(UTC)
    opened = await desk.post("incidents", now, location={"latitude": 34.2, "longitude": 117.3})
    call, encounter = opened["incident_id"], opened["encounter_ids"][0]
    await desk.post(f"encounters/{encounter}/destination", now, facility_id=FACILITY)
    await hears(desk, silent(encounter, owed, to="shift_lead"))
    await hears(desk, silent(encounter, owed, facility_id=ANOTHER))
    assert hospital(await desk.alarms(call)) == [], "nobody asked dispatch"
    asked = silent(encounter, owed, phone="0516 8500 0120")
    for _ in range(2):
        await hears(desk, asked)
    assert hospital(await desk.alarms(call)) == [(f"hospital_{owed}", "breach", None)]
    (alarm,) = [each for each in await desk.get("alarms") if each["incident_id"] == call]
    assert (alarm["facility_id"], alarm["phone"]) == (FACILITY, "0516 8500 0120")
    answers = (await desk.get(f"encounters/{encounter}"))["answers"]
    assert (answers["unanswered"], answers["phone"]) == (owed, "0516 8500 0120")
    await hears(desk, about(encounter=encounter, **ends))
    assert hospital(await desk.alarms(call)) == []
    await hears(desk, asked)
    assert hospital(await desk.alarms(call)) == [], "it was sent again, and was answered since"
    answers = (await desk.get(f"encounters/{encounter}"))["answers"]
    assert (answers["unanswered"], answers["phone"]) == (None, None)


async def test_of_two_things_that_a_hospital_owes_the_last_is_telephoned_about(desk: Desk) -> None:
    now = datetime.now(UTC)
    opened = await desk.post("incidents", now, location={"latitude": 34.2, "longitude": 117.3})
    call, encounter = opened["incident_id"], opened["encounter_ids"][0]
    await desk.post(f"encounters/{encounter}/destination", now, facility_id=FACILITY)
    for owed in (Owed.DISPLAYED, Owed.ACKNOWLEDGED):
        await hears(desk, silent(encounter, owed))
        assert hospital(await desk.alarms(call)) == [(f"hospital_{owed}", "breach", None)]


async def test_the_crew_s_signature_is_no_answer_of_the_hospital(desk: Desk) -> None:
    now = datetime.now(UTC)
    opened = await desk.post("incidents", now, location={"latitude": 34.2, "longitude": 117.3})
    call, encounter = opened["incident_id"], opened["encounter_ids"][0]
    await desk.post(f"encounters/{encounter}/destination", now, facility_id=FACILITY)
    await hears(desk, silent(encounter, Owed.ACKNOWLEDGED))
    await hears(desk, about(HandoverSigned, encounter, staff_id="c-1", side="gave"))
    assert hospital(await desk.alarms(call)) == [("hospital_acknowledged", "breach", None)]
    await hears(desk, about(HandoverSigned, encounter, staff_id="n-1", side="received"))
    assert hospital(await desk.alarms(call)) == []


async def test_a_lit_board_is_no_answer_to_who_was_asked_to_acknowledge(desk: Desk) -> None:
    now = datetime.now(UTC)
    opened = await desk.post("incidents", now, location={"latitude": 34.2, "longitude": 117.3})
    call, encounter = opened["incident_id"], opened["encounter_ids"][0]
    await desk.post(f"encounters/{encounter}/destination", now, facility_id=FACILITY)
    await hears(desk, silent(encounter, Owed.ACKNOWLEDGED))
    await hears(desk, about(RecordDisplayed, encounter, version=1))
    assert hospital(await desk.alarms(call)) == [("hospital_acknowledged", "breach", None)]
    await desk.post(f"encounters/{encounter}/destination", now, facility_id=ANOTHER)
    assert hospital(await desk.alarms(call)) == [], "another one is asked now"


def hospital(alarms: list[tuple[str, str, str | None]]) -> list[tuple[str, str, str | None]]:
    return [each for each in alarms if each[0].startswith("hospital_")]


REFUSES = """
    CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'this row is refused'; END $$;
    CREATE TRIGGER refuses BEFORE INSERT ON acts FOR EACH ROW
    WHEN (NEW.encounter_id = '{name}' AND NEW.type = 'Escalated') EXECUTE FUNCTION refuses();
"""


async def test_one_of_whom_nothing_can_be_told_holds_up_no_other(ward: Ward) -> None:
    """The one that is refused is late first; it is put off, and told once it can be."""
    bad = await ward.bind(40, "non_urgent")
    others = [await ward.bind(30, "non_urgent") for _ in range(5)]
    lookout = Lookout(ward.settings, ward.timekeepers[0], 0)
    await ward.pool.execute(REFUSES.format(name=bad))
    try:
        while await lookout.once():
            pass
        for name in others:
            assert len(await ward.told(name)) == 2
        assert await ward.told(bad) == []
        due = await ward.due(bad)
        assert due is not None
        assert 55 < (due - datetime.now(UTC)).total_seconds() < 60
    finally:
        await ward.pool.execute("DROP TRIGGER refuses ON acts; DROP FUNCTION refuses")
    await ward.pool.execute("UPDATE wakings SET due_at = now() WHERE encounter_id = $1", bad)
    assert not await lookout.once()
    assert len(await ward.told(bad)) == 2


async def test_a_board_asks_of_its_own_house_and_of_no_other(ward: Ward) -> None:
    house = (await ward.http.get(f"/v1/facilities/{FACILITY}")).json()
    assert house["facility_id"] == FACILITY
    owed = {each["owed"]: each for each in house["owed"]}
    assert owed["acknowledged"]["within_s"] == {
        "critical": 60, "severe": 120, "urgent": 300, "not_yet": 300,
    }  # fmt: skip
    assert house["arrival"] == {
        "revocable_for_s": 600, "evidence": "design",
        "source": "no public number was found; the choice is ours",
    }  # fmt: skip
    assert (await ward.http.get("/v1/facilities/H-other")).status_code == 404
