"""What a crew enters where there is no line: it is kept, and comes later with its own time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from playwright.async_api import expect

from tests.boards import PATIENCE_MS
from tests.crew_phone import CHEST_PAIN, HOSPITAL, Phone, values, vehicle
from tests.journey import called
from tests.services import now, until

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]


async def test_what_is_done_in_a_dead_zone_arrives_with_its_own_time(phone: Phone) -> None:
    """Nobody signs in again: the session and its token are long over when the line comes back."""
    life = timedelta(seconds=60)
    over = datetime.now(UTC) + life
    (one,) = await phone.goes_to(life=life)
    page = phone.page
    await until(lambda: page.evaluate("navigator.serviceWorker.controller !== null"))
    await phone.context.set_offline(True)
    began = datetime.now(UTC)
    await phone.stamp("boarding").click()
    await phone.open("ecg")
    await page.locator("dialog [data-shows=st_elevation]").click()
    await phone.open("vitals")
    await phone.type("118")
    await page.locator("dialog .huge").click()
    await expect(page.locator(".line-bar")).to_contain_text("没有网络")
    await expect(page.locator(".held")).to_have_count(0)  # it can be undone no more
    await expect(page.locator(".pending")).to_contain_text("3 条待发")
    await phone.shot("offline")
    await page.locator(".pending").click()
    await phone.shot("waiting")
    # Closed and opened again, without a line: the page, the mission and what waits are there.
    await page.close()
    page = phone.page = await phone.context.new_page()
    await page.goto(f"{phone.site.url}/crew/")
    await expect(page.locator(".pending")).to_contain_text("3 条待发", timeout=30_000)
    await expect(page.locator(f"[data-tab='{one.encounter}']")).to_be_visible()
    await asyncio.sleep(max(0, (over - datetime.now(UTC)).total_seconds() + 2))
    ended = datetime.now(UTC)
    signing: list[str] = []
    page.on("request", lambda r: signing.append(r.url) if "sign-in" in r.url else None)
    await phone.context.set_offline(False)
    await phone.none_waits()
    record = await phone.record(
        one, lambda r: "heart_rate" in values(r) and r["examinations"] and r.get("boarded_at")
    )
    (ecg,) = record["examinations"]
    rate = next(i for i in record["inputs"] if i["name"] == "heart_rate")
    boarded = (await phone.patient(one))["boarded_at"]
    for said in (ecg["occurred_at"], rate["occurred_at"], boarded):
        at = datetime.fromisoformat(said)
        assert began - timedelta(seconds=2) < at < ended - timedelta(seconds=15), "its own time"
    assert rate["value"] == 118
    asked = await phone.context.request.get(f"{phone.site.url}/crew/session")
    assert asked.status == 401, "the session is over"
    assert signing == []


async def test_who_is_found_without_a_line_has_acts_of_their_own(phone: Phone) -> None:
    (first,) = await phone.goes_to()
    page = phone.page
    await phone.context.set_offline(True)
    await page.locator(".plus").click()
    await page.locator("dialog [data-sex=female]").click()
    await expect(page.locator(".local")).to_be_visible()
    await phone.arrest()
    await phone.context.set_offline(False)
    await phone.none_waits()
    made = await phone.last_of(first)
    assert made.encounter != first.encounter
    assert (await phone.patient(made))["patient"]["sex"] == "female"
    await made.bound_for(HOSPITAL)
    await phone.found(made, cardiac_arrest=True)


async def test_a_late_stamp_belongs_to_its_own_dispatch(phone: Phone) -> None:
    unit, page = await vehicle(phone.site), phone.page
    await phone.begin(unit)
    await called(phone.site, CHEST_PAIN, unit=unit)
    await phone.take()
    await until(partial(phone.stamped, unit, "acknowledged"))
    first = (await phone.leg(unit))["leg_id"]
    await phone.context.set_offline(True)
    await phone.stamp("departed").click()
    await phone.send_now("stamp")
    await expect(page.locator(".pending")).to_contain_text("1 条待发")
    gone = {"status": "stood_down", "occurred_at": now()}
    await phone.desk.do("POST", f"/v1/units/{unit}/stamps", gone)
    await called(phone.site, CHEST_PAIN, unit=unit)
    await phone.context.set_offline(False)
    await expect(page.locator(".new-mission")).to_be_visible(timeout=PATIENCE_MS)
    await phone.none_waits()
    late = await phone.desk.do("GET", f"/v1/legs/{first}")
    assert "departed" in {stamp["status"] for stamp in late["stamps"]}
    assert [stamp["status"] for stamp in (await phone.leg(unit))["stamps"]] == ["notified"]
