"""A whole run, as its user types it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from services.kit.process import ROOT


def greenchannel(words: Sequence[object], patience_s: float = 220) -> tuple[int, str]:
    """The status of a command and what it said; one that takes too long is ended with all its
    parts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        process.terminate()
        said, _ = process.communicate(timeout=60)
    return process.returncode, said
