"""What all monitors and vehicles say in the next moment: smooth, in order, in bounded rates."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from simulator.patient import Line, Patient, Van

#: Samples a second that one monitor can make.
FASTEST_HZ = 10.0
#: Slower than this, a value is gone before two samples of it could prove anything.
SLOWEST_HZ = 0.2
MOVING_S = 1.0
STANDING_S = 10.0


class Telemetry:
    """Monitors take turns, so that any total rate is smooth and shared out evenly."""

    def __init__(self, vitals_per_second: float | None, vans: Sequence[Van]) -> None:
        self._rate = vitals_per_second
        self._vans = vans
        self._monitors: deque[Patient] = deque()
        self._credit = 0.0
        self._last: float | None = None

    def attach(self, patient: Patient) -> None:
        """From now on this patient's monitor streams, until the patient's story is over."""
        self._monitors.append(patient)

    def begin(self, now: float) -> None:
        """Nothing is streamed before this."""
        self._last = now
        for place, van in enumerate(self._vans):
            van.next_look = now + STANDING_S * place / len(self._vans)

    def end(self) -> None:
        """Nothing is streamed after this."""
        self._last = None

    def until(self, now: float) -> list[Line]:
        """Everything said since the last call."""
        if self._last is None:
            return []
        samples = self._samples(self._last, now)
        self._last = now
        return samples + self._positions(now)

    def _samples(self, last: float, now: float) -> list[Line]:
        monitors = len(self._monitors)
        asked = monitors if self._rate is None else self._rate
        rate = min(max(asked, SLOWEST_HZ * monitors), FASTEST_HZ * monitors)
        self._credit += rate * (now - last)
        turns = int(self._credit)
        self._credit -= turns
        lines = []
        for turn in range(1, turns + 1):
            patient = self._next()
            if patient is None:
                break
            lines.append(patient.sample(last + (now - last) * turn / turns))
        return lines

    def _next(self) -> Patient | None:
        """Whose turn it is; who is over is taken off."""
        while self._monitors:
            patient = self._monitors.popleft()
            if not patient.is_over:
                self._monitors.append(patient)
                return patient
        return None

    def _positions(self, now: float) -> list[Line]:
        lines = []
        for van in self._vans:
            if van.next_look > now:
                continue
            van.next_look = now + MOVING_S
            if van.is_moving(now) or now - van.reported >= STANDING_S:
                lines.append(van.report(now))
                van.reported = now
        return lines
