"""The tabs of the boards by key: the Tab key stops once for all of them, arrows go from one to
another, and what is shown is named by its tab."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from services.kit.role import Role
from tests.boards import Seat, Site, code_for, seated, sign_in, sit, somebody
from tests.journey import STATION, called
from tests.platform import Platform
from tests.services import now

pytestmark = pytest.mark.needs_chromium

OURS = "F-tabs-1"


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("tabs"), (somebody("crew-t", Role.CREW),))
    async with made.open("dispatch", "gateway", "triage", "bridge"):
        yield made


def tab(page: Page, name: str) -> Locator:
    return page.get_by_role("tab", name=re.compile(rf"(^| ){name}"))


async def has_keys(page: Page, name: str) -> None:
    await expect(tab(page, name)).to_be_focused()
    await expect(tab(page, name)).to_have_attribute("aria-selected", "true")
    await expect(page.get_by_role("tab", selected=True)).to_have_count(1)


async def is_on(page: Page, name: str) -> None:
    """This tab has the keys, it alone is chosen, and what is shown bears its name."""
    await has_keys(page, name)
    await expect(page.get_by_role("tabpanel", name=re.compile(rf"(^| ){name}"))).to_have_count(1)


async def goes(page: Page, **steps: str) -> None:
    """Each of these keys leads to the tab of this name."""
    for key, name in steps.items():
        await page.keyboard.press(key)
        await is_on(page, name)


async def is_one_stop(page: Page, name: str) -> None:
    """From the tab that is chosen the Tab key leads beyond all of them, and back to it."""
    await page.keyboard.press("Tab")
    await expect(page.locator(".sound")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await is_on(page, name)


async def test_the_centres_of_an_emergency_board_go_by_arrows(site: Site, chrome: Browser) -> None:
    (heart,) = await called(site, {"complaint": "chest_pain"})
    (brain,) = await called(site, {"complaint": "stroke"})
    for one in (heart, brain):
        await one.bound_for(OURS)
    async with seated(chrome, site) as (page, context, _):
        await sit(context, site, Seat("nurse-t", Role.CENTRE, OURS))
        await page.goto(f"{site.url}/hospital/board")
        cards = page.locator(".card")
        await expect(cards).to_have_count(2)
        await expect(tab(page, "胸痛")).to_contain_text("1")
        await tab(page, "全部").focus()
        await is_one_stop(page, "全部")
        await goes(page, ArrowRight="胸痛")
        await expect(cards).to_have_count(1)
        await expect(page.locator(f"[data-encounter='{heart.encounter}']")).to_be_visible()
        await is_one_stop(page, "胸痛")
        await goes(page, ArrowRight="卒中", End="儿童和新生儿", ArrowLeft="孕产妇")
        await expect(page.get_by_text("本中心此刻没有患者；其他中心有 2 人")).to_be_visible()
        await goes(page, Home="全部")
        await goes(page, ArrowLeft="儿童和新生儿")
        await goes(page, ArrowRight="全部")
        await expect(cards).to_have_count(2)
        await page.keyboard.press("Control+ArrowRight")  # a browser's own
        await is_on(page, "全部")
        # A tap chooses as ever, and the keys go on from there.
        await tab(page, "卒中").click()
        await is_on(page, "卒中")
        await goes(page, ArrowLeft="胸痛")


async def test_the_views_of_a_dispatch_board_go_by_arrows(site: Site, chrome: Browser) -> None:
    await called(site, {"complaint": "chest_pain"})
    async with seated(chrome, site) as (page, context, _):
        await sit(context, site, Seat("dispatcher-t", Role.DISPATCHER))
        await page.goto(f"{site.url}/dispatch/board")
        await expect(page.locator(".call").first).to_be_visible()
        await tab(page, "急救").focus()
        await goes(page, End="指标")
        await expect(page.locator(".figures table").first).to_be_visible()
        await is_one_stop(page, "指标")
        await goes(page, ArrowLeft="单元")
        await expect(page.get_by_role("tabpanel").locator("table.units")).to_be_visible()
        await goes(page, ArrowLeft="非急救转运", End="指标")
        await goes(page, ArrowRight="急救")
        await expect(page.locator(".call").first).to_be_visible()


async def test_the_patients_on_a_crews_phone_go_by_arrows(
    site: Site, chrome: Browser, platform: Platform
) -> None:
    one, other = await called(site, {"sex": "male"}, {"sex": "female"})
    station = {"name": {"zh": "城东站", "en": "East"}, "kind": "county_centre", "county": "Y",
               "location": STATION}  # fmt: skip
    await one.desk.do("PUT", "/v1/stations/S-tabs", station)
    vehicle = {"station_id": "S-tabs", "kind": "monitoring", "occurred_at": now()}
    await one.desk.do("PUT", f"/v1/units/{one.unit}", vehicle)
    async with seated(chrome, site, width=390) as (phone, _, _):
        await phone.goto(f"{site.url}/crew/")
        await phone.locator("input.code").fill(await code_for(platform))
        await phone.locator("form button").click()
        await expect(phone.locator(".begin form")).to_have_count(0)
        await sign_in(phone, site, "crew-t", "/crew/")
        await phone.locator("input.code").fill(one.unit)
        await phone.locator(".units button", has_text=one.unit).first.click()
        await phone.locator(".new-mission button").click()
        await tab(phone, "车辆").click()
        for key, name in (("ArrowRight", "1 · 男"), ("ArrowRight", "2 · 女"), ("Home", "车辆")):
            await phone.keyboard.press(key)
            await has_keys(phone, name)
        await expect(phone.locator(f"[data-tab='{other.encounter}']")).to_have_attribute(
            "tabindex", "-1"
        )
        await tab(phone, "2 · 女").click()
        await phone.locator(".pad [data-sheet=findings]").click()
        sheet = phone.get_by_role("dialog")
        groups = sheet.get_by_role("tab")
        await groups.first.focus()
        for key, name in (("ArrowRight", "心血管"), ("End", "其他"), ("ArrowRight", "危急")):
            await phone.keyboard.press(key)
            await expect(sheet.get_by_role("tab", selected=True)).to_have_text(name)
            await expect(sheet.get_by_role("tab", selected=True)).to_be_focused()
            await expect(sheet.get_by_role("tabpanel", name=name)).to_have_count(1)
