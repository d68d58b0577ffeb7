"""Writes a JSON Schema for each event type: ``python -m schemas.generate [--check]``.

They follow from the models alone, so the same models give the same files.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from schemas.envelope import event_types
from schemas.event import Event

HERE = Path(__file__).resolve().parent
CURE = "make schemas"


def schema_of(kind: type[Event]) -> dict[str, Any]:
    """The JSON Schema of one event type's value. Fields it does not name are allowed."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"greenchannel/{kind.__name__}/v{kind.VERSION}",
        **kind.model_json_schema(),
    }


def documents() -> dict[str, str]:
    """Every generated file by its path below this folder."""
    return {
        f"jsonschema/{name}.v{kind.VERSION}.json": json.dumps(
            schema_of(kind), indent=2, sort_keys=True, ensure_ascii=False
        )
        + "\n"
        for name, kind in event_types().items()
    }


def stale(wanted: Mapping[str, str], folder: Path) -> Iterator[str]:
    """The files that differ from what is wanted, are absent, or should not be there."""
    there = {str(path.relative_to(folder)) for path in folder.glob("jsonschema/*")}
    for name in sorted(wanted.keys() | there):
        path = folder / name
        if name not in there or wanted.get(name) != path.read_text("utf-8"):
            yield name


def write(wanted: Mapping[str, str], folder: Path) -> None:
    """Bring the folder to what is wanted; a type that is gone loses its file."""
    (folder / "jsonschema").mkdir(exist_ok=True)
    for name in list(stale(wanted, folder)):
        path = folder / name
        if name in wanted:
            path.write_text(wanted[name], "utf-8")
        else:
            path.unlink()


def main(arguments: list[str], folder: Path = HERE) -> int:
    """Write the files; with ``--check`` only name those that are stale, and fail."""
    wanted = documents()
    if arguments == ["--check"]:
        found = list(stale(wanted, folder))
        sys.stderr.writelines(f"schemas/{name} is stale; type: {CURE}\n" for name in found)
        return 1 if found else 0
    write(wanted, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
