"""What the gateway is sent, and what it answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from schemas.attachment import Attachment
from schemas.background import Background, Teller
from schemas.clinical import (
    SCALES,
    DoseUnit,
    ExaminationCode,
    FindingCode,
    QualityMark,
    ScaleCode,
    ScaleItem,
    Shown,
    TreatmentCode,
    VitalSigns,
    check_scale,
)
from schemas.event import Identifier, Moment, Text, Value
from services.kit.body import Body, Exactly

Status = Literal[400, 404, 422]
#: No more than this of a monitor's samples is given to another patient at once.
LONGEST = timedelta(hours=4)


class DeviceSample(Body):
    """Vital signs as a monitor sends them. ``sent_at`` is the device's clock at sending."""

    sent_at: Moment | None = None
    vitals: Exactly[VitalSigns]


class UnitFix(Body):
    """A GPS fix as a vehicle sends it, WGS-84."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    accuracy_m: Annotated[float, Field(ge=0)] | None = None
    speed_kmh: Annotated[float, Field(ge=0, le=300)] | None = None


class VitalsLine(DeviceSample):
    """A line of NDJSON with vital signs."""

    event_id: Identifier | None = None
    device_id: Identifier


class PositionLine(UnitFix):
    """A line of NDJSON with a GPS fix."""

    event_id: Identifier | None = None
    unit_id: Identifier


class Reading(Body):
    """Vital signs that a human vouches for."""

    vitals: Exactly[VitalSigns]


class Finding(Body):
    """Something observed, or observed to be absent."""

    finding: FindingCode
    present: bool
    note: Text | None = None


_MOST = "; ".join(
    f"{scale}: {', '.join(f'{item} {most}' for item, most in items.items())}"
    for scale, items in SCALES.items()
)


class Scale(Body):
    """Items of a scale, in points; what is not named was not looked at."""

    scale: ScaleCode
    items: Annotated[
        tuple[Exactly[ScaleItem], ...],
        Field(min_length=1, description=f"Items and the most points of each: {_MOST}."),
    ]

    @model_validator(mode="after")
    def _check(self) -> Scale:
        check_scale(self.scale, self.items)
        return self


class Examination(Body):
    """An examination with what it showed."""

    examination: ExaminationCode
    shows: Annotated[tuple[Shown, ...], Field(min_length=1)]
    note: Text | None = None
    examiner: Identifier | None = None
    institution: Identifier | None = None
    quality_mark: QualityMark | None = None
    attachments: Annotated[tuple[Exactly[Attachment], ...], Field(max_length=4)] = ()

    @field_validator("shows")
    @classmethod
    def _agrees_with_itself(cls, shows: tuple[Shown, ...]) -> tuple[Shown, ...]:
        both = next((word for word in shows if f"no_{word}" in shows), None)
        if both is not None:
            raise ValueError(f"it shows {both} or it does not")
        return shows


class Treatment(Body):
    """A drug or a measure, with its dose as given."""

    treatment: TreatmentCode
    dose: Annotated[float, Field(gt=0)] | None = None
    unit: DoseUnit | None = None

    @model_validator(mode="after")
    def _dose_has_its_unit(self) -> Self:
        if (self.dose is None) != (self.unit is None):
            raise ValueError("a dose has its unit, and a unit its dose")
        return self


class BackgroundReport(Body):
    """What a handover asks for beside the complaint. A field that is left out, or null, is not
    known and stands as it was; an empty list says that there is none."""

    background: Exactly[Background]
    told_by: Teller | None = None

    @model_validator(mode="after")
    def _says_something_of_before(self) -> Self:
        told = self.background
        if all(getattr(told, name) is None for name in type(told).model_fields):
            raise ValueError("background has one field at least; an empty list says: none")
        if told.last_meal_at is not None and told.last_meal_at > self.occurred_at:
            raise ValueError(
                "last_meal_at lies after occurred_at: the meal came before it was told"
            )
        return self


class Retraction(Body):
    """Something that was entered, and was no observation of this patient."""

    observation: Literal["vitals", "finding", "examination", "treatment", "scale", "background"]
    observation_id: Identifier
    reason: Literal["entered_in_error", "artefact", "wrong_patient"]


class Reattribution(Body):
    """What a monitor measured in this stretch of time was another patient's, or nobody knows whose.

    ``until`` is no part of it.
    """

    device_id: Identifier
    since: Moment
    until: Moment
    to_encounter_id: Identifier | None = None

    @model_validator(mode="after")
    def _is_a_stretch(self) -> Self:
        if not timedelta(0) < self.until - self.since <= LONGEST:
            raise ValueError(f"until comes after since, at most {LONGEST} later")
        return self


class Level(Body):
    """A clinician's own level, and why."""

    level: Literal["critical", "severe", "urgent", "non_urgent"]
    reason: Annotated[Text, Field(min_length=1)]


class Refusal(Value):
    """A line that became no event, and what its sender can do."""

    line: int
    status: Status
    detail: str


class Doubt(Value):
    """A line that was taken, and its values that cannot be true: they are kept and not used."""

    line: int
    invalid: tuple[str, ...]


class Delivery(Value):
    """What became of the lines of one request."""

    accepted: int
    refused: tuple[Refusal, ...]
    doubted: tuple[Doubt, ...]


class Taken(Value):
    """The broker has it."""

    event_id: Identifier


class VitalsTaken(Taken):
    """The broker has it; ``invalid`` names values that cannot be true: kept, and not used."""

    invalid: tuple[str, ...]


class WornMonitor(Value):
    """A monitor that the patient wears. ``heard_at`` is null where this gateway has heard nothing
    of it as this patient's since it was attached, or since the gateway started."""

    device_id: Identifier
    attached_at: AwareDatetime
    heard_at: AwareDatetime | None
    #: What the newest sample said.
    vitals: VitalSigns | None


#: How the many are described.
NDJSON = {
    "required": True,
    "content": {
        "application/x-ndjson": {
            "schema": {
                "type": "string",
                "description": "A JSON object a line: with `device_id` as in the body of a device's"
                " vitals, with `unit_id` as in that of a position; `event_id` if you number them.",
            }
        }
    },
}
