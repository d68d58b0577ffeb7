"""The browser of the tests of pages, and the phone of a crew."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.boards import Site, browser
from tests.crew_phone import Phone, crews, phone_in
from tests.dispatch_room import Room, empty_room
from tests.platform import Platform


@pytest.fixture(scope="module")
async def chrome() -> AsyncIterator[Browser]:
    async with browser() as opened:
        yield opened


@pytest.fixture
async def room(site: Site) -> Room:
    """A dispatch room of the ``site`` of this file, in which nothing was entered yet."""
    return await empty_room(site)


@pytest.fixture(scope="module")
async def crew_site(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """What stands behind the phones of crews."""
    async with crews(platform, tmp_path_factory.mktemp("crews")) as site:
        yield site


@pytest.fixture
async def phone(chrome: Browser, crew_site: Site) -> AsyncIterator[Phone]:
    async with phone_in(chrome, crew_site) as made:
        yield made
