"""What counts of a picture at one moment: which values act, and what is known beyond doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from schemas.encounter import Complaint
from services.triage.derived import DERIVED, FORMULAS
from services.triage.frame import Frame
from services.triage.patient import age_of, is_obstetric
from services.triage.picture import Method, Picture, Sample, latest
from services.triage.support import Support

#: Zeros of so many monitors are no lost signal any more.
CHANNELS = 2


class Counted(NamedTuple):
    """The values of a vital sign that count together: one that acts by itself, or the last few of a
    stream, of which a second must agree."""

    values: Sequence[float]
    samples: Sequence[Sample]
    at: datetime
    method: Method
    alone: bool
    unmeasurable: bool = False
    stale: bool = False
    #: What a value beside it rests on, where the number follows from two.
    beside: Support = Support()

    def second(self, weight: Callable[[float], float]) -> float | None:
        """The value that counts: the one that acts, or the second heaviest of a stream. A lone
        sample of a stream counts for nothing."""
        if self.alone:
            return self.values[-1]
        if len(self.values) < 2:
            return None
        return sorted(self.values, key=weight, reverse=True)[1]

    def passes(self, test: Callable[[float], bool]) -> bool:
        """Whether the value that acts passes a test, or two of a stream do."""
        if self.alone:
            return test(self.values[-1])
        return sum(map(test, self.values)) > 1

    def support(self, test: Callable[[float], bool]) -> Support:
        """What bears out that the test is passed: the samples that pass it, and no others."""
        passing = [
            sample for value, sample in zip(self.values, self.samples, strict=True) if test(value)
        ]
        return _support(passing or self.samples, alone=self.alone).with_(self.beside)


def _support(samples: Sequence[Sample], *, alone: bool) -> Support:
    """Of what acts by itself the event that said so; of a stream from when until when."""
    if alone:
        return Support((samples[-1].said_by,))
    streamed = [sample for sample in samples if sample.device]
    said = tuple(sample.said_by for sample in samples if not sample.device)
    if not streamed:
        return Support(said)
    devices = dict.fromkeys(sample.device for sample in streamed)
    return Support(said, streamed[0].at, streamed[-1].at, tuple(devices))


class Facts:
    """A picture read at one moment. Nothing is worked out twice."""

    def __init__(
        self, picture: Picture, frame: Frame, categories: frozenset[Complaint], now: datetime
    ) -> None:
        self.picture, self.frame, self.categories, self.now = picture, frame, categories, now
        patient = picture.patient
        self.years = age_of(patient, now)
        is_new = Complaint.NEWBORN in categories or picture.origin == "birth"
        if self.years is None and is_new:
            self.years = 0.0
        self.obstetric = (
            is_obstetric(patient, frame.site.postpartum_days)
            or (patient.pregnant == "unknown" and Complaint.OBSTETRIC in categories)
            or not self.there.isdisjoint(frame.pregnant_by)
        )
        self._counted: dict[str, Counted | None] = {}
        #: Scores that were worked out already.
        self.scored: dict[str, Any] = {}

    @cached_property
    def there(self) -> frozenset[str]:
        """What the patient complains of, and the signs that are present."""
        signs = self.picture.signs
        if not signs:
            return self.categories
        return self.categories.union(name for name in signs if signs[name][-1].present)

    def counted(self, name: str) -> Counted | None:
        """What counts of a vital sign, or of a number that follows from several; None when nothing
        does."""
        if name not in self._counted:
            is_derived = name in DERIVED
            self._counted[name] = self._derived(name) if is_derived else self._read(name)
        return self._counted[name]

    def is_borne_out(self, name: str, test: Callable[[float], bool]) -> bool:
        """Whether a value that is kept beside the newest passes a test."""
        newest, _ = latest(self.picture, name) or (None, None)
        kept = (*self.picture.streams.get(name, ()), *self.picture.readings.get(name, ()))
        values = [s.value for s in kept if s is not newest]
        return any(test(value) for value in values if isinstance(value, float))

    def _derived(self, name: str) -> Counted | None:
        """Of the value that leads, each that counts, beside the other's newest."""
        lead, beside = (self.counted(source) for source in DERIVED[name])
        if not lead or not beside or not lead.values or not beside.values or not beside.values[-1]:
            return None
        formula = FORMULAS[name]
        return lead._replace(
            values=[formula(value, beside.values[-1]) for value in lead.values],
            beside=_support(beside.samples[-1:], alone=beside.alone),
            stale=lead.stale or beside.stale,
        )

    def letter(self, name: str) -> tuple[str, Sample] | None:
        """The last word of a vital sign whose values are words."""
        known = latest(self.picture, name)
        return (str(known[0].value), known[0]) if known else None

    def is_fresh(self, sample: Sample, method: Method, name: str) -> bool:
        """Whether a value is still good."""
        return self.now - sample.at <= self.frame.good_for(name, method)

    def _read(self, name: str) -> Counted | None:
        lost = self._zero_of_two(name) if self.picture.silent else None
        if lost is not None:
            return lost
        known = latest(self.picture, name)
        if known is None:
            return None
        newest, method = known
        stale = not self.is_fresh(newest, method, name)
        if newest.value == "unmeasurable":
            return Counted((), (newest,), newest.at, method, True, unmeasurable=True, stale=stale)
        if not isinstance(newest.value, float):
            return None
        if method == "streamed" and self.frame.vitals[name].monitored == "continuously":
            near = self._window(name, newest)
            values = [sample.value for sample in near]
            return Counted(values, near, newest.at, method, False, stale=stale)  # type: ignore[arg-type]
        return Counted((newest.value,), (newest,), newest.at, method, True, stale=stale)

    def _window(self, name: str, newest: Sample) -> list[Sample]:
        """The last streamed values, with the human's reading among them: it bears out what a
        monitor says next. Of a device slower than the window, the last two."""
        rule, ring = self.frame.stream, self.picture.streams[name]
        readings = self.picture.readings.get(name)
        if readings and (len(ring) < rule.of or readings[-1].at >= ring[0].at):
            ring = tuple(sorted((*ring, readings[-1]), key=lambda s: s.at))
        last = [s for s in ring[-rule.of :] if isinstance(s.value, float)]
        since = newest.at - rule.within
        near = [s for s in last if s.at >= since]
        return near if len(near) > 1 else last[-2:]

    def _zero_of_two(self, name: str) -> Counted | None:
        """A 0 that two monitors show is a 0."""
        silent = self.picture.silent.get(name)
        if not silent or len(silent) < CHANNELS:
            return None
        shown = sorted((last, device) for device, last in silent.items())[-CHANNELS:]
        samples = [Sample(0.0, last, "", device=device) for last, device in shown]
        first, last = samples[0].at, samples[-1].at
        if (last - first).total_seconds() > self.frame.stream.within_s:
            return None
        stale = (self.now - last).total_seconds() > self.frame.stream.stale_s
        return Counted((0.0, 0.0), samples, last, "streamed", False, stale=stale)
