"""What every picture of a page has to stand: nothing sticks out, no glyph and no word is missing,
and nobody stumbles who reads it by ear or by key."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import ConsoleMessage, Page

#: Where the pictures go, flat.
SCREENS = Path(__file__).resolve().parents[1] / "reports" / "screens"
#: The words of the pages, a folder for each language.
CATALOGUES = Path(__file__).resolve().parents[1] / "web" / "static" / "words"
#: A word of ours that nobody has written: its key is shown.
KEY = re.compile(r"\b(?:[a-z_]+\.[a-z_]+[a-z0-9_]*|[a-z]+_[a-z_]+)\b")
NONSENSE = ("undefined", "NaN", "[object", "null")
#: WCAG 2.2 AA, and of what else is known to hurt what hurts seriously.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = """async (tags) => { const found = await axe.run(document, {
  resultTypes: ["violations"], preload: false, runOnly: { type: "tag", values: tags } });
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${
      n.failureSummary.split("\\n").slice(1, 2).join("").trim()}`).join(" | ")}`); }"""
#: Characters that are drawn as the box of a glyph that no font has.
BOXES = """() => { const pen = document.createElement("canvas").getContext("2d",
    { willReadFrequently: true });
  pen.canvas.width = pen.canvas.height = 32; pen.textBaseline = "top";
  pen.font = `24px ${getComputedStyle(document.body).fontFamily}`;
  const drawn = (char) => { pen.clearRect(0, 0, 32, 32); pen.fillText(char, 2, 2);
    return String(pen.getImageData(0, 0, 32, 32).data); };
  const box = drawn("\\u{10FFFE}");
  return [...new Set(document.body.innerText)].filter((c) => c.trim() && drawn(c) === box); }"""
#: What stands on the page for people; names of rules are meant to be read as they are.
WORDS = """() => [...document.querySelectorAll("#page *")]
  .filter((e) => !e.closest("code, .unseen"))
  .flatMap((e) => [...e.childNodes].filter((n) => n.nodeType === 3 && e.checkVisibility())
    .map((n) => n.data)).join("\\n")"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
#: Words that stand beside the box that they belong in; not where they are meant to be scrolled to.
BURST = """() => { const apart = ".unseen, [role=img], [aria-hidden=true]", boxes = new Map();
  const boxOf = (e) => boxes.get(e) ?? boxes.set(e, e.getBoundingClientRect()).get(e);
  const scrolls = (e) => ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
  const out = (a, of) => of.width > 0 && (a.right > of.right + 1 || a.left < of.left - 1);
  const words = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const range = document.createRange(), found = [];
  for (let node = words.nextNode(); node; node = words.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest(apart) || !parent.checkVisibility()) continue;
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    for (let e = parent; e.localName !== "main" && !scrolls(e); e = e.parentElement)
      if (out(box, boxOf(e))) { found.push(`${e.localName}.${e.className}: ${node.data}`); break; }
  }
  return found; }"""
DRAWN = "new Promise((go) => requestAnimationFrame(() => setTimeout(go, 120)))"


def is_of_page(message: ConsoleMessage) -> bool:
    """Whether the page has said it, and not what takes its picture: that has no address."""
    return bool(message.location["url"])


def catalogue(language: str, name: str) -> dict[str, str]:
    """The words of a file, read as the browser does."""
    text = (CATALOGUES / language / f"{name}.js").read_text("utf-8")
    body = text[text.index("{") : text.rindex("}") + 1]
    named = re.sub(r'^(\s*)([A-Za-z_]\w*): "', r'\1"\2": "', body, flags=re.MULTILINE)
    found: dict[str, str] = json.loads(re.sub(r",(\s*\})", r"\1", named))
    return found


async def picture(page: Page, name: str, *, whole: bool = True) -> None:
    """A picture of the page in ``reports/screens``; with ``whole``, of what lies below its edge
    too. Raises ``AssertionError`` for what it does not stand."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    await page.evaluate("document.fonts.ready")
    before = page.viewport_size
    if whole and before:  # what lies below the edge is drawn when it is looked at
        height = await page.evaluate("document.documentElement.scrollHeight")
        await page.set_viewport_size({**before, "height": max(before["height"], height)})
    await page.evaluate(DRAWN)
    await page.screenshot(path=SCREENS / f"{name}.png", animations="disabled")
    await stands(page, name)
    if whole and before:
        await page.set_viewport_size(before)


async def speak(page: Page, language: str) -> None:
    """Switch to this language where the page has the other one."""
    if (await page.evaluate("document.documentElement.lang"))[:2] != language:
        await page.locator("button.language").first.click()


async def pictures(
    page: Page,
    name: str,
    widths: Mapping[int, int],
    also: Callable[[Page, str], Awaitable[None]] | None = None,
) -> None:
    """What it looks like in both languages and these widths (and heights), as ``picture`` does; and
    ``also`` is asked of each."""
    size = page.viewport_size
    for language in ("en", "zh"):
        await speak(page, language)
        for width, height in widths.items():
            await page.set_viewport_size({"width": width, "height": height})
            await asyncio.sleep(0.4)
            await picture(page, f"{name}-{language}-{width}")
            if also is not None:
                await also(page, f"{name}-{language}-{width}")
    if size:
        await page.set_viewport_size(size)


async def fits(page: Page, name: str) -> None:
    """Raises ``AssertionError`` where a word runs out of its box, though the page is no wider."""
    burst = await page.evaluate(BURST)
    assert burst == [], f"{name}: runs out of its box: {burst}"


async def stands(page: Page, name: str) -> None:
    """Raises ``AssertionError`` for what a page must not show, or must have and lacks."""
    sideways = await page.evaluate(SIDEWAYS)
    assert sideways <= 0, f"{name}: {sideways} px stick out"
    words = await page.evaluate(WORDS)
    assert not (found := KEY.findall(words)), f"{name}: not translated: {found}"
    nonsense = [line for line in words.split("\n") if any(word in line for word in NONSENSE)]
    assert nonsense == [], f"{name}: nonsense: {nonsense}"
    boxes = await page.evaluate(BOXES)
    assert boxes == [], f"{name}: no glyph for {boxes}"
    if not await page.evaluate("Boolean(window.axe)"):
        await page.evaluate(AXE_SCRIPT)
    hurts = await page.evaluate(AXE, TAGS)
    assert hurts == [], f"{name}: " + "\n".join(hurts)
