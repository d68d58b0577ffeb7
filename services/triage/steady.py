"""Whether a sample can change anything: most cannot, and they must cost next to nothing.

Every number that any rule compares a vital sign with is a cut. While all samples that are kept lie
between the same two cuts, every rule says what it said: so much room a patient has.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from math import inf
from typing import NamedTuple, TypeAlias

from services.triage.condition import Condition
from services.triage.derived import DERIVED, FORMULAS
from services.triage.frame import Frame
from services.triage.picture import KEPT, Picture, Samples
from services.triage.protocol import Protocol
from services.triage.scores import Item, Score, Scores

Cuts: TypeAlias = Mapping[str, tuple[float, ...]]


class Side(NamedTuple):
    """Between these (the lower included) a vital sign may move."""

    low: float
    high: float
    #: Where one sample beside two others counts for nothing: so long they may lie apart.
    alone: timedelta | None = None

    def holds(self, ring: Samples, readings: Samples | None) -> bool:
        """Whether all that count lie between, or all but one that counts for nothing."""
        low, high, inside = self.low, self.high, 0
        for sample in ring:
            value = sample.value
            if type(value) is float and low <= value < high:
                inside += 1
        return inside == len(ring) or (inside == KEPT - 1 and self.outvotes(ring, readings))

    def outvotes(self, ring: Samples, readings: Samples | None) -> bool:
        """Whether the other two of the last three outvote one that lies elsewhere."""
        if self.alone is None or len(ring) < KEPT or (readings and readings[-1].at >= ring[0].at):
            return False
        return ring[-1].at - ring[0].at <= self.alone


class Ratio(NamedTuple):
    """A number that follows from two vital signs, and between what it may move."""

    formula: Callable[[float, float], float]
    lead: str
    beside: str
    side: Side


class Room(NamedTuple):
    """Where what a monitor streams of one patient may move, and no rule says anything else."""

    sides: Mapping[str, Side]
    ratios: tuple[Ratio, ...]
    stale: timedelta
    #: Whose cuts it lies between.
    of: object = None

    def holds(self, before: Picture, after: Picture, now: datetime) -> bool:
        """Whether a sample has moved nothing beyond it. Then the room is the same for the next."""
        if (
            after.silent
            or before.silent
            or after.late is not before.late
            or after.gap is not before.gap
            or after.impossible is not before.impossible
        ):
            return False
        was, sides, readings = before.streams, self.sides, after.readings
        for name, ring in after.streams.items():
            old = was.get(name)
            if ring is old:
                continue
            side = sides.get(name)
            if side is None or old is None or now - old[-1].at > self.stale:
                return False
            if not side.holds(ring, readings.get(name)):
                return False
        return all(_is_within(ratio, before, after) for ratio in self.ratios)

    def within(self, other: Room) -> Room:
        """What both leave."""
        both = self.sides.keys() & other.sides.keys()
        return Room(
            {name: _overlap(self.sides[name], other.sides[name]) for name in both},
            self.ratios + other.ratios,
            min(self.stale, other.stale),
        )


def _overlap(one: Side, other: Side) -> Side:
    alone = None if one.alone is None or other.alone is None else min(one.alone, other.alone)
    return Side(max(one.low, other.low), min(one.high, other.high), alone)


def _is_within(ratio: Ratio, before: Picture, after: Picture) -> bool:
    """Whether the number lies where it lay, whichever of the two it follows from is new."""
    formula, lead, beside, side = ratio
    is_new = after.streams.get(lead) is not before.streams.get(lead)
    if not is_new and after.streams.get(beside) is before.streams.get(beside):
        return True
    return all(
        side.low <= formula(one, two) < side.high
        for one in _kept(after, lead)
        for two in _kept(after, beside)
        if two
    )


def _kept(picture: Picture, name: str) -> list[float]:
    """The values that may count, the newest reading among them."""
    samples = (*picture.streams.get(name, ()), *picture.readings.get(name, ())[-1:])
    return [sample.value for sample in samples if isinstance(sample.value, float)]


class Steadiness(NamedTuple):
    """The cuts of one protocol, with the centres' and those of the scores that they ask for."""

    cuts: Cuts
    #: The derived numbers that some rule asks for.
    derived: tuple[str, ...]
    #: The vital signs of which one value acts.
    at_once: frozenset[str]
    stale: timedelta
    #: Within so long the second of three samples counts; None where more or fewer are asked for.
    alone: timedelta | None

    def room(self, picture: Picture) -> Room:
        """What the rules leave to a patient. A vital sign of which the values that count do not lie
        together has none, nor one of which a human's reading is the newest."""
        sides = {
            name: side
            for name in picture.streams
            if (side := self._side(picture, name)) is not None
        }
        ratios = []
        for name in self.derived:
            lead, beside = DERIVED[name]
            formula, leads, others = FORMULAS[name], _kept(picture, lead), _kept(picture, beside)
            values = [formula(one, two) for one in leads for two in others if two]
            side = _around(self.cuts[name], values)
            if side is not None:
                ratios.append(Ratio(formula, lead, beside, side))
            elif values:
                sides.pop(lead, None)
                sides.pop(beside, None)
        return Room(sides, tuple(ratios), self.stale)

    def _side(self, picture: Picture, name: str) -> Side | None:
        ring, readings = picture.streams[name], picture.readings.get(name)
        if readings and readings[-1].at >= ring[-1].at:
            return None
        kept, cuts = _kept(picture, name), self.cuts.get(name, ())
        if name in self.at_once:
            return _around(cuts, kept)
        if len(kept) < 2:
            return None
        side = _around(cuts, kept)
        if side is not None:
            return side._replace(alone=self.alone)
        values = [sample.value for sample in ring if isinstance(sample.value, float)]
        for one, two in combinations(values, 2):
            side = _around(cuts, (one, two))
            if side is not None and side._replace(alone=self.alone).outvotes(ring, readings):
                return side._replace(alone=self.alone)
        return None


def _around(cuts: Sequence[float], values: Sequence[float]) -> Side | None:
    """The cuts between which all values lie; None where there are none, or they lie apart."""
    places = {bisect_right(cuts, value) for value in values}
    if len(places) != 1:
        return None
    (place,) = places
    low = cuts[place - 1] if place else -inf
    return Side(low, cuts[place] if place < len(cuts) else inf)


def steadiness(
    protocol: Protocol, asked: Iterable[Condition], scores: Scores, frame: Frame
) -> Steadiness:
    """Collect the cuts: of the protocol, and of the conditions that are asked of a patient."""
    found = defaultdict[str, set[float]](set)
    for name, edge in (*_own_edges(protocol, scores), *_edges_asked(protocol, asked, scores)):
        found[name].add(edge)
    at_once = {name for name, vital in frame.vitals.items() if vital.monitored == "now_and_then"}
    return Steadiness(
        {name: tuple(sorted(edges)) for name, edges in found.items()},
        tuple(sorted(DERIVED.keys() & found.keys())),
        frozenset(at_once),
        frame.stream.stale,
        frame.stream.within if frame.stream.of == KEPT else None,
    )


def _own_edges(protocol: Protocol, scores: Scores) -> Iterator[tuple[str, float]]:
    for name, indicator in protocol.indicators.items():
        if name in scores.scores:
            yield from _edges(scores.scores[name], scores)
        else:
            yield from ((name, end) for end in indicator.ends)


def _edges_asked(
    protocol: Protocol, asked: Iterable[Condition], scores: Scores
) -> Iterator[tuple[str, float]]:
    """Every number that the conditions compare with, where they can hold for the protocol's
    patients."""
    for condition in (part for whole in asked for part in whole.parts()):
        if not condition.may_hold(protocol.ages, protocol.obstetric):
            continue
        yield from ((limit.name, limit.edge) for limit in condition.any_limit)
        if condition.score is not None:
            yield from _edges(scores.scores[condition.score.name], scores)


def score_cuts(score: Score, scores: Scores) -> Cuts:
    """Where the points of a score change."""
    found = defaultdict[str, set[float]](set)
    for name, edge in _edges(score, scores):
        found[name].add(edge)
    return {name: tuple(sorted(edges)) for name, edges in found.items()}


def _edges(score: Score, scores: Scores) -> Iterator[tuple[str, float]]:
    """Where the points of a score change."""
    if score.ratio is not None:
        yield from ((score.ratio, end) for end in score.ends)
    for item in score.items.values():
        yield from _edges_of(item, scores)


def _edges_of(item: Item, scores: Scores) -> Iterator[tuple[str, float]]:
    if item.of is not None and item.bands is not None:
        yield from ((item.of, end) for end in item.bands.ends)
    if item.of is not None and item.from_normal is not None:
        for normal in item.from_normal.normal:
            for far in item.from_normal.above:
                yield item.of, far.edge_above(normal.high)
            for far in item.from_normal.below:
                yield item.of, far.edge_below(normal.low)
    if item.of_score is not None:
        yield from _edges(scores.scores[item.of_score], scores)
    parts = (item.with_oxygen, item.on_air, *item.first_known, *(item.greatest_of or {}).values())
    for part in parts:
        if part is not None:
            yield from _edges_of(part, scores)
