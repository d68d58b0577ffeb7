"""What the judge reads, as values: a record of the broker or an item of a facility's feed.

Only the fields that are judged are looked at: the judge must neither lean on the services' code
nor cost what they cost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from schemas.envelope import TYPE_PREFIX


class ByHand(NamedTuple):
    """What a human at a board said of a patient: a level that they set, an observation that they
    took back, or what a monitor measured and was another's, ``to`` whom. Of anything else they
    observed only they know what it proves."""

    level: str | None = None
    takes_back: str | None = None
    gives: bool = False
    to: str | None = None


class SampleSeen(NamedTuple):
    """A clinical event under an encounter; ``appended`` is the broker's time of it."""

    t: float
    id: str
    encounter_id: str
    appended: float
    offset: int
    is_vital: bool
    #: What a human at a board has said; None of what the city or a service has.
    by_hand: ByHand | None = None


class DecisionSeen(NamedTuple):
    """A decision of triage; ``decided`` is the time of what it is about."""

    t: float
    id: str
    encounter_id: str
    number: int
    decided: float
    appended: float
    worst: str
    folded: Sequence[str]
    #: The event that completed the evidence, where it is said.
    cause: str | None


class QueueSeen(NamedTuple):
    """A version of the record in a centre's queue."""

    t: float
    id: str
    encounter_id: str
    facility: str
    centre: str
    version: int
    worst: str
    decision: str | None
    #: Number and time of the admission that it shows.
    admission: tuple[str, int] | None = None
    #: The pictures that are there and that an examination names.
    pictures: Collection[str] = ()


class WithdrawalSeen(NamedTuple):
    """A facility was told that a patient does not come; ``key`` is its one effect."""

    t: float
    id: str
    key: str
    encounter_id: str
    facility: str


class AdmissionSeen(NamedTuple):
    """An admission was opened, given to another facility, confirmed or cancelled: ``kind``."""

    t: float
    id: str
    key: str
    kind: str
    encounter_id: str
    number: str
    admitted_ms: int
    facility: str | None
    #: The facility that it was before, of whose hands it is out.
    before: str | None


class PromiseSeen(NamedTuple):
    """Something that keeps what a facility owes, or says that it is late; ``what`` names it, where
    the kind of the event does not, and ``because`` is why, or what a department answered."""

    t: float
    id: str
    key: str
    kind: str
    encounter_id: str
    facility: str
    what: str
    because: str
    #: When it happened, and when it was recorded.
    at: float = 0.0
    known: float = 0.0


class EffectSeen(NamedTuple):
    """Any other event; ``key`` says of what it is the one effect, ``at`` when it happened, and
    ``known`` when it was recorded."""

    t: float
    id: str
    key: str
    at: float = 0.0
    known: float = 0.0


class LegSeen(NamedTuple):
    """A unit was told to go, or left. ``departed`` is false for the former."""

    t: float
    id: str
    key: str
    leg_id: str
    incident_id: str | None
    departed: bool
    at: float


class FeedSeen(NamedTuple):
    """An item of a facility's feed; without a level when it was withdrawn."""

    t: float
    facility: str
    encounter_id: str
    version: int
    worst: str | None


Reading: TypeAlias = (
    SampleSeen
    | DecisionSeen
    | QueueSeen
    | WithdrawalSeen
    | AdmissionSeen
    | PromiseSeen
    | EffectSeen
    | LegSeen
    | FeedSeen
)

_CLINICAL = {
    "VitalSignsRecorded",
    "FindingRecorded",
    "ExaminationDone",
    "ScaleScored",
    "TreatmentGiven",
    "BackgroundTold",
    "ObservationRetracted",
    "ObservationReattributed",
    "LevelOverridden",
}
#: Which fields make two events of a kind the same effect.
_SAME: Mapping[str, tuple[str, ...]] = {
    "IncidentOpened": ("incident_id",),
    "IncidentMerged": ("incident_id",),
    "IncidentClosed": ("incident_id",),
    "UnitAssigned": ("unit_id", "incident_id"),
    "UnitStatusChanged": ("unit_id", "leg_id", "status", "source"),
    "UnitDeparted": ("leg_id",),
    "UnitArrived": ("leg_id", "place"),
    "UnitLeftScene": ("leg_id",),
    "DeviceAttached": ("encounter_id", "device_id"),
    "DeviceDetached": ("encounter_id", "device_id"),
    "EncounterOpened": ("encounter_id",),
    "EmergencyTransferRequested": ("encounter_id",),
    "PatientReached": ("encounter_id",),
    "PatientBoarded": ("encounter_id",),
    "EncounterEnded": ("encounter_id",),
    "AdmissionOpened": ("encounter_id",),
    "AdmissionCancelled": ("encounter_id",),
    "Acknowledged": ("encounter_id", "facility_id"),
    "Accepted": ("encounter_id", "facility_id"),
    "PatientArrived": ("encounter_id", "facility_id"),
    "HandoverSigned": ("encounter_id", "side"),
    "CareTransferred": ("encounter_id",),
    "DeathDeclared": ("encounter_id", "facility_id"),
    "Escalated": ("encounter_id", "facility_id", "owed", "department", "step"),
    "AttachmentReceived": ("encounter_id", "sha256"),
}
#: What a human there has seen is asked for again, and so is who said that they come, and cannot: it
#: is another promise, due at another time.
_ASKED_AGAIN = frozenset({"acknowledged", "department_answered"})
#: What of a facility's promises is in an event beside its kind.
_PROMISES: Mapping[str, str] = {
    "RecordDelivered": "",
    "RecordDisplayed": "",
    "Acknowledged": "",
    "Accepted": "",
    "CentreActivated": "",
    "ActivationWithdrawn": "",
    "DirectToConfirmed": "",
    "DirectToRevoked": "",
    "DepartmentAnswered": "department",
    "MilestoneReached": "milestone",
    "MilestoneRevoked": "milestone",
    "PatientArrived": "",
    "ArrivalRevoked": "",
    "CareTransferred": "",
    "Escalated": "owed",
}
_ADMISSIONS = frozenset(
    {"AdmissionOpened", "AdmissionBound", "AdmissionConfirmed", "AdmissionCancelled"}
)
#: What an event is about that is of no patient.
_SUBJECTS = ("incident_id", "unit_id", "leg_id", "facility_id", "clock")
#: Of these there is one for each time it happened; so it is of every kind that is not named.
_TIMED: Mapping[str, tuple[str, ...]] = {
    "DestinationSelected": ("encounter_id", "facility_id"),
    "IncidentLocated": ("incident_id",),
    "UnitDirected": ("leg_id", "place", "facility_id"),
    "IncidentClassified": ("incident_id",),
    "PreArrivalWithdrawn": ("encounter_id", "facility_id", "centre"),
    "RedirectRequested": ("encounter_id", "facility_id"),
    "RedirectWithdrawn": ("encounter_id", "facility_id"),
    "CentreActivated": ("encounter_id", "facility_id", "centre"),
    "ActivationWithdrawn": ("encounter_id", "facility_id", "centre"),
    "AcceptanceWithdrawn": ("encounter_id", "facility_id"),
    "DepartmentAnswered": ("encounter_id", "facility_id", "department"),
    "FormalityCompleted": ("encounter_id", "facility_id", "formality"),
    "MilestoneReached": ("encounter_id", "facility_id", "milestone"),
    "MilestoneRevoked": ("encounter_id", "facility_id", "milestone"),
    "ArrivalRevoked": ("encounter_id", "facility_id"),
    "BedManagerAlerted": ("facility_id", "department", "encounter_id"),
}


def milliseconds(moment: str) -> int:
    """A time of the contract as whole milliseconds."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def effect_key(kind: str, body: Mapping[str, Any]) -> str:
    """What this event is the one effect of: a second event with this key is a doubled effect."""
    default = ("encounter_id",) if body.get("encounter_id") else _SUBJECTS
    names = _SAME.get(kind) or _TIMED.get(kind, default)
    key = "/".join((kind, *(str(body.get(name)) for name in names)))
    if kind == "Escalated" and body["owed"] in _ASKED_AGAIN:
        return f"{key}/{milliseconds(body['due_at'])}"
    is_of_no_leg = kind == "UnitStatusChanged" and body.get("leg_id") is None
    if kind not in _SAME or is_of_no_leg:
        return f"{key}/{milliseconds(body['occurred_at'])}"
    return key


#: A board names each act at random (UUID of version 4), the city by the handle of its patient, and
#: what a service makes has a name that follows from its content (version 5).
_RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def is_by_hand(event_id: str) -> bool:
    """Whether a human did this at a board."""
    return _RANDOM.fullmatch(event_id) is not None


class Record(NamedTuple):
    """A record of the broker, as far as it matters; ``timestamp`` in milliseconds."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int
    offset: int


def read(record: Record, t: float) -> Reading | None:
    """What the record says; None where it cannot be read or says nothing that is judged."""
    attributes = dict(record.headers)
    kind = attributes.get("ce_type", b"").decode().removeprefix(TYPE_PREFIX).rpartition(".v")[0]
    event_id = attributes.get("ce_id", b"").decode()
    if not kind or record.key is None or record.value is None:
        return None
    if kind in _CLINICAL:  # many: the headers say all there is to know, the body stays closed
        appended = record.timestamp / 1000
        is_vital = kind == "VitalSignsRecorded"
        by_hand = _said_by_hand(kind, record.value) if is_by_hand(event_id) else None
        whose = record.key.decode()
        return SampleSeen(t, event_id, whose, appended, record.offset, is_vital, by_hand)
    try:
        return _read(kind, event_id, json.loads(record.value), record.timestamp / 1000, t)
    except (KeyError, TypeError, ValueError):
        return None


def _said_by_hand(kind: str, value: bytes) -> ByHand:
    try:
        body = json.loads(value)
    except ValueError:
        return ByHand()
    match kind:
        case "LevelOverridden":
            return ByHand(level=body.get("level"))
        case "ObservationRetracted":
            return ByHand(takes_back=body.get("observation_id"))
        case "ObservationReattributed":
            return ByHand(gives=True, to=body.get("to_encounter_id"))
    return ByHand()


def _read(kind: str, event_id: str, body: Mapping[str, Any], appended: float, t: float) -> Reading:
    match kind:
        case "TriageDecided":
            return DecisionSeen(
                t=t,
                id=event_id,
                encounter_id=body["encounter_id"],
                number=body["number"],
                decided=milliseconds(body["occurred_at"]) / 1000,
                appended=appended,
                worst=body["worst"],
                folded=body["folded"],
                cause=body.get("cause"),
            )
        case "PreArrivalNotified":
            return _read_record(event_id, body, t)
        case _ if kind in _ADMISSIONS:
            return _read_admission(kind, event_id, body, t)
        case "PreArrivalWithdrawn":
            key = effect_key(kind, body)
            return WithdrawalSeen(t, event_id, key, body["encounter_id"], body["facility_id"])
        case "UnitAssigned" | "UnitStatusChanged":
            return _read_leg(kind, event_id, body, t)
    key = effect_key(kind, {**body, **body.get("attachment", {})})
    return _read_promise(kind, event_id, key, body, t) or EffectSeen(t, event_id, key, *_when(body))


def _when(body: Mapping[str, Any]) -> tuple[float, float]:
    """When it happened, and when it was recorded."""
    at = milliseconds(body["occurred_at"]) / 1000
    recorded = body.get("recorded_at")
    return at, milliseconds(recorded) / 1000 if recorded else at


def _read_record(event_id: str, body: Mapping[str, Any], t: float) -> QueueSeen:
    admission = body["record"].get("admission")
    done = body["record"].get("examinations", ())
    named = {file["sha256"] for each in done for file in each.get("attachments", ())}
    there = {file["sha256"] for file in body["record"].get("attachments", ())}
    return QueueSeen(
        t=t,
        id=event_id,
        encounter_id=body["encounter_id"],
        facility=body["facility_id"],
        centre=body["centre"],
        version=body["version"],
        worst=body["record"]["worst"],
        decision=body.get("decision"),
        admission=_admission(admission) if admission else None,
        pictures=named & there,
    )


def _admission(told: Mapping[str, Any]) -> tuple[str, int]:
    return told["admission_number"], milliseconds(told["admitted_at"])


def _read_admission(kind: str, event_id: str, body: Mapping[str, Any], t: float) -> AdmissionSeen:
    number, admitted_ms = _admission(body["admission"])
    return AdmissionSeen(
        t=t,
        id=event_id,
        key=effect_key(kind, body),
        kind=kind,
        encounter_id=body["encounter_id"],
        number=number,
        admitted_ms=admitted_ms,
        facility=body.get("facility_id"),
        before=body.get("before"),
    )


def _read_promise(
    kind: str, event_id: str, key: str, body: Mapping[str, Any], t: float
) -> PromiseSeen | None:
    """None where it neither keeps a promise nor says that one is late."""
    if kind not in _PROMISES:
        return None
    what = str(body.get(_PROMISES[kind]) or "")
    if kind == "Escalated" and body.get("department"):
        what = f"{what}/{body['department']}"
    return PromiseSeen(
        t=t,
        id=event_id,
        key=key,
        kind=kind,
        encounter_id=body["encounter_id"],
        facility=body["facility_id"],
        what=what,
        because=body.get("because") or body.get("answer", ""),
        at=_when(body)[0],
        known=_when(body)[1],
    )


def _read_leg(kind: str, event_id: str, body: Mapping[str, Any], t: float) -> Reading:
    key = effect_key(kind, body)
    departed = body.get("status") == "departed"
    if body.get("leg_id") is None or not (departed or kind == "UnitAssigned"):
        return EffectSeen(t, event_id, key, *_when(body))
    at = milliseconds(body["occurred_at"]) / 1000
    return LegSeen(t, event_id, key, body["leg_id"], body.get("incident_id"), departed, at)


def read_item(item: Mapping[str, Any], t: float) -> FeedSeen:
    """An item of a feed. Raises ``KeyError`` when it is none."""
    worst = (item.get("record") or {}).get("worst")
    return FeedSeen(t, item["facility_id"], item["encounter_id"], item["version"], worst)
