"""What a facility kept of what it owes, over many patients. A figure of nothing is absent, and what
nobody reported stands in a count of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.event import Value
from schemas.handoff import Owed, PreArrivalRecord
from schemas.triage import Activation, Centre, DirectTo
from services.bridge.case import Handoff, Promise
from services.bridge.item import Item
from services.kit.figures import percentile, share


class Kept(Value):
    """How often a limit was kept, with all that the figure rests on."""

    numerator: int
    denominator: int
    missing: int
    rate: float | None = None
    p50_s: float | None = None
    p90_s: float | None = None


class Part(Value):
    """How many of these were so; of ``missing`` nobody has said."""

    numerator: int
    denominator: int
    missing: int
    rate: float | None = None


class Precision(Value):
    """Whether those of whom a centre was told, and for whom a team was called, were its patients by
    the final diagnosis; ``unannounced`` were, and it was not told."""

    told: Part
    activated: Part
    unannounced: int


class FacilityIndicators(Value):
    """What a facility kept, of the patients who were bound for it in a period."""

    patients: int
    #: By what is owed. Who arrived before anybody had to answer stands apart.
    promises: Mapping[Owed, Kept]
    arrived_before: int
    #: Other hospitals that it proposed and did not take back, by reason.
    redirects: Mapping[str, int]
    #: 直通率: brought to where it was confirmed, by destination.
    direct: Mapping[DirectTo, Part]
    #: The clocks of the green channel.
    clocks: Mapping[str, Kept]
    precision: Mapping[Centre, Precision]


class Stay(NamedTuple):
    """A patient at a facility: what it was told last, and what it did."""

    centres: Sequence[Centre]
    record: PreArrivalRecord
    handoff: Handoff

    @classmethod
    def of(cls, item: Item) -> Stay | None:
        """None of who does not come any more."""
        if item.record is None or item.handoff is None:
            return None
        return cls(item.centres, item.record, item.handoff)


class _Time(NamedTuple):
    """When something began, was due and was done, as far as anybody has said."""

    began: datetime | None
    due: datetime | None
    done: datetime | None
    is_over: bool
    #: Somebody had to be told that it was late.
    was_late: bool = False

    @property
    def is_in_time(self) -> bool:
        """Whether it is known to have been done by when it was due."""
        if self.done is None or self.due is None:
            return False
        return self.done <= self.due and not self.was_late


def indicators(stays: Sequence[Stay], redirects: Iterable[str]) -> FacilityIndicators:
    """All of them; ``redirects`` are the reasons for which another hospital was proposed."""
    promised: dict[Owed, list[_Time]] = defaultdict(list)
    clocks: dict[str, list[_Time]] = defaultdict(list)
    before = 0
    for stay in stays:
        handoff, over = stay.handoff, stay.handoff.transferred_at is not None
        for each in handoff.promises:
            if each.due_at is None and each.met_at is None:
                before += each.owed is Owed.ACKNOWLEDGED and handoff.arrived_at is not None
            elif each.due_at is not None:
                time = _Time(each.since, each.due_at, each.met_at, over, _was_late(each))
                promised[each.owed].append(time)
        for clock in handoff.clocks:
            clocks[clock.clock].append(_Time(clock.began_at, clock.due_at, clock.ended_at, over))
    return FacilityIndicators(
        patients=len(stays),
        promises={owed: _kept(times) for owed, times in sorted(promised.items())},
        arrived_before=before,
        redirects=dict(sorted(Counter(redirects).items())),
        direct=_direct(stays),
        clocks={name: _kept(times) for name, times in sorted(clocks.items())},
        precision={c: _precision(c, stays) for c in Centre if c is not Centre.EMERGENCY},
    )


def _was_late(promise: Promise) -> bool:
    """Whether somebody was told before it was done. A doctor may have been there all the same, and
    was entered afterwards."""
    was_told = promise.rungs > 0 or promise.again_at is not None
    return was_told and promise.owed is not Owed.FIRST_DOCTOR


def _kept(times: Sequence[_Time]) -> Kept:
    """What is not over and not done is under way, and counts nowhere."""
    known = [each for each in times if each.began and each.due and each.done]
    took = sorted(_took(each) for each in known)
    in_time = sum(each.is_in_time for each in known)
    return Kept(
        numerator=in_time,
        denominator=len(known),
        missing=sum(each.is_over for each in times) - sum(each.is_over for each in known),
        rate=share(in_time, len(known)),
        p50_s=percentile(took, 50),
        p90_s=percentile(took, 90),
    )


def _took(time: _Time) -> timedelta:
    """Nothing, where it was done before it began."""
    assert time.began is not None  # noqa: S101 (asked of those that are known)
    assert time.done is not None  # noqa: S101
    return max(time.done - time.began, timedelta(0))


def _direct(stays: Sequence[Stay]) -> Mapping[DirectTo, Part]:
    found: dict[DirectTo, list[bool | None]] = defaultdict(list)
    for handoff in (stay.handoff for stay in stays):
        if handoff.direct_to is not None and (handoff.arrived_at or handoff.transferred_at):
            there = handoff.direct_to.direct_to
            reached = handoff.arrived_in
            found[there].append(None if reached is None else reached is there)
    return {there: _part(said) for there, said in sorted(found.items())}


def _precision(centre: Centre, stays: Sequence[Stay]) -> Precision:
    told = [stay for stay in stays if centre in stay.centres]
    called = [stay for stay in told if _is_activated(centre, stay.handoff)]
    return Precision(
        told=_part(_is_its(centre, stay) for stay in told),
        activated=_part(_is_its(centre, stay) for stay in called),
        unannounced=sum(_is_its(centre, s) is True for s in stays if centre not in s.centres),
    )


def _is_activated(centre: Centre, handoff: Handoff) -> bool:
    """Whether its team was called; that it was called off again makes it no better a call."""
    acts = (*handoff.activations, *(each.activation for each in handoff.withdrawn))
    return any(each.centre is centre and each.activation is Activation.ACTIVATE for each in acts)


def _is_its(centre: Centre, stay: Stay) -> bool | None:
    """Whether it was this centre's patient by the final diagnosis; none where nobody has said."""
    outcome = stay.handoff.outcome
    if outcome is None or outcome.confirmed is None:
        return None
    return centre in outcome.confirmed


def _part(said: Iterable[bool | None]) -> Part:
    each = list(said)
    known = [one for one in each if one is not None]
    return Part(
        numerator=sum(known),
        denominator=len(known),
        missing=len(each) - len(known),
        rate=share(sum(known), len(known)),
    )
