"""Which rules of a protocol fire, which centres they concern, and what is missing. No text yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.triage import Mark, TriageLevel
from services.triage.facts import Counted, Facts
from services.triage.frame import Place
from services.triage.picture import Picture, latest
from services.triage.protocol import Indicator, Protocol, Sign, Words
from services.triage.rulebook import Edition
from services.triage.scoring import score_of, support_of
from services.triage.support import Support

NON_URGENT = TriageLevel.NON_URGENT.urgency


class Firing(NamedTuple):
    """A rule that fires: what it saw, and what it rests on. ``band`` is of a number; a value that
    could not be measured has neither."""

    rule: str
    level: TriageLevel
    by: Indicator | Sign
    support: Support = Support()
    value: float | str | None = None
    band: int | None = None
    at: datetime | None = None
    marks: tuple[Mark, ...] = ()
    #: Of a score with a missing part: the most, or the least, that it can be.
    bound: str = ""

    @property
    def place(self) -> Place | None:
        """Of a number whose band has one end: which indicator, and towards where it is worse."""
        if not isinstance(self.by, Indicator) or self.band is None:
            return None
        name = self.rule.rpartition(".")[0]
        if self.band == 0:
            return Place(name, -1)
        return Place(name, 1) if self.band == len(self.by.bands) - 1 else None


class Assessment(NamedTuple):
    """What a picture says at one moment; the most urgent rule first."""

    current: TriageLevel
    firings: tuple[Firing, ...]
    missing: tuple[str, ...]


#: When no protocol fits.
NOTHING_FITS = Assessment(TriageLevel.NOT_YET, (), ("protocol",))


def assess(facts: Facts, protocol: Protocol | None, edition: Edition) -> Assessment:
    """The level that the values reach, why, and what is missing."""
    if protocol is None:
        return NOTHING_FITS
    found = list(_firings(facts, protocol, edition))
    missing = tuple(_missing(facts, protocol, edition))
    nothing = TriageLevel.NOT_YET if missing else TriageLevel.NON_URGENT
    if protocol.modifiers:
        level = max((firing.level for firing in found), key=_urgency, default=nothing)
        found += _modified(facts, protocol, edition, level)
    arrest = edition.centres.arrest
    first = {arrest.begins, *arrest.shown_by} if arrest.runs(facts.picture) else set()
    found.sort(key=lambda firing: (-firing.level.urgency, firing.rule.split(".")[0] not in first))
    return Assessment(found[0].level if found else nothing, tuple(found), missing)


def _urgency(level: TriageLevel) -> int:
    return level.urgency


def _modified(
    facts: Facts, protocol: Protocol, edition: Edition, level: TriageLevel
) -> Iterator[Firing]:
    """What raises the level that all else gives; where nothing gives one, nothing is raised."""
    for name, modifier in protocol.modifiers.items():
        holds = edition.asked(facts).holds(modifier.when) is not None
        if level is TriageLevel.NOT_YET or level is TriageLevel.CRITICAL or not holds:
            continue
        level = TriageLevel.of(min(level.urgency + modifier.up, TriageLevel.CRITICAL.urgency))
        by = Sign(
            text=modifier.text, level=level, source=modifier.source, evidence=modifier.evidence
        )
        yield Firing(f"modifier.{name}", level, by)


def _firings(facts: Facts, protocol: Protocol, edition: Edition) -> Iterator[Firing]:
    """Every rule that speaks for more than non-urgent."""
    if protocol.baseline is not None:
        yield Firing("baseline", protocol.baseline.level, protocol.baseline)
    for name, indicator in protocol.indicators.items():
        if name in edition.scores.scores:
            firing = _of_score(facts, edition, name, indicator)
        else:
            firing = _of_vital(facts, name, indicator)
        if firing is not None:
            yield firing
    for name, words in protocol.words.items():
        yield from _of_word(facts, name, words)
    for name, sign in protocol.signs.items() if facts.picture.signs else ():
        word = facts.picture.word(name)
        if word and word.present:
            yield Firing(name, sign.level, sign, Support((word.said_by,)), at=word.at)
    for complaint in sorted(facts.categories & protocol.complaints.keys()):
        sign = protocol.complaints[complaint]
        if sign.ages is None or sign.ages.holds(facts.years):
            yield Firing(f"complaint.{complaint.value}", sign.level, sign)


def _of_word(facts: Facts, name: str, words: Words) -> Iterator[Firing]:
    said = facts.letter(name)
    sign = words.letters.get(said[0]) if said else None
    if said and sign and sign.level.urgency > NON_URGENT:
        letter, sample = said
        support = Support((sample.said_by,))
        yield Firing(f"{name}.{letter}", sign.level, sign, support, letter, at=sample.at)


def _of_vital(facts: Facts, name: str, indicator: Indicator) -> Firing | None:
    counted = facts.counted(name)
    if counted is None or _is_too_early(facts.picture, indicator, counted.at):
        return None
    marks: tuple[Mark, ...] = ("stale",) if counted.stale else ()
    if counted.unmeasurable:
        said_by = Support((counted.samples[-1].said_by,))
        return Firing(f"{name}.unmeasurable", indicator.most_urgent, indicator, said_by,
                      at=counted.at, marks=marks)  # fmt: skip
    value = counted.second(indicator.urgency)
    if value is None:
        return None
    level, band = indicator.level(value)
    if level.urgency <= NON_URGENT:
        return None
    if _is_single(facts, name, indicator, counted, level):
        marks = (*marks, "single_reading")
    support = counted.support(lambda v: indicator.urgency(v) >= level.urgency)
    return Firing(f"{name}.{band}", level, indicator, support, value, band, counted.at, marks)


def _is_single(
    facts: Facts, name: str, indicator: Indicator, counted: Counted, level: TriageLevel
) -> bool:
    """Whether nothing bears out a value that was taken now and then."""
    if not facts.frame.vitals[name].repeat or not counted.alone:
        return False
    return not facts.is_borne_out(name, lambda v: indicator.urgency(v) >= level.urgency)


def _is_too_early(picture: Picture, indicator: Indicator, at: datetime) -> bool:
    """Whether a newborn was too young for this rule when it was measured."""
    born = picture.patient.birth_time
    if not indicator.from_minute or born is None:
        return False
    return at - born < timedelta(minutes=indicator.from_minute)


def _of_score(facts: Facts, edition: Edition, name: str, indicator: Indicator) -> Firing | None:
    """Of a score in part, the better of what it can be."""
    found = score_of(facts, edition.scores, name)
    if found is None:
        return None
    support = support_of(facts, edition.scores, name)
    if found.unmeasurable:
        return Firing(f"{name}.unmeasurable", indicator.most_urgent, indicator, support)
    value = min((found.low, found.high), key=indicator.urgency)
    level, band = indicator.level(value)
    if level.urgency <= NON_URGENT:
        return None
    bound = "" if found.low == found.high else "≤ " if value == found.high else "≥ "
    return Firing(f"{name}.{band}", level, indicator, support, value, band, bound=bound)


def _missing(facts: Facts, protocol: Protocol, edition: Edition) -> Iterator[str]:
    for name in protocol.required:
        if not _is_known(facts, protocol, name):
            yield name
    for name in protocol.indicators:
        if name in edition.scores.scores:
            found = score_of(facts, edition.scores, name)
            if found is not None and found.missing:
                yield name


def _is_known(facts: Facts, protocol: Protocol, name: str) -> bool:
    """Whether a required value is known now. One abnormal sample that nothing bears out is not yet,
    and what is older than it is good for is not any more."""
    if name in protocol.words:
        said = facts.letter(name)
        return (
            said is not None and said[0] in protocol.words[name].letters and _is_fresh(facts, name)
        )
    counted, indicator = facts.counted(name), protocol.indicators[name]
    if counted is None or counted.stale:
        return False
    if counted.alone or len(counted.values) > 1:
        return True
    return indicator.urgency(counted.values[0]) <= NON_URGENT


def _is_fresh(facts: Facts, name: str) -> bool:
    known = latest(facts.picture, name)
    return known is not None and facts.is_fresh(known[0], known[1], name)
