"""A good run of one patient, built by hand from the contract's events, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from schemas import encounter, handoff, incident, triage, unit
from schemas.clinical import ExaminationDone, TreatmentGiven, VitalSigns, VitalSignsRecorded
from schemas.encounter import Patient
from schemas.envelope import encode
from schemas.event import Event
from schemas.triage import Activation, Bilingual, Centre, CentreConcern, TriageLevel
from simulator import truth
from simulator.reading import Record, read, read_item
from simulator.report import report
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
    handle = more.pop("handle", HANDLE)
    about = {"encounter_id": ENCOUNTER, "occurred_at": at(t).isoformat(), **more.pop("about", {})}
    id_ = f"{handle}.{name}"
    sent = truth.ActSent(t=BASE + t, id=id_, handle=handle, act=act, about=about, **more)
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
        invalid=(),
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
        invalid=(),
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


def both(
    t: float, version: int, worst: str, shows: int, facility: str = "F-001"
) -> list[Happening]:
    at_facility = with_fields(facility_id=facility)
    return [
        at_facility(prearrival(t, version, worst, shows, Centre.EMERGENCY)),
        at_facility(prearrival(t, version, worst, shows, Centre.CHEST_PAIN)),
        Feed(f"feed {version}", t + 0.06, facility, version, worst),
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
    call = {"id": f"{HANDLE}.call", "handle": HANDLE}
    called = truth.IncidentBegan(t=BASE + 1, **call, incident_id="I-1")
    began = truth.EncounterBegan(
        t=BASE + 1,
        **call,
        encounter_id=ENCOUNTER,
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
        Told(called),
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
        *told_act(28, "ecg", "examination", level="severe", facility="F-001"),
        clinical(ExaminationDone, 28, "ecg", examination="ecg_12_lead", shows=("st_elevation",)),
        decision(28.02, 3, "severe", "ecg"),
        *both(28.05, 2, "severe", 3),
        *told_act(30, "aspirin", "treatment", facility="F-001"),
        clinical(TreatmentGiven, 30, "aspirin", treatment="aspirin", dose=300, unit="mg"),
        decision(30.02, 4, "severe", "aspirin"),
    ]


def on_the_way() -> Run:
    admission = handoff.Admission(admission_number="GC-20261122-0001", admitted_at=at(46))
    signed = {"facility_id": "F-001", "staff_id": "nurse"}
    bound: dict[str, Any] = {"about": {"facility_id": "F-001"}, "facility": "F-001"}
    return [
        *told_samples(40, 2, 3),
        vital(40, 3, 36),
        *told_samples(41, 3, 4, acting="critical"),
        vital(41, 4, 36),
        decision(41.02, 5, "critical", "3", "4"),
        *both(41.05, 3, "critical", 5),
        *told_act(43, "acknowledged", "acknowledgement", **bound),
        of_patient(handoff.Acknowledged, 43, **signed),
        *told_act(46, "boarded", "boarding", facility="F-001"),
        of_patient(encounter.PatientBoarded, 46, unit_id="U-1"),
        of_patient(handoff.AdmissionOpened, 46, admission=admission, facility_id="F-001"),
        *both(46.1, 4, "critical", 5),
        *told_samples(48, 4, 5, 6),
        vital(48, 5),
        vital(48, 6),
        decision(48.02, 6, "critical", "5", "6"),
        *both(48.1, 5, "critical", 6),
        *told_samples(51, 5, 7),
        vital(51, 7),  # so soon after the last decision triage owes no other
        Told(truth.EncounterOver(t=BASE + 52, handle=HANDLE)),
        Told(truth.Ended(t=BASE + 61)),
    ]


def good_run() -> Run:
    return [*opening(), *at_the_patient(), *on_the_way()]


def without(name: str, run: Sequence[Happening] | None = None) -> Run:
    whole = run or good_run()
    rest = [h for h in whole if isinstance(h, Told) or h.name != name]
    assert len(rest) < len(whole)
    return rest


def changed(name: str, change: Callable[[Any], Any], run: Sequence[Happening] | None = None) -> Run:
    whole = list(run or good_run())
    after = [change(h) if not isinstance(h, Told) and h.name == name else h for h in whole]
    assert after != whole
    return after


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
    "false_alarm": 0,
}
