"""What the bridge reads, and what it does with each record."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.event import Event
from schemas.triage import TriageDecided
from services.bridge.case import Case
from services.bridge.facility import Facilities
from services.bridge.handoff import hear
from services.bridge.promise import keep
from services.bridge.store import CaseStore
from services.kit.work import Consumption, Received

TOPICS = ["dispatch-encounters", "ambulance-findings", "triage-decisions"]


def is_refresh(case: Case | None, after: Case, event: Event) -> bool:
    """Whether nothing but vital signs is new, of a patient whom the facility knows of: nobody owes
    anything for that. Most records are of this kind."""
    is_same = isinstance(event, TriageDecided) and not event.changed
    return is_same and case is not None and after.handoff is case.handoff


def consumption(cases: CaseStore, facilities: Facilities) -> Consumption[Case]:
    """The bridge's loop."""

    def handle(case: Case | None, received: Received) -> tuple[Case, Sequence[Event]]:
        """Take in one record, and what is owed since; the broker's time of it is the only clock."""
        after, events = hear(case, received.key, received.event, received.recorded_at)
        if after is case or is_refresh(case, after, received.event):
            return after, events
        return keep(after, facilities.of(after.facility_id), received.recorded_at), events

    return Consumption("bridge", "bridge", TOPICS, cases, handle)
