"""A crew's phone in a browser: who is on duty with it, what is tapped, and what became of that."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from services.kit.role import Role
from tests.boards import Seat, Site, code_for, seated, sign_in, sit, somebody
from tests.journey import STATION, Traveller, called
from tests.platform import Platform
from tests.screens import picture
from tests.services import Caller, now, until

HOSPITAL = "F-crew-1"
PEOPLE = tuple(somebody(name, Role.CREW) for name in ("medic-1", "nurse-2"))
CHEST_PAIN = {"complaint": "chest_pain", "sex": "male", "age": {"years": 58}, "identity": "unknown"}
STROKE = {"complaint": "stroke", "sex": "female", "age": {"years": 71}}
#: Of whom nobody knows more.
UNKNOWN = {"complaint": "trauma", "identity": "unknown"}
#: The keys of a pad of digits, in their order.
PAD = "123456789.0"
#: What dispatch is telephoned by.
DISPATCH_PHONE = "0516 8500 0120"
#: A second press that comes sooner is none.
LOOKED_MS = 450
_VEHICLES = itertools.count(1)


@asynccontextmanager
async def crews(platform: Platform, folder: Path) -> AsyncIterator[Site]:
    """Everything that stands behind a crew's phone, and a hospital in the register."""
    extra = {"GREENCHANNEL_BOARDS_DISPATCH_PHONE": DISPATCH_PHONE}
    site = Site(platform, folder, PEOPLE, extra=extra)
    async with site.open("dispatch", "gateway", "triage", "bridge"):
        named = {"name": {"zh": "市一院", "en": "First Hospital"}, "location": STATION}
        desk = Caller(site["dispatch"], Role.DISPATCHER)
        await desk.do("PUT", f"/v1/facilities/{HOSPITAL}", named)
        yield site


async def vehicle(site: Site) -> str:
    """A vehicle of the register, to which nobody has signed on."""
    unit, desk = f"U-C{next(_VEHICLES):03}", Caller(site["dispatch"], Role.DISPATCHER)
    station = {"name": {"zh": "云龙站", "en": "Yunlong"}, "kind": "county_centre",
               "county": "Y", "location": STATION}  # fmt: skip
    await desk.do("PUT", "/v1/stations/S-crew", station)
    told = {"station_id": "S-crew", "kind": "monitoring", "occurred_at": now()}
    await desk.do("PUT", f"/v1/units/{unit}", told)
    return unit


@dataclass
class Phone:
    """One phone, and the desks at which it is asked what has come of what was tapped."""

    site: Site
    context: BrowserContext
    page: Page
    language: str = "zh"
    desk: Caller = field(init=False, repr=False)
    ward: Caller = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.desk = Caller(self.site["dispatch"], Role.DISPATCHER)
        self.ward = Caller(self.site["bridge"], Role.CENTRE, HOSPITAL)

    # -- who acts ------------------------------------------------------------------------------

    async def sit(self, name: str, **more: Any) -> None:
        """Somebody of the crew has signed in; ``more`` is as ``Seat`` takes it."""
        await sit(self.context, self.site, Seat(name, Role.CREW, **more))

    async def come(self, name: str) -> None:
        """Somebody of the crew signs in, by the whole way."""
        await sign_in(self.page, self.site, name, "/crew/")

    async def enrol(self) -> None:
        await self.page.goto(f"{self.site.url}/crew/")
        await self.page.locator("input.code").fill(await code_for(self.site.platform))
        await self.page.locator("form button").click()
        await expect(self.page.locator(".begin form")).to_have_count(0)

    async def sign_on(self, unit: str) -> None:
        """From the enrolled phone of somebody who has signed in, to the mission."""
        await self.page.locator("input.code").fill(unit)
        await self.page.locator(".units button", has_text=unit).first.click()
        await expect(self.page.locator(".top .who")).to_contain_text(unit)

    async def begin(self, unit: str, name: str = "medic-1", **more: Any) -> None:
        """On duty with this unit."""
        await self.sit(name, **more)
        await self.enrol()
        await self.sign_on(unit)

    # -- what is tapped ------------------------------------------------------------------------

    async def goes_to(self, *patients: dict[str, Any], **more: Any) -> list[Traveller]:
        """On duty, and sent to these patients, who are bound for our hospital: the mission is
        taken, and the first of them is shown."""
        unit = await vehicle(self.site)
        await self.begin(unit, **more)
        found = await called(self.site, *(patients or (CHEST_PAIN,)), unit=unit)
        for one in found:
            await one.bound_for(HOSPITAL)
        await self.take()
        await self.show(found[0].encounter)
        return found

    async def take(self) -> None:
        """The new mission is taken notice of, and its stamp sent without waiting."""
        await self.page.locator(".new-mission button").click()
        await self.send_now("stamp")

    async def send_now(self, kind: str) -> None:
        await self.page.locator(f"[data-held={kind}] .row-of button").nth(2).click()

    async def show(self, encounter: str) -> None:
        await self.page.locator(f"[data-tab='{encounter}']").click()

    async def open(self, *sheets: str) -> Locator:
        """A sheet, by the buttons that lead to it."""
        for name in sheets:
            await self.page.locator(f".pad [data-sheet={name}], dialog [data-sheet={name}]").click()
        return self.page.locator("dialog.sheet")

    async def close(self) -> None:
        await self.page.locator("dialog .close").click()

    async def type(self, digits: str) -> None:
        """On the pad of digits that is open."""
        for digit in digits:
            await self.page.locator("dialog .keypad button").nth(PAD.index(digit)).click()

    async def arrest(self) -> None:
        """The heart of who is shown has stopped: two taps, of somebody who looks in between."""
        button = self.page.locator(".twice")
        await button.click()
        await expect(button).to_have_class(re.compile("is-armed"))
        await self.page.wait_for_timeout(LOOKED_MS)
        await button.click()

    async def taps(self, at: Locator, apart_ms: int, times: int = 2) -> None:
        """One finger, at the point at which this stood when it came down first."""
        await at.scroll_into_view_if_needed()
        box = await at.bounding_box()
        assert box is not None
        for n in range(times):
            if n:
                await self.page.wait_for_timeout(apart_ms)
            await self.page.touchscreen.tap(
                box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            )

    def stamp(self, name: str) -> Locator:
        return self.page.locator(f"main [data-stamp={name}]").first

    def option(self, of: str, n: int) -> Locator:
        """One of the few answers to a question, wherever it is asked."""
        return self.page.locator(f"[data-of={of}] button").nth(n)

    # -- what became of it ---------------------------------------------------------------------

    async def patient(self, one: Traveller) -> Any:
        """The patient as dispatch has them."""
        return await self.desk.do("GET", one.path)

    async def fact(self, one: Traveller, name: str) -> Any:
        """One thing that dispatch knows of the patient; nothing where it does not."""
        return (await self.patient(one))[name]

    async def last_of(self, one: Traveller) -> Traveller:
        """Who was added last to the call of this patient."""
        call = await self.desk.do("GET", f"/v1/incidents/{one.incident}")
        return replace(one, encounter=call["encounter_ids"][-1])

    async def leg(self, unit: str) -> Any:
        mission = await self.desk.do("GET", f"/v1/units/{unit}/mission")
        return mission["leg"]

    async def stamped(self, unit: str, status: str) -> Any:
        """The stamp of the crew, if it has come."""
        found = (await self.leg(unit))["stamps"]
        return next((s for s in found if s["status"] == status and s["source"] == "crew"), None)

    async def item(self, one: Traveller) -> Any:
        """What our hospital knows of the patient; nothing where it knows none."""
        path = f"/v1/facilities/{HOSPITAL}/encounters/{one.encounter}"
        answer = await self.ward.http.get(path)
        return answer.json() if answer.status_code == 200 else None

    async def record(
        self, one: Traveller, holds: Callable[[Any], Any] = bool, seconds: float = 30
    ) -> Any:
        """The record that our hospital has of the patient, once this holds of it."""
        seen: list[Any] = []

        async def told() -> Any:
            item = await self.item(one)
            seen[:] = [item and item["record"]]
            return seen[0] if item and holds(seen[0]) else None

        try:
            return await until(told, seconds)
        except AssertionError:
            raise AssertionError(f"not in the record: {seen}") from None

    async def found(self, one: Traveller, **wanted: bool) -> Any:
        """The record, once these findings stand in it as they were said."""
        return await self.record(one, lambda record: wanted.items() <= findings(record).items())

    async def none_waits(self) -> None:
        """All that was entered was sent, and nothing refused."""
        await expect(self.page.locator(".pending")).to_have_count(0, timeout=30_000)

    async def shot(self, state: str) -> None:
        """A picture for people; and nothing is wider than the screen."""
        size = self.page.viewport_size
        assert size is not None
        await picture(self.page, f"crew-{state}-{self.language}-{size['width']}", whole=False)


def findings(record: Any) -> dict[str, bool]:
    return {each["finding"]: each["present"] for each in record.get("findings", ())}


def values(record: Any) -> dict[str, Any]:
    """The vital signs that the level rests on."""
    return {each["name"]: each["value"] for each in record.get("inputs", ())}


def concern(record: Any, centre: str) -> tuple[str, str | None]:
    """How loudly a centre is concerned, and where it proposes to bring the patient."""
    found = {each["centre"]: each for each in record.get("centres", ())}.get(centre, {})
    return found.get("activation", "none"), found.get("direct_to")


@asynccontextmanager
async def phone_in(
    opened: Browser, site: Site, language: str = "zh", width: int = 390
) -> AsyncIterator[Phone]:
    """A phone that nobody has enrolled. Fails at its end as ``seated`` does."""
    seat = seated(opened, site, width=width, language=language, has_touch=True)
    async with seat as (page, context, _):
        yield Phone(site, context, page, language)
