"""The board on a wall: who waits for somebody stands first, who is here is one line, at least four
people can be read from three metres, and how many more there are is said."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from services.kit.role import Role
from tests.boards import Seat, Site, seated, sit
from tests.hospital_patient import worst
from tests.journey import CRITICAL, WELL, Traveller, called
from tests.platform import Platform
from tests.screens import fits, pictures, speak
from tests.services import ago, now, until

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]

OURS = "F-wall-1"
LONG = "压榨性胸痛 40 分钟，伴大汗，向左肩放射，既往高血压，含服硝酸甘油不缓解，家属代诉" * 2
#: Who can be read to the end of their card, above the line at the bottom.
READ = """() => { const end = document.querySelector(".wall-foot").getBoundingClientRect().top;
  return [...document.querySelectorAll(".card")].filter((card) =>
    card.getBoundingClientRect().bottom <= end).length; }"""
SMALL = """() => [...document.querySelectorAll(".card *, .head *, .wall-foot *")]
  .filter((e) => e.childElementCount === 0 && e.textContent.trim() && e.checkVisibility()
    && !e.closest(".unseen, .shape") && parseFloat(getComputedStyle(e).fontSize) < 28)
  .map((e) => `${e.className} ${e.textContent}`)"""


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("wall"), ())
    async with made.open("dispatch", "gateway", "triage", "bridge"):
        yield made


async def coming(
    site: Site, vitals: Any, at: str | None = None, to: str = OURS, **more: Any
) -> Traveller:
    said = {"sex": "male", "complaint": "chest_pain", "complaint_text": LONG, **more}
    (one,) = await called(site, {"age": {"years": 58}, **said})
    await one.reading(vitals, at)
    await one.reached()
    await one.bound_for(to)
    await one.boards()
    return one


async def shown(page: Page) -> list[str]:
    ids: list[str] = await page.locator(".card").evaluate_all(
        "c => c.map(e => e.dataset.encounter)"
    )
    return ids


async def test_a_wall_shows_first_who_waits_and_says_how_many_are_below(
    site: Site, chrome: Browser
) -> None:
    known, here, *owed = await asyncio.gather(*(coming(site, CRITICAL) for _ in range(6)))
    (guarded,) = [await coming(site, CRITICAL, precautions=["contact"])]
    others = await asyncio.gather(*(coming(site, WELL) for _ in range(2)))
    told = {"allergies": ["青霉素"], "medications": ["华法林"]}
    await guarded.tell("background", background=told, told_by="relative")
    for one in (known, here):
        await one.act("acknowledgement")
    await here.act("arrival", place="resus")
    async with seated(chrome, site, width=1920) as (page, context, _):
        await sit(context, site, Seat("nurse-w", Role.CENTRE, OURS))
        await page.goto(f"{site.url}/hospital/board?wall")
        await page.get_by_role("button", name="点按一次，开启声音").click()
        await expect(page.locator(f"[data-encounter='{here.encounter}']")).to_have_class(
            "card critical is-here line"
        )
        await expect(page.locator(f"[data-encounter='{guarded.encounter}']")).to_contain_text(
            "接触隔离 · 过敏：青霉素"
        )
        order = await shown(page)
        assert set(order[:5]) == {one.encounter for one in (*owed, guarded)}
        assert order[5:7] == [known.encounter, here.encounter]
        assert set(order[7:]) == {one.encounter for one in others}
        await expect(page.locator(".below")).to_be_visible()
        read = await page.evaluate(READ)
        assert read >= 4
        await expect(page.locator(".below")).to_have_text(
            f"下方还有 {9 - read} 人 · 其中 Ⅰ {7 - read} 人"
        )
        assert await page.evaluate(SMALL) == []
        await pictures(page, "wall-full", {1920: 1080}, fits)
        # A vehicle that is at the door is not late on the road.
        for status in ("departed", "at_destination"):
            stamp = {"status": status, "occurred_at": now()}
            await known.crew.do("POST", f"/v1/units/{known.unit}/stamps", stamp)
        await expect(page.locator(f"[data-encounter='{known.encounter}']")).to_contain_text(
            "车已到院"
        )
        # Who comes no more is told there too, for as long as somebody may look up.
        await known.bound_for("F-wall-2")
        await expect(page.locator(".notice")).to_contain_text(
            "不再前来（已改送或取消）：Ⅰ 濒危 男 58 岁"
        )


async def test_four_whole_cards_are_read_and_none_lacks_what_changes_what_is_done(
    site: Site, chrome: Browser
) -> None:
    """Each as tall as cards become: precautions, a way, teams, old values, a level set by hand."""
    to = "F-wall-3"
    old, guarded, called_for = [
        await coming(site, CRITICAL, ago(900) if place == 0 else None, to, identity="unknown",
                     **({"precautions": ["contact", "droplet"]} if place == 1 else {}))
        for place in range(3)
    ]  # fmt: skip
    lowered = await coming(site, {**WELL, "spo2": 68}, None, to)
    for one in (old, guarded):
        await one.ecg("st_elevation")
    told = {"allergies": ["青霉素"], "medications": ["华法林"]}
    await guarded.tell("background", background=told, told_by="relative")
    await called_for.act("acknowledgement")
    await called_for.act("activation", centre="trauma", activation="activate")
    await lowered.act("level", level="severe", reason="探头脱落，指温低，本院判断")
    await until(lambda: worst(lowered, "severe"), why="the level was not lowered")
    await lowered.reading({"spo2": 69})
    async with seated(chrome, site, width=1920) as (page, context, _):
        await sit(context, site, Seat("nurse-w", Role.CENTRE, to))
        await page.goto(f"{site.url}/hospital/board?wall")
        await page.get_by_role("button", name="点按一次，开启声音").click()
        low = page.locator(f"[data-encounter='{lowered.encounter}']")
        await expect(low.locator(".still")).to_contain_text("规则仍判 Ⅰ 濒危： 血氧饱和度 69")
        await expect(low.locator(".still .age")).to_be_visible()
        await expect(low.locator(".level .now")).to_have_text("现为 Ⅰ")
        first = page.locator(f"[data-encounter='{old.encounter}']")
        await expect(first.locator(".tile", has_text="血压").locator(".age")).to_have_text("15 min")
        await expect(first.locator(".tag.in")).to_have_text("已入院")
        await expect(first.locator(".tag.unknown")).to_be_visible()
        await expect(page.locator(".wall-foot .no-device")).to_contain_text("非医疗器械")
        for language in ("en", "zh"):
            await speak(page, language)
            assert await page.evaluate(READ) >= 4, language
            assert await page.evaluate(SMALL) == [], language
            for part in (".still", ".tag.in", ".level .now"):
                await expect(low.locator(part)).to_be_in_viewport(ratio=1)
        await pictures(page, "wall-tall", {1920: 1080}, fits)


#: What ends in a dot, as if something were to follow.
DANGLING = """() => [...document.querySelectorAll(".card :is(.eta small, .dots > *, .state p)")]
  .filter((e) => e.innerText.trim().endsWith("·")
    || getComputedStyle(e, "::after").content.includes("·")).map((e) => e.innerText)"""


async def test_a_wall_says_that_it_is_worse_what_is_advised_and_nothing_by_halves(
    site: Site, chrome: Browser
) -> None:
    to = "F-wall-4"
    one = await coming(site, WELL, ago(200), to)
    await one.reading(CRITICAL)
    await until(lambda: worst(one, "critical"), why="no level")
    ends = {"until": ago(-1200), "reason": "CT 检修", "occurred_at": now()}
    await one.ward.do("POST", f"/v1/facilities/{to}/divert", ends)
    for status in ("departed", "at_destination"):
        stamp = {"status": status, "occurred_at": now()}
        await one.crew.do("POST", f"/v1/units/{one.unit}/stamps", stamp)
    async with seated(chrome, site, width=1920) as (page, context, _):
        await sit(context, site, Seat("nurse-w", Role.CENTRE, to))
        await page.goto(f"{site.url}/hospital/board?wall")
        await page.get_by_role("button", name="点按一次，开启声音").click()
        card = page.locator(f"[data-encounter='{one.encounter}']")
        await expect(card.locator(".eta")).to_contain_text("车已到院")
        await expect(card.locator(".level .trend.worse")).to_have_text("恶化 ↘")
        await expect(page.locator(".wall-foot .divert")).to_contain_text(
            re.compile(r"建议分流至 \d\d:\d\d · CT 检修")
        )
        for language in ("en", "zh"):
            await speak(page, language)
            assert await page.evaluate(DANGLING) == [], language
            assert await page.evaluate(SMALL) == [], language
            if language == "en":
                await expect(card.locator(".problem")).to_have_text("chest pain")
        await pictures(page, "wall-worse", {1920: 1080}, fits)


#: What is never cut: who it is, the way, that a team was called off, how many rules more.
CUT = """() => [...document.querySelectorAll(
    ".card :is(.mark, .way, .off, .team, .still .more, .tag, .now, .eta b, .owed)")]
  .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline"
    || ["right", "bottom"].some((side) => e.getBoundingClientRect()[side]
      > e.closest(".body, .act, .level").getBoundingClientRect()[side] + 1))
  .map((e) => `${e.className}: ${e.textContent}`)"""


async def newborn(site: Site, to: str) -> Traveller:
    """Just born on the way, of whom nobody knows who they are; a way and a team."""
    one = await coming(
        site, {"heart_rate": 52, "spo2": 84, "respiratory_rate": 48, "temperature": 36.6}, None, to,
        age={"years": 0}, birth_time=ago(300), sex="female", complaint="newborn",
        complaint_text="途中娩出", identity="unknown",
    )  # fmt: skip
    await one.act("direct-to", direct_to="nicu", phone="8440-1234")
    await one.act("activation", centre="neonatal", activation="activate")
    return one


async def test_of_five_four_are_whole_in_both_languages_and_nothing_that_tells_is_cut(
    site: Site, chrome: Browser
) -> None:
    """Long English words, two unknown newborns, a team that was called off and comes all the same,
    and a level that was lowered."""
    to = "F-001"
    first, _ = [await newborn(site, to) for _ in range(2)]
    heart, mother, lowered = [
        await coming(site, vitals, None, to, identity="unknown", **more) for vitals, more in (
            (CRITICAL, {}),
            (WELL, {"sex": "female", "age": {"years": 31}, "complaint": "obstetric",
                    "complaint_text": "规律宫缩", "pregnant": "yes", "gestation_weeks": 38}),
            ({**WELL, "systolic_bp": 66, "diastolic_bp": 40}, {}),
        )
    ]  # fmt: skip
    for one in (heart, lowered):
        await one.tell("background", background={"allergies": [], "medications": ["氨氯地平"]},
                       told_by="relative")  # fmt: skip
        await one.ecg("st_elevation")
    await heart.act("direct-to", direct_to="cath_lab", phone="8440", gate="北门")
    await heart.act("activation", centre="chest_pain", activation="activate")
    for department in ("cardiology", "cath_lab"):
        await heart.act(f"departments/{department}/answer", answer="coming")
    await heart.act("activation/withdrawn", centre="chest_pain", reason="点错了患者，另一位才是")
    for department in ("neonatology", "paediatrics"):
        await first.act(f"departments/{department}/answer", answer="coming")
    await lowered.act("level", level="urgent", reason="复测血压 120/80，患者清醒，本院判断")
    await until(lambda: worst(lowered, "urgent"), why="the level was not lowered")
    await lowered.reading({"systolic_bp": 67, "diastolic_bp": 40})
    await mother.item()
    async with seated(chrome, site, width=1920) as (page, context, _):
        await sit(context, site, Seat("nurse-w", Role.CENTRE, to))
        await page.goto(f"{site.url}/hospital/board?wall")
        await page.get_by_role("button", name="点按一次，开启声音").click()
        await expect(page.locator(".card")).to_have_count(5)
        card = page.locator(f"[data-encounter='{heart.encounter}']")
        await expect(card.locator(".off")).to_contain_text("启动撤销")
        await expect(card.locator(".off-coming")).to_contain_text("到位中，已撤销，待电话告知")
        await expect(page.locator(f"[data-encounter='{lowered.encounter}'] .still")).to_be_visible()
        for language in ("en", "zh"):
            await speak(page, language)
            assert await page.evaluate(CUT) == [], language
            assert await page.evaluate(SMALL) == [], language
            assert await page.evaluate(READ) >= 4, language
        await pictures(page, "wall-five", {1920: 1080}, fits)
        # Who is here keeps what warns of them.
        for one in (heart, lowered):
            await one.act("acknowledgement")
            await one.act("arrival")
            there = page.locator(f"[data-encounter='{one.encounter}']")
            await expect(there).to_have_class(re.compile(r"is-here$"))
        low = page.locator(f"[data-encounter='{lowered.encounter}']")
        await expect(low.locator(".still")).to_contain_text("规则仍判 Ⅰ 濒危")
        await expect(low.locator(".level .now")).to_have_text("现为 Ⅰ")
        await expect(card.locator(".proposed")).to_contain_text("建议启动")
