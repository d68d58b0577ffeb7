"""What a hospital's own system is told in HL7 v2, and how its acknowledgement is read."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.clinical import BackgroundTold, ExaminationDone, FindingRecorded, TreatmentGiven
from schemas.encounter import (
    ArrivalExpected,
    EncounterEnded,
    EncounterUpdated,
    PatientBoarded,
)
from schemas.handoff import (
    Admission,
    DeathDeclared,
    IdentityBound,
    IdentityMerged,
    IdentitySplit,
    PatientArrived,
    PreArrivalNotified,
    PreArrivalWithdrawn,
)
from schemas.triage import Centre, Input, TriageDecided
from services.bridge import hl7
from services.bridge.case import Case
from services.bridge.delivery import Outcome as Became
from tests.unit.test_bridge_acts import at, made
from tests.unit.test_promise import Ward, bound, concern, decided

CHINA = ZoneInfo("Asia/Shanghai")
NUMBER = Admission(admission_number="GC-20260301-0007", admitted_at=at(30))
IDENTITY = {"facility_id": "H-1", "staff_id": "n", "reference": "V-88"}


def segments(message: str) -> list[list[str]]:
    """Each with its fields, so that the number of a field is its index; MSH-1 stands there too."""
    assert message.endswith("\r")
    split = [line.split("|") for line in message.removesuffix("\r").split("\r")]
    split[0].insert(1, "|")
    return split


def segment(message: str, name: str) -> list[str]:
    (found,) = (each for each in segments(message) if each[0] == name)
    return [*found, *[""] * 60]


def trigger(message: str) -> str:
    return segment(message, "MSH")[9].split("^")[1]


def observed(message: str) -> dict[str, tuple[str, str, str]]:
    """Value, unit and status by the code of what was observed."""
    rows = [[*each, *[""] * 12] for each in segments(message) if each[0] == "OBX"]
    assert [row[1] for row in rows] == [str(n) for n in range(1, len(rows) + 1)]
    return {row[3].split("^")[0]: (row[5], row[6], row[11]) for row in rows}


def told(ward: Ward, kind: type[Any]) -> list[Any]:
    return [
        each for each in ward.told
        if isinstance(each, kind) and getattr(each, "centre", Centre.EMERGENCY) == "emergency"
    ]  # fmt: skip


def last(ward: Ward) -> Any:
    return ward.told[-1]


def taken(name: str, value: Any) -> Input:
    return Input(name=name, value=value, occurred_at=at(5), method="reading")


def with_inputs(*inputs: Input) -> TriageDecided:
    return decided("severe", 9, 40, [concern("chest_pain", activation="activate")]).but(
        inputs=inputs
    )


# -- which message ---------------------------------------------------------------------------------


def test_each_step_of_a_patient_is_the_message_that_it_means() -> None:
    ward = bound("severe")
    ward.triage("critical", 50, concern("trauma"))
    first, second = told(ward, PreArrivalNotified)
    assert trigger(hl7.message(first, ward.case, CHINA)) == "A05"
    assert trigger(hl7.message(second, ward.case, CHINA)) == "A08"
    ward.does(IdentityBound, 60, reference="V-88")
    assert trigger(hl7.message(last(ward), ward.case, CHINA)) == "A08"
    ward.does(PatientArrived, 70)
    assert trigger(hl7.message(last(ward), ward.case, CHINA)) == "A04"
    there = ward.case
    ward.bind(80, "H-2")
    (left,) = told(ward, PreArrivalWithdrawn)
    assert trigger(hl7.message(left, there, CHINA)) == "A11"
    before = there.but(handoff=there.handoff.but(arrived_at=None))
    assert trigger(hl7.message(left, before, CHINA)) == "A38"


@pytest.mark.parametrize(
    ("event", "structure"),
    [("A04", "ADT_A01"), ("A05", "ADT_A05"), ("A08", "ADT_A01"), ("A11", "ADT_A09"),
     ("A38", "ADT_A38"), ("A40", "ADT_A39")],
)  # fmt: skip
def test_a_message_names_its_structure(event: str, structure: str) -> None:
    ward = bound()
    ward.does(PatientArrived, 70)
    arrived = last(ward)
    ward.triage("severe", 80)
    first, later = told(ward, PreArrivalNotified)[0], told(ward, PreArrivalNotified)[-1]
    case = ward.case
    one = made(
        IdentityMerged, "m", 90, facility_id="H-1", staff_id="n", reference="V-1", merged="V-2"
    )
    left = made(PreArrivalWithdrawn, "w", 90, facility_id="H-1", centre="emergency")
    messages = [
        hl7.message(first, case, CHINA),
        hl7.message(later, case, CHINA),
        hl7.message(arrived, case, CHINA),
        hl7.message(left, case, CHINA),
        hl7.message(left, case.but(handoff=case.handoff.but(arrived_at=None)), CHINA),
        hl7.message(one, case, CHINA),
    ]
    (message,) = (each for each in messages if trigger(each) == event)
    assert segment(message, "MSH")[9] == f"ADT^{event}^{structure}"


def test_the_head_says_who_when_and_how_it_is_written() -> None:
    ward = bound()
    event = told(ward, PreArrivalNotified)[0]
    head = segment(hl7.message(event, ward.case, CHINA), "MSH")
    assert (head[2], head[3], head[6]) == ("^~\\&", "GREENCHANNEL", "H-1")
    assert head[7] == "20260301160000+0800", "the clock on the wall there"
    assert (head[11], head[12], head[18]) == ("P", "2.5.1", "UNICODE UTF-8")


def test_a_repeat_bears_the_same_control_id_and_nothing_else_does() -> None:
    ward = bound("severe")
    ward.triage("critical", 50)
    first, second = told(ward, PreArrivalNotified)
    message = hl7.message(first, ward.case, CHINA)
    assert message == hl7.message(first, ward.case, CHINA)
    assert segment(message, "MSH")[10] == hl7.control_id(first, "H-1")
    ids = {
        hl7.control_id(first, "H-1"),
        hl7.control_id(second, "H-1"),
        hl7.control_id(first, "H-2"),
        hl7.control_id(first.but(encounter_id="E-2"), "H-1"),
    }
    assert len(ids) == 4
    assert all(re.fullmatch("[0-9a-f]{20}", each) for each in ids)


# -- who it is -------------------------------------------------------------------------------------


def test_a_patient_is_a_number_and_never_a_name() -> None:
    ward = bound()
    ward.does(IdentityBound, 60, reference="V-88")
    case = ward.case.but(admission=NUMBER)
    message = hl7.message(last(ward), case, CHINA)
    pid, pv1 = segment(message, "PID"), segment(message, "PV1")
    assert pid[3].split("~") == [
        "E-1^^^GREENCHANNEL^PI", "GC-20260301-0007^^^GREENCHANNEL^VN", "V-88^^^H-1^PI",
    ]  # fmt: skip
    assert (pid[5], pid[8], pid[31]) == ("^^^^^^S", "U", "N")
    assert (pv1[2], pv1[4], pv1[19]) == ("E", "E", "GC-20260301-0007^^^GREENCHANNEL^VN")
    assert pv1[44] == "20260301160030+0800", "admitted at boarding"


def test_who_has_not_boarded_has_no_number_and_is_known_by_the_encounter() -> None:
    ward = bound()
    message = hl7.message(told(ward, PreArrivalNotified)[0], ward.case, CHINA)
    assert segment(message, "PID")[3] == "E-1^^^GREENCHANNEL^PI"
    pv1 = segment(message, "PV1")
    assert (pv1[19], pv1[50]) == ("", "E-1^^^GREENCHANNEL^VN")
    assert segment(message, "PID")[31] == "Y", "unknown"


def test_of_two_numbers_that_are_one_the_one_that_goes_on_stands_with_the_patient() -> None:
    ward = bound()
    ward.does(IdentityBound, 60, reference="V-88")
    ward.does(IdentityMerged, 70, reference="V-90", merged="V-88")
    message = hl7.message(last(ward), ward.case, CHINA)
    assert [each[0] for each in segments(message)] == ["MSH", "EVN", "PID", "MRG", "PV1"]
    assert segment(message, "PID")[3] == "E-1^^^GREENCHANNEL^PI~V-90^^^H-1^PI"
    assert segment(message, "MRG")[1] == "V-88^^^H-1^PI"


def test_a_number_that_was_another_persons_is_told_no_more() -> None:
    ward = bound()
    ward.does(IdentityBound, 60, reference="V-88")
    ward.does(IdentitySplit, 70, reference="V-88", reason="x")
    message = hl7.message(last(ward), ward.case, CHINA)
    assert segment(message, "MSH")[9] == "ADT^A08^ADT_A01"
    assert segment(message, "PID")[3] == "E-1^^^GREENCHANNEL^PI"
    assert segment(message, "PID")[31] == "Y", "unknown again"


# -- what is known ---------------------------------------------------------------------------------


def test_level_centres_and_vital_signs_stand_in_observations() -> None:
    ward = bound()
    ward.hears(
        with_inputs(
            taken("heart_rate", 128.0), taken("temperature", 36.5), taken("systolic_bp", 0),
            taken("spo2", "unmeasurable"), taken("consciousness", "V"),
            taken("respiratory_rate", {"invalid": "999"}), taken("shock_index", 1.2),
        ),
        40,
    )  # fmt: skip
    known = observed(hl7.message(told(ward, PreArrivalNotified)[-1], ward.case, CHINA))
    assert known["triage_worst"][0] == "severe^Ⅱ 危重 · Ⅱ severe^99GC"
    assert known["centre_chest_pain"][0].split("^")[0] == "activate"
    assert known["8867-4"] == ("128", "/min^^UCUM", "F")
    assert known["8310-5"] == ("36.5", "Cel^^UCUM", "F")
    assert known["8480-6"][0] == "0", "what a human measured"
    assert known["59408-5"] == ("", "", "X"), "somebody tried in vain: it is no zero"
    assert known["80288-4"][0] == "V^对声音有反应 · responds to voice^99GC"
    assert known.keys().isdisjoint({"9279-1", "shock_index"})


def rows(message: str, code: str) -> list[list[str]]:
    """All that is observed under a code: kind, sub-number, value, unit, time."""
    found = ([*each, *[""] * 12] for each in segments(message) if each[0] == "OBX")
    return [
        [row[2], row[4], row[5], row[6], row[14]] for row in found if row[3].split("^")[0] == code
    ]


def test_oxygen_precautions_and_how_to_call_them_are_told_by_codes_of_ours() -> None:
    ward = bound()
    patient = {"precautions": ["airborne", "contact"]}
    ward.hears(made(EncounterUpdated, "u", 10, patient=patient), 10)
    ward.hears(
        made(ArrivalExpected, "x", 20, unit_id="A-1", call_back="555-0142", estimated_at=at(20)), 20
    )
    ward.hears(with_inputs(taken("spo2", 91.0), taken("on_oxygen", "yes")), 40)
    message = hl7.message(told(ward, PreArrivalNotified)[-1], ward.case, CHINA)
    airborne, contact = "airborne^空气隔离 · airborne", "contact^接触隔离 · contact"
    (said,) = rows(message, "precautions")
    assert said[2] == f"{airborne}^99GC~{contact}^99GC"
    assert observed(message)["call_back"][0] == "555-0142"
    assert observed(message)["on_oxygen"][0] == "Y^^HL70136"
    ward.hears(with_inputs(taken("on_oxygen", "no")).but(number=10), 50)
    again = hl7.message(told(ward, PreArrivalNotified)[-1], ward.case, CHINA)
    ward.hears(with_inputs(taken("on_oxygen", {"invalid": "2"})).but(number=11), 55)
    wrong = hl7.message(told(ward, PreArrivalNotified)[-1], ward.case, CHINA)
    assert "on_oxygen" not in observed(wrong)
    assert observed(again)["on_oxygen"][0] == "N^^HL70136"
    none = hl7.message(told(ward, PreArrivalNotified)[0], ward.case, CHINA)
    assert not rows(none, "precautions"), "nobody knows"
    ward.hears(made(EncounterUpdated, "v", 60, patient={"precautions": []}), 60)
    known = hl7.message(told(ward, PreArrivalNotified)[-1], ward.case, CHINA)
    assert observed(known)["precautions"][0] == "none^无 · none^99GC"


def test_what_was_found_examined_and_given_is_told_with_its_dose_and_time() -> None:
    ward = bound()
    ecg = {"examination": "ecg_12_lead", "shows": ["st_elevation"], "note": "II|III"}
    for event in (
        made(FindingRecorded, "f", 10, finding="shock", present=True),
        made(FindingRecorded, "g", 20, finding="shock", present=False, note=" 已纠正 "),
        made(ExaminationDone, "e", 30, **ecg),
        made(ExaminationDone, "h", 40, **ecg | {"shows": ["not_readable"], "note": None}),
        made(TreatmentGiven, "t", 50, treatment="aspirin", dose=300, unit="mg"),
        made(TreatmentGiven, "s", 60, treatment="oxytocin", dose=10, unit="IU"),
        made(TreatmentGiven, "r", 70, treatment="dressing"),
    ):
        ward.hears(event, 75)
    message = hl7.message(told(ward, PreArrivalNotified)[-1], ward.case, CHINA)
    seconds = {n: f"202603011600{n}+0800" for n in (20, 30, 40, 50)}
    assert rows(message, "finding_shock") == [
        ["CE", "", "N^^HL70136", "", seconds[20]],
        ["TX", "note", "已纠正", "", seconds[20]],
    ]
    (first, note, second) = rows(message, "11524-6")
    assert first == ["CE", "1", "st_elevation^ST 段抬高 · ST elevation^99GC", "", seconds[30]]
    assert note == ["TX", "1.note", r"II\F\III", "", seconds[30]]
    assert second[1:3] == ["2", "not_readable^无法判读 · not readable^99GC"]
    assert rows(message, "treatment_aspirin") == [["NM", "1", "300", "mg^^UCUM", seconds[50]]]
    assert rows(message, "treatment_oxytocin")[0][3] == "[iU]^^UCUM"
    assert rows(message, "treatment_dressing")[0][:3] == ["CE", "3", "Y^^HL70136"]


def test_allergies_have_segments_of_their_own_and_the_rest_is_observed() -> None:
    ward = bound()
    lines = [{"line": "peripheral_iv", "where": "左前臂|18G"}, {"line": "splint"}]
    first = {
        **{"allergies": ["青霉素", "海鲜^贝类"], "medications": ["华法林", "a~b"]},
        **{"history": [], "lines": lines, "last_meal_at": at(-3600)},
        **{"belongings": ["手机"], "consents": [{"to": "records", "by": "patient"}]},
    }
    ward.hears(made(BackgroundTold, "b", 10, background=first), 10)
    message = hl7.message(told(ward, PreArrivalNotified)[-1], ward.case, CHINA)
    assert [each[1:] for each in segments(message) if each[0] == "AL1"] == [
        ["1", "", "^青霉素"], ["2", "", r"^海鲜\S\贝类"],
    ]  # fmt: skip
    assert segments(message)[-1][0] == "AL1", "behind what is observed"
    when = "20260301160010+0800"
    assert rows(message, "background_medications") == [["TX", "", r"华法林~a\R\b", "", when]]
    assert rows(message, "background_history") == [["CE", "", "none^无 · none^99GC", "", when]]
    arm = r"peripheral_iv^外周静脉通路 · peripheral intravenous line (左前臂\F\18G)^99GC"
    (line,) = rows(message, "background_lines")
    assert line[2] == f"{arm}~splint^夹板 · splint^99GC"
    assert rows(message, "background_last_meal_at")[0][::2] == ["TS", "20260301150000+0800", when]
    assert "手机" not in message
    assert "records" not in message
    assert not rows(message, "background_skin"), "nobody has looked"
    ward.hears(made(BackgroundTold, "c", 20, background={"lines": []}), 20)
    later = hl7.message(told(ward, PreArrivalNotified)[-1], ward.case, CHINA)
    assert rows(later, "background_lines")[0][:3] == ["CE", "", "none^无 · none^99GC"]


def test_no_known_allergy_is_said_and_what_nobody_was_asked_is_not() -> None:
    ward = bound()
    ward.hears(made(BackgroundTold, "b", 10, background={"skin": []}), 10)
    unasked = hl7.message(told(ward, PreArrivalNotified)[-1], ward.case, CHINA)
    assert "AL1" not in {each[0] for each in segments(unasked)}
    ward.hears(made(BackgroundTold, "c", 20, background={"allergies": []}), 20)
    known = hl7.message(told(ward, PreArrivalNotified)[-1], ward.case, CHINA)
    code = "no_known_allergy^无已知过敏 · no known allergy^99GC"
    assert segments(known)[-1] == ["AL1", "1", "", code]


def test_the_wristband_is_a_number_of_the_patient() -> None:
    ward = bound()
    worn = NUMBER.but(wristband="WB-20260301-0007")
    message = hl7.message(told(ward, PreArrivalNotified)[0], ward.case.but(admission=worn), CHINA)
    assert "WB-20260301-0007^^^GREENCHANNEL^GCWB" in segment(message, "PID")[3].split("~")


def test_why_help_was_called_and_when_they_come_stand_in_the_visit() -> None:
    ward = bound()
    patient = {"complaint": "chest_pain", "complaint_text": "胸口|疼^&~\\", "age": {"years": 63}}
    ward.hears(made(EncounterUpdated, "u", 10, patient=patient), 10)
    ward.hears(made(PatientBoarded, "b", 20, unit_id="A-1"), 20)
    ward.comes(25, 900)
    message = hl7.message(told(ward, PreArrivalNotified)[-1], ward.case, CHINA)
    pv2 = segment(message, "PV2")
    assert pv2[3] == r"chest_pain^胸口\F\疼\S\\T\\R\\E\^99GC"
    assert pv2[8] == "20260301161500+0800"
    assert observed(message)["30525-0"] == ("63", "a^^UCUM", "F")


def test_a_hospital_that_the_patient_has_left_hears_nothing_more_of_them() -> None:
    ward = bound("critical", concern("stroke"))
    ward.does(IdentityBound, 60, reference="V-88")
    ward.bind(80, "H-2")
    ward.hears(with_inputs(taken("heart_rate", 128.0)), 90)
    (left,) = told(ward, PreArrivalWithdrawn)
    message = hl7.message(left, ward.case, CHINA)
    assert [each[0] for each in segments(message)] == ["MSH", "EVN", "PID", "PV1"]
    assert "H-2" not in message


def test_a_provisional_number_says_not_who_it_is() -> None:
    ward = bound()
    ward.does(IdentityBound, 60, reference="TEMP-1", provisional=True)
    pid = segment(hl7.message(last(ward), ward.case, CHINA), "PID")
    assert "TEMP-1^^^H-1^PI" in pid[3].split("~")
    assert pid[31] == "Y", "still unknown"
    ward.does(IdentityBound, 70, reference="V-88")
    assert segment(hl7.message(last(ward), ward.case, CHINA), "PID")[31] == "N"


def test_another_hospitals_number_is_not_told() -> None:
    ward = bound()
    event = told(ward, PreArrivalNotified)[0]
    other = made(IdentityBound, "i", 10, **{**IDENTITY, "facility_id": "H-2"})
    case = ward.case.but(handoff=ward.case.handoff.but(identity=other))
    message = hl7.message(event, case, CHINA)
    assert "V-88" not in message
    assert segment(message, "PID")[31] == "Y"


def test_a_death_on_the_way_is_the_crews_word_until_a_doctor_has_declared_it() -> None:
    ward = bound()
    ward.case = ward.case.but(reserved="GC-20260301-0007")
    ward.hears(made(PatientBoarded, "b", 30, unit_id="A-1"), 30)
    ward.hears(made(EncounterEnded, "e", 50, outcome="died_en_route"), 50)
    message = hl7.message(told(ward, PreArrivalNotified)[-1], ward.case, CHINA)
    assert trigger(message) == "A08"
    (row,) = (each for each in segments(message) if each[0] == "OBX" and "journey_end" in each[3])
    assert row[5].startswith("died_en_route^")
    assert row[14] == "20260301160050+0800"
    assert segment(message, "PID")[29:31] == ["", ""], "nobody has declared it"
    ward.does(DeathDeclared, 90)
    (declared,) = told(ward, DeathDeclared)
    message = hl7.message(declared, ward.case, CHINA)
    pid, pv1 = segment(message, "PID"), segment(message, "PV1")
    assert trigger(message) == "A08"
    assert pid[29:31] == ["20260301160130+0800", "Y"]
    assert "GC-20260301-0007^^^GREENCHANNEL^VN" in pid[3].split("~"), "the number stays"
    assert (pv1[44], pv1[45]) == ("20260301160030+0800", "20260301160130+0800")


# -- whatever is written ---------------------------------------------------------------------------


@given(text=some.text(min_size=1, max_size=60))
def test_no_text_ends_a_field_a_segment_or_the_message(text: str) -> None:
    case = Case(encounter_id="E-1", facility_id="H-1", centres=(Centre.EMERGENCY,))
    case = case.but(patient=case.patient.but(complaint_text=text))
    arrived = made(PatientArrived, "a", 10, facility_id="H-1", staff_id="n")
    plain = case.but(patient=case.patient.but(complaint_text="x"))
    shape = [len(each) for each in segments(hl7.message(arrived, plain, CHINA))]
    message = hl7.message(arrived, case, CHINA)
    assert [len(each) for each in segments(message)] == shape
    assert not set(message.encode("utf-8", "replace")) & {*range(13), *range(14, 32), 127}
    pv2 = segment(message, "PV2")[3]
    assert len(pv2.split("^")) == 3
    written = pv2.split("^")[1]
    assert not set(written) & set("^&~|")
    assert unescaped(written) == re.sub("[\0-\x1f\x7f-\x9f\u2028\u2029]", " ", text)


def unescaped(text: str) -> str:
    """As a receiver reads it."""
    words = {"E": "\\", "F": "|", "S": "^", "T": "&", "R": "~"}
    return re.sub(r"\\([EFSTR])\\", lambda found: words[found[1]], text)


# -- acknowledgements ------------------------------------------------------------------------------


def acknowledgement(*lines: str) -> bytes:
    head = "MSH|^~\\&|HIS|H-1|GREENCHANNEL||20260301||ACK|9|P|2.5.1"
    return "\r".join([head, *lines, ""]).encode()


@pytest.mark.parametrize(
    ("code", "became"),
    [("AA", Became.ACCEPTED), ("CA", Became.ACCEPTED), ("AE", Became.ERRED),
     ("CE", Became.ERRED), ("AR", Became.REFUSED), ("CR", Became.REFUSED)],
)  # fmt: skip
def test_an_acknowledgement_says_what_became_of_the_message(code: str, became: Became) -> None:
    answer = hl7.read(acknowledgement(f"MSA|{code}|c-1|no bed\x00\x0b free"), "c-1")
    assert answer.outcome is became
    if became is not Became.ACCEPTED:
        assert answer.reason == f"{code} no bed   free"


def test_a_refusal_is_told_with_its_reason_and_not_at_any_length() -> None:
    answer = hl7.read(acknowledgement("MSA|AR|c-1", f"ERR||PID^1|101|E||||{'x' * 999}"), "c-1")
    assert answer.reason.startswith("AR PID^1 101 E xxx")
    assert len(answer.reason) == 300


@pytest.mark.parametrize(
    "answer",
    [b"", b"hello", b"MSH", b"MSH|", b"\xff\xfe", b"MSA|AA|c-1\r", acknowledgement(),
     acknowledgement("MSA"), acknowledgement("MSA|AA"), acknowledgement("MSA|AA|c-2"),
     acknowledgement("MSA|XX|c-1"), acknowledgement("MSA|A|c-1"),
     acknowledgement("MSA|AA|c-10"), acknowledgement("MSA|AAA|c-1"), acknowledgement("MSA|aa|c-1")],
)  # fmt: skip
def test_what_is_no_acknowledgement_of_this_message_is_no_answer(answer: bytes) -> None:
    assert hl7.read(answer, "c-1").outcome is Became.AWAY


@given(answer=some.binary(max_size=80))
def test_no_answer_is_too_strange_to_be_read(answer: bytes) -> None:
    assert hl7.read(answer, "c-1").outcome is Became.AWAY
    hl7.read(b"MSH|^~\\&|" + answer, "c-1")


def test_a_line_feed_ends_a_segment_too() -> None:
    answer = acknowledgement("MSA|AA|c-1").replace(b"\r", b"\r\n")
    assert hl7.read(answer, "c-1").outcome is Became.ACCEPTED
