"""The judge says exactly what was done to a good run: no more, no less, nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from schemas import handoff, triage
from schemas.clinical import BackgroundTold
from schemas.triage import Centre, TriageLevel
from simulator import truth
from simulator.reading import read_item
from simulator.report import report
from tests.good_run import (
    BASE,
    ENCOUNTER,
    HANDLE,
    NOTHING,
    Happening,
    Read,
    Run,
    Told,
    again,
    at,
    changed,
    count,
    good_run,
    judged,
    later,
    lowered,
    prearrival,
    told_act,
    with_fields,
    without,
)


def test_a_good_run_has_nothing_to_say() -> None:
    result = count(good_run())
    assert result["ground_truth"] == NOTHING
    assert result["findings"] == []
    assert result["unknowable"] == []
    assert (result["late"], result["redelivered"]) == (0, 0)


def test_a_good_run_is_counted() -> None:
    result = count(good_run())
    counted = ("incidents", "encounters", "boardings", "admissions", "acknowledged")
    assert [result[name] for name in counted] == [1, 1, 1, 1, 1]
    assert result["vitals_sent"] == 8
    assert result["coalesced"] == 3
    assert result["prearrivals"] == {
        "emergency": 5,
        "chest_pain": 5,
        "stroke": 0,
        "trauma": 0,
        "maternal": 0,
        "neonatal": 0,
    }
    assert result["dispatch_within_3min"] == {"numerator": 1, "denominator": 1, "missing": 0}
    assert set(result["dead_letters"].values()) == {0}
    assert result["live_encounters"] == pytest.approx(51 / 60, abs=0.01)
    assert result["vitals_per_s"] == pytest.approx(8 / 60, abs=0.01)


def test_latencies_are_from_sending_to_reading() -> None:
    latency = count(good_run())["latency_ms"]
    assert latency["vitals_to_queue"]["n"] == 2
    assert latency["vitals_to_queue"]["p99"] == pytest.approx(100, rel=0.01)
    assert latency["vitals_to_decision"]["n"] == 4
    assert latency["boarding_to_admission"]["p50"] == pytest.approx(50, rel=0.01)


@pytest.mark.parametrize(
    ("spoiled", "says"),
    [
        pytest.param(without("vital 3"), {"lost": 1}, id="a vital is dropped"),
        pytest.param(without("aspirin"), {"lost": 1}, id="a treatment is dropped"),
        pytest.param(without("decision 4"), {"lost": 1}, id="a decision is dropped"),
        pytest.param(without("decision 6"), {"lost": 3}, id="a refresh that was due is dropped"),
        pytest.param(without("chest_pain 3"), {"lost": 1}, id="a queue record is dropped"),
        pytest.param(without("emergency 5"), {"lost": 0}, id="a last refresh may not be shown"),
        pytest.param(without("AdmissionOpened"), {"lost": 1}, id="an admission is dropped"),
        pytest.param(without("Acknowledged"), {"lost": 1}, id="an acknowledgement is dropped"),
        pytest.param(without("UnitStatusChanged"), {"lost": 1}, id="a stamp is dropped"),
        pytest.param(without("IncidentOpened"), {"lost": 1}, id="an incident is dropped"),
        pytest.param(without("EncounterOpened"), {"lost": 1}, id="an encounter is dropped"),
        pytest.param(again("vital 3"), {}, id="a vital is redelivered"),
        pytest.param(again("decision 3"), {}, id="a decision is redelivered"),
        pytest.param(again("AdmissionOpened"), {}, id="an admission is redelivered"),
        pytest.param(again("chest_pain 3"), {}, id="a queue record is redelivered"),
        pytest.param(
            again("emergency 3", event_id="P-other"), {"duplicated": 1}, id="a doubled record"
        ),
        pytest.param(
            again("decision 3", event_id="D-other"), {"duplicated": 1}, id="a doubled decision"
        ),
        pytest.param(
            again("decision 6", event_id="D-7", number=7),
            {"duplicated": 1},
            id="a sample is named in two decisions",
        ),
        pytest.param(
            again("AdmissionOpened", event_id="A-2"), {"duplicated": 1}, id="a doubled admission"
        ),
        pytest.param(again("Acknowledged", event_id="K-2"), {"duplicated": 1}, id="a doubled act"),
        pytest.param(
            changed("emergency 3", with_fields(facility_id="F-002")),
            {"wrong_facility": 1},
            id="a record is misrouted",
        ),
        pytest.param(
            again("emergency 3", event_id="P-x", facility_id="F-002"),
            {"wrong_facility": 1},
            id="a record leaks to another facility",
        ),
        pytest.param(
            changed("feed 4", lambda feed: replace(feed, facility="F-003")),
            {"wrong_facility": 1},
            id="a feed shows another's patient",
        ),
        pytest.param(changed("emergency 3", lowered), {"wrong_level": 1}, id="a lowered record"),
        pytest.param(
            changed("feed 5", lambda feed: replace(feed, worst="urgent")),
            {"wrong_level": 1},
            id="a lowered item of a feed",
        ),
        pytest.param(
            changed("decision 6", with_fields(worst=TriageLevel.URGENT)),
            {"wrong_level": 1},
            id="a lowered decision",
        ),
        pytest.param(
            changed("decision 1", with_fields(worst=TriageLevel.NON_URGENT)),
            {"wrong_level": 1},
            id="a level before its evidence",
        ),
        pytest.param(
            changed(
                "AdmissionOpened",
                with_fields(
                    admission=handoff.Admission(
                        admission_number="GC-20261122-0001", admitted_at=at(47)
                    )
                ),
            ),
            {"wrong_admission": 1},
            id="an admission at another time",
        ),
        pytest.param(
            changed("AdmissionOpened", with_fields(facility_id="F-002")),
            {"wrong_admission": 1},
            id="an admission to another facility",
        ),
        pytest.param(
            changed("AdmissionOpened", with_fields(facility_id=None)),
            {"wrong_admission": 1},
            id="an admission without the facility that was chosen",
        ),
        pytest.param(
            changed("decision 5", with_fields(folded=(f"{HANDLE}.4",))),
            {"lost": 1},
            id="a sample is left out of its decision",
        ),
    ],
)
def test_what_is_done_to_one_record_is_said_and_nothing_else(
    spoiled: Run, says: dict[str, int]
) -> None:
    result = count(spoiled)
    assert result["ground_truth"] == {**NOTHING, **says}, result["findings"]
    assert len(result["findings"]) == sum(says.values())


@pytest.mark.parametrize("name", ["vital 3", "decision 3", "emergency 2", "EncounterOpened"])
def test_the_same_id_read_twice_is_a_redelivery_counted_apart(name: str) -> None:
    assert count(again(name))["redelivered"] == 1


def test_a_misrouted_record_is_never_told_twice() -> None:
    result = count(changed("emergency 3", with_fields(facility_id="F-002")))
    assert [finding["what"] for finding in result["findings"]] == ["wrong_facility"]


def test_what_is_seen_after_ten_seconds_is_late_and_not_lost() -> None:
    result = count(changed("Acknowledged", later(10.5)))
    assert (result["late"], result["ground_truth"]["lost"]) == (1, 0)
    assert count(changed("Acknowledged", later(9.5)))["late"] == 0


def test_what_was_never_acknowledged_is_not_owed() -> None:
    for name in ("vital 5", "aspirin"):
        id_ = f"{HANDLE}.{name.removeprefix('vital ')}"
        run = [h for h in without(name) if not _acknowledges(h, id_)]
        run = [_forget_fold(h, id_) for h in run]
        assert count(run)["ground_truth"] == NOTHING


def _acknowledges(happening: Happening, id_: str) -> bool:
    if not isinstance(happening, Told) or not isinstance(happening.line, truth.Acknowledged):
        return False
    return id_ in happening.line.ids or (happening.line.batch == 4 and id_.endswith(".5"))


def _forget_fold(happening: Happening, id_: str) -> Happening:
    if isinstance(happening, Read) and isinstance(happening.event, triage.TriageDecided):
        folded = tuple(each for each in happening.event.folded if each != id_)
        return with_fields(folded=folded)(happening)
    return happening


def test_a_refused_line_is_waited_for_until_it_is_accepted() -> None:
    waiting = truth.Acknowledged(t=BASE + 51, batch=5, waiting=[f"{HANDLE}.7"])
    run = [
        Told(waiting)
        if isinstance(h, Told) and isinstance(h.line, truth.Acknowledged) and h.line.batch == 5
        else h
        for h in without("vital 7")
    ]
    assert count(run)["ground_truth"] == NOTHING
    accepted = Told(truth.Acknowledged(t=BASE + 51, ids=[f"{HANDLE}.7"]))
    assert count([*run, accepted])["ground_truth"] == {**NOTHING, "lost": 1}


def test_a_background_must_be_in_exactly_one_decision() -> None:
    told = {"event_id": f"{HANDLE}.asked", "occurred_at": at(30), "encounter_id": ENCOUNTER}
    event = BackgroundTold.model_validate({**told, "background": {"allergies": []}})
    asked = [*told_act(30, "asked", "background"), Read("asked", 30.05, event, 30.01)]
    known = good_run()
    place = next(n for n, h in enumerate(known) if isinstance(h, Read) and h.name == "decision 4")
    run = [*known[:place], *asked, *known[place:]]
    assert count(run)["ground_truth"] == NOTHING | {"lost": 1}, "in none"
    both = (f"{HANDLE}.aspirin", event.event_id)
    once = changed("decision 4", with_fields(folded=both), run)
    assert count(once)["ground_truth"] == NOTHING
    assert count(without("asked", once))["ground_truth"] == NOTHING | {"lost": 1}, "on no topic"
    again_in = (f"{HANDLE}.3", f"{HANDLE}.4", event.event_id)
    twice = changed("decision 5", with_fields(folded=again_in), once)
    assert count(twice)["ground_truth"] == NOTHING | {"duplicated": 1}


def test_a_refusal_is_not_owed_and_is_reported() -> None:
    refused = Told(truth.Refused(t=BASE + 30.1, ids=[f"{HANDLE}.aspirin"], status=422))
    run = [
        refused if _acknowledges(h, f"{HANDLE}.aspirin") else h
        for h in without("aspirin")
        if isinstance(h, Told) or h.name != "decision 4"
    ]
    run = [_renumbered(h) for h in run]
    result = count(run)
    assert result["ground_truth"] == NOTHING
    assert (result["refused"], len(result["findings"])) == (1, 1)


def _renumbered(happening: Happening) -> Happening:
    if isinstance(happening, Read) and isinstance(happening.event, triage.TriageDecided):
        number = happening.event.number
        return with_fields(number=number - (number > 4))(happening)
    return happening


def test_a_tail_for_which_a_refresh_is_due_is_lost() -> None:
    assert count(changed("vital 7", lambda v: replace(v, appended=54.53)))["ground_truth"] == {
        **NOTHING,
        "lost": 1,
    }


def test_an_acting_sample_must_be_folded_at_once() -> None:
    run = changed("decision 5", with_fields(folded=(f"{HANDLE}.3",), worst=TriageLevel.SEVERE))
    assert count(run)["ground_truth"]["lost"] == 1


def test_records_may_be_read_before_the_decision_they_show() -> None:
    run = good_run()
    place = next(i for i, h in enumerate(run) if isinstance(h, Read) and h.name == "decision 5")
    run = [*run[:place], *run[place + 1 : place + 4], run[place], *run[place + 4 :]]
    assert count(run)["ground_truth"] == NOTHING
    assert count(run)["latency_ms"]["vitals_to_queue"]["n"] == 2


def test_a_sample_may_be_read_after_the_decision_that_names_it() -> None:
    run = good_run()
    sample, named = (
        next(h for h in run if isinstance(h, Read) and h.name == name)
        for name in ("vital 3", "decision 5")
    )
    rest = [h for h in run if h is not sample]
    place = rest.index(named) + 1
    assert count([*rest[:place], sample, *rest[place:]])["ground_truth"] == NOTHING


def test_a_withdrawn_item_of_a_feed_shows_no_level() -> None:
    withdrawn = {"facility_id": "F-001", "encounter_id": ENCOUNTER, "version": 5, "record": None}
    verdict = judged(good_run())
    verdict.read(read_item(withdrawn, BASE + 70))
    assert report(verdict, BASE + 80)["ground_truth"] == NOTHING


def test_a_record_may_stand_in_the_queue_before_any_decision() -> None:
    undecided = prearrival(24.05, 1, "not_yet", 0, Centre.EMERGENCY)
    shown = with_fields(decision=None)(undecided)
    run = [shown if isinstance(h, Read) and h.name == "emergency 1" else h for h in good_run()]
    run = [h for h in run if isinstance(h, Told) or h.name not in {"chest_pain 1", "feed 1"}]
    assert count(run)["ground_truth"] == NOTHING


def test_hundreds_of_one_kind_do_not_hide_another() -> None:
    verdict = judged(good_run())
    for number in range(200):
        verdict.tally.double(f"d-{number}", "again")
    for number in range(60):
        verdict.tally.find("lost", f"l-{number}", "nowhere")
    kinds = Counter(finding["what"] for finding in report(verdict, BASE)["findings"])
    assert kinds == {"duplicated": 50, "lost": 50}
