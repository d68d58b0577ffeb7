"""A platform's gateway: sends telemetry as it is made, in order, until it is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import Counter

from simulator import truth
from simulator.endpoints import Endpoints
from simulator.journal import Journal
from simulator.outside import AGAIN, AWAY, bearer, client
from simulator.pace import Line
from simulator.raw_vendor import RawVendor
from simulator.telemetry import told

log = logging.getLogger(__name__)

EVERY_S = 0.1
#: Lines in one request: well below what a gateway takes.
AT_ONCE = 1000
PAUSE_S = 0.2
#: A device that is still unknown after this long was never attached: its samples are given up.
ATTACHED_S = 120.0
#: Unknown devices are asked about again, each by its first sample, only after a pause.
AGAIN_S = 0.2

#: Whoever is entered is known to the gateway within this.
KNOWN_S = 10.0

LINES = Counter("greenchannel_simulator_lines_total", "Lines of telemetry by outcome", ["outcome"])


class Sender:
    """One ordered stream of requests. What was not acknowledged goes again before all later; of a
    device whose attachment to a patient is still on its way everything for that patient waits."""

    def __init__(
        self,
        endpoints: Endpoints,
        journal: Journal,
        source: Callable[[float], list[Line]],
        vendor: RawVendor | None = None,
    ) -> None:
        self._journal = journal
        self._source = source
        self._vendor = vendor
        self._client = client(endpoints.http["gateway"])
        kind = {"Content-Type": "application/x-ndjson"}
        self._headers = {**bearer(endpoints.tokens.crew), **kind}
        self._queue: deque[Line] = deque()
        #: Of unknown devices, by device and patient; and of those known now: these go first.
        self._waiting: dict[tuple[str, str], deque[Line]] = {}
        self._released: deque[Line] = deque()
        self._again_at = 0.0
        self._arrivals: dict[str, asyncio.Event] = {}
        self._batch = 0
        self._collected = asyncio.Event()
        self._idle = asyncio.Event()

    async def deliver(self, lines: Sequence[Line]) -> None:
        """Queue samples and wait until the last of them is acknowledged."""
        arrived = self._arrivals[lines[-1].id] = asyncio.Event()
        self._queue.extend(lines)
        await arrived.wait()

    async def flush(self, within: float) -> None:
        """Wait until all is acknowledged, but not for ever."""
        self._idle.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._idle.wait()

    async def run(self) -> None:
        """Collect and send for ever."""
        await asyncio.gather(self._collect(), self._send())

    async def _collect(self) -> None:
        """Every tenth of a second what was measured since, whether the gateway answers or not: who
        wears a monitor changes meanwhile."""
        turn = time.monotonic()
        while True:
            turn = max(turn + EVERY_S, time.monotonic())
            await asyncio.sleep(turn - time.monotonic())
            said = self._source(time.time())
            if self._vendor is not None:
                self._vendor.send([line for line in said if line.by_kafka])
            self._queue.extend(line for line in said if not line.by_kafka)
            self._collected.set()

    async def _send(self) -> None:
        while True:
            await self._collected.wait()
            self._collected.clear()
            await self._send_next()
            while self._released or len(self._queue) > AT_ONCE:  # the gateway was away
                await self._send_next()
            if not (self._queue or self._released or self._waiting):
                self._idle.set()

    async def _send_next(self) -> None:
        again = [*self._asked_again(), *_taken(self._released, AT_ONCE)]
        fresh = _taken(self._queue, AT_ONCE - len(again))
        self._batch += 1
        if any(line.handle for line in fresh):  # positions are not judged
            self._journal.write(told(self._batch, fresh, time.time()))
        behind = [line for line in fresh if line.stream in self._waiting]
        for line in behind:
            self._waiting[line.stream].append(line)
        lines = [*again, *(line for line in fresh if line.stream not in self._waiting)]
        answer = await self._until_answered(lines) if lines else {}
        self._settle(lines, len(again), answer, behind)

    def _asked_again(self) -> Sequence[Line]:
        """The first sample of each device that was unknown a moment ago."""
        now = time.monotonic()
        if now < self._again_at:
            return ()
        self._again_at = now + AGAIN_S
        return [waiting[0] for waiting in self._waiting.values()][:AT_ONCE]

    async def _until_answered(self, lines: Sequence[Line]) -> dict[str, Any]:
        status, told = await self._post(lines)
        while status in AGAIN:
            await asyncio.sleep(PAUSE_S)
            status, told = await self._post(lines)
        if status in {202, 422} and "refused" in told:
            return told
        log.error("telemetry is refused", extra={"action": "refused", "status": status})
        return {"refused": [{"line": n, "status": status} for n in range(1, len(lines) + 1)]}

    async def _post(self, lines: Sequence[Line]) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer; 503 when the gateway is away."""
        ask = self._client.post("/v1/telemetry", data=_body(lines), headers=self._headers)
        try:
            async with ask as answer:
                return answer.status, dict(json.loads(await answer.read()))
        except (*AWAY, ValueError):
            return 503, {}

    def _settle(
        self, lines: Sequence[Line], again: int, told: dict[str, Any], behind: Sequence[Line]
    ) -> None:
        """Write down what became of each line; the first ``again`` were sent before."""
        now = time.time()
        refused = {said["line"] - 1: int(said["status"]) for said in told.get("refused", ())}
        for place, line in enumerate(lines):
            status = refused.get(place)
            if status is None:
                self._accept(line)
            elif status != 404 or now - line.made >= ATTACHED_S:
                self._give_up(line, status)
            elif not self._is_first_waiting(line):
                self._waiting.setdefault(line.stream, deque()).append(line)
        waiting = [line.id for place, line in enumerate(lines) if place in refused]
        waiting += [line.id for line in behind]
        accepted = [line.id for place, line in enumerate(lines[:again]) if place not in refused]
        if any(line.handle for line in (*lines, *behind)):
            known = truth.Acknowledged(t=now, ids=accepted, batch=self._batch, waiting=waiting)
            self._journal.write(known)

    def _accept(self, line: Line) -> None:
        """Its device is known: what waits behind it goes next."""
        if self._is_first_waiting(line):
            _, *others = self._waiting.pop(line.stream)
            self._released.extend(others)
        LINES.labels("accepted").inc()
        self._arrive(line)

    def _is_first_waiting(self, line: Line) -> bool:
        waiting = self._waiting.get(line.stream)
        return waiting is not None and waiting[0] is line

    def _give_up(self, line: Line, status: int) -> None:
        """It is refused for good; with it what waits behind it and is as old."""
        given_up = [line]
        if self._is_first_waiting(line):
            waiting = self._waiting[line.stream]
            waiting.popleft()
            while waiting and time.time() - waiting[0].made >= ATTACHED_S:
                given_up.append(waiting.popleft())
            if not waiting:
                del self._waiting[line.stream]
        LINES.labels("refused").inc(len(given_up))
        log.error("lines are refused", extra={"action": "refused", "status": status})
        ids = [each.id for each in given_up if each.handle]
        now, due = time.time(), line.forgotten
        self._journal.write(truth.Refused(t=now, ids=ids, status=status, due=due))
        for each in given_up:
            self._arrive(each)

    def _arrive(self, line: Line) -> None:
        if line.id in self._arrivals:
            self._arrivals.pop(line.id).set()

    async def close(self) -> None:
        """Close the connection. What still waits is given up: of monitors that nobody ever enters,
        and, which is the service's doing, of those that somebody had entered long before."""
        await self._client.close()
        for waiting in self._waiting.values():
            for forgotten in (True, False):
                lines = [line for line in waiting if line.handle and line.forgotten is forgotten]
                if ids := [line.id for line in lines if forgotten or self._was_due(line)]:
                    now = time.time()
                    self._journal.write(truth.Refused(t=now, ids=ids, status=404, due=forgotten))

    def _was_due(self, line: Line) -> bool:
        monitor = line.proves.monitor if line.proves else None
        is_known = monitor is not None and monitor.is_entered
        return is_known and time.time() - line.made > KNOWN_S


def _body(lines: Sequence[Line]) -> bytes:
    now = time.time()
    return "\n".join(line.whole(now) for line in lines).encode()


def _taken(queue: deque[Line], most: int) -> list[Line]:
    return [queue.popleft() for _ in range(min(len(queue), most))]
