"""The decision: levels, centres and questions, from a picture and what was said before.

``worst`` only rises, unless a human lowers it or takes back what proved it; ``current`` is what the
values say now. Nothing here knows a number of medicine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import Field

from schemas.clinical import LevelOverridden, VitalSignsRecorded
from schemas.event import Event, Value
from schemas.triage import Centre, CentreConcern, Reason, TriageDecided, TriageLevel
from services.triage import centres
from services.triage.assessment import Firing, assess
from services.triage.centres import LOUDNESS, Fired, Question
from services.triage.course import Concern, Course, Leaves, Proof, left, proven, taken_back
from services.triage.explanation import lost_signals, reason_of
from services.triage.picture import Picture, as_said, as_streamed, fold, is_streamed
from services.triage.repeatable import Repeatable
from services.triage.rulebook import Edition, Rulebook
from services.triage.statement import decision_of, shadow_of
from services.triage.verdict import Verdict, View

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


class Change(NamedTuple):
    """What an event has changed, and when."""

    before: Picture
    after: Picture
    event: Event
    now: datetime


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
        if last is not None and last.may_be_said_again(edition, now):
            decision = last.said_again(picture, event, now)
            again = last._replace(decision=decision)
            return _after(state, picture, state.course, decision, again), (decision,)
    verdict = follow(state.course, change, edition)
    beside, course = None, state.shadow or Course()
    if on_trial is not None:
        beside = follow(course, change, on_trial.at(now))
        state = state.but(shadow=beside.said)
    if not (verdict.changed or is_due):
        return state.but(picture=picture, course=verdict.course, last=None), ()
    decision = decision_of(picture, verdict, event, now, rulebook.name)
    repeatable = None if beside else Repeatable.of(verdict, decision)
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
    steady = edition.steady.get(state.course.protocol or "")
    if steady is None or not steady.holds(before, after, event, now):
        return False
    if on_trial is None:
        return True
    course = state.shadow or Course()
    steady = on_trial.at(now).steady.get(course.protocol or "")
    return steady is not None and steady.holds(before, after, event, now)


def follow(course: Course, change: Change, edition: Edition) -> Verdict:
    """What one set makes of a picture, and of the event that changed it."""
    event = change.event
    view = look(change.after, edition, change.now)
    leaves = taken_back(event)
    withdrawn: tuple[Reason, ...] = ()
    if leaves is not None:
        course, withdrawn = _without(course, leaves)
    firings, of_then = view.assessment.firings, list(_of_then(view, change))
    if isinstance(event, LevelOverridden):
        course = _overridden(course, event, firings)
    else:
        course = _proven(course, view, (*firings, *of_then))
    worst = _worst(course, view, lowered=bool(withdrawn))
    fired = list(centres.fired(view.facts, edition.centres, edition.scores, worst))
    course = course.but(concerns=_concerns(course, view, fired))
    concerned, asked = _concerned(course, view, fired)
    said = course.but(
        protocol=view.protocol.protocol if view.protocol else None,
        worst=worst,
        trend=_trend(course, view.assessment.current),
        current=view.assessment.current,
        missing=view.assessment.missing,
        centres=concerned,
        lost=lost_signals(view.facts),
    )
    rises = worst.urgency > course.worst.urgency and not _is_of_gap(of_then, worst)
    changed = not is_streamed(event) or rises or _news(course) != _news(said)
    reasons = tuple(reason_of(firing, edition.frame) for firing in firings)
    supports = (*(f.support for f in firings), *(f.support for f in fired))
    return Verdict(view, course, said, reasons, withdrawn, asked, supports, changed)


def _news(course: Course) -> tuple[object, ...]:
    return course.current, course.missing, course.centres, course.lost


def look(picture: Picture, edition: Edition, now: datetime) -> View:
    """Read a picture."""
    facts = edition.facts(picture, now)
    protocol = edition.protocol_of(facts.years, facts.obstetric)
    return View(facts, protocol, edition, assess(facts, protocol, edition))


def _of_then(view: View, change: Change) -> Iterator[Firing]:
    """What fires by an older word, or by a sample of an earlier moment, where newer values stand
    against it: it counts for the worst level alone."""
    before, after, event, now = change
    is_sample = is_streamed(event)
    then = as_streamed(before, after, event) if is_sample else as_said(after, event, now)
    if then is None or then is after:
        return
    known = {firing.rule: firing.support for firing in view.assessment.firings}
    is_gap = is_sample and after.gap is not before.gap
    for firing in look(then, view.edition, now).assessment.firings:
        if known.get(firing.rule) != firing.support:
            yield firing._replace(marks=("in_gap",)) if is_gap else firing


def _is_of_gap(silent: Sequence[Firing], worst: TriageLevel) -> bool:
    """Whether the level rests on what came late from a time in which nobody heard: no alarm."""
    proves = [firing for firing in silent if firing.level is worst]
    return bool(proves) and all("in_gap" in firing.marks for firing in proves)


def _without(course: Course, leaves: Leaves) -> tuple[Course, tuple[Reason, ...]]:
    """The course without what an event takes back, and the reasons that are gone with it."""
    proofs, gone = dict[str, Proof](), []
    for rule, proof in course.proofs.items():
        ways = left(proof.ways, leaves)
        if ways:
            proofs[rule] = proof if ways == proof.ways else proof.but(ways=ways)
        else:
            gone.append(proof.reason)
    concerns = {
        name: concern.but(ways=ways)
        for name, concern in course.concerns.items()
        if (ways := left(concern.ways, leaves))
    }
    return course.but(proofs=proofs, concerns=concerns), tuple(gone)


def _overridden(course: Course, event: LevelOverridden, firings: Sequence[Firing]) -> Course:
    """A clinician has set the level, and has weighed what fired."""
    weighed = tuple(firing.rule for firing in firings)
    level = TriageLevel(event.level)
    return course.but(worst=level, proofs={}, weighed=weighed)


def _proven(course: Course, view: View, firings: Sequence[Firing]) -> Course:
    """What fires is proven, unless a clinician has weighed it; what was weighed and is gone counts
    again when it comes back."""
    weighed = course.weighed
    if weighed:
        firing_now = {firing.rule for firing in view.assessment.firings}
        weighed = tuple(rule for rule in weighed if rule in firing_now)
    frame = view.edition.frame
    new = ((f, reason_of(f, frame)) for f in firings if f.rule not in weighed)
    proofs = proven(course.proofs, new, frame.stream.stale_s)
    return course.but(proofs=proofs, weighed=weighed)


def _worst(course: Course, view: View, *, lowered: bool) -> TriageLevel:
    """It only rises, unless something that proved it was taken back: then what is left decides."""
    floor, override = course.worst, view.facts.picture.override
    if lowered:
        floor = override.level if override else TriageLevel.NOT_YET
    levels = [floor, *(proof.reason.level for proof in course.proofs.values())]
    if not course.weighed or lowered:
        levels.append(_stated(view))
    return max(levels, key=lambda level: level.urgency)


def _stated(view: View) -> TriageLevel:
    """Ⅳ is proven by no rule, but by nothing missing."""
    current = view.assessment.current
    return current if current is TriageLevel.NON_URGENT else TriageLevel.NOT_YET


# -- centres --------------------------------------------------------------------------------------


def _concerns(course: Course, view: View, fired: Sequence[Fired]) -> Mapping[str, Concern]:
    """The rules that have held. One that asks for the level follows the level, and is not kept."""
    edition = view.edition
    kept = {
        name: concern
        for name, concern in course.concerns.items()
        if not centres.excluded(view.facts, edition.centres, edition.scores, name)
    }
    for each in fired:
        if each.rule.when.follows_level:
            continue
        known = kept.get(each.name)
        if known is None:
            kept[each.name] = Concern(concern=_concern(each), ways=(each.support,))
        elif each.support not in known.ways:
            kept[each.name] = known.with_(each.support)
    return kept


def _concern(fired: Fired) -> CentreConcern:
    rule = fired.rule
    return CentreConcern(
        centre=fired.centre,
        activation=rule.activation,
        text=rule.text,
        source=rule.source,
        rule=fired.name,
        evidence=rule.evidence,
        direct_to=rule.direct_to,
    )


def _loudest(course: Course, fired: Sequence[Fired], edition: Edition) -> tuple[CentreConcern, ...]:
    """Of each centre the loudest rule that has held; of equally loud ones the first."""
    held = {name: concern.concern for name, concern in course.concerns.items()}
    held |= {each.name: _concern(each) for each in fired if each.name not in held}
    order = edition.centres.order
    found: dict[Centre, CentreConcern] = {}
    for name in sorted(held, key=lambda name: order.get(name, len(order))):
        concern = held[name]
        known = found.get(concern.centre)
        if known is None or LOUDNESS[concern.activation] > LOUDNESS[known.activation]:
            found[concern.centre] = concern
    return tuple(found[centre] for centre in Centre if centre in found)


def _concerned(
    course: Course, view: View, fired: Sequence[Fired]
) -> tuple[tuple[CentreConcern, ...], tuple[Question, ...]]:
    """The centres that are concerned, each with what it needs to know, and that as questions."""
    edition, loudest = view.edition, _loudest(course, fired, view.edition)
    among = frozenset(concern.centre for concern in loudest)
    asked = tuple(centres.questions(view.facts, edition.centres, edition.scores, among))
    items = {centre: tuple(q.item for q in asked if q.centre is centre) for centre in among}
    return tuple(concern.but(missing=items[concern.centre]) for concern in loudest), asked


def _trend(course: Course, current: TriageLevel) -> str:
    """Between no evidence and some there is no way up or down."""
    if course.number == 0 or TriageLevel.NOT_YET in (course.current, current):
        return "same"
    if course.current is current:
        return course.trend
    return "worse" if current.urgency > course.current.urgency else "better"
