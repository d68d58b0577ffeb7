"""A call and its patients: every act is recorded once, and refused after the outcome."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.encounter import (
    DestinationSelected,
    DeviceAttached,
    DeviceDetached,
    EncounterEnded,
    EncounterEvent,
    EncounterOpened,
    EncounterUpdated,
    Outcome,
    Patient,
    PatientBoarded,
    PatientReached,
)
from schemas.handoff import Acknowledged, Admission, AdmissionOpened, CareTransferred
from schemas.incident import Call, IncidentOpened, Location
from schemas.repeats import Repeats, digest_of, name_of
from schemas.triage import TriageDecided, TriageLevel
from services.dispatch import encounter as encounters
from services.dispatch.encounter import Encounter, open_encounter, record
from services.dispatch.incident import Intake, incident_id_of, open_incident
from services.kit.errors import Rejected

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def intake(event_id: str = "call-1", patients: int = 2) -> Intake:
    return Intake(
        event_id=event_id,
        occurred_at=at(0),
        external_number="0012-A",
        call=Call(accepted_at=at(-5)),
        location=Location(latitude=31.25, longitude=121.5, address="somewhere"),
        classification="emergency",
        patients=(Patient(),) * patients,
    )


def test_a_call_opens_one_incident_and_one_encounter_for_each_presumed_patient() -> None:
    incident, patients, events = open_incident(intake(), at(1))
    opened, *others = events
    assert isinstance(opened, IncidentOpened)
    assert opened.external_number == "0012-A"
    assert (opened.occurred_at, opened.recorded_at) == (at(0), at(1))
    assert opened.encounter_ids == incident.encounter_ids
    told = [other for other in others if isinstance(other, EncounterOpened)]
    assert [p.encounter_id for p in patients] == [o.encounter_id for o in told]
    assert len(set(incident.encounter_ids)) == len(told) == len(others) == 2
    assert {o.incident_id for o in told} == {incident.incident_id}


def test_the_same_call_sent_again_is_the_same_incident_with_the_same_events() -> None:
    once, again = open_incident(intake(), at(1)), open_incident(intake(), at(1))
    assert once == again
    assert incident_id_of("call-1") == once[0].incident_id
    assert incident_id_of("call-2") != once[0].incident_id


def test_no_two_calls_share_an_encounter_or_an_event() -> None:
    one, other = (open_incident(intake(name), at(1)) for name in ("call-1", "call-2"))
    assert not set(one[0].encounter_ids) & set(other[0].encounter_ids)
    assert not {e.event_id for e in one[2]} & {e.event_id for e in other[2]}


def test_ids_hold_nothing_of_the_call() -> None:
    incident, _, _ = open_incident(intake("0012-A"), at(1))
    assert re.fullmatch("I-[0-9a-f]{16}", incident.incident_id)
    assert "0012" not in "".join((incident.incident_id, *incident.encounter_ids))
    assert incident.encounter_ids == (
        f"E-{incident.incident_id[2:]}-1",
        f"E-{incident.incident_id[2:]}-2",
    )


def patient() -> Encounter:
    return open_encounter("I-1", "E-1", Patient(), (at(0), at(1)))[0]


def act(kind: type[EncounterEvent], name: str = "act-1", second: float = 60, **more: Any) -> Any:
    common = {"event_id": name, "encounter_id": "E-1", "occurred_at": at(second)}
    return kind.model_validate({**common, **more})


ACTS = [
    act(EncounterUpdated, patient=Patient(sex="female")),
    act(PatientReached, unit_id="U-1"),
    act(DeviceAttached, device_id="M-1"),
    act(DestinationSelected, facility_id="H-1", selected_by="crew-1"),
    act(PatientBoarded, unit_id="U-1"),
    act(EncounterEnded, outcome=Outcome.REFUSED_TRANSPORT),
]
DETACHED = act(DeviceDetached, "act-2", device_id="M-1")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ACTS[0], {"patient": Patient(sex="female")}),
        (ACTS[1], {"reached_at": at(60), "unit_id": "U-1"}),
        (ACTS[2], {"devices": ("M-1",)}),
        (ACTS[3], {"destination": "H-1"}),
        (ACTS[4], {"boarded_at": at(60), "unit_id": "U-1"}),
        (ACTS[5], {"outcome": Outcome.REFUSED_TRANSPORT, "ended_at": at(60)}),
    ],
    ids=[type(event).__name__ for event in ACTS],
)
def test_an_act_changes_what_it_is_about_and_is_told_as_it_is(
    event: EncounterEvent, expected: dict[str, Any]
) -> None:
    after, events = record(patient(), event)
    taken = {"taken": Repeats(acts=((name_of(event), digest_of(event)),))}
    assert after == patient().model_copy(update={**expected, **taken})
    assert list(events) == [event]
    assert record(after, event) == (after, ())


def test_a_key_that_stood_for_another_act_is_refused_and_of_another_kind_is_its_own() -> None:
    after, _ = record(patient(), act(PatientReached, unit_id="U-1"))
    with pytest.raises(Rejected, match="409 Key used before"):
        record(after, act(PatientReached, unit_id="U-2"))
    attached = act(DeviceAttached, device_id="M-1")
    assert list(record(after, attached)[1]) == [attached]


@pytest.mark.parametrize("event", [*ACTS, DETACHED], ids=lambda event: type(event).__name__)
def test_nothing_is_recorded_after_the_outcome(event: EncounterEvent) -> None:
    ended, _ = record(patient(), act(EncounterEnded, "end", outcome=Outcome.NO_PATIENT))
    with pytest.raises(Rejected, match="409 Already ended"):
        record(ended, event)
    assert record(ended, act(EncounterEnded, "end", outcome=Outcome.NO_PATIENT)) == (ended, ())


def test_a_patient_boards_once() -> None:
    aboard, _ = record(patient(), act(PatientBoarded, unit_id="U-1"))
    with pytest.raises(Rejected, match="409 Already aboard"):
        record(aboard, act(PatientBoarded, "act-2", 90, unit_id="U-2"))
    assert aboard.boarded_at == at(60)


def test_a_destination_may_be_chosen_anew() -> None:
    bound, _ = record(patient(), act(DestinationSelected, facility_id="H-1", selected_by="crew-1"))
    again = act(DestinationSelected, "act-2", facility_id="H-2", selected_by="crew-1")
    bound, events = record(bound, again)
    assert bound.destination == "H-2"
    assert list(events) == [again]


def test_devices_are_put_on_and_taken_off_one_by_one() -> None:
    both, _ = record(patient(), act(DeviceAttached, "a", device_id="M-1"))
    both, _ = record(both, act(DeviceAttached, "b", device_id="M-2"))
    both, _ = record(both, act(DeviceAttached, "c", device_id="M-1"))
    assert both.devices == ("M-1", "M-2")
    one, _ = record(both, act(DeviceDetached, "d", device_id="M-1"))
    assert one.devices == ("M-2",)
    with pytest.raises(Rejected, match="409 Not attached"):
        record(one, act(DeviceDetached, "e", device_id="M-1"))
    assert record(one, act(EncounterEnded, "f", outcome=Outcome.TRANSPORTED))[0].devices == ()


def decision(number: int, worst: TriageLevel) -> TriageDecided:
    event: TriageDecided = act(
        TriageDecided, f"d-{number}", number=number, changed=True, worst=worst, current=worst,
        trend="same", reasons=(), inputs=(), missing=(), invalid=(), questions=(),
        centres=(), folded=(),
    )  # fmt: skip
    return event


def test_the_level_of_a_patient_is_the_worst_that_triage_decided_and_never_falls() -> None:
    known: Encounter | None = patient()
    levels = []
    for number, level in enumerate(TriageLevel, start=1):
        known, events = encounters.hear(known, decision(number, level), at(60))
        assert known is not None
        assert events == ()
        levels.append(known.level.urgency)
    assert levels == sorted(levels)
    assert known == patient().model_copy(update={"level": TriageLevel.CRITICAL})
    again, _ = encounters.hear(known, decision(9, TriageLevel.CRITICAL), at(61))
    assert again is known, "what is as it was need not be stored"


def test_the_admission_number_is_kept() -> None:
    opened = act(
        AdmissionOpened,
        admission=Admission(admission_number="GC-20260301-0001", admitted_at=at(60)),
    )
    known, events = encounters.hear(patient(), opened, at(61))
    assert known == patient().model_copy(update={"admission_number": "GC-20260301-0001"})
    assert events == ()


def test_care_handed_over_ends_the_encounter_once() -> None:
    over = act(CareTransferred, facility_id="H-1", staff_id="n-1", handed_over_by="crew-1")
    known, events = encounters.hear(patient(), over, at(61))
    assert known is not None
    assert known.outcome is Outcome.TRANSPORTED
    (ended,) = events
    assert isinstance(ended, EncounterEnded)
    assert (ended.outcome, ended.occurred_at, ended.recorded_at) == (
        Outcome.TRANSPORTED,
        at(60),
        at(61),
    )
    assert encounters.hear(known, over, at(62)) == (known, ())


def test_what_is_not_for_dispatch_or_about_nobody_changes_nothing() -> None:
    seen_by = act(Acknowledged, facility_id="H-1", staff_id="n-1")
    assert encounters.hear(patient(), seen_by, at(61)) == (patient(), ())
    over = act(CareTransferred, facility_id="H-1", staff_id="n-1", handed_over_by="crew-1")
    for event in (seen_by, over, decision(1, TriageLevel.CRITICAL)):
        assert encounters.hear(None, event, at(61)) == (None, ())
