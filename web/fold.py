"""Folds the events of the topics into the stage.

Every event may come early, late or twice. The frequent kinds stay bytes until someone looks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from web.stage import URGENCY, Encounter, Incident, Stage

#: What comes of a record that is not what it should be: it changes nothing, the page goes on.
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
#: A record read later than this after its own time was read while catching up.
FRESH_MS = 2_000
#: Why a level stands that nothing says any more.
EARLIER = {"zh": "先前曾达此级", "en": "reached this level before"}
SET = {"zh": "临床人员定级", "en": "set by a clinician"}


class Record(NamedTuple):
    """A record as it was read: times in milliseconds since 1970."""

    topic: str
    kind: str
    key: str
    value: bytes
    stamped: float
    read: float


def take(stage: Stage, record: Record) -> None:
    """Fold one record. What cannot be read, or is not known, changes nothing."""
    stage.as_of = max(stage.as_of or 0.0, record.read)
    fold = FOLDS.get(record.kind)
    if fold is None:
        return
    with suppress(*UNREADABLE):
        fold(stage, record)


def settle(stage: Stage) -> None:
    """Decode the decisions that came since the last look: the newest of each patient."""
    for key, value in stage.undecoded.items():
        with suppress(*UNREADABLE):
            _decide(stage.encounters[key], json.loads(value))
    stage.undecoded.clear()


def milliseconds(text: str) -> float:
    """An event's time as milliseconds since 1970."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _read(record: Record) -> tuple[dict[str, Any], float]:
    event = json.loads(record.value)
    return event, milliseconds(event["occurred_at"])


def _incident_opened(stage: Stage, record: Record) -> None:
    event, at = _read(record)
    incident = stage.incident(record.key, record.read)
    accepted = event["call"].get("accepted_at")
    incident.accepted = milliseconds(accepted) if accepted else at
    incident.place = (event["location"]["latitude"], event["location"]["longitude"])
    incident.address = event["location"].get("address")
    incident.encounters = tuple(event["encounter_ids"])


def _unit_assigned(stage: Stage, record: Record) -> None:
    event, at = _read(record)
    unit = stage.unit(record.key, record.read)
    if at >= unit.status_at:
        unit.incident, unit.status, unit.status_at = event["incident_id"], "notified", at
    incident = stage.incident(event["incident_id"], record.read)
    if incident.unit is None or "stood_down" in incident.stamps:
        incident.unit, incident.leg = record.key, event["leg_id"]
        incident.stamps = {"notified": at}
        scene = event["scene"]
        incident.place = incident.place or (scene["latitude"], scene["longitude"])


def _unit_status_changed(stage: Stage, record: Record) -> None:
    event, at = _read(record)
    unit = stage.unit(record.key, record.read)
    if at >= unit.status_at:
        unit.status, unit.status_at = event["status"], at
    incident = _incident_of(stage, unit.incident, event.get("leg_id"))
    if incident:
        incident.touched = record.read
        incident.stamps.setdefault(event["status"], at)
        if event["source"] == "gps" and event["status"] == "departed" and incident.leg:
            stage.departure_seen(incident.leg, at)


def _incident_of(stage: Stage, incident_id: str | None, leg_id: str | None) -> Incident | None:
    incident = stage.incidents.get(incident_id or "")
    return incident if incident and leg_id in (None, incident.leg) else None


def _unit_departed(stage: Stage, record: Record) -> None:
    event, at = _read(record)
    stage.departure_seen(event["leg_id"], at)


def _position(stage: Stage, record: Record) -> None:
    stage.unit(record.key, record.read).fix = record.value


def _opened(stage: Stage, record: Record) -> None:
    event, at = _read(record)
    encounter = stage.encounter(record.key, record.read)
    encounter.incident = event.get("incident_id")
    encounter.stamps.setdefault("opened", at)
    encounter.patient = encounter.patient or event["patient"]


def _updated(stage: Stage, record: Record) -> None:
    event, _ = _read(record)
    stage.encounter(record.key, record.read).patient = event["patient"]


def _stamp(name: str) -> Callable[[Stage, Record], None]:
    def fold(stage: Stage, record: Record) -> None:
        event, at = _read(record)
        encounter = stage.encounter(record.key, record.read)
        encounter.stamps.setdefault(name, at)
        encounter.unit = event.get("unit_id") or encounter.unit

    return fold


def _arrival_revoked(stage: Stage, record: Record) -> None:
    _read(record)
    stage.encounter(record.key, record.read).stamps.pop("arrived", None)


def _boarded(stage: Stage, record: Record) -> None:
    event, at = _read(record)
    encounter = stage.encounter(record.key, record.read)
    encounter.stamps.setdefault("boarded", at)
    encounter.unit = event["unit_id"]
    if encounter.boarding_known is None:
        known = event.get("recorded_at")
        encounter.boarding_known = milliseconds(known) if known else record.stamped


def _boarding_revoked(stage: Stage, record: Record) -> None:
    _read(record)
    encounter = stage.encounter(record.key, record.read)
    encounter.stamps.pop("boarded", None)
    encounter.boarding_known = None


def _admission_revoked(stage: Stage, record: Record) -> None:
    _read(record)
    encounter = stage.encounter(record.key, record.read)
    encounter.stamps.pop("admitted", None)
    encounter.admission_number = encounter.admission_seen = None


def _admitted(stage: Stage, record: Record) -> None:
    event, _ = _read(record)
    encounter = stage.encounter(record.key, record.read)
    if encounter.admission_number is None:
        is_fresh = record.read - record.stamped < FRESH_MS
        encounter.admission_seen = record.read if is_fresh else record.stamped
        encounter.admission_number = event["admission"]["admission_number"]
        encounter.stamps["admitted"] = milliseconds(event["admission"]["admitted_at"])


def _destination(stage: Stage, record: Record) -> None:
    event, at = _read(record)
    encounter = stage.encounter(record.key, record.read)
    encounter.facility = event["facility_id"]
    encounter.stamps["destination"] = at


def _acknowledged(stage: Stage, record: Record) -> None:
    event, at = _read(record)
    encounter = stage.encounter(record.key, record.read)
    encounter.seen_at = max(encounter.seen_at, at)
    if "acknowledged" not in encounter.stamps:
        encounter.stamps["acknowledged"] = at
        encounter.acknowledged_by = event["staff_id"]


def _seen(stage: Stage, record: Record) -> None:
    _, at = _read(record)
    encounter = stage.encounter(record.key, record.read)
    encounter.seen_at = max(encounter.seen_at, at)


def _escalated(stage: Stage, record: Record) -> None:
    event, at = _read(record)
    if event.get("owed", "acknowledged") == "acknowledged":
        encounter = stage.encounter(record.key, record.read)
        encounter.late_at = max(encounter.late_at, at)


def _notified(stage: Stage, record: Record) -> None:
    encounter = stage.encounter(record.key, record.read)
    encounter.told[record.topic] = record.value
    encounter.listed.setdefault(record.topic, record.read)
    encounter.card = None


def _withdrawn(stage: Stage, record: Record) -> None:
    event, _ = _read(record)
    encounter = stage.encounter(record.key, record.read)
    told = encounter.told.get(record.topic)
    if told and json.loads(told)["facility_id"] == event["facility_id"]:
        del encounter.told[record.topic]
        del encounter.listed[record.topic]
        encounter.card = None


def _decided(stage: Stage, record: Record) -> None:
    stage.encounter(record.key, record.read)
    stage.undecoded[record.key] = record.value


def _decide(encounter: Encounter, event: dict[str, Any]) -> None:
    level, at = event["worst"], milliseconds(event["occurred_at"])
    if 0 < URGENCY[encounter.level] < URGENCY[level]:
        encounter.rose = (encounter.level, at)
    elif URGENCY[level] < URGENCY[encounter.level]:  # a clinician's word, or what was taken back
        encounter.rose = None
    encounter.level, encounter.trend = level, event["trend"]
    encounter.reasons = why(event)
    for known in event["inputs"]:  # samples are read only of those in the spotlight
        _know(encounter, known["name"], known["value"], milliseconds(known["occurred_at"]))


def _know(encounter: Encounter, name: str, value: Any, at: float) -> None:
    """The newest of each sign."""
    if value is not None and at >= encounter.vitals.get(name, (None, 0.0))[1]:
        encounter.vitals[name] = (value, at)


def why(told: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Why the level is what it is, in three reasons at most. Where the values that proved it have
    passed, what they were is said before what they say now: a milder reason is none for it."""
    found, worst = weightiest(told["reasons"]), told["worst"]
    proven = max((URGENCY[reason["level"]] for reason in found), default=URGENCY["non_urgent"])
    if URGENCY[worst] <= proven:
        return found
    is_set = (told.get("override") or {}).get("level") == worst
    earlier = [_before(reason) for reason in told.get("earlier", ()) if reason["level"] == worst]
    said = [{"level": worst, "text": SET}] if is_set else earlier[:1]
    return (*(said or [{"level": worst, "text": EARLIER}]), *found)[:3]


def _before(reason: dict[str, Any]) -> dict[str, Any]:
    text = reason["text"]
    said = {"zh": f"先前：{text['zh']}", "en": f"before: {text['en']}"}
    return {"level": reason["level"], "text": said}


def weightiest(reasons: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The three reasons of the highest levels, as the page shows them: what several signs say in
    the same words is said once."""
    ordered = sorted(reasons, key=lambda reason: -URGENCY[reason["level"]])
    said = {r["text"]["zh"]: {"level": r["level"], "text": r["text"]} for r in reversed(ordered)}
    return tuple(reversed(said.values()))[:3]


def _vitals(stage: Stage, record: Record) -> None:
    if record.key not in stage.spotlight:
        return
    event, at = _read(record)
    encounter = stage.encounter(record.key, record.read)
    for name, value in event["vitals"].items():
        _know(encounter, name, value, at)
    rate = event["vitals"].get("heart_rate")
    last = encounter.trace[-1][0] if encounter.trace else 0.0
    if isinstance(rate, int | float) and at > last:
        encounter.trace.append((at, rate))


FOLDS: Mapping[str, Callable[[Stage, Record], None]] = {
    "IncidentOpened": _incident_opened,
    "UnitAssigned": _unit_assigned,
    "UnitStatusChanged": _unit_status_changed,
    "UnitDeparted": _unit_departed,
    "PositionReported": _position,
    "EncounterOpened": _opened,
    "EncounterUpdated": _updated,
    "PatientReached": _stamp("reached"),
    "PatientBoarded": _boarded,
    "BoardingRevoked": _boarding_revoked,
    "PatientArrived": _stamp("arrived"),
    "ArrivalRevoked": _arrival_revoked,
    "CareTransferred": _stamp("transferred"),
    "EncounterEnded": _stamp("ended"),
    "AdmissionOpened": _admitted,
    "AdmissionRevoked": _admission_revoked,
    "DestinationSelected": _destination,
    "Acknowledged": _acknowledged,
    "Accepted": _seen,
    "CentreActivated": _seen,
    "DirectToConfirmed": _seen,
    "Escalated": _escalated,
    "PreArrivalNotified": _notified,
    "PreArrivalWithdrawn": _withdrawn,
    "TriageDecided": _decided,
    "VitalSignsRecorded": _vitals,
}
