"""What triage decided, and everything it rested on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.clinical import VitalValue
from schemas.encounter import EncounterEvent
from schemas.event import Identifier, Moment, Value


class TriageLevel(StrEnum):
    """The Chinese four levels. ``not_yet`` while there is no evidence: never Ⅳ by default."""

    CRITICAL = "critical"
    SEVERE = "severe"
    URGENT = "urgent"
    NON_URGENT = "non_urgent"
    NOT_YET = "not_yet"

    @property
    def urgency(self) -> int:
        """4 for Ⅰ 濒危 down to 1 for Ⅳ 非急症, 0 while there is none: larger is more urgent."""
        return _URGENCY[self]


_URGENCY = {
    TriageLevel.CRITICAL: 4,
    TriageLevel.SEVERE: 3,
    TriageLevel.URGENT: 2,
    TriageLevel.NON_URGENT: 1,
    TriageLevel.NOT_YET: 0,
}


class Centre(StrEnum):
    """The platform on which every encounter stands, and the centres added to it."""

    EMERGENCY = "emergency"
    CHEST_PAIN = "chest_pain"
    STROKE = "stroke"
    TRAUMA = "trauma"
    MATERNAL = "maternal"
    NEONATAL = "neonatal"

    @property
    def topic(self) -> str:
        """The topic that is this centre's queue."""
        return f"centre-{self.value.replace('_', '-')}"


class Activation(StrEnum):
    """``notice`` is listed in silence, ``alert`` calls the nurse, ``activate`` the team."""

    NOTICE = "notice"
    ALERT = "alert"
    ACTIVATE = "activate"


class DirectTo(StrEnum):
    """Where a patient may be brought past the emergency department (三通)."""

    RESUS = "resus"
    CATH_LAB = "cath_lab"
    THEATRE = "theatre"
    ICU = "icu"
    CT = "ct"
    DELIVERY_ROOM = "delivery_room"
    PICU = "picu"
    NICU = "nicu"


class Bilingual(Value):
    """A text a human reads, in Chinese and English."""

    zh: str
    en: str


class Reason(Value):
    """One rule that fired: the value it saw, the band it fell in, where the number comes from."""

    rule: Identifier
    level: TriageLevel
    text: Bilingual
    source: str
    evidence: Literal["V", "V2", "design"]


class Input(Value):
    """A value the decision rests on, with its time."""

    name: Identifier
    value: VitalValue
    occurred_at: Moment
    method: Literal["streamed", "reading"]
    device_time: Moment | None = Field(
        default=None, description="The device's own time, where its clock had to be corrected."
    )


class CentreConcern(Value):
    """A centre that is concerned, how loudly, and why. Activation is proposed, never done here."""

    centre: Centre
    activation: Activation
    text: Bilingual
    source: str
    direct_to: DirectTo | None = Field(
        default=None, description="Proposed only: the crew sees 抢救室 until a human confirms."
    )


class Override(Value):
    """The level that a clinician set, and why."""

    level: TriageLevel
    reason: str
    overridden_by: Identifier
    role: Literal["crew", "receiving_clinician"]
    occurred_at: Moment


class ProtocolVersion(Value):
    """Which protocol decided."""

    protocol: Identifier
    version: str


class TriageDecided(EncounterEvent):
    """A decision. ``worst`` never falls by itself; ``current`` is what the values say now.

    ``occurred_at`` is the append time of the record that completed the evidence: rerunning the
    same log gives the same decision. ``folded`` names every clinical event taken in since the
    decision before, so that each of them can be found in exactly one decision.
    """

    number: Annotated[int, Field(ge=1, description="Counts the decisions of this encounter.")]
    changed: bool = Field(description="False for a mere refresh of values.")
    worst: TriageLevel
    current: TriageLevel
    trend: Literal["worse", "same", "better"]
    protocol: ProtocolVersion | None = Field(
        default=None, description="None where no protocol fits the age."
    )
    reasons: tuple[Reason, ...]
    inputs: tuple[Input, ...]
    missing: tuple[Identifier, ...]
    invalid: tuple[Input, ...] = Field(
        default=(), description="Values that cannot be true: shown, and read by no rule."
    )
    questions: tuple[Bilingual, ...] = Field(description="For the crew, most valuable first.")
    centres: tuple[CentreConcern, ...]
    override: Override | None = Field(
        default=None, description="The last level a clinician set. What came later may be above it."
    )
    folded: tuple[Identifier, ...]


class TriagePaused(EncounterEvent):
    """Triage of this patient has stopped on an internal error; the last level stands."""

    worst: TriageLevel


class TriageResumed(EncounterEvent):
    """Triage of this patient goes on; what was set aside has been taken in."""

    worst: TriageLevel
