"""What the first page knows of the city: its calls, patients and ambulances, within bounds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, TypeVar

#: How many of each are kept at most; beyond it the one heard of first goes.
MOST_ENCOUNTERS, MOST_INCIDENTS, MOST_UNITS, MOST_GONE = 4_000, 2_000, 2_000, 8_000
#: What has ended stays this long; what nobody spoke of for so long is taken for gone.
ENDED_MS, SILENT_MS = 60_000, 600_000
#: Heart rates kept for the drawing of one patient.
TRACE = 120

#: How urgent a level is; larger is more urgent, 0 while there is none.
URGENCY = {"critical": 4, "severe": 3, "urgent": 2, "non_urgent": 1, "not_yet": 0}


@dataclass(slots=True)
class Kept:
    """Something kept under the key of its records, and when we last heard of it."""

    key: str
    touched: float


K = TypeVar("K", bound=Kept)


@dataclass(slots=True)
class Incident(Kept):
    """One call with the first unit sent to it. ``stamps`` holds the first time of each status."""

    accepted: float | None = None
    place: tuple[float, float] | None = None
    address: str | None = None
    encounters: tuple[str, ...] = ()
    unit: str | None = None
    leg: str | None = None
    stamps: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Encounter(Kept):
    """One patient. ``stamps`` holds when it was reached, boarded, acknowledged and so on."""

    incident: str | None = None
    patient: dict[str, Any] | None = None
    unit: str | None = None
    facility: str | None = None
    stamps: dict[str, float] = field(default_factory=dict)
    boarding_known: float | None = None
    admission_number: str | None = None
    admission_seen: float | None = None
    acknowledged_by: str | None = None
    #: When a human there last acted on the record, and when it was last late that nobody had.
    seen_at: float = 0.0
    late_at: float = 0.0
    level: str = "not_yet"
    trend: str = "same"
    reasons: tuple[dict[str, Any], ...] = ()
    rose: tuple[str, float] | None = None
    #: By centre topic: the newest record as bytes until looked at, and when the first came.
    told: dict[str, bytes] = field(default_factory=dict)
    listed: dict[str, float] = field(default_factory=dict)
    card: dict[str, Any] | None = None
    vitals: dict[str, tuple[Any, float]] = field(default_factory=dict)
    trace: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=TRACE))

    @property
    def admitted_after_ms(self) -> float | None:
        """From the boarding being known to the admission being read here."""
        if self.admission_seen is None or self.boarding_known is None:
            return None
        return max(0.0, self.admission_seen - self.boarding_known)

    @property
    def is_asked_again(self) -> bool:
        """Whether who has acknowledged has to look once more: the level rose since, or it is late.
        The patient's arrival asks nobody any more."""
        if "acknowledged" not in self.stamps or "arrived" in self.stamps:
            return False
        return self.seen_at < max(self.rose[1] if self.rose else 0.0, self.late_at)

    @property
    def over(self) -> float | None:
        """When care was handed over or the encounter ended."""
        return self.stamps.get("transferred") or self.stamps.get("ended")


@dataclass(slots=True)
class Unit(Kept):
    """An ambulance: its mission and its last fix (bytes until looked at)."""

    incident: str | None = None
    status: str = "available"
    status_at: float = 0
    fix: bytes | None = None
    place: tuple[float, float] | None = None
    fixed_at: float | None = None


class Stage:
    """Everything the page may show. ``spotlight`` names the patients whose vitals are read."""

    def __init__(self) -> None:
        self.incidents: dict[str, Incident] = {}
        self.encounters: dict[str, Encounter] = {}
        self.units: dict[str, Unit] = {}
        #: When GPS saw a leg depart, by leg: it may be known before the leg is.
        self.departed_by_gps: dict[str, float] = {}
        #: Decisions nobody has looked at yet: only the newest of each patient.
        self.undecoded: dict[str, bytes] = {}
        self.spotlight: frozenset[str] = frozenset()
        self.featured: str | None = None
        self.as_of: float | None = None
        self._gone: dict[str, None] = {}

    def incident(self, key: str, at: float) -> Incident:
        """The incident of this key, made when this is the first we hear of it."""
        return self._kept(self.incidents, Incident, MOST_INCIDENTS, key, at)

    def encounter(self, key: str, at: float) -> Encounter:
        """The encounter of this key. Raises ``KeyError`` when it is over and forgotten."""
        return self._kept(self.encounters, Encounter, MOST_ENCOUNTERS, key, at)

    def unit(self, key: str, at: float) -> Unit:
        """The unit of this key."""
        return self._kept(self.units, Unit, MOST_UNITS, key, at)

    def _kept(self, kept: dict[str, K], kind: type[K], most: int, key: str, at: float) -> K:
        found = kept.get(key)
        if found is None:
            if key in self._gone:
                raise KeyError(key)
            _make_room(kept, most)
            found = kept[key] = kind(key, at)
        found.touched = at
        return found

    def departure_seen(self, leg: str, at: float) -> None:
        """Keep the first time GPS saw this leg depart."""
        if leg not in self.departed_by_gps:
            _make_room(self.departed_by_gps, MOST_INCIDENTS)
            self.departed_by_gps[leg] = at

    def over(self, incident: Incident) -> float | None:
        """When the last patient of the call was handed over or had an outcome."""
        ends = [self._end_of(key) for key in incident.encounters]
        known = [at for at in ends if at is not None]
        return max(known) if known and len(known) == len(ends) else None

    def _end_of(self, key: str) -> float | None:
        encounter = self.encounters.get(key)
        return encounter.over if encounter else 0.0 if key in self._gone else None

    def forget(self, now: float) -> None:
        """Let go of what ended a minute ago and of what fell silent."""
        for incident in list(self.incidents.values()):
            if _is_over(self.over(incident), incident.touched, now):
                self._let_go(self.incidents, incident.key)
        for encounter in list(self.encounters.values()):
            if _is_over(encounter.over, encounter.touched, now):
                self._let_go(self.encounters, encounter.key)
                self.undecoded.pop(encounter.key, None)
        for unit in list(self.units.values()):
            if now - unit.touched > SILENT_MS:
                del self.units[unit.key]

    def _let_go(self, kept: dict[str, K], key: str) -> None:
        del kept[key]
        _make_room(self._gone, MOST_GONE)
        self._gone[key] = None


def _make_room(kept: dict[str, Any], most: int) -> None:
    if len(kept) >= most:
        del kept[next(iter(kept))]


def _is_over(ended: float | None, touched: float, now: float) -> bool:
    return now - touched > SILENT_MS or (ended is not None and now - ended > ENDED_MS)
