"""The dispatch board in a browser, over a real dispatch: calls, clocks, units, what is due."""

from __future__ import annotations

import secrets
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, Page, expect

from schemas.handoff import Escalated, Owed
from schemas.triage import TriageLevel
from schemas.unit import UnitDeparted
from services.kit.role import Role
from tests.boards import WIDTHS, Site, somebody
from tests.dispatch_room import Call, Room, opened, picture, pictures, ring, row
from tests.platform import Platform
from tests.screens import catalogue
from tests.services import Caller, now, until
from tests.unit.test_dispatch import decision

pytestmark = pytest.mark.needs_chromium

PEOPLE = (somebody("dispatcher-1", Role.DISPATCHER), somebody("dispatcher-2", Role.DISPATCHER))
PHONE = "0516 8500 0120"
#: What whoever asks a dispatch that stands still is answered.
AWAY = (502, 503, 504)
COMPLAINTS = [("trauma", "两车相撞"), ("chest_pain", "胸痛，出汗"), ("dyspnoea", "喘不上气"),
              ("stroke", "口角歪斜，右侧无力"), ("obstetric", "规律宫缩，要生了")]  # fmt: skip
#: How many calls are wholly seen.
READABLE = """() => { const list = document.querySelector(".calls").getBoundingClientRect();
  return [...document.querySelectorAll(".call")].map((call) => call.getBoundingClientRect())
    .filter((box) => box.top >= list.top && box.bottom <= list.bottom).length; }"""
#: How high the head is, and where all stands that somebody aims at.
PLACES = """() => [document.querySelector(".head").getBoundingClientRect().height,
  ...[...document.querySelectorAll(".head button, .head a, .call, .beside")]
    .flatMap((one) => { const { left, top } = one.getBoundingClientRect(); return [left, top]; })
    .map(Math.round)]"""
#: Whether something is wholly seen in the row that it is in, and in all between.
UNCUT = """(tag) => { const box = tag.getBoundingClientRect();
  for (let one = tag.parentElement; !one.matches("main"); one = one.parentElement) {
    const around = one.getBoundingClientRect();
    if (box.right > around.right + 1 || box.bottom > around.bottom + 1) return false;
    if (one.matches(".call")) return box.width > 0;
  }
  return true; }"""
LEVELS = (*TriageLevel, TriageLevel.SEVERE, TriageLevel.URGENT)


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("room"), PEOPLE)
    async with made.open("dispatch"):
        yield made


async def test_an_empty_board_says_so_and_has_no_rate(room: Room, chrome: Browser) -> None:
    for width in WIDTHS:
        for language in ("zh", "en"):
            async with room.sits(chrome, width=width, language=language) as page:
                nobody = "此刻没有呼叫" if language == "zh" else "No calls at this moment"
                await expect(page.locator(".nobody")).to_have_text(nobody)
                none = "无样本" if language == "zh" else "no sample"
                await expect(page.locator(".strip .value").first).to_contain_text(none)
                assert "100 %" not in await page.locator(".strip").inner_text()
                await picture(page, "empty", language, width)


async def test_who_is_not_aboard_of_a_unit_that_has_left_stands_in_the_row_of_their_call(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    crash = {"complaint": "trauma", "complaint_text": "两车相撞"}
    call = await room.call("人民路 128 号", patients=[crash] * 3)
    await room.send(call, "U-00")
    crew = Caller(room.site["dispatch"], Role.CREW)

    async def done(patient: int, act: str, **more: str) -> None:
        told = {"unit_id": "U-00", "occurred_at": now(), **more}
        await room.desk.do("POST", f"/v1/encounters/{call.encounters[patient]}/{act}", told)

    async with room.sits(chrome) as page:
        for n in range(3):
            await done(n, "reached")
        await done(0, "boarding")
        await done(1, "boarding")
        await done(1, "boarding/revoked", reason="点错了患者")
        mine = row(page, call)
        await expect(mine).to_contain_text("1 号患者: 患者已上车，尚未选定医院")
        left = mine.locator("[data-left]")
        await expect(left).to_have_count(0)
        for status in ("departed", "on_scene", "left_scene"):
            stamp = {"status": status, "occurred_at": now()}
            await crew.do("POST", "/v1/units/U-00/stamps", stamp)
        await expect(left).to_have_text(
            [
                "2 号患者: 撤回上车，而单元已离开现场",
                "3 号患者: 未报上车，而单元已离开现场",
            ]
        )
        await picture(page, "left-behind", "zh", 1280)
        for n in (1, 2):
            outcome = {"outcome": "refused_transport", "occurred_at": now()}
            path = f"/v1/encounters/{call.encounters[n]}/outcome"
            await room.desk.do("POST", path, outcome)
        await expect(left).to_have_count(0)


async def test_what_becomes_of_a_call_is_never_cut_away_for_its_complaint(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    told = "胸骨后压榨样疼痛，约一小时，出汗，向左肩放射，家属称既往装过支架" * 3
    calls = [
        await room.call(
            f"人民路 {n} 号", patients=[{"complaint": "chest_pain", "complaint_text": told}]
        )
        for n in (1, 2)
    ]
    crew = Caller(room.site["dispatch"], Role.CREW)
    for n, call in enumerate(calls):
        await room.send(call, f"U-0{n}")
        for status in ("departed", "on_scene", "available"):
            stamp = {"status": status, "occurred_at": now()}
            await crew.do("POST", f"/v1/units/U-0{n}/stamps", stamp)
    over = {"outcome": "refused_transport", "occurred_at": now()}
    await room.desk.do("POST", f"/v1/encounters/{calls[1].encounters[0]}/outcome", over)
    path = f"/v1/incidents/{calls[1].incident}/closed"
    await room.desk.do("POST", path, {"occurred_at": now()})
    for language, width in (("zh", 1280), ("en", 1920), ("zh", 390)):
        words = catalogue(language, "dispatch")
        async with room.sits(chrome, width=width, language=language) as page:
            for call, word in zip(calls, ("served", "standing.closed"), strict=True):
                tag = row(page, call).locator(".tag")
                await expect(tag).to_have_text(words[word])
                assert await tag.evaluate(UNCUT), (language, width, word)
            styles = [
                await row(page, call).evaluate("(row) => getComputedStyle(row).borderStyle")
                for call in calls
            ]
            assert styles == ["dashed", "solid"], "what is to be closed looks like what is"
            await picture(page, "finished", language, width)


async def test_who_is_aboard_with_nowhere_to_go_to_stands_in_the_row_of_their_call(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    async with room.sits(chrome) as page:
        call = await room.call("人民路 128 号", patients=[{"complaint": "trauma"}])
        await room.send(call, "U-00")
        path = f"/v1/encounters/{call.encounters[0]}"
        aboard = {"unit_id": "U-00", "occurred_at": now()}
        await room.desk.do("POST", f"{path}/boarding", aboard)
        mine = row(page, call)
        await expect(mine).to_contain_text("患者已上车，尚未选定医院")
        await picture(page, "aboard-nowhere", "zh", 1280)
        back = {"unit_id": "U-00", "reason": "点错了患者", "occurred_at": now()}
        await room.desk.do("POST", f"{path}/boarding/revoked", back)
        await expect(mine).not_to_contain_text("患者已上车")
        await expect(await opened(page, call)).to_contain_text("撤回上车：点错了患者")
        await picture(page, "not-aboard", "zh", 1280)


async def test_a_call_is_entered_a_unit_sent_and_its_departure_ends_the_clock(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    async with room.sits(chrome) as page:
        await page.locator(".new-call").click()
        form = page.locator("dialog")
        assert await form.locator("[aria-pressed=true]").count() == 0, "nothing is chosen before"
        await form.locator(".primary").click()
        await expect(form.locator(".wrong")).to_contain_text("患者人数")
        await form.locator("[name=address]").fill("人民路 128 号")
        await form.locator(".map .wide").click()
        await form.locator("select").select_option("chest_pain")
        await form.get_by_role("button", name="1", exact=True).click()
        await form.get_by_role("button", name="急救", exact=True).click()
        await pictures(page, "intake", ("zh",))
        await form.locator(".primary").click()
        mine = page.locator(".call", has_text="人民路 128 号")
        await expect(ring(mine, 0)).to_have_attribute("data-phase", "runs")
        before = await ring(mine, 0).text_content()
        await expect(ring(mine, 0)).not_to_have_text(before or "")

        offered = page.locator(".opened [data-unit]")
        await expect(offered).to_have_count(4)  # of eight, the rest by one more tap
        unit = await offered.first.get_attribute("data-unit")
        await offered.first.locator("button").click()
        asked = page.locator("dialog")
        await expect(asked).to_contain_text(f"{unit}")
        await expect(asked).to_contain_text("人民路 128 号")
        await expect(asked.locator(".con")).to_contain_text(["备勤状态未知", "位置按所属站点计"])
        await asked.locator(".primary").click()
        await expect(ring(mine, 0)).to_have_attribute("data-phase", "kept")
        await expect(ring(mine, 1)).to_have_attribute("data-phase", "runs")

        crew = Caller(room.site["dispatch"], Role.CREW)
        stamp = {"status": "departed", "occurred_at": now()}
        after = await crew.do("POST", f"/v1/units/{unit}/stamps", stamp)
        await expect(ring(mine, 1)).to_have_attribute("data-phase", "kept")
        await expect(mine).to_contain_text("GPS 未证实出车")
        ended = await ring(mine, 1).text_content()
        seen = UnitDeparted(
            event_id=secrets.token_hex(8),
            occurred_at=datetime.now(UTC),
            unit_id=str(unit),
            leg_id=after["leg"]["leg_id"],
            distance_m=80,
        )
        await room.told("tracker", seen)
        await expect(mine).to_contain_text("GPS 证实出车")
        for _ in range(2):
            await _ticked(page)
        assert await ring(mine, 1).text_content() == ended
        await expect(ring(mine, 1)).to_have_attribute("data-phase", "kept")
        await pictures(page, "sent")


async def _ticked(page: Page) -> None:
    """All clocks of the page have gone on."""
    clock = page.locator(".head .clock")
    await expect(clock).not_to_have_text(await clock.inner_text())


async def test_who_sends_a_unit_that_another_has_sent_is_told_so(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    first = await room.call("解放路 9 号", classification="emergency")
    second = await room.call("健康路 74 号", classification="emergency")
    async with (
        room.sits(chrome) as one,
        room.sits(chrome, "dispatcher-2", refused=[409]) as other,
    ):
        for page, call in ((one, first), (other, second)):
            await row(page, call).locator(".open").click()
            await page.locator(".opened [data-unit]").first.locator("button").click()
        unit = (await one.locator("dialog dd b").first.inner_text()).strip()
        assert unit == (await other.locator("dialog dd b").first.inner_text()).strip()
        await one.locator("dialog .primary").click()
        await expect(one.locator("dialog")).to_have_count(0)
        await other.locator("dialog .primary").click()
        said = other.locator("dialog .wrong")
        await expect(said).to_contain_text(f"{unit} 已被别人派往「解放路 9 号」")
        await pictures(other, "second", ("zh",))
        await other.locator("dialog .close").click()
        gone = other.locator(f".opened [data-unit='{unit}']")
        await expect(gone).to_have_count(0)  # the list is fresh
        await expect(row(other, first)).to_contain_text(unit)


async def test_a_hospital_that_does_not_answer_is_telephoned_and_that_is_acknowledged(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("建设路小学", patients=[{"complaint": "stroke"}])
    (encounter,) = call.encounters
    async with room.sits(chrome) as page:
        await row(page, call).locator(".open").click()
        await page.get_by_role("button", name="选择医院").click()
        await page.locator("[data-facility='F-0'] button").click()
        await expect(page.locator("dialog")).to_contain_text("市第一人民医院")
        await page.locator("dialog .primary").click()
        await expect(row(page, call)).to_contain_text("市第一人民医院 · 已告知，待确认")

        await page.locator(".sound").click()
        at = datetime.now(UTC)
        late = Escalated(
            event_id=secrets.token_hex(8),
            occurred_at=at,
            recorded_at=at,
            encounter_id=encounter,
            facility_id="F-0",
            step=3,
            due_at=at,
            owed=Owed.ACKNOWLEDGED,
            to="dispatch",
            phone=PHONE,
        )
        async with page.expect_request("**/dispatch/sounds") as sound:
            await room.told("bridge", late)
            card = page.locator(".telephone")
            await expect(card.locator("a.phone")).to_have_attribute(
                "href", f"tel:{PHONE.replace(' ', '')}"
            )
        assert (await sound.value).post_data_json in (
            {"because": "telephone"},
            {"because": "overdue"},
        )
        await expect(card).to_contain_text("市第一人民医院 未确认患者")
        await expect(row(page, call)).to_contain_text("未应答：请致电")
        await pictures(page, "telephone")
        # A slip of the hand is undone, and nothing was entered.
        done = card.locator(".primary")
        await done.click()
        await expect(done).to_be_disabled()
        await expect(done).to_contain_text("s 后记为已打电话")
        await card.get_by_role("button", name="撤销").click()
        await expect(done).to_have_text("已打电话")
        await expect(done).to_be_enabled()
        mine = [each for each in await room.read("alarms") if each["incident_id"] == call.incident]
        assert {each["acknowledged_at"] for each in mine} == {None}
        await done.click()
        await expect(card).to_have_count(0, timeout=15_000)
        await expect(page.locator(".seen-alarms")).to_contain_text("dispatcher-1")
        mine = [each for each in await room.read("alarms") if each["incident_id"] == call.incident]
        by = [each["acknowledged_by"] for each in mine if each["phone"] == PHONE]
        assert by == ["dispatcher-1"]


async def test_a_board_that_is_cut_off_says_as_of_when_and_comes_back(
    room: Room, chrome: Browser
) -> None:
    call = await room.call("北环路 36 号", classification="emergency")
    async with room.sits(chrome, refused=AWAY) as page:
        await expect(ring(row(page, call), 0)).to_have_attribute("data-phase", "runs")
        room.site["dispatch"].kill(signal.SIGSTOP)
        try:
            await expect(page.locator(".cut-off")).to_contain_text("连接中断")
            await expect(page.locator(".live.cut")).to_contain_text("数据截至")
            before = await ring(row(page, call), 0).text_content()
            await expect(ring(row(page, call), 0)).not_to_have_text(before or "")
            await pictures(page, "cut")
        finally:
            room.site["dispatch"].kill(signal.SIGCONT)
        await expect(page.locator(".cut-off")).to_have_count(0)
        await expect(page.locator(".live")).to_have_text("实时")


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_is_aimed_at_stays_where_it_is_when_the_line_breaks(
    room: Room, chrome: Browser, language: str
) -> None:
    call = await room.call("解放路 9 号", 20)
    widths = (1280, 1366, 1920)
    async with room.sits(chrome, refused=AWAY, language=language) as page:
        await expect(row(page, call)).to_be_visible()
        whole = page.locator(".who-am-i > span")
        await expect(whole).to_be_visible()

        async def places() -> list[list[float]]:
            found = []
            for width in widths:
                await page.set_viewport_size({"width": width, "height": WIDTHS.get(width, 800)})
                found.append(await page.evaluate(PLACES))
            return found

        before = await places()
        for width, (head, *_) in zip(widths, before, strict=True):
            assert head < 80, f"the head is one row at {width}"
        room.site["dispatch"].kill(signal.SIGSTOP)
        try:
            await expect(page.locator(".cut-off")).to_be_visible()
            assert await places() == before
            await pictures(page, "cut-still", (language,))
        finally:
            room.site["dispatch"].kill(signal.SIGCONT)
        await expect(page.locator(".cut-off")).to_have_count(0)


async def _crowd(room: Room) -> list[Call]:
    """Thirty calls of every level, some late; three units that were told and have not left."""
    calls = []
    for n in range(30):
        place = {"latitude": 34.18 + 0.013 * (n % 6), "longitude": 117.21 + 0.024 * (n // 6)}
        complaint, words = COMPLAINTS[n % len(COMPLAINTS)]
        patient = {"complaint": complaint, "complaint_text": words, "age": {"years": 20 + 2 * n}}
        calls.append(
            await room.call(
                None if n == 7 else f"解放路 {10 + n} 号",
                20 + 5 * n,
                place,
                patients=[patient] * (3 if n == 4 else 1),
                classification="non_emergency_transfer" if n > 27 else "emergency",
            )
        )
    for n, call in enumerate(calls[:3]):
        await room.send(call, f"U-1{n}", 60 * n)
    told = [
        decision(n + 1, LEVELS[n % len(LEVELS)]).but(encounter_id=encounter)
        for n, call in enumerate(calls)
        for encounter in call.encounters
    ]
    await room.told("triage", *told)
    path = f"/v1/encounters/{calls[0].encounters[0]}"
    await until(lambda: _has_level(room, path), 60)
    return calls


async def _has_level(room: Room, path: str) -> bool:
    return bool((await room.desk.do("GET", path))["level"] != "not_yet")


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_crowd_stands_in_order_on_every_screen(
    room: Room, chrome: Browser, width: int
) -> None:
    await room.registers()
    calls = await _crowd(room)
    for language in ("zh", "en"):
        async with room.sits(chrome, width=width, language=language) as page:
            await expect(row(page, calls[0])).to_be_attached()
            assert await page.locator(".call").count() >= 28
            phases = await page.evaluate(
                "[...document.querySelectorAll('.call')].map((call) =>"
                " call.querySelector('[data-phase=late]') ? 0 :"
                " call.querySelector('[data-phase=runs], [data-phase=near]') ? 1 : 2)"
            )
            assert phases == sorted(phases)
            assert {0, 1} <= set(phases)
            # Who has waited longest of those that are late stands before the others.
            places = [int(await _place(page, calls[n])) for n in (27, 20, 12)]
            assert places == sorted(places)
            await picture(page, "crowded", language, width)
            if width == 1280:
                await page.set_viewport_size({"width": 1280, "height": 800})
                await expect(page.locator(".notice")).to_have_count(0)

                async def are_eight(page: Page = page) -> bool:
                    return int(await page.evaluate(READABLE)) >= 8

                await until(are_eight, why="fewer than eight calls are wholly seen")
                await page.set_viewport_size({"width": 1280, "height": WIDTHS[1280]})
            least = page.locator(".call .countdown").first
            await expect(least).to_be_visible(visible=width == 390)
            await row(page, calls[27]).locator(".open").click()
            await expect(page.locator(".opened .advised")).to_be_visible()
            await picture(page, "opened", language, width)
            for tab, state in ((1, "transfers"), (2, "units"), (3, "figures")):
                await page.locator("[role=tab]").nth(tab).click()
                await picture(page, state, language, width)


async def _place(page: Page, call: Call) -> int:
    ids = "[...document.querySelectorAll('.call')].map((each) => each.dataset.call)"
    found: list[str] = await page.evaluate(ids)
    return found.index(call.incident)
