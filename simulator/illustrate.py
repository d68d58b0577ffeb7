"""Writes the stories' page and pictures: ``python -m simulator.illustrate [--check]``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from simulator.chronicle import page, picture
from simulator.story import every

DOCS = Path(__file__).resolve().parents[1] / "docs"
CURE = "make schemas"


def documents() -> dict[str, str]:
    """Every generated file by its path below ``docs``."""
    pictures = {f"images/stories/{story.story}.svg": picture(story) for story in every()}
    return {"stories.md": page(every()), **pictures}


def stale(wanted: Mapping[str, str], folder: Path) -> Iterator[str]:
    """The files that differ from what is wanted, are absent, or should not be there."""
    there = {str(path.relative_to(folder)) for path in folder.glob("images/stories/*.svg")}
    for name in sorted(wanted.keys() | there):
        path = folder / name
        if not path.is_file() or wanted.get(name) != path.read_text("utf-8"):
            yield name


def main(arguments: list[str], folder: Path = DOCS) -> int:
    """Write the files; with ``--check`` only name those that are stale, and fail."""
    wanted = documents()
    found = list(stale(wanted, folder))
    if arguments == ["--check"]:
        sys.stderr.writelines(f"docs/{name} is stale; type: {CURE}\n" for name in found)
        return 1 if found else 0
    (folder / "images/stories").mkdir(parents=True, exist_ok=True)
    for name in found:
        if name in wanted:
            (folder / name).write_text(wanted[name], "utf-8")
        else:
            (folder / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
