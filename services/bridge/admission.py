"""上车即入院: the admission opens at boarding, once, with the boarding time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.envelope import derived_id
from schemas.handoff import Admission, AdmissionOpened
from services.bridge.case import Case


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
