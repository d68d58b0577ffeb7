"""Which call goes first: by what is known of its patients, then by how long it waits (就急就重)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from schemas.triage import TriageLevel
from services.dispatch.encounter import Encounter
from services.dispatch.incident import Incident, is_urgent
from services.kit.errors import Rejected

#: The first goes first. Of whom nothing is known may be severe: he goes before who is known not
#: to be, and after who is known to be.
ORDER = (
    TriageLevel.CRITICAL,
    TriageLevel.SEVERE,
    TriageLevel.NOT_YET,
    TriageLevel.URGENT,
    TriageLevel.NON_URGENT,
)


def severity(encounters: Iterable[Encounter]) -> TriageLevel:
    """The worst level among the patients of a call that have no outcome."""
    levels = [each.level for each in encounters if each.outcome is None]
    return min(levels, key=ORDER.index, default=TriageLevel.NOT_YET)


def is_worse(one: TriageLevel, other: TriageLevel) -> bool:
    """Whether a call of the one level goes before one of the other."""
    return ORDER.index(one) < ORDER.index(other)


class Case(NamedTuple):
    """A call with its patients."""

    incident: Incident
    encounters: tuple[Encounter, ...]

    @property
    def severity(self) -> TriageLevel:
        """The worst level of its patients. What can wait goes last, whatever its patients have:
        one that cannot any more is an emergency, and is to be called so."""
        return severity(self.encounters) if is_urgent(self.incident) else TriageLevel.NON_URGENT

    @property
    def since(self) -> datetime:
        """Since when it waits: since it was accepted, or opened where nobody says when that was."""
        return self.incident.call.accepted_at or self.incident.opened_at

    @property
    def is_reached(self) -> bool:
        """Whether a crew stands at one of its patients, or had."""
        return any(each.reached_at or each.boarded_at for each in self.encounters)


def must_be_worse(one: Case, other: Case) -> None:
    """Raises ``Rejected`` 409 unless a unit may leave the other call for this one."""
    if other.is_reached:
        raise Rejected(409, "At a patient", "Its crew has reached a patient. Choose another unit.")
    if not is_worse(one.severity, other.severity):
        wanted = "A unit leaves a call only for a more severe one. Choose another unit."
        raise Rejected(409, "Not more severe", wanted)


def in_order(cases: Iterable[Case]) -> list[Case]:
    """The calls in the order in which they are sent to."""
    return sorted(cases, key=lambda c: (ORDER.index(c.severity), c.since, c.incident.incident_id))
