"""The judge knows whom nobody had to call, and which admission is a patient's: once, from boarding
until somebody has said that they do not come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas import encounter, handoff
from schemas.encounter import Outcome
from schemas.handoff import Escalated, Milestone, Owed
from schemas.triage import Activation, Centre, DirectTo
from simulator import truth
from tests.good_run import (
    BASE,
    HANDLE,
    NOTHING,
    Happening,
    Read,
    Run,
    Told,
    at,
    both,
    changed,
    count,
    good_run,
    of_patient,
    told_act,
    with_fields,
)

HERE: dict[str, Any] = {"facility_id": "F-001"}
SIGNED: dict[str, Any] = {**HERE, "staff_id": "nurse"}
NUMBER = handoff.Admission(admission_number="GC-20261122-0001", admitted_at=at(46))


def alarm(t: float, owed: Owed, step: int = 1, **more: Any) -> Read:
    """Somebody is called: what is owed was due a second ago."""
    fields = {**HERE, "owed": owed, "step": step, "due_at": at(t - 1), **more}
    name = f"X-{owed}-{fields.get('department')}-{step}-{t}"
    return with_fields(event_id=name)(of_patient(Escalated, t, **fields))


def with_it(*more: Happening) -> Run:
    """The good run, in which the nurse has acknowledged at second 43, and more of the same."""
    run = good_run()
    return [*run[:-2], *more, *run[-2:]]


def found(run: Run, **says: int) -> bool:
    """Whether this is what the judge says, and nothing else."""
    result = count(run)
    assert result["ground_truth"] == {**NOTHING, **says}, result["findings"]
    assert len(result["findings"]) == sum(says.values())
    return True


# -- alarms ----------------------------------------------------------------------------------


def test_who_is_late_is_told_so_step_by_step() -> None:
    first, second = (alarm(t, Owed.FIRST_DOCTOR, step) for t, step in ((48, 1), (49, 2)))
    assert found(with_it(first, second))
    assert found(with_it(first, replace(first, t=50)))
    assert count(with_it(first, replace(first, t=50)))["redelivered"] == 1


@pytest.mark.parametrize("owed", [Owed.FIRST_DOCTOR, Owed.ACKNOWLEDGED, Owed.DEPARTMENT_ANSWERED])
def test_one_step_of_one_promise_is_taken_once(owed: Owed) -> None:
    department = "imaging" if owed is Owed.DEPARTMENT_ANSWERED else None
    one = alarm(48, owed, because="worse", department=department)
    assert found(with_it(one))
    again = with_fields(event_id="X-2", occurred_at=at(50))(replace(one, t=50))
    assert found(with_it(one, again), duplicated=1)


def test_what_is_asked_again_is_another_promise() -> None:
    again = alarm(52, Owed.ACKNOWLEDGED, because="centre")
    assert found(with_it(alarm(48, Owed.ACKNOWLEDGED, because="worse"), again))


def test_each_department_that_was_called_answers_for_itself() -> None:
    one, other = (
        alarm(48, Owed.DEPARTMENT_ANSWERED, department=name, because="called")
        for name in ("imaging", "surgery")
    )
    assert found(with_it(one, other))


KEPT = [
    pytest.param(handoff.RecordDelivered, {"version": 1}, Owed.DELIVERED, id="delivered"),
    pytest.param(handoff.RecordDisplayed, {"version": 1}, Owed.DISPLAYED, id="displayed"),
    pytest.param(
        handoff.RecordDisplayed, {"version": 1}, Owed.DELIVERED, id="what is shown was delivered"
    ),
    pytest.param(handoff.Accepted, {"staff_id": "n"}, Owed.ACKNOWLEDGED, id="accepted"),
    pytest.param(
        handoff.CentreActivated,
        {"staff_id": "n", "centre": Centre.STROKE, "activation": Activation.ACTIVATE},
        Owed.DISPLAYED,
        id="who calls a team has seen it",
    ),
    pytest.param(
        handoff.DirectToConfirmed,
        {"staff_id": "n", "direct_to": DirectTo.CT},
        Owed.DIRECT_TO_CONFIRMED,
        id="confirmed",
    ),
    pytest.param(
        handoff.MilestoneReached,
        {"staff_id": "n", "milestone": Milestone.FIRST_DOCTOR},
        Owed.FIRST_DOCTOR,
        id="a doctor was there",
    ),
    pytest.param(handoff.PatientArrived, {"staff_id": "n"}, Owed.DISPLAYED, id="arrived"),
]


def unacknowledged(*more: Happening) -> Run:
    """The run in which nobody has acknowledged."""
    run = good_run()
    mine = [
        h for h in run
        if not (isinstance(h, Read) and h.name == "Acknowledged")
        and not (isinstance(h, Told) and "acknowledged" in str(getattr(h.line, "id", "")))
        and not (isinstance(h, Told) and f"{HANDLE}.acknowledged" in getattr(h.line, "ids", ()))
    ]  # fmt: skip
    return [*mine[:-2], *more, *mine[-2:]]


@pytest.mark.parametrize(("kind", "fields", "owed"), KEPT)
def test_nobody_is_called_about_what_was_done(
    kind: type[Any], fields: dict[str, Any], owed: Owed
) -> None:
    done = of_patient(kind, 48, **HERE, **fields)
    assert found(unacknowledged(done, alarm(49, owed)), false_alarm=1)
    assert found(unacknowledged(alarm(47.5, owed), done)), "it was late, and then done"
    other = with_fields(facility_id="F-002")(alarm(49, owed))
    assert found(unacknowledged(done, other)), "another hospital has not done it"


@pytest.mark.parametrize(("answer", "says"), [("coming", {"false_alarm": 1}), ("cannot", {})])
def test_who_said_that_they_come_is_not_called(answer: Any, says: dict[str, int]) -> None:
    said = of_patient(handoff.DepartmentAnswered, 48, **SIGNED, department="imaging", answer=answer)
    called = alarm(49, Owed.DEPARTMENT_ANSWERED, department="imaging", because="called")
    assert found(with_it(said, called), **says)
    other = with_fields(department="surgery")(called)
    assert found(with_it(said, other))


def test_who_cannot_come_after_all_is_called_each_time_that_they_say_so() -> None:
    answers = [
        of_patient(handoff.DepartmentAnswered, t, **SIGNED, department="imaging", answer=answer)
        for t, answer in ((47, "coming"), (48, "cannot"), (50, "coming"), (51, "cannot"))
    ]
    first, second = (
        alarm(t, Owed.DEPARTMENT_ANSWERED, department="imaging", because="called") for t in (49, 52)
    )
    assert found(with_it(*answers[:2], first, *answers[2:], second))
    assert found(with_it(*answers[:3], first), false_alarm=1)


def test_who_is_asked_to_look_again_has_not_looked_yet() -> None:
    """Whether it is asked again the bridge alone knows; after the arrival nobody asks."""
    assert found(with_it(alarm(48, Owed.ACKNOWLEDGED, because="bound")), false_alarm=1)
    again = alarm(48, Owed.ACKNOWLEDGED, because="worse")
    assert found(with_it(again))
    assert found(with_it(of_patient(handoff.PatientArrived, 47, **SIGNED), again), false_alarm=1)


def test_a_way_that_was_revoked_may_have_to_be_confirmed_anew() -> None:
    way: dict[str, Any] = {**SIGNED, "direct_to": DirectTo.CT}
    confirmed = of_patient(handoff.DirectToConfirmed, 47, **way)
    revoked = of_patient(handoff.DirectToRevoked, 48, **way)
    assert found(with_it(confirmed, revoked, alarm(49, Owed.DIRECT_TO_CONFIRMED)))


def test_who_has_handed_over_or_was_left_owes_nothing() -> None:
    late = alarm(50, Owed.FIRST_DOCTOR)
    over = of_patient(handoff.CareTransferred, 49, **SIGNED, handed_over_by="crew")
    assert found(with_it(over, late), false_alarm=1)
    bound = of_patient(
        handoff.AdmissionBound, 49, admission=NUMBER, facility_id="F-002", before="F-001"
    )
    assert found(with_it(bound, late), false_alarm=1)
    there = with_fields(facility_id="F-002")(late)
    assert found(with_it(bound, there))
    back = of_patient(
        handoff.AdmissionBound, 49.5, admission=NUMBER, facility_id="F-001", before="F-002"
    )
    assert found(with_it(bound, back, late)), "all is owed anew"


def test_an_alarm_about_a_stranger_is_nobodys() -> None:
    run = with_it(with_fields(encounter_id="E-9")(alarm(48, Owed.ACKNOWLEDGED)))
    assert found(run)


# -- the admission ---------------------------------------------------------------------------


def admits(t: float, version: int, **other: Any) -> Run:
    """Records that show the admission."""
    shown = NUMBER.model_copy(update=other) if other.get("admission_number") != "" else None
    found = both(t, version, "critical", 6)
    for place, each in enumerate(found):
        if isinstance(each, Read) and isinstance(each.event, handoff.PreArrivalNotified):
            record = each.event.record.model_copy(update={"admission": shown})
            found[place] = with_fields(record=record)(each)
    return found


def test_every_record_since_shows_the_one_admission() -> None:
    assert found(with_it(*admits(48, 6), *admits(49, 7)))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"admitted_at": at(64)}, id="the time of another boarding"),
        pytest.param({"admission_number": "GC-20261122-0002"}, id="a second number"),
        pytest.param({"admission_number": ""}, id="none any more"),
    ],
)
def test_another_admission_in_a_record_is_said_once(other: dict[str, Any]) -> None:
    run = with_it(*admits(48, 6), *admits(49, 7, **other))
    assert count(run)["ground_truth"]["wrong_admission"] >= 1
    if other.get("admission_number") != "":
        assert found([*run, *admits(50, 8, **other)], wrong_admission=1)


def relayed() -> Run:
    """Another unit takes the patient over on the way: the admission goes on."""
    told: dict[str, Any] = {"about": {"unit_id": "U-1", "to_unit_id": "U-2"}, "facility": "F-001"}
    handed = of_patient(
        encounter.PatientHandedToUnit, 48, unit_id="U-1", to_unit_id="U-2", reason="relay"
    )
    return with_it(*told_act(48, "handed_on", "handed_to_unit", **told), handed, *admits(48.1, 6))


def test_who_goes_on_in_another_unit_is_not_admitted_again() -> None:
    assert found(relayed())
    *run, over, end = relayed()
    again = of_patient(
        handoff.AdmissionOpened, 49, admission=NUMBER.but(admitted_at=at(48)), facility_id="F-001"
    )
    opened = next(h for h in run if isinstance(h, Read) and h.name == "AdmissionOpened")
    same_id = with_fields(event_id=opened.event.event_id)(again)
    assert found([*run, same_id, over, end], wrong_admission=1)
    result = count([*run, again, over, end])["ground_truth"]
    assert (result["duplicated"], result["wrong_admission"]) == (1, 1)


def test_an_admission_that_goes_to_another_hospital_keeps_number_and_time() -> None:
    def bound(**other: Any) -> Read:
        admission = NUMBER.but(**other)
        return of_patient(handoff.AdmissionBound, 49, admission=admission, facility_id="F-002")

    assert found(with_it(bound()))
    assert found(with_it(bound(admitted_at=at(49))), wrong_admission=1)


def test_who_says_when_it_was_after_all_changes_the_time_and_nothing_else() -> None:
    told = NUMBER.but(admitted_at=at(45.5))
    confirmed = of_patient(handoff.AdmissionConfirmed, 49, admission=told, facility_id="F-001")
    assert found(with_it(*admits(48, 6), confirmed, *admits(50, 7, admitted_at=at(45.5))))
    other = with_fields(admission=told.but(admission_number="GC-20261122-0002"))(confirmed)
    assert found(with_it(other), wrong_admission=1)


# -- death on the way ------------------------------------------------------------------------


def died(*, declared: bool, cancelled_at: float | None) -> Run:
    """The crew says that the patient died on the way; at the hospital a doctor declares it."""
    over: dict[str, Any] = {"about": {"outcome": "died_en_route"}, **BOUND}
    said = told_act(50, "died", "outcome", **over)
    ended = of_patient(encounter.EncounterEnded, 50, outcome=Outcome.DIED_EN_ROUTE)
    told = told_act(55, "declared", "death", about=HERE, **BOUND)
    death = of_patient(handoff.DeathDeclared, 55, **SIGNED)
    cancelled = of_patient(
        handoff.AdmissionCancelled,
        cancelled_at or 0,
        admission=NUMBER,
        facility_id="F-001",
        because=Outcome.DIED_EN_ROUTE,
    )
    early = [cancelled] if cancelled_at and cancelled_at < 55 else []
    late = [cancelled] if cancelled_at and cancelled_at >= 55 else []
    end = truth.Ended(t=BASE + 61)
    run = [*good_run()[:-2], said, ended, *early, *([*told, death] if declared else []), *late]
    flat = [h for each in run for h in (each if isinstance(each, list) else [each])]
    return [*flat, Told(truth.EncounterOver(t=BASE + 58, handle=HANDLE)), Told(end)]


BOUND: dict[str, Any] = {"facility": "F-001", "boarded": True}


def test_who_died_on_the_way_stays_admitted_until_a_doctor_has_said_so() -> None:
    assert found(died(declared=True, cancelled_at=55))
    assert found(died(declared=True, cancelled_at=None), lost=1)
    assert found(died(declared=True, cancelled_at=50), wrong_admission=1)
    assert found(died(declared=False, cancelled_at=50), wrong_admission=1)
    assert found(died(declared=False, cancelled_at=None))


def test_the_declaration_is_owed_once() -> None:
    run = died(declared=True, cancelled_at=55)
    place = next(n for n, h in enumerate(run) if isinstance(h, Read) and h.name == "DeathDeclared")
    assert found([*run[:place], *run[place + 1 :]], lost=1)
    twice = changed("DeathDeclared", with_fields(event_id="other"), run)[place]
    assert found([*run[: place + 1], twice, *run[place + 1 :]], duplicated=1)


def test_nobody_who_still_comes_loses_their_admission() -> None:
    cancelled = of_patient(
        handoff.AdmissionCancelled,
        48,
        admission=NUMBER,
        facility_id="F-001",
        because=Outcome.REFUSED_TRANSPORT,
    )
    assert found(with_it(cancelled), wrong_admission=1)
    anew = Told(truth.Epoch(t=BASE + 47, epoch="r2", seed=7))
    assert count(with_it(anew, cancelled))["ground_truth"]["wrong_admission"] == 0
