"""The board on a wall: who waits for somebody stands first, who is here is one line, at least four
people can be read from three metres, and how many more there are is said."""

from __future__ import annotations

import asyncio
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
from tests.services import ago, until

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
