"""Names that nobody bears: put in wherever something can come in, and looked for wherever nothing
of it may come out."""

from __future__ import annotations

import json
import random
import string
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

#: Not repeatable on purpose: what an earlier run left in a log is not this run's.
_CHANCE = random.SystemRandom()


class Canary(NamedTuple):
    """Who somebody is, made up; ``inlet`` is the way by which it came in."""

    inlet: str
    chinese: str
    latin: str
    number: str
    phone: str

    def __str__(self) -> str:
        return f"{self.chinese} {self.latin} {self.number} {self.phone}"

    def forms(self) -> Iterator[str]:
        """All ways in which a part of it may stand in a text."""
        for part in self[1:]:
            raw = repr(part.encode())[2:-1]
            yield from {part, ascii(part)[1:-1], raw, quote(part), quote(part).lower()}


def canary(inlet: str) -> Canary:
    """Another one at each call."""
    digits = "".join(_CHANCE.choices(string.digits, k=18))
    return Canary(
        inlet,
        "欧阳" + "".join(chr(_CHANCE.randrange(0x4E00, 0x9FA5)) for _ in range(4)),
        "Ouyang" + "".join(_CHANCE.choices(string.ascii_lowercase, k=10)),
        f"320311{digits[:12]}",
        f"139{digits[10:]}",
    )


class Found(NamedTuple):
    """What stands where it may not."""

    inlet: str
    place: str
    around: str


def found(canaries: Iterable[Canary], texts: Iterable[tuple[str, str | bytes]]) -> list[Found]:
    """Each canary that stands in one of these texts, which come with where they were found."""
    places = defaultdict[str, list[str]](list)
    for place, text in texts:
        places[place].append(_plain(text))
    plain = {place: "\n".join(dict.fromkeys(lines)) for place, lines in places.items()}
    return [
        Found(each.inlet, place, text[max(0, text.find(form) - 150) :][:300])
        for each in canaries
        for place, text in plain.items()
        for form in each.forms()
        if form in text
    ]


def _plain(text: str | bytes) -> str:
    """A text within a text has its escapes escaped."""
    read = text if isinstance(text, str) else text.decode("utf-8", "backslashreplace")
    while "\\\\" in read:
        read = read.replace("\\\\", "\\")
    return read


#: By these names FHIR leads from one resource to another.
_LEADS = {"reference", "fullUrl", "url", "id", "system", "source", "profile"}


def links(document: Any, *, references: bool = False, key: str = "") -> Iterator[str]:
    """What in a JSON document leads to something; by ``references`` FHIR's own ways too."""
    match document:
        case dict():
            for name, value in document.items():
                yield from links(value, references=references, key=name)
        case list():
            for each in document:
                yield from links(each, references=references, key=key)
        case str() if "://" in document or (references and key in _LEADS):
            yield document


def as_text(document: Any) -> str:
    """JSON, as a sender writes it whose software knows Unicode."""
    return json.dumps(document, ensure_ascii=False)
