"""The judge follows patients: to another hospital, out of the ambulance again, and two at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from schemas import encounter, handoff, incident
from schemas.clinical import LevelOverridden, ObservationReattributed
from schemas.encounter import Outcome, Patient
from schemas.triage import Centre, TriageLevel
from simulator import truth
from simulator.reading import read_item
from simulator.report import report
from tests.good_run import (
    BASE,
    ENCOUNTER,
    HANDLE,
    NOTHING,
    Feed,
    Happening,
    Read,
    Run,
    Told,
    at,
    both,
    changed,
    clinical,
    count,
    decision,
    good_run,
    happened,
    judged,
    of_patient,
    prearrival,
    told_act,
    told_samples,
    vital,
    with_fields,
    without,
)

OTHER = {"id": "r1-2.call", "handle": "r1-2"}
NUMBER = handoff.Admission(admission_number="GC-20261122-0001", admitted_at=at(46))


def up_to(t: float) -> Run:
    """The good run, as far as it had come by then."""
    return [h for h in good_run() if (h.line.t - BASE if isinstance(h, Told) else h.t) < t]


def ended() -> Run:
    return [
        Told(truth.EncounterOver(t=BASE + 58, handle=HANDLE)),
        Told(truth.Ended(t=BASE + 61)),
    ]


def withdrawal(t: float, facility: str, centre: Centre) -> Read:
    event = handoff.PreArrivalWithdrawn(
        event_id=f"W-{facility}-{centre.value}",
        occurred_at=at(t),
        encounter_id=ENCOUNTER,
        facility_id=facility,
        centre=centre,
    )
    return Read("withdrawal", t + 0.05, event, t + 0.04)


def left(t: float, facility: str) -> Run:
    return [withdrawal(t, facility, centre) for centre in (Centre.EMERGENCY, Centre.CHEST_PAIN)]


def found(run: Sequence[Happening], **says: int) -> bool:
    """Whether this is what the judge says, and nothing else."""
    result = count(run)
    assert result["ground_truth"] == {**NOTHING, **says}, result["findings"]
    assert len(result["findings"]) == sum(says.values())
    return True


# -- to another hospital ---------------------------------------------------------------------


def redirected() -> Run:
    """Aboard and known to F-001 by four versions; then bound for F-002, which is told two more."""
    bound: dict[str, Any] = {
        "about": {"facility_id": "F-002"},
        "facility": "F-001",
        "boarded": True,
    }
    return [
        *up_to(46.9),
        *told_act(50, "redirected", "destination", **bound),
        of_patient(encounter.DestinationSelected, 50, facility_id="F-002", selected_by="d"),
        *left(50.02, "F-001"),
        *both(50.05, 5, "critical", 5, "F-002"),
        *told_samples(52, 4, 5, 6),
        vital(52, 5),
        vital(52, 6),
        decision(52.02, 6, "critical", "5", "6"),
        *both(52.1, 6, "critical", 6, "F-002"),
        *ended(),
    ]


def moved(run: Run, name: str, before: str) -> Run:
    """The run with one reading taken in earlier or later: topics are read side by side."""
    names = [None if isinstance(h, Told) else h.name for h in run]
    one = run[names.index(name)]
    rest = [h for h in run if h is not one]
    place = next(i for i, h in enumerate(rest) if not isinstance(h, Told) and h.name == before)
    return [*rest[:place], one, *rest[place:]]


def to(facility: str, name: str) -> Run:
    """The redirected run with one record sent to this facility instead."""
    return changed(name, with_fields(facility_id=facility), redirected())


def test_a_redirected_patient_is_no_finding() -> None:
    assert found(redirected())
    result = count(redirected())
    assert (result["prearrivals"]["emergency"], result["redelivered"]) == (6, 0)


def test_what_was_on_its_way_to_the_hospital_before_is_no_stray() -> None:
    assert found(moved(redirected(), "emergency 4", before="emergency 6"))
    assert found(moved(redirected(), "chest_pain 4", before="feed 6"))


@pytest.mark.parametrize("centre", ["emergency", "chest_pain"])
def test_a_later_version_at_the_hospital_before_is_a_stray(centre: str) -> None:
    assert found(to("F-001", f"{centre} 6"), wrong_facility=1)


@pytest.mark.parametrize("centre", ["emergency", "chest_pain"])
def test_it_is_one_too_when_it_is_read_before_the_first_of_the_next(centre: str) -> None:
    run = moved(to("F-001", f"{centre} 6"), f"{centre} 6", before="emergency 5")
    assert found(run, wrong_facility=1)


def test_every_version_that_still_goes_to_the_hospital_before_is_a_stray() -> None:
    late = prearrival(53, 7, "critical", 6, Centre.EMERGENCY)
    later = prearrival(54, 8, "critical", 6, Centre.EMERGENCY)
    assert found([*redirected(), late, later, late], wrong_facility=2)


@pytest.mark.parametrize("name", ["emergency 2", "emergency 6", "chest_pain 5"])
def test_a_hospital_that_nobody_chose_is_told_nothing(name: str) -> None:
    assert found(to("F-003", name), wrong_facility=1)


def test_a_feed_shows_who_comes_and_until_when_and_nobody_else() -> None:
    late = Feed("late", 53, "F-001", 4, "critical")
    assert found([*redirected(), late])
    assert found([*redirected(), replace(late, version=6)], wrong_facility=1)
    assert found([*redirected(), replace(late, facility="F-003")], wrong_facility=1)


def test_a_feed_that_says_that_nobody_comes_shows_nobody() -> None:
    gone = {"facility_id": "F-001", "encounter_id": ENCOUNTER, "version": 6, "record": None}
    verdict = judged(redirected())
    verdict.read(read_item(gone, BASE + 54))
    assert report(verdict, BASE + 80)["ground_truth"] == NOTHING
    verdict.read(read_item({**gone, "facility_id": "F-003"}, BASE + 54))
    assert report(verdict, BASE + 80)["ground_truth"] == {**NOTHING, "wrong_facility": 1}


def test_a_feed_that_was_away_need_not_show_who_came_and_went() -> None:
    gone = {"facility_id": "F-001", "encounter_id": ENCOUNTER, "version": 5, "record": None}
    for run, comes in ((refused(boarded=True), False), (good_run(), True)):
        unseen = [h for h in run if not isinstance(h, Feed)]
        assert count(unseen)["ground_truth"] == {**NOTHING, "lost": 1}
        verdict = judged(unseen)
        verdict.read(read_item(gone, BASE + 54))
        assert report(verdict, BASE + 80)["ground_truth"] == {**NOTHING, "lost": int(comes)}


def test_the_hospital_before_must_be_told_that_nobody_comes() -> None:
    assert found(without("withdrawal", redirected()), lost=1)


def test_the_next_hospital_must_be_told_in_its_queue_and_on_its_feed() -> None:
    for record in ("emergency", "feed"):
        run = without(f"{record} 6", without(f"{record} 5", redirected()))
        kept = [h for h in run if isinstance(h, Told) or h.name != "chest_pain 6"]
        assert found(kept, lost=1)


def test_two_hospitals_may_acknowledge_and_none_of_them_twice() -> None:
    signed = {"facility_id": "F-002", "staff_id": "nurse"}
    about: dict[str, Any] = {"about": {"facility_id": "F-002"}, "facility": "F-002"}
    there = of_patient(handoff.Acknowledged, 54, **signed)
    run = [*redirected(), *told_act(54, "acknowledged_at_F-002", "acknowledgement", **about)]
    assert found([*run, there])
    assert count([*run, there])["acknowledged"] == 2
    assert found(run, lost=1)
    other_id = with_fields(event_id="K-2")(there)
    assert found([*run, there, replace(other_id, t=55)], duplicated=1)
    assert count([*run, there, there])["redelivered"] == 1


# -- out of the ambulance again --------------------------------------------------------------


def refused(facility: str = "F-001", *, boarded: bool) -> Run:
    """Bound for F-001, with or without being aboard, a patient will not go."""
    told: dict[str, Any] = {
        "about": {"outcome": "refused_transport"},
        "facility": facility,
        "boarded": boarded,
    }
    cancelled = of_patient(
        handoff.AdmissionCancelled,
        50,
        admission=NUMBER,
        facility_id="F-001",
        because=Outcome.REFUSED_TRANSPORT,
    )
    return [
        *up_to(46.9 if boarded else 45.9),
        *told_act(50, "refused", "outcome", **told),
        of_patient(encounter.EncounterEnded, 50, outcome=Outcome.REFUSED_TRANSPORT),
        *left(50.02, "F-001"),
        *([cancelled] if boarded else []),
        *ended(),
    ]


@pytest.mark.parametrize("boarded", [True, False])
def test_who_will_not_go_is_withdrawn(boarded: bool) -> None:
    assert found(refused(boarded=boarded))
    assert found(without("withdrawal", refused(boarded=boarded)), lost=1)
    assert found(without("EncounterEnded", refused(boarded=boarded)), lost=1)


def test_where_nobody_was_told_nobody_is_told_otherwise() -> None:
    assert found(without("withdrawal", refused(facility="", boarded=False)))


def test_who_was_aboard_has_an_admission_that_must_be_cancelled() -> None:
    assert found(without("AdmissionCancelled", refused(boarded=True)), lost=1)


@pytest.mark.parametrize("outcome", ["transported", "died_en_route"])
def test_who_still_comes_stays_admitted_and_in_the_queue(outcome: str) -> None:
    told: dict[str, Any] = {"about": {"outcome": outcome}, "facility": "F-001", "boarded": True}
    over = of_patient(encounter.EncounterEnded, 50, outcome=outcome)
    assert found([*up_to(46.9), *told_act(50, "brought", "outcome", **told), over, *ended()])


# -- a triage that is behind ------------------------------------------------------------------


def late(happened: float, decided: float) -> Read:
    """The decision on the critical sample of second 41."""
    made = decision(happened, 5, "critical", "3", "4")
    return replace(made, t=decided + 0.03, appended=decided + 0.02)


def gone(decided: Read, *over: Happening) -> Run:
    """The decision is shown nowhere, and at second 47 the patient goes."""
    in_turn = [decided, *over] if decided.t < 47 else [*over, decided]
    return [*without("decision 5", up_to(41.055)), *in_turn, *ended()]


def handed_over(happened: float, decided: float) -> Run:
    bound: dict[str, Any] = {"about": {"facility_id": "F-001"}, "facility": "F-001"}
    signed = {"facility_id": "F-001", "staff_id": "nurse", "handed_over_by": "crew"}
    return gone(
        late(happened, decided),
        *told_act(47, "transferred", "transfer", **bound),
        of_patient(handoff.CareTransferred, 47, **signed),
    )


def test_what_happens_after_the_handover_is_told_to_nobody() -> None:
    assert found(handed_over(47.1, 47.2))


@pytest.mark.parametrize("decided", [41.1, 46.9, 47.1, 57])
def test_what_happened_before_it_is_owed_however_late_it_was_decided(decided: float) -> None:
    assert found(handed_over(41.02, decided), lost=1)


@pytest.mark.parametrize(("decided", "says"), [(46, {"lost": 1}), (48, {})])
def test_who_was_withdrawn_is_told_of_no_more(decided: float, says: dict[str, int]) -> None:
    told: dict[str, Any] = {"about": {"outcome": "refused_transport"}, "facility": "F-001"}
    over = of_patient(encounter.EncounterEnded, 47, outcome=Outcome.REFUSED_TRANSPORT)
    refused = told_act(47, "refused", "outcome", **told)
    run = gone(late(41.02, decided), *refused, over, *left(47.02, "F-001"))
    assert found(run, **says)


# -- two at once -----------------------------------------------------------------------------


def one_more(t: float, **call: str) -> Run:
    """A second patient: of the first one's call, or of another."""
    began = truth.EncounterBegan(
        t=BASE + t,
        **(call or OTHER),
        encounter_id="E-2",
        story="two_unknown",
        first_level="not_yet",
        centres=["emergency"],
    )
    opened = {"encounter_id": "E-2", "incident_id": "I-1", "patient": Patient()}
    return [Told(began), happened(encounter.EncounterOpened, t, **opened)]


def of_one_call() -> Run:
    run = up_to(1.5)
    return [*run, *one_more(1, id=f"{HANDLE}.call", handle="r1-2"), Told(truth.Ended(t=BASE + 61))]


def test_two_patients_of_one_call_await_one_incident() -> None:
    assert found(of_one_call())
    result = count(of_one_call())
    assert (result["incidents"], result["encounters"]) == (1, 2)
    assert found(without("IncidentOpened", of_one_call()), lost=1)


def test_each_of_two_patients_must_be_opened() -> None:
    *run, opened, end = of_one_call()
    assert isinstance(opened, Read)
    assert found([*run, end], lost=1)
    assert found([*run, opened, replace(opened, t=2.0), end])
    other_id = with_fields(event_id="O-2")(opened)
    assert found([*run, opened, other_id, end], duplicated=1)


def merged() -> Run:
    """A second call turns out to be the first one's: the patient presumed there was none."""
    about: dict[str, Any] = {"about": {"encounter_id": "E-2", "incident_id": "I-2", "into": "I-1"}}
    call = {"call": incident.Call(), "classification": "emergency", "encounter_ids": ("E-2",)}
    where = incident.Location(latitude=34.2, longitude=117.28)
    return [
        *good_run()[:-1],
        Told(truth.IncidentBegan(t=BASE + 53, **OTHER, incident_id="I-2")),
        *one_more(53),
        happened(incident.IncidentOpened, 53, incident_id="I-2", location=where, **call),
        *told_act(54, "merged", "merge", handle="r1-2", **about),
        happened(incident.IncidentMerged, 54, incident_id="I-2", into="I-1"),
        happened(encounter.EncounterEnded, 54, encounter_id="E-2", outcome=Outcome.MERGED),
        good_run()[-1],
    ]


def test_a_call_that_is_merged_ends_its_presumed_patient() -> None:
    assert found(merged())
    assert count(merged())["incidents"] == 2
    assert found(without("EncounterEnded", merged()), lost=1)
    assert found(without("IncidentMerged", merged()), lost=1)


def asked() -> Run:
    """A clinic has seen a patient, and asks for the transfer: an incident follows from that."""
    requested = {
        "incident_id": "I-2",
        "from_facility_id": "T-001",
        "requested_by": "doctor",
        "consent": "given",
    }
    call = {"call": incident.Call(), "classification": "emergency", "encounter_ids": ("E-2",)}
    where = incident.Location(latitude=34.2, longitude=117.28)
    known = truth.IncidentBegan(t=BASE + 54, id="r1-2.asked", handle="r1-2", incident_id="I-2")
    act, yes = told_act(
        54, "asked", "transfer_request", handle="r1-2", about={"encounter_id": "E-2"}
    )
    return [
        *good_run()[:-1],
        *one_more(53, id="r1-2.walked_in", handle="r1-2"),
        act,
        happened(
            encounter.EmergencyTransferRequested, 54, encounter_id="E-2", **requested
        ),
        happened(incident.IncidentOpened, 54, incident_id="I-2", location=where, **call),
        Told(known),
        yes,
        good_run()[-1],
    ]  # fmt: skip


def test_a_request_for_transfer_opens_an_incident() -> None:
    assert found(asked())
    assert count(asked())["incidents"] == 2


@pytest.mark.parametrize("name", ["EmergencyTransferRequested", "IncidentOpened"])
def test_a_request_and_its_incident_are_owed_each(name: str) -> None:
    first = next(h for h in good_run() if isinstance(h, Read) and h.name == "IncidentOpened")
    run = [h for h in asked() if not isinstance(h, Read) or h.name != name or h == first]
    assert found(run, lost=1)


def test_an_incident_may_be_read_before_and_after_it_is_known_who_asked() -> None:
    run = asked()
    known = next(h for h in reversed(run) if isinstance(h, Told) and _is_incident(h.line))
    rest = [h for h in run if h is not known]
    for place in (len(good_run()) + 2, len(rest)):
        assert found([*rest[:place], known, *rest[place:]])


def _is_incident(line: truth.TruthLine) -> bool:
    return isinstance(line, truth.IncidentBegan)


# -- levels that a clinician sets, samples that are given away -------------------------------


def lowered() -> Run:
    """At 54 a clinician says urgent, where critical was due."""
    told = told_act(54, "lowered", "level", level="urgent", sets=True)
    set_to = {"level": "urgent", "reason": "x", "overridden_by": "crew-1", "role": "crew"}
    return [
        *good_run()[:-2],
        *told,
        clinical(LevelOverridden, 54, "lowered", **set_to),
        decision(54.02, 7, "urgent", "7", "lowered"),
        *both(54.05, 6, "urgent", 7),
        *told_samples(56, 6, 8),
        vital(56, 8),
        decision(60.02, 8, "urgent", "8"),
        *both(60.05, 7, "urgent", 8),
        *ended(),
    ]


def test_a_level_that_a_clinician_has_lowered_is_due_from_then_on() -> None:
    assert found(lowered())
    unread = [
        h for h in without("lowered", lowered()) if isinstance(h, Told) or h.name != "decision 7"
    ]
    assert count(unread)["ground_truth"]["lost"] > 0


@pytest.mark.parametrize("level", [TriageLevel.CRITICAL, TriageLevel.NON_URGENT])
@pytest.mark.parametrize("name", ["decision 7", "decision 8"])
def test_any_other_level_after_it_is_wrong(name: str, level: TriageLevel) -> None:
    assert found(changed(name, with_fields(worst=level), lowered()), wrong_level=1)


def test_a_level_that_fell_before_a_clinician_set_it_is_wrong() -> None:
    early = changed("decision 6", with_fields(worst=TriageLevel.URGENT), lowered())
    assert found(early, wrong_level=1)


def test_the_same_level_is_no_order_to_lower_it_when_it_is_merely_proven() -> None:
    run = [replace(h, line=_proves(h.line)) if isinstance(h, Told) else h for h in lowered()]
    assert count(run)["ground_truth"]["wrong_level"] > 0


def _proves(line: truth.TruthLine) -> truth.TruthLine:
    return replace(line, sets=False) if isinstance(line, truth.ActSent) else line


def test_a_lowered_level_must_reach_the_queue_of_the_destination() -> None:
    act = told_act(54, "lowered", "level", level="urgent", sets=True, facility="F-001")
    run = [act[0] if _is_the_level(h) else h for h in lowered()]
    assert found(run)
    shown = [
        h for h in run if not isinstance(h, Read) or not h.name.startswith(("emerg", "chest"))
        or h.t < 54
    ]  # fmt: skip
    assert count(shown)["ground_truth"]["lost"] == 1


def _is_the_level(happening: Happening) -> bool:
    if not isinstance(happening, Told) or not isinstance(happening.line, truth.ActSent):
        return False
    return happening.line.act == "level"


def swapped(*, given: bool, seen: bool = True) -> Run:
    """A sample of the first patient stands under the second; ``seen``: under the first too."""
    about: dict[str, Any] = {"about": {"to_encounter_id": "E-2"}}
    took = {"device_id": "M-1", "since": at(10), "until": at(55), "reported_by": "crew-1"}
    back = [
        *told_act(55, "given_back", "reattribution", **about),
        clinical(ObservationReattributed, 55, "given_back", to_encounter_id="E-2", **took),
        decision(55.02, 7, "critical", "given_back"),  # sample 7 may wait: nothing is new in it
    ]
    theirs = vital(51, 7).event.model_copy(update={"encounter_id": "E-2"})
    run: list[Happening] = [*good_run()[:-2], *one_more(53), *(back if given else [])]
    kept = [h for h in run if seen or isinstance(h, Told) or h.name != "vital 7"]
    return [*kept, Read("astray", 56, theirs, 55.9), *ended()]


def test_a_sample_that_was_given_to_another_patient_is_no_loss() -> None:
    assert found(swapped(given=True))
    decided = changed(
        "decision 7", with_fields(folded=_ids("7", "given_back")), swapped(given=True)
    )
    assert found(decided)


def _ids(*names: str) -> tuple[str, ...]:
    return tuple(f"{HANDLE}.{name}" for name in names)


def received(level: str, *, given: bool = True, at_second: float = 56.0) -> Run:
    """The second patient is given the sample that proved critical for the first."""
    run = swapped(given=given)[: -len(ended())]
    first = decision(at_second, 1, level, "4")
    event = first.event.model_copy(update={"encounter_id": "E-2", "event_id": "D-1 of E-2"})
    return [*run, replace(first, event=event), *ended()]


def test_a_sample_that_was_given_proves_for_who_got_it_what_it_had_proven() -> None:
    assert found(received("critical"))
    assert found(received("not_yet"), wrong_level=1)
    assert found(received("severe"), wrong_level=1)


def test_a_sample_that_was_too_old_when_it_was_given_proves_nothing_any_more() -> None:
    assert found(received("not_yet", at_second=41 + 121))


def test_a_sample_that_nobody_gave_proves_nothing_for_another() -> None:
    assert count(received("not_yet", given=False))["ground_truth"]["wrong_level"] == 0
    assert count(received("critical", given=False))["ground_truth"]["wrong_level"] == 1


def test_a_sample_that_nobody_gave_away_is_lost_and_said() -> None:
    result = count(swapped(given=False, seen=False))
    assert result["ground_truth"] == {**NOTHING, "lost": 1}
    assert "it went to another patient" in result["findings"][0]["finding"]


def test_a_sample_that_is_given_away_must_have_been_its_own_patients_before() -> None:
    result = count(swapped(given=True, seen=False))
    assert result["ground_truth"] == {**NOTHING, "lost": 1}


def test_samples_are_given_to_one_patient_and_to_no_other() -> None:
    run = swapped(given=True, seen=False)
    third: dict[str, Any] = {"id": "r1-3.call", "handle": "r1-3"}
    more = [replace(h, line=replace(h.line, **third, encounter_id="E-3"))
            for h in one_more(53) if isinstance(h, Told)
            and isinstance(h.line, truth.EncounterBegan)]  # fmt: skip
    astray = [
        replace(h, event=h.event.model_copy(update={"encounter_id": "E-3"}))
        if isinstance(h, Read) and h.name == "astray"
        else h
        for h in run
    ]
    said = "".join(f["finding"] for f in count([*run[:-3], *more, *astray[-3:]])["findings"])
    assert "it went to another patient, r1-3" in said
