"""What a handover asks for beside the complaint: ISBAR's background, IMIST-AMBO's A, M, B and O.

A field that is absent was not asked about, or nobody knew. An empty one was asked about, and there
is none. How many words a field may have, and how long each may be, is ours (evidence: design).
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from schemas.event import Moment, Value

#: A few words of a crew. Never logged, and never a name or a number of a person.
Words: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=120, pattern=r"^[^\x00]*$"),
]
MOST = 20
Listed: TypeAlias = Annotated[tuple[Words, ...], Field(max_length=MOST)]

LineCode: TypeAlias = Literal[
    "peripheral_iv",
    "intraosseous",
    "central_line",
    "airway_tube",
    "supraglottic_airway",
    "chest_drain",
    "urinary_catheter",
    "gastric_tube",
    "tourniquet",
    "cervical_collar",
    "pelvic_binder",
    "splint",
]
#: Who told it.
Teller: TypeAlias = Literal["patient", "relative", "bystander", "documents"]


class LineInPlace(Value):
    """A line, a tube or a device that is at the patient."""

    line: LineCode = Field(description="Which.")
    where: Words | None = Field(
        default=None, description="Where at the body, and what size; null where nobody has said."
    )


class Consent(Value):
    """Whether somebody has agreed to something, and who."""

    to: Literal["treatment", "transport", "records"] = Field(description="To what.")
    by: Literal["patient", "relative", "not_obtainable", "refused"] = Field(
        description="Who agreed; `not_obtainable` where nobody could be asked, `refused` where"
        " somebody was and did not."
    )


class Background(Value):
    """What is known of a patient beside the complaint. Absent is not known; empty is none."""

    allergies: Listed | None = Field(
        default=None, description="To what; empty where somebody was asked and knows of none."
    )
    medications: Listed | None = Field(
        default=None,
        description="What is taken regularly, anticoagulants above all; empty where nothing is.",
    )
    history: Listed | None = Field(
        default=None, description="Earlier illnesses and operations; empty where there were none."
    )
    last_meal_at: Moment | None = Field(
        default=None, description="When the patient last ate or drank."
    )
    lines: Annotated[tuple[LineInPlace, ...], Field(max_length=MOST)] | None = Field(
        default=None, description="Lines, tubes and devices in place; empty where there are none."
    )
    skin: Listed | None = Field(
        default=None, description="Wounds, burns, pressure sores; empty where the skin is whole."
    )
    belongings: Listed | None = Field(
        default=None,
        description="What comes with the patient; empty where nothing does. Never whose it is.",
    )
    consents: Annotated[tuple[Consent, ...], Field(max_length=MOST)] | None = Field(
        default=None, description="What was agreed to; empty where nothing was asked for."
    )


class LastWord(Value):
    """When a field of the background was told last, and by whom."""

    field: Literal[
        "allergies",
        "medications",
        "history",
        "last_meal_at",
        "lines",
        "skin",
        "belongings",
        "consents",
    ] = Field(description="Which field.")
    at: Moment = Field(description="When it was told, or seen.")
    told_by: Teller | None = Field(
        default=None, description="Who told it; null where the crew saw it, or did not say."
    )


class KnownBackground(Background):
    """The background as now known: of each field what was told last."""

    said: tuple[LastWord, ...] = Field(
        default=(), description="When each field that is there was told last, and by whom."
    )
