"""The pre-arrival record: when a new version goes out, and to whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from schemas.clinical import FindingRecorded
from schemas.envelope import derived_id
from schemas.handoff import PreArrivalNotified, PreArrivalRecord, PreArrivalWithdrawn
from schemas.triage import Centre, TriageLevel
from services.bridge.background import background_of
from services.bridge.case import Case, Handoff
from services.bridge.trend import trends


def record_of(case: Case) -> PreArrivalRecord:
    """All that the facility is told, complete in itself."""
    decided = case.decision
    return PreArrivalRecord.made(
        patient=case.patient,
        unit_id=case.unit_id,
        call_back=case.call_back,
        boarded_at=case.boarded_at,
        arrives_at=case.arrives_at,
        estimated_at=case.estimated_at,
        unit_arrived_at=case.unit_arrived_at,
        worst=decided.worst if decided else TriageLevel.NOT_YET,
        current=decided.current if decided else TriageLevel.NOT_YET,
        trend=decided.trend if decided else "same",
        triage_paused=case.triage_paused,
        protocol=decided.protocol if decided else None,
        reasons=decided.reasons if decided else (),
        earlier=decided.earlier if decided else (),
        taken_back=decided.taken_back if decided else (),
        inputs=decided.inputs if decided else (),
        trends=trends(case.anchors),
        missing=decided.missing if decided else (),
        invalid=decided.invalid if decided else (),
        lost=decided.lost if decided else (),
        scores=decided.scores if decided else (),
        respond_within_min=decided.respond_within_min if decided else None,
        questions=decided.questions if decided else (),
        centres=decided.centres if decided else (),
        override=decided.override if decided else None,
        findings=case.findings,
        examinations=case.examinations,
        attachments=case.attachments,
        treatments=case.treatments,
        background=background_of(case.backgrounds),
        transfer=case.transfer,
        admission=case.admission,
        journey_end=case.journey_end,
        boarding_revoked=case.boarding_revoked,
    )


def last(findings: Iterable[FindingRecorded]) -> Iterable[FindingRecorded]:
    """The last word on each."""
    return {found.finding: found for found in findings}.values()


def centres_of(case: Case) -> tuple[Centre, ...]:
    """The queues this patient stands in. One that was told is never left by the machine."""
    concerned = [c.centre for c in case.decision.centres] if case.decision else []
    activated = [activation.centre for activation in case.handoff.activations]
    return tuple(dict.fromkeys((Centre.EMERGENCY, *case.centres, *concerned, *activated)))


def notify(
    case: Case, now: datetime, *, changed: bool = True
) -> tuple[Case, list[PreArrivalNotified]]:
    """Send the next version to every centre concerned, if a facility waits for this patient."""
    if not case.is_open or case.facility_id is None:
        return case, []
    version, centres = case.version + 1, centres_of(case)
    record = record_of(case)
    sent = [
        PreArrivalNotified.made(
            event_id=derived_id(
                "record", case.encounter_id, case.facility_id, centre.value, version
            ),
            occurred_at=now,
            recorded_at=now,
            encounter_id=case.encounter_id,
            facility_id=case.facility_id,
            centre=centre,
            version=version,
            changed=changed,
            record=record,
            decision=case.decision.event_id if case.decision else None,
        )
        for centre in centres
    ]
    handoff = case.handoff
    if handoff.notified_at is None:
        handoff = handoff.but(notified_at=now, first_version=version)
    after = case.model_copy(
        update={
            "version": version,
            "centres": centres,
            "notified_at": now,
            "handoff": handoff,
        }
    )
    return after, sent


def withdraw(case: Case, now: datetime) -> tuple[Case, Sequence[PreArrivalWithdrawn]]:
    """Tell the facility that the patient is no longer bound for it; its handoff ends."""
    if case.facility_id is None or case.version == 0:
        return case, ()
    withdrawn = tuple(
        PreArrivalWithdrawn(
            event_id=derived_id(
                "withdrawn", case.encounter_id, case.facility_id, centre.value, case.version
            ),
            occurred_at=now,
            recorded_at=now,
            encounter_id=case.encounter_id,
            facility_id=case.facility_id,
            centre=centre,
            version=case.version,
        )
        for centre in case.centres
    )
    # The version goes on counting: a record is never numbered twice, even on the way back.
    return case.model_copy(
        update={"centres": (), "handoff": Handoff(), "notified_at": None}
    ), withdrawn
