"""Tells a story, from the call to the hospital and the units home again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from simulator.department import Department
from simulator.pace import Pace
from simulator.people import People, Taken
from simulator.realism import HELD_UP_S
from simulator.sender import Sender
from simulator.story import Held, Hold, Step
from simulator.tale import HOME_S, Monitor, Patient, Tale, Van
from simulator.telemetry import Telemetry

#: The leads come off this long before care is handed over, or a monitor goes to another patient:
#: no sample is later than that.
LEADS_OFF_S = 0.3
#: Nobody has the leads on another patient in less. What is measured before the gateway knows of the
#: change is given back by itself, and the judge counts it as late.
LEADS_ON_S = 2.0
#: Between the samples of a forwarded hold.
APART_S = 0.2
#: Nobody gives samples back before the last of them can have come.
COME_S = HELD_UP_S[1] + 1.0
#: A dispatcher whose unit was taken sends another after so long.
ANOTHER_S = 1.0
#: Stamps that may be missing.
FORGETTABLE = frozenset({"departed", "on_scene", "left_scene", "at_destination"})
#: With these acts the monitor comes off for good.
ENDS = frozenset({"transfer", "outcome"})


class Stopped(Exception):
    """The run is over; nothing more is begun."""


class Crew:
    """Tells stories. Raises ``Refused`` when a service refuses one of their acts."""

    def __init__(
        self,
        people: People,
        departments: Mapping[str, Department],
        telemetry: Telemetry,
        sender: Sender,
        over: Callable[[Patient], None],
    ) -> None:
        self._people = people
        self._departments = departments
        self._telemetry = telemetry
        self._sender = sender
        self._over = over
        self._realism = telemetry.realism
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin nothing more; what was begun is finished by whoever began it."""
        self._stopping.set()

    async def forward(self, tale: Tale, phase: float) -> None:
        """Send what has happened before ``phase``, at once and in order.

        Of the streamed values only those are sent without which the level could not be stated.
        """
        tale.is_forwarding = True
        for item in tale.story.until(phase):
            if self._stopping.is_set():
                raise Stopped
            if isinstance(item, Held):  # of a monitor that is entered later it is shown then
                if monitor := tale.worn_by(item.patient):
                    await self._show(monitor, item.hold, item.samples)
            else:
                await self._tell(tale, item)
        tale.is_forwarding = False
        for name, patient in tale.patients.items():
            if list(tale.story.steps_of(name))[-1].at < phase:
                self._over(patient)

    async def _tell(self, tale: Tale, step: Step) -> None:
        if step.by == "department":
            await self._until_seen(tale, step)
        await self._act(tale, step)
        if step.act == "attach":
            tale.attach(step)
            for monitor in tale.speaking():
                shown = tale.story.hold_at(monitor.wearer.role, step.at)
                await self._show(monitor, shown, shown.then.after_sample if shown.then else 1)
        if step.act in ENDS:
            tale.patient(step.patient).is_over = True

    async def _show(self, monitor: Monitor, shown: Hold, needed: int) -> None:
        """So many samples of what a monitor holds, but for those that were sent."""
        missing = needed - monitor.entered.count(monitor.wearer.role, shown).all
        if missing <= 0:
            return
        now = time.time()
        times = [now - APART_S * back for back in reversed(range(missing))]
        await self._sender.deliver([monitor.sample(t, shown) for t in times])

    async def live(self, tale: Tale, pace: Pace) -> None:
        """Tell the story from ``pace.phase`` to its end."""
        tale.pace = pace
        self._speak(tale)
        last = {name: list(tale.story.steps_of(name))[-1].name for name in tale.patients}
        for step in tale.story.steps:
            if step.at < pace.phase:
                continue
            await self._wait_until(pace.due(step.at))
            await self._take(tale, step)
            for name, patient in tale.patients.items():
                if last[name] == step.name:
                    self._over(patient)

    async def _take(self, tale: Tale, step: Step) -> None:
        due = tale.pace.due(step.at)
        if self._is_forgotten(tale, step):
            return
        if step.by == "department":
            await self._until_seen(tale, step)
        zone = tale.story.zone_at(step.unit, step.at) if step.by == "crew" else None
        if zone is not None:
            await self._wait_until(tale.pace.due(zone.end))
        if step.act in ENDS:
            tale.patient(step.patient).is_over = True
            await asyncio.sleep(LEADS_OFF_S)
        if step.act == "attach" and self._is_simple(tale, step):
            await self._attach(tale, step, due)
            return
        if step.by == "crew" and (late := self._realism.presses_late(_name(tale, step))):
            await self._wait_until(time.time() + late)
        is_moved = step.act == "attach" and tale.unplug(step)
        if is_moved:
            await asyncio.sleep(LEADS_OFF_S)
        if step.act == "reattribution":
            await self._until_come(tale, step)
        await self._act(tale, step, due if zone is not None else None)
        if step.act == "attach":
            await asyncio.sleep(LEADS_ON_S if is_moved else 0.0)
            tale.attach(step)
            self._speak(tale)

    async def _act(self, tale: Tale, step: Step, done: float | None = None) -> None:
        """Do it; where a human has sent the unit elsewhere, with the next one that is free."""
        while True:
            try:
                return await self._people.act(tale, step, done)
            except Taken:
                tale.relieve(step.unit)
                await self._wait_until(time.time() + ANOTHER_S)

    def _speak(self, tale: Tale) -> None:
        for monitor in tale.speaking():
            self._telemetry.attach(monitor)

    def _is_forgotten(self, tale: Tale, step: Step) -> bool:
        """Whether it is a stamp that the crew never gives. That the unit departed, GPS sees."""
        is_stamp = step.act == "stamp" and step.body["status"] in FORGETTABLE
        return is_stamp and self._realism.is_never_pressed(_name(tale, step))

    def _is_simple(self, tale: Tale, step: Step) -> bool:
        """Whether the story does not hang on how this monitor is entered."""
        attachments = sum(each.act == "attach" for each in tale.story.steps)
        is_late = self._realism.has("late_monitors") or self._realism.has("forgotten_monitors")
        return is_late and attachments == 1 and step.wears is None

    async def _attach(self, tale: Tale, step: Step, due: float) -> None:
        """The monitor speaks from now on; the crew enters it now, later with the time it was, or
        never. A vendor that writes to the broker itself cannot be told to wait: it is entered."""
        number = tale.patient(step.patient).number
        by_kafka = self._realism.is_by_kafka(tale.van(step.unit).vehicle.number)
        forgets = not by_kafka and self._realism.forgets(number)
        late = 0.0 if by_kafka else self._realism.enters_late(number)
        if not forgets and not late:
            await self._people.act(tale, step)
        monitor = tale.attach(step)
        monitor.is_entered, monitor.is_forgotten = not forgets and not late, forgets
        self._telemetry.attach(monitor)
        if late and not forgets:
            await self._wait_until(time.time() + late)
            await self._people.act(tale, step, due)
            monitor.is_entered = True

    async def _until_come(self, tale: Tale, step: Step) -> None:
        """What the vehicle keeps, or what was held up, is given back too."""
        last = tale.moved(step) or time.time()
        while self._telemetry.keeps(tale.van(step.unit)):
            last = time.time() + APART_S
            await self._wait_until(last)
        await self._wait_until(last + COME_S)

    async def _until_seen(self, tale: Tale, step: Step) -> None:
        """Nobody at a hospital does anything for whom they were not told of."""
        department = self._departments[tale.facility(step.facility).id]
        await department.until_seen(tale.patient(step.patient))

    async def go_home(self, tale: Tale) -> None:
        """Drive back to the stations; the units are free when this returns. One that was never sent
        has not left."""
        sent = [van for van in tale.vans.values() if van.role in tale.legs]
        for van in tale.vans.values():
            van.tale = van.tale if van in sent else None
        await asyncio.gather(*(self._home(tale, van) for van in sent))

    async def _home(self, tale: Tale, van: Van) -> None:
        here, now = van.position(time.time()), time.time()
        home = tale.city.path(here, van.vehicle.station.point)
        await self._people.stamp(tale, van, "returning")
        van.home, van.home_since, van.tale = home, now, None
        await self._wait_until(now + HOME_S)
        await self._people.stamp(tale, van, "available")

    async def _wait_until(self, t: float) -> None:
        """Raises ``Stopped`` when the run is over before that."""
        try:
            async with asyncio.timeout(max(0.0, t - time.time())):
                await self._stopping.wait()
        except TimeoutError:
            return
        raise Stopped


def _name(tale: Tale, step: Step) -> str:
    return f"{tale.patient(step.patient).number}.{step.name}"
