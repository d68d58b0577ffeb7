"""The indicators of any file of stamps: what it says of each dispatch, and of all together."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from schemas.event import Moment, Value
from schemas.unit import UnitStatus
from services.dispatch.clock import measured, rate
from services.dispatch.leg import Dispatch, Leg, Stamp, first_unit, intervals

S = UnitStatus
#: What ends a dispatch. Stamped in the very second in which the next one begins, it is of this one.
_ENDS = frozenset({S.RETURNING, S.AVAILABLE, S.STOOD_DOWN, S.OUT_OF_SERVICE})

#: What other systems number in whatever way they do: it is compared, and never told again.
Number: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]


class Line(Value):
    """A line: a unit that was sent to an incident has reached a status."""

    incident_id: Number
    unit_id: Number
    status: UnitStatus
    occurred_at: Moment


def legs_of(lines: Iterable[Line]) -> list[Leg]:
    """The dispatches, in whatever order their stamps come. A later notification of the same unit
    begins another one; what is stamped before any belongs to the first."""
    theirs: dict[tuple[str, str], set[tuple[datetime, UnitStatus]]] = defaultdict(set)
    for line in lines:
        theirs[line.incident_id, line.unit_id].add((line.occurred_at, line.status))
    return [leg for number, key in enumerate(theirs) for leg in _legs(number, *key, theirs[key])]


#: What is the same of all: to check each anew costs ten times as much.
_STAMP = Stamp(
    stamp_id="0", status=S.NOTIFIED, source="system", occurred_at=datetime.min.replace(tzinfo=UTC)
)
_BLANK = Leg(leg_id="0", incident_id="0", unit_id="0")


def _legs(
    number: int, incident: str, unit: str, stamps: Iterable[tuple[datetime, UnitStatus]]
) -> list[Leg]:
    ordered = sorted(stamps)
    begins = [at for at, status in ordered if status is S.NOTIFIED]
    found: dict[int, list[Stamp]] = defaultdict(list)
    for at, status in ordered:
        n = bisect_right(begins, at) - 1
        if status in _ENDS and n > 0 and begins[n] == at:
            n -= 1
        stamp = _STAMP.but(stamp_id=status.value, status=status, occurred_at=at)
        found[max(n, 0)].append(stamp)
    return [
        _BLANK.but(
            leg_id=f"{number}.{n}", incident_id=incident, unit_id=unit, stamps=tuple(found[n])
        )
        for n in sorted(found)
    ]


def indicators(legs: Iterable[Leg], limit: timedelta) -> dict[str, Any]:
    """All that the dispatches show. A unit that was called back before it left is left out."""
    each = [leg.dispatch() for leg in legs]
    by_incident: dict[str, list[Dispatch]] = defaultdict(list)
    for dispatch in each:
        by_incident[dispatch.incident_id].append(dispatch)
    driven = rate((d.reading(d.departed) for d in each), limit, late_stand_downs=False)
    first = rate(map(first_unit, by_incident.values()), limit, late_stand_downs=False)
    spreads = {
        name: measured(readings) for name, readings in intervals(each, are_over=True).items()
    }
    return {
        "dispatch_within_3min": driven.model_dump(exclude_none=True),
        "first_unit_within_3min": first.model_dump(exclude_none=True),
        "intervals": {n: spread.model_dump(exclude_none=True) for n, spread in spreads.items()},
        "incidents": len(by_incident),
        "units": len({dispatch.unit_id for dispatch in each}),
        "dispatches": len(each),
    }
