"""Sends recorded missions through dispatch, as a live line would have carried them.

The real times are kept: ``occurred_at`` is years ago, and dispatch takes it as it is written. What
happened to one unit is sent in the order of time; units are sent side by side.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from simulator.desk import LOCATION, NOWHERE, Desk, reason_of
from simulator.outside import Refused
from simulator.replays.account import Fate
from simulator.replays.missions import (
    Happening,
    Mission,
    by_unit,
    first_notified,
    within_limit,
)

#: A stamp belongs to a unit: once it is on another mission, none can be given to the one before.
OVERTAKEN = "a later mission of the unit had begun before its last stamp"


class Dispatcher:
    """One replay of missions."""

    def __init__(self, desk: Desk, missions: Sequence[Mission]) -> None:
        self._desk = desk
        self._flagged = [mission for mission in missions if mission.flag]
        self._missions = [mission for mission in missions if not mission.flag]
        self._began = first_notified(self._missions)
        self._incidents: dict[str, asyncio.Task[dict[str, Any]]] = {}
        #: What a mission lacks: the first thing that went wrong with it.
        self._troubles: dict[str, tuple[Fate, str]] = {}
        self._assigned: list[Mission] = []
        self._departed: set[str] = set()
        self._stamps: Counter[str] = Counter()
        self._freed = 0

    async def whole(self) -> dict[str, Any]:
        """Send all of them; what they amount to."""
        for mission in self._flagged:
            self._desk.settle(mission.place, Fate.SKIPPED, f"marked as {mission.flag} in the file")
        before = await self._indicator()
        async with asyncio.TaskGroup() as lanes:
            for theirs in by_unit(self._missions):
                lanes.create_task(self._lane(theirs))
        return self._summary(before, await self._indicator())

    async def _lane(self, happenings: Sequence[Happening]) -> None:
        """All that happened to one unit."""
        current: Mission | None = None
        for happening in happenings:
            mission = happening.mission
            try:
                if happening.status == "notified":
                    current = await self._free(current, happening)
                    await self._assign(happening)
                    current = mission
                elif current is mission:
                    await self._stamp(happening)
                else:
                    self._stamps["not sent"] += 1
                    self._troubles.setdefault(mission.place, (Fate.SKIPPED, OVERTAKEN))
            except Refused as error:
                self._stamps["refused"] += happening.status != "notified"
                self._troubles[mission.place] = self._first_trouble(mission, error)
            if happening.is_last:
                self._desk.settle(mission.place, *self._troubles.get(mission.place, (Fate.SENT,)))

    def _first_trouble(self, mission: Mission, error: Refused) -> tuple[Fate, str]:
        known = self._troubles.get(mission.place)
        return known if known and known[0] is Fate.REFUSED else (Fate.REFUSED, reason_of(error))

    async def _incident(self, number: str) -> dict[str, Any]:
        """Opened once, by whichever unit comes first."""
        if number not in self._incidents:
            self._incidents[number] = asyncio.create_task(self._open(number))
        return await self._incidents[number]

    async def _open(self, number: str) -> dict[str, Any]:
        """Of the call the record knows no time: the incident begins when its first unit is told."""
        body = {
            "external_number": number,
            "location": LOCATION,
            "occurred_at": _written(self._began[number]),
        }
        desk = self._desk
        return await desk.post("dispatch", "/v1/incidents", desk.dispatcher, number, body)

    async def _free(self, current: Mission | None, happening: Happening) -> Mission | None:
        """Of a mission that was never cleared nobody knows the end. Its unit was sent again, so it
        was free: the dispatcher says so, at that moment. This stamp is ours, and counted."""
        if current is None or "available" in current.stamps or current.last > happening.at:
            return current
        body = {"status": "available", "occurred_at": _written(happening.at)}
        key = f"{current.place}.freed"
        await self._desk.post(
            "dispatch", self._unit_path(current), self._desk.dispatcher, key, body
        )
        self._freed += 1
        return None

    async def _assign(self, happening: Happening) -> None:
        mission = happening.mission
        incident = await self._incident(mission.incident)
        body = {
            "unit_id": self._unit(mission),
            "station": NOWHERE,
            "occurred_at": _written(mission.notified),
        }
        path = f"/v1/incidents/{incident['incident_id']}/units"
        key = f"{mission.place}.notified"
        await self._desk.post("dispatch", path, self._desk.dispatcher, key, body)
        self._assigned.append(mission)

    async def _stamp(self, happening: Happening) -> None:
        mission, status = happening.mission, happening.status
        if status == "reached":
            incident = await self._incident(mission.incident)
            path = f"/v1/encounters/{incident['encounter_ids'][0]}/reached"
            body = {"unit_id": self._unit(mission)}
        else:
            path, body = self._unit_path(mission), {"status": status}
        body["occurred_at"] = _written(happening.at)
        await self._desk.post("dispatch", path, self._desk.crew, f"{mission.place}.{status}", body)
        self._stamps["sent"] += 1
        if status == "departed":
            self._departed.add(mission.place)

    def _unit(self, mission: Mission) -> str:
        return f"{self._desk.run}-{mission.unit}"

    def _unit_path(self, mission: Mission) -> str:
        return f"/v1/units/{self._unit(mission)}/stamps"

    async def _indicator(self) -> dict[str, int]:
        """Of the years of the record, a year at a time: no longer is told at once."""
        found: Counter[str] = Counter()
        for year in sorted({mission.notified.year for mission in self._missions}):
            path = f"/v1/indicators?since={year}-01-01T00:00:00Z&until={year + 1}-01-01T00:00:00Z"
            told = await self._desk.get("dispatch", path, self._desk.dispatcher)
            found.update({name: told["dispatch_within_3min"][name] for name in _COUNTS})
        return dict(found)

    def _summary(self, before: dict[str, int], after: dict[str, int]) -> dict[str, Any]:
        by_dispatch = {name: after.get(name, 0) - before.get(name, 0) for name in _COUNTS}
        by_record = within_limit(self._assigned, self._departed)
        medical = within_limit([m for m in self._assigned if m.is_medical], self._departed)
        problems = []
        if any(by_record[name] != n for name, n in by_dispatch.items()):
            problems.append(
                "dispatch's three-minute figure is another: was anything else under way?"
            )
        in_file = sum(len(mission.stamps) for mission in self._missions)
        if self._stamps.total() != in_file:
            problems.append(f"{in_file} stamps were read, and {self._stamps.total()} ended")
        return {
            "incidents": len(self._incidents),
            "units": len({mission.unit for mission in self._missions}),
            "assigned": len(self._assigned),
            "stamps": {"read": in_file, **{n: self._stamps[n] for n in _ENDS}},
            "out_of_order": sum(not mission.is_in_order for mission in self._missions),
            "freed_by_dispatcher": self._freed,
            "dispatch_within_3min": {
                "by_dispatch": by_dispatch,
                "by_record": by_record,
                "by_record_medical_calls": medical,
            },
            "problems": problems,
        }


_COUNTS = ("numerator", "denominator", "missing")
_ENDS = ("sent", "refused", "not sent")


def _written(at: datetime) -> str:
    return at.isoformat()
