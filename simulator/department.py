"""The emergency department of one facility: it watches its board and answers what it sees."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from random import Random

from simulator.bed_manager import BedManager
from simulator.endpoints import Endpoints
from simulator.feed import Feed
from simulator.outside import Refused
from simulator.people import People
from simulator.realism import FLAWLESS, Realism
from simulator.screen import Screen
from simulator.story import Step
from simulator.tale import Patient

#: A nurse needs this long from the board's change to the button, in seconds.
REACTION_S = (2.0, 5.0)


class Department:
    """Acknowledges every patient of the simulator's own that its feed shows, once."""

    def __init__(
        self,
        endpoints: Endpoints,
        facility: str,
        people: People,
        rng: Random,
        realism: Realism = FLAWLESS,
    ) -> None:
        self._feed, self._screen = Feed(endpoints, facility), Screen(endpoints, facility)
        self._beds = BedManager(endpoints, facility, Random(rng.random()))  # noqa: S311
        self._facility = facility
        self._people = people
        self._rng = rng
        self._realism = realism
        self._seen: dict[str, asyncio.Event] = {}
        self._acts: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        #: While the city is set up, nobody takes their time.
        self.hurries = True

    async def run(self) -> None:
        """Watch for ever."""
        beside = [asyncio.create_task(work) for work in (self._screen.run(), self._beds.run())]
        try:
            await self._watch()
        finally:
            for task in beside:
                task.cancel()

    async def _watch(self) -> None:
        async for item in self._feed.items():
            self._screen.show(item)
            encounter_id = item["encounter_id"]
            seen = self._seen.setdefault(encounter_id, asyncio.Event())
            patient = self._people.patients.get(encounter_id)
            if seen.is_set() or patient is None:
                continue
            seen.set()
            if not self._stopping.is_set() and not self._realism.is_ignored(patient.number):
                self._begin(patient)

    def _begin(self, patient: Patient) -> None:
        task = asyncio.create_task(self._acknowledge(patient))
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)

    async def _acknowledge(self, patient: Patient) -> None:
        reaction = self._rng.uniform(*REACTION_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.0 if self.hurries else reaction):
                await self._stopping.wait()
                return
        # The board may show a patient before the answer to the dispatcher says so.
        if patient.is_over or patient.facility not in {"", self._facility}:
            return  # meanwhile the patient is bound elsewhere, or for no hospital any more
        near = patient.tale.facility("near").id == self._facility
        step = Step(
            at=0,
            name=f"acknowledged_at_{self._facility}",
            act="acknowledgement",
            by="department",
            patient=patient.role,
            facility="near" if near else "other",
        )
        with contextlib.suppress(Refused):  # it is counted, and shown
            await self._people.act(patient.tale, step)

    async def until_seen(self, patient: Patient) -> None:
        """Until the board shows this patient: nobody receives whom they were not told of."""
        await self._seen.setdefault(patient.encounter_id, asyncio.Event()).wait()

    async def until_acknowledged(self, patients: Iterable[Patient]) -> None:
        """Until all of these were seen, and the buttons pressed."""
        for patient in patients:
            await self.until_seen(patient)
        if self._acts:
            await asyncio.wait(set(self._acts))

    async def stop(self, within: float) -> None:
        """Begin nothing more, and finish what was begun."""
        self._stopping.set()
        if self._acts:
            await asyncio.wait(self._acts, timeout=within)
