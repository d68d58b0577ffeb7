"""What must hold of every patient after any crash, read from the topics alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

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
    HandoverSigned,
    PatientArrived,
    PreArrivalNotified,
)
from schemas.incident import DeadlineWarned, IncidentOpened
from schemas.triage import Centre, TriageDecided
from schemas.unit import UnitAssigned, UnitDeparted, UnitStatus, UnitStatusChanged
from tests.crashes import Ledger, Patient

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
)


def what_was_sent_again_was_the_same(seen: Ledger) -> None:
    for (topic, event_id), contents in seen.bytes.items():
        if topic.startswith(FROM_OUTBOXES):
            assert len(contents) == 1, (topic, event_id)
