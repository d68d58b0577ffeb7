"""Serves the pages, their files, and the workers that keep them when the line is gone."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from services.boards.door import AtDesk, settings_of
from services.boards.page import IMPORTS, PAGES, entrance, first_of, page_of, shell
from services.kit.errors import Rejected

STATIC = Path(__file__).parents[2] / "web" / "static"
router = APIRouter()


@router.get("/", response_class=HTMLResponse)
async def enter() -> str:
    """The desks that there are."""
    return entrance()


@router.get("/{desk}/sw.js")
async def worker(desk: AtDesk) -> Response:
    """The worker of a desk, with the list of files that it keeps."""
    files, version = _kept(desk)
    # Of the pages of one patient, one shell stands for all.
    shells = [f"/{desk}/{name}".replace("*", "-") for name in PAGES[desk]]
    told = {"VERSION": version, "FILES": files, "PAGES": shells, "DESK": f"/{desk}/"}
    head = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in told.items())
    script = (STATIC / "kit" / "worker.js").read_text("utf-8")
    return Response(head + script, media_type="text/javascript")


@cache
def _kept(desk: str) -> tuple[list[str], str]:
    """The files that the pages of a desk load, and a version that changes with them."""
    folders = [STATIC / "kit", STATIC / desk, STATIC / "words"]
    found = [p for folder in folders for p in sorted(folder.rglob("*")) if p.suffix in _SHOWN]
    found += [STATIC / name.removeprefix("/static/") for name in IMPORTS.values()]
    found += [STATIC / "mark.svg", STATIC / "vendor" / "uplot.css"]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in found)).hexdigest()[:16]
    return [f"/static/{p.relative_to(STATIC).as_posix()}" for p in found], digest


_SHOWN = frozenset({".js", ".css", ".svg", ".mjs", ".webmanifest"})


@router.get("/{desk}/{rest:path}", response_class=HTMLResponse)
async def read_page(request: Request, desk: AtDesk, rest: str) -> Response:
    """A page. Who asks for the desk alone is led to its first."""
    page = page_of(desk, rest)
    if page is None and rest == "":
        return RedirectResponse(f"/{desk}/{first_of(desk)}", 303)
    if page is None:
        known = ", ".join(f"/{desk}/{name}".replace("*", "…") for name in PAGES[desk])
        raise Rejected(404, "No such page", f"There are {known}.")
    settings = settings_of(request)
    told = {
        "tiles": settings.boards_tiles,
        "tiles_credit": settings.boards_tiles_credit,
        "codes": settings.boards_codes,
        "dispatch_phone": settings.boards_dispatch_phone,
        "zone": settings.time_zone,
    }
    return HTMLResponse(shell(desk, page, told))
