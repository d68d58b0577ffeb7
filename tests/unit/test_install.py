"""Installing a lock says how it went, and fails when pip does."""

from __future__ import annotations

import subprocess
import sys
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
