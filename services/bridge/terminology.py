"""What the codes of ours mean, in words and in the codes of others (``terminology.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from schemas.clinical import VitalSigns
from schemas.triage import Bilingual

#: A section of the file: codes of one kind.
Kind = Literal[
    "vitals", "consciousness", "levels", "trends", "centres", "activations", "places", "complaints",
    "findings", "examinations", "shown", "drugs", "measures", "ends",
    "precautions", "background", "lines", "words",
]  # fmt: skip


class Meaning(Bilingual):
    """A code in Chinese and English, and where LOINC says the same, in its codes."""

    loinc: tuple[str, ...] = ()
    #: Of a vital sign: FHIR's category of the observation.
    category: Literal["vital-signs", "exam", "laboratory"] | None = None

    @property
    def text(self) -> str:
        """Both languages in one line, Chinese first."""
        return f"{self.zh} · {self.en}"


def meaning(kind: Kind, code: str) -> Meaning:
    """What a code means; one that is not there is a ``KeyError``."""
    return _meanings()[kind][code]


def codes(kind: Kind) -> frozenset[str]:
    """All codes of a kind."""
    return frozenset(_meanings()[kind])


def unit_of(vital: str) -> str:
    """The unit of a vital sign, by UCUM."""
    extra: Any = VitalSigns.model_fields[vital].json_schema_extra
    return str(extra["unit"])


def unit_of_dose(unit: str) -> str:
    """The unit of a dose, by UCUM."""
    other: Mapping[str, str] = _file()["doses"]
    return other.get(unit, unit)


@cache
def _meanings() -> Mapping[str, Mapping[str, Meaning]]:
    return {
        kind: {code: Meaning.model_validate(said) for code, said in section.items()}
        for kind, section in _file().items()
        if kind != "doses"
    }


@cache
def _file() -> Mapping[str, Mapping[str, str]]:
    text = files(__package__).joinpath("terminology.yaml").read_text("utf-8")
    found: Mapping[str, Mapping[str, str]] = yaml.safe_load(text)
    return found
