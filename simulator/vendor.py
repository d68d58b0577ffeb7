"""Sends recorded monitor minutes as a vendor's platform does: as NDJSON, in order, as of now.

A sample older than two minutes decides nothing, so the recorded times are not kept: a recorded
minute lasts ``minute_s`` seconds, and each sample is measured when it is sent.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from simulator.desk import LOCATION, Desk, patience, reason_of
from simulator.listener import Listener
from simulator.outside import AGAIN, AWAY, SOON_S, Refused, bearer, client
from simulator.pace import moment
from simulator.replays.account import Fate
from simulator.replays.explanation import changes, falls, rests_on_zero, told, unexplained
from simulator.replays.minutes import Minute

#: A request holds what was measured in so many seconds.
EVERY_S = 0.5
PAUSE_S = 0.2
#: What was accepted stands in a decision within this, or counts as missing.
DECIDED_S = 30.0

Told = Mapping[int, Mapping[str, Any]]


class Wearer(NamedTuple):
    """The patient of one file, and what their monitor is called."""

    file: str
    minutes: Sequence[Minute]
    encounter_id: str
    device_id: str

    def event_id(self, minute: Minute) -> str:
        """The sample's number: its place in the file."""
        return f"{self.device_id}.{minute.place}"


class Vendor:
    """One replay of minutes; each file is a patient of its own."""

    def __init__(self, desk: Desk, files: Mapping[str, Sequence[Minute]], minute_s: float) -> None:
        self._desk, self._files, self._minute_s = desk, files, minute_s
        self._listener = Listener(desk.known)
        self._client = client(desk.known.http["gateway"])
        self._headers = {**bearer(desk.crew), "Content-Type": "application/x-ndjson"}
        self._accepted: dict[str, list[str]] = {}
        self._doubted: dict[str, int] = {}

    async def whole(self) -> dict[str, Any]:
        """Send all of them; what they amount to."""
        try:
            async with self._listener.listening():
                async with asyncio.TaskGroup() as group:
                    ones = [group.create_task(self._one(*each)) for each in self._files.items()]
        finally:
            await self._client.close()
        patients = [one.result() for one in ones]
        problems = [problem for each in patients for problem in each.pop("problems")]
        return {"minute_s": self._minute_s, "patients": patients, "problems": problems}

    async def _one(self, file: str, minutes: Sequence[Minute]) -> dict[str, Any]:
        self._accepted[file], self._doubted[file] = [], 0
        try:
            wearer = await self._attach(file, minutes)
        except Refused as error:
            for minute in minutes:
                self._desk.settle(minute.place, Fate.REFUSED, reason_of(error))
            return {"file": file, "problems": [f"{file}: {reason_of(error)}"]}
        await self._stream(wearer)
        await self._end(wearer)
        missing = await self._listener.until_folded(self._accepted[file], DECIDED_S)
        return self._summary(wearer, len(missing))

    async def _stream(self, wearer: Wearer) -> None:
        began = time.time()
        for n, batch in _in_batches(wearer.minutes, max(1, round(EVERY_S / self._minute_s))):
            until = began + (n + len(batch) - 1) * self._minute_s
            await asyncio.sleep(until - time.time())
            await self._send(wearer, batch, until)

    async def _attach(self, file: str, minutes: Sequence[Minute]) -> Wearer:
        """A call for a patient of whom nothing is known, with this monitor. Raises ``Refused``."""
        desk, now = self._desk, moment(time.time())
        call = {"location": LOCATION, "occurred_at": now}
        opened = await desk.post("dispatch", "/v1/incidents", desk.dispatcher, file, call)
        wearer = Wearer(file, minutes, opened["encounter_ids"][0], f"{desk.run}-monitor-{file}")
        self._listener.follow(wearer.encounter_id)
        path = f"/v1/encounters/{wearer.encounter_id}/devices"
        attached = {"device_id": wearer.device_id, "occurred_at": now}
        await desk.post("dispatch", path, desk.crew, file, attached)
        return wearer

    async def _end(self, wearer: Wearer) -> None:
        """Nobody goes on with this patient: triage decides a last time, on all it was sent."""
        path = f"/v1/encounters/{wearer.encounter_id}/outcome"
        ended = {"outcome": "left_by_other_means", "occurred_at": moment(time.time())}
        await self._desk.post("dispatch", path, self._desk.crew, wearer.file, ended)

    async def _send(self, wearer: Wearer, batch: Sequence[Minute], until: float) -> None:
        """One request, again as long as the gateway is away or does not know the monitor yet."""
        lines = list(self._lines(wearer, batch, until))
        waited = 0.0
        while True:
            async with patience():
                refused, doubted = await self._post(lines)
            unknown = any(said["status"] == 404 for said in refused.values())
            if not unknown or waited > SOON_S:
                break
            await asyncio.sleep(PAUSE_S)
            waited += PAUSE_S
        self._doubted[wearer.file] += len(doubted)
        for n, minute in enumerate(batch, 1):
            if said := refused.get(n):
                reason = f"{said['status']} {said['detail']}"
                self._desk.settle(minute.place, Fate.REFUSED, reason)
            else:
                self._accepted[wearer.file].append(wearer.event_id(minute))
                self._desk.settle(minute.place, Fate.SENT)

    def _lines(self, wearer: Wearer, batch: Sequence[Minute], until: float) -> Iterator[str]:
        for back, minute in zip(reversed(range(len(batch))), batch, strict=True):
            line = {
                "event_id": wearer.event_id(minute),
                "device_id": wearer.device_id,
                "occurred_at": moment(until - back * self._minute_s),
                "sent_at": moment(time.time()),
                "vitals": minute.vitals,
            }
            yield json.dumps(line)

    async def _post(self, lines: Sequence[str]) -> tuple[Told, Told]:
        """What was refused and what was doubted, by the number of the line."""
        while True:
            ask = self._client.post(
                "/v1/telemetry", data="\n".join(lines).encode(), headers=self._headers
            )
            try:
                async with ask as answer:
                    status, told = answer.status, json.loads(await answer.read())
            except (*AWAY, ValueError):
                status, told = 503, {}
            if status not in AGAIN:
                break
            await asyncio.sleep(PAUSE_S)
        if "refused" in told:
            return _by_line(told["refused"]), _by_line(told["doubted"])
        said = {"status": status, "detail": str(told.get("title", ""))}
        return dict.fromkeys(range(1, len(lines) + 1), said), {}

    def _summary(self, wearer: Wearer, missing: int) -> dict[str, Any]:
        decisions = self._listener.decisions(wearer.encounter_id)
        levels = changes(decisions)
        faults = {
            "samples accepted, and named in no decision": missing,
            "levels without a reason": unexplained(levels),
            "decisions that rest on a 0": sum(map(rests_on_zero, decisions)),
            "falls of the worst level": falls(decisions),
        }
        accepted = len(self._accepted[wearer.file])
        zeros = sum(0 in minute.vitals.values() for minute in wearer.minutes)
        return {
            "file": wearer.file,
            "samples": len(wearer.minutes),
            "with_a_lost_signal": zeros,
            "accepted": accepted,
            "refused": len(wearer.minutes) - accepted,
            "doubted": self._doubted[wearer.file],
            "decisions": len(decisions),
            **{name.replace(" ", "_").replace(",", ""): n for name, n in faults.items()},
            "levels": [{"number": each.number, **told(each)} for each in levels],
            "problems": [f"{wearer.file}: {name}: {n}" for name, n in faults.items() if n],
        }


def _in_batches(minutes: Sequence[Minute], size: int) -> Iterator[tuple[int, Sequence[Minute]]]:
    for n in range(0, len(minutes), size):
        yield n, minutes[n : n + size]


def _by_line(said: Iterable[Mapping[str, Any]]) -> Told:
    return {int(each["line"]): each for each in said}
