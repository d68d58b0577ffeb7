"""The three-minute rule: from a unit's notification to its departure, leg by leg."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from simulator.reading import LegSeen

LIMIT_S = 180.0


@dataclass(slots=True)
class Leg:
    """One dispatch of one unit. Its departure is the earliest stamp, whoever gave it."""

    notified: float
    departed: float | None = None


class Legs:
    """Every leg of the run's own incidents."""

    def __init__(self) -> None:
        self._legs: dict[str, Leg] = {}

    def note(self, seen: LegSeen, incidents: Container[str]) -> None:
        """Take in an assignment or a departure, in the order of the unit's topic."""
        if not seen.departed:
            if seen.incident_id in incidents:
                self._legs[seen.leg_id] = Leg(seen.at)
        elif seen.leg_id in self._legs:
            leg = self._legs[seen.leg_id]
            leg.departed = seen.at if leg.departed is None else min(leg.departed, seen.at)

    def within_limit(self, now: float) -> dict[str, int]:
        """The rate's parts. A leg without departure is no part of the rate: ``missing`` once the
        limit has passed, and nothing yet before."""
        driven = [leg for leg in self._legs.values() if leg.departed is not None]
        return {
            "numerator": sum((leg.departed or 0) - leg.notified <= LIMIT_S for leg in driven),
            "denominator": len(driven),
            "missing": sum(
                leg.departed is None and now - leg.notified > LIMIT_S for leg in self._legs.values()
            ),
        }
