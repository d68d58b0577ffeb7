"""What a set of protocols has said of a patient so far: levels, centres, and what has proven them.

``worst`` never falls by itself. It falls when a clinician sets it, and when all that proved it is
taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from pydantic import AwareDatetime

from schemas.clinical import LevelOverridden, ObservationReattributed, ObservationRetracted
from schemas.event import Event, Value
from schemas.triage import CentreConcern, LostSignal, Reason, TriageLevel
from services.triage.assessment import Assessment, Firing
from services.triage.explanation import reason_of
from services.triage.frame import Frame
from services.triage.support import Support

#: So many ways to prove a rule are kept apart; beyond that it is never taken back by itself.
WAYS = 4


Ways: TypeAlias = tuple[Support, ...]
#: What an event leaves of a support; None when nothing.
Leaves: TypeAlias = Callable[[Support], Support | None]


class Proof(Value):
    """A rule that has fired, with what it said then, and every way in which it was proven."""

    reason: Reason
    ways: Ways

    def with_(self, support: Support, near: float) -> Proof:
        """The same with one more way; a stretch of samples that goes on is one."""
        if support in self.ways:
            return self
        return self.but(ways=_with_way(self.ways, support, near))


def _with_way(ways: Ways, support: Support, near: float) -> Ways:
    """With one more way. Too many stretches become one long one, which is harder to take back."""
    for place, known in enumerate(ways):
        if known.goes_on(support, near):
            until = max(filter(None, (known.until, support.until)))
            return (*ways[:place], known._replace(until=until), *ways[place + 1 :])
    if len(ways) < WAYS:
        return (*ways, support)
    if support.since is None or ways[-1].since is None:
        return (Support(),)
    return (*ways[:-1], ways[-1].with_(support))


class Concern(Value):
    """A rule of a centre that has held, and every way in which it did."""

    concern: CentreConcern
    ways: Ways

    def with_(self, support: Support) -> Concern:
        """The same with one more way."""
        return self.but(ways=_with_way(self.ways, support, 0))


class Course(Value):
    """What one set has said so far."""

    number: int = 0
    #: By which protocol.
    protocol: str | None = None
    decided_at: AwareDatetime | None = None
    worst: TriageLevel = TriageLevel.NOT_YET
    current: TriageLevel = TriageLevel.NOT_YET
    trend: Literal["worse", "same", "better"] = "same"
    #: What else the last decision said, so that one with news goes out at once.
    missing: tuple[str, ...] = ()
    lost: tuple[LostSignal, ...] = ()
    centres: tuple[CentreConcern, ...] = ()
    #: Per rule, what has proven it since a clinician last set the level.
    proofs: Mapping[str, Proof] = {}
    #: The rules that had fired when a clinician set the level and still do, each with the value it
    #: saw: that was known.
    weighed: Mapping[str, float | str] = {}
    #: The rules of centres that have held.
    concerns: Mapping[str, Concern] = {}


def taken_back(event: Event) -> Leaves | None:
    """What an event takes back, as what it leaves of a support; None for any other event."""
    if isinstance(event, ObservationRetracted):
        return lambda support: support.without_id(event.observation_id)
    if isinstance(event, ObservationReattributed):
        return lambda support: support.without_stretch(event.device_id, event.since, event.until)
    return None


def left(ways: Ways, leaves: Leaves) -> Ways:
    """The ways that are left."""
    return tuple(rest for way in ways if (rest := leaves(way)) is not None)


def proven(
    proofs: Mapping[str, Proof], firings: Iterable[tuple[Firing, Reason]], near: float
) -> Mapping[str, Proof]:
    """The proofs with what fires now."""
    found = dict(proofs)
    for firing, reason in firings:
        known = found.get(firing.rule)
        if known is None or known.reason.level.urgency < firing.level.urgency:
            found[firing.rule] = Proof.made(reason=reason, ways=(firing.support,))
        else:
            found[firing.rule] = known.with_(firing.support, near)
    return found


def without(course: Course, leaves: Leaves) -> tuple[Course, tuple[Reason, ...]]:
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


def overridden(course: Course, event: LevelOverridden, firings: Sequence[Firing]) -> Course:
    """A clinician has set the level, and has weighed what fired."""
    weighed = {firing.rule: _seen(firing) for firing in firings}
    level = TriageLevel(event.level)
    return course.but(worst=level, proofs={}, weighed=weighed)


def _seen(firing: Firing) -> float | str:
    return "" if firing.value is None else firing.value


def proven_by(
    course: Course, assessment: Assessment, firings: Sequence[Firing], frame: Frame
) -> Course:
    """What fires is proven, unless a clinician has weighed it; what was weighed and is gone counts
    again when it comes back, and so does what has become worse than it was then."""
    weighed = course.weighed
    if weighed:
        now = {firing.rule: firing for firing in assessment.firings}
        weighed = {
            rule: seen
            for rule, seen in weighed.items()
            if rule in now and not frame.is_worse(now[rule].place, _seen(now[rule]), seen)
        }
    new = ((f, reason_of(f, frame)) for f in firings if f.rule not in weighed)
    proofs = proven(course.proofs, new, frame.stream.stale_s)
    return course.but(proofs=proofs, weighed=weighed)
