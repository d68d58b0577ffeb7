"""What all monitors and vehicles say in the next moment: smooth, in order, in bounded rates."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from simulator import truth
from simulator.pace import Line
from simulator.realism import FLAWLESS, Realism
from simulator.tale import Monitor, Van

#: Samples a second that one monitor can make.
FASTEST_HZ = 10.0
#: Slower than this, a value is gone before two samples of it could prove anything.
SLOWEST_HZ = 0.2
MOVING_S = 1.0
STANDING_S = 10.0
#: Sent later than this after it was measured, a sample came from a store.
FRESH_S = 1.0


class Telemetry:
    """Monitors take turns, so that any total rate is smooth and shared out evenly."""

    def __init__(
        self,
        vitals_per_second: float | None,
        vans: Sequence[Van],
        realism: Realism = FLAWLESS,
    ) -> None:
        self._rate = vitals_per_second
        self._vans = vans
        self.realism = realism
        self._monitors: deque[Monitor] = deque()
        #: What was said where nothing gets out, by vehicle.
        self._stored: dict[Van, list[Line]] = {}
        self._credit = 0.0
        self._last: float | None = None

    def attach(self, monitor: Monitor) -> None:
        """From now on this monitor streams, until its wearer's or its patient's story is over."""
        if monitor not in self._monitors:
            self._monitors.append(monitor)

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
        said = [*self._samples(self._last, now), *self._positions(now)]
        self._last = now
        lines = [
            *self._brought_out(now),
            *(line for van, line in said if self._gets_out(van, line, now)),
        ]
        return self.realism.on_the_way(lines, now)

    def keeps(self, van: Van) -> bool:
        """Whether a vehicle has something that did not get out yet."""
        return van in self._stored

    def _gets_out(self, van: Van, line: Line, now: float) -> bool:
        """Whether it is sent as it is said; else the vehicle keeps it."""
        if not self.is_dark(van, now):
            return True
        self._stored.setdefault(van, []).append(line)
        return False

    def _brought_out(self, now: float) -> list[Line]:
        """What vehicles had kept, once they are where it gets out."""
        outside = [van for van in self._stored if not self.is_dark(van, now)]
        return [line for van in outside for line in self._stored.pop(van)]

    def is_dark(self, van: Van, now: float) -> bool:
        """Whether nothing that a vehicle says gets out."""
        return van.is_dark(now) or self.realism.is_dark(van.vehicle.unit_id, now)

    def _samples(self, last: float, now: float) -> list[tuple[Van, Line]]:
        monitors = len(self._monitors)
        asked = monitors if self._rate is None else self._rate
        rate = min(max(asked, SLOWEST_HZ * monitors), FASTEST_HZ * monitors)
        self._credit += rate * (now - last)
        turns = int(self._credit)
        self._credit -= turns
        lines = []
        for turn in range(1, turns + 1):
            monitor = self._next()
            if monitor is None:
                break
            t = last + (now - last) * turn / turns
            lines.append((monitor.van, monitor.sample(t, realism=self.realism)))
        return lines

    def _next(self) -> Monitor | None:
        """Whose turn it is; who is over is taken off."""
        while self._monitors:
            monitor = self._monitors.popleft()
            if monitor.speaks:
                self._monitors.append(monitor)
                return monitor
        return None

    def _positions(self, now: float) -> list[tuple[Van, Line]]:
        lines = []
        for van in self._vans:
            if van.next_look > now:
                continue
            van.next_look = now + MOVING_S
            if self.realism.is_lost(van.vehicle.unit_id, now):
                continue
            if van.is_moving(now) or now - van.reported >= STANDING_S:
                lines.append((van, van.report(now)))
                van.reported = now
        return lines


def told(batch: int, fresh: Sequence[Line], now: float) -> truth.SamplesSent:
    """The journal's line about samples that are about to be sent."""
    numbers: dict[str, list[int]] = {}
    acting = []
    for line in fresh:
        if not line.handle:
            continue
        numbers.setdefault(line.handle, []).append(line.number)
        proven = line.proves.acting(line, now) if line.proves else None
        if proven is not None:
            acting.append(proven._replace(timely=_is_timely(line, now)))
    is_timely = all(_is_timely(line, now) for line in fresh)
    return truth.SamplesSent(t=now, batch=batch, numbers=numbers, acting=acting, timely=is_timely)


def _is_timely(line: Line, now: float) -> bool:
    return line.timely and now - line.made <= FRESH_S
