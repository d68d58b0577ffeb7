"""A patient's background as FHIR: allergies by their own resource, the rest as observations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from schemas.background import LastWord, LineInPlace
from services.bridge.background import background_of
from services.bridge.fhir_parts import HL7, Concept, Resource, Told, category, coding, concept, utc

#: By which a server knows that somebody was asked, and knows of none.
NO_KNOWN_ALLERGY = coding("http://snomed.info/sct", "716186003")
#: What FHIR has no field for that others would look at (docs/hospitals.md).
LEFT_OUT = frozenset({"belongings", "consents"})


def background(told: Told) -> Iterator[Resource]:
    """Each field that is known; what nobody was asked is absent."""
    known = background_of(told.case.backgrounds)
    if known is None:
        return
    for word in known.said:
        if word.field == "allergies":
            yield from _allergies(told, known.allergies or (), word)
        elif word.field not in LEFT_OUT:
            yield _observed(told, word, getattr(known, word.field))


def _allergies(told: Told, known: Sequence[str], word: LastWord) -> Iterator[Resource]:
    """By their place, and "none is known of" by the first: so it never stands beside one."""
    none = concept("background", "no_known_allergy")
    none["coding"].insert(0, NO_KNOWN_ALLERGY)
    codes: list[Concept] = [{"text": allergen} for allergen in known]
    for number, code in enumerate(codes or [none], start=1):
        yield told.make(
            "AllergyIntolerance",
            f"allergy/{number}",
            clinicalStatus=_status("clinical", "active"),
            verificationStatus=_status("verification", "unconfirmed"),
            code=code,
            patient=told.to("Patient", ""),
            encounter=told.to("Encounter", "field"),
            recordedDate=utc(word.at),
        )


def _status(kind: str, code: str) -> Concept:
    return {"coding": [coding(f"{HL7}/allergyintolerance-{kind}", code)]}


def _observed(told: Told, word: LastWord, value: Any) -> Resource:
    """One resource for a field, whatever it holds: what is told anew takes its place."""
    return told.about(
        "Observation",
        f"background/{word.field}",
        status="final",
        category=[category("survey")],
        code=concept("background", word.field),
        effectiveDateTime=utc(word.at),
        **_value(word.field, value),
    )


def _value(field: str, value: Any) -> Resource:
    if isinstance(value, datetime):
        return {"valueDateTime": utc(value)}
    if not value:
        return {"valueCodeableConcept": concept("background", "none")}
    code = concept("background", field)
    return {"component": [{"code": code, **_part(each)} for each in value]}


def _part(each: str | LineInPlace) -> Resource:
    if isinstance(each, str):
        return {"valueString": each}
    code = concept("lines", each.line)
    words = f"{code['text']} ({each.where})" if each.where else code["text"]
    return {"valueCodeableConcept": code | {"text": words}}
