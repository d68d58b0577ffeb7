"""What a dispatcher does with units and hospitals by the board, and what dispatch knows then."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from schemas.unit import UnitAssigned
from services.kit.role import Role
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
from tests.journey import CRITICAL, SCENE, WELL, Traveller, called
from tests.platform import Platform
from tests.services import Caller, Watcher, now, until

pytestmark = pytest.mark.needs_chromium

PEOPLE = (somebody("dispatcher-1", Role.DISPATCHER),)
FEVER = {"age": {"years": 30}, "sex": "male", "complaint": "fever"}
NONE_FITS = "没有可派的单元：可动用机动力量"
#: A clock that goes on, be it over its limit.
RUNNING = re.compile("runs|near|late")
ARREST = {"complaint": "cardiac_arrest", "complaint_text": "没有呼吸"}


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("acts"), PEOPLE)
    async with made.open("dispatch", "gateway", "triage", "bridge"):
        yield made


async def has_level(room: Room, one: Traveller, *levels: str) -> None:
    async def holds() -> bool:
        return (await room.read(f"encounters/{one.encounter}"))["level"] in levels

    await until(holds, 40)


async def underway(room: Room, *, is_registered: bool = True) -> Traveller:
    """Somebody who is not badly ill, and a unit that is on its way to them: there is no other."""
    (one,) = await called(room.site, FEVER)
    if is_registered:
        await room.register_station(0)
        await room.register_unit(one.unit, "S-0")
    await one.reading(WELL)
    await has_level(room, one, "urgent", "non_urgent")
    return one


async def test_a_unit_is_diverted_to_a_graver_call_and_the_one_it_was_on_waits_again(
    room: Room, chrome: Browser
) -> None:
    mild = await underway(room)
    (before,) = (await room.shown(mild))["legs"]
    grave = await room.call("解放路 9 号", patients=[ARREST])
    async with room.sits(chrome) as page, Watcher(room.site.platform, "dispatch-units") as heard:
        offered = (await opened(page, grave)).locator(f"[data-unit='{mild.unit}']")
        await expect(offered.locator(".diverts")).to_have_text(f"将从「{SCENE['address']}」撤出")
        await offered.get_by_role("button", name="改派…").click()
        dialog = page.locator("dialog")
        await expect(dialog.locator("h2")).to_have_text(f"改派 {mild.unit}")
        await expect(dialog.locator(".against")).to_contain_text("该呼叫将重新待派")
        await pictures(page, "divert", ("zh",))
        await confirmed(dialog)
        await expect(row(page, grave)).to_contain_text(f"{mild.unit} 已派，未接令")
        await expect(ring(row(page, grave), 0)).to_have_attribute("data-phase", "kept")
        await expect(row(page, mild)).to_contain_text("单元已撤回，重新待派")
        await expect(ring(row(page, mild), 0)).to_have_attribute("data-phase", RUNNING)
        await pictures(page, "diverted")
        (left,), (leg,) = [(await room.shown(each))["legs"] for each in (mild, grave)]
        assert left["leg_id"] == before["leg_id"]
        assert last(left) == ("stood_down", "dispatcher")
        assert last(leg) == ("notified", "dispatcher")
        waiting = [each["incident_id"] for each in await room.read("waiting-calls")]
        assert waiting == [mild.incident]
        (told,) = await until(lambda: heard.of(UnitAssigned))
        assert told.diverted_from == before["leg_id"]
        assert (told.unit_id, told.chosen_by) == (mild.unit, "dispatcher-1")


async def test_a_call_that_has_grown_as_grave_keeps_its_unit_and_nobody_is_said_to_have_taken_it(
    room: Room, chrome: Browser
) -> None:
    mild = await underway(room)
    grave = await room.call("解放路 9 号", patients=[ARREST])
    async with room.sits(chrome, refused=[409]) as page:
        await opened(page, grave)
        dialog = await asked(page, "改派…")
        await mild.reading(CRITICAL)
        await has_level(room, mild, "critical")
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_contain_text("只能改派给更重的患者")
    assert (await room.shown(grave))["legs"] == []
    unit = await room.unit(mild.unit)
    assert (unit["status"], unit["leg"]["incident_id"]) == ("notified", mild.incident)


async def test_a_unit_of_which_nobody_knows_the_station_is_named_and_not_to_be_sent_from_here(
    room: Room, chrome: Browser
) -> None:
    mild = await underway(room, is_registered=False)
    grave = await room.call("解放路 9 号", patients=[ARREST])
    async with room.sits(chrome) as page:
        offered = (await opened(page, grave)).locator(f"[data-unit='{mild.unit}']")
        await expect(offered.locator(".con", has_text="未登记")).to_be_visible()
        await expect(offered.locator(".none")).to_have_text("请先登记其站点")
        await expect(offered.locator("button")).to_have_count(0)
        await pictures(page, "stationless")


async def test_a_unit_is_sent_in_place_of_another_which_is_called_back(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("淮海路 5 号")
    await room.send(call, "U-00", 30)
    async with room.sits(chrome) as page:
        leg = (await opened(page, call)).locator(".leg").first
        await leg.get_by_role("button", name="换车…").click()
        await expect(leg.locator("[data-unit]")).to_have_count(4)
        await expect(leg.locator("[data-unit='U-00']")).to_have_count(0)
        unit = await leg.locator("[data-unit]").first.get_attribute("data-unit")
        await leg.get_by_role("button", name="换此车").first.click()
        dialog = page.locator("dialog")
        await expect(dialog.locator("h2")).to_have_text(f"由 {unit} 接替 U-00")
        await expect(dialog.locator(".against")).to_have_text("U-00 将被召回")
        await pictures(page, "replace", ("zh",))
        await confirmed(dialog)
        heads = page.locator(".leg .leg-head")
        await expect(heads).to_contain_text([f"{unit} 已派，未接令", "U-00 已召回"])
        await expect(heads.first).to_contain_text("接替 U-00")
        await expect(row(page, call).locator(".unit-line")).to_have_count(1)
        await expect(row(page, call).locator(".unit-line")).to_contain_text(f"{unit}")
        await expect(ring(row(page, call), 1)).to_have_attribute("data-phase", "runs")
        await pictures(page, "replaced")
    old, new = (await room.shown(call))["legs"]
    assert (new["unit_id"], new["replaces"]) == (unit, old["leg_id"])
    assert (last(old), last(new)) == (("stood_down", "dispatcher"), ("notified", "dispatcher"))
    assert await room.read("waiting-calls") == []


async def test_a_unit_is_called_back_the_patient_ends_as_stood_down_and_the_call_is_closed(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("汉源大道 8 号")
    await room.send(call, "U-00")
    async with room.sits(chrome, refused=[409]) as page:
        await opened(page, call)
        dialog = await asked(page, "记时刻")
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(LACKS)
        await dialog.get_by_role("button", name="召回", exact=True).click()
        await confirmed(dialog)
        await expect(row(page, call)).to_contain_text("单元已撤回，重新待派")
        (leg,) = (await room.shown(call))["legs"]
        assert last(leg) == ("stood_down", "dispatcher")
        assert (await room.unit("U-00"))["status"] == "stood_down"

        # Who has no outcome keeps the call open, and that is said.
        dialog = await asked(page, "结束")
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(
            "还有患者没有结局：请先记录每位患者的结局。"
        )
        await dialog.get_by_role("button", name="取消", exact=True).click()
        dialog = await asked(page, "结局")
        await dialog.get_by_role("button", name="任务取消").click()
        await confirmed(dialog)
        await expect(page.locator(".patient .outcome")).to_have_text("任务取消")
        await expect(row(page, call).locator(".nobody-sent")).to_have_count(0)
        await confirmed(await asked(page, "结束"))
        await expect(row(page, call).locator(".tag")).to_have_text("已结束")
        await expect(page.locator(".opened").get_by_role("button", name="更正位置")).to_have_count(
            0
        )
    shown = await room.shown(call)
    assert shown["standing"] == "closed"
    assert [each["outcome"] for each in shown["patients"]] == ["stood_down"]


async def test_the_mobile_force_is_called_up_sent_and_released_again(
    room: Room, chrome: Browser
) -> None:
    await room.register_station(0)
    for unit in ("U-00", "U-01"):
        await room.register_unit(unit, "S-0", "mobile")
    call, later = [await room.call(f"铜山路 {n} 号") for n in (1, 2)]
    async with room.sits(chrome) as page:
        offered = page.locator(".opened [role=status]").last
        await opened(page, call)
        await expect(offered).to_contain_text(NONE_FITS)
        await page.get_by_role("tab", name="单元").click()
        await expect(page.locator(".units tbody")).to_have_text(re.compile("(未动用.*){2}"))
        dialog = await asked(page, "动用机动力量")
        await pressed(dialog)
        await expect(dialog.locator(".wrong")).to_have_text(LACKS)
        await dialog.get_by_label("理由").fill("商场坍塌")
        await pictures(page, "force", ("zh",))
        await pressed(dialog)
        await expect(page.locator(".notice")).to_contain_text("2 个单元可以派出")
        await expect(page.locator(".units tbody")).to_have_text(re.compile("(已动用.*){2}"))
        mobilised = [each["mobilised"]["reason"] for each in await room.read("units")]
        assert mobilised == ["商场坍塌"] * 2
        await page.get_by_role("tab", name="急救").first.click()
        await page.locator(".opened [data-unit='U-00'] button").click()
        await confirmed(page.locator("dialog"))
        await expect(row(page, call)).to_contain_text("U-00 已派，未接令")

        await page.get_by_role("tab", name="单元").click()
        await pressed(await asked(page, "解除机动力量"))
        await expect(page.locator(".notice", has_text="2 个单元已解除")).to_be_visible()
        assert [each["mobilised"] for each in await room.read("units")] == [None, None]
        assert (await room.unit("U-00"))["leg"]["incident_id"] == call.incident, "it goes on"
        await page.get_by_role("tab", name="急救").first.click()
        await opened(page, later)
        await expect(offered).to_contain_text(NONE_FITS)


async def test_a_hospital_that_proposes_another_is_told_that_the_patient_goes_there(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("建设路小学", patients=[{"complaint": "stroke"}])
    (encounter,) = call.encounters
    first, second = [Caller(room.site["bridge"], Role.CENTRE, f"F-{n}") for n in (0, 1)]

    async def sees(hospital: Caller, name: str) -> int:
        path = f"/v1/facilities/{name}/encounters/{encounter}"
        return (await hospital.send("GET", path)).status_code

    async def knows(hospital: Caller, name: str, status: int) -> None:
        async def holds() -> bool:
            return await sees(hospital, name) == status

        await until(holds, 40)

    async with room.sits(chrome) as page:
        await opened(page, call)
        await page.get_by_role("button", name="选择医院").click()
        await page.locator("[data-facility='F-0'] button").click()
        await confirmed(page.locator("dialog"))
        await knows(first, "F-0", 200)
        proposal: dict[str, Any] = {"reason": "no_bed", "alternative_facility_id": "F-1"}
        path = f"/v1/facilities/F-0/encounters/{encounter}/redirect-request"
        await first.do("POST", path, {**proposal, "occurred_at": now()})
        await expect(row(page, call)).to_contain_text("市第一人民医院 · 建议改送 市中医院")
        # No board there has shown the patient, and it is to be telephoned: what it proposes stands.
        await expect(page.locator(".telephone")).to_contain_text("市第一人民医院")
        await expect(row(page, call)).to_contain_text("市第一人民医院 · 建议改送 市中医院")
        await page.get_by_role("button", name="另选医院").click()
        await expect(page.locator("[data-facility='F-0'] .chosen")).to_have_text("✓ 已选")
        await pictures(page, "redirect")
        await page.locator("[data-facility='F-1'] button").click()
        dialog = page.locator("dialog")
        await expect(dialog.locator(".against")).to_contain_text(
            "市第一人民医院 已收到此患者的预警，将通知其取消"
        )
        await confirmed(dialog)
        await expect(row(page, call)).to_contain_text(re.compile("市中医院 · (已告知|未应答)"))
        await expect(row(page, call)).not_to_contain_text("建议改送")
    assert (await room.read(f"encounters/{encounter}"))["destination"] == "F-1"
    await knows(second, "F-1", 200)
    await knows(first, "F-0", 404)


async def test_of_several_patients_each_is_told_by_their_number_and_the_list_closes(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    crash = {"complaint": "trauma", "complaint_text": "车祸两人"}
    call = await room.call("黄河路 2 号", patients=[crash, crash])
    async with room.sits(chrome) as page:
        await opened(page, call)
        patients = page.locator(".patient")
        for n, encounter in enumerate(call.encounters, 1):
            one = page.locator(f"[data-encounter='{encounter}']")
            await expect(one.locator("h4")).to_contain_text(f"{n} 号患者")
            await expect(one.locator("h4")).to_contain_text("外伤：车祸两人")
        second = patients.nth(1)
        await second.get_by_role("button", name="选择医院").click()
        await expect(second.locator(".aside")).to_have_text("2 号患者 · 推荐医院（由人选择）")
        await second.locator("[data-facility='F-1'] button").click()
        dialog = page.locator("dialog")
        await expect(dialog.locator("h2")).to_have_text("2 号患者送往 市中医院")
        await expect(dialog.locator(".confirms")).to_contain_text("2 号患者 · 性别未知 年龄未知")
        await pictures(page, "choose-of-two", ("zh",))
        await confirmed(dialog)
        await expect(page.locator(".notice")).to_contain_text("2 号患者：送往 市中医院，已选定")
        await expect(page.locator(".opened [data-facility]")).to_have_count(0)
        await expect(row(page, call).locator(".answers")).to_contain_text("2 号患者: 市中医院")
        await patients.first.get_by_role("button", name="结局").click()
        await expect(dialog.locator(".aside")).to_contain_text("1 号患者")
    first, second_one = [
        (await room.read(f"encounters/{e}"))["destination"] for e in call.encounters
    ]
    assert (first, second_one) == (None, "F-1")


async def test_a_list_of_units_keeps_its_order_until_somebody_asks_for_it_anew(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call, other = await room.call("淮海路 5 号"), await room.call("汉源大道 8 号")
    async with room.sits(chrome) as page:
        rows = (await opened(page, call)).locator("[data-unit]")
        await expect(rows).to_have_count(4)
        units = [await each.get_attribute("data-unit") for each in await rows.all()]
        assert units[0] is not None
        await room.send(other, units[0])
        # It stays under the pointer, and cannot be chosen any more.
        first = rows.first.get_by_role("button")
        await expect(first).to_be_disabled(timeout=15_000)
        await expect(first).to_have_text("已不可选")
        assert [await each.get_attribute("data-unit") for each in await rows.all()] == units
        await pictures(page, "list-held", ("zh", "en"))
        await page.locator(".opened .list-changed").click()
        await expect(rows.first).to_have_attribute("data-unit", units[1] or "")
        await expect(page.locator(".opened .list-changed")).to_have_count(0)


def last(leg: Any) -> tuple[str, str]:
    """The stamp of a dispatch that was given last, and by whose word."""
    stamp = leg["stamps"][-1]
    return stamp["status"], stamp["source"]
