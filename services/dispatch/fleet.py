"""What a site decides of its fleet: the reserve for emergencies, and what a call needs aboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from schemas.encounter import Complaint
from schemas.event import Identifier, Text, Value
from schemas.triage import Evidence
from schemas.unit import Equipment

Number = Annotated[int, Field(ge=0)]
Sourced = Annotated[Text, Field(min_length=1)]


class Reserve(Value):
    """How many units that may be sent to an emergency stay free in a county."""

    of_each_county: Number
    counties: Mapping[Identifier, Number] = {}
    source: Sourced
    evidence: Evidence

    def of(self, county: str | None) -> int:
        """The reserve of this county."""
        return self.counties.get(county or "", self.of_each_county)


class Needs(Value):
    """What a call needs aboard, by what is the matter."""

    by_complaint: Mapping[Complaint, tuple[Equipment, ...]]
    source: Sourced
    evidence: Evidence

    def of(self, complaints: Iterable[Complaint]) -> frozenset[Equipment]:
        """What all of these need."""
        return frozenset(e for each in complaints for e in self.by_complaint.get(each, ()))


class SameEvent(Value):
    """How near to an open call, and how soon after it, a new one is offered for merging."""

    within_m: Annotated[float, Field(gt=0)]
    within_s: Annotated[float, Field(gt=0)]
    source: Sourced
    evidence: Evidence


class Fleet(Value):
    """What a site decides of its fleet."""

    reserve: Reserve
    equipment: Needs
    place_known_for_s: Annotated[float, Field(gt=0)]
    capacity_known_for_s: Annotated[float, Field(gt=0)]
    same_event: SameEvent | None = None

    @property
    def place_known_for(self) -> timedelta:
        """How long a place on the road is where the unit is."""
        return timedelta(seconds=self.place_known_for_s)

    @property
    def capacity_known_for(self) -> timedelta:
        """How long what a hospital has free is known."""
        return timedelta(seconds=self.capacity_known_for_s)
