"""Which unit and which hospital fit, in which order, and what is said for and against each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations, product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.capacity import Beds, CapacityReported, PatientsWaiting
from schemas.encounter import Complaint, Outcome, Patient
from schemas.handoff import Department
from schemas.incident import Point
from schemas.triage import Bilingual, Centre, TriageLevel
from schemas.unit import (
    Equipment,
    ReadinessReported,
    UnitKind,
    UnitLocated,
    UnitMobilised,
    UnitRegistered,
    UnitStatus,
)
from services.dispatch import loader, recommendation
from services.dispatch.encounter import Encounter
from services.dispatch.recommendation import (
    TEXTS,
    Call,
    Candidate,
    Site,
    Task,
    Why,
    hospitals,
    leaves_reserve,
    may_go,
    units,
)
from services.dispatch.register import Hospital, Station
from services.dispatch.severity import ORDER, Case, in_order, is_worse, must_be_worse, severity
from services.dispatch.unit import Unit
from services.kit.errors import Rejected
from tests.unit.test_incident import FIRST

L, S = TriageLevel, UnitStatus
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
SITE = Site(loader.fleet(), loader.roads(), ZoneInfo("Asia/Shanghai"))
SCENE = Point(latitude=31.23, longitude=121.47)


def away(km: float) -> Point:
    return Point(latitude=31.23 + km / 111.195, longitude=121.47)


def station(km: float, number: int = 1, county: str = "C-1") -> Station:
    return Station(
        station_id=f"S-{number}", name=Bilingual(zh="站", en="station"), kind="township",
        county=county, point=away(km),
    )  # fmt: skip


def unit(name: str, status: UnitStatus = S.AVAILABLE, **more: Any) -> Unit:
    about = {"station_id": "S-1", "kind": UnitKind.MONITORING, "force": "standing", "equipment": ()}
    told = {name: more.pop(name, value) for name, value in about.items()}
    registered = UnitRegistered.model_validate(
        {"event_id": "reg", "occurred_at": NOW, "unit_id": name, **told}
    )
    return Unit(unit_id=name, status=status, registered=registered, **more)


def free(name: str, km: float, **more: Any) -> Candidate:
    return Candidate(unit(name, **more), station(km))


def ready(**wrong: str) -> ReadinessReported:
    told = {"crew": "complete", "equipment": "complete", "oxygen": "enough", "fuel": "enough"}
    return ReadinessReported.model_validate(
        {"event_id": "r", "occurred_at": NOW, "unit_id": "U", **told, **wrong}
    )


def call(level: TriageLevel = L.SEVERE, *needs: Equipment) -> Call:
    return Call(SCENE, level, frozenset(needs))


def named(wanted: Call, *candidates: Candidate) -> list[str]:
    return [each.unit_id for each in units(wanted, candidates, SITE, NOW)]


def why(
    advice: recommendation.UnitAdvice | recommendation.HospitalAdvice,
) -> tuple[set[Why], set[Why]]:
    return {each.why for each in advice.pro}, {each.why for each in advice.con}


def test_the_one_that_is_there_first_is_named_first_and_it_is_said() -> None:
    found = units(call(), [free("B", 5), free("A", 9), free("C", 2)], SITE, NOW)
    assert [each.unit_id for each in found] == ["C", "B", "A"]
    assert [Why.NEAREST in why(each)[0] for each in found] == [True, False, False]
    expected = SITE.roads.takes(away(2), SCENE, NOW, SITE.zone).total_seconds()
    assert found[0].eta_s == pytest.approx(expected, abs=0.1)


def test_who_has_what_is_needed_goes_before_who_is_nearer() -> None:
    needs = Equipment.DEFIBRILLATOR, Equipment.ECG
    near, half, whole = (
        free("near", 1),
        free("half", 4, equipment=needs[:1]),
        free("whole", 9, equipment=needs),
    )
    found = units(call(L.CRITICAL, *needs), [near, half, whole], SITE, NOW)
    assert [each.unit_id for each in found] == ["whole", "half", "near"]
    assert [Why.LACKS_EQUIPMENT in why(each)[1] for each in found] == [False, True, True]
    assert Why.EQUIPPED in why(found[0])[0]
    assert found[1].con[0].names == ("ecg",)


@pytest.mark.parametrize(
    "wrong",
    [{"crew": "incomplete"}, {"equipment": "incomplete"}, {"oxygen": "low"}, {"fuel": "low"}],
)
def test_a_unit_that_is_not_ready_is_never_recommended(wrong: dict[str, str]) -> None:
    assert named(call(), free("A", 1, readiness=ready(**wrong)), free("B", 9)) == ["B"]
    only = free("A", 1, readiness=ready(**wrong))
    assert named(call(), only) == []
    lame = unit("A", S.DEPARTED, readiness=ready(**wrong))
    on_the_way = Candidate(lame, station(1), Task("I-0", L.NON_URGENT, is_reached=False))
    assert named(call(L.CRITICAL), on_the_way) == []


def test_that_nobody_knows_whether_it_is_ready_is_said_and_no_more() -> None:
    known, unknown = units(call(), [free("A", 1, readiness=ready()), free("B", 2)], SITE, NOW)
    assert Why.READY in why(known)[0]
    assert Why.READINESS_UNKNOWN in why(unknown)[1]
    stranger = units(call(), [Candidate(Unit(unit_id="X"))], SITE, NOW)[0]
    assert why(stranger)[1] == {Why.NOT_REGISTERED, Why.READINESS_UNKNOWN, Why.PLACE_UNKNOWN}
    assert stranger.eta_s is None


def test_the_mobile_force_is_recommended_when_it_is_called_up() -> None:
    called = UnitMobilised(event_id="m", occurred_at=NOW, unit_id="A", reason="fire")
    assert named(call(), free("A", 1, force="mobile"), free("B", 2)) == ["B"]
    assert named(call(), free("A", 1, force="mobile", mobilised=called), free("B", 2)) == ["A", "B"]


@pytest.mark.parametrize("status", S)
def test_only_who_is_free_is_recommended(status: UnitStatus) -> None:
    assert may_go(unit("A", status), NOW) is (status in {S.AVAILABLE, S.RETURNING, S.STOOD_DOWN})


def located(km: float, seconds_ago: float, moves: bool) -> UnitLocated:
    return UnitLocated(
        event_id="l", occurred_at=NOW - timedelta(seconds=seconds_ago), unit_id="U",
        point=away(km), moves=moves,
    )  # fmt: skip


def test_a_unit_is_where_it_was_seen_and_not_at_its_station() -> None:
    known_for = SITE.fleet.place_known_for_s
    cases = [
        (located(1, known_for, True), 1, False),
        (located(1, known_for + 1, True), 9, True),
        (located(1, 9_000, False), 1, False),
        (None, 9, True),
    ]
    for seen, km, is_guess in cases:
        (advice,) = units(call(), [free("A", 9, located=seen)], SITE, NOW)
        expected = SITE.roads.takes(away(km), SCENE, NOW, SITE.zone).total_seconds()
        assert advice.eta_s == pytest.approx(expected, abs=0.1)
        assert (Why.AT_STATION in why(advice)[1]) is is_guess


# -- diverting -------------------------------------------------------------------------------------


def driving(name: str, km: float, level: TriageLevel, status: UnitStatus = S.DEPARTED,
            is_reached: bool = False) -> Candidate:  # fmt: skip
    return Candidate(unit(name, status), station(km), Task(f"I-{name}", level, is_reached))


def test_nobody_is_taken_from_another_call_while_somebody_is_free() -> None:
    assert named(call(L.CRITICAL), free("A", 50), driving("B", 1, L.NON_URGENT)) == ["A"]


def test_the_least_severe_call_loses_its_unit_first_and_of_these_the_nearest() -> None:
    found = units(
        call(L.CRITICAL),
        [driving("A", 1, L.SEVERE), driving("B", 8, L.NON_URGENT), driving("C", 5, L.NON_URGENT),
         driving("D", 1, L.CRITICAL)],
        SITE, NOW,
    )  # fmt: skip
    assert [each.unit_id for each in found] == ["C", "B", "A"]
    assert [each.diverts for each in found] == ["I-C", "I-B", "I-A"]
    assert all(Why.TAKEN_FROM_LESS_SEVERE in why(each)[1] for each in found)


def test_who_lacks_what_the_call_needs_is_taken_last_whatever_it_is_sent_to() -> None:
    needs = (Equipment.DEFIBRILLATOR,)
    able = Candidate(
        unit("able", S.DEPARTED, equipment=needs), station(9), Task("I-1", L.SEVERE, False)
    )
    found = units(call(L.CRITICAL, *needs), [driving("A", 1, L.NON_URGENT), able], SITE, NOW)
    assert [each.unit_id for each in found] == ["able", "A"]


@pytest.mark.parametrize(("one", "other"), list(product(ORDER, ORDER)))
def test_a_unit_is_taken_from_less_severe_calls_alone(one: TriageLevel, other: TriageLevel) -> None:
    may = ORDER.index(one) < ORDER.index(other)
    assert named(call(one), driving("A", 1, other)) == (["A"] if may else [])


@pytest.mark.parametrize("status", S)
def test_a_unit_is_taken_only_while_it_is_not_there(status: UnitStatus) -> None:
    expected = ["A"] if status in {S.NOTIFIED, S.ACKNOWLEDGED, S.DEPARTED} else []
    if status not in {S.AVAILABLE, S.RETURNING, S.STOOD_DOWN}:
        assert named(call(L.CRITICAL), driving("A", 1, L.NON_URGENT, status)) == expected
    assert named(call(L.CRITICAL), driving("A", 1, L.NON_URGENT, S.DEPARTED, is_reached=True)) == []


# -- the order of calls ----------------------------------------------------------------------------


def case(name: str, waits_s: float, *levels: TriageLevel, **more: Any) -> Case:
    incident = FIRST.but(
        incident_id=name,
        call=FIRST.call.but(accepted_at=NOW - timedelta(seconds=waits_s)),
    )
    patients = (
        Encounter(encounter_id=f"E-{name}-{n}", incident_id=name, patient=Patient(),
                  opened_at=NOW, level=level, **more)
        for n, level in enumerate(levels)
    )  # fmt: skip
    return Case(incident, tuple(patients))


def test_the_most_severe_call_goes_first_and_of_these_the_one_that_waits_longest() -> None:
    cases = [
        case("A", 900, L.NON_URGENT), case("B", 10, L.CRITICAL), case("C", 300, L.URGENT),
        case("D", 60, L.NOT_YET), case("E", 20, L.CRITICAL), case("F", 5, L.SEVERE),
        case("G", 100, L.NON_URGENT, L.SEVERE),
    ]  # fmt: skip
    for shuffled in list(permutations(cases))[::397]:
        found = [each.incident.incident_id for each in in_order(shuffled)]
        assert found == ["E", "B", "G", "F", "D", "C", "A"]


def test_a_call_is_as_severe_as_the_worst_of_its_patients_who_are_still_waited_for() -> None:
    assert severity(case("A", 0, L.URGENT, L.CRITICAL).encounters) is L.CRITICAL
    ended = case("A", 0, L.CRITICAL, outcome=Outcome.DEAD_ON_SCENE)
    assert severity(ended.encounters) is L.NOT_YET
    assert severity(()) is L.NOT_YET


@pytest.mark.parametrize("kind", ["non_emergency_transfer", "drill"])
def test_what_can_wait_goes_last_whatever_its_patients_have(kind: Any) -> None:
    known = case("A", 900, L.SEVERE)
    waits = known._replace(incident=known.incident.but(classification=kind))
    assert waits.severity is L.NON_URGENT
    must_be_worse(case("B", 0, L.URGENT), waits)


def test_a_unit_leaves_a_call_only_for_a_more_severe_one_and_no_patient() -> None:
    must_be_worse(case("A", 0, L.CRITICAL), case("B", 0, L.SEVERE))
    with pytest.raises(Rejected, match="409 Not more severe"):
        must_be_worse(case("A", 0, L.SEVERE), case("B", 0, L.SEVERE))
    with pytest.raises(Rejected, match="409 At a patient"):
        must_be_worse(case("A", 0, L.CRITICAL), case("B", 0, L.URGENT, reached_at=NOW))


# -- the reserve -----------------------------------------------------------------------------------


def test_a_transfer_leaves_the_reserve_of_the_county_untouched() -> None:
    keep = SITE.fleet.reserve.of("C-1")
    fleet = [free(f"U-{n}", n) for n in range(keep + 1)]
    assert leaves_reserve(fleet[0], fleet, SITE, NOW)
    assert not leaves_reserve(fleet[0], fleet[:-1], SITE, NOW)
    elsewhere = [*fleet[:-1], Candidate(unit("X"), station(1, county="C-2"))]
    assert not leaves_reserve(fleet[0], elsewhere, SITE, NOW)
    broken = [*fleet[:-1], free("X", 1, readiness=ready(oxygen="low"))]
    assert not leaves_reserve(fleet[0], broken, SITE, NOW)
    mobile = [*fleet[:-1], free("X", 1, force="mobile")]
    assert not leaves_reserve(fleet[0], mobile, SITE, NOW)


def test_a_vehicle_that_is_built_for_transport_is_no_part_of_the_reserve() -> None:
    transport = free("T", 1, kind=UnitKind.TRANSPORT)
    assert leaves_reserve(transport, [transport], SITE, NOW)
    keep = SITE.fleet.reserve.of("C-1")
    fleet = [*(free(f"U-{n}", n) for n in range(keep)), transport]
    assert not leaves_reserve(fleet[0], fleet, SITE, NOW)


@given(some.lists(some.sampled_from(["AVAILABLE", "DEPARTED", "RETURNING"]), max_size=9))
def test_whoever_asks_one_after_the_other_the_reserve_stands(statuses: list[str]) -> None:
    fleet = [free(f"U-{n}", n, status=S[status]) for n, status in enumerate(statuses)]
    at_first = sum(may_go(each.unit, NOW) for each in fleet)
    for n in range(len(fleet)):
        if may_go(fleet[n].unit, NOW) and leaves_reserve(fleet[n], fleet, SITE, NOW):
            fleet[n] = fleet[n]._replace(unit=fleet[n].unit.but(status=S.NOTIFIED))
    left = sum(may_go(each.unit, NOW) for each in fleet)
    assert left == min(at_first, SITE.fleet.reserve.of("C-1"))


# -- hospitals -------------------------------------------------------------------------------------


def hospital(name: str, km: float, *centres: Centre, **more: Any) -> Hospital:
    return Hospital(
        facility_id=name, name=Bilingual(zh="院", en="hospital"), point=away(km), centres=centres,
        **more,
    )  # fmt: skip


def capacity(minutes_ago: float = 0, free_beds: int = 1, divert: bool = False) -> CapacityReported:
    return CapacityReported(
        event_id="c", occurred_at=NOW - timedelta(minutes=minutes_ago), facility_id="F",
        staff_id="s", beds=(Beds(department=Department.RESUS, free=free_beds),), divert=divert,
    )  # fmt: skip


def patient(level: TriageLevel = L.SEVERE, *centres: Centre, **more: Any) -> recommendation.Patient:
    return recommendation.Patient(SCENE, level, frozenset(centres), **more)


def brought(who: recommendation.Patient, *known: Hospital) -> list[str]:
    return [each.facility_id for each in hospitals(who, known, SITE, NOW)]


def test_capability_goes_before_the_network_and_the_network_before_the_way() -> None:
    known = [hospital("near", 1), hospital("network", 5), hospital("able", 9, Centre.STROKE)]
    assert brought(patient(), *known) == ["near", "network", "able"]
    assert brought(patient(network="network"), *known) == ["network", "near", "able"]
    stroke = patient(L.SEVERE, Centre.STROKE, network="network")
    found = hospitals(stroke, known, SITE, NOW)
    assert [each.facility_id for each in found] == ["able", "network", "near"]
    assert Why.CAPABLE in why(found[0])[0]
    assert Why.LACKS_CENTRE in why(found[1])[1]
    assert Why.NETWORK in why(found[1])[0]
    assert [Why.NEAREST in why(each)[0] for each in found] == [False, False, True]


def test_who_advises_to_go_elsewhere_is_named_later_and_not_left_out() -> None:
    """A hospital may not refuse."""
    known = [hospital("A", 1, capacity=capacity(divert=True)), hospital("B", 9)]
    found = hospitals(patient(), known, SITE, NOW)
    assert [each.facility_id for each in found] == ["B", "A"]
    assert Why.DIVERTS in why(found[1])[1]


def test_old_capacity_is_unknown_whatever_it_said() -> None:
    minutes = SITE.fleet.capacity_known_for_s / 60
    known = [
        hospital("A", 1, capacity=capacity(minutes + 1, divert=True)),
        hospital("B", 2, capacity=capacity(minutes)),
        hospital("C", 3, capacity=capacity(0, free_beds=0)),
        hospital("D", 4),
    ]
    found = hospitals(patient(), known, SITE, NOW)
    assert [each.facility_id for each in found] == ["A", "B", "C", "D"]
    said = [Why.BEDS_UNKNOWN, Why.HAS_BEDS, Why.FULL, Why.BEDS_UNKNOWN]
    assert [what in set.union(*why(e)) for what, e in zip(said, found, strict=True)] == [True] * 4
    assert found[0].con[0].as_of == NOW - timedelta(minutes=minutes + 1)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def said_of(who: recommendation.Patient, told: CapacityReported) -> tuple[set[Why], set[Why]]:
    (found,) = hospitals(who, [hospital("A", 1, capacity=told)], SITE, NOW)
    return why(found)


def test_a_department_is_as_old_as_its_count_however_lately_another_was_told_of() -> None:
    minutes = SITE.fleet.capacity_known_for_s / 60
    old = Beds(department=Department.ICU, free=4, reported_at=ago(minutes + 1))
    full = Beds(department=Department.CCU, free=0, reported_at=ago(5))
    told = capacity().but(beds=(old, full))
    (found,) = hospitals(patient(), [hospital("A", 1, capacity=told)], SITE, NOW)
    assert (Why.HAS_BEDS in why(found)[0], Why.FULL in why(found)[1]) == (False, True)
    assert next(each for each in found.con if each.why is Why.FULL).as_of == ago(5)
    assert Why.BEDS_UNKNOWN in said_of(patient(), told.but(beds=(old,)))[1]
    assert Why.BEDS_UNKNOWN in said_of(patient(), told.but(beds=()))[1]


@pytest.mark.parametrize("level", ORDER)
def test_what_is_kept_for_emergencies_speaks_for_the_severe_alone(level: TriageLevel) -> None:
    told = capacity().but(beds=(Beds(department=Department.ICU, free=0, emergency=1),))
    pro, con = said_of(patient(level), told)
    assert (Why.HAS_BEDS in pro) is (level in {L.CRITICAL, L.SEVERE})
    assert (Why.FULL in con) is (Why.HAS_BEDS not in pro)


def test_advice_to_go_elsewhere_ends_when_it_said_and_not_before() -> None:
    minutes = SITE.fleet.capacity_known_for_s / 60
    for told_ago, until, stands in (
        (1, ago(0), False),
        (1, ago(-1), True),
        (minutes + 30, ago(-1), True),
    ):
        told = capacity(told_ago, divert=True).but(divert_until=until)
        assert (Why.DIVERTS in said_of(patient(), told)[1]) is stands


def test_who_waits_there_speaks_against_it_where_they_are_as_severe_and_that_is_known() -> None:
    told = capacity().but(waiting=(PatientsWaiting(level=L.URGENT, patients=3),))
    for level, is_against in ((L.SEVERE, False), (L.URGENT, True), (L.NON_URGENT, True)):
        assert (Why.OTHERS_WAIT in said_of(patient(level), told)[1]) is is_against
    old = told.but(occurred_at=ago(SITE.fleet.capacity_known_for_s / 60 + 1))
    assert Why.OTHERS_WAIT not in said_of(patient(L.URGENT), old)[1]


@pytest.mark.parametrize("level", ORDER)
def test_the_wish_goes_before_the_network_where_there_is_time(level: TriageLevel) -> None:
    known = [hospital("network", 2), hospital("wish", 8)]
    wished = patient(level, network="network", wishes="wish")
    is_severe = level in {L.CRITICAL, L.SEVERE, L.NOT_YET}
    assert brought(wished, *known)[0] == ("network" if is_severe else "wish")
    assert Why.WISHED in why(hospitals(wished, known[1:], SITE, NOW)[0])[0]


def test_everything_that_is_said_is_said_in_both_languages() -> None:
    assert set(TEXTS) == set(Why)
    assert all(text.zh and text.en for text in TEXTS.values())


def test_the_shipped_needs_are_of_complaints_and_have_a_source() -> None:
    needs = SITE.fleet.equipment
    assert needs.of([Complaint.CARDIAC_ARREST, Complaint.NEWBORN]) == {
        Equipment.DEFIBRILLATOR, Equipment.INCUBATOR,
    }  # fmt: skip
    assert needs.of([Complaint.UNKNOWN]) == frozenset()
    assert needs.source
    assert SITE.fleet.reserve.source


def test_severity_is_a_strict_order() -> None:
    for one, other in product(ORDER, ORDER):
        assert not (is_worse(one, other) and is_worse(other, one))
