"""How a patient leaves a crew: handed to another unit, by a refusal, to the hospital."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from services.kit.role import Role
from tests.crew_phone import CHEST_PAIN, HOSPITAL, UNKNOWN, Phone, phone_in, vehicle
from tests.journey import Traveller, called
from tests.services import Caller, now, until

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]


async def aboard(phone: Phone, one: Traveller) -> str:
    """The patient boards by the page; the number of their admission."""
    await phone.stamp("boarding").click()
    await phone.send_now("boarding")
    await expect(phone.page.locator(".admission")).to_contain_text("GC-")
    await expect(phone.page.locator(".admission")).to_contain_text("腕带 WB-")
    return str((await phone.patient(one))["admission_number"])


async def test_a_patient_is_handed_to_another_unit_and_stays_admitted(
    phone: Phone, chrome: Browser
) -> None:
    (one,) = await phone.goes_to()
    page, tab = phone.page, f"[data-tab='{one.encounter}']"
    number = await aboard(phone, one)
    async with phone_in(chrome, phone.site) as other:
        unit = await vehicle(phone.site)
        await other.begin(unit, "nurse-2")
        order = {"unit_id": unit, "occurred_at": now()}
        await phone.desk.do("POST", f"/v1/incidents/{one.incident}/units", order)
        await other.take()
        await expect(other.page.locator(tab)).to_have_count(0)  # not theirs yet
        sheet = await phone.open("more", "handon")
        give = sheet.get_by_role("button", name="移交", exact=True)
        await sheet.locator("[data-of=to] button", has_text=unit).click()
        await expect(give).to_be_disabled()  # nobody has said why
        await sheet.get_by_role("button", name="接力转运").click()
        await phone.shot("hand-on")
        await give.click()
        await page.locator("[data-held=handed] .undo").click()
        await expect(page.locator(".held")).to_have_count(0)
        assert (await phone.patient(one))["unit_id"] == one.unit
        sheet = await phone.open("more", "handon")
        await sheet.locator("[data-of=to] button", has_text=unit).click()
        await sheet.get_by_role("button", name="接力转运").click()
        await give.click()
        await phone.send_now("handed")
        # It goes from the one phone to the other.
        await expect(page.locator(tab)).to_have_count(0)
        await expect(page.locator(".of-patient .nothing")).to_contain_text("尚无患者")
        await phone.none_waits()
        await other.show(one.encounter)
        await expect(other.page.locator(".admission")).to_contain_text(number)
        record = await phone.record(one, lambda record: record["unit_id"] == unit)
        assert record["admission"]["admission_number"] == number
        assert record["boarded_at"] == (await phone.patient(one))["boarded_at"]
        await other.arrest()
        await phone.found(one, cardiac_arrest=True)
        assert (await phone.patient(one))["units"] == [one.unit, unit]


async def test_a_patient_is_handed_to_a_unit_whose_number_is_typed(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    unit = await vehicle(phone.site)
    await aboard(phone, one)
    sheet = await phone.open("more", "handon")
    await sheet.locator("input").fill(f" {unit} ")
    await sheet.get_by_role("button", name="车辆故障").click()
    await sheet.get_by_role("button", name="移交", exact=True).click()
    await phone.send_now("handed")
    await phone.record(one, lambda record: record["unit_id"] == unit)
    await phone.none_waits()


async def test_the_crew_is_told_that_an_answer_was_taken_back(phone: Phone) -> None:
    """It is heard and seen, on whichever page, until somebody says so; then it stays on record."""
    (one,) = await phone.goes_to()
    page = phone.page
    path = f"/v1/facilities/{HOSPITAL}/encounters/{one.encounter}"
    await phone.record(one)
    await page.evaluate("navigator.vibrate = (...of) => { window.shakes = of; return true; }")
    await phone.ward.do("POST", f"{path}/acceptance", {"occurred_at": now()})
    await phone.ward.do("POST", f"{path}/direct-to", {"direct_to": "ct", "occurred_at": now()})
    answer = page.locator(".answer")
    await expect(answer).to_contain_text("已确认直达 CT")
    await expect(page.locator(".taken-back")).to_have_count(0)
    told = {"direct_to": "ct", "occurred_at": now()}
    await phone.ward.do("POST", f"{path}/direct-to/revoked", told)
    back = page.locator(".taken-back")
    await expect(back).to_contain_text(re.compile(r"直达已取消 \d\d:\d\d · 送抢救室"))
    await page.wait_for_function("window.shakes?.[0]?.length > 1")
    await phone.shot("taken-back")
    await page.locator(".main-tabs .of-unit").click()
    await back.get_by_role("button", name="知道了").click()
    await expect(back).to_have_count(0)
    await phone.show(one.encounter)
    await expect(answer).to_contain_text("直达已取消")
    await phone.ward.do(
        "POST", f"{path}/acceptance/withdrawn", {"reason": "点错了患者", "occurred_at": now()}
    )
    await expect(back).to_contain_text("医院已撤回接受")
    await page.reload()
    await back.get_by_role("button", name="知道了").click()
    await expect(answer).to_contain_text("医院已撤回接受")


async def test_who_is_over_asks_nothing_more_and_the_vehicle_leads_nowhere(phone: Phone) -> None:
    one, two = await phone.goes_to(CHEST_PAIN, UNKNOWN)
    page = phone.page
    for each in (one, two):
        await each.boards()
    await phone.arrest()
    await phone.found(one, cardiac_arrest=True)
    await expect(page.locator(".arrest-on")).to_be_visible()
    for each in (one, two):
        told = {"outcome": "left_by_other_means", "occurred_at": now()}
        await each.crew.do("POST", f"{each.path}/outcome", told)
    await expect(page.locator("[data-past=arrest]")).to_contain_text("曾记录心脏骤停")
    await expect(page.locator(".arrest, .arrest-on, .asks")).to_have_count(0)
    await expect(page.locator("[data-gone]")).to_have_count(0)
    await phone.shot("over")
    await page.locator("[role=tab].of-unit").click()
    await expect(page.locator("[data-done]")).to_contain_text("可以待命")
    await expect(page.get_by_text("尚未选定医院")).to_have_count(0)
    await expect(page.locator(".of-unit a", has_text="导航")).to_have_count(0)
    await phone.shot("driver-over")
    await page.locator(".also[data-stamp=available]").click()
    await expect(page.locator("[data-held=stamp]")).to_contain_text("待命")


async def test_patients_of_a_phone_as_it_counts_them(phone: Phone) -> None:
    """Who was signed over before this call comes last and is not counted; of a boarding that was
    taken back nothing is left beside the one after it."""
    await phone.page.goto(f"{phone.site.url}/crew/")
    told = await phone.page.evaluate("""async () => {
      const { patientsOf } = await import("/static/crew/mission.js");
      const iso = (s) => new Date(Date.now() + 1000 * s).toISOString();
      const of = (encounter_id, incident_id, more = {}) =>
        ({ encounter_id, incident_id, patient: {}, destination: "F-1", unit_id: "U-1", ...more });
      const patients = [of("old", "I-1"), of("new", "I-2"), of("also", "I-2")];
      const mission = { unit: { unit_id: "U-1" }, leg: { leg_id: "L" },
        incident: { incident_id: "I-2" }, patients };
      const signed = { kind: "signed", lane: "old", code: "F-1", state: "done" };
      const count = (acts) => patientsOf(mission, acts)
        .map((one) => [one.encounter_id, one.number, one.isPast]);
      const first = iso(-300);
      const again = iso(-2);
      const own = (kind, place, state, at) =>
        ({ kind, place, state, at, lane: "new", doneAt: Date.now(), body: {} });
      const acts = [own("boarding", "1", "done", first), own("unboard", "2", "done", iso(-5)),
        own("boarding", "3", "held", again)];
      const seen = (boarded_at) => {
        const patients = [of("new", "I-2", { boarded_at })];
        const [one] = patientsOf({ ...mission, patients }, acts);
        return [Boolean(one.boarded_at), one.boarding.place];
      };
      return [count([]), count([signed]), seen(first), seen(again)]; }""")
    assert told == [
        [["old", 1, False], ["new", 2, False], ["also", 3, False]],
        [["new", 1, False], ["also", 2, False], ["old", None, True]],
        [False, "3"],
        [True, "3"],
    ]


async def test_a_refusal_is_signed_and_its_picture_follows(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    page = phone.page
    await phone.open("more", "outcome")
    await phone.option("outcome", 1).click()
    await phone.option("signed_by", 0).click()
    save = page.locator("dialog .grave.huge")
    await expect(save).to_be_disabled()
    canvas, alert = page.locator("canvas"), page.locator("dialog .wrong")
    await expect(alert).to_contain_text("请先回答以上两问")
    await expect(canvas).to_have_count(0)
    await phone.option("conscious", 0).click()
    await phone.option("understands", 0).click()
    await expect(alert).to_have_count(0)
    await canvas.scroll_into_view_if_needed()
    box = await canvas.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 20, box["y"] + 40)
    await page.mouse.down()
    for step in range(8):
        await page.mouse.move(box["x"] + 20 + 30 * step, box["y"] + 40 + 30 * (step % 2))
    await page.mouse.up()
    await expect(save).to_be_enabled()
    await phone.shot("refusal")
    await save.click()
    await phone.send_now("outcome")
    await until(partial(phone.fact, one, "outcome"))
    told = await phone.patient(one)
    assert (told["outcome"], told["refusal"]["signed_by"]) == ("refused_transport", "patient")
    assert (told["refusal"]["conscious"], told["refusal"]["understands"]) == (True, True)
    picture = told["refusal"]["signature"]["sha256"]
    reader = Caller(phone.site["gateway"], Role.DISPATCHER)
    path = f"{one.path}/attachments/{picture}"

    async def there() -> bool:
        answer = await reader.http.get(path)
        return answer.status_code == 200 and answer.content.startswith(b"\x89PNG")

    await until(there)


async def test_who_does_not_understand_refuses_nothing_by_themselves(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    page = phone.page
    await phone.arrest()
    await phone.found(one, cardiac_arrest=True)
    await expect(page.locator(".patient-head.critical")).to_be_visible()
    sheet = await phone.open("more", "outcome")
    await phone.option("outcome", 1).click()
    against = sheet.locator(".against:not(.lacks)")
    await expect(against).to_contain_text("曾记录心脏骤停")
    await expect(against).to_contain_text("Ⅰ 濒危")
    await phone.option("conscious", 1).click()
    await phone.option("signed_by", 0).click()
    await expect(sheet.locator(".wrong")).to_contain_text("可由家属或见证人签名")
    await expect(sheet.locator("canvas")).to_have_count(0)
    await expect(sheet.locator(".grave.huge")).to_be_disabled()
    await against.scroll_into_view_if_needed()
    await phone.shot("refusal-against")
    await phone.option("signed_by", 1).click()
    await expect(sheet.locator("canvas")).to_be_visible()


async def test_a_refusal_says_what_nobody_has_looked_at_and_is_taken_all_the_same(
    phone: Phone,
) -> None:
    (one,) = await phone.goes_to()
    sheet = await phone.open("more", "outcome")
    await phone.option("outcome", 0).click()
    lacks = sheet.locator(".lacks")
    await expect(lacks).to_contain_text("“接触患者”的时间")
    await expect(lacks).to_contain_text("生命体征（本机）")
    await lacks.scroll_into_view_if_needed()
    await phone.shot("refusal-lacks")
    await lacks.locator("[data-lacks=reached] button").click()
    await lacks.locator(".when button").nth(1).click()
    await lacks.locator("[data-stamp=reached]").click()
    await until(partial(phone.fact, one, "reached_at"))
    await expect(lacks.locator("[data-lacks=reached]")).to_have_count(0)
    await lacks.locator("[data-lacks=vitals] button").click()
    await expect(sheet.locator(".keypad")).to_be_visible()
    await phone.close()
    sheet = await phone.open("more", "outcome")
    await phone.option("outcome", 0).click()
    await phone.option("signed_by", 3).click()
    save = sheet.locator(".grave.huge")
    # Whoever does not sign is asked all the same what those who sign are.
    asked = "生命体征（本机）、患者是否清醒、患者是否明白后果、已告知的风险"
    await expect(save).to_have_text(f"仍然记录结局（缺：{asked}）")
    await phone.option("conscious", 0).click()
    await sheet.get_by_label("已告知的风险").fill("可能猝死")
    await expect(save).to_have_text("仍然记录结局（缺：生命体征（本机）、患者是否明白后果）")
    against = sheet.locator(".against:not(.lacks)")
    await expect(against).to_contain_text("Ⅱ 危重")
    await save.click()
    await phone.send_now("outcome")
    await until(partial(phone.fact, one, "outcome"))
    # Why help was called is no less known for it.
    await phone.page.locator("[role=tab].of-unit").click()
    await expect(phone.page.locator(".place.scene")).to_contain_text("胸痛")


async def on_scene(phone: Phone, *others: dict[str, Any]) -> Traveller:
    """On duty by a sign-in of a moment ago, and sent to somebody who is bound for nowhere yet, and
    to these others; of the call, the last is shown."""
    unit = await vehicle(phone.site)
    await phone.come("medic-1")
    await phone.enrol()
    await phone.sign_on(unit)
    found = await called(phone.site, CHEST_PAIN, *others, unit=unit)
    await phone.take()
    for one in found:
        await phone.show(one.encounter)
        if others:
            await one.bound_for(HOSPITAL)
            await one.boards()
    return found[-1]


async def signature(phone: Phone, one: Traveller) -> Any:
    """The one signature under the handover."""
    (signed,) = (await phone.item(one))["handoff"]["signatures"]
    assert (signed["side"], signed["staff_id"]) == ("gave", "medic-1")
    return signed


async def test_who_gives_signs_and_says_why_where_the_wristband_is_another(phone: Phone) -> None:
    one = await on_scene(phone)
    sheet = await phone.open("more")
    await expect(sheet.locator("[data-sheet=sign]")).to_have_count(0)  # to whom?
    await phone.close()
    await one.bound_for(HOSPITAL)
    await aboard(phone, one)
    await phone.open("more", "sign")
    await expect(sheet).to_contain_text("市一院")
    await sheet.get_by_label("腕带号").fill("GC-ANOTHER")
    await sheet.get_by_role("button", name="签名交出").click()
    await expect(sheet.get_by_role("alert")).to_contain_text("腕带不是此患者的")
    assert (await phone.item(one))["handoff"]["signatures"] == []
    anyway = sheet.get_by_role("button", name="说明理由，仍然签名")
    await expect(anyway).to_be_disabled()
    await sheet.get_by_label("仍然签名的理由").fill("腕带被血迹浸湿，已两人核对")
    await phone.shot("sign")
    await anyway.click()
    await expect(sheet).to_contain_text("已签名")
    await phone.close()
    await expect(phone.page.locator(".patient .over")).to_contain_text("交给 市一院")
    signed = await signature(phone, one)
    assert (signed["wristband"], signed["wristband_reason"]) == (
        "GC-ANOTHER", "腕带被血迹浸湿，已两人核对",
    )  # fmt: skip


async def test_what_was_typed_is_there_after_the_sign_in_that_a_signature_asks_for(
    phone: Phone,
) -> None:
    one = await on_scene(phone)
    page = phone.page
    await one.bound_for(HOSPITAL)
    await aboard(phone, one)
    wristband = (await phone.item(one))["record"]["admission"]["wristband"]
    # The shift has gone on for hours since they signed in.
    await phone.sit("medic-1", signed_in_ago=timedelta(hours=2))
    sheet = await phone.open("more", "sign")
    await sheet.get_by_label("腕带号").fill(wristband.lower())
    await sheet.get_by_role("button", name="签名交出").click()
    await page.locator("button[value='medic-1']").click()
    await expect(sheet.get_by_label("腕带号")).to_have_value(wristband.lower())
    await sheet.get_by_role("button", name="签名交出").click()
    await expect(sheet).to_contain_text("已签名")
    assert (await signature(phone, one))["wristband"].casefold() == wristband.casefold()


async def test_of_two_in_one_vehicle_an_empty_wristband_is_signed_with_a_reason_alone(
    phone: Phone,
) -> None:
    one = await on_scene(phone, UNKNOWN)
    await phone.page.locator("[data-tab]").first.click()
    await expect(phone.page.locator(".admission")).to_contain_text("WB-")
    others = await phone.page.locator(".admission b").inner_text()
    await phone.show(one.encounter)
    await expect(phone.page.locator(".admission")).not_to_contain_text(others)
    sheet = await phone.open("more", "sign")
    await expect(sheet.get_by_role("alert")).to_contain_text("同车有 2 名患者")
    anyway = sheet.get_by_role("button", name="说明理由，仍然签名")
    await expect(anyway).to_be_disabled()
    await phone.shot("sign-two")
    # The other's, and said before anybody signs.
    await sheet.get_by_label("腕带号（").fill(others.lower())
    await expect(sheet.get_by_role("alert")).to_contain_text("这是 1 号患者 · 男 58 岁")
    await expect(anyway).to_be_disabled()
    await phone.shot("sign-anothers")
    await sheet.get_by_label("腕带号（").fill("WB-1")
    await expect(sheet.get_by_role("button", name="签名交出")).to_be_enabled()
    await sheet.get_by_label("腕带号（").fill("")
    await expect(anyway).to_be_disabled()
    await sheet.get_by_label("没有腕带号仍然签名的理由").fill("手臂烧伤，未戴腕带")
    await anyway.click()
    await expect(sheet).to_contain_text("已签名")
    signed = await signature(phone, one)
    assert (signed.get("wristband"), signed["wristband_reason"]) == (None, "手臂烧伤，未戴腕带")


async def test_who_was_never_aboard_is_signed_for_at_the_door_with_a_reason(phone: Phone) -> None:
    one = await on_scene(phone)
    page = phone.page
    await one.bound_for(HOSPITAL)
    await phone.open("more")
    await expect(page.locator("dialog [data-sheet=sign]")).to_have_count(0)  # still on scene
    await phone.close()
    await page.locator("[role=tab].of-unit").click()
    await page.locator(".ahead", has_text="到达医院").get_by_role("button").click()
    await phone.send_now("stamp")
    await phone.show(one.encounter)
    sheet = await phone.open("more", "sign")
    await expect(sheet.get_by_role("alert")).to_contain_text("无上车记录")
    anyway = sheet.get_by_role("button", name="说明理由，仍然签名")
    await expect(anyway).to_be_disabled()
    await sheet.get_by_label("没有上车记录仍然签名的理由").fill("家属用车送到门口")
    await phone.shot("sign-never-aboard")
    await anyway.click()
    await expect(sheet).to_contain_text("已签名")
    signed = await signature(phone, one)
    assert signed["not_aboard_reason"] == "家属用车送到门口"


async def test_who_boards_with_nowhere_to_go_to_is_taken_and_the_crew_is_told(
    phone: Phone,
) -> None:
    one = await on_scene(phone)
    page = phone.page
    await phone.stamp("boarding").click()
    await expect(page.locator("[data-held=boarding] .odd")).to_contain_text("尚未选定医院")
    await expect(page.locator("[data-held=boarding] .odd")).to_contain_text("用电台或电话")
    await phone.shot("nowhere")
    await phone.send_now("boarding")
    await until(partial(phone.fact, one, "boarded_at"))
    await expect(page.locator(".patient .odd")).to_contain_text("请调度选定")
    await phone.shot("nowhere-aboard")
    await one.bound_for(HOSPITAL)
    await expect(page.locator(".patient .odd")).to_have_count(0)
