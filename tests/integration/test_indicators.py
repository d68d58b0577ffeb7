"""The indicators by the running interface and a real PostgreSQL: a day of invented missions, five
years of real ones, and what an earlier version had stored."""

from __future__ import annotations

import asyncio
import csv
import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from services.dispatch import indicator_api, store
from services.dispatch.incident import Incident
from services.dispatch.unit import Unit
from services.kit.lookout import Lookout
from services.kit.settings import Settings
from tests.desk import NUMBERS, Desk, at_desk
from tests.platform import Platform

LINCOLN = Path(__file__).parents[3] / "shared" / "data" / "lincoln_ems"
#: The row of the table that this test sends: each one takes five requests.
EVERY = 30
COLUMNS = {"enroute_s": "departed", "arrive_s": "on_scene", "to_hospital_s": "left_scene",
           "at_hospital_s": "at_destination", "clear_s": "available"}  # fmt: skip
#: A day of its own for each test: nobody else's missions are in it.
DAYS = (datetime(1970, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai")) + timedelta(days=n)
        for n in itertools.count())  # fmt: skip


@pytest.fixture(scope="module")
async def desk(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with at_desk(platform, tmp_path_factory.mktemp("keys")) as opened:
        yield opened


@pytest.fixture
def day() -> datetime:
    return next(DAYS)


def three(found: Any) -> tuple[int, int, int]:
    told = found["dispatch_within_3min"]
    return told["numerator"], told["denominator"], told["missing"]


async def test_a_day_without_a_mission_has_no_rate(desk: Desk, day: datetime) -> None:
    found = await desk.indicators(day, day + timedelta(days=1), by="day")
    assert three(found) == (0, 0, 0)
    assert found["dispatch_within_3min"]["rate"] is None
    assert found["groups"] == []


async def test_each_dispatch_is_counted_where_it_belongs(desk: Desk, day: datetime) -> None:
    def at(second: float) -> datetime:
        return day + timedelta(hours=9, seconds=second)

    call = await desk.call(at(0), call={"received_at": at(-40).isoformat(),
                                        "answered_at": at(-32).isoformat(),
                                        "accepted_at": at(-5).isoformat()})  # fmt: skip
    names = [f"{day:%m%d}-{n}" for n in range(6)]
    for unit, left in zip(names, (0, 180, 180.5, None, None, None), strict=True):
        await desk.send(call, unit, at(0))
        if left is not None:
            await desk.stamp(unit, "departed", at(left))
    await desk.stamp(names[4], "stood_down", at(100))
    await desk.stamp(names[5], "stood_down", at(200))
    drill = await desk.call(at(10), classification="drill")
    await desk.send(drill, f"{day:%m%d}-drill", at(20))
    found = await desk.indicators(day, day + timedelta(days=1), by="unit")
    told = found["dispatch_within_3min"]
    assert three(found) == (2, 4, 1)
    assert (told["stood_down"], told["stood_down_late"]) == (1, 1)
    assert (told["rate"], told["rate_if_missing_is_late"]) == (0.5, 0.4)
    assert told["excluded"] == {"drill": 1}
    assert (told["verified"]["denominator"], told["verified"]["missing"]) == (1, 4)
    assert found["call_answered_within_10s"]["numerator"] == 1
    assert found["first_unit_notified_within_1min"]["p50_s"] == 5
    assert found["first_unit_within_3min"]["p50_s"] == 0
    by_unit = {group["group"]: three(group["indicators"]) for group in found["groups"]}
    assert [by_unit[name] for name in names] == [
        (1, 1, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0), (0, 1, 0),
    ]  # fmt: skip


async def test_a_call_of_another_class_than_was_thought_restates_what_was(
    desk: Desk, day: datetime
) -> None:
    begin, unit = day + timedelta(hours=9), f"{day:%m%d}-class"
    call = await desk.call(begin)
    await desk.send(call, unit, begin)
    # As if that had been told at the time.
    await desk.pool.execute("UPDATE legs SET learned_at = notified WHERE incident_id = $1", call)

    async def restated() -> list[int]:
        found = await desk.indicators(day, day + timedelta(days=1))
        return [found[name]["restated"] for name in (DEPARTURE, "first_unit_within_3min")]

    assert await restated() == [0, 0]
    for wanted in ("drill", "emergency"):
        told = {"classification": wanted, "occurred_at": begin.isoformat()}
        await desk.put(f"incidents/{call}/classification", **told)
        assert await restated() == [1, 1]


async def test_what_a_clinic_asks_for_is_no_call_that_nobody_answered(
    desk: Desk, day: datetime
) -> None:
    told = {"received_at": day.isoformat(), "answered_at": day.isoformat()}
    await desk.call(day, call=told)
    asked = await desk.call(day)
    await desk.pool.execute(
        "UPDATE incidents SET state = (state::jsonb || $2)::json WHERE id = $1",
        asked, '{"origin": "transfer_request"}',
    )  # fmt: skip
    found = await desk.indicators(day, day + timedelta(days=1))
    answered = found["call_answered_within_10s"]
    assert (answered["denominator"], answered["missing"]) == (1, 0)


async def test_a_late_stamp_and_a_correction_restate_what_was(desk: Desk, day: datetime) -> None:
    begin, unit = day + timedelta(hours=9), f"{day:%m%d}-late"
    leg = await desk.send(await desk.call(begin), unit, begin)
    await desk.stamp(unit, "available", begin + timedelta(minutes=40))
    period = (day, day + timedelta(days=1))
    assert three(await desk.indicators(*period)) == (0, 0, 1)
    entered = await desk.post(
        f"legs/{leg}/stamps", begin + timedelta(seconds=150), status="departed"
    )
    found = await desk.indicators(*period)
    assert three(found) == (1, 1, 0)
    assert found["dispatch_within_3min"]["restated"] == 1
    wrong = entered["stamps"][-1]["stamp_id"]
    told = await desk.post(
        f"legs/{leg}/stamps/{wrong}/correction", begin,
        corrected_to=(begin + timedelta(seconds=190)).isoformat(), reason="read off the wrong line",
    )  # fmt: skip
    assert three(await desk.indicators(*period)) == (0, 1, 0)
    assert [stamp["stamp_id"] for stamp in told["stamps"]] == [
        stamp["stamp_id"] for stamp in entered["stamps"]
    ]


async def test_days_and_shifts_begin_where_the_site_says(desk: Desk, day: datetime) -> None:
    next(DAYS)  # the night goes on into it
    for hour in (7.99, 8, 19.99, 20, 31.99):
        begin, unit = day + timedelta(hours=hour), f"{day:%m%d}-{hour}"
        await desk.send(await desk.call(begin), unit, begin)
    period = (day, day + timedelta(days=2))
    by = {
        kind: {g["group"]: three(g["indicators"])[2] for g in found["groups"]}
        for kind in ("day", "shift")
        for found in [await desk.indicators(*period, by=kind)]
    }
    dates = [(day + timedelta(days=n)).date().isoformat() for n in (-1, 0, 1)]
    assert by["day"] == {dates[1]: 4, dates[2]: 1}
    assert by["shift"] == {f"{dates[0]} 20:00": 1, f"{dates[1]} 08:00": 2, f"{dates[1]} 20:00": 2}


async def test_the_table_says_what_the_answer_says(desk: Desk, day: datetime) -> None:
    begin, unit = day + timedelta(hours=9), f"{day:%m%d}-csv"
    await desk.send(await desk.call(begin), unit, begin)
    await desk.stamp(unit, "departed", begin + timedelta(seconds=70))
    rows = await desk.table(day, day + timedelta(days=1), by="unit")
    found = {(r["group"], r["indicator"], r["by"]): r for r in rows}
    for group in ("", unit):
        told = found[group, "dispatch_within_3min", "reported"]
        assert (told["numerator"], told["denominator"], told["p50_s"]) == ("1", "1", "70.0")
        seen = found[group, "dispatch_within_3min", "verified"]
        assert (seen["denominator"], seen["missing"], seen["rate"]) == ("0", "1", "")
        took = found[group, "intervals.notified_to_departed", "reported"]
        assert (took["measured"], took["numerator"], took["p50_s"]) == ("1", "", "70.0")
        assert (group, "transfers.accepted_to_on_scene", "reported") in found
    answer = await desk.indicators(day, day + timedelta(days=1))
    for kind in ("intervals", "patients"):
        lines = {name for group, name, _ in found if not group and name.startswith(f"{kind}.")}
        assert lines == {f"{kind}.{name}" for name in answer[kind]}


async def test_the_table_says_what_changed(desk: Desk, day: datetime) -> None:
    for after, second in ((timedelta(0), 70), (next(DAYS) - day, 90)):
        begin, unit = day + after, f"{day:%m%d}-change-{second}"
        await desk.send(await desk.call(begin), unit, begin)
        await desk.stamp(unit, "departed", begin + timedelta(seconds=second))
    rows = await desk.table(day + timedelta(days=1), day + timedelta(days=2))
    found = {(r["indicator"], r["by"]): r for r in rows}
    told = found["dispatch_within_3min", "reported"]
    assert (told["target"], told["change_rate"], told["change_p50_s"]) == ("0.95", "0.0", "20.0")
    assert found["intervals.notified_to_departed", "reported"]["change_p50_s"] == "20.0"


async def test_a_period_that_is_none_is_refused(desk: Desk, day: datetime) -> None:
    assert await desk.refused(day, day) == 422
    assert await desk.refused(day, day + timedelta(days=401)) == 422


DEPARTURE, NOTIFICATION = "dispatch_within_3min", "first_unit_notified_within_1min"


async def test_a_period_with_too_many_dispatches_is_asked_for_in_parts(
    desk: Desk, day: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        await desk.send(await desk.call(day), f"many-{number}-{next(NUMBERS)}", day)
    monkeypatch.setattr(indicator_api, "MOST", 2)
    end = day + timedelta(days=1)
    assert await desk.refused(day, end) == 200
    monkeypatch.setattr(indicator_api, "MOST", 1)
    assert await desk.refused(day, end) == 422


async def test_a_unit_that_does_not_leave_is_told_of_at_120_and_at_180_s(desk: Desk) -> None:
    now = datetime.now(UTC)
    call, unit = await desk.call(now), f"alarm-{next(NUMBERS)}"
    await desk.send(call, unit, now - timedelta(seconds=119))
    await desk.timekeeper.look()
    assert await desk.alarms(call) == []
    await desk.pool.execute("UPDATE deadlines SET due_at = due_at - interval '2 s'")
    await desk.timekeeper.look()
    assert await desk.alarms(call) == [(DEPARTURE, "warning", None)]
    alarm = await desk.alarm_id(call)
    for _ in range(2):
        await desk.post(f"alarms/{alarm}/acknowledged", now)
    ((_, _, by),) = await desk.alarms(call)
    assert by is not None
    await desk.pool.execute("UPDATE deadlines SET due_at = due_at - interval '60 s'")
    await desk.timekeeper.look()
    assert [step for _, step, _ in await desk.alarms(call)] == ["warning", "breach"]
    await desk.stamp(unit, "departed", now)
    assert await desk.alarms(call) == [], "what is mended alarms nobody any more"
    await desk.timekeeper.look()
    told = await desk.told(call)
    assert [t for t in told if t.startswith("Deadline")] == ["DeadlineWarned", "DeadlineMissed"]


async def test_a_deadline_that_cannot_be_told_holds_up_no_other(desk: Desk) -> None:
    now = datetime.now(UTC)
    calls = [await desk.call(now) for _ in range(4)]
    for n, call in enumerate(calls):
        unit = f"held-up-{next(NUMBERS)}"
        await desk.send(call, unit, now - timedelta(seconds=130 - n))
    bad = calls[0]
    await desk.pool.execute(f"""
        CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'this row is refused'; END $$;
        CREATE TRIGGER refuses BEFORE INSERT ON alarms FOR EACH ROW
        WHEN (NEW.incident_id = '{bad}') EXECUTE FUNCTION refuses();
    """)
    lookout = Lookout(Settings(), desk.timekeeper, 0)
    try:
        while await lookout.once():
            pass
        assert [await desk.alarms(call) != [] for call in calls] == [False, True, True, True]
    finally:
        await desk.pool.execute("DROP TRIGGER refuses ON alarms; DROP FUNCTION refuses")
    await desk.pool.execute("UPDATE deadlines SET due_at = due_at - interval '1 minute'")
    await lookout.once()
    assert await desk.alarms(bad) != []


async def test_a_unit_that_left_in_time_is_told_of_by_nobody(desk: Desk) -> None:
    now = datetime.now(UTC)
    call, unit = await desk.call(now), f"alarm-{next(NUMBERS)}"
    await desk.send(call, unit, now - timedelta(seconds=200))
    await desk.stamp(unit, "departed", now - timedelta(seconds=90))
    await desk.timekeeper.look()
    assert await desk.alarms(call) == []
    assert not [t for t in await desk.told(call) if t.startswith("Deadline")]


@pytest.mark.parametrize("status", ["on_scene", "out_of_service", "stood_down"])
async def test_an_alarm_ends_however_the_wait_for_a_departure_does(desk: Desk, status: str) -> None:
    now = datetime.now(UTC)
    call, unit = await desk.call(now), f"alarm-{next(NUMBERS)}"
    await desk.send(call, unit, now - timedelta(seconds=185))
    await desk.timekeeper.look()
    assert await desk.alarms(call) == [(DEPARTURE, "breach", None)]
    await desk.stamp(unit, status, now)
    assert await desk.alarms(call) == []


async def test_a_unit_of_a_call_that_goes_on_as_another_is_still_waited_for(desk: Desk) -> None:
    now = datetime.now(UTC)
    call, other = await desk.call(now), await desk.call(now)
    await desk.send(call, f"alarm-{next(NUMBERS)}", now - timedelta(seconds=185))
    await desk.post(f"incidents/{call}/merge", now, into=other)
    await desk.timekeeper.look()
    assert await desk.alarms(call) == []
    assert await desk.alarms(other) == [(DEPARTURE, "breach", None)]


async def test_after_an_outage_one_alarm_tells_of_each_unit(desk: Desk) -> None:
    now = datetime.now(UTC)
    call = await desk.call(now)
    await desk.send(call, f"alarm-{next(NUMBERS)}", now - timedelta(seconds=900))
    await desk.timekeeper.look()
    assert await desk.alarms(call) == [(DEPARTURE, "breach", None)]


async def test_a_call_without_a_unit_is_told_of_after_a_minute_or_at_once_when_none_is_free(
    desk: Desk,
) -> None:
    now = datetime.now(UTC)
    ago = (now - timedelta(seconds=61)).isoformat()
    late = await desk.call(now, call={"accepted_at": ago})
    busy = await desk.call(now, call={"accepted_at": now.isoformat()})
    await desk.post(f"incidents/{busy}/held", now, reason="no unit is free within reach")
    await desk.timekeeper.look()
    for call in (late, busy):
        assert await desk.alarms(call) == [(NOTIFICATION, "breach", None)]
        await desk.send(call, f"alarm-{next(NUMBERS)}", now)
        assert await desk.alarms(call) == []


async def test_a_clinic_that_asks_and_a_call_of_unknown_acceptance_are_told_of_after_a_minute_too(
    desk: Desk,
) -> None:
    ago = datetime.now(UTC) - timedelta(seconds=61)
    for call in (await desk.ask_for_transfer("F-clinic", ago), await desk.call(ago)):
        await desk.timekeeper.look()
        assert await desk.alarms(call) == [(NOTIFICATION, "breach", None)]


@pytest.mark.parametrize("status", ["stood_down", "out_of_service"])
async def test_a_call_that_loses_its_only_unit_waits_and_alarms_again(
    desk: Desk, status: str
) -> None:
    now = datetime.now(UTC)
    call = await desk.call(now, call={"accepted_at": (now - timedelta(seconds=300)).isoformat()})
    await desk.timekeeper.look()
    one, two = (f"alarm-{next(NUMBERS)}" for _ in range(2))
    for unit in (one, two):
        await desk.send(call, unit, now)
    await desk.stamp(one, "departed", now)
    await desk.stamp(one, status, now)
    await desk.timekeeper.look()
    assert (await desk.alarms(call), await waits(desk, call)) == ([], False), "another one goes"
    await desk.stamp(two, status, now)
    await desk.timekeeper.look()
    assert (await desk.alarms(call), await waits(desk, call)) == (
        [(NOTIFICATION, "breach", None)], True,
    )  # fmt: skip
    assert (await desk.told(call)).count("DeadlineMissed") == 2


async def test_whose_unit_breaks_down_on_scene_waits_for_another(desk: Desk) -> None:
    now = datetime.now(UTC)
    call, unit = await desk.call(now - timedelta(seconds=300)), f"alarm-{next(NUMBERS)}"
    await desk.send(call, unit, now)
    for status in ("on_scene", "out_of_service"):
        await desk.stamp(unit, status, now)
    await desk.timekeeper.look()
    assert await desk.alarms(call) == [(NOTIFICATION, "breach", None)]
    assert await waits(desk, call)
    await desk.stamp(unit, "available", now)
    assert await waits(desk, call), "it is free again, and the patient is not away"


async def waits(desk: Desk, call: str) -> bool:
    return call in [each["incident_id"] for each in await desk.get("waiting-calls")]


async def test_a_call_that_is_taken_up_again_without_a_unit_alarms_again(desk: Desk) -> None:
    now, past = datetime.now(UTC), datetime.now(UTC) - timedelta(seconds=300)
    given_up, merged, other = [await desk.call(past) for _ in range(3)]
    await desk.post(f"incidents/{given_up}/abandoned", past)
    await desk.post(f"incidents/{merged}/merge", past, into=other)
    await desk.timekeeper.look()
    assert await desk.alarms(given_up) == await desk.alarms(merged) == []
    await desk.post(f"incidents/{given_up}/resumed", now, reason="the caller rang again")
    await desk.post(f"incidents/{merged}/unmerge", now, out_of=other, reason="another street")
    await desk.timekeeper.look()
    for call in (given_up, merged):
        assert await desk.alarms(call) == [(NOTIFICATION, "breach", None)]


async def test_real_missions_come_to_what_an_independent_count_gives(desk: Desk) -> None:
    if not LINCOLN.is_dir():
        pytest.skip("the records of Lincoln are not here")
    with (LINCOLN / "unit_legs_2010_2015.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))[::EVERY]
    expected = [0, 0, 0]
    calls = dict[str, asyncio.Task[str]]()
    lanes = asyncio.Semaphore(4)

    async def mission(number: int, row: dict[str, str]) -> None:
        async with lanes:
            told = f"{row['incident_date']} {row['dispatch_time']}"
            zone = ZoneInfo("America/Chicago")
            notified = datetime.strptime(told, "%m/%d/%y %H:%M:%S").replace(tzinfo=zone)
            if row["incident_num"] not in calls:
                calls[row["incident_num"]] = asyncio.create_task(desk.call(notified))
            # Each is a unit of its own here: who was where at once is not what is counted.
            unit = f"L{number}-{row['unit']}"
            leg = await desk.send(await calls[row["incident_num"]], unit, notified)
            for column, status in COLUMNS.items():
                if row[column]:
                    when = notified + timedelta(seconds=float(row[column]))
                    await desk.post(f"legs/{leg}/stamps", when, status=status)

    for row in rows:
        took = row["enroute_s"]
        expected[0] += bool(took) and float(took) <= 180
        expected[1] += bool(took)
        expected[2] += not took
    async with asyncio.TaskGroup() as sending:
        for number, row in enumerate(rows):
            sending.create_task(mission(number, row))
    found = [0, 0, 0]
    for year in years():
        told = three(await desk.indicators(year, year.replace(year=year.year + 1)))
        found = [a + b for a, b in zip(found, told, strict=True)]
    assert len(rows) > 700
    assert found == expected


def years() -> Iterator[datetime]:
    return (datetime(year, 1, 1, tzinfo=UTC) for year in range(2009, 2017))


# -- what 0.1.0 had stored -------------------------------------------------------------------------


async def test_what_an_earlier_version_stored_goes_on(platform: Platform) -> None:
    opened = await asyncpg.connect(platform.admin_dsn)
    folder = files("services.dispatch") / "migrations"
    try:
        await opened.execute("CREATE SCHEMA before; SET search_path = before")
        await opened.execute((folder / "0002_dispatch.sql").read_text("utf-8"))
        call = (
            '{"incident_id": "I-1", "external_number": null, "call": {}, "location": '
            '{"latitude": 1, "longitude": 2}, "classification": "emergency", "opened_at": '
            '"2026-03-01T08:00:00Z", "encounter_ids": ["E-1"]%s}'
        )
        for number, more in (("I-1", ""), ("I-2", ', "merged_into": "I-1"'),
                             ("I-3", ', "closed_at": "2026-03-01T09:00:00Z"')):  # fmt: skip
            await opened.execute("INSERT INTO incidents VALUES ($1, 7, $2)", number, call % more)
        leg = '{"leg_id": "I-1.U.a-1.2", "incident_id": "I-1", "stamps": []}'
        unit = '{"unit_id": "U.a-1", "status": "departed", "legs": 2, "leg": %s}'
        await opened.execute("INSERT INTO units VALUES ('U.a-1', 3, $1)", unit % leg)
        leg, unit = leg.replace("I-1.U.a-1.2", "I-2.U.b.1"), unit.replace("U.a-1", "U.b")
        of_merged = unit % leg.replace("I-1", "I-2")
        await opened.execute("INSERT INTO units VALUES ('U.b', 3, $1)", of_merged)
        for name, status, source, second in (
            ("I-2.U.b.1", "notified", "dispatcher", 0),
            ("I-1.U.a-1.1", "notified", "dispatcher", 0),
            ("I-1.U.a-1.2", "notified", "dispatcher", 9),
            ("I-1.U.a-1.2", "departed", "crew", 90), ("I-1.U.a-1.2", "departed", "gps", 99),
        ):  # fmt: skip
            at = datetime(2026, 3, 1, 8, tzinfo=UTC) + timedelta(seconds=second)
            await opened.execute(
                "INSERT INTO stamps VALUES ($1, $2, $3, $4)", name, status, source, at
            )
        for later in ("0003_dispatches", "0004_movements", "0005_register", "0006_restated",
                      "0007_board", "0008_merged"):  # fmt: skip
            await opened.execute((folder / f"{later}.sql").read_text("utf-8"))
        row, other = await opened.fetch("SELECT state FROM units ORDER BY id")
        known, merged = (Unit.model_validate_json(each["state"]) for each in (row, other))
        assert merged.leg is not None
        assert (merged.leg.incident_id, merged.leg.sent_to) == ("I-1", "I-2")
        assert [*(await store.legs_by_id(opened, ["I-2.U.b.1"])).values()] == [merged.leg]
        assert known.leg is not None
        assert [s.status for s in known.leg.stamps] == ["notified", "departed", "departed"]
        legs = await store.legs_by_id(opened, ["I-1.U.a-1.1", "I-1.U.a-1.2"])
        assert {leg.unit_id for leg in legs.values()} == {"U.a-1"}
        assert legs["I-1.U.a-1.2"] == known.leg
        columns = await opened.fetchrow("SELECT * FROM legs WHERE id = 'I-1.U.a-1.2'")
        dispatch = known.leg.dispatch()
        for name, value in dispatch._asdict().items():
            assert columns is not None
            assert columns["id" if name == "leg_id" else name] == value, name
        rows = await opened.fetch("SELECT state, standing FROM incidents ORDER BY id")
        assert [r["standing"] for r in rows] == ["open", "merged", "closed"]
        standing = [Incident.model_validate_json(r["state"]).standing for r in rows]
        assert standing == ["open", "merged", "closed"]
    finally:
        await opened.execute("DROP SCHEMA IF EXISTS before CASCADE")
        await opened.close()
