"""What a board has to know of its own house, as the file of facilities has it: with where each
number comes from, and without the ways into its systems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from schemas.event import Identifier, Phone, Value
from schemas.handoff import Formality, Owed, Zone
from schemas.triage import Bilingual, Centre, Evidence, TriageLevel
from services.bridge.facility import (
    ArrivalRules,
    BedRules,
    ByLevel,
    Facility,
    Recognising,
    Rung,
    Step,
)

#: Seconds by level; of a level that is not named nothing is owed.
Limits = Mapping[TriageLevel, float]


class Sourced(Value):
    """Something with a limit, and where the limit comes from."""

    name: Bilingual = Field(description="How it is called.")
    source: str = Field(description="Where its numbers come from.")
    evidence: Evidence = Field(description="How well they are known.")


class HouseClock(Sourced):
    """A clock of the green channel, as `clocks` of a handoff names it."""

    clock: Identifier = Field(description="Which clock.")
    centre: Centre = Field(description="Of which centre.")
    begins: Step = Field(description="With which moment it begins.")
    ends: Step = Field(description="With which it ends.")
    limit_min: float = Field(description="How long that may take.")
    of: Literal["direct", "transfer"] | None = Field(
        description="Of whom: who comes directly, or whom another sends on; null is of all."
    )


class HouseTerm(Sourced):
    """By when something is owed: the later one of both, and who hears if it is late."""

    owed: Owed = Field(description="What, as `promises` of a handoff name it.")
    within_s: Limits = Field(description="So long after it was asked for, by level.")
    before_arrival_s: Limits = Field(description="So long before the patient arrives, by level.")
    ladder: tuple[Rung, ...] = Field(
        description="Who hears, each so long after the one before; the first when it is due."
    )
    again_if_sooner_by_s: float | None = Field(
        description="It is asked for again when the patient comes so much sooner; else null."
    )


class House(Value):
    """What one facility keeps. What its file does not say, all do."""

    facility_id: Identifier = Field(description="Which facility.")
    name: Bilingual | None = Field(description="Its name; null where the file has none.")
    phone: Phone | None = Field(
        description="What is telephoned when nobody there answers; null where the file has none."
    )
    teams: Mapping[Centre, tuple[Identifier, ...]] = Field(
        description="The departments that are called when a centre is activated; an alert calls"
        " none of them."
    )
    zones: Mapping[TriageLevel, Zone] = Field(description="Where each level is received.")
    formalities: tuple[Formality, ...] = Field(description="What is done after the treatment.")
    recognises: Recognising | None = Field(
        description="Under which marks an examination made elsewhere is relied on."
    )
    clocks: tuple[HouseClock, ...] = Field(description="The clocks of the green channel.")
    owed: tuple[HouseTerm, ...] = Field(description="What is owed to a patient, and by when.")
    beds: BedRules = Field(description="How long a count is known, and what is kept for whom.")
    arrival: ArrivalRules | None = Field(
        description="How long an arrival may be taken back; null is not at all."
    )


def house_of(facility_id: str, kept: Facility) -> House:
    """What this facility keeps, to be read by its boards."""
    return House(
        facility_id=facility_id,
        name=kept.name,
        phone=kept.phone,
        teams=kept.teams,
        zones=kept.zones,
        formalities=kept.formalities or (),
        recognises=kept.recognises,
        clocks=tuple(
            HouseClock(clock=name, centre=centre, limit_min=clock.within_s / 60, **dict(clock))
            for centre, clocks in kept.clocks.items()
            for name, clock in clocks.items()
        ),
        owed=tuple(
            HouseTerm(
                owed=owed,
                **dict(term)
                | {
                    "within_s": _by_level(term.within_s),
                    "before_arrival_s": _by_level(term.before_arrival_s),
                },
            )
            for owed, term in kept.terms.items()
        ),
        beds=kept.bed_rules,
        arrival=kept.arrival,
    )


def _by_level(given: ByLevel | None) -> Limits:
    if given is None or isinstance(given, Mapping):
        return given or {}
    return dict.fromkeys(TriageLevel, given)
