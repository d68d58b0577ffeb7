"""The pages: a shell each, that holds nothing of any patient, and the script that fills it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

#: What our scripts import by its own name. No build, and nothing from elsewhere.
IMPORTS = {
    "preact": "/static/vendor/preact.mjs",
    "preact/hooks": "/static/vendor/hooks.mjs",
    "htm": "/static/vendor/htm.mjs",
    "idb": "/static/vendor/idb.mjs",
    "uplot": "/static/vendor/uplot.mjs",
}
IMPORT_MAP = json.dumps({"imports": IMPORTS}, separators=(",", ":"))


@dataclass(frozen=True)
class Page:
    """One page of a desk: its script in the desk's folder, its title, the ground it is drawn on,
    and the styles that it needs beside its own."""

    script: str
    zh: str
    en: str
    scheme: str = "dark"
    styles: tuple[str, ...] = ()


#: The page of a patient shows what the card shows.
CARD = "/static/hospital/board.css"
#: By desk, and by what comes after it; ``*`` is the number of a patient.
PAGES: Mapping[str, Mapping[str, Page]] = {
    "hospital": {
        "board": Page("board.js", "急诊看板", "Emergency board"),
        "patient/*": Page(
            "patient.js", "患者", "Patient", styles=("/static/vendor/uplot.css", CARD)
        ),
        "sheet/*": Page("sheet.js", "交接单", "Handover sheet", "light"),
        "beds": Page("beds.js", "床位", "Beds", "light"),
        "copy": Page("copy.js", "停机副本", "Downtime copy", "light"),
    },
    "dispatch": {"board": Page("board.js", "调度看板", "Dispatch board")},
    "crew": {"": Page("crew.js", "车组", "Crew", "light")},
}


def page_of(desk: str, rest: str) -> Page | None:
    """The page at this path, if there is one."""
    pages = PAGES.get(desk, {})
    first, _, patient = rest.partition("/")
    return pages.get(f"{first}/*" if patient and "/" not in patient else rest)


def first_of(desk: str) -> str:
    """Where a desk begins."""
    return next(iter(PAGES[desk]))


def shell(desk: str, page: Page, told: Mapping[str, object]) -> str:
    """The page without its contents. ``told`` is what the script is told of this site."""
    title = f"{page.zh} · {page.en} · 绿色通道 Green Channel"
    own = f"/static/{desk}/{page.script.removesuffix('.js')}.css"
    styles = "\n".join(
        f'  <link rel="stylesheet" href="{name}">'
        for name in ("/static/kit/kit.css", *page.styles, own)
    )
    return f"""<!doctype html>
<html lang="zh-CN" data-scheme="{page.scheme}" data-desk="{desk}">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
  <meta name="color-scheme" content="{page.scheme}">
  <title>{escape(title)}</title>
  <link rel="icon" href="/static/mark.svg" type="image/svg+xml">
{styles}
  <script type="importmap">{IMPORT_MAP}</script>
  <script type="module" src="/static/{desk}/{page.script}"></script>
</head>
<body data-told="{escape(json.dumps(told, ensure_ascii=False))}">
  <div id="page"><noscript>这一页需要 JavaScript。This page needs JavaScript.</noscript></div>
</body>
</html>
"""


#: What a browser holds the map of imports against.
SCRIPT_HASH = f"'sha256-{base64.b64encode(hashlib.sha256(IMPORT_MAP.encode()).digest()).decode()}'"

DESKS = (
    ("hospital", "急诊", "Emergency", "在途患者与交接 · who is coming, and the handover"),
    ("dispatch", "120 调度", "Dispatch", "呼叫、车辆、时钟、指标 · calls, units, clocks, figures"),
    ("crew", "车组", "Crew", "手机上的时间戳、体征与查体 · stamps and findings, on the phone"),
)
NO_DEVICE = "非医疗器械认证产品，不得据此作出临床决定。Not a certified medical device."


def entrance() -> str:
    """Where somebody who knows no path begins."""
    links = "\n".join(
        f'    <a href="/{desk}/"><b>{zh}</b> {en}<small>{escape(what)}</small></a>'
        for desk, zh, en, what in DESKS
    )
    return plain(
        f"""<main class="entrance">
    <h1>绿色通道 <span>Green Channel</span></h1>
{links}
    <p class="no-device">{NO_DEVICE}</p>
  </main>"""
    )


def plain(main: str) -> str:
    """A page without a script."""
    return f"""<!doctype html>
<html lang="zh-CN" data-scheme="dark">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="dark">
  <title>绿色通道 · Green Channel</title>
  <link rel="icon" href="/static/mark.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/static/kit/kit.css">
</head>
<body>
  {main}
</body>
</html>
"""
