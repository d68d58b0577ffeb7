"""What resources of FHIR are put together from: numbers, references, codes, quantities."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

from schemas.envelope import derived_id
from schemas.triage import Bilingual
from services.bridge.case import Case
from services.bridge.terminology import Kind, meaning

#: Code systems and numbers of ours: ``urn:greenchannel:findings``, ``urn:greenchannel:encounter``.
OURS = "urn:greenchannel"
URI = "urn:ietf:rfc:3986"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
HL7 = "http://terminology.hl7.org/CodeSystem"

Resource: TypeAlias = dict[str, Any]
Concept: TypeAlias = dict[str, Any]


class Told(NamedTuple):
    """One patient, told to one facility."""

    case: Case
    facility_id: str

    def urn(self, kind: str, name: str) -> str:
        """A resource's own identifier, and its place in the bundle: the same at every version."""
        of = self.case.encounter_id, self.facility_id
        return f"urn:uuid:{derived_id('fhir', kind, *of, name)}"

    def to(self, kind: str, name: str) -> Resource:
        """A reference to it."""
        return {"reference": self.urn(kind, name)}

    def make(self, kind: str, name: str, **body: Any) -> Resource:
        """A resource of the patient's, without what is not known."""
        first: Any = {"system": URI, "value": self.urn(kind, name)}
        if kind != "Composition":  # it has one at most
            first = [first, *body.pop("identifier", ())]
        known = {key: value for key, value in body.items() if value not in (None, [], {})}
        return {"resourceType": kind, "identifier": first, **known}

    def about(self, kind: str, name: str, **body: Any) -> Resource:
        """A resource of what was seen or done on the way."""
        where = "context" if kind == "MedicationAdministration" else "encounter"
        frame = {"subject": self.to("Patient", ""), where: self.to("Encounter", "field")}
        return self.make(kind, name, **frame, **body)


def own(resource: Resource) -> str:
    """The identifier by which a resource is put."""
    numbers = resource["identifier"]
    return str((numbers[0] if isinstance(numbers, list) else numbers)["value"])


def concept(kind: Kind, code: str) -> Concept:
    """A code of ours in words, and LOINC's where it says the same."""
    means = meaning(kind, code)
    ours = coding(f"{OURS}:{kind}", code)
    others = [coding(LOINC, theirs) for theirs in means.loinc]
    return {"coding": [*others, ours | {"display": means.zh}], "text": means.text}


def component(word: str, kind: Kind, code: str) -> Resource:
    """A part of an observation: what of, and which code."""
    return {"code": concept("words", word), "valueCodeableConcept": concept(kind, code)}


def absent(why: str, ours: str | None = None) -> Resource:
    """Why there is no value, by FHIR's own list, and in our words where it has none for it."""
    listed = coding(f"{HL7}/data-absent-reason", why)
    if ours is None:
        return {"dataAbsentReason": {"coding": [listed]}}
    said = concept("words", ours)
    return {"dataAbsentReason": said | {"coding": [listed, *said["coding"]]}}


def category(code: str) -> Concept:
    """FHIR's kind of an observation."""
    return {"coding": [coding(f"{HL7}/observation-category", code)]}


def coding(system: str, code: str) -> Resource:
    """A code without words."""
    return {"system": system, "code": code}


def number(kind: str, value: str) -> Resource:
    """An identifier of ours."""
    return {"system": f"{OURS}:{kind}", "value": value}


def elsewhere(kind: str, system: str, value: str) -> Resource:
    """A reference to what the bundle does not hold."""
    return {"type": kind, "identifier": number(system, value)}


def quantity(value: float, unit: str | None) -> Resource:
    """A measured number with its unit by UCUM."""
    said = {"system": UCUM, "code": unit, "unit": unit} if unit else {}
    return {"value": number_of(value), **said}


def number_of(value: float) -> float | int:
    """37 and not 37.0: it was not measured to a tenth."""
    return int(value) if value == int(value) else value


def notes(*said: str | None) -> list[Resource]:
    """What was said, without what was not: FHIR knows no empty text."""
    return [{"text": line.strip()} for line in said if line and line.strip()]


def text(both: Bilingual) -> str:
    """Both languages in one line, Chinese first."""
    return f"{both.zh} · {both.en}"


def utc(at: datetime | None) -> datetime | None:
    """The moment as all of them are written."""
    return at.astimezone(UTC) if at else None
