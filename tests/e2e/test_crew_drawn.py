"""The crew's page in both languages and every width."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.boards import Site
from tests.crew_phone import HOSPITAL, STROKE, Phone, phone_in, vehicle
from tests.journey import SCENE, called
from tests.services import now

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]

SHEETS = ("vitals", "ecg", "fast", "lams", "drugs", "findings", "mechanism", "obstetric",
          "background", "monitor", "more")  # fmt: skip
BEHIND_MORE = ("entered", "person", "another", "level", "handon", "outcome")


@pytest.mark.parametrize(
    ("language", "width"), [("zh", 1280), ("en", 390), ("en", 1280), ("zh", 1920), ("en", 1920)]
)
async def test_it_is_drawn_in_both_languages_and_wide(
    crew_site: Site, chrome: Browser, language: str, width: int
) -> None:
    async with phone_in(chrome, crew_site, language, width) as phone:
        unit, page = await vehicle(crew_site), phone.page
        await phone.begin(unit)
        await page.wait_for_selector(".nothing h2")
        await phone.shot("empty")
        one, _ = await called(crew_site, STROKE, {"complaint": "trauma"}, unit=unit)
        await one.bound_for(HOSPITAL)
        await page.wait_for_selector(".new-mission")
        await phone.shot("new-mission")
        await phone.take()
        await phone.show(one.encounter)
        path = f"/v1/facilities/{HOSPITAL}/encounters/{one.encounter}"
        await phone.record(one)
        await phone.ward.do("POST", f"{path}/acceptance", {"occurred_at": now()})
        way = {"direct_to": "ct", "phone": "0516-8440", "gate": "2", "occurred_at": now()}
        await phone.ward.do("POST", f"{path}/direct-to", way)
        await expect(page.locator(".answer a.call")).to_have_attribute("href", "tel:0516-8440")
        await phone.shot("answer")
        if language == "en":
            assert await chinese(phone) == []
        await phone.context.set_offline(True)
        await phone.arrest()
        await page.wait_for_selector(".line-bar")
        await phone.shot("offline")
        await page.locator(".pending").click()
        await phone.shot("waiting")
        await phone.context.set_offline(False)
        await phone.close()
        await phone.none_waits()


@pytest.mark.parametrize(("language", "width"), [("en", 390), ("zh", 1280), ("en", 1920)])
async def test_every_sheet_is_drawn(
    crew_site: Site, chrome: Browser, language: str, width: int
) -> None:
    async with phone_in(chrome, crew_site, language, width) as phone:
        await phone.goes_to({**STROKE, "pregnant": "yes", "complaint": "obstetric"})
        for way in (*((name,) for name in SHEETS), *(("more", name) for name in BEHIND_MORE)):
            await phone.open(*way)
            await phone.shot(f"sheet-{way[-1]}")
            if language == "en":
                assert await chinese(phone) == [], way
            await phone.close()


async def chinese(phone: Phone) -> list[str]:
    """Chinese that stands on an English page, but for the switch and the address as it was said."""
    text = await phone.page.evaluate(
        "[...document.querySelectorAll('#page :not(.language, noscript)')]"
        ".flatMap((e) => [...e.childNodes]).filter((n) => n.nodeType === 3)"
        ".map((n) => n.textContent)"
    )
    return [t for t in text if any("一" <= c <= "鿿" for c in t) and t != SCENE["address"]]
