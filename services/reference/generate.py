"""Writes the OpenAPI documents, their page, and the words of our codes:
``python -m services.reference.generate [--check]``.

They follow from the routes, their models and the terminology alone. A service serves the same
document to whoever is signed in.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from services.bridge import api as bridge
from services.dispatch import api as dispatch
from services.dispatch import gateway
from services.kit.documents import read_yaml
from services.kit.http import create_app, interface_of
from services.reference.codes import catalogues
from services.reference.interface import Interface
from services.reference.page import page
from services.reference.words import Words

ROOT = Path(__file__).resolve().parents[2]
CURE = "make schemas"
#: What each service that answers to HTTP is asked for.
ROUTERS: Mapping[str, APIRouter] = {
    "dispatch": dispatch.router,
    "gateway": gateway.router,
    "bridge": bridge.router,
}


async def _is_ready() -> bool:
    return False


def document(service: str) -> dict[str, Any]:
    """What the service says of its interface; nothing runs for it."""
    return interface_of(create_app(service, None, [ROUTERS[service]], _is_ready))


def words() -> Words:
    """What the page says in words of its own."""
    return Words.model_validate(read_yaml(files("services.reference") / "words.yaml"))


def documents() -> dict[str, str]:
    """Every generated file by its path."""
    described = [Interface(service, document(service)) for service in ROUTERS]
    style = (files("services.reference") / "style.css").read_text("utf-8")
    return {f"schemas/openapi/{each.service}.json": _json(each.document) for each in described} | {
        "docs/api.html": page(described, words(), style),
        **catalogues(read_yaml(files("services.bridge") / "terminology.yaml")),
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def stale(wanted: Mapping[str, str], folder: Path) -> Iterator[str]:
    """The files that differ from what is wanted, are absent, or should not be there."""
    there = {str(path.relative_to(folder)) for path in folder.glob("schemas/openapi/*")}
    for name in sorted(wanted.keys() | there):
        path = folder / name
        if not path.is_file() or wanted.get(name) != path.read_text("utf-8"):
            yield name


def main(arguments: list[str], folder: Path = ROOT) -> int:
    """Write the files; with ``--check`` only name those that are stale, and fail."""
    wanted = documents()
    found = list(stale(wanted, folder))
    if arguments == ["--check"]:
        sys.stderr.writelines(f"{name} is stale; type: {CURE}\n" for name in found)
        return 1 if found else 0
    for name in found:
        path = folder / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], "utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
