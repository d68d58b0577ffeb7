"""How many encounters were live, how many vitals were sent, and for how long."""

from __future__ import annotations

from collections import deque

#: The rate that is shown while running is that of the last seconds.
WINDOW_S = 10.0


class Presence:
    """Times of the run's input, by the simulator's clock."""

    def __init__(self) -> None:
        self.began: float | None = None
        self.ended: float | None = None
        self._live: set[str] = set()
        self._lived = 0.0
        self._counted_to = 0.0
        self._vitals_before = 0
        self._vitals_at_end = 0
        self._lately: deque[tuple[float, int]] = deque()

    @property
    def live(self) -> int:
        """Encounters that are live now."""
        return len(self._live)

    def begin(self, t: float, vitals: int) -> None:
        """Input began. A second beginning, after a crash of the simulator, changes nothing."""
        if self.began is None:
            self.began = self._counted_to = t
            self._vitals_before = vitals

    def end(self, t: float, vitals: int) -> None:
        """Input has ended."""
        self._count_to(t)
        self.ended = t
        self._vitals_at_end = vitals

    def enter(self, t: float, handle: str) -> None:
        """An encounter began."""
        self._count_to(t)
        self._live.add(handle)

    def leave(self, t: float, handle: str) -> None:
        """An encounter is over."""
        self._count_to(t)
        self._live.discard(handle)

    def leave_all(self, t: float) -> None:
        """The simulator began anew: none of its encounters goes on."""
        self._count_to(t)
        self._live.clear()

    def send(self, t: float, vitals: int) -> None:
        """Vitals were sent."""
        self._lately.append((t, vitals))
        while self._lately[0][0] < t - WINDOW_S:
            self._lately.popleft()

    def mean_live(self) -> float | None:
        """Mean number of live encounters during input; None before it."""
        if self.began is None or self._counted_to <= self.began:
            return None
        return round(self._lived / (self._counted_to - self.began), 2)

    def mean_rate(self, vitals: int, now: float) -> float | None:
        """Vitals sent during input by its seconds; None before it."""
        if self.began is None:
            return None
        end, total = (now, vitals) if self.ended is None else (self.ended, self._vitals_at_end)
        if end <= self.began:
            return None
        return round((total - self._vitals_before) / (end - self.began), 2)

    def rate_now(self, now: float) -> float:
        """Vitals per second over the last seconds."""
        lately = sum(vitals for t, vitals in self._lately if t >= now - WINDOW_S)
        return round(lately / WINDOW_S, 1)

    def _count_to(self, t: float) -> None:
        if self.began is not None and self.ended is None:
            self._lived += len(self._live) * (t - self._counted_to)
            self._counted_to = t
