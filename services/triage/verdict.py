"""What one set of protocols makes of a picture at one moment."""

from __future__ import annotations

from typing import NamedTuple

from schemas.triage import Reason
from services.triage.assessment import Assessment
from services.triage.centres import Question
from services.triage.course import Course
from services.triage.facts import Facts
from services.triage.protocol import Protocol
from services.triage.rulebook import Edition
from services.triage.support import Support


class View(NamedTuple):
    """A picture as one edition reads it at one moment."""

    facts: Facts
    protocol: Protocol | None
    edition: Edition
    assessment: Assessment


class Verdict(NamedTuple):
    """What one set says: what it keeps in mind, and what stands once it has been said."""

    view: View
    course: Course
    said: Course
    reasons: tuple[Reason, ...]
    taken_back: tuple[Reason, ...]
    questions: tuple[Question, ...]
    #: What the rules that fire or hold rest on.
    supports: tuple[Support, ...]
    changed: bool
