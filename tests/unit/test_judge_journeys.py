"""The judge follows patients: to another hospital, out of the ambulance again, and two at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from schemas import encounter, handoff, incident
from schemas.clinical import (
    LevelOverridden,
    ObservationReattributed,
    VitalSigns,
    VitalSignsRecorded,
)
from schemas.encounter import Outcome, Patient
from schemas.triage import Centre, TriageDecided, TriageLevel
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
    opening,
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


def test_it_proves_it_however_old_it_was_when_it_was_given() -> None:
    assert found(received("critical", at_second=41 + 121))
    assert found(received("not_yet", at_second=41 + 121), wrong_level=1)


# -- what is taken back ----------------------------------------------------------------------


def given_back(worst: str, *, takes: Sequence[str] = (f"{HANDLE}.4",), folds: bool = True) -> Run:
    """At 55 the sample that proved critical is taken back: severe is proven by what is left."""
    about: dict[str, Any] = {"about": {"to_encounter_id": "E-2"}}
    took = {"device_id": "M-1", "since": at(10), "until": at(55), "reported_by": "crew-1"}
    named = ("7", "given_back") if folds else ("7",)
    return [
        *good_run()[:-2],
        *one_more(53),
        *told_act(55, "given_back", "reattribution", takes_back=takes, **about),
        clinical(ObservationReattributed, 55, "given_back", to_encounter_id="E-2", **took),
        decision(55.02, 7, worst, *named),
        *both(55.05, 6, worst, 7),
        *ended(),
    ]


def test_a_level_falls_with_what_had_proven_it_to_what_is_left() -> None:
    assert found(given_back("severe"))


@pytest.mark.parametrize("worst", ["critical", "urgent", "not_yet"])
def test_it_falls_to_nothing_else_and_does_not_stay(worst: str) -> None:
    assert found(given_back(worst), wrong_level=2), "the decision, and the record that shows it"


def test_it_does_not_fall_before_that_is_taken_in() -> None:
    early = [h for h in given_back("severe", folds=False) if isinstance(h, Told)
             or h.name != "given_back"]  # fmt: skip
    assert count(early)["ground_truth"]["wrong_level"] == 2


def test_it_does_not_fall_by_samples_that_had_proven_nothing() -> None:
    assert found(given_back("critical", takes=()))
    assert found(given_back("severe", takes=()), wrong_level=2)
    assert found(given_back("critical", takes=(f"{HANDLE}.3",)))


def mildest(*levels: str) -> Run:
    """All was measured and nothing was beyond a limit; then samples that prove critical, which were
    another's. The decisions from then on."""
    about: dict[str, Any] = {"about": {"to_encounter_id": "E-2"}}
    took = {"device_id": "M-1", "since": at(10), "until": at(30), "reported_by": "crew-1"}
    run = [
        *opening(),
        *told_act(20, "first_reading", "reading", level="non_urgent"),
        clinical(VitalSignsRecorded, 20, "first_reading", method="reading", vitals=VitalSigns()),
        decision(20.02, 1, "non_urgent", "first_reading"),
        *told_samples(22, 1, 1, acting="critical"),
        vital(22, 1, 36),
        decision(22.02, 2, "critical", "1"),
        *one_more(25),
        *told_act(30, "given_back", "reattribution", takes_back=[f"{HANDLE}.1"], **about),
        clinical(ObservationReattributed, 30, "given_back", to_encounter_id="E-2", **took),
    ]
    for number, worst in enumerate(levels, 3):
        if number > 3:
            run += [*told_samples(30.0 + number, number, number), vital(30.0 + number, number)]
        named = "given_back" if number == 3 else str(number)
        run.append(decision(30.02 + number, number, worst, named))
    return with_acting([*run, *ended()], destined=False)


@pytest.mark.parametrize(
    ("levels", "wrong"),
    [
        (["non_urgent", "non_urgent"], 0),
        (["not_yet", "not_yet"], 0),
        (["not_yet", "non_urgent"], 0),
        (["non_urgent", "not_yet"], 1),
        (["not_yet", "non_urgent", "not_yet"], 1),
        (["urgent", "not_yet"], 1),
        (["critical", "critical"], 2),
    ],
)
def test_the_mildest_level_is_said_again_where_nothing_is_missing_now(
    levels: list[str], wrong: int
) -> None:
    assert found(mildest(*levels), wrong_level=wrong)


def test_a_record_shows_the_level_that_its_decision_says() -> None:
    stale = [h if isinstance(h, Told) or h.name != "emergency 6"
             else prearrival(55.05, 6, "critical", 7, Centre.EMERGENCY)
             for h in given_back("severe")]  # fmt: skip
    assert found(stale, wrong_level=1)


# -- what nobody knows, and what comes late --------------------------------------------------


def with_acting(run: Run, **how: Any) -> Run:
    """The run in which the sample that proves critical is on the edge, or of a gap."""

    def said(happening: Happening) -> Happening:
        if not isinstance(happening, Told) or not isinstance(happening.line, truth.SamplesSent):
            return happening
        marks = [mark._replace(**how) for mark in happening.line.acting]
        return Told(replace(happening.line, acting=marks))

    return [said(happening) for happening in run]


def shown_as(worst: str) -> Run:
    """The good run, but for the level from the sample on that may prove critical."""
    return [h if isinstance(h, Told) or h.t < 41 else _showing(h, worst) for h in good_run()]


def _showing(happening: Happening, worst: str) -> Happening:
    if isinstance(happening, Feed):
        return replace(happening, worst=worst)
    assert isinstance(happening, Read)
    if isinstance(happening.event, TriageDecided):
        return with_fields(worst=TriageLevel(worst))(happening)
    if not isinstance(happening.event, handoff.PreArrivalNotified):
        return happening
    record = happening.event.record.model_copy(update={"worst": TriageLevel(worst)})
    return with_fields(record=record)(happening)


@pytest.mark.parametrize(("worst", "wrong"), [("critical", 0), ("severe", 0), ("urgent", 5)])
def test_a_sample_on_the_edge_may_prove_its_level_or_not(worst: str, wrong: int) -> None:
    assert found(with_acting(shown_as(worst), sure=False), wrong_level=wrong)


def test_a_record_may_not_differ_from_the_decision_for_that() -> None:
    run = with_acting(shown_as("severe"), sure=False)
    assert found(changed("emergency 3", lambda h: _showing(h, "critical"), run), wrong_level=1)


def test_a_sample_of_a_gap_is_told_with_the_next_decision_and_not_before_it_is_due() -> None:
    at_once = {"vital 3": 34.0, "vital 4": 34.5}  # decision 4 was made at 30
    run = [replace(h, appended=at_once.get(h.name, h.appended)) if isinstance(h, Read) else h
           for h in [*without("decision 5", up_to(41.055)), *ended()]]  # fmt: skip
    assert found(with_acting(run, of_gap=True))
    assert found(run, lost=1)
    due = changed("vital 4", lambda v: replace(v, appended=36.6), run)
    assert found(with_acting(due, of_gap=True), lost=1)


# -- what is said of a patient before anybody has seen them -----------------------------------


SAMPLE, OPENING = "sample", "opening"


def by_complaint(decisions: Sequence[tuple[str, str]]) -> Run:
    """By what the caller says the patient is severe. Decisions, each with its level and cause."""
    run = [replace(h, line=replace(h.line, first_level="severe"))
           if isinstance(h, Told) and isinstance(h.line, truth.EncounterBegan) else h
           for h in opening()]  # fmt: skip
    for number, (worst, cause) in enumerate(decisions, 1):
        t, because = 10.0 + number, "opened"
        folded: tuple[str, ...] = ()
        if cause == SAMPLE:
            run += [*told_samples(t, number, number), vital(t, number)]
            folded, because = (str(number),), f"{HANDLE}.{number}"
        run.append(with_fields(cause=because)(decision(t + 0.02, number, worst, *folded)))
    return [*run, *ended()]


@pytest.mark.parametrize(
    ("decisions", "says"),
    [
        pytest.param([("severe", OPENING), ("severe", SAMPLE)], {}, id="as it should"),
        pytest.param([("not_yet", OPENING)], {"wrong_level": 1}, id="the complaint is passed over"),
        pytest.param(
            [("not_yet", SAMPLE), ("severe", OPENING), ("severe", SAMPLE)],
            {},
            id="a sample was heard first",
        ),
        pytest.param(
            [("severe", OPENING), ("not_yet", SAMPLE)], {"wrong_level": 1}, id="it is forgotten"
        ),
        pytest.param([("critical", SAMPLE)], {"wrong_level": 1, "lost": 1}, id="more than is said"),
        pytest.param([("not_yet", SAMPLE)], {"lost": 1}, id="triage never hears of the patient"),
    ],
)
def test_the_first_level_is_due_once_triage_has_heard_of_the_patient(
    decisions: list[tuple[str, str]], says: dict[str, int]
) -> None:
    assert found(by_complaint(decisions), **says)
    early = moved(by_complaint(decisions), "IncidentOpened", before="EncounterOpened")
    assert found(early, **says), "all that follows was read before the call was answered"


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
