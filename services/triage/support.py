"""What a rule rests on, so that what is taken back takes it along."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Support(NamedTuple):
    """Observations that bear a rule together, by their events, and a stretch of streamed samples
    (both ends included) with the monitors they are of. Without either it rests on what is known of
    the patient."""

    ids: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    devices: tuple[str, ...] = ()

    def with_(self, other: Support) -> Support:
        """Both together."""
        ends = [end for end in (self.since, other.since) if end]
        lasts = [end for end in (self.until, other.until) if end]
        return Support(
            tuple(dict.fromkeys((*self.ids, *other.ids))),
            min(ends, default=None),
            max(lasts, default=None),
            tuple(dict.fromkeys((*self.devices, *other.devices))),
        )

    def without_id(self, gone: str) -> Support | None:
        """What is left when an observation is taken back; None when nothing is."""
        return None if gone in self.ids else self

    def without_stretch(self, device: str, since: datetime, until: datetime) -> Support | None:
        """What is left when the samples of a monitor, of a stretch, were another patient's."""
        if self.since is None or self.until is None or device not in self.devices:
            return self
        begins, ends = since <= self.since < until, since <= self.until < until
        if begins and ends:
            return None
        if begins:
            return self._replace(since=until)
        return self._replace(until=since) if ends else self

    def goes_on(self, other: Support, near_s: float) -> bool:
        """Whether another stretch is this one going on."""
        if self.since is None or self.until is None or other.since is None:
            return False
        is_near = self.since <= other.since and (other.since - self.until).total_seconds() <= near_s
        return is_near and self.ids == other.ids and self.devices == other.devices
