"""What was measured, found, examined and given.

A vital sign is measured (a number), ``"unmeasurable"`` (a human tried and says so: a danger
sign), not taken (absent), or invalid (an impossible number: kept, never used).
The ranges below are the limits of what an instrument can mean, not clinical thresholds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from schemas.encounter import EncounterEvent
from schemas.event import Event, Identifier, Moment, Text, Value

Unmeasurable: TypeAlias = Literal["unmeasurable"]


class Invalid(Value):
    """A value that cannot be true, as it was sent. It is shown, and no rule reads it."""

    invalid: str


def _checked(low: float, high: float) -> BeforeValidator:
    """Keep numbers within ``[low, high]``; turn anything impossible into ``Invalid``."""

    def check(raw: Any) -> Any:
        if raw is None or raw == "unmeasurable" or isinstance(raw, Invalid):
            return raw
        is_number = isinstance(raw, int | float) and not isinstance(raw, bool)
        return raw if is_number and low <= raw <= high else _impossible(raw)

    return BeforeValidator(check)


def _impossible(raw: Any) -> Invalid:
    """What was sent, or what another writer has marked as invalid already."""
    sent = raw.get("invalid", raw) if isinstance(raw, dict) else raw
    try:
        text = str(sent)[:64]
    except (ValueError, RecursionError):  # more digits, or more depth, than Python writes
        text = "too large to be shown"
    writable = text.encode("utf-8", "replace").decode()
    return Invalid(invalid=writable.replace("\x00", "\ufffd"))  # no database keeps NUL


def _vital(unit: str, low: float, high: float) -> Any:
    described = Field(json_schema_extra={"unit": unit, "minimum": low, "maximum": high})
    return Annotated[float | Unmeasurable | Invalid | None, _checked(low, high), described]


def _known_word(raw: Any) -> Any:
    if raw is None or isinstance(raw, Invalid):
        return raw
    is_word = isinstance(raw, str) and raw in {"A", "C", "V", "P", "U"}
    return raw if is_word else _impossible(raw)


def _yes_or_no(raw: Any) -> Any:
    return raw if raw is None or isinstance(raw, bool | Invalid) else _impossible(raw)


Consciousness: TypeAlias = Annotated[
    Literal["A", "C", "V", "P", "U"] | Invalid | None, BeforeValidator(_known_word)
]
YesOrNo: TypeAlias = Annotated[bool | Invalid | None, BeforeValidator(_yes_or_no)]
#: A vital sign as it is kept: a number, ``"unmeasurable"``, a word of ACVPU, or ``Invalid``.
VitalValue: TypeAlias = float | str | Invalid


class VitalSigns(Value):
    """One set of vital signs. A field that is absent was not taken."""

    heart_rate: _vital("/min", 0, 350) = None  # type: ignore[valid-type]
    respiratory_rate: _vital("/min", 0, 150) = None  # type: ignore[valid-type]
    spo2: _vital("%", 0, 100) = None  # type: ignore[valid-type]
    systolic_bp: _vital("mm[Hg]", 0, 350) = None  # type: ignore[valid-type]
    diastolic_bp: _vital("mm[Hg]", 0, 300) = None  # type: ignore[valid-type]
    temperature: _vital("Cel", 10, 50) = None  # type: ignore[valid-type]
    gcs_eye: _vital("{score}", 1, 4) = None  # type: ignore[valid-type]
    gcs_verbal: _vital("{score}", 1, 5) = None  # type: ignore[valid-type]
    gcs_motor: _vital("{score}", 1, 6) = None  # type: ignore[valid-type]
    consciousness: Consciousness = None
    blood_glucose: _vital("mmol/L", 0, 100) = None  # type: ignore[valid-type]
    on_oxygen: YesOrNo = None
    pain: _vital("{score}", 0, 10) = None  # type: ignore[valid-type]

    @property
    def invalid(self) -> tuple[str, ...]:
        """The names of the values that cannot be true."""
        return tuple(n for n in type(self).model_fields if isinstance(getattr(self, n), Invalid))


class VitalSignsMeasured(Event):
    """Vital signs as a monitor knows them: by device. ``occurred_at`` is the device's own clock.

    ``sent_at`` (the device's clock when it sent) lets a wrong clock be told from stored
    measurements that are sent late.
    """

    device_id: Identifier
    vitals: VitalSigns
    sent_at: Moment | None = None


class VitalSignsMeasuredV2(VitalSignsMeasured):
    """As version 1, of a monitor that always says what its clock shows when it sends."""

    VERSION: ClassVar[int] = 2

    sent_at: Moment


class VitalSignsRecorded(EncounterEvent):
    """Vital signs of a patient. ``streamed`` by a monitor, or a ``reading`` a human vouches for."""

    method: Literal["streamed", "reading"]
    vitals: VitalSigns
    device_id: Identifier | None = None
    device_time: Moment | None = Field(
        default=None, description="The device's own time, where its clock had to be corrected."
    )


class FindingCode(StrEnum):
    """Observations that a protocol knows."""

    CARDIAC_ARREST = "cardiac_arrest"
    AIRWAY_COMPROMISED = "airway_compromised"
    SEVERE_DYSPNOEA = "severe_dyspnoea"
    SHOCK = "shock"
    POOR_PERFUSION = "poor_perfusion"
    ACTIVE_BLEEDING = "active_bleeding"
    DIAPHORESIS = "diaphoresis"
    SUSPECTED_INFECTION = "suspected_infection"
    SEIZURE = "seizure"
    STATUS_EPILEPTICUS = "status_epilepticus"
    # stroke (CPSS)
    FACIAL_DROOP = "facial_droop"
    ARM_DRIFT = "arm_drift"
    ABNORMAL_SPEECH = "abnormal_speech"
    # injuries
    MULTIPLE_TRAUMA = "multiple_trauma"
    PENETRATING_INJURY = "penetrating_injury"
    FLAIL_CHEST = "flail_chest"
    UNSTABLE_PELVIS = "unstable_pelvis"
    LONG_BONE_FRACTURES = "long_bone_fractures"
    CRUSHED_LIMB = "crushed_limb"
    AMPUTATION = "amputation"
    SPINAL_INJURY = "spinal_injury"
    MINOR_INJURY = "minor_injury"
    # mother and child
    CORD_PROLAPSE = "cord_prolapse"
    SEVERE_ABDOMINAL_PAIN = "severe_abdominal_pain"
    VAGINAL_BLEEDING = "vaginal_bleeding"
    CHEST_INDRAWING = "chest_indrawing"
    GRUNTING = "grunting"
    CYANOSIS = "cyanosis"
    FEEDING_DIFFICULTY = "feeding_difficulty"
    REDUCED_ACTIVITY = "reduced_activity"


class FindingRecorded(EncounterEvent):
    """Something was observed at the patient, or observed to be absent."""

    finding: FindingCode
    present: bool
    note: Text | None = None


ExaminationCode: TypeAlias = Literal["ecg_12_lead", "ultrasound_fast"]
#: What an examination may show.
Shown: TypeAlias = Literal[
    "st_elevation", "no_st_elevation", "free_fluid", "no_free_fluid", "not_readable"
]


class ExaminationDone(EncounterEvent):
    """An examination with what it showed."""

    examination: ExaminationCode
    shows: tuple[Shown, ...]
    note: Text | None = None


#: Drugs and measures.
TreatmentCode: TypeAlias = Literal[
    "aspirin",
    "oxygen",
    "intravenous_access",
    "defibrillation",
    "cardiopulmonary_resuscitation",
    "adrenaline",
    "ventilation",
    "crystalloid",
    "norepinephrine",
    "tranexamic_acid",
    "tourniquet",
    "immobilisation",
    "dressing",
    "magnesium_sulfate",
    "oxytocin",
    "cord_clamped",
    "warming",
    "paracetamol",
    "anticonvulsant",
]
DoseUnit: TypeAlias = Literal["mg", "ug", "g", "IU", "mL", "L/min", "J"]


class TreatmentGiven(EncounterEvent):
    """A drug or a measure, with its dose as given."""

    treatment: TreatmentCode
    dose: Annotated[float, Field(gt=0)] | None = None
    unit: DoseUnit | None = None


class ObservationRetracted(EncounterEvent):
    """An observation was no observation of this patient. It stays in the log, and counts no more.

    It goes to the topic that holds the observation, and so comes after it. A level that it had
    raised stays until a clinician lowers it.
    """

    observation: Literal["vitals", "finding", "examination", "treatment"]
    observation_id: Identifier = Field(description="Event id of what is taken back.")
    reason: Literal["entered_in_error", "artefact", "wrong_patient"]
    retracted_by: Identifier

    @property
    def topic(self) -> str:
        """Where the observation lies."""
        return "ambulance-vitals" if self.observation == "vitals" else "ambulance-findings"


class ObservationReattributed(EncounterEvent):
    """What a monitor measured in this stretch of time was another patient's.

    The key is the patient it was taken for. The other gets each sample under its own id.
    """

    device_id: Identifier
    since: Moment
    until: Moment
    to_encounter_id: Identifier | None = Field(
        default=None, description="None where nobody knows whose it was."
    )
    reported_by: Identifier


class LevelOverridden(EncounterEvent):
    """A clinician set the level, up or down, and said why. From now on it is the worst known.

    A crew says so among what it found, a receiving clinician among the acts of the facility.
    """

    level: Literal["critical", "severe", "urgent", "non_urgent"]
    reason: Text
    overridden_by: Identifier
    role: Literal["crew", "receiving_clinician"]
    facility_id: Identifier | None = None

    @property
    def topic(self) -> str:
        """By whose word it is."""
        return "ambulance-findings" if self.role == "crew" else "bridge-handoffs"
