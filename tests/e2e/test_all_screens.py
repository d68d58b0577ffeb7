"""One patient through all screens: dispatch, the crew's phone, two hospitals, in both languages.

Everything that a human does here is done on a page; the monitor alone speaks for itself.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from services.kit.role import Role
from tests.boards import Site, code_for, seated, sign_in, somebody
from tests.dispatch_room import cleared
from tests.journey import CRITICAL, STATION
from tests.platform import Platform
from tests.screens import catalogue, picture
from tests.services import Caller, now, until

pytestmark = pytest.mark.needs_chromium

OURS, OTHERS = "F-all-1", "F-all-2"
#: One for each language: the first is not free yet when the second is sent.
UNITS = {"zh": "U-ALL-1", "en": "U-ALL-2"}
PEOPLE = (
    somebody("dispatcher-a", Role.DISPATCHER),
    somebody("crew-a", Role.CREW),
    somebody("nurse-a", Role.CENTRE, OURS),
    somebody("doctor-a", Role.CENTRE, OURS),
    somebody("nurse-z", Role.CENTRE, OTHERS),
)
NAMES = {OURS: {"zh": "市第一人民医院", "en": "First Hospital"},
         OTHERS: {"zh": "市中医院", "en": "Second Hospital"}}  # fmt: skip


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("all"), PEOPLE)
    async with made.open("dispatch", "gateway", "triage", "bridge"):
        await cleared(platform)
        desk = Caller(made["dispatch"], Role.DISPATCHER)
        for facility, name in NAMES.items():
            body = {"name": name, "location": STATION, "centres": ["chest_pain"]}
            await desk.do("PUT", f"/v1/facilities/{facility}", body)
        station = {"name": {"zh": "城东站", "en": "East"}, "kind": "county_centre", "county": "Y",
                   "location": STATION}  # fmt: skip
        await desk.do("PUT", "/v1/stations/S-all", station)
        vehicle = {"station_id": "S-all", "kind": "monitoring", "occurred_at": now()}
        for unit in UNITS.values():
            await desk.do("PUT", f"/v1/units/{unit}", vehicle)
        yield made


async def sent_now(page: Page, kind: str) -> None:
    """What is held for ten seconds is sent without waiting."""
    await page.locator(f"[data-held={kind}] .row-of button").nth(2).click()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_one_patient_goes_through_all_screens(
    site: Site, chrome: Browser, platform: Platform, language: str
) -> None:
    words = catalogue(language, "common") | catalogue(language, "hospital")
    words |= catalogue(language, "patient")
    calls = catalogue(language, "dispatch")
    street, unit = f"人民路 {language}", UNITS[language]
    async with (
        seated(chrome, site, language=language) as (desk, _, _),
        seated(chrome, site, language=language) as (ward, _, _),
        seated(chrome, site, language=language) as (other, _, _),
        seated(chrome, site, language=language, width=390, has_touch=True) as (phone, _, _),
    ):
        await sign_in(desk, site, "dispatcher-a", "/dispatch/board")
        await sign_in(ward, site, "nurse-a", "/hospital/board")
        await sign_in(other, site, "nurse-z", "/hospital/board")

        # A phone is enrolled, and somebody signs on with a unit.
        await phone.goto(f"{site.url}/crew/")
        await phone.locator("input.code").fill(await code_for(platform))
        await phone.locator("form button").click()
        await expect(phone.locator(".begin form")).to_have_count(0)
        await sign_in(phone, site, "crew-a", "/crew/")
        await phone.locator("input.code").fill(unit)
        await phone.locator(".units button", has_text=unit).first.click()
        await expect(phone.locator(".top .who")).to_contain_text(unit)

        # A call is entered, and the unit that fits is sent.
        await desk.locator(".new-call").click()
        form = desk.locator("dialog")
        await form.locator("[name=address]").fill(street)
        await form.locator(".map .wide").click()
        await form.locator("select").select_option("chest_pain")
        await form.get_by_role("button", name="1", exact=True).click()
        await form.get_by_role("button", name=calls["class.emergency"], exact=True).click()
        await form.locator(".primary").click()
        call = desk.locator(".call", has_text=street)
        await expect(call).to_be_visible()
        await desk.locator(f".opened [data-unit='{unit}'] button").first.click()
        await desk.locator("dialog .primary").click()

        # The mission is unmistakable on the phone; its stamps are tapped there.
        await phone.locator(".new-mission button").click()
        await sent_now(phone, "stamp")
        for stamp in ("departed", "on_scene"):
            await phone.locator(f"main [data-stamp={stamp}]").first.click()
            await sent_now(phone, "stamp")
        await phone.locator("[data-tab]:not([data-tab=vehicle])").first.click()
        encounter = str(await phone.locator("[data-tab^='E-']").first.get_attribute("data-tab"))
        await phone.locator(f"[data-tab='{encounter}']").click()
        await phone.locator("main [data-stamp=reached]").first.click()
        await sent_now(phone, "reached")
        monitor = Caller(site["gateway"], Role.CREW)
        reading = {"occurred_at": now(), "vitals": CRITICAL}
        await monitor.do("POST", f"/v1/encounters/{encounter}/vitals", reading)
        await phone.locator(".pad [data-sheet=ecg]").click()
        await phone.locator("dialog [data-shows=st_elevation]").click()

        # A human chooses the hospital; only then does it see the patient.
        await expect(call.locator(".shape.critical").first).to_be_visible()
        card = ward.locator(f"[data-encounter='{encounter}']")
        await expect(card).to_have_count(0)
        await desk.get_by_role("button", name=calls["do.choose_hospital"], exact=True).click()
        await desk.locator(f".opened [data-facility='{OURS}'] button").first.click()
        await desk.locator("dialog .primary").click()
        await expect(card).to_have_class(re.compile(r"\bcritical\b.*\bloud\b"))
        await expect(card).to_contain_text("62/38")

        # Aboard is admitted.
        await phone.locator("main [data-stamp=boarding]").first.click()
        await sent_now(phone, "boarding")
        await expect(card).to_contain_text("GC-")
        await picture(ward, f"all-board-{language}-1280")
        await card.get_by_role("button", name=words["do.acknowledge"]).click()
        await expect(card).not_to_have_class(re.compile(r"\bloud\b"))
        await picture(desk, f"all-dispatch-{language}-1280", whole=False)
        await picture(phone, f"all-crew-{language}-390", whole=False)

        # The patient's page: arrived, and handed over by two people who have just signed in.
        await card.locator("h2 a").click()
        await expect(ward.locator(".banner")).to_be_visible()
        band = await ward.evaluate("document.body.innerText.match(/WB-[0-9-]+/)[0]")
        handover = ward.locator("#handover")
        await handover.locator("button.primary").first.click()
        await ward.locator("dialog .primary").click()
        await expect(handover.locator("li").first).to_have_class("reached")
        await phone.locator(".pad [data-sheet=more]").click()
        await phone.locator("dialog [data-sheet=sign]").click()
        await phone.locator("dialog input").fill(band)
        await phone.locator("dialog .primary").click()
        await expect(handover.locator("li").nth(1)).to_have_class("reached")
        await handover.locator("li").nth(2).locator("input").first.fill(band)
        await handover.locator("li").nth(2).locator("button.primary").click()
        await ward.get_by_role("dialog").locator("button.primary").click()
        await expect(handover.locator("li").nth(2)).to_have_class("reached")
        await picture(ward, f"all-patient-{language}-1280")

        # Nobody at the other hospital has ever seen anything of it.
        assert await other.locator(".card").count() == 0
        answer = await other.request.get(
            f"{site.url}/hospital/api/bridge/v1/facilities/{OURS}/encounters/{encounter}"
        )
        assert answer.status == 404

        # And dispatch has heard how it ended.
        caller = Caller(site["dispatch"], Role.DISPATCHER)

        async def is_transported() -> bool:
            known = await caller.do("GET", f"/v1/encounters/{encounter}")
            return bool(known["outcome"] == "transported")

        await until(is_transported)
