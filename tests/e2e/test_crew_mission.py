"""A mission on a crew's phone: told, stamped, undone."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from playwright.async_api import expect

from services.kit.duty import SLACK
from tests.crew_phone import CHEST_PAIN, DISPATCH_PHONE, STROKE, UNKNOWN, Phone, vehicle
from tests.journey import called
from tests.services import until

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]


async def test_a_mission_arrives_and_is_stamped(phone: Phone) -> None:
    unit, page = await vehicle(phone.site), phone.page
    await phone.begin(unit)
    await called(phone.site, CHEST_PAIN, unit=unit)
    await expect(page.locator(".new-mission")).to_be_visible(timeout=15_000)
    await phone.shot("new-mission")
    await page.locator(".new-mission button").click()
    await expect(page.locator(".new-mission")).to_have_count(0)
    calls = page.get_by_role("link", name=f"致电调度 {DISPATCH_PHONE}")
    await expect(calls).to_have_attribute("href", "tel:051685000120")
    assert await phone.stamped(unit, "acknowledged") is None, "it can still be undone"
    await phone.shot("undo")
    await phone.send_now("stamp")
    await until(partial(phone.stamped, unit, "acknowledged"))
    # A slip: undone, and never sent. Then in earnest, but two minutes ago.
    await phone.stamp("departed").click()
    await page.locator("[data-held=stamp] .undo").click()
    await expect(page.locator(".held")).to_have_count(0)
    await phone.stamp("departed").click()
    tapped = datetime.now(UTC)
    held = page.locator("[data-held=stamp]")
    await held.get_by_role("button", name="更早…").click()
    await held.locator(".when button").nth(2).click()
    await phone.send_now("stamp")
    stamp = await until(partial(phone.stamped, unit, "departed"))
    before = tapped - datetime.fromisoformat(stamp["occurred_at"])
    assert timedelta(seconds=110) < before < timedelta(seconds=130)
    # One that was skipped is entered later, with its own time.
    await page.locator(".ahead button").first.click()
    await phone.send_now("stamp")
    await until(partial(phone.stamped, unit, "left_scene"))
    await page.locator(".skipped button").first.click()
    await page.locator("dialog .when button").nth(1).click()
    await page.locator("dialog .huge").click()
    await phone.send_now("stamp")
    late = await until(partial(phone.stamped, unit, "on_scene"))
    left = await phone.stamped(unit, "left_scene")
    assert late["occurred_at"] < left["occurred_at"]
    await phone.shot("driver")


async def test_what_satellites_saw_makes_no_stamp_one_that_was_skipped(phone: Phone) -> None:
    await phone.page.goto(f"{phone.site.url}/crew/")
    told = await phone.page.evaluate("""async () => {
      const { stampsOf } = await import("/static/crew/mission.js");
      const seen = { status: "departed", source: "gps", occurred_at: "2026-03-01T08:00:00Z" };
      const { next, skipped, later } = stampsOf({ leg: { leg_id: "L-1", stamps: [seen] } }, []);
      return { next, skipped, later: later.length }; }""")
    assert told == {"next": "acknowledged", "skipped": [], "later": 6}


async def test_a_time_that_can_hardly_be_is_told_from_one_that_can(phone: Phone) -> None:
    await phone.page.goto(f"{phone.site.url}/crew/")
    told = await phone.page.evaluate("""async () => {
      const { oddsOf, SLACK_MS } = await import("/static/crew/order.js");
      const T = Date.parse("2026-03-01T08:00:00Z");
      const iso = (min) => new Date(T + 60_000 * min).toISOString();
      const stamp = (status, min, source = "crew") => ({ status, source, occurred_at: iso(min) });
      const mission = { leg: { leg_id: "L-1", corrections: [], stamps: [
        stamp("notified", 0, "dispatch"), stamp("departed", 2), stamp("on_scene", 10),
        stamp("left_scene", 20), stamp("departed", 15, "gps")] } };
      const patients = [
        { encounter_id: "E-1", reached_at: iso(12) },
        { encounter_id: "E-2", boarded_at: iso(18.5), reached_at: iso(13) }];
      const duties = [{ duty_id: "D-1", began_at: iso(-10) }];
      const of = (kind, code, min, now = 30, leg = "L-1") => {
        const one = { kind, code, at: iso(min), lane: "E-1", leg, duty: "D-1", place: "new" };
        const odds = oddsOf(one, { mission, acts: [], patients, duties }, T + 60_000 * now);
        return odds.map((odd) => `${odd.is} ${odd.name ?? ""}`).join();
      };
      return [
        of("stamp", "acknowledged", 1), of("stamp", "acknowledged", -5),
        of("stamp", "acknowledged", 12), of("stamp", "at_destination", 25),
        of("stamp", "at_destination", 15), of("stamp", "at_destination", 19.5),
        of("stamp", "available", 40), of("stamp", "at_destination", 15, 30, "L-2"),
        of("boarding", "boarding", 14), of("boarding", "boarding", 11.5),
        of("boarding", "boarding", 8), of("boarding", "boarding", 21), of("reached", "reached", 5),
        of("stamp", "acknowledged", -13), of("stamp", "left_scene", 18.4),
        of("stamp", "left_scene", 18), of("stamp", "left_scene", 18.6),
        of("stamp", "left_scene", 9.9), of("stamp", "on_scene", 19), SLACK_MS / 1000,
      ]; }""")
    assert told == [
        "", "early notified", "late departed", "",
        "early left_scene", "early left_scene", "ahead ", "",
        "", "early reached", "early reached", "late left_scene", "early on_scene",
        "off ,early notified", "early boarding",
        # Of a time that was typed nobody knows the seconds.
        "", "", "early boarding", "late reached", SLACK.total_seconds(),
    ]  # fmt: skip


async def test_a_time_before_what_came_before_is_said_before_it_is_sent(phone: Phone) -> None:
    """In the bar in which it can be undone, and where a stamp is entered later."""
    (one,) = await phone.goes_to()
    page = phone.page
    await page.locator("[role=tab].of-unit").click()
    await phone.stamp("departed").click()
    held = page.locator("[data-held=stamp]")
    await expect(held.locator(".odd")).to_have_count(0)
    await held.get_by_role("button", name="更早…").click()
    # Nothing is chosen yet, and nothing goes out while somebody chooses.
    await expect(held.locator(".when [aria-pressed=true]")).to_have_count(0)
    await expect(held).to_contain_text("未发出：请选定时间")
    await held.locator(".when button").nth(2).click()
    await expect(held.locator(".odd")).to_contain_text("早于“接收命令”")
    await phone.shot("odd-time")
    await held.locator(".when button").nth(4).click()
    await expect(held.locator(".odd")).to_contain_text("早于上班时间")
    await expect(held.locator(".odd")).to_contain_text("早于“接收命令”")
    await held.get_by_role("button", name="就用此时间").click()
    # It would be refused: it waits for an answer, and longer than it is held.
    await expect(held).to_contain_text("未发出：请改时间，或撤销")
    await asyncio.sleep(11)
    await expect(held).to_contain_text("未发出：请改时间，或撤销")
    assert await phone.stamped(one.unit, "departed") is None
    await held.get_by_role("button", name="更早…").click()
    await held.locator(".when button").first.click()
    await expect(held.locator(".odd")).to_have_count(0)
    await held.get_by_role("button", name="就用此时间").click()
    await expect(held).to_contain_text("秒后发出")
    await phone.send_now("stamp")
    await page.locator(".ahead button").first.click()
    await phone.send_now("stamp")
    await until(partial(phone.stamped, one.unit, "left_scene"))
    await page.locator(".skipped button").first.click()
    sheet = page.locator("dialog.sheet")
    record = sheet.locator(".huge")
    await expect(sheet.locator(".odd")).to_contain_text("晚于“离开现场”")  # now
    await sheet.locator(".when button").nth(2).click()
    await expect(sheet.locator(".odd")).to_contain_text("早于“出车”")
    await expect(record).to_have_text("确实如此，仍然记录")
    await record.click()
    await phone.send_now("stamp")
    await until(partial(phone.stamped, one.unit, "on_scene"))
    # What was sent all the same stays marked, and it is said who corrects it.
    await expect(page.locator(".times li:has(> span:text-is('到达现场'))")).to_contain_text(
        "由调度更正"
    )
    await phone.shot("odd-sent")


async def test_a_unit_that_leaves_says_who_is_not_aboard_and_what_is_out_of_order(
    phone: Phone,
) -> None:
    one, two = await phone.goes_to(STROKE, UNKNOWN)
    page = phone.page
    await expect(page.locator(f"[data-tab='{two.encounter}']")).to_contain_text("身份不详")
    await phone.stamp("boarding").click()
    await phone.send_now("boarding")
    await until(partial(phone.fact, one, "boarded_at"))
    await expect(page.locator(f"[data-tab='{one.encounter}']")).to_contain_text("在车")
    await page.locator("[role=tab].of-unit").click()
    await page.locator(".ahead", has_text="离开现场").get_by_role("button").click()
    held = page.locator("[data-held=stamp]")
    behind = held.locator("p.odd", has_text="不在车上，也没有结局：2 号患者")
    await expect(behind).to_be_visible()
    await expect(held).not_to_contain_text("1 号患者")
    await held.get_by_role("button", name="更早…").click()
    await held.locator(".when button").nth(1).click()
    await expect(held).to_contain_text("早于“患者上车 · 1 号患者”")
    await phone.send_now("stamp")
    left = page.locator(".times li:has(> span:text-is('离开现场'))")
    await expect(left.locator(".odd")).to_contain_text("早于“患者上车 · 1 号患者”")
    await until(partial(phone.stamped, one.unit, "left_scene"))
    # Among what was entered of the patient too.
    await phone.show(one.encounter)
    sheet = await phone.open("more", "entered")
    await expect(sheet.locator("li", has_text="患者上车")).to_contain_text("晚于“离开现场”")


async def test_who_is_available_with_somebody_aboard_is_asked(phone: Phone) -> None:
    """And a patient of the call before is not shown as one of the next."""
    (one,) = await phone.goes_to()
    page = phone.page
    await phone.stamp("boarding").click()
    await phone.send_now("boarding")
    await until(partial(phone.fact, one, "boarded_at"))
    await page.locator("[role=tab].of-unit").click()
    free = page.locator(".times li", has_text="待命").get_by_role("button")
    await free.click()
    sheet = page.locator("dialog.sheet")
    await expect(sheet).to_contain_text("车上还有患者")
    await expect(sheet).to_contain_text("男 58 岁")
    await phone.shot("still-aboard")
    await sheet.get_by_role("button", name="返回").click()
    await expect(page.locator(".held")).to_have_count(0)
    await free.click()
    await sheet.get_by_role("button", name="仍然待命").click()
    await phone.send_now("stamp")
    await until(partial(phone.stamped, one.unit, "available"))
    (second,) = await called(phone.site, STROKE, unit=one.unit)
    new = page.locator(".new-mission")
    await expect(new).to_be_visible(timeout=15_000)
    await expect(new.locator("li")).to_have_count(1)
    await expect(new.locator("li")).to_contain_text("卒中")
    await expect(new.locator("p.guard")).to_contain_text("上一呼救的患者，尚未交接：男 58 岁")
    await expect(new).to_contain_text("非医疗器械")
    await phone.shot("new-mission-aboard")
    await phone.take()
    await expect(page.locator(".place.scene")).not_to_contain_text("胸痛")
    await phone.show(second.encounter)
    await phone.show(one.encounter)
    await expect(page.locator(".over")).to_contain_text("不属于目前的任务")
    await expect(page.locator(f"[data-tab='{one.encounter}']")).to_contain_text("上一呼救")
    await phone.shot("earlier-call")


async def test_a_boarding_that_is_undone_is_never_sent(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    page = phone.page
    boardings: list[str] = []
    page.on("request", lambda r: boardings.append(r.url) if "/boarding" in r.url else None)
    await phone.stamp("reached").click()
    await phone.send_now("reached")
    await until(partial(phone.fact, one, "reached_at"))
    await phone.stamp("boarding").click()
    await page.locator("[data-held=boarding] .undo").click()
    await asyncio.sleep(11)  # so long it would have been held
    assert boardings == []
    assert (await phone.patient(one))["boarded_at"] is None
    await phone.stamp("boarding").click()
    await phone.shot("boarding")
    tapped = datetime.now(UTC)
    aboard = await until(partial(phone.fact, one, "boarded_at"), 25)
    boarded = datetime.fromisoformat(aboard)
    assert abs(boarded - tapped) < timedelta(seconds=3), "the time is that of the tap"
    await expect(page.locator(".admission")).to_contain_text("GC-")
    await phone.shot("admitted")


async def test_a_boarding_that_was_sent_is_taken_back_with_a_reason(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    page = phone.page
    await phone.stamp("boarding").click()
    await phone.open("more")
    await expect(page.locator("dialog [data-sheet=unboard]")).to_have_count(0)  # it is held
    await phone.close()
    await phone.send_now("boarding")
    await expect(page.locator(".admission")).to_contain_text("GC-")
    number = await phone.fact(one, "admission_number")
    sheet = await phone.open("more", "unboard")
    back = sheet.locator(".grave.huge")
    await expect(sheet).to_contain_text(number)
    await expect(back).to_be_disabled()  # nobody has said why
    await phone.option("reason", 1).click()
    await phone.shot("unboard")
    await back.click()
    await expect(page.locator(".over")).to_contain_text("撤回上车，不在车上：点错了患者")
    await expect(page.locator(".over")).to_be_in_viewport(ratio=1)
    await phone.send_now("unboard")
    record = await phone.record(one, lambda record: record.get("boarding_revoked"))
    assert record["boarding_revoked"]["reason"] == "点错了患者"
    assert (record.get("admission"), record.get("boarded_at")) == (None, None)
    await expect(page.locator(".admission")).to_have_count(0)
    await page.locator(".over").scroll_into_view_if_needed()
    await phone.shot("unboarded")
    assert await phone.fact(one, "boarded_at") is None
    # They board after all, and what is on their wrist is still theirs.
    await phone.stamp("boarding").click()
    await phone.send_now("boarding")
    await expect(page.locator(".admission")).to_contain_text(number)
    await expect(page.locator(".over")).to_have_count(0)
    record = await phone.record(one, lambda record: record.get("admission"))
    assert (record["admission"]["admission_number"], record.get("boarding_revoked")) == (
        number,
        None,
    )
    # Where the acts of the patient are listed, it is taken back too.
    sheet = await phone.open("more", "entered")
    await sheet.locator("li", has_text="患者上车").first.get_by_role("button", name="撤回").click()
    await expect(back).to_be_disabled()
    await phone.none_waits()


async def test_the_way_leads_to_the_hospital_once_the_unit_has_left_with_somebody(
    phone: Phone,
) -> None:
    (one,) = await phone.goes_to()
    page = phone.page
    scene, bound = page.locator(".place.scene a"), page.locator(".place.bound a", has_text="导航")
    await page.locator("[role=tab].of-unit").click()
    await expect(scene).to_have_attribute("href", re.compile(r"^geo:34\.25,117\.3\?"))
    await expect(bound).to_have_count(0)
    await phone.show(one.encounter)
    await phone.stamp("boarding").click()
    await phone.send_now("boarding")
    await until(partial(phone.fact, one, "boarded_at"))
    await page.locator("[role=tab].of-unit").click()
    await page.locator(".ahead", has_text="离开现场").get_by_role("button").click()
    await phone.send_now("stamp")
    await expect(bound).to_have_text("导航去市一院")
    await expect(bound).to_have_attribute("href", re.compile(r"^geo:34\.2,117\.28\?"))
    await expect(scene).to_have_count(0)
    await phone.shot("driver-left")
