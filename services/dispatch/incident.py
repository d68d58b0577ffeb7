"""A call for help: opened once, with one placeholder encounter for each presumed patient."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import AwareDatetime
from pydantic.json_schema import SkipJsonSchema

from schemas.encounter import Patient
from schemas.envelope import derived_id
from schemas.event import Event, Identifier, Value
from schemas.incident import Call, CallClass, IncidentOpened, Location
from schemas.repeats import Repeats, digest_of
from services.dispatch.encounter import Encounter, open_encounter


class Intake(Value):
    """What the 120 software tells of an accepted call."""

    event_id: Identifier
    occurred_at: AwareDatetime
    external_number: Identifier | None
    call: Call
    location: Location
    classification: CallClass
    patients: tuple[Patient, ...]


class Incident(Value):
    """One call for help as it stands."""

    incident_id: Identifier
    external_number: Identifier | None
    call: Call
    location: Location
    classification: CallClass
    opened_at: AwareDatetime
    encounter_ids: tuple[Identifier, ...]
    taken: SkipJsonSchema[Repeats] = Repeats()


def incident_id_of(event_id: str) -> str:
    """The same intake, sent again, is the same incident."""
    return f"I-{derived_id('incident', event_id).replace('-', '')[:16]}"


def open_incident(
    intake: Intake, now: datetime
) -> tuple[Incident, Sequence[Encounter], Sequence[Event]]:
    """The incident, its encounters, and the events that tell of them."""
    incident_id = incident_id_of(intake.event_id)
    encounters, events = [], []
    for number, patient in enumerate(intake.patients, start=1):
        encounter, opened = open_encounter(
            incident_id, f"E-{incident_id[2:]}-{number}", patient, (intake.occurred_at, now)
        )
        encounters.append(encounter)
        events.append(opened)
    incident = Incident(
        incident_id=incident_id,
        external_number=intake.external_number,
        call=intake.call,
        location=intake.location,
        classification=intake.classification,
        opened_at=intake.occurred_at,
        encounter_ids=tuple(e.encounter_id for e in encounters),
        taken=Repeats().with_(f"IncidentOpened/{intake.event_id}", digest_of(intake)),
    )
    opened_incident = IncidentOpened(
        event_id=intake.event_id,
        occurred_at=intake.occurred_at,
        recorded_at=now,
        **incident.model_dump(exclude={"opened_at", "taken"}),
    )
    return incident, encounters, [opened_incident, *events]
