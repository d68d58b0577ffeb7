"""The judge tells what a human at a board did apart from what the services did wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from schemas import encounter, handoff
from schemas.clinical import LevelOverridden, ObservationRetracted, VitalSigns, VitalSignsRecorded
from schemas.envelope import derived_id
from schemas.triage import TriageLevel
from simulator import truth
from tests.good_run import (
    BASE,
    ENCOUNTER,
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
    decision,
    good_run,
    of_patient,
    told_act,
    told_samples,
    vital,
    with_fields,
)

#: As a browser names an act.
HAND = "0b1e7c6a-3f0d-4c58-9a51-6d0f4c1f2a77"
OTHER = "5d2f9e10-77a1-4b3c-8e44-1c9b0a7d6e21"
AT_F1: dict[str, Any] = {"facility_id": "F-001", "staff_id": "doctor"}


def found(run: Sequence[Happening], **says: int) -> dict[str, Any]:
    """What the judge says, which is this and nothing else."""
    result = count(run)
    assert result["ground_truth"] == {**NOTHING, **says}, result["findings"]
    assert len(result["findings"]) == sum(says.values()) + result["refused"], result["findings"]
    return result


def by_hand(read: Read, id_: str = HAND) -> Read:
    return with_fields(event_id=id_)(read)


def before_the_end(*more: Happening) -> Run:
    run = good_run()
    return [*run[:-2], *more, *run[-2:]]


def swap(run: Run, name: str, other: str) -> Run:
    """The run with two readings in the other order: they lie in two topics."""
    names = [None if isinstance(h, Told) else h.name for h in run]
    one, two = names.index(name), names.index(other)
    run[one], run[two] = run[two], run[one]
    return run


# -- levels ----------------------------------------------------------------------------------


def weighed() -> Run:
    """At 54 a clinician at a board says urgent, where critical was due."""
    set_to = {"level": "urgent", "reason": "x", "overridden_by": "doctor-2", "role": "crew"}
    named = decision(54.02, 7, "urgent", "7")
    folded = (*named.event.model_dump()["folded"], HAND)
    return before_the_end(
        by_hand(of_patient(LevelOverridden, 54, **set_to)),
        with_fields(folded=folded)(named),
        *both(54.05, 6, "urgent", 7),
        *told_samples(56, 6, 8, acting="critical"),
        vital(56, 8, 36),
        decision(60.02, 8, "urgent", "8"),
        *both(60.05, 7, "urgent", 8),
    )


def test_a_level_that_a_human_has_set_is_no_wrong_level() -> None:
    result = found(weighed())
    assert result["by_hand"] == {"acts": 1, "done_by_both": 0, "refused": 0}
    assert "level a human at a board has set" in result["unknowable"][-1]


def test_the_decision_may_be_read_before_the_act_that_it_rests_on() -> None:
    found(swap(weighed(), "LevelOverridden", "decision 7"))


@pytest.mark.parametrize("level", [TriageLevel.CRITICAL, TriageLevel.NON_URGENT])
def test_a_decision_that_says_another_level_than_the_human_is_wrong(level: TriageLevel) -> None:
    found(changed("decision 7", with_fields(worst=level), weighed()), wrong_level=1)


def test_a_level_that_falls_below_what_the_human_has_set_is_wrong() -> None:
    lower = with_fields(worst=TriageLevel.NON_URGENT)
    found(changed("decision 8", lower, weighed()), wrong_level=1)


def test_a_level_that_falls_before_the_human_set_it_is_wrong() -> None:
    early = changed("decision 6", with_fields(worst=TriageLevel.URGENT), weighed())
    found(early, wrong_level=1)


def test_a_decision_that_names_an_act_that_nobody_did_is_judged_without_it() -> None:
    run = [h for h in weighed() if isinstance(h, Told) or h.name != "LevelOverridden"]
    assert count(run)["ground_truth"]["wrong_level"] > 0


def test_of_what_a_human_has_measured_nobody_knows_what_it_proves() -> None:
    reading = VitalSigns(systolic_bp=70)
    early = by_hand(of_patient(VitalSignsRecorded, 29, method="reading", vitals=reading))
    run = changed("decision 4", with_fields(worst=TriageLevel.CRITICAL))
    run = changed("decision 4", with_fields(folded=(f"{HANDLE}.aspirin", HAND)), run)
    place = next(n for n, h in enumerate(run) if isinstance(h, Read) and h.name == "decision 4")
    result = found([*run[:place], early, *run[place:]])
    assert result["unknowable"] == ["1 patients observed by humans at boards: what that proves"]
    found(run, wrong_level=1)


def test_a_level_falls_with_what_a_human_has_taken_back_and_to_nothing_else() -> None:
    about = {"observation": "vitals", "observation_id": f"{HANDLE}.4", "retracted_by": "doctor-2"}
    back = by_hand(of_patient(ObservationRetracted, 54, reason="artefact", **about))
    told = decision(54.02, 7, "severe", "7")
    named = with_fields(folded=(f"{HANDLE}.7", HAND))(told)
    found(before_the_end(back, named, *both(54.05, 6, "severe", 7)))
    lower = with_fields(worst=TriageLevel.URGENT)(named)
    found(before_the_end(back, lower), wrong_level=1)


# -- what two do -----------------------------------------------------------------------------


def twice(first: str, second: str) -> Run:
    """The city and somebody else have acknowledged."""
    run = changed("Acknowledged", with_fields(event_id=first))
    place = next(n for n, h in enumerate(run) if isinstance(h, Read) and h.name == "Acknowledged")
    return [
        *run[: place + 1],
        with_fields(event_id=second)(of_patient(handoff.Acknowledged, 44, **AT_F1)),
        *run[place + 1 :],
    ]


CITY, MADE = f"{HANDLE}.acknowledged", derived_id("acknowledged", ENCOUNTER)


@pytest.mark.parametrize("ids", [(CITY, HAND), (HAND, CITY), (HAND, OTHER)])
def test_what_a_human_does_too_is_counted_apart(ids: tuple[str, str]) -> None:
    assert found(twice(*ids))["by_hand"]["done_by_both"] == 1


@pytest.mark.parametrize("ids", [(CITY, MADE), (HAND, MADE), (MADE, HAND), (CITY, f"{CITY}-2")])
def test_what_a_service_made_of_one_act_twice_is_doubled(ids: tuple[str, str]) -> None:
    found(twice(*ids), duplicated=1)


# -- after an end ----------------------------------------------------------------------------


def signed_early(*after: Happening) -> Run:
    """At 53 somebody at a board signs for both, and care is handed over."""
    transferred = of_patient(handoff.CareTransferred, 53, handed_over_by="doctor", **AT_F1)
    return before_the_end(
        by_hand(of_patient(handoff.HandoverSigned, 53, side="received", **AT_F1)),
        by_hand(of_patient(handoff.HandoverSigned, 53, side="gave", **AT_F1), OTHER),
        with_fields(event_id=derived_id("transferred", ENCOUNTER))(transferred),
        *after,
    )


def refused(t: float, *ids: str, status: int = 404) -> Told:
    return Told(truth.Refused(t=BASE + t, ids=[f"{HANDLE}.{id_}" for id_ in ids], status=status))


def test_samples_that_are_refused_after_a_human_has_handed_over_are_counted_apart() -> None:
    sent, _ = told_samples(54, 6, 8, 9)
    result = found(signed_early(sent, refused(57, "8", "9")))
    assert (result["refused"], result["by_hand"]["refused"]) == (0, 2)


def test_a_sample_that_is_refused_and_was_sent_before_is_a_refusal() -> None:
    early, _ = told_samples(52.5, 6, 8)
    late, _ = told_samples(54, 7, 9)
    result = found(signed_early(early, late, refused(57, "8", "9")))
    assert (result["refused"], result["by_hand"]["refused"]) == (1, 1)
    assert [each["id"] for each in result["findings"]] == [f"{HANDLE}.8"]


@pytest.mark.parametrize("status", [422, 500])
def test_what_no_act_of_a_human_explains_is_a_refusal(status: int) -> None:
    sent, _ = told_samples(54, 6, 8)
    result = found(signed_early(sent, refused(57, "8", status=status)))
    assert (result["refused"], result["by_hand"]["refused"]) == (1, 0)


def test_samples_that_are_refused_though_no_human_handed_over_are_a_refusal() -> None:
    sent, _ = told_samples(54, 6, 8)
    assert found(before_the_end(sent, refused(57, "8")))["refused"] == 1


def test_an_act_that_a_human_was_faster_with_is_refused_as_it_has_to_be() -> None:
    act, _ = told_act(54, "arrived", "arrival", about={"facility_id": "F-001"})
    come = by_hand(of_patient(handoff.PatientArrived, 53, **AT_F1))
    for faster in (before_the_end(come, act), signed_early(act)):
        result = found([*faster, refused(54.1, "arrived", status=409)])
        assert (result["refused"], result["by_hand"]["refused"]) == (0, 1)
    result = found([*before_the_end(act), refused(54.1, "arrived", status=409)])
    assert (result["refused"], result["by_hand"]["refused"]) == (1, 0)


def test_who_signs_says_when_that_was_and_by_that_a_sample_is_judged() -> None:
    """The signature is recorded after whoever gives it has shown who they are."""
    sent, _ = told_samples(54, 6, 8)
    recorded = changed(
        "CareTransferred", with_fields(recorded_at=at(55)), signed_early(sent, refused(57, "8"))
    )
    result = found(recorded)
    assert (result["refused"], result["by_hand"]["refused"]) == (0, 1)


def test_an_admission_at_the_boarding_that_a_human_has_entered_is_right() -> None:
    boarded = by_hand(of_patient(encounter.PatientBoarded, 45, unit_id="U-1"))
    admission = handoff.Admission(admission_number="GC-20261122-0001", admitted_at=at(45))
    opened = changed("AdmissionOpened", with_fields(admission=admission))
    place = next(
        n for n, h in enumerate(opened) if isinstance(h, Read) and h.name == "Acknowledged"
    )
    run = [*opened[: place + 1], boarded, *opened[place + 1 :]]
    again = with_fields(event_id=f"{HANDLE}.boarded")
    found(changed("PatientBoarded", lambda h: again(h) if h.t > 46 else h, run))
    found(opened, wrong_admission=1)


def test_what_comes_after_a_human_has_handed_over_need_not_be_shown() -> None:
    later = told_samples(54, 6, 8, acting="critical")
    found(signed_early(*later, vital(54, 8, 36), decision(54.02, 7, "critical", "7", "8")))


# -- elsewhere -------------------------------------------------------------------------------


def test_a_hospital_that_a_human_has_chosen_is_no_wrong_one() -> None:
    chosen = of_patient(
        encounter.DestinationSelected, 53, facility_id="F-002", selected_by="dispatcher-2"
    )
    told = both(53.1, 6, "critical", 6, "F-002")
    run = before_the_end(by_hand(chosen), *told)
    assert found(run)["by_hand"]["acts"] == 1
    found(swap(run, "DestinationSelected", "emergency 6"))
    found(before_the_end(*told), wrong_facility=3)
    found(before_the_end(chosen, *told), wrong_facility=3)
