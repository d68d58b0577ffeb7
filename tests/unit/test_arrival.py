"""By which unit a patient comes, and when: what dispatch tells, and what a hospital is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import pytest

from schemas.encounter import (
    ArrivalExpected,
    DestinationSelected,
    Outcome,
    Patient,
    PatientBoarded,
    PatientHandedToUnit,
    PatientReached,
)
from schemas.envelope import topic_of
from schemas.handoff import PreArrivalNotified
from schemas.incident import Point
from schemas.unit import EtaUpdated, UnitArrived, UnitDirected, UnitRegistered, UnitStatus
from services.bridge.case import Case
from services.bridge.handoff import hear
from services.bridge.record import record_of
from services.dispatch.arrival import expected, expected_anew
from services.dispatch.encounter import Encounter
from services.dispatch.leg import Leg, Stamp
from services.dispatch.unit import Assignment, Unit, assign, direct
from tests.unit.test_bridge_acts import at, made
from tests.unit.test_unit import SCENE, STATION

PHONE = "0516 0000 0103"


def on_the_road(place: str | None = "destination", second: float = 500) -> Unit:
    """A unit on a dispatch, with when it will be there."""
    order = Assignment(event_id="o-1", occurred_at=at(0), unit_id="U-1", incident_id="I-1",
                       station=STATION)  # fmt: skip
    unit, _ = assign(Unit(unit_id="U-1"), order, SCENE, at(0))
    registered = UnitRegistered(
        event_id="r", occurred_at=at(0), unit_id="U-1", station_id="S-1", kind="monitoring",
        call_back=PHONE,
    )  # fmt: skip
    assert unit.leg is not None
    leg = unit.leg.but(eta=eta(second, place=place)) if place else unit.leg
    return unit.but(leg=leg, registered=registered)


def eta(second: float, arrives: float = 900, place: str = "destination") -> EtaUpdated:
    told = {"event_id": f"eta-{second}", "occurred_at": at(second), "unit_id": "U-1",
            "leg_id": "L", "place": place, "arrives_at": at(arrives), "distance_m": 1}  # fmt: skip
    return EtaUpdated.model_validate(told)


def patient(name: str = "E-1", **more: Any) -> Encounter:
    known = {"encounter_id": name, "incident_id": "I-1", "patient": Patient(), "unit_id": "U-1",
             "opened_at": at(0), "boarded_at": at(400), **more}  # fmt: skip
    return Encounter.model_validate(known)


def told(encounter: Encounter, unit: Unit) -> ArrivalExpected | None:
    return expected(encounter, unit, "act-1", at(600), at(601))


def test_who_is_aboard_comes_by_this_unit_at_that_time() -> None:
    event = told(patient(), on_the_road())
    assert event is not None
    assert topic_of(event).name == "dispatch-encounters"
    assert (event.unit_id, event.call_back) == ("U-1", PHONE)
    assert (event.arrives_at, event.estimated_at) == (at(900), at(500))


@pytest.mark.parametrize(
    ("encounter", "unit"),
    [
        pytest.param(patient(boarded_at=None), on_the_road(), id="still on scene"),
        pytest.param(patient(), on_the_road(place="scene"), id="on the way to the scene"),
        pytest.param(patient(), on_the_road(place=None), id="nothing is known"),
        pytest.param(patient(incident_id="I-2"), on_the_road(), id="sent to another call"),
        pytest.param(patient(), on_the_road().but(leg=None), id="sent nowhere"),
    ],
)
def test_nobody_knows_when_they_come_but_how_to_call_the_unit(
    encounter: Encounter, unit: Unit
) -> None:
    event = told(encounter, unit)
    assert event is not None
    assert (event.call_back, event.arrives_at, event.estimated_at) == (PHONE, None, None)


@pytest.mark.parametrize(
    "encounter",
    [patient(outcome=Outcome.TRANSPORTED), patient(unit_id="U-2"), patient(unit_id=None)],
    ids=["over", "with another unit", "with nobody"],
)
def test_of_who_does_not_come_by_it_nothing_is_told(encounter: Encounter) -> None:
    assert told(encounter, on_the_road()) is None
    assert list(expected_anew([encounter], on_the_road(), eta(500), at(601))) == []


def test_when_the_road_has_changed_it_all_aboard_are_told_of() -> None:
    patients = [patient(), patient("E-2"), patient("E-3", boarded_at=None)]
    events = list(expected_anew(patients, on_the_road(), eta(500), at(601)))
    assert [each.encounter_id for each in events] == ["E-1", "E-2"]
    assert len({each.event_id for each in events}) == 2
    assert {each.occurred_at for each in events} == {at(500)}


def test_when_another_hospital_is_chosen_what_was_expected_holds_no_more() -> None:
    unit = on_the_road()
    assert unit.leg is not None
    to = UnitDirected(
        event_id="d", occurred_at=at(700), unit_id="U-1", leg_id=unit.leg.leg_id,
        place="destination", point=Point(latitude=34.3, longitude=117.2), facility_id="H-2",
    )  # fmt: skip
    after, _, _ = direct(unit, unit.leg, to)
    event = told(patient(), after)
    assert event is not None
    assert event.arrives_at is None


def come(leg: Leg, source: Literal["crew", "gps"], second: float) -> Leg:
    given = Stamp(stamp_id=f"{source}-{second}", status=UnitStatus.AT_DESTINATION, source=source,
                  occurred_at=at(second), recorded_at=at(second))  # fmt: skip
    return leg.but(stamps=(*leg.stamps, given))


def test_when_the_unit_has_come_all_aboard_are_told_of() -> None:
    unit = on_the_road()
    assert unit.leg is not None
    seen = unit.but(leg=come(unit.leg, "gps", 880))
    patients = [patient(), patient("E-2"), patient("E-3", boarded_at=None)]
    arrived = UnitArrived(event_id="a", occurred_at=at(880), unit_id="U-1", place="destination",
                          leg_id=unit.leg.leg_id, distance_m=20)  # fmt: skip
    events = list(expected_anew(patients, seen, arrived, at(881)))
    assert [(each.encounter_id, each.unit_arrived_at) for each in events] == [
        ("E-1", at(880)),
        ("E-2", at(880)),
    ]
    event = told(patient(), unit.but(leg=come(come(unit.leg, "gps", 880), "crew", 890)))
    assert event is not None
    assert event.unit_arrived_at == at(890), "the crew's word stands before the satellites'"


def test_who_came_to_another_hospital_before_has_not_come_to_this_one() -> None:
    unit = on_the_road()
    assert unit.leg is not None
    leg = unit.leg
    for n, (second, came) in enumerate([(700, None), (900, at(950))]):
        to = UnitDirected(
            event_id=f"d{n}", occurred_at=at(second), unit_id="U-1", leg_id=leg.leg_id,
            place="destination", point=Point(latitude=34.3, longitude=117.2), facility_id=f"H-{n}",
        )  # fmt: skip
        _, leg, _ = direct(unit, leg, to)
        if n == 0:
            leg = come(leg, "crew", 800)
        event = told(patient(), unit.but(leg=leg))
        assert event is not None
        assert event.unit_arrived_at == (at(800) if n == 0 else None)
        if came is not None:
            event = told(patient(), unit.but(leg=come(leg, "gps", 950)))
            assert event is not None
            assert event.unit_arrived_at == came


@pytest.mark.parametrize("more", [{"boarded_at": None}, {"incident_id": "I-2"}])
def test_who_is_not_aboard_has_not_come_with_it(more: dict[str, Any]) -> None:
    unit = on_the_road()
    assert unit.leg is not None
    event = told(patient(**more), unit.but(leg=come(unit.leg, "crew", 880)))
    assert event is not None
    assert event.unit_arrived_at is None


# -- what a hospital is shown ----------------------------------------------------------------------


def heard(*events: Any, case: Case | None = None) -> tuple[Case, list[PreArrivalNotified]]:
    records: list[PreArrivalNotified] = []
    case = case or Case(encounter_id="E-1")
    for event in events:
        case, said = hear(case, "E-1", event, event.occurred_at)
        records += [each for each in said if isinstance(each, PreArrivalNotified)]
    return case, records


def comes(second: float, arrives: float | None = None, unit: str = "U-1") -> ArrivalExpected:
    event: ArrivalExpected = made(
        ArrivalExpected, f"arrival-{second}-{unit}", second, unit_id=unit, call_back=PHONE,
        **({"arrives_at": at(arrives), "estimated_at": at(second)} if arrives else {}),
    )  # fmt: skip
    return event


CHOSEN = made(DestinationSelected, "to", 10, facility_id="H-1", selected_by="d-1")


def shown(case: Case) -> Sequence[datetime | str | None]:
    record = record_of(case)
    return record.unit_id, record.call_back, record.boarded_at, record.arrives_at


def test_a_record_shows_by_which_unit_they_come_and_when_with_its_age() -> None:
    reached = made(PatientReached, "reached", 100, unit_id="U-1")
    case, records = heard(CHOSEN, reached, comes(100))
    assert shown(case) == ("U-1", PHONE, None, None)
    assert records[-1].changed, "now somebody can be called"
    boarded = made(PatientBoarded, "boarded", 400, unit_id="U-1")
    case, records = heard(boarded, comes(401), comes(460, 900), comes(520, 980), case=case)
    assert shown(case) == ("U-1", PHONE, at(400), at(980))
    assert record_of(case).estimated_at == at(520)
    assert [each.changed for each in records] == [True, True, False]


def test_what_was_expected_earlier_than_what_is_known_changes_nothing() -> None:
    case, _ = heard(CHOSEN, comes(460, 900))
    for late in (comes(430, 700), comes(450)):
        after, records = heard(late, case=case)
        assert (shown(after), records) == (shown(case), [])


def test_a_record_says_that_the_unit_has_come_and_nobody_has_arrived_by_it() -> None:
    boarded = made(PatientBoarded, "boarded", 400, unit_id="U-1")
    case, _ = heard(CHOSEN, boarded, comes(460, 900))
    came = comes(460, 900).but(event_id="came", unit_arrived_at=at(910))
    case, records = heard(came, case=case)
    assert [each.record.unit_arrived_at for each in records] == [at(910)]
    assert records[0].changed
    assert case.handoff.arrived_at is None
    late, records = heard(comes(430, 700), case=case)
    assert (late.unit_arrived_at, records) == (at(910), [])
    taken_back, _ = heard(comes(460, 900).but(event_id="not"), case=case)
    assert record_of(taken_back).unit_arrived_at is None
    other = made(DestinationSelected, "other", 920, facility_id="H-2", selected_by="d-1")
    assert record_of(heard(other, case=case)[0]).unit_arrived_at is None
    relay = made(PatientHandedToUnit, "relay", 920, unit_id="U-1", to_unit_id="U-2",
                 reason="relay")  # fmt: skip
    assert record_of(heard(relay, case=case)[0]).unit_arrived_at is None


def test_another_unit_and_another_hospital_are_expected_anew() -> None:
    case, _ = heard(CHOSEN, comes(460, 900))
    relay = made(PatientHandedToUnit, "relay", 500, unit_id="U-1", to_unit_id="U-2",
                 reason="relay")  # fmt: skip
    handed, _ = heard(relay, case=case)
    assert shown(handed) == ("U-2", None, None, None)
    assert shown(heard(comes(501, unit="U-2"), case=handed)[0])[:2] == ("U-2", PHONE)
    other = made(DestinationSelected, "other", 500, facility_id="H-2", selected_by="d-1")
    assert shown(heard(other, case=case)[0]) == ("U-1", PHONE, None, None)
