"""Scores as data: items that give points, and what the sum means. What is missing makes a range."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from math import inf, nextafter
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from schemas.clinical import SCALES
from schemas.triage import Bilingual, ScoreValue
from services.triage.band import Band, Bands, Rule
from services.triage.condition import Condition
from services.triage.facts import Facts
from services.triage.picture import latest
from services.triage.support import Support
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


class Range(NamedTuple):
    """A score: one number, or the two between which it lies, and what is missing of it."""

    low: float
    high: float
    missing: tuple[str, ...] = ()
    #: Whether a human tried to measure one of its numbers and could not.
    unmeasurable: bool = False


Span: TypeAlias = tuple[float, float]


def score_of(facts: Facts, scores: Scores, name: str) -> Range | None:
    """A score of a patient; None when nothing of it is known."""
    if name not in facts.scored:
        facts.scored[name] = _score_of(facts, scores, scores.scores[name])
    found: Range | None = facts.scored[name]
    return found


def _score_of(facts: Facts, scores: Scores, score: Score) -> Range | None:
    if score.ratio is not None:
        counted = facts.counted(score.ratio)
        if counted is None or not counted.values:
            return None
        value = counted.second(score.number)
        return None if value is None else Range(value, value)
    if score.is_by_hand and not facts.picture.points:
        return None
    low = high = 0.0
    missing, known, unmeasurable = [], False, False
    sign = 1.0 if score.worse == "more" else -1.0
    for item_name, item in score.items.items():
        found = _points(facts, scores, item, sign)
        if found is None:
            if item.absent_unless_said:
                continue
            found = item.span
            missing.append(item_name)
        else:
            known = True
            unmeasurable = unmeasurable or _is_unmeasurable(facts, item)
            if found[0] != found[1]:
                missing.append(item_name)
        low, high = low + found[0], high + found[1]
    return Range(low, high, tuple(missing), unmeasurable) if known else None


def _is_unmeasurable(facts: Facts, item: Item) -> bool:
    counted = facts.counted(item.of) if item.of is not None else None
    return counted is not None and counted.unmeasurable


def _points(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    """The points of an item, as a range; None when nothing is known of it. ``sign`` is -1 where few
    points are bad."""
    way = next(way for kind, way in _WAYS.items() if getattr(item, kind))
    return way(facts, scores, item, sign)


def _of_letter(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    said = facts.letter(item.of_letter or "consciousness")
    points = (item.letters or {}).get(said[0]) if said else None
    return None if points is None else (points, points)


def _of_scale(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    scored = facts.picture.points.get(item.scale or "")
    return (float(scored.points), float(scored.points)) if scored else None


def _first_known(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    found = (_points(facts, scores, way, sign) for way in item.first_known)
    return next((points for points in found if points is not None), None)


def _of_score(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    inner = score_of(facts, scores, item.of_score or "")
    if inner is None or item.bands is None:
        return None
    ends = item.bands.of(inner.low), item.bands.of(inner.high)
    return min(ends), max(ends)


def _of_number(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    counted, weigh = facts.counted(item.of or ""), _weighing(facts, item)
    if counted is None or counted.stale or weigh is None:
        return None
    best, worst = item.span if sign > 0 else item.span[::-1]
    if counted.unmeasurable:
        return worst, worst
    if not counted.alone and len(counted.values) == 1:  # a lone sample counts when it is good
        points = weigh(counted.values[0])
        return (points, points) if points == best else None
    value = counted.second(lambda v: sign * weigh(v))
    points = weigh(counted.values[-1] if value is None else value)
    return points, points


def _weighing(facts: Facts, item: Item) -> Callable[[float], float] | None:
    if item.bands is not None:
        return item.bands.of
    rule, years = item.from_normal, facts.years
    normal = next((n for n in rule.normal if n.ages.holds(years)), None) if rule else None
    if rule is None or normal is None:
        return None

    def weigh(value: float) -> float:
        above = next((b.points for b in rule.above if b.holds(value - normal.high)), 0.0)
        return max(above, next((b.points for b in rule.below if b.holds(normal.low - value)), 0.0))

    return weigh


def _of_signs(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    """The most of what was found; for what nobody has looked at, a range."""
    signs = item.signs or {}
    words = {name: facts.picture.word(name) for name in signs}
    present = [signs[name] for name, word in words.items() if word and word.present]
    unknown = [signs[name] for name, word in words.items() if word is None]
    if not present and len(unknown) == len(signs):
        return None
    low = max(present, default=0.0)
    return low, low if item.absent_unless_said else max((low, *unknown))


def _greatest(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    """The greatest of several items: a domain is as bad as its worst item."""
    items = tuple((item.greatest_of or {}).values())
    found = [_points(facts, scores, each, sign) for each in items]
    if all(points is None for points in found):
        return None
    spans = [
        points or ((0.0, 0.0) if each.absent_unless_said else each.span)
        for points, each in zip(found, items, strict=True)
    ]
    return max(low for low, _ in spans), max(high for _, high in spans)


def _by_oxygen(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    """By whether oxygen is given; where nobody has said so, both."""
    said = facts.letter("on_oxygen")
    ways: Sequence[Item | None] = (item.with_oxygen, item.on_air)
    if said is not None:
        ways = (item.with_oxygen if said[0] == "yes" else item.on_air,)
    found = [_points(facts, scores, way, sign) for way in ways if way is not None]
    known = [points for points in found if points is not None]
    if not known:
        return None
    return min(low for low, _ in known), max(high for _, high in known)


_WAYS: Mapping[str, Callable[[Facts, Scores, Item, float], Span | None]] = {
    "of": _of_number,
    "of_score": _of_score,
    "letters": _of_letter,
    "signs": _of_signs,
    "scale": _of_scale,
    "first_known": _first_known,
    "greatest_of": _greatest,
    "with_oxygen": _by_oxygen,
}


def support_of(facts: Facts, scores: Scores, name: str) -> Support:
    """The observations that a score rests on."""
    items = scores.scores[name].items.values()
    ids = [said for item in items for said in _said_by(facts, scores, item)]
    return Support(tuple(dict.fromkeys(ids)))


def _said_by(facts: Facts, scores: Scores, item: Item) -> Iterator[str]:
    picture = facts.picture
    if item.of is not None and (known := latest(picture, item.of)):
        yield known[0].said_by
    if item.of_score is not None:
        yield from support_of(facts, scores, item.of_score).ids
    if item.letters is not None and (known := latest(picture, item.of_letter or "consciousness")):
        yield known[0].said_by
    for sign in item.signs or ():
        if word := picture.word(sign):
            yield word.said_by
    if item.scale is not None and item.scale in picture.points:
        yield picture.points[item.scale].said_by
    parts = (item.with_oxygen, item.on_air, *item.first_known, *(item.greatest_of or {}).values())
    for part in parts:
        if part is not None:
            yield from _said_by(facts, scores, part)


def told(facts: Facts, scores: Scores, name: str) -> ScoreValue | None:
    """A score as it is shown."""
    found = score_of(facts, scores, name)
    return None if found is None else _told(name, scores.scores[name], found, facts)


def _told(name: str, score: Score, found: Range, facts: Facts) -> ScoreValue:
    first, last = score.number(found.low), score.number(found.high)
    span = f"{found.low:.3g}" if found.low == found.high else f"{found.low:.3g}–{found.high:.3g}"
    zh, en = f"{score.name.zh} {span}", f"{score.name.en} {span}"
    if first == last:
        meaning = score.bands[first].text
        zh, en = f"{zh}：{meaning.zh}", f"{en}: {meaning.en}"
    if found.missing:
        names = [_named(item, score, facts) for item in found.missing]
        zh += f"（缺 {'、'.join(n.zh for n in names)}）"
        en += f" (missing: {', '.join(n.en for n in names)})"
    return ScoreValue(
        name=name, low=round(found.low, 3), high=round(found.high, 3), missing=found.missing,
        text=Bilingual(zh=zh, en=en),
    )  # fmt: skip


def _named(item: str, score: Score, facts: Facts) -> Bilingual:
    given = score.items[item]
    if given.name is not None:
        return given.name
    return facts.frame.named(given.of or item)
