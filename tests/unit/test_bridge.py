"""The bridge's promise: a facility hears of every patient bound for it, of no other, and once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.clinical import (
    ExaminationDone,
    FindingRecorded,
    Invalid,
    ObservationRetracted,
    TreatmentGiven,
)
from schemas.encounter import (
    Age,
    BoardingRevoked,
    DestinationSelected,
    DeviceAttached,
    EmergencyTransferRequested,
    EncounterEnded,
    EncounterOpened,
    EncounterUpdated,
    Outcome,
    Patient,
    PatientBoarded,
    PatientHandedToUnit,
    PatientReached,
    RevokedBoarding,
)
from schemas.envelope import encode
from schemas.event import Event
from schemas.handoff import (
    Acknowledged,
    Admission,
    AdmissionBound,
    AdmissionCancelled,
    AdmissionConfirmed,
    AdmissionOpened,
    AdmissionRevoked,
    CareTransferred,
    HandoffEvent,
    JourneyEnd,
    PatientArrived,
    PreArrivalNotified,
    PreArrivalWithdrawn,
)
from schemas.triage import (
    Activation,
    Bilingual,
    Centre,
    CentreConcern,
    Input,
    Override,
    TriageDecided,
    TriageLevel,
    TriagePaused,
)
from services.bridge.acts import act
from services.bridge.admission import CANCELS, admit, day_of, number_for
from services.bridge.case import Case, Handoff
from services.bridge.handoff import SHELF, hear
from services.bridge.record import record_of
from services.kit.errors import Rejected
from services.kit.outbox import MOST_BYTES

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
NUMBER = "GC-20260301-0001"
CHEST_PAIN = CentreConcern(
    centre=Centre.CHEST_PAIN,
    activation=Activation.NOTICE,
    text=Bilingual(zh="主诉胸痛", en="complains of chest pain"),
    source="CPC",
)

DOUBTED = (Input(name="spo2", value=Invalid(invalid="150"), occurred_at=BEGIN, method="streamed"),)


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def made(kind: type[Event], name: str, second: float = 0, **more: Any) -> Any:
    common = {"event_id": name, "encounter_id": "E-1", "occurred_at": at(second)}
    return kind.model_validate({**common, **more})


def opened(name: str = "opened", **patient: Any) -> Event:
    event: Event = made(EncounterOpened, name, patient=Patient(**patient))
    return event


def bound(facility: str, name: str = "") -> Event:
    name = name or f"bound-{facility}"
    event: Event = made(DestinationSelected, name, facility_id=facility, selected_by="crew-1")
    return event


def admitted(second: float) -> Admission:
    """Of somebody of whom nobody knows who it is."""
    return Admission(
        admission_number=NUMBER,
        admitted_at=at(second),
        wristband=NUMBER.replace("GC", "WB"),
        provisional=True,
    )


def boarded(name: str = "boarded", second: float = 60) -> Event:
    event: Event = made(PatientBoarded, name, second, unit_id="U-1")
    return event


def ended(outcome: Outcome = Outcome.REFUSED_TRANSPORT) -> Event:
    event: Event = made(EncounterEnded, "ended", outcome=outcome)
    return event


def found(name: str = "found") -> Event:
    event: Event = made(FindingRecorded, name, finding="diaphoresis", present=True)
    return event


def decided(
    number: int,
    worst: TriageLevel = TriageLevel.URGENT,
    *,
    changed: bool = True,
    centres: Sequence[CentreConcern] = (),
    override: Override | None = None,
) -> Event:
    event: Event = made(
        TriageDecided, f"decided-{number}", number=number, changed=changed, worst=worst,
        current=worst, trend="worse", reasons=(), inputs=(), missing=("pain",),
        invalid=DOUBTED, questions=(),
        centres=tuple(centres), override=override, folded=(),
    )  # fmt: skip
    return event


def retracted(observation: str, observation_id: str, name: str = "retracted") -> Event:
    event: Event = made(
        ObservationRetracted, name, observation=observation, observation_id=observation_id,
        reason="wrong_patient", retracted_by="crew-1",
    )  # fmt: skip
    return event


@dataclass(frozen=True)
class Told:
    """A case after some events, with everything that went out on the way."""

    case: Case
    out: list[Event]

    @property
    def notified(self) -> list[PreArrivalNotified]:
        return [e for e in self.out if isinstance(e, PreArrivalNotified)]

    @property
    def withdrawn(self) -> list[PreArrivalWithdrawn]:
        return [e for e in self.out if isinstance(e, PreArrivalWithdrawn)]

    @property
    def admissions(self) -> list[AdmissionOpened]:
        return [e for e in self.out if isinstance(e, AdmissionOpened)]

    @property
    def cancelled(self) -> list[AdmissionCancelled]:
        return [e for e in self.out if isinstance(e, AdmissionCancelled)]

    @property
    def last(self) -> PreArrivalNotified:
        return self.notified[-1]


def tell(*events: Event, case: Case | None = None, apart: float = 10) -> Told:
    """Hear events ``apart`` seconds from each other. A number waits, as the store sets it aside."""
    known, out = case or Case(encounter_id="E-1", reserved=NUMBER), list[Event]()
    for number, event in enumerate(events):
        known, told = hear(known, "E-1", event, at(1000 + number * apart))
        out += told
    return Told(known, out)


# -- before and when a destination is chosen ------------------------------------------------------

INPUTS: list[Event] = [
    opened(complaint="chest_pain"),
    made(EncounterUpdated, "updated", patient=Patient(age=Age(years=60))),
    made(PatientReached, "reached", unit_id="U-1"),
    boarded(),
    decided(1, centres=[CHEST_PAIN]),
    made(TriagePaused, "paused", worst=TriageLevel.URGENT),
    found(),
    made(ExaminationDone, "examined", examination="ecg_12_lead", shows=("st_elevation",)),
    made(TreatmentGiven, "treated", treatment="aspirin", dose=300, unit="mg"),
    made(PatientHandedToUnit, "handed", unit_id="U-1", to_unit_id="U-2", reason="breakdown"),
    made(
        EmergencyTransferRequested, "asked", incident_id="I-1", from_facility_id="C-001",
        requested_by="doctor-3", consent="given",
    ),
    retracted("finding", "found"),
]  # fmt: skip


@pytest.mark.parametrize("event", INPUTS, ids=lambda event: type(event).__name__)
def test_no_facility_hears_of_a_patient_before_it_was_chosen(event: Event) -> None:
    told = tell(event)
    assert not told.notified
    assert not told.withdrawn


@pytest.mark.parametrize("event", INPUTS, ids=lambda event: type(event).__name__)
def test_what_came_before_the_choice_stands_in_the_first_version(event: Event) -> None:
    told = tell(event, bound("H-1"))
    assert {e.version for e in told.notified} == {1}
    assert told.last.record == record_of(told.case)


@pytest.mark.parametrize("event", INPUTS, ids=lambda event: type(event).__name__)
def test_what_comes_after_the_choice_makes_a_new_version(event: Event) -> None:
    told = tell(bound("H-1"), event)
    is_silent = isinstance(event, PatientReached)
    assert {e.version for e in told.notified} == ({1} if is_silent else {1, 2})
    assert is_silent or told.last.record == record_of(told.case)


@pytest.mark.parametrize("event", [*INPUTS, bound("H-1")], ids=lambda event: type(event).__name__)
def test_the_same_event_again_changes_nothing(event: Event) -> None:
    once, twice = tell(bound("H-1", "first"), event), tell(bound("H-1", "first"), event, event)
    assert twice == once


def test_what_the_bridge_does_not_know_changes_nothing() -> None:
    told = tell(made(DeviceAttached, "attached", device_id="M-1"))
    assert told == Told(Case(encounter_id="E-1", reserved=NUMBER), [])


def test_a_patient_nobody_told_of_begins_with_the_first_event() -> None:
    case, out = hear(None, "E-1", found(), at(0))
    assert case.encounter_id == "E-1"
    assert [f.event_id for f in case.findings] == ["found"]
    assert not out


def test_the_record_is_complete_in_itself() -> None:
    record = tell(*INPUTS[:5], *INPUTS[6:11], bound("H-1")).last.record
    assert record.patient == Patient(age=Age(years=60))
    assert record.unit_id == "U-2"
    assert record.transfer == INPUTS[10]
    assert record.override is None
    assert (record.worst, record.current, record.trend) == ("urgent", "urgent", "worse")
    assert not record.triage_paused
    assert record.missing == ("pain",)
    assert record.invalid == DOUBTED
    assert record.centres == (CHEST_PAIN,)
    assert [f.event_id for f in record.findings] == ["found"]
    assert [e.event_id for e in record.examinations] == ["examined"]
    assert [t.event_id for t in record.treatments] == ["treated"]
    assert record.admission == admitted(60)


def test_without_a_decision_the_record_has_no_level_instead_of_the_least_urgent() -> None:
    record = tell(bound("H-1")).last.record
    assert (record.worst, record.current, record.trend) == ("not_yet", "not_yet", "same")
    assert (record.reasons, record.inputs, record.missing, record.questions) == ((), (), (), ())
    assert not record.triage_paused


def test_a_pause_of_triage_is_shown_until_the_next_decision_and_the_level_stays() -> None:
    paused = made(TriagePaused, "paused", worst=TriageLevel.SEVERE)
    told = tell(bound("H-1"), decided(1, TriageLevel.SEVERE), paused)
    assert told.last.record.triage_paused
    assert told.last.record.worst is TriageLevel.SEVERE
    assert not tell(decided(2), case=told.case).last.record.triage_paused


def test_the_choice_of_the_same_facility_again_tells_nobody_anything() -> None:
    told = tell(bound("H-1"), bound("H-1", "again"))
    assert [e.version for e in told.notified] == [1]


# -- decisions ------------------------------------------------------------------------------------


def test_a_centre_that_becomes_concerned_is_told_from_then_on_and_never_left_by_the_machine() -> (
    None
):
    told = tell(bound("H-1"), decided(1, centres=[CHEST_PAIN]), decided(2))
    queues = [(e.version, e.centre.value) for e in told.notified]
    assert queues == [
        (1, "emergency"),
        (2, "emergency"),
        (2, "chest_pain"),
        (3, "emergency"),
        (3, "chest_pain"),
    ]
    assert len({e.event_id for e in told.notified}) == len(told.notified)


def test_a_decision_that_is_not_newer_than_the_last_is_a_repeat() -> None:
    told = tell(bound("H-1"), decided(2), decided(1, TriageLevel.CRITICAL), decided(2))
    assert told.case.decision == decided(2)
    assert [e.version for e in told.notified] == [1, 2]


def test_a_version_names_the_decision_it_shows() -> None:
    told = tell(bound("H-1"), decided(1), decided(2), found())
    assert [e.decision for e in told.notified] == [None, "decided-1", "decided-2", "decided-2"]


def test_fresh_values_alone_make_a_version_that_says_so() -> None:
    refreshes = [decided(n, changed=False) for n in (1, 2)]
    told = tell(bound("H-1"), *refreshes)
    assert [(e.decision, e.changed) for e in told.notified] == [
        (None, True),
        ("decided-1", False),
        ("decided-2", False),
    ]


def test_a_change_is_never_held_back() -> None:
    told = tell(bound("H-1"), decided(1), decided(2), apart=0.001)
    assert [(e.version, e.changed) for e in told.notified] == [(1, True), (2, True), (3, True)]


def test_a_refresh_before_any_choice_waits_for_it() -> None:
    told = tell(decided(1, changed=False), bound("H-1"))
    assert [(e.version, e.decision, e.changed) for e in told.notified] == [(1, "decided-1", True)]


# -- the admission --------------------------------------------------------------------------------


def test_boarding_opens_the_admission_with_the_time_of_boarding() -> None:
    (admission,) = tell(opened(), bound("H-1"), boarded(second=60)).admissions
    assert admission.admission == admitted(60)
    assert (admission.occurred_at, admission.recorded_at) == (at(60), at(1020))
    assert admission.facility_id == "H-1"


def test_the_admission_is_told_before_the_version_that_shows_it() -> None:
    told = tell(bound("H-1"), boarded())
    assert [type(e).__name__ for e in told.out[-2:]] == ["AdmissionOpened", "PreArrivalNotified"]
    assert told.last.record.admission is not None


def test_a_second_boarding_opens_no_second_admission() -> None:
    told = tell(boarded(), boarded("again", 90))
    again, out = hear(
        told.case.model_copy(update={"reserved": "GC-20260301-0002"}),
        "E-1",
        boarded("third"),
        at(0),
    )
    assert len(told.admissions) == 1
    assert not out
    assert again.admission == admitted(60)


def test_an_admission_goes_with_the_patient_and_each_hospital_is_told_so() -> None:
    told = tell(boarded(), bound("H-1"), bound("H-2"))
    moved = [each for each in told.out if isinstance(each, AdmissionBound)]
    assert [(each.before, each.facility_id) for each in moved] == [(None, "H-1"), ("H-1", "H-2")]
    assert {each.admission.admitted_at for each in moved} == {at(60)}
    assert len({each.event_id for each in moved}) == 2
    assert not [e for e in tell(bound("H-1"), boarded()).out if isinstance(e, AdmissionBound)]


def test_who_is_not_aboard_after_all_is_expected_and_has_their_number_when_they_board() -> None:
    slip: Event = made(BoardingRevoked, "slip", 90, unit_id="U-1", reason="another patient")
    told = tell(bound("H-1"), boarded(), slip, slip)
    (revoked,) = (e for e in told.out if isinstance(e, AdmissionRevoked))
    assert (revoked.admission, revoked.reason) == (admitted(60), "another patient")
    record = told.last.record
    assert (record.boarded_at, record.admission) == (None, None)
    assert record.boarding_revoked == RevokedBoarding(at=at(90), reason="another patient")
    assert told.withdrawn == []
    after = tell(boarded("boarded-2", 200), case=told.case)
    (opened_,) = after.admissions
    assert opened_.admission == admitted(200), "the number and the wristband that they had"
    assert opened_.event_id != told.admissions[0].event_id
    assert after.last.record.boarding_revoked is None


def test_who_was_never_aboard_is_not_so_again() -> None:
    slip: Event = made(BoardingRevoked, "slip", unit_id="U-1", reason="a slip")
    assert tell(slip, case=tell(bound("H-1")).case).out == []


def test_a_boarding_that_was_inferred_is_flagged_until_somebody_says_when_it_was() -> None:
    seen = boarded("seen").but(inferred=True)
    told = tell(bound("H-1"), seen)
    (opened_,) = told.admissions
    assert opened_.admission == admitted(60).but(inferred=True)
    told = tell(bound("H-1"), seen, seen.but(event_id="seen again"), boarded("pressed", 45))
    (confirmed,) = [each for each in told.out if isinstance(each, AdmissionConfirmed)]
    assert confirmed.admission == admitted(45)
    assert (told.last.record.admission, told.last.record.boarded_at) == (admitted(45), at(45))
    assert len(told.admissions) == 1
    again = tell(bound("H-1"), seen, boarded("pressed", 45), boarded("twice", 50))
    assert again.case.admission == admitted(45), "who has pressed has said it"


def test_an_admission_without_a_facility_gets_none_and_keeps_its_number_for_the_one_chosen() -> (
    None
):
    told = tell(boarded(), bound("H-1"))
    (admission,) = told.admissions
    assert admission.facility_id is None
    assert told.last.record.admission == admission.admission


def test_an_admission_keeps_its_number_and_time_when_the_patient_is_sent_elsewhere() -> None:
    told = tell(bound("H-1"), boarded(), bound("H-2"))
    assert len(told.admissions) == 1
    assert told.last.record.admission == admitted(60)


@pytest.mark.parametrize(
    "update",
    [
        pytest.param({"boarded_at": None}, id="not aboard"),
        pytest.param({"reserved": None}, id="no number set aside"),
        pytest.param({"admission": admitted(1)}, id="admitted"),
    ],
)
def test_nobody_is_admitted_without_boarding_or_number_or_twice(update: dict[str, Any]) -> None:
    ready = Case(encounter_id="E-1", reserved=NUMBER, boarded_at=at(60))
    assert len(admit(ready, at(61))[1]) == 1
    case = ready.model_copy(update=update)
    assert admit(case, at(61)) == (case, [])


@pytest.mark.parametrize(
    ("count", "number"),
    [(1, "GC-20260301-0001"), (9999, "GC-20260301-9999"), (10_000, "GC-20260301-10000")],
)
def test_an_admission_number_is_the_day_and_a_count(count: int, number: str) -> None:
    assert number_for("20260301", count) == number
    assert re.fullmatch(r"GC-\d{8}-\d{4,}", number)
    Admission(admission_number=number, admitted_at=at(0))


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Asia/Shanghai", "2026-03-01T15:59:59.999999+00:00", "20260301"),
        ("Asia/Shanghai", "2026-03-01T16:00:00+00:00", "20260302"),
        ("Asia/Shanghai", "2026-03-02T00:00:00+08:00", "20260302"),
        ("Asia/Shanghai", "2026-12-31T23:59:59+08:00", "20261231"),
        ("UTC", "2026-03-02T00:00:00+08:00", "20260301"),
        ("Europe/Paris", "2026-03-29T00:30:00+00:00", "20260329"),
    ],
)
def test_the_day_of_a_number_is_the_day_at_the_place_of_the_region(
    zone: str, moment: str, day: str
) -> None:
    assert day_of(datetime.fromisoformat(moment), ZoneInfo(zone)) == day


# -- redirection and the end ----------------------------------------------------------------------


def test_when_the_destination_changes_every_centre_of_the_first_facility_is_told_to_forget() -> (
    None
):
    told = tell(decided(1, centres=[CHEST_PAIN]), bound("H-1"), bound("H-2"))
    withdrawn = [(e.facility_id, e.centre.value) for e in told.withdrawn]
    assert withdrawn == [("H-1", "emergency"), ("H-1", "chest_pain")]
    assert [(e.facility_id, e.centre.value, e.version) for e in told.notified[2:]] == [
        ("H-2", "emergency", 2),
        ("H-2", "chest_pain", 2),
    ]
    types = [type(e).__name__ for e in told.out[2:]]
    assert types == ["PreArrivalWithdrawn"] * 2 + ["PreArrivalNotified"] * 2


def test_the_way_there_and_back_numbers_no_version_and_no_withdrawal_twice() -> None:
    told = tell(bound("H-1"), bound("H-2"), bound("H-1", "back"), bound("H-2", "there"))
    assert [(e.facility_id, e.version) for e in told.notified] == [
        ("H-1", 1),
        ("H-2", 2),
        ("H-1", 3),
        ("H-2", 4),
    ]
    assert len({e.event_id for e in told.out}) == len(told.out)


def test_the_new_facility_begins_its_handoff_anew() -> None:
    told = tell(bound("H-1"))
    seen, _ = act(told.case, made(Acknowledged, "ack", facility_id="H-1", staff_id="n-1"), at(0))
    assert seen.handoff.acknowledged_by == "n-1"
    anew = tell(bound("H-2"), case=seen).case
    assert anew.handoff == Handoff(notified_at=at(1000), first_version=anew.version)


def test_whoever_was_handed_over_stays_where_they_are() -> None:
    """Dispatch may have taken a new destination before it heard of the handover."""
    case = case_after("acknowledge,arrive,transfer")
    told = tell(bound("H-2"), ended(), case=case)
    assert told.out == []
    assert (told.case.facility_id, told.case.handoff) == ("H-1", case.handoff)
    assert told.case.ended


def test_what_happens_after_the_handover_changes_no_record() -> None:
    case = case_after("acknowledge,arrive,transfer")
    assert case.locked_at is not None
    later = case.locked_at + timedelta(seconds=1)
    update = {"occurred_at": later}
    for event in (found(), decided(9).model_copy(update=update), opened(identity="known")):
        told, out = hear(case, "E-1", event, later)
        assert (list(out), record_of(told)) == ([], record_of(case))


def test_what_happened_before_it_completes_the_record_however_late_it_is_learned() -> None:
    """The crew's last finding reaches the hospital at once, and triage's decision a moment later:
    no record is left that names a cardiac arrest and no level."""
    case = case_after("acknowledge,arrive,transfer")
    assert case.locked_at is not None
    update = {"occurred_at": case.locked_at - timedelta(seconds=1)}
    event = decided(9).model_copy(update=update)
    told, out = hear(case, "E-1", event, case.locked_at + timedelta(seconds=9))
    assert [e.version for e in out if isinstance(e, PreArrivalNotified)] == [case.version + 1]
    assert told.decision == event


def test_who_had_boarded_is_admitted_even_when_it_is_learned_after_the_handover() -> None:
    case = case_after("acknowledge,arrive,transfer")
    assert case.admission is None
    assert tell(boarded(), case=case).case.admission is not None


def test_the_facility_was_told_at_its_first_version_however_many_follow() -> None:
    told = tell(bound("H-1"), found(), boarded())
    assert told.case.handoff.notified_at == at(1000)
    assert told.case.notified_at == at(1020)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_end_but_the_handover_and_a_death_on_the_way_withdraws_the_record(
    outcome: Outcome,
) -> None:
    told = tell(bound("H-1"), ended(outcome), found(), decided(1))
    comes = outcome in {Outcome.TRANSPORTED, Outcome.DIED_EN_ROUTE}
    assert len(told.withdrawn) == (0 if comes else 1)
    died = outcome is Outcome.DIED_EN_ROUTE  # a version of its own says so
    versions = [1, 2, 3, 4] if died else [1, 2, 3] if comes else [1]
    assert [e.version for e in told.notified] == versions
    assert told.case.ended


def test_a_death_on_the_way_is_told_to_each_centre_at_once_and_as_the_crews_word() -> None:
    died = tell(
        bound("H-1"), decided(1, centres=[CHEST_PAIN]), boarded(), ended(Outcome.DIED_EN_ROUTE)
    )
    told = [e for e in died.notified if e.version == died.case.version]
    assert {e.centre for e in told} == {Centre.EMERGENCY, Centre.CHEST_PAIN}
    assert all(e.changed for e in told)
    end = JourneyEnd(outcome=Outcome.DIED_EN_ROUTE, at=ended().occurred_at)
    assert [e.record.journey_end for e in told] == [end, end]
    assert died.case.handoff.death_declared_at is None
    came = tell(bound("H-1"), ended(Outcome.TRANSPORTED), found())
    assert came.last.record.journey_end is None, "the hospital sees who has come"


def test_a_death_that_is_learned_after_the_handover_changes_no_record() -> None:
    case = case_after("acknowledge,arrive,transfer")
    told = tell(ended(Outcome.DIED_EN_ROUTE), case=case)
    assert (told.notified, record_of(told.case)) == ([], record_of(case))


def test_an_end_before_any_choice_tells_nobody() -> None:
    assert tell(opened(), ended()).out == []


@pytest.mark.parametrize("outcome", Outcome)
def test_the_admission_of_who_does_not_come_is_cancelled_and_of_who_died_on_the_way_is_kept(
    outcome: Outcome,
) -> None:
    told = tell(bound("H-1"), boarded(), ended(outcome), ended(outcome))
    kept = {Outcome.TRANSPORTED, Outcome.DIED_EN_ROUTE, Outcome.DEAD_ON_SCENE,
            Outcome.HANDED_TO_UNIT}  # fmt: skip
    assert set(Outcome) - kept == CANCELS
    admission = admitted(60)
    if outcome in kept:
        assert (told.cancelled, told.case.admission) == ([], admission)
        return
    (cancelled,) = told.cancelled
    assert (cancelled.admission, cancelled.because) == (admission, outcome)
    assert (cancelled.facility_id, cancelled.occurred_at) == ("H-1", at(1020))
    assert told.case.admission is None
    assert [type(e).__name__ for e in told.out[-2:]] == [
        "PreArrivalWithdrawn",
        "AdmissionCancelled",
    ]


def test_nothing_is_cancelled_where_nobody_was_admitted_or_no_hospital_chosen() -> None:
    assert tell(bound("H-1"), ended(Outcome.NO_PATIENT)).cancelled == []
    (cancelled,) = tell(boarded(), ended(Outcome.REFUSED_TRANSPORT)).cancelled
    assert cancelled.facility_id is None


# -- what is shown, and shown no more -------------------------------------------------------------


@pytest.mark.parametrize(
    ("observation", "event"), [("finding", INPUTS[6]), ("examination", INPUTS[7]),
                               ("treatment", INPUTS[8])],
)  # fmt: skip
def test_what_was_taken_back_leaves_the_shelf_and_the_facility_is_told(
    observation: str, event: Event
) -> None:
    shelf = f"{observation}s"
    told = tell(bound("H-1"), event, retracted(observation, event.event_id))
    assert [len(getattr(e.record, shelf)) for e in told.notified] == [0, 1, 0]
    assert [e.changed for e in told.notified] == [True, True, True]


def test_of_several_findings_only_the_one_taken_back_goes() -> None:
    told = tell(found("a"), found("b"), retracted("finding", "a"), retracted("finding", "z", "r"))
    assert [f.event_id for f in told.case.findings] == ["b"]


def test_a_reading_taken_back_is_triages_and_changes_no_record_here() -> None:
    told = tell(bound("H-1"), found("a"), retracted("vitals", "a"))
    assert [f.event_id for f in told.case.findings] == ["a"]
    assert [e.version for e in told.notified] == [1, 2]


def test_two_retractions_under_one_key_are_two_acts_of_the_crew() -> None:
    """The gateway keeps no record: a used key with other content is another act."""
    told = tell(found("a"), found("b"), retracted("finding", "a"), retracted("finding", "b"))
    assert told.case.findings == ()


def test_the_unit_that_goes_on_with_the_patient_is_shown() -> None:
    told = tell(bound("H-1"), boarded(), INPUTS[9])
    assert [e.record.unit_id for e in told.notified] == [None, "U-1", "U-2"]
    assert len(told.admissions) == 1
    assert told.last.record.admission == admitted(60)


def test_a_clinicians_level_is_shown_with_its_reason() -> None:
    override = Override(
        level=TriageLevel.URGENT, reason="x", overridden_by="crew-1", role="crew",
        occurred_at=at(5),
    )  # fmt: skip
    told = tell(bound("H-1"), decided(1, override=override))
    assert told.last.record.override == override


# -- whatever comes -------------------------------------------------------------------------------

SOME = st.one_of(
    st.sampled_from(["H-1", "H-2", "H-3"]).map(lambda f: ("bound", f)),
    st.sampled_from(
        [
            "opened",
            "updated",
            "reached",
            "boarded",
            "handed",
            "asked",
            "paused",
            "found",
            "examined",
            "retracted",
            "ended",
            "over",
        ]
    ).map(lambda name: (name, "")),
    st.tuples(st.just("decided"), st.sampled_from(["changed", "refreshed"])),
)


def numbered(chosen: Sequence[tuple[str, str]]) -> Iterator[Event]:
    """Events of a sequence, each with a name of its own; decisions count up."""
    kinds: dict[str, Callable[[str], Event]] = {
        "opened": lambda n: opened(n),
        "updated": lambda n: made(EncounterUpdated, n, patient=Patient()),
        "reached": lambda n: made(PatientReached, n, unit_id="U-1"),
        "boarded": lambda n: boarded(n),
        "paused": lambda n: made(TriagePaused, n, worst=TriageLevel.URGENT),
        "found": lambda n: found(n),
        "examined": lambda n: made(ExaminationDone, n, examination="ecg_12_lead", shows=()),
        "handed": lambda n: INPUTS[9].model_copy(update={"event_id": n}),
        "asked": lambda n: INPUTS[10].model_copy(update={"event_id": n}),
        "retracted": lambda n: retracted("finding", "e-1", n),
        "ended": lambda n: made(EncounterEnded, n, outcome=Outcome.NO_PATIENT),
        "over": lambda n: made(EncounterEnded, n, outcome=Outcome.TRANSPORTED),
    }
    for number, (kind, which) in enumerate(chosen, start=1):
        if kind == "bound":
            yield bound(which, f"e-{number}")
        elif kind == "decided":
            centres = [CHEST_PAIN] if number % 3 == 0 else []
            yield decided(number, changed=which == "changed", centres=centres)
        else:
            yield kinds[kind](f"e-{number}")


@settings(deadline=None, max_examples=200)
@given(st.lists(SOME, max_size=14), st.sampled_from([0.5, 5, 60]))
def test_no_wrong_facility(chosen: list[tuple[str, str]], apart: float) -> None:
    """Every version goes to the facility that a human chose last, and to no patient's past one;
    whoever was told before is told to forget first; versions rise, without a double."""
    case, facility, out = Case(encounter_id="E-1", reserved=NUMBER), None, list[Event]()
    holding = set[tuple[str, Centre]]()
    for number, event in enumerate(numbered(chosen)):
        case, told = hear(case, "E-1", event, at(number * apart))
        if isinstance(event, DestinationSelected):
            facility = event.facility_id
        for sent in told:
            if isinstance(sent, PreArrivalNotified):
                assert sent.facility_id == facility
                holding.add((sent.facility_id, sent.centre))
            if isinstance(sent, PreArrivalWithdrawn):
                holding.remove((sent.facility_id, sent.centre))
        assert {name for name, _ in holding} <= {facility}
        out += told
    assert len({e.event_id for e in out}) == len(out)
    notified = [e for e in out if isinstance(e, PreArrivalNotified)]
    versions = sorted({e.version for e in notified})
    assert [e.version for e in notified] == sorted(e.version for e in notified)
    assert versions == list(range(1, len(versions) + 1))
    assert set(Counter((e.facility_id, e.centre, e.version) for e in notified).values()) <= {1}


@settings(deadline=None, max_examples=100)
@given(st.lists(SOME, max_size=14))
def test_there_is_one_admission_for_whoever_boards_and_none_for_others(
    chosen: list[tuple[str, str]],
) -> None:
    events = list(numbered(chosen))
    told = tell(*events)
    aboard = [e for e in events if isinstance(e, PatientBoarded)]
    assert [a.admission.admitted_at for a in told.admissions] == [e.occurred_at for e in aboard[:1]]


@settings(deadline=None, max_examples=100)
@given(st.lists(SOME, max_size=14))
def test_a_case_that_was_stored_and_read_again_goes_on_the_same(
    chosen: list[tuple[str, str]],
) -> None:
    case, out = Case(encounter_id="E-1", reserved=NUMBER), list[Event]()
    for number, event in enumerate(numbered(chosen)):
        case = Case.model_validate_json(case.model_dump_json(exclude_defaults=True))
        case, told = hear(case, "E-1", event, at(1000 + number * 10))
        out += told
    assert Told(case, out) == tell(*numbered(chosen))


#: What each topic holds of one patient, in its order: one topic may be ahead of the others.
TOPICS: list[list[Event]] = [
    [opened(), bound("H-1"), boarded()],
    [found(), *INPUTS[7:9]],
    [decided(1), decided(2, centres=[CHEST_PAIN])],
]


@settings(deadline=None, max_examples=100)
@given(st.permutations([n for n, topic in enumerate(TOPICS) for _ in topic]))
def test_whichever_topic_is_ahead_the_facility_ends_with_the_same_record(turns: list[int]) -> None:
    queues = [iter(topic) for topic in TOPICS]
    told = tell(*(next(queues[turn]) for turn in turns))
    expected = tell(*(event for topic in TOPICS for event in topic))
    assert told.last.record == expected.last.record == record_of(told.case)
    assert told.admissions[0].admission == expected.admissions[0].admission


# -- what the facility does -----------------------------------------------------------------------

ACTS: dict[str, tuple[type[HandoffEvent], str]] = {
    "acknowledge": (Acknowledged, "acknowledged_at"),
    "arrive": (PatientArrived, "arrived_at"),
    "transfer": (CareTransferred, "transferred_at"),
}
#: What was done before (down) and what an act (across) then is: + done, or refused as
#: twice (done before) or over (handed over).
TABLE = """
                    acknowledge  arrive  transfer
-                   +            +       +
acknowledge         twice        +       +
arrive              +            twice   +
acknowledge,arrive  twice        twice   +
transfer            over         over    over
acknowledge,transfer         over  over  over
arrive,transfer              over  over  over
acknowledge,arrive,transfer  over  over  over
"""


def rows() -> Iterator[tuple[str, str, str]]:
    header, *lines = (line.split() for line in TABLE.strip().splitlines())
    for done, *marks in lines:
        for name, mark in zip(header, marks, strict=True):
            yield done, name, mark


def doing(name: str, facility: str = "H-1", event_id: str = "") -> HandoffEvent:
    kind, _ = ACTS[name]
    more = {"handed_over_by": "crew-1"} if kind is CareTransferred else {}
    event: HandoffEvent = made(
        kind, event_id or name, 300, facility_id=facility, staff_id="n-1", **more
    )
    return event


def case_after(done: str) -> Case:
    case = tell(bound("H-1")).case
    for name in filter(None, done.strip("-").split(",")):
        case, _ = act(case, doing(name), at(301))
    return case


@pytest.mark.parametrize(("done", "name", "mark"), [*rows()])
def test_what_an_act_does_after_what_was_done(done: str, name: str, mark: str) -> None:
    before = case_after(done)
    again = doing(name, event_id="another")
    if mark != "+":
        reason = "409 Done before" if mark == "twice" else "409 Handed over"
        with pytest.raises(Rejected, match=reason):
            act(before, again, at(301))
        return
    after, events = act(before, again, at(301))
    assert list(events) == [again]
    stamps = {stamp for _, stamp in ACTS.values()}
    changed = {s for s in stamps if getattr(after.handoff, s) != getattr(before.handoff, s)}
    assert changed == {ACTS[name][1]}
    assert getattr(after.handoff, ACTS[name][1]) == at(300)


@pytest.mark.parametrize("way", [*permutations(ACTS)], ids="-".join)
def test_an_act_that_is_sent_again_changes_nothing_whatever_came_between(
    way: tuple[str, ...],
) -> None:
    case = tell(bound("H-1")).case
    for number, name in enumerate(way[: way.index("transfer") + 1]):
        case, _ = act(case, doing(name), at(301))
        for repeated in way[: number + 1]:
            assert act(case, doing(repeated), at(302)) == (case, ())


def test_a_key_that_stood_for_another_act_is_refused() -> None:
    case = case_after("arrive")
    other = doing("arrive").model_copy(update={"occurred_at": at(400)})
    with pytest.raises(Rejected, match="409 Key used before"):
        act(case, other, at(401))


def test_the_same_key_at_another_facility_is_another_act() -> None:
    first, _ = act(tell(bound("H-1")).case, doing("acknowledge"), at(301))
    redirected = tell(bound("H-2"), case=first).case
    other = doing("acknowledge", "H-2")
    after, events = act(redirected, other, at(301))
    assert list(events) == [other]
    assert after.handoff.acknowledged_at == at(300)


def test_an_act_bears_the_names_of_those_who_did_it() -> None:
    handoff = case_after("acknowledge,arrive,transfer").handoff
    assert handoff.acknowledged_by == handoff.received_by == "n-1"
    assert handoff.handed_over_by == "crew-1"


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(None, id="unknown"),
        pytest.param(Case(encounter_id="E-1"), id="not bound"),
        pytest.param(tell(bound("H-2")).case, id="bound for another"),
        pytest.param(tell(bound("H-1"), bound("H-2")).case, id="redirected"),
        pytest.param(tell(bound("H-1"), ended()).case, id="ended and withdrawn"),
        pytest.param(tell(ended(), bound("H-1")).case, id="ended before it was bound"),
    ],
)
def test_for_a_facility_that_was_not_told_there_is_nothing(case: Case | None, name: str) -> None:
    with pytest.raises(Rejected, match="404 Not found: There is nothing here for you\\."):
        act(case, doing(name), at(301))


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("outcome", [Outcome.TRANSPORTED, Outcome.DIED_EN_ROUTE])
def test_after_the_transport_was_reported_the_facility_may_still_sign(
    name: str, outcome: Outcome
) -> None:
    over = tell(bound("H-1"), ended(outcome)).case
    assert list(act(over, doing(name), at(301))[1]) == [doing(name)]


def test_versions_go_on_after_an_act() -> None:
    told = tell(found(), case=case_after("acknowledge,arrive"))
    assert told.last.version == 2
    assert told.case.handoff.arrived_at == at(300)


def test_versions_follow_each_other_without_a_gap() -> None:
    told = tell(bound("H-1"), *INPUTS)
    versions = sorted({e.version for e in told.notified})
    assert all(after == before + 1 for before, after in pairwise(versions))


def test_a_record_shows_the_last_of_very_many_findings_and_can_always_be_sent() -> None:
    note = "好" * 500
    many = [
        made(FindingRecorded, f"found-{n}", finding="diaphoresis", present=True, note=note)
        for n in range(SHELF + 50)
    ]
    told = tell(bound("H-1"), *many)
    assert [f.event_id for f in told.case.findings] == [e.event_id for e in many[50:]]
    sent = encode(told.last, "greenchannel/bridge")
    assert 3 * len(sent.value or b"") < MOST_BYTES
