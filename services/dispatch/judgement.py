"""What triage says of a patient, as the crew reads it: how severe, why, and what is asked."""

from __future__ import annotations

from pydantic import AwareDatetime

from schemas.event import Identifier, Value
from schemas.triage import (
    Activation,
    Bilingual,
    Centre,
    DirectTo,
    Mark,
    Trend,
    TriageDecided,
    TriageLevel,
    TriagePaused,
    TriageResumed,
)

#: So many of each are kept, as triage orders them: what is asked first comes first. No screen of a
#: crew shows more, and every act on the patient reads and stores them.
MOST_REASONS, MOST_QUESTIONS, MOST_MISSING = 16, 12, 32


class Ground(Value):
    """A rule that fired: what it says by itself, and the value it saw."""

    level: TriageLevel
    text: Bilingual
    #: What is particular about the value; empty where nothing is.
    marks: tuple[Mark, ...] = ()


class CentreAsked(Value):
    """A centre that is concerned: how loudly, why, and what it needs to know."""

    centre: Centre
    activation: Activation
    text: Bilingual
    missing: tuple[Identifier, ...] = ()
    #: Proposed only: 抢救室, until the hospital confirms.
    direct_to: DirectTo | None = None


class Judgement(Value):
    """The last decision of triage that said something new."""

    worst: TriageLevel
    #: What the values say now; the worst level where nothing has been decided yet.
    current: TriageLevel
    trend: Trend = "same"
    #: Triage of this patient has stopped on an error: the last level stands.
    paused: bool = False
    reasons: tuple[Ground, ...] = ()
    #: For the crew, the most valuable first.
    questions: tuple[Bilingual, ...] = ()
    #: The vital signs whose signal a monitor has lost. The first questions ask for these, in order.
    lost: tuple[Identifier, ...] = ()
    #: The vital signs of which one reading is not enough: the questions after those ask for them.
    again: tuple[Identifier, ...] = ()
    missing: tuple[Identifier, ...] = ()
    centres: tuple[CentreAsked, ...] = ()
    decided_at: AwareDatetime | None = None


def judged(event: TriageDecided) -> Judgement:
    """What a decision says. Of values and sources the hospital's record tells."""
    reasons = sorted(event.reasons, key=lambda reason: -reason.level.urgency)[:MOST_REASONS]
    return Judgement(
        worst=event.worst,
        current=event.current,
        trend=event.trend,
        reasons=tuple(Ground(level=r.level, text=r.text, marks=r.marks) for r in reasons),
        questions=event.questions[:MOST_QUESTIONS],
        lost=tuple(signal.name for signal in event.lost),
        again=_again(event),
        missing=event.missing[:MOST_MISSING],
        centres=tuple(
            CentreAsked(
                centre=each.centre,
                activation=each.activation,
                text=each.text,
                missing=each.missing,
                direct_to=each.direct_to,
            )
            for each in event.centres
        ),
        decided_at=event.occurred_at,
    )


def _again(event: TriageDecided) -> tuple[Identifier, ...]:
    """As triage asks for them: once each, in the order of the reasons."""
    single = (each.rule for each in event.reasons if "single_reading" in each.marks)
    return tuple(dict.fromkeys(rule.partition(".")[0] for rule in single))


def halted(known: Judgement | None, event: TriagePaused | TriageResumed) -> Judgement:
    """The same while triage stands still, or as it goes on."""
    before = known or Judgement(worst=event.worst, current=event.worst)
    return before.but(worst=event.worst, paused=isinstance(event, TriagePaused))
