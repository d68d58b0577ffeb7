"""Which rules of centres hold for a patient, and what they leave to ask."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from schemas.triage import Bilingual, Centre, TriageLevel
from services.triage.centres import CentreRule, Centres, Need
from services.triage.condition import Condition, Limit
from services.triage.facts import Facts
from services.triage.picture import latest
from services.triage.scope import Scope
from services.triage.scores import Scores
from services.triage.scoring import score_of, support_of
from services.triage.support import Support


class Fired(NamedTuple):
    """A rule of a centre that holds, and what it rests on."""

    name: str
    centre: Centre
    rule: CentreRule
    support: Support


class Question(NamedTuple):
    """A question for the crew, and what it is about."""

    value: int
    centre: Centre
    item: str
    text: Bilingual


class Asked:
    """Conditions asked of the facts: each answer is what it rests on, or None."""

    def __init__(
        self,
        facts: Facts,
        centres: Centres,
        scores: Scores,
        worst: TriageLevel = TriageLevel.NOT_YET,
    ) -> None:
        self.facts, self.centres, self.scores, self.worst = facts, centres, scores, worst

    def fired(self, scope: Scope) -> Iterator[Fired]:
        """Every rule of every centre that holds. Activation is proposed here, done by a human."""
        there = self.facts.there
        for name, centre, rule, gate in scope.rules:
            if gate is not None and gate.isdisjoint(there):
                continue
            support = self.holds(rule.when)
            if support is not None:
                yield Fired(name, centre, rule, support)

    def excluded(self, name: str) -> bool:
        """Whether a rule that has held is excluded by what is known now."""
        centre, _, rule_name = name.partition(".")
        protocol = self.centres.centres[Centre(centre)]
        unless = protocol.rules[rule_name].when.unless if rule_name in protocol.rules else None
        return unless is not None and self.holds(unless) is not None

    def shown(self, scope: Scope) -> Iterator[str]:
        """The scores that are shown beside this patient's level."""
        facts = self.facts
        there = facts.there
        for name, score, gate in scope.scores:
            if (gate is not None and gate.isdisjoint(there)) or not score.is_for(
                facts.years, facts.obstetric
            ):
                continue
            if score.when is None or self.holds(score.when) is not None:
                yield name

    def questions(self, scope: Scope, concerned: frozenset[Centre]) -> list[Question]:
        """What the centres need to know and do not, the most valuable first."""
        there = self.facts.there
        found = [
            Question(need.value, centre, need.item, need.question)
            for centre, need, gate in scope.needs
            if (centre in concerned if need.when is None else gate is None or gate & there)
            and (need.when is None or self.holds(need.when) is not None)
            and not self._is_known(need)
        ]
        return sorted(found, key=lambda question: -question.value)

    def _is_known(self, need: Need) -> bool:
        """Whether somebody has said it. A scale is known when all of it is; of what needs a number,
        that it could not be measured is no answer."""
        picture, item = self.facts.picture, need.item
        if item == "last_known_well":
            return picture.patient.last_known_well is not None
        if item in self.scores.scores:
            found = score_of(self.facts, self.scores, item)
            return found is not None and not found.missing
        known = latest(picture, item)
        if known is not None:
            return not need.measured or known[0].value != "unmeasurable"
        return item in picture.examinations or item in picture.signs

    def holds(self, when: Condition) -> Support | None:
        """What a condition rests on when all of it holds; the cheap parts are asked first."""
        if not self._fits(when):
            return None
        support = Support()
        for part in self._parts(when):
            if part is None:
                return None
            support = support.with_(part)
        return support

    def _fits(self, when: Condition) -> bool:
        """Whether it may hold of this patient, by what costs next to nothing to ask."""
        facts = self.facts
        return not (
            (when.any_complaint and facts.categories.isdisjoint(when.any_complaint))
            or (when.obstetric is not None and facts.obstetric is not when.obstetric)
            or (when.level is not None and self.worst.urgency < when.level.urgency)
            or (when.ages is not None and not when.ages.holds(facts.years))
            or (when.born_on_the_way is not None and when.born_on_the_way is not self._is_born())
        )

    def _parts(self, when: Condition) -> Iterator[Support | None]:
        if when.injured is not None:
            yield self._injured() if when.injured else None
        if when.any_sign:
            yield self._any_sign(when.any_sign)
        if when.all_signs:
            yield from map(self._sign, when.all_signs)
        if when.any_limit:
            yield next((s for limit in when.any_limit if (s := self._limit(limit))), None)
        if when.score is not None:
            found = score_of(self.facts, self.scores, when.score.name)
            reached = found is not None and found.low >= when.score.at_least
            yield support_of(self.facts, self.scores, when.score.name) if reached else None
        if when.last_known_well_over_h is not None:
            yield self._is_long_ago(when.last_known_well_over_h)
        if when.any_of:
            held = (self.holds(each) for each in when.any_of)
            yield next((s for s in held if s is not None), None)
        if when.unless is not None:
            yield Support() if self.holds(when.unless) is None else None

    def _sign(self, name: str) -> Support | None:
        word = self.facts.picture.word(name)
        return Support((word.said_by,)) if word and word.present else None

    def _any_sign(self, names: tuple[str, ...]) -> Support | None:
        signs = self.facts.picture.signs
        return next((s for name in names if name in signs and (s := self._sign(name))), None)

    def _injured(self) -> Support | None:
        if not self.facts.categories.isdisjoint(self.centres.injury.any_complaint):
            return Support()
        return self._any_sign(self.centres.injury.any_sign)

    def _limit(self, limit: Limit) -> Support | None:
        counted = self.facts.counted(limit.name)
        if counted is None:
            return None
        if counted.unmeasurable:
            tells = limit.below is not None and not limit.measured
            return Support((counted.samples[-1].said_by,)) if tells else None
        return counted.support(limit.is_passed) if counted.passes(limit.is_passed) else None

    def _is_long_ago(self, hours: float) -> Support | None:
        since = self.facts.picture.patient.last_known_well
        is_long = since is not None and self.facts.now - since > timedelta(hours=hours)
        return Support() if is_long else None

    def _is_born(self) -> bool:
        return self.facts.picture.origin == "birth"
