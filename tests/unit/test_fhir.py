"""What a hospital's own system is told: the same each time, never more than is known, and nothing
of another facility."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from schemas.attachment import Attachment
from schemas.background import Background, LineCode
from schemas.clinical import (
    BackgroundTold,
    DoseUnit,
    ExaminationCode,
    ExaminationDone,
    FindingCode,
    FindingRecorded,
    Invalid,
    ObservationRetracted,
    Shown,
    TreatmentCode,
    TreatmentGiven,
    VitalSigns,
)
from schemas.encounter import (
    Age,
    Complaint,
    DestinationSelected,
    EmergencyTransferRequested,
    EncounterEnded,
    Outcome,
    Patient,
    PatientBoarded,
    Precaution,
)
from schemas.handoff import (
    Admission,
    DeathDeclared,
    IdentityBound,
    JourneyEnd,
    OutcomeReported,
    RedirectRequested,
)
from schemas.triage import (
    Activation,
    Bilingual,
    Centre,
    CentreConcern,
    DirectTo,
    Input,
    LostSignal,
    ProtocolVersion,
    Reason,
    ScoreValue,
    TriageDecided,
    TriageLevel,
)
from services.bridge.acts import act
from services.bridge.case import Case, Handoff
from services.bridge.fhir import as_json, bundle
from services.bridge.handoff import hear
from services.bridge.terminology import Kind, codes, meaning
from tests.told import moments

ZONE = ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
ADMISSION = Admission(admission_number="GC-20260301-0001", admitted_at=BEGIN)
BOTH = Bilingual(zh="原因", en="a reason")
COMMON: Any = {"event_id": "x", "occurred_at": BEGIN, "encounter_id": "E-1"}
BY_STAFF: Any = {**COMMON, "facility_id": "H1", "staff_id": "N-1"}
BOUND = Case(
    encounter_id="E-1", facility_id="H1", unit_id="U-1", version=3, notified_at=BEGIN,
    centres=(Centre.EMERGENCY,), boarded_at=BEGIN, admission=ADMISSION,
)  # fmt: skip


def taken(name: str, value: Any, at: datetime = BEGIN, method: Any = "reading") -> Input:
    return Input(name=name, value=value, occurred_at=at, method=method)


def decided(*inputs: Input, **more: Any) -> TriageDecided:
    fields: dict[str, Any] = {
        "number": 1, "changed": True, "worst": TriageLevel.SEVERE, "current": TriageLevel.URGENT,
        "trend": "better", "reasons": (), "missing": (), "questions": (), "centres": (),
        "folded": (),
    }  # fmt: skip
    return TriageDecided(**COMMON, **{**fields, "inputs": inputs, **more})


def told(case: Case, facility_id: str = "H1", *, withdrawn: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        as_json(bundle(case, facility_id, ZONE, withdrawn=withdrawn))
    )
    return found


def resources(case: Case, kind: str, **how: Any) -> list[dict[str, Any]]:
    entries = [entry["resource"] for entry in told(case, **how)["entry"]]
    return [resource for resource in entries if resource["resourceType"] == kind]


def encounter(case: Case, of_class: str, **how: Any) -> dict[str, Any]:
    (one,) = [e for e in resources(case, "Encounter", **how) if e["class"]["code"] == of_class]
    return one


def observations(case: Case) -> dict[str, dict[str, Any]]:
    """By the code of ours."""
    return {
        coding["code"]: observation
        for observation in resources(case, "Observation")
        for coding in observation["code"]["coding"]
        if coding["system"].startswith("urn:greenchannel:")
    }


#: Files of an examination: one that is there, and one that is not.
ECG = Attachment(sha256="a" * 64, media_type="image/png", size=214_870)
ON_ITS_WAY = Attachment(sha256="b" * 64, media_type="application/pdf", size=90_000)


BACKGROUND = Background.model_validate({
    "allergies": ["青霉素", "海鲜"], "medications": ["华法林"], "history": [],
    "last_meal_at": BEGIN,
    "lines": [{"line": code, "where": "左" * (n % 2) or None}
              for n, code in enumerate(get_args(LineCode))],
    "skin": [], "belongings": ["手机"], "consents": [{"to": "treatment", "by": "refused"}],
})  # fmt: skip


def everything() -> Case:
    """A case with every code there is."""
    vitals: dict[str, Any] = dict.fromkeys(VitalSigns.model_fields, 3.0)
    vitals |= {
        "consciousness": "P",
        "on_oxygen": "yes",
        "spo2": "unmeasurable",
        "temperature": 36.5,
    }
    concerns = [
        CentreConcern(centre=centre, activation=activation, text=BOTH, source="x", direct_to=place)
        for centre, activation, place in zip(
            list(Centre), [*Activation, *Activation], [None, *list(DirectTo)[:5]], strict=True
        )
    ]
    reason = Reason(rule="r", level=TriageLevel.SEVERE, text=BOTH, source="x", evidence="design")
    units: list[Any] = [None, *get_args(DoseUnit)]
    return BOUND.but(
        patient=Patient(
            age=Age(years=0.5, estimated=True), birth_time=BEGIN, sex="female", pregnant="yes",
            gestation_weeks=38.5, postpartum_days=0, complaint=Complaint.OBSTETRIC,
            complaint_text=" 宫缩 ", last_known_well=BEGIN, precautions=get_args(Precaution),
        ),
        call_back="555-0142", journey_end=JourneyEnd(outcome=Outcome.DIED_EN_ROUTE, at=BEGIN),
        decision=decided(
            *(taken(name, value) for name, value in vitals.items()),
            invalid=(taken("heart_rate", Invalid(invalid="999")),),
            centres=tuple(concerns), reasons=(reason,), earlier=(reason,), taken_back=(reason,),
            missing=("temperature", "whatever"), lost=(LostSignal(name="spo2", since=BEGIN),),
            scores=(ScoreValue(name="news2", low=3, high=7, text=BOTH),
                    ScoreValue(name="mews", low=0, high=0, text=BOTH)),
            protocol=ProtocolVersion(protocol="adult", version="2026.3"),
        ),
        findings=tuple(
            FindingRecorded(**COMMON, finding=code, present=bool(n % 2), note="" if n else " 注 ")
            for n, code in enumerate(FindingCode)
        ),
        examinations=tuple(
            ExaminationDone(**COMMON | {"event_id": f"x-{n}"}, examination=code,
                            shows=get_args(Shown), examiner=f"doctor-{n}", institution="S-02",
                            quality_mark="全国HR", attachments=(ECG, ON_ITS_WAY))
            for n, code in enumerate(get_args(ExaminationCode))
        ),
        arrived=(ECG,),
        treatments=tuple(
            TreatmentGiven(**COMMON | {"event_id": f"t-{n}"}, treatment=code,
                           dose=n / 2 or None, unit=units[n % len(units)])
            for n, code in enumerate(get_args(TreatmentCode))
        ),
        backgrounds=(BackgroundTold(**COMMON, background=BACKGROUND, told_by="relative"),),
        triage_paused=True,
        arrives_at=BEGIN,
        handoff=Handoff(identity=IdentityBound(**BY_STAFF, reference="MRN-7", provisional=True)),
    )  # fmt: skip


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (found for part in value.values() for found in strings(part))
    elif isinstance(value, list):
        yield from (found for part in value for found in strings(part))
    elif isinstance(value, str):
        yield value


# -- the bundle as a whole -------------------------------------------------------------------


def test_a_case_that_was_stored_and_loaded_is_told_the_same() -> None:
    case = everything()
    loaded = Case.model_validate_json(case.model_dump_json())
    assert as_json(bundle(loaded, "H1", ZONE)) == as_json(bundle(case, "H1", ZONE))


def test_each_resource_is_put_by_an_identifier_of_its_own_and_the_next_version_by_the_same() -> (
    None
):
    case = everything()
    first, second = told(case), told(case.but(version=4))
    by = {entry["fullUrl"]: entry for entry in first["entry"]}
    assert len(by) == len(first["entry"]) > len(FindingCode)
    assert by.keys() == {entry["fullUrl"] for entry in second["entry"]}
    assert first["identifier"] != second["identifier"]
    for urn, entry in by.items():
        kind = entry["resource"]["resourceType"]
        assert entry["request"]["method"] == "PUT"
        assert entry["request"]["url"] == f"{kind}?identifier=urn:ietf:rfc:3986%7C{urn}"
        numbers = entry["resource"]["identifier"]
        own = numbers if kind == "Composition" else numbers[0]
        assert own == {"system": "urn:ietf:rfc:3986", "value": urn}


def test_what_a_bundle_refers_to_is_in_it() -> None:
    made = told(everything())
    urns = {entry["fullUrl"] for entry in made["entry"]}
    referred = {text for text in strings([e["resource"] for e in made["entry"]]) if "uuid" in text}
    assert referred == urns


def test_two_patients_and_two_facilities_share_no_resource() -> None:
    case = everything()
    others = [case.but(encounter_id="E-2"), case.but(facility_id="H2")]
    mine = {entry["fullUrl"] for entry in told(case)["entry"]}
    for other in others:
        theirs = {entry["fullUrl"] for entry in told(other, other.facility_id or "")["entry"]}
        assert not mine & theirs


def test_precautions_are_observed_each_and_nobody_knows_what_was_not_said() -> None:
    def said(*found: Precaution) -> set[str]:
        patient = BOUND.patient.but(precautions=found)
        kinds = resources(BOUND.but(patient=patient), "Observation")
        values = [each.get("valueCodeableConcept", {}).get("coding", []) for each in kinds]
        codings = [coding for value in values for coding in value]
        return {c["code"] for c in codings if c["system"] == "urn:greenchannel:precautions"}

    assert said("airborne", "contact") == {"airborne", "contact"}
    assert said() == {"none"}
    assert "precaution" in observations(BOUND.but(patient=Patient(precautions=())))
    assert "precaution" not in observations(BOUND)


def test_how_to_call_them_stands_with_the_crew_of_the_way() -> None:
    way = encounter(everything(), "FLD")
    (crew,) = way["contained"]
    assert crew["telecom"] == [{"system": "phone", "value": "555-0142", "use": "work"}]
    assert way["participant"][0]["individual"]["reference"] == f"#{crew['id']}"
    assert "contained" not in encounter(BOUND, "FLD")
    assert "555-0142" not in as_json(bundle(everything(), "H1", ZONE, withdrawn=True))


def test_an_examination_says_who_answers_for_it_and_where_its_file_lies() -> None:
    (report, *_) = resources(everything(), "DiagnosticReport")
    assert [who["identifier"]["value"] for who in report["performer"]] == ["doctor-0", "S-02"]
    where = f"/v1/facilities/H1/encounters/E-1/attachments/{ECG.sha256}"
    file = {"contentType": "image/png", "size": 214_870, "url": where}
    assert report["presentedForm"] == [file], "what is on its way cannot be read yet"


def test_all_times_are_utc() -> None:
    there = BEGIN.astimezone(ZONE)
    case = everything().but(boarded_at=there, notified_at=there)
    assert encounter(case, "FLD")["period"]["start"] == "2026-03-01T08:00:00Z"
    assert told(case)["timestamp"] == "2026-03-01T08:00:00Z"


# -- whom it is about, and whom not ----------------------------------------------------------


def test_nothing_in_it_speaks_of_another_facility() -> None:
    case = everything().but(
        patient=Patient(wishes_facility_id="H7"),
        transfer=EmergencyTransferRequested(
            **COMMON, incident_id="I-1", from_facility_id="H8", requested_by="D-1",
            consent="given", reason="H8 没有导管室",
        ),
        handoff=Handoff(
            redirect=RedirectRequested(**BY_STAFF, reason="no_bed", alternative_facility_id="H9")
        ),
    )  # fmt: skip
    said = as_json(bundle(case, "H1", ZONE))
    assert "H1" in said
    assert [name for name in ("H7", "H8", "H9") if name in said] == []


def test_in_no_story_is_a_facility_told_of_another() -> None:
    facilities = {moment.facility_id for moment in moments()}
    assert len(facilities) > 2
    for moment in [m for n, m in enumerate(moments()) if m.withdrawn or n % 5 == 0]:
        said = as_json(bundle(moment.case, moment.facility_id, ZONE, withdrawn=moment.withdrawn))
        assert [f for f in facilities if f'"{f}"' in said] == [moment.facility_id]


def test_who_is_unknown_has_a_number_and_no_more() -> None:
    (patient,) = resources(BOUND, "Patient")
    assert patient.keys() == {"resourceType", "identifier", "gender"}
    assert patient["gender"] == "unknown"
    numbers = [(n["system"], n["value"]) for n in patient["identifier"][1:]]
    assert numbers == [
        ("urn:greenchannel:encounter", "E-1"),
        ("urn:greenchannel:admission", "GC-20260301-0001"),
    ]
    assert observations(BOUND).keys() == {"triage_level"}


@pytest.mark.parametrize(("provisional", "use"), [(True, "temp"), (False, "usual")])
def test_an_identity_learned_later_stands_beside_ours(provisional: bool, use: str) -> None:
    bound = IdentityBound(**BY_STAFF, reference="MRN-7", provisional=provisional)
    (patient,) = resources(BOUND.but(handoff=Handoff(identity=bound)), "Patient")
    assert [n["value"] for n in patient["identifier"][1:3]] == ["E-1", "GC-20260301-0001"]
    own = {"use": use, "system": "urn:greenchannel:facility:H1", "value": "MRN-7"}
    assert patient["identifier"][3] == own


def test_a_newborn_is_born_on_the_day_it_is_there() -> None:
    newborn = Patient(birth_time=datetime(2026, 2, 28, 16, 30, tzinfo=UTC), sex="male")
    case = BOUND.but(patient=newborn)
    (patient,) = resources(case, "Patient")
    assert (patient["birthDate"], patient["gender"]) == ("2026-03-01", "male")
    assert observations(case)["birth_time"]["valueDateTime"] == "2026-02-28T16:30:00Z"


@pytest.mark.parametrize(("estimated", "name"), [(True, "estimated_age"), (False, "age")])
def test_an_age_makes_no_birthday(estimated: bool, name: str) -> None:
    case = BOUND.but(patient=Patient(age=Age(years=63, estimated=estimated)))
    (patient,) = resources(case, "Patient")
    assert "birthDate" not in patient
    assert observations(case)[name]["valueQuantity"]["value"] == 63


# -- the way, and the visit ------------------------------------------------------------------


LATER = BEGIN + timedelta(minutes=20)
LEFT = OutcomeReported(**BY_STAFF | {"occurred_at": LATER}, outcome="discharged")


@pytest.mark.parametrize(
    ("case", "way", "visit"),
    [
        (BOUND.but(boarded_at=None, unit_id=None, admission=None), "planned", "planned"),
        (BOUND.but(boarded_at=None, admission=None), "in-progress", "planned"),
        (BOUND, "in-progress", "planned"),
        (BOUND.but(handoff=Handoff(arrived_at=LATER)), "in-progress", "arrived"),
        (BOUND.but(handoff=Handoff(transferred_at=LATER)), "finished", "in-progress"),
        (BOUND.but(handoff=Handoff(transferred_at=LATER, outcome=LEFT)), "finished", "finished"),
        (BOUND.but(handoff=Handoff(transferred_at=LATER, outcome=LEFT.but(outcome="surgery"))),
         "finished", "in-progress"),
        (BOUND.but(ended=True), "in-progress", "planned"),  # died on the way, or was brought
    ],
)  # fmt: skip
def test_way_and_visit_follow_the_patient(case: Case, way: str, visit: str) -> None:
    assert encounter(case, "FLD")["status"] == way
    assert encounter(case, "EMER")["status"] == visit


def test_a_death_on_the_way_is_the_crews_word_until_a_doctor_has_declared_it() -> None:
    end = EncounterEnded(**COMMON | {"event_id": "end"}, outcome=Outcome.DIED_EN_ROUTE)
    expected = BOUND.but(arrives_at=LATER + timedelta(minutes=5))
    said, _ = hear(expected, "E-1", end, BEGIN)
    word = observations(said)["journey_end"]
    assert word["valueCodeableConcept"]["coding"][-1]["code"] == "died_en_route"
    assert word["effectiveDateTime"] == "2026-03-01T08:00:00Z"
    (patient,) = resources(said, "Patient")
    assert "deceasedDateTime" not in patient
    assert encounter(said, "EMER")["status"] == "planned", "they still come"

    declared = DeathDeclared(**BY_STAFF | {"event_id": "d", "occurred_at": LATER})
    over, _ = act(said, declared, LATER)
    (patient,) = resources(over, "Patient")
    assert patient["deceasedDateTime"] == "2026-03-01T08:20:00Z"
    period = {"start": "2026-03-01T08:00:00Z", "end": "2026-03-01T08:20:00Z"}
    (number,) = [n for n in patient["identifier"] if n["value"] == ADMISSION.admission_number]
    assert number["period"] == period, "it stays, and has ended"
    for of_class in ("FLD", "EMER"):
        visit = encounter(over, of_class)
        assert visit["status"] == "finished"
        assert visit["period"]["end"] == "2026-03-01T08:20:00Z"
        assert number in visit["identifier"]


def test_boarding_is_admission() -> None:
    way, visit = encounter(BOUND, "FLD"), encounter(BOUND, "EMER")
    assert way["period"] == {"start": "2026-03-01T08:00:00Z"}
    number = visit["hospitalization"]["preAdmissionIdentifier"]
    assert (number["value"], number["period"]) == ("GC-20260301-0001", way["period"])
    assert number in way["identifier"]
    assert visit["serviceProvider"]["identifier"]["value"] == "H1"
    before = BOUND.but(boarded_at=None, admission=None)
    assert "period" not in encounter(before, "FLD")
    assert "hospitalization" not in encounter(before, "EMER")


def test_a_planned_visit_begins_when_the_patient_is_expected_and_then_when_they_come() -> None:
    assert "period" not in encounter(BOUND, "EMER")
    expected = BOUND.but(arrives_at=BEGIN)
    assert encounter(expected, "EMER")["period"] == {"start": "2026-03-01T08:00:00Z"}
    here = expected.but(handoff=Handoff(arrived_at=LATER))
    assert encounter(here, "EMER")["period"] == {"start": "2026-03-01T08:20:00Z"}


def test_no_period_ends_before_it_begins() -> None:
    """FHIR refuses such a resource, and a clock may be wrong."""
    case = BOUND.but(handoff=Handoff(transferred_at=BEGIN - timedelta(seconds=1)))
    assert encounter(case, "FLD")["period"] == {"start": "2026-03-01T08:00:00Z"}


def chosen(case: Case, facility_id: str) -> Case:
    event = DestinationSelected(
        **COMMON | {"event_id": f"to-{facility_id}"}, facility_id=facility_id, selected_by="D-1"
    )
    return hear(case, "E-1", event, BEGIN)[0]


def test_the_facility_that_was_left_hears_that_nobody_comes_and_no_more() -> None:
    before = everything()
    case = chosen(before, "H2")
    made = told(case, "H1", withdrawn=True)
    assert [entry["resource"]["resourceType"] for entry in made["entry"]] == [
        "Patient", "Encounter", "Encounter",
    ]  # fmt: skip
    assert encounter(case, "EMER", withdrawn=True)["status"] == "cancelled"
    assert encounter(case, "FLD", withdrawn=True)["status"] == "unknown"
    assert {e["fullUrl"] for e in made["entry"]} <= {e["fullUrl"] for e in told(before)["entry"]}
    assert not {"H2", "U-1", "宫缩"} & set(strings(made))
    assert told(case, "H1") == made  # forgotten or not
    assert encounter(case, "EMER", facility_id="H2")["status"] == "planned"


def test_what_the_hospital_knows_of_who_does_not_come_stays() -> None:
    entry = told(BOUND, withdrawn=True)["entry"][0]
    search = f"identifier=urn:ietf:rfc:3986%7C{entry['fullUrl']}"
    assert entry["request"] == {"method": "POST", "url": "Patient", "ifNoneExist": search}


@pytest.mark.parametrize(("unit_id", "way"), [("U-1", "finished"), (None, "cancelled")])
def test_a_cancelled_admission_cancels_the_visit(unit_id: str | None, way: str) -> None:
    reached = chosen(Case(encounter_id="E-1", unit_id=unit_id), "H1")
    if unit_id:
        boarded = PatientBoarded(**COMMON, unit_id=unit_id)
        reached, _ = hear(reached.but(reserved="GC-20260301-0001"), "E-1", boarded, BEGIN)
        assert reached.admission is not None
        assert reached.admission.but(wristband=None, provisional=False) == ADMISSION
        (patient,) = resources(reached, "Patient")
        assert "WB-20260301-0001" in {each["value"] for each in patient["identifier"]}
    ended = EncounterEnded(**COMMON | {"event_id": "end"}, outcome=Outcome.LEFT_BY_OTHER_MEANS)
    case, _ = hear(reached, "E-1", ended, BEGIN)
    assert case.admission is None
    assert encounter(case, "EMER", withdrawn=True)["status"] == "cancelled"
    assert encounter(case, "FLD", withdrawn=True)["status"] == way


# -- what was measured -----------------------------------------------------------------------


def test_what_was_not_taken_is_absent() -> None:
    case = BOUND.but(decision=decided(taken("heart_rate", 88.0)))
    assert observations(case).keys() == {"triage_level", "heart_rate"}


def test_a_value_has_its_code_unit_and_time() -> None:
    case = BOUND.but(decision=decided(taken("temperature", 36.8, LATER)))
    found = observations(case)["temperature"]
    assert found["code"]["coding"][0] == {"system": "http://loinc.org", "code": "8310-5"}
    assert found["valueQuantity"] == {
        "value": 36.8, "system": "http://unitsofmeasure.org", "code": "Cel", "unit": "Cel",
    }  # fmt: skip
    assert found["effectiveDateTime"] == "2026-03-01T08:20:00Z"


def test_zero_is_a_measurement() -> None:
    case = BOUND.but(decision=decided(taken("heart_rate", 0.0), taken("pain", 0.0)))
    assert observations(case)["heart_rate"]["valueQuantity"]["value"] == 0
    assert observations(case)["pain"]["valueQuantity"]["value"] == 0


@pytest.mark.parametrize(
    ("value", "listed", "ours"),
    [("unmeasurable", "unknown", "unmeasurable"), (Invalid(invalid="300"), "error", "invalid")],
)
def test_what_is_no_number_is_none_and_says_why(value: Any, listed: str, ours: str) -> None:
    found = observations(BOUND.but(decision=decided(taken("spo2", value))))["spo2"]
    assert not [key for key in found if key.startswith("value")]
    assert [coding["code"] for coding in found["dataAbsentReason"]["coding"]] == [listed, ours]
    assert [note["text"] for note in found.get("note", [])] == (
        ["300"] if ours == "invalid" else []
    )


def test_a_value_that_cannot_be_true_does_not_hide_the_one_before() -> None:
    impossible = taken("spo2", Invalid(invalid="300"), LATER)
    case = BOUND.but(decision=decided(taken("spo2", 97.0), invalid=(impossible,)))
    assert observations(case)["spo2"]["valueQuantity"]["value"] == 97


def components(observation: dict[str, Any]) -> dict[str, Any]:
    """By the last of its codes: the value, or why there is none."""
    return {
        part["code"]["coding"][-1]["code"]: part["valueQuantity"]["value"]
        if "valueQuantity" in part
        else part["dataAbsentReason"]["coding"][0]["code"]
        for part in observation["component"]
    }


def test_pressures_of_one_measurement_stand_together_and_others_apart() -> None:
    upper = taken("systolic_bp", 90.0)
    for given, said in {
        (upper, taken("diastolic_bp", 60.0)): [{"systolic_bp": 90, "diastolic_bp": 60}],
        (upper,): [{"systolic_bp": 90, "diastolic_bp": "not-performed"}],
        (taken("systolic_bp", "unmeasurable"),): [
            {"systolic_bp": "unknown", "diastolic_bp": "not-performed"}
        ],
        (upper, taken("diastolic_bp", 60.0, LATER)): [
            {"systolic_bp": 90, "diastolic_bp": "not-performed"},
            {"systolic_bp": "not-performed", "diastolic_bp": 60},
        ],
    }.items():
        found = resources(BOUND.but(decision=decided(*given)), "Observation")
        assert [components(o) for o in found if "85354-9" in json.dumps(o)] == said
        assert not [key for o in found[:-1] for key in o if key.startswith("value")]


def test_what_a_monitor_streams_is_preliminary_until_a_human_has_read_it() -> None:
    case = BOUND.but(
        decision=decided(taken("spo2", 97.0, method="streamed"), taken("heart_rate", 88.0))
    )
    found = observations(case)
    assert (found["spo2"]["status"], found["heart_rate"]["status"]) == ("preliminary", "final")


# -- what was found, done and decided --------------------------------------------------------


def test_the_last_word_on_a_finding_stands_and_one_taken_back_does_not() -> None:
    def found(event_id: str, code: FindingCode, present: bool) -> FindingRecorded:
        return FindingRecorded(**COMMON | {"event_id": event_id}, finding=code, present=present)

    case = BOUND
    for event in (
        found("f-1", FindingCode.ARM_DRIFT, True),
        found("f-2", FindingCode.SHOCK, True),
        found("f-3", FindingCode.ARM_DRIFT, False),
        ObservationRetracted(
            **COMMON | {"event_id": "r"}, observation="finding", observation_id="f-2",
            reason="wrong_patient", retracted_by="C-1",
        ),
    ):  # fmt: skip
        case, _ = hear(case, "E-1", event, BEGIN)
    seen = observations(case)
    assert seen["arm_drift"]["valueBoolean"] is False
    assert "shock" not in seen
    (record,) = resources(case, "Composition")
    named = {e["reference"] for section in record["section"] for e in section["entry"]}
    assert named == {seen[name]["identifier"][0]["value"] for name in ("arm_drift", "triage_level")}
    assert f"version {case.version}" in record["title"]


def asked(**fields: Any) -> Case:
    told = BackgroundTold.model_validate({**COMMON, "background": fields})
    return BOUND.but(backgrounds=(told,))


def test_an_allergy_is_told_in_words_and_none_never_stands_beside_one() -> None:
    none = resources(asked(allergies=[]), "AllergyIntolerance")
    penicillin, food = resources(asked(allergies=["青霉素", "海鲜"]), "AllergyIntolerance")
    assert [each["code"] for each in (penicillin, food)] == [{"text": "青霉素"}, {"text": "海鲜"}]
    assert penicillin["verificationStatus"]["coding"][0]["code"] == "unconfirmed"
    assert penicillin["recordedDate"] == "2026-03-01T08:00:00Z"
    assert [c["code"] for c in none[0]["code"]["coding"]] == ["716186003", "no_known_allergy"]
    assert [each["identifier"] for each in none] == [penicillin["identifier"]], "it takes its place"
    assert resources(asked(skin=[]), "AllergyIntolerance") == [], "nobody was asked"


def test_what_else_is_told_of_the_background_is_observed_with_its_time_and_none_is_said() -> None:
    lines = [{"line": "splint", "where": "右腿"}, {"line": "gastric_tube"}]
    case = asked(
        medications=["华法林", "二甲双胍"], history=[], lines=lines, last_meal_at=LATER,
        belongings=["手机"], consents=[{"to": "records", "by": "patient"}],
    )  # fmt: skip
    found = observations(case)
    assert found.keys() == {"triage_level", "medications", "history", "lines", "last_meal_at"}
    assert [c["valueString"] for c in found["medications"]["component"]] == ["华法林", "二甲双胍"]
    assert found["history"]["valueCodeableConcept"]["coding"][0]["code"] == "none"
    assert found["last_meal_at"]["valueDateTime"] == "2026-03-01T08:20:00Z"
    assert found["medications"]["effectiveDateTime"] == "2026-03-01T08:00:00Z"
    splint, tube = (c["valueCodeableConcept"] for c in found["lines"]["component"])
    assert (splint["coding"][0]["code"], splint["text"]) == ("splint", "夹板 · splint (右腿)")
    assert tube["text"] == "胃管 · gastric tube"
    (record,) = resources(case, "Composition")
    named = {s["title"]: len(s["entry"]) for s in record["section"]}
    assert named["背景情况 · background"] == 4


def given(treatment: Any, dose: float | None, unit: Any) -> Case:
    event = TreatmentGiven(**COMMON, treatment=treatment, dose=dose, unit=unit)
    return BOUND.but(treatments=(event,))


def test_what_was_given_has_its_dose_or_rate_and_what_was_done_is_a_procedure() -> None:
    (aspirin,) = resources(given("aspirin", 300, "mg"), "MedicationAdministration")
    assert aspirin["dosage"]["dose"]["value"] == 300
    assert aspirin["effectiveDateTime"] == "2026-03-01T08:00:00Z"
    (oxytocin,) = resources(given("oxytocin", 10, "IU"), "MedicationAdministration")
    assert oxytocin["dosage"]["dose"]["code"] == "[iU]"
    (oxygen,) = resources(given("oxygen", 4, "L/min"), "MedicationAdministration")
    assert oxygen["dosage"]["rateQuantity"]["code"] == "L/min"
    (unmeasured,) = resources(given("crystalloid", None, "mL"), "MedicationAdministration")
    assert "dosage" not in unmeasured
    (shock,) = resources(given("defibrillation", 200, "J"), "Procedure")
    assert shock["note"] == [{"text": "200 J"}]
    assert resources(given("defibrillation", 200, "J"), "MedicationAdministration") == []


def test_there_is_no_level_where_there_is_none() -> None:
    for case in (BOUND, BOUND.but(decision=decided(worst="not_yet", current="not_yet"))):
        level = observations(case)["triage_level"]
        assert level["dataAbsentReason"]["coding"][0]["code"] == "temp-unknown"
        assert "valueCodeableConcept" not in level


def test_the_worst_level_is_the_value_and_why_is_said_beside_it() -> None:
    case = everything()
    level = observations(case)["triage_level"]
    assert level["valueCodeableConcept"]["text"] == "Ⅱ 危重 · Ⅱ severe"
    assert level["component"][0]["valueCodeableConcept"]["coding"][0]["code"] == "urgent"
    assert level["method"]["text"] == "adult 2026.3"
    notes = [note["text"] for note in level["note"]]
    assert "依据 · because: Ⅱ 危重: 原因 · a reason [x]" in notes
    assert "缺 · missing: 体温 · temperature" in notes
    assert "信号丢失 · lost signal: 血氧饱和度 · oxygen saturation" in notes
    assert meaning("words", "paused").text in notes
    vitals = [o for name, o in observations(case).items() if name in VitalSigns.model_fields]
    assert {o["identifier"][0]["value"] for o in vitals} < {
        reference["reference"] for reference in level["derivedFrom"]
    }


def test_a_score_with_missing_items_lies_between_two_ends() -> None:
    found = observations(everything())
    ends = found["news2"]["valueRange"]
    assert (ends["low"]["value"], ends["high"]["value"]) == (3, 7)
    assert found["mews"]["valueQuantity"]["value"] == 0
    assert found["mews"]["note"] == [{"text": "原因 · a reason"}]


def test_what_triage_says_is_final_once_care_was_handed_over() -> None:
    assert observations(BOUND)["triage_level"]["status"] == "preliminary"
    assert observations(BOUND.but(locked_at=BEGIN))["triage_level"]["status"] == "final"


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("vitals", {*VitalSigns.model_fields, "blood_pressure"}),
        ("consciousness", set("ACVPU")),
        ("levels", set(TriageLevel)),
        ("trends", {"worse", "same", "better"}),
        ("centres", set(Centre)),
        ("activations", set(Activation)),
        ("places", set(DirectTo)),
        ("complaints", set(Complaint)),
        ("findings", set(FindingCode)),
        ("examinations", set(get_args(ExaminationCode))),
        ("shown", set(get_args(Shown))),
        ("lines", set(get_args(LineCode))),
        ("background", {*Background.model_fields, "no_known_allergy", "none"}),
    ],
)
def test_every_code_has_its_meaning_and_none_is_left_over(kind: Kind, wanted: set[str]) -> None:
    assert codes(kind) == wanted


def test_every_treatment_is_given_or_done() -> None:
    drugs, measures = codes("drugs"), codes("measures")
    assert drugs | measures == set(get_args(TreatmentCode))
    assert not drugs & measures
