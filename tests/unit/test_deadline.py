"""By when a unit must have left and a call must have one, and when that alarms nobody any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.incident import DeadlineMissed, DeadlineWarned, IncidentHeld
from schemas.unit import UnitStatus
from services.dispatch import loader
from services.dispatch.deadline import (
    DEPARTURE,
    NOTIFICATION,
    Deadline,
    Step,
    at_once,
    is_missed,
    last_steps,
    of_call,
    of_leg,
    told,
)
from services.dispatch.incident import Incident, Standing
from services.dispatch.leg import Leg
from services.dispatch.unit import Unit, enter, stamp
from tests.unit.test_incident import FIRST
from tests.unit.test_unit import at, order, send, sent, stamp_of, stamped

S = UnitStatus
CLOCKS = loader.clocks()
CALL = FIRST.but(incident_id="I-1")


def leg_of(unit: Unit) -> Leg:
    assert unit.leg is not None
    return unit.leg


def due(leg: Leg, second: float = 1) -> dict[Step, Deadline]:
    return {each.step: each for each in of_leg(leg, CLOCKS, at(second))}


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
    assert is_missed(due(leg)[Step.BREACH], CALL, [leg]) is missed


def test_a_departure_that_satellites_saw_is_one() -> None:
    leg = leg_of(stamp(sent(), stamp_of(S.DEPARTED, "gps", name="gps-1"))[0])
    assert not is_missed(due(leg)[Step.BREACH], CALL, [leg])


@pytest.mark.parametrize("kind", ["drill", "standby", "non_emergency_transfer"])
def test_only_emergencies_are_waited_for(kind: Any) -> None:
    leg = leg_of(sent())
    assert not is_missed(due(leg)[Step.BREACH], CALL.but(classification=kind), [leg])


def test_a_call_must_have_a_unit_a_minute_after_it_was_accepted() -> None:
    (each,) = of_call(CALL, CLOCKS, at(0))
    assert (each.clock, each.step, each.due_at) == (NOTIFICATION, Step.BREACH, at(55))
    assert is_missed(each, CALL, [])
    assert not is_missed(each, CALL, [leg_of(sent())])
    unknown = CALL.but(call=CALL.call.but(accepted_at=None))
    assert of_call(unknown, CLOCKS, at(0)) == []


@pytest.mark.parametrize(
    ("standing", "missed"),
    [(s, s in (Standing.OPEN, Standing.HELD)) for s in Standing],
)
def test_a_call_that_nobody_works_on_waits_for_no_unit(standing: Standing, missed: bool) -> None:
    (each,) = of_call(CALL, CLOCKS, at(0))
    assert is_missed(each, CALL.but(standing=standing), []) is missed


def held(call: Incident, name: str = "hold-1") -> IncidentHeld:
    return IncidentHeld(
        event_id=name, occurred_at=at(20), incident_id=call.incident_id, reason="none is free"
    )


def test_that_none_is_free_is_due_at_once_and_each_time_anew() -> None:
    first, second = at_once(CALL, held(CALL)), at_once(CALL, held(CALL, "hold-2"))
    assert (first.due_at, first.clock, first.step) == (at(20), NOTIFICATION, Step.BREACH)
    assert first.deadline_id != second.deadline_id
    assert is_missed(first, CALL.but(standing=Standing.HELD), [])


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
    assert not is_missed(due(leg)[Step.BREACH], CALL, [leg])
    assert timedelta(seconds=50) == leg.dispatch().reading(leg.dispatch().departed).took
