"""The judge says exactly what was done to a good run: no more, no less, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import encounter, handoff, incident, triage, unit
from schemas.clinical import ExaminationDone, TreatmentGiven, VitalSigns, VitalSignsRecorded
from schemas.encounter import Patient
from schemas.envelope import encode
from schemas.event import Event
from schemas.triage import Activation, Bilingual, Centre, CentreConcern, TriageLevel
from simulator import truth
from simulator.case import Series
from simulator.histogram import Latencies
from simulator.reading import FeedSeen, Record, read, read_item
from simulator.report import report, score
from simulator.verdict import Verdict

BASE = 1_760_000_000.0
ENCOUNTER = "E-1"
HANDLE = "r1-1"
WORDS = Bilingual(zh="胸痛", en="chest pain")


def at(offset: float) -> datetime:
    return datetime.fromtimestamp(BASE + offset, UTC)


@dataclass(frozen=True)
class Told:
    line: truth.TruthLine


@dataclass(frozen=True)
class Read:
    """A record read at ``t``; ``appended`` is the broker's time of it."""

    name: str
    t: float
    event: Event
    appended: float


@dataclass(frozen=True)
class Feed:
    name: str
    t: float
    facility: str
    version: int
    worst: str


Happening = Told | Read | Feed
Run = list[Happening]


def record_of(event: Event, appended: float) -> Record:
    message = encode(event, "greenchannel/test")
    stamp = round((BASE + appended) * 1000)
    return Record(message.topic, message.key, message.value, message.headers, stamp, stamp % 10**7)


def judged(run: Sequence[Happening], started: float = 0.0) -> Verdict:
    verdict = Verdict(BASE + started)
    for happening in run:
        tell_or_read(verdict, happening)
    return verdict


def tell_or_read(verdict: Verdict, happening: Happening) -> None:
    if isinstance(happening, Told):
        verdict.tell(truth.decode(truth.encode(happening.line)))
    elif isinstance(happening, Feed):
        item = {
            "facility_id": happening.facility,
            "encounter_id": ENCOUNTER,
            "version": happening.version,
            "record": {"worst": happening.worst},
        }
        verdict.read(read_item(item, BASE + happening.t))
    else:
        reading = read(record_of(happening.event, happening.appended), BASE + happening.t)
        assert reading is not None
        verdict.read(reading)


def count(run: Sequence[Happening], now: float = 200.0) -> dict[str, Any]:
    return report(judged(run), BASE + now)


def told_act(t: float, name: str, act: str, **more: Any) -> list[Happening]:
    about = {"encounter_id": ENCOUNTER, "occurred_at": at(t).isoformat(), **more.pop("about", {})}
    id_ = f"{HANDLE}.{name}"
    sent = truth.ActSent(t=BASE + t, id=id_, handle=HANDLE, act=act, about=about, **more)
    return [Told(sent), Told(truth.Acknowledged(t=BASE + t + 0.02, ids=[id_]))]


def told_samples(t: float, batch: int, *numbers: int, acting: str | None = None) -> list[Happening]:
    marks = [truth.Acting(f"{HANDLE}.{numbers[-1]}", acting, True, True)] if acting else []
    sent = truth.SamplesSent(t=BASE + t, batch=batch, numbers={HANDLE: numbers}, acting=marks)
    return [Told(sent), Told(truth.Acknowledged(t=BASE + t + 0.02, batch=batch))]


def vital(t: float, number: int, heart_rate: float = 88) -> Read:
    event = VitalSignsRecorded(
        event_id=f"{HANDLE}.{number}",
        occurred_at=at(t),
        encounter_id=ENCOUNTER,
        method="streamed",
        vitals=VitalSigns(heart_rate=heart_rate),
    )
    return Read(f"vital {number}", t + 0.05, event, t + 0.01)


def decision(t: float, number: int, worst: str, *folded: str) -> Read:
    event = triage.TriageDecided(
        event_id=f"D-{number}",
        occurred_at=at(t),
        encounter_id=ENCOUNTER,
        number=number,
        changed=True,
        worst=TriageLevel(worst),
        current=TriageLevel(worst),
        trend="same",
        protocol=None,
        reasons=(),
        inputs=(),
        missing=(),
        questions=(),
        centres=(),
        folded=tuple(f"{HANDLE}.{name}" for name in folded),
    )
    return Read(f"decision {number}", t + 0.03, event, t + 0.02)


def prearrival(t: float, version: int, worst: str, shows: int, centre: Centre) -> Read:
    concern = CentreConcern(
        centre=centre, activation=Activation.NOTICE, text=WORDS, source="the test"
    )
    record = handoff.PreArrivalRecord(
        patient=Patient(),
        unit_id="U-1",
        worst=TriageLevel(worst),
        current=TriageLevel(worst),
        trend="same",
        triage_paused=False,
        reasons=(),
        inputs=(),
        missing=(),
        questions=(),
        centres=(concern,),
        findings=(),
        examinations=(),
        treatments=(),
        admission=None,
    )
    event = handoff.PreArrivalNotified(
        event_id=f"P-{version}-{centre.value}",
        occurred_at=at(t),
        encounter_id=ENCOUNTER,
        facility_id="F-001",
        centre=centre,
        version=version,
        changed=True,
        record=record,
        decision=f"D-{shows}",
    )
    return Read(f"{centre.value} {version}", t + 0.05, event, t + 0.04)


def both(t: float, version: int, worst: str, shows: int) -> list[Happening]:
    return [
        prearrival(t, version, worst, shows, Centre.EMERGENCY),
        prearrival(t, version, worst, shows, Centre.CHEST_PAIN),
        Feed(f"feed {version}", t + 0.06, "F-001", version, worst),
    ]


def happened(kind: type[Event], t: float, **fields: Any) -> Read:
    """An event of the encounter under an id of its own."""
    event = kind(event_id=f"{kind.__name__}-{t}", occurred_at=at(t), **fields)
    return Read(kind.__name__, t + 0.05, event, t + 0.02)


def of_patient(kind: type[Event], t: float, **fields: Any) -> Read:
    return happened(kind, t, encounter_id=ENCOUNTER, **fields)


def clinical(kind: type[Event], t: float, name: str, **fields: Any) -> Read:
    event = kind(event_id=f"{HANDLE}.{name}", occurred_at=at(t), encounter_id=ENCOUNTER, **fields)
    return Read(name, t + 0.02, event, t + 0.01)


def opening() -> Run:
    began = truth.EncounterBegan(
        t=BASE + 1,
        handle=HANDLE,
        encounter_id=ENCOUNTER,
        incident_id="I-1",
        story="chest_pain",
        first_level="not_yet",
        centres=["emergency", "chest_pain"],
    )
    point = incident.Point(latitude=34.2, longitude=117.28)
    stamped = {"unit_id": "U-1", "leg_id": "L-1", "status": "departed", "source": "crew"}
    return [
        Told(truth.Epoch(t=BASE + 0.5, epoch="r1", seed=7)),
        Told(truth.InputBegan(t=BASE + 1)),
        of_patient(encounter.EncounterOpened, 0.9, incident_id="I-1", patient=Patient()),
        Told(began),
        happened(
            incident.IncidentOpened,
            0.9,
            incident_id="I-1",
            call=incident.Call(),
            location=incident.Location(latitude=34.2, longitude=117.28),
            classification="emergency",
            encounter_ids=(ENCOUNTER,),
        ),
        *told_act(2, "assigned", "assign", about={"unit_id": "U-1", "incident_id": "I-1"}),
        happened(
            unit.UnitAssigned,
            2,
            unit_id="U-1",
            leg_id="L-1",
            incident_id="I-1",
            station=point,
            scene=point,
        ),
        *told_act(6, "departed", "stamp", about=stamped),
        happened(unit.UnitStatusChanged, 6, **stamped),
    ]


def at_the_patient() -> Run:
    reading = VitalSigns(systolic_bp=134, pain=5)
    return [
        *told_samples(17, 1, 1, 2),
        vital(17, 1),
        vital(17, 2),
        decision(17.01, 1, "not_yet", "1", "2"),
        *told_act(20, "first_reading", "reading", level="urgent"),
        clinical(VitalSignsRecorded, 20, "first_reading", method="reading", vitals=reading),
        decision(20.02, 2, "urgent", "first_reading"),
        *told_act(24, "destination", "destination", about={"facility_id": "F-001"}),
        of_patient(
            encounter.DestinationSelected, 24, facility_id="F-001", selected_by="dispatcher"
        ),
        *both(24.1, 1, "urgent", 2),
        *told_act(28, "ecg", "examination", level="severe", destined=True),
        clinical(ExaminationDone, 28, "ecg", examination="ecg_12_lead", shows=("st_elevation",)),
        decision(28.02, 3, "severe", "ecg"),
        *both(28.05, 2, "severe", 3),
        *told_act(30, "aspirin", "treatment"),
        clinical(TreatmentGiven, 30, "aspirin", treatment="aspirin", dose=300, unit="mg"),
        decision(30.02, 4, "severe", "aspirin"),
    ]


def on_the_way() -> Run:
    admission = handoff.Admission(admission_number="GC-20261122-0001", admitted_at=at(46))
    signed = {"facility_id": "F-001", "staff_id": "nurse"}
    return [
        *told_samples(40, 2, 3),
        vital(40, 3, 36),
        *told_samples(41, 3, 4, acting="critical"),
        vital(41, 4, 36),
        decision(41.02, 5, "critical", "3", "4"),
        *both(41.05, 3, "critical", 5),
        *told_act(43, "acknowledged", "acknowledgement", about={"facility_id": "F-001"}),
        of_patient(handoff.Acknowledged, 43, **signed),
        *told_act(46, "boarded", "boarding", destined=True),
        of_patient(encounter.PatientBoarded, 46, unit_id="U-1"),
        of_patient(handoff.AdmissionOpened, 46, admission=admission, facility_id="F-001"),
        *both(46.1, 4, "critical", 5),
        *told_samples(47, 4, 5, 6),
        vital(47, 5),
        vital(47, 6),
        decision(47.02, 6, "critical", "5", "6"),
        *both(47.1, 5, "critical", 6),
        *told_samples(51, 5, 7),
        vital(51, 7),  # within five seconds of the last decision: triage owes no other
        Told(truth.EncounterOver(t=BASE + 52, handle=HANDLE)),
        Told(truth.Ended(t=BASE + 61)),
    ]


def good_run() -> Run:
    return [*opening(), *at_the_patient(), *on_the_way()]


def without(name: str) -> Run:
    run = [h for h in good_run() if isinstance(h, Told) or h.name != name]
    assert len(run) < len(good_run())
    return run


def changed(name: str, change: Callable[[Any], Any]) -> Run:
    run = [change(h) if not isinstance(h, Told) and h.name == name else h for h in good_run()]
    assert run != good_run()
    return run


def again(name: str, **update: Any) -> Run:
    """The run with one record read a second time; ``update`` changes fields of the second."""
    run = good_run()
    place = next(i for i, h in enumerate(run) if isinstance(h, Read) and h.name == name)
    first = run[place]
    assert isinstance(first, Read)
    second = replace(first, event=first.event.model_copy(update=update), t=first.t + 1)
    return [*run[: place + 1], second, *run[place + 1 :]]


def with_fields(**update: Any) -> Callable[[Read], Read]:
    return lambda happening: replace(happening, event=happening.event.model_copy(update=update))


def lowered(happening: Read) -> Read:
    event = happening.event
    assert isinstance(event, handoff.PreArrivalNotified)
    record = event.record.model_copy(update={"worst": TriageLevel.SEVERE})
    return replace(happening, event=event.model_copy(update={"record": record}))


def later(seconds: float) -> Callable[[Read], Read]:
    return lambda happening: replace(happening, t=happening.t + seconds)


NOTHING = {
    "lost": 0,
    "duplicated": 0,
    "wrong_facility": 0,
    "wrong_level": 0,
    "wrong_admission": 0,
}


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
    assert result["prearrivals"] == {"emergency": 5, "chest_pain": 5}
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


def test_a_tail_beyond_five_seconds_is_lost() -> None:
    assert count(changed("vital 7", lambda v: replace(v, appended=52.03)))["ground_truth"] == {
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
    verdict.tell(replace(began, handle="r1-2", encounter_id="E-2", incident_id="I-2"))


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
