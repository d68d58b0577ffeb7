"""What a crew enters on its phone: examinations, scales, drugs, vital signs, a level."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import FilePayload, Request, Route, expect

from tests.crew_phone import HOSPITAL, LOOKED_MS, STROKE, Phone, concern, findings, values

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]


async def test_fast_is_said_in_three_taps(phone: Phone) -> None:
    (one,) = await phone.goes_to(STROKE)
    page = phone.page
    await expect(page.locator(".ask.fast")).to_be_visible()
    await expect(page.locator(".asks [aria-pressed=true]")).to_have_count(0)
    await phone.shot("asks")
    await page.evaluate(
        "addEventListener('click', () => { window.taps = (window.taps ?? 0) + 1; })"
    )
    for item, option in (("facial_droop", 0), ("arm_drift", 1), ("abnormal_speech", 0)):
        await page.locator(f".fast [data-of={item}] button").nth(option).click()
    await phone.found(one, facial_droop=True, arm_drift=False, abnormal_speech=True)
    assert await page.evaluate("window.taps") == 3


async def test_an_answer_that_is_put_right_at_once_was_never_said(phone: Phone) -> None:
    """A slip calls nobody; what is seen otherwise later is the course of the disease."""
    (one,) = await phone.goes_to(STROKE)
    page = phone.page
    droop = page.locator(".fast [data-of=facial_droop] button")
    await droop.nth(0).click()
    await phone.record(one, lambda record: concern(record, "stroke") == ("alert", "ct"))
    await droop.nth(1).click()
    await phone.record(one, lambda record: concern(record, "stroke")[0] == "notice")
    record = await phone.found(one, facial_droop=False)
    assert [each["present"] for each in record["findings"]] == [False]
    await phone.none_waits()
    # What has not gone yet is given up.
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.url) if "/retractions" in r.url else None)
    await phone.context.set_offline(True)
    speech = page.locator(".fast [data-of=abnormal_speech] button")
    await speech.nth(0).click()
    await expect(page.locator(".pending")).to_contain_text("1 条待发")
    await speech.nth(1).click()
    await expect(speech.nth(1)).to_have_attribute("aria-pressed", "true")
    await expect(page.locator(".pending")).to_contain_text("1 条待发")
    await phone.context.set_offline(False)
    await phone.none_waits()
    record = await phone.found(one, abnormal_speech=False)
    assert len(record["findings"]) == 2
    assert sent == []


async def test_what_is_a_slip_is_told_from_the_course_of_the_disease(phone: Phone) -> None:
    await phone.page.goto(f"{phone.site.url}/crew/")
    told = await phone.page.evaluate("""async () => {
      const { slipsOf } = await import("/static/crew/mission.js");
      const T = Date.parse("2026-03-01T08:00:00Z");
      const iso = (s) => new Date(T + 1000 * s).toISOString();
      const said = (code, present, at, enteredAt = at) => ({
        key: `${code} ${at}`, lane: "E-1", kind: "finding", code, state: "done", at: iso(at),
        enteredAt: T + 1000 * enteredAt, body: { finding: code, present } });
      const of = (acts, name, present, at, when = at) =>
        slipsOf(acts, "E-1", name, present, iso(at), T + 1000 * when).map((one) => one.key);
      const back = { ...said("shock", true, 0), kind: "retraction", code: "shock 0" };
      const arrest = (at) => said("cardiac_arrest", true, at);
      const gone = { ...said("shock", true, 0), state: "refused" };
      return [
        of([said("shock", true, 0)], "shock", false, 120),
        of([said("shock", true, 0)], "shock", false, 121),
        of([said("shock", true, 0)], "shock", true, 1),
        of([said("shock", true, 0)], "grunting", false, 1),
        of([said("shock", true, -300, 0)], "shock", false, 1),
        of([said("shock", true, -300, 0)], "shock", false, -299, 1),
        of([said("shock", true, 0), back], "shock", false, 2),
        of([gone], "shock", false, 2),
        of([arrest(0), arrest(30)], "cardiac_arrest", false, 60),
        of([arrest(0), said("rosc", true, 30)], "cardiac_arrest", false, 60),
        of([said("cardiac_arrest", false, 0)], "cardiac_arrest", true, 60),
      ]; }""")
    both = ["cardiac_arrest 0", "cardiac_arrest 30"]
    assert told == [["shock 0"], [], [], [], [], ["shock -300"], [], [], both, [], []]


async def test_an_arrest_needs_two_taps_within_four_seconds(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    page = phone.page
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if "/findings" in r.url else None)
    button = page.locator(".twice")
    await button.click()
    pressed = time.monotonic()
    await expect(button).to_contain_text("再按一次")
    await phone.shot("arrest-armed")
    await expect(button).not_to_contain_text("再按一次")
    assert 3.5 < time.monotonic() - pressed < 10
    await button.click()
    assert asked == [], "a single tap says nothing"
    await button.click()
    assert asked == [], "nor do two at once"
    await page.wait_for_timeout(LOOKED_MS)
    await button.click()
    await phone.found(one, cardiac_arrest=True)
    await expect(page.locator(".patient-head.critical")).to_be_visible()
    await expect(page.locator(".arrest-on")).to_contain_text("骤停中")


async def test_an_arrest_runs_on_until_somebody_says_what_became_of_it(phone: Phone) -> None:
    """It is not begun anew by more taps, and a ROSC can be undone as easily as it is said."""
    (one,) = await phone.goes_to()
    page = phone.page
    said: list[Any] = []

    def note(request: Request) -> None:
        if "/findings" in request.url:
            said.append(request.post_data_json)

    page.on("request", note)
    rosc = page.locator(".arrest .rosc")
    await expect(rosc).to_have_count(0)  # no arrest was told
    await phone.arrest()
    running = page.locator(".arrest-on")
    await expect(running).to_contain_text("骤停中")
    onset = await running.locator("small").inner_text()
    assert re.fullmatch(r"\d\d:\d\d:\d\d 起", onset)
    await phone.shot("arrest-runs")
    await phone.found(one, cardiac_arrest=True)
    # Two taps more: they ask, and nothing begins anew.
    await running.click()
    sheet = page.locator("dialog.sheet")
    await expect(sheet).to_contain_text(onset)
    await expect(running).to_contain_text(onset)
    await phone.shot("arrest-asks")
    await sheet.get_by_role("button", name="ROSC").click()
    await expect(running).to_have_count(0)
    await page.locator("[data-held=finding] .undo").click()
    await expect(running).to_contain_text(onset)
    assert [each["finding"] for each in said] == ["cardiac_arrest"]
    # Said once more among the findings, it is the same arrest.
    await phone.open("findings")
    await phone.option("cardiac_arrest", 0).click()
    await phone.close()
    await expect(running).to_contain_text(onset)
    await rosc.click()
    await expect(page.locator(".arrest")).to_contain_text("ROSC ✓")
    await expect(rosc).to_have_count(0)
    await phone.send_now("finding")
    await phone.found(one, rosc=True)
    await phone.shot("critical")
    # It stops again: another arrest, which is then taken back.
    await phone.arrest()
    await expect(running).to_be_visible()
    await phone.none_waits()
    await running.click()
    await sheet.get_by_role("button", name="录错").click()
    await expect(running).to_have_count(0)
    await expect(page.locator(".arrest")).to_contain_text("ROSC ✓")
    await phone.none_waits()


async def test_a_value_that_cannot_be_true_is_said_before_it_is_sent(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    sheet = await phone.open("vitals")
    save = sheet.locator("button.huge")
    await phone.type("999")
    await expect(sheet.get_by_role("alert").first).to_contain_text("心率 999 不可能（0–350 /min）")
    await expect(save).to_be_disabled()
    await phone.shot("vitals-impossible")
    for _ in range(3):
        await sheet.get_by_role("button", name="清除").click()
    await sheet.locator("[data-vital=systolic_bp]").click()
    await phone.type("60")
    await sheet.locator("[data-vital=diastolic_bp]").click()
    await phone.type("90")
    await expect(sheet.get_by_role("alert").first).to_contain_text("舒张压 90 高于收缩压 60")
    await save.click()
    await expect(save).to_have_text("确实如此，仍然记录")
    await phone.shot("vitals-crossed")
    await save.click()
    await expect(sheet).to_have_count(0)
    record = await phone.record(one, lambda record: "diastolic_bp" in values(record))
    assert (values(record)["systolic_bp"], values(record)["diastolic_bp"]) == (60, 90)


async def test_a_value_that_was_not_used_is_asked_for_again(phone: Phone) -> None:
    """As by a phone whose page is older than the service."""
    await phone.goes_to()
    page = phone.page
    asked = page.locator("[data-ask=measure]")
    await expect(asked).to_contain_text("心率")

    async def worse(route: Route) -> None:
        told: Any = route.request.post_data_json
        told["vitals"]["heart_rate"] = 999
        await route.continue_(post_data=json.dumps(told))

    await page.route("**/vitals", worse)
    sheet = await phone.open("vitals")
    await phone.type("99")
    await sheet.locator("button.huge").click()
    await expect(sheet).to_have_count(0)
    await phone.none_waits()
    await expect(asked).to_contain_text("心率")


async def test_an_ecg_goes_ahead_of_its_picture(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    page = phone.page
    order: list[str] = []
    page.on(
        "request",
        lambda r: order.append(r.url.rpartition("/")[2]) if r.method in ("POST", "PATCH") else None,
    )
    sheet = await phone.open("ecg")
    await sheet.locator("input[type=file]").set_input_files(
        FilePayload(name="ecg.png", mimeType="image/png", buffer=await page.screenshot())
    )
    await expect(sheet.locator(".photo")).to_contain_text("已拍")
    await sheet.locator("[data-shows=st_elevation]").click()
    record = await phone.record(one, lambda record: record.get("attachments"))
    (picture,) = record["attachments"]
    assert order.index("examinations") < order.index("attachments")
    path = f"/v1/facilities/{HOSPITAL}/encounters/{one.encounter}/attachments/{picture['sha256']}"
    shown = await phone.ward.http.get(path)
    assert shown.content.startswith(b"\xff\xd8"), "a JPEG"
    await phone.none_waits()


async def test_what_is_typed_is_kept_and_what_is_wrong_is_taken_back(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    page = phone.page
    sheet = await phone.open("vitals")
    await expect(sheet.locator("[aria-pressed=true]")).to_have_count(2)  # now; which field
    await sheet.locator("[data-vital=spo2]").click()
    await phone.type("91")
    await sheet.locator("[data-vital=systolic_bp]").click()
    await page.locator(".keypad .wide").click()
    await expect(sheet.locator(".left-over")).to_have_count(0)  # it is being typed
    await sheet.locator(".when button").nth(1).click()
    chosen = await sheet.locator(".when output").inner_text()
    await phone.close()
    await page.reload()
    await phone.show(one.encounter)
    await phone.open("vitals")
    await expect(sheet.locator("[data-vital=spo2]")).to_contain_text("91")
    # Its time too, as a moment; and since when it stands.
    await expect(sheet.locator(".when output")).to_have_text(chosen)
    await expect(sheet.locator(".when [aria-pressed=true]")).to_have_text("时刻")
    await expect(sheet.locator(".left-over")).to_contain_text(re.compile(r"\d\d:\d\d:\d\d 起"))
    await phone.shot("vitals")
    await sheet.locator(".huge").click()
    record = await phone.record(
        one, lambda record: {"spo2", "systolic_bp"} <= values(record).keys()
    )
    found = values(record)
    assert (found["spo2"], found["systolic_bp"]) == (91, "unmeasurable")
    at = datetime.fromisoformat(
        next(each["occurred_at"] for each in record["inputs"] if each["name"] == "spo2")
    )
    assert at.astimezone().strftime("%S") == chosen[-2:]
    # What is typed and not meant is thrown away by one tap.
    await phone.open("vitals")
    await phone.type("77")
    await phone.close()
    await phone.open("vitals")
    await sheet.get_by_role("button", name="丢弃草稿").click()
    await expect(sheet.locator("[data-vital=heart_rate]")).not_to_contain_text("77")
    await phone.close()
    await phone.open("vitals")
    await expect(sheet.locator(".left-over")).to_have_count(0)
    await expect(sheet.locator("[data-vital=heart_rate]")).not_to_contain_text("77")
    await phone.close()
    await phone.open("more", "entered")
    await sheet.locator(".acts button").first.click()
    await phone.option("why", 0).click()
    await expect(sheet.locator(".is-taken")).to_have_count(1)
    await phone.record(one, lambda record: "spo2" not in values(record))
    await phone.close()
    await phone.open("background")
    await page.locator("[data-of=allergies] > button").click()
    await page.locator("[data-of=medications] input").fill("华法林")
    await page.locator("[data-of=medications] form button").click()
    await phone.shot("background")
    await sheet.locator(".primary.huge").click()
    record = await phone.record(one, lambda record: record.get("background"))
    told = record["background"]
    assert (told["allergies"], told["medications"], told.get("history")) == ([], ["华法林"], None)


async def test_what_was_answered_is_shown_and_can_be_undone(phone: Phone) -> None:
    """An answer takes its question away; in one line it says what was told, until it is sent."""
    (one,) = await phone.goes_to()
    page = phone.page
    ecg, told = page.locator("[data-ask=ecg_12_lead]"), page.locator("[data-held=examination]")
    await phone.option("ecg_12_lead", 0).click()
    await expect(told).to_contain_text("十二导联心电图 · ST 段抬高")
    await expect(told).to_contain_text("秒后发出")
    await expect(ecg).to_have_count(0)
    await phone.shot("told")
    box = await told.bounding_box()
    assert box is not None
    assert box["height"] < 90
    # It was another answer: nothing was said.
    await told.locator(".undo").click()
    await phone.option("ecg_12_lead", 1).click()
    await told.locator("button").nth(1).click()
    await expect(told).to_have_count(0)
    record = await phone.record(one, lambda record: record["examinations"])
    assert [each["shows"] for each in record["examinations"]] == [["no_st_elevation"]]
    # What was told before stands where it is told anew.
    sheet = await phone.open("ecg")
    await expect(sheet.locator("[data-before=ecg]")).to_contain_text("无 ST 段抬高")
    await expect(sheet.locator("[data-before=ecg]")).to_contain_text("前")
    await phone.close()
    await phone.open("vitals")
    for of, n in (("consciousness", 1), ("on_oxygen", 0)):
        await sheet.locator(f"[data-of={of}] button").nth(n).evaluate("node => node.click()")
    await sheet.locator(".huge").click()
    await expect(page.locator(".by-hand")).to_contain_text("意识 C")
    await expect(page.locator(".by-hand")).to_contain_text("吸氧")


async def test_an_arrest_goes_at_once_and_says_so_and_is_taken_back(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    page = phone.page
    await phone.arrest()
    told = page.locator("[data-gone=cardiac_arrest]")
    await expect(told).to_contain_text("心搏呼吸停止 · 有")
    await phone.shot("told-arrest")
    await told.locator(".undo").click()
    await expect(page.locator(".arrest-on")).to_have_count(0)
    await expect(told).to_have_count(0)
    await phone.none_waits()
    await phone.record(one, lambda record: "cardiac_arrest" not in findings(record))


async def test_what_is_asked_in_words_is_answered_by_what_it_asks_for(phone: Phone) -> None:
    """An ECG is asked for, and no centre is concerned yet: no monitor has lost anything."""
    (one,) = await phone.goes_to({"complaint": "dyspnoea", "sex": "female", "age": {"years": 66}})
    asked = phone.page.locator("[data-ask=words]", has_text="12 导联心电图")
    await expect(asked).to_be_visible()
    await expect(phone.page.get_by_text("非骤停")).to_have_count(0)
    await phone.shot("words")
    await asked.get_by_role("button", name="心电图", exact=True).click()
    await phone.page.locator("dialog [data-shows=no_st_elevation]").click()
    record = await phone.record(one, lambda record: record["examinations"])
    assert record["examinations"][0]["shows"] == ["no_st_elevation"]
    assert findings(record) == {}
    await expect(asked).to_have_count(0)


async def test_what_is_to_be_measured_again_is_answered_by_a_measurement(phone: Phone) -> None:
    """Of a respiration that rests on one reading no ECG is an answer."""
    (one,) = await phone.goes_to()
    await one.reading({"respiratory_rate": 38})
    asked = phone.page.locator("[data-ask=words]", has_text="请复测呼吸")
    await expect(asked).to_be_visible()
    await expect(asked.get_by_role("button")).to_have_text(["手测录入", "做不了"])
    await asked.get_by_role("button", name="手测录入").click()
    sheet = phone.page.locator("dialog.sheet")
    await expect(sheet.locator("[data-vital=respiratory_rate]")).to_have_attribute(
        "aria-pressed", "true"
    )


async def test_a_scale_is_scored_item_by_item_and_calls_the_stroke_team(phone: Phone) -> None:
    (one,) = await phone.goes_to(STROKE)
    page = phone.page
    await phone.record(one, lambda record: concern(record, "stroke")[0] == "notice")
    sheet = await phone.open("lams")
    await expect(sheet.locator(".huge")).to_be_disabled()
    for item, points in (("face", 1), ("arm", 2), ("grip", 1)):
        await phone.option(item, points).click()
    await expect(sheet.locator(".huge")).to_contain_text("3 项")
    await phone.shot("lams")
    await sheet.locator(".huge").click()
    record = await phone.record(one, lambda record: concern(record, "stroke")[0] == "activate")
    assert concern(record, "stroke") == ("activate", "ct")
    (lams,) = (score for score in record["scores"] if score["name"] == "lams")
    assert (lams["low"], lams["high"]) == (4, 4)
    await expect(page.locator(".patient-head.severe")).to_be_visible()
    await expect(page.locator(".why")).to_contain_text("CT")
    await phone.open("more", "entered")
    scored = sheet.locator(".acts li").first
    await expect(scored).to_contain_text("面 1、臂 2、握力 1")
    # It was another patient after all: what was scored calls nobody any more.
    await scored.get_by_role("button", name="撤回").click()
    await phone.option("why", 2).click()
    await expect(scored).to_contain_text("已撤回")
    record = await phone.record(one, lambda record: concern(record, "stroke")[0] == "notice")
    assert "lams" not in {score["name"] for score in record["scores"]}


async def test_a_drug_has_its_dose_its_unit_and_its_time(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    page = phone.page
    sheet = await phone.open("drugs")
    await phone.shot("drugs")
    await sheet.locator("[data-treatment=aspirin]").click()
    save = sheet.locator(".primary.huge")
    await expect(save).to_have_text("记录（不写剂量）")
    await phone.type("300")
    await expect(save).to_have_text("记录 300 mg")  # of what else?
    await phone.shot("dose")
    await save.click()
    # Micrograms, a minute ago; and what has no dose.
    await phone.open("drugs")
    await sheet.locator(".when button").nth(1).click()
    await sheet.locator("[data-treatment=norepinephrine]").click()
    await phone.type("0.0")
    await expect(save).to_be_disabled()  # of what?
    units = sheet.locator("[data-of=unit] button")
    await expect(units).to_have_text(["μg", "mg", "mL"])  # no joules of a drug
    await sheet.get_by_role("button", name="μg", exact=True).click()
    await expect(save).to_be_disabled()  # that is no dose
    await phone.type("8")
    await expect(save).to_have_text("记录 0.08 μg")
    await save.click()
    await phone.open("drugs")
    await sheet.locator("[data-treatment=defibrillation]").click()
    await phone.type("200")
    await expect(save).to_have_text("记录 200 J")
    await sheet.get_by_role("button", name="返回").click()  # it was not that
    await sheet.locator("[data-treatment=intravenous_access]").click()
    await expect(sheet.locator(".keypad")).to_have_count(0)
    await expect(save).to_have_text("记录")
    await save.click()
    record = await phone.record(one, lambda record: len(record.get("treatments", ())) == 3)
    given = {each["treatment"]: each for each in record["treatments"]}
    doses = {name: (each.get("dose"), each.get("unit")) for name, each in given.items()}
    assert doses == {
        "aspirin": (300, "mg"),
        "norepinephrine": (0.08, "ug"),
        "intravenous_access": (None, None),
    }
    at = {name: datetime.fromisoformat(each["occurred_at"]) for name, each in given.items()}
    assert timedelta(seconds=50) < at["intravenous_access"] - at["norepinephrine"]
    await phone.open("more", "entered")
    await expect(sheet.locator(".acts")).to_contain_text("阿司匹林 300 mg")
    await expect(sheet.locator(".acts")).to_contain_text("去甲肾上腺素 0.08 μg")
    # The wrong drug is taken back.
    wrong = sheet.locator(".acts li", has_text="阿司匹林")
    await wrong.get_by_role("button", name="撤回").click()
    await wrong.locator("[data-of=why] button").nth(2).click()
    await phone.record(one, lambda record: len(record["treatments"]) == 2)
    await expect(page.locator(".pending")).to_have_count(0)


async def test_a_crew_sets_its_own_level_and_says_why(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    page = phone.page
    await phone.arrest()
    await expect(page.locator(".patient-head.critical")).to_be_visible()
    sheet = await phone.open("more", "level")
    await expect(sheet).to_contain_text("目前为Ⅰ 濒危")
    save = sheet.locator(".primary.huge")
    await sheet.locator("[data-of=level] .urgent").click()
    await expect(save).to_be_disabled()  # a level of one's own has a reason
    await sheet.locator("textarea").fill("导联脱落，患者清醒交谈")
    await phone.shot("level")
    await save.click()
    record = await phone.record(one, lambda record: record.get("override"))
    told = record["override"]
    assert (told["level"], told["overridden_by"], told["role"]) == ("urgent", "medic-1", "crew")
    assert told["reason"] == "导联脱落，患者清醒交谈"
    assert record["worst"] == "urgent"
    assert findings(record)["cardiac_arrest"] is True
    await expect(page.locator(".patient-head.urgent")).to_be_visible()
    # And up again: whatever is known, the crew sees the patient.
    await phone.open("more", "level")
    await sheet.locator("[data-of=level] .critical").click()
    await sheet.locator("textarea").fill("突发大汗，意识模糊")
    await save.click()
    await phone.record(one, lambda record: record["worst"] == "critical")
    await expect(page.locator(".patient-head.critical")).to_be_visible()
    await phone.open("more", "entered")
    await expect(sheet.locator(".acts")).to_contain_text("车组定级 · Ⅲ 急症")
    await expect(sheet.locator(".acts .waits")).to_have_count(0)
