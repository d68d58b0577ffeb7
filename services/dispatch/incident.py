"""A call for help: opened once, better known later, merged with another, closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from pydantic import AwareDatetime
from pydantic.json_schema import SkipJsonSchema

from schemas.encounter import EncounterEnded, Outcome, Patient
from schemas.envelope import derived_id
from schemas.event import Event, Identifier, Text, Value
from schemas.incident import (
    Call,
    CallClass,
    CallCorrected,
    CallerCalledBack,
    IncidentAbandoned,
    IncidentClassified,
    IncidentClosed,
    IncidentDismissed,
    IncidentEvent,
    IncidentHeld,
    IncidentLocated,
    IncidentMerged,
    IncidentOpened,
    IncidentOrigin,
    IncidentResumed,
    IncidentUnmerged,
    Location,
    LocationSource,
)
from schemas.repeats import Repeats, digest_of, name_of
from services.dispatch.encounter import (
    Encounter,
    Opening,
    encounter_id_of,
    open_encounter,
    record,
)
from services.kit.errors import Rejected
from services.kit.idempotency import is_repeat, key_used


class Standing(StrEnum):
    """How a call stands."""

    OPEN = "open"
    HELD = "held"
    ABANDONED = "abandoned"
    NUISANCE = "nuisance"
    MERGED = "merged"
    CLOSED = "closed"


_S = Standing
#: What a call may become. One that was closed stays so: who calls again is another call.
MAY_BECOME: Mapping[Standing, frozenset[Standing]] = {
    _S.OPEN: frozenset({_S.HELD, _S.ABANDONED, _S.NUISANCE, _S.MERGED, _S.CLOSED}),
    _S.HELD: frozenset({_S.OPEN, _S.ABANDONED, _S.NUISANCE, _S.MERGED, _S.CLOSED}),
    _S.ABANDONED: frozenset({_S.OPEN, _S.NUISANCE, _S.MERGED, _S.CLOSED}),
    _S.NUISANCE: frozenset({_S.OPEN, _S.CLOSED}),
    _S.MERGED: frozenset({_S.OPEN}),
    _S.CLOSED: frozenset(),
}
#: Who is sent to a call in one of these makes it an open one.
_TAKEN_UP = frozenset({_S.HELD, _S.ABANDONED})


class Intake(Value):
    """What the 120 software tells of an accepted call, or a clinic of a patient to be fetched."""

    event_id: Identifier
    occurred_at: AwareDatetime
    origin: IncidentOrigin = "call"
    external_number: Identifier | None
    call: Call
    location: Location
    classification: CallClass
    #: Of a transfer that is no emergency: when the vehicle is wanted.
    scheduled_at: AwareDatetime | None = None
    patients: tuple[Patient, ...]


class CallCorrection(Value):
    """Some times of the call were wrong. ``named``: which; of these ``call`` says when it really
    was, and none where it never was."""

    event_id: Identifier
    occurred_at: AwareDatetime
    named: tuple[str, ...]
    call: Call
    reason: Text
    corrected_by: Identifier


class EarlierCall(Value):
    """The times of the call as they stood, until when, why they were wrong and who said so."""

    call: Call
    until: AwareDatetime
    reason: Text
    corrected_by: Identifier


class Located(Value):
    """Where the patient was thought to be, by whose word, until when, and why no longer."""

    location: Location
    source: LocationSource
    until: AwareDatetime
    reason: Text | None = None


class Incident(Value):
    """One call for help as it stands."""

    incident_id: Identifier
    origin: IncidentOrigin = "call"
    external_number: Identifier | None
    call: Call
    #: As it stood before it was corrected, the oldest first.
    earlier_calls: tuple[EarlierCall, ...] = ()
    location: Location
    location_source: LocationSource = "caller"
    #: What was thought before, the oldest first.
    earlier_locations: tuple[Located, ...] = ()
    classification: CallClass
    #: What it was opened as, and since when it is an emergency, where that was something else.
    opened_as: CallClass | None = None
    emergency_since: AwareDatetime | None = None
    #: When it was last told that it is an emergency, or is none any more.
    reclassified_at: AwareDatetime | None = None
    scheduled_at: AwareDatetime | None = None
    opened_at: AwareDatetime
    encounter_ids: tuple[Identifier, ...]
    standing: Standing = Standing.OPEN
    #: When it came to stand so; none where it was opened so.
    standing_since: AwareDatetime | None = None
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
        scheduled_at=intake.scheduled_at,
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
        scheduled_at=incident.scheduled_at,
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


def correct_call(incident: Incident, wanted: CallCorrection, now: datetime) -> Decision:
    """Take in that times of the call were wrong, also when it is over: what stood before is kept
    beside them. A repeat changes nothing; 409 when the call goes on elsewhere."""
    name = f"CallCorrected/{wanted.event_id}"
    if is_repeat(incident.taken, name, wanted):
        return incident, ()
    must_be_itself(incident)
    before = EarlierCall(
        call=incident.call,
        until=wanted.occurred_at,
        reason=wanted.reason,
        corrected_by=wanted.corrected_by,
    )
    call = incident.call.but(**{each: getattr(wanted.call, each) for each in wanted.named})
    changed = incident.but(call=call, earlier_calls=(*incident.earlier_calls, before))
    corrected = CallCorrected(
        event_id=wanted.event_id,
        occurred_at=wanted.occurred_at,
        recorded_at=now,
        incident_id=incident.incident_id,
        call=call,
        was=before.call,
        reason=wanted.reason,
        corrected_by=wanted.corrected_by,
    )
    return _taking(changed, name, wanted), [corrected]


def _located(incident: Incident, event: IncidentLocated) -> Incident:
    before = Located(
        location=incident.location,
        source=incident.location_source,
        until=event.occurred_at,
        reason=event.reason,
    )
    return incident.model_copy(
        update={
            "location": event.location,
            "location_source": event.source,
            "earlier_locations": (*incident.earlier_locations, before),
        }
    )


def _classified(incident: Incident, event: IncidentClassified) -> Incident:
    """What was opened as an emergency is one since then, whatever it was called in between: else a
    clock that has run out could be begun anew."""
    before, after = incident.classification, event.classification
    since, told_at = incident.emergency_since, incident.reclassified_at
    opened_as = incident.opened_as or before
    if before != after and "emergency" in {before, after}:
        told_at = event.recorded_at
    if after == "emergency" != opened_as and since is None:
        since = event.occurred_at
    return incident.but(
        classification=after, emergency_since=since, reclassified_at=told_at, opened_as=opened_as
    )


def _called_back(incident: Incident, event: CallerCalledBack) -> Incident:
    return incident


_CORRECTIONS: Mapping[type[IncidentEvent], Callable[..., Incident]] = {
    IncidentLocated: _located,
    IncidentClassified: _classified,
    CallerCalledBack: _called_back,
}
_STANDINGS: Mapping[type[IncidentEvent], Standing] = {
    IncidentHeld: _S.HELD,
    IncidentResumed: _S.OPEN,
    IncidentAbandoned: _S.ABANDONED,
    IncidentDismissed: _S.NUISANCE,
}


def stand(incident: Incident, event: IncidentEvent) -> Decision:
    """Hold a call, take it up again, give it up. A repeat changes nothing; 409 when it cannot
    become that from what it is."""
    name = name_of(event)
    if is_repeat(incident.taken, name, event):
        return incident, ()
    must_go_on(incident)
    return _taking(_become(incident, _STANDINGS[type(event)], event), name, event), [event]


def take_up(incident: Incident, cause: str, at: datetime, now: datetime) -> Decision:
    """A unit is sent: what was held, or lost its caller, is worked on. 409 when nobody works on it
    any more."""
    must_go_on(incident)
    if incident.standing is _S.NUISANCE:
        raise Rejected(409, "Nuisance", "This call was dismissed. Resume it first.")
    if incident.standing not in _TAKEN_UP:
        return incident, ()
    resumed = IncidentResumed(
        event_id=derived_id("taken up", incident.incident_id, cause),
        occurred_at=at,
        recorded_at=now,
        incident_id=incident.incident_id,
    )
    return stand(incident, resumed)


def _become(incident: Incident, wanted: Standing, event: IncidentEvent) -> Incident:
    possible = MAY_BECOME[incident.standing]
    if wanted not in possible:
        may = ", ".join(sorted(possible)) or "nothing else"
        wish = f"A call that is {incident.standing} cannot become {wanted}: it may become {may}."
        raise Rejected(409, "Not now", wish)
    return incident.model_copy(update={"standing": wanted, "standing_since": event.occurred_at})


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
    ended, events = _end(live, Outcome.MERGED, event)
    changed = _become(incident, _S.MERGED, event).model_copy(
        update={"merged_into": into.incident_id}
    )
    return _taking(changed, name, event), ended, [event, *events]


def unmerge(
    incident: Incident, encounters: Sequence[Encounter], event: IncidentUnmerged, now: datetime
) -> Changed:
    """It was another call after all: it is open again, and the patients that ended with the merging
    are expected again, each as a new encounter that continues the old."""
    name = name_of(event)
    if is_repeat(incident.taken, name, event):
        return incident, (), ()
    if incident.merged_into != event.out_of:
        raise Rejected(409, "Not merged", "This call does not go on as that one.")
    again: list[Encounter] = []
    events: list[Event] = [event]
    known = {encounter.continues for encounter in encounters}
    merged = [e for e in encounters if e.outcome is Outcome.MERGED and e.encounter_id not in known]
    for before in merged:
        opening = Opening(
            encounter_id=encounter_id_of(before.encounter_id, event.event_id),
            occurred_at=event.occurred_at,
            patient=before.patient,
            incident_id=incident.incident_id,
            continues=before.encounter_id,
        )
        encounter, opened = open_encounter(opening, now)
        again.append(encounter)
        events.append(opened)
    changed = _become(incident, _S.OPEN, event).model_copy(
        update={
            "merged_into": None,
            "encounter_ids": (*incident.encounter_ids, *(e.encounter_id for e in again)),
        }
    )
    return _taking(changed, name, event), again, events


def close(incident: Incident, encounters: Sequence[Encounter], event: IncidentClosed) -> Changed:
    """Nobody works on it any more. 409 while a patient of it has no outcome; of a call that was
    given up or a nuisance, those whom nobody has reached end with it: there was no patient."""
    name = name_of(event)
    if is_repeat(incident.taken, name, event):
        return incident, (), ()
    must_go_on(incident)
    live = [encounter for encounter in encounters if encounter.outcome is None]
    nobody = incident.standing in {_S.ABANDONED, _S.NUISANCE}
    if any(e.reached_at or e.boarded_at or e.origin != "call" or not nobody for e in live):
        raise Rejected(409, "Not over", "A patient of this incident has no outcome yet.")
    ended, events = _end(live, Outcome.NO_PATIENT, event)
    changed = _become(incident, _S.CLOSED, event).model_copy(
        update={"closed_at": event.occurred_at}
    )
    return _taking(changed, name, event), ended, [*events, event]


def _end(
    encounters: Sequence[Encounter], outcome: Outcome, event: IncidentEvent
) -> tuple[list[Encounter], list[Event]]:
    """Placeholders end with what ends their call."""
    ended: list[Encounter] = []
    events: list[Event] = []
    for encounter in encounters:
        after, said = record(
            encounter,
            EncounterEnded(
                event_id=derived_id(outcome.value, encounter.encounter_id),
                occurred_at=event.occurred_at,
                recorded_at=event.recorded_at,
                encounter_id=encounter.encounter_id,
                outcome=outcome,
            ),
        )
        ended.append(after)
        events += said
    return ended, events


def add_patients(
    incident: Incident, openings: Sequence[Opening], now: datetime, next_id: str = ""
) -> Changed:
    """More patients, in one act: found on scene, or born on the way. ``next_id`` is the encounter
    that one patient more in the same act would have had."""
    names = [f"EncounterOpened/{opening.encounter_id}" for opening in openings]
    repeated = {is_repeat(incident.taken, *each) for each in zip(names, openings, strict=True)}
    if repeated == {True} and next_id not in incident.encounter_ids:
        return incident, (), ()
    if True in repeated:  # more patients than before under the same key, or fewer
        raise key_used()
    must_go_on(incident)
    opened = [open_encounter(opening, now) for opening in openings]
    ids = (*incident.encounter_ids, *(encounter.encounter_id for encounter, _ in opened))
    changed = incident.model_copy(update={"encounter_ids": ids})
    for name, opening in zip(names, openings, strict=True):
        changed = _taking(changed, name, opening)
    return changed, [encounter for encounter, _ in opened], [event for _, event in opened]


def is_urgent(incident: Incident) -> bool:
    """Whether it may take what is kept for emergencies: a transfer and a drill can wait."""
    return incident.classification not in {"non_emergency_transfer", "drill"}


def must_be_itself(incident: Incident) -> None:
    """Raises ``Rejected`` 409 when the call goes on as another."""
    if incident.merged_into is not None:
        wanted = f"This call goes on as {incident.merged_into}: use that number."
        raise Rejected(409, "Merged", wanted)


def must_go_on(incident: Incident) -> None:
    """Raises ``Rejected`` 409 when the call goes on as another, or was closed."""
    must_be_itself(incident)
    if incident.closed_at is not None:
        raise Rejected(409, "Closed", "This incident was closed. Open another.")


def _taking(incident: Incident, name: str, content: Value) -> Incident:
    taken = incident.taken.with_(name, digest_of(content))
    return incident.model_copy(update={"taken": taken})
