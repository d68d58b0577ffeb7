"""Somebody of whom very much is known, on the card, the page and the sheet: all of it is there, and
nothing runs out of its place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.boards import WIDTHS, Site
from tests.full_patient import EXAMINED, GIVEN, MINUTES, TEAMS, WORD, arrived, very_much_known
from tests.hospital_patient import read, sheet_of
from tests.hospital_screen import at_screen, hospitals, of
from tests.journey import Traveller
from tests.platform import Platform
from tests.screens import fits, pictures

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]
#: Where nobody else comes.
FULL = "F-scr-full"
#: Labels of the axis of time that stand on one another.
CROWDED = """() => { const labels = [...document.querySelectorAll(".axis .stamp")]
    .flatMap((stamp, n) => [...stamp.children]
      .map((e) => [n, e.textContent, e.getBoundingClientRect()]));
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
  return labels.flatMap(([n, one, a]) => labels.filter(([m, , b]) => m > n && meet(a, b))
    .map(([, other]) => `${one} / ${other}`)); }"""


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with hospitals(platform, tmp_path_factory.mktemp("full-screen")) as made:
        yield made


def rest_of(record: Any) -> str:
    """How many reasons stand behind those that are shown."""
    return f"另有 {len(record['reasons']) - 4} 条"


async def is_in_order(page: Page, name: str) -> None:
    await fits(page, name)
    assert await page.evaluate(CROWDED) == [], f"{name}: labels stand on one another"


@pytest.fixture(scope="module")
async def one(site: Site) -> Traveller:
    return await very_much_known(site, FULL)


async def test_a_card_holds_very_much(site: Site, chrome: Browser, one: Traveller) -> None:
    record = (await one.item())["record"]
    assert len(record["reasons"]) >= 5
    assert {each["centre"] for each in record["centres"]} >= set(TEAMS)
    async with at_screen(chrome, site, of("nurse-v", FULL)) as page:
        await page.goto(f"{site.url}/hospital/board")
        card = page.locator(f"[data-encounter='{one.encounter}']")
        await expect(card.locator(".why")).to_contain_text(rest_of(record))
        await expect(card.locator(".was-done > li")).to_have_count(len(GIVEN) + len(EXAMINED))
        await pictures(page, "board-full", WIDTHS, is_in_order)
        await page.goto(f"{site.url}/hospital/board?wall")
        await expect(card.locator(".tag.in")).to_have_text("已入院")
        await pictures(page, "wall-full-patient", {1920: 1080}, fits)


async def test_a_page_holds_very_much(site: Site, chrome: Browser, one: Traveller) -> None:
    await arrived(one)
    record = (await one.item())["record"]
    async with at_screen(chrome, site, of("doctor-v", FULL)) as page:
        await read(page, one)
        banner = page.locator(".banner")
        await expect(banner).to_contain_text(WORD)
        await expect(banner.locator(".why")).to_contain_text(rest_of(record))
        await expect(banner.locator(".tile", has_text="SpO₂")).to_contain_text("吸氧")
        await expect(banner.locator(".centres > li")).to_have_count(len(record["centres"]))
        exams = page.get_by_role("region", name="检查", exact=True)
        await expect(exams.locator("li")).to_have_count(len(EXAMINED))
        care = page.get_by_role("region", name="车上所做与所见")
        for treatment in ("肾上腺素 0.5 mg", "去甲肾上腺素 12.5 μg", "除颤 200 J"):
            await expect(care.locator("li", has_text=treatment)).to_have_count(1)
        vitals = page.get_by_role("region", name="生命体征", exact=True)
        await expect(vitals.get_by_role("img")).to_have_count(9)
        await expect(vitals.locator(".done-list li")).to_have_count(len(GIVEN) + len(EXAMINED))
        await page.get_by_role("button", name="依据").first.click()
        await expect(page.locator(".explained .reason-list").first).to_be_visible()
        await pictures(page, "patient-full", WIDTHS, is_in_order)


async def test_a_table_holds_an_hour(site: Site, chrome: Browser, one: Traveller) -> None:
    async with at_screen(chrome, site, of("doctor-w", FULL), width=390) as page:
        await read(page, one)
        vitals = page.get_by_role("region", name="生命体征", exact=True)
        await vitals.get_by_role("button", name="表格").click()
        rows = vitals.locator("tbody tr")
        await expect(rows.filter(has_text="测不出")).to_have_count(4)
        await expect(rows.filter(has_text="数值无效")).to_have_count(3)
        assert await rows.count() >= MINUTES, "not the whole hour is there"
        await pictures(page, "patient-full-table", {390: WIDTHS[390]}, is_in_order)


async def test_a_sheet_holds_very_much(site: Site, chrome: Browser, one: Traveller) -> None:
    async with at_screen(chrome, site, of("doctor-x", FULL)) as page:
        await page.goto(f"{site.url}{sheet_of(one)}")
        await expect(page.locator(".sheet")).to_contain_text(WORD)
        await pictures(page, "sheet-full", WIDTHS, is_in_order)
