"""What the bridge reads, and what it does with each record."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from schemas.event import Event
from services.bridge.case import Case
from services.bridge.handoff import hear
from services.bridge.store import CaseStore
from services.kit.work import Consumption, Received

TOPICS = ["dispatch-encounters", "ambulance-findings", "triage-decisions"]


def handle(case: Case | None, received: Received) -> tuple[Case, Sequence[Event]]:
    """Take in one record; the broker's time of it is the only clock."""
    return hear(case, received.key, received.event, received.recorded_at)


def consumption(zone: ZoneInfo) -> Consumption[Case]:
    """The bridge's loop; ``zone`` dates admission numbers."""
    return Consumption("bridge", "bridge", TOPICS, CaseStore(zone), handle)
