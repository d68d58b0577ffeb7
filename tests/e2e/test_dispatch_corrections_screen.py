"""What turns out otherwise, entered on the dispatch board, and what dispatch knows afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, Locator, expect

from services.kit.role import Role
from services.kit.settings import Settings
from tests.boards import Site, somebody
from tests.dispatch_room import Room, asked, confirmed, opened, pictures, pressed, row
from tests.platform import Platform
from tests.services import now

pytestmark = pytest.mark.needs_chromium

PEOPLE = (somebody("dispatcher-1", Role.DISPATCHER),)
LACKS = "请补全必填项"
ZONE = ZoneInfo(Settings().time_zone)


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("corrections"), PEOPLE)
    async with made.open("dispatch", "bridge"):
        yield made


async def at(time: Locator, moment: datetime) -> None:
    """It really was then, by the clock on the wall."""
    await time.get_by_role("button", name="实为", exact=True).click()
    there = moment.astimezone(ZONE)
    await time.get_by_label("日期").fill(f"{there:%Y-%m-%d}")
    await time.get_by_label("时间").fill(f"{there:%H:%M:%S}")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_times_of_a_call_are_corrected_with_a_reason_and_the_clock_follows(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("云龙湖 3 号", 10)
    before = (await room.shown(call))["call"]
    earlier = moment(before["accepted_at"]).replace(microsecond=0) - timedelta(seconds=50)
    async with room.sits(chrome) as page:
        await opened(page, call)
        dialog = await asked(page, "更正来电时刻")
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(LACKS)
        times = dialog.locator("fieldset.time")
        await at(times.nth(2), earlier)
        await times.nth(0).get_by_role("button", name="从未发生").click()
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(LACKS)
        await dialog.get_by_label("理由").fill("来电系统时钟快了")
        await pictures(page, "call-times", ("zh",))
        await confirmed(dialog)
        await expect(page.locator(".opened .times")).to_contain_text("振铃 未知")
    after = await room.shown(call)
    assert after["call"]["received_at"] is None
    assert after["call"]["answered_at"] == before["answered_at"]
    assert moment(after["call"]["accepted_at"]) == earlier
    kept = (await room.read(f"incidents/{call.incident}"))["earlier_calls"]
    assert [each["reason"] for each in kept] == ["来电系统时钟快了"]
    (clock,) = after["clocks"]
    assert moment(clock["began_at"]) == earlier


async def test_a_stamp_is_entered_at_another_time_and_corrected(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("彭城路 1 号", 200)
    await room.send(call, "U-00", 180)
    async with room.sits(chrome) as page:
        await opened(page, call)
        dialog = await asked(page, "记时刻")
        await dialog.get_by_role("button", name="出车", exact=True).click()
        await dialog.get_by_role("button", name="另一时刻").click()
        left = (datetime.now(ZONE) - timedelta(seconds=100)).replace(microsecond=0)
        await dialog.get_by_label("时间").fill(f"{left:%H:%M:%S}")
        await dialog.get_by_label("日期").fill(f"{left:%Y-%m-%d}")
        await confirmed(dialog)
        stamp = page.locator(".opened .stamps li", has_text="出车")
        await expect(stamp).to_contain_text(f"{left:%H:%M:%S}")
        (leg,) = (await room.shown(call))["legs"]
        (entered,) = [each for each in leg["stamps"] if each["status"] == "departed"]
        assert (moment(entered["occurred_at"]), entered["source"]) == (left, "dispatcher")

        await stamp.locator("button.at").click()
        dialog = page.locator("dialog")
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(LACKS)
        later = left + timedelta(seconds=40)
        await at(dialog.locator("fieldset.time"), later)
        await dialog.get_by_label("理由").fill("车组按晚了，按行车记录仪")
        await pictures(page, "stamp-time", ("zh",))
        await confirmed(dialog)
        await expect(stamp).to_contain_text(f"{later:%H:%M:%S}")
        await expect(stamp).to_contain_text("已更正")
        (leg,) = (await room.shown(call))["legs"]
        (told,) = leg["corrections"]
        assert (moment(told["occurred_at"]), told["corrected_by"]) == (later, "dispatcher-1")
        assert entered in leg["stamps"], "what stood before is kept"

        await stamp.locator("button.at").click()
        dialog = page.locator("dialog")
        await dialog.get_by_role("button", name="从未发生").click()
        await dialog.get_by_label("理由").fill("没有出车")
        await confirmed(dialog)
        await expect(stamp).to_have_count(0)
    (leg,) = (await room.shown(call))["legs"]
    assert leg["corrections"][-1]["occurred_at"] is None


async def test_a_call_that_was_merged_and_is_another_after_all_is_split_off(
    room: Room, chrome: Browser
) -> None:
    one, other = await room.call("复兴路 1 号"), await room.call("复兴路 3 号")
    into = {"into": one.incident, "occurred_at": now()}
    await room.desk.do("POST", f"/v1/incidents/{other.incident}/merge", into)
    async with room.sits(chrome) as page:
        await opened(page, other)
        await expect(page.locator(".opened .merged")).to_contain_text("复兴路 1 号")
        await opened(page, one)  # there it may be split off as well
        await expect(page.locator(".opened .merged")).to_contain_text("复兴路 3 号")
        dialog = await asked(page, "拆分：是另一呼叫")
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(LACKS)
        await dialog.get_by_label("理由").fill("两起事故")
        await pictures(page, "unmerge", ("zh",))
        await confirmed(dialog)
        await expect(row(page, other).locator(".tag")).to_have_count(0)
        await expect(row(page, other)).to_contain_text("尚未派车")
        await expect(page.locator(".opened .merged")).to_have_count(0)
    split = await room.shown(other)
    assert (split["standing"], split["merged_into"]) == ("open", None)
    assert [each["outcome"] for each in split["patients"]][-1] is None


async def test_who_is_called_back_and_more_patients_are_entered(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("民主路 7 号")
    async with room.sits(chrome) as page:
        await opened(page, call)
        dialog = await asked(page, "回拨")
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(LACKS)
        await dialog.get_by_role("button", name="无人接听").click()
        await confirmed(dialog)
        dialog = await asked(page, "增加患者")
        await dialog.get_by_role("button", name="+2", exact=True).click()
        await pictures(page, "more-patients", ("zh",))
        await confirmed(dialog)
        await expect(page.locator(".opened .patient")).to_have_count(3)
    assert len((await room.shown(call))["patients"]) == 3


async def test_how_a_crew_is_called_stands_beside_its_unit(room: Room, chrome: Browser) -> None:
    await room.registers()
    told: dict[str, Any] = {"station_id": "S-0", "kind": "monitoring", "occurred_at": now()}
    await room.desk.do("PUT", "/v1/units/U-00", {**told, "call_back": "0516 8500 0120"})
    call = await room.call("新城区 2 号")
    await room.send(call, "U-00")
    async with room.sits(chrome) as page:
        number = (await opened(page, call)).locator(".leg .call-unit")
        await expect(number).to_have_attribute("href", "tel:051685000120")
        await page.get_by_role("tab", name="单元").click()
        await expect(page.locator(".units .call-unit")).to_have_count(1)
        await pictures(page, "unit-phones", ("zh",))
