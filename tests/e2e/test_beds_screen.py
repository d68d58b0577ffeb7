"""The beds page on a phone, against real services: one tap, a cut line, advice that ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, TypeAlias

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from services.kit.role import Role
from tests.boards import WIDTHS, Site
from tests.hospital_patient import at_site
from tests.hospital_screen import HERE, THERE, at_screen, hospitals, of
from tests.journey import admitted
from tests.platform import Platform
from tests.screens import pictures
from tests.services import Caller, ago, now, until

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]
BEDS = "/hospital/beds"
Wards: TypeAlias = dict[str, Caller]


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with hospitals(platform, tmp_path_factory.mktemp("beds-screen")) as made:
        yield made


@pytest.fixture(scope="module")
def wards(site: Site) -> Wards:
    """Somebody of each hospital, at another screen."""
    return {name: Caller(site["bridge"], Role.CENTRE, name) for name in (HERE, THERE)}


async def beds(wards: Wards, facility: str = HERE) -> Any:
    return await wards[facility].do("GET", f"/v1/facilities/{facility}/beds")


async def ward(wards: Wards, department: str, facility: str = HERE) -> Any:
    found = (await beds(wards, facility))["wards"]
    return next((each for each in found if each["department"] == department), None)


async def count(wards: Wards, department: str, at: str, **beds: int) -> None:
    path = f"/v1/facilities/{HERE}/beds/{department}"
    await wards[HERE].do("PUT", path, {**beds, "occurred_at": at})


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name, exact=True)


async def test_nothing_was_ever_reported_and_that_is_not_nothing_free(
    site: Site, chrome: Browser, wards: Wards
) -> None:
    async with at_screen(chrome, site, of("bed-manager-0", THERE), width=390) as page:
        await page.goto(f"{site.url}{BEDS}")
        await expect(page.get_by_text("尚未上报")).to_be_visible()
        await page.get_by_role("button", name="其他科室").click()
        icu = card(page, "ICU")
        for each in await icu.get_by_role("textbox").all():
            await expect(each).to_have_value("")
            await expect(each).to_have_attribute("placeholder", "?")
        await expect(icu.get_by_role("button", name="同上次")).to_have_count(0)
        await pictures(page, "beds-empty", WIDTHS)
        # 0 is a count: nobody is sent on a number that nobody has said.
        await icu.get_by_role("button", name="减一: 可用").click()
        await expect(icu.get_by_label("ICU 可用").get_by_role("textbox")).to_have_value("0")
        await expect(icu.get_by_text("没有就填 0")).to_be_visible()
        await expect(icu.get_by_role("button", name="上报")).to_be_disabled()
        await icu.get_by_role("button", name="减一: 预留急诊床").click()
        await icu.get_by_role("button", name="上报").click()
        await until(lambda: ward(wards, "icu", THERE), why="it was not reported")
        told = await ward(wards, "icu", THERE)
        assert (told["free"], told["emergency"], told["staffed"]) == (0, 0, None)
        await expect(icu.get_by_text("预留急诊床少于应留的 1 张")).to_be_visible()


async def test_one_tap_says_that_it_is_as_before(site: Site, chrome: Browser, wards: Wards) -> None:
    await count(wards, "ccu", ago(600), free=3, emergency=2, staffed=12)
    before = await ward(wards, "ccu")
    async with at_screen(chrome, site, of("bed-manager-1"), width=390) as page:
        await page.goto(f"{site.url}{BEDS}")
        same = card(page, "CCU").get_by_role("button", name="同上次")
        await expect(same).to_contain_text("3 + 2 / 12")
        await same.click()
        after = await until(lambda: _later(wards, "ccu", before), why="it was not said again")
        for name in ("free", "emergency", "staffed"):
            assert after[name] == before[name]
        assert after["reported_by"] == "bed-manager-1"


async def test_a_count_is_typed_and_the_first_tap_counts_one(
    site: Site, chrome: Browser, wards: Wards
) -> None:
    async with at_screen(chrome, site, of("bed-manager-6"), width=390) as page:
        await page.goto(f"{site.url}{BEDS}")
        await page.get_by_role("button", name="其他科室").click()
        theatre = card(page, "手术室")
        await theatre.get_by_role("button", name="加一: 可用").click()
        free, kept, staffed = await theatre.get_by_role("textbox").all()
        await expect(free).to_have_value("1")
        await kept.fill("1床")
        await expect(kept).to_have_value("1")
        await staffed.click()
        await staffed.press_sequentially("12")
        await free.fill("")  # nothing is not none
        await expect(theatre.get_by_role("button", name="上报")).to_be_disabled()
        await free.fill("11")
        await pictures(page, "beds-typed", WIDTHS)
        await theatre.get_by_role("button", name="上报").click()
        told = await until(lambda: ward(wards, "theatre"), why="it was not reported")
        assert (told["free"], told["emergency"], told["staffed"]) == (11, 1, 12)


async def _later(wards: Wards, department: str, before: Any) -> Any:
    found = await ward(wards, department)
    return found if found["reported_at"] > before["reported_at"] else None


async def test_a_count_is_kept_without_a_line_and_goes_with_its_own_time(
    site: Site, chrome: Browser, wards: Wards
) -> None:
    await count(wards, "resus", ago(60), free=4, emergency=1)
    async with at_screen(chrome, site, of("bed-manager-2"), width=390) as page:
        await page.goto(f"{site.url}{BEDS}")
        resus = card(page, "抢救室")
        await expect(resus.locator("input").first).to_have_value("4")
        await page.context.set_offline(True)
        await resus.get_by_role("button", name="改数字").click()
        await resus.get_by_role("button", name="减一: 可用").click()
        counted_at = now()
        await resus.get_by_role("button", name="上报").click()
        await expect(page.get_by_text("没有网络：所填数字保留在本机")).to_be_visible()
        await expect(resus.get_by_text("未送出：恢复网络后按")).to_be_visible()
        await expect(resus.locator("input").first).to_have_value("3")
        await pictures(page, "beds-offline", WIDTHS)
        await asyncio.sleep(3)
        assert (await ward(wards, "resus"))["free"] == 4
        await page.context.set_offline(False)
        told = await until(lambda: _free(wards, "resus", 3), 40, "it was not sent afterwards")
        assert abs(_seconds(told["reported_at"], counted_at)) < 2, "an old count with a new time"
        await expect(resus.get_by_text("未送出")).to_have_count(0)


async def _free(wards: Wards, department: str, free: int) -> Any:
    found = await ward(wards, department)
    return found if found["free"] == free else None


def _seconds(one: str, other: str) -> float:
    return (datetime.fromisoformat(one) - datetime.fromisoformat(other)).total_seconds()


async def test_what_is_more_than_has_its_staff_is_refused_in_words(
    site: Site, chrome: Browser, wards: Wards
) -> None:
    await count(wards, "picu", ago(30), free=1, emergency=1, staffed=2)
    async with at_screen(chrome, site, of("bed-manager-3"), width=390) as page:
        await page.goto(f"{site.url}{BEDS}")
        picu = card(page, "PICU")
        await picu.get_by_role("button", name="改数字").click()
        await picu.get_by_role("button", name="加一: 可用").click()
        await expect(picu.get_by_text("可用加预留多于有人员的床位")).to_be_visible()
        await expect(picu.get_by_role("button", name="上报")).to_be_disabled()
        # Who takes away how many are staffed has no more of them.
        free, _, staffed = await picu.get_by_role("textbox").all()
        await staffed.fill("")
        await free.fill("999")
        await expect(picu.get_by_text("可用加预留多于有人员的床位")).to_be_visible()
        await expect(picu.get_by_role("button", name="上报")).to_be_disabled()
        # A number far above all that was reported is asked for once more, and each anew.
        await staffed.fill("99")
        await free.fill("80")
        await expect(picu.get_by_role("alert")).to_contain_text("99 张远多于以往上报的最多 2 张")
        send = picu.get_by_role("button", name="上报（")
        await expect(send).to_be_disabled()
        await picu.get_by_role("button", name="已核对，确是 99 张").click()
        await expect(send).to_be_enabled()
        await staffed.fill("98")
        await expect(send).to_be_disabled()
        await pictures(page, "beds-far-more", WIDTHS)
        await picu.get_by_role("button", name="不送").click()
        await expect(picu.locator("input").first).to_have_value("1")
    path = f"/v1/facilities/{HERE}/beds/picu"
    told = await wards[HERE].http.put(
        path, json={"free": 999, "emergency": 1, "occurred_at": now()}
    )
    assert (told.status_code, told.json()["title"]) == (422, "More than staffed")


async def test_advice_to_divert_is_given_with_a_reason_and_ended(
    site: Site, chrome: Browser, wards: Wards
) -> None:
    await count(wards, "icu", ago(30), free=1, emergency=0)
    (waits,) = await admitted(site, HERE, {"complaint": "stroke", "sex": "female"})
    await waits.act("bed", department="icu")
    await waits.act("arrival")
    async with at_screen(chrome, site, of("bed-manager-4"), width=390) as page:
        await page.goto(f"{site.url}{BEDS}")
        icu = card(page, "ICU")
        await expect(icu.get_by_text("普通床")).to_be_visible()
        await expect(icu.get_by_role("link", name="女 年龄未知 · 疑似卒中")).to_be_visible()
        await expect(icu.get_by_text("预留急诊床少于应留的 1 张")).to_be_visible()
        waiting = page.get_by_role("region", name="已到、等待医生")
        for level in (await beds(wards))["waiting"]:
            await expect(waiting.get_by_text(str(level["patients"]), exact=True)).to_be_visible()
        await page.get_by_role("button", name="建议分流").click()
        await expect(page.get_by_role("button", name="发出分流建议")).to_be_disabled()
        chosen = page.get_by_role("button", name="(1 h)")
        await chosen.click()
        told = await chosen.inner_text()
        await page.evaluate("() => { const real = Date.now; Date.now = () => real() - 61_000; }")
        await page.get_by_label("理由").fill("CT 检修")
        await expect(chosen).to_have_text(told)  # what is shown is what is sent
        await page.get_by_role("button", name="发出分流建议").click()
        divert = await until(lambda: _divert(wards), why="no advice stands")
        assert (divert["reason"], divert["by"]) == ("CT 检修", "bed-manager-4")
        assert at_site(divert["until"])[:5] in told
        await expect(page.get_by_text("到时自动结束")).to_be_visible()
        await pictures(page, "beds-divert", WIDTHS)
        await page.get_by_role("button", name="现在结束分流建议").click()
        await until(lambda: _no_divert(wards), why="the advice stands on")


async def test_what_somebody_changes_does_not_change_under_their_hand(
    site: Site, chrome: Browser, wards: Wards
) -> None:
    await count(wards, "obstetrics", ago(60), free=7, emergency=1)
    async with at_screen(chrome, site, of("bed-manager-7"), width=390) as page:
        await page.goto(f"{site.url}{BEDS}")
        ward_of = card(page, "产科")
        await ward_of.get_by_role("button", name="改数字").click()
        free, kept, _ = await ward_of.get_by_role("textbox").all()
        await expect(free).to_have_value("7")
        await count(wards, "obstetrics", ago(1), free=10, emergency=2)
        said = ward_of.locator(".overtaken")
        await expect(said).to_contain_text("上报了 10 + 2")
        await expect(free).to_have_value("7")
        await ward_of.get_by_role("button", name="加一: 预留").click()
        await expect(free).to_have_value("7")
        await expect(kept).to_have_value("2")
        await pictures(page, "beds-overtaken", WIDTHS)
        await said.get_by_role("button", name="改用新数").click()
        await expect(said).to_have_count(0)
        await expect(ward_of.get_by_role("button", name="同上次")).to_contain_text("10 + 2")


async def _divert(wards: Wards) -> Any:
    return (await beds(wards))["divert"]


async def _no_divert(wards: Wards) -> bool:
    return (await beds(wards))["divert"] is None


async def test_every_target_is_large_enough_for_a_glove(
    site: Site, chrome: Browser, wards: Wards
) -> None:
    await count(wards, "nicu", ago(10), free=2, emergency=1)
    async with at_screen(chrome, site, of("bed-manager-5"), width=390) as page:
        await page.goto(f"{site.url}{BEDS}")
        nicu = card(page, "NICU")
        await nicu.get_by_role("button", name="改数字").click()
        await nicu.get_by_role("button", name="加一: 可用").click()
        for button in await page.locator("main button").all():
            box = await button.bounding_box()
            if box is not None:
                assert min(box["height"], box["width"]) >= 56, await button.inner_text()
