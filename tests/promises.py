"""What must hold of every patient after any crash, read from the topics alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from schemas.clinical import TreatmentGiven, VitalSignsRecorded
from schemas.encounter import (
    DestinationSelected,
    DeviceAttached,
    EncounterEnded,
    EncounterOpened,
    PatientBoarded,
)
from schemas.event import Event
from schemas.handoff import (
    Acknowledged,
    AdmissionOpened,
    CareTransferred,
    Escalated,
    HandoffEvent,
    HandoverSigned,
    PatientArrived,
    PreArrivalNotified,
    RecordDelivered,
)
from schemas.incident import DeadlineMissed, DeadlineWarned, IncidentOpened
from schemas.triage import Centre, TriageDecided
from schemas.unit import UnitAssigned, UnitDeparted, UnitStatus, UnitStatusChanged
from tests.crashes import Ledger, Patient, Systems
from tests.receivers import Receiver, runs

#: What an outbox sent once more has the same bytes.
FROM_OUTBOXES = ("dispatch-incidents", "dispatch-units", "dispatch-encounters",
                 "triage-", "bridge-", "centre-")  # fmt: skip


def every_clinical_event_stands_in_exactly_one_decision(seen: Ledger, one: Patient) -> None:
    decisions = seen.each(TriageDecided, one.encounter)
    folded, sent = Counter(i for d in decisions for i in d.folded), Counter(one.sent)
    assert folded == sent, f"in no decision: {sent - folded}; once too often: {folded - sent}"


def every_sample_was_recorded_under_its_own_id(seen: Ledger, one: Patient) -> None:
    recorded = {e.event_id for e in seen.each(VitalSignsRecorded, one.encounter)}
    assert recorded == {i for i in one.sent if one.asked.get(i) is not TreatmentGiven}


def decisions_are_numbered_without_gaps_and_worst_never_falls(seen: Ledger, one: Patient) -> None:
    decisions = seen.each(TriageDecided, one.encounter)
    assert [d.number for d in decisions] == list(range(1, len(decisions) + 1))
    urgencies = [d.worst.urgency for d in decisions]
    assert urgencies == sorted(urgencies)


def records_are_numbered_without_gaps_in_each_queue(seen: Ledger, one: Patient) -> None:
    records = seen.each(PreArrivalNotified, one.encounter)
    assert {r.facility_id for r in records} == {one.facility}
    versions = {c: [r.version for r in records if r.centre is c] for c in Centre}
    last = len(versions[Centre.EMERGENCY])
    assert versions[Centre.EMERGENCY] == list(range(1, last + 1))
    first = versions[Centre.CHEST_PAIN][0]  # this centre is named from the first decision on
    assert versions[Centre.CHEST_PAIN] == list(range(first, last + 1))


def every_decision_that_changed_something_is_shown_in_its_order(seen: Ledger, one: Patient) -> None:
    decisions = seen.each(TriageDecided, one.encounter)
    numbers = {d.event_id: d.number for d in decisions}
    records = seen.each(PreArrivalNotified, one.encounter)
    queue = [r for r in records if r.centre is Centre.EMERGENCY]
    shown = [numbers[r.decision] for r in queue if r.decision]
    assert shown == sorted(shown)
    changed = {d.number for d in decisions if d.changed}
    assert {n for n in changed if shown[0] <= n <= shown[-1]} <= set(shown)


def a_boarding_opened_exactly_one_admission(seen: Ledger, one: Patient) -> None:
    (opened,) = seen.each(AdmissionOpened, one.encounter)
    assert opened.occurred_at.isoformat() == one.boarded_at
    number = opened.admission.admission_number
    numbers = [e.admission.admission_number for e in seen.each(AdmissionOpened)]
    assert numbers.count(number) == 1


def every_acknowledged_request_is_exactly_one_event(seen: Ledger, one: Patient) -> None:
    def asked(kind: type[Event]) -> list[str]:
        return [key for key, was in one.asked.items() if was is kind]

    of_patient = (DeviceAttached, DestinationSelected, PatientBoarded, Acknowledged,
                  PatientArrived, HandoverSigned, TreatmentGiven)  # fmt: skip
    for kind in of_patient:
        assert sorted(e.event_id for e in seen.each(kind, one.encounter)) == sorted(asked(kind))
    assert len(seen.each(CareTransferred, one.encounter)) == 1
    assert [e.event_id for e in seen.each(UnitAssigned, one.unit)] == asked(UnitAssigned)
    opened = [e for e in seen.each(IncidentOpened) if e.external_number == one.name]
    assert [e.event_id for e in opened] == asked(IncidentOpened)


def the_encounter_began_and_ended_once(seen: Ledger, one: Patient) -> None:
    assert len(seen.each(EncounterOpened, one.encounter)) == 1
    assert len(seen.each(EncounterEnded, one.encounter)) == 1


def the_unit_departed_once_and_was_stamped_once_by_gps(seen: Ledger, one: Patient) -> None:
    (departed,) = seen.each(UnitDeparted, one.unit)
    stamps = seen.each(UnitStatusChanged, one.unit)
    told = sorted((s.status, s.source) for s in stamps)
    assert told == [(UnitStatus.DEPARTED, "gps"), (UnitStatus.NOTIFIED, "dispatcher")]
    assert {s.leg_id for s in stamps} == {departed.leg_id}


def a_unit_that_stood_still_is_warned_of_once_at_most(seen: Ledger, one: Patient) -> None:
    (order,) = seen.each(UnitAssigned, one.unit)
    warned = seen.each(DeadlineWarned, one.incident)
    assert len(warned) <= 1
    assert {w.leg_id for w in warned} <= {order.leg_id}


def each_step_of_what_is_owed_is_told_once(seen: Ledger, one: Patient) -> None:
    steps = seen.each(Escalated, one.encounter)
    named = [(e.facility_id, e.owed, e.department, e.due_at, e.step) for e in steps]
    assert len(set(named)) == len(named)
    for_dispatch = [f"hospital_{e.owed}" for e in steps if e.to == "dispatch"]
    assert ("hospital_displayed" in for_dispatch) or not one.is_silent
    missed = [m.clock for m in seen.each(DeadlineMissed, one.incident)]
    assert [clock for clock in missed if clock.startswith("hospital_")] == for_dispatch


def a_record_reaches_a_hospital_with_systems_once(seen: Ledger, one: Patient) -> None:
    assert len(seen.each(RecordDelivered, one.encounter)) == (0 if one.is_silent else 1)


PROMISES: Sequence[Callable[[Ledger, Patient], None]] = (
    every_clinical_event_stands_in_exactly_one_decision,
    every_sample_was_recorded_under_its_own_id,
    decisions_are_numbered_without_gaps_and_worst_never_falls,
    records_are_numbered_without_gaps_in_each_queue,
    every_decision_that_changed_something_is_shown_in_its_order,
    a_boarding_opened_exactly_one_admission,
    every_acknowledged_request_is_exactly_one_event,
    the_encounter_began_and_ended_once,
    the_unit_departed_once_and_was_stamped_once_by_gps,
    a_unit_that_stood_still_is_warned_of_once_at_most,
    each_step_of_what_is_owed_is_told_once,
    a_record_reaches_a_hospital_with_systems_once,
)


def what_was_sent_again_was_the_same(seen: Ledger) -> None:
    for (topic, event_id), contents in seen.bytes.items():
        if topic.startswith(FROM_OUTBOXES):
            assert len(contents) == 1, (topic, event_id)


def its_systems_were_told_each_thing_in_order_and_under_one_id(
    seen: Ledger, systems: Systems, one: Patient
) -> None:
    """Read from what was heard there; what was owed is read from the topics."""
    if one.is_silent:
        return
    events = [
        e
        for e in seen.each(Event, one.encounter)
        if getattr(e, "facility_id", None) == one.facility
    ]
    queue = (e for e in seen.each(PreArrivalNotified, one.encounter) if e.centre == "emergency")
    records = [e for e in queue if e.changed]
    acts = [e for e in events if isinstance(e, HandoffEvent | Escalated)]

    posted = [
        (told["type"].removeprefix("greenchannel."), datetime.fromisoformat(told["timestamp"]))
        for told in map(json.loads, said_once(systems.web))
        if told["data"]["encounter_id"] == one.encounter
    ]
    of_records = [each for each in posted if each[0] == "PreArrivalNotified"]
    assert of_records == [(e.named(), e.occurred_at) for e in records]
    of_acts = [each for each in posted if each not in of_records]
    assert of_acts == [(e.named(), e.occurred_at) for e in acts]

    said = (message for message in said_once(systems.his) if one.encounter in message)
    heard = [(_field(each, "MSH", 8).split("^")[1], _field(each, "EVN", 6)) for each in said]
    # What follows what is read from the other system: a record may come after the arrival, since
    # no topic waits for another.
    of_hl7 = [(t, at) for t, at in posted if t in ("PreArrivalNotified", "PatientArrived")]
    triggers = ["A04" if t == "PatientArrived" else "A08" for t, _ in of_hl7]
    assert [trigger for trigger, _ in heard] == ["A05", *triggers[1:]]
    assert triggers.count("A04") == 1
    seconds = [at.replace(microsecond=0) for _, at in of_hl7]
    assert [datetime.strptime(at, "%Y%m%d%H%M%S%z") for _, at in heard] == seconds


def said_once(receiver: Receiver) -> list[str]:
    """What a system was told, each id once, in the order in which it first came."""
    return list(dict(receiver.came).values())


def what_a_system_was_told_again_was_the_same_and_came_before_anything_else(
    receiver: Receiver,
) -> None:
    together = [name for name, _ in runs(receiver.ids)]
    assert len(together) == len(set(together))
    assert len(set(receiver.came)) == len(together)


def _field(message: str, segment: str, number: int) -> str:
    (found,) = (line for line in message.split("\r") if line.startswith(f"{segment}|"))
    return found.split("|")[number]
