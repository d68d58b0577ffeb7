"""Who the patients of a crew are, and what became of them: injured, pregnant, born on the way."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, Route, expect

from tests.boards import Site
from tests.crew_phone import HOSPITAL, UNKNOWN, Phone, concern, findings, phone_in
from tests.screens import SIDEWAYS, picture, speak

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]

ALONE = ("vitals", "ecg", "fast", "drugs", "findings", "background", "monitor")
SHEETS = (*((name,) for name in ALONE), *(("more", name) for name in ("another", "level")))
FALLEN = {"complaint": "trauma", "sex": "male", "age": {"years": 44}}
EXPECTING = {"complaint": "abdominal_pain", "sex": "female", "age": {"years": 31}}


async def test_how_it_came_about_and_what_is_injured_call_the_trauma_team(phone: Phone) -> None:
    (one,) = await phone.goes_to(FALLEN)
    sheet = await phone.open("mechanism")
    await phone.option("fall_from_height", 0).click()
    await phone.option("ejected", 1).click()
    await phone.option("unstable_pelvis", 0).click()
    await expect(phone.option("unstable_pelvis", 0)).to_have_attribute("aria-pressed", "true")
    await phone.shot("mechanism")
    # One too many: what was said last counts.
    await phone.option("penetrating_injury", 0).click()
    await phone.option("penetrating_injury", 1).click()
    await sheet.locator(".close").click()
    said = {"fall_from_height": True, "ejected": False, "unstable_pelvis": True}
    record = await phone.found(one, **said, penetrating_injury=False)
    assert findings(record).keys() == {*said, "penetrating_injury"}
    await phone.record(one, lambda record: concern(record, "trauma")[0] == "activate")
    await expect(phone.page.locator(".why")).to_contain_text("创伤中心 · 启动团队")
    await phone.none_waits()


async def test_what_is_found_in_pregnancy_concerns_the_centre_for_mothers(phone: Phone) -> None:
    (one,) = await phone.goes_to(EXPECTING)
    page = phone.page
    sheet = await phone.open("more", "person")
    await phone.option("pregnant", 0).click()
    # Key by key, as a thumb does it.
    await sheet.get_by_label("孕周").press_sequentially("34.5")
    await phone.shot("person")
    await sheet.locator(".primary.huge").click()
    await expect(page.locator(".patient-head")).to_contain_text("孕 34 周")
    record = await phone.record(one, lambda record: record["patient"].get("pregnant") == "yes")
    assert record["patient"]["gestation_weeks"] == 34.5
    await phone.open("obstetric")
    await phone.option("pre_eclampsia", 0).click()
    await phone.option("severe_headache", 0).click()
    await phone.option("cord_prolapse", 1).click()
    await phone.shot("obstetric")
    await phone.close()
    await phone.found(one, pre_eclampsia=True, severe_headache=True, cord_prolapse=False)
    record = await phone.record(one, lambda record: concern(record, "maternal")[0] != "none")
    assert concern(record, "maternal")[0] in ("alert", "activate")
    assert record["worst"] in ("critical", "severe")
    await phone.none_waits()


async def test_who_is_pregnant_no_more_has_no_weeks(phone: Phone) -> None:
    """A slip is put right: who is no woman, or not pregnant, is triaged as neither."""
    expecting = {**EXPECTING, "pregnant": "yes", "gestation_weeks": 20}
    (one,) = await phone.goes_to(expecting)
    head = phone.page.locator(".patient-head")
    await expect(head).to_contain_text("孕 20 周")
    sheet = await phone.open("more", "person")
    await phone.option("pregnant", 1).click()
    await sheet.locator(".primary.huge").click()
    await expect(head).not_to_contain_text("孕")
    told = await phone.record(one, lambda record: record["patient"].get("pregnant") == "no")
    assert told["patient"].get("gestation_weeks") is None
    await phone.open("more", "person")
    await phone.option("pregnant", 0).click()
    await phone.option("sex", 0).click()
    await sheet.locator(".primary.huge").click()
    told = await phone.record(one, lambda record: record["patient"]["sex"] == "male")
    assert told["patient"].get("pregnant") != "yes"


async def test_in_english_the_tabs_of_two_are_read_whole(crew_site: Site, chrome: Browser) -> None:
    async with phone_in(chrome, crew_site, "en") as phone:
        await phone.goes_to(UNKNOWN, UNKNOWN)
        words = phone.page.locator(".main-tabs [data-tab] > span:last-child")
        await expect(words).to_have_text([re.compile("unknown *injury")] * 2)
        cut = "nodes => nodes.map(one => one.scrollWidth > one.clientWidth)"
        assert await words.evaluate_all(cut) == [False, False]
        await phone.shot("tabs-of-two")


async def test_each_sheet_says_whose_it_is_and_the_chosen_tab_is_seen(phone: Phone) -> None:
    (one,) = await phone.goes_to(FALLEN)
    page, strip = phone.page, phone.page.locator(".main-tabs .tabs")
    for number in (2, 3, 4):
        await page.locator(".plus").click()
        await page.locator("dialog [data-sex=female]").click()
        await expect(page.locator("[data-tab]")).to_have_count(number)
    await phone.none_waits()
    chosen = strip.locator("[aria-selected=true]")
    await expect(chosen).to_contain_text("4 · 女")
    for tab in (chosen, page.locator(f"[data-tab='{one.encounter}']")):
        if tab is not chosen:
            await tab.evaluate("node => node.click()")  # where no thumb has brought it into view
        await expect(tab).to_be_in_viewport(ratio=0.9)
        box, around = await tab.bounding_box(), await strip.bounding_box()
        assert box is not None
        assert around is not None
        assert around["x"] <= box["x"] <= box["x"] + box["width"] <= around["x"] + around["width"]
    head = page.locator("dialog header h2")
    await expect(page.locator(".patient-head")).to_contain_text("男 44 岁")
    for way in SHEETS:
        await phone.open(*way)
        if way[-1] == "another":
            await expect(head).not_to_contain_text("号患者")
        else:
            await expect(head).to_contain_text("1 号患者 · 男 44 岁 · 外伤")
        await phone.close()
    await phone.open("vitals")
    await phone.shot("whose")


async def test_whose_an_act_is_is_always_said(phone: Phone) -> None:
    """Of two both tabs are seen at once, wherever the page stands; and whose it is that can be
    undone, waits, or is still aboard."""
    one, two = await phone.goes_to(FALLEN, EXPECTING)
    page = phone.page
    for each in (one, two):
        tab = page.locator(f"[data-tab='{each.encounter}']")
        await expect(tab).to_be_in_viewport(ratio=1)
        box, plus = await tab.bounding_box(), await page.locator(".plus").bounding_box()
        assert box is not None
        assert plus is not None
        assert box["width"] >= 100
        assert box["x"] + box["width"] <= plus["x"]
    await phone.shot("two")
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert await page.evaluate("scrollY") > 100
    await expect(page.locator("[data-tab][aria-selected=true]")).to_be_in_viewport(ratio=1)
    await phone.shot("two-scrolled")
    await phone.show(two.encounter)
    await phone.stamp("boarding").click()
    whose = "2 号患者 · 女 31 岁 · 腹痛"
    await expect(page.locator("[data-held=boarding]")).to_contain_text(whose)
    await page.locator(".pending").click()
    sheet = page.locator("dialog.sheet")
    await expect(sheet.locator(".acts li", has_text="患者上车")).to_contain_text(whose)
    await phone.shot("two-waiting")
    await phone.close()
    await phone.send_now("boarding")
    await page.locator("[role=tab].of-unit").click()
    await page.locator(".times li", has_text="待命").get_by_role("button").click()
    await expect(sheet.locator(".still")).to_contain_text(whose)


async def test_what_stands_at_the_head_of_an_unknown_patient_on_the_way_fits_the_screen(
    phone: Phone,
) -> None:
    """In both languages; and once the unit has come, nothing is counted any more."""
    (one,) = await phone.goes_to(UNKNOWN)
    page = phone.page

    async def on_the_way(route: Route) -> None:
        answer = await route.fetch()
        told = await answer.json()
        later = (datetime.now(UTC) + timedelta(minutes=128)).isoformat()
        told["leg"]["eta"] = {"place": "destination", "arrives_at": later}
        await route.fulfill(response=answer, json=told)

    await page.route("**/units/*/mission", on_the_way)
    await phone.stamp("boarding").click()
    await phone.send_now("boarding")
    head = page.locator(".patient-head")
    await expect(head.locator(".admission")).to_contain_text("WB-")
    for language, words in (("zh", "分钟"), ("en", "min")):
        await speak(page, language)
        eta = head.locator(".until")
        await expect(eta).to_contain_text(words)
        for inner, outer in ((eta, head), (page.locator(".top .who small"), page.locator(".who"))):
            box, around = await inner.bounding_box(), await outer.bounding_box()
            assert box is not None
            assert around is not None
            assert box["x"] + box["width"] <= around["x"] + around["width"] <= 390
        assert await page.evaluate(SIDEWAYS) == 0
        await picture(page, f"crew-unknown-on-the-way-{language}-390", whole=False)
        sheet = await phone.open("vitals")
        opened = await sheet.bounding_box()
        assert opened is not None
        assert opened["width"] == 390
        await phone.close()
    await speak(page, "zh")
    await page.locator("[role=tab].of-unit").click()
    await page.locator(".ahead", has_text="到达医院").get_by_role("button").click()
    await phone.send_now("stamp")
    await phone.show(one.encounter)
    await expect(head).to_contain_text("已到医院")
    await expect(head).not_to_contain_text("分钟")


async def test_who_is_born_on_the_way_has_a_mother_and_a_record(phone: Phone) -> None:
    """Of several women at the scene the tab's number says which is the mother."""
    (man,) = await phone.goes_to(FALLEN)
    page = phone.page
    for number in (2, 3):
        await page.locator(".plus").click()
        await page.locator("dialog [data-sex=female]").click()
        await expect(page.locator("[data-tab]")).to_have_count(number)
    await phone.none_waits()
    mother = await phone.last_of(man)
    tab = page.locator(f"[data-tab='{mother.encounter}']")
    await expect(tab).to_contain_text("3 · 女")
    await page.locator(".plus").click()
    births = page.locator("dialog button", has_text="新生儿")
    await expect(births).to_have_text([re.compile("母亲：2 号"), re.compile("母亲：3 号")])
    await phone.shot("newborn")
    tapped = datetime.now(UTC)
    await births.nth(1).click()
    await expect(page.locator("[data-tab]")).to_have_count(4)
    await phone.none_waits()
    baby = await phone.last_of(man)
    born = await phone.patient(baby)
    assert (born["mother_id"], born["origin"]) == (mother.encounter, "birth")
    at = datetime.fromisoformat(born["patient"]["birth_time"])
    assert abs(at - tapped) < timedelta(seconds=5)
    # A twin has the same mother, and not the newborn.
    await page.locator(".plus").click()
    await expect(births).to_have_count(2)
    await phone.close()
    # What the baby gets stands in a record of its own.
    await phone.show(baby.encounter)
    await expect(page.locator(".patient-head")).to_contain_text("0 小时")
    for one in (mother, baby):
        await one.bound_for(HOSPITAL)
    sheet = await phone.open("drugs")
    await sheet.locator("[data-treatment=cord_clamped]").click()
    await sheet.locator(".primary.huge").click()
    await phone.open("more", "person")
    await expect(sheet.locator(".keypad")).to_have_count(0)  # the age is known to the minute
    await phone.option("sex", 1).click()
    await sheet.locator(".primary.huge").click()
    record = await phone.record(
        baby, lambda record: record.get("treatments") and record["patient"]["sex"] == "female"
    )
    assert datetime.fromisoformat(record["patient"]["birth_time"]) == at
    assert record["patient"]["complaint"] == "newborn"
    assert [each["treatment"] for each in record["treatments"]] == ["cord_clamped"]
    assert not (await phone.record(mother)).get("treatments")
    await phone.none_waits()
