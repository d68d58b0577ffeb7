"""Two judges of the same visits against an expert: tables, shares and how sure they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Any, NamedTuple, TypeAlias

from schemas.triage import TriageLevel

#: The expert's level, and that of who is compared with it.
Pair: TypeAlias = tuple[TriageLevel, TriageLevel]
#: Of a normal distribution, 95 % lie within so many deviations.
Z95 = 1.959964


class Share(NamedTuple):
    """So many of so many."""

    part: int
    whole: int

    def told(self) -> dict[str, Any]:
        """The share with its Wilson interval of 95 %; without cases there is none."""
        low, high = wilson(self.part, self.whole)
        value = self.part / self.whole if self.whole else None
        return {
            "part": self.part,
            "whole": self.whole,
            "share": value and round(value, 4) if value is not None else None,
            "interval_95": None if low is None else [round(low, 4), round(high or 0, 4)],
        }


def wilson(part: int, whole: int) -> tuple[float | None, float | None]:
    """Wilson's score interval of a share (E. B. Wilson, JASA 1927;22:209-212)."""
    if not whole:
        return None, None
    share, z2 = part / whole, Z95 * Z95
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z95 * sqrt(share * (1 - share) / whole + z2 / (4 * whole * whole)) / (1 + z2 / whole)
    return max(0.0, middle - half), min(1.0, middle + half)


def is_severe(level: TriageLevel) -> bool:
    """Ⅰ or Ⅱ."""
    return level.urgency >= TriageLevel.SEVERE.urgency


def compared(pairs: Sequence[Pair]) -> dict[str, Any]:
    """A judge against the expert. ``not_yet`` is neither over nor under, and stands apart."""
    table = {
        expert.value: {level.value: 0 for level in TriageLevel}
        for expert in TriageLevel
        if expert is not TriageLevel.NOT_YET
    }
    for expert, given in pairs:
        table[expert.value][given.value] += 1
    stated = [pair for pair in pairs if pair[1] is not TriageLevel.NOT_YET]
    severe = [given for expert, given in pairs if is_severe(expert)]
    others = [given for expert, given in pairs if not is_severe(expert)]
    first = [given for expert, given in pairs if expert is TriageLevel.CRITICAL]
    n = len(pairs)
    return {
        "visits": n,
        "table": table,
        "exact": Share(sum(e is g for e, g in pairs), n).told(),
        "under_triaged": Share(sum(g.urgency < e.urgency for e, g in stated), n).told(),
        "over_triaged": Share(sum(g.urgency > e.urgency for e, g in stated), n).told(),
        "not_yet": Share(n - len(stated), n).told(),
        "severe_or_worse": {
            "sensitivity": Share(sum(map(is_severe, severe)), len(severe)).told(),
            "specificity": Share(sum(not is_severe(g) for g in others), len(others)).told(),
        },
        "level_one_missed": sum(given is not TriageLevel.CRITICAL for given in first),
    }


def precision(fired: Iterable[tuple[str, bool]]) -> dict[str, Any]:
    """Of each name, how often it was right when it was said."""
    said, right = Counter[str](), Counter[str]()
    for name, is_right in fired:
        said[name] += 1
        right[name] += is_right
    return {name: Share(right[name], count).told() for name, count in said.most_common()}
