"""By when a unit must have left and a call must have one, and when that alarms nobody any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.encounter import Outcome, Patient, RevokedBoarding
from schemas.incident import Call, DeadlineMissed, DeadlineWarned
from schemas.triage import TriageLevel
from schemas.unit import UnitStatus
from services.dispatch import loader
from services.dispatch.deadline import (
    BOARDING,
    DEPARTURE,
    DESTINATION,
    LEFT_WITHOUT,
    NOTIFICATION,
    About,
    Alarm,
    Deadline,
    Since,
    Step,
    as_emergency,
    at_once,
    is_lost_by,
    is_missed,
    last_steps,
    newest,
    of_call,
    of_event,
    of_leaving,
    of_leg,
    of_patient,
    of_waiting,
    told,
)
from services.dispatch.encounter import Encounter
from services.dispatch.incident import Standing
from services.dispatch.leg import Leg, Silence
from services.dispatch.sighting import SILENT
from services.dispatch.unit import Unit, enter, stamp
from tests.unit.test_incident import FIRST
from tests.unit.test_unit import at, order, send, sent, stamp_of, stamped

S = UnitStatus
CLOCKS = loader.clocks()
CALL = FIRST.but(incident_id="I-1")
ENCOUNTER = Encounter(encounter_id="E-1", incident_id="I-1", patient=Patient(), opened_at=at(0))


def leg_of(unit: Unit) -> Leg:
    assert unit.leg is not None
    return unit.leg


def due(leg: Leg, second: float = 1) -> dict[Step, Deadline]:
    return {each.step: each for each in of_leg(leg, CLOCKS, at(second))}


def test_a_clock_that_is_ahead_puts_no_alarm_off() -> None:
    ahead = CALL.but(call=Call(accepted_at=at(86_400)), opened_at=at(86_400))
    assert [each.due_at for each in of_call(ahead, CLOCKS, at(5))] == [at(65)]
    (again,) = of_waiting(ahead, CLOCKS, Since(at(86_000), at(100)), "act")
    assert again.due_at == at(160)


def test_a_unit_is_warned_of_at_120_s_and_late_at_180() -> None:
    found = due(leg_of(sent()))
    assert {step: each.due_at for step, each in found.items()} == {
        Step.WARNING: at(120), Step.BREACH: at(180),
    }  # fmt: skip
    assert {(e.clock, e.leg_id, e.unit_id) for e in found.values()} == {
        (DEPARTURE, "I-1.U-1.1", "U-1")
    }
    assert len({each.deadline_id for each in found.values()}) == 2


def test_who_is_on_the_road_already_need_not_leave() -> None:
    back = stamped(sent(), S.DEPARTED, S.RETURNING)
    again, _ = send(back, order("order-2", "I-2", 600), 600)
    assert due(leg_of(again), 601) == {}


@pytest.mark.parametrize(("later", "many"), [(120 + 3600, 2), (121 + 3600, 1), (181 + 3600, 0)])
def test_what_is_entered_an_hour_later_alarms_nobody(later: float, many: int) -> None:
    assert len(due(leg_of(sent()), later)) == many


@pytest.mark.parametrize(
    ("statuses", "missed"),
    [
        ((), True),
        ((S.ACKNOWLEDGED,), True),
        ((S.DEPARTED,), False),
        ((S.ON_SCENE,), False),
        ((S.LEFT_SCENE,), False),
        ((S.RETURNING,), False),
        ((S.STOOD_DOWN,), False),
        ((S.AVAILABLE,), False),
        ((S.OUT_OF_SERVICE,), False),
    ],
)
def test_only_who_was_sent_and_has_not_left_is_late(
    statuses: tuple[UnitStatus, ...], missed: bool
) -> None:
    leg = leg_of(stamped(sent(), *statuses))
    assert is_missed(due(leg)[Step.BREACH], About(CALL, [leg], [ENCOUNTER])) is missed


def test_a_departure_that_satellites_saw_is_one() -> None:
    leg = leg_of(stamp(sent(), stamp_of(S.DEPARTED, "gps", name="gps-1"))[0])
    assert not is_missed(due(leg)[Step.BREACH], About(CALL, [leg], [ENCOUNTER]))


@pytest.mark.parametrize("kind", ["drill", "standby", "non_emergency_transfer"])
def test_only_emergencies_are_waited_for(kind: Any) -> None:
    leg = leg_of(sent())
    assert not is_missed(
        due(leg)[Step.BREACH], About(CALL.but(classification=kind), [leg], [ENCOUNTER])
    )


def test_a_call_must_have_a_unit_a_minute_after_it_was_accepted() -> None:
    (each,) = of_call(CALL, CLOCKS, at(0))
    assert (each.clock, each.step, each.due_at) == (NOTIFICATION, Step.BREACH, at(55))
    assert is_missed(each, About(CALL, [], [ENCOUNTER]))
    assert not is_missed(each, About(CALL, [leg_of(sent())], [ENCOUNTER]))


def test_a_call_of_which_nobody_says_when_it_was_accepted_waits_since_it_was_opened() -> None:
    unknown = CALL.but(call=CALL.call.but(accepted_at=None))
    (each,) = of_call(unknown, CLOCKS, at(0))
    assert each.due_at == unknown.opened_at + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("standing", "missed"),
    [(s, s in (Standing.OPEN, Standing.HELD)) for s in Standing],
)
def test_a_call_that_nobody_works_on_waits_for_no_unit(standing: Standing, missed: bool) -> None:
    (each,) = of_call(CALL, CLOCKS, at(0))
    assert is_missed(each, About(CALL.but(standing=standing), [], [ENCOUNTER])) is missed


def test_that_none_is_free_is_due_at_once_and_each_time_anew() -> None:
    first, second = (at_once("I-1", cause, at(20)) for cause in ("hold-1", "hold-2"))
    assert (first.due_at, first.clock, first.step) == (at(20), NOTIFICATION, Step.BREACH)
    assert first.deadline_id != second.deadline_id
    assert is_missed(first, About(CALL.but(standing=Standing.HELD), [], [ENCOUNTER]))


def test_a_call_whose_only_unit_was_called_back_waits_and_one_that_was_served_does_not() -> None:
    waits = at_once("I-1", "diverted", at(20))
    back = leg_of(stamped(sent(), S.DEPARTED, S.STOOD_DOWN))
    assert is_missed(waits, About(CALL, [back], [ENCOUNTER]))
    ended = ENCOUNTER.but(outcome=Outcome.NO_PATIENT)
    assert not is_missed(waits, About(CALL, [back], [ended])), "nobody is there any more"
    elsewhere = ENCOUNTER.but(unit_id="U-9")
    assert not is_missed(waits, About(CALL, [back], [elsewhere])), "another unit has them"
    assert is_missed(waits, About(CALL, [back], [elsewhere, ENCOUNTER]))
    assert not is_missed(waits, About(CALL, [back, leg_of(sent())], [ENCOUNTER]))
    served = leg_of(stamped(sent(), S.ON_SCENE, S.AVAILABLE))
    assert not is_missed(waits, About(CALL, [served], [ENCOUNTER]))


@pytest.mark.parametrize(
    ("statuses", "lost"),
    [
        ((S.STOOD_DOWN,), True),
        ((S.DEPARTED, S.OUT_OF_SERVICE), True),
        ((S.ON_SCENE, S.STOOD_DOWN), False),
        ((S.ON_SCENE, S.OUT_OF_SERVICE), True),
        ((S.LEFT_SCENE, S.OUT_OF_SERVICE), True),
        ((S.AT_DESTINATION, S.OUT_OF_SERVICE), False),
        ((S.DEPARTED,), False),
        ((S.DEPARTED, S.AVAILABLE), False),
        ((S.STOOD_DOWN, S.OUT_OF_SERVICE), False),
    ],
)
def test_a_call_loses_its_unit_by_what_ends_it_before_it_is_served(
    statuses: tuple[UnitStatus, ...], lost: bool
) -> None:
    leg = leg_of(stamped(sent(), *statuses))
    assert is_lost_by(leg, leg.stamps[-1]) is lost
    if lost:
        assert is_missed(at_once("I-1", "x", at(20)), About(CALL, [leg], [ENCOUNTER]))


def test_a_unit_that_broke_down_on_its_way_and_is_free_again_was_lost_all_the_same() -> None:
    waits = at_once("I-1", "x", at(20))
    broken = stamped(sent(), S.DEPARTED, S.OUT_OF_SERVICE, S.AVAILABLE)
    assert is_missed(waits, About(CALL, [leg_of(broken)], [ENCOUNTER]))
    free = stamped(sent(), S.DEPARTED, S.AVAILABLE)
    later, _ = stamp(free, stamp_of(S.OUT_OF_SERVICE, second=9000, name="next-shift"))
    assert not is_missed(waits, About(CALL, [leg_of(later)], [ENCOUNTER]))


@pytest.mark.parametrize(("second", "expected"), [(10, 55), (600, 600), (9000, 9000)])
def test_a_call_that_waits_again_has_what_is_left_of_its_minute(
    second: float, expected: float
) -> None:
    (each,) = of_waiting(CALL, CLOCKS, Since(at(second), at(second)), "stamp-1")
    assert (each.clock, each.step, each.due_at) == (NOTIFICATION, Step.BREACH, at(expected))
    (other,) = of_waiting(CALL, CLOCKS, Since(at(second), at(second)), "stamp-2")
    assert other.deadline_id != each.deadline_id
    assert of_waiting(CALL, CLOCKS, Since(at(second), at(second + 3601)), "stamp-1") == []


def test_a_call_waits_for_a_unit_that_is_free_and_a_unit_that_has_to_leave_for_none() -> None:
    (opened,) = of_call(CALL, CLOCKS, at(0))
    (again,) = of_waiting(CALL, CLOCKS, Since(at(9), at(10)), "stamp-1")
    for each in (opened, again):
        assert (each.waits_for_free, each.due_at) == (True, at(55))
    assert not any(each.waits_for_free for each in due(leg_of(sent())).values())


def test_a_call_that_was_accepted_at_another_time_is_the_same_due_then() -> None:
    (opened,) = of_call(CALL, CLOCKS, at(0))
    corrected = CALL.but(call=CALL.call.but(accepted_at=at(-25)))
    (each,) = of_call(corrected, CLOCKS, at(10))
    assert (each.deadline_id, each.due_at) == (opened.deadline_id, at(35))


def test_what_is_missed_before_it_was_due_was_due_then() -> None:
    (opened,) = of_call(CALL, CLOCKS, at(0))
    for second, expected in ((1, 1), (55, 55), (60, 55)):
        missed = opened.as_missed(at(second))
        assert (missed.due_at, missed.deadline_id) == (at(expected), opened.deadline_id)
        assert not missed.waits_for_free


def test_a_site_may_wait_for_the_limit_though_none_is_free() -> None:
    clock = CLOCKS[NOTIFICATION].but(at_once_when_none_is_free=False)
    (each,) = of_call(CALL, {**CLOCKS, NOTIFICATION: clock}, at(0))
    assert (each.waits_for_free, each.due_at) == (False, at(55))


def test_of_alarms_that_were_raised_anew_the_newest_is_shown() -> None:
    def alarm(name: str, second: float, incident_id: str = "I-1") -> Alarm:
        told = at_once(incident_id, name, at(0)).model_dump(
            exclude={"deadline_id", "waits_for_free"}
        )
        return Alarm(alarm_id=name, raised_at=at(second), **told)

    old, other, new = alarm("a", 0), alarm("b", 1, "I-2"), alarm("c", 2)
    assert newest([old, other, new]) == [other, new]


def test_what_becomes_an_emergency_has_its_time_from_then_on() -> None:
    since = CALL.but(emergency_since=at(300))
    waiting, back = leg_of(sent()), leg_of(stamped(sent(), S.STOOD_DOWN))
    found = as_emergency(since, [waiting], CLOCKS, at(300))
    assert [(e.clock, e.due_at) for e in found] == [(DEPARTURE, at(420)), (DEPARTURE, at(480))]
    (call,) = as_emergency(since, [back], CLOCKS, at(300))
    assert (call.clock, call.due_at) == (NOTIFICATION, at(360))


PATIENT = ENCOUNTER.but(
    incident_id="I-1", reached_at=at(100), unit_id="U-1", level=TriageLevel.SEVERE
)


def test_for_who_is_severe_a_hospital_is_asked_of_the_crew_and_then_of_the_dispatcher() -> None:
    crew, dispatcher = of_patient(PATIENT, CLOCKS, at(100))
    assert (crew.step, crew.due_at) == (Step.WARNING, at(280))
    assert (dispatcher.step, dispatcher.due_at) == (Step.BREACH, at(340))
    assert {(e.clock, e.encounter_id, e.unit_id) for e in (crew, dispatcher)} == {
        (DESTINATION, PATIENT.encounter_id, "U-1")
    }
    worse = PATIENT.but(level=TriageLevel.CRITICAL)
    assert {e.deadline_id for e in of_patient(worse, CLOCKS, at(900))}.isdisjoint(
        {crew.deadline_id, dispatcher.deadline_id}
    )
    assert is_missed(crew, About(CALL, [], [PATIENT]))
    assert not is_missed(crew, About(CALL, [], [PATIENT.but(destination="F-1")]))
    assert not is_missed(crew, About(CALL, [], [PATIENT.but(outcome=Outcome.DEAD_ON_SCENE)]))
    milder = PATIENT.but(level=TriageLevel.URGENT)
    assert not is_missed(crew, About(CALL, [], [milder]))


@pytest.mark.parametrize(
    "other",
    [
        PATIENT.but(level=TriageLevel.URGENT),
        PATIENT.but(level=TriageLevel.NOT_YET),
        PATIENT.but(reached_at=None),
        PATIENT.but(destination="F-1"),
        PATIENT.but(outcome=Outcome.REFUSED_TRANSPORT),
        PATIENT.but(incident_id=None),
    ],
)
def test_nobody_is_asked_about_who_is_not_severe_not_reached_or_bound(other: Encounter) -> None:
    assert of_patient(other, CLOCKS, at(100)) == []


def leaving(leg: Leg, clock: str) -> list[Deadline]:
    return [each for each in of_leaving(leg, at(500), CLOCKS, at(500)) if each.clock == clock]


def whereto(leg: Leg) -> list[Deadline]:
    return leaving(leg, LEFT_WITHOUT)


def test_a_crew_that_leaves_with_a_patient_is_asked_whether_they_are_aboard() -> None:
    leg = leg_of(stamped(sent(), S.LEFT_SCENE))
    crew, inferred = leaving(leg, BOARDING)
    assert (crew.due_at, inferred.due_at) == (at(501), at(620))
    with_them = PATIENT.but(unit_id=leg.unit_id)
    assert is_missed(crew, About(CALL, [leg], [with_them]))
    for other in (
        with_them.but(boarded_at=at(490)), with_them.but(reached_at=None),
        with_them.but(unit_id="U-2"), with_them.but(outcome=Outcome.REFUSED_TRANSPORT),
        with_them.but(boarding_revoked=RevokedBoarding(at=at(480), reason="a slip")),
    ):  # fmt: skip
        assert not is_missed(crew, About(CALL, [leg], [other])), other
    home = leg_of(stamped(sent(), S.LEFT_SCENE, S.AVAILABLE))
    assert not is_missed(crew, About(CALL, [home], [with_them]))


def test_who_leaves_the_scene_without_a_hospital_is_asked_whatever_the_level() -> None:
    leg = leg_of(stamped(sent(), S.LEFT_SCENE))
    crew, dispatcher = whereto(leg)
    assert (crew.due_at, dispatcher.due_at) == (at(501), at(560))
    assert {crew.clock, dispatcher.clock} == {LEFT_WITHOUT}
    mild = PATIENT.but(level=TriageLevel.NON_URGENT)
    assert is_missed(crew, About(CALL, [leg], [mild]))
    assert not is_missed(crew, About(CALL, [leg], [mild.but(destination="F-1")]))
    assert not is_missed(crew, About(CALL, [leg], [mild.but(unit_id="U-2")]))
    home = leg_of(stamped(sent(), S.LEFT_SCENE, S.AVAILABLE))
    assert not is_missed(crew, About(CALL, [home], [mild]))


def test_the_only_unit_of_a_call_is_asked_also_where_nobody_has_said_whom_it_has() -> None:
    leg = leg_of(stamped(sent(), S.LEFT_SCENE))
    crew, _ = whereto(leg)
    there = ENCOUNTER.but(level=TriageLevel.URGENT)
    bound, over = there.but(destination="F-1"), there.but(outcome=Outcome.REFUSED_TRANSPORT)
    for patients, asked in (
        ([there], True), ([there, there], True), ([there, over], True), ([], False),
        ([bound], False), ([there, bound], False), ([over], False),
        ([there, PATIENT.but(destination="F-1")], False), ([there, PATIENT], True),
    ):  # fmt: skip
        assert is_missed(crew, About(CALL, [leg], patients)) is asked, patients
    other, _ = send(Unit(unit_id="U-2"), order().but(unit_id="U-2"), 0)
    assert not is_missed(crew, About(CALL, [leg, leg_of(other)], [there]))
    back = leg_of(stamped(other, S.STOOD_DOWN))
    assert is_missed(crew, About(CALL, [leg, back], [there]))


def test_a_unit_that_is_silent_alarms_until_it_is_heard_or_free_whatever_the_call() -> None:
    leg = leg_of(sent()).but(silence=Silence(since=at(10), is_overdue=True))
    missed = DeadlineMissed(
        event_id="m-1", occurred_at=at(190), incident_id="I-1", clock=SILENT,
        leg_id=leg.leg_id, unit_id="U-1", facility_id="F-1", phone="0516 8500 0120",
    )  # fmt: skip
    silent = of_event(missed)
    assert (silent.facility_id, silent.phone) == ("F-1", "0516 8500 0120")
    drill = CALL.but(classification="drill")
    assert is_missed(silent, About(drill, [leg]))
    assert not is_missed(silent, About(drill, [leg.but(silence=None)]))
    grey = leg.but(silence=Silence(since=at(10), is_overdue=False))
    assert not is_missed(silent, About(drill, [grey]))
    free = leg.but(stamps=leg_of(stamped(sent(), S.AVAILABLE)).stamps)
    assert not is_missed(silent, About(drill, [free]))


def test_after_an_outage_the_last_step_alone_is_told() -> None:
    one = due(leg_of(sent()))
    other, _ = send(Unit(unit_id="U-2"), order().model_copy(update={"unit_id": "U-2"}), 0)
    two = due(leg_of(other))
    found = last_steps([two[Step.WARNING], one[Step.BREACH], one[Step.WARNING]])
    assert set(found) == {one[Step.BREACH], two[Step.WARNING]}


def test_the_event_names_the_limit_the_dispatch_and_when_it_passed() -> None:
    found = due(leg_of(sent()))
    for step, kind in ((Step.WARNING, DeadlineWarned), (Step.BREACH, DeadlineMissed)):
        event = told(found[step], at(500))
        assert isinstance(event, kind)
        assert event.occurred_at == found[step].due_at
        assert event.recorded_at == at(500)
        assert (event.incident_id, event.event_id) == ("I-1", found[step].deadline_id)


def test_a_stamp_that_is_entered_late_ends_the_wait() -> None:
    unit = sent()
    unit, leg, _ = enter(unit, leg_of(unit), stamp_of(S.DEPARTED, second=50, name="late"))
    assert not is_missed(due(leg)[Step.BREACH], About(CALL, [leg], [PATIENT]))
    assert timedelta(seconds=50) == leg.dispatch().reading(leg.dispatch().departed).took
