"""Clinical knowledge as data: bands and signs, each number with its source, checked on load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from schemas.clinical import ExaminationCode, FindingCode, Shown, VitalSigns
from schemas.encounter import Age, Complaint
from schemas.triage import Activation, Bilingual, Centre, TriageLevel
from services.triage.picture import KEPT

#: A number from memory (M) never drives a protocol: such a file does not load.
Evidence: TypeAlias = Literal["V", "V2", "design"]


def _one_of(*known: str) -> AfterValidator:
    """A name that nobody ever sends is a slip of the pen: its rule would never fire."""

    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"unknown: {name}")
        return name

    return AfterValidator(check)


VitalName: TypeAlias = Annotated[str, _one_of(*VitalSigns.model_fields, "gcs")]
SignName: TypeAlias = Annotated[str, _one_of(*FindingCode, *get_args(Shown))]


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Band(_Rule):
    """Values up to an end that is excluded (``below``), included (``through``), or open."""

    below: float | None = None
    through: float | None = None
    level: TriageLevel

    def holds(self, value: float) -> bool:
        """Whether ``value`` lies before this band's end."""
        if self.below is not None:
            return value < self.below
        return self.through is None or value <= self.through

    @property
    def end(self) -> tuple[float, int]:
        """The end as something that can be ordered."""
        if self.below is not None:
            return self.below, 0
        return (float("inf"), 1) if self.through is None else (self.through, 1)


class Indicator(_Rule):
    """A measured number and the bands it may fall in, from low to high without gap."""

    name: Bilingual
    unit: str
    source: str
    evidence: Evidence
    bands: Annotated[tuple[Band, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _check(self) -> Indicator:
        ends = [band.end for band in self.bands]
        if ends != sorted(set(ends)) or ends[-1][0] != float("inf"):
            raise ValueError("bands must rise, each end once, the last one open")
        if any(band.below is not None and band.through is not None for band in self.bands):
            raise ValueError("a band ends below or through, not both")
        return self

    def level(self, value: float) -> tuple[TriageLevel, int]:
        """The level of ``value`` and the number of its band."""
        for number, band in enumerate(self.bands):
            if band.holds(value):
                return band.level, number
        raise AssertionError("the last band is open")

    def range_text(self, number: int) -> str:
        """The band in mathematical signs, such as ``< 40`` or ``40–50``."""
        band, before = self.bands[number], self.bands[number - 1] if number else None
        high = band.below if band.below is not None else band.through
        if before is None:
            return f"{'<' if band.below is not None else '≤'} {high:g}"
        low = before.below if before.below is not None else before.through
        if high is None:
            return f"{'≥' if before.below is not None else '>'} {low:g}"
        return f"{low:g}–{high:g}"

    @property
    def most_urgent(self) -> TriageLevel:
        """The worst that a value of this indicator can mean."""
        return max((band.level for band in self.bands), key=lambda level: level.urgency)


class Words(_Rule):
    """An indicator whose values are words."""

    name: Bilingual
    source: str
    evidence: Evidence
    levels: Mapping[str, TriageLevel]


class Sign(_Rule):
    """A finding, or what an examination showed."""

    text: Bilingual
    level: TriageLevel
    source: str
    evidence: Evidence


class StreamRule(_Rule):
    """When a streamed value counts: a second of ``of`` samples within ``within_s`` agrees."""

    of: Annotated[int, Field(ge=2, le=KEPT)]
    within_s: Annotated[float, Field(gt=0)]
    stale_s: Annotated[float, Field(gt=0)]
    evidence: Evidence


class AgeRange(_Rule):
    """Whom a protocol is for, in years; ``unknown`` says whether an unknown age fits."""

    from_: Annotated[float, Field(alias="from")] = 0
    to: float = float("inf")
    unknown: bool = False


class Unmeasurable(_Rule):
    """What a human tried and could not measure."""

    evidence: Evidence


class Protocol(_Rule):
    """One version of a set of rules for an age group."""

    protocol: str
    version: str
    effective_from: AwareDatetime
    name: Bilingual
    age_years: AgeRange
    stream: StreamRule
    indicators: Mapping[VitalName, Indicator]
    words: Mapping[VitalName, Words]
    signs: Mapping[SignName, Sign]
    unmeasurable: Unmeasurable
    required: tuple[str, ...]

    @model_validator(mode="after")
    def _check(self) -> Protocol:
        stray = set(self.required) - set(self.indicators) - set(self.words)
        if stray:
            raise ValueError(f"required but not defined: {sorted(stray)}")
        return self

    def is_for(self, age: Age | None) -> bool:
        """Whether a patient of this age belongs here."""
        if age is None:
            return self.age_years.unknown
        return self.age_years.from_ <= age.years < self.age_years.to


class CentreCondition(_Rule):
    """What concerns a centre: exactly one of these."""

    complaint: Complaint | None = None
    sign: SignName | None = None

    @model_validator(mode="after")
    def _check(self) -> CentreCondition:
        if (self.complaint is None) is (self.sign is None):
            raise ValueError("a condition is a complaint or a sign")
        return self


class CentreRule(_Rule):
    """A condition and how loudly it speaks."""

    when: CentreCondition
    activation: Activation
    text: Bilingual
    source: str
    evidence: Evidence


class Need(_Rule):
    """Something a centre needs to know, as a question for the crew."""

    item: ExaminationCode
    question: Bilingual
    source: str
    evidence: Evidence


class CentreProtocol(_Rule):
    """When one centre is concerned, and what it needs."""

    rules: tuple[CentreRule, ...]
    needs: tuple[Need, ...] = ()


class Centres(_Rule):
    """All centres' rules, one version."""

    version: str
    effective_from: AwareDatetime
    centres: Mapping[Centre, CentreProtocol]


class Protocols(_Rule):
    """Everything triage knows: every version of every protocol."""

    ages: tuple[Protocol, ...]
    centres: Annotated[tuple[Centres, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Protocols:
        begun = [(p.protocol, p.effective_from) for p in self.ages]
        begun += [("centres", c.effective_from) for c in self.centres]
        if len(set(begun)) < len(begun):
            raise ValueError("two versions begin at the same moment")
        return self

    def for_patient(self, age: Age | None, at: datetime) -> Protocol | None:
        """The version in force at ``at`` of the protocol for this age; none when none fits."""
        fitting = [p for p in self.ages if p.is_for(age) and p.effective_from <= at]
        return max(fitting, key=lambda p: p.effective_from, default=None)

    def centres_at(self, at: datetime) -> Centres:
        """The centres' rules in force at ``at``. Raises ``LookupError`` before the first."""
        in_force = [c for c in self.centres if c.effective_from <= at]
        if not in_force:
            raise LookupError("no rules for centres are in force")
        return max(in_force, key=lambda c: c.effective_from)


def protocols_from(documents: Sequence[Mapping[str, Any]]) -> Protocols:
    """Read parsed YAML documents. Raises ``pydantic.ValidationError`` naming what is wrong."""
    return Protocols(
        ages=tuple(Protocol.model_validate(d) for d in documents if "centres" not in d),
        centres=tuple(Centres.model_validate(d) for d in documents if "centres" in d),
    )
