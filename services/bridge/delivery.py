"""What is told to a hospital's own systems, when it is told again, and when that is given up.

A channel is told in order, so its first message is the only one that is tried: what is known of
that one (how often, since when) is all there is to know of the channel. After some failures its
circuit is open, and one try now and then finds out whether the hospital is back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from schemas.encounter import EncounterEvent
from schemas.envelope import derived_id
from schemas.event import Identifier, Value
from schemas.handoff import (
    ArrivalRevoked,
    DeathDeclared,
    Escalated,
    HandoffEvent,
    IdentityBound,
    IdentityMerged,
    IdentitySplit,
    PatientArrived,
    PreArrivalNotified,
    PreArrivalWithdrawn,
)
from schemas.repeats import name_of
from schemas.triage import Centre
from services.bridge.case import Case
from services.bridge.facility import Channel

#: Between one try and the next: at first, and while the circuit is open.
FIRST, OPEN = timedelta(seconds=0.5), timedelta(seconds=30)
#: So many tries in a row that failed open the circuit.
OPENS = 5
#: A hospital that answers with an error of its own may be mended; not for ever, or one message that
#: it cannot take would hold up all patients after it.
GIVES_UP = timedelta(minutes=10)

#: What each channel is told, besides records. Receipts are not: telling one would make the next.
_TOLD: Mapping[Channel, tuple[type[EncounterEvent], ...]] = {
    "hl7": (
        *(PatientArrived, ArrivalRevoked, IdentityBound, IdentityMerged, IdentitySplit),
        DeathDeclared,
    ),
    "fhir": (HandoffEvent, Escalated),
    "webhook": (HandoffEvent, Escalated),
}


class Outcome(StrEnum):
    """What became of a try."""

    #: The hospital has it.
    ACCEPTED = "accepted"
    #: It will never take this one.
    REFUSED = "refused"
    #: It answered with an error of its own.
    ERRED = "erred"
    #: It did not answer, or not to this.
    AWAY = "away"


class Answer(Value):
    """What a hospital answered. ``words`` are its own and may repeat what was sent: they never
    stand in a log."""

    outcome: Outcome
    #: A status, the code of an acknowledgement, or what failed: ours to tell.
    cause: str = ""
    words: str = ""
    #: Something may have come there; not where there was no connection.
    spoken: bool = True

    @property
    def reason(self) -> str:
        """All of it."""
        return f"{self.cause} {self.words}".strip()


class Delivery(Value):
    """An event that a system of a hospital is to be told of, with the case as of then."""

    id: str
    facility_id: Identifier
    channel: Channel
    event: EncounterEvent
    case: Case
    attempts: int = 0
    #: Something of it may have come there before this try.
    spoken: bool = False
    #: Since when it is answered with errors, if it is.
    erring_since: datetime | None = None


class Next(Value):
    """What follows from a try: it is done with, or tried again after so long."""

    outcome: Outcome
    again: timedelta | None = None
    erring_since: datetime | None = None
    #: Whether something of it may be there by now.
    spoken: bool = True


def is_told(channel: Channel, event: EncounterEvent) -> bool:
    """Whether this event goes there. A record stands in each centre's queue and is told once; one
    that was a mere refresh of vital signs stands in the queue and the feed alone."""
    if isinstance(event, PreArrivalNotified):
        return event.changed and event.centre is Centre.EMERGENCY
    if isinstance(event, PreArrivalWithdrawn):
        return event.centre is Centre.EMERGENCY
    return isinstance(event, _TOLD[channel])


def is_bound(case: Case, facility_id: str) -> bool:
    """Whether this facility is still told of the patient."""
    return case.facility_id == facility_id and bool(case.centres)


def id_of(channel: Channel, facility_id: str, event: EncounterEvent) -> str:
    """The same for the same event, however often it is written or sent."""
    return derived_id("delivery", channel, facility_id, event.encounter_id, name_of(event))


def after(delivery: Delivery, answer: Answer, now: datetime) -> Next:
    """What follows from the answer to a try. It is given up when it was refused, or was answered
    with errors for ``GIVES_UP``; a hospital that is away is tried for ever."""
    if answer.outcome in (Outcome.ACCEPTED, Outcome.REFUSED):
        return Next(outcome=answer.outcome)
    since = delivery.erring_since
    if answer.outcome is Outcome.ERRED:
        since = since or now
        if now - since >= GIVES_UP:
            return Next(outcome=Outcome.REFUSED)
    wait = again_after(delivery.attempts + 1)
    spoken = delivery.spoken or answer.spoken
    return Next(outcome=answer.outcome, again=wait, erring_since=since, spoken=spoken)


def again_after(failures: int) -> timedelta:
    """How long is waited after so many failures in a row."""
    return OPEN if is_open(failures) else FIRST * 2 ** (failures - 1)


def is_open(failures: int) -> bool:
    """Whether the circuit is open after so many failures in a row."""
    return failures >= OPENS


def judge(status: int) -> Answer:
    """What an HTTP status says of what was sent. 401 and a redirect speak of what was set here, not
    of the message: it waits until that is mended."""
    cause = f"HTTP {status}"
    if 200 <= status < 300:
        return Answer(outcome=Outcome.ACCEPTED)
    if 400 <= status < 500 and status not in (401, 408, 429):
        return Answer(outcome=Outcome.REFUSED, cause=cause)
    return Answer(outcome=Outcome.AWAY, cause=cause)
