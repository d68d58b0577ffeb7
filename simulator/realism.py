"""What goes wrong in a real city before telemetry reaches anybody, each by a name to switch it on.

Pure; every choice comes from the seed. Nothing here hides the truth: what is spoilt proves nothing,
and is spoilt only where the story's own timeline does not hang on that one sample.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import count
from random import Random
from typing import NamedTuple, TypeAlias

from schemas.triage import Bilingual
from simulator.pace import Line

Values: TypeAlias = Mapping[str, float]
#: Chance of its own for each purpose.
Chance: TypeAlias = Callable[[str], Random]

FAULTS: Mapping[str, Bilingual] = {
    "leads_off": Bilingual(
        zh="导联脱落：数值变 0 或缺失", en="leads come off: values are 0, or missing"
    ),
    "artefacts": Bilingual(zh="单个伪差", en="single artefacts, as of a movement"),
    "lost_gps": Bilingual(zh="定位丢失", en="no position for a while"),
    "dead_zones": Bilingual(
        zh="信号盲区，出来后补传", en="nothing gets out for a while, and is sent later"
    ),
    "device_clocks": Bilingual(zh="监护仪时钟快或慢数分钟", en="monitors minutes ahead or behind"),
    "late_monitors": Bilingual(
        zh="监护仪已接、登记较晚", en="a monitor speaks before the crew enters it"
    ),
    "forgotten_monitors": Bilingual(zh="监护仪始终未登记", en="a monitor that nobody ever enters"),
    "swapped_monitors": Bilingual(
        zh="两台监护仪登记时接反，事后更正",
        en="two monitors are confused, and set right afterwards",
    ),
    "late_presses": Bilingual(zh="机组补按按钮", en="crews who press late"),
    "forgotten_presses": Bilingual(zh="机组忘按按钮", en="crews who forget to press"),
    "no_answer": Bilingual(zh="急诊不确认", en="departments that never acknowledge"),
    "duplicates": Bilingual(zh="重复上传", en="samples sent twice"),
    "reordering": Bilingual(zh="乱序到达", en="samples that overtake each other"),
    "broken_lines": Bilingual(
        zh="传图时线路中断，续传",
        en="a line that breaks off within a file, which goes on from there",
    ),
    "vendors": Bilingual(
        zh="半数车辆的厂商直接写入 Kafka，新旧两版契约各半",
        en="the vendor of every other ambulance writes to Kafka itself, half of them in version 1",
    ),
}

#: What shows already in a day of the city that nobody has sent.
OF_A_DAY = frozenset(
    {"leads_off", "artefacts", "lost_gps", "device_clocks", "swapped_monitors", "vendors"}
)


class Spell(NamedTuple):
    """How often something is out of order, and for how long each time, in seconds."""

    apart: float
    lasts: tuple[float, float]


LEADS_OFF = Spell(90.0, (4.0, 20.0))
LOST_GPS = Spell(180.0, (10.0, 60.0))
#: Shorter than a sample may be late and still decide something.
DEAD_ZONES = Spell(300.0, (5.0, 45.0))

#: One sample in so many is an artefact; and so many between two.
ARTEFACT_OF, ARTEFACTS_APART = 40, 10
ARTEFACTS: Sequence[Values] = (
    {"heart_rate": 277.0},
    {"heart_rate": 24.0},
    {"respiratory_rate": 68.0},
    {"spo2": 51.0},
    {"heart_rate": 31.0, "spo2": 60.0},
)
#: What a monitor shows of what there is moves by so much; a story says what has to stay.
WANDERS: Mapping[str, int] = {"heart_rate": 2, "respiratory_rate": 1, "spo2": 1}
FULL: Mapping[str, float] = {"heart_rate": math.inf, "respiratory_rate": math.inf, "spo2": 100}
STEPS = tuple((name, step) for name in WANDERS for step in (-1, 1))
#: A cuff measures again after so many seconds, and not quite the same.
CUFF_S, CUFF_WANDERS = (180.0, 300.0), 2
#: A clock is wrong by so many seconds, or right. Less than the least nobody corrects.
CLOCKS_S = (0.0, 0.0, 0.0, 0.0, 185.0, 612.0, -150.0, -431.0)
#: A monitor is entered, a button pressed, so many seconds late.
ENTERED_LATE_S, PRESSED_LATE_S = (4.0, 20.0), (1.0, 8.0)
#: The share of patients whose monitor is entered late, or never; of acts that are done late; and
#: of patients whom a department never acknowledges.
ENTERED_LATE, FORGOTTEN, PRESSED_LATE, NO_ANSWER = 0.3, 0.1, 0.2, 0.15
#: The share of a vehicle's stamps that are never pressed.
NOT_PRESSED = 0.1
#: The share of a file's pieces within which the line breaks off.
BREAKS = 0.25
#: One line in so many is held up, for so many seconds; or sent a second time after so many.
HELD_UP_OF, HELD_UP_S = 50, (0.3, 3.0)
TWICE_OF, TWICE_S = 50, (0.0, 20.0)


class Spells:
    """Times in which something is out of order."""

    def __init__(self, rng: Random, spell: Spell) -> None:
        self._rng = rng
        self._spell = spell
        self._begins = self._ends = float("-inf")

    def is_on(self, t: float) -> bool:
        """Whether it is at ``t``, which does not go back."""
        while self._ends <= t:
            after = t if self._ends == float("-inf") else self._ends
            self._begins = after + self._rng.expovariate(1 / self._spell.apart)
            self._ends = self._begins + self._rng.uniform(*self._spell.lasts)
        return t >= self._begins


class Realism:
    """The faults that are switched on, and how values move where nothing is wrong."""

    def __init__(self, faults: Collection[str], chance: Chance, *, moves: bool = True) -> None:
        self._faults = frozenset(faults)
        self._chance = chance
        self._moves = moves
        self._moved: dict[str, dict[str, int]] = {}
        self._cuffs: dict[str, float] = {}
        self._spells: dict[tuple[str, str], Spells] = {}
        self._way = chance("way")
        self._values: dict[str, Random] = {}
        self._clocks: dict[str, float] = {}
        self._since_artefact: dict[str, int] = {}
        self._held_up: list[tuple[float, int, Line]] = []
        self._order: Iterator[int] = count()

    def has(self, fault: str) -> bool:
        """Whether this one is switched on."""
        return fault in self._faults

    def is_by_kafka(self, vehicle: int) -> bool:
        """Whether the vendor of the nth ambulance writes to the broker itself."""
        return "vendors" in self._faults and vehicle % 2 == 0

    def says_when_sent(self, vehicle: int) -> bool:
        """Whether its platform knows the second version of the contract. The older one does not
        tell a wrong clock from samples that waited; its clocks are right."""
        return not (self.is_by_kafka(vehicle) and vehicle % 4 == 0)

    def enters_late(self, patient: str) -> float:
        """So many seconds pass until the crew enters the monitor of this patient."""
        return self._delay("late_monitors", patient, ENTERED_LATE, ENTERED_LATE_S)

    def presses_late(self, act: str) -> float:
        """So many seconds pass until a crew does this."""
        return self._delay("late_presses", act, PRESSED_LATE, PRESSED_LATE_S)

    def forgets(self, patient: str) -> bool:
        """Whether the crew never enters the monitor of this patient."""
        return self._happens("forgotten_monitors", patient, FORGOTTEN) is not None

    def is_never_pressed(self, stamp: str) -> bool:
        """Whether the crew forgets this stamp of its vehicle."""
        return self._happens("forgotten_presses", stamp, NOT_PRESSED) is not None

    def is_ignored(self, patient: str) -> bool:
        """Whether the department never acknowledges this patient."""
        return self._happens("no_answer", patient, NO_ANSWER) is not None

    def breaks_off(self, piece: str) -> float | None:
        """The part of this piece of a file that gets out before the line breaks off; None where it
        does not."""
        rng = self._happens("broken_lines", piece, BREAKS)
        return rng.random() if rng else None

    def _delay(self, fault: str, whose: str, share: float, lasts: tuple[float, float]) -> float:
        rng = self._happens(fault, whose, share)
        return rng.uniform(*lasts) if rng else 0.0

    def _happens(self, fault: str, whose: str, share: float) -> Random | None:
        """Chance to go on with, where it does."""
        if fault not in self._faults:
            return None
        rng = self._chance(f"{fault}/{whose}")
        return rng if rng.random() < share else None

    def _is_in_spell(self, fault: str, whose: str, spell: Spell, t: float) -> bool:
        if fault not in self._faults:
            return False
        key = (fault, whose)
        if key not in self._spells:
            self._spells[key] = Spells(self._chance(f"{fault}/{whose}"), spell)
        return self._spells[key].is_on(t)

    def is_dark(self, unit_id: str, t: float) -> bool:
        """Whether nothing this vehicle says gets out."""
        return self._is_in_spell("dead_zones", unit_id, DEAD_ZONES, t)

    def is_lost(self, unit_id: str, t: float) -> bool:
        """Whether this vehicle does not know where it is."""
        return self._is_in_spell("lost_gps", unit_id, LOST_GPS, t)

    def clock(self, device_id: str) -> float:
        """How far this monitor's clock is ahead, in seconds."""
        if "device_clocks" not in self._faults:
            return 0.0
        if device_id not in self._clocks:
            self._clocks[device_id] = self._chance(f"clock/{device_id}").choice(CLOCKS_S)
        return self._clocks[device_id]

    def moving(self, device_id: str, values: Values, steady: Collection[str]) -> Values:
        """Values as they move from sample to sample, never far from what a story holds."""
        if not self._moves:
            return values
        moved = self._moved.setdefault(device_id, dict.fromkeys(WANDERS, 0))
        chance = int(self._chances(f"moves/{device_id}").random() * len(STEPS) * 2)
        if chance < len(STEPS):  # every other time one of them moves
            name, step = STEPS[chance]
            if abs(moved[name] + step) <= WANDERS[name]:
                moved[name] += step
        return {
            name: value if name in steady or not value else min(FULL[name], value + moved[name])
            for name, value in values.items()
        }

    def cuff(self, device_id: str, pressure: tuple[float, float], t: float) -> Values:
        """Systolic and diastolic pressure where a cuff measures again; else nothing."""
        if not self._moves:
            return {}
        rng = self._chances(f"cuff/{device_id}")
        due = self._cuffs.setdefault(device_id, t + rng.uniform(*CUFF_S))
        if t < due:
            return {}
        self._cuffs[device_id] = t + rng.uniform(*CUFF_S)
        by = rng.randint(-CUFF_WANDERS, CUFF_WANDERS)
        systolic, diastolic = pressure
        return {"systolic_bp": systolic + by, "diastolic_bp": diastolic + by}

    def _chances(self, purpose: str) -> Random:
        if purpose not in self._values:
            self._values[purpose] = self._chance(purpose)
        return self._values[purpose]

    def measured(self, device_id: str, values: Values, t: float) -> Values:
        """What a monitor makes of what there is to measure, where nothing hangs on it."""
        if not self._faults:
            return values
        rng = self._chances(f"values/{device_id}")
        if self._is_in_spell("leads_off", device_id, LEADS_OFF, t):
            return dict.fromkeys(values, 0.0) if rng.random() < 0.5 else {}
        since = self._since_artefact.get(device_id, 0)
        is_one = "artefacts" in self._faults and since >= ARTEFACTS_APART
        if is_one and rng.randrange(ARTEFACT_OF) == 0:
            self._since_artefact[device_id] = 0
            return {**values, **rng.choice(ARTEFACTS)}
        self._since_artefact[device_id] = since + 1
        return values

    def on_the_way(self, lines: Sequence[Line], now: float) -> list[Line]:
        """What arrives now of what was sent, and of what was held up before."""
        arrived = []
        for line in lines:
            if "duplicates" in self._faults and self._way.randrange(TWICE_OF) == 0:
                self._hold(line.again(), now + self._way.uniform(*TWICE_S))
            if "reordering" in self._faults and self._way.randrange(HELD_UP_OF) == 0:
                self._hold(line, now + self._way.uniform(*HELD_UP_S))
            else:
                arrived.append(line)
        while self._held_up and self._held_up[0][0] <= now:
            arrived.append(heapq.heappop(self._held_up)[2])
        return arrived

    def _hold(self, line: Line, until: float) -> None:
        heapq.heappush(self._held_up, (until, next(self._order), line))


#: Nothing goes wrong, and what is held stays as it is.
FLAWLESS = Realism((), Random, moves=False)
