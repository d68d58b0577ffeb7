"""The handover sheet and the downtime copy: what is known, and no more than that, in words."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.boards import WIDTHS, Site, seated, sit
from tests.hospital_patient import everything_known, sheet_of, worst, wristband
from tests.hospital_screen import HERE, NAMES, THERE, at_screen, hospitals, of
from tests.journey import CRITICAL, WELL, Traveller, admitted
from tests.paper import pages_of, plain, text_of
from tests.platform import Platform
from tests.screens import CATALOGUES, pictures, speak
from tests.services import ago, now, until

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]
COPY = "/hospital/copy"
KEPT = "import('/static/kit/keep.js').then(({ kept }) => kept('copies', 'board'))"
#: What is told of a level for which no rule speaks; said by the page's own script.
BECAUSE = """async (record) => (await import("/static/hospital/because.js")).because(record)"""
#: Words that are the same as a code, and are not one: units, and as whom somebody signs in.
UNITS = {"mg", "mL", "mmHg", "mmol", "min", "crew"}


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with hospitals(platform, tmp_path_factory.mktemp("paper-screen")) as made:
        yield made


def codes() -> Iterator[str]:
    """Every code that the catalogues translate."""
    text = (CATALOGUES / "zh" / "codes.js").read_text("utf-8")
    for of_kind in json.loads(text[text.index("{") : text.rindex("}") + 1]).values():
        yield from (code for code in of_kind if len(code) > 2)


def untranslated(words: str) -> set[str]:
    """Codes that stand in this Chinese text as they are; not in names, as ``crew-7``."""
    found = re.findall(r"(?<![\w.:/-])[a-z][a-z0-9_]+(?![\w.:/-])", words)
    return {*found} & {*codes()} - UNITS


def input_of(value: Any, name: str = "heart_rate") -> dict[str, Any]:
    return {"name": name, "value": value, "occurred_at": now()}


def record(**told: Any) -> dict[str, Any]:
    return {"inputs": [], "lost": [], "invalid": [], "missing": [], "worst": "not_yet",
            "override": None, "triage_paused": False, **told}  # fmt: skip


def override(role: str) -> dict[str, Any]:
    return {"level": "urgent", "reason": "面色苍白", "overridden_by": "N-7", "role": role,
            "occurred_at": "2026-03-09T08:00:00Z"}  # fmt: skip


SENTENCES = (
    (record(), "尚无任何数值；未定级"),
    (record(inputs=[input_of("unmeasurable")]), "尚无有效数值；未定级"),
    (record(invalid=[input_of(900)]), "尚无有效数值；未定级"),
    (record(inputs=[input_of(72)], worst="non_urgent"), "所测数值无异常"),
    (record(inputs=[input_of(72)]), "所测数值无异常；未定级"),
    (record(inputs=[input_of(72)], missing=["protocol"]), "所测数值未经分诊判断；未定级"),
    (record(inputs=[input_of(72)], triage_paused=True, worst="non_urgent"), "所测数值未经分诊判断"),
    (record(worst="urgent", override=override("crew")),
     "尚无任何数值；由车组 N-7 人工定为 Ⅲ 急症（16:00）"),
    (record(inputs=[input_of(72)], worst="urgent", override=override("receiving_clinician")),
     "所测数值无异常；由本院 N-7 人工定为 Ⅲ 急症（16:00）"),
)  # fmt: skip


async def test_of_a_level_for_which_no_rule_speaks_the_truth_is_said(
    site: Site, chrome: Browser
) -> None:
    (well, unseen) = await admitted(site, HERE, {"sex": "male"}, {"sex": "female"})
    await well.reading({**WELL, "pain": 0, "blood_glucose": 5.6, "on_oxygen": False})
    await unseen.act("level", level="urgent", reason="面色苍白")
    await until(lambda: worst(unseen, "urgent"), why="the level does not stand")
    await until(partial(well.item, "inputs"), why="no values came")
    async with at_screen(chrome, site, of("nurse-p")) as page:
        await page.goto(f"{site.url}{sheet_of(well)}")
        sheet = page.locator(".sheet")
        await expect(sheet).to_contain_text("依据所测数值无异常")
        await expect(sheet).not_to_contain_text("尚无")
        for told, sentence in SENTENCES:
            assert await page.evaluate(BECAUSE, told) == sentence
        await page.goto(f"{site.url}{sheet_of(unseen)}")
        await expect(sheet).to_contain_text("尚无任何数值；由本院")
        await expect(sheet).not_to_contain_text("无异常")
        await pictures(page, "sheet-by-hand", WIDTHS)


async def much_known(site: Site) -> Traveller:
    """As much as an ordinary patient's record says, and every vital sign that there is."""
    one = await everything_known(site)
    rare = {"pain": 5, "potassium": 4.1, "fetal_heart_rate": 140, "blood_glucose": 6.2}
    await one.reading(rare, ago(100))
    await one.tell(
        "treatments", occurred_at=ago(90), treatment="norepinephrine", dose=0.08, unit="ug"
    )
    await one.act("activation", centre="chest_pain", activation="activate")
    await one.act("activation", centre="trauma", activation="activate")
    await one.act("departments/cardiology/answer", answer="coming")
    await one.act("bed", department="ccu", bed="12")
    await until(lambda: _has_input(one, "potassium"), why="not all was told")
    return one


async def _has_input(one: Traveller, name: str) -> bool:
    return name in {told["name"] for told in (await one.item())["record"]["inputs"]}


async def test_a_sheet_of_an_ordinary_patient_is_one_page_with_units(
    site: Site, chrome: Browser
) -> None:
    one = await much_known(site)
    own = await wristband(one)
    await one.act("arrival")
    await one.given(wristband=own)
    async with at_screen(chrome, site, of("nurse-q")) as page:
        await page.goto(f"{site.url}{sheet_of(one)}")
        sheet = page.locator(".sheet")
        for fact in ("36 /min", "82 mmHg", "36.6 °C", "4.1 mmol/L", "去甲肾上腺素 0.08 μg",
                     "创伤中心", "影像科 未应答", "去向：送达地点未报", "已留床：CCU 12",
                     "手写签名"):  # fmt: skip
            await expect(sheet).to_contain_text(fact)
        assert untranslated(await sheet.inner_text()) == set()
        await pictures(page, "sheet-ordinary", WIDTHS)
        for language in ("zh", "en"):
            await speak(page, language)
            paper = await page.pdf(prefer_css_page_size=True)
            assert pages_of(paper) == 1, f"{language}: it does not fit its page"
            assert plain(own) in text_of(paper)


async def test_a_sheet_says_who_came_late_who_it_is_and_that_another_hospital_is_proposed(
    site: Site, chrome: Browser
) -> None:
    """And the lowest number is not told as the lowest pressure where nobody could measure one."""
    (one,) = await admitted(site, HERE, {"complaint": "dyspnoea", "sex": "male"})
    await one.reading({**CRITICAL, "systolic_bp": 82, "diastolic_bp": 50}, ago(300))
    await one.reading({"systolic_bp": "unmeasurable"}, ago(240))
    await one.reading({"systolic_bp": 90, "diastolic_bp": 58}, ago(100))
    await until(lambda: worst(one, "critical"), why="it was not triaged as critical")
    await until(lambda: _has_input(one, "systolic_bp"), why="no pressure came")
    await one.act("identity", reference="P-3100")
    await one.act("redirect-request", reason="no_capability", alternative_facility_id=THERE)
    async with at_screen(chrome, site, of("nurse-x")) as page:
        sheet = page.locator(".sheet")

        async def shows(*facts: str) -> None:
            await page.goto(f"{site.url}{sheet_of(one)}")
            for fact in facts:
                await expect(sheet).to_contain_text(re.compile(fact))

        other = NAMES[THERE]["zh"]
        await shows("身份院内号 P-3100", f"建议改送（.*）.*仍负责 · 无救治能力 · {other}")
        await expect(sheet.locator(".sheet-foot")).to_contain_text("P-3100")
        await expect(sheet).not_to_contain_text("首诊医生")
        pressure = sheet.locator("tbody tr", has_text="收缩压")
        await expect(sheet.locator("thead")).to_contain_text("测得最低测得最高最近")
        cells = pressure.locator("td")
        await expect(cells.nth(1)).to_have_text(re.compile(r"^82 mmHg \d\d:\d\d:\d\d$"))
        await expect(sheet.locator("tr.tried")).to_have_text(
            re.compile(r"^测不出收缩压 \d\d:\d\d:\d\d（是体征，不是数值）$")
        )
        await copied(page, site, one)
        await page.goto(f"{site.url}{COPY}")
        row = page.locator("tbody tr", has_text="P-3100")
        await expect(row).to_contain_text("建议改送")
        await one.act("redirect-request/withdrawn")
        await one.act("arrival", occurred_at=ago(95))
        await shows("首诊医生 未报告 超时 1:")
        await expect(sheet).not_to_contain_text("建议改送")
        await one.act("milestones", milestone="first_doctor", occurred_at=ago(2))
        await shows(r"首诊医生 \d\d:\d\d:\d\d 超时 1:\d\d（应于 \d\d:\d\d:\d\d）")
        await pictures(page, "sheet-late", WIDTHS)


async def copied(page: Page, site: Site, *known: Traveller) -> None:
    """The board has kept its copy, with these in it."""
    await page.goto(f"{site.url}/hospital/board")

    async def is_kept() -> bool:
        found = await page.evaluate(KEPT)
        there = {item["encounter_id"] for item in (found or {"items": []})["items"]}
        return there >= {one.encounter for one in known}

    await until(is_kept, 90, "no copy was kept")


async def test_the_downtime_copy_says_what_is_needed_when_everything_is_down(
    site: Site, chrome: Browser
) -> None:
    one = await much_known(site)
    (labour, gone) = await admitted(
        site, HERE,
        {"complaint": "obstetric", "sex": "female", "gestation_weeks": 39, "pregnant": "yes"},
        {"complaint": "dyspnoea", "sex": "female", "precautions": []},
    )  # fmt: skip
    await gone.reading(CRITICAL, ago(60))
    await until(lambda: worst(gone, "critical"), why="it was not triaged as critical")
    await gone.reading(WELL)
    await until(lambda: _is_well(gone), why="what is over does not stand apart")
    await gone.act("arrival")
    async with at_screen(chrome, site, of("nurse-r")) as page:
        await copied(page, site, one, labour, gone)
        await page.goto(f"{site.url}{COPY}")
        name = NAMES[HERE]
        await expect(page.locator("h1")).to_contain_text(name["zh"])
        kept = (await page.evaluate(KEPT))["items"]
        here = sum(bool(item["handoff"]["arrived_at"]) for item in kept)
        await expect(page.locator("header")).to_contain_text(f"在途 {len(kept) - here} 人")
        await expect(page.locator("header")).to_contain_text(f"已到 {here}")
        row = page.locator("tbody tr", has_text=await wristband(one))
        for fact in ("ST 段抬高", "大汗", "接触隔离", "过敏：无", "华法林", "去甲肾上腺素 0.08 μg",
                     "胸痛中心 已启动", "心内科 到位中", "创伤中心 已启动", "影像科 未应答",
                     "已留床：CCU 12", "疼痛 5", "血钾 4.1", "胎心 140"):  # fmt: skip
            await expect(row).to_contain_text(fact)
        was = page.locator("tbody tr", has_text=await wristband(gone))
        await expect(was).to_contain_text("曾 收缩压")
        await expect(was).to_contain_text("送达地点未报")
        await expect(was).to_contain_text("过敏、长期用药：未知（未询问）")
        bears = page.locator("tbody tr", has_text=await wristband(labour))
        await expect(bears).not_to_contain_text("抢救室")
        await expect(bears).to_contain_text("无报告（不等于没有）")
        assert untranslated(await page.locator("main").inner_text()) == set()
        await pictures(page, "copy", WIDTHS)
        await speak(page, "en")
        await expect(page.locator("h1")).to_contain_text(name["en"])
        await pictures(page, "copy", WIDTHS)


async def _is_well(one: Traveller) -> bool:
    record = (await one.item())["record"]
    return record["current"] != "critical" and bool(record["earlier"])


async def test_who_leaves_takes_the_copy_along_and_a_session_that_ends_leaves_it(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "fever"})
    async with seated(chrome, site) as (page, context, _):
        await sit(context, site, of("nurse-s"))
        await copied(page, site, one)
        await context.clear_cookies()
        await page.goto(f"{site.url}{COPY}")
        await expect(page.locator("table")).to_be_visible()
        await sit(context, site, of("nurse-t"))
        await copied(page, site, one)
        await page.get_by_role("button", name="退出").click()
        await page.wait_for_url(lambda url: "/hospital/board" not in url)
        await page.goto(f"{site.url}{COPY}")
        await expect(page.get_by_text("本机尚未保存副本")).to_be_visible()


PROBLEMS = """async (patients) => (await import("/static/kit/person.js")).problemsOf(patients)"""
CALLED: tuple[Any, ...] = (
    {"complaint": "chest_pain", "complaint_text": "压榨样疼痛"},
    {"complaint": "chest_pain"}, {"complaint": "chest_pain", "complaint_text": " 胸痛 "},
    {"complaint_text": "说不清"}, {"complaint": "unknown", "complaint_text": "说不清"}, {}, None,
)  # fmt: skip


async def test_why_help_was_called_is_told_by_code_and_words_in_both_languages(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {**CALLED[0], "sex": "male"})
    async with at_screen(chrome, site, of("nurse-v")) as page:
        await page.goto(f"{site.url}/hospital/patient/{one.encounter}")
        told = await page.evaluate(PROBLEMS, CALLED)
        assert told == ["胸痛：压榨样疼痛", "胸痛", "说不清", "不详"]
        await expect(page.locator(".banner .problem")).to_have_text("胸痛：压榨样疼痛")
        await speak(page, "en")
        english = await page.evaluate(PROBLEMS, CALLED[:2])
        assert english == ["chest pain: 压榨样疼痛", "chest pain"]
        await copied(page, site, one)
        for path in (sheet_of(one), COPY):
            await page.goto(f"{site.url}{path}")
            await expect(page.locator("main")).to_contain_text("胸痛：压榨样疼痛")
            await speak(page, "en")
            await expect(page.locator("main")).to_contain_text("chest pain: 压榨样疼痛")


REFUSAL = """async (problem) => (await import("/static/kit/refusal.js")).refusal(problem)"""
SAYS = "(field) => { field.form.requestSubmit(); return field.validationMessage; }"


async def test_a_refusal_and_a_field_speak_the_language_of_the_page(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "chest_pain", "sex": "male"})
    late = {"status": 422, "title": "In the future",
            "detail": "It is 2026-11-27T16:39:46Z here. Set your clock."}  # fmt: skip
    async with at_screen(chrome, site, of("nurse-u")) as page:
        await page.goto(f"{site.url}/hospital/patient/{one.encounter}")
        told = await page.evaluate(REFUSAL, late)
        assert told.startswith("所填时间晚于现在 · ")
        assert "2026-11-28 00:39:46" in told, "it is the hour of another place"
        assert "Set your clock" not in told, "English in a Chinese page"
        full = {"status": 409, "title": "No bed left", "detail": "None. One is free in: icu, ccu."}
        assert "有床的科室：ICU、CCU" in await page.evaluate(REFUSAL, full)
        crew = {"status": 422, "title": "Not the crew", "detail": "Say in 'reason' why."}
        assert (await page.evaluate(REFUSAL, crew)).endswith("请看：理由")
        fields = {"status": 422, "title": "Not valid", "detail": "Mend the fields in 'errors'.",
                  "errors": [{"field": "occurred_at", "problem": "x"},
                             {"field": "vitals.heart_rate", "problem": "y"}]}  # fmt: skip
        assert (await page.evaluate(REFUSAL, fields)).endswith("请看：发生时间、心率")
        unknown = await page.evaluate(REFUSAL, {**late, "title": "Never heard of"})
        assert unknown.startswith("填写有误 · ")
        await (
            page.get_by_role("button", name="抗生素: 改时间")
            .or_(page.get_by_role("button", name="抗生素：改时间"))
            .first.click()
        )
        day, time = page.get_by_label("日期"), page.get_by_label("时间", exact=True)
        for typed, wanted in (("2026-02-31", "没有这一天"), ("", "请填写"), ("今天", "2026-01-31")):
            await day.fill(typed)
            assert wanted in await day.evaluate(SAYS)
        await day.fill("2026-01-31")
        assert await day.evaluate("(field) => field.validity.valid")
        await time.fill("25:99")
        assert "格式不对，应为：23:59:00" in await time.evaluate(SAYS)
        await page.keyboard.press("Escape")
        await speak(page, "en")
        assert (await page.evaluate(REFUSAL, late)).startswith("This time is still to come")
