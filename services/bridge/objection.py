"""What speaks against an act, whatever the stage that the handoff has come to (`stage`)."""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas.encounter import EncounterEvent
from schemas.handoff import (
    Acknowledged,
    ArrivalRevoked,
    HandoverSigned,
    IdentityBound,
    IdentityMerged,
)
from services.bridge.case import Case
from services.bridge.person import is_of_a_person
from services.kit.errors import Rejected

#: A clock of a hospital may be ahead by so much; what is said to be later is a slip. Ours (design).
AHEAD = timedelta(seconds=120)


def check_time(event: EncounterEvent, now: datetime) -> None:
    """Raises ``Rejected`` 422 when it is said to be still to come."""
    if event.occurred_at - now > AHEAD:
        wanted = f"It is {now:%Y-%m-%dT%H:%M:%SZ} here. Say in 'occurred_at' when it was, not when"
        raise Rejected(422, "In the future", f"{wanted} it will be; or set your clock.")


def check_content(
    case: Case, event: EncounterEvent, now: datetime, revocable_for: timedelta
) -> None:
    """Raises ``Rejected`` where what is said does not fit what is known: 422 of a version that was
    never sent, or of a number by which a person is known everywhere; 409 of an arrival that has
    stood for too long, of who was never aboard, or of another's wristband."""
    match event:
        case Acknowledged():
            _check_version(case, event)
        case ArrivalRevoked():
            _check_revocable(case, now, revocable_for)
        case HandoverSigned():
            _check_aboard(case, event)
            _check_wristband(case, event)
        case IdentityBound():
            _check_number(event.reference)
        case IdentityMerged():
            _check_number(event.reference)
            _check_number(event.merged)


def _check_version(case: Case, event: Acknowledged) -> None:
    if event.version is not None and event.version > case.version:
        wanted = f"There is no such version: the record is at {case.version}. Say that which"
        raise Rejected(422, "No such version", f"{wanted} the screen showed, or none.")


def _check_revocable(case: Case, now: datetime, within: timedelta) -> None:
    """A slip is seen at once. What has stood for longer, others have acted on."""
    known_at = case.arrival_known_at or case.handoff.arrived_at
    if known_at is not None and now - known_at > within:
        minutes = within.total_seconds() / 60
        wanted = f"An arrival is taken back within {minutes:g} min of when it was told here."
        rest = "Write it as an addendum once care is handed over."
        raise Rejected(409, "Too late", f"{wanted} {rest}")


def _check_number(number: str) -> None:
    """The facility's number names nobody: one of an identity card or a telephone does."""
    if is_of_a_person(number):
        wanted = "It looks like the number of an identity card or a telephone. Give the number that"
        rest = (
            "the facility itself has for the patient or the visit; where that looks so too, with"
            " the letters that the hospital's own wristband has before it, such as MRN-."
        )
        raise Rejected(422, "Number of a person", f"{wanted} {rest}")


def _check_aboard(case: Case, event: HandoverSigned) -> None:
    """Boarding is admission: whoever was never aboard is hardly here to be handed over."""
    if case.admission is None and event.not_aboard_reason is None:
        wanted = "Nobody has said that this patient boarded: look who is before you. If it is this"
        rest = "patient all the same, say why in 'not_aboard_reason'."
        raise Rejected(409, "Not aboard", f"{wanted} {rest}")


def _check_wristband(case: Case, event: HandoverSigned) -> None:
    """Of two in one vehicle whom nobody knows, the wristbands alone tell who is who; the number of
    the admission is as good. Whose another one is, is not said."""
    if event.wristband is None or event.wristband_reason is not None:
        return
    admitted = case.admission
    own = (admitted.wristband, admitted.admission_number) if admitted else ()
    if event.wristband.casefold() not in {each.casefold() for each in own if each}:
        wanted = "It is not the wristband of this patient: look who is before you. If it is this"
        rest = "patient all the same, say why in 'wristband_reason'."
        raise Rejected(409, "Another wristband", f"{wanted} {rest}")
