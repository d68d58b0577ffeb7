"""Installs a lock into this environment, in one line that moves; if it fails, what pip said."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

#: A lock is whole. Were pip to look for dependencies, versions before 23.3 would take the newest
#: release of what is wanted with an extra, pinned or not, and refuse it for its missing hash.
PIP = ("pip", "install", "--disable-pip-version-check", "--no-build-isolation", "--require-hashes",
       "--no-deps", "--no-color", "--progress-bar", "off")  # fmt: skip
STEPS = ("Collecting ", "Requirement already satisfied: ")


def install(lock: Path) -> int:
    """The exit status of pip."""
    count = sum("==" in line for line in lock.read_text("utf-8").splitlines())
    said, done = [], 0
    argv = [sys.executable, "-m", *PIP, "-r", str(lock)]
    with subprocess.Popen(  # noqa: S603 - words of our own, no shell
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for line in pip.stdout or ():
            said.append(line)
            if line.startswith(STEPS):
                done += 1
                name = line.removeprefix(STEPS[0]).removeprefix(STEPS[1]).split()[0]
                _show(f"  {lock.name}: {done} of at most {count} packages · {name}", done % 20 == 1)
            elif line.startswith("Installing collected"):
                _show(f"  {lock.name}: {done} packages · unpacking", True)
    if pip.returncode:
        sys.stderr.writelines(said[-40:])
    else:
        _show(f"  ✓ {lock.name}: {done} packages\n", True)
    return pip.returncode


def _show(text: str, matters: bool) -> None:
    """Over what stood there before; where that cannot be, only what matters, a line each."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\x1b[K{text}")
    elif matters:
        sys.stdout.write(text.rstrip() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    sys.exit(install(Path(sys.argv[1])))
