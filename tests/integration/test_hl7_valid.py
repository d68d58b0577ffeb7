"""HAPI reads every message that a hospital is sent, whatever stands in it."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from schemas.clinical import (
    BackgroundTold,
    ExaminationDone,
    FindingRecorded,
    TreatmentGiven,
    VitalSigns,
)
from schemas.encounter import EncounterEnded, EncounterUpdated, PatientBoarded
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
from services.bridge import hl7
from tests.hapi import parse_hl7
from tests.unit.test_bridge_acts import at, made
from tests.unit.test_hl7 import segment, segments, taken, trigger, with_inputs
from tests.unit.test_promise import Ward, bound, concern

pytestmark = pytest.mark.timeout(600)  # the first run on a machine fetches the judge

ZONES = ZoneInfo("Asia/Shanghai"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/St_Johns")
STRUCTURES = {"A04": "ADT_A01", "A05": "ADT_A05", "A08": "ADT_A01", "A11": "ADT_A09",
              "A38": "ADT_A38", "A40": "ADT_A39"}  # fmt: skip
#: What ends a field, a segment or a message, and what looks like an escape.
NASTY = "胸痛|^&~\\ \\F\\ \\X0D\\\r\nMSH|^~\\&\x0b\x1c\r\x01\x85 \u2028 😀 é" + "长" * 400


def background(text: str) -> dict[str, object]:
    """All of it, with a text wherever there is one."""
    lines = [{"line": "chest_drain", "where": text}, {"line": "splint"}]
    return {
        **{name: [text, "青霉素"] for name in ("allergies", "medications", "skin")},
        **{"history": [], "lines": lines, "last_meal_at": at(1)},
    }


def full(text: str = NASTY) -> Ward:
    """A patient of whom much is known."""
    ward = bound("critical", concern("stroke", activation="activate"), concern("trauma"))
    patient = {"complaint": "chest_pain", "complaint_text": text, "sex": "female",
               "age": {"years": 0.04, "estimated": True},
               "precautions": ["airborne", "chemical"]}  # fmt: skip
    ward.hears(made(EncounterUpdated, "u", 10, patient=patient), 10)
    ward.hears(made(PatientBoarded, "b", 20, unit_id="A-1"), 20)
    values = dict.fromkeys(VitalSigns.model_fields, 36.55) | {
        "spo2": "unmeasurable",
        "consciousness": "V",
        "on_oxygen": "yes",
    }
    ward.hears(with_inputs(*(taken(name, value) for name, value in values.items())), 40)
    ward.comes(41, 900)
    number, worn = "GC-20260301-0007", "WB-20260301-0007"
    ward.case = ward.case.but(
        admission=Admission(admission_number=number, admitted_at=at(20), wristband=worn),
        call_back="+86 555 0142",
    )
    note = text[:500]
    for event in (
        made(FindingRecorded, "f", 42, finding="shock", present=True, note=note),
        made(
            ExaminationDone,
            "x",
            43,
            examination="ecg_12_lead",
            note=note,
            shows=["st_elevation", "not_readable"],
        ),
        made(ExaminationDone, "y", 44, examination="ultrasound_fast", shows=[]),
        made(TreatmentGiven, "t", 45, treatment="norepinephrine", dose=0.05, unit="mg"),
        made(TreatmentGiven, "s", 46, treatment="dressing"),
        made(BackgroundTold, "g", 46, background=background(text[:120])),
        made(EncounterEnded, "end", 47, outcome="died_en_route"),
    ):
        ward.hears(event, 47)
    return ward


def messages() -> list[str]:
    """Each kind, of a patient of whom nothing is known and of one of whom much is."""
    found = []
    for ward in (bound(), full()):
        for zone in ZONES:
            found += [hl7.message(each, ward.case, zone) for each in records(ward)]
        ward.does(IdentityBound, 60, reference="V-20260301-88.A:b_c")
        ward.does(PatientArrived, 70)
        ward.does(IdentityMerged, 80, reference="V-90", merged="V-20260301-88.A:b_c")
        ward.does(IdentitySplit, 85, reference="V-20260301-88.A:b_c", reason="x")
        if ward.case.outcome is not None:
            ward.does(DeathDeclared, 86)
        there = ward.case
        left = made(PreArrivalWithdrawn, "w", 90, facility_id="H-1", centre="emergency")
        for zone in ZONES:
            found += [hl7.message(each, there, zone) for each in acts(ward)]
            found.append(hl7.message(left, there, zone))
            waiting = there.but(handoff=there.handoff.but(arrived_at=None))
            found.append(hl7.message(left, waiting, zone))
    return found


def records(ward: Ward) -> list[PreArrivalNotified]:
    told = (e for e in ward.told if isinstance(e, PreArrivalNotified))
    return [each for each in told if each.centre == "emergency"]


def acts(ward: Ward) -> list[hl7.Told]:
    kinds = IdentityBound | IdentityMerged | IdentitySplit | PatientArrived | DeathDeclared
    return [e for e in ward.told if isinstance(e, kinds)]


def test_hapi_reads_every_message_as_it_was_meant(tmp_path: Path) -> None:
    sent = messages()
    assert {trigger(each) for each in sent} == set(STRUCTURES)
    paths = []
    for number, message in enumerate(sent):
        paths.append(tmp_path / f"{number}.hl7")
        paths[-1].write_bytes(message.encode())
    for message, read in zip(sent, parse_hl7(paths), strict=True):
        assert read.error is None, f"{read.error}\n{message}"
        assert read.structure == STRUCTURES[trigger(message)]
        for name in ("PID-3", "PID-5", "PV1-2", "PV1-4", "PV1-50", "MSH-10", "MSH-18"):
            kind, number_ = name.split("-")
            meant = segment(message, kind)[int(number_)]
            assert read.fields.get(name, "") == meant, name
        assert read.fields["PV1-2"] == "E"


def test_hapi_reads_what_was_escaped_as_it_was_written(tmp_path: Path) -> None:
    """The parser writes a field as it would send it, so both spellings have to be the same; but it
    leaves what looks like an escape of bytes as it is."""
    ward = full(NASTY.replace("\\X0D\\", ""))
    message = hl7.message(records(ward)[-1], ward.case, ZONES[0])
    (tmp_path / "m.hl7").write_bytes(message.encode())
    (read,) = parse_hl7([tmp_path / "m.hl7"])
    assert read.error is None
    assert read.fields["PV2-3"] == segment(message, "PV2")[3]
    first = next(each for each in segments(message) if each[0] == "AL1")
    assert read.fields["AL1-3"] == first[3]
    assert r"\F\\S\\T\\R\\E\ \E\F\E\ " in read.fields["PV2-3"]
