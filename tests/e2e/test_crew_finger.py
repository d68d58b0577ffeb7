"""One finger that taps twice, while the page moves under it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Request, expect

from tests.crew_phone import CHEST_PAIN, Phone, values
from tests.services import until

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]

#: After which nobody aims at what was there before.
STILL_MS = 1100


def sent_by(phone: Phone) -> list[Any]:
    """What this phone says from now on, as it says it."""
    said: list[Any] = []

    def note(request: Request) -> None:
        if request.method == "POST" and "/encounters/" in request.url:
            said.append((request.url.rpartition("/")[2], request.post_data_json))

    phone.page.on("request", note)
    return said


async def test_a_finger_that_taps_twice_says_one_thing(phone: Phone) -> None:
    """At the patient, and not aboard as well; aboard, and no arrest."""
    (one,) = await phone.goes_to()
    page, said = phone.page, sent_by(phone)
    await phone.taps(phone.stamp("reached"), 300)
    await expect(page.locator("[data-held=reached]")).to_be_visible()
    await page.wait_for_timeout(STILL_MS)
    await expect(page.locator("[data-held]")).to_have_count(1)
    # What is aimed at after that counts.
    await phone.taps(phone.stamp("boarding"), 250, 3)
    await expect(page.locator("[data-held=boarding]")).to_be_visible()
    await page.wait_for_timeout(STILL_MS)
    await expect(page.locator(".arrest-on")).to_have_count(0)
    await expect(page.locator(".twice.is-armed")).to_have_count(0)
    for kind in ("reached", "boarding"):
        await phone.send_now(kind)
    await until(lambda: phone.fact(one, "boarded_at"))
    assert [path for path, _ in said] == ["reached", "boarding"]
    # Two that look in between are an arrest.
    await page.wait_for_timeout(STILL_MS)
    await phone.taps(page.locator(".twice"), 600)
    await expect(page.locator(".arrest-on")).to_be_visible()


async def test_an_answer_is_not_the_answer_to_the_next_question(phone: Phone) -> None:
    (one,) = await phone.goes_to(CHEST_PAIN)
    page = phone.page
    ecg = page.locator("[data-ask=ecg_12_lead]")
    await expect(ecg).to_be_visible()
    await phone.taps(phone.option("ecg_12_lead", 1), 350)
    await expect(ecg).to_have_count(0)
    await page.wait_for_timeout(STILL_MS)
    entered = await phone.open("more", "entered")
    await expect(entered.locator(".acts li")).to_have_count(1)
    await expect(entered.locator(".acts li")).to_contain_text("无 ST 段抬高")
    await phone.close()
    await phone.record(one, lambda record: record.get("examinations"))


async def test_fast_fingers_on_what_stands_still_lose_nothing(phone: Phone) -> None:
    """Digits next to each other, the same digit, an answer and its other, key by key."""
    (one,) = await phone.goes_to()
    page = phone.page
    sheet = await phone.open("vitals")
    await page.wait_for_timeout(STILL_MS)
    keys = page.locator("dialog .keypad button")
    for digit in (0, 1, 1):  # 122
        await keys.nth(digit).tap()
    await expect(sheet.locator("[data-vital=heart_rate]")).to_contain_text("122")
    for _ in range(2):
        await page.locator("dialog [data-is=next]").tap()
    await expect(sheet.locator("[data-vital=spo2]")).to_have_attribute("aria-pressed", "true")
    await sheet.locator(".huge").tap()
    await phone.record(one, lambda record: values(record).get("heart_rate") == 122)
    # By key a button is pressed as often as it is pressed.
    await page.wait_for_timeout(STILL_MS)
    await phone.stamp("reached").press("Enter")
    await phone.stamp("boarding").press("Enter")
    await expect(page.locator("[data-held]")).to_have_count(2)
