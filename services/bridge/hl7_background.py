"""A patient's background in HL7 v2.5.1: allergies as AL1, the rest as observations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from schemas.background import KnownBackground, LineInPlace
from services.bridge.hl7_parts import (
    OWN,
    Row,
    coded,
    components,
    escaped,
    observed,
    segment,
    time_of,
)
from services.bridge.terminology import meaning


def allergies(known: KnownBackground | None) -> Iterator[str]:
    """A segment each, in the words of who told; one that says so where none is known of. Where
    nobody was asked there is no segment."""
    if known is None or known.allergies is None:
        return
    told = [components("", words) for words in known.allergies]
    for number, allergen in enumerate(told or [coded("background", "no_known_allergy")], start=1):
        yield segment("AL1", {1: str(number), 3: allergen})


def background(known: KnownBackground | None, zone: ZoneInfo) -> Iterator[Row]:
    """Of each field that is known an observation, with the time it was told. Belongings and
    consents are the crew's and the board's: no field of a clinical system is meant for them."""
    if known is None:
        return
    for word in known.said:
        value = getattr(known, word.field)
        match word.field:
            case "medications" | "history" | "skin":
                kind, said = _texts(value)
            case "lines":
                kind, said = "CE", "~".join(map(_line, value)) or _none()
            case "last_meal_at":
                kind, said = "TS", time_of(value, zone)
            case _:
                continue
        code = components(f"background_{word.field}", meaning("background", word.field).text, OWN)
        yield observed(kind, code, said, time_of(word.at, zone))


def _texts(words: Sequence[str]) -> tuple[str, str]:
    return ("TX", "~".join(map(escaped, words))) if words else ("CE", _none())


def _line(each: LineInPlace) -> str:
    where = f" ({each.where})" if each.where else ""
    return components(each.line, f"{meaning('lines', each.line).text}{where}", OWN)


def _none() -> str:
    return coded("background", "none")
