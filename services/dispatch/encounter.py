"""One patient as dispatch knows them, and every act on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from pydantic import AwareDatetime
from pydantic.json_schema import SkipJsonSchema

from schemas.encounter import (
    BoardingRevoked,
    DestinationSelected,
    DeviceAttached,
    DeviceDetached,
    EncounterEnded,
    EncounterEvent,
    EncounterOpened,
    EncounterUpdated,
    Origin,
    Outcome,
    Patient,
    PatientBoarded,
    PatientHandedToUnit,
    PatientReached,
    RevokedBoarding,
    SignedRefusal,
)
from schemas.envelope import derived_id
from schemas.event import Event, Identifier, Phone, Value
from schemas.handoff import (
    AcceptanceWithdrawn,
    Accepted,
    Acknowledged,
    ActivationWithdrawn,
    AdmissionCancelled,
    AdmissionOpened,
    AdmissionRevoked,
    ArrivalRevoked,
    BedReleased,
    BedReserved,
    CareTransferred,
    CentreActivated,
    DeathDeclared,
    DepartmentAnswered,
    DirectToConfirmed,
    DirectToRevoked,
    Escalated,
    HandoffEvent,
    HandoverSigned,
    MilestoneReached,
    MilestoneRevoked,
    OutcomeReported,
    Owed,
    PatientArrived,
    RecordDisplayed,
    RedirectRequested,
    RedirectWithdrawn,
)
from schemas.incident import DeadlineMissed
from schemas.repeats import Repeats, digest_of, name_of
from schemas.triage import (
    Activation,
    Centre,
    CentreConcern,
    TriageDecided,
    TriageLevel,
    TriagePaused,
    TriageResumed,
)
from services.dispatch.judgement import Judgement, halted, judged
from services.kit.errors import Rejected
from services.kit.idempotency import is_repeat


class Opening(Value):
    """A patient of whom we hear for the first time, and how."""

    encounter_id: Identifier
    occurred_at: AwareDatetime
    patient: Patient
    origin: Origin = "call"
    incident_id: Identifier | None = None
    facility_id: Identifier | None = None
    mother_id: Identifier | None = None
    continues: Identifier | None = None


class Answers(Value):
    """What the facility has said to the crew and to dispatch, as long as it is the destination."""

    acknowledged_at: AwareDatetime | None = None
    accepted_at: AwareDatetime | None = None
    #: Where to bring the patient; to the resuscitation room (抢救室) while this is null.
    direct_to: DirectToConfirmed | None = None
    #: When a way that was confirmed was taken back, until another is confirmed.
    direct_to_revoked_at: AwareDatetime | None = None
    #: When an acceptance was taken back, until the facility accepts anew.
    acceptance_withdrawn_at: AwareDatetime | None = None
    #: The facility proposes another, and stays responsible until one is chosen.
    redirect: RedirectRequested | None = None
    #: What the facility owes and has not done, where the dispatcher was asked to telephone.
    unanswered: Owed | None = None
    #: What is telephoned there meanwhile.
    phone: Phone | None = None


class Encounter(Value):
    """A patient's way as far as dispatch is concerned."""

    encounter_id: Identifier
    origin: Origin = "call"
    incident_id: Identifier | None
    facility_id: Identifier | None = None
    mother_id: Identifier | None = None
    continues: Identifier | None = None
    patient: Patient
    opened_at: AwareDatetime
    devices: tuple[Identifier, ...] = ()
    destination: Identifier | None = None
    unit_id: Identifier | None = None
    #: All that have had the patient, in order.
    units: tuple[Identifier, ...] = ()
    #: When they came in at the clinic that sends them on.
    door_in_at: AwareDatetime | None = None
    reached_at: AwareDatetime | None = None
    boarded_at: AwareDatetime | None = None
    #: Nobody has pressed; the unit was seen to leave with the patient.
    boarding_inferred: bool = False
    #: They are not aboard after all, until they board.
    boarding_revoked: RevokedBoarding | None = None
    level: TriageLevel = TriageLevel.NOT_YET
    #: The centres that triage names, beside the emergency department.
    centres: tuple[Centre, ...] = ()
    #: Why, and what is asked; none before the first decision.
    triage: Judgement | None = None
    admission_number: str | None = None
    #: What is to stand on the patient's wrist.
    wristband: Identifier | None = None
    answers: Answers = Answers()
    outcome: Outcome | None = None
    #: Of who refused: who has signed it, where that was told.
    refusal: SignedRefusal | None = None
    ended_at: AwareDatetime | None = None
    taken: SkipJsonSchema[Repeats] = Repeats()


Decision: TypeAlias = tuple[Encounter, Sequence[Event]]


def encounter_id_of(*parts: str) -> str:
    """The number of a patient; the same words, said again, are the same patient."""
    return f"E-{derived_id('encounter', *parts).replace('-', '')[:16]}"


def open_encounter(opening: Opening, now: datetime) -> tuple[Encounter, EncounterOpened]:
    """The encounter of one presumed patient, and the event that tells of it."""
    told = opening.model_dump(exclude={"occurred_at"})
    taken = Repeats().with_(_name_of(opening), digest_of(opening))
    encounter = Encounter(opened_at=opening.occurred_at, taken=taken, **told)
    opened = EncounterOpened(
        event_id=derived_id("encounter", opening.encounter_id),
        occurred_at=opening.occurred_at,
        recorded_at=now,
        **told,
    )
    return encounter, opened


def is_repeated(encounter: Encounter, opening: Opening) -> bool:
    """Whether this opened the encounter. Raises ``Rejected`` 409 when something else did."""
    return is_repeat(encounter.taken, _name_of(opening), opening)


def _name_of(opening: Opening) -> str:
    return f"EncounterOpened/{opening.encounter_id}"


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
    return _with(encounter, event.unit_id).but(reached_at=event.occurred_at)


def _with(encounter: Encounter, unit_id: str) -> Encounter:
    """The patient is with this unit."""
    before = filter(None, (*encounter.units, encounter.unit_id))
    return encounter.but(unit_id=unit_id, units=tuple(dict.fromkeys((*before, unit_id))))


def _attached(encounter: Encounter, event: DeviceAttached) -> Encounter:
    devices = tuple(dict.fromkeys((*encounter.devices, event.device_id)))
    return encounter.model_copy(update={"devices": devices})


def _detached(encounter: Encounter, event: DeviceDetached) -> Encounter:
    if event.device_id not in encounter.devices:
        raise Rejected(409, "Not attached", "This device is not attached to this patient.")
    devices = tuple(d for d in encounter.devices if d != event.device_id)
    return encounter.model_copy(update={"devices": devices})


def _bound(encounter: Encounter, event: DestinationSelected) -> Encounter:
    """What a facility has said is forgotten when another is chosen."""
    same = encounter.destination == event.facility_id
    answers = encounter.answers if same else Answers()
    return encounter.model_copy(update={"destination": event.facility_id, "answers": answers})


def _boarded(encounter: Encounter, event: PatientBoarded) -> Encounter:
    """Once; when it was inferred, whoever was there may say when it was."""
    if encounter.boarded_at is not None and not (encounter.boarding_inferred > event.inferred):
        raise Rejected(409, "Already aboard", "Boarding was recorded before, at another time.")
    aboard = _with(encounter, event.unit_id)
    told = {"boarded_at": event.occurred_at, "boarding_inferred": event.inferred}
    return aboard.but(**told, boarding_revoked=None)


def _boarding_revoked(encounter: Encounter, event: BoardingRevoked) -> Encounter:
    """By who has the patient: they are not aboard, and may board yet."""
    if encounter.boarded_at is None:
        raise Rejected(409, "Not aboard", "Nobody has said that this patient is aboard.")
    if encounter.unit_id != event.unit_id:
        raise Rejected(409, "Another unit", f"The patient is with {encounter.unit_id}.")
    revoked = RevokedBoarding(at=event.occurred_at, reason=event.reason)
    return encounter.but(boarded_at=None, boarding_inferred=False, boarding_revoked=revoked)


def _handed_on(encounter: Encounter, event: PatientHandedToUnit) -> Encounter:
    if encounter.unit_id not in (None, event.unit_id):
        raise Rejected(409, "Another unit", f"The patient is with {encounter.unit_id}.")
    return _with(_with(encounter, event.unit_id), event.to_unit_id)


def _ended(encounter: Encounter, event: EncounterEnded) -> Encounter:
    return encounter.but(
        outcome=event.outcome, refusal=event.refusal, ended_at=event.occurred_at, devices=()
    )


_ACTS: dict[type[Event], Callable[..., Encounter]] = {
    EncounterUpdated: _updated,
    PatientReached: _reached,
    DeviceAttached: _attached,
    DeviceDetached: _detached,
    DestinationSelected: _bound,
    PatientBoarded: _boarded,
    BoardingRevoked: _boarding_revoked,
    PatientHandedToUnit: _handed_on,
    EncounterEnded: _ended,
}


def hear(
    encounter: Encounter | None, event: Event, now: datetime
) -> tuple[Encounter | None, Sequence[Event]]:
    """Take in what triage and the facility say. Care handed over ends the encounter."""
    if encounter is None:
        return None, ()
    if isinstance(event, CareTransferred) and encounter.outcome is None:
        ended = EncounterEnded(
            event_id=derived_id("ended", encounter.encounter_id),
            occurred_at=event.occurred_at,
            recorded_at=now,
            encounter_id=encounter.encounter_id,
            outcome=Outcome.TRANSPORTED,
        )
        return record(encounter, ended)
    if isinstance(event, Escalated):
        return _asked_to_telephone(encounter, event, now)
    update = _learned(encounter, event)
    return (encounter.model_copy(update=update) if update else encounter), ()


def _asked_to_telephone(
    encounter: Encounter, event: Escalated, now: datetime
) -> tuple[Encounter, Sequence[Event]]:
    """The facility does not answer: the dispatcher hears of it, and telephones. An event that comes
    again tells nobody, also when the facility has answered since."""
    name = name_of(event)
    if encounter.taken.digest(name) is not None:
        return encounter, ()
    is_ours = event.to == "dispatch" and event.facility_id == encounter.destination
    if not is_ours or encounter.outcome is not None or encounter.incident_id is None:
        return encounter, ()
    missed = DeadlineMissed(
        event_id=derived_id("telephone", event.event_id),
        occurred_at=event.due_at,
        recorded_at=now,
        incident_id=encounter.incident_id,
        clock=f"hospital_{event.owed}",
        unit_id=encounter.unit_id,
        encounter_id=encounter.encounter_id,
        facility_id=event.facility_id,
        phone=event.phone,
    )
    answers = encounter.answers.but(unanswered=event.owed, phone=event.phone)
    return encounter.but(answers=answers, taken=encounter.taken.with_(name)), [missed]


def _learned(encounter: Encounter, event: Event) -> dict[str, object]:
    """What changes by what was said; what a facility says that was left counts no more."""
    match event:
        case TriageDecided() | TriagePaused() | TriageResumed():
            new = _by_triage(encounter, event)
            return {k: v for k, v in new.items() if v != getattr(encounter, k)}
        case AdmissionOpened():
            told = event.admission
            return {"admission_number": told.admission_number, "wristband": told.wristband}
        case AdmissionCancelled() | AdmissionRevoked():
            return {"admission_number": None, "wristband": None}
        case HandoffEvent() | RecordDisplayed() if event.facility_id == encounter.destination:
            answer = _answer(event, encounter.answers)
            if _answers(event, encounter.answers.unanswered):
                answer |= {"unanswered": None, "phone": None}
            return {"answers": encounter.answers.model_copy(update=answer)} if answer else {}
    return {}


def _by_triage(
    encounter: Encounter, event: TriageDecided | TriagePaused | TriageResumed
) -> dict[str, object]:
    """What triage says. A mere refresh of values is no news: most decisions are one, and whatever
    changes the encounter is stored."""
    if not isinstance(event, TriageDecided):
        return {"triage": halted(encounter.triage, event)}
    new: dict[str, object] = {"level": event.worst, "centres": _needed(event.centres)}
    known = encounter.triage
    if event.changed or known is None:
        return new | {"triage": judged(event)}
    return new | {"triage": known.but(paused=False)} if known.paused else new


#: By these somebody who receives there has dealt with the patient. A signature is looked at by its
#: side; numbers, formalities and what is added later are a desk's, or the crew's, and nobody's
#: answer.
_ANSWERING = (
    Acknowledged,
    Accepted,
    AcceptanceWithdrawn,
    RedirectRequested,
    RedirectWithdrawn,
    CentreActivated,
    ActivationWithdrawn,
    DepartmentAnswered,
    DirectToConfirmed,
    DirectToRevoked,
    BedReserved,
    BedReleased,
    PatientArrived,
    ArrivalRevoked,
    DeathDeclared,
    MilestoneReached,
    MilestoneRevoked,
    CareTransferred,
    OutcomeReported,
)


def _answers(event: Event, unanswered: Owed | None) -> bool:
    """Whether nobody need telephone any more: somebody of the hospital has answered; or, where only
    that was lacking, its board is lit again. That the crew has signed is no answer."""
    match event:
        case _ if unanswered is None:
            return False
        case RecordDisplayed():
            return unanswered is Owed.DISPLAYED
        case HandoverSigned():
            return event.side == "received"
    return isinstance(event, _ANSWERING)


def _needed(concerns: Sequence[CentreConcern]) -> tuple[Centre, ...]:
    """The centres that somebody has to be called for; a mere notice needs none."""
    return tuple(
        each.centre
        for each in concerns
        if each.centre is not Centre.EMERGENCY and each.activation is not Activation.NOTICE
    )


def _answer(event: Event, known: Answers) -> dict[str, object]:
    """What is new by it. What was never said is not taken back: of that the crew hears nothing."""
    at = event.occurred_at
    new: dict[str, object] = {}
    match event:
        case Acknowledged():
            new = {"acknowledged_at": at}
        case Accepted():
            new = {"accepted_at": at, "acceptance_withdrawn_at": None}
        case AcceptanceWithdrawn() if known.accepted_at is not None:
            new = {"accepted_at": None, "acceptance_withdrawn_at": at}
        case DirectToConfirmed():
            new = {"direct_to": event, "direct_to_revoked_at": None}
        case DirectToRevoked() if known.direct_to is not None:
            new = {"direct_to": None, "direct_to_revoked_at": at}
        case RedirectRequested() | RedirectWithdrawn():
            new["redirect"] = event if isinstance(event, RedirectRequested) else None
    return new
