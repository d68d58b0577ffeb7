"""``docs/proof.md``, made of what the parts have entered: ``python -m tests.proof.page``.

What was not run says so. The page is written by whoever has run a part, and committed with it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from textwrap import fill
from typing import Any, NamedTuple

import yaml

from services.kit.process import ROOT
from tests.proof.account import REPORT

PAGE = ROOT / "docs" / "proof.md"
WIDE = 110
#: What stands in the line above the figures.
_HEAD = ("commit", "at", "machine", "seconds", "samples", "result", "seed")


class Part(NamedTuple):
    """One part: what it is called, and what it does."""

    name: str
    title: str
    says: str


_TOLD = yaml.safe_load((ROOT / "tests/proof/parts.yaml").read_text("utf-8"))
PARTS = [Part(name, **told) for name, told in _TOLD["parts"].items()]


def page(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The page of what was found, by the name of the part."""
    sections = [section for part in PARTS for section in _section(part, found.get(part.name))]
    return "\n".join([_TOLD["beginning"], *sections])


def _section(part: Part, found: Mapping[str, Any] | None) -> Iterator[str]:
    yield f"## {part.title}\n"
    yield fill(f"`make proof PART={part.name}`. {part.says}", WIDE) + "\n"
    if found is None:
        yield "**未运行 · not run.**\n"
        return
    passed = "通过 · passed" if found["result"] == "passed" else "未通过 · FAILED"
    seed = f", seed {found['seed']}" if "seed" in found else ""
    yield (f"**{passed}** · {found['at']} · commit `{found['commit']}` · {found['machine']} · "
           f"{found['seconds']:.0f} s · {found['samples']} samples{seed}\n")  # fmt: skip
    plain = [(k, v) for k, v in found.items() if k not in _HEAD and not _is_table(v)]
    if plain:
        yield from _table(("Figure", "Value"), ((_words(k), _value(v)) for k, v in plain))
    for name, rows in ((k, v) for k, v in found.items() if _is_table(v)):
        yield f"{_words(name).capitalize()}:\n"
        yield from _table(
            [_words(k) for k in rows[0]], ([_value(v) for v in r.values()] for r in rows)
        )


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_words(str(k))} {_value(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(_value(v) for v in value) or "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def main() -> int:
    """Write the page. 1 where nothing was ever entered."""
    if not REPORT.exists():
        print(f"{REPORT} is not there: make proof PART=alerts", file=sys.stderr)  # noqa: T201
        return 1
    PAGE.write_text(page(json.loads(REPORT.read_text("utf-8"))), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
