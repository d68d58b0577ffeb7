"""Who takes part: stations with their counties and owners, hospitals, units and their readiness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, model_validator

from schemas.capacity import CapacityReported
from schemas.event import Event, Identifier, Phone, Text, Value
from schemas.incident import Point
from schemas.repeats import digest_of, name_of
from schemas.triage import Bilingual, Centre
from schemas.unit import (
    ReadinessReported,
    UnitKind,
    UnitMobilised,
    UnitRegistered,
    UnitReleased,
)
from services.dispatch.unit import Decision, Unit
from services.kit.errors import Rejected
from services.kit.idempotency import is_repeat

StationKind = Literal["county_centre", "township"]


def check_enrolment(begins: date | None, ends: date | None) -> None:
    """Raises ``ValueError`` where it ends before it began."""
    if ends is not None and (begins is None or ends < begins):
        raise ValueError("enrolled_to comes after enrolled_from, and not without it")


class Station(Value):
    """Where units stand. A township health centre stands here whether it takes part or not."""

    station_id: Identifier
    name: Bilingual
    kind: StationKind
    county: Identifier
    owner: Text | None = None
    point: Point
    #: The hospital of its network: where its patients go, if nothing speaks against it.
    network_facility_id: Identifier | None = None
    enrolled_from: date | None = None
    enrolled_to: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Station:
        check_enrolment(self.enrolled_from, self.enrolled_to)
        return self

    def is_enrolled(self, day: date) -> bool:
        """Whether it takes part on this day; the last day is one of them."""
        if self.enrolled_from is None or day < self.enrolled_from:
            return False
        return self.enrolled_to is None or day <= self.enrolled_to


class Hospital(Value):
    """A facility: where it is, which centres it has, and what it last said it has free."""

    facility_id: Identifier
    name: Bilingual
    point: Point
    centres: tuple[Centre, ...] = ()
    #: What dispatch telephones, where the hospital itself names no other.
    phone: Phone | None = None
    capacity: CapacityReported | None = None


class FacilityName(Value):
    """How a hospital is called."""

    facility_id: Identifier
    name: Bilingual


class UnitName(Value):
    """A unit that a crew may sign on with, and where it is stationed."""

    unit_id: Identifier
    kind: UnitKind
    station_id: Identifier


class Enrolment(Value):
    """How many township health centres of a county take part; no share where there are none."""

    county: Identifier
    enrolled: int
    of: int
    share: float | None = None


def enrolment(stations: Iterable[Station], day: date) -> list[Enrolment]:
    """The share of township health centres that take part, county by county."""
    counties: dict[str, list[bool]] = defaultdict(list)
    for station in stations:
        known = counties[station.county]
        if station.kind == "township":
            known.append(station.is_enrolled(day))
    return [
        Enrolment(
            county=county,
            enrolled=sum(known),
            of=len(known),
            share=round(sum(known) / len(known), 6) if known else None,
        )
        for county, known in sorted(counties.items())
    ]


def hear_capacity(hospital: Hospital | None, event: CapacityReported) -> Hospital | None:
    """What a hospital has free; what is older than what is known changes nothing."""
    if hospital is None:
        return None
    known = hospital.capacity
    if known is not None and known.occurred_at >= event.occurred_at:
        return hospital
    return hospital.but(capacity=event)


# -- units -------------------------------------------------------------------------------------

#: A readiness that was found longer ago than a shift is not known any more. Ours; no source.
STALE = timedelta(hours=12)


class Readiness(Value):
    """Whether a unit may be sent, as far as that is known, and what stands against it."""

    is_known: bool
    lacks: tuple[Literal["crew", "equipment", "oxygen", "fuel"], ...] = ()
    reported_at: AwareDatetime | None = None

    @property
    def is_ready(self) -> bool:
        """Whether nothing is known to be missing."""
        return not self.lacks


def readiness(unit: Unit, now: datetime) -> Readiness:
    """What is missing stays missing until somebody says otherwise; that all was there grows old."""
    told = unit.readiness
    if told is None:
        return Readiness(is_known=False)
    lacks = tuple(_lacks(told))
    is_whole = None not in (told.crew, told.equipment, told.oxygen, told.fuel)
    is_fresh = now - told.occurred_at <= STALE
    return Readiness(
        is_known=bool(lacks) or (is_whole and is_fresh), lacks=lacks, reported_at=told.occurred_at
    )


def _lacks(
    told: ReadinessReported,
) -> Iterator[Literal["crew", "equipment", "oxygen", "fuel"]]:
    if told.crew == "incomplete":
        yield "crew"
    if told.equipment == "incomplete":
        yield "equipment"
    if told.oxygen == "low":
        yield "oxygen"
    if told.fuel == "low":
        yield "fuel"


def take(unit: Unit, event: UnitEvent) -> Decision:
    """Take in what is said of a unit. A repeat changes nothing. Raises ``Rejected`` 409 where a
    unit is mobilised that is not of the mobile force."""
    name = name_of(event)
    if is_repeat(unit.taken, name, event):
        return unit, ()
    changed = _taken(unit, event)
    return changed.but(taken=unit.taken.with_(name, digest_of(event))), [event]


UnitEvent = UnitRegistered | ReadinessReported | UnitMobilised | UnitReleased


def _taken(unit: Unit, event: Event) -> Unit:
    match event:
        case UnitRegistered():
            return unit.but(registered=event)
        case ReadinessReported():
            known = unit.readiness
            is_old = known is not None and known.occurred_at > event.occurred_at
            return unit if is_old else unit.but(readiness=event)
        case UnitMobilised() if is_mobile(unit):
            return unit.but(mobilised=event)
        case UnitMobilised():
            raise Rejected(409, "Standing", "This unit is not of the mobile force: it may be sent.")
    return unit.but(mobilised=None)


def is_mobile(unit: Unit) -> bool:
    """Whether it is of the force that is called up."""
    return unit.registered is not None and unit.registered.force == "mobile"
