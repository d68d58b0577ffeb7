"""What triage decided, and everything it rested on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

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

    @classmethod
    def of(cls, urgency: int) -> TriageLevel:
        """The level that is so urgent."""
        return next(level for level, known in _URGENCY.items() if known == urgency)


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

    zh: str = Field(description="In Chinese.")
    en: str = Field(description="In English.")


#: How well a number is known: read in the original, in a secondary source, from memory (of a set
#: on trial alone), or a choice of ours.
Evidence: TypeAlias = Literal["V", "V2", "M", "design"]
#: What is particular about the value that a rule saw: nothing has borne it out yet; it is older
#: than it is good for; it came late, from a time in which nobody heard.
Mark: TypeAlias = Literal["single_reading", "stale", "in_gap"]


#: Where the values go.
Trend: TypeAlias = Literal["worse", "same", "better"]


class Span(Value):
    """A band of a vital sign or of a score, to be drawn: open where an end is null."""

    name: Identifier = Field(description="Of which vital sign or score.")
    low: float | None = Field(default=None, description="Where it begins.")
    high: float | None = Field(
        default=None,
        description="Where it ends; whether the end itself belongs to it, the text says.",
    )


class Reason(Value):
    """One rule that fired: the value it saw, the band it fell in, where the number comes from."""

    rule: Identifier = Field(description="Its name in the protocol.")
    level: TriageLevel = Field(description="What it says by itself.")
    text: Bilingual = Field(description="The value and the band, to be read.")
    source: str = Field(description="Where its number comes from.")
    evidence: Evidence = Field(description="How well that number is known.")
    at: Moment | None = Field(default=None, description="When the value it saw was measured.")
    band: Span | None = Field(
        default=None, description="The band of the value; null where the rule sees no number."
    )
    marks: tuple[Mark, ...] = Field(
        default=(), description="What is particular about the value; empty where nothing is."
    )


class ScoreValue(Value):
    """A score beside the level. Where items are missing, it lies between ``low`` and ``high``."""

    name: Identifier = Field(description="Which score.")
    low: float = Field(description="The least that it can be; all of it where nothing is missing.")
    high: float = Field(description="The most that it can be.")
    missing: tuple[Identifier, ...] = Field(
        default=(), description="Items that nobody has measured."
    )
    text: Bilingual = Field(description="The score with its meaning, to be read.")


class LostSignal(Value):
    """A monitor shows 0 or nothing where it had shown a value: leads, or the patient?"""

    name: Identifier = Field(description="Which vital sign.")
    since: Moment = Field(description="Since when nothing comes.")
    unconfirmed: bool = Field(
        default=False, description="Nobody has said within 30 s which of the two it is."
    )


class Input(Value):
    """A value the decision rests on, with its time."""

    name: Identifier = Field(description="Which value: a vital sign, or what was entered.")
    value: VitalValue = Field(
        description="In its unit in `VitalSignsMeasured`; else a word, or what cannot be true."
    )
    occurred_at: Moment = Field(description="When it was measured, its clock corrected.")
    method: Literal["streamed", "reading"] = Field(
        description="By a monitor that goes on, or once by hand."
    )
    device_time: Moment | None = Field(
        default=None, description="The device's own time, where its clock had to be corrected."
    )


class CentreConcern(Value):
    """A centre that is concerned, how loudly, and why. Activation is proposed, never done here."""

    centre: Centre = Field(description="Which centre.")
    activation: Activation = Field(description="How loudly it is proposed.")
    text: Bilingual = Field(description="Why, to be read.")
    source: str = Field(description="Where the rule comes from.")
    rule: Identifier | None = Field(default=None, description="Its name, where it has one.")
    evidence: Evidence | None = Field(
        default=None, description="How well the rule is known, where it says so."
    )
    missing: tuple[Identifier, ...] = Field(
        default=(), description="What this centre needs to know and does not yet."
    )
    direct_to: DirectTo | None = Field(
        default=None, description="Proposed only: the crew sees 抢救室 until a human confirms."
    )


class Override(Value):
    """The level that a clinician set, and why."""

    level: TriageLevel = Field(description="The level.")
    reason: str = Field(description="In the clinician's words.")
    overridden_by: Identifier = Field(description="Who, as they sign in.")
    role: Literal["crew", "receiving_clinician"] = Field(description="On which side they stand.")
    occurred_at: Moment = Field(description="When they said so.")


class ProtocolVersion(Value):
    """Which protocol decided."""

    protocol: Identifier = Field(description="For whom: its name.")
    version: str = Field(description="Its version; a decision made again by it is the same.")
    set: Identifier | None = Field(default=None, description="The set it belongs to.")


class TriageDecided(EncounterEvent):
    """A decision. ``worst`` never falls by itself; ``current`` is what the values say now.
    ``reasons`` are of the values as they are; what proved ``worst`` and is gone stands apart.

    ``occurred_at`` is the append time of the record that completed the evidence: rerunning the
    same log gives the same decision. ``folded`` names every clinical event taken in since the
    decision before, so that each of them can be found in exactly one decision.
    """

    number: Annotated[int, Field(ge=1, description="Counts the decisions of this encounter.")]
    changed: bool = Field(description="False for a mere refresh of values.")
    worst: TriageLevel
    current: TriageLevel
    trend: Trend
    protocol: ProtocolVersion | None = Field(
        default=None, description="None where no protocol fits the age."
    )
    reasons: tuple[Reason, ...]
    earlier: tuple[Reason, ...] = Field(
        default=(), description="What proved the worst level, where no value says so any more."
    )
    taken_back: tuple[Reason, ...] = Field(
        default=(), description="What had proven a level until its observation was taken back."
    )
    inputs: tuple[Input, ...]
    missing: tuple[Identifier, ...]
    invalid: tuple[Input, ...] = Field(
        default=(), description="Values that cannot be true: shown, and read by no rule."
    )
    lost: tuple[LostSignal, ...] = ()
    scores: tuple[ScoreValue, ...] = ()
    respond_within_min: float | None = Field(
        default=None, description="By the worst level, as the site has set it; 0 is at once."
    )
    questions: tuple[Bilingual, ...] = Field(description="For the crew, most valuable first.")
    centres: tuple[CentreConcern, ...]
    override: Override | None = Field(
        default=None, description="The last level a clinician set. What came later may be above it."
    )
    folded: tuple[Identifier, ...]
    cause: Identifier | None = Field(
        default=None, description="The event that completed the evidence."
    )


class ShadowDecided(EncounterEvent):
    """What a set of protocols on trial says where the active one decided. Nobody acts on it.

    It goes out beside a decision when the set on trial says something new, or the two differ anew.
    """

    decision: Identifier = Field(description="The active decision that it stands beside.")
    protocol: ProtocolVersion | None = None
    worst: TriageLevel
    current: TriageLevel
    reasons: tuple[Reason, ...]
    centres: tuple[CentreConcern, ...]
    differs: bool = Field(description="Whether the active decision says another level or centre.")


class TriagePaused(EncounterEvent):
    """Triage of this patient has stopped on an internal error; the last level stands."""

    worst: TriageLevel


class TriageResumed(EncounterEvent):
    """Triage of this patient goes on; what was set aside has been taken in."""

    worst: TriageLevel
