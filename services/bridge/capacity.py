"""What dispatch is told of a facility's beds, and what the facility is shown of them itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from schemas import capacity
from schemas.capacity import CapacityReported, PatientsWaiting
from schemas.envelope import derived_id
from schemas.event import Identifier, Value
from schemas.handoff import Department
from services.bridge.beds import Beds, DivertAdvised
from services.bridge.facility import BedRules
from services.bridge.ward import Reservation, Ward

#: Of two states told at one moment the later one is the newer, also for who counts milliseconds.
_NEXT = timedelta(milliseconds=1)


class WardView(Value):
    """The beds of a department. While they are not known, how many are left is null, and not 0."""

    department: Department
    is_known: bool
    free: int | None = None
    emergency: int | None = None
    staffed: int | None = None
    reported_at: AwareDatetime | None = None
    reported_by: Identifier | None = None
    lacks_since: AwareDatetime | None = None
    reservations: tuple[Reservation, ...] = ()


class DivertView(Value):
    """Advice to send elsewhere: by whom, since when, until when, and why."""

    by: Identifier
    since: AwareDatetime
    until: AwareDatetime
    reason: str


class Overview(Value):
    """The beds of a facility, its advice to send elsewhere, and who waits there for a doctor."""

    facility_id: Identifier
    wards: tuple[WardView, ...]
    divert: DivertView | None = None
    waiting: tuple[PatientsWaiting, ...] = ()


def tell(
    beds: Beds, waiting: Sequence[PatientsWaiting], rules: BedRules, now: datetime
) -> tuple[Beds, Sequence[CapacityReported]]:
    """Tell dispatch, if it would hear anything new. What is not known is left out."""
    told, advice = beds.told, beds.diverts(now)
    if beds.said_by is None:
        return beds, ()
    at = now if told is None else max(now, told.occurred_at + _NEXT)
    news = CapacityReported(
        event_id=derived_id("capacity", beds.facility_id, at.isoformat()),
        occurred_at=at,
        recorded_at=now,
        facility_id=beds.facility_id,
        staff_id=beds.said_by,
        beds=tuple(
            _told(department, ward)
            for department, ward in sorted(beds.wards.items())
            if ward.is_known(rules, now)
        ),
        divert=advice is not None,
        divert_until=advice.until if advice else None,
        divert_by=advice.staff_id if advice else None,
        divert_reason=advice.reason if advice else None,
        waiting=tuple(waiting),
    )
    same = {"event_id": "", "occurred_at": now, "recorded_at": now, "staff_id": ""}
    if told is not None and told.but(**same) == news.but(**same):
        return beds, ()
    return beds.but(told=news), [news]


def overview(
    beds: Beds, waiting: Sequence[PatientsWaiting], rules: BedRules, now: datetime
) -> Overview:
    """What the facility is shown."""
    return Overview(
        facility_id=beds.facility_id,
        wards=tuple(
            _shown(department, ward, ward.is_known(rules, now))
            for department, ward in sorted(beds.wards.items())
        ),
        divert=_advice(beds.diverts(now)),
        waiting=tuple(waiting),
    )


def _told(department: Department, ward: Ward) -> capacity.Beds:
    assert ward.counted is not None  # noqa: S101 (it is known)
    return capacity.Beds(
        department=department,
        free=ward.left("ordinary"),
        staffed=ward.counted.staffed,
        emergency=ward.left("emergency"),
        reported_at=ward.counted.occurred_at,
        reported_by=ward.counted.staff_id,
    )


def _shown(department: Department, ward: Ward, is_known: bool) -> WardView:
    counted = ward.counted
    return WardView(
        department=department,
        is_known=is_known,
        free=ward.left("ordinary") if is_known else None,
        emergency=ward.left("emergency") if is_known else None,
        staffed=counted.staffed if counted and is_known else None,
        reported_at=counted.occurred_at if counted else None,
        reported_by=counted.staff_id if counted else None,
        lacks_since=ward.lacks_since if is_known else None,
        reservations=ward.reservations,
    )


def _advice(advice: DivertAdvised | None) -> DivertView | None:
    if advice is None:
        return None
    return DivertView(
        by=advice.staff_id, since=advice.occurred_at, until=advice.until, reason=advice.reason
    )
