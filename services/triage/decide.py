"""The decision: what goes out when an event has been taken in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from schemas.clinical import VitalSignsRecorded
from schemas.event import Event, Value
from schemas.triage import TriageDecided
from services.triage.course import Course
from services.triage.fold import fold
from services.triage.following import Change, follow
from services.triage.picture import Picture
from services.triage.repeatable import Repeatable
from services.triage.rulebook import Edition, Rulebook
from services.triage.statement import decision_of, shadow_of, shown_in

#: With fresh values alone, a decision goes out at most this often per encounter.
REFRESH_S = 5.0


#: A decision names no more events than this: after a gap, thousands come at once.
MOST_PENDING = 500


class State(Value):
    """All that triage keeps of a patient: the picture, and what each set has made of it."""

    picture: Picture
    course: Course = Course()
    #: Of a set on trial.
    shadow: Course | None = None
    #: The last decision where it may be said again with fresh values. Never stored: without it the
    #: same is worked out from the beginning.
    last: Any = Field(default=None, exclude=True, repr=False)


def step(
    state: State | None,
    event: Event,
    now: datetime,
    rulebook: Rulebook,
    on_trial: Rulebook | None = None,
) -> tuple[State, Sequence[Event]]:
    """Take in one event of a patient. What a human did goes out at once, streamed values when they
    changed something, and as a refresh. A set on trial sees the same, and speaks beside the active
    one."""
    if state is None:
        of_whom: str = getattr(event, "encounter_id")  # noqa: B009
        state = State(picture=Picture(encounter_id=of_whom))
    edition = rulebook.at(now)
    picture = fold(state.picture, event, now, edition.stale)
    if picture is state.picture:
        return state, ()
    change = Change(state.picture, picture, event, now)
    is_due = _is_due(state.course, picture, now)
    if _is_steady(state, change, edition, on_trial):
        if not is_due:
            return state.but(picture=picture), ()
        last: Repeatable | None = state.last
        if last is not None and last.may_be_said_again(picture, edition, now):
            again = last.said_again(picture, event, now)
            decision = again.decision
            return _after(state, picture, state.course, decision, again), (decision,)
    verdict = follow(state.course, change, edition)
    beside, course = None, state.shadow or Course()
    if on_trial is not None:
        beside = follow(course, change, on_trial.at(now))
        state = state.but(shadow=beside.said)
    if not (verdict.changed or is_due):
        return state.but(picture=picture, course=verdict.course, last=None), ()
    shown = shown_in(verdict.view)
    decision = decision_of(verdict, shown, event, now, rulebook.name)
    repeatable = None if beside else Repeatable.of(verdict, shown, decision)
    after = _after(state, picture, verdict.said, decision, repeatable)
    if beside is None or on_trial is None:
        return after, (decision,)
    return after, (decision, *shadow_of(decision, beside, course, on_trial.name))


def _after(
    before: State, picture: Picture, course: Course, decision: TriageDecided, last: Any
) -> State:
    told = course.but(number=decision.number, decided_at=decision.occurred_at)
    return before.but(picture=picture.but(pending=()), course=told, last=last)


def _is_due(course: Course, picture: Picture, now: datetime) -> bool:
    pending = len(picture.pending)
    if not pending or pending >= MOST_PENDING or course.decided_at is None:
        return pending > 0
    return (now - course.decided_at).total_seconds() >= REFRESH_S


def _is_steady(state: State, change: Change, edition: Edition, on_trial: Rulebook | None) -> bool:
    """Whether a sample changes nothing that any set says."""
    before, after, event, now = change
    if not isinstance(event, VitalSignsRecorded) or event.method != "streamed":
        return False
    steady = edition.scope(state.course.protocol).steady
    if steady is None or not steady.holds(before, after, event, now):
        return False
    if on_trial is None:
        return True
    course = state.shadow or Course()
    steady = on_trial.at(now).scope(course.protocol).steady
    return steady is not None and steady.holds(before, after, event, now)
