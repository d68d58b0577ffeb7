"""The words that rules are written with: names that are known, ages, texts, sources."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

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

#: The length of a unit of age in years.
_YEARS = {"d": 1 / 365.25, "mo": 1 / 12, "y": 1.0}


def _in_years(raw: Any, info: ValidationInfo) -> Any:
    """An age as a clinician writes it: ``28 d``, ``3 mo``, ``14 y``, or the name of one that the
    site has set."""
    if not isinstance(raw, str):
        return raw
    raw = (info.context or {}).get(raw, raw)
    number, _, unit = raw.partition(" ")
    if unit not in _YEARS:
        raise ValueError("an age is written like 28 d, 3 mo or 14 y")
    return float(number) * _YEARS[unit]


def _both(text: Bilingual) -> Bilingual:
    if not (text.zh.strip() and text.en.strip()):
        raise ValueError("a text stands in both languages: zh and en")
    return text


#: A text of a protocol.
Said: TypeAlias = Annotated[Bilingual, AfterValidator(_both)]
Years: TypeAlias = Annotated[float, BeforeValidator(_in_years)]


class AgeRange(Rule):
    """Ages from one (included) to another (excluded); whether an unknown age fits."""

    from_: Annotated[Years, Field(alias="from")] = 0
    to: Years = float("inf")
    unknown: bool = False

    def holds(self, years: float | None) -> bool:
        """Whether this age lies within."""
        return self.unknown if years is None else self.from_ <= years < self.to

    def meets(self, other: AgeRange) -> bool:
        """Whether somebody may be of both."""
        overlap = self.from_ < other.to and other.from_ < self.to
        return overlap or (self.unknown and other.unknown)


class Sourced(Rule):
    """Something that a source states: where it comes from, and how well that was read."""

    source: Annotated[str, Field(min_length=1)]
    evidence: Evidence
