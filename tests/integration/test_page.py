"""The first page is served to this machine only, and lets nobody else pull a plug."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from playwright.async_api import Browser, ConsoleMessage, async_playwright, expect
from playwright.async_api import Page as BrowserPage

from schemas.encounter import EncounterOpened, Patient
from schemas.envelope import encode
from tests.closing import chromium
from tests.platform import Platform
from tests.services import until
from tests.serving import serving
from web.app import STATIC, create_app
from web.audience import QUEUE, event
from web.fold import Record, take
from web.guard import refusal
from web.plugs import SERVICES, UNMEASURED_MS, Plugs

ROOT = Path(__file__).resolve().parents[2]
POLICY = "default-src 'none'"


class Page:
    """The page on a free port, with a supervisor that only remembers."""

    def __init__(self) -> None:
        self.endpoints: dict[str, Any] = {}
        self.recoveries: dict[str, list[float]] = {}
        self.pulled: list[str] = []
        self.phone_at: str | None = "http://127.0.0.1:9/crew/#code=ABCD"
        self.app = create_app(
            lambda: self.endpoints,
            lambda: bool(self.endpoints),
            self.pull,
            lambda: self.recoveries,
            self.phone,
        )
        self.show = self.app.state.show
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listening.getsockname()[1]}"
        self.url = f"http://{self.host}"

    async def pull(self, service: str) -> None:
        self.pulled.append(service)

    async def phone(self) -> str | None:
        return self.phone_at

    def client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=10, trust_env=False)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    made = Page()
    async with serving(made.app, made.listening):
        yield made
        await made.show.end()


async def read(page: Page, name: str) -> dict[str, Any]:
    """The first event of this name that a new watcher is told."""
    async with page.client() as client, client.stream("GET", "/stage") as answer:
        found = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                found = line.removeprefix("event: ")
            elif line.startswith("data: ") and found == name:
                told: dict[str, Any] = json.loads(line.removeprefix("data: "))
                return told
    raise AssertionError(f"no {name}")


async def test_the_page_and_its_files_are_served_with_a_policy(page: Page) -> None:
    async with page.client() as client:
        for path, kind in [
            ("/", "text/html"),
            ("/static/first/page.js", "javascript"),
            ("/static/first/page.css", "text/css"),
            ("/static/vendor/preact.mjs", "javascript"),
            ("/livez", "json"),
        ]:
            answer = await client.get(path)
            assert (answer.status_code, kind in answer.headers["content-type"]) == (200, True)
            assert answer.headers["content-security-policy"].startswith(POLICY)
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_phone_is_led_to_where_it_is_enrolled(page: Page) -> None:
    """With a code of its own, which nobody keeps."""
    async with page.client() as client:
        answer = await client.get("/phone")
        page.phone_at = None
        assert (await client.get("/phone")).status_code == 503
    assert (answer.status_code, answer.headers["cache-control"]) == (303, "no-store")
    assert answer.headers["location"] == "http://127.0.0.1:9/crew/#code=ABCD"


def test_the_vendored_files_are_what_their_page_says() -> None:
    told = (STATIC / "vendor/README.md").read_text("utf-8")
    listed = re.findall(r"\| `([\w.-]+)` \|.*`([0-9a-f]{64})`", told)
    files = {file.name for file in (STATIC / "vendor").glob("*.*") if file.suffix != ".md"}
    assert {name for name, _ in listed} == files
    for name, digest in listed:
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    ("method", "host", "origin", "allowed"),
    [
        ("GET", "127.0.0.1:8120", None, True),
        ("GET", "localhost:8120", None, True),
        ("GET", "[::1]:8120", None, True),
        ("GET", "board.example", None, False),
        ("GET", "127.0.0.1.board.example", None, False),
        ("GET", "127.0.0.1@board.example", None, False),
        ("GET", "[", None, False),
        ("GET", "", None, False),
        ("GET", "127.0.0.1:8120", "http://board.example", False),
        ("POST", "127.0.0.1:8120", None, False),
        ("POST", "127.0.0.1:8120", "http://127.0.0.1:8120", True),
        ("POST", "127.0.0.1:8120", "http://localhost:8120", False),
        ("POST", "127.0.0.1:8120", "http://127.0.0.1:9999", False),
        ("POST", "127.0.0.1:8120", "null", False),
    ],
)
def test_only_this_machine_and_only_this_page_may_ask(
    method: str, host: str, origin: str | None, allowed: bool
) -> None:
    assert (refusal(method, host, origin) is None) == allowed


async def test_whoever_looks_for_another_page_is_led_to_this_one(page: Page) -> None:
    async with page.client() as client:
        led = await client.get("/nonsense", headers={"accept": "text/html"})
        assert (led.status_code, led.headers["location"]) == (303, "/")
        told = await client.get("/nonsense")
        assert (told.status_code, told.json()) == (404, {"detail": "Not Found"})
        assert (await client.get("/static/x.js", headers={"accept": "*/*"})).status_code == 404


async def test_a_foreign_host_is_refused(page: Page) -> None:
    async with page.client(host="board.example") as client:
        assert (await client.get("/")).status_code == 403
        assert (await client.get("/stage")).status_code == 403


async def test_a_plug_is_pulled_by_this_page_and_by_no_other(page: Page) -> None:
    page.endpoints = {"pids": {"triage": 2**22 + 1}}
    async with page.client() as client:
        for origin in ({}, {"origin": "http://board.example"}):
            assert (await client.post("/plugs/triage", headers=origin)).status_code == 403
        assert page.pulled == []
        ours = {"origin": page.url}
        assert (await client.post("/plugs/triage", headers=ours)).status_code == 202
        assert (await client.post("/plugs/judge", headers=ours)).status_code == 404
        assert (await client.post("/plugs/kafka", headers=ours)).status_code == 409
    assert page.pulled == ["triage"]
    services = {row["name"]: row for row in (await read(page, "snapshot"))["services"]}
    assert services["triage"]["state"] == "down"
    assert services["kafka"]["state"] == "elsewhere"


async def test_a_watcher_gets_a_snapshot_and_then_changes(page: Page) -> None:
    told = await read(page, "snapshot")
    sections = {"calls", "queue", "centres", "units", "judge", "services"}
    assert set(told) >= {"now", "as_of", "ready", *sections}
    assert (told["ready"], told["as_of"]) == (False, None)
    assert told["city"]["facilities"]
    assert [row["state"] for row in told["services"]] == ["starting"] * len(SERVICES)
    change = asyncio.create_task(read(page, "change"))
    await asyncio.sleep(0.5)
    page.endpoints = {"pids": {"triage": None}}
    assert "now" in await change


async def test_a_watcher_that_stalls_is_dropped(page: Page) -> None:
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(stalled, ("127.0.0.1", page.listening.getsockname()[1]))
    await loop.sock_sendall(stalled, f"GET /stage HTTP/1.1\r\nHost: {page.host}\r\n\r\n".encode())
    seen = set()
    for _ in range(4 * QUEUE):
        seen.add(len(page.show.audience))
        page.show.audience.tell(event("change", b"x" * 1_000_000))
        await asyncio.sleep(0.02)
    assert seen == {0, 1}
    assert len(page.show.audience) == 0
    stalled.close()


async def test_the_reader_goes_on_where_it_was_after_the_broker_was_killed(
    page: Page, platform: Platform
) -> None:
    page.endpoints = {"kafka": platform.kafka("observer")}
    page.show.begin()
    known = page.show.stage.encounters
    await _open(platform, "N-before")
    await until(lambda: "N-before" in known, 60)
    await platform.restart_kafka()
    await _open(platform, "N-after")
    await until(lambda: "N-after" in known, 60)
    assert page.show.stage.as_of


async def _open(platform: Platform, encounter_id: str) -> None:
    opened = EncounterOpened(
        event_id=f"{encounter_id}-1",
        occurred_at=datetime.now(UTC),
        encounter_id=encounter_id,
        patient=Patient(),
    )
    message = encode(opened, "test")
    async with AIOKafkaProducer(**platform.kafka("dispatch")) as producer:
        await producer.send_and_wait(
            message.topic, message.value, message.key, headers=message.headers
        )


def test_a_plug_is_down_until_a_recovery_was_measured() -> None:
    plugs, alive = Plugs(), {7}

    def look(pid: int | None, recoveries: list[float], now: float) -> tuple[str, float | None]:
        rows = plugs.look(
            {"triage": pid, "kafka": 1}, {"triage": recoveries}, alive.__contains__, now
        )
        (row,) = [row for row in rows if row["name"] == "triage"]
        return row["state"], row["since"]

    assert look(7, [], 0) == ("running", None)
    plugs.pulled("triage", 7, 0, 1000)
    assert look(7, [], 1010) == ("down", 1000)
    assert look(None, [], 1200) == ("down", 1000)
    alive.add(8)
    assert look(8, [], 2000) == ("recovering", 1000)
    assert look(8, [3.2], 4000) == ("running", None)
    alive.clear()
    assert look(8, [3.2], 5000) == ("down", 5000)
    alive.add(9)
    assert look(9, [3.2], 5000 + UNMEASURED_MS + 1) == ("running", None)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as play:
        opened = await play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield opened
        await opened.close()


@pytest.mark.needs_chromium
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_browser_draws_a_patient_and_asks_nobody_else(
    page: Page, browser: Browser, language: str
) -> None:
    _tell(page, before="CareTransferred")
    seen = await _Seen.open(browser, f"{page.url}/?lang={language}")
    words = {"zh": "拔掉插头", "en": "Pull the plug"}[language]
    await expect(seen.page.get_by_text(words).first).to_be_visible()
    await expect(seen.page.locator(".map text.unit")).to_have_text("U-03")
    await expect(seen.page.get_by_text("GC-20260309-").first).to_be_visible()
    assert "/stage" in {url.path for url in seen.asked}
    assert {url.netloc for url in seen.asked} == {page.host}
    assert seen.wrong == []


@pytest.mark.needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_page_says_what_it_is_not_and_of_each_value_its_unit_and_age(
    page: Page, browser: Browser, language: str, width: int
) -> None:
    _tell(page, before="CareTransferred")
    seen = await _Seen.open(browser, f"{page.url}/?lang={language}")
    await seen.page.set_viewport_size({"width": width, "height": 900})
    words = {"zh": "非医疗器械认证产品", "en": "Not a certified medical device"}[language]
    await expect(seen.page.get_by_text(words)).to_be_visible()
    for unit in ("mmHg", "%"):
        await expect(seen.page.locator(".vital span", has_text=f"{unit} · ")).to_be_visible()
    assert await seen.page.evaluate("document.documentElement.scrollWidth") == width
    assert seen.wrong == []


@pytest.mark.needs_chromium
@pytest.mark.parametrize("width", [360, 1280])
async def test_the_reference_of_the_interfaces_fits_and_asks_nobody(
    browser: Browser, width: int
) -> None:
    seen = await _Seen.open(browser, (ROOT / "docs/api.html").as_uri())
    await seen.page.set_viewport_size({"width": width, "height": 800})
    await seen.page.get_by_text("/v1/incidents", exact=True).first.click()
    await expect(seen.page.locator("details[open] pre")).to_contain_text("curl -X POST")
    everything = "document.querySelectorAll('details').forEach((each) => (each.open = true))"
    await seen.page.evaluate(everything)
    assert await seen.page.evaluate("document.documentElement.scrollWidth") == width
    assert [url.path for url in seen.asked] == [str(ROOT / "docs/api.html")]
    assert seen.wrong == []


@pytest.mark.needs_chromium
async def test_a_script_that_throws_is_seen(page: Page, browser: Browser) -> None:
    """Else the test above would pass over whatever was drawn before it."""
    page.show.city = {"facilities": [{"id": "F-001"}]}
    seen = await _Seen.open(browser, page.url)
    await until(lambda: any("TypeError" in said for said in seen.wrong))


class _Seen:
    """A page in a browser, what it asked for, and what went wrong in it."""

    def __init__(self, page: BrowserPage) -> None:
        self.page = page
        self.asked: list[SplitResult] = []
        self.wrong: list[str] = []
        page.on("request", lambda request: self.asked.append(urlsplit(request.url)))
        page.on("pageerror", lambda error: self.wrong.append(f"{error.name}: {error.message}"))
        page.on("console", self._hear)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.wrong.append(said.text)

    @classmethod
    async def open(cls, browser: Browser, url: str) -> _Seen:
        seen = cls(await browser.new_page(viewport={"width": 1280, "height": 900}))
        await seen.page.goto(url)
        return seen


def _tell(page: Page, before: str) -> None:
    """The story of the contracts, up to an event, as if it were read now."""
    read = datetime.now(UTC).timestamp() * 1000
    for file in sorted((ROOT / "schemas/examples/chest-pain").glob("*.json")):
        told = json.loads(file.read_text("utf-8"))
        kind = told["headers"]["ce_type"].split(".")[1]
        if kind == before:
            return
        value = json.dumps(told["value"]).encode()
        take(page.show.stage, Record(told["topic"], kind, told["key"], value, read, read))
