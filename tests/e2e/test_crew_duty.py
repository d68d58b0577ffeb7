"""Who acts with a crew's phone: enrolled, on duty, two of them, and outside the duty."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.boards import code_for
from tests.crew_phone import STROKE, Phone, vehicle
from tests.journey import called

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]


async def test_a_phone_is_enrolled_and_its_crew_signs_on(phone: Phone) -> None:
    unit, page = await vehicle(phone.site), phone.page
    await page.goto(f"{phone.site.url}/crew/")
    await page.locator("input.code").fill("AAAA-BBBB-CCCC")
    await page.locator("form button").click()
    await expect(page.get_by_role("alert")).to_contain_text("登记码不对")
    await phone.shot("enrol")
    code = await code_for(phone.site.platform)
    await page.locator("input.code").fill(code.lower().replace("-", " "))  # as people type it
    await page.locator("form button").click()
    await page.get_by_role("button", name="登录").click()
    await page.locator("button[value='medic-1']").click()
    await expect(page.locator(".signed-in")).to_contain_text("medic-1")
    await phone.shot("sign-on")
    await phone.sign_on(unit)
    await expect(page.locator(".nothing").first).to_contain_text("没有任务")
    await phone.shot("empty")
    await page.locator(".top .who").click()
    await page.get_by_role("button", name="下班", exact=True).click()
    await page.get_by_role("button", name="确认下班").click()
    # Whoever picks the phone up begins no duty in their name.
    await expect(page.get_by_role("button", name="登录", exact=True)).to_be_visible()
    await expect(page.locator(".signed-in, .units")).to_have_count(0)
    kept = await phone.context.request.get(f"{phone.site.url}/crew/duties")
    assert await kept.json() == []


async def test_a_second_person_joins_and_acts_by_one_tap(phone: Phone) -> None:
    unit, page = await vehicle(phone.site), phone.page
    await phone.come("medic-1")
    await phone.enrol()
    await phone.sign_on(unit)
    (one,) = await called(phone.site, STROKE, unit=unit)
    await phone.take()
    # The first signs out, the second in: the duty of the first goes on.
    await page.locator(".top .who").click()
    await page.locator("dialog button", has_text="另一位").click()
    await expect(page.locator(".signed-in")).to_contain_text("medic-1")
    # Who is on duty already is offered no second one, and signing out leads back here.
    await expect(page.locator(".begin")).to_contain_text(f"已在 {unit} 值班")
    await expect(page.locator(".units")).to_have_count(0)
    await phone.shot("another")
    await page.get_by_role("button", name="退出，由另一位登录").click()
    await page.get_by_role("button", name="登录", exact=True).click()
    await page.locator("button[value='nurse-2']").click()
    await expect(page.locator(".signed-in")).to_contain_text("nurse-2")
    await phone.sign_on(unit)
    people = page.locator(".people button")
    # By the names that they go by, which the phone alone keeps.
    await expect(people).to_have_text(["medic-1 号", "nurse-2 号"])
    await expect(people.nth(1)).to_have_attribute("aria-pressed", "true")
    await people.nth(0).click()
    await expect(people.nth(0)).to_have_attribute("aria-pressed", "true")
    await phone.show(one.encounter)
    await phone.shot("two-people")
    # Each act goes under the duty of who did it.
    sent = asyncio.ensure_future(
        page.wait_for_event("request", lambda r: r.method == "POST" and r.url.endswith("/findings"))
    )
    await phone.arrest()
    duty = (await sent).headers["green-channel-duty"]
    told = await (await phone.context.request.get(f"{phone.site.url}/crew/duties")).json()
    assert {d["duty_id"]: d["name"] for d in told}[duty] == "medic-1"


async def test_whoever_signs_off_leaves_the_other_on_duty_and_signed_in(phone: Phone) -> None:
    unit, page = await vehicle(phone.site), phone.page
    await phone.begin(unit)
    await phone.sit("nurse-2")
    await page.locator(".top .who").click()
    await page.locator("dialog button", has_text="另一位").click()
    await phone.sign_on(unit)
    await page.locator(".top .who").click()
    leaving = page.locator(".duties li", has_text="medic-1")
    await leaving.get_by_role("button", name="下班", exact=True).click()
    await leaving.get_by_role("button", name="确认下班").click()
    await expect(leaving).to_have_count(0)
    session = await phone.context.request.get(f"{phone.site.url}/crew/session")
    assert (await session.json())["name"] == "nurse-2"


async def test_the_unit_that_a_persons_name_names_stands_first_and_more_are_said(
    phone: Phone,
) -> None:
    page = phone.page
    await phone.sit("medic-1")
    await phone.enrol()
    units = [{"unit_id": f"U-{n:04}", "kind": "monitoring", "station_id": "S"} for n in range(29)]
    await page.route("**/unit-names", lambda route: route.fulfill(json=units))
    spoken = {"name": "medic-1", "role": "crew", "spoken": {"zh": "随车医生 · U-0021", "en": "x"}}
    await page.route("**/crew/session", lambda route: route.fulfill(json=spoken))
    await page.reload()
    found = page.locator(".units button")
    await expect(found).to_have_count(12)
    await expect(found.first).to_contain_text("U-0021")
    await expect(found.first).to_contain_text("登录人的车辆")
    await expect(page.locator(".begin")).to_contain_text("还有 17 辆：请输入编号查找")
    await phone.shot("units-more")
    await page.locator("input.code").fill("U-0028")
    await expect(page.locator(".begin")).not_to_contain_text("还有")


async def test_a_unit_that_dispatch_does_not_know_begins_no_duty(phone: Phone) -> None:
    page = phone.page
    await phone.sit("medic-1")
    await phone.enrol()
    await page.locator("input.code").fill("ZZZ-99")
    await expect(page.get_by_role("alert")).to_contain_text("登记中没有“ZZZ-99”")
    await expect(page.locator(".units button")).to_have_count(0)
    await phone.shot("unit-unknown")
    kept = await phone.context.request.get(f"{phone.site.url}/crew/duties")
    assert await kept.json() == []


async def test_the_patients_of_one_unit_are_not_shown_as_anothers(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    page, other = phone.page, await vehicle(phone.site)
    tab = page.locator(f"[data-tab='{one.encounter}']")
    await expect(tab).to_be_visible()
    await page.locator(".top .who").click()
    await page.get_by_role("button", name="下班", exact=True).click()
    await page.get_by_role("button", name="确认下班").click()
    await page.wait_for_url("**/end_session*")  # signed out; who only sat down has no way back
    await phone.sit("medic-1")
    await page.goto(f"{phone.site.url}/crew/")
    # The next unit is unknown by the time its mission is asked for.
    lost = f"**/units/{other}/mission"
    await page.route(lost, lambda route: route.fulfill(status=404, json={"status": 404}))
    await phone.sign_on(other)
    await expect(page.locator(".line-bar")).to_contain_text("调度没有这辆车的登记")
    await expect(tab).to_have_count(0)
    await page.unroute(lost)
    await expect(page.locator(".nothing").first).to_contain_text(other)


async def test_an_act_outside_the_duty_is_shown_and_holds_nothing_up(phone: Phone) -> None:
    one, other = await phone.goes_to(STROKE, {"complaint": "trauma"})
    page = phone.page
    sheet = await phone.open("findings")
    await sheet.locator(".when button").nth(4).click()  # ten minutes ago
    await phone.option("shock", 0).click()
    await phone.close()
    await expect(page.locator(".pending")).to_contain_text("1 条被拒")
    await phone.show(other.encounter)
    await phone.arrest()
    await phone.found(other, cardiac_arrest=True)
    await page.locator(".pending").click()
    refused = page.locator("[data-refused=finding]")
    await expect(refused.get_by_role("alert")).to_contain_text("无人以本机当班")
    await expect(refused).to_contain_text("1 号患者 · 女 71 岁")
    await expect(refused.locator(".primary")).to_have_text("改时间")  # as it is it fails again
    await phone.shot("refused")
    # Put right by a human: it was a moment ago after all.
    await refused.get_by_role("button", name="改时间").click()
    await refused.locator(".when button").first.click()
    await refused.locator(".when button").nth(5).click()
    await refused.locator("input[type=time]").fill(
        await page.evaluate("new Date().toTimeString().slice(0, 5)")
    )
    await refused.get_by_role("button", name="放弃").click()
    await expect(refused.get_by_role("button", name="再按一次")).to_be_visible()
    await expect(refused.locator(".primary")).to_have_text("再发")
    await refused.get_by_role("button", name="再发").click()
    await phone.found(one, shock=True)
    await phone.none_waits()
