"""The fixes that are measured with: ambulances of a province, each saying where it is every five
seconds. The same seed and the same beginning make the same ones.

Most stand, and their receivers wander a little. Some drive about with no order. Some are on a
dispatch: they leave, drive to their patient, and stand there.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cos, radians, sin, tau
from random import Random
from typing import NamedTuple

from benchmarks.vitals import ON_THE_WAY
from schemas.event import Event
from schemas.incident import Point
from schemas.unit import PositionReported, UnitAssigned
from services.dispatch.progress import see
from services.dispatch.track import Region, Track, order

#: Of a hundred units so many are on a dispatch, and so many drive about.
ON_DISPATCH, ABOUT = 10, 15
EVERY_S = 5
#: How far a receiver is wrong in each direction, in metres (standard deviation).
NOISE_M = 5.0
#: They stand around here, within so many degrees.
CENTRE, WIDE = (34.2, 117.2), 0.5
DEGREE_M = 111_195.0
#: A unit is told so long before the first fix of all.
TOLD = timedelta(seconds=5)


class Said(NamedTuple):
    """A fix, and when it is sent."""

    event: PositionReported
    at: datetime


@dataclass(frozen=True)
class Fleet:
    """So many units, heard of for so many seconds."""

    units: int
    seconds: int
    begin: datetime
    seed: int = 1

    @property
    def fixes(self) -> int:
        """How many ``fixes`` gives."""
        return self.units * (self.seconds // EVERY_S)


class _Vehicle:
    """One ambulance and its way."""

    def __init__(self, fleet: Fleet, number: int, random: Random) -> None:
        self._random, self.unit_id = random, f"U-{number:05}"
        kind = random.randrange(100)
        self.is_told = kind < ON_DISPATCH
        moves = kind < ON_DISPATCH + ABOUT
        lat, lon = (middle + random.uniform(-WIDE, WIDE) for middle in CENTRE)
        self._home = Point(latitude=lat, longitude=lon)
        self._heading = random.uniform(0, tau)
        self._kmh = random.uniform(30, 60) if moves else 0.0
        self._leaves = random.uniform(2, 0.7 * fleet.seconds) if self.is_told else 0.0
        far = random.uniform(400, 1_500)
        self._ends = self._leaves + (far / self._kmh * 3.6 if self.is_told else fleet.seconds)
        self._offset = random.uniform(0, EVERY_S)

    def order(self, at: datetime) -> UnitAssigned:
        return UnitAssigned(
            event_id=_id(self._random),
            occurred_at=at,
            unit_id=self.unit_id,
            leg_id=f"L-{self.unit_id}",
            incident_id=f"I-{self.unit_id}",
            station=self._home,
            scene=self._at(self._ends),
        )

    def says(self, begin: datetime, turn: int) -> Said:
        second = turn * EVERY_S + self._offset
        place, drives = self._at(second), self._leaves < second < self._ends and self._kmh
        lat, lon = (self._random.gauss(0, NOISE_M) / DEGREE_M for _ in range(2))
        at = begin + timedelta(seconds=second)
        speed = abs(self._random.gauss(self._kmh if drives else 0.0, 0.7))
        return Said(
            PositionReported(
                event_id=_id(self._random),
                occurred_at=at - ON_THE_WAY,
                unit_id=self.unit_id,
                latitude=round(place.latitude + lat, 6),
                longitude=round(place.longitude + lon, 6),
                speed_kmh=round(speed, 1),
                accuracy_m=2 * NOISE_M,
            ),
            at,
        )

    def _at(self, second: float) -> Point:
        gone = max(0.0, min(second, self._ends) - self._leaves) * self._kmh / 3.6 / DEGREE_M
        home, shrink = self._home, cos(radians(self._home.latitude))
        return Point(
            latitude=home.latitude + gone * sin(self._heading),
            longitude=home.longitude + gone * cos(self._heading) / shrink,
        )


def orders(fleet: Fleet) -> Sequence[UnitAssigned]:
    """What the units that are on a dispatch were told, before the first fix."""
    at = fleet.begin - TOLD
    return [vehicle.order(at) for vehicle in _vehicles(fleet) if vehicle.is_told]


def fixes(fleet: Fleet) -> Iterator[Said]:
    """All fixes in the order of time."""
    vehicles = _vehicles(fleet)
    for turn in range(fleet.seconds // EVERY_S):
        yield from sorted(
            (vehicle.says(fleet.begin, turn) for vehicle in vehicles), key=lambda said: said.at
        )


def shown(
    told: Iterable[UnitAssigned], said: Iterable[Said], region: Region
) -> Iterator[tuple[str, Event]]:
    """What the fixes show, one by one, in one process with nothing around it: the id of a fix, and
    what is told because of it."""
    tracks = {each.unit_id: order(Track(unit_id=each.unit_id), each) for each in told}
    for fix, _ in said:
        track = tracks.get(fix.unit_id) or Track(unit_id=fix.unit_id)
        tracks[fix.unit_id], events = see(track, fix, region)
        for event in events:
            yield fix.event_id, event


def _vehicles(fleet: Fleet) -> list[_Vehicle]:
    random = Random(fleet.seed)  # noqa: S311 - nothing secret
    return [
        _Vehicle(fleet, number, Random(random.getrandbits(64)))  # noqa: S311
        for number in range(fleet.units)
    ]


def _id(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))
