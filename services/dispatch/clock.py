"""The clocks of dispatch: from one moment to another, what each measured, and what it lacks.

A clock that has no end is no clock that was kept: what is missing stands in a count of its own, and
a rate of nothing is absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field

from schemas.event import Text, Value
from schemas.triage import Bilingual, Evidence
from services.kit.figures import percentile, share


class Clock(Value):
    """A clock as a site keeps it: its name, its limit, and the share that is aimed at."""

    name: Bilingual
    limit_s: Annotated[float, Field(gt=0)] | None = None
    #: Somebody is told while it can still be mended.
    warn_s: Annotated[float, Field(gt=0)] | None = None
    #: Of a call that waits for a unit: its limit is taken as passed at once where none is free.
    at_once_when_none_is_free: bool = True
    #: The share within the limit that is aimed at.
    target: Annotated[float, Field(gt=0, le=1)] | None = None
    source: Annotated[Text, Field(min_length=1)]
    evidence: Evidence

    @property
    def limit(self) -> timedelta | None:
        """The limit as a time."""
        return None if self.limit_s is None else timedelta(seconds=self.limit_s)


class Reading(NamedTuple):
    """What a clock shows of one dispatch, call or patient."""

    began: datetime | None
    ended: datetime | None = None
    #: A unit that was called back before it left.
    stood_down: datetime | None = None
    #: A unit that was on the road already when it was told.
    is_rolling: bool = False
    #: A stamp of it came, or was corrected, after the period it belongs to had ended.
    is_restated: bool = False
    #: Nothing more is expected of it.
    is_over: bool = True
    #: It ended between ``not_before``, where that is known, and ``ended``.
    is_between: bool = False
    not_before: datetime | None = None

    def is_surely_late(self, limit: timedelta) -> bool:
        """Whether it ended after the limit, whenever it was between the two."""
        if self.began is None or not self.is_between:
            return True
        return self.not_before is not None and self.not_before - self.began > limit

    @property
    def took(self) -> timedelta | None:
        """What it measured; below 0 where the end is stamped before the beginning."""
        if self.began is None or self.ended is None:
            return None
        return self.ended - self.began


class Fate(StrEnum):
    """Where a reading is counted."""

    IN_TIME = "in_time"
    LATE = "late"
    #: The end, or the beginning, was never stamped.
    MISSING = "missing"
    #: It has not ended, and the limit has not passed.
    RUNNING = "running"
    #: Called back within the limit, without having left.
    STOOD_DOWN = "stood_down"
    #: Called back after it, without having left.
    STOOD_DOWN_LATE = "stood_down_late"
    ROLLING = "rolling"


#: What has ended, and it is known when.
ENDED = frozenset({Fate.IN_TIME, Fate.LATE})


def fate(reading: Reading, limit: timedelta, now: datetime | None = None) -> Fate:
    """Where a reading counts at the moment ``now``; without one, everything is over."""
    took, began = reading.took, reading.began
    if reading.is_rolling:
        return Fate.ROLLING
    if took is not None and took <= limit:
        return Fate.IN_TIME
    if took is not None:
        return Fate.LATE if reading.is_surely_late(limit) else Fate.MISSING
    if began is None:
        return Fate.MISSING
    if reading.stood_down is not None:
        return Fate.STOOD_DOWN if reading.stood_down - began <= limit else Fate.STOOD_DOWN_LATE
    return Fate.MISSING if now is None or now - began > limit else Fate.RUNNING


class Change(Value):
    """What changed against the period before."""

    rate: float | None = None
    p50_s: float | None = None


class Measured(Value):
    """How long something took, with all that the figures rest on; none without samples."""

    measured: int
    missing: int
    running: int = 0
    #: Of those measured: the end is stamped before the beginning.
    before_its_beginning: int = 0
    p50_s: float | None = None
    p90_s: float | None = None
    p95_s: float | None = None
    change: Change | None = None


class Rate(Value):
    """How often a limit was kept, with all that the figure rests on.

    ``rate`` leaves out what is missing, ``rate_if_missing_is_late`` counts it as late: the truth
    lies between. Without samples both are absent.
    """

    numerator: int
    denominator: int
    missing: int
    running: int = 0
    stood_down: int = 0
    stood_down_late: int = 0
    rolling: int = 0
    #: Of the denominator: the end is stamped before the beginning.
    before_its_beginning: int = 0
    #: Of all: changed since the period ended.
    restated: int = 0
    rate: float | None = None
    rate_if_missing_is_late: float | None = None
    p50_s: float | None = None
    p90_s: float | None = None
    p95_s: float | None = None


def measured(readings: Iterable[Reading]) -> Measured:
    """How long it took, where there is no limit. Of who was called back nothing more was due."""
    known = list(readings)
    took = _took(known)
    open_ones = [each for each in known if each.took is None and each.stood_down is None]
    missing = sum(each.is_over or each.ended is not None for each in open_ones)
    return Measured(
        measured=len(took),
        missing=missing,
        running=len(open_ones) - missing,
        before_its_beginning=sum(taken < timedelta(0) for taken in took),
        p50_s=percentile(took, 50),
        p90_s=percentile(took, 90),
        p95_s=percentile(took, 95),
    )


def rate(
    readings: Iterable[Reading],
    limit: timedelta,
    now: datetime | None = None,
    late_stand_downs: bool = True,
) -> Rate:
    """Count readings. ``late_stand_downs``: whether a unit that was called back after the limit,
    and had not left, was late; else it is left out, as one called back in time is."""
    known = list(readings)
    fates = [fate(reading, limit, now) for reading in known]
    counts = Counter(fates)
    took = _took(r for r, where in zip(known, fates, strict=True) if where in ENDED)
    in_time, missing = counts[Fate.IN_TIME], counts[Fate.MISSING]
    ended = in_time + counts[Fate.LATE]
    if late_stand_downs:
        ended += counts[Fate.STOOD_DOWN_LATE]
    return Rate(
        numerator=in_time,
        denominator=ended,
        missing=missing,
        running=counts[Fate.RUNNING],
        stood_down=counts[Fate.STOOD_DOWN],
        stood_down_late=counts[Fate.STOOD_DOWN_LATE],
        rolling=counts[Fate.ROLLING],
        before_its_beginning=sum(taken < timedelta(0) for taken in took),
        restated=sum(reading.is_restated for reading in known),
        rate=share(in_time, ended),
        rate_if_missing_is_late=share(in_time, ended + missing),
        p50_s=percentile(took, 50),
        p90_s=percentile(took, 90),
        p95_s=percentile(took, 95),
    )


def _took(readings: Iterable[Reading]) -> list[timedelta]:
    return sorted(taken for reading in readings if (taken := reading.took) is not None)
