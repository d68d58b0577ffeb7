"""Every number of the default set, as the two neighbouring values at which something changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from schemas.triage import Centre, TriageLevel
from services.triage.band import Band
from services.triage.centres import CentreRule
from services.triage.condition import Condition, Limit
from services.triage.scores import Beyond, FromNormal, Item
from services.triage.terms import AgeRange
from tests.casebook import EDITION

#: How finely each value is read off, where it is not in whole numbers.
FINENESS = {"temperature": 0.1, "potassium": 0.1, "blood_glucose": 0.01, "shock_index": 0.01}
FINENESS["mean_pressure"] = 1 / 3
#: The rules of all centres, by ``centre.rule``.
RULES_OF_CENTRES: dict[str, tuple[Centre, CentreRule]] = {
    f"{centre.value}.{name}": (centre, rule)
    for centre, protocol in EDITION.centres.centres.items()
    for name, rule in protocol.rules.items()
}


class Sides(NamedTuple):
    """The last value on one side of an edge, and the first on the other."""

    name: str
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.name} {self.low:.4g} {self.high:.4g}"


def end_of(name: str, band: Band) -> Sides:
    """Where a band ends."""
    fine = FINENESS.get(name, 1)
    if band.below is not None:
        return Sides(name, band.below - fine, band.below)
    assert band.through is not None
    return Sides(name, band.through, band.through + fine)


# -- protocols ------------------------------------------------------------------------------------


def edges_of_bands() -> Iterator[tuple[str, Sides]]:
    """Of each protocol, where the bands of its indicators end."""
    for protocol in EDITION.protocols:
        for name, indicator in protocol.indicators.items():
            for band in indicator.bands[:-1]:
                yield protocol.protocol, end_of(name, band)


def family(protocol: str) -> str:
    """Children's protocols differ by age in their numbers alone."""
    return protocol.partition(".")[0]


def rules_in_words() -> list[tuple[str, str]]:
    """Of each family of protocols, the signs, words and complaints that mean more than Ⅳ."""
    found = list[tuple[str, str]]()
    for protocol in EDITION.protocols:
        rules = {**protocol.signs}
        rules |= {f"complaint.{c.value}": sign for c, sign in protocol.complaints.items()}
        for name, words in protocol.words.items():
            rules |= {f"{name}.{letter}": sign for letter, sign in words.letters.items()}
        urgent = [name for name, sign in rules.items() if sign.level != TriageLevel.NON_URGENT]
        found += [(family(protocol.protocol), name) for name in urgent]
    return list(dict.fromkeys(found))


def ages_of_rules() -> Iterator[tuple[str, str, float]]:
    """The ages at which a sign or a complaint begins or ends to mean something."""
    for protocol in EDITION.protocols:
        rules = {**protocol.signs}
        rules |= {f"complaint.{c.value}": sign for c, sign in protocol.complaints.items()}
        for name, sign in rules.items():
            ends = (sign.ages.from_, sign.ages.to) if sign.ages is not None else ()
            yield from ((protocol.protocol, name, e) for e in ends if 0 < e < float("inf"))


# -- scores ---------------------------------------------------------------------------------------


class Part(NamedTuple):
    """An item of a score, or one of several items within it."""

    score: str
    item: Item


def parts_of_scores() -> Iterator[Part]:
    for score, whole in EDITION.scores.scores.items():
        yield from _parts(score, whole.items.values())


def _parts(score: str, items: Iterable[Item]) -> Iterator[Part]:
    for item in items:
        yield Part(score, item)
        inner = (item.with_oxygen, item.on_air, *item.first_known)
        yield from _parts(score, [i for i in inner if i])
        yield from _parts(score, (item.greatest_of or {}).values())


def edges_of_scores() -> Iterator[tuple[str, Sides, AgeRange | None]]:
    """Where the points of a score change, and for which ages."""
    for score, item in parts_of_scores():
        name = item.of or item.of_score or ""
        for band in item.bands.bands[:-1] if item.bands else ():
            yield score, end_of(name, band), None
        if item.from_normal:
            yield from ((score, edge, ages) for edge, ages in _from_normal(name, item.from_normal))
    for score, whole in EDITION.scores.scores.items():
        if whole.ratio:
            yield from ((score, end_of(whole.ratio, band), None) for band in whole.bands[:-1])


def _from_normal(name: str, rule: FromNormal) -> Iterator[tuple[Sides, AgeRange]]:
    for normal in rule.normal:
        for above in rule.above:
            first = normal.high + _first(above)
            yield Sides(name, first - 1, first), normal.ages
        for below in rule.below:
            first = normal.low - _first(below)
            yield Sides(name, first, first + 1), normal.ages


def _first(beyond: Beyond) -> float:
    """The first whole distance that is far enough."""
    return beyond.by if beyond.included else beyond.by + 1


# -- centres --------------------------------------------------------------------------------------


def within(condition: Condition) -> Iterator[Condition]:
    """A condition and all that stand in it."""
    yield condition
    for each in (*condition.any_of, *([condition.unless] if condition.unless else [])):
        yield from within(each)


def edges_of_centres() -> Iterator[tuple[str, Sides]]:
    """The limits and the least scores of each rule."""
    for name, (_, rule) in RULES_OF_CENTRES.items():
        for each in within(rule.when):
            yield from ((name, _side_of(limit)) for limit in each.any_limit)
            if each.score is not None:
                least = each.score.at_least
                yield name, Sides(each.score.name, least - 1, least)


def _side_of(limit: Limit) -> Sides:
    fine = FINENESS.get(limit.name, 1)
    if limit.above is not None:
        return Sides(limit.name, limit.above, limit.above + fine)
    return Sides(limit.name, limit.edge - fine, limit.edge)


def ages_of_centres() -> Iterator[tuple[str, float]]:
    """The ages at which a rule begins or ends to hold."""
    for name, (_, rule) in RULES_OF_CENTRES.items():
        for each in within(rule.when):
            if each.ages is not None:
                ends = (each.ages.from_, each.ages.to)
                yield from ((name, end) for end in ends if 0 < end < float("inf"))


def subject_of(rule: CentreRule) -> frozenset[str]:
    """The signs and complaints without which a rule never holds."""
    signs, complaints = (*rule.when.any_sign, *rule.when.all_signs), rule.when.any_complaint
    return frozenset(signs) | {complaint.value for complaint in complaints}


def names_in(rule: CentreRule) -> frozenset[str]:
    """Everything that a rule asks for by name."""
    found = set[str]()
    for each in within(rule.when):
        found |= {*each.any_sign, *each.all_signs, *(c.value for c in each.any_complaint)}
        found |= {limit.name for limit in each.any_limit}
        if each.score is not None:
            items = EDITION.scores.scores[each.score.name].items.values()
            found |= {each.score.name, *(item.of for item in items if item.of)}
    return frozenset(found)
