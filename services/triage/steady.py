"""Whether a sample can change anything: most cannot, and they must cost next to nothing.

Every number that any rule compares a vital sign with is a cut. While all samples that are kept lie
between the same two cuts, every rule says what it said.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from schemas.clinical import VitalSignsRecorded, VitalValue
from services.triage.centres import Centres
from services.triage.condition import Condition
from services.triage.derived import DERIVED, FORMULAS
from services.triage.frame import Frame
from services.triage.picture import Picture, Samples, values_of
from services.triage.protocol import Protocol
from services.triage.scores import Item, Score, Scores

Cuts: TypeAlias = Mapping[str, tuple[float, ...]]


class Steadiness(NamedTuple):
    """The cuts of one protocol, with the centres' and those of the scores that they ask for."""

    cuts: Cuts
    #: The derived numbers that some rule asks for, by each vital sign they follow from, with the
    #: other one.
    derived: Mapping[str, tuple[tuple[str, str], ...]]
    #: The vital signs of which one value acts.
    at_once: frozenset[str]
    stale: timedelta

    def holds(
        self, before: Picture, after: Picture, event: VitalSignsRecorded, now: datetime
    ) -> bool:
        """Whether nothing that a rule says has changed by this sample."""
        if (
            after.silent
            or before.silent
            or after.late is not before.late
            or after.gap is not before.gap
            or after.impossible is not before.impossible
        ):
            return False
        streams, readings = before.streams, after.readings
        for name, value in values_of(event.vitals):
            was = streams.get(name)
            if not was or now - was[-1].at > self.stale:
                return False
            if name in readings:
                if readings[name][-1].at >= was[-1].at:
                    return False
                was = (*was, readings[name][-1])
            if not self._is_one_more(after, name, value, was):
                return False
        return True

    def _is_one_more(self, after: Picture, name: str, value: VitalValue, was: Samples) -> bool:
        """Whether a value lies where all lay that are kept of it."""
        if not isinstance(value, float):
            return all(sample.value == value for sample in was)
        if len(was) < 2 and name not in self.at_once:
            return False
        cuts = self.cuts.get(name, ())
        place = bisect_right(cuts, value)
        for sample in was:
            if bisect_right(cuts, sample.value) != place:  # type: ignore[type-var]
                return False
        for derived, other in self.derived.get(name, ()):
            if other in after.streams or other in after.readings:
                kept = [value, *(sample.value for sample in was)]
                if not self._derived_holds(after, derived, name, kept):
                    return False
        return True

    def _derived_holds(
        self, after: Picture, derived: str, name: str, kept: Sequence[object]
    ) -> bool:
        """Whether a number that follows from two lies where it lay, whichever of them is new."""
        lead, beside = DERIVED[derived]
        other = beside if name == lead else lead
        values = [sample.value for sample in after.streams.get(other, ())]
        if other in after.readings:
            values.append(after.readings[other][-1].value)
        if not values:
            return True
        formula = FORMULAS[derived]
        pairs = ((k, o) if name == lead else (o, k) for k in kept for o in values)
        found = [
            formula(one, two)
            for one, two in pairs
            if isinstance(one, float) and isinstance(two, float) and two
        ]
        return len({bisect_right(self.cuts[derived], value) for value in found}) < 2


def steadiness(protocol: Protocol, frame: Frame, centres: Centres, scores: Scores) -> Steadiness:
    """Collect the cuts."""
    found = defaultdict[str, set[float]](set)
    for name, edge in _rule_edges(protocol, centres, scores):
        found[name].add(edge)
    derived = defaultdict[str, list[tuple[str, str]]](list)
    for name in sorted(DERIVED.keys() & found.keys()):
        for source, other in (DERIVED[name], DERIVED[name][::-1]):
            derived[source].append((name, other))
    at_once = {name for name, vital in frame.vitals.items() if vital.monitored == "now_and_then"}
    return Steadiness(
        {name: tuple(sorted(edges)) for name, edges in found.items()},
        {name: tuple(pairs) for name, pairs in derived.items()},
        frozenset(at_once),
        timedelta(seconds=frame.stream.stale_s),
    )


def _rule_edges(
    protocol: Protocol, centres: Centres, scores: Scores
) -> Iterator[tuple[str, float]]:
    """Every number that a rule for this protocol's patients compares with."""
    for name, indicator in protocol.indicators.items():
        if name in scores.scores:
            yield from _edges(scores.scores[name], scores)
        else:
            yield from ((name, end) for end in indicator.ends)
    ages, obstetric = protocol.ages, protocol.obstetric
    of_centres = (when for when in conditions(centres) if when.may_hold(ages, obstetric))
    others = [m.when for m in protocol.modifiers.values()]
    others += [score.when for score in scores.scores.values() if score.when is not None]
    of_others = (part for when in others for part in _within(when))
    for condition in (*of_centres, *of_others):
        yield from ((limit.name, limit.edge) for limit in condition.any_limit)
        if condition.score is not None:
            yield from _edges(scores.scores[condition.score.name], scores)


def score_cuts(score: Score, scores: Scores) -> Cuts:
    """Where the points of a score change."""
    found = defaultdict[str, set[float]](set)
    for name, edge in _edges(score, scores):
        found[name].add(edge)
    return {name: tuple(sorted(edges)) for name, edges in found.items()}


def conditions(centres: Centres) -> Iterator[Condition]:
    for protocol in centres.centres.values():
        for rule in protocol.rules.values():
            yield from _within(rule.when)
        for need in protocol.needs:
            if need.when is not None:
                yield from _within(need.when)


def _within(condition: Condition) -> Iterator[Condition]:
    yield condition
    inner = (*condition.any_of, *([condition.unless] if condition.unless else []))
    for each in inner:
        for part in _within(each):  # what bounds the outer one bounds it too
            narrowed = {"obstetric": condition.obstetric, "ages": condition.ages}
            bounds = {
                n: v for n, v in narrowed.items() if v is not None and getattr(part, n) is None
            }
            yield part.model_copy(update=bounds)


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
