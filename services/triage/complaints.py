"""What callers say, as data: words in Chinese and English, and the complaint they mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Annotated, NamedTuple

from pydantic import AwareDatetime, Field

from schemas.encounter import Complaint, Patient
from services.triage.band import Rule
from services.triage.terms import Said

#: So many words are one clause, whatever stands between them.
FEW = 4
_CLAUSES = re.compile(r"[,;.!?，。；！？、\n]+")
_WORD = re.compile(r"[a-z0-9]+")
_CHINESE = re.compile(r"[一-鿿]")


class Category(Rule):
    """A complaint and the words for it.

    English: every word of a phrase stands in the text, in any order, whole. Chinese: the phrase
    stands in it. ``but`` are words beside which it means something else.
    """

    name: Said
    zh: Annotated[tuple[str, ...], Field(min_length=1)]
    en: Annotated[tuple[str, ...], Field(min_length=1)]
    but: tuple[str, ...] = ()


class Vocabulary(Rule):
    """All categories, one version."""

    version: str
    effective_from: AwareDatetime
    #: Words that turn what follows in their clause into its opposite.
    negations: tuple[str, ...]
    #: Words that turn it back.
    turns: tuple[str, ...]
    #: Short for a word: as callers and charts write it.
    short: Mapping[str, str]
    categories: Mapping[Complaint, Category]

    def of(self, patient: Patient) -> frozenset[Complaint]:
        """The complaints of a patient: the code that was given, and what the words say."""
        return self._of(patient.complaint, patient.complaint_text)

    @cached_property
    def _of(self) -> Callable[[Complaint, str | None], frozenset[Complaint]]:
        return lru_cache(maxsize=4096)(self._work_out)

    def _work_out(self, code: Complaint, text: str | None) -> frozenset[Complaint]:
        given = {code} - {Complaint.UNKNOWN, Complaint.OTHER}
        return frozenset(given | set(self._said(text or "")))

    def _said(self, text: str) -> Iterator[Complaint]:
        plain = unicodedata.normalize("NFKC", text).lower()
        is_short = len(_WORD.findall(plain)) <= FEW and not _CHINESE.search(plain)
        for clause in [plain] if is_short else _CLAUSES.split(plain):
            whole, there = self._heard(clause), self._heard(self._without_denied(clause))
            for complaint, category in self.categories.items():
                if any(whole.holds(but) for but in category.but):
                    continue
                if any(self._is_said(p, whole, there) for p in (*category.zh, *category.en)):
                    yield complaint

    def _is_said(self, phrase: str, whole: _Heard, there: _Heard) -> bool:
        """ "Not breathing" is a complaint, though it begins like a denial: it stands as it is, and
        no longer word begins in it ("not breathing" is not "no breathing difficulty")."""
        if not self._denies(phrase):
            return there.holds(phrase)
        place = _place(phrase, whole.clause)
        if place < 0:
            return False
        end = place + len(phrase)
        return not any(
            end < begins + len(other) and place < begins < end
            for other in self._phrases
            for begins in _places(other, whole.clause)
        )

    @cached_property
    def _phrases(self) -> tuple[str, ...]:
        return tuple(p for c in self.categories.values() for p in (*c.zh, *c.en))

    def _heard(self, clause: str) -> _Heard:
        words = {self.short.get(word, word) for word in _WORD.findall(clause)}
        return _Heard(clause, words | {part for word in words for part in word.split()})

    def _denies(self, phrase: str) -> bool:
        return any(_place(no, phrase) >= 0 for no in self.negations)

    def _without_denied(self, clause: str) -> str:
        """A clause without what is said not to be there: from a negation to a turn, or the end."""
        kept = ""
        while (begin := _first(self.negations, clause)) is not None:
            place, no = begin
            kept, clause = f"{kept}{clause[:place]} ", clause[place + len(no) :]
            turn = _first(self.turns, clause)
            clause = clause[turn[0] :] if turn else ""
        return kept + clause


class _Heard(NamedTuple):
    """A clause, and the words in it."""

    clause: str
    words: set[str]

    def holds(self, phrase: str) -> bool:
        """Whether a phrase stands in it."""
        if _CHINESE.search(phrase):
            return phrase in self.clause
        return self.words.issuperset(phrase.split())


def _first(words: Iterable[str], clause: str) -> tuple[int, str] | None:
    """Where the first of some words stands; of those at one place the longest."""
    places = [(place, -len(word), word) for word in words if (place := _place(word, clause)) >= 0]
    return (min(places)[0], min(places)[2]) if places else None


def _places(phrase: str, clause: str) -> list[int]:
    return [found.start() for found in re.finditer(re.escape(phrase), clause)]


def _place(word: str, clause: str) -> int:
    if _CHINESE.search(word):
        return clause.find(word)
    found = re.search(rf"\b{re.escape(word)}\b", clause)
    return found.start() if found else -1
