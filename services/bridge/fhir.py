"""What a hospital's own system gets of a patient: FHIR R4 (4.0.1), one transaction.

Each resource bears an identifier of ours and is put by it, so that a hospital's server makes
nothing twice. Nobody is named, and nothing in it speaks of another facility.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fhir.resources.R4B.bundle import Bundle  # noqa: TID251 - the one place, and R4B

from schemas.encounter import Complaint
from services.bridge.case import Case
from services.bridge.fhir_background import background
from services.bridge.fhir_clinical import (
    examination,
    finding,
    known,
    treatment,
    triage,
    vitals,
)
from services.bridge.fhir_parts import (
    HL7,
    OURS,
    URI,
    Concept,
    Resource,
    Told,
    coding,
    concept,
    elsewhere,
    number,
    own,
    utc,
)
from services.bridge.record import last
from services.bridge.terminology import meaning

#: How it went on in the hospital, where the visit is over with it.
OVER = frozenset({"discharged", "transferred", "died"})


def bundle(case: Case, facility_id: str, zone: ZoneInfo, *, withdrawn: bool = False) -> Bundle:
    """All that this facility's system is told, as it stands: the same for the same case.

    When the record was withdrawn, or the patient is bound for another facility, it says that
    nobody comes, and nothing more. ``zone`` is the region's: a newborn's date of birth is its.
    """
    told = Told(case, facility_id)
    gone = withdrawn or case.facility_id != facility_id or not case.centres
    resources = list(_gone(told) if gone else _bound(told, zone))
    version = f"{case.encounter_id}.{case.version}{'.withdrawn' if gone else ''}"
    return Bundle.model_validate(
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "identifier": {"system": f"{OURS}:record", "value": version},
            **({"timestamp": utc(case.notified_at)} if case.notified_at and not gone else {}),
            "entry": [_entry(resource, gone) for resource in resources],
        }
    )


def as_json(made: Bundle) -> str:
    """The bundle as it is sent."""
    return str(made.model_dump_json(exclude_none=True))


def _entry(resource: Resource, gone: bool) -> Resource:
    urn, kind = own(resource), resource["resourceType"]
    search = f"identifier={URI}%7C{urn}"
    request = {"method": "PUT", "url": f"{kind}?{search}"}
    if gone and kind == "Patient":  # what the hospital knows of them stays
        request = {"method": "POST", "url": kind, "ifNoneExist": search}
    return {"fullUrl": urn, "resource": resource, "request": request}


def _gone(told: Told) -> Iterator[Resource]:
    """Nobody comes: the visit is cancelled. Of a way that goes on elsewhere it is not told more."""
    case, status = told.case, "unknown"
    if case.ended and case.facility_id == told.facility_id:
        status = "finished" if _is_met(case) else "cancelled"
    yield told.make("Patient", "", identifier=[number("encounter", case.encounter_id)])
    yield _encounter(told, "field", "FLD", status)
    yield _encounter(told, "visit", "EMER", "cancelled", **_destination(told))


def _bound(told: Told, zone: ZoneInfo) -> Iterator[Resource]:
    case, handoff = told.case, told.case.handoff
    yield _patient(told, zone)
    on_the_way = "in-progress" if _is_met(case) else "planned"
    is_over = handoff.transferred_at or handoff.death_declared_at
    yield _field(told, "finished" if is_over else on_the_way)
    yield _visit(told, _status(case))
    parts = {
        "patient": list(known(told)),
        "background": list(background(told)),
        "vitals": list(vitals(told)),
        "findings": [finding(told, found) for found in last(case.findings)],
        "examinations": [examination(told, done) for done in case.examinations],
        "treatments": [treatment(told, given) for given in case.treatments],
    }
    parts["triage"] = list(triage(told, parts["vitals"]))
    yield from (resource for part in parts.values() for resource in part)
    if case.notified_at is not None:
        yield _record(told, case.notified_at, parts)


def _is_met(case: Case) -> bool:
    """Whether a crew was with the patient."""
    return case.boarded_at is not None or case.unit_id is not None


def _status(case: Case) -> str:
    """Of the visit to the hospital: planned, until the patient is at its door."""
    handoff = case.handoff
    if handoff.outcome is not None and handoff.outcome.outcome in OVER:
        return "finished"
    if handoff.death_declared_at is not None:
        return "finished"
    if handoff.transferred_at is not None:
        return "in-progress"
    return "arrived" if handoff.arrived_at is not None else "planned"


def _patient(told: Told, zone: ZoneInfo) -> Resource:
    """Nobody is named: numbers of ours, and the hospital's own once it has told it. Nobody is dead
    before a doctor has declared it."""
    patient, identity = told.case.patient, told.case.handoff.identity
    numbers = [number("encounter", told.case.encounter_id), *_admission(told.case)]
    if identity is not None:
        theirs = number(f"facility:{told.facility_id}", identity.reference)
        numbers.append(theirs | {"use": "temp" if identity.provisional else "usual"})
    if (admission := told.case.admission) is not None and admission.wristband is not None:
        numbers.append(number("wristband", admission.wristband))
    born = patient.birth_time
    return told.make(
        "Patient",
        "",
        identifier=numbers,
        gender=patient.sex,
        birthDate=born and born.astimezone(zone).date(),
        deceasedDateTime=utc(told.case.handoff.death_declared_at),
    )


def _field(told: Told, status: str) -> Resource:
    """The way to the hospital: it begins when the patient is aboard."""
    case, handoff = told.case, told.case.handoff
    unit = case.unit_id and elsewhere("Location", "unit", case.unit_id)
    return _encounter(
        told,
        "field",
        "FLD",
        status,
        reasonCode=_complaint(case),
        period=_period(case.boarded_at, handoff.death_declared_at or handoff.transferred_at),
        location=[{"location": unit}] if unit else [],
        **_crew(case),
    )


def _crew(case: Case) -> Resource:
    """Who is with the patient, and how to call them: a phone of the vehicle, and nobody's name."""
    if case.call_back is None:
        return {}
    phone = {"system": "phone", "value": case.call_back, "use": "work"}
    who = {"text": meaning("words", "crew").text}
    crew = {"resourceType": "PractitionerRole", "id": "crew", "code": [who], "telecom": [phone]}
    return {"contained": [crew], "participant": [{"individual": {"reference": "#crew"}}]}


def _visit(told: Told, status: str) -> Resource:
    """The visit to this hospital. While it is planned, it begins when the patient is expected."""
    case, handoff = told.case, told.case.handoff
    reported_at = handoff.outcome.occurred_at if handoff.outcome else None
    over_at = handoff.death_declared_at or reported_at
    return _encounter(
        told,
        "visit",
        "EMER",
        status,
        priority={"coding": [coding(f"{HL7}/v3-ActPriority", "EM")]},
        reasonCode=_complaint(case),
        period=_period(
            handoff.arrived_at
            or handoff.transferred_at
            or handoff.death_declared_at
            or case.arrives_at,
            over_at if status == "finished" else None,
        ),
        **_destination(told),
    )


def _encounter(told: Told, name: str, of_class: str, status: str, **more: Any) -> Resource:
    case = told.case
    more["class"] = coding(f"{HL7}/v3-ActCode", of_class)
    return told.make(
        "Encounter",
        name,
        identifier=[number("encounter", case.encounter_id), *_admission(case)],
        status=status,
        subject=told.to("Patient", ""),
        **more,
    )


def _destination(told: Told) -> Resource:
    """The facility itself, and the number under which the patient comes."""
    admission = _admission(told.case)
    return {
        "serviceProvider": elsewhere("Organization", "facility", told.facility_id),
        "hospitalization": {"preAdmissionIdentifier": admission[0]} if admission else {},
    }


def _period(start: datetime | None, end: datetime | None) -> Resource:
    """From when till when. Where clocks disagree, FHIR takes no end before the start."""
    if start is not None and end is not None and end < start:
        end = None
    return {name: utc(at) for name, at in (("start", start), ("end", end)) if at}


def _complaint(case: Case) -> list[Concept]:
    complaint, words = case.patient.complaint, (case.patient.complaint_text or "").strip()
    if complaint is Complaint.UNKNOWN:
        return [{"text": words}] if words else []
    coded = concept("complaints", complaint.value)
    return [coded | {"text": words} if words else coded]


def _admission(case: Case) -> list[Resource]:
    """The number, good since the patient is aboard (上车即入院), until the admission has ended."""
    if case.admission is None:
        return []
    ours = number("admission", case.admission.admission_number)
    return [ours | {"period": _period(case.admission.admitted_at, case.admission.ended_at)}]


def _record(told: Told, at: datetime, parts: Mapping[str, Sequence[Resource]]) -> Resource:
    """Which version it is, and what it consists of now: what it does not name holds no more."""
    record = meaning("words", "record")
    title = f"{record.zh} 第 {told.case.version} 版 · {record.en}, version {told.case.version}"
    order = (
        *("triage", "patient", "background"),
        *("vitals", "findings", "examinations", "treatments"),
    )
    sections = [
        {
            "title": meaning("words", name).text,
            "code": concept("words", name),
            "entry": [{"reference": own(resource)} for resource in parts[name]],
        }
        for name in order
        if parts[name]
    ]
    return told.about(
        "Composition",
        "record",
        status="final" if told.case.is_locked else "preliminary",
        type=concept("words", "record"),
        date=utc(at),
        author=[{"type": "Device", "display": meaning("words", "greenchannel").text}],
        title=title,
        section=sections,
    )
