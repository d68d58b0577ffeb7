"""Two judges of the same patients, level against level: measured, which proves no validity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from schemas.triage import TriageLevel

#: The expert's level, and that of who is compared with it.
Pair: TypeAlias = tuple[TriageLevel, TriageLevel]


def compare(pairs: Iterable[Pair]) -> dict[str, Any]:
    """``table`` counts by the expert's level, then by the other's. ``under`` is less urgent than
    the expert says, ``over`` more urgent; without a level it is neither, and stands apart."""
    table = {
        expert.value: {level.value: 0 for level in TriageLevel}
        for expert in TriageLevel
        if expert is not TriageLevel.NOT_YET
    }
    counts = dict.fromkeys(("n", "exact", "under", "over", "not_yet"), 0)
    for expert, given in pairs:
        table[expert.value][given.value] += 1
        counts["n"] += 1
        counts[_verdict(expert, given)] += 1
    return {**counts, "table": table}


def _verdict(expert: TriageLevel, given: TriageLevel) -> str:
    if given is TriageLevel.NOT_YET:
        return "not_yet"
    if given is expert:
        return "exact"
    return "under" if given.urgency < expert.urgency else "over"
