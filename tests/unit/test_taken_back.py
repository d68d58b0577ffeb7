"""What was said by mistake of a patient is taken back: an arrival, a milestone. And of two whom
nobody knows, wristbands tell who is who."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.encounter import PatientBoarded
from schemas.handoff import (
    Acknowledged,
    ArrivalRevoked,
    CareTransferred,
    HandoverSigned,
    MilestoneReached,
    MilestoneRevoked,
    Owed,
    PatientArrived,
)
from services.bridge import loader
from services.bridge.acts import act
from services.bridge.case import Case, Promise
from services.bridge.handoff import hear
from services.bridge.loader import FacilitiesRefused
from services.bridge.promise import fall_due
from services.kit.errors import Rejected
from tests.unit.test_bridge_acts import after, at, bound, doing, made
from tests.unit.test_green import clocks
from tests.unit.test_promise import ALL, H1, Ward, concern
from tests.unit.test_promise import bound as ward_of

LIMIT = H1.revocable_for


def owed(ward: Ward, what: Owed) -> Promise | None:
    return next((each for each in ward.case.handoff.promises if each.owed is what), None)


def due(ward: Ward, what: Owed) -> float | None:
    """In seconds from the beginning."""
    found = owed(ward, what)
    return None if found is None or found.due_at is None else (found.due_at - at(0)).total_seconds()


# -- an arrival ------------------------------------------------------------------------------------


def test_what_an_arrival_had_ended_is_owed_again_from_then_on() -> None:
    ward = ward_of("critical", concern("stroke"))
    assert due(ward, Owed.ACKNOWLEDGED) == 60
    ward.does(PatientArrived, 50)
    assert due(ward, Owed.ACKNOWLEDGED) is None
    assert due(ward, Owed.FIRST_DOCTOR) == 50
    assert clocks(ward)["arrival_to_ct"].began_at == at(50)
    ward.does(ArrivalRevoked, 200, reason="x")
    handoff = ward.case.handoff
    assert (handoff.arrived_at, handoff.arrived_in) == (None, None)
    assert due(ward, Owed.ACKNOWLEDGED) == 200 + 60
    assert owed(ward, Owed.FIRST_DOCTOR) is None
    assert clocks(ward)["arrival_to_ct"].began_at is None
    assert fall_due(ward.case, H1, at(201))[1] == (), "nobody is late the moment it is asked for"
    ward.does(PatientArrived, 300)
    assert due(ward, Owed.FIRST_DOCTOR) == 300


def test_what_was_done_before_the_arrival_is_not_owed_again() -> None:
    ward = ward_of("critical")
    ward.does(Acknowledged, 20)
    ward.does(PatientArrived, 50)
    ward.does(ArrivalRevoked, 60, reason="x")
    found = owed(ward, Owed.ACKNOWLEDGED)
    assert found is not None
    assert (found.met_at, found.since) == (at(20), at(0))


def test_a_ladder_of_before_begins_from_the_bottom() -> None:
    ward = ward_of("critical")
    ward.case, told = fall_due(ward.case, H1, at(61))
    assert [each.to for each in told if each.owed is Owed.ACKNOWLEDGED] == ["board"]
    ward.does(PatientArrived, 70)
    ward.does(ArrivalRevoked, 100, reason="x")
    _, told = fall_due(ward.case, H1, at(161))
    (again,) = (each for each in told if each.owed is Owed.ACKNOWLEDGED)
    assert (again.to, again.step, again.due_at) == ("board", 1, at(160))


@pytest.mark.parametrize("late", [0, 1])
def test_an_arrival_is_taken_back_within_ten_minutes_of_when_it_was_told(late: float) -> None:
    """Whatever was said of when it had been."""
    assert timedelta(minutes=10) == LIMIT
    case, _ = act(bound(), doing(PatientArrived, second=300), at(5000))
    revoked = doing(ArrivalRevoked, second=5600)
    moment = at(5000) + LIMIT + timedelta(seconds=late)
    if late:
        with pytest.raises(Rejected, match="409 Too late: An arrival is taken back within 10 min"):
            act(case, revoked, moment, LIMIT)
        return
    assert act(case, revoked, moment, LIMIT)[0].handoff.arrived_at is None


def test_where_nobody_came_or_care_was_handed_over_there_is_nothing_to_take_back() -> None:
    with pytest.raises(Rejected, match="409 Not arrived: Nobody has said"):
        act(bound(), doing(ArrivalRevoked), at(301))
    over = after(doing(PatientArrived), doing(CareTransferred))
    with pytest.raises(Rejected, match="409 Handed over"):
        act(over, doing(ArrivalRevoked), at(301))
    back = after(doing(PatientArrived), doing(ArrivalRevoked))
    with pytest.raises(Rejected, match="409 Not arrived"):
        act(back, doing(ArrivalRevoked, "again"), at(301))


def test_a_site_that_says_nothing_of_it_takes_no_arrival_back(tmp_path: Path) -> None:
    shipped = loader.SHIPPED.read_text("utf-8")
    rule = shipped[shipped.index("  arrival:\n") : shipped.index("  # 检查检验结果互认")]
    file = tmp_path / "ours.yaml"
    file.write_text(shipped.replace(rule, ""), "utf-8")
    assert loader.facilities(file).of("H-1").revocable_for == timedelta(0)
    file.write_text(shipped.replace("revocable_for_s: 600", "revocable_for_s: -1"), "utf-8")
    with pytest.raises(FacilitiesRefused, match="revocable_for_s"):
        loader.facilities(file)
    one = {"arrival": {"revocable_for_s": 60, "source": "ours", "evidence": "design"}}
    own = ALL.model_validate({"all": ALL.all, "facilities": {"H-1": one}})
    assert own.of("H-1").revocable_for == timedelta(minutes=1)
    assert own.of("H-2").revocable_for == LIMIT


# -- a milestone -----------------------------------------------------------------------------------


def test_a_clock_follows_a_milestone_that_is_corrected_and_taken_back() -> None:
    ward = ward_of("severe", concern("stroke"))
    ward.does(PatientArrived, 1000)
    ward.does(MilestoneReached, 1400, milestone="ct_done")
    ward.at_once(MilestoneReached, 1500, 1450, milestone="ct_done")
    assert clocks(ward)["arrival_to_ct"].ended_at == ward.case.handoff.milestones[0].occurred_at
    ward.does(MilestoneRevoked, 1600, milestone="ct_done")
    assert clocks(ward)["arrival_to_ct"].ended_at is None
    assert ward.case.handoff.milestones == ()


def test_only_the_milestone_that_stands_is_taken_back() -> None:
    case = after(doing(MilestoneReached, milestone="ct_done"))
    with pytest.raises(Rejected, match="409 Not reached: Nobody has said"):
        act(case, doing(MilestoneRevoked, milestone="wire"), at(301))
    back = after(doing(MilestoneRevoked, milestone="ct_done"), case=case)
    with pytest.raises(Rejected, match="409 Not reached"):
        act(back, doing(MilestoneRevoked, "again", milestone="ct_done"), at(301))


def test_a_first_doctor_who_was_not_there_is_waited_for_again() -> None:
    ward = ward_of("severe")
    ward.does(PatientArrived, 100)
    ward.does(MilestoneReached, 160, milestone="first_doctor")
    met = owed(ward, Owed.FIRST_DOCTOR)
    assert met is not None
    assert (met.met_at, due(ward, Owed.FIRST_DOCTOR)) == (at(160), 700)
    ward.does(MilestoneReached, 190, milestone="first_doctor")
    corrected = owed(ward, Owed.FIRST_DOCTOR)
    assert corrected is not None
    assert corrected.met_at == at(190), "the last one stands"
    ward.does(MilestoneRevoked, 200, milestone="first_doctor")
    again = owed(ward, Owed.FIRST_DOCTOR)
    assert again is not None
    assert (again.met_at, again.since, due(ward, Owed.FIRST_DOCTOR)) == (None, at(100), 700)
    _, told = fall_due(ward.case, H1, at(701))
    assert Owed.FIRST_DOCTOR in {each.owed for each in told}


# -- a wristband -----------------------------------------------------------------------------------


def admitted(number: str = "GC-20260301-0001") -> Case:
    aboard = made(PatientBoarded, "aboard", 100, unit_id="U-1")
    return hear(bound().but(reserved=number), "E-1", aboard, at(100))[0]


def sign(**more: Any) -> HandoverSigned:
    event: HandoverSigned = doing(HandoverSigned, **{"reason": None, **more})
    return event


@pytest.mark.parametrize(
    "said", ["WB-20260301-0001", "wb-20260301-0001", "GC-20260301-0001", "gc-20260301-0001", None]
)
def test_who_signs_has_looked_at_the_wristband_or_says_nothing_of_it(said: str | None) -> None:
    case, (told,) = act(admitted(), sign(wristband=said), at(301))
    assert isinstance(told, HandoverSigned)
    assert told.wristband == said == case.handoff.signatures[0].wristband


@pytest.mark.parametrize("case", [admitted(), bound()], ids=["admitted", "never boarded"])
def test_another_wristband_is_refused_until_it_is_said_why(case: Case) -> None:
    for number in ("GC-20260301-0002", "20260301-0001", "GC-20260301-00011"):
        with pytest.raises(Rejected, match="409 Another wristband"):
            act(case, sign(wristband=number), at(301))
    wrong = sign(wristband="WB-20260301-0002")
    with pytest.raises(Rejected, match="409 Another wristband: It is not the wristband") as told:
        act(case, wrong, at(301))
    assert "WB-" not in str(told.value)
    why = {"wristband": "WB-20260301-0002", "wristband_reason": "核对过，换过腕带"}
    signed, (event,) = act(case, sign(**why), at(301))
    assert event.model_dump().items() >= why.items()
    assert act(signed, sign(**why), at(302)) == (signed, ())
    with pytest.raises(Rejected, match="409 Key used before"):
        act(signed, wrong, at(302))
