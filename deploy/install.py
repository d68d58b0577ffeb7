"""Installs a lock into this environment, in one line that moves; if it fails, what pip said."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

PIP = ("pip", "install", "--disable-pip-version-check", "--no-build-isolation", "--require-hashes",
       "--no-color", "--progress-bar", "off")  # fmt: skip
STEPS = ("Collecting ", "Requirement already satisfied")


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
            done += line.startswith(STEPS)
            name = line.split()[1].partition("==")[0] if line.startswith(STEPS[0]) else ""
            if line.startswith("Installing collected"):
                name = "unpacking"
            if name:
                _show(f"  {lock.name}: {done} of at most {count} packages · {name}")
    _show(f"  ✓ {lock.name}: {done} packages\n" if pip.returncode == 0 else "\n")
    if pip.returncode:
        sys.stderr.writelines(said[-40:])
    return pip.returncode


def _show(text: str) -> None:
    """Over what stood there before; where nobody looks on, only what is final."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\x1b[K{text}")
    elif text.endswith("\n"):
        sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    sys.exit(install(Path(sys.argv[1])))
