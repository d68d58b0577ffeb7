"""The decision: what goes out when an event has been taken in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

from pydantic import Field

from schemas.event import Event, Value
from schemas.triage import TriageDecided
from services.triage.course import Course
from services.triage.fold import fold
from services.triage.following import Change, follow
from services.triage.picture import Picture, is_streamed
from services.triage.repeatable import Repeatable
from services.triage.rulebook import Edition, Rulebook
from services.triage.statement import decision_of, shadow_of, shown_in
from services.triage.steady import Room

#: With fresh values alone, a decision goes out at most this often per encounter; some later by up
#: to ``SPREAD_S``.
REFRESH_S, SPREAD_S = 5.0, 1.5


#: A decision names no more events than this: after a gap, thousands come at once.
MOST_PENDING = 500


#: Of a patient whom nothing was said of.
UNSAID = Course()


class State(Value):
    """All that triage keeps of a patient: the picture, and what each set has made of it."""

    picture: Picture
    course: Course = Course()
    #: Of a set on trial.
    shadow: Course | None = None
    #: The last decision where it may be said again with fresh values, and how far they may move.
    #: Never stored: without them the same is worked out from the beginning.
    last: Any = Field(default=None, exclude=True, repr=False)
    room: Any = Field(default=None, exclude=True, repr=False)


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
    edition, trial = rulebook.at(now), on_trial.at(now) if on_trial else None
    picture = fold(state.picture, event, now, edition.stale)
    if picture is state.picture:
        return state, ()
    is_due = _is_due(state.course, picture, event, now)
    room = _room(state, edition, trial, now) if is_streamed(event) else None
    if room is not None and not room.holds(state.picture, picture, now):
        room = None
    if room is not None:
        if not is_due:
            return state.but(picture=picture, room=room), ()
        last: Repeatable | None = state.last
        if last is not None and last.may_be_said_again(picture, edition, now):
            again = last.said_again(picture, event, now)
            return _told(state, picture, state.course, again.decision, again), (again.decision,)
    change = Change(state.picture, picture, event, now)
    verdict = follow(state.course, change, edition)
    state, beside, course = state.but(room=room, last=None), None, state.shadow or UNSAID
    if trial is not None:
        beside = follow(course, change, trial)
        state = state.but(shadow=beside.said)
    if not (verdict.changed or is_due):
        return state.but(picture=picture, course=verdict.course), ()
    shown = shown_in(verdict.view)
    decision = decision_of(verdict, shown, event, now, rulebook.name)
    repeatable = None if beside else Repeatable.of(verdict, shown, decision)
    after = _told(state, picture, verdict.said, decision, repeatable)
    if beside is None or on_trial is None:
        return after, (decision,)
    return after, (decision, *shadow_of(decision, beside, course, on_trial.name))


def _told(
    before: State,
    picture: Picture,
    course: Course,
    decision: TriageDecided,
    last: Repeatable | None,
) -> State:
    told = course.but(number=decision.number, decided_at=decision.occurred_at)
    return before.but(picture=picture.but(pending=()), course=told, last=last)


def _is_due(course: Course, picture: Picture, event: Event, now: datetime) -> bool:
    pending = len(picture.pending)
    if not pending or pending >= MOST_PENDING or course.decided_at is None:
        return pending > 0
    waited = (now - course.decided_at).total_seconds() - REFRESH_S
    return waited >= 0 and waited >= spread(getattr(event, "device_id", None), course.number)


def spread(device_id: str | None, number: int) -> float:
    """So many seconds later, at another time each: patients whose monitors speak together, or who
    were all kept waiting by an outage, would be told anew together for ever."""
    digest = blake2b(f"{device_id}/{number}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 2**32 * SPREAD_S


def _room(state: State, edition: Edition, trial: Edition | None, now: datetime) -> Room | None:
    """How far what a monitor streams may move: by the active set, and by one on trial. Where a
    clinician has weighed a value, no number of the set says how far: every sample is looked at."""
    if state.course.weighed or (state.shadow or UNSAID).weighed:
        return None
    of, beside = edition.scope(state.course.protocol), None
    if trial is not None:
        beside = trial.scope((state.shadow or UNSAID).protocol)
    known: Room | None = state.room
    if known is not None and known.of == (of, beside):
        return known
    room = of.room(edition.facts(state.picture, now))
    if beside is None or trial is None:
        return room and room._replace(of=(of, None))
    other = beside.room(trial.facts(state.picture, now))
    return room and other and room.within(other)._replace(of=(of, beside))
