"""Signing in that does not succeed: a page that says why, and the way on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from services.boards.refused import REFUSED
from services.kit.role import Role
from tests.boards import Site, seated, sign_in, somebody
from tests.platform import Platform
from tests.screens import picture

pytestmark = pytest.mark.needs_chromium

PEOPLE = (somebody("nurse-s", Role.CENTRE, "F-sign-1"), somebody("dispatcher-s", Role.DISPATCHER))
WIDTHS = (390, 1280, 1920)


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("sign-in"), PEOPLE)
    async with made.open("dispatch", "bridge"):
        yield made


@pytest.mark.parametrize("width", WIDTHS)
async def test_who_belongs_elsewhere_signs_in_as_somebody_else(
    site: Site, chrome: Browser, width: int
) -> None:
    async with seated(chrome, site, width=width) as (page, _, _):
        await page.goto(f"{site.url}/hospital/sign-in?to=/hospital/beds")
        await page.locator("button[value='dispatcher-s']").click()
        await expect(page.locator("h1")).to_contain_text(REFUSED["Not your desk"].zh)
        await picture(page, f"refused-403-{width}")
        await page.locator("a.button").click()
        await page.locator("button[value='nurse-s']").click()
        await page.wait_for_url(f"{site.url}/hospital/beds")
        await expect(page.locator("h1")).to_be_visible()


async def test_a_provider_that_is_away_leaves_the_downtime_copy(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory, chrome: Browser
) -> None:
    nobody = {"GREENCHANNEL_BOARDS_ISSUER": "http://127.0.0.1:9"}
    alone = Site(platform, tmp_path_factory.mktemp("alone"), PEOPLE, extra=nobody)
    async with alone.open(), seated(chrome, alone, width=1280) as (page, _, heard):
        await page.goto(f"{alone.url}/hospital/sign-in?to=/hospital/board")
        await expect(page.locator("h1")).to_contain_text(REFUSED["Try again"].zh)
        assert heard.refused == [503]
        await picture(page, "refused-503-1280")
        again = await page.locator("a.button").get_attribute("href")
        assert again == "/hospital/sign-in?to=%2Fhospital%2Fboard"
        await page.locator("a[href='/hospital/copy']").click()
        await page.wait_for_url(f"{alone.url}/hospital/copy")


async def test_nobody_signed_in_is_led_to_a_page_by_one_click(site: Site, chrome: Browser) -> None:
    async with seated(chrome, site) as (page, _, _):
        await page.goto(f"{site.url}/hospital/nowhere")
        await picture(page, "refused-404-1280")
        await page.locator("a.button").click()
        await page.locator(".sign-in button.primary").click()
        await page.locator("button[value='nurse-s']").click()
        await page.wait_for_url(f"{site.url}/hospital/*")
        await sign_in(page, site, "nurse-s", "/hospital/beds")
