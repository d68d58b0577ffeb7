"""What each event that is said adds to the metrics, once: when it was committed, or taken by the
broker."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from schemas.clinical import LevelOverridden, VitalSignsRecorded
from schemas.event import Event
from schemas.handoff import Escalated, PatientArrived, PreArrivalNotified
from schemas.incident import DeadlineMissed, DeadlineWarned
from schemas.triage import Centre, TriageDecided
from services.kit import metrics as seen
from services.kit.work import Received


def count(events: Iterable[Event]) -> None:
    """Add what these say."""
    now = time.time()
    for event in events:
        match event:
            case TriageDecided():
                _decided(event, now)
            case VitalSignsRecorded():
                _taken(event, now)
            case LevelOverridden():
                seen.OVERRIDES.labels(event.role, event.level).inc()
            case Escalated():
                seen.ESCALATIONS.labels(event.facility_id, event.owed.value, event.to).inc()
            case PatientArrived():
                seen.ARRIVALS.labels(event.facility_id).inc()
            case DeadlineWarned() | DeadlineMissed():
                step = "warning" if isinstance(event, DeadlineWarned) else "breach"
                seen.DEADLINES.labels(event.clock, step).inc()


def followed(causes: Iterable[tuple[Received, Sequence[Event]]]) -> None:
    """Add how long it took from when the broker had what brought them about. A decision has
    occurred when the broker had what completed its evidence: by it the whole path is timed."""
    now = time.time()
    for received, events in causes:
        cause, since = received.event, received.recorded_at
        if isinstance(cause, TriageDecided):
            since = cause.occurred_at
        took = max(0.0, now - since.timestamp())
        for event in events:
            if isinstance(event, TriageDecided):
                seen.DECIDED_SECONDS.labels(event.changed).observe(took)
            elif isinstance(event, PreArrivalNotified) and event.centre is Centre.EMERGENCY:
                seen.QUEUED_SECONDS.labels(event.changed).observe(took)


def _decided(event: TriageDecided, now: float) -> None:
    seen.DECISIONS.labels(event.worst.value, event.changed).inc()
    if event.changed:
        for each in event.centres:
            seen.CENTRES.labels(each.centre.value, each.activation.value).inc()


def _taken(event: VitalSignsRecorded, now: float) -> None:
    if event.method == "streamed":
        seen.TAKEN_SECONDS.observe(max(0.0, now - event.occurred_at.timestamp()))
    if event.device_time:
        seen.CLOCK_CORRECTIONS.inc()
