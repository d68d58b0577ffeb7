"""What messages of HL7 v2 are put together from: fields, components, codes, times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from services.bridge.terminology import Kind, meaning

#: Codes of our own.
OWN = "99GC"
#: What would end a field, a segment or the message. A control character becomes a blank.
_ESCAPES = {
    **dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), " "),
    **{ord(c): f"\\{e}\\" for c, e in zip("\\|^&~", "EFSTR", strict=True)},
}

#: Fields of a segment by their number.
Row: TypeAlias = dict[int, str]


def code_of(kind: Kind, name: str, before: str = "") -> str:
    """What is observed: by LOINC where it says the same, whose last code says how it was measured;
    else by ours, with ``before`` where kinds share a name."""
    meant = meaning(kind, name)
    if meant.loinc:
        return components(meant.loinc[-1], meant.text, "LN")
    return components(f"{before}{name}", meant.text, OWN)


def yes_or_no(said: bool) -> str:
    """By table 0136."""
    return f"{'Y' if said else 'N'}^^HL70136"


def coded(kind: Kind, code: str) -> str:
    """A code of ours with its words."""
    return components(code, meaning(kind, code).text, OWN)


def observed(kind: str, code: str, value: str, at: str) -> Row:
    """An observation that stands: kind of value, what of, value, time."""
    return {2: kind, 3: code, 5: value, 11: "F", 14: at}


def time_of(at: datetime | None, zone: ZoneInfo) -> str:
    """By the clock of ``zone``, with its offset; nothing where it is not known."""
    return "" if at is None else at.astimezone(zone).strftime("%Y%m%d%H%M%S%z")


def components(*parts: str) -> str:
    """Parts of a field; those that are empty at its end are left out."""
    return "^".join(map(escaped, parts)).rstrip("^")


def escaped(text: str) -> str:
    """A text in which nothing ends a field, a segment or the message."""
    return text.translate(_ESCAPES)


def segment(name: str, fields: Mapping[int, str]) -> str:
    """Fields by their number, from 1."""
    return "|".join([name, *(fields.get(n, "") for n in range(1, max(fields) + 1))]).rstrip("|")
