"""The city of ``places.yaml`` and chance in it. Every choice comes from the seed that is given."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from itertools import pairwise
from random import Random
from typing import Annotated, Literal, NamedTuple, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field

from schemas.event import Identifier, Phone
from schemas.triage import Bilingual, Centre
from simulator.story import Story

Spot: TypeAlias = tuple[float, float]
Path: TypeAlias = tuple[Spot, ...]

METRES_PER_DEGREE = 111_320.0
#: A call comes from this far from the station that answers it, in metres.
SCENE_M = (1_200.0, 6_000.0)
#: A caller is wrong by up to so many metres about where that is.
SAID_M = 90.0
#: Doors stand this far from the road, in degrees.
OFF_ROAD = 0.0015


class Place(BaseModel):
    """Something with a name, at a point."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Identifier
    name: Bilingual
    point: Spot


class Station(Place):
    """Where ambulances stand."""

    kind: Literal["county_centre", "township"]
    county: Identifier


class Hospital(Place):
    """Where patients are brought. An emergency department each of them has."""

    centres: tuple[Centre, ...]
    #: A number of nobody, as a vehicle's is.
    phone: Phone


class Road(BaseModel):
    """A named line; roads meet where they name the same point."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Bilingual
    points: Path


class Vehicle(NamedTuple):
    """An ambulance with the monitors in it."""

    unit_id: str
    device_id: str
    station: Station

    @property
    def number(self) -> int:
        """Its number in the fleet, from 1."""
        return int(self.unit_id.removeprefix("U-"))

    @property
    def call_back(self) -> str:
        """By which the crew can be called: a number of nobody, as it is inside a radio network."""
        return f"800{self.number:04}"

    def monitor(self, number: int) -> str:
        """The name of its first or second monitor."""
        return self.device_id if number == 1 else f"{self.device_id}-{number}"


class Mission(NamedTuple):
    """The places of one story: where it happens, and where its patients may be taken. ``said`` is
    where the caller says that it is."""

    scene: Spot
    said: Spot
    address: str
    near: Place
    other: Place
    clinic: Place


class City(BaseModel):
    """Everything of ``places.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Bilingual
    bounds: dict[Literal["south", "west", "north", "east"], float]
    calls_by_hour: Annotated[tuple[float, ...], Field(min_length=24, max_length=24)]
    stations: tuple[Station, ...]
    facilities: tuple[Hospital, ...]
    clinics: tuple[Place, ...]
    roads: tuple[Road, ...]

    @cached_property
    def junctions(self) -> dict[Spot, set[Spot]]:
        """Every point of a road with the points next to it."""
        found: dict[Spot, set[Spot]] = {}
        for road in self.roads:
            for a, b in pairwise(road.points):
                found.setdefault(a, set()).add(b)
                found.setdefault(b, set()).add(a)
        return found

    def vehicles(self, number: int) -> tuple[Vehicle, ...]:
        """``number`` ambulances, shared out evenly over the stations."""
        return tuple(
            Vehicle(f"U-{i + 1:04}", f"M-{i + 1:04}", self.stations[i % len(self.stations)])
            for i in range(number)
        )

    def mission(self, rng: Random, station: Station, told: Story) -> Mission:
        """The places of a story: a call some way from ``station``, or from a clinic. ``near`` is
        the nearest hospital with the centres that it needs, ``other`` the next."""
        clinic = min(self.clinics, key=lambda place: metres(place.point, station.point))
        crossings = sorted(self.junctions)
        within = [p for p in crossings if SCENE_M[0] <= metres(p, station.point) <= SCENE_M[1]]
        near = rng.choice(within or crossings)
        at_clinic = any(step.act == "walk_in" for step in told.steps)
        scene = clinic.point if at_clinic else _beside(near, rng)
        road = next(road for road in self.roads if near in road.points)
        needed = {c for person in told.patients.values() for c in person.centres}
        needed -= {Centre.EMERGENCY}
        by_distance = sorted(
            self.facilities,
            key=lambda place: (not needed <= set(place.centres), metres(place.point, scene)),
        )
        return Mission(
            scene=scene,
            said=scene if at_clinic else _said(scene),
            address=clinic.name.zh if at_clinic else f"{road.name.zh} {rng.randrange(1, 300)} 号",
            near=by_distance[0],
            other=by_distance[1],
            clinic=clinic,
        )

    def path(self, start: Spot, end: Spot) -> Path:
        """The shortest way along the roads, with straight lines to and from them."""
        source, goal = self._nearest(start), self._nearest(end)
        queue: list[tuple[float, Spot, Path]] = [(0.0, source, (source,))]
        done: set[Spot] = set()
        while queue:
            length, here, way = heapq.heappop(queue)
            if here == goal:
                return tuple(dict.fromkeys((start, *way, end)))
            if here in done:
                continue
            done.add(here)
            for there in self.junctions[here] - done:
                heapq.heappush(queue, (length + metres(here, there), there, (*way, there)))
        return (start, end)

    def _nearest(self, spot: Spot) -> Spot:
        return min(self.junctions, key=lambda junction: metres(junction, spot))


def _said(spot: Spot) -> Spot:
    """Where a caller says that this is: anywhere around it, as chance has it for this place."""
    rng = Random(f"said/{spot}")  # noqa: S311 (a simulation, not a secret)
    metres_off = SAID_M * math.sqrt(rng.random())
    angle = rng.uniform(0.0, 2 * math.pi)
    across = METRES_PER_DEGREE * math.cos(math.radians(spot[0]))
    return (
        round(spot[0] + metres_off * math.sin(angle) / METRES_PER_DEGREE, 6),
        round(spot[1] + metres_off * math.cos(angle) / across, 6),
    )


def _beside(spot: Spot, rng: Random) -> Spot:
    return (
        round(spot[0] + rng.uniform(-OFF_ROAD, OFF_ROAD), 6),
        round(spot[1] + rng.uniform(-OFF_ROAD, OFF_ROAD), 6),
    )


def metres(a: Spot, b: Spot) -> float:
    """Distance over ground; exact enough within a city."""
    east = (b[1] - a[1]) * math.cos(math.radians((a[0] + b[0]) / 2))
    return math.hypot(b[0] - a[0], east) * METRES_PER_DEGREE


@lru_cache(1024)
def _legs(path: Path) -> Sequence[float]:
    return [metres(a, b) for a, b in pairwise(path)]


def point_along(path: Sequence[Spot], part: float) -> Spot:
    """The point at ``part`` (0 to 1) of the length of ``path``."""
    legs = _legs(tuple(path))
    left = part * sum(legs)
    for (a, b), leg in zip(pairwise(path), legs, strict=True):
        if left <= leg and leg > 0:
            share = left / leg
            return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
        left -= leg
    return path[-1]


#: An ambulance in a town: metres a second (40 km/h), and how it gains and loses that.
SPEED, PICKS_UP = 11.0, 1.5


#: On a shorter way nobody is held up.
SHORT_M = 600.0


def driven(length: float, slot: float, t: float) -> float:
    """How much (0 to 1) of a way of so many metres is driven at ``t`` of ``slot`` seconds. Who has
    more time than the way takes is held up half way, or is there early where it is short; who has
    less drives faster than anyone can."""
    takes, half = takes_of(length), length / 2
    if length <= 0 or t >= slot:
        return 1.0
    if takes > slot:
        return max(0.0, t) / slot
    if length < SHORT_M:
        return _gone(length, t) / length
    waited = slot - _takes(half)
    way = _gone(half, t) if t < waited else half + _gone(half, t - waited)
    return way / length


def takes_of(length: float) -> float:
    """The least seconds that a way takes, with the stop half way of a long one."""
    return _takes(length) if length < SHORT_M else 2 * _takes(length / 2)


def there_after(length: float, slot: float) -> float:
    """After how many seconds of its slot a drive has reached its end."""
    return min(slot, takes_of(length)) if length < SHORT_M else slot


def _takes(way: float) -> float:
    """Seconds from standing to standing."""
    if way >= SPEED**2 / PICKS_UP:
        return way / SPEED + SPEED / PICKS_UP
    return 2 * math.sqrt(way / PICKS_UP)


def _gone(way: float, t: float) -> float:
    """Metres of a way from standing to standing after ``t`` seconds."""
    takes = _takes(way)
    t = min(max(t, 0.0), takes)
    gains = min(SPEED / PICKS_UP, takes / 2)
    if t <= gains:
        return PICKS_UP * t * t / 2
    if t >= takes - gains:
        return way - PICKS_UP * (takes - t) ** 2 / 2
    return PICKS_UP * gains * gains / 2 + SPEED * (t - gains)


def length_of(path: Sequence[Spot]) -> float:
    """Metres along it."""
    return sum(_legs(tuple(path)))


def waits(rng: Random, per_hour: float) -> Iterator[float]:
    """Seconds between calls, as a Poisson process makes them; the first comes at once."""
    if per_hour <= 0:
        return
    yield 1.0
    while True:
        yield rng.expovariate(per_hour / 3600)


@cache
def load() -> City:
    """Read ``places.yaml``. Raises ``pydantic.ValidationError`` when the file is wrong."""
    text = files("simulator").joinpath("places.yaml").read_text("utf-8")
    return City.model_validate(yaml.safe_load(text))
