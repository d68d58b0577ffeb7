"""上车即入院: the admission opens at boarding, once, with the boarding time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.encounter import BoardingRevoked, Outcome
from schemas.envelope import derived_id
from schemas.handoff import (
    Admission,
    AdmissionBound,
    AdmissionCancelled,
    AdmissionConfirmed,
    AdmissionOpened,
    AdmissionRevoked,
    DeathDeclared,
    FormalityCompleted,
    HandoffEvent,
    IdentityBound,
    IdentityMerged,
    IdentitySplit,
)
from services.bridge.case import Case

#: Ends after which nobody comes: the patient left, or never was one. Who dies on the way stays
#: admitted until the receiving doctor has declared it.
CANCELS = frozenset(
    {
        Outcome.REFUSED_TREATMENT,
        Outcome.REFUSED_TRANSPORT,
        Outcome.NO_PATIENT,
        Outcome.LEFT_BY_OTHER_MEANS,
        Outcome.TREATED_NOT_TRANSPORTED,
        Outcome.HANDED_TO_OTHER,
        Outcome.STOOD_DOWN,
        Outcome.MERGED,
    }
)


def number_for(day: str, count: int) -> str:
    """The ``count``-th admission of ``day`` (YYYYMMDD)."""
    return f"GC-{day}-{count:04d}"


def day_of(moment: datetime, zone: ZoneInfo) -> str:
    """The calendar day at the place of the region."""
    return moment.astimezone(zone).strftime("%Y%m%d")


def wristband_for(number: str) -> str:
    """What is written on the wrist of whoever has this admission."""
    return number.replace("GC-", "WB-", 1)


def admit(
    case: Case, now: datetime, *, inferred: bool = False, again: str | None = None
) -> tuple[Case, list[AdmissionOpened]]:
    """Open the admission of a patient who has boarded. A second boarding opens nothing, but where
    the first was taken back: then ``again`` is the event by which they board after all.

    The number was reserved within the same transaction, or is the one that they had.
    """
    if case.boarded_at is None or case.admission is not None or case.reserved is None:
        return case, []
    is_known = case.handoff.identity is not None and not case.handoff.identity.provisional
    admission = Admission(
        admission_number=case.reserved,
        admitted_at=case.boarded_at,
        wristband=wristband_for(case.reserved),
        provisional=not is_known and case.patient.identity != "known",
        inferred=inferred,
        pending=tuple(f for f in case.formalities if not (is_known and f == "identity")),
    )
    opened = AdmissionOpened(
        event_id=derived_id("admission", case.encounter_id, *([again] if again else [])),
        occurred_at=case.boarded_at,
        recorded_at=now,
        encounter_id=case.encounter_id,
        admission=admission,
        facility_id=case.facility_id,
    )
    return case.model_copy(update={"admission": admission, "reserved": None}), [opened]


def confirm(
    case: Case, boarded_at: datetime, now: datetime, event_id: str
) -> tuple[Case, list[AdmissionConfirmed]]:
    """Somebody says after all when the patient boarded, where that was inferred."""
    if case.admission is None or not case.admission.inferred:
        return case, []
    admission = case.admission.but(inferred=False, admitted_at=boarded_at)
    confirmed = AdmissionConfirmed(
        event_id=derived_id("admission confirmed", case.encounter_id, event_id),
        occurred_at=boarded_at,
        recorded_at=now,
        encounter_id=case.encounter_id,
        admission=admission,
        facility_id=case.facility_id,
    )
    return case.but(admission=admission, boarded_at=boarded_at), [confirmed]


def revoke(
    case: Case, event: BoardingRevoked, now: datetime
) -> tuple[Case, list[AdmissionRevoked]]:
    """They were not aboard: there was no admission. The number may stand on their wrist already,
    and waits for them."""
    if case.admission is None:
        return case, []
    revoked = AdmissionRevoked(
        event_id=derived_id("admission revoked", case.encounter_id, event.event_id),
        occurred_at=event.occurred_at,
        recorded_at=now,
        encounter_id=case.encounter_id,
        admission=case.admission,
        facility_id=case.facility_id,
        reason=event.reason,
    )
    return case.but(admission=None, reserved=case.admission.admission_number), [revoked]


def bind(case: Case, before: str | None, event_id: str, now: datetime) -> list[AdmissionBound]:
    """The admission is the facility's that was chosen now, with its time and number."""
    if case.admission is None or case.facility_id is None:
        return []
    return [
        AdmissionBound(
            event_id=derived_id("admission bound", case.encounter_id, event_id),
            occurred_at=now,
            recorded_at=now,
            encounter_id=case.encounter_id,
            admission=case.admission,
            facility_id=case.facility_id,
            before=before,
        )
    ]


def after(admission: Admission, event: HandoffEvent) -> Admission:
    """The admission when the facility knows more of the person, or has done a formality."""
    pending = [each for each in admission.pending if each != _done_by(event)]
    match event:
        case IdentityBound() | IdentityMerged():
            known = not (isinstance(event, IdentityBound) and event.provisional)
            return admission.but(pending=tuple(pending), provisional=not known)
        case IdentitySplit():
            again = dict.fromkeys(("identity", *admission.pending))
            return admission.but(pending=tuple(again), provisional=True)
    return admission.but(pending=tuple(pending))


def _done_by(event: HandoffEvent) -> str | None:
    match event:
        case FormalityCompleted():
            return event.formality
        case IdentityBound():
            return None if event.provisional else "identity"
        case IdentityMerged():
            return "identity"
    return None


def cancel(case: Case, outcome: Outcome, now: datetime) -> tuple[Case, list[AdmissionCancelled]]:
    """Cancel the admission of somebody who does not come, if one was opened. ``admitted_at`` and
    the number stay in the record."""
    if case.admission is None:
        return case, []
    cancelled = AdmissionCancelled(
        event_id=derived_id("admission cancelled", case.encounter_id),
        occurred_at=now,
        recorded_at=now,
        encounter_id=case.encounter_id,
        admission=case.admission,
        facility_id=case.facility_id,
        because=outcome,
    )
    return case.model_copy(update={"admission": None}), [cancelled]


def end(case: Case, event: DeathDeclared, now: datetime) -> tuple[Case, list[AdmissionCancelled]]:
    """End the admission of who died on the way. They are there until care is handed over, and so
    are number, wristband and times."""
    if case.admission is None:
        return case, []
    _, cancelled = cancel(case, Outcome.DIED_EN_ROUTE, now)
    return case.but(admission=case.admission.but(ended_at=event.occurred_at)), cancelled
