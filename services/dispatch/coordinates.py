"""Coordinates of Chinese maps as those of the earth: WGS-84 within, whatever a sender has.

Maps in China are drawn in GCJ-02, which shifts every place by some hundred metres, and those of one
publisher in BD-09, which shifts that again. A dispatcher who reads a place off such a map sends an
ambulance half a kilometre wide of it, unless the system it is in is said and undone.
"""

from __future__ import annotations

from collections.abc import Callable
from math import atan2, cos, hypot, pi, radians, sin, sqrt
from typing import NamedTuple

from schemas.incident import MapSystem

#: The ellipsoid of Krassowsky, by which GCJ-02 shifts: its half axis in metres, and its
#: eccentricity squared.
AXIS_M = 6_378_245.0
ECCENTRICITY2 = 0.006_693_421_622_965_943
#: GCJ-02 shifts within this box, and nothing beyond it: degrees west, east, south, north.
WEST, EAST, SOUTH, NORTH = 72.004, 137.8347, 0.8293, 55.8271
#: So near, in degrees (a millimetre), the way back comes.
NEAR, TRIES = 1e-8, 30
#: BD-09 turns and lengthens by waves of so many a degree, and moves by so many degrees.
WAVES = pi * 3000.0 / 180.0
MOVED_LON, MOVED_LAT = 0.0065, 0.006


class Place(NamedTuple):
    """Degrees north and east."""

    latitude: float
    longitude: float


def to_wgs84(place: Place, system: MapSystem) -> Place:
    """Where on the earth a place of a map is."""
    if system == "WGS-84":
        return place
    shifted = from_bd09(place) if system == "BD-09" else place
    return _undone(gcj02, shifted)


def from_wgs84(place: Place, system: MapSystem) -> Place:
    """Where on a map a place of the earth is."""
    if system == "WGS-84":
        return place
    shifted = gcj02(place)
    return bd09(shifted) if system == "BD-09" else shifted


def gcj02(place: Place) -> Place:
    """A place of the earth as GCJ-02 shifts it."""
    latitude, longitude = place
    if not (WEST <= longitude <= EAST and SOUTH <= latitude <= NORTH):
        return place
    north, east = _shift_m(longitude - 105.0, latitude - 35.0)
    squared = 1 - ECCENTRICITY2 * sin(radians(latitude)) ** 2
    along = AXIS_M * (1 - ECCENTRICITY2) / (squared * sqrt(squared)) * pi / 180.0
    across = AXIS_M / sqrt(squared) * cos(radians(latitude)) * pi / 180.0
    return Place(latitude + north / along, longitude + east / across)


def bd09(place: Place) -> Place:
    """A place of GCJ-02 as BD-09 shifts it."""
    latitude, longitude = place
    length = hypot(longitude, latitude) + 0.00002 * sin(latitude * WAVES)
    angle = atan2(latitude, longitude) + 0.000003 * cos(longitude * WAVES)
    return Place(length * sin(angle) + MOVED_LAT, length * cos(angle) + MOVED_LON)


def from_bd09(place: Place) -> Place:
    """A place of BD-09 in GCJ-02."""
    return _undone(bd09, place)


def _shift_m(x: float, y: float) -> tuple[float, float]:
    """How many metres north and east a place is shifted, that lies so many degrees from 105 east,
    35 north."""
    both = 20.0 * (sin(6 * pi * x) + sin(2 * pi * x))
    north = (
        -100.0 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x))
        + (both + 20 * sin(pi * y) + 40 * sin(pi * y / 3)
           + 160 * sin(pi * y / 12) + 320 * sin(pi * y / 30)) * 2 / 3
    )  # fmt: skip
    east = (
        300.0 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x))
        + (both + 20 * sin(pi * x) + 40 * sin(pi * x / 3)
           + 150 * sin(pi * x / 12) + 300 * sin(pi * x / 30)) * 2 / 3
    )  # fmt: skip
    return north, east


def _undone(shift: Callable[[Place], Place], wanted: Place) -> Place:
    """The place that is shifted to ``wanted``: the shift is nearly the same nearby."""
    found = wanted
    for _ in range(TRIES):
        there = shift(found)
        north, east = wanted.latitude - there.latitude, wanted.longitude - there.longitude
        found = Place(found.latitude + north, found.longitude + east)
        if abs(north) < NEAR and abs(east) < NEAR:
            break
    return found
