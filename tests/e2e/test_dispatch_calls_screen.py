"""What a dispatcher corrects about a call by the board, and how a call comes to its end there."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from schemas.unit import UnitDirected
from services.kit import postgres
from services.kit.role import Role
from services.kit.settings import Settings
from tests.boards import Site, somebody
from tests.dispatch_room import (
    LACKS,
    Room,
    asked,
    confirmed,
    opened,
    pictures,
    pressed,
    ring,
    row,
)
from tests.journey import STATION, called
from tests.platform import Platform
from tests.services import Watcher, now, until

pytestmark = pytest.mark.needs_chromium

PEOPLE = (somebody("dispatcher-1", Role.DISPATCHER),)
FALL = {"complaint": "trauma", "complaint_text": "从梯子上摔下"}


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("calls"), PEOPLE)
    async with made.open("dispatch"):
        yield made


async def test_two_calls_about_one_event_become_one(room: Room, chrome: Browser) -> None:
    first = await room.call("人民路 128 号", 20, patients=[FALL])
    again = await room.call("人民路口", patients=[FALL])
    other = await room.call("人民路 128 号", 5, patients=[FALL])
    async with room.sits(chrome) as page:
        await opened(page, again)
        dialog = await asked(page, "合并")
        choices = dialog.locator(".choice button")
        await expect(choices).to_have_count(2)
        texts = await choices.all_inner_texts()
        assert len(set(texts)) == 2, "two calls from one place are told apart"
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(LACKS)
        await choices.first.click()  # in the order in which they were entered
        await expect(dialog).to_contain_text("患者与来电人原话都不转入所选呼叫")
        await expect(dialog.locator(".against")).to_have_count(0)
        await expect(dialog.locator(".wrong")).to_have_count(0)
        await pictures(page, "merge", ("zh",))
        await confirmed(dialog)
        # The board goes to the call that goes on, which says what the other one said.
        merged = page.locator(f".opened [data-merged='{again.incident}']")
        await expect(merged).to_contain_text(
            "已并入此呼叫： 人民路口 · 外伤：从梯子上摔下 · 患者 1 人"
        )
        await expect(row(page, first)).to_have_class(re.compile("is-opened"))
        await pictures(page, "merged-here", ("zh", "en"))
        dialog = await asked(page, "拆分：是另一呼叫")
        await expect(dialog).to_contain_text("此呼叫从「人民路 128 号」拆出")
        await dialog.get_by_role("button", name="取消", exact=True).click()
        await merged.get_by_role("button", name="打开").click()
        await expect(row(page, again).locator(".tag")).to_have_text("已合并")
        await expect(page.locator(".opened .merged span")).to_have_text("已并入「人民路 128 号」")
        await expect(page.locator(".patient .outcome")).to_have_text("已合并")
        await pictures(page, "merged")
    shown = await room.shown(again)
    assert (shown["standing"], shown["merged_into"]) == ("merged", first.incident)
    assert [each["outcome"] for each in shown["patients"]] == ["merged"]
    assert {(await room.shown(each))["standing"] for each in (first, other)} == {"open"}


async def test_what_was_merged_stays_with_the_call_that_goes_on(
    room: Room, chrome: Browser
) -> None:
    first, again, third = [await room.call(f"人民路 {n} 号", patients=[FALL]) for n in (1, 2, 3)]
    for one, into in ((again, first), (first, third)):
        told = {"into": into.incident, "occurred_at": now()}
        await room.desk.do("POST", f"/v1/incidents/{one.incident}/merge", told)
    settings = Settings(postgres_dsn=room.site.platform.dsn("dispatch"))
    async with await postgres.connect(settings, "dispatch", size=1) as pool:
        await pool.execute("UPDATE incidents SET ended_at = ended_at - interval '1 hour'")
    shown = [each["incident_id"] for each in (await room.read("overview"))["incidents"]]
    assert sorted(shown) == sorted(each.incident for each in (first, again, third))
    async with room.sits(chrome) as page:
        await opened(page, third)
        await expect(page.locator(".opened [data-merged]")).to_have_count(2)
    closed = {"reason": "来电人取消", "occurred_at": now()}
    await room.desk.do("POST", f"/v1/incidents/{third.incident}/dismissed", closed)
    await room.desk.do("POST", f"/v1/incidents/{third.incident}/closed", {"occurred_at": now()})
    shown = [each["incident_id"] for each in (await room.read("overview"))["incidents"]]
    assert shown == [third.incident], "the others ended long ago"


async def test_a_call_with_more_patients_than_the_other_says_so_before_it_is_merged(
    room: Room, chrome: Browser
) -> None:
    first = await room.call("人民路 128 号", 20, patients=[FALL])
    again = await room.call("人民路口", patients=[FALL, FALL])
    async with room.sits(chrome) as page:
        # What was said of both is said once, with the complaint that was chosen.
        await expect(row(page, again).locator(".problem")).to_have_text("外伤：从梯子上摔下")
        await opened(page, again)
        dialog = await asked(page, "合并")
        await dialog.locator(".choice button").click()
        await expect(dialog.locator(".against")).to_contain_text("此呼叫患者 2 人，所选呼叫 1 人")
    assert (await room.shown(first))["standing"] == "open"


async def test_a_row_at_which_somebody_aims_stays_where_it_is(room: Room, chrome: Browser) -> None:
    calls = [await room.call(f"人民路 {n} 号", n, patients=[FALL]) for n in (20, 10)]
    async with room.sits(chrome) as page:
        rows = page.locator("[data-call] .open")
        await expect(rows).to_have_text([re.compile("人民路 20 号"), re.compile("人民路 10 号")])
        box = await row(page, calls[0]).bounding_box()
        assert box is not None
        places = itertools.cycle((4, 8))

        async def are_three() -> bool:
            await page.mouse.move(box["x"] + next(places), box["y"] + 8)
            return await rows.count() == 3

        await are_three()
        await room.call("解放路 1 号", 35, patients=[FALL])
        await until(are_three)
        await expect(rows.first).to_contain_text("人民路 20 号")
        await expect(rows.last).to_contain_text("解放路 1 号")
        await page.locator(".calls .list-changed").click()
        await expect(rows.first).to_contain_text("解放路 1 号")
        await expect(page.locator(".calls .list-changed")).to_have_count(0)


async def test_a_call_whose_patient_a_crew_has_reached_is_not_merged_and_that_is_told(
    room: Room, chrome: Browser
) -> None:
    (one,) = await called(room.site, FALL)
    await one.crew.do("POST", f"{one.path}/reached", {"unit_id": one.unit, "occurred_at": now()})
    await room.call("人民路口", patients=[FALL])
    async with room.sits(chrome, refused=[409]) as page:
        await opened(page, one)
        dialog = await asked(page, "合并")
        await dialog.locator(".choice button").click()
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_contain_text("请打开另一呼叫，并入此呼叫")
    assert (await room.shown(one))["standing"] == "open"


async def test_a_place_is_corrected_on_the_map_and_the_unit_on_its_way_is_told(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("人民路")
    await room.send(call, "U-00")
    async with room.sits(chrome) as page, Watcher(room.site.platform, "dispatch-units") as heard:
        await opened(page, call)
        dialog = await asked(page, "更正位置")
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(LACKS)
        await dialog.locator(".map").click(position={"x": 120, "y": 90})
        await expect(dialog.locator(".wrong")).to_have_count(0)
        await dialog.locator("[name=address]").fill("人民路 128 号 3 单元")
        await dialog.get_by_label("理由").fill("来电人改口")
        await expect(dialog.get_by_role("button", name="GPS（WGS-84）")).to_have_attribute(
            "aria-pressed", "true"
        )
        latitude, longitude = [
            float(await dialog.locator(f"[name={name}]").input_value())
            for name in ("latitude", "longitude")
        ]
        await pictures(page, "location", ("zh",))
        await confirmed(dialog)
        await expect(row(page, call)).to_contain_text("人民路 128 号 3 单元")
        place = page.locator(".opened .place")
        await expect(place).to_have_text(f"{latitude:.5f}, {longitude:.5f} · 调度员录入")
        (told,) = await until(lambda: heard.of(UnitDirected))
        assert (told.unit_id, told.place) == ("U-00", "scene")
        assert (told.point.latitude, told.point.longitude) == (latitude, longitude)
    known = await room.read(f"incidents/{call.incident}")
    assert (known["location"]["latitude"], known["location"]["longitude"]) == (latitude, longitude)
    assert (latitude, longitude) != (STATION["latitude"], STATION["longitude"])
    (before,) = known["earlier_locations"]
    assert (before["location"]["address"], before["reason"]) == ("人民路", "来电人改口")


async def test_a_place_read_off_another_map_needs_to_be_told_as_that(
    room: Room, chrome: Browser
) -> None:
    call = await room.call("人民路")
    async with room.sits(chrome) as page:
        await opened(page, call)
        dialog = await asked(page, "更正位置")
        await dialog.locator("[name=latitude]").fill("34.26")
        await dialog.locator("[name=longitude]").fill("117.19")
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(LACKS)
        await dialog.get_by_role("button", name="高德、腾讯（GCJ-02）").click()
        await confirmed(dialog)
        place = page.locator(".opened .place")
        await expect(place).to_contain_text("GCJ-02 34.26000, 117.19000")
    location = (await room.read(f"incidents/{call.incident}"))["location"]
    assert location["given"] == {"system": "GCJ-02", "latitude": 34.26, "longitude": 117.19}
    assert 0.0005 < abs(location["longitude"] - 117.19) < 0.02, "some hundred metres apart"


async def test_a_transfer_that_becomes_an_emergency_goes_over_with_its_clock_and_back(
    room: Room, chrome: Browser
) -> None:
    call = await room.call("康宁路 3 号", 600, classification="non_emergency_transfer")
    async with room.sits(chrome) as page:
        tabs = page.locator("[role=tab]")
        await tabs.nth(1).click()
        await opened(page, call)
        await expect(row(page, call).locator("[data-phase]")).to_have_count(0)
        dialog = await asked(page, "更正类别")
        await expect(dialog.locator(".aside")).to_have_text("现为：非急救转运")
        await expect(dialog.locator(".choice button")).to_have_text(["急救", "保障", "演练"])
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(LACKS)
        await dialog.get_by_role("button", name="急救", exact=True).click()
        await pictures(page, "class", ("zh",))
        await confirmed(dialog)
        await expect(row(page, call)).to_have_count(0)
        await expect(tabs.nth(0)).to_have_text("急救 1")
        await tabs.nth(0).click()
        # Its minute begins now, however long it has been known.
        await expect(ring(row(page, call), 0)).to_have_attribute("data-phase", "runs")
        await pictures(page, "emergency")
        shown = await room.shown(call)
        assert (shown["classification"], shown["opened_as"]) == (
            "emergency",
            "non_emergency_transfer",
        )
        (clock,) = shown["clocks"]
        assert clock["began_at"] == shown["emergency_since"]

        dialog = await asked(page, "更正类别")
        await dialog.get_by_role("button", name="非急救转运").click()
        await confirmed(dialog)
        await expect(row(page, call)).to_have_count(0)
        await expect(tabs.nth(1)).to_have_text("非急救转运 1")
    shown = await room.shown(call)
    assert (shown["classification"], shown["clocks"]) == ("non_emergency_transfer", [])


async def test_a_call_is_held_resumed_told_to_be_a_nuisance_and_closed(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("云龙湖东路")
    tag = "[data-call] .tag"

    async def becomes(button: str, standing: str, shown: str | None) -> None:
        dialog = await asked(page, button)
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(LACKS)
        await dialog.get_by_label("理由").fill("来电人要求")
        await confirmed(dialog)
        await expect(page.locator(tag)).to_have_text([shown] if shown else [])
        assert (await room.shown(call))["standing"] == standing

    async with room.sits(chrome) as page:
        await opened(page, call)
        await becomes("暂缓", "held", "暂缓")
        await expect(page.locator(".opened .advised")).to_be_visible()
        await becomes("恢复", "open", None)
        await becomes("骚扰电话", "nuisance", "骚扰电话")
        await expect(page.locator(".opened .advised")).to_have_count(0)
        assert await room.read("waiting-calls") == []
        await pictures(page, "nuisance")
        await confirmed(await asked(page, "结束"))
        await expect(page.locator(tag)).to_have_text("已结束")
        await expect(page.locator(".patient .outcome")).to_have_text("无患者")
    shown = await room.shown(call)
    assert shown["standing"] == "closed"
    assert [each["outcome"] for each in shown["patients"]] == ["no_patient"]


async def test_a_call_whose_caller_was_lost_is_open_again_when_a_unit_is_sent(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call(None)
    async with room.sits(chrome) as page:
        await opened(page, call)
        await confirmed(await asked(page, "来电人失联"))
        await expect(row(page, call).locator(".tag")).to_have_text("来电人失联")
        assert (await room.shown(call))["standing"] == "abandoned"
        await page.locator(".opened").get_by_role("button", name="再派一辆").click()
        await page.locator(".opened [data-unit='U-00'] button").click()
        await confirmed(page.locator("dialog"))
        await expect(row(page, call)).to_contain_text("U-00 已派，未接令")
        await expect(row(page, call).locator(".tag")).to_have_count(0)
    shown = await room.shown(call)
    assert (shown["standing"], [leg["unit_id"] for leg in shown["legs"]]) == ("open", ["U-00"])


@pytest.mark.parametrize(
    ("stamps", "is_waiting"),
    [
        (("available",), False),
        (("left_scene", "at_destination", "available"), False),
        (("left_scene", "at_destination", "returning"), False),
        (("out_of_service",), True),
    ],
)
async def test_a_call_that_was_served_waits_for_no_unit_though_its_patient_has_no_outcome_yet(
    room: Room, chrome: Browser, stamps: tuple[str, ...], is_waiting: bool
) -> None:
    (one,) = await called(room.site, FALL)
    async with room.sits(chrome) as page:
        await expect(row(page, one)).to_contain_text(f"{one.unit} 已派，未接令")
        for status in ("departed", "on_scene", *stamps):
            stamp = {"status": status, "occurred_at": now()}
            await one.crew.do("POST", f"/v1/units/{one.unit}/stamps", stamp)
        ended = "停运" if is_waiting else "返回" if stamps[-1] == "returning" else "待命"
        await expect(row(page, one)).to_contain_text(f"{one.unit} {ended}")
        await expect(row(page, one).locator(".nobody-sent")).to_have_count(int(is_waiting))
        await expect(page.locator(".head")).to_contain_text(
            f"进行中 {int(is_waiting)} · 待派 {int(is_waiting)}"
        )
        tab = page.locator("#view-tab-emergency")
        await expect(tab).to_have_text(f"急救 {int(is_waiting)}")
        served = row(page, one).get_by_text("单元均已完成")
        await expect(served).to_have_count(int(not is_waiting))
    assert [each["outcome"] for each in (await room.shown(one))["patients"]] == [None]
    waiting = [each["incident_id"] for each in await room.read("waiting-calls")]
    assert waiting == ([one.incident] if is_waiting else [])
