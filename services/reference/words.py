"""What the reference says in words of its own, in Chinese and English, and its examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.event import Value
from schemas.triage import Bilingual


class Passage(Value):
    """A text with its heading."""

    title: Bilingual
    text: Bilingual


class Examples(Value):
    """What a plausible request holds."""

    #: A value for a field or a parameter of this name, wherever it is required.
    fields: Mapping[str, Any]
    #: A whole body, by the name of its schema; of many lines, by the operation.
    bodies: Mapping[str, Any]


class Words(Value):
    """All of them."""

    title: Bilingual
    lead: Bilingual
    general: tuple[Passage, ...]
    services: Mapping[str, Passage]
    subjects: Mapping[str, Bilingual]
    roles: Mapping[str, Passage]
    #: What a refusal means, by its status, in Chinese; the documents say it in English.
    refusals: Mapping[str, str]
    #: Headings and marks.
    labels: Mapping[str, Bilingual]
    #: What a value is: a text, a time, a number …
    kinds: Mapping[str, Bilingual]
    #: Units that people write otherwise than machines.
    units: Mapping[str, str]
    examples: Examples

    def subject(self, name: str) -> Bilingual:
        """The heading of a subject; its own name where nobody gave it one."""
        return self.subjects.get(name) or Bilingual(zh=name, en="")
