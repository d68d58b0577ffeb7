"""What a facility has not done yet for a patient who is bound for it, and when that is late.

It is owed from the moment the patient is bound for the facility. What a human there has seen is
asked for again only when it holds no more: the patient is worse, another centre is concerned, or
they come much sooner. An arrival ends what was to be done before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from schemas.envelope import derived_id
from schemas.handoff import (
    Because,
    CentreActivated,
    DepartmentAnswered,
    Escalated,
    Milestone,
    Owed,
)
from schemas.triage import Activation, TriageLevel
from services.bridge.case import Case, Handoff, Known, Promise
from services.bridge.facility import Facility
from services.bridge.green import running
from services.bridge.recognition import recognised

#: Owed before the patient is there; whoever acts on the record has seen it.
_UNSEEN = (Owed.DELIVERED, Owed.DISPLAYED, Owed.ACKNOWLEDGED)
_BEFORE_ARRIVAL = frozenset({*_UNSEEN, Owed.DIRECT_TO_CONFIRMED})
#: Of these levels whoever has seen somebody who had none yet has to hear.
_GRAVE = frozenset({TriageLevel.CRITICAL, TriageLevel.SEVERE})


def keep(case: Case, facility: Facility, now: datetime) -> Case:
    """The case with what the facility owes by now. Raises nothing, and tells nobody."""
    handoff = case.handoff
    if case.facility_id is None or handoff.notified_at is None:
        return case
    told = tuple(running(case, facility)), tuple(recognised(case, facility))
    if told != (handoff.clocks, handoff.recognitions):
        handoff = handoff.but(clocks=told[0], recognitions=told[1])
        case = case.but(handoff=handoff)
    if case.is_locked:
        return _over(case)
    promises = [_met(each, case, now) for each in handoff.promises]
    # What was done before it was owed is kept from the beginning.
    promises += [_met(each, case, now) for each in _asked(case, facility, promises, now)]
    promises = [_timed(_raised(each, case, facility, now), case, facility) for each in promises]
    promises = [_laddered(each, facility) for each in promises]
    zone = facility.zones.get(level_of(case))
    if (tuple(promises), zone) == (handoff.promises, handoff.zone):
        return case
    return case.but(handoff=handoff.but(promises=tuple(promises), zone=zone))


def asked_again(handoff: Handoff) -> Promise | None:
    """What a human there has to look at once more, if they have."""
    open_ones = (p for p in handoff.promises if p.owed is Owed.ACKNOWLEDGED and p.is_open)
    return next(open_ones, None)


def seen(case: Case, now: datetime, *, by_acceptance: bool = False) -> Case:
    """The case when a human at the facility has seen what the record says now. What an acceptance
    alone had met, any other act that sees it meets for good."""
    handoff = case.handoff
    known = Known(level=level_of(case), centres=case.centres, arrives_at=case.arrives_at)

    def met(each: Promise) -> Promise:
        if each.owed not in _UNSEEN:
            return each
        if each.is_open:
            return each.but(met_at=max(now, each.since), by_acceptance=by_acceptance)
        return each.but(by_acceptance=each.by_acceptance and by_acceptance)

    promises = tuple(met(each) for each in handoff.promises)
    return case.but(handoff=handoff.but(known=known, promises=promises))


def unaccepted(case: Case, now: datetime) -> Case:
    """The case when the acceptance was taken back: what it alone had met as seen nobody has seen,
    and it is owed from now on, with its ladder from the bottom."""
    promises = case.handoff.promises
    if asked_again(case.handoff) is None:
        owed = [each for each in promises if each.owed is Owed.ACKNOWLEDGED and each.by_acceptance]
        anew = {"since": now, "version": case.version, "level": level_of(case), "rungs": 0}
        promises = tuple(
            each.but(met_at=None, latest=None, **anew) if each in owed[-1:] else each
            for each in promises
        )
    left = tuple(each.but(by_acceptance=False) for each in promises)
    return case.but(handoff=case.handoff.but(promises=left))


def unarrived(case: Case, now: datetime) -> Case:
    """The case when the patient is not here after all: what the arrival had ended is owed from now
    on, with its ladder from the bottom, and no doctor until they come."""
    anew = tuple(
        each.but(since=now, rungs=0) if each.is_open and each.owed in _BEFORE_ARRIVAL else each
        for each in case.handoff.promises
        if each.owed is not Owed.FIRST_DOCTOR
    )
    return case.but(handoff=case.handoff.but(promises=anew))


def called_by(activations: Sequence[CentreActivated]) -> frozenset[str]:
    """The departments that these acts have called."""
    return frozenset(name for each in activations for name in each.departments)


def uncalled(case: Case) -> Case:
    """The case when a team was not called after all: its departments owe no answer, and whoever is
    called once more owes one anew."""
    called = called_by(case.handoff.activations)
    left = tuple(
        each
        for each in case.handoff.promises
        if each.owed is not Owed.DEPARTMENT_ANSWERED or each.department in called
    )
    return case.but(handoff=case.handoff.but(promises=left))


def next_due(case: Case, facility: Facility) -> datetime | None:
    """When the next step of a ladder is to be taken, if one is."""
    if case.is_locked:
        return None
    times = (
        rungs[each.rungs]
        for each in case.handoff.promises
        if each.is_open and (rungs := _ladder(each, facility)) and each.rungs < len(rungs)
    )
    return min(times, default=None)


def fall_due(case: Case, facility: Facility, now: datetime) -> tuple[Case, Sequence[Escalated]]:
    """Take the steps that have come; of several of one ladder, after an outage, the last alone."""
    if case.is_locked:
        return case, ()
    told: list[Escalated] = []
    promises: list[Promise] = []
    for each in case.handoff.promises:
        late = sum(at <= now for at in _ladder(each, facility)) if each.is_open else 0
        if late <= each.rungs:
            promises.append(each)
            continue
        told.append(_escalated(case, each, facility, late, now))
        promises.append(_laddered(each.but(rungs=late), facility))
    if not told:
        return case, ()
    return case.but(handoff=case.handoff.but(promises=tuple(promises))), told


def level_of(case: Case) -> TriageLevel:
    """The worst level that is known: by it everything is timed."""
    return case.decision.worst if case.decision else TriageLevel.NOT_YET


def _laddered(promise: Promise, facility: Facility) -> Promise:
    """The same with when the next step of its ladder is taken, and who hears then."""
    times = _ladder(promise, facility) if promise.is_open else []
    if promise.rungs >= len(times):
        return promise.but(next_at=None, next_to=None)
    to = facility.terms[promise.owed].ladder[promise.rungs].to
    return promise.but(next_at=times[promise.rungs], next_to=to)


def _over(case: Case) -> Case:
    """Care was handed over: nobody hears of what was not done."""
    if all(each.next_at is None for each in case.handoff.promises):
        return case
    promises = tuple(each.but(next_at=None, next_to=None) for each in case.handoff.promises)
    return case.but(handoff=case.handoff.but(promises=promises))


def _ladder(promise: Promise, facility: Facility) -> Sequence[datetime]:
    term = facility.terms.get(promise.owed)
    due = _begins(promise)
    return [] if term is None or due is None else term.rungs(due)


def _begins(promise: Promise) -> datetime | None:
    """When its ladder begins: who got worse after the last step was due at once."""
    if promise.due_at is None or promise.again_at is None:
        return promise.due_at
    return max(promise.due_at, promise.again_at)


def _escalated(
    case: Case, promise: Promise, facility: Facility, step: int, now: datetime
) -> Escalated:
    assert case.facility_id is not None  # noqa: S101 (it is owed)
    due_at = _begins(promise)
    assert due_at is not None  # noqa: S101
    since = promise.since.isoformat()
    subject = (case.encounter_id, case.facility_id, promise.owed, promise.department or "", since)
    return Escalated(
        event_id=derived_id("escalated", *subject, step),
        occurred_at=_ladder(promise, facility)[step - 1],
        recorded_at=now,
        encounter_id=case.encounter_id,
        facility_id=case.facility_id,
        step=step,
        due_at=due_at,
        owed=promise.owed,
        to=facility.terms[promise.owed].ladder[step - 1].to,
        because=promise.because,
        department=promise.department,
        phone=facility.phone,
    )


def _met(promise: Promise, case: Case, now: datetime) -> Promise:
    """The same, where what was owed has been done. A first doctor who was taken back was not
    there."""
    if promise.owed is Owed.DEPARTMENT_ANSWERED:
        return _answered(promise, case, now)
    is_asked = promise.is_open or promise.owed is Owed.FIRST_DOCTOR
    at = _done_at(promise, case.handoff, now) if is_asked else None
    if promise.owed is Owed.FIRST_DOCTOR and at is None:
        return promise.but(met_at=None)
    return promise if at is None else promise.but(met_at=max(at, promise.since))


def _answered(promise: Promise, case: Case, now: datetime) -> Promise:
    """The newest answer decides. Nobody waits any longer for who cannot come; where they had said
    that they would, it is owed anew, with its ladder from the bottom."""
    answer = _answer(promise, case.handoff)
    if answer is None:
        return promise
    if answer.answer == "coming":
        return promise.but(met_at=now) if promise.is_open else promise
    if promise.is_open:
        return promise.but(latest=min(filter(None, (promise.latest, now))))
    again = {"since": now, "version": case.version, "level": level_of(case), "rungs": 0}
    return promise.but(met_at=None, latest=now, **again)


def _done_at(promise: Promise, handoff: Handoff, now: datetime) -> datetime | None:
    """When it was done: an answer when it came here, whatever is said of its time; a doctor when
    they were there."""
    match promise.owed:
        case Owed.DELIVERED:
            is_done = (handoff.delivered_at or handoff.displayed_at) is not None
        case Owed.DISPLAYED:
            is_done = handoff.displayed_at is not None
        case Owed.DIRECT_TO_CONFIRMED:
            is_done = handoff.direct_to is not None
        case Owed.FIRST_DOCTOR:
            reached = (m for m in handoff.milestones if m.milestone is Milestone.FIRST_DOCTOR)
            return min((m.occurred_at for m in reached), default=None)
        case _:
            return None
    return now if is_done else None


def _answer(promise: Promise, handoff: Handoff) -> DepartmentAnswered | None:
    theirs = (each for each in handoff.answers if each.department == promise.department)
    return next(theirs, None)


def _asked(
    case: Case, facility: Facility, promises: Sequence[Promise], now: datetime
) -> Iterator[Promise]:
    """What is owed by now and was not before."""
    handoff, before = case.handoff, {each.owed for each in promises}
    since = handoff.notified_at or now
    for owed in _UNSEEN:
        if owed not in before:
            yield _promise(case, owed, since, "bound")
    is_asked = any(each.owed is Owed.ACKNOWLEDGED and each.is_open for each in promises)
    again = None if is_asked or handoff.arrived_at else _holds_no_more(case, facility)
    if again is not None:
        yield _promise(case, Owed.ACKNOWLEDGED, now, again)
    if Owed.DIRECT_TO_CONFIRMED not in before and _is_proposed(case):
        yield _promise(case, Owed.DIRECT_TO_CONFIRMED, now, "proposed")
    yield from _called(case, promises, now)
    if Owed.FIRST_DOCTOR not in before and handoff.arrived_at is not None:
        since = min(handoff.arrived_at, now)  # a clock that is ahead puts nothing off
        yield _promise(case, Owed.FIRST_DOCTOR, since, "arrived")


def _called(case: Case, promises: Sequence[Promise], now: datetime) -> Iterator[Promise]:
    """Each department that was called answers for itself, once; it is called when that is known
    here, whenever it is said to have been."""
    asked = {each.department for each in promises}
    for activation in case.handoff.activations:
        for name in activation.departments:
            if name not in asked:
                asked.add(name)
                owed = _promise(case, Owed.DEPARTMENT_ANSWERED, now, "called")
                yield owed.but(department=name)


def _holds_no_more(case: Case, facility: Facility) -> Because | None:
    """Why what a human there has seen holds no more, if it does not."""
    known = case.handoff.known
    if known is None:
        return None
    if (risen := _risen(known.level, level_of(case))) is not None:
        return risen
    if set(case.centres) - set(known.centres):
        return "centre"
    term = facility.terms.get(Owed.ACKNOWLEDGED)
    by = None if term is None else term.again_if_sooner_by_s
    if by is not None and known.arrives_at is not None and case.arrives_at is not None:
        is_sooner = known.arrives_at - case.arrives_at > timedelta(seconds=by)
        return "sooner" if is_sooner else None
    return None


def _is_proposed(case: Case) -> bool:
    concerned = case.decision.centres if case.decision else ()
    return any(
        each.direct_to is not None and each.activation is not Activation.NOTICE
        for each in concerned
    )


def _promise(case: Case, owed: Owed, since: datetime, because: Because) -> Promise:
    return Promise(
        owed=owed, since=since, because=because, version=case.version, level=level_of(case)
    )


def _risen(before: TriageLevel, level: TriageLevel) -> Because | None:
    """Why this level is news to who knows of the one before, if it is. Who had none yet is not
    worse for having one."""
    if level.urgency <= before.urgency:
        return None
    if before is not TriageLevel.NOT_YET:
        return "worse"
    return "triaged" if level in _GRAVE else None


def _raised(promise: Promise, case: Case, facility: Facility, now: datetime) -> Promise:
    """The level is higher than when it was asked for: it is due sooner, and never later. Where it
    was only not known, it is due by the one that is. Whoever was told to the last step, and has not
    seen the patient, is told anew: they heard of somebody less ill."""
    level = level_of(case)
    if not promise.is_open or level.urgency <= promise.level.urgency:
        return promise
    because = _risen(promise.level, level)
    if because is None:
        return promise.but(level=level)
    again: dict[str, object] = {"version": case.version, "since": now, "because": because}
    if promise.owed is Owed.ACKNOWLEDGED and 0 < promise.rungs >= len(_ladder(promise, facility)):
        again |= {"rungs": 0, "again_at": now}
    return promise.but(level=level, latest=promise.due_at, **again)


def _timed(promise: Promise, case: Case, facility: Facility) -> Promise:
    """The same with when it is due; never any more, where the patient is there already."""
    if not promise.is_open:
        return promise
    term = facility.terms.get(promise.owed)
    lapses = promise.owed in _BEFORE_ARRIVAL and case.handoff.arrived_at is not None
    if term is None or lapses:
        return promise.but(due_at=None)
    if not term.asks(promise.level):  # who gets worse after all is waited for from the beginning
        return promise.but(due_at=None, rungs=0)
    due = term.due(promise.since, promise.level, case.arrives_at)
    return promise.but(due_at=min(filter(None, (due, promise.latest)), default=None))
