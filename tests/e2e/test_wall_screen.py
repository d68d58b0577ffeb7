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
from tests.journey import CRITICAL, WELL, Traveller, called
from tests.platform import Platform
from tests.screens import fits, pictures

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]

OURS = "F-wall-1"
LONG = "压榨性胸痛 40 分钟，伴大汗，向左肩放射，既往高血压，含服硝酸甘油不缓解，家属代诉" * 2
#: Who can be read to the end of their card, above the line at the bottom.
READ = """() => { const end = document.querySelector(".below").getBoundingClientRect().top;
  return [...document.querySelectorAll(".card")].filter((card) =>
    card.getBoundingClientRect().bottom <= end).length; }"""
SMALL = """() => [...document.querySelectorAll(".card *, .head *, .below")]
  .filter((e) => e.childElementCount === 0 && e.textContent.trim() && e.checkVisibility()
    && !e.closest(".unseen, .shape") && parseFloat(getComputedStyle(e).fontSize) < 28)
  .map((e) => `${e.className} ${e.textContent}`)"""


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("wall"), ())
    async with made.open("dispatch", "gateway", "triage", "bridge"):
        yield made


async def coming(site: Site, vitals: Any, **more: Any) -> Traveller:
    said = {"sex": "male", "complaint": "chest_pain", "complaint_text": LONG, **more}
    (one,) = await called(site, {"age": {"years": 58}, **said})
    await one.reading(vitals)
    await one.reached()
    await one.bound_for(OURS)
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
