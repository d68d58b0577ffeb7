"""A clinic or hospital needs its patient taken on: the call that nobody makes by telephone."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from schemas.encounter import EmergencyTransferRequested
from schemas.envelope import derived_id
from schemas.event import Event, Identifier, Text, Value
from schemas.incident import Call, Location
from schemas.repeats import digest_of
from services.dispatch.encounter import Encounter
from services.dispatch.incident import Incident, Intake, begin
from services.kit.errors import Rejected
from services.kit.idempotency import is_repeat


class Transfer(Value):
    """What the sending side asks for. The incident it opens stands where the patient is."""

    event_id: Identifier
    occurred_at: AwareDatetime
    from_facility_id: Identifier
    requested_by: Identifier
    location: Location
    arrived_at: AwareDatetime | None = None
    to_facility_id: Identifier | None = None
    accepted_by: Identifier | None = None
    consent: Literal["given", "not_obtainable"]
    reason: Text | None = None


def request_transfer(
    encounter: Encounter, asked: Transfer, now: datetime
) -> tuple[Encounter, Incident | None, list[Event]]:
    """The encounter on its way to a vehicle, and the incident that is opened for it.

    No incident when this is a repeat. 409 when the patient belongs to another call already.
    """
    name = f"EmergencyTransferRequested/{asked.event_id}"
    if is_repeat(encounter.taken, name, asked):
        return encounter, None, []
    if encounter.outcome is not None:
        raise Rejected(409, "Already ended", "This encounter has its outcome. Open another.")
    if encounter.incident_id is not None:
        wanted = f"The patient belongs to incident {encounter.incident_id}: units come to that."
        raise Rejected(409, "Asked before", wanted)
    intake = Intake(
        # Clinics number for themselves: the same id is another call at another patient.
        event_id=derived_id("transfer", encounter.encounter_id, asked.event_id),
        occurred_at=asked.occurred_at,
        origin="transfer_request",
        external_number=None,
        call=Call(accepted_at=asked.occurred_at),
        location=asked.location,
        classification="emergency",
        patients=(encounter.patient,),
    )
    incident, opened = begin(intake, [encounter.encounter_id], now)
    requested = EmergencyTransferRequested(
        recorded_at=now,
        encounter_id=encounter.encounter_id,
        incident_id=incident.incident_id,
        **asked.model_dump(exclude={"location"}),
    )
    taken = encounter.taken.with_(name, digest_of(asked))
    changed = encounter.but(
        incident_id=incident.incident_id, door_in_at=asked.arrived_at, taken=taken
    )
    return changed, incident, [opened, requested]
