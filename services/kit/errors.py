"""The error classes: which class is raised decides what happens next.

``InvalidMessage`` (from the contract) is dead-lettered, ``TransientFailure`` is tried again,
``Rejected`` is an answer, and anything else is a bug.
"""

from __future__ import annotations

from schemas.envelope import InvalidMessage

__all__ = [
    "InvalidMessage",
    "PositionMoved",
    "Rejected",
    "SourcesFailing",
    "TookTooLong",
    "TransientFailure",
    "nothing_here",
]


class TransientFailure(Exception):
    """The broker, the database or another system is out of reach: the same will be tried again."""


class TookTooLong(TransientFailure):
    """A statement ran for longer than it may: less at once may not."""


class Rejected(Exception):
    """A rule says no. ``status`` is the HTTP status, ``detail`` tells the sender what to do, and
    ``challenge`` the software of a caller how to sign in."""

    def __init__(self, status: int, title: str, detail: str, challenge: str | None = None) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.challenge = challenge
        self.status = status
        self.title = title
        self.detail = detail


def nothing_here() -> Rejected:
    """The same words for another facility's patient as for nobody: what may not be seen does not
    exist."""
    wanted = (
        "There is nothing here for you. Check the names of the facility and the patient: another "
        "hospital may have been chosen, or none yet."
    )
    return Rejected(404, "Not found", wanted)


class PositionMoved(Exception):
    """Another worker has taken over this partition. This one must stop and change nothing."""


class SourcesFailing(Exception):
    """Most sources send what cannot be read, so it is us: the consumer stops without advancing."""
