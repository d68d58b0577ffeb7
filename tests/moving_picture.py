"""Makes the moving picture of the README: ``python -m tests.moving_picture``, on a quiet machine.

A city runs by itself; the picture begins some seconds before a patient boards and their card turns
to 已入院, goes on while the plug of the bridge is pulled, and ends when it is back and nothing is
lost.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Page, async_playwright

from tests.closing import chromium
from tests.services import until as until_true

OUT = Path(__file__).resolve().parents[1] / "docs/images/boarding-and-a-plug.webp"
WIDTH, HEIGHT, SHOWN = 1280, 760, 960
MOST_BYTES = 2_000_000
#: Seconds: before the boarding, after it, and after the plug is in again.
BEFORE, AFTER, CALM = 5.0, 4.0, 4.0
#: The bridge is the last of the plugs.
PLUG = 6
ADMITTED = "document.querySelectorAll('.queue .card.just').length"
STATE = f"[...document.querySelectorAll('.plug')][{PLUG}].className"
Frame = tuple[float, bytes]


async def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        endpoints = Path(folder) / "endpoints.json"
        run = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", "run", "--port", "0", "--for", "300",
            "--endpoints", str(endpoints), stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            frames = await filmed(await known(endpoints))
        finally:
            run.terminate()
            await run.wait()
    return save(frames)


async def known(endpoints: Path) -> str:
    """The address of the first page, once the city has begun."""
    await until_true(endpoints.exists, 120)
    return str(json.loads(endpoints.read_text("utf-8"))["http"]["web"])  # noqa: ASYNC240


async def filmed(address: str) -> list[Frame]:
    async with async_playwright() as play:
        opened = await play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = await opened.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        await page.goto(address)
        await asyncio.sleep(20)
        frames = list[Frame]()
        boarded = await until(page, frames, ADMITTED, lambda n: n > 0, keep=BEFORE)
        await until(page, frames, "0", lambda _: time.monotonic() > boarded + AFTER)
        await page.locator(".plug button").nth(PLUG).click()
        await until(page, frames, STATE, lambda name: "running" not in name)
        back = await until(page, frames, STATE, lambda name: "running" in name)
        await until(page, frames, "0", lambda _: time.monotonic() > back + CALM)
        await opened.close()
    return frames


async def until(page: Page, frames: list[Frame], ask: str, holds: Any, keep: float = 0.0) -> float:
    """Take pictures until something holds; when that was. Of those before, ``keep`` seconds."""
    while True:
        now = time.monotonic()
        frames.append((now, await page.screenshot(animations="allow")))
        if keep:
            frames[:] = [frame for frame in frames if frame[0] > now - keep]
        if holds(await page.evaluate(ask)):
            return now


def save(frames: list[Frame]) -> int:
    pictures = [Image.open(io.BytesIO(raw)).convert("RGB") for _, raw in frames]
    height = round(HEIGHT * SHOWN / WIDTH)
    small = [picture.resize((SHOWN, height), Image.Resampling.LANCZOS) for picture in pictures]
    times = [moment for moment, _ in frames]
    lasts = [round(1000 * (b - a)) for a, b in itertools.pairwise(times)] + [2500]
    for quality in (70, 55, 40, 30):
        small[0].save(
            OUT, save_all=True, append_images=small[1:], duration=lasts, loop=0, quality=quality,
            method=4, minimize_size=True,
        )  # fmt: skip
        if OUT.stat().st_size <= MOST_BYTES:
            break
    sys.stdout.write(f"{OUT.name}: {len(frames)} pictures, {OUT.stat().st_size} bytes\n")
    return int(OUT.stat().st_size > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
