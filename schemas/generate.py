"""Writes JSON Schemas and the AsyncAPI document: ``python -m schemas.generate [--check]``.

They follow from the models and ``topics.yaml`` alone, so the same models give the same files. What
was published is kept in ``published.json``; ``--check`` fails too when the models break it, and
``--publish`` takes them as published from now on.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from schemas import asyncapi
from schemas.compatibility import breaks
from schemas.envelope import event_types, versions
from schemas.event import Event
from schemas.topics import registry

HERE = Path(__file__).resolve().parent
PUBLISHED = HERE / "published.json"
CURE = "make schemas"
WAY = "keep it readable, or make another version of the event"


def schema_of(kind: type[Event]) -> dict[str, Any]:
    """The JSON Schema of one event type's value. Fields it does not name are allowed."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"greenchannel/{kind.named()}/v{kind.VERSION}",
        **kind.model_json_schema(),
    }


def documents() -> dict[str, str]:
    """Every generated file by its path below this folder."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    described = asyncapi.document(registry(), project["version"])
    return {
        f"jsonschema/{name}.v{kind.VERSION}.json": _json(schema_of(kind))
        for name in event_types()
        for kind in versions(name)
    } | {"asyncapi.yaml": yaml.dump(described, Dumper=_Plain, sort_keys=False, allow_unicode=True)}


class _Plain(yaml.SafeDumper):
    """Writes what stands in two places twice: a reference would be one more thing to know."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def contract() -> dict[str, Any]:
    """What others rely on: each topic's key and events, each event's schema."""
    return {
        "topics": {
            topic.name: {"key": topic.key, "events": sorted(topic.holds)}
            for topic in registry().topics.values()
            if topic.holds
        },
        "events": {f"{n}.v{k.VERSION}": schema_of(k) for n in event_types() for k in versions(n)},
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def stale(wanted: Mapping[str, str], folder: Path) -> Iterator[str]:
    """The files that differ from what is wanted, are absent, or should not be there."""
    there = {str(path.relative_to(folder)) for path in folder.glob("jsonschema/*")}
    for name in sorted(wanted.keys() | there):
        path = folder / name
        if not path.is_file() or wanted.get(name) != path.read_text("utf-8"):
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
    """Write the files; with ``--check`` only name what is stale or broken, and fail."""
    wanted, published = documents(), folder / "published.json"
    if arguments == ["--check"]:
        said = [f"schemas/{name} is stale; type: {CURE}" for name in stale(wanted, folder)]
        before = json.loads((published if published.is_file() else PUBLISHED).read_text("utf-8"))
        said += [f"{broken}; {WAY}" for broken in breaks(before, contract())]
        sys.stderr.writelines(f"{line}\n" for line in said)
        return 1 if said else 0
    write(wanted, folder)
    if arguments == ["--publish"]:
        published.write_text(_json(contract()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
