"""Says at the end which tests were not run, and why: a test that is silently absent proves nothing.

``@pytest.mark.needs_shared("data/ktas")``: files beside the clone, in ``../shared``.
``@pytest.mark.needs_chromium``: a Chromium to look at pages with.
``@pytest.mark.needs_program("promtool")``: programs on the PATH.
``@pytest.mark.needs_commit("fe07bf0")``: an earlier version, in the history of the clone.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The machine's Chromium, if it has one."""
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


def _lacks_shared(mark: pytest.Mark) -> str | None:
    absent = [name for name in mark.args or (".",) if not (SHARED / name).exists()]
    return f"../shared/{absent[0].removeprefix('.')} is not here" if absent else None


def _lacks_chromium(_: pytest.Mark) -> str | None:
    return None if chromium() else "no Chromium on this machine"


def _lacks_program(mark: pytest.Mark) -> str | None:
    absent = [name for name in mark.args if shutil.which(name) is None]
    return f"no {absent[0]} on this machine" if absent else None


def _lacks_commit(mark: pytest.Mark) -> str | None:
    asked = ["git", "cat-file", "-e", f"{mark.args[0]}^{{commit}}"]
    found = shutil.which("git") and subprocess.run(
        asked, cwd=Path(__file__).resolve().parent, check=False, capture_output=True
    )
    return None if found and not found.returncode else f"no commit {mark.args[0]} in this clone"


#: Marker → why a test that carries it cannot run here, or none when it can.
_LACKS: dict[str, Callable[[pytest.Mark], str | None]] = {
    "needs_shared": _lacks_shared,
    "needs_chromium": _lacks_chromium,
    "needs_program": _lacks_program,
    "needs_commit": _lacks_commit,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what lacks what it needs."""
    for item in items:
        for reason in _lacking(item):
            item.add_marker(pytest.mark.skip(reason=reason))


def _lacking(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers():
        reason = _LACKS[mark.name](mark) if mark.name in _LACKS else None
        if reason is not None:
            yield reason


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each test that was not run, below everything but the failures."""
    for report in terminalreporter.getreports("skipped"):
        if isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            terminalreporter.write_line(f"NOT RUN: {report.nodeid} — {reason}")
