"""The indicators of a period; what stands apart is listed apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from schemas.event import Value
from schemas.incident import CallClass, IncidentOrigin
from services.dispatch.clock import Change, Clock, Measured, Rate, Reading, measured, rate
from services.dispatch.leg import Dispatch, first_unit, intervals, is_after
from services.dispatch.witness import (
    Differences,
    Distances,
    Error,
    differences,
    expectations,
    locations,
)

#: Only these count; the others are listed.
COUNTED: CallClass = "emergency"
TRANSFER: CallClass = "non_emergency_transfer"


class Call(NamedTuple):
    """A call and the units sent to it, as its clocks see them."""

    incident_id: str
    call_class: CallClass
    opened: datetime
    received: datetime | None
    answered: datetime | None
    accepted: datetime | None
    is_over: bool
    #: Since when it is an emergency, where it was opened as something else.
    emergency_since: datetime | None = None
    #: Of a transfer that is no emergency: when the vehicle is wanted.
    scheduled: datetime | None = None
    was_transfer: bool = False
    origin: IncidentOrigin = "call"
    #: When it was last told that it is an emergency, or is none any more.
    reclassified_at: datetime | None = None
    dispatches: tuple[Dispatch, ...] = ()

    def counted(self) -> Call:
        """The same as the clocks of emergencies see it: accepted when it became one."""
        if self.accepted is None or self.emergency_since is None:
            return self
        return self._replace(accepted=max(self.accepted, self.emergency_since))


class Sent(NamedTuple):
    """A dispatch, and the class of its call as now known."""

    call_class: CallClass
    dispatch: Dispatch
    reclassified_at: datetime | None = None


class Period(NamedTuple):
    """From ``since`` until before ``until``, as it is known at ``now``."""

    since: datetime
    until: datetime
    now: datetime

    @property
    def before(self) -> Period:
        """The period of the same length before it."""
        return Period(self.since - (self.until - self.since), self.since, self.now)


class Indicator(Rate):
    """One clock over a period, as it was reported. ``verified``: the same as satellites show it;
    what they did not show is missing there, and no mismatch."""

    verified: Rate | None = None
    #: What is not counted, by the class of its call.
    excluded: Mapping[str, int] = {}
    target: float | None = None
    change: Change | None = None


class Transfers(Value):
    """Transfers that are no emergencies. A wait is measured from the time for which the vehicle was
    wanted; below 0 where it was early."""

    calls: int
    #: That became emergencies: they are counted there.
    reclassified: int
    accepted_to_notified: Measured
    accepted_to_on_scene: Measured
    wanted_to_on_scene: Measured


class Journey(NamedTuple):
    """A patient of an emergency, as the clocks see them."""

    incident_id: str
    accepted: datetime | None
    reached: datetime | None
    boarded: datetime | None
    transferred: datetime | None
    #: When they came in at the clinic that sends them on.
    door_in: datetime | None
    is_over: bool


class Counted(NamedTuple):
    """All that the figures of a period rest on."""

    sent: list[Sent]
    calls: list[Call]
    journeys: list[Journey]


class Indicators(Value):
    """Every clock over a period."""

    dispatch_within_3min: Indicator
    first_unit_within_3min: Indicator
    call_answered_within_10s: Indicator
    first_unit_notified_within_1min: Indicator
    accepted_to_on_scene: Measured
    intervals: Mapping[str, Measured]
    #: Patients: reached, aboard, handed over; from a clinic's door to the vehicle's.
    patients: Mapping[str, Measured] = {}
    #: Transfers that are no emergencies.
    transfers: Transfers | None = None
    #: Buttons beside satellites; what was expected; where patients were said to be.
    stamps_against_gps: Mapping[str, Differences] = {}
    eta_error: Mapping[str, Error] = {}
    location_error: Mapping[str, Distances] = {}


class Site(NamedTuple):
    """Where days and shifts begin, and which limits hold."""

    zone: ZoneInfo
    #: Minutes after midnight at which a shift begins, ascending.
    shifts: tuple[int, ...]
    clocks: Mapping[str, Clock]

    @classmethod
    def of(cls, zone: str, shifts: str, clocks: Mapping[str, Clock]) -> Site:
        """A site whose shifts are written like ``08:00,20:00``."""
        told = (map(int, shift.split(":")) for shift in shifts.split(","))
        return cls(ZoneInfo(zone), tuple(sorted(60 * h + m for h, m in told)), clocks)


def indicators(counted: Counted, site: Site, period: Period) -> Indicators:
    """Every clock over all of these."""
    dispatches, opened, journeys = counted
    driven = [each.dispatch for each in dispatches if each.call_class == COUNTED]
    called = [call for call in opened if call.call_class == COUNTED]
    until, counts = period.until, Counter(each.call_class for each in dispatches)

    def told(name: str, readings: Iterable[Reading], left: int = 0, **more: Any) -> Indicator:
        clock = site.clocks[name]
        assert clock.limit is not None  # noqa: S101 (the clocks asked for have one)
        kept = rate(readings, clock.limit, period.now)
        kept = kept.but(restated=kept.restated + left)
        return Indicator(**kept.model_dump(), target=clock.target, **more)

    within = site.clocks["dispatch_within_3min"].limit
    assert within is not None  # noqa: S101
    return Indicators(
        dispatch_within_3min=told(
            "dispatch_within_3min",
            (each.reading(each.departed, until) for each in driven),
            _left(dispatches, until),
            verified=rate((each.verified(until) for each in driven), within, period.now),
            excluded={name: n for name, n in sorted(counts.items()) if name != COUNTED},
        ),
        first_unit_within_3min=told(
            "dispatch_within_3min",
            (first_unit(c.dispatches, until) for c in called if c.dispatches),
            _left((c for c in opened if c.dispatches), until),
        ),
        call_answered_within_10s=told(
            "call_answered_within_10s",
            # What a clinic asks for in writing, no telephone rang for.
            (Reading(c.received, c.answered) for c in called if c.origin == "call"),
        ),
        first_unit_notified_within_1min=told(
            "first_unit_notified_within_1min",
            filter(None, (_notified(call, site, period.now) for call in called)),
        ),
        accepted_to_on_scene=measured(_on_scene(call) for call in called),
        intervals={name: measured(each) for name, each in intervals(driven).items()},
        patients=_patients(journeys),
        transfers=_transfers(opened),
        stamps_against_gps=differences(driven),
        eta_error=expectations(driven),
        location_error=locations(driven),
    )


def _left(known: Iterable[Sent | Call], until: datetime) -> int:
    """How many were counted when the period ended, and are no emergencies any more."""
    others = (each for each in known if each.call_class != COUNTED)
    return sum(is_after(each.reclassified_at, until) for each in others)


def _patients(journeys: Iterable[Journey]) -> Mapping[str, Measured]:
    known = list(journeys)
    return {
        "accepted_to_at_patient": measured(
            Reading(each.accepted, each.reached, is_over=each.is_over) for each in known
        ),
        "at_patient_to_boarded": measured(
            Reading(each.reached, each.boarded, is_over=each.is_over)
            for each in known
            if each.boarded is not None or not each.is_over
        ),
        "boarded_to_transferred": measured(
            Reading(each.boarded, each.transferred, is_over=each.is_over)
            for each in known
            if each.boarded is not None
        ),
        "door_in_to_door_out": measured(
            Reading(each.door_in, each.boarded, is_over=each.is_over)
            for each in known
            if each.door_in is not None
        ),
    }


def _transfers(calls: Iterable[Call]) -> Transfers:
    every = list(calls)
    known = [each for each in every if each.call_class == TRANSFER]
    return Transfers(
        calls=len(known),
        reclassified=sum(c.call_class == COUNTED and c.was_transfer for c in every),
        accepted_to_notified=measured(
            Reading(c.accepted, first_unit(c.dispatches).began, is_over=c.is_over) for c in known
        ),
        accepted_to_on_scene=measured(_on_scene(c) for c in known if c.scheduled is None),
        wanted_to_on_scene=measured(
            _on_scene(c)._replace(began=c.scheduled) for c in known if c.scheduled is not None
        ),
    )


def _notified(call: Call, site: Site, now: datetime) -> Reading | None:
    """A call that nobody was sent to is no reading when it is over. While it waits beyond the limit
    it is late already: that no unit was told is not a stamp that somebody forgot."""
    limit, began = site.clocks["first_unit_notified_within_1min"].limit, call.accepted
    ended = first_unit(call.dispatches).began
    if ended is None and call.is_over:
        return None
    if ended is None and began is not None and limit is not None and now - began > limit:
        ended = now
    return Reading(began, ended)


def _on_scene(call: Call) -> Reading:
    arrived = [each.on_scene for each in call.dispatches if each.on_scene is not None]
    return Reading(call.accepted, min(arrived, default=None), is_over=call.is_over)


def against(now: Indicators, before: Indicators) -> Indicators:
    """Each clock with what changed against the period before."""
    found: Indicators = _beside(now, before)
    return found


def _beside(now: Any, before: Any) -> Any:
    match now:
        case Indicator() | Measured():
            return now.but(change=_change(now, before))
        case Indicators() | Transfers():
            return now.but(**{name: _beside(each, getattr(before, name)) for name, each in now})
        case Mapping():
            return {name: _beside(each, before.get(name)) for name, each in now.items()}
    return now


def _change(now: Indicator | Measured, before: Indicator | Measured) -> Change:
    rates = [getattr(each, "rate", None) for each in (now, before)]
    return Change(rate=_less(*rates), p50_s=_less(now.p50_s, before.p50_s))


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else round(one - other, 6)
