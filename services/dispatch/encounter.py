"""One patient as dispatch knows them, and every act on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from pydantic import AwareDatetime
from pydantic.json_schema import SkipJsonSchema

from schemas.encounter import (
    DestinationSelected,
    DeviceAttached,
    DeviceDetached,
    EncounterEnded,
    EncounterEvent,
    EncounterOpened,
    EncounterUpdated,
    Outcome,
    Patient,
    PatientBoarded,
    PatientReached,
)
from schemas.envelope import derived_id
from schemas.event import Event, Identifier, Value
from schemas.handoff import AdmissionOpened, CareTransferred
from schemas.repeats import Repeats, digest_of, name_of
from schemas.triage import TriageDecided, TriageLevel
from services.kit.errors import Rejected
from services.kit.idempotency import is_repeat


class Encounter(Value):
    """A patient's way as far as dispatch is concerned."""

    encounter_id: Identifier
    incident_id: Identifier | None
    patient: Patient
    opened_at: AwareDatetime
    devices: tuple[Identifier, ...] = ()
    destination: Identifier | None = None
    unit_id: Identifier | None = None
    reached_at: AwareDatetime | None = None
    boarded_at: AwareDatetime | None = None
    level: TriageLevel = TriageLevel.NOT_YET
    admission_number: str | None = None
    outcome: Outcome | None = None
    ended_at: AwareDatetime | None = None
    taken: SkipJsonSchema[Repeats] = Repeats()


Decision: TypeAlias = tuple[Encounter, Sequence[Event]]


def open_encounter(
    incident_id: str, encounter_id: str, patient: Patient, times: tuple[datetime, datetime]
) -> tuple[Encounter, EncounterOpened]:
    """A placeholder for one presumed patient; ``times`` are when it happened and now."""
    occurred_at, now = times
    encounter = Encounter(
        encounter_id=encounter_id, incident_id=incident_id, patient=patient, opened_at=occurred_at
    )
    opened = EncounterOpened(
        event_id=derived_id("encounter", encounter_id),
        occurred_at=occurred_at,
        recorded_at=now,
        encounter_id=encounter_id,
        incident_id=incident_id,
        patient=patient,
    )
    return encounter, opened


def record(encounter: Encounter, event: EncounterEvent) -> Decision:
    """Take in an act. A repeat changes nothing; ``Rejected`` 409 when it cannot be any more,
    or when its key stood for another act."""
    name = name_of(event)
    if is_repeat(encounter.taken, name, event):
        return encounter, ()
    if encounter.outcome is not None:
        raise Rejected(409, "Already ended", "This encounter has its outcome.")
    changed = _ACTS[type(event)](encounter, event)
    taken = encounter.taken.with_(name, digest_of(event))
    return changed.model_copy(update={"taken": taken}), [event]


def _updated(encounter: Encounter, event: EncounterUpdated) -> Encounter:
    return encounter.model_copy(update={"patient": event.patient})


def _reached(encounter: Encounter, event: PatientReached) -> Encounter:
    return encounter.model_copy(update={"reached_at": event.occurred_at, "unit_id": event.unit_id})


def _attached(encounter: Encounter, event: DeviceAttached) -> Encounter:
    devices = tuple(dict.fromkeys((*encounter.devices, event.device_id)))
    return encounter.model_copy(update={"devices": devices})


def _detached(encounter: Encounter, event: DeviceDetached) -> Encounter:
    if event.device_id not in encounter.devices:
        raise Rejected(409, "Not attached", "This device is not attached to this patient.")
    devices = tuple(d for d in encounter.devices if d != event.device_id)
    return encounter.model_copy(update={"devices": devices})


def _bound(encounter: Encounter, event: DestinationSelected) -> Encounter:
    return encounter.model_copy(update={"destination": event.facility_id})


def _boarded(encounter: Encounter, event: PatientBoarded) -> Encounter:
    if encounter.boarded_at is not None:
        raise Rejected(409, "Already aboard", "Boarding was recorded before, at another time.")
    return encounter.model_copy(update={"boarded_at": event.occurred_at, "unit_id": event.unit_id})


def _ended(encounter: Encounter, event: EncounterEnded) -> Encounter:
    return encounter.model_copy(
        update={"outcome": event.outcome, "ended_at": event.occurred_at, "devices": ()}
    )


_ACTS: dict[type[Event], Callable[..., Encounter]] = {
    EncounterUpdated: _updated,
    PatientReached: _reached,
    DeviceAttached: _attached,
    DeviceDetached: _detached,
    DestinationSelected: _bound,
    PatientBoarded: _boarded,
    EncounterEnded: _ended,
}


def hear(
    encounter: Encounter | None, event: Event, now: datetime
) -> tuple[Encounter | None, Sequence[Event]]:
    """Take in what triage and the facility say. Care handed over ends the encounter."""
    if encounter is None:
        return None, ()
    if isinstance(event, TriageDecided) and event.worst.urgency > encounter.level.urgency:
        return encounter.model_copy(update={"level": event.worst}), ()
    if isinstance(event, AdmissionOpened):
        number = event.admission.admission_number
        return encounter.model_copy(update={"admission_number": number}), ()
    if isinstance(event, CareTransferred) and encounter.outcome is None:
        ended = EncounterEnded(
            event_id=derived_id("ended", encounter.encounter_id),
            occurred_at=event.occurred_at,
            recorded_at=now,
            encounter_id=encounter.encounter_id,
            outcome=Outcome.TRANSPORTED,
        )
        return record(encounter, ended)
    return encounter, ()
