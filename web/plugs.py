"""The state of each service's plug: running, down since when, back after how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SERVICES = ("kafka", "postgres", "dispatch", "gateway", "tracker", "triage", "bridge")
#: Recoveries shown of each service.
SHOWN = 3
#: A new process whose recovery nobody measured counts as running after this long.
UNMEASURED_MS = 60_000


@dataclass(slots=True)
class Outage:
    """A service is down: since when, which process it was, how many recoveries it had before."""

    since: float
    pid: int | None
    recoveries: int


class Plugs:
    """Follows the services by their pids and by the recoveries the supervisor measured.

    What never had a pid does not run here, such as a broker that was there before: its plug is
    not ours to pull.
    """

    def __init__(self) -> None:
        self.outages: dict[str, Outage] = {}
        self.seen: set[str] = set()

    def pulled(self, service: str, pid: int | None, recoveries: int, now: float) -> None:
        """Somebody pulled the plug here."""
        self.outages.setdefault(service, Outage(now, pid, recoveries))

    def look(
        self,
        pids: Mapping[str, int | None],
        recoveries: Mapping[str, Sequence[float]],
        is_alive: Callable[[int], bool],
        now: float,
    ) -> list[dict[str, Any]]:
        """The row of each service as the page shows it."""
        rows = []
        for service in SERVICES:
            pid, measured = pids.get(service), recoveries.get(service, ())
            alive = pid is not None and is_alive(pid)
            state = self._state(service, pid, alive, len(measured), now) if pids else "starting"
            outage = self.outages.get(service)
            rows.append(
                {
                    "name": service,
                    "state": state,
                    "since": outage.since if outage else None,
                    "recoveries": [round(s, 1) for s in measured[-SHOWN:]],
                    "times": len(measured),
                }
            )
        return rows

    def _state(self, service: str, pid: int | None, alive: bool, measured: int, now: float) -> str:
        outage = self.outages.get(service)
        if outage is None and alive:
            self.seen.add(service)
            return "running"
        if outage is None and service not in self.seen:
            return "elsewhere"
        if outage is None:
            outage = self.outages[service] = Outage(now, pid, measured)
        is_new = alive and pid != outage.pid
        unmeasured_long = is_new and now - outage.since > UNMEASURED_MS
        if alive and (measured > outage.recoveries or unmeasured_long):
            del self.outages[service]
            return "running"
        return "recovering" if is_new else "down"
