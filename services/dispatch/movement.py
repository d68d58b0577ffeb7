"""Whether a unit stands or moves, as its GPS fixes show it.

A fix may be metres wrong, and of two in a row one may be missing: so nothing is believed of a
single fix that says only where it is. A speed is believed sooner than a place: a receiver that
stands measures a speed of nothing, wherever it thinks it is.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple, Protocol

from schemas.event import Value

#: None of these is a clinical number; decision 0025 tells what they were tried on.
#: A unit moves that is so far from where it stood, or so fast, in two fixes.
AWAY_M, FAST_KMH = 50.0, 8.0
#: One fix is enough that is so fast and so far away: a receiver that stands may think itself
#: elsewhere, or moving, and not both.
CLEARLY_KMH, BESIDE_M = 20.0, 25.0
#: Slower than this it stands.
STILL_KMH = 3.0
#: Where no speed is told, the second of the two is farther by so much, or both are this far.
FARTHER_M, FAR_M = 20.0, 150.0
#: A fix may be wrong by its radius so many times over.
WRONG = 2.0
#: It stands where all fixes of so many seconds lie so near to each other.
TOGETHER_M, TOGETHER_S = 45.0, 10.0
#: So many fixes in a row beside its place of rest, and not getting farther, are another one.
ELSEWHERE = 12
#: A place of rest is known from its latest fixes, about so many.
LATEST = 60
EARTH_M = 6_371_008.8


class OnEarth(Protocol):
    """Anything that has a place, in WGS-84 degrees."""

    @property
    def latitude(self) -> float:
        """Degrees north."""

    @property
    def longitude(self) -> float:
        """Degrees east."""


def metres(a: OnEarth, b: OnEarth) -> float:
    """Great-circle distance (haversine)."""
    lat_a, lat_b = radians(a.latitude), radians(b.latitude)
    half_lat, half_lon = (lat_b - lat_a) / 2, radians(b.longitude - a.longitude) / 2
    h = sin(half_lat) ** 2 + cos(lat_a) * cos(lat_b) * sin(half_lon) ** 2
    return 2 * EARTH_M * asin(sqrt(h))


class Fix(NamedTuple):
    """Where a unit was at a moment. Unknown is None: a speed of 0 is a speed."""

    at: datetime
    latitude: float
    longitude: float
    accuracy_m: float | None = None
    speed_kmh: float | None = None

    @property
    def is_fast(self) -> bool:
        """Whether it says that the unit moves."""
        return self.speed_kmh is not None and self.speed_kmh > FAST_KMH

    @property
    def is_still(self) -> bool:
        """Whether it says that the unit stands."""
        return self.speed_kmh is not None and self.speed_kmh <= STILL_KMH


class Rest(NamedTuple):
    """Where a unit stands: the mean of its fixes, since the first and until the last of them."""

    latitude: float
    longitude: float
    fixes: int
    since: datetime
    until: datetime

    def with_(self, fix: Fix) -> Rest:
        """The same with one more fix."""
        fixes = min(self.fixes + 1, LATEST)
        return Rest(
            self.latitude + (fix.latitude - self.latitude) / fixes,
            self.longitude + (fix.longitude - self.longitude) / fixes,
            fixes,
            self.since,
            fix.at,
        )


class Motion(Value):
    """A unit as its fixes show it. ``rest`` is where it stands, or stood before it began to move;
    ``began`` when it began. ``recent`` are the fixes, oldest first, that may be a beginning: of
    movement while it stands, of rest while it moves."""

    rest: Rest | None = None
    began: datetime | None = None
    recent: tuple[Fix, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether it is on the road."""
        return self.began is not None

    @property
    def stands_since(self) -> datetime | None:
        """Since when it stands, if it does."""
        return self.rest.since if self.rest and not self.moves else None


def see(motion: Motion, fix: Fix) -> Motion:
    """Take in a fix. One that is told twice, or is older than what is known, changes nothing."""
    if fix.at in (known.at for known in motion.recent):
        return motion
    return _see_it_stop(motion, fix) if motion.moves else _see_it_begin(motion, fix)


def _see_it_begin(motion: Motion, fix: Fix) -> Motion:
    rest = motion.rest
    if rest is None:
        if not fix.is_fast:
            return _motion(_stands((fix,)))
    elif fix.at <= rest.until:
        return motion
    elif not (fix.is_fast or _is_away(fix, rest)):
        return _motion(rest.with_(fix))
    recent = tuple(sorted((*motion.recent, fix)))
    if _has_begun(recent, rest):
        return _motion(rest, _since(recent, rest), (recent[-1],))
    if len(recent) >= ELSEWHERE:
        return _motion(_stands(recent))
    return _motion(rest, recent=recent)


def _is_away(fix: Fix, rest: Rest) -> bool:
    away = metres(rest, fix)
    return away > (FAR_M if fix.is_still else max(AWAY_M, WRONG * (fix.accuracy_m or 0.0)))


def _has_begun(recent: tuple[Fix, ...], rest: Rest | None) -> bool:
    """Whether the last of these fixes, each of which may be of movement, leave no doubt."""
    last = recent[-1]
    if rest is not None and (last.speed_kmh or 0.0) > CLEARLY_KMH and metres(rest, last) > BESIDE_M:
        return True
    return any(_goes_on(a, b, rest) for a, b in pairwise(recent[-3:]))


def _goes_on(one: Fix, next_one: Fix, rest: Rest | None) -> bool:
    if one.is_fast or next_one.is_fast:
        return one.is_fast and next_one.is_fast
    if rest is None:
        return False
    from_rest, farther = metres(rest, one), metres(rest, next_one)
    return farther >= from_rest + FARTHER_M or min(from_rest, farther) > FAR_M


def _since(recent: tuple[Fix, ...], rest: Rest | None) -> datetime:
    """When it began: at its first fix that shows so. Of places alone the first is far away already:
    as much before it as the way there took at the pace of the next, and not before it was last
    seen to stand."""
    first, last = recent[0], recent[-1]
    if rest is None or first.is_fast or last.is_fast:
        return first.at
    gone, farther = metres(rest, first), metres(rest, last)
    if farther <= gone:
        return first.at
    return max(rest.until, first.at - (last.at - first.at) * (gone / (farther - gone)))


def _see_it_stop(motion: Motion, fix: Fix) -> Motion:
    if motion.recent and fix.at < motion.recent[-1].at:
        return motion
    if fix.speed_kmh is not None:
        known = [each for each in motion.recent if each.is_still]
        recent = (*known, fix)[-2:] if fix.is_still else (fix,)
        stands = len(recent) == 2
    else:
        near = [each for each in motion.recent if metres(each, fix) <= TOGETHER_M]
        recent = (*near, fix)
        stands = (fix.at - recent[0].at).total_seconds() >= TOGETHER_S
    if stands:
        return _motion(_stands(recent))
    return _motion(motion.rest, motion.began, recent)


def _motion(
    rest: Rest | None, began: datetime | None = None, recent: tuple[Fix, ...] = ()
) -> Motion:
    """Of what was seen here, and need not be checked."""
    return Motion.made(rest=rest, began=began, recent=recent)


def _stands(fixes: tuple[Fix, ...]) -> Rest:
    first, *others = sorted(fixes)
    rest = Rest(first.latitude, first.longitude, 1, first.at, first.at)
    for each in others:
        rest = rest.with_(each)
    return rest
