"""Scores as data: items that give points, and what the sum means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from math import inf, nextafter
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from schemas.clinical import SCALES
from services.triage.band import Band, Bands, Rule
from services.triage.condition import Condition
from services.triage.terms import AgeRange, NumberName, Said, SignName, Sourced, VitalName


class PointBand(Band):
    """The points that the values of a band give."""

    points: float


class Points(Bands[PointBand]):
    """A number in bands."""

    def of(self, value: float) -> float:
        """The points that ``value`` gives."""
        return self.bands[self.number(value)].points


def _listed(raw: Any) -> Any:
    """Bands of points are written as a list."""
    return {"bands": raw} if isinstance(raw, list) else raw


class Beyond(Rule):
    """So far from normal, and the points for it; the first that fits counts."""

    by: float
    points: float
    #: Whether exactly so far is far enough.
    included: bool = False

    def holds(self, distance: float) -> bool:
        """Whether a distance from normal is so far."""
        return distance >= self.by if self.included else distance > self.by

    def edge_above(self, high: float) -> float:
        """The first value that is so far above."""
        return high + self.by if self.included else nextafter(high + self.by, inf)

    def edge_below(self, low: float) -> float:
        """The first value that is not so far below."""
        return nextafter(low - self.by, inf) if self.included else low - self.by


class Normal(Rule):
    """What is normal at an age."""

    ages: AgeRange
    low: float
    high: float


class FromNormal(Rule):
    """A number by its distance from what is normal at the patient's age."""

    normal: tuple[Normal, ...]
    above: tuple[Beyond, ...] = ()
    below: tuple[Beyond, ...] = ()


class Item(Rule):
    """One item of a score, read from exactly one place; or the greatest of several items.

    ``first_known`` takes the first of several ways that says anything.
    """

    name: Said | None = None
    of: NumberName | None = None
    #: A score that this one takes in, as the trauma score takes in the GCS.
    of_score: str | None = None
    bands: Annotated[Points | None, BeforeValidator(_listed)] = None
    from_normal: FromNormal | None = None
    letters: Mapping[str, float] | None = None
    of_letter: VitalName | None = None
    #: Points for each finding; absent when somebody looked and it was not there.
    signs: Mapping[SignName, float] | None = None
    #: An item that a crew scores by hand, such as ``lams.face``.
    scale: str | None = None
    with_oxygen: Item | None = None
    on_air: Item | None = None
    greatest_of: Mapping[str, Item] | None = None
    first_known: tuple[Item, ...] = ()
    #: Where nobody has said anything: no points, instead of a range.
    absent_unless_said: bool = False

    @model_validator(mode="after")
    def _check(self) -> Item:
        if self.scale is not None:
            scale, _, item = self.scale.partition(".")
            if item not in SCALES.get(scale, {}):
                raise ValueError(f"no item of a scale: {self.scale}")
        numeric = self.of is not None or self.of_score is not None
        if numeric and (self.bands is None) == (self.from_normal is None):
            raise ValueError("a number has bands, or its distance from normal")
        kinds = [numeric, self.letters, self.signs, self.scale, self.with_oxygen, self.greatest_of,
                 self.first_known]  # fmt: skip
        if sum(bool(kind) for kind in kinds) != 1:
            raise ValueError("an item is read from one place")
        return self

    @cached_property
    def kind(self) -> str:
        """The name of the field that says where it is read from."""
        kinds = ("of", "of_score", "letters", "signs", "scale", "first_known", "greatest_of")
        return next((kind for kind in kinds if getattr(self, kind)), "with_oxygen")

    @cached_property
    def span(self) -> tuple[float, float]:
        """The fewest and the most points that it can give."""
        points = sorted(self._all_points())
        return points[0], points[-1]

    def _all_points(self) -> Iterator[float]:
        if self.bands is not None:
            yield from (band.points for band in self.bands.bands)
        if self.from_normal is not None:
            yield 0.0
            yield from (b.points for b in (*self.from_normal.above, *self.from_normal.below))
        if self.letters is not None:
            yield from self.letters.values()
        if self.signs is not None:
            yield from (0.0, *self.signs.values())
        if self.scale is not None:
            scale, _, item = self.scale.partition(".")
            yield from (0.0, float(SCALES[scale][item]))
        parts = (self.with_oxygen, self.on_air, *self.first_known,
                 *(self.greatest_of or {}).values())  # fmt: skip
        for part in parts:
            if part is not None:
                yield from part._all_points()


class ScoreBand(Band):
    """What a score in this band means."""

    text: Said


class Score(Sourced, Bands[ScoreBand]):
    """A score: for whom, of what, and what it means."""

    name: Said
    #: Whether many points are bad, or few.
    worse: Literal["more", "fewer"] = "more"
    ages: AgeRange = AgeRange(unknown=True)
    obstetric: bool | None = None
    #: Shown only where this holds; without it, always.
    when: Condition | None = None
    #: Not a sum: the number as it is.
    ratio: NumberName | None = None
    items: Mapping[str, Item] = {}

    @model_validator(mode="after")
    def _check(self) -> Score:
        if bool(self.items) == (self.ratio is not None):
            raise ValueError("a score has items, or is a ratio")
        return self

    @cached_property
    def is_by_hand(self) -> bool:
        """Whether a crew scores all of it."""
        return bool(self.items) and all(item.scale for item in self.items.values())

    def is_for(self, years: float | None, obstetric: bool) -> bool:
        """Whether it is meant for somebody of this age."""
        return self.ages.holds(years) and self.obstetric in (None, obstetric)

    def may_be_for(self, ages: AgeRange, obstetric: bool) -> bool:
        """Whether it is meant for anyone of these ages, or for any woman around a birth."""
        return self.obstetric in (None, obstetric) and (obstetric or self.ages.meets(ages))


class Scores(Rule):
    """All scores of a set, one version."""

    version: str
    effective_from: AwareDatetime
    scores: Annotated[Mapping[str, Score], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Scores:
        for score in self.scores.values():
            for item in score.items.values():
                if item.of_score is not None and item.of_score not in self.scores:
                    raise ValueError(f"no such score: {item.of_score}")
        return self
