"""What one set of protocols makes of an event: level, centres, questions.

``worst`` only rises, unless a human lowers it or takes back what proved it; ``current`` is what the
values say now. Nothing here knows a number of medicine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.clinical import LevelOverridden
from schemas.event import Event
from schemas.triage import Centre, CentreConcern, Reason, TriageLevel
from services.triage.assessment import Firing
from services.triage.centres import LOUDNESS
from services.triage.concern import Asked, Fired, Question
from services.triage.course import (
    Concern,
    Course,
    overridden,
    proven_by,
    taken_back,
    without,
)
from services.triage.explanation import lost_signals, reason_of
from services.triage.fold import as_said, as_streamed
from services.triage.picture import Picture, is_streamed
from services.triage.rulebook import Edition
from services.triage.verdict import Verdict, View, look


class Change(NamedTuple):
    """What an event has changed, and when."""

    before: Picture
    after: Picture
    event: Event
    now: datetime


def follow(course: Course, change: Change, edition: Edition) -> Verdict:
    """What one set makes of a picture, and of the event that changed it."""
    event = change.event
    view = look(change.after, edition, change.now)
    leaves = taken_back(event)
    withdrawn: tuple[Reason, ...] = ()
    if leaves is not None:
        course, withdrawn = without(course, leaves)
    firings, of_then = view.assessment.firings, list(_of_then(view, change))
    if isinstance(event, LevelOverridden):
        course = overridden(course, event, firings)
    else:
        course = proven_by(course, view.assessment, (*firings, *of_then), edition.frame)
    worst = _worst(course, view, lowered=bool(withdrawn))
    asked = edition.asked(view.facts, worst)
    fired = list(asked.fired(view.scope))
    course = course.but(concerns=_concerns(course, asked, fired))
    concerned, questions = _concerned(course, view, asked, fired)
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
    return Verdict(view, course, said, reasons, withdrawn, questions, supports, changed)


def _news(course: Course) -> tuple[object, ...]:
    return course.current, course.missing, course.centres, course.lost


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


def _concerns(course: Course, asked: Asked, fired: Sequence[Fired]) -> Mapping[str, Concern]:
    """The rules that have held. One that asks for the level follows the level, and is not kept."""
    kept = {name: concern for name, concern in course.concerns.items() if not asked.excluded(name)}
    for each in fired:
        if each.rule.when.follows_level:
            continue
        known = kept.get(each.name)
        if known is None:
            kept[each.name] = Concern.made(concern=_concern(each), ways=(each.support,))
        elif each.support not in known.ways:
            kept[each.name] = known.with_(each.support)
    return kept


def _concern(fired: Fired) -> CentreConcern:
    rule = fired.rule
    return CentreConcern.made(
        centre=fired.centre,
        activation=rule.activation,
        text=rule.text,
        source=rule.source,
        rule=fired.name,
        evidence=rule.evidence,
        missing=(),
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
    course: Course, view: View, asked: Asked, fired: Sequence[Fired]
) -> tuple[tuple[CentreConcern, ...], tuple[Question, ...]]:
    """The centres that are concerned, each with what it needs to know, and that as questions."""
    loudest = _loudest(course, fired, view.edition)
    among = frozenset(concern.centre for concern in loudest)
    questions = tuple(asked.questions(view.scope, among))
    items = {centre: tuple(q.item for q in questions if q.centre is centre) for centre in among}
    told = (concern.but(missing=items[concern.centre]) for concern in loudest)
    return tuple(_not_past_resus(told, view)), questions


def _not_past_resus(concerns: Iterable[CentreConcern], view: View) -> Iterator[CentreConcern]:
    """While an arrest runs, no other way is proposed than the one that it has."""
    arrest = view.edition.centres.arrest
    runs = arrest.runs(view.facts.picture)
    for concern in concerns:
        is_past = runs and concern.direct_to not in (None, arrest.way)
        yield concern.but(direct_to=None) if is_past else concern


def _trend(course: Course, current: TriageLevel) -> str:
    """Between no evidence and some there is no way up or down."""
    if course.number == 0 or TriageLevel.NOT_YET in (course.current, current):
        return "same"
    if course.current is current:
        return course.trend
    return "worse" if current.urgency > course.current.urgency else "better"
