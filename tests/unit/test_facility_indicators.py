"""What a facility kept, over many patients: what nobody reported is counted, and never guessed."""

from __future__ import annotations

from typing import Any

from schemas.handoff import (
    Acknowledged,
    CareTransferred,
    CentreActivated,
    DepartmentAnswered,
    DirectToConfirmed,
    HandoverSigned,
    MilestoneReached,
    OutcomeReported,
    Owed,
    PatientArrived,
)
from schemas.triage import Centre, DirectTo
from services.bridge.acts import act
from services.bridge.indicators import FacilityIndicators, Part, Stay, indicators
from services.bridge.item import Item, item_of
from services.bridge.promise import keep
from tests.unit.test_bridge_acts import at, signed
from tests.unit.test_promise import Ward, bound, concern


def counted(*wards: Ward, redirects: tuple[str, ...] = ()) -> FacilityIndicators:
    items = [Item.model_validate(item_of(w.case, "H-1", withdrawn=False)) for w in wards]
    stays = [stay for each in items if (stay := Stay.of(each)) is not None]
    assert len(stays) == len(wards)
    return indicators(stays, redirects)


def acknowledged(second: float) -> Ward:
    ward = bound("critical")
    ward.does(Acknowledged, second)
    return ward


def over(ward: Ward, **outcome: Any) -> Ward:
    ward.does(PatientArrived, 2000)
    ward.does(CareTransferred, 2100, handed_over_by="crew-1")
    if outcome:
        ward.does(OutcomeReported, 9000, outcome="admitted", **outcome)
    return ward


def test_what_was_acknowledged_in_time_late_and_never() -> None:
    silent = bound("critical")
    arrived = bound("critical")
    arrived.does(PatientArrived, 30)
    found = counted(*map(acknowledged, (10, 60, 61)), silent, arrived)
    kept = found.promises[Owed.ACKNOWLEDGED]
    assert (kept.numerator, kept.denominator, kept.missing) == (2, 3, 0)
    assert (kept.rate, kept.p50_s, kept.p90_s) == (0.666667, 60, 61)
    assert (found.patients, found.arrived_before) == (5, 1)


def test_a_department_that_could_not_come_after_all_has_not_answered_in_time() -> None:
    ward = bound("critical")
    team = {"centre": "stroke", "activation": "activate", "departments": ("imaging",)}
    ward.does(CentreActivated, 10, **team)
    ward.does(DepartmentAnswered, 20, department="imaging", answer="coming")
    assert counted(ward).promises[Owed.DEPARTMENT_ANSWERED].numerator == 1
    ward.does(DepartmentAnswered, 30, department="imaging", answer="cannot")
    assert counted(ward).promises[Owed.DEPARTMENT_ANSWERED].denominator == 0
    kept = counted(over(ward)).promises[Owed.DEPARTMENT_ANSWERED]
    assert (kept.numerator, kept.denominator, kept.missing) == (0, 0, 1)


def test_what_is_dated_back_is_no_answer_in_time() -> None:
    ward = bound("critical")
    ward.looks(60.5)
    ward.at_once(Acknowledged, 97, 0)
    kept = counted(ward).promises[Owed.ACKNOWLEDGED]
    assert (kept.numerator, kept.denominator, kept.p50_s) == (0, 1, 97)


def test_what_was_late_is_not_in_time_where_it_is_due_later_in_the_end() -> None:
    ward = bound("critical", concern("chest_pain", direct_to="cath_lab"))
    ward.comes(10, 1000)
    assert ("direct_to_confirmed", "board", 1) in ward.looks(700)
    ward.comes(710, 2000)
    ward.does(DirectToConfirmed, 720, direct_to="cath_lab")
    kept = counted(ward).promises[Owed.DIRECT_TO_CONFIRMED]
    assert (kept.numerator, kept.denominator) == (0, 1)


def test_a_doctor_who_was_there_in_time_counts_so_though_it_was_entered_late() -> None:
    ward = bound("severe")
    ward.does(PatientArrived, 100)
    assert ("first_doctor", "board", 1) in ward.looks(700)
    ward.at_once(MilestoneReached, 800, 150, milestone="first_doctor")
    kept = counted(ward).promises[Owed.FIRST_DOCTOR]
    assert (kept.numerator, kept.denominator, kept.p50_s) == (1, 1, 50)


def test_what_was_done_before_its_clock_began_took_no_time() -> None:
    ward = bound("severe", concern("stroke"))
    ward.does(PatientArrived, 100)
    ward.at_once(MilestoneReached, 120, 40, milestone="ct_done")
    kept = counted(ward).clocks["arrival_to_ct"]
    assert (kept.numerator, kept.denominator, kept.p50_s) == (1, 1, 0)


def test_who_owes_nothing_stands_nowhere() -> None:
    assert Owed.ACKNOWLEDGED not in counted(bound("non_urgent")).promises


def test_of_nobody_every_figure_is_absent() -> None:
    found = counted()
    assert (found.patients, found.promises, found.clocks, found.direct) == (0, {}, {}, {})
    assert {p.told.rate for p in found.precision.values()} == {None}


def test_a_clock_that_nobody_ended_is_missing_when_the_patient_is_handed_over() -> None:
    def stroke(second: float | None) -> Ward:
        ward = bound("severe", concern("stroke"))
        ward.does(PatientArrived, 100)
        if second is not None:
            ward.does(MilestoneReached, second, milestone="ct_done")
        return ward

    done = stroke(1600)
    done.does(CareTransferred, 1700, handed_over_by="crew-1")
    forgotten = stroke(None)
    forgotten.does(CareTransferred, 1700, handed_over_by="crew-1")
    kept = counted(stroke(1599), done, stroke(1601), forgotten, stroke(None)).clocks[
        "arrival_to_ct"
    ]
    assert (kept.numerator, kept.denominator, kept.missing) == (2, 3, 1)
    assert (kept.p50_s, kept.p90_s) == (1500, 1501)


def test_where_they_were_brought_of_those_who_were_to_go_straight_there() -> None:
    def straight(place: str | None) -> Ward:
        ward = bound("critical")
        ward.does(DirectToConfirmed, 10, direct_to="cath_lab")
        ward.does(PatientArrived, 900, place=place)
        return ward

    waiting = bound("critical")
    waiting.does(DirectToConfirmed, 10, direct_to="cath_lab")
    found = counted(*map(straight, ("cath_lab", "cath_lab", "resus", None)), waiting)
    assert found.direct == {
        DirectTo.CATH_LAB: Part(numerator=2, denominator=3, missing=1, rate=0.666667)
    }


def test_where_who_was_handed_over_without_an_arrival_was_brought_nobody_has_said() -> None:
    ward = bound("critical", concern("stroke"))
    ward.does(DirectToConfirmed, 10, direct_to="ct")
    ward.does(HandoverSigned, 900, side="gave", not_aboard_reason="by taxi")
    ward.case, told = act(ward.case, signed("received", "doctor-3", 910), at(911))
    ward.case = keep(ward.case, ward.facility, at(911))
    assert [type(each) for each in told] == [HandoverSigned, PatientArrived, CareTransferred]
    found = counted(ward)
    assert found.direct == {DirectTo.CT: Part(numerator=0, denominator=0, missing=1, rate=None)}
    clock = found.clocks["arrival_to_ct"]
    assert (clock.denominator, clock.missing) == (0, 1)
    (arrival,) = (c for c in ward.case.handoff.clocks if c.clock == "arrival_to_ct")
    assert arrival.began_at == at(910)


def test_who_was_handed_over_before_arrivals_were_inferred_is_missing_too() -> None:
    ward = bound("critical")
    ward.does(DirectToConfirmed, 10, direct_to="ct")
    ward.does(CareTransferred, 900, handed_over_by="crew-1")
    assert ward.case.handoff.arrived_at is None
    assert counted(ward).direct[DirectTo.CT].missing == 1


def test_whether_those_who_were_announced_were_the_centres() -> None:
    def told(*centres: str, **outcome: Any) -> Ward:
        return over(bound("severe", *map(concern, centres)), **outcome)

    called = bound("severe", concern("stroke"))
    called.does(CentreActivated, 20, centre="stroke", activation="activate")
    found = counted(
        told("stroke", confirmed=("stroke",)),
        told("stroke", confirmed=()),
        told("stroke"),
        told("trauma", confirmed=("stroke",)),
        over(called, confirmed=("stroke",)),
    )
    stroke = found.precision[Centre.STROKE]
    assert stroke.told == Part(numerator=2, denominator=3, missing=1, rate=0.666667)
    assert stroke.activated == Part(numerator=1, denominator=1, missing=0, rate=1.0)
    assert stroke.unannounced == 1
    assert found.precision[Centre.TRAUMA].told.rate == 0.0


def test_hospitals_that_were_proposed_are_counted_by_reason() -> None:
    found = counted(redirects=("no_bed", "other", "no_bed"))
    assert found.redirects == {"no_bed": 2, "other": 1}


def test_who_went_elsewhere_is_no_stay() -> None:
    gone = item_of(bound("critical").case, "H-2", withdrawn=True)
    assert Stay.of(Item.model_validate(gone)) is None
