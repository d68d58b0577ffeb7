"""Two hospitals, and who sits at their screens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from services.kit.role import Role
from tests.boards import Seat, Site, seated, sit, somebody
from tests.journey import SCENE
from tests.platform import Platform
from tests.services import Caller

HERE, THERE = "F-scr-1", "F-scr-2"
NAMES = {HERE: {"zh": "市第一人民医院", "en": "First People's Hospital"},
         THERE: {"zh": "市中医院", "en": "Hospital of Chinese Medicine"}}  # fmt: skip
#: Who signs in by the whole way; for everybody else a session is there already.
DOCTOR = "doctor-scr-1"
PEOPLE = (somebody(DOCTOR, Role.CENTRE, HERE),)


@asynccontextmanager
async def hospitals(platform: Platform, folder: Path) -> AsyncIterator[Site]:
    """Everything that stands before two hospitals in the register."""
    made = Site(platform, folder, PEOPLE)
    async with made.open("dispatch", "gateway", "triage", "bridge"):
        desk = Caller(made["dispatch"], Role.DISPATCHER)
        for facility, name in NAMES.items():
            told = {"name": name, "location": SCENE, "centres": ["chest_pain", "trauma"]}
            await desk.do("PUT", f"/v1/facilities/{facility}", told)
        yield made


def of(name: str, facility: str = HERE, **more: Any) -> Seat:
    """Somebody of a hospital."""
    return Seat(name, Role.CENTRE, facility, **more)


@asynccontextmanager
async def at_screen(
    chrome: Browser, site: Site, who: Seat, *, refused: Collection[int] = (), **more: Any
) -> AsyncIterator[Page]:
    """Their browser. Fails at its end for a refusal that is none of these."""
    async with seated(chrome, site, **more) as (page, context, heard):
        await sit(context, site, who)
        yield page
    assert set(heard.refused) <= set(refused), heard.refused
