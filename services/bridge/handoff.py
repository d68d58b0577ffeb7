"""What happens to a case: each input and each act of the facility, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from schemas.clinical import ExaminationDone, FindingRecorded, TreatmentGiven
from schemas.encounter import (
    DestinationSelected,
    EncounterEnded,
    EncounterOpened,
    EncounterUpdated,
    Outcome,
    PatientBoarded,
    PatientReached,
)
from schemas.event import Event
from schemas.handoff import Acknowledged, CareTransferred, HandoffEvent, PatientArrived
from schemas.repeats import digest_of, name_of
from schemas.triage import TriageDecided, TriagePaused
from services.bridge.admission import admit
from services.bridge.case import Case
from services.bridge.record import notify, refresh, withdraw
from services.kit.errors import Rejected, nothing_here
from services.kit.idempotency import is_repeat

Decision: TypeAlias = tuple[Case, Sequence[Event]]

#: A record shows this many of the last findings, examinations and treatments each: with the
#: longest of notes it stays well below what a topic takes. All of them stay in their topic.
SHELF = 100


def hear(case: Case | None, encounter_id: str, event: Event, now: datetime) -> Decision:
    """Take in an event. Nothing is refused for coming early; a repeat changes nothing."""
    before = case or Case(encounter_id=encounter_id)
    handler = _HEARD.get(type(event))
    if handler is None:
        return before, ()
    # What a crew has done is another act when it says something else under the same id.
    name = name_of(event) + (f"/{digest_of(event)}" if type(event) in _SHELF else "")
    if before.taken.digest(name) is not None:
        return before, ()
    taken = (
        before
        if isinstance(event, TriageDecided)
        else before.model_copy(update={"taken": before.taken.with_(name)})
    )
    return handler(taken, event, now)


def _known(case: Case, event: EncounterOpened | EncounterUpdated, now: datetime) -> Decision:
    return notify(case.model_copy(update={"patient": event.patient}), now)


def _reached(case: Case, event: PatientReached, now: datetime) -> Decision:
    return case.model_copy(update={"unit_id": event.unit_id}), ()


def _bound(case: Case, event: DestinationSelected, now: datetime) -> Decision:
    """A human chose: the facility before forgets the patient, the new one is told. Whoever was
    handed over stays where they are; another journey is another encounter."""
    if case.facility_id == event.facility_id or case.handoff.transferred_at is not None:
        return case, ()
    left, withdrawn = withdraw(case, now)
    told, notified = notify(left.model_copy(update={"facility_id": event.facility_id}), now)
    return told, [*withdrawn, *notified]


def _boarded(case: Case, event: PatientBoarded, now: datetime) -> Decision:
    aboard = case.model_copy(update={"boarded_at": event.occurred_at, "unit_id": event.unit_id})
    admitted, opened = admit(aboard, now)
    told, notified = notify(admitted, now)
    return told, [*opened, *notified]


def _ended(case: Case, event: EncounterEnded, now: datetime) -> Decision:
    """Who was brought stays in the queue until care is handed over; every other end withdraws."""
    if event.outcome is Outcome.TRANSPORTED or case.handoff.transferred_at is not None:
        return case.model_copy(update={"ended": True}), ()
    left, withdrawn = withdraw(case, now)
    return left.model_copy(update={"ended": True}), withdrawn


def _decided(case: Case, event: TriageDecided, now: datetime) -> Decision:
    """Decisions are numbered: one that is not newer than the last is a repeat."""
    last = case.decision
    if last is not None and event.number <= last.number:
        return case, ()
    changed = case.model_copy(update={"decision": event, "triage_paused": False})
    return (notify if event.changed else refresh)(changed, now)


def _paused(case: Case, event: TriagePaused, now: datetime) -> Decision:
    return notify(case.model_copy(update={"triage_paused": True}), now)


def _found(
    case: Case, event: FindingRecorded | ExaminationDone | TreatmentGiven, now: datetime
) -> Decision:
    name = _SHELF[type(event)]
    shelf = (*getattr(case, name), event)[-SHELF:]
    return notify(case.model_copy(update={name: shelf}), now)


_SHELF: Mapping[type[Event], str] = {
    FindingRecorded: "findings",
    ExaminationDone: "examinations",
    TreatmentGiven: "treatments",
}
_HEARD: Mapping[type[Event], Callable[[Case, Any, datetime], Decision]] = {
    EncounterOpened: _known,
    EncounterUpdated: _known,
    PatientReached: _reached,
    DestinationSelected: _bound,
    PatientBoarded: _boarded,
    EncounterEnded: _ended,
    TriageDecided: _decided,
    TriagePaused: _paused,
    FindingRecorded: _found,
    ExaminationDone: _found,
    TreatmentGiven: _found,
}


def act(case: Case | None, event: HandoffEvent) -> Decision:
    """Record an act of the facility. Arrival before acknowledgement is normal.

    Raises ``Rejected`` 404 when the patient is not bound for this facility or the record was
    withdrawn from it, 409 when the act was done before or the patient has been handed over.
    """
    if case is None or case.facility_id != event.facility_id or not case.centres:
        raise nothing_here()
    name = name_of(event)
    if is_repeat(case.taken, name, event):
        return case, ()
    stamp, particulars = _STAMPS[type(event)]
    if case.handoff.transferred_at is not None:
        raise Rejected(409, "Handed over", "Care was handed over; the record is locked.")
    if getattr(case.handoff, stamp) is not None:
        raise Rejected(409, "Done before", f"{stamp} was recorded before.")
    update: dict[str, Any] = {stamp: event.occurred_at}
    update |= {name: getattr(event, field) for name, field in particulars.items()}
    changed = case.model_copy(
        update={
            "handoff": case.handoff.model_copy(update=update),
            "taken": case.taken.with_(name, digest_of(event)),
        }
    )
    return changed, [event]


_STAMPS: Mapping[type[HandoffEvent], tuple[str, Mapping[str, str]]] = {
    Acknowledged: ("acknowledged_at", {"acknowledged_by": "staff_id"}),
    PatientArrived: ("arrived_at", {}),
    CareTransferred: (
        "transferred_at",
        {"received_by": "staff_id", "handed_over_by": "handed_over_by"},
    ),
}
