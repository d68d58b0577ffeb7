"""The locks of Python packages: made from ``pyproject.toml`` by uv, checked without it.

Every package is pinned with the hashes of its files, for every platform at once; no address of
an index stands in them. ``make lock`` makes them (``ARGS=--upgrade`` takes newer versions).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
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
    "requirements-bench.lock": ("--group", "bench"),
}
#: Where peers are measured beside us, these are what we run with, whatever a peer asks for: they
#: decode and write what is compared.
SHARED = {"requirements-bench.lock": ("pydantic", "pydantic-core", "pydantic-settings", "pyyaml")}
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
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        pin = _PIN.match(block)
        if pin and "--hash=sha256:" not in block:
            yield f"{pin['name']} has no hash"
    pinned = pins(lock)
    for requirement in requirements:
        versions = pinned.get(canonicalize_name(requirement.name), [])
        if not any(requirement.specifier.contains(v, prereleases=True) for v in versions):
            yield f"does not hold {requirement}"


def pins(lock: str) -> dict[str, list[str]]:
    """The versions of each package; of some there is one for each platform."""
    found: dict[str, list[str]] = {}
    for pin in _PIN.finditer(lock):
        found.setdefault(canonicalize_name(pin["name"]), []).append(pin["version"])
    return found


def check() -> Iterator[str]:
    """Every complaint about the committed locks, with the file's name before it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for name, options in LOCKS.items():
        path = ROOT / name
        text = path.read_text("utf-8") if path.exists() else ""
        found = list(complaints(wanted(project, options), text))
        found += [f"does not share {line}" for line in shared(name) if line not in _lines(text)]
        yield from (f"{name}: {said}" for said in found)


def shared(name: str) -> list[str]:
    """What a lock takes from the first one, as it stands there."""
    ours = pins((ROOT / next(iter(LOCKS))).read_text("utf-8"))
    return [
        f"{package}=={version}" for package in SHARED.get(name, ()) for version in ours[package]
    ]


def _lines(lock: str) -> set[str]:
    return {f"{package}=={version}" for package, found in pins(lock).items() for version in found}


def make(extra: Iterable[str]) -> None:
    """Make the locks anew; pins that still fit stay as they are."""
    uv = shutil.which("uv")
    if uv is None:
        sys.exit("make lock needs uv: install it, then type make lock again")
    with tempfile.TemporaryDirectory() as folder:
        for name, options in LOCKS.items():
            overriding = Path(folder) / name
            overriding.write_text("\n".join(shared(name)) if name in SHARED else "", "utf-8")
            command = [uv, *_COMPILE, "make lock", *options, *extra]
            command += ["--override", str(overriding), "-o", name]
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
