"""Follows ``dispatch-encounters`` from its beginning: who exists, and who wears which monitor."""

from __future__ import annotations

from services.dispatch.monitors import Monitors
from services.kit.follower import Follower
from services.kit.settings import Settings


class Directory(Follower):
    """What the gateway knows, all of it read from the topic."""

    def __init__(self, settings: Settings) -> None:
        self.monitors = Monitors()
        super().__init__(settings, "dispatch-encounters", self.monitors.take)
