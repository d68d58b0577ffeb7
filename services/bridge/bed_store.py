"""The table of beds, and what acts on patients do to it. Of a facility that has never said anything
of its beds nothing is kept: a reservation stands in the patient's record alone.

Beds are locked after patients and before queues, always.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.capacity import PatientsWaiting
from schemas.event import Event
from schemas.handoff import (
    AdmissionCancelled,
    ArrivalRevoked,
    BedReleased,
    BedReserved,
    CareTransferred,
    Milestone,
    MilestoneReached,
    MilestoneRevoked,
    PatientArrived,
    PreArrivalWithdrawn,
    RedirectRequested,
)
from schemas.triage import TriageLevel
from services.bridge.beds import Beds, Decision, occupy, release, reserve, want
from services.bridge.capacity import tell
from services.bridge.case import Case
from services.bridge.facility import BedRules, Facilities
from services.bridge.promise import level_of
from services.kit import outbox
from services.kit.postgres import Connection, Row, Table

BEDS = Table("beds", Beds)

#: What changes for whom a bed waits, or how many wait for a doctor.
_MOVES = (
    AdmissionCancelled,
    ArrivalRevoked,
    BedReleased,
    BedReserved,
    CareTransferred,
    MilestoneReached,
    MilestoneRevoked,
    PatientArrived,
    PreArrivalWithdrawn,
)
_WAITING = """
    SELECT item -> 'record' ->> 'worst' AS level, count(*) AS patients
      FROM queue
     WHERE facility_id = $1 AND is_open AND item -> 'handoff' ->> 'arrived_at' IS NOT NULL
       AND NOT EXISTS (SELECT FROM json_array_elements(item -> 'handoff' -> 'milestones') AS m
                        WHERE m ->> 'milestone' = $2)
     GROUP BY 1
"""


@dataclass(frozen=True)
class Moved:
    """What a transaction has done to beds: as they were read, as they are, and who was alerted."""

    rows: Mapping[str, Row[Beds]]
    after: dict[str, Beds]
    told: list[Event]
    now: datetime | None = None


async def move(
    connection: Connection,
    cases: Mapping[str, Case],
    emitted: Sequence[Event],
    facilities: Facilities,
) -> Moved:
    """Reserve, give back and hand over the beds that these events are about; they are locked until
    ``keep`` stores them. Raises ``Rejected`` 409 where none is left that is to be reserved."""
    events = [event for event in emitted if isinstance(event, _MOVES)]
    ids = {event.facility_id for event in events if event.facility_id is not None}
    rows = await BEDS.load(connection, sorted(ids)) if ids else {}
    after = {key: row.state for key, row in rows.items() if row.state is not None}
    told: list[Event] = []
    for event in events:
        beds = after.get(event.facility_id or "")
        if beds is not None:
            rules = facilities.of(beds.facility_id).bed_rules
            case = cases[event.encounter_id]
            after[beds.facility_id], alerts = _moved(beds, event, case, rules)
            told += alerts
    for redirect in emitted:
        if isinstance(redirect, RedirectRequested) and redirect.reason == "no_bed":
            told.append(want(redirect, _time(redirect)))
    return Moved(rows, after, told, max(map(_time, events), default=None))


async def keep(connection: Connection, moved: Moved, facilities: Facilities) -> None:
    """Store what was moved, and tell dispatch what it would not know: the queues are as they are
    shown now."""
    told, changed = list(moved.told), dict[str, Row[Beds]]()
    for key, beds in moved.after.items():
        assert moved.now is not None  # noqa: S101 (something has moved)
        rules, patients = facilities.of(key).bed_rules, await waiting(connection, key)
        after, news = tell(beds, patients, rules, moved.now)
        told += news
        if after is not moved.rows[key].state:
            changed[key] = Row(after, moved.rows[key].version)
    await BEDS.save(connection, changed)
    await outbox.append(connection, "bridge", told)


async def waiting(connection: Connection, facility_id: str) -> list[PatientsWaiting]:
    """How many patients are there and have seen no doctor yet, the most urgent level first."""
    rows = await connection.fetch(_WAITING, facility_id, Milestone.FIRST_DOCTOR)
    known = {TriageLevel(row["level"]): row["patients"] for row in rows}
    levels = sorted(known, key=lambda level: level.urgency, reverse=True)
    return [PatientsWaiting(level=level, patients=known[level]) for level in levels]


def _moved(beds: Beds, event: Event, case: Case, rules: BedRules) -> Decision:
    now, encounter_id = _time(event), case.encounter_id
    match event:
        case BedReserved():
            return reserve(beds, event, level_of(case), rules, now)
        case BedReleased():
            given = release(beds, encounter_id, event.department, rules, now)
            return given.but(said_by=event.staff_id), ()
        case PreArrivalWithdrawn() | AdmissionCancelled():
            return release(beds, encounter_id, None, rules, now), ()
        case CareTransferred():
            return occupy(beds, encounter_id, rules, now), ()
    return beds, ()


def _time(event: Event) -> datetime:
    return event.recorded_at or event.occurred_at
