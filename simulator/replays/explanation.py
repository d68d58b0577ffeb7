"""A decision of triage as a replay reports it: the level, and everything it rests on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from schemas.triage import TriageDecided, TriageLevel


def told(decision: TriageDecided) -> dict[str, Any]:
    """What a reader needs to check the level by hand."""
    return {
        "worst": decision.worst.value,
        "current": decision.current.value,
        "protocol": decision.protocol.model_dump() if decision.protocol else None,
        "reasons": [reason.model_dump(mode="json") for reason in decision.reasons],
        "earlier": [reason.model_dump(mode="json") for reason in decision.earlier],
        "inputs": {given.name: _value(given.value) for given in decision.inputs},
        "missing": list(decision.missing),
        "invalid": {given.name: _value(given.value) for given in decision.invalid},
    }


def _value(value: object) -> object:
    return value if isinstance(value, int | float | str) else str(value)


def is_explained(decision: TriageDecided) -> bool:
    """Whether the level follows from what the decision says: from a rule of that level; for Ⅳ from
    nothing missing; for no level yet from what is missing."""
    if decision.protocol is None:
        return "protocol" in decision.missing
    match decision.current:
        case TriageLevel.NOT_YET:
            return bool(decision.missing) and not decision.reasons
        case TriageLevel.NON_URGENT:
            return bool(decision.inputs) and not decision.missing and not decision.reasons
    return any(reason.level is decision.current for reason in decision.reasons)


def changes(decisions: Iterable[TriageDecided]) -> list[TriageDecided]:
    """Those that say another level than the one before, ``worst`` or ``current``."""
    found: list[TriageDecided] = []
    for decision in decisions:
        before = found[-1] if found else None
        if before is None or (before.worst, before.current) != (decision.worst, decision.current):
            found.append(decision)
    return found


def unexplained(decisions: Sequence[TriageDecided]) -> int:
    """How many levels follow from nothing the decision says; a rise of ``worst`` needs a rule of
    that level, which may have fired of an earlier value alone."""
    found = sum(not is_explained(each) for each in decisions)
    for before, after in pairwise(decisions):
        rises = after.worst.urgency > max(before.worst.urgency, TriageLevel.NON_URGENT.urgency)
        reasons = (*after.reasons, *after.earlier)
        found += rises and all(reason.level is not after.worst for reason in reasons)
    return found


def rests_on_zero(decision: TriageDecided) -> bool:
    """Whether a monitor's 0, a lost signal, is an input or the value of a reason."""
    is_input = any(given.value == 0 and given.method == "streamed" for given in decision.inputs)
    return is_input or any(re.search(r" 0 \D", reason.text.en) for reason in decision.reasons)


def falls(decisions: Sequence[TriageDecided]) -> int:
    """How often ``worst`` fell: never, for nobody lowers it in a replay."""
    pairs = pairwise(decisions)
    return sum(after.worst.urgency < before.worst.urgency for before, after in pairs)
