"""How old what was read is. Pure: the caller says what time it is, in milliseconds."""

from __future__ import annotations

#: What the broker has not been asked about for so long may be out of date.
STALE_MS = 1_000


class Freshness:
    """Whether what is known is as of now.

    A process that stood still wakes up to an answer that the broker gave before: only the one after
    it tells what has happened since.
    """

    def __init__(self) -> None:
        self._answers = 0
        self._last = 0
        self._due = 0

    def answered(self, at: int) -> bool:
        """The broker's last answer came then, and was read. False when that was told before."""
        if at == self._last:
            return False
        self._answers += 1
        if at - self._last > STALE_MS:
            self._due = max(self._due, self._answers + 1)
        self._last = at
        return True

    def is_fresh(self, now: int) -> bool:
        """Whether nothing that happened by now is likely to be missing."""
        if self._answers >= self._due and now - self._last > STALE_MS:
            self._due = self._answers + 2
        return self._answers >= self._due
