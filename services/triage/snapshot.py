"""One patient as a single line says it (``picture.v1``), and the decision on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from schemas.clinical import (
    SCALES,
    ExaminationDone,
    FindingCode,
    FindingRecorded,
    Invalid,
    ScaleScored,
    Shown,
    VitalSigns,
    VitalSignsRecorded,
)
from schemas.encounter import Age, Complaint, EncounterOpened, Origin, Patient
from schemas.event import Event, Identifier, Moment, Text, Value
from schemas.triage import TriageDecided
from services.triage.decide import step
from services.triage.rulebook import Rulebook

_DAYS = {"years": 365.25, "months": 365.25 / 12, "days": 1.0}
_SHOWN = frozenset(get_args(Shown))
#: What each examination looks for.
_EXAMINATIONS = {"ecg_12_lead": "st_elevation", "ultrasound_fast": "free_fluid"}
_VITALS = frozenset(VitalSigns.model_fields)
_PREGNANT = {True: "yes", False: "no", None: "unknown"}


class _Line(Value):
    """A word that nobody knows is a slip of the pen: what it said would be lost."""

    model_config = ConfigDict(extra="forbid")


class SnapshotAge(_Line):
    """An age as it was said: 0 days is an age."""

    value: Annotated[float, Field(ge=0)]
    unit: Literal["years", "months", "days"]

    @property
    def age(self) -> Age:
        """The age in years."""
        return Age(years=self.value * _DAYS[self.unit] / _DAYS["years"])


class VitalSign(_Line):
    """A vital sign: measured, tried and not measurable, not taken, or impossible as it was sent."""

    state: Literal["measured", "unmeasurable", "not_taken", "invalid"]
    value: float | bool | str | None = None

    @model_validator(mode="after")
    def _check(self) -> VitalSign:
        if self.state == "measured" and self.value is None:
            raise ValueError("measured, and no value")
        if self.state in ("unmeasurable", "not_taken") and self.value is not None:
            raise ValueError(f"{self.state}, and a value: was it measured?")
        return self


def _by_name(said: Any) -> Any:
    """Findings as a list of those that are present, or each with yes or no."""
    return dict.fromkeys(said, True) if isinstance(said, list | tuple) else said


def _within(said: Mapping[str, Mapping[str, int]]) -> Mapping[str, Mapping[str, int]]:
    """A scale gives points for items that it has, no more than it gives."""
    for scale, items in said.items():
        most = SCALES.get(scale)
        if most is None:
            raise ValueError(f"unknown: {scale}")
        if not items:
            raise ValueError(f"{scale} has no item in points")
        for item, points in items.items():
            if item not in most:
                raise ValueError(f"{scale} has the items {', '.join(most)}, and no {item}")
            if not 0 <= points <= most[item]:
                raise ValueError(f"{scale}.{item} gives 0 to {most[item]}")
    return said


def _pregnancy(said: Any) -> Any:
    return _PREGNANT[said] if said is None or isinstance(said, bool) else said


class Snapshot(_Line):
    """``picture.v1``: a patient at one moment. What is not there was not said."""

    encounter_id: Identifier
    at: Moment | None = None
    age: SnapshotAge | None = None
    birth_time: Moment | None = None
    sex: Literal["male", "female", "unknown"] | None = None
    pregnancy: Annotated[Literal["yes", "no", "unknown"], BeforeValidator(_pregnancy)] = "unknown"
    postpartum_days: Annotated[int, Field(ge=0, le=365)] | None = None
    last_known_well: Moment | None = None
    origin: Origin = "call"
    #: A code of the contract, or words.
    complaint: Text | None = None
    vital_signs: Mapping[str, VitalSign] = {}
    findings: Annotated[Mapping[str, bool], BeforeValidator(_by_name)] = {}
    scales: Annotated[Mapping[str, Mapping[str, int]], AfterValidator(_within)] = {}

    @model_validator(mode="after")
    def _check(self) -> Snapshot:
        known = {
            "vital_signs": (self.vital_signs, _VITALS),
            "findings": (self.findings, _SHOWN | set(FindingCode)),
        }
        for part, (said, names) in known.items():
            if strange := sorted(set(said) - names):
                raise ValueError(f"{part}: unknown: {', '.join(strange)}")
        return self

    @property
    def patient(self) -> Patient:
        """Who it is, as far as said."""
        code = self.complaint if self.complaint in set(Complaint) else None
        return Patient(
            age=self.age.age if self.age else None,
            birth_time=self.birth_time,
            sex=self.sex or "unknown",
            pregnant=self.pregnancy,
            postpartum_days=self.postpartum_days,
            last_known_well=self.last_known_well,
            complaint=Complaint(code) if code else Complaint.UNKNOWN,
            complaint_text=None if code else self.complaint,
        )

    @property
    def vitals(self) -> VitalSigns:
        """The values as a human would enter them."""
        taken = {n: sign for n, sign in self.vital_signs.items() if sign.state != "not_taken"}
        return VitalSigns.model_validate({name: _value(sign) for name, sign in taken.items()})

    def events(self, now: datetime) -> Iterator[Event]:
        """What would have told triage all this."""
        common = {"encounter_id": self.encounter_id, "occurred_at": now}
        yield EncounterOpened(**common, event_id="opened", patient=self.patient, origin=self.origin)
        for name, present in self.findings.items():
            if name not in _SHOWN:
                yield FindingRecorded(
                    **common, event_id=name, finding=FindingCode(name), present=present
                )
        shows = tuple(name for name in self.findings if name in _SHOWN and self.findings[name])
        for examination, sign in _EXAMINATIONS.items():
            if shown := tuple(word for word in shows if word.removeprefix("no_") == sign):
                yield ExaminationDone.model_validate(
                    {**common, "event_id": examination, "examination": examination, "shows": shown}
                )
        for scale, items in self.scales.items():
            points = [{"item": item, "points": given} for item, given in items.items()]
            yield ScaleScored.model_validate(
                {**common, "event_id": scale, "scale": scale, "items": points}
            )
        yield VitalSignsRecorded(**common, event_id="vitals", method="reading", vitals=self.vitals)


def _value(sign: VitalSign) -> object:
    if sign.state == "unmeasurable":
        return "unmeasurable"
    if sign.state != "invalid":
        return sign.value
    is_number = isinstance(sign.value, float)
    return Invalid(invalid=(f"{sign.value:g}" if is_number else str(sign.value))[:64])


def decided(snapshot: Snapshot, now: datetime, rulebook: Rulebook) -> TriageDecided:
    """The decision on a patient of whom no more is known than this."""
    at = snapshot.at or now
    state, said = None, list[Event]()
    for event in snapshot.events(at):
        state, out = step(state, event, at, rulebook)
        said += out
    last = said[-1]
    assert isinstance(last, TriageDecided)  # noqa: S101 (the last event is a human's, which decides)
    return last
