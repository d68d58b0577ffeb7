"""The clocks of the green channel: what was reported, and never what was not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.clinical import ExaminationDone
from schemas.encounter import EmergencyTransferRequested, PatientReached
from schemas.handoff import CareTransferred, MilestoneReached, PatientArrived
from services.bridge import loader
from services.bridge.case import Running
from services.bridge.loader import FacilitiesRefused
from tests.unit.test_bridge_acts import at, made
from tests.unit.test_promise import ALL, Ward, bound, concern


def clocks(ward: Ward) -> dict[str, Running]:
    return {each.clock: each for each in ward.case.handoff.clocks}


def reached(ward: Ward, second: float = 100) -> None:
    ward.hears(made(PatientReached, f"reached-{second}", second, unit_id="U-1"), second)


def ecg(ward: Ward, second: float) -> None:
    done = {"examination": "ecg_12_lead", "shows": ("st_elevation",)}
    ward.hears(made(ExaminationDone, f"ecg-{second}", second, **done), second)


def test_from_contact_to_ecg_and_wire() -> None:
    ward = bound("critical", concern("chest_pain"))
    found = clocks(ward)
    assert found.keys() == {"contact_to_ecg", "contact_to_wire"}
    assert all(each.began_at is None is each.due_at for each in found.values())
    reached(ward)
    ecg(ward, 400)
    ecg(ward, 900)
    ward.does(PatientArrived, 2000)
    assert clocks(ward)["contact_to_ecg"] == Running(
        clock="contact_to_ecg", centre="chest_pain", began_at=at(100), due_at=at(700),
        ended_at=at(400),
    )  # fmt: skip
    assert clocks(ward)["contact_to_wire"].ended_at is None, "nobody has said so"
    ward.does(MilestoneReached, 5000, milestone="wire")
    wire = clocks(ward)["contact_to_wire"]
    assert (wire.due_at, wire.ended_at) == (at(5500), at(5000))


def test_another_crew_does_not_begin_it_anew() -> None:
    ward = bound("critical", concern("chest_pain"))
    reached(ward, 100)
    reached(ward, 300)
    assert clocks(ward)["contact_to_ecg"].began_at == at(100)


def test_who_is_sent_on_has_the_time_of_a_transfer() -> None:
    ward = bound("critical", concern("chest_pain"))
    sent_on = {"incident_id": "I-1", "from_facility_id": "C-1", "requested_by": "d",
               "consent": "given"}  # fmt: skip
    ward.hears(made(EmergencyTransferRequested, "ask", 10, **sent_on), 10)
    reached(ward)
    assert clocks(ward).keys() == {"contact_to_ecg", "contact_to_wire_by_transfer"}
    assert clocks(ward)["contact_to_wire_by_transfer"].due_at == at(7300)


def test_an_arrival_begins_those_of_a_stroke_and_what_comes_late_still_ends_them() -> None:
    ward = bound("severe", concern("stroke"))
    ward.does(PatientArrived, 1000)
    due = {name: each.due_at for name, each in clocks(ward).items()}
    assert due == {"arrival_to_ct": at(2500), "arrival_to_needle": at(4600)}
    ward.does(CareTransferred, 1500, handed_over_by="crew-1")
    ward.does(MilestoneReached, 2400, milestone="ct_done")
    assert clocks(ward)["arrival_to_ct"].ended_at == at(2400)


def test_a_decision_begins_the_clock_of_a_delivery() -> None:
    ward = bound("critical", concern("maternal"))
    ward.does(MilestoneReached, 3000, milestone="caesarean_decided")
    ward.does(MilestoneReached, 4000, milestone="delivery")
    (clock,) = clocks(ward).values()
    assert (clock.began_at, clock.due_at, clock.ended_at) == (at(3000), at(4800), at(4000))


def test_a_centre_that_is_not_concerned_has_no_clock() -> None:
    assert clocks(bound("critical", concern("trauma"))) == {}


def test_every_limit_is_the_one_that_its_source_names() -> None:
    limits = {
        (centre.value, name): (timedelta(seconds=clock.within_s), clock.evidence)
        for centre, known in ALL.all.clocks.items()
        for name, clock in known.items()
    }
    minutes = {name: (limit.total_seconds() / 60, mark) for name, (limit, mark) in limits.items()}
    assert minutes == {
        ("chest_pain", "contact_to_ecg"): (10, "V"),
        ("chest_pain", "contact_to_wire"): (90, "V"),
        ("chest_pain", "contact_to_wire_by_transfer"): (120, "V2"),
        ("stroke", "arrival_to_ct"): (25, "V2"),
        ("stroke", "arrival_to_needle"): (60, "V2"),
        ("maternal", "decision_to_delivery"): (30, "V"),
    }


@pytest.mark.parametrize(
    ("was", "now"),
    [("begins: arrived", "begins: lunch"), ("within_s: 1500", "within_s: 0"),
     ("of: transfer", "of: walk_in")],
)  # fmt: skip
def test_a_clock_that_means_nothing_is_refused(tmp_path: Path, was: str, now: str) -> None:
    shipped: Any = loader.SHIPPED.read_text("utf-8")
    assert was in shipped
    file = tmp_path / "ours.yaml"
    file.write_text(shipped.replace(was, now, 1), "utf-8")
    with pytest.raises(FacilitiesRefused, match="clocks"):
        loader.facilities(file)
