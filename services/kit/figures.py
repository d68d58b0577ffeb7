"""Figures of many: a percentile, a share. Of nothing there is none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil


def percentile(ordered: Sequence[timedelta], percent: int) -> float | None:
    """In seconds, the least value that so many percent do not exceed (nearest rank)."""
    if not ordered:
        return None
    return ordered[ceil(len(ordered) * percent / 100) - 1].total_seconds()


def share(part: int, whole: int) -> float | None:
    """How much of the whole this is."""
    return round(part / whole, 6) if whole else None
