"""上车即入院: the admission opens at boarding, once, with the boarding time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.encounter import Outcome
from schemas.envelope import derived_id
from schemas.handoff import Admission, AdmissionCancelled, AdmissionOpened
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


def admit(case: Case, now: datetime) -> tuple[Case, list[AdmissionOpened]]:
    """Open the admission of a patient who has boarded. A second boarding opens nothing.

    The number was reserved within the same transaction.
    """
    if case.boarded_at is None or case.admission is not None or case.reserved is None:
        return case, []
    admission = Admission(admission_number=case.reserved, admitted_at=case.boarded_at)
    opened = AdmissionOpened(
        event_id=derived_id("admission", case.encounter_id),
        occurred_at=case.boarded_at,
        recorded_at=now,
        encounter_id=case.encounter_id,
        admission=admission,
        facility_id=case.facility_id,
    )
    return case.model_copy(update={"admission": admission, "reserved": None}), [opened]


def cancel(case: Case, outcome: Outcome, now: datetime) -> tuple[Case, list[AdmissionCancelled]]:
    """Cancel the admission of somebody who does not come, if one was opened. ``admitted_at`` and
    the number stay in the record."""
    if case.admission is None or outcome not in CANCELS:
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
