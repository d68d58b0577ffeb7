"""What was measured, found, examined and given.

A vital sign is measured (a number), ``"unmeasurable"`` (a human tried and says so: a danger
sign), not taken (absent), or invalid (an impossible number: kept, never used).
The ranges below are the limits of what an instrument can mean, not clinical thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from schemas.attachment import Attachment
from schemas.background import Background, Teller
from schemas.encounter import EncounterEvent
from schemas.event import Event, Identifier, Moment, Text, Value

Unmeasurable: TypeAlias = Literal["unmeasurable"]


class Invalid(Value):
    """A value that cannot be true, as it was sent. It is shown, and no rule reads it."""

    invalid: str = Field(description="What was sent.")


def _checked(low: float, high: float) -> BeforeValidator:
    """Keep numbers within ``[low, high]``; turn anything impossible into ``Invalid``."""

    def check(raw: Any) -> Any:
        if type(raw) is float or type(raw) is int:  # a bool is no number
            return raw if low <= raw <= high else _impossible(raw)
        if raw is None or raw == "unmeasurable" or isinstance(raw, Invalid):
            return raw
        return _impossible(raw)

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
    potassium: _vital("mmol/L", 0, 15) = None  # type: ignore[valid-type]
    fetal_heart_rate: _vital("/min", 0, 300) = None  # type: ignore[valid-type]
    on_oxygen: YesOrNo = None
    pain: _vital("{score}", 0, 10) = None  # type: ignore[valid-type]

    @property
    def invalid(self) -> tuple[str, ...]:
        """The names of the values that cannot be true."""
        taken = self.__dict__
        return tuple(n for n in self.model_fields_set if isinstance(taken[n], Invalid))


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
    ROSC = "rosc"
    UNSTABLE_RHYTHM = "unstable_rhythm"
    AIRWAY_COMPROMISED = "airway_compromised"
    SEVERE_DYSPNOEA = "severe_dyspnoea"
    SHOCK = "shock"
    POOR_PERFUSION = "poor_perfusion"
    ACTIVE_BLEEDING = "active_bleeding"
    MODERATE_BLEEDING = "moderate_bleeding"
    MINOR_BLEEDING = "minor_bleeding"
    DIAPHORESIS = "diaphoresis"
    SUSPECTED_INFECTION = "suspected_infection"
    FEBRILE_NEUTROPENIA = "febrile_neutropenia"
    OTHER_LIFE_THREAT = "other_life_threat"
    # consciousness, seizures, mind
    STUPOR = "stupor"
    DROWSINESS = "drowsiness"
    SEIZURE = "seizure"
    STATUS_EPILEPTICUS = "status_epilepticus"
    CNS_INFECTION = "cns_infection"
    HARMING_SELF_OR_OTHERS = "harming_self_or_others"
    VIOLENT_BEHAVIOUR = "violent_behaviour"
    RISK_OF_SELF_HARM = "risk_of_self_harm"
    # heart and great vessels
    CARDIAC_CHEST_PAIN = "cardiac_chest_pain"
    NONCARDIAC_CHEST_PAIN = "noncardiac_chest_pain"
    CONFIRMED_MYOCARDIAL_INFARCTION = "confirmed_myocardial_infarction"
    SUSPECTED_MYOCARDIAL_INFARCTION = "suspected_myocardial_infarction"
    SUSPECTED_PULMONARY_EMBOLISM = "suspected_pulmonary_embolism"
    SUSPECTED_AORTIC_DISSECTION = "suspected_aortic_dissection"
    SUSPECTED_AORTIC_ANEURYSM = "suspected_aortic_aneurysm"
    SUSPECTED_MYOPERICARDITIS = "suspected_myopericarditis"
    SUSPECTED_PERICARDIAL_EFFUSION = "suspected_pericardial_effusion"
    SUSPECTED_TENSION_PNEUMOTHORAX = "suspected_tension_pneumothorax"
    FULMINANT_MYOCARDITIS = "fulminant_myocarditis"
    HYPERTENSIVE_CRISIS = "hypertensive_crisis"
    # breathing, belly, metabolism, poison
    ASTHMA = "asthma"
    SEVERE_ASTHMA = "severe_asthma"
    INHALED_FOREIGN_BODY = "inhaled_foreign_body"
    HYPERCAPNIC_TARGET = "hypercapnic_target"
    SUSPECTED_PERFORATION = "suspected_perforation"
    SUSPECTED_TESTICULAR_TORSION = "suspected_testicular_torsion"
    PERSISTENT_VOMITING = "persistent_vomiting"
    MODERATE_DEHYDRATION = "moderate_dehydration"
    SEVERE_DEHYDRATION = "severe_dehydration"
    ELECTROLYTE_DISTURBANCE = "electrolyte_disturbance"
    HYPOGLYCAEMIA = "hypoglycaemia"
    DIABETIC_KETOACIDOSIS = "diabetic_ketoacidosis"
    PURPURA_FULMINANS = "purpura_fulminans"
    ACUTE_OVERDOSE = "acute_overdose"
    LIFE_THREATENING_POISONING = "life_threatening_poisoning"
    TOXIC_EXPOSURE = "toxic_exposure"
    # stroke (CPSS, and the two that BE-FAST adds)
    FACIAL_DROOP = "facial_droop"
    ARM_DRIFT = "arm_drift"
    ABNORMAL_SPEECH = "abnormal_speech"
    BALANCE_LOSS = "balance_loss"
    VISION_LOSS = "vision_loss"
    ON_ANTICOAGULANT = "on_anticoagulant"
    # injuries
    MULTIPLE_TRAUMA = "multiple_trauma"
    PENETRATING_INJURY = "penetrating_injury"
    FLAIL_CHEST = "flail_chest"
    UNSTABLE_PELVIS = "unstable_pelvis"
    LONG_BONE_FRACTURES = "long_bone_fractures"
    CRUSHED_LIMB = "crushed_limb"
    AMPUTATION = "amputation"
    SPINAL_INJURY = "spinal_injury"
    SKULL_FRACTURE = "skull_fracture"
    HEAD_INJURY = "head_injury"
    MAJOR_BURN = "major_burn"
    MODERATE_INJURY = "moderate_injury"
    MINOR_INJURY = "minor_injury"
    # how an injury came about
    EJECTED = "ejected"
    VEHICLE_INTRUSION = "vehicle_intrusion"
    DEATH_IN_VEHICLE = "death_in_vehicle"
    CHILD_UNRESTRAINED = "child_unrestrained"
    VEHICLE_TELEMETRY = "vehicle_telemetry"
    RIDER_SEPARATED = "rider_separated"
    PEDESTRIAN_THROWN = "pedestrian_thrown"
    FALL_FROM_HEIGHT = "fall_from_height"
    CREW_CONCERN = "crew_concern"
    # mother and child
    CORD_PROLAPSE = "cord_prolapse"
    SEVERE_ABDOMINAL_PAIN = "severe_abdominal_pain"
    VAGINAL_BLEEDING = "vaginal_bleeding"
    HEAVY_VAGINAL_BLEEDING = "heavy_vaginal_bleeding"
    FREQUENT_CONTRACTIONS = "frequent_contractions"
    PRE_ECLAMPSIA = "pre_eclampsia"
    SEVERE_HEADACHE = "severe_headache"
    OLIGURIA = "oliguria"
    SUSPECTED_ABRUPTION = "suspected_abruption"
    SUSPECTED_AMNIOTIC_EMBOLISM = "suspected_amniotic_embolism"
    SUSPECTED_UTERINE_RUPTURE = "suspected_uterine_rupture"
    SUSPECTED_ECTOPIC_PREGNANCY = "suspected_ectopic_pregnancy"
    CHEST_INDRAWING = "chest_indrawing"
    GRUNTING = "grunting"
    CYANOSIS = "cyanosis"
    FEEDING_DIFFICULTY = "feeding_difficulty"
    REDUCED_ACTIVITY = "reduced_activity"


class FindingRecorded(EncounterEvent):
    """Something was observed at the patient, or observed to be absent."""

    finding: FindingCode = Field(description="Which.")
    present: bool = Field(description="False where it was looked for and is absent.")
    note: Text | None = Field(default=None, description="In the words of who looked.")


#: The items that a crew scores by hand, and the most that each can give.
SCALES: Mapping[str, Mapping[str, int]] = {
    "lams": {"face": 1, "arm": 2, "grip": 2},
    "race": {"face": 2, "arm": 2, "leg": 2, "gaze": 1, "language": 2},
    "fast_ed": {"face": 1, "arm": 2, "speech": 2, "eyes": 2, "neglect": 2},
    "pews": {"behaviour": 3, "skin": 3, "refill": 3, "retraction": 3, "oxygen": 3, "extra": 2},
}


ScaleCode: TypeAlias = Literal["lams", "race", "fast_ed", "pews"]


class ScaleItem(Value):
    """An item of a scale, in points."""

    item: Identifier
    points: Annotated[int, Field(ge=0)]


ScaleItems: TypeAlias = Annotated[tuple[ScaleItem, ...], Field(min_length=1)]


def check_scale(scale: str, items: Sequence[ScaleItem]) -> None:
    """Raises ``ValueError`` for an item that the scale has not, or more points than it gives."""
    most = SCALES[scale]
    for scored in items:
        if scored.item not in most:
            raise ValueError(f"{scale} has the items {', '.join(most)}")
        if scored.points > most[scored.item]:
            raise ValueError(f"{scored.item} gives at most {most[scored.item]}")


class ScaleScored(EncounterEvent):
    """Items of a scale, in points, as somebody at the patient scored them. What is not named was
    not looked at; what was scored before stands."""

    scale: ScaleCode
    items: ScaleItems

    @model_validator(mode="after")
    def _check(self) -> ScaleScored:
        check_scale(self.scale, self.items)
        return self


ExaminationCode: TypeAlias = Literal["ecg_12_lead", "ultrasound_fast"]
#: What an examination may show.
Shown: TypeAlias = Literal[
    "st_elevation", "no_st_elevation", "free_fluid", "no_free_fluid", "not_readable"
]


#: The mark under which hospitals recognise each other's examinations: of the whole country
#: (全国HR), of a province or of a city (互认, regulation of 2022).
QualityMark: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9\u4E00-\u9FA5]{1,16}HR$")
]


class ExaminationDone(EncounterEvent):
    """An examination with what it showed, and what another hospital has to know to rely on it."""

    examination: ExaminationCode = Field(description="Which.")
    shows: tuple[Shown, ...] = Field(
        description="What was found, by code; empty where nothing of note."
    )
    note: Text | None = Field(default=None, description="In the words of who examined.")
    examiner: Identifier | None = Field(
        default=None, description="Who examined: a number of theirs, never a name."
    )
    institution: Identifier | None = Field(
        default=None, description="Who answers for it: a hospital, a clinic, an ambulance station."
    )
    quality_mark: QualityMark | None = Field(
        default=None, description="The mark under which others may rely on it (互认)."
    )
    attachments: Annotated[tuple[Attachment, ...], Field(max_length=4)] = Field(
        default=(), description="Its files. Each may arrive later than what it shows."
    )


class AttachmentReceived(EncounterEvent):
    """A file has arrived whole, and is what was announced. Which examination it belongs to, that
    one says."""

    attachment: Attachment


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

    treatment: TreatmentCode = Field(description="Which drug or measure.")
    dose: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="How much, in `unit`; absent where there is none."
    )
    unit: DoseUnit | None = Field(default=None, description="Of the dose.")


class BackgroundTold(EncounterEvent):
    """What a handover asks for beside the complaint. A field that is there replaces what was told
    before in that field, as a whole; what is left out stands."""

    background: Background
    told_by: Teller | None = None


class ObservationRetracted(EncounterEvent):
    """An observation was no observation of this patient. It stays in the log, and counts no more.

    It goes to the topic that holds the observation, and so comes after it. A level that rested on
    it alone falls, and the decision says so.
    """

    observation: Literal["vitals", "finding", "examination", "treatment", "scale", "background"]
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
