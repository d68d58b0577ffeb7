"""A story: what happens to one patient, when, and the level a clinician wrote beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Literal, NamedTuple, Self, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from schemas.clinical import VitalSigns
from schemas.encounter import Patient
from schemas.triage import Bilingual, Centre, TriageLevel

Act: TypeAlias = Literal[
    "call",
    "assign",
    "stamp",
    "reached",
    "attach",
    "reading",
    "update",
    "destination",
    "examination",
    "treatment",
    "boarding",
    "acknowledgement",
    "arrival",
    "transfer",
]
Route: TypeAlias = Literal["station_to_scene", "scene_to_facility"]

#: A slow encounter is live for as long as this, in seconds: 15 to 45 minutes.
SLOW_S = (900.0, 2700.0)


class Part(BaseModel):
    """A part of a story file; a word it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Mark(Part):
    """The least level after this step; of a held value, after its nth sample."""

    worst: TriageLevel
    because: Bilingual
    after_sample: int = 1


class Step(Part):
    """One act of a human, at its offset in seconds. ``body`` is what the request carries."""

    at: float
    name: str
    act: Act
    by: Literal["dispatcher", "crew", "department"]
    body: Mapping[str, Any] = {}
    then: Mark | None = None

    @model_validator(mode="after")
    def _speaks_the_contract(self) -> Self:
        """Patients and vital signs are checked here, so that no run fails on a typing error."""
        for patient in (*self.body.get("patients", ()), self.body.get("patient", {})):
            Patient.model_validate(patient)
        VitalSigns.model_validate(self.body.get("vitals", {}))
        return self


class Hold(Part):
    """What the monitor shows from ``at`` until the next hold."""

    at: float
    heart_rate: int
    respiratory_rate: int
    spo2: int
    then: Mark | None = None


class Drive(Part):
    """The vehicle moves between two offsets and stands otherwise."""

    start: float
    end: float
    route: Route

    @model_validator(mode="before")
    @classmethod
    def _words(cls, raw: dict[str, Any]) -> dict[str, Any]:
        return {"start": raw["from"], "end": raw["to"], "route": raw["route"]}


class Held(NamedTuple):
    """Samples of a marked hold that a fast-forward must send, for the mark to have been earned."""

    at: float
    hold: Hold
    samples: int


class Story(Part):
    """The whole story. Steps and holds are in order of time; levels never fall."""

    story: str
    title: Bilingual
    duration: float
    centres: tuple[Centre, ...]
    first_level: TriageLevel
    steps: tuple[Step, ...]
    streamed: tuple[Hold, ...]
    drives: tuple[Drive, ...]

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        for timed in (self.steps, self.streamed):
            offsets = [item.at for item in timed]
            if offsets != sorted(offsets):
                raise ValueError("steps and streamed values stand in order of time")
        if len({step.name for step in self.steps}) != len(self.steps):
            raise ValueError("step names are unique")
        levels = [self.first_level, *(mark.worst for _, mark in self.marks())]
        if any(a.urgency > b.urgency for a, b in pairwise(levels)):
            raise ValueError("levels never fall")
        return self

    def marks(self) -> list[tuple[float, Mark]]:
        """Every level that is proven, with its offset, in order."""
        every: list[Step | Hold] = [*self.steps, *self.streamed]
        marked = [(item.at, item.then) for item in every if item.then is not None]
        return sorted(marked, key=lambda pair: pair[0])

    def raises(self, at: float, mark: Mark) -> bool:
        """Whether, told in order, the level is lower before this mark."""
        before = [other.worst.urgency for offset, other in self.marks() if offset < at]
        return mark.worst.urgency > max(before, default=self.first_level.urgency)

    @property
    def attached_at(self) -> float:
        """From this offset on the monitor streams."""
        return self.streamed[0].at

    def hold_at(self, offset: float) -> Hold:
        """What the monitor shows at ``offset``."""
        return next((h for h in reversed(self.streamed) if h.at <= offset), self.streamed[0])

    def until(self, phase: float) -> Iterator[Step | Held]:
        """Everything that has happened before ``phase``, in order, for a fast-forward.

        Streamed samples that nobody would miss are left out. The samples that raise the level
        are not: without them the level of what follows could not be stated.
        """
        held = [
            Held(hold.at, hold, hold.then.after_sample)
            for hold in self.streamed
            if hold.then is not None and self.raises(hold.at, hold.then)
        ]
        every: list[Step | Held] = sorted([*self.steps, *held], key=lambda item: item.at)
        return (item for item in every if item.at < phase)

    def drive_at(self, offset: float) -> tuple[Route, float] | None:
        """The route the vehicle is on, or was on last, and the part of it done, 0 to 1.

        None before the first drive: it stands at its station.
        """
        begun = [drive for drive in self.drives if drive.start <= offset]
        if not begun:
            return None
        drive = begun[-1]
        return drive.route, min(1.0, (offset - drive.start) / (drive.end - drive.start))

    def is_driving(self, offset: float) -> bool:
        """Whether the vehicle moves at ``offset``."""
        return any(drive.start <= offset < drive.end for drive in self.drives)


@cache
def load(name: str) -> Story:
    """Read a story. Raises ``pydantic.ValidationError`` when the file is wrong."""
    text = files("simulator").joinpath("stories", f"{name}.yaml").read_text("utf-8")
    return Story.model_validate(yaml.safe_load(text))
