"""A call for help: opened once, better known later, merged with another, closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from pydantic import AwareDatetime
from pydantic.json_schema import SkipJsonSchema

from schemas.encounter import EncounterEnded, Outcome, Patient
from schemas.envelope import derived_id
from schemas.event import Event, Identifier, Value
from schemas.incident import (
    Call,
    CallClass,
    IncidentClassified,
    IncidentClosed,
    IncidentEvent,
    IncidentLocated,
    IncidentMerged,
    IncidentOpened,
    IncidentOrigin,
    Location,
    LocationSource,
)
from schemas.repeats import Repeats, digest_of, name_of
from services.dispatch.encounter import Encounter, Opening, open_encounter, record
from services.kit.errors import Rejected
from services.kit.idempotency import is_repeat


class Intake(Value):
    """What the 120 software tells of an accepted call, or a clinic of a patient to be fetched."""

    event_id: Identifier
    occurred_at: AwareDatetime
    origin: IncidentOrigin = "call"
    external_number: Identifier | None
    call: Call
    location: Location
    classification: CallClass
    patients: tuple[Patient, ...]


class Incident(Value):
    """One call for help as it stands."""

    incident_id: Identifier
    origin: IncidentOrigin = "call"
    external_number: Identifier | None
    call: Call
    location: Location
    location_source: LocationSource = "caller"
    classification: CallClass
    opened_at: AwareDatetime
    encounter_ids: tuple[Identifier, ...]
    #: The incident this one goes on as.
    merged_into: Identifier | None = None
    closed_at: AwareDatetime | None = None
    taken: SkipJsonSchema[Repeats] = Repeats()


Decision: TypeAlias = tuple[Incident, Sequence[Event]]
#: An incident with encounters of it that changed.
Changed: TypeAlias = tuple[Incident, Sequence[Encounter], Sequence[Event]]


def incident_id_of(event_id: str) -> str:
    """The same intake, sent again, is the same incident."""
    return f"I-{derived_id('incident', event_id).replace('-', '')[:16]}"


def open_incident(intake: Intake, now: datetime) -> Changed:
    """The incident, its encounters, and the events that tell of them."""
    incident_id = incident_id_of(intake.event_id)
    encounters, events = [], []
    for number, patient in enumerate(intake.patients, start=1):
        opening = Opening(
            encounter_id=f"E-{incident_id[2:]}-{number}",
            occurred_at=intake.occurred_at,
            patient=patient,
            incident_id=incident_id,
        )
        encounter, opened = open_encounter(opening, now)
        encounters.append(encounter)
        events.append(opened)
    incident, opened_incident = begin(intake, [e.encounter_id for e in encounters], now)
    return incident, encounters, [opened_incident, *events]


def is_repeated(incident: Incident, intake: Intake) -> bool:
    """Whether this intake opened the incident. Raises ``Rejected`` 409 when another one did."""
    return is_repeat(incident.taken, f"IncidentOpened/{intake.event_id}", intake)


def begin(
    intake: Intake, encounter_ids: Sequence[str], now: datetime
) -> tuple[Incident, IncidentOpened]:
    """The incident of these encounters, and the event that tells of it."""
    incident = Incident(
        incident_id=incident_id_of(intake.event_id),
        origin=intake.origin,
        external_number=intake.external_number,
        call=intake.call,
        location=intake.location,
        classification=intake.classification,
        opened_at=intake.occurred_at,
        encounter_ids=tuple(encounter_ids),
        taken=Repeats().with_(f"IncidentOpened/{intake.event_id}", digest_of(intake)),
    )
    opened = IncidentOpened(
        event_id=intake.event_id,
        occurred_at=intake.occurred_at,
        recorded_at=now,
        incident_id=incident.incident_id,
        origin=incident.origin,
        external_number=incident.external_number,
        call=incident.call,
        location=incident.location,
        classification=incident.classification,
        encounter_ids=incident.encounter_ids,
    )
    return incident, opened


def correct(incident: Incident, event: IncidentEvent) -> Decision:
    """Take in what became better known. A repeat changes nothing; 409 when it goes on elsewhere."""
    name = name_of(event)
    if is_repeat(incident.taken, name, event):
        return incident, ()
    must_go_on(incident)
    changed = _CORRECTIONS[type(event)](incident, event)
    return _taking(changed, name, event), [event]


def _located(incident: Incident, event: IncidentLocated) -> Incident:
    return incident.model_copy(update={"location": event.location, "location_source": event.source})


def _classified(incident: Incident, event: IncidentClassified) -> Incident:
    return incident.model_copy(update={"classification": event.classification})


_CORRECTIONS: Mapping[type[IncidentEvent], Callable[..., Incident]] = {
    IncidentLocated: _located,
    IncidentClassified: _classified,
}


def merge(
    incident: Incident, into: Incident, encounters: Sequence[Encounter], event: IncidentMerged
) -> Changed:
    """Both calls were about the same: ``incident`` goes on as ``into``, and its placeholders end.

    409 when somebody is with one of its patients, be it a crew or the clinic that asked for the
    transfer (that is a second patient, not a second call), or when either of the two has ended.
    """
    name = name_of(event)
    if is_repeat(incident.taken, name, event):
        return incident, (), ()
    must_go_on(incident)
    if into.incident_id == incident.incident_id:
        raise Rejected(409, "Itself", "An incident cannot be merged into itself.")
    must_go_on(into)
    live = [encounter for encounter in encounters if encounter.outcome is None]
    if any(e.reached_at or e.boarded_at or e.origin != "call" for e in live):
        wanted = "Somebody is with a patient of this call. Merge the other call into this one."
        raise Rejected(409, "Reached", wanted)
    ended: list[Encounter] = []
    events: list[Event] = [event]
    for encounter in live:
        after, said = record(
            encounter,
            EncounterEnded(
                event_id=derived_id("merged", encounter.encounter_id),
                occurred_at=event.occurred_at,
                recorded_at=event.recorded_at,
                encounter_id=encounter.encounter_id,
                outcome=Outcome.MERGED,
            ),
        )
        ended.append(after)
        events += said
    changed = incident.model_copy(update={"merged_into": into.incident_id})
    return _taking(changed, name, event), ended, events


def close(incident: Incident, encounters: Sequence[Encounter], event: IncidentClosed) -> Decision:
    """Nobody works on it any more. 409 while a patient of it has no outcome."""
    name = name_of(event)
    if is_repeat(incident.taken, name, event):
        return incident, ()
    must_go_on(incident)
    if any(encounter.outcome is None for encounter in encounters):
        raise Rejected(409, "Not over", "A patient of this incident has no outcome yet.")
    changed = incident.model_copy(update={"closed_at": event.occurred_at})
    return _taking(changed, name, event), [event]


def add_patient(incident: Incident, opening: Opening, now: datetime) -> Changed:
    """One more patient: found on scene, or born on the way."""
    name = f"EncounterOpened/{opening.encounter_id}"
    if is_repeat(incident.taken, name, opening):
        return incident, (), ()
    must_go_on(incident)
    encounter, opened = open_encounter(opening, now)
    ids = (*incident.encounter_ids, encounter.encounter_id)
    changed = incident.model_copy(update={"encounter_ids": ids})
    return _taking(changed, name, opening), [encounter], [opened]


def must_go_on(incident: Incident) -> None:
    """Raises ``Rejected`` 409 when the call goes on as another, or was closed."""
    if incident.merged_into is not None:
        wanted = f"This call goes on as {incident.merged_into}: use that number."
        raise Rejected(409, "Merged", wanted)
    if incident.closed_at is not None:
        raise Rejected(409, "Closed", "This incident was closed. Open another.")


def _taking(incident: Incident, name: str, content: Value) -> Incident:
    taken = incident.taken.with_(name, digest_of(content))
    return incident.model_copy(update={"taken": taken})
