"""A monitor's clock may be wrong: it is corrected and shown, never a reason to refuse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

#: A difference up to this is the road, not the clock (the limit of the clock-skew alarm).
TOLERANCE = timedelta(seconds=120)


class Corrected(NamedTuple):
    """When a sample was taken, and the device's own time where that was another."""

    occurred_at: datetime
    device_time: datetime | None


def offset_of(
    samples: Sequence[tuple[datetime, datetime | None]], received_at: datetime
) -> timedelta:
    """How far a device's clock is behind, from one delivery of ``(occurred_at, sent_at)`` of it.

    ``sent_at`` is the device's clock at sending: what remains is its error. Without it the
    newest sample is taken for fresh: a device that stores and sends later has to say ``sent_at``.
    Nothing is measured after it was sent, so no corrected time lies ahead of ours.
    """
    newest = max(time for sample in samples for time in sample if time is not None)
    offset = received_at - newest
    return offset if abs(offset) > TOLERANCE else timedelta(0)


def correct(occurred_at: datetime, offset: timedelta) -> Corrected:
    """A sample's time by a clock that is right."""
    if not offset:
        return Corrected(occurred_at, None)
    return Corrected(occurred_at + offset, occurred_at)
