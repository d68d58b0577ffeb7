"""Installing a lock says how it went, and fails when pip does."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def installed(lock: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "deploy/install.py"), str(lock)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PIP_NO_INDEX": "1", **environment},
    )


def test_what_is_there_already_is_counted_on_every_terminal(tmp_path: Path) -> None:
    lock = tmp_path / "good.lock"
    lock.write_text("# nothing is wanted\n")
    for encoding in ("utf-8", "ascii", "gbk"):
        done = installed(lock, PYTHONIOENCODING=encoding)
        assert done.returncode == 0, done.stderr
        assert "good.lock: 0 packages" in done.stdout


def test_what_pip_refuses_fails_with_its_words(tmp_path: Path) -> None:
    lock = tmp_path / "bad.lock"
    lock.write_text("no-such-package-anywhere==1.0 --hash=sha256:" + "0" * 64 + "\n")
    done = installed(lock)
    assert done.returncode != 0
    assert "no-such-package-anywhere" in done.stderr


def test_nothing_is_looked_for_beyond_the_lock(tmp_path: Path) -> None:
    """A newer release of a dependency, wanted with an extra, once stopped every installation."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    first = _wheel(wheels, "first", "1", "Requires-Dist: second[more]>=1")
    second = _wheel(wheels, "second", "1", "Provides-Extra: more")
    _wheel(wheels, "second", "2", "Provides-Extra: more")
    lock = tmp_path / "whole.lock"
    lock.write_text(f"first==1 --hash=sha256:{first}\nsecond==1 --hash=sha256:{second}\n")
    there = tmp_path / "there"
    done = installed(lock, PIP_FIND_LINKS=str(wheels), PIP_TARGET=str(there))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in there.iterdir()} == {"first-1.dist-info", "second-1.dist-info"}


def _wheel(folder: Path, name: str, version: str, says: str) -> str:
    """An empty package; the SHA-256 of its file."""
    info = f"{name}-{version}.dist-info"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{says}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for inner, text in texts.items():
            wheel.writestr(inner, text)
        wheel.writestr(
            f"{info}/RECORD", "".join(f"{inner},,\n" for inner in (*texts, f"{info}/RECORD"))
        )
    return hashlib.sha256(path.read_bytes()).hexdigest()
