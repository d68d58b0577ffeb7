"""What a facility owes a patient who is bound for it, when that is late, and who hears of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from schemas.encounter import DestinationSelected, EncounterEnded, Outcome
from schemas.event import Event
from schemas.handoff import (
    AcceptanceWithdrawn,
    Accepted,
    Acknowledged,
    CareTransferred,
    CentreActivated,
    DepartmentAnswered,
    DirectToConfirmed,
    Escalated,
    MilestoneReached,
    Owed,
    PatientArrived,
    RecordDelivered,
    RecordDisplayed,
    RedirectRequested,
)
from schemas.triage import CentreConcern, TriageDecided
from services.bridge import loader
from services.bridge.acts import act
from services.bridge.case import Case, Promise
from services.bridge.facility import Facility
from services.bridge.handoff import hear
from services.bridge.loader import FacilitiesRefused
from services.bridge.promise import asked_again, fall_due, keep, next_due
from services.bridge.receipt import Receipt, receive
from services.kit.errors import Rejected
from tests.unit.test_bridge_acts import at, made

ALL = loader.facilities()
H1 = ALL.of("H-1")
TEXT = {"zh": "x", "en": "x"}
LEVELS = ("not_yet", "non_urgent", "urgent", "severe", "critical")


def concern(centre: str, **more: Any) -> CentreConcern:
    told = {"centre": centre, "activation": "alert", "text": TEXT, "source": "x", **more}
    return CentreConcern.model_validate(told)


def decided(
    level: str, number: int, second: float, centres: Sequence[CentreConcern] = ()
) -> TriageDecided:
    return TriageDecided.model_validate(
        {
            "event_id": f"t-{number}", "encounter_id": "E-1", "occurred_at": at(second),
            "number": number, "changed": True, "worst": level, "current": level, "trend": "same",
            "reasons": (), "inputs": (), "missing": (), "questions": (), "centres": centres,
            "folded": (),
        }
    )  # fmt: skip


class Ward:
    """One patient at one facility, as loop, interface and timekeeper would take what happens."""

    def __init__(self, facility: Facility = H1) -> None:
        self.facility, self.case = facility, Case(encounter_id="E-1")
        self.told: list[Event] = []

    def _took(self, case: Case, events: Sequence[Event], second: float) -> None:
        self.case = keep(case, self.facility, at(second))
        self.told += events

    def hears(self, event: Event, second: float) -> None:
        self._took(*hear(self.case, "E-1", event, at(second)), second)

    def bind(self, second: float = 0, facility: str = "H-1") -> None:
        name = f"to-{facility}-{second}"
        chosen = made(DestinationSelected, name, second, facility_id=facility, selected_by="d")
        self.hears(chosen, second)

    def triage(self, level: str, second: float, *centres: CentreConcern) -> None:
        number = self.case.decision.number + 1 if self.case.decision else 1
        self.hears(decided(level, number, second, centres), second)

    def comes(self, second: float, arrives: float) -> None:
        self._took(self.case.but(arrives_at=at(arrives)), (), second)

    def does(self, kind: type[Event], second: float, **more: Any) -> None:
        event = made(
            kind, f"{kind.__name__}-{second}", second, facility_id="H-1", staff_id="n", **more
        )
        self._took(*act(self.case, event, at(second)), second)

    def at_once(self, kind: type[Event], second: float, said: float, **more: Any) -> None:
        """An act that comes now and says that it was at another time."""
        of = {"facility_id": "H-1", "staff_id": "n"}
        event = made(kind, f"{kind.__name__}-{second}", said, **of, **more)
        self._took(*act(self.case, event, at(second)), second)

    def receives(self, second: float, *, displayed: bool) -> None:
        receipt = Receipt(encounter_id="E-1", version=self.case.version, displayed=displayed)
        case, events = receive(self.case, "H-1", receipt, at(second))
        assert case is not None
        self._took(case, events, second)

    def looks(self, second: float) -> list[tuple[str, str, int]]:
        """What the timekeeper tells at this moment."""
        self.case, events = fall_due(self.case, self.facility, at(second))
        self.told += events
        return [(each.owed.value, each.to, each.step) for each in events]

    def owed(self) -> set[Owed]:
        """What was asked for so far."""
        return {each.owed for each in self.case.handoff.promises}

    def promise(self, owed: Owed) -> Promise:
        return [each for each in self.case.handoff.promises if each.owed is owed][-1]

    def due(self, owed: Owed = Owed.ACKNOWLEDGED) -> float | None:
        """When it is due, in seconds; none where it is not waited for."""
        promise = self.promise(owed)
        if promise.due_at is None or not promise.is_open:
            return None
        return (promise.due_at - at(0)).total_seconds()


def bound(level: str = "critical", *centres: CentreConcern) -> Ward:
    ward = Ward()
    ward.triage(level, 0, *centres)
    ward.bind()
    return ward


# -- by when ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "arrives", "due"),
    [
        ("critical", None, 60),
        ("critical", 3600, 60),
        ("severe", None, 120),
        ("urgent", None, 300),
        ("urgent", 500, 300),
        ("urgent", 1200, 900),
        ("not_yet", None, 300),
        ("non_urgent", None, None),
        ("non_urgent", 1200, None),
    ],
)
def test_it_is_acknowledged_by_level_and_before_the_patient_comes(
    level: str, arrives: float | None, due: float | None
) -> None:
    ward = bound(level)
    if arrives is not None:
        ward.comes(1, arrives)
    assert ward.due() == due


def test_nothing_is_owed_before_the_patient_is_bound_for_the_facility() -> None:
    ward = Ward()
    ward.triage("critical", 0)
    assert ward.case.handoff.promises == ()
    assert next_due(ward.case, H1) is None
    ward.bind(100)
    assert (ward.due(), ward.due(Owed.DELIVERED), ward.due(Owed.DISPLAYED)) == (160, 105, 115)
    assert next_due(ward.case, H1) == at(105)


def test_the_ladder_is_climbed_step_by_step_each_told_once() -> None:
    ward = bound()
    ward.receives(1, displayed=True)
    assert ward.looks(59.9) == []
    assert ward.looks(60) == [("acknowledged", "board", 1)]
    assert ward.looks(60.1) == []
    assert ward.looks(120) == [("acknowledged", "shift_lead", 2)]
    assert ward.looks(180) == [("acknowledged", "dispatch", 3)]
    assert ward.looks(10_000) == []
    assert next_due(ward.case, H1) is None
    late = [each for each in ward.told if isinstance(each, Escalated)]
    assert [each.occurred_at for each in late] == [at(60), at(120), at(180)]
    assert {each.due_at for each in late} == {at(60)}
    assert len({each.event_id for each in late}) == 3


def test_who_gets_worse_after_the_last_step_is_told_of_anew_and_stays_late() -> None:
    ward = bound("severe")
    ward.receives(1, displayed=True)
    assert [ward.looks(at)[0][1] for at in (120, 180, 240)] == ["board", "shift_lead", "dispatch"]
    ward.triage("critical", 300)
    promise = ward.promise(Owed.ACKNOWLEDGED)
    assert (ward.due(), promise.because, promise.rungs) == (120, "worse", 0)
    assert [ward.looks(at)[0][1] for at in (300, 360, 420)] == ["board", "shift_lead", "dispatch"]
    assert ward.looks(10_000) == []
    late = [each for each in ward.told if isinstance(each, Escalated)]
    assert len({each.event_id for each in late}) == 6
    assert [each.because for each in late] == ["bound"] * 3 + ["worse"] * 3
    assert [each.due_at for each in late] == [at(120)] * 3 + [at(300)] * 3
    ward.triage("critical", 500)  # no rise: who was told has heard of it
    assert ward.looks(10_000) == []


def test_who_gets_worse_in_the_middle_of_the_ladder_waits_no_longer_for_its_next_step() -> None:
    ward = bound("severe")
    ward.receives(1, displayed=True)
    assert ward.looks(120) == [("acknowledged", "board", 1)]
    ward.triage("critical", 170)
    assert ward.looks(180) == [("acknowledged", "shift_lead", 2)]


def test_after_an_outage_the_highest_step_alone_is_told() -> None:
    ward = bound()
    assert ward.looks(150) == [
        ("delivered", "operations", 1),
        ("displayed", "dispatch", 1),
        ("acknowledged", "shift_lead", 2),
    ]
    assert ward.looks(400) == [("acknowledged", "dispatch", 3)]


def test_a_dark_board_is_told_to_dispatch_and_one_that_never_got_it_to_operations() -> None:
    ward = bound("non_urgent")
    assert ward.looks(5) == [("delivered", "operations", 1)]
    ward.receives(6, displayed=False)
    assert ward.looks(15) == [("displayed", "dispatch", 1)]
    ward.receives(20, displayed=True)
    assert ward.looks(10_000) == []


# -- done ------------------------------------------------------------------------------------------


def test_what_a_board_has_received_is_told_once_each() -> None:
    ward = bound()
    for second in (1, 2):
        ward.receives(second, displayed=False)
    for second in (3, 4):
        ward.receives(second, displayed=True)
    told = [each for each in ward.told if isinstance(each, RecordDelivered | RecordDisplayed)]
    assert [(type(each), each.occurred_at) for each in told] == [
        (RecordDelivered, at(1)), (RecordDisplayed, at(3)),
    ]  # fmt: skip
    assert (ward.due(Owed.DELIVERED), ward.due(Owed.DISPLAYED)) == (None, None)
    assert ward.due() == 60, "on a screen is not seen"


def test_what_is_on_a_screen_has_been_delivered() -> None:
    ward = bound()
    ward.receives(3, displayed=True)
    assert (ward.case.handoff.delivered_at, ward.case.handoff.displayed_at) == (at(3), at(3))


def test_of_a_patient_who_is_not_bound_for_it_nothing_is_noted() -> None:
    receipt = Receipt(encounter_id="E-1", version=1, displayed=True)
    elsewhere = bound()
    elsewhere.bind(10, "H-2")
    over = bound()
    over.does(PatientArrived, 1)
    over.does(CareTransferred, 2, handed_over_by="crew-1")
    ended = bound()
    ended.hears(made(EncounterEnded, "end", 5, outcome=Outcome.REFUSED_TRANSPORT), 5)
    for case in (None, Case(encounter_id="E-1"), elsewhere.case, over.case, ended.case):
        assert receive(case, "H-1", receipt, at(20)) == (case, ())


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Acknowledged, {}),
        (Accepted, {}),
        (CentreActivated, {"centre": "chest_pain", "activation": "activate"}),
        (DirectToConfirmed, {"direct_to": "cath_lab"}),
    ],
)
def test_whoever_acts_on_the_record_has_seen_it(kind: type[Event], said: dict[str, Any]) -> None:
    ward = bound()
    ward.does(kind, 30, **said)
    assert all(ward.due(owed) is None for owed in (Owed.DELIVERED, Owed.DISPLAYED))
    assert ward.due() is None
    assert ward.looks(10_000) == []


def test_to_ask_for_another_hospital_ends_nothing_until_one_is_chosen() -> None:
    ward = bound()
    ward.receives(1, displayed=True)
    ward.does(RedirectRequested, 30, reason="no_bed")
    assert ward.looks(60) == [("acknowledged", "board", 1)]
    ward.bind(90, "H-2")
    assert ward.looks(120) == [("delivered", "operations", 1), ("displayed", "dispatch", 1)]
    assert ward.looks(150) == [("acknowledged", "board", 1)], "the next begins anew"


@pytest.mark.parametrize(
    ("kind", "said", "owed"),
    [
        (Acknowledged, {}, Owed.ACKNOWLEDGED),
        (Accepted, {}, Owed.DISPLAYED),
        (DirectToConfirmed, {"direct_to": "cath_lab"}, Owed.DIRECT_TO_CONFIRMED),
        (DepartmentAnswered, {"department": "imaging", "answer": "coming"},
         Owed.DEPARTMENT_ANSWERED),
    ],
)  # fmt: skip
@pytest.mark.parametrize("said_at", [-400, 70, 140])
def test_what_answers_a_promise_is_met_when_it_came_whatever_is_said_of_its_time(
    kind: type[Event], said: dict[str, Any], owed: Owed, said_at: float
) -> None:
    ward = bound("critical", concern("chest_pain", direct_to="cath_lab"))
    if kind is DepartmentAnswered:
        ward.does(CentreActivated, 5, centre="stroke", activation="activate",
                  departments=("imaging",))  # fmt: skip
    ward.at_once(kind, 61, said_at, **said)
    assert ward.promise(owed).met_at == at(61)
    if kind is Acknowledged:
        assert ward.case.handoff.acknowledged_at == at(said_at), "what was said stands beside it"


def test_nothing_is_met_before_it_was_asked_for_by_whichever_clock() -> None:
    ward = bound()
    ward.at_once(Acknowledged, -0.5, -0.5)
    assert {each.met_at for each in ward.case.handoff.promises} == {at(0)}


def test_a_doctor_who_was_there_before_the_patient_was_there_when_they_came() -> None:
    ward = bound("severe")
    ward.does(PatientArrived, 100)
    ward.at_once(MilestoneReached, 160, 40, milestone="first_doctor")
    assert ward.promise(Owed.FIRST_DOCTOR).met_at == at(100)
    other = bound("severe")
    other.does(PatientArrived, 100)
    other.at_once(MilestoneReached, 400, 130, milestone="first_doctor")
    assert other.promise(Owed.FIRST_DOCTOR).met_at == at(130), "its own time, entered later"


def test_an_arrival_ends_what_was_due_before_it() -> None:
    ward = bound()
    ward.does(PatientArrived, 59)
    assert [each for each in ward.looks(10_000) if each[0] != "first_doctor"] == []


def test_a_handover_ends_everything() -> None:
    ward = bound("severe")
    ward.does(PatientArrived, 10)
    ward.does(CareTransferred, 20, handed_over_by="crew-1")
    assert next_due(ward.case, H1) is None
    assert ward.looks(10_000) == []


def test_who_does_not_come_is_owed_nothing() -> None:
    ward = bound()
    ward.hears(made(EncounterEnded, "end", 5, outcome=Outcome.REFUSED_TRANSPORT), 5)
    assert next_due(ward.case, H1) is None
    assert ward.looks(10_000) == []


# -- asked again -----------------------------------------------------------------------------------


def test_a_level_that_rises_brings_it_forward_and_never_puts_it_off() -> None:
    ward = bound("urgent")
    ward.triage("severe", 100)
    assert ward.due() == 220
    ward.triage("critical", 200)
    assert ward.due() == 220, "60 s after the rise would be later"
    early = bound("severe")
    early.triage("critical", 30)
    assert early.due() == 90


def test_who_has_acknowledged_is_asked_again_when_the_patient_is_worse() -> None:
    ward = bound("urgent")
    ward.receives(1, displayed=True)
    ward.does(Acknowledged, 10)
    ward.triage("urgent", 50)
    assert ward.due() is None
    ward.triage("critical", 100)
    assert (ward.due(), ward.promise(Owed.ACKNOWLEDGED).because) == (160, "worse")
    assert ward.looks(160) == [("acknowledged", "board", 1)]
    ward.does(Acknowledged, 170)
    assert ward.due() is None
    handoff = ward.case.handoff
    assert handoff.acknowledged_at == at(10), "when it was first seen stands"
    again = [each.met_at for each in handoff.promises if each.owed is Owed.ACKNOWLEDGED]
    assert again == [at(10), at(170)]
    ward.triage("severe", 200)
    assert ward.due() is None, "what gets better disturbs nobody"
    with pytest.raises(Rejected, match="409 Done before"):
        ward.does(Acknowledged, 300)


def test_what_an_acceptance_had_met_is_owed_again_when_it_is_taken_back() -> None:
    """Acknowledged, then worse, then accepted and taken back: nobody has seen that it is worse."""
    ward = Ward()
    ward.bind()
    ward.triage("urgent", 10)
    ward.does(Acknowledged, 20)
    ward.triage("critical", 30)
    ward.does(Accepted, 40)
    assert asked_again(ward.case.handoff) is None
    ward.does(AcceptanceWithdrawn, 100, reason="x")
    owed = asked_again(ward.case.handoff)
    assert owed is not None
    assert (owed.because, owed.since, owed.rungs) == ("worse", at(100), 0)
    assert owed.due_at is not None
    assert owed.due_at > at(100)
    ward.does(Acknowledged, 110)
    assert asked_again(ward.case.handoff) is None


def test_what_somebody_else_has_seen_since_is_not_owed_again() -> None:
    ward = Ward()
    ward.bind()
    ward.triage("critical", 10)
    ward.does(Accepted, 20)
    ward.does(Acknowledged, 30)
    ward.does(AcceptanceWithdrawn, 40, reason="x")
    assert asked_again(ward.case.handoff) is None


def test_what_is_owed_already_is_not_owed_twice_when_an_acceptance_is_taken_back() -> None:
    ward = Ward()
    ward.bind()
    ward.triage("urgent", 10)
    ward.does(Accepted, 20)
    ward.triage("critical", 30)
    ward.does(AcceptanceWithdrawn, 40, reason="x")
    owed = [p for p in ward.case.handoff.promises if p.owed is Owed.ACKNOWLEDGED and p.is_open]
    assert [p.since for p in owed] == [at(30)]


@pytest.mark.parametrize(
    ("level", "due"), [("critical", 160), ("severe", 220), ("urgent", None), ("non_urgent", None)]
)
def test_who_had_no_level_yet_is_not_worse_for_having_one(level: str, due: float | None) -> None:
    ward = bound("not_yet")
    ward.receives(1, displayed=True)
    ward.does(Acknowledged, 10)
    ward.triage(level, 100)
    assert ward.due() == due
    assert ward.promise(Owed.ACKNOWLEDGED).because == ("bound" if due is None else "triaged")
    assert [step for step in ward.looks(10_000) if step[0] == "acknowledged"] == (
        [] if due is None else [("acknowledged", "dispatch", 3)]
    )


def test_who_is_worse_than_what_a_human_saw_is_so_whatever_came_between() -> None:
    ward = bound("not_yet")
    ward.does(Acknowledged, 10)
    ward.triage("non_urgent", 100)
    ward.triage("severe", 200)
    assert (ward.due(), ward.promise(Owed.ACKNOWLEDGED).because) == (320, "triaged")


@pytest.mark.parametrize(
    ("level", "arrives", "due"),
    [
        ("critical", None, 160),
        ("severe", None, 220),
        ("urgent", None, 300),
        ("urgent", 1500, 1200),
        ("non_urgent", None, None),
        ("non_urgent", 1500, None),
    ],
)
def test_what_nobody_has_seen_yet_is_due_by_the_level_that_is_known_now(
    level: str, arrives: float | None, due: float | None
) -> None:
    ward = bound("not_yet")
    ward.receives(1, displayed=True)
    if arrives is not None:
        ward.comes(2, 1200)
    ward.triage(level, 100)
    if arrives is not None:
        ward.comes(110, arrives)
    assert ward.due() == due
    known = ward.promise(Owed.ACKNOWLEDGED)
    assert (known.level, known.because == "bound") == (level, level in {"urgent", "non_urgent"})
    if due is None:
        assert ward.looks(10_000) == []


def test_the_ladder_of_who_needs_nothing_ends_and_begins_anew_when_they_are_worse() -> None:
    ward = bound("not_yet")
    ward.receives(1, displayed=True)
    assert ward.looks(300) == [("acknowledged", "board", 1)]
    ward.triage("non_urgent", 310)
    assert next_due(ward.case, H1) is None
    ward.triage("critical", 400)
    assert (ward.due(), ward.promise(Owed.ACKNOWLEDGED).because) == (460, "worse")
    assert ward.looks(460) == [("acknowledged", "board", 1)]
    assert ward.looks(520) == [("acknowledged", "shift_lead", 2)]


def test_who_has_acknowledged_is_asked_again_when_another_centre_is_concerned() -> None:
    ward = bound("severe", concern("stroke"))
    ward.does(Acknowledged, 10)
    ward.triage("severe", 20, concern("stroke"))
    assert ward.due() is None
    ward.triage("severe", 30, concern("stroke"), concern("chest_pain"))
    assert (ward.due(), ward.promise(Owed.ACKNOWLEDGED).because) == (150, "centre")


@pytest.mark.parametrize(("arrives", "is_asked"), [(900, False), (899, True), (2000, False)])
def test_who_has_acknowledged_is_asked_again_when_they_come_much_sooner(
    arrives: float, is_asked: bool
) -> None:
    ward = bound("severe")
    ward.comes(1, 1200)
    ward.does(Acknowledged, 10)
    ward.comes(20, arrives)
    assert (ward.due() is not None) is is_asked
    if is_asked:
        assert ward.promise(Owed.ACKNOWLEDGED).because == "sooner"


def test_nobody_acknowledges_what_they_have_not_seen() -> None:
    ward = bound("urgent")
    seen = ward.case.version
    ward.triage("critical", 5)
    with pytest.raises(Rejected, match="409 Changed since: Version 2"):
        ward.does(Acknowledged, 6, version=seen)
    with pytest.raises(Rejected, match=r"422 No such version: .* the record is at 2"):
        ward.does(Acknowledged, 7, version=3)
    ward.does(Acknowledged, 7, version=ward.case.version)
    assert ward.due() is None


# -- a team over departments -----------------------------------------------------------------------

TEAM = ("trauma_surgery", "imaging", "transfusion", "anaesthesia")


def called(second: float = 30) -> Ward:
    ward = bound()
    ward.does(CentreActivated, second, centre="trauma", activation="activate", departments=TEAM)
    return ward


def department(ward: Ward, name: str) -> Promise:
    (found,) = (each for each in ward.case.handoff.promises if each.department == name)
    return found


def answers(ward: Ward, department: str, second: float, answer: str = "coming") -> None:
    ward.does(DepartmentAnswered, second, department=department, answer=answer)


def test_one_of_four_departments_is_silent_and_its_lead_is_called_and_no_other() -> None:
    ward = called()
    for number, department in enumerate(TEAM[:3]):
        answers(ward, department, 60 + number)
    assert next_due(ward.case, H1) == at(150)
    assert ward.looks(149) == []
    assert ward.looks(10_000) == [("department_answered", "department_lead", 1)]
    late = [each for each in ward.told if isinstance(each, Escalated)]
    assert [each.department for each in late] == [TEAM[3]]
    answers(ward, TEAM[3], 10_001)
    assert all(not each.is_open for each in ward.case.handoff.promises if each.department)


def test_a_department_has_its_time_from_when_the_call_is_known_here() -> None:
    ward = bound()
    key = {"centre": "trauma", "activation": "activate", "departments": TEAM}
    ward.at_once(CentreActivated, 400, 30, **key)
    assert ward.looks(400) == []
    assert department(ward, "imaging").due_at == at(520)


def test_of_a_department_that_cannot_come_the_lead_is_called_at_once() -> None:
    ward = called()
    answers(ward, "imaging", 40, "cannot")
    assert ward.looks(40) == [("department_answered", "department_lead", 1)]
    answers(ward, "imaging", 60)
    assert [p.department for p in ward.case.handoff.promises if p.department and not p.is_open] == [
        "imaging"
    ]


def test_of_a_department_that_cannot_come_after_all_the_lead_is_called_at_once() -> None:
    ward = called()
    answers(ward, "imaging", 40)
    answers(ward, "imaging", 50, "cannot")
    imaging = department(ward, "imaging")
    assert (imaging.is_open, imaging.due_at) == (True, at(50)), "the newest answer decides"
    assert next_due(ward.case, H1) == at(50)
    assert ward.looks(50) == [("department_answered", "department_lead", 1)]
    answers(ward, "imaging", 51, "cannot")
    ward.triage("critical", 52)
    assert department(ward, "imaging").due_at == at(50), "said again it puts nothing off"
    assert ward.looks(60) == []
    answers(ward, "imaging", 70)
    assert department(ward, "imaging").met_at == at(70)


def test_each_time_a_department_goes_back_on_its_word_its_lead_is_called_once() -> None:
    ward = called()
    assert len(ward.looks(150)) == 4, "silent"
    for second in (200, 300):
        answers(ward, "imaging", second)
        assert ward.looks(second + 1) == []
        answers(ward, "imaging", second + 50, "cannot")
        for later in (second + 50, second + 60):
            told = ward.looks(later)
            assert told == ([("department_answered", "department_lead", 1)] * (later % 100 == 50))
    late = [e for e in ward.told if isinstance(e, Escalated) and e.department == "imaging"]
    assert [each.occurred_at for each in late] == [at(150), at(250), at(350)]
    assert len({each.event_id for each in late}) == 3


def test_a_second_team_calls_those_alone_who_were_not_called() -> None:
    ward = called()
    ward.does(
        CentreActivated, 90, centre="stroke", activation="activate",
        departments=("neurology", "imaging"),
    )  # fmt: skip
    departments = [p.department for p in ward.case.handoff.promises if p.department]
    assert departments == [*TEAM, "neurology"]


def test_a_clock_that_is_ahead_puts_nothing_off() -> None:
    ward = bound("severe")
    later = {"centre": "trauma", "activation": "activate", "departments": TEAM}
    ward.at_once(CentreActivated, 30, 150, **later)
    ward.at_once(PatientArrived, 40, 160)
    assert ward.due(Owed.FIRST_DOCTOR) == 640
    assert {p.since for p in ward.case.handoff.promises if p.department} == {at(30)}


def test_an_arrival_does_not_end_what_a_team_owes() -> None:
    ward = called()
    ward.does(PatientArrived, 40)
    late = [each for each in ward.looks(150) if each[0] == "department_answered"]
    assert len(late) == 4


# -- the way past the emergency department, and the first doctor -----------------------------------


def test_a_way_that_is_proposed_is_confirmed_before_the_patient_comes() -> None:
    ward = bound("critical", concern("chest_pain", activation="activate", direct_to="cath_lab"))
    ward.does(Acknowledged, 5)
    assert ward.due(Owed.DIRECT_TO_CONFIRMED) is None, "nobody knows yet when they come"
    ward.comes(10, 1000)
    assert ward.due(Owed.DIRECT_TO_CONFIRMED) == 700
    ward.comes(20, 1200)
    assert ward.looks(900) == [("direct_to_confirmed", "board", 1)]
    ward.does(DirectToConfirmed, 910, direct_to="cath_lab")
    assert ward.due(Owed.DIRECT_TO_CONFIRMED) is None


def test_what_was_done_before_it_was_owed_is_late_for_nobody() -> None:
    """A doctor was at the door before anybody pressed arrival; a way was confirmed before triage
    proposed it, with the patient minutes away."""
    ward = Ward()
    ward.bind()
    ward.triage("critical", 1)
    ward.does(Acknowledged, 2)
    ward.comes(3, arrives=120)
    ward.does(DirectToConfirmed, 4, direct_to="ct")
    ward.triage("critical", 5, concern("stroke", direct_to="ct"))
    ward.does(Acknowledged, 6)
    ward.does(MilestoneReached, 99, milestone="first_doctor")
    ward.does(PatientArrived, 100)
    assert {ward.promise(owed).is_open for owed in Owed if owed in ward.owed()} == {False}
    assert ward.looks(1000) == []


def test_nobody_is_asked_to_confirm_what_was_not_proposed() -> None:
    for concerned in ((), (concern("stroke", activation="notice", direct_to="ct"),)):
        owed = {each.owed for each in bound("severe", *concerned).case.handoff.promises}
        assert Owed.DIRECT_TO_CONFIRMED not in owed


@pytest.mark.parametrize(
    ("level", "due"),
    [("critical", 500), ("severe", 1100), ("urgent", 2300), ("non_urgent", None)],
)
def test_a_doctor_is_with_the_patient_by_level(level: str, due: float | None) -> None:
    ward = bound(level)
    ward.does(PatientArrived, 500)
    assert ward.due(Owed.FIRST_DOCTOR) == due
    if due is not None:
        assert ward.looks(due) == [("first_doctor", "board", 1)]
    ward.does(MilestoneReached, 3000, milestone="first_doctor")
    assert ward.due(Owed.FIRST_DOCTOR) is None


# -- what a site sets ------------------------------------------------------------------------------


def test_a_facility_keeps_what_all_do_where_it_says_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    shipped = loader.SHIPPED.read_text("utf-8")
    own = (
        "facilities:\n  H-7:\n    terms:\n      acknowledged:\n        name: {zh: x, en: x}\n"
        "        within_s: 30\n        ladder: [{to: dispatch}]\n"
        "        source: their own\n        evidence: design\n"
    )
    file.write_text(shipped.replace("facilities: {}\n", own), "utf-8")
    ours = loader.facilities(file)
    assert ours.of("H-1") == ours.of(None) == ALL.all
    assert ours.of("H-7").terms[Owed.DELIVERED] == ALL.all.terms[Owed.DELIVERED]
    ward = Ward(ours.of("H-7"))
    ward.triage("non_urgent", 0)
    ward.bind()
    ward.receives(1, displayed=True)
    assert ward.looks(30) == [("acknowledged", "dispatch", 1)]


def test_who_hears_that_a_facility_is_late_hears_what_to_telephone() -> None:
    ward = Ward(ALL.of("H-1").but(phone="0516 8500 0120"))
    ward.triage("critical", 0)
    ward.bind()
    ward.looks(60)
    (late, *_) = [each for each in ward.told if isinstance(each, Escalated)]
    assert (late.facility_id, late.phone) == ("H-1", "0516 8500 0120")


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("within_s: 5\n", "within_s: soon\n", "within_s"),
        ("facilities: {}", "facilities: {H-1: {phone: 内线 8440}}", "H-1.phone"),
        ("within_s: 5\n", "within_s: -1\n", "within_s"),
        ("[{to: operations}]", "[{to: nobody}]", "ladder"),
        ("[{to: operations}]", "[]", "ladder"),
        ("    delivered:\n", "    deliverd:\n", "deliverd"),
        ("    first_doctor:\n", "    first_doctor2:\n", "first_doctor"),
        ("      within_s: 5\n", "      whitin_s: 5\n", "whitin_s"),
        ("facilities: {}", "facility: {}", "facility"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(
    tmp_path: Path, was: str, now: str, said: str
) -> None:
    shipped = loader.SHIPPED.read_text("utf-8")
    assert was in shipped
    file = tmp_path / "ours.yaml"
    file.write_text(shipped.replace(was, now, 1), "utf-8")
    with pytest.raises(FacilitiesRefused, match=f"ours.yaml.*{said}"):
        loader.facilities(file)


def test_what_is_not_asked_for_is_never_late_so_it_has_to_be_named(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text("all: {terms: {}}\n", "utf-8")
    with pytest.raises(FacilitiesRefused, match=r"no term for acknowledged, .*first_doctor"):
        loader.facilities(file)


# -- whatever happens ------------------------------------------------------------------------------

HAPPENS = some.tuples(
    some.sampled_from(
        ["triage", "comes", "receives", "acts", "calls", "answers", "looks", "looks", "arrives",
         "binds"]
    ),
    some.integers(0, 240),
    some.integers(0, 11),
)  # fmt: skip


def happens(ward: Ward, what: str, second: float, choice: int) -> None:
    centres = [concern(name) for name in ("stroke", "chest_pain")[: choice % 3]]
    match what:
        case "triage":
            ward.triage(LEVELS[choice % 5], second, *centres)
        case "comes":
            ward.comes(second, second + 120 * choice)
        case "receives":
            ward.receives(second, displayed=bool(choice % 2))
        case "acts":
            kind = (Acknowledged, Accepted, RedirectRequested)[choice % 3]
            ward.does(kind, second, **({"reason": "no_bed"} if choice % 3 == 2 else {}))
        case "calls":
            ward.does(
                CentreActivated, second, centre="trauma", activation="activate", departments=TEAM
            )
        case "answers":
            answers(ward, TEAM[choice % 4], second, ("coming", "cannot")[choice % 2])
        case "arrives":
            ward.does(PatientArrived, second)
        case "binds":
            ward.bind(second, f"H-{1 + choice % 2}")
        case "looks":
            ward.looks(second)


@settings(max_examples=200)
@given(some.lists(HAPPENS, max_size=40))
def test_steps_come_in_order_once_and_never_before_they_are_due(
    acts: list[tuple[str, int, int]],
) -> None:
    ward, second = Ward(), 0.0
    ward.bind()
    for what, after, choice in acts:
        second += after
        known = len(ward.told)
        try:
            happens(ward, what, second, choice)
        except Rejected:
            continue
        for each in ward.told[known:]:
            if isinstance(each, Escalated):
                assert what == "looks"
                assert each.occurred_at <= at(second)
                assert each.facility_id == ward.case.facility_id
        waits(ward, second)
    late = [each for each in ward.told if isinstance(each, Escalated)]
    assert len({each.event_id for each in late}) == len(late)
    by_promise = Counter((e.facility_id, e.owed, e.because) for e in late)
    assert all(count <= 3 * len(acts) + 3 for count in by_promise.values())
    for one, other in pairwise(late):
        is_same = (one.owed, one.department) == (other.owed, other.department)
        assert one.occurred_at <= other.occurred_at or not is_same


def waits(ward: Ward, second: float) -> None:
    """What holds of a case at any moment."""
    due = next_due(ward.case, ward.facility)
    _, told = fall_due(ward.case, ward.facility, at(second))
    assert bool(told) is (due is not None and due <= at(second)), "woken when there is something"
    handoff = ward.case.handoff
    asked = [p for p in handoff.promises if p.owed is Owed.ACKNOWLEDGED and p.is_open]
    assert len(asked) <= 1
    for each in handoff.promises:
        assert each.rungs <= len(ward.facility.terms[each.owed].ladder)
