"""The dispatch map on the tiles of a site: streets lie where things stand, and are not missed where
they do not come."""

from __future__ import annotations

import io
import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI, Response
from PIL import Image, ImageDraw
from playwright.async_api import Browser, Page, expect

from services.kit.role import Role
from tests.boards import Site, seated, sign_in, somebody
from tests.dispatch_room import cleared
from tests.journey import STATION
from tests.platform import Platform
from tests.screens import picture
from tests.services import Caller, now, until
from tests.serving import serving

pytestmark = pytest.mark.needs_chromium

PEOPLE = (somebody("dispatcher-m", Role.DISPATCHER),)
SIZE = 256
CREDIT = "街道 © 测试"
#: A hospital some kilometres away: the map is as wide as a town.
HOSPITAL = {"latitude": 34.26, "longitude": 117.19}


@dataclass
class Tiles:
    """White tiles, a red square where the station stands."""

    asked: list[tuple[int, int, int]] = field(default_factory=list)

    def drawn(self, z: int, x: int, y: int) -> bytes:
        self.asked.append((z, x, y))
        image = Image.new("RGB", (SIZE, SIZE), "white")
        east, south = ((p - n) * SIZE for p, n in zip(pixel(z), (x, y), strict=True))
        ImageDraw.Draw(image).rectangle((east - 4, south - 4, east + 4, south + 4), fill="red")
        image.save(found := io.BytesIO(), "PNG")
        return found.getvalue()


def pixel(z: int) -> tuple[float, float]:
    """Where the station stands, in tiles of this zoom."""
    north = math.asinh(math.tan(math.radians(STATION["latitude"])))
    return (STATION["longitude"] / 360 + 0.5) * 2**z, (0.5 - north / math.tau) * 2**z


@dataclass
class Served:
    """A server of tiles, and boards that name it."""

    site: Site
    tiles: Tiles
    end_tiles: Callable[[], Awaitable[None]]


@pytest.fixture(scope="module")
async def served(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    tiles, app = Tiles(), FastAPI()

    @app.get("/{z}/{x}/{y}.png")
    async def tile(z: int, x: int, y: int) -> Response:
        anybody = {"access-control-allow-origin": "*"}
        return Response(tiles.drawn(z, x, y), headers=anybody, media_type="image/png")

    listening = socket.create_server(("127.0.0.1", 0))
    async with serving(app, listening) as end_tiles:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/{{z}}/{{x}}/{{y}}.png"
        extra = {
            "GREENCHANNEL_BOARDS_TILES": address,
            "GREENCHANNEL_BOARDS_TILES_CREDIT": CREDIT,
        }
        site = Site(platform, tmp_path_factory.mktemp("map"), PEOPLE, extra=extra)
        async with site.open("dispatch", "bridge"):
            await cleared(platform)
            desk = Caller(site["dispatch"], Role.DISPATCHER)
            await desk.do(
                "PUT",
                "/v1/stations/S-map",
                {"name": {"zh": "地图站", "en": "Map"}, "kind": "county_centre", "county": "M",
                 "location": STATION},
            )  # fmt: skip
            told = {"name": {"zh": "地图医院", "en": "Map hospital"}, "location": HOSPITAL,
                    "centres": ["trauma"]}  # fmt: skip
            await desk.do("PUT", "/v1/facilities/F-map", told)
            unit = {"station_id": "S-map", "kind": "monitoring", "occurred_at": now()}
            await desk.do("PUT", "/v1/units/U-map", unit)
            yield Served(site, tiles, end_tiles)


async def colour(page: Page, x: float, y: float) -> tuple[int, int, int]:
    image = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    found = image.getpixel((round(x), round(y)))
    assert isinstance(found, tuple)
    return found[0], found[1], found[2]


async def middle(page: Page) -> tuple[float, float]:
    """Where the station is drawn."""
    box = await page.locator(".map .station").first.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def test_streets_lie_where_things_stand(served: Served, chrome: Browser) -> None:
    async with seated(chrome, served.site, width=1920) as (page, _, _):
        await sign_in(page, served.site, "dispatcher-m", "/dispatch/board")
        await expect(page.locator(".map .station").first).to_be_visible()
        await expect(page.locator(".map .grid")).to_have_count(0)
        await expect(page.locator(".map .credit")).to_have_text(CREDIT)
        for nearer in range(3):

            async def lies() -> bool:
                x, y = await middle(page)
                red, _, blue = await colour(page, x, y)
                beside = await colour(page, x + 40, y + 40)
                return red > blue + 15 and max(beside) - min(beside) < 10 and max(beside) > 60

            await until(lies, why=f"no red under the station, {nearer} times nearer")
            if nearer == 1:
                await picture(page, "dispatch-streets-zh-1920", whole=False)
            x, y = await middle(page)
            await page.mouse.move(x, y)
            await page.mouse.wheel(0, -100)
        assert {(z, *map(math.floor, pixel(z))) for z, _, _ in served.tiles.asked} <= set(
            served.tiles.asked
        )


async def test_without_its_tiles_the_map_is_as_it_was(served: Served, chrome: Browser) -> None:
    await served.end_tiles()
    async with seated(chrome, served.site, width=1280) as (page, _, _):
        await sign_in(page, served.site, "dispatcher-m", "/dispatch/board")
        await expect(page.locator(".map .station").first).to_be_visible()
        await expect(page.locator(".map .grid")).to_have_count(1)
        await picture(page, "dispatch-no-streets-zh-1280")
