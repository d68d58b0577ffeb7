"""The judge's books: who is in them, what is forgotten, what it cannot know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas import incident, triage, unit
from schemas.envelope import encode
from schemas.triage import Centre, TriageLevel
from simulator import truth
from simulator.case import Case, Series
from simulator.histogram import Latencies
from simulator.reading import FeedSeen, Record, read, read_item
from simulator.report import report, score
from simulator.verdict import Verdict
from tests.good_run import (
    BASE,
    ENCOUNTER,
    HANDLE,
    NOTHING,
    Happening,
    Read,
    Told,
    count,
    decision,
    good_run,
    happened,
    judged,
    record_of,
    tell_or_read,
    told_act,
    vital,
    with_fields,
    without,
)


def test_a_decision_that_was_never_read_leaves_something_unknowable() -> None:
    run = [h for h in without("decision 6") if isinstance(h, Told) or h.name != "vital 5"]
    assert "1 decisions" not in "".join(count(good_run())["unknowable"])
    assert "never read" in "".join(count(run)["unknowable"])


def test_a_number_used_twice_is_a_wrong_admission() -> None:
    verdict = judged(good_run())
    second_patient(verdict)
    opened = next(h for h in good_run() if isinstance(h, Read) and h.name == "AdmissionOpened")
    copy = opened.event.model_copy(update={"encounter_id": "E-2", "event_id": "A-2"})
    reading = read(record_of(copy, 60), BASE + 60)
    assert reading is not None
    verdict.read(reading)
    assert verdict.tally.wrong_admission == 1


def test_the_first_decision_may_be_read_before_the_call_is_answered() -> None:
    run = good_run()
    first = next(h for h in run if isinstance(h, Read) and h.name == "decision 1")
    early = replace(first, event=first.event.model_copy(update={"folded": ()}))
    late = with_fields(event_id="D-other", folded=first.event.model_dump()["folded"])
    run = [early, *(_shifted(late(h) if h is first else h) for h in run)]
    assert count(run)["ground_truth"] == NOTHING


def _shifted(happening: Happening) -> Happening:
    """A decision one number later, for one more came first."""
    if isinstance(happening, Read) and isinstance(happening.event, triage.TriageDecided):
        number = happening.event.number + 1
        return with_fields(number=number)(happening)
    return happening


def second_patient(verdict: Verdict) -> None:
    began = next(
        h.line
        for h in good_run()
        if isinstance(h, Told) and isinstance(h.line, truth.EncounterBegan)
    )
    call: dict[str, Any] = {"id": "r1-2.call", "handle": "r1-2"}
    verdict.tell(truth.IncidentBegan(t=began.t, **call, incident_id="I-2"))
    verdict.tell(replace(began, **call, encounter_id="E-2"))


def test_a_vital_that_goes_to_another_patient_is_lost_and_said() -> None:
    run = without("vital 5")
    verdict = judged(run[:1])
    second_patient(verdict)
    for happening in run[1:]:
        tell_or_read(verdict, happening)
        if isinstance(happening, Read) and happening.name == "vital 6":
            break
    astray = vital(47, 5).event.model_copy(update={"encounter_id": "E-2"})
    reading = read(record_of(astray, 47), BASE + 47.05)
    assert reading is not None
    verdict.read(reading)
    assert "another patient" in verdict.tally.findings[0]["finding"]
    assert f"{HANDLE}.5" in {item.id for item in verdict.owed()}


def test_strangers_are_kept_for_a_while_and_in_bounds() -> None:
    verdict = judged(good_run())
    for number in range(2_100):
        event = vital(60, 1).event.model_copy(update={"encounter_id": f"E-x{number}"})
        for _ in range(12 if number == 0 else 1):
            reading = read(record_of(event, 60), BASE + 60)
            assert reading is not None
            verdict.read(reading)
    assert report(verdict, BASE + 70)["ground_truth"] == NOTHING


def test_patients_of_others_are_passed_over() -> None:
    theirs = [
        replace(h, event=h.event.model_copy(update={"encounter_id": "E-9", "event_id": f"x{i}"}))
        for i, h in enumerate(good_run())
        if isinstance(h, Read) and "encounter_id" in type(h.event).model_fields
    ]
    result = count([*good_run(), *theirs])
    assert result["ground_truth"] == NOTHING
    assert (result["admissions"], result["encounters"]) == (1, 1)


def test_a_judge_that_began_late_says_what_it_cannot_know() -> None:
    result = report(judged(good_run(), started=44.0), BASE + 200)
    assert result["ground_truth"] == NOTHING
    assert "before the judge began" in result["unknowable"][0]
    assert result["latency_ms"]["vitals_to_queue"] == {
        "n": 0,
        "p50": None,
        "p95": None,
        "p99": None,
    }
    assert result["latency_ms"]["boarding_to_admission"]["n"] == 1


def test_a_restarted_simulator_owes_nothing_for_what_it_abandoned() -> None:
    run = [h for h in good_run() if not isinstance(h, Told) or not isinstance(h.line, truth.Ended)]
    sent = truth.SamplesSent(t=BASE + 53, batch=6, numbers={HANDLE: [8]})
    anew = truth.Epoch(t=BASE + 55, epoch="r2", seed=7)
    result = count([*run, Told(sent), Told(anew), Told(truth.Ended(t=BASE + 61))])
    assert result["ground_truth"] == NOTHING


def test_a_new_run_on_the_same_journal_is_counted_by_itself() -> None:
    began = truth.Epoch(t=BASE + 100, epoch="r2", seed=7)
    verdict = judged([*without("Acknowledged"), Told(began)])
    result = report(verdict, BASE + 101)
    assert result["ground_truth"] == NOTHING
    assert (result["encounters"], result["vitals_sent"], result["vitals_per_s"]) == (0, 0, None)


def test_the_running_score_calls_lost_only_what_is_older_than_thirty_seconds() -> None:
    verdict = judged(without("Acknowledged"))
    assert score(verdict, BASE + 70)["lost"] == 0
    shown = score(verdict, BASE + 74)
    assert (shown["lost"], shown["sent"], shown["arrived"]) == (1, 16, 15)


def test_a_score_without_samples_has_no_rate() -> None:
    shown = score(Verdict(BASE), BASE)
    assert (shown["p50"], shown["since"], shown["lost"]) == (None, None, 0)


def test_a_bed_that_was_not_left_is_neither_owed_nor_refused() -> None:
    *run, over, end = good_run()
    act, _ = told_act(49, "bed", "bed", about={"facility_id": "F-001"}, facility="F-001")
    refused = truth.Refused(t=BASE + 49.1, ids=[f"{HANDLE}.bed"], status=409, due=True)
    result = count([*run, act, Told(refused), over, end])
    assert (result["ground_truth"], result["refused"]) == (NOTHING, 0)
    assert (result["findings"], result["unknowable"]) == ([], [])
    owed = count([*run, act, Told(truth.Acknowledged(t=BASE + 49.1, ids=[f"{HANDLE}.bed"])), end])
    assert owed["ground_truth"] == {**NOTHING, "lost": 1}


def test_memory_of_resolved_items_is_given_back() -> None:
    verdict = judged(good_run())
    verdict.close_cases(BASE + 200)
    assert verdict.ledger.open == {}
    case = verdict.ledger.cases[ENCOUNTER]
    assert case.samples == {}
    late_copy = read(record_of(vital(17, 1).event, 17), BASE + 201)
    assert late_copy is not None
    verdict.read(late_copy)
    assert verdict.tally.redelivered == {"sample": 1}
    assert report(verdict, BASE + 202)["ground_truth"] == NOTHING


def test_a_forgotten_sample_that_is_folded_again_is_doubled() -> None:
    verdict = judged(good_run())
    verdict.close_cases(BASE + 200)
    anew = decision(201, 7, "critical", "1")
    reading = read(record_of(anew.event, 201), BASE + 201)
    assert reading is not None
    verdict.read(reading)
    assert verdict.tally.doubled == 1


def test_what_nobody_owed_may_still_be_named_once() -> None:
    """Triage was minutes behind: the encounter was over before it came to the last samples."""
    verdict = judged(good_run())
    verdict.close_cases(BASE + 200)
    for number, doubled in ((7, 0), (8, 1)):
        late = decision(201, number, "critical", "7")
        reading = read(record_of(late.event, 201), BASE + 201)
        assert reading is not None
        verdict.read(reading)
        assert verdict.tally.doubled == doubled


def test_a_series_knows_new_again_and_doubled() -> None:
    series = Series()
    assert [series.note(1, "a", 0), series.note(1, "a", 1)] == ["new", "again"]
    assert series.note(1, "b", 1) == "doubled"
    assert series.note(4, "d", 2) == "new"
    assert series.missing == {2, 3}
    assert series.note(2, "c", 3) == "new"
    series.forget(3)
    assert series.note(1, "x", 4) == "again"


def test_what_cannot_be_read_says_nothing() -> None:
    message = encode(vital(1, 1).event, "test")
    assert read(Record("ambulance-vitals", b"E-1", b"{}", [], 0, 0), 0) is None
    headers = [("ce_type", b"greenchannel.TriageDecided.v1"), ("ce_id", b"x")]
    assert read(Record("triage-decisions", b"E-1", b"not json", headers, 0, 0), 0) is None
    assert read(Record("triage-decisions", b"E-1", b"{}", headers, 0, 0), 0) is None
    assert read(Record("ambulance-vitals", None, message.value, message.headers, 0, 0), 0) is None


def test_a_leg_without_departure_is_missing_once_three_minutes_have_passed() -> None:
    run = without("UnitStatusChanged")
    assert count(run, now=181)["dispatch_within_3min"]["missing"] == 0
    result = count(run, now=183)["dispatch_within_3min"]
    assert result == {"numerator": 0, "denominator": 0, "missing": 1}


@pytest.mark.parametrize(("after", "in_time"), [(180, 1), (180.5, 0)])
def test_the_earliest_departure_counts_whoever_stamped_it(after: float, in_time: int) -> None:
    stamped = {"unit_id": "U-1", "leg_id": "L-1", "status": "departed"}
    by_gps = happened(unit.UnitStatusChanged, 2 + after, **stamped, source="gps")
    by_crew = happened(unit.UnitStatusChanged, 190, **stamped, source="crew")
    result = count([*without("UnitStatusChanged"), by_crew, by_gps])["dispatch_within_3min"]
    assert (result["numerator"], result["denominator"]) == (in_time, 1)


def test_legs_of_others_and_stamps_of_no_leg_are_passed_over() -> None:
    theirs = {"unit_id": "U-9", "leg_id": "L-9"}
    point = incident.Point(latitude=34.2, longitude=117.28)
    run = [
        *good_run(),
        happened(unit.UnitAssigned, 70, **theirs, incident_id="I-9", station=point, scene=point),
        happened(unit.UnitStatusChanged, 71, **theirs, status="departed", source="crew"),
        happened(
            unit.UnitStatusChanged,
            72,
            unit_id="U-9",
            leg_id=None,
            status="available",
            source="crew",
        ),
    ]
    assert count(run)["dispatch_within_3min"]["denominator"] == 1


def test_old_versions_are_forgotten() -> None:
    case = Case("r1-1", ENCOUNTER, (Centre.EMERGENCY,), TriageLevel.NOT_YET)
    assert all(case.show(version, "urgent") for version in range(100))
    assert len(case.shown) <= 33
    assert not case.show(99, "severe")


def test_quantiles_are_within_one_percent() -> None:
    latencies = Latencies()
    for milliseconds in range(1, 1001):
        latencies.add(float(milliseconds))
    assert latencies.quantile(0.5) == pytest.approx(500, rel=0.01)
    assert latencies.quantile(0.99) == pytest.approx(990, rel=0.01)
    assert Latencies().summary() == {"n": 0, "p50": None, "p95": None, "p99": None}


def test_every_line_of_the_journal_survives_its_codec() -> None:
    for happening in good_run():
        if isinstance(happening, Told):
            back = truth.decode(truth.encode(happening.line))
            assert truth.encode(back) == truth.encode(happening.line)
    assert isinstance(
        read_item(
            {"facility_id": "F", "encounter_id": "E", "version": 1, "record": {"worst": "urgent"}},
            1.0,
        ),
        FeedSeen,
    )


def test_samples_of_a_monitor_that_nobody_entered_are_unknowable_and_not_refused() -> None:
    run = good_run()
    place = next(
        n for n, h in enumerate(run)
        if isinstance(h, Told) and isinstance(h.line, truth.SamplesSent) and h.line.batch == 5
    )  # fmt: skip
    refused = truth.Refused(t=BASE + 51.5, ids=[f"{HANDLE}.7"], status=404, due=True)
    known = [h for h in run if isinstance(h, Told) or h.name != "vital 7"]
    known = [h for h in known if not (isinstance(h, Told) and h.line.t == BASE + 51.02)]

    def counted(line: truth.Refused) -> dict[str, Any]:
        return count([*known[: place + 1], Told(line), *known[place + 1 :]])

    result = counted(refused)
    assert result["ground_truth"] == NOTHING
    assert result["refused"] == 0
    entered = counted(replace(refused, due=False))
    assert (entered["refused"], entered["unknowable"]) == (1, []), "a gateway that forgot whose"
    assert "1 samples of monitors" in "".join(result["unknowable"])
