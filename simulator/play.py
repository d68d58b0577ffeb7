"""Plays the city: calls come in, patients live their stories, monitors and vehicles speak."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from prometheus_client import Gauge

from simulator import city, endpoints, truth
from simulator.api import Api, serving
from simulator.cast import Cast
from simulator.crew import Crew, Stopped
from simulator.department import Department
from simulator.endpoints import Endpoints
from simulator.journal import Journal
from simulator.outside import Refused
from simulator.pace import Pace
from simulator.people import People
from simulator.raw_vendor import RawVendor
from simulator.realism import Realism
from simulator.sender import Sender
from simulator.tale import Patient, Tale, Van
from simulator.telemetry import Telemetry
from simulator.uplink import Uplink

log = logging.getLogger(__name__)

#: Vehicles beyond the encounters that shall be live: some stories take two.
HEADROOM = 1.5, 20
#: The first patients are known to their hospitals within this long, or input begins without.
KNOWN_S = 15.0
#: The first patients go on within this long after input began.
OUT_OF_STEP_S = 5.0
#: What was begun has this long to be finished when the run ends, and telemetry then this long.
GRACE_S, FLUSH_S = 5.0, 2.0

LIVE = Gauge("greenchannel_simulator_live_encounters", "Encounters that are live now")


@dataclass(frozen=True)
class Options:
    """What ``greenchannel simulate`` was asked for."""

    endpoints: Path
    truth: Path
    seed: int = 7
    ambulances: int = 12
    calls_per_hour: float = 60.0
    #: None: each monitor streams once a second.
    vitals_per_second: float | None = None
    live_encounters: int = 0
    #: These stories only, by name.
    stories: Sequence[str] = ()
    #: How many times faster than their own seconds calls are told.
    pace: float = 1.0
    #: What goes wrong with telemetry, by name.
    realism: Sequence[str] = ()
    #: None: until a signal comes.
    seconds: float | None = None


async def play(options: Options) -> int:
    """Play until the time is over or a signal comes; the exit status."""
    known = await endpoints.load(options.endpoints)
    run = Run(options, known)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, run.stop)
    async with serving(Api(lambda: run.has_input, {})):
        await run.whole()
    run.close()
    return 0


class Run:
    """One epoch of the simulator: what an earlier one had begun is abandoned."""

    def __init__(self, options: Options, known: Endpoints) -> None:
        self.options = options
        self.has_input = False
        self._journal = Journal(options.truth)
        self._epoch = f"{int(time.time() * 1000):x}"
        share, more = HEADROOM
        needed = int(options.live_encounters * share) + more if options.live_encounters else 0
        number = max(options.ambulances, needed)
        seed = f"{options.seed}/{self._journal.epochs}"
        chosen = options.stories, options.realism
        self._cast = Cast(seed, self._epoch, number, *chosen)
        realism = Realism(options.realism, self._cast.rng)
        self._telemetry = Telemetry(options.vitals_per_second, self._cast.vans, realism)
        self._uplink = Uplink(known, self._journal, self._telemetry)
        self._people = People(known, self._journal, self._uplink)
        self._departments = {
            facility: Department(known, facility, self._people, self._cast.rng(facility), realism)
            for facility in known.tokens.centre
        }
        self._vendor = RawVendor(known, self._journal) if realism.has("vendors") else None
        self._sender = Sender(known, self._journal, self._telemetry.until, self._vendor)
        self._crew = Crew(
            self._people,
            self._departments,
            self._telemetry,
            self._sender,
            self._is_over,
        )
        self._live: set[Patient] = set()
        self._lives: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._bug: BaseException | None = None

    def stop(self) -> None:
        """End the input."""
        self._stopping.set()
        self._crew.stop()

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    async def whole(self) -> None:
        """Set up, let live, end well. A bug ends it without an end in the journal."""
        self._journal.write(truth.Epoch(t=time.time(), epoch=self._epoch, seed=self.options.seed))
        works = [self._sender.run(), self._uplink.run()]
        works += [each.run() for each in self._departments.values()]
        tasks = [
            asyncio.create_task(work) for work in (*works, self._input(), self._until_stopped())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await self._end(tasks)
        self._journal.write(truth.Ended(t=time.time()))

    async def _until_stopped(self) -> None:
        await self._stopping.wait()
        if self._bug is not None:
            raise self._bug

    # -- beginning ---------------------------------------------------------------------------

    async def _input(self) -> None:
        """Bring the first encounters into the midst of their stories; then input begins."""
        abandoned = self._journal.abandoned.values()
        await asyncio.gather(*(self._people.leave(each, self._epoch) for each in abandoned))
        await asyncio.gather(*map(self._free_again, self._cast.vans))
        vehicles = [van.vehicle for van in self._cast.vans]
        await self._people.enrol(city.load(), vehicles, self._epoch)
        tales: list[Tale] = []
        while len(self._live) < self.options.live_encounters:
            missing = self.options.live_encounters - len(self._live)
            async with asyncio.TaskGroup() as group:
                begun = [group.create_task(self._forwarded()) for _ in range(missing)]
            tales += [tale for task in begun if (tale := task.result()) is not None]
            if not any(task.result() for task in begun):
                break  # nobody would have them
        await self._until_known([patient for tale in tales for patient in tale.patients.values()])
        now = time.time()
        self._journal.write(truth.InputBegan(t=now))
        self._telemetry.begin(now)
        if self.options.seconds is not None:
            left = self.options.seconds - (now - (self._journal.input_began or now))
            asyncio.get_running_loop().call_later(max(0.0, left), self.stop)
        self.has_input = True
        log.info("input begins", extra={"action": "input_began", "live": len(self._live)})
        async with asyncio.TaskGroup() as group:
            group.create_task(self._go_on(tales))
            group.create_task(self._take_calls())
            group.create_task(self._hold())

    async def _until_known(self, patients: Sequence[Patient]) -> None:
        """Until the hospitals know of the first patients: setting up is no part of what counts."""
        bound = [patient for patient in patients if patient.facility and not patient.is_over]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KNOWN_S):
                for facility, department in self._departments.items():
                    theirs = (p for p in bound if p.facility == facility)
                    await department.until_acknowledged(theirs)
        for department in self._departments.values():
            department.hurries = False

    async def _forwarded(self) -> Tale | None:
        """A slow story in its midst; None when a service would not have it."""
        tale = await self._cast.slow_tale()
        self._live.update(tale.patients.values())
        try:
            await self._crew.forward(tale, tale.pace.phase)
        except (Refused, Stopped):
            self._give_up(tale)
            return None
        return tale

    async def _free_again(self, van: Van) -> None:
        """After a crash of ours, or in a kept folder, a unit may be on a mission that nobody goes
        on with. Later than now, whoever sends it is somebody else."""
        if await self._people.free(van, self._epoch):
            van.free_since = time.time()

    # -- living ------------------------------------------------------------------------------

    async def _go_on(self, tales: Sequence[Tale]) -> None:
        """Those in the midst of their stories go on one after the other: no city is in step, and
        all that falls due every few seconds would fall due in the same one."""
        for tale in tales:
            self._let_live(tale, replace(tale.pace, began=time.time()))
            await asyncio.sleep(OUT_OF_STEP_S / len(tales))

    async def _take_calls(self) -> None:
        for wait in city.waits(self._cast.rng("calls"), self.options.calls_per_hour):
            await asyncio.sleep(wait)
            tale = await self._cast.call()
            self._live.update(tale.patients.values())
            self._let_live(tale, Pace(time.time(), stretch=1 / self.options.pace))

    async def _hold(self) -> None:
        """Replace background encounters that are over: the number that are live is held."""
        while True:
            LIVE.set(len(self._live))
            await asyncio.sleep(0.5)
            while len(self._live) < self.options.live_encounters:
                tale = await self._forwarded()
                if tale is None:
                    break
                self._let_live(tale, replace(tale.pace, began=time.time()))

    def _let_live(self, tale: Tale, pace: Pace) -> None:
        task = asyncio.create_task(self._life(tale, pace))
        self._lives.add(task)
        task.add_done_callback(self._lived)

    def _lived(self, task: asyncio.Task[None]) -> None:
        self._lives.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            self._bug = bug
            self.stop()

    async def _life(self, tale: Tale, pace: Pace) -> None:
        try:
            await self._crew.live(tale, pace)
        except Stopped:
            self._give_up(tale)
            return
        except Refused:  # as by a human who was faster: the crew drives home all the same
            self._give_up(tale)
        with contextlib.suppress(Refused, Stopped):  # then its vehicles stay where they are
            await self._crew.go_home(tale)
            self._cast.release(tale)
            await self._people.close_calls(tale)

    def _is_over(self, patient: Patient) -> None:
        """Nothing more is sent for this encounter."""
        patient.is_over = True
        if patient in self._live and patient.encounter_id:
            self._journal.write(truth.EncounterOver(t=time.time(), handle=patient.handle))
        self._live.discard(patient)

    def _give_up(self, tale: Tale) -> None:
        """The story ends here."""
        for patient in tale.patients.values():
            patient.is_over = True
            if not self._stopping.is_set():
                self._is_over(patient)
            self._live.discard(patient)

    # -- ending ------------------------------------------------------------------------------

    async def _end(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Begin nothing more; give what was begun its time; then leave nothing running."""
        self.stop()
        self._telemetry.end()
        begun = set(self._lives)
        lives = [asyncio.wait(begun, timeout=GRACE_S)] if begun else []
        await asyncio.gather(*lives, *(each.stop(GRACE_S) for each in self._departments.values()))
        await self._uplink.flush(GRACE_S)
        await self._sender.flush(FLUSH_S)
        if self._vendor is not None:
            self._vendor.close(FLUSH_S)
        left = (*tasks, *self._lives)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._people.close()
        await self._uplink.close()
        await self._sender.close()
