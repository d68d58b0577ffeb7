"""What the container image holds, laid into a folder: the files that the Dockerfile copies, and the
command ``greenchannel`` that finds nothing of ours but those."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from services.kit.process import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
#: Our own clones are on the path of this environment; in the image there is only one place.
_FOUND = """\
import pathlib, sys
sys.path[:] = [{app!r}, *(p for p in sys.path if not pathlib.Path(p, "services/cli.py").exists())]
"""


def unpack(folder: Path) -> None:
    """Lay them there, as the last layers of the image are."""
    for line in re.findall(r"^COPY ((?:schemas|services|simulator|web)\b.*)$", DOCKERFILE, re.M):
        source, target = line.split()
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / source, folder / target, ignore=skip)


def found(folder: Path) -> str:
    """What Python runs first to find them, and none beside them."""
    return _FOUND.format(app=str(folder))


def command(file: Path, folder: Path) -> None:
    """``greenchannel``, as ``deploy/setup`` makes it there."""
    (folder / "greenchannel.py").write_text(
        f"{found(folder)}from services.cli import main\nsys.argv[0] = 'greenchannel'\nmain()\n"
    )
    file.parent.mkdir(exist_ok=True)
    file.write_text(f'#!/bin/sh\nexec {sys.executable} -P {folder}/greenchannel.py "$@"\n')
    file.chmod(0o755)
