"""Who plays: ambulances that are free, and stories with what chance has in store for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from simulator import city, story
from simulator.pace import Pace
from simulator.story import Story
from simulator.tale import Patient, Tale, Van

#: The first call that a newcomer sees.
FIRST = "chest_pain"
#: A tale that is begun in its midst has this much left to tell, in seconds of its own.
LEFT_S = 15.0


class Cast:
    """Every choice comes from the seed; the order in which services answer changes none."""

    def __init__(
        self, seed: int, epoch: str, times_begun: int, vehicles: int, only: Sequence[str] = ()
    ) -> None:
        self.vans: Sequence[Van] = [Van(each) for each in city.load().vehicles(vehicles)]
        self._chance = f"{seed}/{times_begun}"
        self._epoch = epoch
        self._only = [story.load(name) for name in only]
        self._patients = self._tales = self._calls = 0
        self._free: asyncio.Queue[Van] = asyncio.Queue()
        self._turn = asyncio.Lock()
        for van in self.vans:
            self._free.put_nowait(van)

    def rng(self, purpose: str) -> Random:
        """Chance of its own for each purpose."""
        return Random(f"{self._chance}/{purpose}")  # noqa: S311 (a simulation, not a secret)

    async def call(self) -> Tale:
        """A call: the first is always the same story."""
        self._calls += 1
        return await self.tale(story.load(FIRST) if self._calls == 1 and not self._only else None)

    async def tale(self, told: Story | None = None) -> Tale:
        """The next story, or this one, with the next ambulances that are free, at its beginning."""
        self._tales += 1
        rng = self.rng(f"{self._tales}")
        told = told or self._story(rng)
        async with self._turn:  # who needs two takes two, or two would wait for each other's
            vans = {unit: await self._free.get() for unit in told.units}
        at_clinic = any(step.act == "walk_in" for step in told.steps)
        first = vans[told.units[0]]
        mission = city.load().mission(rng, first.vehicle.station, at_clinic=at_clinic)
        tale = Tale(told, city.load(), mission, Pace(time.time()), vans)
        for unit, van in vans.items():
            van.tale, van.role = tale, unit
        for name in told.patients:
            self._patients += 1
            tale.patients[name] = Patient(f"{self._epoch}-{self._patients}", name, tale)
        return tale

    def _story(self, rng: Random) -> Story:
        """Those that were asked for one after the other; else any, by its weight."""
        if self._only:
            return self._only[(self._tales - 1) % len(self._only)]
        (drawn,) = rng.choices(story.every(), [each.weight for each in story.every()])
        return drawn

    async def slow_tale(self) -> Tale:
        """The next story, told slowly, somewhere in its midst."""
        rng = self.rng(f"{self._tales + 1}/pace")  # while it waits for a vehicle others may begin
        tale = await self.tale()
        begins, ends = _midst(tale.story)
        phase, lasts = rng.uniform(begins, ends), rng.uniform(*story.SLOW_S)
        tale.pace = replace(tale.pace, phase=phase, stretch=lasts / tale.story.duration)
        return tale

    def release(self, tale: Tale) -> None:
        """The ambulances are free again."""
        for van in tale.vans.values():
            van.free_since = time.time()
            self._free.put_nowait(van)


def _midst(told: Story) -> tuple[float, float]:
    """From when on a story is under way, and until when there is something left of it."""
    begins = min((holds[0].at for holds in told.streamed.values()), default=told.duration / 3) + 1
    ends = max((s.at for s in told.steps if s.act in {"transfer", "outcome"}), default=begins)
    return begins, max(begins, ends - LEFT_S)
