"""Follows ``dispatch-encounters`` from its beginning: who exists, and who wears which monitor."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from schemas.encounter import DeviceAttached
from schemas.event import Event
from services.dispatch.monitors import Monitors
from services.kit.follower import Follower
from services.kit.settings import Settings

#: What was attached longer ago, somebody else has looked at.
RECENT = timedelta(minutes=10)


class Moved(NamedTuple):
    """A monitor that a patient got, and when that was heard of."""

    attached: DeviceAttached
    heard_at: datetime


class Directory(Follower):
    """What the gateway knows, all of it read from the topic."""

    def __init__(self, settings: Settings) -> None:
        self.monitors = Monitors()
        #: Not looked at yet by the restorer.
        self.moved: deque[Moved] = deque()
        super().__init__(settings, "dispatch-encounters", self._take_event)

    def _take_event(self, event: Event) -> None:
        self.monitors.take(event)
        now = datetime.now(UTC)
        if isinstance(event, DeviceAttached) and now - (event.recorded_at or now) < RECENT:
            self.moved.append(Moved(event, now))
