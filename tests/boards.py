"""The boards beside real services, who signs in at them, and browsers that are listened to."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    async_playwright,
    expect,
)
from playwright.async_api import TimeoutError as PlaywrightTimeout

from schemas.triage import Bilingual
from services.boards import store
from services.boards.cli import new_code
from services.boards.session import Session, Tokens
from services.kit import postgres
from services.kit.auth import hash_of
from services.kit.process import free_port
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from services.local.issuer import create_issuer
from services.local.people import Person
from tests.closing import chromium
from tests.platform import Platform
from tests.screens import is_of_page
from tests.services import Service, running
from tests.serving import serving

WIDTHS = {390: 844, 1280: 900, 1920: 1080}
DESKS = {Role.CENTRE: "hospital", Role.DISPATCHER: "dispatch", Role.CREW: "crew"}
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
#: A machine under load answers late; what a page promises by a time is said where it is tested.
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)
#: What a browser says of an answer that a test expects.
HARMLESS = ("Failed to load resource",)


def somebody(sub: str, role: Role, facility: str | None = None) -> Person:
    """A person of this function, under a pseudonym."""
    return Person(sub, role, Bilingual(zh=f"{sub} 号", en=sub), facility=facility)


@dataclass
class Site:
    """Everything that a page needs: ``url`` is of the boards, ``issuer`` of the sign-in."""

    platform: Platform
    folder: Path
    people: Sequence[Person]
    key: SigningKey = field(default_factory=SigningKey)
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.services = {
            name: Service(name, self.platform, self.folder, self.key)
            for name in ("dispatch", "gateway", "tracker", "triage", "bridge")
        }
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.issuer = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        ways = {n: self.services[n].url for n in ("dispatch", "gateway", "bridge")}
        self.boards = Service("boards", self.platform, self.folder, self.key)
        self.boards.port = port
        self.boards.child.environ = {
            **self.boards.child.environ,
            "GREENCHANNEL_PORT": str(port),
            "GREENCHANNEL_BOARDS_URL": self.url,
            "GREENCHANNEL_BOARDS_ISSUER": self.issuer,
            **{f"GREENCHANNEL_BOARDS_{name.upper()}": url for name, url in ways.items()},
            **self.extra,
        }

    def __getitem__(self, name: str) -> Service:
        """One of its services."""
        return self.services[name]

    @asynccontextmanager
    async def open(self, *names: str) -> AsyncIterator[Site]:
        """These services, the boards and the sign-in, until the end."""
        back = [f"{self.url}/signed-in"]
        app = create_issuer(self.key, Settings(), self.people, self.issuer, back)
        services = (*(self.services[name] for name in names), self.boards)
        async with serving(app, self.listening), running(*services):
            yield self


@dataclass
class Heard:
    """What a page asked for and said while a test drove it."""

    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.on("response", self._response)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        is_error = message.type == "error" and is_of_page(message)
        if is_error and not message.text.startswith(HARMLESS):
            self.errors.append(message.text)

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.refused.append(response.status)

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in LOOPBACK:
            self.foreign.append(request.url)


@asynccontextmanager
async def browser(*more: str) -> AsyncIterator[Browser]:
    """The machine's Chromium; ``more`` are switches of its own."""
    async with async_playwright() as play:
        opened = await play.chromium.launch(
            executable_path=chromium(),
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", *more],
        )
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def seated(
    opened: Browser, site: Site, *, width: int = 1280, language: str = "zh", **more: Any
) -> AsyncIterator[tuple[Page, BrowserContext, Heard]]:
    """A browser of one person. Fails at its end for an error on a page, or a request that is not
    to this machine."""
    size = {"width": width, "height": WIDTHS.get(width, 900)}
    context = await opened.new_context(viewport=size, **more)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    script = f"localStorage.setItem('greenchannel.language', '{language}')"
    await context.add_init_script(f"try {{ {script} }} catch {{}}")
    page, heard = await context.new_page(), Heard()
    heard.listen(page)
    context.on("page", heard.listen)
    try:
        yield page, context, heard
    finally:
        with contextlib.suppress(Exception):
            await context.close()
    assert heard.errors == [], heard.errors
    assert heard.foreign == [], heard.foreign


async def code_for(platform: Platform) -> str:
    """What an operator gives for one phone."""
    settings = Settings(postgres_dsn=platform.admin_dsn.rpartition("/")[0] + "/greenchannel")
    code = new_code()
    async with await postgres.connect(settings, "access", size=1) as pool:
        await store.make_enrolment(pool, code, "a phone", timedelta(minutes=15))
    return code


@dataclass(frozen=True)
class Seat:
    """A session that is there already: whose, for which part of the sign-in, and how old."""

    sub: str
    role: Role
    facility: str | None = None
    life: timedelta = timedelta(hours=8)
    signed_in_ago: timedelta = timedelta()


async def sit(context: BrowserContext, site: Site, seat: Seat) -> None:
    """Somebody is signed in in this browser. The whole way is ``sign_in``; this is for tests of
    what comes after, of a life that ends soon, or of a sign-in that was long ago."""
    at = datetime.now(UTC)
    signed_in, ends = round((at - seat.signed_in_ago).timestamp()), at + seat.life
    life_s = max(1, round(seat.life.total_seconds()))
    token = site.key.token(
        Settings(), seat.role, seat.facility, sub=seat.sub, life_s=life_s, auth_time=signed_in
    )
    secret = secrets.token_urlsafe(32)
    spoken = {"zh": f"{seat.sub} 号", "en": seat.sub}
    session = Session(
        hash_of(secret), seat.sub, seat.role.value, seat.facility, spoken,
        Tokens(token, None, None, ends), at, at, ends,
    )  # fmt: skip
    settings = Settings(postgres_dsn=site.platform.dsn("boards"))
    async with await postgres.connect(settings, "boards", size=1) as pool:
        await store.begin(pool, session, secret)
    path = f"/{DESKS[seat.role]}"
    cookie = {"name": "gc_session", "value": secret, "domain": "127.0.0.1", "path": path}
    await context.add_cookies([cookie])  # type: ignore[list-item]


async def sign_in(page: Page, site: Site, person: str, to: str) -> None:
    """Go to a page as this person, by the whole way: its button, the provider's page, one click."""
    desk = to.split("/")[1]
    await page.goto(f"{site.url}/{desk}/sign-in?to={to}")
    await page.locator(f"button[value='{person}']").click()
    try:
        await page.wait_for_url(f"{site.url}{to}*")
    except PlaywrightTimeout as error:
        shown = await page.locator("body").inner_text()
        said = site.boards.child.last_words(10)
        raise AssertionError(f"{person} waits at {page.url}: {shown}\n{said}") from error
