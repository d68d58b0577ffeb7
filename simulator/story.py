"""A story: what happens to its patients, when, and the levels a clinician wrote beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal, NamedTuple, Self, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.background import Background
from schemas.clinical import Invalid, VitalSigns
from schemas.encounter import Patient
from schemas.triage import Bilingual, Centre, TriageLevel

Act: TypeAlias = Literal[
    # dispatch
    "call",
    "locate",
    "classify",
    "merge",
    "close",
    "assign",
    "stamp",
    "destination",
    # the crew
    "found",
    "reached",
    "attach",
    "detach",
    "update",
    "reading",
    "finding",
    "examination",
    "treatment",
    "background",
    "level",
    "retraction",
    "reattribution",
    "boarding",
    "handed_to_unit",
    "outcome",
    # the clinic that sends a patient on
    "walk_in",
    "transfer_request",
    # the facility
    "acknowledgement",
    "acceptance",
    "redirect_request",
    "activation",
    "answer",
    "direct_to",
    "direct_to_revoked",
    "bed",
    "bed_released",
    "identity",
    "formality",
    "arrival",
    "death",
    "milestone",
    "transfer",
    "report",
]
By: TypeAlias = Literal["dispatcher", "crew", "clinic", "department"]
#: Where a vehicle drives to: its station, the scene, the clinic that called, the hospital that is
#: nearest, the other one, or where the first unit is when this one gets there.
Goal: TypeAlias = Literal["station", "scene", "clinic", "near", "other", "unit"]
#: A patient, a unit, a call of a story, by the name the story gives it.
Name: TypeAlias = str

#: A slow encounter is live for as long as this, in seconds: 15 to 45 minutes.
SLOW_S = (900.0, 2700.0)
#: What a story with one patient, one unit and one call need not name.
PATIENT, UNIT, CALL = "patient", "unit", "call"


class Part(BaseModel):
    """A part of a story file; a word it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Mark(Part):
    """The least level after this step; of a held value, after its nth sample."""

    worst: TriageLevel
    because: Bilingual
    after_sample: int = 1


class Person(Part):
    """A patient of a story: the level before anything is proven, and the queues they stand in."""

    first_level: TriageLevel = TriageLevel.NOT_YET
    centres: tuple[Centre, ...] = (Centre.EMERGENCY,)
    #: How it ends, where care is not handed over at a hospital.
    ends: str | None = None


#: What triage takes in, beside who the patient is: a level follows from these acts alone.
PROVES = frozenset({"reading", "finding", "examination", "level"})


class Step(Part):
    """One act of a human, at its offset in seconds. ``body`` is what the request carries."""

    at: float
    name: Name
    act: Act
    by: By
    patient: Name = PATIENT
    unit: Name = UNIT
    call: Name = CALL
    #: The facility it is about, or that does it: the nearest, or the other one.
    facility: Literal["near", "other", "clinic"] = "near"
    #: Of a call and a walk-in: the patients that it opens, in order.
    opens: tuple[Name, ...] = (PATIENT,)
    #: Of an attachment: the number of the vehicle's monitor that the crew names, and the one that
    #: the patient really wears.
    monitor: int = 1
    wears: int | None = None
    #: Another step whose event this one is about.
    about: Name | None = None
    #: Another patient, unit or call that this one is about.
    other: Name | None = None
    body: Mapping[str, Any] = {}
    then: Mark | None = None

    @model_validator(mode="after")
    def _speaks_the_contract(self) -> Self:
        """Patients, their background and vital signs are checked here, so that no run fails on a
        typing error."""
        if self.then is not None and self.act not in PROVES:
            raise ValueError(f"no level follows from this act: {self.act}")
        for patient in (*self.body.get("patients", ()), self.body.get("patient", {})):
            Patient.model_validate(patient)
        Background.model_validate(self.body.get("background", {}), extra="forbid")
        told = self.body.get("vitals", {})
        vitals = VitalSigns.model_validate(told)  # which is lenient: a crew's typing error is kept
        unknown = told.keys() - VitalSigns.model_fields.keys()
        if unknown or any(isinstance(getattr(vitals, name), Invalid) for name in told):
            raise ValueError("a vital sign that the contract does not know, or no value of it")
        return self


class Hold(Part):
    """What the monitor shows from ``at`` until the next hold; what it does not show is null."""

    at: float
    heart_rate: int | None
    respiratory_rate: int | None
    spo2: int | None
    #: What does not move: a level would hang on it.
    steady: tuple[Literal["heart_rate", "respiratory_rate", "spo2"], ...] = ()
    then: Mark | None = None

    @cached_property
    def measured(self) -> Mapping[str, float]:
        """What it shows, by name."""
        every = {
            "heart_rate": self.heart_rate,
            "respiratory_rate": self.respiratory_rate,
            "spo2": self.spo2,
        }
        return {name: value for name, value in every.items() if value is not None}


class Drive(Part):
    """The vehicle moves between two offsets and stands otherwise; ``part`` of the way is driven."""

    start: float = Field(alias="from")
    end: float = Field(alias="to")
    towards: Goal
    part: float = Field(default=1.0, gt=0, le=1)
    unit: Name = UNIT


class DeadZone(Part):
    """Nothing that a vehicle says gets out between two offsets; all of it comes afterwards."""

    start: float = Field(alias="from")
    end: float = Field(alias="to")
    unit: Name = UNIT


class Held(NamedTuple):
    """Samples of a marked hold that a fast-forward must send, for the mark to have been earned."""

    at: float
    patient: Name
    hold: Hold
    samples: int


class Story(Part):
    """The whole story. Steps and holds are in order of time; levels fall by a clinician alone."""

    story: Name
    title: Bilingual
    #: What happens, for a reader: a paragraph in each language.
    told: Bilingual
    duration: float
    #: How often it is played among the others.
    weight: float = Field(default=1.0, gt=0)
    #: It plays where this goes wrong, or where it is asked for by name.
    fault: str | None = None
    patients: Mapping[Name, Person]
    units: tuple[Name, ...] = (UNIT,)
    steps: tuple[Step, ...]
    streamed: Mapping[Name, tuple[Hold, ...]] = {}
    drives: tuple[Drive, ...] = ()
    dead_zones: tuple[DeadZone, ...] = ()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if len({step.name for step in self.steps}) != len(self.steps):
            raise ValueError("step names are unique")
        series: list[Sequence[Step | Hold]] = [self.steps, *self.streamed.values()]
        for timed in series:
            offsets = [item.at for item in timed]
            if offsets != sorted(offsets):
                raise ValueError("steps and streamed values stand in order of time")
        for used, known, what in self._named():
            if used - {what} - set(known):  # what a story has one of need not be named
                raise ValueError(f"a {what} that the story does not have")
        for name in self.patients:
            self._check_levels(name)
        return self

    def _named(self) -> Iterator[tuple[set[Name], Collection[Name], str]]:
        """Names that are used, those there are, and of what they are."""
        calls = {step.call for step in self.steps if step.act in {"call", "transfer_request"}}
        yield {step.patient for step in self.steps}, self.patients, PATIENT
        yield {name for step in self.steps for name in step.opens}, self.patients, PATIENT
        yield set(self.streamed), self.patients, PATIENT
        moves: list[Step | Drive | DeadZone] = [*self.steps, *self.drives, *self.dead_zones]
        yield {each.unit for each in moves}, self.units, UNIT
        yield {step.call for step in self.steps}, calls, CALL
        for step in self.steps:
            if step.about is not None:
                yield {step.about}, {each.name for each in self.steps}, "step"
            if step.other is not None and step.act == "merge":
                yield {step.other}, calls, CALL
            elif step.other is not None and step.act == "handed_to_unit":
                yield {step.other}, self.units, UNIT
            elif step.other is not None:
                yield {step.other}, self.patients, PATIENT

    def _check_levels(self, patient: Name) -> None:
        levels = [self.patients[patient].first_level]
        for mark, is_set in self._marked(patient):
            if mark.worst.urgency < levels[-1].urgency and not is_set:
                raise ValueError("levels fall by a clinician alone")
            levels.append(mark.worst)

    def _marked(self, patient: Name) -> Iterator[tuple[Mark, bool]]:
        every: list[Step | Hold] = [*self.steps_of(patient), *self.streamed.get(patient, ())]
        for item in sorted(every, key=lambda item: item.at):
            if item.then is not None:
                yield item.then, isinstance(item, Step) and item.act == "level"

    def steps_of(self, patient: Name) -> Iterator[Step]:
        """The acts about one patient."""
        return (step for step in self.steps if step.patient == patient)

    def marks(self, patient: Name) -> list[tuple[float, Mark]]:
        """Every level that is proven, with its offset, in order."""
        every: list[Step | Hold] = [*self.steps_of(patient), *self.streamed.get(patient, ())]
        marked = [(item.at, item.then) for item in every if item.then is not None]
        return sorted(marked, key=lambda pair: pair[0])

    def raises(self, patient: Name, at: float, mark: Mark) -> bool:
        """Whether, told in order, the level is lower before this mark."""
        before = [other.worst.urgency for offset, other in self.marks(patient) if offset < at]
        first = self.patients[patient].first_level.urgency
        return mark.worst.urgency > max(before, default=first)

    def hold_at(self, patient: Name, offset: float) -> Hold:
        """What the monitor shows of a patient at ``offset``."""
        holds = self.streamed[patient]
        return next((h for h in reversed(holds) if h.at <= offset), holds[0])

    def pressures(self, patient: Name) -> Mapping[Name, tuple[float, float]]:
        """What a cuff may show again: the pressures of each reading that nobody took back, in
        order, by its step."""
        gone = {step.about for step in self.steps_of(patient) if step.act == "retraction"}
        found: dict[Name, tuple[float, float]] = {}
        for step in self.steps_of(patient):
            told = step.body.get("vitals", {}) if step.act == "reading" else {}
            match told.get("systolic_bp"), told.get("diastolic_bp"):
                case (int() | float() as upper, int() | float() as lower) if step.name not in gone:
                    found[step.name] = (upper, lower)
        return found

    def until(self, phase: float) -> Iterator[Step | Held]:
        """Everything that has happened before ``phase``, in order, for a fast-forward.

        Streamed samples that nobody would miss are left out. The samples that raise the level
        are not: without them the level of what follows could not be stated.
        """
        held = [
            Held(hold.at, patient, hold, hold.then.after_sample)
            for patient, holds in self.streamed.items()
            for hold in holds
            if hold.then is not None and self.raises(patient, hold.at, hold.then)
        ]
        every: list[Step | Held] = sorted([*self.steps, *held], key=lambda item: item.at)
        return (item for item in every if item.at < phase)

    @cached_property
    def _drives(self) -> Mapping[Name, Sequence[Drive]]:
        in_order = sorted(self.drives, key=lambda drive: drive.start)
        return {unit: [d for d in in_order if d.unit == unit] for unit in self.units}

    def drives_of(self, unit: Name) -> Sequence[Drive]:
        """The ways a unit goes, in order of time."""
        return self._drives.get(unit, ())

    def is_driving(self, unit: Name, offset: float) -> bool:
        """Whether a vehicle moves at ``offset``."""
        return any(drive.start <= offset < drive.end for drive in self.drives_of(unit))

    def zone_at(self, unit: Name, offset: float) -> DeadZone | None:
        """The dead zone in which a vehicle is at ``offset``."""
        zones = (zone for zone in self.dead_zones if zone.unit == unit)
        return next((zone for zone in zones if zone.start <= offset < zone.end), None)


@cache
def load(name: str) -> Story:
    """Read a story. Raises ``pydantic.ValidationError`` when the file is wrong."""
    text = files("simulator").joinpath("stories", f"{name}.yaml").read_text("utf-8")
    return Story.model_validate(yaml.safe_load(text))


def told_with(faults: Collection[str]) -> tuple[Story, ...]:
    """Those that play where this goes wrong."""
    return tuple(told for told in every() if told.fault is None or told.fault in faults)


@cache
def every() -> tuple[Story, ...]:
    """All stories, by name."""
    folder = files("simulator").joinpath("stories")
    names = sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.is_file())
    return tuple(load(name) for name in names if not name.startswith("_"))
