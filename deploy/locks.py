"""The locks of Python packages: made from ``pyproject.toml`` by uv, checked without it.

Every package is pinned with the hashes of its files, for every platform at once; no address of
an index stands in them. ``make lock`` makes them (``ARGS=--upgrade`` takes newer versions).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
#: Lock file → the options that choose what goes into it. The first one binds the others.
LOCKS = {
    "requirements.lock": ("pyproject.toml",),
    "requirements-dev.lock": ("pyproject.toml", "--group", "dev", "-c", "requirements.lock"),
    "requirements-build.lock": ("--group", "build", "-c", "requirements.lock"),
}
_COMPILE = (
    "pip compile --quiet --universal --python-version 3.11 --generate-hashes "
    "--no-emit-index-url --no-annotate --custom-compile-command"
).split()
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)", re.MULTILINE)


def wanted(project: Mapping[str, object], options: Iterable[str]) -> Iterator[Requirement]:
    """What a lock must hold at least: the dependencies its options name."""
    chosen = tuple(options)
    groups: Mapping[str, list[str]] = project["dependency-groups"]  # type: ignore[assignment]
    table: Mapping[str, list[str]] = project["project"]  # type: ignore[assignment]
    declared = list(table["dependencies"]) if "pyproject.toml" in chosen else []
    for group in groups:
        declared += groups[group] if group in chosen else []
    return map(Requirement, declared)


def complaints(requirements: Iterable[Requirement], lock: str) -> Iterator[str]:
    """What is wrong with the text of a lock, one sentence each."""
    if re.search(r"https?://|--(extra-)?index-url|--find-links", lock):
        yield "names an index or a URL"
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)
    pins: dict[str, list[str]] = {}
    for block in blocks:
        if pin := _PIN.match(block):
            pins.setdefault(canonicalize_name(pin["name"]), []).append(pin["version"])
            if "--hash=sha256:" not in block:
                yield f"{pin['name']} has no hash"
    for requirement in requirements:
        versions = pins.get(canonicalize_name(requirement.name), [])
        if not any(requirement.specifier.contains(v, prereleases=True) for v in versions):
            yield f"does not hold {requirement}"


def check() -> Iterator[str]:
    """Every complaint about the committed locks, with the file's name before it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for name, options in LOCKS.items():
        path = ROOT / name
        text = path.read_text("utf-8") if path.exists() else ""
        yield from (f"{name}: {said}" for said in complaints(wanted(project, options), text))


def make(extra: Iterable[str]) -> None:
    """Make the locks anew; pins that still fit stay as they are."""
    uv = shutil.which("uv")
    if uv is None:
        sys.exit("make lock needs uv: install it, then type make lock again")
    for name, options in LOCKS.items():
        command = [uv, *_COMPILE, "make lock", *options, *extra, "-o", name]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def main(arguments: list[str]) -> int:
    """``--check`` only looks; anything else is handed to uv."""
    if arguments != ["--check"]:
        make(arguments)
    found = list(check())
    sys.stderr.writelines(f"{line}; type: make lock\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
