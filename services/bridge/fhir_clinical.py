"""What was seen at a patient and done for them, and what triage makes of it, as FHIR."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from schemas.attachment import Attachment
from schemas.clinical import ExaminationDone, FindingRecorded, Invalid, TreatmentGiven
from schemas.triage import (
    CentreConcern,
    Input,
    Reason,
    ScoreValue,
    TriageDecided,
    TriageLevel,
)
from services.bridge.case import Case
from services.bridge.fhir_parts import (
    LOINC,
    OURS,
    Concept,
    Resource,
    Told,
    absent,
    category,
    coding,
    component,
    concept,
    elsewhere,
    notes,
    number_of,
    own,
    quantity,
    text,
    utc,
)
from services.bridge.terminology import codes, meaning, unit_of, unit_of_dose

#: Answers of LOINC to the status of a pregnancy.
PREGNANT = {"yes": "LA15173-0", "no": "LA26683-5"}
PRESSURES = "systolic_bp", "diastolic_bp"


# -- what was seen and done -------------------------------------------------------------------


def known(told: Told) -> Iterator[Resource]:
    """Of the patient, what has no field of its own in a Patient; what nobody knows is absent."""
    patient = told.case.patient

    def fact(name: str, **value: Any) -> Resource:
        return told.about("Observation", name, status="final", code=concept("words", name), **value)

    if patient.age is not None:
        name = "estimated_age" if patient.age.estimated else "age"
        yield fact(name, valueQuantity=quantity(patient.age.years, "a"))
    if patient.birth_time is not None:
        yield fact("birth_time", valueDateTime=utc(patient.birth_time))
    if patient.pregnant != "unknown":
        answer = {"coding": [coding(LOINC, PREGNANT[patient.pregnant])]}
        yield fact("pregnancy", valueCodeableConcept=answer)
    if patient.gestation_weeks is not None:
        yield fact("gestation", valueQuantity=quantity(patient.gestation_weeks, "wk"))
    if patient.postpartum_days is not None:
        yield fact("postpartum", valueQuantity=quantity(patient.postpartum_days, "d"))
    yield from _precautions(told)
    if (end := told.case.journey_end) is not None:
        value = concept("ends", end.outcome.value)
        yield fact("journey_end", effectiveDateTime=utc(end.at), valueCodeableConcept=value)
    if patient.last_known_well is not None:
        yield fact("last_known_well", valueDateTime=utc(patient.last_known_well))


def _precautions(told: Told) -> Iterator[Resource]:
    """Each by itself; that there are none is known where somebody has said so."""
    found = told.case.patient.precautions
    for each in () if found is None else found or ("none",):
        yield told.about(
            "Observation",
            f"precaution/{each}",
            status="final",
            code=concept("words", "precaution"),
            valueCodeableConcept=concept("precautions", each),
        )


def vitals(told: Told) -> Iterator[Resource]:
    """The last value of each vital sign; one that was not taken is absent."""
    decided = told.case.decision
    if decided is None:
        return
    inputs = {taken.name: taken for taken in (*decided.invalid, *decided.inputs)}
    pressures = {name: inputs.pop(name) for name in PRESSURES if name in inputs}
    if len({taken.occurred_at for taken in pressures.values()}) == 1:
        yield _pressure(told, "blood_pressure", pressures)
    else:  # each at its own time
        for name, taken in pressures.items():
            yield _pressure(told, name, {name: taken})
    for name, taken in inputs.items():
        if name in codes("vitals"):
            yield _vital(told, name, concept("vitals", name), taken, **_value(taken))


def _vital(told: Told, name: str, code: Concept, *taken: Input, **value: Any) -> Resource:
    """What a monitor streams nobody has vouched for: preliminary, until a human has read it."""
    read = all(one.method == "reading" for one in taken)
    return told.about(
        "Observation",
        name,
        status="final" if read else "preliminary",
        category=[category(meaning("vitals", name).category or "exam")],
        code=code,
        effectiveDateTime=utc(taken[0].occurred_at),
        note=notes(*map(_sent, taken)),
        **value,
    )


def _pressure(told: Told, name: str, taken: Mapping[str, Input]) -> Resource:
    """Both pressures are of one measurement; the one that was not taken then is said to be so."""
    components = [
        {
            "code": concept("vitals", part),
            **(_value(taken[part]) if part in taken else absent("not-performed")),
        }
        for part in PRESSURES
    ]
    code = concept("vitals", "blood_pressure")
    return _vital(told, name, code, *taken.values(), component=components)


def _value(taken: Input) -> Resource:
    """The value, or why there is none: 0 is a value."""
    value = taken.value
    if isinstance(value, Invalid):
        return absent("error", "invalid")
    if value == "unmeasurable":
        return absent("unknown", "unmeasurable")
    if taken.name == "on_oxygen":
        return {"valueBoolean": value == "yes"}
    if taken.name == "consciousness":
        return {"valueCodeableConcept": concept("consciousness", str(value))}
    return {"valueQuantity": quantity(float(value), unit_of(taken.name))}


def _sent(taken: Input) -> str | None:
    """A value that cannot be true, as it was sent."""
    return taken.value.invalid if isinstance(taken.value, Invalid) else None


def finding(told: Told, found: FindingRecorded) -> Resource:
    """What was looked for, and whether it was found."""
    return told.about(
        "Observation",
        f"finding/{found.finding.value}",
        status="final",
        category=[category("exam")],
        code=concept("findings", found.finding.value),
        effectiveDateTime=utc(found.occurred_at),
        valueBoolean=found.present,
        note=notes(found.note),
    )


def examination(told: Told, done: ExaminationDone) -> Resource:
    """What was examined, and what it showed."""
    shown = [concept("shown", shows) for shows in done.shows]
    by = [
        elsewhere(kind, system, who)
        for kind, system, who in (
            ("Practitioner", "staff", done.examiner),
            ("Organization", "facility", done.institution),
        )
        if who is not None
    ]
    said = [*(concept["text"] for concept in shown), (done.note or "").strip()]
    return told.about(
        "DiagnosticReport",
        done.event_id,
        status="final",
        code=concept("examinations", done.examination),
        effectiveDateTime=utc(done.occurred_at),
        performer=by,
        presentedForm=[
            _file(told, file) for file in told.case.attachments if file in done.attachments
        ],
        conclusion="; ".join(filter(None, said)) or None,
        conclusionCode=shown,
    )


def _file(told: Told, file: Attachment) -> Resource:
    """Where a file lies that has arrived; a path below the bridge's own address."""
    where = f"/v1/facilities/{told.facility_id}/encounters/{told.case.encounter_id}/attachments"
    return {
        "contentType": file.media_type,
        "size": file.size,
        "url": f"{where}/{file.sha256}",
    }


def treatment(told: Told, given: TreatmentGiven) -> Resource:
    """What was given is administered, what was done is a procedure."""
    at = utc(given.occurred_at)
    if given.treatment not in codes("drugs"):
        dose = f"{number_of(given.dose)} {given.unit or ''}" if given.dose else None
        return told.about(
            "Procedure",
            given.event_id,
            status="completed",
            code=concept("measures", given.treatment),
            performedDateTime=at,
            note=notes(dose),
        )
    unit = unit_of_dose(given.unit) if given.unit else None
    amount = quantity(given.dose, unit) if given.dose else None
    rate = "rateQuantity" if unit and unit.endswith("/min") else "dose"
    return told.about(
        "MedicationAdministration",
        given.event_id,
        status="completed",
        medicationCodeableConcept=concept("drugs", given.treatment),
        effectiveDateTime=at,
        dosage={rate: amount} if amount else {},
    )


# -- what triage says -------------------------------------------------------------------------


def triage(told: Told, taken: Sequence[Resource]) -> Iterator[Resource]:
    """The level, the scores beside it and the centres, from the values that were ``taken``."""
    decided = told.case.decision
    yield _level(told, decided, taken)
    for score in decided.scores if decided else ():
        yield _score(told, decided, score)
    for concern in decided.centres if decided else ():
        yield _concern(told, decided, concern)


def _level(told: Told, decided: TriageDecided | None, taken: Sequence[Resource]) -> Resource:
    """The worst level, and what it says now: never a level where there is none."""
    worst, current, trend = (
        (decided.worst, decided.current, [component("trend", "trends", decided.trend)])
        if decided
        else (TriageLevel.NOT_YET, TriageLevel.NOT_YET, [])
    )
    now = {"code": concept("words", "current_level"), **_level_value(current)}
    protocol = decided.protocol if decided else None
    return _judged(
        told,
        "triage_level",
        decided,
        **_level_value(worst),
        code=concept("words", "triage_level"),
        method={"text": f"{protocol.protocol} {protocol.version}"} if protocol else None,
        note=_explanation(told.case, decided),
        component=[now, *trend],
        derivedFrom=[{"reference": own(vital)} for vital in taken],
    )


def _level_value(level: TriageLevel) -> Resource:
    if level is TriageLevel.NOT_YET:
        return absent("temp-unknown")
    return {"valueCodeableConcept": concept("levels", level.value)}


def _score(told: Told, decided: TriageDecided | None, score: ScoreValue) -> Resource:
    """Where items are missing, the two ends between which it lies."""
    low, high = (quantity(end, "{score}") for end in (score.low, score.high))
    value = {"valueQuantity": low} if low == high else {"valueRange": {"low": low, "high": high}}
    code = {"coding": [coding(f"{OURS}:scores", score.name)], "text": score.name}
    note = notes(text(score.text))
    return _judged(told, f"score/{score.name}", decided, code=code, note=note, **value)


def _concern(told: Told, decided: TriageDecided | None, concern: CentreConcern) -> Resource:
    """The machine proposes: a human activates."""
    proposed = [component("activation", "activations", concern.activation.value)]
    if concern.direct_to is not None:
        proposed.append(component("direct_to", "places", concern.direct_to.value))
    return _judged(
        told,
        f"centre/{concern.centre.value}",
        decided,
        code=concept("words", "centre"),
        valueCodeableConcept=concept("centres", concern.centre.value),
        note=notes(text(concern.text)),
        component=proposed,
    )


def _judged(told: Told, name: str, decided: TriageDecided | None, **body: Any) -> Resource:
    """What triage says may change until care was handed over."""
    return told.about(
        "Observation",
        name,
        status="final" if told.case.is_locked else "preliminary",
        category=[category("survey")],
        effectiveDateTime=utc(decided.occurred_at) if decided else None,
        **body,
    )


def _explanation(case: Case, decided: TriageDecided | None) -> list[Resource]:
    """Why, a line for each reason: Chinese first."""
    lines: list[str] = []

    def say(word: str, said: Iterable[str]) -> None:
        lines.extend(f"{meaning('words', word).text}: {line}" for line in said)

    if case.triage_paused:
        lines.append(meaning("words", "paused").text)
    if decided is not None:
        if decided.override is not None:
            level = meaning("levels", decided.override.level.value).text
            say("override", [f"{level} ({decided.override.reason.strip()})"])
        say("reasons", map(_reason, decided.reasons))
        say("earlier", map(_reason, decided.earlier))
        say("taken_back", map(_reason, decided.taken_back))
        say("lost", (_name(signal.name) for signal in decided.lost))
        say("missing", (_name(name) for name in decided.missing))
    return notes(*lines)


def _reason(reason: Reason) -> str:
    return f"{meaning('levels', reason.level.value).zh}: {text(reason.text)} [{reason.source}]"


def _name(name: str) -> str:
    return meaning("vitals", name).text if name in codes("vitals") else name
