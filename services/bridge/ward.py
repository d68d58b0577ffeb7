"""The beds of one department: as a human counted them, and who they wait for.

A count is of what could be given at its moment: what was reserved by then is not in it, what was
reserved later is taken off. So a bed that is given back comes back once, whatever was counted in
between. A count that is too old says nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from pydantic import AwareDatetime

from schemas.event import Identifier, Value
from schemas.handoff import Department
from schemas.triage import TriageLevel
from services.bridge.facility import BedRules

#: For whoever comes, or kept for emergencies.
Kind: TypeAlias = Literal["ordinary", "emergency"]
#: Who reserves has seen the last count, whatever the clocks say.
_NEXT = timedelta(microseconds=1)


class Said(Value):
    """What somebody says of the beds of their facility; ``event_id`` is the sender's."""

    event_id: Identifier
    occurred_at: AwareDatetime
    staff_id: Identifier


class Counted(Said):
    """So many beds of a department could be given, and so many more wait for emergencies."""

    department: Department
    free: int
    emergency: int
    staffed: int | None = None


class Reservation(Value):
    """A bed that waits for a patient."""

    encounter_id: Identifier
    since: AwareDatetime
    kind: Kind


class Ward(Value):
    """The beds of one department."""

    counted: Counted | None = None
    reservations: tuple[Reservation, ...] = ()
    #: Those in which the patients lie since the last count, which has them as free.
    used: tuple[Reservation, ...] = ()
    #: Since when fewer emergency beds are left than it has to keep, and the bed manager knows.
    lacks_since: AwareDatetime | None = None

    def is_known(self, rules: BedRules, now: datetime) -> bool:
        """Whether it was counted, and not too long ago."""
        return self.counted is not None and now - self.counted.occurred_at <= rules.known_for

    def left(self, kind: Kind) -> int:
        """How many could be given now, if the count is known."""
        if self.counted is None:
            return 0
        counted = self.counted.free if kind == "ordinary" else self.counted.emergency
        gone = (r for r in (*self.reservations, *self.used) if r.kind == kind)
        return max(0, counted - sum(map(self._is_later, gone)))

    def kind_for(self, level: TriageLevel, rules: BedRules, now: datetime) -> Kind | None:
        """Which bed a patient may have, an ordinary one first; none where none is left for them.
        What is not known is not full."""
        if not self.is_known(rules, now) or self.left("ordinary"):
            return "ordinary"
        kept = 0 if level in rules.kept_for else rules.emergency.kept
        return "emergency" if self.left("emergency") > kept else None

    def held_for(self, encounter_id: str) -> Reservation | None:
        """The bed that waits for this patient."""
        return next((r for r in self.reservations if r.encounter_id == encounter_id), None)

    def reserved(self, encounter_id: str, kind: Kind, now: datetime) -> Ward:
        """The same when a bed of this kind waits for the patient."""
        since = now if self.counted is None else max(now, self.counted.occurred_at + _NEXT)
        held = Reservation(encounter_id=encounter_id, since=since, kind=kind)
        return self.but(reservations=(*self.reservations, held))

    def recounted(self, counted: Counted) -> Ward:
        """The same after a count. It has left out what patients lie in: that is forgotten."""
        after = self.but(counted=counted)
        return after.but(used=tuple(filter(after._is_later, self.used)))

    def without(self, held: Reservation) -> Ward:
        """The same when this bed waits for nobody: a count that had left it out has it again."""
        left = tuple(r for r in self.reservations if r != held)
        if self.counted is None or self._is_later(held):
            return self.but(reservations=left)
        name = "free" if held.kind == "ordinary" else "emergency"
        more = self.counted.but(**{name: getattr(self.counted, name) + 1})
        return self.but(reservations=left, counted=more)

    def occupied(self, held: Reservation, rules: BedRules, now: datetime) -> Ward:
        """The same when the patient lies in it. It comes back by a count, and by nothing else."""
        left = tuple(r for r in self.reservations if r != held)
        is_counted = self.is_known(rules, now) and self._is_later(held)
        return self.but(reservations=left, used=(*self.used, held) if is_counted else self.used)

    def watched(self, rules: BedRules, now: datetime) -> Ward:
        """The same with since when it keeps too few beds for emergencies, if it is known to."""
        is_lacking = self.is_known(rules, now) and self.left("emergency") < rules.emergency.kept
        return self.but(lacks_since=(self.lacks_since or now) if is_lacking else None)

    def _is_later(self, held: Reservation) -> bool:
        return self.counted is not None and held.since > self.counted.occurred_at
