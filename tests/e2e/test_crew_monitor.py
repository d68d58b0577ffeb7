"""A monitor speaks for a patient: typed, chosen from those known here, or scanned."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from services.kit.role import Role
from tests.boards import browser
from tests.crew_phone import CHEST_PAIN, STROKE, Phone, phone_in, values
from tests.journey import Traveller
from tests.services import Caller, now, until

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]

#: Chromium has the interface on every system with this, but nothing behind it on this one.
SCANS = "--enable-blink-features=BarcodeDetector"


async def worn(phone: Phone, one: Traveller) -> Any:
    """The monitors that dispatch knows at the patient."""
    return (await phone.patient(one))["devices"]


async def attach(sheet: Locator, device: str) -> None:
    await sheet.get_by_label("监护仪编号").fill(device)
    await sheet.get_by_role("button", name="连接", exact=True).click()


async def test_a_monitor_is_typed_once_then_chosen_and_speaks_for_who_has_it(phone: Phone) -> None:
    first, second = await phone.goes_to(CHEST_PAIN, STROKE)
    sheet = await phone.open("monitor")
    await expect(sheet).to_contain_text("未连接监护仪")
    await expect(sheet.get_by_role("button", name="连接", exact=True)).to_be_disabled()
    await attach(sheet, "监护仪 3")
    await expect(sheet.get_by_role("alert")).to_contain_text("编号为字母、数字")
    await phone.shot("monitor")
    await attach(sheet, " M-C3.1 ")
    await expect(sheet).to_have_count(0)
    assert await until(partial(worn, phone, first)) == ["M-C3.1"]
    await streams(phone, "M-C3.1", 101, first)
    # The other patient gets it, by one tap: what it measures from now on is theirs.
    await phone.show(second.encounter)
    await phone.open("monitor")
    known = sheet.locator(".grid button", has_text="M-C3.1")
    await expect(known).to_contain_text("现连另一患者")
    await phone.shot("monitor-known")
    await known.click()
    await until(partial(worn, phone, second))
    await streams(phone, "M-C3.1", 66, second)
    assert values(await phone.record(first))["heart_rate"] == 101
    # And taken off: it is known here still, and speaks for nobody.
    await phone.open("monitor")
    await expect(sheet.locator(".device")).to_contain_text("M-C3.1")
    await expect(sheet.locator(".grid")).to_have_count(0)
    await sheet.get_by_role("button", name="取下").click()

    # The tap is not yet the act: until it is entered, nothing waits that could have been sent.
    async def is_off() -> bool:
        return not await worn(phone, second)

    await until(is_off, why="it is still worn")
    await phone.none_waits()
    monitor = Caller(phone.site["gateway"], Role.CREW)

    async def is_nobodys() -> bool:
        sample = {"occurred_at": now(), "vitals": {"heart_rate": 70}}
        return (await monitor.send("POST", "/v1/devices/M-C3.1/vitals", sample)).status_code == 404

    await until(is_nobodys)
    await phone.open("more", "entered")
    for said in ("连接监护仪 M-C3.1", "取下监护仪 M-C3.1"):
        await expect(sheet.locator(".acts")).to_contain_text(said)


async def streams(phone: Phone, device: str, rate: float, one: Traveller) -> None:
    """The monitor measures once a second, until the hospital knows it of this patient."""
    monitor = Caller(phone.site["gateway"], Role.CREW)

    async def beats() -> bool:
        sample = {"occurred_at": now(), "vitals": {"heart_rate": rate}}
        await monitor.do("POST", f"/v1/devices/{device}/vitals", sample)
        await asyncio.sleep(1)
        return values((await phone.item(one))["record"]).get("heart_rate") == rate

    await until(beats, 30)


async def test_a_pulse_that_a_monitor_has_lost_is_asked_for_and_was_the_leads(phone: Phone) -> None:
    (one,) = await phone.goes_to()
    await attach(await phone.open("monitor"), "M-C5")
    await streams(phone, "M-C5", 84, one)
    monitor = Caller(phone.site["gateway"], Role.CREW)
    lost = phone.page.locator(".ask.lost", has_text="导联脱落，还是心搏骤停")

    async def is_asked() -> bool:
        sample = {"occurred_at": now(), "vitals": {"heart_rate": 0}}
        await monitor.do("POST", "/v1/devices/M-C5/vitals", sample)
        await asyncio.sleep(1)
        return await lost.count() == 1

    await until(is_asked, 30)
    await phone.shot("lost")
    await lost.get_by_role("button", name="导联脱落，非骤停").click()
    await phone.found(one, cardiac_arrest=False)


async def test_a_monitor_of_which_nothing_comes_is_said_to_be_silent(phone: Phone) -> None:
    """A number that does not exist is attached as well as any other."""
    (one,) = await phone.goes_to()
    page = phone.page
    await attach(await phone.open("monitor"), "M-NO-SUCH")
    silent = page.locator("main [data-device=M-NO-SUCH]")
    await expect(silent).to_contain_text("没有数据：请核对编号", timeout=15_000)
    await phone.shot("monitor-silent")
    await attach(await phone.open("monitor"), "M-C9")
    await streams(phone, "M-C9", 93, one)
    heard = page.locator("main [data-device=M-C9]")
    await expect(heard).to_contain_text(re.compile(r"最后数据 \d+ s 前.*心率 93"), timeout=15_000)
    await expect(silent).to_contain_text("没有数据")
    await heard.scroll_into_view_if_needed()
    await phone.shot("monitor-heard")


async def test_where_nothing_scans_the_number_is_typed(phone: Phone) -> None:
    """As in every browser without a detector of bar codes."""
    await phone.goes_to()
    assert await phone.page.evaluate("'BarcodeDetector' in globalThis") is False
    sheet = await phone.open("monitor")
    await expect(sheet.get_by_label("监护仪编号")).to_be_visible()
    await expect(sheet.get_by_role("button", name="扫码")).to_have_count(0)


async def scan(phone: Phone) -> Locator:
    (one,) = await phone.goes_to()
    sheet = await phone.open("monitor")
    await sheet.get_by_role("button", name="扫码").click()
    await expect(sheet.get_by_role("alert")).to_contain_text("请输入编号")
    await expect(sheet.locator("video")).to_have_count(0)
    # It was said what to do, and that can be done.
    await attach(sheet, "M-C4")
    await expect(sheet).to_have_count(0)
    assert await until(partial(worn, phone, one)) == ["M-C4"]
    return sheet


async def test_without_a_camera_the_number_is_asked_for(phone: Phone) -> None:
    async with browser(SCANS) as opened, phone_in(opened, phone.site) as other:
        await scan(other)


CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


async def test_a_phone_with_nothing_behind_its_scanner_says_so(phone: Phone) -> None:
    """There is a camera, and the interface: but the system has no detector (as on Android without
    the services of its maker)."""
    async with browser(SCANS, *CAMERA) as opened, phone_in(opened, phone.site) as other:
        await scan(other)
