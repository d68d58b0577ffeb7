"""What one set of protocols makes of a picture at one moment."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from schemas.triage import Reason
from services.triage.assessment import Assessment, assess
from services.triage.concern import Question
from services.triage.course import Course
from services.triage.facts import Facts
from services.triage.picture import Picture
from services.triage.protocol import Protocol
from services.triage.rulebook import Edition
from services.triage.scope import Scope
from services.triage.support import Support


class View(NamedTuple):
    """A picture as one edition reads it at one moment."""

    facts: Facts
    protocol: Protocol | None
    edition: Edition
    scope: Scope
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


def look(picture: Picture, edition: Edition, now: datetime) -> View:
    """Read a picture."""
    facts = edition.facts(picture, now)
    protocol = edition.protocol_of(facts.years, facts.obstetric)
    scope = edition.scope(protocol.protocol if protocol else None)
    return View(facts, protocol, edition, scope, assess(facts, protocol, edition))
