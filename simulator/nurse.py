"""Sends recorded arrivals through triage to a hospital's queue, and writes down each level.

The records have no times: each patient is sent as of now. One reading that a human vouches for
holds all the vital signs; of what the decision rests on nothing else is sent but age and complaint.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from schemas.triage import TriageDecided
from simulator.desk import LOCATION, Desk
from simulator.listener import Listener
from simulator.outside import Refused
from simulator.pace import moment
from simulator.replays.account import Fate
from simulator.replays.arrivals import Arrival
from simulator.replays.comparison import compare
from simulator.replays.explanation import is_explained, told

#: So many patients at a time.
AT_ONCE = 8
#: A decision about a reading, and a record in the queue, come within this, or count as missing.
DECIDED_S, SHOWN_S = 30.0, 15.0
PAUSE_S = 0.25
NOT_BY_AMBULANCE = "did not come by ambulance (--all sends it)"


class Sent(NamedTuple):
    """An arrival that all services took, and the event of its reading."""

    arrival: Arrival
    encounter_id: str
    reading: str
    invalid: Sequence[str]


class Nurse:
    """One replay of arrivals, all bound for one hospital."""

    def __init__(self, desk: Desk, arrivals: Sequence[Arrival], everyone: bool) -> None:
        self._desk, self._listener = desk, Listener(desk.known)
        self._arrivals, self._everyone = arrivals, everyone
        self._facility, self._staff = next(iter(desk.known.tokens.centre.items()))
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._sent: list[Sent] = []

    async def whole(self) -> dict[str, Any]:
        """Send all of them; what they amount to."""
        wanted = [each for each in self._arrivals if self._everyone or each.by_ambulance]
        for arrival in self._arrivals:
            if not (self._everyone or arrival.by_ambulance):
                self._desk.settle(arrival.place, Fate.SKIPPED, NOT_BY_AMBULANCE)
        async with self._listener.listening():
            async with asyncio.TaskGroup() as patients:
                for arrival in wanted:
                    patients.create_task(self._one(arrival))
            in_queue, admitted = await self._until_shown()
        return self._summary(in_queue, admitted)

    async def _one(self, arrival: Arrival) -> None:
        async with self._turns:
            await self._desk.enter(arrival.place, self._send(arrival))

    async def _send(self, arrival: Arrival) -> None:
        """From the call to the boarding, and until the reading stands in a decision."""
        desk, place, now = self._desk, arrival.place, moment(time.time())
        call = {"location": LOCATION, "patients": [arrival.patient], "occurred_at": now}
        opened = await desk.post("dispatch", "/v1/incidents", desk.dispatcher, place, call)
        (encounter_id,) = opened["encounter_ids"]
        self._listener.follow(encounter_id)
        path = f"/v1/encounters/{encounter_id}"
        bound = {"facility_id": self._facility, "occurred_at": now}
        await desk.post("dispatch", f"{path}/destination", desk.dispatcher, place, bound)
        reading = {"vitals": arrival.vitals, "occurred_at": now}
        taken = await desk.post("gateway", f"{path}/vitals", desk.crew, place, reading)
        aboard = {"unit_id": f"{desk.run}-unit", "occurred_at": moment(time.time())}
        await desk.post("dispatch", f"{path}/boarding", desk.crew, place, aboard)
        self._sent.append(Sent(arrival, encounter_id, taken["event_id"], taken["invalid"]))
        await self._listener.until_folded([taken["event_id"]], DECIDED_S)

    async def _until_shown(self) -> tuple[int, int]:
        """How many stand in the hospital's queue with the level that was decided, and how many of
        them are admitted; waits for those that are on their way."""
        due = time.monotonic() + SHOWN_S
        while True:
            shown = await self._shown()
            if len(shown) == len(self._sent) == sum(shown) or time.monotonic() > due:
                return len(shown), sum(shown)
            await asyncio.sleep(PAUSE_S)

    async def _shown(self) -> list[bool]:
        """Of each patient of ours that the queue shows as decided, whether admitted."""
        path = f"/v1/facilities/{self._facility}/queue"
        try:
            queue = await self._desk.get("bridge", path, self._staff)
        except Refused:
            return []
        records = {item["encounter_id"]: item["record"] for item in queue["items"]}
        found = []
        for sent in self._sent:
            record, decision = records.get(sent.encounter_id), self._decided(sent)
            if record and decision and record["worst"] == decision.worst.value:
                found.append(record.get("admission") is not None)
        return found

    def _decided(self, sent: Sent) -> TriageDecided | None:
        return self._listener.folding(sent.reading)

    def _summary(self, in_queue: int, admitted: int) -> dict[str, Any]:
        decided = [(each, found) for each in self._sent if (found := self._decided(each))]
        explained = sum(is_explained(decision) for _, decision in decided)
        counts = {
            "decided": len(decided),
            "explained": explained,
            "in_queue": in_queue,
            "admitted": admitted,
        }
        total = len(self._sent)
        problems = [f"{name}: {n} of {total} sent" for name, n in counts.items() if n != total]
        experts = [sent.arrival.expert for sent, _ in decided]
        return {
            **counts,
            "doubted": sum(bool(sent.invalid) for sent in self._sent),
            "measured_not_validated": {
                "green_channel": compare(zip(experts, (d.worst for _, d in decided), strict=True)),
                "nurses_at_the_time": compare(
                    zip(experts, (sent.arrival.nurse for sent, _ in decided), strict=True)
                ),
            },
            "levels": [_level(sent.arrival, decision) for sent, decision in decided],
            "problems": problems,
        }


def _level(arrival: Arrival, decision: TriageDecided) -> dict[str, Any]:
    judged = {
        "expert": arrival.expert.value,
        "nurse": arrival.nurse.value,
        "triage_min": arrival.triage_min,
    }
    return {"place": arrival.place, **judged, **told(decision)}
