"""Latencies in bounded memory: logarithmic buckets, each 1 % wide."""

from __future__ import annotations

import math
from collections import Counter

#: A bucket is 1 % wide and answers with its middle, so a quantile is within 0.5 % of the truth.
WIDTH = math.log(1.01)
#: Nothing here is measured finer than this, in milliseconds.
FLOOR_MS = 0.01


class Latencies:
    """Counts milliseconds by bucket. From 0.01 ms to an hour that is about 2,000 buckets."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()

    def add(self, milliseconds: float) -> None:
        """Count one. Clocks of two processes may differ by a little; below zero counts as none."""
        self._buckets[math.floor(math.log(max(milliseconds, FLOOR_MS) / FLOOR_MS) / WIDTH)] += 1

    def quantile(self, part: float) -> float | None:
        """The value that ``part`` (0 to 1) of all do not exceed; None without samples."""
        rank = math.ceil(part * self._buckets.total())
        for bucket in sorted(self._buckets):
            rank -= self._buckets[bucket]
            if rank <= 0:
                return round(FLOOR_MS * math.exp((bucket + 0.5) * WIDTH), 2)
        return None

    def summary(self) -> dict[str, float | int | None]:
        """How the report shows it."""
        return {
            "n": self._buckets.total(),
            "p50": self.quantile(0.50),
            "p95": self.quantile(0.95),
            "p99": self.quantile(0.99),
        }
