"""What is done on the emergency board itself, and what it says of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from services.kit.role import Role
from tests.boards import Seat, Site, seated, sit
from tests.hospital_patient import handoff, page_of, worst, wristband
from tests.journey import CRITICAL, WELL, Traveller, called
from tests.platform import Platform
from tests.screens import picture, pictures
from tests.services import ago, now, until

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]

WIDTHS = {390: 844, 1280: 900}
HEART = {"age": {"years": 58}, "sex": "male", "complaint": "chest_pain"}
TONES = (
    "window.tones = []; const start = OscillatorNode.prototype.start;"
    "OscillatorNode.prototype.start = function (...at) {"
    " window.tones.push(this.frequency.value); return start.apply(this, at); };"
)
WANTS_A_TAP = (
    "AudioContext.prototype.resume = () => new Promise(() => {});"
    "Object.defineProperty(AudioContext.prototype, 'state', { get: () => 'suspended' });"
)


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("acts"), ())
    async with made.open("dispatch", "gateway", "triage", "bridge"):
        yield made


async def bound(site: Site, facility: str, *patients: Any, vitals: Any = WELL) -> list[Traveller]:
    """Of one call, aboard one vehicle, and on their way."""
    travellers = await called(site, *patients)
    for one in travellers:
        if vitals:
            await one.reading(vitals)
        await one.reached()
        await one.bound_for(facility)
        await one.boards()
    return travellers


@asynccontextmanager
async def board(chrome: Browser, site: Site, facility: str, **more: Any) -> AsyncIterator[Page]:
    async with seated(chrome, site, **more) as (page, context, _):
        await sit(context, site, Seat("nurse-a", Role.CENTRE, facility))
        await page.add_init_script(TONES)
        await page.goto(f"{site.url}/hospital/board")
        yield page


def card(page: Page, one: Traveller) -> Locator:
    return page.locator(f".card[data-encounter='{one.encounter}']")


async def test_sound_goes_on_over_pages_and_who_is_loud_is_seen_and_heard_beside_another(
    site: Site, chrome: Browser
) -> None:
    (quiet,) = await bound(site, "F-a-1", HEART)
    async with board(chrome, site, "F-a-1") as page:
        await page.get_by_role("button", name="声音已关").click()
        await card(page, quiet).locator("h2 a").click()
        await expect(page.locator(".banner")).to_be_visible()
        await expect(page.get_by_role("button", name="声音已开")).to_be_visible()
        (loud,) = await bound(site, "F-a-1", {**HEART, "age": {"years": 61}}, vitals=CRITICAL)
        link = page.locator(".others-loud a")
        await expect(link).to_contain_text("Ⅰ 未确认")
        await expect(link).to_contain_text("男 61 岁")
        # However long the rest is, which tells them apart is not cut.
        await page.locator(".others-loud a span").evaluate(
            "(said) => { said.append('压榨性胸痛'.repeat(40)); }"
        )
        mark = link.locator(".mark")
        await expect(mark).to_have_text(f"{loud.unit} …{(await wristband(loud))[-4:]}")
        await expect(mark).to_be_in_viewport(ratio=1)
        assert await mark.evaluate("(one) => one.scrollWidth <= one.clientWidth + 1")
        await until(lambda: page.evaluate("window.tones.length >= 2"), why="it was not heard")
        await pictures(page, "patient-beside-loud", WIDTHS)
        await link.click()
        await page.wait_for_url(f"{site.url}{page_of(loud)}")
        await page.goto(f"{site.url}/hospital/board")
        await expect(page.get_by_role("button", name="声音已开")).to_be_visible()
        await page.reload()
        await expect(page.get_by_role("button", name="声音已开")).to_be_visible()
        # Where the browser wants a tap once more, it is asked for at once.
        await page.add_init_script(WANTS_A_TAP)
        await page.reload()
        await expect(page.get_by_role("button", name="点按一次，开启声音")).to_be_visible()


async def test_a_board_without_sound_says_so_and_any_tap_turns_it_on(
    site: Site, chrome: Browser
) -> None:
    async with board(chrome, site, "F-a-20") as page:
        asks = page.locator(".ask-sound")
        await expect(asks).to_contain_text("声音未开")
        await expect(page.get_by_role("button", name="声音已关")).to_be_visible()
        await pictures(page, "board-asks-for-sound", WIDTHS)
        await page.locator("h1").click()
        await expect(page.get_by_role("button", name="声音已开")).to_be_visible()
        await expect(asks).to_have_count(0)
        # Who wants it silent is not asked by the next tap.
        await page.get_by_role("button", name="声音已开").click()
        await page.locator("h1").click()
        await expect(page.get_by_role("button", name="声音已关")).to_be_visible()
        await expect(asks).to_have_count(0)


async def test_an_act_that_cannot_be_sent_says_that_it_waits_and_then_what_to_do(
    site: Site, chrome: Browser
) -> None:
    (one,) = await bound(site, "F-a-21", HEART)
    async with board(chrome, site, "F-a-21") as page:
        await expect(card(page, one)).to_have_class(re.compile("severe"))
        held = asyncio.Event()

        async def hold(route: Route) -> None:
            await held.wait()
            await route.abort()

        await page.route("**/acknowledgement", hold)
        await card(page, one).locator(".primary").click()
        notice = page.locator(".notice")
        await expect(notice).to_contain_text(re.compile("“确认收到 · 男 .*”尚未送出，正在等待线路"))
        await expect(notice).to_contain_text("直接打电话")
        held.set()
        await expect(notice).to_contain_text("线路恢复后请再按一次")
        await expect(notice).to_contain_text(re.compile("^确认收到 · 男 "))
        await expect(notice).to_have_count(1)
        await page.unroute("**/acknowledgement")
        await card(page, one).locator(".primary").click()
        await expect(card(page, one)).to_contain_text("nurse-a 已确认")
        await expect(notice).to_have_count(0)  # it was done


async def test_a_level_that_was_lowered_goes_on_saying_what_the_rules_see(
    site: Site, chrome: Browser
) -> None:
    (one,) = await bound(site, "F-a-22", HEART, vitals={**WELL, "spo2": 68})
    await until(lambda: worst(one, "critical"), why="no level")
    async with board(chrome, site, "F-a-22") as page:
        await card(page, one).locator("h2 a").click()
        dialog = page.get_by_role("dialog")
        await page.get_by_role("button", name="本院改判级别").click()
        listed = dialog.locator(".against li.critical")
        await expect(listed).to_contain_text("血氧饱和度 68")
        await expect(listed.locator(".age")).to_be_visible()
        await expect(dialog.get_by_role("alert")).to_have_count(0)
        await dialog.get_by_role("button", name="Ⅲ 急症").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("比所选的 Ⅲ 急症 更重")
        await expect(listed).to_have_class(re.compile("stands"))
        await picture(page, "patient-level-against-zh-1280", whole=False)
        await dialog.get_by_label("理由").fill("探头脱落")
        await dialog.get_by_role("button", name="确认", exact=True).click()
        await until(lambda: worst(one, "urgent"), why="the level was not lowered")
        await one.reading({"spo2": 69})
        still = page.locator(".banner .still")
        await expect(still).to_contain_text("规则仍判 Ⅰ 濒危： 血氧饱和度 69")
        await page.goto(f"{site.url}/hospital/board")
        await expect(card(page, one).locator(".still")).to_contain_text("血氧饱和度 69")
        await expect(card(page, one).locator(".still .age")).to_be_visible()


async def test_who_signs_out_in_one_tab_leaves_no_patient_on_another(
    site: Site, chrome: Browser
) -> None:
    (one,) = await bound(site, "F-a-23", HEART)
    async with seated(chrome, site) as (page, context, _):
        await sit(context, site, Seat("nurse-a", Role.CENTRE, "F-a-23"))
        other = await context.new_page()
        for each in (page, other):
            await each.goto(f"{site.url}/hospital/board")
            await expect(card(each, one)).to_be_visible()
        await page.get_by_role("button", name="退出").click()
        await expect(other.get_by_role("button", name="登录")).to_be_visible(timeout=3_000)
        await expect(other.locator(".card")).to_have_count(0)


async def test_two_whole_cards_are_seen_on_an_ordinary_screen(site: Site, chrome: Browser) -> None:
    seen = """() => [...document.querySelectorAll(".card")].filter((card) =>
      card.getBoundingClientRect().bottom <= innerHeight).length"""
    tall = {**HEART, "complaint_text": "压榨性胸痛 40 分钟，伴大汗，向左肩放射" * 3}
    for _ in range(3):
        (one,) = await bound(site, "F-a-24", {**tall, "precautions": ["contact"]}, vitals=CRITICAL)
        await one.ecg("st_elevation")
    for language in ("zh", "en"):
        async with board(chrome, site, "F-a-24", language=language) as page:
            await page.locator("h1").click()
            await expect(page.locator(".card .was-done")).to_have_count(3)
            assert await page.evaluate(seen) >= 2, language


async def test_a_team_that_was_called_is_shown_and_answers_on_the_card_and_anew(
    site: Site, chrome: Browser
) -> None:
    (one,) = await bound(site, "F-a-2", HEART)
    await one.act("acknowledgement")
    async with board(chrome, site, "F-a-2") as page:
        shown, dialog = card(page, one), page.get_by_role("dialog")
        await shown.get_by_role("button", name="呼叫团队…").click()
        await dialog.get_by_role("button", name="创伤中心").click()
        await dialog.get_by_role("button", name="提醒").click()
        await expect(dialog).to_contain_text("不呼叫任何科室")
        await dialog.get_by_role("button", name="启动团队").click()
        await expect(dialog).to_contain_text("将呼叫： 创伤外科")
        await dialog.get_by_role("button", name="确认", exact=True).click()
        row = shown.locator(".centres li", has_text="创伤中心")
        await expect(row).to_contain_text("已启动")
        await expect(row).to_contain_text("nurse-a 呼叫")
        told = page.locator(".notice.done")  # of what, and of whom
        await expect(told).to_contain_text(re.compile("^已送出：呼叫团队 · 男 "))
        await expect(row.locator(".team.silent").first).to_be_visible()
        silent = await row.locator(".team").count()
        await shown.get_by_role("button", name=f"{silent} 个科室应答…").click()
        await expect(dialog.locator(".about")).to_contain_text((await wristband(one))[-4:])
        await picture(page, "board-answers-zh-1280", whole=False)
        await dialog.get_by_role("button", name=f"{silent} 个未应答的均到位中").click()
        await expect(row.locator(".team.coming")).to_have_count(silent)
        await dialog.get_by_role("button", name="返回").click()
        await expect(shown).not_to_have_class(re.compile("loud"))
        # The newest answer counts.
        await shown.get_by_role("button", name="改应答…").click()
        await dialog.locator("li", has_text="影像科").get_by_role("button", name="不能来").click()
        await expect(row.locator(".team.cannot")).to_contain_text("影像科")


async def test_a_team_that_was_called_by_mistake_is_called_off_with_a_reason_and_both_are_shown(
    site: Site, chrome: Browser
) -> None:
    (one,) = await bound(site, "F-a-25", HEART)
    await one.act("acknowledgement")
    await one.act("acceptance")
    await one.act("activation", centre="trauma", activation="activate")
    await one.act("departments/imaging/answer", answer="coming")
    async with board(chrome, site, "F-a-25") as page:
        shown, dialog = card(page, one), page.get_by_role("dialog")
        await expect(shown.locator(".team").first).to_be_visible()
        await shown.get_by_role("button", name="启动撤销…").click()
        await expect(dialog).to_contain_text("请电话告知")
        await expect(dialog).to_contain_text("影像科 到位中")
        await picture(page, "board-calls-off-zh-1280", whole=False)
        await dialog.get_by_role("button", name="启动撤销").click()
        await expect(dialog).to_be_visible()  # a reason lacks
        await dialog.get_by_label("理由").fill("点错了患者")
        await dialog.get_by_role("button", name="启动撤销").click()
        await expect(shown.locator(".centres .off")).to_have_text(
            re.compile(r"启动撤销 \d\d:\d\d（nurse-a）：点错了患者")
        )
        await expect(shown.locator(".team")).to_have_text("影像科 到位中，已撤销，待电话告知")
        await expect(shown).not_to_have_class(re.compile("loud"))
        await expect(shown.get_by_role("button", name="启动撤销…")).to_have_count(0)
        await shown.get_by_role("button", name="撤回接受…").click()
        await dialog.get_by_label("理由").fill("点错了患者")
        await dialog.get_by_role("button", name="撤回接受…").click()
        await expect(shown.get_by_role("button", name="接受患者")).to_be_visible()
        known = await handoff(one)
        assert (known["accepted_at"], known["activations"]) == (None, [])
        assert known["withdrawn"][0]["withdrawal"]["staff_id"] == "nurse-a"
        await shown.locator("h2 a").click()
        await expect(page.get_by_role("region", name="经过")).to_contain_text(
            "启动撤销：创伤中心（点错了患者）"
        )


async def test_who_called_a_team_off_is_said_where_it_is_offered_and_it_is_not_due(
    site: Site, chrome: Browser
) -> None:
    (one,) = await bound(site, "F-a-27", HEART)
    await one.ecg("st_elevation")
    async with board(chrome, site, "F-a-27") as page:
        shown, dialog = card(page, one), page.get_by_role("dialog")
        await expect(shown).to_contain_text("建议直达 导管室")
        await one.act("acknowledgement")
        due = shown.get_by_role("button", name="启动胸痛团队")
        await expect(due).to_have_class("primary")
        await one.act("direct-to", direct_to="cath_lab", phone="0516 8500 6011")
        await due.click()
        await dialog.get_by_role("button", name="启动胸痛团队").click()
        told = page.locator(".notice.done", has_text="启动胸痛团队")
        await expect(told).to_contain_text(await shown.locator(".mark").inner_text())
        await shown.get_by_role("button", name="启动撤销…").click()
        await expect(dialog.locator(".teams li", has_text="导管室")).to_contain_text(
            "☎ 0516 8500 6011"
        )
        await expect(dialog.locator(".teams li", has_text="心内科")).to_contain_text("电话未登记")
        await picture(page, "board-calls-off-numbers-zh-1280", whole=False)
        await dialog.get_by_label("理由").fill("旧心电图")
        await dialog.get_by_role("button", name="启动撤销").click()
        why = shown.locator(".act .judged")
        await expect(why).to_have_text(
            re.compile(r"胸痛\s+启动撤销 \d\d:\d\d（nurse-a）：旧心电图")
        )
        await expect(due).to_be_visible()
        await expect(shown.locator(".primary")).to_have_count(0)
        await pictures(page, "board-called-off-offered", WIDTHS)
        # What is graver is new, and is due again.
        await one.reading(CRITICAL)
        await shown.get_by_role("button", name="确认收到").click()
        await expect(due).to_have_class("primary")
        await expect(why).to_have_count(0)


async def test_an_arrest_has_its_age(site: Site, chrome: Browser) -> None:
    (one,) = await bound(site, "F-a-28", HEART)
    await one.tell("findings", occurred_at=ago(540), finding="cardiac_arrest", present=True)
    async with board(chrome, site, "F-a-28") as page:
        said = page.locator(".why li", has_text="心搏呼吸停止").first
        await expect(said).to_have_text("心搏呼吸停止 9 min")
        await page.goto(f"{site.url}/hospital/board?wall")
        await expect(said.locator(".age")).to_have_text("9 min")
        await page.goto(f"{site.url}{page_of(one)}")
        await expect(page.locator(".banner .why li").first).to_have_text("心搏呼吸停止 9 min")


async def test_a_bed_and_a_proposal_are_taken_back_on_the_board(
    site: Site, chrome: Browser
) -> None:
    (one,) = await bound(site, "F-a-3", HEART)
    await one.act("bed", department="ccu", bed="12")
    await one.act("redirect-request", reason="no_bed")
    async with board(chrome, site, "F-a-3") as page:
        shown, dialog = card(page, one), page.get_by_role("dialog")
        await shown.get_by_role("button", name="释放留床：CCU").click()
        await dialog.get_by_role("button", name="释放留床：CCU").click()
        await expect(shown).not_to_contain_text("已留床")
        assert (await handoff(one))["beds"] == []
        await shown.get_by_role("button", name="撤回改送建议").click()
        await dialog.get_by_role("button", name="撤回改送建议").click()
        await expect(shown).not_to_contain_text("已建议改送")
        assert (await handoff(one))["redirect"] is None


async def test_an_act_under_way_says_so_and_no_other_comes_under_the_finger(
    site: Site, chrome: Browser
) -> None:
    (one,) = await bound(site, "F-a-4", HEART)
    held, go = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        held.set()
        await go.wait()
        await route.continue_()

    async with board(chrome, site, "F-a-4") as page:
        await page.route("**/acknowledgement", hold)
        await expect(card(page, one)).to_have_class(re.compile("severe"))  # all is known of them
        button = card(page, one).locator(".primary")
        await button.click()
        await held.wait()
        await expect(button).to_be_disabled()
        await expect(button).to_have_text("发送中…")
        go.set()
        await expect(card(page, one)).to_contain_text("nurse-a 已确认")
        await expect(button).to_have_count(0)
        await expect(card(page, one).locator("h2 a")).to_be_focused()
        # And a question begins at what it asks.
        await card(page, one).get_by_role("button", name="留床").click()
        await expect(
            page.get_by_role("dialog").get_by_role("button", name="抢救室")
        ).to_be_focused()


async def test_who_goes_back_while_an_act_is_under_way_is_told_how_it_ended(
    site: Site, chrome: Browser
) -> None:
    (one,) = await bound(site, "F-a-26", HEART)
    held, ends = asyncio.Event(), asyncio.Queue[bool]()

    async def hold(route: Route) -> None:
        held.set()
        await (route.continue_() if await ends.get() else route.abort())

    async with board(chrome, site, "F-a-26") as page:
        await expect(card(page, one)).to_have_class(re.compile("severe"))
        await page.route("**/bed", hold)
        notice, dialog = page.locator(".notice"), page.get_by_role("dialog")
        for is_taken in (True, False):
            held.clear()
            await card(page, one).get_by_role("button", name="留床").click()
            await dialog.get_by_role("button", name="CCU").click()
            await dialog.get_by_role("button", name="确认", exact=True).click()
            await held.wait()
            await dialog.get_by_role("button", name="返回").click()
            await expect(notice.filter(has_text="正在送出")).to_be_visible()
            if is_taken:
                ends.put_nowait(True)
                await expect(card(page, one)).to_contain_text("已留床：CCU")
                await one.act("bed/released", department="ccu")
                await expect(card(page, one)).not_to_contain_text("已留床：CCU")
            else:
                for _ in range(8):
                    ends.put_nowait(False)  # as often as it is tried
                await expect(notice.filter(has_text="请再按一次")).to_be_visible(timeout=90_000)
            await expect(notice.filter(has_text="正在送出")).to_have_count(0)


async def test_who_looks_alike_is_told_apart_and_who_is_in_one_vehicle_is_joined(
    site: Site, chrome: Browser
) -> None:
    unknown = {"complaint": "trauma", "sex": "male", "identity": "unknown"}
    one, other = await bound(site, "F-a-5", unknown, unknown, vitals=None)
    async with board(chrome, site, "F-a-5") as page:
        labels = [await card(page, each).get_attribute("aria-label") for each in (one, other)]
        assert labels[0] != labels[1]
        for each in (one, other):
            end = (await wristband(each))[-4:]
            await expect(card(page, each).locator("h2")).to_contain_text(f"{each.unit} …{end}")
        end = (await wristband(other))[-4:]
        await expect(card(page, one).locator(".beside")).to_contain_text(
            f"同车：男 年龄未知 {other.unit} …{end}"
        )
        await card(page, other).get_by_role("button", name="已到达").click()
        await expect(page.get_by_role("dialog").locator(".about")).to_contain_text(end)


async def test_who_is_not_reached_is_not_on_scene_and_who_died_on_the_way_stands_last(
    site: Site, chrome: Browser
) -> None:
    text = "反复胸闷伴大汗淋漓" * 20
    (dead,) = await bound(site, "F-a-6", HEART, vitals=None)
    (other,) = await called(site, {**HEART, "complaint_text": text})
    await other.bound_for("F-a-6")
    died = {"outcome": "died_en_route", "occurred_at": now()}
    await dead.crew.do("POST", f"{dead.path}/outcome", died)
    async with board(chrome, site, "F-a-6") as page:
        await expect(card(page, other).locator(".eta")).to_contain_text("到场不详")
        one_line = (
            await card(page, other)
            .locator(".problem")
            .evaluate("p => p.getBoundingClientRect().height")
        )
        assert one_line < 40
        await expect(card(page, dead)).to_contain_text("待医生宣布")
        await expect(page.locator(".card").last).to_have_attribute("data-encounter", dead.encounter)
        for act in ("留床", "建议改送…", "呼叫团队…", "接受患者"):
            await expect(card(page, dead).get_by_role("button", name=act)).to_have_count(0)
        await other.reached()
        await other.reading(WELL)
        await expect(card(page, other).locator(".eta")).to_contain_text("现场")


async def test_what_set_the_level_stands_first_though_no_value_says_so_any_more(
    site: Site, chrome: Browser
) -> None:
    (one,) = await bound(site, "F-a-7", HEART, vitals=CRITICAL)
    async with board(chrome, site, "F-a-7") as page:
        await expect(card(page, one).locator(".why")).to_contain_text("收缩压 62")
        for _ in range(2):
            await one.reading(WELL)
        await expect(card(page, one).locator(".tiles")).to_contain_text("128/78")
        first = card(page, one).locator(".why li").first
        await expect(first).to_have_text(re.compile("曾 .*收缩压 62"))
        await expect(first).to_have_class("critical")


async def test_who_was_handed_over_is_found_again_and_who_goes_elsewhere_is_told(
    site: Site, chrome: Browser
) -> None:
    over, gone = await bound(site, "F-a-8", HEART, {**HEART, "age": {"years": 44}})
    async with board(chrome, site, "F-a-8") as page:
        await card(page, gone).get_by_role("button", name="留床").click()
        await gone.bound_for("F-a-9")
        notice = page.locator(".notice")
        await expect(notice).to_contain_text("不再前来（已改送或取消）")
        await expect(notice).to_contain_text("男 44 岁")
        await expect(notice).to_contain_text("未完成的操作已关闭")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await over.act("arrival", place="resus")
        await over.given()
        await over.act("transfer")
        link = page.locator(".recent a")
        await expect(link).to_have_text("男 58 岁")
        await page.reload()
        await expect(page.locator(".recent")).to_contain_text("手续待补")
        await link.click()
        await page.wait_for_url(f"{site.url}{page_of(over)}")


async def test_who_acknowledged_again_is_named_and_not_who_was_first(
    site: Site, chrome: Browser
) -> None:
    (one,) = await bound(site, "F-a-10", HEART, vitals=None)
    await one.act("acknowledgement")
    await one.reading(CRITICAL)
    async with board(chrome, site, "F-a-10") as page:
        await card(page, one).get_by_role("button", name="确认收到").click()
        await expect(card(page, one).locator(".state")).to_contain_text("nurse-a 已确认")
        assert (await handoff(one))["acknowledged_by"] != "nurse-a"


async def test_a_board_that_nothing_has_come_to_says_so(site: Site, chrome: Browser) -> None:
    await bound(site, "F-a-11", HEART)
    async with seated(chrome, site) as (page, context, _):
        await sit(context, site, Seat("nurse-a", Role.CENTRE, "F-a-11"))
        await page.route("**/feed", lambda route: route.abort())
        await page.goto(f"{site.url}/hospital/board")
        await expect(page.locator(".live.cut")).to_have_text("尚未收到任何数据")
        await expect(page.locator(".head")).to_contain_text("在途 ? 人 · 未确认 ? · 已到 ?")
        await expect(page.locator(".nobody")).to_have_text("尚未收到任何数据")
        await pictures(page, "board-nothing-heard", WIDTHS)
        # Loaded anew without a connection it leads to what was kept.
        await page.unroute("**/feed")
        await page.reload()
        await until(lambda: page.evaluate("navigator.serviceWorker.controller !== null"))
        await context.set_offline(True)
        await page.reload()
        await expect(page.get_by_role("alert")).to_have_text("没有网络：正在重试")
        await expect(page.get_by_role("link", name="停机副本")).to_be_visible()
        await expect(page.locator(".no-device")).to_be_visible()
        await expect(page.locator("button.language")).to_be_visible()
        await context.set_offline(False)
