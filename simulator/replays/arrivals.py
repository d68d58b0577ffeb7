"""Arrivals at an emergency department with an expert's level: one row is one adult.

Moon and others, PLoS ONE 2019;14(9):e0216972, CC BY 4.0. ``??`` in a vital sign means that it
could not be measured; an empty cell, that it was not taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from schemas.triage import TriageLevel
from simulator.replays.account import Unreadable
from simulator.replays.table import rows_of

#: The publisher's codes.
AMBULANCE = frozenset({"2", "4"})
_SEX = {"1": "female", "2": "male"}
_CONSCIOUSNESS = {"1": "A", "2": "V", "3": "P", "4": "U"}
_INJURED = "2"
#: A column and the contract's name for it, in the contract's units.
_VITALS = {
    "SBP": "systolic_bp",
    "DBP": "diastolic_bp",
    "HR": "heart_rate",
    "RR": "respiratory_rate",
    "BT": "temperature",
    "Saturation": "spo2",
    "NRS_pain": "pain",
}
#: How an empty cell of the spreadsheet came out where it is not empty.
_EMPTY = ("", "#BO")
#: Five levels of the Korean scale on our four: the two least urgent are one.
LEVELS: Mapping[str, TriageLevel] = {
    "1": TriageLevel.CRITICAL,
    "2": TriageLevel.SEVERE,
    "3": TriageLevel.URGENT,
    "4": TriageLevel.NON_URGENT,
    "5": TriageLevel.NON_URGENT,
}
#: Complaints that say a word of the contract as it stands; nothing is concluded from the others.
_COMPLAINTS = (
    (r"chest (pain|discomfort)|(pain|discomfort), chest", "chest_pain"),
    (r"dyspn(o)?ea", "dyspnoea"),
    (r"\babd(omen|ominal)?\b\.? pain|pain, abd", "abdominal_pain"),
    (r"\bfever\b", "fever"),
    (r"\bseizure\b|convulsion", "seizure"),
    (r"bleeding", "bleeding"),
)
_COLUMNS = ("Sex", "Age", "Arrival mode", "Injury", "Chief_complain", "Mental", *_VITALS,
            "KTAS_RN", "KTAS_expert", "KTAS duration_min")  # fmt: skip


class Arrival(NamedTuple):
    """One arrival. ``patient`` and ``vitals`` are as the contract's ``Patient`` and
    ``VitalSigns``; ``triage_min`` is how long the nurse's triage took, in minutes."""

    place: str
    by_ambulance: bool
    patient: Mapping[str, Any]
    vitals: Mapping[str, float | str]
    expert: TriageLevel
    nurse: TriageLevel
    triage_min: float | None


Row: TypeAlias = Arrival | Unreadable


def read(text: str, file: str) -> Iterator[Row]:
    """The arrivals of a file. Raises ``WrongTable``."""
    for place, row in rows_of(text, file, _COLUMNS, ";"):
        try:
            yield _arrival(place, row)
        except (KeyError, ValueError):
            yield Unreadable(place, "a code or a number that cannot be read")


def _arrival(place: str, row: Mapping[str, str]) -> Arrival:
    taken = {name: row[column] for column, name in _VITALS.items() if not _is_empty(row[column])}
    duration = row["KTAS duration_min"]
    return Arrival(
        place=place,
        by_ambulance=row["Arrival mode"] in AMBULANCE,
        patient={
            "age": {"years": number(row["Age"])},
            "sex": _SEX[row["Sex"]],
            **_complaint(row["Chief_complain"], row["Injury"] == _INJURED),
        },
        vitals={
            **{name: _value(cell) for name, cell in taken.items()},
            "consciousness": _CONSCIOUSNESS[row["Mental"]],
        },
        expert=LEVELS[row["KTAS_expert"]],
        nurse=LEVELS[row["KTAS_RN"]],
        triage_min=number(duration) if duration else None,
    )


def _is_empty(cell: str) -> bool:
    return cell == "" or cell.startswith(_EMPTY[1])


def _value(cell: str) -> float | str:
    """A number, or the contract's word for what a human tried to measure and could not."""
    return "unmeasurable" if cell == "??" else number(cell)


def number(cell: str) -> float:
    """A number, also with a decimal comma. Raises ``ValueError``."""
    return float(cell.replace(",", "."))


def _complaint(text: str, injured: bool) -> dict[str, str]:
    """The words as they stand, and their code. Of some rows the text was lost, and only question
    marks are left."""
    if not re.search(r"\w", text):
        return {"complaint": "trauma" if injured else "unknown"}
    found = (code for pattern, code in _COMPLAINTS if re.search(pattern, text, re.IGNORECASE))
    return {"complaint": "trauma" if injured else next(found, "other"), "complaint_text": text}
