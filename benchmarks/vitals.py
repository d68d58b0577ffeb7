"""The records that are measured with: live encounters whose monitors say something each second.

Most samples wander within a band and change nothing. A few patients lie at the edge of one, and
some become worse and better again. The same seed and the same beginning make the same records.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from schemas.clinical import VitalSigns, VitalSignsRecorded
from schemas.encounter import Age, Complaint, EncounterOpened, Patient
from schemas.event import Event

#: Of a hundred encounters so many lie at an edge, and so many become worse.
AT_AN_EDGE, WORSENING = 5, 8
#: A cuff is inflated once in so many seconds.
CUFF_S = 120
#: From measuring to the broker.
ON_THE_WAY = timedelta(milliseconds=200)


class Stored(NamedTuple):
    """An event, and when the broker appended it."""

    event: Event
    at: datetime


@dataclass(frozen=True)
class Load:
    """So many encounters, each with one record a second for so many seconds."""

    encounters: int
    seconds: int
    begin: datetime
    seed: int = 1
    #: The second in which crews measure by hand; else each has its own.
    met: int | None = None

    @property
    def vitals(self) -> int:
        """How many records ``vitals`` gives: one more each, at the end."""
        return self.encounters * (self.seconds + 1)


class _Rest(NamedTuple):
    """What a patient shows at rest."""

    heart_rate: int
    respiratory_rate: int
    spo2: int
    systolic_bp: int


class _Wearer:
    """One patient with a monitor."""

    def __init__(self, load: Load, place: int, random: Random) -> None:
        self._random, self._device = random, f"M-{place:05}"
        self.encounter_id = f"E-{random.getrandbits(48):012x}"
        self.patient, self._rest = _somebody(random)
        kind = random.randrange(100)
        if kind < AT_AN_EDGE:
            self._rest = self._rest._replace(spo2=94)
        is_worsening = AT_AN_EDGE <= kind < AT_AN_EDGE + WORSENING
        begins = random.uniform(0.2, 0.6) * load.seconds
        self._episode = (begins, begins + 0.3 * load.seconds) if is_worsening else (0.0, 0.0)
        self._cuff = random.randrange(CUFF_S)
        own = random.randrange(1, load.seconds // 4 + 2)
        self._met = own if load.met is None else load.met
        self._drift = [0, 0, 0, 0]

    def says(self, second: int, at: datetime) -> VitalSignsRecorded:
        shown = self._shown(second)
        if second == self._met:
            return self._recorded(at, self._first_look(shown), is_streamed=False)
        vitals: dict[str, object] = {
            "heart_rate": float(shown.heart_rate),
            "respiratory_rate": float(shown.respiratory_rate),
            "spo2": float(min(shown.spo2, 100)),
        }
        if second % CUFF_S == self._cuff:
            vitals["systolic_bp"] = float(shown.systolic_bp)
            vitals["diastolic_bp"] = float(round(shown.systolic_bp * 0.62))
        return self._recorded(at, vitals, is_streamed=True)

    def takes_leave(self, at: datetime) -> VitalSignsRecorded:
        """The last that is measured, by hand: a decision follows at once."""
        return self._recorded(at, {"temperature": 36.8}, is_streamed=False)

    def _first_look(self, shown: _Rest) -> dict[str, object]:
        """What a crew measures and no monitor streams."""
        return {
            "consciousness": "A",
            "on_oxygen": False,
            "temperature": 36.7,
            "systolic_bp": float(shown.systolic_bp),
            "diastolic_bp": float(round(shown.systolic_bp * 0.62)),
        }

    def _recorded(
        self, at: datetime, vitals: dict[str, object], *, is_streamed: bool
    ) -> VitalSignsRecorded:
        return VitalSignsRecorded(
            event_id=_id(self._random),
            occurred_at=at - ON_THE_WAY,
            encounter_id=self.encounter_id,
            method="streamed" if is_streamed else "reading",
            vitals=VitalSigns.model_validate(vitals),
            device_id=self._device if is_streamed else None,
        )

    def _shown(self, second: int) -> _Rest:
        """The values wander by a little, and come back."""
        widths = (3, 1, 1, 6)
        for n, width in enumerate(widths):
            drift = self._drift[n] + self._random.choice((-1, 0, 0, 0, 1))
            self._drift[n] = max(-width, min(width, drift))
        wandering = _Rest(
            *(rest + drift for rest, drift in zip(self._rest, self._drift, strict=True))
        )
        begins, ends = self._episode
        if not begins <= second < ends:
            return wandering
        return wandering._replace(
            heart_rate=wandering.heart_rate + 45, spo2=wandering.spo2 - 8,
            respiratory_rate=wandering.respiratory_rate + 10,
        )  # fmt: skip


def openings(load: Load) -> list[Stored]:
    """Every encounter is opened before the first sample."""
    at = load.begin - timedelta(seconds=5)
    random = Random(load.seed + 1)  # noqa: S311 - nothing secret
    return [
        Stored(
            EncounterOpened(
                event_id=_id(random), occurred_at=at, recorded_at=at, incident_id="I-1",
                encounter_id=wearer.encounter_id, patient=wearer.patient,
            ),
            at + timedelta(milliseconds=n * 1000 // load.encounters),
        )
        for n, wearer in enumerate(_wearers(load))
    ]  # fmt: skip


def vitals(load: Load) -> Iterator[Stored]:
    """The samples in the order of time, each crew's first look, and at the end one more reading, so
    that the last record of an encounter is told of by a decision."""
    wearers = _wearers(load)
    for second in range(load.seconds + 1):
        for n, wearer in enumerate(wearers):
            at = load.begin + timedelta(seconds=second, milliseconds=n * 1000 // load.encounters)
            ends = second == load.seconds
            yield Stored(wearer.takes_leave(at) if ends else wearer.says(second, at), at)


def _wearers(load: Load) -> list[_Wearer]:
    random = Random(load.seed)  # noqa: S311 - nothing secret
    return [
        _Wearer(load, n, Random(random.getrandbits(64)))  # noqa: S311
        for n in range(load.encounters)
    ]


def _somebody(random: Random) -> tuple[Patient, _Rest]:
    """Of a hundred ten are children and five are with child."""
    kind = random.randrange(100)
    complaint = random.choice((Complaint.UNKNOWN, Complaint.OTHER, Complaint.ABDOMINAL_PAIN,
                               Complaint.CHEST_PAIN, Complaint.DIZZINESS))  # fmt: skip
    if kind < 10:
        years = float(random.randrange(3, 13))
        child = Patient(age=Age(years=years), complaint=Complaint.FEVER)
        return child, _Rest(132 - round(years * 4), 24 - round(years / 2), 98, 96 + round(years))
    if kind < 15:
        mother = Patient(
            age=Age(years=float(random.randrange(20, 40))), sex="female", pregnant="yes",
            gestation_weeks=float(random.randrange(24, 40)), complaint=Complaint.OBSTETRIC,
        )  # fmt: skip
        return mother, _Rest(random.randrange(82, 87), 17, 98, 118)
    adult = Patient(
        age=Age(years=float(random.randrange(18, 95))), sex=random.choice(("female", "male")),
        complaint=complaint,
    )  # fmt: skip
    rest = _Rest(random.randrange(60, 96), random.randrange(12, 19), random.randrange(97, 99), 126)
    return adult, rest


def _id(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))
