"""What happens to a case by what others say, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from schemas.clinical import (
    AttachmentReceived,
    BackgroundTold,
    ExaminationDone,
    FindingRecorded,
    ObservationRetracted,
    TreatmentGiven,
)
from schemas.encounter import (
    ArrivalExpected,
    BoardingRevoked,
    DestinationSelected,
    EmergencyTransferRequested,
    EncounterEnded,
    EncounterOpened,
    EncounterUpdated,
    Outcome,
    PatientBoarded,
    PatientHandedToUnit,
    PatientReached,
    RevokedBoarding,
)
from schemas.event import Event
from schemas.handoff import JourneyEnd
from schemas.repeats import digest_of, name_of
from schemas.triage import TriageDecided, TriagePaused
from services.bridge import background
from services.bridge.admission import CANCELS, admit, bind, cancel, confirm, revoke
from services.bridge.case import Case
from services.bridge.record import notify, withdraw
from services.bridge.trend import followed

Decision: TypeAlias = tuple[Case, Sequence[Event]]

#: What is known of the way before anything was told of it.
_NOT_EXPECTED: Mapping[str, None] = dict.fromkeys(("arrives_at", "estimated_at", "unit_arrived_at"))

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
    by_crew = type(event) in _SHELF or isinstance(event, ObservationRetracted)
    name = name_of(event) + (f"/{digest_of(event)}" if by_crew else "")
    if before.taken.digest(name) is not None:
        return before, ()
    taken = (
        before
        if isinstance(event, TriageDecided)
        else before.model_copy(update={"taken": before.taken.with_(name)})
    )
    return (taken, ()) if _is_too_late(before, event, now) else handler(taken, event, now)


def _is_too_late(case: Case, event: Event, now: datetime) -> bool:
    """Whether this happened after the handover: the record stays as it was then.

    What happened before and is learned late still completes it, above all what triage makes of it.
    """
    if case.locked_at is None or type(event) in _ALWAYS:
        return False
    is_triage = isinstance(event, TriageDecided | TriagePaused)
    return (event.occurred_at if is_triage else now) >= case.locked_at


def _known(case: Case, event: EncounterOpened | EncounterUpdated, now: datetime) -> Decision:
    return notify(case.model_copy(update={"patient": event.patient}), now)


def _reached(case: Case, event: PatientReached, now: datetime) -> Decision:
    return case.but(unit_id=event.unit_id, reached_at=case.reached_at or event.occurred_at), ()


def _bound(case: Case, event: DestinationSelected, now: datetime) -> Decision:
    """A human chose: the facility before forgets the patient, the new one is told. Whoever was
    handed over stays where they are; another journey is another encounter."""
    if case.facility_id == event.facility_id or case.is_locked:
        return case, ()
    left, withdrawn = withdraw(case, now)
    elsewhere = left.but(facility_id=event.facility_id, **_NOT_EXPECTED)
    told, notified = notify(elsewhere, now)
    moved = bind(told, case.facility_id, event.event_id, now)
    return told, [*withdrawn, *moved, *notified]


def _boarded(case: Case, event: PatientBoarded, now: datetime) -> Decision:
    """Once; who says after all when it was, where that was inferred, confirms it."""
    if case.boarded_at is not None:  # also of who was admitted, and then did not come
        return (case, ()) if event.inferred else _confirmed(case, event, now)
    with_it = {"boarded_at": event.occurred_at, "unit_id": event.unit_id}
    again = event.event_id if case.boarding_revoked else None
    aboard = case.but(**with_it, boarding_revoked=None)
    admitted, opened = admit(aboard, now, inferred=event.inferred, again=again)
    told, notified = notify(admitted, now)
    return told, [*opened, *notified]


def _not_boarded(case: Case, event: BoardingRevoked, now: datetime) -> Decision:
    """Not aboard after all: the patient goes on being expected, and is not admitted."""
    if case.boarded_at is None:
        return case, ()
    left, revoked = revoke(case, event, now)
    said = RevokedBoarding(at=event.occurred_at, reason=event.reason)
    told, notified = notify(left.but(boarded_at=None, boarding_revoked=said), now)
    return told, [*revoked, *notified]


def _confirmed(case: Case, event: PatientBoarded, now: datetime) -> Decision:
    known, confirmed = confirm(case, event.occurred_at, now, event.event_id)
    if not confirmed:
        return case, ()
    told, notified = notify(known, now)
    return told, [*confirmed, *notified]


def _handed_on(case: Case, event: PatientHandedToUnit, now: datetime) -> Decision:
    """Another unit goes on: how to call it, and when it will be there, is told apart."""
    return notify(case.but(unit_id=event.to_unit_id, call_back=None, **_NOT_EXPECTED), now)


def _expected(case: Case, event: ArrivalExpected, now: datetime) -> Decision:
    """What was expected earlier than what is known changes nothing."""
    last, is_same = case.estimated_at, case.unit_id == event.unit_id
    if is_same and last is not None and (event.estimated_at is None or event.estimated_at < last):
        return case, ()
    after = case.but(
        unit_id=event.unit_id,
        call_back=event.call_back,
        arrives_at=event.arrives_at,
        estimated_at=event.estimated_at,
        unit_arrived_at=event.unit_arrived_at,
    )
    if after == case:
        return case, ()
    return notify(after, now, changed=_news(after) != _news(case))


def _news(case: Case) -> tuple[object, ...]:
    """What of the way is worth a look when it changes; a time that moves is not."""
    is_expected = case.arrives_at is not None
    return case.unit_id, case.call_back, is_expected, case.unit_arrived_at


def _sent_on(case: Case, event: EmergencyTransferRequested, now: datetime) -> Decision:
    return notify(case.model_copy(update={"transfer": event}), now)


def _ended(case: Case, event: EncounterEnded, now: datetime) -> Decision:
    """Who was brought, or died on the way, stays in the queue until care is handed over; every
    other end withdraws. Of a death nobody may go on preparing unknowing: it is told at once."""
    if event.outcome is Outcome.TRANSPORTED or case.is_locked:
        return case.but(ended=True, outcome=event.outcome), ()
    if event.outcome is Outcome.DIED_EN_ROUTE:
        end = JourneyEnd(outcome=event.outcome, at=event.occurred_at)
        return notify(case.but(ended=True, outcome=event.outcome, journey_end=end), now)
    left, withdrawn = withdraw(case, now)
    after, cancelled = cancel(left, event.outcome, now) if event.outcome in CANCELS else (left, [])
    return after.but(ended=True, outcome=event.outcome), [*withdrawn, *cancelled]


def _decided(case: Case, event: TriageDecided, now: datetime) -> Decision:
    """Decisions are numbered: one that is not newer than the last is a repeat. Triage sees to it
    that fresh vital signs alone come at most every five seconds."""
    last = case.decision
    if last is not None and event.number <= last.number:
        return case, ()
    anchors = followed(case.anchors, event.inputs)
    changed = case.but(decision=event, triage_paused=False, anchors=anchors)
    return notify(changed, now, changed=event.changed)


def _paused(case: Case, event: TriagePaused, now: datetime) -> Decision:
    return notify(case.model_copy(update={"triage_paused": True}), now)


def _found(
    case: Case, event: FindingRecorded | ExaminationDone | TreatmentGiven, now: datetime
) -> Decision:
    name = _SHELF[type(event)]
    shelf = (*getattr(case, name), event)[-SHELF:]
    return notify(case.model_copy(update={name: shelf}), now)


def _told(case: Case, event: BackgroundTold, now: datetime) -> Decision:
    return notify(case.but(backgrounds=background.with_(case.backgrounds, event, now, SHELF)), now)


def _retracted(case: Case, event: ObservationRetracted, now: datetime) -> Decision:
    """What was taken back is shown no more; it stays in its topic."""
    name = f"{event.observation}s"
    if name not in _SHELF.values():  # vital signs are triage's
        return case, ()
    left = tuple(e for e in getattr(case, name) if e.event_id != event.observation_id)
    return notify(case.model_copy(update={name: left}), now)


def _arrived(case: Case, event: AttachmentReceived, now: datetime) -> Decision:
    """A file is told of once an examination names it, and is there."""
    if event.attachment in case.arrived:
        return case, ()
    after = case.but(arrived=(*case.arrived, event.attachment)[-SHELF:])
    return notify(after, now) if after.attachments != case.attachments else (after, ())


_SHELF: Mapping[type[Event], str] = {
    FindingRecorded: "findings",
    ExaminationDone: "examinations",
    TreatmentGiven: "treatments",
    BackgroundTold: "backgrounds",
}
#: Heard even after the handover: whoever boarded is admitted, every journey ends, and what was
#: examined before may have a file that was still on its way.
_ALWAYS = frozenset[type[Event]]((PatientBoarded, EncounterEnded, AttachmentReceived))
_HEARD: Mapping[type[Event], Callable[[Case, Any, datetime], Decision]] = {
    EncounterOpened: _known,
    EncounterUpdated: _known,
    EmergencyTransferRequested: _sent_on,
    PatientReached: _reached,
    DestinationSelected: _bound,
    PatientBoarded: _boarded,
    BoardingRevoked: _not_boarded,
    PatientHandedToUnit: _handed_on,
    ArrivalExpected: _expected,
    EncounterEnded: _ended,
    TriageDecided: _decided,
    TriagePaused: _paused,
    FindingRecorded: _found,
    ExaminationDone: _found,
    TreatmentGiven: _found,
    BackgroundTold: _told,
    AttachmentReceived: _arrived,
    ObservationRetracted: _retracted,
}
