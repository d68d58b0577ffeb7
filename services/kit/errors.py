"""The error classes: which class is raised decides what happens next.

``InvalidMessage`` (from the contract) is dead-lettered, ``TransientFailure`` is tried again,
``Rejected`` is an answer, and anything else is a bug.
"""

from __future__ import annotations

from schemas.envelope import InvalidMessage

__all__ = ["InvalidMessage", "PositionMoved", "Rejected", "SourcesFailing", "TransientFailure"]


class TransientFailure(Exception):
    """The broker, the database or another system is out of reach: the same will be tried again."""


class Rejected(Exception):
    """A rule says no. ``status`` is the HTTP status, ``detail`` tells the sender what to do."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail


class PositionMoved(Exception):
    """Another worker has taken over this partition. This one must stop and change nothing."""


class SourcesFailing(Exception):
    """Most sources send what cannot be read, so it is us: the consumer stops without advancing."""
