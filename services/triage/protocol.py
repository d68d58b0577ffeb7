"""Clinical knowledge of one age group as data: each number with its source, checked on load."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from schemas.encounter import Complaint
from schemas.triage import Evidence, TriageLevel
from services.triage.band import Band, Bands, Rule
from services.triage.condition import Condition
from services.triage.terms import AgeRange, Said, SignName, Sourced, Stated, VitalName, check_unit


class LevelBand(Band):
    """The level of the values in a band."""

    level: TriageLevel


class Indicator(Sourced, Bands[LevelBand]):
    """A measured number, or a score, and the levels of its bands."""

    name: Said
    unit: Stated
    #: Not looked at in the first minutes of life.
    from_minute: float = 0

    @model_validator(mode="after")
    def _worse_outwards(self) -> Indicator:
        """The least urgent band is what is normal; farther from it nothing becomes milder."""
        normal = self.urgencies.index(min(self.urgencies))
        below = ((number, number + 1) for number in range(normal))
        above = ((number + 1, number) for number in range(normal, len(self.bands) - 1))
        for outer, inner in (*below, *above):
            if self.urgencies[outer] < self.urgencies[inner]:
                raise ValueError(
                    f"milder farther from normal: band {outer + 1} ({self.range_text(outer)}) than "
                    f"band {inner + 1} ({self.range_text(inner)})"
                )
        return self

    def level(self, value: float) -> tuple[TriageLevel, int]:
        """The level of ``value`` and the number of its band."""
        number = self.number(value)
        return self.bands[number].level, number

    @cached_property
    def urgencies(self) -> tuple[int, ...]:
        """How urgent each band is."""
        return tuple(band.level.urgency for band in self.bands)

    def urgency(self, value: float) -> int:
        """How urgent ``value`` is: 4 for Ⅰ down to 1 for Ⅳ."""
        return self.urgencies[self.number(value)]

    @property
    def most_urgent(self) -> TriageLevel:
        """The worst that a value of this indicator can mean."""
        return max((band.level for band in self.bands), key=lambda level: level.urgency)


class Sign(Sourced):
    """A finding, what an examination showed, a word or a complaint, and the level it means."""

    text: Said
    level: TriageLevel
    #: Of a complaint that means a level at some ages alone.
    ages: AgeRange | None = None


class Words(Rule):
    """An indicator whose values are words. A word that is not here decides nothing."""

    name: Said
    letters: Mapping[str, Sign]


class Unmeasurable(Rule):
    """What a human tried and could not measure is the indicator's most urgent band."""

    evidence: Evidence


class Modifier(Sourced):
    """Raises the level by so many where something holds of the patient."""

    when: Condition
    up: Annotated[int, Field(ge=1, le=3)]
    text: Said


class Also(Rule):
    """Which lists that hold for everyone stand in for rows that a protocol has not, and by what
    evidence, where they were made for others."""

    of_everyone: Annotated[tuple[Literal["signs", "complaints"], ...], Field(min_length=1)]
    evidence: Evidence | None = None


class Protocol(Rule):
    """One version of the rules for an age group."""

    protocol: str
    version: str
    effective_from: AwareDatetime
    name: Said
    ages: AgeRange
    #: For women who are pregnant or have lately given birth, whatever their age.
    obstetric: bool = False
    #: The least level of anyone this protocol is for.
    baseline: Sign | None = None
    indicators: Mapping[str, Indicator]
    words: Mapping[VitalName, Words]
    signs: Mapping[SignName, Sign]
    complaints: Mapping[Complaint, Sign]
    #: What raises whatever level the rest gives; they add up.
    modifiers: Mapping[str, Modifier] = {}
    unmeasurable: Unmeasurable
    #: Ⅳ is stated only when all of these are known.
    required: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Protocol:
        for name, indicator in self.indicators.items():
            try:
                check_unit(name, indicator.unit)
            except ValueError as error:
                raise ValueError(f"indicators.{name}.unit: {error}") from None
        stray = set(self.required) - set(self.indicators) - set(self.words)
        if stray:
            raise ValueError(f"required but not defined: {sorted(stray)}")
        return self

    def is_for(self, years: float | None, obstetric: bool) -> bool:
        """Whether somebody of this age belongs here."""
        return self.obstetric if obstetric else not self.obstetric and self.ages.holds(years)


def by_age(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A document whose indicators differ by age is a protocol for each age."""
    shared = {name: part for name, part in document.items() if name != "by_age"}
    return [
        {
            **shared,
            "protocol": f"{shared['protocol']}.{name}",
            "ages": part["ages"],
            "indicators": {**shared["indicators"], **part["indicators"]},
        }
        for name, part in document.get("by_age", {}).items()
    ] or [document]
