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
#: A device that is still unknown after this long was never attached: its sample is given up.
ATTACHED_S = 120.0
#: More of them than these few are asked about again only after a pause.
FEW, AGAIN_S = 20, 1.0

LINES = Counter("greenchannel_simulator_lines_total", "Lines of telemetry by outcome", ["outcome"])


class Sender:
    """One ordered stream of requests. What was not acknowledged goes again before all later."""

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
        #: Lines of an unknown device: its attachment is still on its way to the gateway.
        self._waiting: list[Line] = []
        self._again_at = 0.0
        self._arrivals: dict[str, asyncio.Event] = {}
        self._batch = 0
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
        """Send for ever, every tenth of a second what was measured since."""
        turn = time.monotonic()
        while True:
            turn = max(turn + EVERY_S, time.monotonic())
            await asyncio.sleep(turn - time.monotonic())
            said = self._source(time.time())
            if self._vendor is not None:
                self._vendor.send([line for line in said if line.by_kafka])
            self._queue.extend(line for line in said if not line.by_kafka)
            await self._send_next()
            while len(self._queue) > AT_ONCE:  # the gateway was away
                await self._send_next()
            if not self._queue and not self._waiting:
                self._idle.set()

    async def _send_next(self) -> None:
        waiting = self._due_again()
        room = max(0, AT_ONCE - len(waiting))
        fresh = [self._queue.popleft() for _ in range(min(len(self._queue), room))]
        lines = [*waiting, *fresh]
        if not lines:
            return
        self._batch += 1
        if any(line.handle for line in fresh):  # positions are not judged
            self._journal.write(told(self._batch, fresh, time.time()))
        answer = await self._until_answered(lines)
        self._settle(lines, len(waiting), answer, self._batch)

    def _due_again(self) -> Sequence[Line]:
        """Those whose device was unknown a moment ago, with patience."""
        now = time.monotonic()
        if now < self._again_at or not self._waiting:
            return ()
        self._again_at = now + (AGAIN_S if len(self._waiting) > FEW else 0.0)
        waiting, self._waiting = self._waiting, []
        return waiting

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
        self, lines: Sequence[Line], held_back: int, told: dict[str, Any], batch: int
    ) -> None:
        """Write down what became of each line."""
        now = time.time()
        refused = {said["line"] - 1: int(said["status"]) for said in told.get("refused", ())}
        again: list[str] = []
        for place, status in sorted(refused.items()):
            line = lines[place]
            if status == 404 and now - line.made < ATTACHED_S:
                self._waiting.append(line)
            else:
                LINES.labels("refused").inc()
                log.error("a line is refused", extra={"action": "refused", "status": status})
                ids = [line.id] if line.handle else []
                self._journal.write(
                    truth.Refused(t=now, ids=ids, status=status, due=line.forgotten)
                )
            again.append(line.id)
        accepted = [line.id for n, line in enumerate(lines[:held_back]) if n not in refused]
        if any(line.handle for line in lines):
            known = truth.Acknowledged(t=now, ids=accepted, batch=batch, waiting=again)
            self._journal.write(known)
        LINES.labels("accepted").inc(len(lines) - len(refused))
        if self._arrivals:
            settled = {line.id for line in lines} - {line.id for line in self._waiting}
            for id_ in settled & self._arrivals.keys():
                self._arrivals.pop(id_).set()

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()


def _body(lines: Sequence[Line]) -> bytes:
    now = time.time()
    return "\n".join(line.whole(now) for line in lines).encode()
