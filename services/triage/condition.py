"""Conditions of a rule, as a clinician writes them: all that is named holds, together."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from math import inf, nextafter
from typing import Annotated

from pydantic import Field, model_validator

from schemas.encounter import Complaint
from schemas.triage import TriageLevel
from services.triage.band import Rule
from services.triage.terms import AgeRange, NumberName, SignName


class Limit(Rule):
    """A number beyond a limit; what a human could not measure is below any."""

    name: NumberName
    below: float | None = None
    above: float | None = None
    at_least: float | None = None
    #: A number alone is beyond it: that it could not be measured says nothing here.
    measured: bool = False

    @model_validator(mode="after")
    def _check(self) -> Limit:
        if [self.below, self.above, self.at_least].count(None) != 2:
            raise ValueError("one limit: below, above or at_least")
        return self

    @property
    def edge(self) -> float:
        """The first value on the upper side of the limit."""
        if self.above is not None:
            return nextafter(self.above, inf)
        return self.below if self.below is not None else self.at_least or 0.0

    def is_passed(self, value: float) -> bool:
        """Whether ``value`` lies beyond the limit."""
        if self.below is not None:
            return value < self.below
        return value > self.above if self.above is not None else value >= (self.at_least or 0)


class ScoreLimit(Rule):
    """A score that is at least so high, whatever is missing of it."""

    name: str
    at_least: float


class Condition(Rule):
    """All that is named here holds, together; what is not known does not hold."""

    any_complaint: tuple[Complaint, ...] = ()
    any_sign: tuple[SignName, ...] = ()
    all_signs: tuple[SignName, ...] = ()
    any_limit: tuple[Limit, ...] = ()
    score: ScoreLimit | None = None
    #: Last seen without signs longer ago than this; an unknown time is not.
    last_known_well_over_h: Annotated[float, Field(gt=0)] | None = None
    ages: AgeRange | None = None
    obstetric: bool | None = None
    #: Injured by complaint or finding, as the centres' document lists them.
    injured: bool | None = None
    #: Born on the way.
    born_on_the_way: bool | None = None
    #: The worst level so far is at least this.
    level: TriageLevel | None = None
    any_of: tuple[Condition, ...] = ()
    #: What is known to exclude it. A rule that has held falls silent only by this.
    unless: Condition | None = None

    @model_validator(mode="after")
    def _check(self) -> Condition:
        if not self.model_fields_set:
            raise ValueError("a condition names something")
        return self

    def parts(self) -> Iterator[Condition]:
        """It and all that it is made of; what bounds the whole bounds each part."""
        yield self
        for each in (*self.any_of, *([self.unless] if self.unless else [])):
            for part in each.parts():
                narrowed = {"obstetric": self.obstetric, "ages": self.ages}
                bounds = {
                    name: bound
                    for name, bound in narrowed.items()
                    if bound is not None and getattr(part, name) is None
                }
                yield part.model_copy(update=bounds)

    def may_hold(self, ages: AgeRange, obstetric: bool) -> bool:
        """Whether it can hold for anyone of these ages, or for any woman around a birth."""
        if self.obstetric is not None and self.obstetric is not obstetric:
            return False
        return self.ages is None or obstetric or self.ages.meets(ages)

    @cached_property
    def follows_level(self) -> bool:
        """Whether it asks, anywhere, for the level."""
        inner = (*self.any_of, *([self.unless] if self.unless else []))
        return self.level is not None or any(each.follows_level for each in inner)
