"""The cases that clinicians read, run through triage.

A case is a list of events in short form and the last decision as it must be. ``at`` is the second
at which something happened (default: one after the event before), ``learned`` when it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from schemas.clinical import (
    ExaminationDone,
    FindingRecorded,
    LevelOverridden,
    ObservationReattributed,
    ObservationRetracted,
    Shown,
    TreatmentGiven,
    VitalSigns,
    VitalSignsRecorded,
)
from schemas.encounter import (
    Age,
    Complaint,
    EncounterEnded,
    EncounterOpened,
    EncounterUpdated,
    Outcome,
    Patient,
)
from schemas.event import Event
from schemas.triage import Activation, Centre, DirectTo, TriageDecided, TriageLevel
from services.triage.app import load_protocols
from services.triage.decide import GCS_PARTS, step
from services.triage.protocol import Indicator

FOLDER = Path(__file__).parents[1] / "cases"
PROTOCOLS = load_protocols()
BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
#: How finely each value is read off: the two sides of an edge are so far apart.
FINENESS = {"temperature": 0.1, "blood_glucose": 0.01}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KnownPatient(Strict):
    age: float | None = None
    born: float | None = Field(None, description="the second of birth")
    pregnant: bool = False
    postpartum_days: int | None = None
    complaint: Complaint = Complaint.UNKNOWN

    def patient(self) -> Patient:
        return Patient(
            age=None if self.age is None else Age(years=self.age),
            birth_time=None if self.born is None else BEGIN + timedelta(seconds=self.born),
            pregnant="yes" if self.pregnant else "unknown",
            postpartum_days=self.postpartum_days,
            complaint=self.complaint,
        )


class Happening(Strict):
    """One event in short form: exactly one of the fields besides the two times."""

    at: float | None = None
    learned: float | None = None
    opened: KnownPatient | None = None
    updated: KnownPatient | None = None
    reading: dict[str, Any] | None = None
    streamed: dict[str, Any] | None = None
    finding: dict[str, bool] | None = None
    ecg: tuple[Shown, ...] | None = None
    fast: tuple[Shown, ...] | None = None
    retracted: dict[str, int] | None = Field(None, description="the number of what is taken back")
    reattributed: tuple[float, float] | None = Field(None, description="from and until")
    level: str | None = Field(None, description="set by the crew")
    treatment: dict[str, str] | None = None
    ended: Outcome | None = None

    def event(self, number: int, at: float) -> Event:
        ((kind, said),) = [
            (name, value)
            for name, value in self
            if value is not None and name not in {"at", "learned"}
        ]
        common = {
            "event_id": f"event-{number}",
            "encounter_id": "E-case",
            "occurred_at": BEGIN + timedelta(seconds=at),
        }
        event: Event = _MADE[kind](common, said)
        return event


def _vitals(common: Mapping[str, Any], method: str, said: Mapping[str, Any]) -> Event:
    assert set(said) <= set(VitalSigns.model_fields), said
    return VitalSignsRecorded.model_validate({**common, "method": method, "vitals": said})


def _finding(common: Mapping[str, Any], said: Mapping[str, bool]) -> Event:
    ((name, present),) = said.items()
    return FindingRecorded.model_validate({**common, "finding": name, "present": present})


def _treatment(common: Mapping[str, Any], said: Mapping[str, str]) -> Event:
    ((name, dose),) = said.items()
    amount, unit = dose.split()
    given = {"treatment": name, "dose": float(amount), "unit": unit}
    return TreatmentGiven.model_validate({**common, **given})


def _retraction(common: Mapping[str, Any], said: Mapping[str, int]) -> Event:
    ((kind, number),) = said.items()
    told = {"observation": kind, "observation_id": f"event-{number}", "retracted_by": "crew-1"}
    return ObservationRetracted.model_validate({**common, **told, "reason": "wrong_patient"})


def _reattribution(common: Mapping[str, Any], said: tuple[float, float]) -> Event:
    since, until = (BEGIN + timedelta(seconds=second) for second in said)
    return ObservationReattributed(
        **common, device_id="M-1", since=since, until=until, reported_by="crew-1"
    )


_MADE: Mapping[str, Any] = {
    "opened": lambda common, said: EncounterOpened(**common, patient=said.patient()),
    "updated": lambda common, said: EncounterUpdated(**common, patient=said.patient()),
    "reading": lambda common, said: _vitals(common, "reading", said),
    "streamed": lambda common, said: _vitals(common, "streamed", said),
    "finding": _finding,
    "ecg": lambda common, said: ExaminationDone(**common, examination="ecg_12_lead", shows=said),
    "fast": lambda common, said: ExaminationDone(
        **common, examination="ultrasound_fast", shows=said
    ),
    "retracted": _retraction,
    "reattributed": _reattribution,
    "level": lambda common, said: LevelOverridden(
        **common, level=said, reason="examined", overridden_by="crew-1", role="crew"
    ),
    "treatment": _treatment,
    "ended": lambda common, said: EncounterEnded(**common, outcome=said),
}


class Expected(Strict):
    """What the last decision must say; what is not named is not looked at."""

    worst: TriageLevel | None = None
    current: TriageLevel | None = None
    reasons: tuple[str, ...] | None = Field(None, description="ids of rules, most urgent first")
    missing: tuple[str, ...] | None = None
    centres: dict[Centre, Activation] | None = None
    direct_to: dict[Centre, DirectTo] | None = None
    override: TriageLevel | None = None
    asks: tuple[str, ...] | None = Field(None, description="the questions in English")
    trend: Literal["worse", "same", "better"] | None = None
    protocol: str | None = None
    decisions: int | None = Field(None, description="how many went out")


class Case(Strict):
    name: str
    input: tuple[Happening, ...] = Field(min_length=1)
    output: Expected


def cases() -> Iterator[Case]:
    for file in sorted(FOLDER.glob("*/*.yaml")):
        for told in yaml.safe_load(file.read_text("utf-8")):
            yield Case.model_validate(told)


CASES = list(cases())


def decided(case: Case) -> list[TriageDecided]:
    picture, decisions, last = None, list[TriageDecided](), -1.0
    for number, happening in enumerate(case.input):
        at = last + 1 if happening.at is None else happening.at
        last = at if happening.learned is None else happening.learned
        event, now = happening.event(number, at), BEGIN + timedelta(seconds=last)
        picture, out = step(picture, "E-case", event, now, PROTOCOLS)
        decisions += out
    return decisions


def said(decisions: list[TriageDecided]) -> dict[str, Any]:
    last = decisions[-1]
    return {
        "worst": last.worst,
        "current": last.current,
        "reasons": tuple(reason.rule for reason in last.reasons),
        "missing": last.missing,
        "centres": {c.centre: c.activation for c in last.centres},
        "direct_to": {c.centre: c.direct_to for c in last.centres if c.direct_to},
        "override": last.override.level if last.override else None,
        "asks": tuple(question.en for question in last.questions),
        "trend": last.trend,
        "protocol": last.protocol.protocol if last.protocol else "none",
        "decisions": len(decisions),
    }


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_case(case: Case) -> None:
    decisions = decided(case)
    assert decisions, "no decision went out"
    told = said(decisions)
    expected = {name: value for name, value in case.output if value is not None}
    assert {name: told[name] for name in expected} == expected


def test_no_two_cases_have_the_same_name() -> None:
    names = [case.name for case in CASES]
    assert sorted(names) == sorted(set(names))


def single_values(name: str) -> set[float]:
    """The values of an indicator that some case takes as a reading."""
    found = set[float]()
    for case in CASES:
        for happening in case.input:
            reading = happening.reading or {}
            taken = [reading.get(part) for part in (GCS_PARTS if name == "gcs" else (name,))]
            numbers = [v for v in taken if isinstance(v, int | float)]
            if len(numbers) == len(taken):
                found.add(round(sum(numbers), 3))
    return found


def edges() -> Iterator[tuple[str, Indicator, float]]:
    for protocol in (p for p in PROTOCOLS.all if p.protocol == "adult"):
        for name, indicator in protocol.indicators.items():
            for band in indicator.bands[:-1]:
                end = band.through if band.below is None else band.below
                assert end is not None
                yield name, indicator, end


@pytest.mark.parametrize(
    ("name", "indicator", "end"),
    [pytest.param(*edge, id=f"{edge[0]} {edge[2]}") for edge in edges()],
)
def test_every_edge_has_a_case_on_both_sides(name: str, indicator: Indicator, end: float) -> None:
    values, fine = single_values(name), FINENESS.get(name, 1)
    near = {v for v in (end - fine, end, end + fine) if round(v, 3) in values}
    assert end in near
    assert len({indicator.level(v)[1] for v in near}) >= 2
