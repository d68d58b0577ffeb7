"""Numbers beside what they are held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Found = Mapping[str, Any]


@dataclass(frozen=True)
class Limit:
    """What a number is held against."""

    name: str
    title: str
    limit: float
    unit: str
    at_most: bool = False

    def beside(self, measured: float) -> dict[str, Any]:
        """The limit with a number, and whether it holds."""
        holds = measured <= self.limit if self.at_most else measured >= self.limit
        return {
            "name": self.name,
            "title": self.title,
            "measured": measured,
            "limit": f"{'≤' if self.at_most else '≥'} {self.limit:g}",
            "unit": self.unit,
            "holds": holds,
        }


def ending(found: Found) -> Iterator[str]:
    """For a human: each limit with what was measured, and what makes all of it worthless."""
    yield "限值 · limits                                        measured        limit"
    for each in found["limits"]:
        mark = "✓" if each["holds"] else "✗"
        shown = f"{each['measured']:,}{each['unit']}"
        yield f"{mark} {each['title']:<50}{shown:>11} {each['limit'] + each['unit']:>12}"
    for line in found["disagreements"]:
        yield f"✗ {line}"


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """In milliseconds, by rank."""
    ordered = sorted(seconds)
    return {
        name: round(1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1)
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
        if ordered
    }
