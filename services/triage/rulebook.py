"""A named set of protocols: everything that one way of triage knows, in all its versions.

Sets are alternatives. They are never merged: the strictest of everything is nobody's protocol.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache, partial
from math import inf
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, Field, ValidationInfo, model_validator

from schemas.clinical import VitalSigns
from schemas.encounter import Complaint, Patient
from schemas.triage import ScoreValue, TriageLevel
from services.triage.band import Rule
from services.triage.centres import Centres
from services.triage.complaints import Vocabulary
from services.triage.concern import Asked
from services.triage.derived import DERIVED
from services.triage.facts import Facts
from services.triage.frame import Frame
from services.triage.patient import age_of, is_obstetric
from services.triage.picture import Picture
from services.triage.protocol import Protocol as AgeProtocol
from services.triage.scope import Scope, scope
from services.triage.scores import Scores
from services.triage.scoring import Range, score_of, told
from services.triage.steady import Cuts, score_cuts
from services.triage.terms import age_text


class _Dated(Protocol):
    @property
    def effective_from(self) -> AwareDatetime: ...


DatedT = TypeVar("DatedT", bound=_Dated)


class Edition(Rule):
    """Everything of a set that is in force at one moment."""

    frame: Frame
    protocols: tuple[AgeProtocol, ...]
    centres: Centres
    scores: Scores
    vocabulary: Vocabulary

    @model_validator(mode="after")
    def _check(self) -> Edition:
        known = {*self.frame.vitals, *self.scores.scores}
        for condition in self.centres.conditions():
            if condition.score is not None and condition.score.name not in self.scores.scores:
                raise ValueError(f"no such score: {condition.score.name}")
        for protocol in self.protocols:
            if stray := sorted(set(protocol.indicators) - known):
                raise ValueError(f"{protocol.protocol}: no such vital sign or score: {stray}")
        return self

    def astray(self, named: Callable[[AgeProtocol], str]) -> Iterator[str]:
        """The ages that belong to no protocol, or to several; so, too, an unknown one."""
        plain = sorted((p for p in self.protocols if not p.obstetric), key=lambda p: p.ages.from_)
        reach, before = 0.0, list[AgeProtocol]()
        for protocol in plain:
            ages = protocol.ages
            if ages.from_ > reach:
                beside = " and ".join(named(p) for p in (*before, protocol))
                yield f"none is for {_span(reach, ages.from_)}, beside {beside}"
            if ages.from_ < reach:
                both = f"{named(before[0])} and {named(protocol)}"
                yield f"{both} are for {_span(ages.from_, min(reach, ages.to))}"
            if ages.to > reach:
                reach, before = ages.to, [protocol]
        if reach < inf:
            beside = "".join(f", beside {named(p)}" for p in before)
            yield f"none is for {_span(reach, inf)}{beside}"
        unknown = [named(p) for p in plain if p.ages.unknown]
        if not unknown:
            yield "none is for an unknown age"
        if len(unknown) > 1:
            yield f"{' and '.join(unknown)} are for an unknown age"
        if not any(protocol.obstetric for protocol in self.protocols):
            yield "none is for pregnancy and after birth"

    def protocol_of(self, years: float | None, obstetric: bool) -> AgeProtocol | None:
        """The protocol for somebody of this age; None when none fits."""
        return next((p for p in self.protocols if p.is_for(years, obstetric)), None)

    def scope(self, protocol: str | None) -> Scope:
        """What can concern the patients of a protocol, by its name."""
        return self._scopes[protocol]

    @cached_property
    def _scopes(self) -> Mapping[str | None, Scope]:
        frame, centres, scores = self.frame, self.centres, self.scores
        return {None: scope(None, frame, centres, scores)} | {
            protocol.protocol: scope(protocol, frame, centres, scores)
            for protocol in self.protocols
        }

    @cached_property
    def ratios(self) -> frozenset[str]:
        """The scores that change with every value: a ratio, or what takes one in."""
        return frozenset(
            name
            for name, score in self.scores.scores.items()
            if score.ratio or not DERIVED.keys().isdisjoint(self.score_cuts[name])
        )

    @cached_property
    def score_cuts(self) -> Mapping[str, Cuts]:
        """By score, where its points change."""
        return {name: score_cuts(score, self.scores) for name, score in self.scores.scores.items()}

    @cached_property
    def streams_good_for(self) -> Mapping[str, timedelta]:
        """For how long what a monitor streams says what is now."""
        names = VitalSigns.model_fields
        frame = self.frame
        return {
            name: frame.good_for(name, "streamed") if name in frame.vitals else timedelta.max
            for name in names
        }

    @cached_property
    def stale(self) -> timedelta:
        """How old a streamed sample may be."""
        return self.frame.stream.stale

    def score(self, facts: Facts, name: str) -> ScoreValue | None:
        """A score as it is shown; none when nothing of it is known."""
        found = score_of(facts, self.scores, name)
        return None if found is None else self._told(name, found)

    @cached_property
    def _told(self) -> Callable[[str, Range], ScoreValue]:
        return lru_cache(maxsize=4096)(partial(told, self.scores, self.frame))

    def asked(self, facts: Facts, worst: TriageLevel = TriageLevel.NOT_YET) -> Asked:
        """Conditions asked of a patient whose worst level is known, or is not asked for."""
        return Asked(facts, self.centres, self.scores, worst)

    def facts(self, picture: Picture, now: datetime) -> Facts:
        """A picture, read by this edition."""
        return Facts(picture, self.frame, self.categories(picture.patient), now)

    def categories(self, patient: Patient) -> frozenset[Complaint]:
        """What the patient complains of."""
        return self.vocabulary.of(patient)

    def for_patient(self, patient: Patient, at: datetime) -> AgeProtocol | None:
        """The protocol for a patient."""
        obstetric = is_obstetric(patient, self.frame.site.postpartum_days)
        return self.protocol_of(age_of(patient, at), obstetric)


class Rulebook(Rule):
    """Every version of every document of a set."""

    name: str
    frames: Annotated[tuple[Frame, ...], Field(min_length=1)]
    protocols: tuple[AgeProtocol, ...]
    centres: Annotated[tuple[Centres, ...], Field(min_length=1)]
    scores: Annotated[tuple[Scores, ...], Field(min_length=1)]
    vocabularies: Annotated[tuple[Vocabulary, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> Rulebook:
        """The context says in which file a version of a protocol stands."""
        begun = [(p.protocol, p.effective_from) for p in self.protocols]
        for kind in ("frames", "centres", "scores", "vocabularies"):
            begun += [(kind, document.effective_from) for document in getattr(self, kind)]
        if len(set(begun)) < len(begun):
            raise ValueError("two versions begin at the same moment")
        files = info.context or {}
        since: dict[str, datetime] = {}
        for begin, edition in zip(self._begins, self._editions, strict=True):
            for astray in edition.astray(lambda p: files.get(version_of(p), p.protocol)):
                since.setdefault(astray, begin)
        if since:
            each = "; ".join(f"{age} (since {begin:%Y-%m-%d})" for age, begin in since.items())
            raise ValueError(f"every age belongs to one protocol, an unknown one too: {each}")
        return self

    def at(self, moment: datetime) -> Edition:
        """What is in force. Raises ``LookupError`` before the first edition."""
        number = bisect_right(self._begins, moment) - 1
        if number < 0:
            raise LookupError(f"no protocol is in force before {self._begins[0]:%Y-%m-%d %H:%M %z}")
        return self._editions[number]

    def not_begun(self, now: datetime) -> Iterator[_Dated]:
        """The first versions that are not in force yet, without which there is no edition."""
        return (d for d in map(_first, self._kinds) if d.effective_from > now)

    @cached_property
    def _kinds(self) -> Sequence[Sequence[_Dated]]:
        """The versions of each kind of document, and of each protocol."""
        by_name = defaultdict[str, list[AgeProtocol]](list)
        for protocol in self.protocols:
            by_name[protocol.protocol].append(protocol)
        return self.frames, self.centres, self.scores, self.vocabularies, *by_name.values()

    @cached_property
    def _begins(self) -> list[datetime]:
        """When an edition begins: with any document, from when there is one of each. Before a
        protocol begins its patients would have none, and a heart that stands still no level."""
        first = max(_first(kind).effective_from for kind in self._kinds)
        dates = {d.effective_from for kind in self._kinds for d in kind}
        return sorted({max(first, date).astimezone(UTC) for date in dates})

    @cached_property
    def _editions(self) -> list[Edition]:
        return [self._edition(begin) for begin in self._begins]

    def _edition(self, at: datetime) -> Edition:
        names = dict.fromkeys(p.protocol for p in self.protocols)
        return Edition(
            frame=_in_force(self.frames, at),
            protocols=tuple(
                _in_force((p for p in self.protocols if p.protocol == name), at) for name in names
            ),
            centres=_in_force(self.centres, at),
            scores=_in_force(self.scores, at),
            vocabulary=_in_force(self.vocabularies, at),
        )


def version_of(protocol: AgeProtocol) -> tuple[str, datetime]:
    """Which version of which protocol it is."""
    return protocol.protocol, protocol.effective_from


def _span(since: float, until: float) -> str:
    """Ages from one to another."""
    if until == inf:
        return f"ages from {age_text(since)} on"
    return f"ages from {age_text(since)} to {age_text(until)}"


def _first(documents: Sequence[_Dated]) -> _Dated:
    return min(documents, key=lambda d: d.effective_from)


def _in_force(documents: Iterable[DatedT], at: datetime) -> DatedT:
    return max((d for d in documents if d.effective_from <= at), key=lambda d: d.effective_from)


def from_memory(part: Any, place: str = "") -> Iterator[str]:
    """Where a set holds something that nobody has read anywhere (evidence M)."""
    if isinstance(part, BaseModel):
        if getattr(part, "evidence", None) == "M":
            yield place
        for name in type(part).model_fields:
            yield from from_memory(getattr(part, name), f"{place}.{name}" if place else name)
    elif isinstance(part, Mapping):
        for name, inner in part.items():
            yield from from_memory(inner, f"{place}.{name}" if place else str(name))
    elif isinstance(part, tuple):
        for number, inner in enumerate(part):
            yield from from_memory(inner, f"{place}.{number}")
