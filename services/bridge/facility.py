"""What a facility owes a patient bound for it: by when, and who hears of it if it is late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Self, TypeVar

from pydantic import Field

from schemas.event import Identifier, Text, Value
from schemas.handoff import Addressee, Formality, Owed, Zone
from schemas.triage import Bilingual, Centre, Evidence, TriageLevel

Seconds = Annotated[float, Field(ge=0)]
#: The same for every level, or by level; of a level that is not named there is none.
ByLevel = Seconds | Mapping[TriageLevel, Seconds]
T = TypeVar("T")


class Rung(Value):
    """One step of a ladder: who hears of it, so long after the step before."""

    to: Addressee
    after_s: Seconds = 0


class Term(Value):
    """By when something is owed: so long after it was asked for, or so long before the patient
    arrives, whichever is later."""

    name: Bilingual
    within_s: ByLevel | None = None
    before_arrival_s: ByLevel | None = None
    ladder: Annotated[tuple[Rung, ...], Field(min_length=1)]
    #: It is asked for again when the patient comes so much sooner than was known.
    again_if_sooner_by_s: Seconds | None = None
    source: Annotated[Text, Field(min_length=1)]
    evidence: Evidence

    def due(
        self, since: datetime, level: TriageLevel, arrives_at: datetime | None
    ) -> datetime | None:
        """When it is due; never, where nothing is said of this level."""
        within, before = _of(self.within_s, level), _of(self.before_arrival_s, level)
        times = [since + within] if within is not None else []
        if before is not None and arrives_at is not None:
            times.append(arrives_at - before)
        return max(times, default=None)

    def rungs(self, due_at: datetime) -> Sequence[datetime]:
        """When each step of the ladder is taken."""
        found, at = [], due_at
        for rung in self.ladder:
            at += timedelta(seconds=rung.after_s)
            found.append(at)
        return found


def _of(given: ByLevel | None, level: TriageLevel) -> timedelta | None:
    seconds = given.get(level) if isinstance(given, Mapping) else given
    return None if seconds is None else timedelta(seconds=seconds)


class EmergencyBeds(Value):
    """How many emergency beds each department keeps."""

    kept: Annotated[int, Field(ge=1)]
    source: Annotated[Text, Field(min_length=1)]
    evidence: Evidence


class BedRules(Value):
    """When a report is too old, how long advice to send elsewhere stands at most, and for whom the
    emergency beds are kept."""

    known_for_s: Annotated[float, Field(gt=0)]
    divert_for_s: Annotated[float, Field(gt=0)]
    kept_for: frozenset[TriageLevel]
    source: Annotated[Text, Field(min_length=1)]
    evidence: Evidence
    emergency: EmergencyBeds

    @property
    def known_for(self) -> timedelta:
        """How long what was reported is known."""
        return timedelta(seconds=self.known_for_s)

    @property
    def divert_for(self) -> timedelta:
        """How long advice to send elsewhere stands at most."""
        return timedelta(seconds=self.divert_for_s)


class Facility(Value):
    """What one facility keeps. What it does not say, all do."""

    terms: Mapping[Owed, Term] = {}
    #: The departments that one key calls, by centre.
    teams: Mapping[Centre, tuple[Identifier, ...]] = {}
    #: Where each level is received.
    zones: Mapping[TriageLevel, Zone] = {}
    #: What is done after the patient is treated.
    formalities: tuple[Formality, ...] | None = None
    beds: BedRules | None = None

    def over(self, others: Self) -> Self:
        """The same with what all keep, where this one says nothing."""
        return self.but(
            terms={**others.terms, **self.terms},
            teams={**others.teams, **self.teams},
            zones={**others.zones, **self.zones},
            formalities=others.formalities if self.formalities is None else self.formalities,
            beds=self.beds or others.beds,
        )

    @property
    def bed_rules(self) -> BedRules:
        """What it keeps of its beds; the loader has seen to it that all keep something."""
        assert self.beds is not None  # noqa: S101
        return self.beds


class Facilities(Value):
    """What all keep, and what some of them keep otherwise."""

    all: Facility
    facilities: Mapping[Identifier, Facility] = {}

    def of(self, facility_id: str | None) -> Facility:
        """What this one keeps."""
        own = self.facilities.get(facility_id or "")
        return self.all if own is None else own.over(self.all)
