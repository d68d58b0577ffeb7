"""When a crew is on duty, and with which unit: by what authority a phone acts, then and later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: A duty that nobody has ended ends by itself.
LONGEST = timedelta(hours=14)
#: What was done on duty, and could not be sent, is taken this long after its end.
LATE = timedelta(hours=72)
#: A phone's clock may be ahead or behind by this.
SLACK = timedelta(minutes=2)


@dataclass(frozen=True)
class Duty:
    """One person with one unit, from ``began_at`` to ``until``."""

    duty_id: str
    unit_id: str
    name: str
    began_at: datetime
    until: datetime

    def covers(self, moment: datetime, now: datetime) -> bool:
        """Whether what happened at this moment was done on this duty, and is sent early enough."""
        was_on = self.began_at - SLACK <= moment <= self.until + SLACK
        return was_on and now <= self.until + LATE
