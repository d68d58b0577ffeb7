"""What a hospital's own system is told in HL7 v2.5.1, and how its acknowledgement is read.

A patient is a number here, ours and the hospital's, and never a name. The first number in PID-3,
the encounter, stays the same from the first message to the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from schemas.clinical import ExaminationDone, FindingRecorded, TreatmentGiven, VitalSigns
from schemas.encounter import EncounterEvent, Patient
from schemas.envelope import derived_id
from schemas.handoff import (
    ArrivalRevoked,
    DeathDeclared,
    IdentityBound,
    IdentityMerged,
    IdentitySplit,
    PatientArrived,
    PreArrivalNotified,
    PreArrivalRecord,
    PreArrivalWithdrawn,
)
from schemas.repeats import name_of
from schemas.triage import Input
from services.bridge.case import Case
from services.bridge.delivery import Answer, Outcome
from services.bridge.hl7_background import allergies, background
from services.bridge.hl7_parts import (
    OWN,
    Row,
    code_of,
    coded,
    components,
    escaped,
    observed,
    segment,
    time_of,
    yes_or_no,
)
from services.bridge.record import last, record_of
from services.bridge.terminology import Kind, codes, meaning, unit_of, unit_of_dose

#: What we are in MSH-3, and whose numbers ours are.
US = "GREENCHANNEL"
#: Table 0203 has no type for what is written on a wrist.
_WRISTBAND = "GCWB"
#: MSH-10 takes so many characters.
_CONTROL_ID = 20
#: So much of what a hospital says about a refusal is kept.
_REASON = 300

#: The structure of each message, where it is not named after its event.
_STRUCTURES = {"A04": "ADT_A01", "A08": "ADT_A01", "A11": "ADT_A09", "A40": "ADT_A39"}
_SEXES = {"male": "M", "female": "F", "unknown": "U"}
_OUTCOMES = {"A": Outcome.ACCEPTED, "E": Outcome.ERRED, "R": Outcome.REFUSED}

Told = (
    PreArrivalNotified
    | PreArrivalWithdrawn
    | PatientArrived
    | ArrivalRevoked
    | IdentityBound
    | IdentityMerged
    | IdentitySplit
    | DeathDeclared
)


def message(event: Told, case: Case, zone: ZoneInfo) -> str:
    """The message for the facility that the event names, the same at every call. ``case`` is as of
    the event; of a withdrawal its ``arrived_at`` says whether the patient was there. Times are
    written by the clock of ``zone``, with its offset."""
    trigger = _trigger(event, case)
    segments = [
        *_head(trigger, event, event.facility_id, zone),
        _pid(case, event.facility_id, zone),
        *([_mrg(event)] if isinstance(event, IdentityMerged) else []),
        _pv1(case, event.facility_id, zone),
    ]
    # Another hospital may be chosen: no more of it. Of two numbers that are one nothing is new.
    if not isinstance(event, PreArrivalWithdrawn | IdentityMerged):
        record = event.record if isinstance(event, PreArrivalNotified) else record_of(case)
        segments += [_pv2(record.patient, case, zone), *_observations(record, event, zone)]
        segments += allergies(record.background)
    return _joined(segments)


def control_id(event: EncounterEvent, facility_id: str) -> str:
    """MSH-10: the same for the same event at the same facility."""
    made = derived_id("hl7", facility_id, event.encounter_id, name_of(event))
    return made.replace("-", "")[:_CONTROL_ID]


def read(answer: bytes, expected: str) -> Answer:
    """What an acknowledgement says of the message with this MSH-10."""
    text = answer.decode("utf-8", "replace").replace("\n", "\r")
    segments = [line for line in text.split("\r") if line]
    if not segments or not segments[0].startswith("MSH") or len(segments[0]) < len("MSH|"):
        return Answer(outcome=Outcome.AWAY, cause="the answer is no HL7")
    separator = segments[0][3]
    fields = {line[:3]: line.split(separator) for line in reversed(segments)}
    code, told, *said = [*fields.get("MSA", ["MSA"])[1:], "", ""]
    outcome = _OUTCOMES.get(code[1:]) if len(code) == 2 and code[0] in "AC" else None
    if outcome is None:
        return Answer(outcome=Outcome.AWAY, cause="the answer has no acknowledgement (MSA-1)")
    if told != expected:
        return Answer(outcome=Outcome.AWAY, cause="the answer is to another message (MSA-2)")
    if outcome is Outcome.ACCEPTED:
        return Answer(outcome=outcome)
    words = _printable(" ".join(filter(None, [*said, *fields.get("ERR", [])[1:]])))
    return Answer(outcome=outcome, cause=code, words=words[: _REASON - len(code) - 1])


def _trigger(event: Told, case: Case) -> str:
    match event:
        case PreArrivalWithdrawn():
            return "A38" if case.handoff.arrived_at is None else "A11"
        case PatientArrived():
            return "A04"
        case IdentityMerged():
            return "A40"
        case PreArrivalNotified():  # the first is the one that began the handoff
            return "A05" if event.occurred_at == case.handoff.notified_at else "A08"
    return "A08"


def _head(trigger: str, event: EncounterEvent, facility_id: str, zone: ZoneInfo) -> Iterator[str]:
    told = event.recorded_at or event.occurred_at
    structure = _STRUCTURES.get(trigger, f"ADT_{trigger}")
    header = {
        2: US,
        5: escaped(facility_id),
        6: time_of(told, zone),
        8: f"ADT^{trigger}^{structure}",
        9: control_id(event, facility_id),
        10: "P",
        11: "2.5.1",
        17: "UNICODE UTF-8",
    }  # numbered from MSH-2: MSH-1 is the separator itself
    yield segment("MSH", {1: "^~\\&", **header})
    yield segment("EVN", {2: time_of(told, zone), 6: time_of(event.occurred_at, zone)})


def _pid(case: Case, facility_id: str, zone: ZoneInfo) -> str:
    """A death stands in it once a doctor has declared it; what the crew says is an observation."""
    bound = _bound(case, facility_id)
    is_known = case.patient.identity == "known" or (bound is not None and not bound.provisional)
    died_at = case.handoff.death_declared_at
    return segment(
        "PID",
        {
            1: "1",
            3: _numbers(case, facility_id),
            5: "^^^^^^S",  # a pseudonym, and not even that is told
            8: _SEXES[case.patient.sex],
            29: time_of(died_at, zone),
            30: "Y" if died_at else "",
            31: "N" if is_known else "Y",
        },
    )


def _mrg(event: IdentityMerged) -> str:
    """The number of the hospital's own that goes on as the one in PID-3."""
    return segment("MRG", {1: components(event.merged, "", "", event.facility_id, "PI")})


def _numbers(case: Case, facility_id: str) -> str:
    """PID-3: our encounter, our admission, the wristband, and the hospital's own number once it is
    bound."""
    known = [components(case.encounter_id, "", "", US, "PI")]
    if case.admission is not None:
        known.append(_visit(case))
        if case.admission.wristband is not None:
            known.append(components(case.admission.wristband, "", "", US, _WRISTBAND))
    if bound := _bound(case, facility_id):
        known.append(components(bound.reference, "", "", facility_id, "PI"))
    return "~".join(known)


def _bound(case: Case, facility_id: str) -> IdentityBound | None:
    """What this facility calls the patient; another one's number is not its business."""
    known = case.handoff.identity
    return known if known is not None and known.facility_id == facility_id else None


def _visit(case: Case) -> str:
    if case.admission is None:
        return ""
    return components(case.admission.admission_number, "", "", US, "VN")


def _pv1(case: Case, facility_id: str, zone: ZoneInfo) -> str:
    """An emergency (PV1-2, PV1-4), admitted at boarding until the death was declared. The encounter
    stands in PV1-50 too: before boarding there is no admission number."""
    admitted = case.admission.admitted_at if case.admission else None
    ended = case.admission.ended_at if case.admission else None
    return segment(
        "PV1",
        {
            1: "1",
            2: "E",
            3: components("", "", "", facility_id),
            4: "E",
            19: _visit(case),
            44: time_of(admitted, zone),
            45: time_of(ended, zone),
            50: components(case.encounter_id, "", "", US, "VN"),
        },
    )


def _pv2(patient: Patient, case: Case, zone: ZoneInfo) -> str:
    """Why help was called, as it was told: no diagnosis; and when they will be there."""
    words = patient.complaint_text or meaning("complaints", patient.complaint).text
    reason = components(patient.complaint, words, OWN)
    return segment("PV2", {3: reason, 8: time_of(case.arrives_at, zone)})


def _observations(record: PreArrivalRecord, event: Told, zone: ZoneInfo) -> Iterator[str]:
    told = time_of(event.occurred_at, zone)
    rows = [
        *_triaged(record, told),
        *_known(record, told, zone),
        *(row for each in record.inputs if (row := _measured(each, zone))),
        *(row for each in last(record.findings) for row in _found(each, zone)),
        *(row for n, each in enumerate(record.examinations, 1) for row in _shown(each, n, zone)),
        *(_given(each, n, zone) for n, each in enumerate(record.treatments, 1)),
        *background(record.background, zone),
    ]
    for number, row in enumerate(rows, start=1):
        yield segment("OBX", {1: str(number), **row})


def _triaged(record: PreArrivalRecord, told: str) -> Iterator[Row]:
    for name, level in (("worst", record.worst), ("current", record.current)):
        code = components(f"triage_{name}", f"分诊级别 · triage level, {name}", OWN)
        yield observed("CE", code, coded("levels", level), told)
    for each in record.centres:
        code = components(f"centre_{each.centre}", meaning("centres", each.centre).text, OWN)
        yield observed("CE", code, coded("activations", each.activation), told)


def _known(record: PreArrivalRecord, told: str, zone: ZoneInfo) -> Iterator[Row]:
    """Of the patient and the way, what has no field of its own."""
    if end := record.journey_end:
        code = components("journey_end", meaning("words", "journey_end").text, OWN)
        yield observed("CE", code, coded("ends", end.outcome), time_of(end.at, zone))
    if (found := record.patient.precautions) is not None:
        code = components("precautions", meaning("words", "precaution").text, OWN)
        said = "~".join(coded("precautions", each) for each in found or ("none",))
        yield observed("CE", code, said, told)
    if record.call_back is not None:
        code = components("call_back", meaning("words", "call_back").text, OWN)
        yield observed("ST", code, escaped(record.call_back), told)
    if age := record.patient.age:
        code = components("30525-0", "年龄 · age", "LN")
        yield {**observed("NM", code, f"{age.years:g}", told), 6: "a^^UCUM"}


def _measured(taken: Input, zone: ZoneInfo) -> Row | None:
    """A vital sign with its unit and time; one that somebody tried to measure in vain stands there
    without a value. What cannot be true is left out, and so is what was only computed."""
    if taken.name not in VitalSigns.model_fields:
        return None
    value, at = taken.value, time_of(taken.occurred_at, zone)
    code = code_of("vitals", taken.name)
    if taken.name == "on_oxygen" and isinstance(value, str):
        return observed("CE", code, yes_or_no(value == "yes"), at)
    if value == "unmeasurable":
        return {3: code, 11: "X", 14: at}
    if isinstance(value, str):
        return observed("CE", code, coded("consciousness", value), at)
    if not isinstance(value, float | int):
        return None
    unit = components(unit_of(taken.name), "", "UCUM")
    return {**observed("NM", code, f"{value:g}", at), 6: unit}


def _found(found: FindingRecorded, zone: ZoneInfo) -> Iterator[Row]:
    """What was looked for, and whether it was found."""
    at, code = time_of(found.occurred_at, zone), code_of("findings", found.finding, "finding_")
    yield observed("CE", code, yes_or_no(found.present), at)
    yield from _noted(found.note, code, "note", at)


def _shown(done: ExaminationDone, number: int, zone: ZoneInfo) -> Iterator[Row]:
    """What was examined, and what it showed; ``number`` tells it from the others of its kind."""
    at, code = time_of(done.occurred_at, zone), code_of("examinations", done.examination)
    shows = "~".join(coded("shown", each) for each in done.shows)
    yield {**observed("CE", code, shows, at), 4: str(number)}
    yield from _noted(done.note, code, f"{number}.note", at)


def _noted(note: str | None, code: str, number: str, at: str) -> Iterator[Row]:
    if note and note.strip():
        yield {**observed("TX", code, escaped(note.strip()), at), 4: number}


def _given(given: TreatmentGiven, number: int, zone: ZoneInfo) -> Row:
    """What was given or done, with its dose where one was said."""
    kind: Kind = "drugs" if given.treatment in codes("drugs") else "measures"
    at, code = time_of(given.occurred_at, zone), code_of(kind, given.treatment, "treatment_")
    if given.dose is None:
        return {**observed("CE", code, yes_or_no(True), at), 4: str(number)}
    unit = components(unit_of_dose(given.unit), "", "UCUM") if given.unit else ""
    return {**observed("NM", code, f"{given.dose:g}", at), 4: str(number), 6: unit}


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _joined(segments: Sequence[str]) -> str:
    return "".join(f"{segment}\r" for segment in segments)
