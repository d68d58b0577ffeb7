"""Takes a patient through their story, from the call to the hospital and the unit home again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from simulator import truth
from simulator.department import Department
from simulator.journal import Journal
from simulator.patient import HOME_S, Pace, Patient
from simulator.people import People
from simulator.sender import Sender
from simulator.story import Held, Step
from simulator.telemetry import Telemetry

#: The leads come off this long before care is handed over: no sample is later than that.
LEADS_OFF_S = 0.3
#: Between the samples of a forwarded hold.
APART_S = 0.2


class Stopped(Exception):
    """The run is over; nothing more is begun."""


class Crew:
    """Lives stories. Raises ``Refused`` when a service refuses one of their acts."""

    def __init__(
        self,
        people: People,
        departments: Mapping[str, Department],
        telemetry: Telemetry,
        sender: Sender,
        journal: Journal,
    ) -> None:
        self._people = people
        self._departments = departments
        self._telemetry = telemetry
        self._sender = sender
        self._journal = journal
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin nothing more; what was begun is finished by whoever began it."""
        self._stopping.set()

    async def forward(self, patient: Patient, phase: float) -> None:
        """Send what has happened before ``phase``, at once and in order.

        Of the streamed values only those are sent without which the level could not be stated.
        """
        patient.is_forwarding = True
        for item in patient.story.until(phase):
            if self._stopping.is_set():
                raise Stopped
            if isinstance(item, Held):
                await self._prove(patient, item)
                continue
            await self._people.act(patient, item)
            if item.act == "attach":
                await self._prove(patient, Held(item.at, patient.story.streamed[0], 1))
        patient.is_forwarding = False

    async def _prove(self, patient: Patient, held: Held) -> None:
        now = time.time()
        times = [now - APART_S * back for back in reversed(range(held.samples))]
        await self._sender.deliver([patient.sample(t, held.hold) for t in times])

    async def live(self, patient: Patient, pace: Pace) -> None:
        """Live the story from ``pace.phase`` to the transfer of care."""
        patient.pace = pace
        if pace.phase > patient.story.attached_at:
            self._telemetry.attach(patient)
        for step in patient.story.steps:
            if step.at < pace.phase:
                continue
            await self._wait_until(pace.due(step.at))
            await self._take(patient, step)
        self._journal.write(truth.EncounterOver(t=time.time(), handle=patient.handle))

    async def _take(self, patient: Patient, step: Step) -> None:
        if step.by == "department":
            await self._departments[patient.mission.facility.id].until_seen(patient)
        if step.act == "transfer":
            patient.is_over = True
            await asyncio.sleep(LEADS_OFF_S)
        await self._people.act(patient, step)
        if step.act == "attach":
            self._telemetry.attach(patient)

    async def go_home(self, patient: Patient) -> None:
        """Drive back to the station; the unit is free when this returns."""
        van, now = patient.van, time.time()
        await self._people.stamp(patient, "returning")
        van.home, van.home_since, van.patient = patient.mission.to_home, now, None
        await self._wait_until(now + HOME_S)
        await self._people.stamp(patient, "available")

    async def _wait_until(self, t: float) -> None:
        """Raises ``Stopped`` when the run is over before that."""
        try:
            async with asyncio.timeout(max(0.0, t - time.time())):
                await self._stopping.wait()
        except TimeoutError:
            return
        raise Stopped
