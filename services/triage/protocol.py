"""Clinical knowledge as data: bands and signs, each number with its source, checked on load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from schemas.clinical import ExaminationCode, FindingCode, Shown, VitalSigns
from schemas.encounter import Complaint, Patient
from schemas.triage import Activation, Bilingual, Centre, DirectTo, TriageLevel
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
ItemName: TypeAlias = Annotated[str, _one_of(*get_args(ExaminationCode), *VitalSigns.model_fields)]

#: The length of a unit of age in years.
_YEARS = {"d": 1 / 365.25, "mo": 1 / 12, "y": 1.0}
#: After a birth a woman is an obstetric patient for so long (clinical_facts 3.4: 42 days).
POSTPARTUM_DAYS = 42


def _in_years(raw: Any) -> Any:
    """An age as a clinician writes it: ``28 d``, ``3 mo``, ``14 y``."""
    if not isinstance(raw, str):
        return raw
    number, _, unit = raw.partition(" ")
    if unit not in _YEARS:
        raise ValueError("an age is written like 28 d, 3 mo or 14 y")
    return float(number) * _YEARS[unit]


Years: TypeAlias = Annotated[float, BeforeValidator(_in_years)]


def age_of(patient: Patient, at: datetime) -> float | None:
    """The age in years at a moment: by the time of birth where it is known."""
    if patient.birth_time is not None:
        return max(0.0, (at - patient.birth_time).total_seconds() / 86_400 / 365.25)
    return patient.age.years if patient.age else None


def is_obstetric(patient: Patient) -> bool:
    """Pregnant, or delivered lately."""
    days = patient.postpartum_days
    return patient.pregnant == "yes" or (days is not None and days <= POSTPARTUM_DAYS)


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
    #: Not looked at in the first minutes of life.
    from_minute: float = 0

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
    """Ages from one (included) to another (excluded); whether an unknown age fits."""

    from_: Annotated[Years, Field(alias="from")] = 0
    to: Years = float("inf")
    unknown: bool = False

    def holds(self, years: float | None) -> bool:
        """Whether this age lies within."""
        return self.unknown if years is None else self.from_ <= years < self.to


class Unmeasurable(_Rule):
    """What a human tried and could not measure."""

    evidence: Evidence


class Protocol(_Rule):
    """One version of a set of rules for an age group."""

    protocol: str
    version: str
    effective_from: AwareDatetime
    name: Bilingual
    ages: AgeRange
    #: For women who are pregnant or have lately given birth, whatever their age.
    obstetric: bool = False
    #: The least level of anyone this protocol is for.
    baseline: Sign | None = None
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

    def is_for(self, years: float | None, obstetric: bool) -> bool:
        """Whether somebody of this age belongs here."""
        return self.obstetric if obstetric else not self.obstetric and self.ages.holds(years)


class Limit(_Rule):
    """A measured value beyond a limit; what a human could not measure is below any."""

    name: VitalName
    below: float | None = None
    above: float | None = None
    at_least: float | None = None

    @model_validator(mode="after")
    def _check(self) -> Limit:
        if [self.below, self.above, self.at_least].count(None) != 2:
            raise ValueError("one limit: below, above or at_least")
        return self

    def is_passed(self, value: float) -> bool:
        """Whether ``value`` lies beyond the limit."""
        if self.below is not None:
            return value < self.below
        return value > self.above if self.above is not None else value >= (self.at_least or 0)


class CentreCondition(_Rule):
    """What concerns a centre: all that is named here, together."""

    complaint: Complaint | None = None
    any_sign: tuple[SignName, ...] = ()
    limit: Limit | None = None
    #: The first of the two is the greater.
    exceeds: tuple[VitalName, VitalName] | None = None
    ages: AgeRange | None = None
    obstetric: bool | None = None
    #: The worst level so far is at least this.
    level: TriageLevel | None = None

    @model_validator(mode="after")
    def _check(self) -> CentreCondition:
        if not self.model_fields_set:
            raise ValueError("a condition names something")
        return self


class CentreRule(_Rule):
    """A condition and how loudly it speaks."""

    when: CentreCondition
    activation: Activation
    text: Bilingual
    source: str
    evidence: Evidence
    direct_to: DirectTo | None = None


class Need(_Rule):
    """Something a centre needs to know, as a question for the crew."""

    item: ItemName
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
    stream: StreamRule
    centres: Mapping[Centre, CentreProtocol]


class Protocols(_Rule):
    """Everything triage knows: every version of every protocol."""

    all: tuple[Protocol, ...]
    centres: Annotated[tuple[Centres, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Protocols:
        begun = [(p.protocol, p.effective_from) for p in self.all]
        begun += [("centres", c.effective_from) for c in self.centres]
        if len(set(begun)) < len(begun):
            raise ValueError("two versions begin at the same moment")
        newest = {p.protocol: p for p in sorted(self.all, key=lambda p: p.effective_from)}
        ages = sorted((p.ages for p in newest.values() if not p.obstetric), key=lambda a: a.from_)
        ends = [0.0, *(end for age in ages for end in (age.from_, age.to)), float("inf")]
        if any(a != b for a, b in list(pairwise(ends))[::2]) or sum(a.unknown for a in ages) != 1:
            raise ValueError("every age belongs to one protocol, and so does an unknown age")
        return self

    def for_patient(self, patient: Patient, at: datetime) -> Protocol | None:
        """The version in force at ``at`` of the protocol for this patient; none when none fits."""
        years, obstetric = age_of(patient, at), is_obstetric(patient)
        fitting = [p for p in self.all if p.is_for(years, obstetric) and p.effective_from <= at]
        return max(fitting, key=lambda p: p.effective_from, default=None)

    def centres_at(self, at: datetime) -> Centres:
        """The centres' rules in force at ``at``. Raises ``LookupError`` before the first."""
        in_force = [c for c in self.centres if c.effective_from <= at]
        if not in_force:
            raise LookupError("no rules for centres are in force")
        return max(in_force, key=lambda c: c.effective_from)


def protocols_from(documents: Sequence[Mapping[str, Any]]) -> Protocols:
    """Read parsed YAML documents. Raises ``pydantic.ValidationError`` naming what is wrong."""
    ages = [part for d in documents if "centres" not in d for part in _by_age(d)]
    return Protocols(
        all=tuple(Protocol.model_validate(d) for d in ages),
        centres=tuple(Centres.model_validate(d) for d in documents if "centres" in d),
    )


def _by_age(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A document whose indicators differ by age is a protocol for each age."""
    shared = {name: part for name, part in document.items() if name != "by_age"}
    return [
        {
            **shared,
            "protocol": f"{shared['protocol']}.{name}",
            "ages": part["ages"],
            "indicators": {**shared["indicators"], **part["indicators"]},
        }
        for name, part in document.get("by_age", {}).items()
    ] or [document]
