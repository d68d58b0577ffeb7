"""Who plays: ambulances that are free, and patients with what chance has in store for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from random import Random

from simulator import city, story
from simulator.patient import Pace, Patient, Van

STORY = "chest_pain"


class Cast:
    """Every choice comes from the seed; the order in which services answer changes none."""

    def __init__(self, seed: int, epoch: str, times_begun: int, vehicles: int) -> None:
        self.vans: Sequence[Van] = [Van(each) for each in city.load().vehicles(vehicles)]
        self._chance = f"{seed}/{times_begun}"
        self._epoch = epoch
        self._story = story.load(STORY)
        self._patients = 0
        self._free: asyncio.Queue[Van] = asyncio.Queue()
        for van in self.vans:
            self._free.put_nowait(van)

    def rng(self, purpose: str) -> Random:
        """Chance of its own for each purpose."""
        return Random(f"{self._chance}/{purpose}")  # noqa: S311 (a simulation, not a secret)

    async def patient(self) -> Patient:
        """The next patient, in the next ambulance that is free, at the call."""
        van = await self._free.get()
        self._patients += 1
        mission = city.load().mission(self.rng(f"{self._patients}"), van.vehicle.station)
        handle = f"{self._epoch}-{self._patients}"
        van.patient = Patient(handle, self._story, van, mission, Pace(time.time()))
        return van.patient

    async def slow_patient(self, phases: tuple[float, float]) -> Patient:
        """The next patient, somewhere between ``phases`` of a story that is told slowly."""
        patient = await self.patient()
        rng = self.rng(f"{self._patients}/pace")
        phase, lasts = rng.uniform(*phases), rng.uniform(*story.SLOW_S)
        patient.pace = Pace(time.time(), phase, lasts / self._story.duration)
        return patient

    def release(self, van: Van) -> None:
        """The ambulance is free again."""
        van.free_since = time.time()
        self._free.put_nowait(van)
