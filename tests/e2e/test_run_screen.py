"""A first-time user opens the run's page, and from there the phone of a crew."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from services.kit.process import ROOT
from tests.services import until

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(300)]


@pytest.fixture
async def addresses(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Where the parts of a small run are."""
    where = tmp_path / "endpoints.json"
    words = ["run", "--port", "0", "--calls-per-hour", "60", "--endpoints", str(where)]
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *words,
        cwd=ROOT, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await until(where.exists, 120, "the run did not begin")
        yield json.loads(where.read_text("utf-8"))["http"]
    finally:
        run.terminate()
        await run.wait()


async def test_a_phone_of_a_crew_is_enrolled_from_the_page_of_the_run(
    addresses: dict[str, str], chrome: Browser
) -> None:
    context = await chrome.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    page = await context.new_page()
    await page.goto(f"{addresses['boards']}/crew/")
    await page.get_by_role("link", name="在这里取登记码").click()
    await expect(page.locator("input.code")).to_have_value(re.compile(r"^\w{4}-\w{4}-\w{4}$"))
    await page.get_by_role("button", name="登记").click()
    await page.get_by_role("button", name="登录").click()
    await page.locator("button[name=person]", has_text="随车医生").first.click()
    await expect(page.locator(".units button").first).to_be_visible()
    await page.goto(addresses["web"])
    await expect(page.get_by_role("link", name="车组手机")).to_be_visible()
    await context.close()
