"""A dispatch room for tests of its board: what is entered, who sits there, what others say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from playwright.async_api import Browser, Locator, Page, expect

from schemas.envelope import encode
from schemas.event import Event
from services.kit import postgres
from services.kit.role import Role
from services.kit.settings import Settings
from tests import screens
from tests.boards import WIDTHS, Seat, Site, seated, sit
from tests.journey import STATION, Traveller
from tests.platform import Platform
from tests.screens import catalogue
from tests.services import Caller, ago, now

STATIONS = (("城东急救站", "East Station"), ("城西急救站", "West Station"))
HOSPITALS = (("市第一人民医院", "First People's Hospital"),
             ("市中医院", "Hospital of Chinese Medicine"))  # fmt: skip
UNITS_OF_EACH = 4
#: What a question says where something was not filled in.
LACKS = "请补全必填项"


@dataclass(frozen=True)
class Call:
    """A call that was entered, and its patients."""

    incident: str
    encounters: tuple[str, ...]


@dataclass(frozen=True)
class Room:
    """A dispatch room: ``desk`` speaks to its dispatch as 120 software does, without a page."""

    site: Site
    desk: Caller

    async def read(self, path: str) -> Any:
        """What dispatch answers."""
        return await self.desk.do("GET", f"/v1/{path}")

    async def shown(self, call: Call | Traveller) -> Any:
        """A call with its dispatches, patients and clocks, as dispatch tells it."""
        calls = (await self.read("overview"))["incidents"]
        return next(each for each in calls if each["incident_id"] == call.incident)

    async def unit(self, name: str) -> Any:
        """A unit, and the dispatch that it is on."""
        return next(each for each in await self.read("units") if each["unit_id"] == name)

    async def call(
        self,
        address: str | None,
        accepted_s: float = 0,
        at: Mapping[str, Any] = STATION,
        **more: Any,
    ) -> Call:
        """A call that was accepted so long ago."""
        location = {**at, **({"address": address} if address else {})}
        times = {"received_at": ago(accepted_s + 9), "accepted_at": ago(accepted_s)}
        told = {"location": location, "call": times, "occurred_at": now(), **more}
        opened = await self.desk.do("POST", "/v1/incidents", told)
        return Call(opened["incident_id"], tuple(opened["encounter_ids"]))

    async def send(self, call: Call, unit: str, notified_s: float = 0) -> None:
        order = {"unit_id": unit, "occurred_at": ago(notified_s)}
        await self.desk.do("POST", f"/v1/incidents/{call.incident}/units", order)

    async def registers(self) -> None:
        """Two stations with four units each, and two hospitals."""
        for n, (zh, en) in enumerate(HOSPITALS):
            place = await self.register_station(n)
            told = {"name": {"zh": zh, "en": en}, "location": place, "centres": []}
            await self.desk.do("PUT", f"/v1/facilities/F-{n}", told)
            for m in range(UNITS_OF_EACH):
                await self.register_unit(f"U-{n}{m}", f"S-{n}")

    async def register_station(self, n: int) -> Mapping[str, float]:
        """One of our stations; where it stands."""
        zh, en = STATIONS[n]
        place = {"latitude": 34.2 + 0.02 * n, "longitude": 117.3 - 0.05 * n}
        name = {"name": {"zh": zh, "en": en}, "location": place}
        station = {**name, "kind": "county_centre", "county": "LJ-C"}
        await self.desk.do("PUT", f"/v1/stations/S-{n}", station)
        return place

    async def register_unit(self, unit: str, station: str, force: str = "standing") -> None:
        told = {"station_id": station, "kind": "monitoring", "force": force, "occurred_at": now()}
        await self.desk.do("PUT", f"/v1/units/{unit}", told)

    async def told(self, user: str, *events: Event) -> None:
        """Another service has said this."""
        producer = AIOKafkaProducer(**self.site.platform.kafka(user))
        await producer.start()
        try:
            for event in events:
                topic, key, value, headers = encode(event, f"greenchannel/{user}")
                await producer.send_and_wait(topic, key=key, value=value, headers=list(headers))
        finally:
            await producer.stop()

    @asynccontextmanager
    async def sits(
        self,
        chrome: Browser,
        who: str = "dispatcher-1",
        *,
        width: int = 1280,
        language: str = "zh",
        refused: Collection[int] = (),
    ) -> AsyncIterator[Page]:
        """Somebody at a screen. What the page is refused is a fault, but for these statuses."""
        async with seated(chrome, self.site, width=width, language=language) as seat:
            page, context, heard = seat
            await sit(context, self.site, Seat(who, Role.DISPATCHER))
            await page.goto(f"{self.site.url}/dispatch/board")
            live = catalogue(language, "common")["live"]
            await expect(page.locator(".live")).to_have_text(live)
            yield page
            assert set(heard.refused) <= set(refused)


async def empty_room(site: Site) -> Room:
    """A room in which nothing was entered yet: what other tests have is on nobody's board."""
    await cleared(site.platform)
    return Room(site, Caller(site["dispatch"], Role.DISPATCHER))


async def cleared(platform: Platform) -> None:
    """Nothing of what other tests have entered is on a board, or on its map."""
    settings = Settings(postgres_dsn=platform.dsn("dispatch"))
    kept = ("alarms", "deadlines", "legs", "encounters", "incidents", "units")
    async with await postgres.connect(settings, "dispatch", size=1) as pool:
        for table in (*kept, "facilities", "stations"):
            await pool.execute(f"DELETE FROM {table}")


def row(page: Page, call: Call | Traveller) -> Locator:
    """A call in the list."""
    return page.locator(f"[data-call='{call.incident}']")


def ring(within: Locator, place: int) -> Locator:
    """The clock until a unit was sent (0), or until it has left (1)."""
    return within.locator(".rings svg").nth(place)


async def opened(page: Page, call: Call | Traveller) -> Locator:
    """The call, opened beside the list."""
    await row(page, call).locator(".open").click()
    return page.locator(".opened")


async def asked(page: Page, button: str) -> Locator:
    """The question that a button of the call or of the units asks."""
    await page.locator("main").get_by_role("button", name=button, exact=True).click()
    return page.locator("dialog")


async def confirmed(dialog: Locator) -> None:
    """It was sent, and dispatch has taken it."""
    await pressed(dialog)
    await expect(dialog).to_have_count(0)


async def pressed(dialog: Locator) -> None:
    await dialog.locator(".dialog-end button").last.click()


async def picture(page: Page, state: str, language: str, width: int) -> None:
    """Keep a screenshot; nothing runs over the edge, and no key stands where a word should."""
    await screens.picture(page, f"dispatch-{state}-{language}-{width}", whole=False)


async def pictures(page: Page, state: str, languages: tuple[str, ...] = ("zh", "en")) -> None:
    """Keep a screenshot of every width, in each of these languages; as it was afterwards."""
    for language in languages:
        if language != languages[0]:
            await page.locator(".head .language").click()
        for width, height in WIDTHS.items():
            await page.set_viewport_size({"width": width, "height": height})
            await picture(page, state, language, width)
    if len(languages) > 1:
        await page.locator(".head .language").click()
    await page.set_viewport_size({"width": 1280, "height": WIDTHS[1280]})
