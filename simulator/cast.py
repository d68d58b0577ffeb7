"""Who plays: ambulances that are free, and stories with what chance has in store for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from random import Random

from schemas.triage import Centre
from simulator import city, story
from simulator.pace import Pace
from simulator.story import Story
from simulator.tale import Patient, Tale, Van

#: The first call that a newcomer sees.
FIRST = "chest_pain"
#: Beside the emergency department, which everybody passes.
CENTRES = tuple(centre for centre in Centre if centre is not Centre.EMERGENCY)
#: A tale that is begun in its midst has this much left to tell, in seconds of its own.
LEFT_S = 15.0


class Cast:
    """Every choice comes from the seed; the order in which services answer changes none."""

    def __init__(
        self,
        seed: str,
        epoch: str,
        vehicles: int,
        only: Sequence[str] = (),
        faults: Collection[str] = (),
    ) -> None:
        # A story that takes more vehicles than there are would wait for ever.
        number = max(vehicles, *(len(told.units) for told in story.every()))
        self.vans: Sequence[Van] = [Van(each) for each in city.load().vehicles(number)]
        self._chance = seed
        self._epoch = epoch
        self._only = [story.load(name) for name in only]
        self._stories = story.told_with(faults)
        self._patients = self._tales = self._calls = self._slow = 0
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
        first = vans[told.units[0]]
        mission = city.load().mission(rng, first.vehicle.station, told)
        tale = Tale(told, city.load(), mission, Pace(time.time()), vans, spare=self.spare)
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
        return _drawn(rng, self._stories)

    async def slow_tale(self) -> Tale:
        """The next story, told slowly, somewhere in its midst. The first ones are for one centre
        each, so that there is something in every queue from the beginning."""
        rng = self.rng(f"{self._tales + 1}/pace")  # while it waits for a vehicle others may begin
        place, self._slow = self._slow, self._slow + 1
        is_first = place < len(CENTRES) and not self._only
        told = _drawn(rng, self._brought_to(CENTRES[place])) if is_first else None
        tale = await self.tale(told)
        begins, ends = _midst(tale.story)
        phase, lasts = rng.uniform(begins, ends), rng.uniform(*story.SLOW_S)
        tale.pace = replace(tale.pace, phase=phase, stretch=lasts / tale.story.duration)
        return tale

    def _brought_to(self, centre: Centre) -> Sequence[Story]:
        """Stories whose patients are brought to this centre."""
        return [
            told
            for told in self._stories
            if any(centre in person.centres for person in told.patients.values())
            and any(step.act == "destination" for step in told.steps)
        ]

    def spare(self, van: Van) -> Van | None:
        """The next that is free in place of one that is not, which stands at the end; None where
        there is none. Nobody asks while no human sends a unit of the city."""
        if self._free.empty():
            return None
        other, van.tale = self._free.get_nowait(), None
        self._free.put_nowait(van)
        return other

    def release(self, tale: Tale) -> None:
        """The ambulances are free again."""
        for van in tale.vans.values():
            van.free_since = time.time()
            self._free.put_nowait(van)


def _drawn(rng: Random, stories: Sequence[Story]) -> Story:
    """Any of them, by its weight."""
    (drawn,) = rng.choices(stories, [each.weight for each in stories])
    return drawn


def _midst(told: Story) -> tuple[float, float]:
    """From when on a story is under way and its hospital told, and until when there is something
    left of it."""
    known = [step.at for step in told.steps if step.act == "destination"]
    begun = [holds[0].at for holds in told.streamed.values()] + known[:1]
    begins = max(begun, default=told.duration / 3) + 1
    ends = max((s.at for s in told.steps if s.act in {"transfer", "outcome"}), default=begins)
    if any(step.act == "reattribution" for step in told.steps):
        return begins, begins  # what is set right is measured live
    return begins, max(begins, ends - LEFT_S)
