"""A monitor's clock may be wrong: it is corrected and shown, never a reason to refuse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

#: A difference up to this is the road, not the clock (the limit of the clock-skew alarm).
TOLERANCE = timedelta(seconds=120)
#: The same where the device says what its clock shows when it sends: only the road lies between.
SENT_TOLERANCE = timedelta(seconds=5)
#: A clock that seems this much slower than lately was set; less is a road that was slow for once.
SET_ANEW = timedelta(seconds=60)
#: What is known of a clock holds for so long; it drifts.
KNOWN_FOR = timedelta(minutes=10)
#: So many devices are known at once; then the one that was silent longest is forgotten.
MOST_DEVICES = 10_000

#: ``(occurred_at, sent_at)`` of the samples in one delivery.
Stamps = Sequence[tuple[datetime, datetime | None]]


class Corrected(NamedTuple):
    """When a sample was taken, and the device's own time where that was another."""

    occurred_at: datetime
    device_time: datetime | None


class Clocks:
    """How far the clock of each device is behind, as its deliveries tell.

    Nothing arrives before it is sent, so what a delivery seems to be behind is its clock's error
    and the road. The least of lately is the nearest to the error alone: when everything stood
    still for seconds, the samples that waited keep their times, and with them their patients.
    """

    def __init__(self) -> None:
        self._least: dict[str, tuple[timedelta, datetime]] = {}

    def offset_of(self, device_id: str, stamps: Stamps, received_at: datetime) -> timedelta:
        """What to add to the times of one delivery of a device; 0 for a clock that is right."""
        behind = _behind(stamps, received_at)
        if any(sent_at is None for _, sent_at in stamps):
            return behind if abs(behind) > TOLERANCE else timedelta(0)
        least, known_at = self._least.pop(device_id, (behind, received_at))
        is_older = received_at - known_at > KNOWN_FOR
        if behind <= least or behind - least > SET_ANEW or is_older:
            least, known_at = behind, received_at
        self._least[device_id] = least, known_at
        if len(self._least) > MOST_DEVICES:
            del self._least[next(iter(self._least))]
        return least if abs(least) > SENT_TOLERANCE else timedelta(0)


def _behind(stamps: Stamps, received_at: datetime) -> timedelta:
    """Without ``sent_at`` the newest sample is taken for fresh: a device that stores and sends
    later has to say it. Nothing is measured after it was sent, so no corrected time lies ahead of
    ours."""
    return received_at - max(time for stamp in stamps for time in stamp if time is not None)


def correct(occurred_at: datetime, offset: timedelta) -> Corrected:
    """A sample's time by a clock that is right."""
    if not offset:
        return Corrected(occurred_at, None)
    return Corrected(occurred_at + offset, occurred_at)
