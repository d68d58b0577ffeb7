"""A board is told what its own house keeps, as the file has it; and who hears if it is late."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.handoff import Acknowledged, CareTransferred, Owed, PatientArrived
from schemas.triage import Centre, TriageLevel
from services.bridge import loader
from services.bridge.facility import Facilities, Facility
from services.bridge.house import house_of
from services.bridge.loader import FacilitiesRefused
from services.bridge.promise import fall_due, next_due
from tests.unit.test_bridge_acts import at
from tests.unit.test_promise import ALL, H1, Ward, bound

SECRET = "GREENCHANNEL_SECRET_H1"
OURS = {
    "name": {"zh": "临江市第一人民医院", "en": "Linjiang First Hospital"},
    "phone": "0516 8500 0120",
    "interfaces": [{"channel": "webhook", "address": "https://his.example/in", "secret": SECRET}],
}


def test_every_number_of_the_file_stands_there_with_its_source() -> None:
    house, kept = house_of("H-1", H1), ALL.all
    assert {each.owed for each in house.owed} == set(Owed)
    for term in house.owed:
        given = kept.terms[term.owed]
        assert (term.source, term.evidence, term.ladder) == (
            given.source, given.evidence, given.ladder,
        )  # fmt: skip
    found = {(each.centre, each.clock): each for each in house.clocks}
    limits = {
        (centre, name): clock
        for centre, clocks in kept.clocks.items()
        for name, clock in clocks.items()
    }
    assert found.keys() == limits.keys()
    for name, clock in found.items():
        assert clock.limit_min * 60 == limits[name].within_s
        assert (clock.source, clock.of) == (limits[name].source, limits[name].of)
    assert (house.teams, house.zones) == (kept.teams, kept.zones)
    assert (house.beds, house.recognises, house.arrival) == (
        kept.beds, kept.recognises, kept.arrival,
    )  # fmt: skip


def test_a_time_is_told_by_level_and_of_a_level_without_one_nothing() -> None:
    owed = {each.owed: each for each in house_of("H-1", H1).owed}
    seen = owed[Owed.ACKNOWLEDGED].within_s
    assert (seen[TriageLevel.CRITICAL], TriageLevel.NON_URGENT in seen) == (60, False)
    assert owed[Owed.FIRST_DOCTOR].within_s[TriageLevel.CRITICAL] == 0, "0 is at once, and not none"
    assert owed[Owed.DELIVERED].within_s == dict.fromkeys(TriageLevel, 5)
    assert owed[Owed.DELIVERED].before_arrival_s == {}


def test_a_house_has_a_name_of_its_own_and_tells_no_way_into_its_systems() -> None:
    site = Facilities.model_validate({"all": ALL.all, "facilities": {"H-1": OURS}})
    house = house_of("H-1", site.of("H-1"))
    assert house.name is not None
    assert (house.name.zh, house.phone) == ("临江市第一人民医院", "0516 8500 0120")
    assert house.teams[Centre.STROKE] == ALL.all.teams[Centre.STROKE]
    assert "his.example" not in house.model_dump_json()
    assert SECRET not in house.model_dump_json()
    assert house_of("H-2", site.of("H-2")).name is None


def test_a_name_is_of_one_facility(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    shipped = loader.SHIPPED.read_text("utf-8")
    file.write_text(shipped.replace("all:\n", "all:\n  name: {zh: x, en: x}\n", 1), "utf-8")
    with pytest.raises(FacilitiesRefused, match="a name belongs to one facility"):
        loader.facilities(file)


# -- who hears next --------------------------------------------------------------------------------


def following(ward: Ward) -> tuple[float, str] | None:
    """Of the acknowledgement: in seconds from the beginning, and who."""
    (found,) = (p for p in ward.case.handoff.promises if p.owed is Owed.ACKNOWLEDGED)
    if found.next_at is None or found.next_to is None:
        return None
    return (found.next_at - at(0)).total_seconds(), found.next_to


def test_a_promise_says_who_hears_next_and_when() -> None:
    ward = bound("critical")
    ladder = [(60, "board"), (120, "shift_lead"), (180, "dispatch")]
    for step in ladder:
        assert following(ward) == step
        ward.case, told = fall_due(ward.case, H1, at(step[0]))
        assert step[1] in {each.to for each in told if each.owed is Owed.ACKNOWLEDGED}
    assert following(ward) is None, "no step is left"


@pytest.mark.parametrize("done", [Acknowledged, PatientArrived])
def test_of_what_is_done_or_not_due_any_more_nobody_hears(done: type[Acknowledged]) -> None:
    ward = bound("critical")
    ward.does(done, 30)
    assert following(ward) is None


def test_after_the_handover_nobody_hears_of_anything() -> None:
    ward = bound("critical")
    ward.does(PatientArrived, 30)
    assert any(each.next_at for each in ward.case.handoff.promises)
    ward.does(CareTransferred, 40, handed_over_by="crew-1")
    assert not any(each.next_at or each.next_to for each in ward.case.handoff.promises)


def test_what_is_told_is_what_is_done() -> None:
    """The time at which the patient is looked at next is that of the first step to come."""
    ward = bound("severe")
    times = [each.next_at for each in ward.case.handoff.promises if each.next_at]
    assert next_due(ward.case, H1) == min(times)
    assert next_due(ward.case, Facility()) is None
