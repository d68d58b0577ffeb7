"""The words that rules are written with: names that are known, ages, texts, sources."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from schemas.clinical import ExaminationCode, FindingCode, Shown, VitalSigns
from schemas.triage import Bilingual, Evidence
from services.triage.band import Rule
from services.triage.derived import DERIVED


def one_of(*known: str) -> AfterValidator:
    """A name that nobody ever sends is a slip of the pen: its rule would never fire."""

    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"unknown: {name}")
        return name

    return AfterValidator(check)


VitalName: TypeAlias = Annotated[str, one_of(*VitalSigns.model_fields)]
NumberName: TypeAlias = Annotated[str, one_of(*VitalSigns.model_fields, *DERIVED)]
SignName: TypeAlias = Annotated[str, one_of(*FindingCode, *get_args(Shown))]
ItemName: TypeAlias = Annotated[
    str, one_of(*get_args(ExaminationCode), *VitalSigns.model_fields, *FindingCode,
                "last_known_well", "lams", "race")
]  # fmt: skip

#: How units of the contract are written here.
_WRITTEN = {"mm[Hg]": {"mmHg"}, "Cel": {"℃", "°C"}, "{score}": {"points", "分"}}
#: The scale by which it is scored.
_SCORED_BY = {"pain": "NRS"}


def check_unit(name: str, unit: str) -> None:
    """Raises ``ValueError`` for another unit than the contract's. Values are never converted: bands
    in kPa would be asked of mmHg."""
    field = VitalSigns.model_fields.get(name)
    extra = field.json_schema_extra if field else None
    if not isinstance(extra, dict):  # a score, or a word
        return
    code = str(extra["unit"])
    written = {*_WRITTEN.get(code, {code})}
    if code == "{score}":
        written |= {f"/{extra['maximum']}", _SCORED_BY.get(name, "points")}
    if unit not in written:
        raise ValueError(f"{unit} is not the contract's unit ({' or '.join(sorted(written))})")


#: The length of a unit of age in years.
_YEARS = {"d": 1 / 365.25, "mo": 1 / 12, "y": 1.0}


def _in_years(raw: Any, info: ValidationInfo) -> Any:
    """An age as a clinician writes it: ``28 d``, ``3 mo``, ``14 y``, or the name of one that the
    site has set."""
    if not isinstance(raw, str):
        return raw
    raw = (info.context or {}).get(raw, raw)
    number, _, unit = raw.partition(" ")
    try:
        return float(number) * _YEARS[unit]
    except (KeyError, ValueError):
        raise ValueError("an age is written like 28 d, 3 mo or 14 y") from None


def age_text(years: float) -> str:
    """An age as a clinician writes it, in the longest unit of which it is a whole number."""
    for unit in ("y", "mo", "d"):
        number = years / _YEARS[unit]
        if abs(number - round(number)) < 1e-6:
            return f"{round(number)} {unit}"
    return f"{years / _YEARS['d']:g} d"


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("blanks alone say nothing")
    return text


def _both(text: Bilingual) -> Bilingual:
    if not (text.zh.strip() and text.en.strip()):
        raise ValueError("a text stands in both languages: zh and en")
    return text


#: A text of a protocol.
Said: TypeAlias = Annotated[Bilingual, AfterValidator(_both)]
#: A word that must be there.
Stated: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(_not_blank)]
Years: TypeAlias = Annotated[float, Field(ge=0), BeforeValidator(_in_years)]


class AgeRange(Rule):
    """Ages from one (included) to another (excluded); whether an unknown age fits."""

    from_: Annotated[Years, Field(alias="from")] = 0
    to: Years = float("inf")
    unknown: bool = False

    @model_validator(mode="after")
    def _check(self) -> AgeRange:
        if self.to <= self.from_:
            raise ValueError("ages end after they begin")
        return self

    def holds(self, years: float | None) -> bool:
        """Whether this age lies within."""
        return self.unknown if years is None else self.from_ <= years < self.to

    def meets(self, other: AgeRange) -> bool:
        """Whether somebody may be of both."""
        overlap = self.from_ < other.to and other.from_ < self.to
        return overlap or (self.unknown and other.unknown)


class Sourced(Rule):
    """Something that a source states: where it comes from, and how well that was read."""

    source: Stated
    evidence: Evidence
