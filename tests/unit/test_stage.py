"""The first page folds one patient's way, keeps its bounds, passes over what it does not know."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas import clinical, encounter, handoff, incident, triage, unit
from schemas.envelope import encode
from schemas.event import Event
from web import stage as bounds
from web.fold import EARLIER, FOLDS, SET, Record, take, weightiest, why
from web.stage import Stage
from web.view import CALLS, CARDS, CHIPS, LEAVING_MS, known, sections

START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
FACILITIES = {"F-001": (34.2110, 117.2870), "F-002": (34.1930, 117.2600)}
UNKNOWN = encounter.Patient(complaint=encounter.Complaint.CHEST_PAIN)
STEMI = encounter.Patient(
    age=encounter.Age(years=58, estimated=True),
    sex="male",
    complaint=encounter.Complaint.CHEST_PAIN,
)


class Teller:
    """Tells a stage events of one patient, at seconds after the start, as the broker would."""

    def __init__(self, stage: Stage | None = None, number: int = 1) -> None:
        self.stage = stage or Stage()
        self.patient, self.call_id = f"N-{number}", f"I-{number}"
        self.vehicle, self.leg = f"U-{number}", f"L-{number}"
        self.told: list[Record] = []
        self.ids = (f"{number}-{n}" for n in itertools.count())

    def tell(
        self, kind: type[Event], second: float, late_ms: float = 10, /, **fields: Any
    ) -> Event:
        if "encounter_id" in kind.model_fields:
            fields.setdefault("encounter_id", self.patient)
        event = kind(event_id=next(self.ids), occurred_at=when(second), **fields)
        self.read(event, ms(second), late_ms)
        return event

    def read(self, event: Event, stamped: float, late_ms: float = 10) -> None:
        message = encode(event, "test")
        kind, read = type(event).__name__, stamped + late_ms
        key = message.key.decode()
        self.told.append(Record(message.topic, kind, key, message.value, stamped, read))
        take(self.stage, self.told[-1])

    def see(self, second: float) -> dict[str, Any]:
        return sections(self.stage, FACILITIES, ms(second))

    def call(self, at: float = 0) -> None:
        self.tell(
            incident.IncidentOpened, at, incident_id=self.call_id,
            call=incident.Call(accepted_at=when(at)),
            location=incident.Location(latitude=34.2, longitude=117.27, address="人民路 128 号"),
            classification="emergency", encounter_ids=(self.patient,),
        )  # fmt: skip
        self.tell(encounter.EncounterOpened, at, incident_id=self.call_id, patient=UNKNOWN)

    def drive(self, at: float = 2) -> None:
        here = incident.Point(latitude=34.2, longitude=117.3)
        leg: dict[str, Any] = {"unit_id": self.vehicle, "leg_id": self.leg}
        self.tell(unit.UnitAssigned, at, **leg, incident_id=self.call_id, station=here, scene=here)
        self.tell(unit.UnitDeparted, at + 41, **leg, distance_m=120)
        self.stamp(unit.UnitStatus.DEPARTED, at + 40)
        self.tell(
            unit.PositionReported, at + 41, unit_id=self.vehicle, latitude=34.2, longitude=117.3
        )

    def stamp(self, status: unit.UnitStatus, at: float, source: unit.StampSource = "crew") -> None:
        self.tell(
            unit.UnitStatusChanged,
            at,
            unit_id=self.vehicle,
            leg_id=self.leg,
            status=status,
            source=source,
        )

    def decide(self, level: triage.TriageLevel, zh: str, at: float) -> None:
        self.reasons = (
            triage.Reason(
                rule="a",
                level=triage.TriageLevel.URGENT,
                text=text("胸痛"),
                source="s",
                evidence="V",
            ),
            triage.Reason(rule="b", level=level, text=text(zh), source="s", evidence="V"),
        )
        self.level = level
        self.tell(
            triage.TriageDecided, at, number=1, changed=True, worst=level, current=level,
            trend="worse", protocol=None, reasons=self.reasons, inputs=(), missing=(), invalid=(),
            questions=(), centres=(), folded=(),
        )  # fmt: skip

    def notify(self, at: float, version: int = 1, facility: str = "F-001") -> None:
        record = handoff.PreArrivalRecord(
            patient=STEMI, unit_id=self.vehicle, worst=self.level, current=self.level, trend="same",
            triage_paused=False, reasons=self.reasons, inputs=(), missing=(), invalid=(),
            questions=(), centres=(), findings=(), examinations=(), treatments=(), admission=None,
        )  # fmt: skip
        for centre in (triage.Centre.EMERGENCY, triage.Centre.CHEST_PAIN):
            self.tell(
                handoff.PreArrivalNotified, at, facility_id=facility, centre=centre,
                version=version, changed=True, record=record, decision=None,
            )  # fmt: skip

    def bring_to_queue(self) -> None:
        self.call()
        self.drive()
        self.tell(encounter.PatientReached, 60, unit_id=self.vehicle)
        self.tell(encounter.EncounterUpdated, 61, patient=STEMI)
        self.decide(triage.TriageLevel.SEVERE, "心电图 ST 段抬高", 62)
        self.tell(encounter.DestinationSelected, 63, facility_id="F-001", selected_by="d-1")
        self.notify(63)

    def board(self, at: float, admitted_ms: float) -> None:
        self.tell(encounter.PatientBoarded, at, unit_id=self.vehicle)
        admission = handoff.Admission(admission_number="GC-20261121-0001", admitted_at=when(at))
        opened = handoff.AdmissionOpened(
            event_id="a-1", occurred_at=when(at), encounter_id=self.patient,
            admission=admission, facility_id="F-001",
        )  # fmt: skip
        self.read(opened, ms(at) + admitted_ms - 10, 10)


def when(second: float) -> datetime:
    return START + timedelta(seconds=second)


def ms(second: float) -> float:
    return when(second).timestamp() * 1000


def text(zh: str) -> triage.Bilingual:
    return triage.Bilingual(zh=zh, en=f"en: {zh}")


@pytest.fixture
def teller() -> Teller:
    return Teller()


def test_a_call_runs_its_ring_until_the_unit_departs_and_gps_confirms(teller: Teller) -> None:
    teller.call()
    (call,) = teller.see(1)["calls"]["shown"]
    assert (call["state"], call["notified"], call["address"]) == ("accepted", None, "人民路 128 号")
    teller.drive(2)
    (call,) = teller.see(50)["calls"]["shown"]
    assert (call["state"], call["departed"] - call["notified"]) == ("departed", 40_000)
    assert call["gps"] == ms(43)
    assert teller.see(50)["calls"]["departures"] == {"within": 1, "all": 1}


def test_the_queue_holds_what_the_facility_was_told(teller: Teller) -> None:
    teller.bring_to_queue()
    teller.decide(triage.TriageLevel.CRITICAL, "收缩压 68 < 70 mmHg", 70)
    seen = teller.see(71)
    (card,) = seen["queue"]["cards"]
    assert (seen["queue"]["all"], card["facility"]) == (1, "F-001")
    centres = {centre["centre"]: centre["all"] for centre in seen["centres"]}
    assert centres == {"chest_pain": 1, "stroke": 0, "trauma": 0, "maternal": 0, "neonatal": 0}
    assert (card["level"], card["reason"]["zh"]) == ("severe", "心电图 ST 段抬高")
    teller.notify(72, version=2)
    card = teller.see(73)["queue"]["cards"][0]
    assert (card["level"], card["version"], card["patient"]["sex"]) == ("critical", 2, "male")
    assert card["distance_km"] == pytest.approx(1.7, abs=0.1)


def test_of_who_was_born_on_the_way_the_time_of_birth_is_told() -> None:
    born = known({"birth_time": "2026-11-21T05:40:00Z", "sex": "female"})
    assert (born["birth_time"], born["age"]) == ("2026-11-21T05:40:00Z", None)
    assert known(None)["birth_time"] is None


def test_the_level_rises_with_its_reason(teller: Teller) -> None:
    teller.bring_to_queue()
    teller.see(63)
    teller.decide(triage.TriageLevel.CRITICAL, "收缩压 68 < 70 mmHg", 70)
    shown = teller.see(71)["featured"]
    assert (shown["level"], shown["rose"]) == ("critical", ("severe", ms(70)))
    assert shown["reasons"][0]["text"]["zh"] == "收缩压 68 < 70 mmHg"
    teller.decide(triage.TriageLevel.SEVERE, "测量已撤回", 80)
    shown = teller.see(81)["featured"]
    assert (shown["level"], shown["rose"]) == ("severe", None), "it fell with what had proven it"


def test_the_card_turns_at_the_admission_with_the_milliseconds_since_boarding(
    teller: Teller,
) -> None:
    teller.bring_to_queue()
    card = teller.see(79)["queue"]["cards"][0]
    assert (card["boarded"], card["admission"], card["after_ms"]) == (None, None, None)
    teller.board(80, admitted_ms=42)
    card = teller.see(81)["queue"]["cards"][0]
    assert (card["admission"], card["after_ms"]) == ("GC-20261121-0001", 42)
    assert card["admitted"] == ms(80)


def test_a_page_that_catches_up_takes_the_time_of_the_record(teller: Teller) -> None:
    teller.bring_to_queue()
    teller.tell(encounter.PatientBoarded, 80, unit_id=teller.vehicle)
    admission = handoff.Admission(admission_number="GC-20261121-0001", admitted_at=when(80))
    teller.tell(handoff.AdmissionOpened, 80.05, 600_000, admission=admission, facility_id=None)
    assert teller.see(700)["queue"]["cards"][0]["after_ms"] == 50


def test_acknowledgement_and_transfer_close_the_card(teller: Teller) -> None:
    teller.bring_to_queue()
    teller.board(80, 30)
    hand: dict[str, Any] = {"facility_id": "F-001", "staff_id": "nurse-li"}
    teller.tell(handoff.Acknowledged, 84, **hand)
    teller.tell(handoff.Acknowledged, 99, facility_id="F-001", staff_id="later")
    card = teller.see(100)["queue"]["cards"][0]
    assert (card["acknowledged"], card["acknowledged_by"]) == (ms(84), "nurse-li")
    teller.tell(handoff.PatientArrived, 110, **hand)
    teller.tell(handoff.CareTransferred, 120, **hand, handed_over_by="c-1")
    teller.tell(encounter.EncounterEnded, 121, outcome=encounter.Outcome.TRANSPORTED)
    assert teller.see(121)["queue"]["cards"][0]["transferred"] == ms(120)
    gone = teller.see(121 + LEAVING_MS / 1000)
    assert [queue["all"] for queue in (gone["queue"], *gone["centres"])] == [0] * 6
    assert gone["calls"]["shown"] == []


def test_who_has_acknowledged_is_asked_again_where_the_level_rose_since(teller: Teller) -> None:
    def again(second: float) -> bool:
        seen = teller.see(second)
        is_asked = bool(seen["queue"]["cards"][0]["again"])
        assert ("acknowledged" in seen["featured"]["stamps"]) is not is_asked
        return is_asked

    teller.bring_to_queue()
    hand: dict[str, Any] = {"facility_id": "F-001", "staff_id": "nurse-li"}
    assert not teller.see(70)["queue"]["cards"][0]["again"]  # it never was: that is another word
    teller.tell(handoff.Acknowledged, 80, **hand)
    assert not again(81)
    teller.decide(triage.TriageLevel.CRITICAL, "心搏骤停", 90)
    assert again(91)
    teller.tell(handoff.Acknowledged, 95, **hand)
    assert not again(96)
    late: dict[str, Any] = {"facility_id": "F-001", "step": 1, "due_at": when(99)}
    teller.tell(handoff.Escalated, 99, **late, owed=handoff.Owed.DEPARTMENT_ANSWERED)
    assert not again(100)
    teller.tell(handoff.Escalated, 100, **late)
    assert again(101)
    teller.tell(handoff.PatientArrived, 110, **hand)
    assert not again(111)


def test_what_ended_is_forgotten_after_a_minute_and_does_not_come_back(teller: Teller) -> None:
    teller.bring_to_queue()
    teller.tell(encounter.EncounterEnded, 100, outcome=encounter.Outcome.TRANSPORTED)
    teller.stage.forget(ms(159))
    assert teller.patient in teller.stage.encounters
    teller.stage.forget(ms(161))
    teller.notify(162, version=9)
    assert not teller.stage.encounters
    assert not teller.stage.incidents


def test_only_the_facility_that_was_withdrawn_loses_the_card(teller: Teller) -> None:
    teller.bring_to_queue()
    teller.notify(70, facility="F-002")
    for centre in (triage.Centre.EMERGENCY, triage.Centre.CHEST_PAIN):
        teller.tell(handoff.PreArrivalWithdrawn, 71, facility_id="F-001", centre=centre)
    assert teller.see(72)["queue"]["cards"][0]["facility"] == "F-002"
    for centre in (triage.Centre.EMERGENCY, triage.Centre.CHEST_PAIN):
        teller.tell(handoff.PreArrivalWithdrawn, 73, facility_id="F-002", centre=centre)
    assert teller.see(74)["queue"]["all"] == 0


def test_what_is_told_again_changes_nothing(teller: Teller) -> None:
    teller.bring_to_queue()
    teller.board(80, 42)
    teller.stamp(unit.UnitStatus.DEPARTED, 44, source="gps")
    before = teller.see(90)
    for record in list(teller.told):
        take(teller.stage, record)
    assert teller.see(90) == before


def test_the_unit_that_replaces_another_runs_a_ring_of_its_own(teller: Teller) -> None:
    teller.call()
    teller.drive(2)
    teller.stamp(unit.UnitStatus.STOOD_DOWN, 50)
    teller.vehicle, teller.leg = "U-2", "L-2"
    teller.drive(60)
    (call,) = teller.see(110)["calls"]["shown"]
    assert (call["unit"], call["notified"], call["departed"]) == ("U-2", ms(60), ms(100))
    assert [row[0:4:3] for row in teller.see(110)["units"]] == [["U-2", "out"], ["U-1", "idle"]]


def test_of_several_patients_the_call_shows_the_most_urgent(teller: Teller) -> None:
    teller.decide(triage.TriageLevel.URGENT, "疼痛", 1)
    teller.tell(
        incident.IncidentOpened, 0, incident_id=teller.call_id, call=incident.Call(),
        location=incident.Location(latitude=34.2, longitude=117.27),
        classification="emergency", encounter_ids=(teller.patient, "N-2"),
    )  # fmt: skip
    other = Teller(teller.stage, 2)
    other.decide(triage.TriageLevel.CRITICAL, "心脏骤停", 1)
    other.tell(encounter.PatientReached, 1, unit_id="U-2")
    seen = teller.see(2)
    assert seen["calls"]["shown"][0]["level"] == "critical"
    assert (seen["featured"]["id"], seen["featured"]["address"]) == ("N-2", None)


def test_vitals_are_read_of_patients_in_the_spotlight_only(teller: Teller) -> None:
    beat: dict[str, Any] = {
        "method": "streamed",
        "vitals": clinical.VitalSigns(heart_rate=88, spo2=97),
    }
    teller.bring_to_queue()
    teller.tell(clinical.VitalSignsRecorded, 64, **beat)
    assert not teller.stage.encounters[teller.patient].trace
    teller.see(65)
    teller.tell(clinical.VitalSignsRecorded, 66, **beat)
    teller.tell(
        clinical.VitalSignsRecorded,
        65.5,
        method="streamed",
        vitals=clinical.VitalSigns(heart_rate=47),
    )
    shown = teller.see(67)["featured"]
    assert shown["trace"] == [[ms(66), 88]]
    assert shown["vitals"]["spo2"] == (97, ms(66))


def test_an_ambulance_shows_its_patient_and_where_it_goes(teller: Teller) -> None:
    teller.bring_to_queue()
    (shown,) = teller.see(70)["units"]
    assert shown[3:6] == ["out", "severe", (34.2, 117.27)]
    teller.board(80, 30)
    (shown,) = teller.see(81)["units"]
    assert shown[3:6] == ["in", "severe", FACILITIES["F-001"]]
    assert teller.see(81)["scenes"] == []


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"not json", b'{"occurred_at":"yesterday"}'])
@pytest.mark.parametrize("kind", [*FOLDS, "SomethingNew"])
def test_what_cannot_be_read_or_is_not_known_changes_nothing(kind: str, value: bytes) -> None:
    stage = Stage()
    take(stage, Record("centre-emergency", kind, "N-1", value, 0, 1))
    seen = sections(stage, FACILITIES, 2)
    assert seen["calls"]["shown"] == []
    assert seen["units"] == []
    assert all(card["level"] == "not_yet" for card in seen["queue"]["cards"])


def test_the_screen_and_the_memory_have_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_ENCOUNTERS", 30)
    monkeypatch.setattr(bounds, "MOST_INCIDENTS", 30)
    stage = Stage()
    for number in range(40):
        Teller(stage, number).bring_to_queue()
    seen = sections(stage, FACILITIES, ms(70))
    assert (len(stage.encounters), len(stage.incidents)) == (30, 30)
    assert len(seen["calls"]["shown"]) == CALLS
    assert (len(seen["queue"]["cards"]), seen["queue"]["all"]) == (CARDS, 30)
    assert (len(seen["centres"][0]["chips"]), seen["centres"][0]["all"]) == (CHIPS, 30)
    stage.forget(ms(63) + bounds.SILENT_MS + 1000)
    assert not stage.encounters
    assert not stage.units


def test_a_unit_without_a_call_keeps_its_status(teller: Teller) -> None:
    teller.stamp(unit.UnitStatus.OUT_OF_SERVICE, 1)
    assert teller.stage.units[teller.vehicle].status == "out_of_service"
    assert not teller.stage.incidents


def test_what_several_signs_say_in_the_same_words_is_said_once() -> None:
    def reason(level: str, zh: str) -> dict[str, Any]:
        return {"rule": zh, "level": level, "text": {"zh": zh, "en": zh}}

    told = [reason("urgent", "a"), reason("severe", "b"), reason("severe", "b")]
    told += [reason("critical", "c"), reason("urgent", "d")]
    assert [r["text"]["zh"] for r in weightiest(told)] == ["c", "b", "a"]
    assert [r["level"] for r in weightiest(told)] == ["critical", "severe", "urgent"]


def test_a_milder_reason_is_none_for_a_level_that_was_reached_before() -> None:
    mild = {"level": "urgent", "text": {"zh": "平稳新生儿", "en": "stable newborn"}}
    grave = {"level": "critical", "text": {"zh": "心率", "en": "heart rate"}}

    def told(worst: str, *reasons: dict[str, Any], override: str | None = None) -> list[Any]:
        by = {"level": override} if override else None
        return [
            each["text"] for each in why({"worst": worst, "reasons": [*reasons], "override": by})
        ]

    assert told("critical", mild) == [EARLIER, mild["text"]]
    assert told("critical", mild, override="critical") == [SET, mild["text"]]
    assert told("critical", mild, grave) == [grave["text"], mild["text"]]
    assert told("urgent", mild, grave) == [grave["text"], mild["text"]], "a clinician lowered it"
    assert told("severe") == [EARLIER]
    assert told("non_urgent") == told("not_yet") == []
