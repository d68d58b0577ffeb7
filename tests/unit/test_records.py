"""Files of records become values: what is unmeasurable, lost or not taken stays apart."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.clinical import VitalSigns
from schemas.encounter import Patient
from schemas.triage import TriageLevel
from simulator.replays import arrivals, minutes, missions
from simulator.replays.account import Account, Fate, Unreadable
from simulator.replays.arrivals import Arrival
from simulator.replays.comparison import compare
from simulator.replays.minutes import Minute
from simulator.replays.missions import Mission
from simulator.replays.publication import PUBLICATIONS
from simulator.replays.table import WrongTable
from tests.closing import SHARED

MISSIONS = (
    "incident_num,incident_date,response_level,call_type,mpds_card,mpds_level,unit,dispatch_time,"
    "enroute_s,arrive_s,at_patient_s,to_hospital_s,at_hospital_s,clear_s,monotonic,remark_flag"
)
ARRIVALS = (
    "Group;Sex;Age;Arrival mode;Injury;Chief_complain;Mental;Pain;NRS_pain;SBP;DBP;HR;RR;BT;"
    "Saturation;KTAS_RN;KTAS_expert;KTAS duration_min"
)
MINUTES = "minute,HR_bpm,PULSE_bpm,RESP_pm,SpO2_%,NBPSys_mmHg,NBPDias_mmHg,NBPMean_mmHg"
S = timedelta(seconds=1)


def mission(row: str) -> Mission:
    (found,) = missions.read(f"{MISSIONS}\n{row}\n", "1")
    assert isinstance(found, Mission)
    return found


def arrival(row: str) -> Arrival:
    (found,) = arrivals.read(f"{ARRIVALS}\n{row}\n", "1")
    assert isinstance(found, Arrival)
    return found


def minute(row: str) -> Minute:
    (found,) = minutes.read(f"{MINUTES}\n{row}\n", "1")
    assert isinstance(found, Minute)
    return found


# -- missions -------------------------------------------------------------------------------------


def test_stamps_are_seconds_after_the_local_clock_of_the_notification() -> None:
    found = mission("77000001,7/4/11,QQ,9Z,9,Z,X1,23:59:30,40,,,,,600,1,")
    assert found.notified == datetime(2011, 7, 5, 4, 59, 30, tzinfo=UTC)
    assert found.stamps == {"departed": found.notified + 40 * S, "available": found.last}
    assert (found.place, found.is_medical, found.is_in_order, found.flag) == ("1:2", True, True, "")


def test_winter_has_another_offset_and_an_hour_that_came_twice_is_the_first() -> None:
    assert mission("1,1/9/12,Q,,,,X1,06:00:00,,,,,,,1,").notified.hour == 12
    assert mission("1,11/4/12,Q,,,,X1,01:30:00,,,,,,,1,").notified.hour == 6


def test_what_happened_to_a_unit_is_in_the_order_of_time() -> None:
    rows = [
        "1,7/4/11,Q,,,,X1,10:00:00,90,,,,,600,1,",
        "2,7/4/11,Q,,,,X1,10:05:00,-30,20,,,,10,0,",
        "3,7/4/11,Q,,,,X2,10:00:00,,,,,,,1,",
    ]
    lanes = missions.by_unit(map(mission, rows))
    told = [(h.mission.incident, h.status, h.is_last) for h in lanes[0]]
    assert told == [
        ("1", "notified", False),
        ("1", "departed", False),
        ("2", "notified", False),
        ("2", "departed", False),  # stamped before it was told: nobody had sent it then
        ("2", "available", False),
        ("2", "on_scene", True),
        ("1", "available", True),
    ]
    assert [h.status for h in lanes[1]] == ["notified"]
    early = lanes[0][3]
    assert early.at == early.mission.notified - 30 * S


def test_a_unit_that_is_cleared_and_sent_again_in_the_same_second_is_cleared_first() -> None:
    rows = ["1,7/4/11,Q,,,,X1,10:00:00,,,,,,60,1,", "2,7/4/11,Q,,,,X1,10:01:00,,,,,,0,1,"]
    (lane,) = missions.by_unit(map(mission, reversed(rows)))
    assert [(h.mission.incident, h.status) for h in lane] == [
        ("1", "notified"), ("1", "available"), ("2", "notified"), ("2", "available"),
    ]  # fmt: skip


def test_the_three_minute_figure_has_all_its_parts() -> None:
    row = "1,7/4/11,Q,,,,X{},10:00:00,{},,,,,,1,"
    told = [mission(row.format(n, s)) for n, s in enumerate(("180", "181", "-5", "", "20"))]
    named = [each._replace(place=f"1:{n}") for n, each in enumerate(told)]
    # The last one's departure was refused: it never departed as far as dispatch knows.
    assert missions.within_limit(named, {"1:0", "1:1", "1:2"}) == {
        "numerator": 2, "denominator": 3, "missing": 2, "before_notification": 1,
    }  # fmt: skip
    assert missions.first_notified(named) == {"1": told[0].notified}


# -- arrivals -------------------------------------------------------------------------------------


def test_unmeasurable_is_a_word_and_not_taken_is_absent() -> None:
    found = arrival("1;2;47;2;1;dyspnea;3;0;#BO\xde!;??;??;131;24;36,9;;3;1;4,50")
    assert found.vitals == {
        "systolic_bp": "unmeasurable",
        "diastolic_bp": "unmeasurable",
        "heart_rate": 131.0,
        "respiratory_rate": 24.0,
        "temperature": 36.9,
        "consciousness": "P",
    }
    assert found.patient == {
        "age": {"years": 47.0},
        "sex": "male",
        "complaint": "dyspnoea",
        "complaint_text": "dyspnea",
    }
    assert (found.expert, found.nurse) == (TriageLevel.CRITICAL, TriageLevel.URGENT)
    assert (found.by_ambulance, found.triage_min) == (True, 4.5)
    assert VitalSigns.model_validate(found.vitals).invalid == ()
    assert Patient.model_validate(found.patient).complaint == "dyspnoea"


@pytest.mark.parametrize(
    ("mode", "injury", "text", "expected"),
    [
        ("4", "1", "Chest discomfort, dull", "chest_pain"),
        ("1", "1", "pain, abdomen", "abdominal_pain"),
        ("1", "1", "abd. pain", "abdominal_pain"),
        ("3", "1", "nose bleeding", "bleeding"),
        ("3", "2", "chest pain", "trauma"),
        ("3", "1", "slurred speech", "other"),
        ("3", "1", "?? ??", "unknown"),
    ],
)
def test_a_complaint_is_coded_by_its_own_words_alone(
    mode: str, injury: str, text: str, expected: str
) -> None:
    found = arrival(f"1;1;30;{mode};{injury};{text};1;1;3;120;80;80;18;36.5;98;4;5;1,00")
    assert found.patient["complaint"] == expected
    assert found.by_ambulance is (mode == "4")
    assert ("complaint_text" in found.patient) is (expected != "unknown")
    assert found.expert is TriageLevel.NON_URGENT


def test_a_code_that_nobody_knows_makes_the_row_unreadable_and_repeats_no_value() -> None:
    text = f"{ARRIVALS}\n1;9;30;2;1;cough;1;1;3;120;80;80;18;36.5;98;4;5;1,00\n"
    assert list(arrivals.read(text, "1")) == [
        Unreadable("1:2", "a code or a number that cannot be read")
    ]


# -- minutes --------------------------------------------------------------------------------------


def test_a_lost_signal_is_0_and_a_cuff_that_was_not_due_is_absent() -> None:
    found = minute("5,0.0,0.0,14.0,0.0,,,")
    assert found == Minute("1:2", 5.0, {"heart_rate": 0.0, "respiratory_rate": 14.0, "spo2": 0.0})
    assert minute("6,70.5,71.0,14.0,97.0,118.0,64.0,80.0").vitals["systolic_bp"] == 118.0


def test_the_oximeters_pulse_stands_in_for_lost_electrodes_with_its_artefacts() -> None:
    assert minute("5,0.0,266.0,14.0,96.0,,,").vitals["heart_rate"] == 266.0
    assert minute("5,80.0,266.0,14.0,96.0,,,").vitals["heart_rate"] == 80.0


def test_an_arterial_line_is_read_where_there_is_one_and_no_cuff_was_due() -> None:
    header = MINUTES.replace("PULSE_bpm", "ABPSys_mmHg,ABPDias_mmHg,PULSE_bpm")
    rows = "0,80,0.0,0.0,80,12,98,,,\n1,80,121.0,66.0,80,12,98,,,\n2,80,0.0,0.0,80,12,98,110,60,\n"
    found = [m.vitals["systolic_bp"] for m in minutes.read(f"{header}\n{rows}", "1")
             if isinstance(m, Minute)]  # fmt: skip
    assert found == [0.0, 121.0, 110.0]


def test_a_row_that_says_nothing_is_no_sample() -> None:
    (found,) = minutes.read(f"{MINUTES}\n3,,,,,,,70\n", "1")
    assert found == Unreadable("1:2", "no value in the whole row")


@pytest.mark.parametrize("read", [missions.read, arrivals.read, minutes.read])
def test_another_file_is_told_from_its_columns(read: Any) -> None:
    with pytest.raises(WrongTable, match="no column"):
        list(read("a,b\n1,2\n", "1"))


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (missions.read, f"{MISSIONS}\n1,7/4/11,Q,,,,X1,25:00:00,,,,,,,1,\n"),
        (missions.read, f"{MISSIONS}\n1,7/4/11,Q,,,,X1\n"),
        (minutes.read, f"{MINUTES}\n1,eighty,,,,,,\n"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_its_place(read: Any, text: str) -> None:
    (found,) = read(text, "2")
    assert isinstance(found, Unreadable)
    assert found.place == "2:2"


# -- the account ----------------------------------------------------------------------------------


def settled() -> Account:
    account = Account(["1:2", "1:3", "1:4"])
    account.settle("1:2", Fate.SENT)
    account.settle("1:3", Fate.REFUSED, "409 Not free")
    return account


def test_every_row_ends_in_exactly_one_way() -> None:
    account = settled()
    account.settle("1:4", Fate.SKIPPED, "a test")
    assert account.problems() == []
    assert account.summary() == {
        "read": 3,
        "sent": 1,
        "refused": {"409 Not free": 1},
        "skipped": {"a test": 1},
    }


def test_a_row_that_was_neither_sent_refused_nor_skipped_does_not_add_up() -> None:
    told = " ".join(settled().problems())
    assert "1 rows were neither sent, refused nor skipped: 1:4" in told
    assert "3 rows were read, and 2 ended" in told


def test_a_row_that_ends_twice_does_not_add_up() -> None:
    account = settled()
    account.settle("1:4", Fate.SENT)
    account.settle("1:2", Fate.SKIPPED, "again")
    assert account.problems() == ["1 rows were entered twice: 1:2 …"]


# -- level against level --------------------------------------------------------------------------


def test_no_level_is_neither_under_nor_over() -> None:
    level = TriageLevel
    pairs = [
        (level.CRITICAL, level.CRITICAL),
        (level.CRITICAL, level.URGENT),
        (level.NON_URGENT, level.URGENT),
        (level.SEVERE, level.NOT_YET),
    ]
    found = compare(pairs)
    assert {n: found[n] for n in ("n", "exact", "under", "over", "not_yet")} == {
        "n": 4, "exact": 1, "under": 1, "over": 1, "not_yet": 1,
    }  # fmt: skip
    assert found["table"]["critical"] == {
        "critical": 1, "severe": 0, "urgent": 1, "non_urgent": 0, "not_yet": 0,
    }  # fmt: skip
    assert found["table"].keys() == {"critical", "severe", "urgent", "non_urgent"}


# -- the files themselves -------------------------------------------------------------------------


@pytest.mark.needs_shared("data")
@pytest.mark.parametrize(
    ("name", "read", "rows"),
    [
        ("lincoln", missions.read, [22_890]),
        ("ktas", arrivals.read, [634]),
        ("numerics", minutes.read, [1_936, 72]),
    ],
)
def test_every_row_of_the_published_files_is_read(name: str, read: Any, rows: list[int]) -> None:
    published = PUBLICATIONS[name]
    data = (Path(__file__).resolve().parents[2] / "docs/data.md").read_text("utf-8")
    for file, number in zip(published.files, rows, strict=True):
        content = (SHARED / "data" / file).read_bytes()
        found = list(read(content.decode(published.encoding), "1"))
        assert len(found) == number
        assert not any(isinstance(row, Unreadable) for row in found)
        assert hashlib.sha256(content).hexdigest() in data
    assert published.licence in data
