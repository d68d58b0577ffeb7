"""The emergency board in a browser: who comes, who is told, and what a broken line does."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from services.kit.role import Role
from tests.boards import Site, seated, sign_in, somebody
from tests.journey import CRITICAL, WELL, Traveller, called
from tests.platform import Platform
from tests.screens import picture
from tests.services import now, until

pytestmark = pytest.mark.needs_chromium

OURS, OTHERS = "F-board-1", "F-board-2"
PEOPLE = (
    somebody("nurse-1", Role.CENTRE, OURS),
    somebody("doctor-1", Role.CENTRE, OURS),
    somebody("nurse-9", Role.CENTRE, OTHERS),
)
BOARD = "/hospital/board"
#: A card that flashes, then has a frame.
LOUD = re.compile(r"\bcritical\b.*\bloud\b")
CHEST_PAIN = {"age": {"years": 58}, "sex": "male", "complaint": "chest_pain",
              "complaint_text": "压榨性胸痛 40 分钟"}  # fmt: skip

#: Where all stands that somebody aims at.
PLACES = """() => [...document.querySelectorAll(".head button, .card")]
  .map((one) => Math.round(one.getBoundingClientRect().top))"""


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("board"), PEOPLE)
    async with made.open("dispatch", "gateway", "triage", "bridge"):
        yield made


def card(page: Page, one: Traveller) -> Locator:
    return page.locator(f"[data-encounter='{one.encounter}']")


async def coming(site: Site, *, critical: bool = False, boards: bool = True) -> Traveller:
    """Somebody with chest pain who is bound for our hospital."""
    (one,) = await called(site, CHEST_PAIN)
    await one.reading(CRITICAL if critical else WELL)
    await one.bound_for(OURS)
    if boards:
        await one.boards()
    return one


async def test_a_board_without_anybody_says_so(site: Site, chrome: Browser) -> None:
    async with seated(chrome, site) as (page, _, _):
        await page.goto(f"{site.url}{BOARD}")
        await expect(page.get_by_role("button", name="登录")).to_be_visible()
        await picture(page, "sign-in-zh-1280")
        await sign_in(page, site, "nurse-9", BOARD)
        await expect(page.get_by_text("此刻没有患者前来")).to_be_visible()
        await picture(page, "board-empty-zh-1280")


async def test_a_patient_comes_up_is_acknowledged_and_another_hospital_never_sees_them(
    site: Site, chrome: Browser
) -> None:
    async with (
        seated(chrome, site) as (page, _, _),
        seated(chrome, site) as (other, _, _),
    ):
        await sign_in(page, site, "nurse-1", BOARD)
        await sign_in(other, site, "nurse-9", BOARD)
        await expect(other.get_by_text("此刻没有患者前来")).to_be_visible()
        one = await coming(site, critical=True, boards=False)
        shown = card(page, one)
        await expect(shown).to_contain_text("男 58 岁")
        await expect(shown).to_contain_text("压榨性胸痛 40 分钟")
        await expect(shown).to_contain_text("未上车")
        await expect(shown).to_contain_text("62/38")
        await expect(shown.get_by_role("img", name="Ⅰ 濒危")).to_be_visible()
        await expect(shown).to_have_class(LOUD)
        await one.boards()
        await expect(shown).to_contain_text("已入院")
        await expect(shown).to_contain_text("GC-")
        await picture(page, "board-critical-zh-1280")
        await shown.get_by_role("button", name="确认收到").click()
        await expect(shown).to_contain_text("nurse-1 已确认")
        await expect(shown).not_to_have_class(LOUD)
        assert await other.locator(".card").count() == 0
        # Another hospital is chosen: the patient goes over, and is here no more.
        await one.bound_for(OTHERS)
        await expect(card(other, one)).to_be_visible()
        await expect(shown).to_have_count(0)
        await expect(page.locator("aside")).to_contain_text("已改送或取消")


async def test_who_is_not_aboard_after_all_is_shown_so_and_why(site: Site, chrome: Browser) -> None:
    async with seated(chrome, site) as (page, _, _):
        await sign_in(page, site, "nurse-1", BOARD)
        one = await coming(site)
        shown = card(page, one)
        await expect(shown).to_contain_text("已入院")
        said = {"unit_id": one.unit, "reason": "点错了患者", "occurred_at": now()}
        await one.crew.do("POST", f"{one.path}/boarding/revoked", said)
        await expect(shown.locator(".admission")).to_contain_text("未上车")
        await expect(shown.locator(".admission")).to_contain_text("撤回上车，不在车上：点错了患者")
        await expect(shown).not_to_contain_text("已入院")
        await picture(page, "board-not-aboard-zh-1280")
        await page.goto(f"{site.url}/hospital/patient/{one.encounter}")
        await expect(page.locator("body")).to_contain_text("撤回上车，登记已撤回")
        await picture(page, "patient-not-aboard-zh-1280")


async def test_a_pressure_of_two_measurements_is_shown_as_no_pair(
    site: Site, chrome: Browser
) -> None:
    async with seated(chrome, site) as (page, _, _):
        await sign_in(page, site, "nurse-1", BOARD)
        one = await coming(site, critical=True)
        await expect(card(page, one)).to_contain_text("62/38")
        await one.reading({"systolic_bp": 95})
        await expect(card(page, one)).to_contain_text("95/–")
        await expect(card(page, one)).not_to_contain_text("/38")
        await page.goto(f"{site.url}/hospital/patient/{one.encounter}")
        await expect(page.locator(".banner")).to_contain_text("95/–")


async def test_a_card_says_who_has_signed_and_that_the_wristband_was_anothers(
    site: Site, chrome: Browser
) -> None:
    async with seated(chrome, site) as (page, _, _):
        await sign_in(page, site, "nurse-1", BOARD)
        one = await coming(site)
        await one.act("acknowledgement")
        await one.act("arrival", place="resus")
        await one.given(wristband="GC-ANOTHER", wristband_reason="腕带被血迹浸湿")
        await expect(card(page, one)).to_contain_text(
            re.compile(r"车组已签名 \d\d:\d\d · 待医生签名")
        )
        await expect(card(page, one)).to_contain_text("腕带不符，仍然签名：腕带被血迹浸湿")


async def test_of_two_who_acknowledge_at_once_one_wins_and_the_other_is_told(
    site: Site, chrome: Browser
) -> None:
    async with (
        seated(chrome, site) as (first, _, _),
        seated(chrome, site) as (second, _, _),
    ):
        await sign_in(first, site, "nurse-1", BOARD)
        await sign_in(second, site, "doctor-1", BOARD)
        one, another = await coming(site), await coming(site)
        buttons = [card(p, one).get_by_role("button", name="确认收到") for p in (first, second)]
        for button in buttons:
            await expect(button).to_be_visible()
        # In the same moment: neither page hears of the other before it has pressed.
        await asyncio.gather(*(button.evaluate("(button) => button.click()") for button in buttons))
        notices = [p.locator(".notice.told") for p in (first, second)]
        for page in (first, second):
            await expect(card(page, one)).to_contain_text("已确认")

        async def told() -> list[str]:
            return [text for each in notices for text in await each.all_inner_texts()]

        (only,) = await until(told)
        mark = await card(first, one).locator(".mark").inner_text()
        assert re.search(rf"确认收到 · 男 58 岁 {mark}：.+ 已于 .+ 先做", only), only
        # It is not said of the next one.
        late = first if await notices[0].count() else second
        await card(late, another).get_by_role("button", name="确认收到").click()
        await expect(card(late, another)).to_contain_text("已确认")
        await expect(late.locator(".notice.told")).to_have_count(0)


async def test_a_stream_that_is_cut_for_half_a_minute_is_said_within_seconds_and_misses_nothing(
    site: Site, chrome: Browser
) -> None:
    async with seated(chrome, site) as (page, _, _):
        await sign_in(page, site, "nurse-1", BOARD)
        before, worded = await coming(site), await coming(site)
        await worded.tell("level", level="critical", reason="车组判断")
        await expect(card(page, before)).to_be_visible()
        await expect(card(page, worded)).to_contain_text("车组判断")
        places = await page.evaluate(PLACES)
        site.boards.kill(signal.SIGSTOP)
        try:
            await expect(page.locator(".live.cut")).to_be_visible(timeout=6_000)
            await expect(page.locator(".live.cut")).to_contain_text("数据截至")
            await expect(page.locator(".cut-off")).to_be_visible()
            assert await page.evaluate(PLACES) == places, "what is aimed at stays where it is"
            await picture(page, "board-cut-off-zh-1280")
            await told_beside_the_line(page)
            after = await coming(site, critical=True)
            await asyncio.sleep(24)
        finally:
            site.boards.kill(signal.SIGCONT)
        await expect(card(page, after)).to_be_visible()
        await expect(card(page, before)).to_be_visible()
        await expect(page.locator(".live.cut")).to_have_count(0)
        # And over the death of the process: what came meanwhile is there afterwards.
        site.boards.kill()
        await site.boards.died()
        meanwhile = await coming(site)
        await expect(page.locator(".live.cut")).to_be_visible(timeout=8_000)
        site.boards.start()
        await site.boards.ready()
        await expect(card(page, meanwhile)).to_be_visible()


#: What lies over the line that says that it is cut, or over the way to the downtime copy.
OVER = """() => { const line = document.querySelector(".cut-off").getBoundingClientRect();
  const told = [...document.querySelectorAll(".notice")].map((one) => one.getBoundingClientRect());
  return [told.length, told.some((box) => box.bottom > line.top && box.top < line.bottom)]; }"""


async def told_beside_the_line(page: Page) -> None:
    """Whatever is told meanwhile lies beside the line, as wide as the screen is."""
    before = page.viewport_size
    telling = """async () => { const { notify } = await import("/static/kit/frame.js");
      for (const n of [1, 2, 3, 4]) notify(`${n} 没有网络：`.repeat(9), "wrong"); }"""
    await page.evaluate(telling)
    for width, height in ((390, 844), (1280, 900), (1920, 1080)):
        await page.set_viewport_size({"width": width, "height": height})
        await until(lambda: page.evaluate(f"String(({OVER})()) === '4,false'"))
    await page.evaluate("document.documentElement.classList.add('wall')")
    assert await page.evaluate(OVER) == [4, False]
    await page.evaluate("document.documentElement.classList.remove('wall')")
    await page.get_by_role("link", name="停机副本").first.click(trial=True)
    for _ in range(4):
        await page.locator(".notice .close").first.click()
    assert before is not None
    await page.set_viewport_size(before)


async def test_sound_asks_for_one_tap_and_is_made_for_who_is_critical_alone(
    site: Site, chrome: Browser
) -> None:
    async with seated(chrome, site, width=1920) as (page, _, _):
        await page.add_init_script(
            "window.tones = []; const start = OscillatorNode.prototype.start;"
            "OscillatorNode.prototype.start = function (...at) {"
            " window.tones.push(this.frequency.value); return start.apply(this, at); };"
        )
        await sign_in(page, site, "nurse-1", f"{BOARD}?wall")
        await picture(page, "wall-asks-for-sound-zh-1920")
        await page.get_by_role("button", name="点按一次，开启声音").click()
        await expect(page.get_by_role("button", name="声音已开")).to_be_visible()
        await page.evaluate("window.tones = []")
        quiet = await coming(site)
        await expect(card(page, quiet)).to_be_visible()
        await page.wait_for_timeout(1500)
        others = await page.locator(".card.loud").count()
        if not others:
            assert await page.evaluate("window.tones") == []
        loud = await coming(site, critical=True)
        await expect(card(page, loud)).to_have_class(LOUD)
        await until(lambda: page.evaluate("window.tones.length >= 2"))
        await picture(page, "wall-critical-zh-1920")
        small = await page.evaluate(
            "[...document.querySelectorAll('.card *, .head *')].filter((e) => e.childElementCount"
            " === 0 && e.textContent.trim() && e.getClientRects().length"
            " && !e.closest('.unseen, .shape') && parseFloat(getComputedStyle(e).fontSize) < 28)"
            ".map((e) => `${e.className} ${e.textContent.trim().slice(0, 20)}`)"
        )
        assert small == []
        await card(page, loud).get_by_role("button", name="确认收到").click()
        await expect(card(page, loud)).not_to_have_class(LOUD)


async def test_a_team_is_activated_a_way_confirmed_a_bed_kept_and_the_arrival_told(
    site: Site, chrome: Browser
) -> None:
    async with seated(chrome, site) as (page, _, _):
        await sign_in(page, site, "doctor-1", BOARD)
        one = await coming(site)
        await one.ecg("st_elevation")
        shown = card(page, one)
        await expect(shown).to_contain_text("建议直达 导管室")
        await shown.get_by_role("button", name="启动胸痛团队").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("心内科")
        await picture(page, "board-activate-zh-1280", whole=False)
        await dialog.get_by_role("button", name="启动胸痛团队").click()
        await expect(shown).to_contain_text("已启动")
        await expect(shown).to_contain_text("导管室 未应答")
        await shown.get_by_role("button", name="确认直达导管室").click()
        await dialog.get_by_label("联系电话").fill("8440")
        await dialog.get_by_label("入口").fill("3 号门")
        await dialog.get_by_role("button", name="确认", exact=True).click()
        await expect(shown).to_contain_text("直达 导管室 ✓")
        await expect(shown).to_contain_text("3 号门")
        await shown.get_by_role("button", name="留床").click()
        await dialog.get_by_role("button", name="确认", exact=True).click()
        await expect(dialog).to_contain_text("请选择")
        await dialog.get_by_role("button", name="CCU").click()
        await dialog.get_by_role("button", name="确认", exact=True).click()
        await expect(shown).to_contain_text("已留床：CCU")
        await shown.get_by_role("button", name="已到达").click()
        await dialog.get_by_role("button", name="确认", exact=True).click()
        await expect(shown).to_contain_text("已到")
        await expect(shown.get_by_role("button", name="交接签名")).to_be_visible()


async def test_a_card_says_that_the_unit_has_come_and_not_that_the_patient_has(
    site: Site, chrome: Browser
) -> None:
    async with seated(chrome, site) as (page, _, _):
        await sign_in(page, site, "nurse-1", BOARD)
        one = await coming(site)
        eta = card(page, one).locator(".eta")
        await expect(eta).to_contain_text("到达时间未知")
        for status in ("departed", "at_destination"):
            stamp = {"status": status, "occurred_at": now()}
            await one.crew.do("POST", f"/v1/units/{one.unit}/stamps", stamp)
        await expect(eta).to_contain_text("车已到院")
        await expect(eta).to_contain_text(f"{one.unit}")
        assert (await one.item())["handoff"]["arrived_at"] is None
        await card(page, one).get_by_role("button", name="已到达").click()
        await page.get_by_role("dialog").get_by_role("button", name="确认", exact=True).click()
        await expect(card(page, one)).not_to_contain_text("车已到院")
        await expect(card(page, one)).to_contain_text("已到")


async def test_who_was_never_reported_aboard_does_not_arrive_without_a_word(
    site: Site, chrome: Browser
) -> None:
    async with seated(chrome, site) as (page, _, _):
        await sign_in(page, site, "nurse-1", BOARD)
        one = await coming(site, boards=False)
        shown, dialog = card(page, one), page.get_by_role("dialog")
        await shown.get_by_role("button", name="已到达").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("没有人报告此患者已上车")
        await picture(page, "board-arrives-not-aboard-zh-1280", whole=False)
        await dialog.get_by_role("button", name="返回").click()
        await page.get_by_role("tab", name="卒中").click()
        await expect(page.locator(".nobody")).to_contain_text("其他中心有")
        await page.get_by_role("tab", name="全部").click()
        await shown.get_by_role("button", name="已到达").click()
        await dialog.get_by_role("button", name="确认", exact=True).click()
        await expect(shown).to_contain_text("已到")


@pytest.mark.parametrize("width", [390, 1280, 1920])
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_board_is_drawn_in_both_languages_at_each_width(
    site: Site, chrome: Browser, width: int, language: str
) -> None:
    await coming(site, critical=True)
    async with seated(chrome, site, width=width, language=language) as (page, _, _):
        await sign_in(page, site, "nurse-1", BOARD)
        await expect(page.locator(".card").first).to_be_visible()
        await picture(page, f"board-{language}-{width}", whole=width != 390)
        text = await page.locator("#page").inner_text()
        assert "undefined" not in text
        assert "NaN" not in text


async def test_the_downtime_copy_is_kept_and_opens_without_a_connection(
    site: Site, chrome: Browser
) -> None:
    async with seated(chrome, site) as (page, context, _):
        await sign_in(page, site, "nurse-1", BOARD)
        one = await coming(site)
        await expect(card(page, one)).to_be_visible()
        await until(lambda: page.evaluate("navigator.serviceWorker.controller !== null"))
        site.boards.kill(signal.SIGSTOP)
        try:
            # What came last is kept as the line breaks; and what is shown is not left for nothing.
            await expect(page.locator(".live.cut")).to_be_visible()
            await card(page, one).locator("h2 a").click()
            await expect(page.locator(".notice")).to_contain_text("此处所示即全部")
            await expect(card(page, one)).to_be_visible()
            await context.set_offline(True)
        finally:
            site.boards.kill(signal.SIGCONT)
        await page.goto(f"{site.url}/hospital/copy")
        await expect(page.locator("table")).to_contain_text("压榨性胸痛 40 分钟")
        await expect(page.locator("header")).to_contain_text("截至")
        await picture(page, "copy-zh-1280")
        await context.set_offline(False)
