"""What the bridge reads, and what it does with each record."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.event import Event
from services.bridge.case import Case
from services.bridge.facility import Facilities
from services.bridge.handoff import hear
from services.bridge.promise import keep
from services.bridge.store import CaseStore
from services.kit.work import Consumption, Received

TOPICS = ["dispatch-encounters", "ambulance-findings", "triage-decisions"]


def consumption(cases: CaseStore, facilities: Facilities) -> Consumption[Case]:
    """The bridge's loop."""

    def handle(case: Case | None, received: Received) -> tuple[Case, Sequence[Event]]:
        """Take in one record, and what is owed since; the broker's time of it is the only clock."""
        after, events = hear(case, received.key, received.event, received.recorded_at)
        if after is case:
            return after, events
        return keep(after, facilities.of(after.facility_id), received.recorded_at), events

    return Consumption("bridge", "bridge", TOPICS, cases, handle)
