"""The page of a patient and the handover sheet in a browser, against real services."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.boards import WIDTHS, Site, seated, sign_in, sit
from tests.hospital_patient import (
    answered,
    at_site,
    everything_known,
    handoff,
    is_done,
    is_over,
    no_milestone,
    page_of,
    reached,
    read,
    reference,
    said_at,
    sheet_of,
    signed_by,
    worst,
    wristband,
)
from tests.hospital_screen import DOCTOR, HERE, THERE, at_screen, hospitals, of
from tests.journey import WELL, admitted, called
from tests.paper import pages_of, plain, text_of
from tests.platform import Platform
from tests.screens import picture, pictures, speak
from tests.services import ago, now, until

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with hospitals(platform, tmp_path_factory.mktemp("patient-screen")) as made:
        yield made


async def test_a_patient_of_whom_all_is_known_goes_through_the_page(
    site: Site, chrome: Browser
) -> None:
    one = await everything_known(site)
    async with at_screen(chrome, site, of("doctor-a")) as page:
        await read(page, one)
        banner = page.locator(".banner")
        for words in ("濒危", "男 约 58 岁", "胸骨后压榨样疼痛", "已入院", "GC-", "WB-", "测不出"):
            await expect(banner).to_contain_text(words)
        await expect(banner.locator(".tile", has_text="SpO₂")).to_contain_text("空气")
        background = page.get_by_role("region", name="背景情况")
        await expect(background).to_contain_text("华法林")
        await expect(background).to_contain_text("外周静脉通路 (左前臂)")
        fields = background.locator("dl > div")
        await expect(fields.filter(has_text="过敏").locator("dd")).to_contain_text("无")
        await expect(fields.filter(has_text="皮肤").locator("dd")).to_have_text("未知（未询问）")
        care = page.get_by_role("region", name="车上所做与所见")
        await expect(care).to_contain_text("阿司匹林 300 mg")
        await expect(care).to_contain_text("接触隔离")
        exams = page.get_by_role("region", name="检查", exact=True)
        await expect(exams).to_contain_text("不互认，缺： 本院认可的标识")
        picture = exams.locator("img")
        await until(lambda: picture.evaluate("i => i.naturalWidth > 0"), why="the ECG is not shown")

        vitals = page.get_by_role("region", name="生命体征", exact=True)
        await expect(vitals.get_by_role("img", name="心率")).to_be_visible()
        await expect(vitals.get_by_role("img", name="血压")).to_have_accessible_name(
            re.compile("测不出")
        )
        await vitals.get_by_role("button", name="表格").click()
        await expect(vitals.locator("td", has_text="测不出")).to_have_count(1)
        await expect(vitals.locator("td", has_text="36")).not_to_have_count(0)
        await expect(vitals.locator("td", has_text="空气")).to_have_count(1)
        await vitals.get_by_role("button", name="表格").click()

        story = page.get_by_role("region", name="经过")
        await expect(story).to_contain_text("Ⅰ 濒危")
        await story.get_by_role("button", name="分诊", exact=True).click()
        await story.get_by_role("button", name="依据").first.click()
        explained = story.locator(".explained")
        await expect(explained).to_contain_text("当时的依据")
        await expect(explained.locator("abbr").first).to_have_attribute("title", re.compile("."))
        await story.get_by_role("button", name="全部").click()
        await pictures(page, "patient-known", WIDTHS)


async def test_milestones_are_set_corrected_and_taken_back(site: Site, chrome: Browser) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "chest_pain", "sex": "female"})
    await one.act("arrival")
    async with at_screen(chrome, site, of("doctor-b")) as page:
        await read(page, one)
        await page.get_by_role("button", name="CT 完成：就在现在").click()
        await expect(page.locator(".notice.done")).to_contain_text("已送出：CT 完成")
        done = await until(lambda: reached(one, "ct_done"), why="it was not said")
        await expect(page.locator(".milestone.reached", has_text="CT 完成")).to_be_visible()
        await page.get_by_role("button", name="CT 完成: 改时间").click()
        time = page.get_by_role("dialog").get_by_label("时间", exact=True)
        await expect(time).to_have_value(at_site(done["occurred_at"]))
        await time.fill("00:00:01")
        await is_sure(page, "早于已知的最早时间")
        await until(lambda: said_at(one, "ct_done", "00:00:01"), why="not corrected")
        # A year back it is asked for too, shown with its day, and the way does not begin with it.
        await page.get_by_role("button", name="CT 完成: 改时间").click()
        await page.get_by_role("dialog").get_by_label("日期", exact=True).fill("2025-11-28")
        await page.get_by_role("dialog").get_by_role("button", name="确认").click()
        await is_sure(page, "早于已知的最早时间")
        box = page.locator(".milestone", has_text="CT 完成")
        await expect(box).to_contain_text(re.compile("2025.11.28"))
        await page.get_by_role("button", name="CT 完成: 撤回").click()
        await page.get_by_role("dialog").get_by_role("button", name="撤回").click()
        await until(lambda: no_milestone(one, "ct_done"), why="not taken back")
        await expect(page.get_by_role("button", name="CT 完成：就在现在")).to_be_visible()
        story = page.get_by_role("region", name="经过")
        await expect(story).to_contain_text("撤回：CT 完成")
        assert not re.search(r"\+\d{3,} h", await story.inner_text()), "counted from a mistake"


OFFERED = """async ([item, more]) => (await import("/static/hospital/milestones.js")).inOrder({
  ...item, ...more, record: { ...item.record, patient: { sex: "male" }, ...more.record } }, null)"""


async def test_a_birth_is_asked_of_no_man_and_is_shown_of_whom_it_was_said(
    site: Site, chrome: Browser
) -> None:
    man, unseen = await admitted(site, HERE, {"complaint": "trauma", "sex": "male"}, {})
    async with at_screen(chrome, site, of("doctor-r")) as page:
        strip = page.get_by_role("region", name="院内节点")
        await read(page, man)
        await expect(strip).to_contain_text("手术开始")
        for of_birth in ("娩出", "决定剖宫产"):
            await expect(strip).not_to_contain_text(of_birth)
        item = await man.item()
        concern = {"centre": "maternal", "activation": "alert"}
        may_bear: tuple[dict[str, Any], ...] = (
            {"centres": ["maternal"]}, {"record": {"centres": [concern]}},
            {"record": {"patient": {"sex": "female"}}}, {"record": {"patient": {}}},
        )  # fmt: skip
        for more in may_bear:
            told = await page.evaluate(OFFERED, [item, more])
            assert {"delivery", "caesarean_decided"} <= {*told}, more
        assert "delivery" not in await page.evaluate(OFFERED, [item, {}])
        await man.act("milestones", milestone="delivery")
        await expect(strip.locator(".milestone.reached", has_text="娩出")).to_be_visible()
        await expect(strip).not_to_contain_text("决定剖宫产")
        await read(page, unseen)
        await expect(strip).to_contain_text("娩出")


AGAINST = """async ([item, milestone, at, t]) => (await import("/static/hospital/moments.js"))
  .against(item, milestone, at, Date.parse(t)).map(([key]) => key)"""


async def test_a_milestone_to_come_or_in_no_possible_order_is_said_before_it_is_sent(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "stroke", "sex": "female"})
    await one.act("arrival", occurred_at=ago(100))
    await one.act("milestones", milestone="needle", occurred_at=ago(20))
    async with at_screen(chrome, site, of("doctor-t")) as page:
        await read(page, one)
        item = await one.item()
        here = datetime.fromisoformat(item["handoff"]["arrived_at"])
        for milestone, after_s, wanted in (
            ("first_doctor", 130, ["milestone_ahead"]), ("first_doctor", 50, []),
            ("first_doctor", -10, ["milestone_before_arrival"]),
            ("first_doctor", -90_000, ["milestone_early"]),
            ("ct_done", 95, ["milestone_after"]), ("ct_done", 40, []),
        ):  # fmt: skip
            at, t = (here + timedelta(seconds=s) for s in (after_s, 120))
            told = await page.evaluate(AGAINST, [item, milestone, at.isoformat(), t.isoformat()])
            assert told == wanted, (milestone, after_s)
        # One tap would be after the thrombolysis: it is asked for.
        await page.get_by_role("button", name="CT 完成：就在现在").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("alert")).to_contain_text("晚于溶栓")
        await dialog.get_by_label("日期", exact=True).fill("2199-01-31")
        await expect(dialog.get_by_role("alert")).to_contain_text("晚于现在")
        await expect(dialog.get_by_label("已核对，确实如此")).to_have_count(0)
        await dialog.get_by_role("button", name="确认").click()
        await expect(dialog).to_be_visible()
        assert await no_milestone(one, "ct_done")
        await pictures_of_question(page, "patient-milestone-ahead")


USED = """async ([clock, at]) =>
  (await import("/static/hospital/axis.js")).used(clock, Date.parse(at))"""
BANDS = """async (record) => (await import("/static/hospital/course.js"))
  .bandsOf(record, ["systolic_bp", "diastolic_bp"])"""


async def test_a_bar_shows_how_much_of_a_limit_is_used_and_a_band_of_which_sign_it_is(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "chest_pain", "sex": "male"})
    await one.ecg("st_elevation")
    await one.reading({**WELL, "systolic_bp": 62, "diastolic_bp": 51})
    await until(lambda: worst(one, "critical"), why="it was not triaged as critical")
    clock = {"began_at": "2026-03-09T08:00:00Z", "due_at": "2026-03-09T09:30:00Z", "ended_at": None}
    async with at_screen(chrome, site, of("doctor-s")) as page:
        await read(page, one)
        row = page.locator(".clock-row", has_text="导丝通过")
        await expect(row).to_contain_text("剩")
        width = "i => 100 * i.offsetWidth / i.parentElement.clientWidth"
        assert await row.locator(".run").evaluate(width) < 25, "most of 90 minutes are left"
        for at, ended, run, due in (
            ("08:09", None, 10, 100), ("12:00", "08:45", 50, 100), ("11:00", None, 100, 50),
            ("08:10", "07:50", 0, 100),
        ):  # fmt: skip
            day = "2026-03-09T{}:00Z"
            told = await page.evaluate(
                USED, [{**clock, "ended_at": ended and day.format(ended)}, day.format(at)]
            )
            assert (round(told["run"]), round(told["due"])) == (run, due)
        assert await page.evaluate(USED, [{**clock, "due_at": None}, clock["began_at"]]) is None
        bands = await page.evaluate(BANDS, (await one.item())["record"])
        assert {band["name"] for band in bands} == {"systolic_bp"}
        await pictures(page, "patient-limits", WIDTHS)


async def is_sure(page: Page, doubt: str) -> None:
    """What is implausible is asked for: it is sent only with a tick."""
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("alert").first).to_contain_text(doubt)
    await dialog.get_by_role("button", name="确认").click()
    await expect(dialog).to_be_visible()
    await dialog.get_by_label("已核对，确实如此").check()
    await dialog.get_by_role("button", name="确认").click()
    await expect(dialog).to_have_count(0)


async def pictures_of_question(page: Page, name: str) -> None:
    """Of a dialog, as wide as a phone and as a screen; behind it nothing can be pressed."""
    size = page.viewport_size
    assert size is not None
    for width in (390, 1280):
        await page.set_viewport_size({"width": width, "height": 900})
        await picture(page, f"{name}-zh-{width}", whole=False)
    await page.set_viewport_size(size)


async def test_of_who_is_not_here_no_milestone_is_due_and_one_is_asked_for(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "chest_pain", "sex": "male"})
    async with at_screen(chrome, site, of("doctor-n")) as page:
        await read(page, one)
        await expect(page.locator(".strip .primary")).to_have_count(0)
        await page.get_by_role("button", name="导丝通过：就在现在").click()
        assert await no_milestone(one, "wire"), "one tap was enough"
        await expect(page.get_by_role("dialog")).to_contain_text("患者尚未到达本院")
        await pictures_of_question(page, "patient-milestone-asked")
        await is_sure(page, "患者尚未到达本院")
        await until(lambda: reached(one, "wire"), why="who is sure is not believed")
        await one.act("arrival")
        await expect(page.locator(".strip .primary")).not_to_have_count(0)


async def test_a_department_that_comes_may_still_say_that_it_cannot(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "stroke"})
    await one.act("activation", centre="stroke", activation="activate")
    async with at_screen(chrome, site, of("nurse-o")) as page:
        await read(page, one)
        first = page.locator(".answers li").first
        for said, word in (("coming", "到位中"), ("cannot", "不能来"), ("coming", "到位中")):
            await first.get_by_role("button", name=word).click()
            await until(partial(answered, one, said), why=f"not {said}")
            await expect(first).to_contain_text(word)
        await pictures(page, "patient-departments", WIDTHS)


async def test_who_was_never_aboard_is_signed_for_only_with_the_reason(
    site: Site, chrome: Browser
) -> None:
    """A unit was sent, and nothing else is known: a slip of a finger hands nobody over."""
    (one,) = await called(site, {"complaint": "chest_pain"})
    await one.bound_for(HERE)
    await until(one.item, why="the hospital does not know of them")
    async with at_screen(chrome, site, of("doctor-p")) as page:
        await read(page, one)
        box = page.get_by_role("region", name="交接", exact=True)
        await box.get_by_role("button", name="接收并签名").click()
        dialog = page.get_by_role("dialog")
        for words in ("无上车记录", "车辆", "未知", "未核对"):
            await expect(dialog).to_contain_text(words)
        sign = dialog.get_by_role("button", name="确认接收并签名")
        await expect(sign).to_be_disabled()
        await pictures_of_question(page, "patient-never-aboard")
        await dialog.get_by_role("button", name="返回").click()
        assert (await handoff(one))["signatures"] == [], "one tap has signed"
        await box.get_by_role("button", name="接收并签名").click()
        await dialog.get_by_label("仍然签名的理由").fill("家属驾车送来")
        await sign.click()
        await until(lambda: signed_by(one, "received", "doctor-p"), why="not signed")
        await expect(box).to_contain_text("无上车记录，理由： 家属驾车送来")
        (signed,) = (await handoff(one))["signatures"]
        assert signed["not_aboard_reason"] == "家属驾车送来"


async def test_before_a_signature_it_is_said_for_whom_and_that_they_have_not_come(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "chest_pain", "sex": "male"})
    async with at_screen(chrome, site, of("doctor-q")) as page:
        await read(page, one)
        box = page.get_by_role("region", name="交接", exact=True)
        await box.get_by_role("button", name="接收并签名").click()
        dialog = page.get_by_role("dialog")
        for words in ("男", one.unit, await wristband(one), "尚未报告到达", "记为到达"):
            await expect(dialog).to_contain_text(words)
        await pictures_of_question(page, "patient-sign-asked")
        await dialog.get_by_role("button", name="确认接收并签名").click()
        await until(lambda: signed_by(one, "received", "doctor-q"), why="not signed")


async def test_who_it_is_is_bound_merged_and_split_and_formalities_are_done(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {"sex": "male"})
    async with at_screen(chrome, site, of("nurse-c"), refused={422}) as page:
        await read(page, one)
        dialog = page.get_by_role("dialog")
        await page.get_by_role("button", name="绑定院内号").click()
        for persons in ("44010119800101123X", "13800138000"):
            await dialog.get_by_label("院内号").fill(persons)
            await dialog.get_by_role("button", name="确认").click()
            await expect(dialog.get_by_role("alert")).to_contain_text("像是身份证号或手机号")
        await dialog.get_by_label("院内号").fill("P-100")
        await dialog.get_by_role("button", name="确认").click()
        await until(lambda: reference(one, "P-100"), why="not bound")
        await page.get_by_role("button", name="合并两个号").click()
        await dialog.get_by_label("并入的号").fill("P-200")
        await dialog.get_by_role("button", name="确认").click()
        await expect(page.get_by_role("region", name="身份与手续")).to_contain_text("P-200")
        await page.get_by_role("button", name="号属于他人").click()
        await dialog.get_by_role("button", name="确认").click()
        await expect(dialog).to_be_visible()  # a reason lacks
        await dialog.get_by_label("理由").fill("两人同时到达")
        await dialog.get_by_role("button", name="确认").click()
        await until(lambda: reference(one, None), why="not split")
        await expect(page.get_by_role("region", name="身份与手续")).not_to_contain_text("P-200")
        await page.get_by_role("button", name="医保: 已补办").click()
        await expect(page.locator(".ticks li", has_text="医保")).to_contain_text("秒后记入")
        await page.get_by_role("button", name="医保: 撤销").click()
        await page.get_by_role("button", name="挂号: 已补办").click()
        await until(lambda: is_done(one, "registration"), why="not done")
        assert not await is_done(one, "insurance")
        await expect(page.get_by_role("button", name="医保: 已补办")).to_be_visible()
        await page.get_by_role("button", name="本院改判级别").click()
        await dialog.get_by_role("button", name="Ⅱ 危重").click()
        await dialog.get_by_label("理由").fill("面色苍白")
        await dialog.get_by_role("button", name="确认").click()
        await until(lambda: worst(one, "severe"), why="the doctor's level does not stand")
        await expect(page.locator(".banner")).to_contain_text("本院改判 Ⅱ 危重")
        await expect(page.locator(".banner")).to_contain_text("面色苍白")
        await expect(page.get_by_role("region", name="经过")).to_contain_text(
            "本院改判 Ⅱ 危重（nurse-c）：面色苍白"
        )
        assert "医生改判" not in await page.content()


async def sure(page: Page, what: str = "确认接收并签名") -> None:
    """A signature is no single tap."""
    await page.get_by_role("dialog").get_by_role("button", name=what).click()


async def test_of_two_unknown_patients_the_wristband_tells_who_is_signed_for(
    site: Site, chrome: Browser
) -> None:
    """Two unknown patients in one vehicle, and the wristbands of both in one hand."""
    unknown = {"complaint": "trauma", "sex": "male", "identity": "unknown"}
    one, other = await admitted(site, HERE, unknown, unknown)
    for each in (one, other):
        await each.act("arrival", place="resus")
        await each.given()
    wrong = await wristband(other)
    async with at_screen(chrome, site, of("doctor-d")) as page:
        await read(page, one)
        box = page.get_by_role("region", name="交接", exact=True)
        scan = box.get_by_label("扫描或输入患者腕带号")
        await scan.fill(wrong)
        await scan.press("Enter")  # as a scanner does
        await expect(page.get_by_role("dialog")).to_have_count(0)
        alert = box.get_by_role("alert")
        await expect(alert).to_contain_text("腕带不是此患者的")
        size = await alert.locator("b").evaluate("b => parseFloat(getComputedStyle(b).fontSize)")
        assert size >= 24, "it is not said large"
        assert (await handoff(one))["transferred_at"] is None
        # It is said of who is bound for here, as the board calls them.
        whose = re.compile(rf"此腕带是：.* 男 年龄未知 .* {other.unit} …{wrong[-4:]}$")
        await expect(alert.locator(".whose")).to_have_text(whose)
        override = box.get_by_role("button", name="说明理由，仍然签名")
        await expect(override).to_be_disabled()
        await pictures(page, "patient-another-wristband", WIDTHS)
        await box.get_by_label("仍然签名的理由").fill("腕带在转运时互换，已当面核对")
        await override.click()
        last = page.get_by_role("dialog")
        await expect(last.get_by_role("alert")).to_contain_text("腕带不是此患者的")
        await expect(last.locator(".whose")).to_have_text(whose)
        for words in (wrong, "仍然签名的理由", "腕带在转运时互换，已当面核对"):
            await expect(last).to_contain_text(words)
        await pictures_of_question(page, "patient-sign-another")
        await sure(page, "腕带不符，确认签名")
        await until(lambda: is_over(one), why="not signed")
        signed = (await handoff(one))["signatures"]
        received = next(s for s in signed if s["side"] == "received")
        assert (received["wristband"], received["wristband_reason"]) == (
            wrong, "腕带在转运时互换，已当面核对",
        )  # fmt: skip
        await read(page, other)
        await scan.fill(await wristband(one))
        await scan.press("Enter")
        await expect(override).to_be_visible()
        await scan.fill(wrong.lower())
        await expect(box.get_by_role("alert")).to_have_count(0)  # it was said of the other one
        await expect(override).to_have_count(0)
        await box.get_by_role("button", name="接收并签名").click()
        await sure(page)
        await until(lambda: is_over(other), why="its own wristband was refused")


async def test_a_signature_asks_who_it_is_and_keeps_what_was_typed(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "stroke", "sex": "female"})
    await one.act("arrival")
    own = await wristband(one)
    who = of("doctor-e", signed_in_ago=timedelta(hours=2))
    async with at_screen(chrome, site, who, refused={401, 409}) as page:
        await read(page, one)
        box = page.get_by_role("region", name="交接", exact=True)
        await box.get_by_label("扫描或输入患者腕带号").fill(own)
        await box.get_by_role("button", name="接收并签名").click()
        await sure(page)
        await page.locator(f"button[value='{DOCTOR}']").click()
        await page.wait_for_url(f"{site.url}{page_of(one)}#handover")
        await expect(box.get_by_text("已再次登录，请签名")).to_be_visible()
        await expect(box.get_by_label("扫描或输入患者腕带号")).to_have_value(own)
        await box.get_by_role("button", name="接收并签名").click()
        await sure(page)
        await until(lambda: signed_by(one, "received", DOCTOR), why="not signed")
        # The same person for the other side is refused, in words.
        await box.get_by_role("button", name="本院代车组签名").click()
        sign = box.get_by_role("button", name="代车组签名", exact=True)
        await expect(sign).to_be_disabled()
        await box.get_by_label("代签理由").fill("车组已离开")
        await sign.click()
        await sure(page, "确认代车组签名")
        await expect(box.get_by_role("alert")).to_contain_text("两方须由两个人签名")
        assert not await is_over(one)


async def test_another_hospital_sees_nothing_of_the_patient(site: Site, chrome: Browser) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "fever", "complaint_text": "发热三天"})
    async with at_screen(chrome, site, of("nurse-f", THERE), refused={404}) as page:
        for path in (page_of(one), sheet_of(one)):
            await page.goto(f"{site.url}{path}")
            alert = page.get_by_role("alert").first
            await expect(alert).to_contain_text("这里没有此患者")
            assert "发热" not in await page.content()
        await pictures(page, "patient-nobody", WIDTHS)


async def test_who_acknowledges_too_late_is_told_who_was_first_this_time(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "dyspnoea"})
    await one.act("acknowledgement")
    await one.tell("level", level="critical", reason="车组判断")
    await until(lambda: worst(one, "critical"), why="the crew's level does not stand")

    async def overtaken(route: Route) -> None:
        await one.act("acknowledgement")
        await route.continue_()

    async with at_screen(chrome, site, of("nurse-r"), refused={409}) as page:
        await read(page, one)
        await page.route("**/acknowledgement", overtaken)
        await page.get_by_role("button", name="确认收到").click()
        told = page.locator(".notice.told")
        await expect(told).to_contain_text("先做")
        known = await handoff(one)
        last = known["last_acknowledged"]
        assert last["at"] > known["acknowledged_at"]
        await expect(told).to_contain_text(f"{last['by']} 已于 {at_site(last['at'])} 先做")


async def test_who_is_sent_elsewhere_goes_from_the_screen(site: Site, chrome: Browser) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "fever", "complaint_text": "发热三天"})
    async with at_screen(chrome, site, of("nurse-g"), refused={404}) as page:
        await read(page, one)
        await expect(page.locator(".banner")).to_contain_text("发热三天")
        await one.bound_for(THERE)
        await expect(page.locator("p[role=alert]")).to_contain_text("已改送其他医院")
        assert "发热" not in await page.content()


async def test_of_whom_nothing_is_known_nothing_is_said_to_be_normal(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {})
    async with at_screen(chrome, site, of("nurse-h")) as page:
        await read(page, one)
        await expect(page.locator(".banner")).to_contain_text("性别未知 年龄未知")
        await expect(page.get_by_text("尚无任何数值：未测不等于正常")).to_be_visible()
        await expect(page.get_by_role("region", name="背景情况")).to_contain_text("未知（未询问）")
        await pictures(page, "patient-unknown", WIDTHS)
        await page.goto(f"{site.url}{sheet_of(one)}")
        sheet = page.locator(".sheet")
        await expect(sheet).to_contain_text("未知（未询问）")
        await pictures(page, "sheet-unknown", WIDTHS)


async def test_the_page_says_since_when_it_is_cut_off(site: Site, chrome: Browser) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "dyspnoea"})
    await one.tell("level", level="critical", reason="车组判断")
    await until(lambda: worst(one, "critical"), why="the crew's level does not stand")
    await one.act("arrival")
    async with at_screen(chrome, site, of("nurse-i"), refused={502, 503}) as page:
        await read(page, one)
        await expect(page.locator(".head .live")).to_have_text("实时")
        bridge = site["bridge"]
        bridge.kill()
        await bridge.died()
        await expect(page.locator(".cut-off")).to_contain_text("数据截至")
        press = page.get_by_role("button", name="抗生素：就在现在")
        await press.click()
        await expect(page.locator(".notice.wrong")).to_contain_text("再按一次")
        pressed = now()
        await pictures(page, "patient-cut", WIDTHS)
        bridge.start()
        await bridge.ready()
        await expect(page.locator(".head .live")).to_have_text("实时")
        await press.click()
        said = await until(lambda: reached(one, "antibiotics"), why="the act was lost")
        assert said["occurred_at"] < pressed, "it was said anew, and not again"


async def test_after_the_handover_the_record_is_locked_and_the_sheet_has_it_all(
    site: Site, chrome: Browser
) -> None:
    one = await everything_known(site)
    own = await wristband(one)
    await one.act("activation", centre="chest_pain", activation="activate")
    await one.act("arrival", place="cath_lab")
    await one.given(wristband=own)
    async with at_screen(chrome, site, of("doctor-k")) as page:
        await read(page, one)
        box = page.get_by_role("region", name="交接", exact=True)
        await box.get_by_label("扫描或输入患者腕带号").fill(own)
        await box.get_by_role("button", name="接收并签名").click()
        await sure(page)
        await expect(page.get_by_role("status").filter(has_text="记录锁定")).to_be_visible()
        await expect(page.locator(".banner button")).to_have_count(0)
        await page.get_by_role("button", name="填写去向与诊断").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("button", name="重症监护").click()
        await dialog.get_by_label("诊断编码").fill("I21.0")
        await dialog.get_by_role("button", name="确认").click()
        await expect(page.get_by_role("region", name="交接之后")).to_contain_text("I21.0")
        await page.get_by_label("交接时遗漏的内容").fill("家属 18 时到院")
        await page.get_by_role("button", name="签名补充").click()
        await expect(page.get_by_role("region", name="交接之后")).to_contain_text("doctor-k")
        await pictures(page, "patient-locked", WIDTHS)

        await page.goto(f"{site.url}{sheet_of(one)}")
        await expect(page.locator(".sheet")).to_contain_text("双方已签名")
        await pictures(page, "sheet-known", WIDTHS)
        paper = await page.pdf(prefer_css_page_size=True)
        assert pages_of(paper) <= 2, "it does not fit its pages"
        words = text_of(paper)
        for fact in (
            "GC-", own, "压榨样疼痛", "阿司匹林 300 mg", "华法林", "外周静脉通路", "测不出",
            "ST 段抬高", "大汗", "空气", "Ⅰ 濒危", "胸痛中心", "doctor-k", "未知（未询问）",
            "姓名（手写）", "家属电话（手写）", "非医疗器械认证产品", "家属 18 时到院", "截至",
            "接触隔离", "1 / ",
        ):  # fmt: skip
            assert plain(fact) in words, f"{fact} is not on paper"
        await speak(page, "en")
        english = text_of(await page.pdf(prefer_css_page_size=True))
        for fact in ("Notacertifiedmedicaldevice", "unknown(notasked)", "aspirin300mg"):
            assert fact in english, f"{fact} is not on paper"


async def test_an_addendum_asks_who_it_is_of_whom_signed_in_long_ago(
    site: Site, chrome: Browser
) -> None:
    (one,) = await admitted(site, HERE, {"complaint": "dyspnoea", "sex": "female"})
    await one.act("arrival")
    await one.given()
    await one.act("transfer")
    async with seated(chrome, site) as (page, context, heard):
        await sign_in(page, site, DOCTOR, page_of(one))
        box = page.get_by_role("region", name="交接之后")
        text = box.get_by_label("交接时遗漏的内容")
        sign = box.get_by_role("button", name="签名补充")
        written = box.locator(".addenda li")
        await text.fill("途中吸氧 2 小时")
        await sign.click()
        await expect(written).to_have_count(1)  # who has just signed in is asked nothing
        assert heard.refused == []
        await sit(context, site, of("nurse-m", signed_in_ago=timedelta(hours=2)))
        await page.reload()
        await text.fill("家属 18 时到院，带来旧病历")
        await sign.click()
        await page.locator(f"button[value='{DOCTOR}']").click()
        await page.wait_for_url(f"{site.url}{page_of(one)}#afterwards")
        await expect(box.get_by_text("已再次登录，请签名")).to_be_visible()
        await expect(box).to_be_in_viewport()
        await expect(text).to_have_value("家属 18 时到院，带来旧病历")
        await expect(written).to_have_count(1)  # a sign-in is no signature
        await expect(sign).to_be_focused()
        await pictures(page, "patient-addendum-again", WIDTHS)
        await sign.press("Enter")
        await expect(written).to_have_count(2)
        await expect(box.get_by_text("已再次登录，请签名")).to_have_count(0)
        await expect(text).to_have_value("")
        assert set(heard.refused) == {401}
    addenda = (await handoff(one))["addenda"]
    assert [(each["text"], each["staff_id"]) for each in addenda] == [
        ("途中吸氧 2 小时", DOCTOR), ("家属 18 时到院，带来旧病历", DOCTOR),
    ], "it is signed by who has just signed in"  # fmt: skip
