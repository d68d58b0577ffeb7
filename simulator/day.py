"""A day of the city as it would be sent, from the seed alone: every act and every line of telemetry
in the order of time. The same seed gives the same day, byte for byte.

Pure: nobody waits for an answer here, so whoever an act opens bears the handle as its name.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple, TypeAlias

from simulator import city, story
from simulator.acts import body_of
from simulator.city import SPEED, Mission, Station, metres
from simulator.pace import Pace
from simulator.realism import Realism
from simulator.story import Step, Story
from simulator.tale import Patient, Tale, Van

#: The day begins at midnight of the city's clock.
BEGINS = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(hours=8)
#: What a story is slowed down at most.
SLOWEST = (8.0, 32.0)
#: Between the handover and the next call: cleaning, papers, the way home.
TURNROUND_S = (300.0, 1_200.0)
MOVING_S, STANDING_S = 1.0, 30.0
#: A monitor speaks once a second.
SAMPLE_S = 1.0

#: When, of which mission, and what is sent.
Said: TypeAlias = tuple[float, int, str]


class Wanted(NamedTuple):
    """What a day is made from."""

    seed: int
    ambulances: int
    hours: float
    calls_per_hour: float
    #: What goes wrong, by name.
    faults: Sequence[str] = ()


def lines(wanted: Wanted, realism: Realism) -> Iterator[Said]:
    """Everything that is said, oldest first."""
    fleet = [Van(each) for each in city.load().vehicles(wanted.ambulances)]
    missions = _missions(wanted, fleet)
    idle = [_standing(number, van) for number, van in enumerate(fleet)]
    begun = [(said, stream) for stream in idle if (said := next(stream, None))]
    heap: list[tuple[Said, int, Iterator[Said]]] = []
    for order, (said, stream) in enumerate(begun):
        heapq.heappush(heap, (said, order, stream))
    end = BEGINS.timestamp() + wanted.hours * 3600
    coming = next(missions, None)
    order = len(heap)
    while heap:
        while coming is not None and coming.pace.began <= heap[0][0][0]:
            stream = _told(coming, realism)
            heapq.heappush(heap, (next(stream), order, stream))
            order += 1
            coming = next(missions, None)
        said, place, stream = heap[0]
        if said[0] >= end:
            return
        yield said
        following = next(stream, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following, place, stream))


def _calls(wanted: Wanted, rng: Random) -> Iterator[float]:
    """Times of calls: a Poisson process whose rate goes with the hour."""
    shares = city.load().calls_by_hour
    most = wanted.calls_per_hour * max(shares) / 3600
    t, began = 0.0, BEGINS.timestamp()
    while most > 0:
        t += rng.expovariate(most)
        if t >= wanted.hours * 3600:
            return
        if rng.random() < shares[int(t // 3600) % 24] / max(shares):
            yield began + t


def _missions(wanted: Wanted, fleet: Sequence[Van]) -> Iterator[Tale]:
    """Each call with the story it becomes, and the nearest ambulances that are free then; a call
    waits while there are none."""
    rng = Random(f"{wanted.seed}/day")  # noqa: S311 (a simulation, not a secret)
    stories = story.told_with(wanted.faults)
    weights = [each.weight for each in stories]
    patients = 0
    latest = 0.0
    for number, called in enumerate(_calls(wanted, rng), 1):
        (told,) = rng.choices(stories, weights)
        station = rng.choice(city.load().stations)
        mission = city.load().mission(rng, station, told)
        begins = max(called, latest, _free_at(fleet, len(told.units)))
        latest = begins  # who waits is served in turn
        vans = _nearest(fleet, mission, begins, told.units)
        tale = _tale(told, mission, vans, begins, f"{wanted.seed}-{number}")
        for role in told.patients:
            patients += 1
            handle = f"{wanted.seed}-p{patients}"
            tale.patients[role] = Patient(handle, role, tale, encounter_id=handle)
        free = tale.pace.due(told.duration) + rng.uniform(*TURNROUND_S)
        for van in vans.values():
            van.free_since = free
        yield tale


def _free_at(fleet: Sequence[Van], needed: int) -> float:
    """When so many ambulances are free. Raises ``ValueError`` where there are never so many."""
    if needed > len(fleet):
        raise ValueError(f"a story takes {needed} ambulances: there are {len(fleet)}")
    return sorted(van.free_since for van in fleet)[needed - 1]


def _nearest(
    fleet: Sequence[Van], mission: Mission, at: float, units: Sequence[str]
) -> dict[str, Van]:
    def away(van: Van) -> tuple[float, str]:
        return metres(van.vehicle.station.point, mission.scene), van.vehicle.unit_id

    free = sorted((van for van in fleet if van.free_since <= at), key=away)
    return dict(zip(units, free, strict=False))


def _tale(told: Story, mission: Mission, vans: dict[str, Van], begins: float, name: str) -> Tale:
    """As slow as the way to the scene is long."""
    first = vans[told.units[0]]
    pace = Pace(begins, stretch=_stretch(told, first.vehicle.station, mission))
    tale = Tale(told, city.load(), mission, pace, vans)
    tale.incidents = {step.call: f"{name}-{step.call}" for step in told.steps}
    tale.legs = {unit: f"{name}-{unit}" for unit in told.units}
    return tale


def _stretch(told: Story, station: Station, mission: Mission) -> float:
    least, most = SLOWEST
    drives = [drive for drive in told.drives if drive.towards == "scene"]
    if not drives:
        return (least + most) / 2
    seconds = metres(station.point, mission.scene) * 1.3 / SPEED  # roads are not straight
    return min(most, max(least, seconds / (drives[0].end - drives[0].start)))


# -- what is said ----------------------------------------------------------------------------


def _told(tale: Tale, realism: Realism) -> Iterator[Said]:
    """One mission: its acts, what its monitors measure, where its vehicles are."""
    number = int(next(iter(tale.incidents.values())).split("-")[1])
    steps = list(tale.story.steps)
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        t = tale.pace.due(step.at)
        tale.done[step.name], tale.ids[step.name] = t, f"{number}.{step.name}"
        tale.taken.add(step.name)
        yield (t, number, _act(tale, step, t))
        if step.act == "attach":
            tale.attach(step)
        if step.act in {"transfer", "outcome"}:
            tale.patient(step.patient).is_over = True
        until = tale.pace.due(following.at) if following else t
        yield from _telemetry(tale, number, (t, until), realism)


def _telemetry(
    tale: Tale,
    number: int,
    between: tuple[float, float],
    realism: Realism,
) -> Iterator[Said]:
    """Of each second between two acts."""
    second = float(int(between[0]) + 1)
    speaking = tale.speaking()
    while second < between[1]:
        for monitor in speaking:
            line = monitor.sample(second, realism=realism)
            if line.proves is not None:
                line.proves.acting(line, second)
            yield (second, number, line.whole(second))
        offset = tale.pace.offset(second)
        for role, van in tale.vans.items():
            every = MOVING_S if tale.story.is_driving(role, offset) else STANDING_S
            if second % every == 0 and not realism.is_lost(van.vehicle.unit_id, second):
                yield (second, number, _position(tale, role, van, second))
        second += SAMPLE_S


def _position(tale: Tale, role: str, van: Van, t: float) -> str:
    van.tale, van.role = tale, role
    text = van.report(t).whole(t)
    van.tale = None
    return text


def _standing(number: int, van: Van) -> Iterator[Said]:
    """A vehicle that waits at its station says so now and then, in its turn."""
    t = BEGINS.timestamp() + number % STANDING_S
    while True:
        if t >= van.free_since:
            yield (t, 0, van.report(t).whole(t))
        t += STANDING_S


def _act(tale: Tale, step: Step, t: float) -> str:
    patient = tale.patient(step.patient)
    said = {
        "act": step.act,
        "by": step.by,
        "patient": patient.handle,
        "incident": tale.incidents[step.call],
        "body": body_of(tale, step, t),
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), default=str)
