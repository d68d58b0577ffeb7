"""One telling of a story: its patients, vehicles and monitors, and where each of them is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from simulator.city import (
    City,
    Mission,
    Path,
    Place,
    Spot,
    Vehicle,
    driven,
    length_of,
    metres,
    point_along,
)
from simulator.pace import Line, Pace, moment
from simulator.realism import FLAWLESS, Realism, Values
from simulator.story import UNIT, Drive, Hold, Name, Step, Story
from simulator.truth import Acting

#: A unit drives home within this many seconds, whatever the pace of its story was.
HOME_S = 12.0
#: No ambulance drives faster; and a moment by which its speed is measured.
FASTEST_KMH, MOMENT_S = 200.0, 0.5
#: A streamed sample sent later than this came from a gap: it counts beside others of a gap, and not
#: beside newer ones; near it, nobody knows for which it is taken.
STALE_S, STALE_MARGIN_S = 120.0, 5.0
#: Samples after which a held value has settled, and the seconds before it changes again.
SETTLED, SETTLED_S = 3, 20.0
#: How long before the first act a monitor may have measured already.
EARLY_S = 5.0

Facility = Literal["near", "other", "clinic"]


@dataclass(slots=True, eq=False)
class Van:
    """An ambulance in or between tales, and when it last said where it is."""

    vehicle: Vehicle
    next_look: float = 0.0
    reported: float = 0.0
    tale: Tale | None = None
    role: Name = UNIT
    home: Path = ()
    home_since: float = 0.0
    #: Since when it may be sent again: nothing of its next mission is older.
    free_since: float = 0.0

    def is_moving(self, now: float) -> bool:
        """Whether it drives, in a tale or home."""
        if self.tale is not None:
            return self.tale.story.is_driving(self.role, self.tale.pace.offset(now))
        return now - self.home_since < HOME_S

    def is_dark(self, now: float) -> bool:
        """Whether nothing it says gets out."""
        if self.tale is None or self.tale.is_forwarding:
            return False
        return self.tale.story.zone_at(self.role, self.tale.pace.offset(now)) is not None

    def position(self, now: float) -> Spot:
        """Where it is."""
        if self.tale is not None:
            return self.tale.place_of(self.role, self.tale.pace.offset(now))
        part = (now - self.home_since) / HOME_S
        if self.home and part < 1:
            return point_along(self.home, part)
        return self.vehicle.station.point

    def speed(self, now: float) -> float:
        """How fast it is, in kilometres an hour."""
        before, after = now - MOMENT_S, now + MOMENT_S
        return metres(self.position(before), self.position(after)) / (2 * MOMENT_S) * 3.6

    def report(self, now: float) -> Line:
        """Where it is, as a line of telemetry."""
        latitude, longitude = self.position(now)
        where = f'"latitude":{latitude:.6f},"longitude":{longitude:.6f},"accuracy_m":8'
        speed = self.speed(now)
        if speed <= FASTEST_KMH:  # a story may be told faster than any vehicle drives
            where += f',"speed_kmh":{speed:.0f}'
        text = f'{{"unit_id":"{self.vehicle.unit_id}","occurred_at":"{moment(now)}",{where}'
        return Line(text, now)


@dataclass(slots=True)
class Count:
    """Samples of a hold that were sent: in time, from a gap, and on the edge between."""

    fresh: int = 0
    gap: int = 0
    edge: int = 0
    #: What has been said of them.
    may_prove: bool = False
    proves: bool = False

    @property
    def all(self) -> int:
        """However they were sent."""
        return self.fresh + self.gap + self.edge

    def take(self, age: float) -> None:
        """One more, of this age when it is sent."""
        if age <= STALE_S - STALE_MARGIN_S:
            self.fresh += 1
        elif age >= STALE_S + STALE_MARGIN_S:
            self.gap += 1
        else:
            self.edge += 1

    def reaches(self, needed: int) -> bool | None:
        """Whether so many stand together, newly; None where they may. Of those on the edge the
        older are of the gap."""
        ways = [
            self.gap + old >= needed or self.fresh + self.edge - old >= needed
            for old in range(self.edge + 1)
        ]
        if self.proves or not any(ways):
            return False
        if all(ways):
            self.proves = True
            return True
        is_said, self.may_prove = self.may_prove, True
        return False if is_said else None


class Proven(NamedTuple):
    """A sample that has proven a level, of which monitor, and when it was measured."""

    id: str
    device_id: str
    made: float


@dataclass(slots=True, eq=False)
class Patient:
    """One encounter as its sender knows it."""

    handle: str
    role: Name
    tale: Tale
    encounter_id: str = ""
    #: The facility that dispatch has acknowledged: from now on it must see them.
    facility: str = ""
    boarded: bool = False
    #: Nothing more is measured.
    is_over: bool = False
    sent: int = 0
    #: Samples sent of each hold, of whoever wears the monitor that is entered for this patient.
    held: dict[tuple[Name, float], Count] = field(default_factory=dict)
    #: Those that have proven a level under this patient's name.
    proven: list[Proven] = field(default_factory=list)

    @property
    def number(self) -> str:
        """The same in every run of the same seed: what chance has in store for them hangs on it."""
        return self.handle.rpartition("-")[2]

    def count(self, role: Name, hold: Hold) -> Count:
        """Of what a wearer held."""
        return self.held.setdefault((role, hold.at), Count())

    def gives_back(self, device_id: str, since: float, until: float) -> list[str]:
        """What was another's of what has proven a level: a monitor's samples of this stretch."""
        gone = [p for p in self.proven if p.device_id == device_id and since <= p.made < until]
        self.proven = [p for p in self.proven if p not in gone]
        return [p.id for p in gone]


@dataclass(slots=True, eq=False)
class Monitor:
    """A monitor that somebody wears, and the patient for whom the crew has entered it."""

    device_id: str
    van: Van
    wearer: Patient
    entered: Patient
    #: Somebody wears it, and the crew has named a patient for it: only then does it speak.
    is_worn: bool = False
    is_claimed: bool = False
    #: Another monitor has taken its place, or it goes from one patient to another.
    is_off: bool = False
    #: The crew has said whose it is; until then nobody takes what it says.
    is_entered: bool = True
    #: Since when it is entered for this patient: what it measured before was another's.
    since: float = 0.0
    #: It never will.
    is_forgotten: bool = False
    #: The hold it showed last, and how often.
    _showed: Hold | None = None
    _times: int = 0

    @property
    def speaks(self) -> bool:
        """Whether it measures somebody under somebody's name, and goes on with it."""
        is_over = self.wearer.is_over or self.entered.is_over
        return self.is_worn and self.is_claimed and not (self.is_off or is_over)

    def sample(self, t: float, hold: Hold | None = None, realism: Realism = FLAWLESS) -> Line:
        """What it measures at ``t``: by the story, or what it held when it is told."""
        tale, t = self.wearer.tale, max(t, self.since)
        shown = hold or self._shown(t, SETTLED if realism.has("reordering") else 0)
        entered = self.entered
        entered.sent += 1
        measured: Values = shown.measured
        if hold is None:
            measured = realism.moving(self.device_id, measured, shown.steady)
            if self._is_settled(shown, t):
                measured = realism.measured(self.device_id, measured, t)
            if pressure := tale.pressure(self.wearer.role):
                measured = {**measured, **realism.cuff(self.device_id, pressure, t)}
        values = ",".join(f'"{n}":{v}' for n, v in measured.items())
        tells = realism.says_when_sent(self.van.vehicle.number)
        clock = realism.clock(self.device_id) if tells else None
        text = (
            f'{{"event_id":"{entered.handle}.{entered.sent}","device_id":"{self.device_id}",'
            f'"occurred_at":"{moment(t + (clock or 0.0))}","vitals":{{{values}}}'
        )
        return Line(
            text,
            t,
            entered.handle,
            entered.sent,
            (self.device_id, entered.handle),
            timely=not tale.is_forwarding and self.is_entered,
            proves=Proof(self, entered, self.wearer.role, shown),
            clock=clock,
            forgotten=self.is_forgotten,
            by_kafka=hold is None and realism.is_by_kafka(self.van.vehicle.number),
        )

    def _shown(self, t: float, more: int) -> Hold:
        """What there is to see, until it has proven what it proves, and so many times ``more``
        where some may be held up: no level rests on the samples of two holds, however late the
        monitor was attached."""
        tale, role, before = self.wearer.tale, self.wearer.role, self._showed
        due = tale.story.hold_at(role, tale.pace.offset(t))
        if before is not None and before is not due and before.then is not None:
            is_unproven = self._times < before.then.after_sample + more
            due = before if is_unproven and before in tale.story.streamed[role] else due
        self._showed, self._times = due, self._times + 1 if before is due else 1
        return due

    def _is_settled(self, shown: Hold, t: float) -> bool:
        """Whether what is held has proven all it will, and goes on for a while: no level hangs on
        a single sample then."""
        wearer = self.wearer
        proven = shown.then.after_sample if shown.then else 1
        ends = min((h.at for h in wearer.tale.story.streamed[wearer.role] if h.at > shown.at),
                   default=wearer.tale.story.duration)  # fmt: skip
        goes_on = wearer.tale.pace.due(ends) - t
        count = self.entered.count(wearer.role, shown)
        return count.all >= proven + SETTLED and goes_on > SETTLED_S


@dataclass(frozen=True, slots=True)
class Proof:
    """What a sample of a monitor may prove, once it is sent."""

    monitor: Monitor
    patient: Patient
    role: Name
    hold: Hold

    def acting(self, line: Line, now: float) -> Acting | None:
        """The level that this sample completes, when it is sent at ``now``; in order of sending."""
        patient, hold, age = self.patient, self.hold, now - line.made
        count = patient.count(self.role, hold)
        count.take(age)
        if hold.then is None or (sure := count.reaches(hold.then.after_sample)) is False:
            return None
        patient.proven.append(Proven(line.id, self.monitor.device_id, line.made))
        level, of_gap = hold.then.worst.value, age > STALE_S - STALE_MARGIN_S
        destined = patient.facility != ""
        return Acting(line.id, level, destined, line.timely, sure=sure is True, of_gap=of_gap)


@dataclass(slots=True, eq=False)
class Tale:
    """A story that is being told."""

    story: Story
    city: City
    mission: Mission
    pace: Pace
    vans: dict[Name, Van]
    patients: dict[Name, Patient] = field(default_factory=dict)
    incidents: dict[Name, str] = field(default_factory=dict)
    legs: dict[Name, str] = field(default_factory=dict)
    monitors: dict[str, Monitor] = field(default_factory=dict)
    #: When each act was done, by the name of its step; the ids of what was answered; and which were
    #: taken.
    done: dict[Name, float] = field(default_factory=dict)
    ids: dict[Name, str] = field(default_factory=dict)
    taken: set[Name] = field(default_factory=set)
    #: How often a step was refused because its unit was not free.
    tries: dict[Name, int] = field(default_factory=dict)
    #: Gives the next vehicle that is free for one that is not, or None.
    spare: Callable[[Van], Van | None] = lambda van: None
    #: The first steps are sent at once, to begin in the midst of the story.
    is_forwarding: bool = False
    _ways: dict[tuple[Name, float], Path] = field(default_factory=dict)
    _read: dict[Name, Mapping[Name, tuple[float, float]]] = field(default_factory=dict)

    def patient(self, name: Name) -> Patient:
        """A patient by its name; the first where a story has no such name."""
        return self.patients.get(name) or next(iter(self.patients.values()))

    def van(self, name: Name) -> Van:
        """A vehicle by its name."""
        return self.vans.get(name) or next(iter(self.vans.values()))

    def relieve(self, name: Name) -> None:
        """Another vehicle goes, where one is free: somebody else has sent this one."""
        role = self.van(name).role
        other = self.spare(self.vans[role])
        if other is not None:
            other.tale, other.role = self, role
            self.vans[role] = other
            self._ways = {key: way for key, way in self._ways.items() if key[0] != role}

    def facility(self, name: Facility) -> Place:
        """A hospital or the clinic of this telling."""
        place: Place = getattr(self.mission, name)
        return place

    def attach(self, step: Step) -> Monitor:
        """The monitor of this step is on: worn by the patient, entered for whom the crew says."""
        van, patient = self.van(step.unit), self.patient(step.patient)
        entered = van.vehicle.monitor(step.monitor)
        worn = van.vehicle.monitor(step.wears or step.monitor)
        for device_id in (worn, entered):
            if device_id not in self.monitors:
                self.monitors[device_id] = Monitor(device_id, van, patient, patient)
        for monitor in self.monitors.values():
            if monitor.wearer is patient and monitor.device_id not in {entered, worn}:
                monitor.is_off = monitor.entered is patient
        wearing, claimed = self.monitors[worn], self.monitors[entered]
        wearing.wearer, wearing.is_worn = patient, True
        claimed.entered, claimed.is_claimed, claimed.is_off = patient, True, False
        claimed.since = self.done.get(step.name, 0.0)
        return claimed

    def speaking(self) -> list[Monitor]:
        """Those that measure somebody, and of whom the crew has said whose they are."""
        return [monitor for monitor in self.monitors.values() if monitor.speaks]

    def unplug(self, step: Step) -> bool:
        """A monitor that goes from one patient to another is off until it is entered anew."""
        monitor = self.monitors.get(self.van(step.unit).vehicle.monitor(step.monitor))
        if monitor is None or not monitor.is_claimed:
            return False
        monitor.is_off = monitor.entered is not self.patient(step.patient)
        return monitor.is_off

    def worn_by(self, name: Name) -> Monitor | None:
        """The monitor that speaks of a patient, under whatever name."""
        patient = self.patients[name]
        return next((m for m in self.speaking() if m.wearer is patient), None)

    def taken_for(self, now: float) -> tuple[float, float]:
        """Since when, and until when, a monitor's samples are given back: all that there are."""
        return min(self.done.values()) - EARLY_S, now

    def moved(self, step: Step) -> float | None:
        """When the monitor whose samples are given back was entered for the other patient."""
        entered = (step.unit, step.monitor, step.other)
        return max(
            (
                self.done[each.name]
                for each in self.story.steps
                if each.act == "attach"
                and each.name in self.done
                and (each.unit, each.monitor, each.patient) == entered
            ),
            default=None,
        )

    def monitor_of(self, name: Name) -> Monitor | None:
        """The monitor that is entered for a patient, lately."""
        patient = self.patients[name]
        mine = [m for m in self.monitors.values() if m.entered is patient]
        return mine[-1] if mine else None

    def pressure(self, name: Name) -> tuple[float, float] | None:
        """The patient's pressure as somebody read it last: what a cuff finds again. It is not heard
        before the reading is: a cuff's first value acts."""
        read = [pair for step, pair in self._pressures(name).items() if step in self.taken]
        return read[-1] if read else None

    def _pressures(self, name: Name) -> Mapping[Name, tuple[float, float]]:
        if name not in self._read:
            self._read[name] = self.story.pressures(name)
        return self._read[name]

    def place_of(self, unit: Name, offset: float) -> Spot:
        """Where a vehicle is at an offset."""
        here = self.van(unit).vehicle.station.point
        for drive in self.story.drives_of(unit):
            if drive.start > offset:
                break
            way = self._way(unit, drive, here)
            stretch = self.pace.stretch
            slot, t = (drive.end - drive.start) * stretch, (offset - drive.start) * stretch
            share = driven(length_of(way) * drive.part, slot, t)
            here = point_along(way, share * drive.part)
        return here

    def _way(self, unit: Name, drive: Drive, start: Spot) -> Path:
        key = (unit, drive.start)
        if key not in self._ways:
            self._ways[key] = self.city.path(start, self._goal(unit, drive))
        return self._ways[key]

    def _goal(self, unit: Name, drive: Drive) -> Spot:
        match drive.towards:
            case "station":
                return self.van(unit).vehicle.station.point
            case "scene":
                return self.mission.scene
            case "unit":
                return self.place_of(self.story.units[0], drive.end)
            case place:
                return self.facility(place).point
