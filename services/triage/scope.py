"""What of a set can concern the patients of one protocol: the rest need not be asked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from schemas.triage import Centre
from services.triage.centres import CentreRule, Centres, Injury, Need
from services.triage.condition import Condition
from services.triage.facts import Facts
from services.triage.frame import Frame
from services.triage.protocol import Protocol
from services.triage.scores import Score, Scores
from services.triage.steady import Room, Steadiness, steadiness

#: Complaints and signs of which one must be there for a condition to hold; without any where it may
#: hold of anybody. Most patients have next to none.
Gate: TypeAlias = frozenset[str] | None


class GatedRule(NamedTuple):
    """A rule of a centre."""

    name: str
    centre: Centre
    rule: CentreRule
    gate: Gate


class GatedNeed(NamedTuple):
    """What a centre needs to know."""

    centre: Centre
    need: Need
    gate: Gate


class GatedScore(NamedTuple):
    """A score that is shown where ``when`` holds; without it, always."""

    name: str
    score: Score
    gate: Gate


class Scope(NamedTuple):
    """What can concern the patients of one protocol; of none, where none fits."""

    rules: tuple[GatedRule, ...]
    needs: tuple[GatedNeed, ...]
    scores: tuple[GatedScore, ...]
    #: By what a patient complains of and the signs that are present, what tells that a sample
    #: changes nothing; where no protocol fits, nothing does.
    steady: Callable[[frozenset[str]], Steadiness] | None

    def room(self, facts: Facts) -> Room | None:
        """Where the patient's values may move."""
        return None if self.steady is None else self.steady(facts.there).room(facts.picture)


def scope(protocol: Protocol | None, frame: Frame, centres: Centres, scores: Scores) -> Scope:
    """Leave out what holds for others alone."""
    rules = tuple(_rules(protocol, centres))
    needs = tuple(_needs(protocol, centres))
    shown = tuple(_scores(protocol, centres.injury, scores))
    gated = [(rule.rule.when, rule.gate) for rule in rules]
    gated += [(each.need.when, each.gate) for each in needs if each.need.when is not None]
    gated += [(each.score.when, each.gate) for each in shown if each.score.when is not None]
    if protocol is None:
        return Scope(rules, needs, shown, None)
    gated += [(modifier.when, None) for modifier in protocol.modifiers.values()]

    @lru_cache(maxsize=1024)
    def steady(there: frozenset[str]) -> Steadiness:
        asked = (when for when, gate in gated if gate is None or not gate.isdisjoint(there))
        return steadiness(protocol, asked, scores, frame)

    return Scope(rules, needs, shown, steady)


def _rules(protocol: Protocol | None, centres: Centres) -> Iterator[GatedRule]:
    for centre, of_centre in centres.centres.items():
        for name, rule in of_centre.rules.items():
            if _may_hold(rule.when, protocol):
                gate = gate_of(rule.when, centres.injury)
                yield GatedRule(f"{centre.value}.{name}", centre, rule, gate)


def _needs(protocol: Protocol | None, centres: Centres) -> Iterator[GatedNeed]:
    for centre, of_centre in centres.centres.items():
        for need in of_centre.needs:
            if _may_hold(need.when, protocol):
                yield GatedNeed(centre, need, gate_of(need.when, centres.injury))


def _scores(protocol: Protocol | None, injury: Injury, scores: Scores) -> Iterator[GatedScore]:
    for name, score in scores.scores.items():
        is_for = protocol is None or score.may_be_for(protocol.ages, protocol.obstetric)
        if is_for and _may_hold(score.when, protocol):
            yield GatedScore(name, score, gate_of(score.when, injury))


def _may_hold(when: Condition | None, protocol: Protocol | None) -> bool:
    return when is None or protocol is None or when.may_hold(protocol.ages, protocol.obstetric)


def gate_of(when: Condition | None, injury: Injury) -> Gate:
    """What must be there for a condition to hold."""
    if when is None:
        return None
    if when.any_complaint:
        return frozenset(when.any_complaint)
    if when.any_sign or when.all_signs:
        return frozenset(when.any_sign or when.all_signs[:1])
    if when.injured:
        return frozenset((*injury.any_complaint, *injury.any_sign))
    ways = [gate_of(each, injury) for each in when.any_of]
    known = [way for way in ways if way is not None]
    return frozenset().union(*known) if ways and len(known) == len(ways) else None
