"""Supervision: what dies is started again at once, and how long it was missed is measured."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias

import httpx

from services.kit.process import Child, end, is_free

#: A child that lived no longer than this died quickly.
QUICK_DEATH_S = 10.0
Answers: TypeAlias = Callable[[], Awaitable[bool]]
Say: TypeAlias = Callable[[str], None]


class CannotStart(Exception):
    """A child does not come up; the message names it and ends with its last words."""


class CannotEnd(CannotStart):
    """A child that was to end by itself does not."""


def _tell(say: Say, line: str) -> None:
    """Whether anybody listens is no reason to stop."""
    with contextlib.suppress(OSError):
        say(line)


class Keeper:
    """Keeps a child alive. ``recovery_s`` holds, for each death, the seconds from it until the
    child answered again. ``on_start`` is called when it has a new process; ``say`` is told of
    deaths and recoveries, and when it does not come up again."""

    def __init__(
        self, child: Child, answers: Answers, on_start: Callable[[], None], say: Say
    ) -> None:
        self.child = child
        self.recovery_s: list[float] = []
        self._answers, self._on_start, self._say = answers, on_start, say

    async def first_start(self, patience: float = 120.0) -> None:
        """Until it answers. Raises ``CannotStart`` when it dies before, or stays silent."""
        self.child.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                if await self._is_up():
                    return
        raise CannotStart(f"{self.child.name} ({self.child.log})\n{self.child.last_words()}")

    async def keep(self, may_end: bool = False) -> None:
        """Until cancelled; or, for one that may, until it ends well by itself."""
        deaths = 0
        while True:
            began = time.monotonic()
            while self.child.pid is not None:
                self.child.bound_log()
                await asyncio.sleep(0.05)
            if may_end and self.child.status == 0:
                return
            died = time.monotonic()
            self._say(f"  ✗ {self.child.name} 中断 · died, starts again ({self.child.log})")
            deaths = deaths + 1 if died - began < QUICK_DEATH_S else 1
            await self._start_again(deaths)
            self.recovery_s.append(round(time.monotonic() - died, 3))
            self._say(f"  ✓ {self.child.name} 恢复 · works again … {self.recovery_s[-1]:.1f} s")

    async def _start_again(self, deaths: int) -> None:
        """At once; only one that dies young more than three times waits, longer each time."""
        while True:
            if deaths == 5:
                self._say(f"✗ {self.child.name} ({self.child.log})\n{self.child.last_words()}")
            if deaths > 3:
                await asyncio.sleep(min(0.25 * 2 ** (deaths - 4), 5.0))
            self.child.start()
            self._on_start()
            if await self._is_up():
                return
            deaths += 1

    async def _is_up(self) -> bool:
        while not await self._answers():
            if self.child.pid is None:
                return False
            await asyncio.sleep(0.05)
        return True


class Fleet:
    """Children by name, each with its keeper; ``on_change`` is called when a pid is new, and
    ``say`` is told of deaths and recoveries."""

    def __init__(self, on_change: Callable[[], None], say: Say) -> None:
        self.keepers: dict[str, Keeper] = {}
        self._tasks: dict[str, asyncio.Future[None]] = {}
        self._on_change, self._say = on_change, partial(_tell, say)

    async def add(self, child: Child, answers: Answers, may_end: bool = False) -> None:
        """Start it, wait until it answers, and keep it from then on. Raises ``CannotStart``."""
        keeper = self.keepers[child.name] = Keeper(child, answers, self._on_change, self._say)
        await keeper.first_start()
        self.watch(child.name, keeper.keep(may_end))

    def watch(self, name: str, work: Awaitable[None]) -> None:
        """Count this work of our own process as one of the fleet's: its failure ends the wait."""
        self._tasks[name] = asyncio.ensure_future(work)

    def pid(self, name: str) -> int | None:
        return self.keepers[name].child.pid if name in self.keepers else None

    def recoveries(self) -> dict[str, list[float]]:
        return {name: keeper.recovery_s for name, keeper in self.keepers.items()}

    async def kill(self, name: str) -> None:
        """Pull its plug."""
        self.keepers[name].child.signal(signal.SIGKILL)

    async def until_ended(self, name: str, patience: float | None = None) -> None:
        """Until the child has ended well; what fails in the meantime is raised. Raises
        ``CannotEnd`` when that takes too long."""
        try:
            async with asyncio.timeout(patience):
                await self._until_ended(name)
        except TimeoutError:
            child = self.keepers[name].child
            raise CannotEnd(f"{name} ({child.log})\n{child.last_words()}") from None

    async def _until_ended(self, name: str) -> None:
        waited_for = set(self._tasks.values())
        while not self._tasks[name].done():
            done, waited_for = await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def retire(self, name: str) -> None:
        """End one child for good; the others go on."""
        self._tasks.pop(name).cancel()
        await asyncio.to_thread(end, [self.keepers[name].child])

    async def end(self, order: Sequence[Sequence[str]]) -> None:
        """End all, one group after the other, and leave no child behind. Nothing interrupts it:
        the loop stands still meanwhile."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for group in order:
            end([self.keepers[name].child for name in group if name in self.keepers])


async def side_by_side(say: Say, *lanes: Sequence[Callable[[], Awaitable[str]]]) -> None:
    """Do all of it, what stands in one lane in turn; each says what it did, with the seconds since
    the beginning. The first failure ends the others."""
    began = time.monotonic()

    async def go(lane: Sequence[Callable[[], Awaitable[str]]]) -> None:
        for step in lane:
            done = await step()
            say(f"  ✓ {done} … {time.monotonic() - began:.1f} s")

    try:
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(go(lane))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


def readiness(http: httpx.AsyncClient, port: int, path: str = "/readyz") -> Answers:
    """Asks a service on this machine whether it works, once it listens at all."""

    async def answers() -> bool:
        if is_free(port):  # a request that cannot be made costs much more than this look
            return False
        try:
            return (await http.get(f"http://127.0.0.1:{port}{path}")).status_code == 200
        except httpx.HTTPError:
            return False

    return answers
