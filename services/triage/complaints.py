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
_CLAUSES = re.compile(r"[,;.!?，。；！？\n]+")
_WORD = re.compile(r"[a-z0-9]+")
_APOSTROPHE = re.compile(r"['’‘ʼ`]")
_CHINESE = re.compile(r"[一-鿿]")
_NUMBER = "[0-9一二两三四五六七八九十半几数]"
#: What stands where something was denied: the words on both sides of it are no neighbours.
_GAP = " , "


class Category(Rule):
    """A complaint and the words for it.

    English: every word of a phrase stands in the text, in any order, whole. Chinese: the phrase
    stands in it. ``but`` are words that mean something else: English ones wherever in the clause
    they stand, Chinese ones by themselves, so that what is said besides still counts.
    """

    name: Said
    zh: Annotated[tuple[str, ...], Field(min_length=1)]
    en: Annotated[tuple[str, ...], Field(min_length=1)]
    but: tuple[str, ...] = ()


class Denial(Rule):
    """How far a denial goes: over what it names, and over a list; all else in its clause is said.

    A word that is not known ends it. So a complaint may be heard though it was denied, which sends
    an ambulance too soon; the other way round a patient would be missed.
    """

    #: What begins like a denial and is none.
    none: tuple[str, ...]
    #: What may stand between a negation, or a join, and what is denied.
    degrees: tuple[str, ...]
    #: The same, after a negation alone: after anything else they begin something new.
    leads: tuple[str, ...]
    #: What goes on with a list.
    joins: tuple[str, ...]
    #: What belongs to the word before.
    tails: tuple[str, ...]
    #: Who says this, or a number, after a word of a list, says that it happened.
    happened: tuple[str, ...]
    #: What is denied beside complaints, and is none that a protocol knows.
    symptoms: tuple[str, ...]


class Vocabulary(Rule):
    """All categories, one version."""

    version: str
    effective_from: AwareDatetime
    #: Words that turn what they name into its opposite.
    negations: tuple[str, ...]
    denial: Denial
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
        plain = _APOSTROPHE.sub("", unicodedata.normalize("NFKC", text).lower())
        is_short = len(_WORD.findall(plain)) <= FEW and not _CHINESE.search(plain)
        plain = _WORD.sub(lambda word: self.short.get(word[0], word[0]), plain)
        for clause in [plain] if is_short else _CLAUSES.split(plain):
            words, there = set(_WORD.findall(clause)), self._without_denied(clause)
            for complaint, category in self.categories.items():
                zh = [but for but in category.but if _CHINESE.search(but)]
                if any(words.issuperset(but.split()) for but in {*category.but} - {*zh}):
                    continue
                heard = _heard(there, zh)
                phrases = (*category.zh, *category.en)
                if any(heard.holds(p, together=p in self._denying) for p in phrases):
                    yield complaint

    def _without_denied(self, clause: str) -> str:
        return self._denied.sub(lambda found: found["said"] or _GAP, clause)

    @cached_property
    def _phrases(self) -> frozenset[str]:
        return frozenset(p for c in self.categories.values() for p in (*c.zh, *c.en))

    @cached_property
    def _denying(self) -> frozenset[str]:
        """Complaints that hold a negation: "not breathing". They are said, and deny nothing."""
        negation = re.compile(_any(self.negations))
        return frozenset(phrase for phrase in self._phrases if negation.search(phrase))

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset({*self._phrases, *self.denial.symptoms})

    @cached_property
    def _denied(self) -> re.Pattern[str]:
        """What is denied in a clause, or looks like it; ``said`` is a complaint that does."""
        by, mark = self.denial, re.compile(_any(self.denial.happened))
        listed = {phrase for phrase in self._known if not mark.search(phrase)}
        parts = {w for p in self._known - self._denying if p.isascii() for w in p.split()}
        degree, some = _any(by.degrees), _any(parts - {*by.leads})
        tail, join = f"{_any(by.tails)}*", rf"\s*{_any(by.joins)}(?:\s|{degree})*"
        lead = rf"(?:\s|{degree}|{_any(by.leads)})*"
        first, next_ = (
            rf"(?>{_any(of)}|{some}(?:\s{lead}{some})*)" for of in (self._known, listed)
        )
        only = rf"(?!{tail}\s*(?:{_any(by.happened)}|{_NUMBER}))"
        beside = rf"(?:(?>{_any(filter(_CHINESE.search, listed - self._denying))}){only})*{tail}"
        passed = rf"{join}(?:(?!{_any({*self._known, *by.leads})})[一-鿿]){{1,4}}(?={join})"
        said = _any(self._denying, self._whole)
        return re.compile(
            rf"(?P<said>{said})|{_any(by.none)}|{_any(self.negations)}{lead}{first}{beside}"
            rf"(?:{join}{next_}{only}{beside}|{passed})*"
        )

    def _whole(self, phrase: str) -> str:
        """A phrase in which no longer one begins: "no breathing difficulty" is no arrest."""
        ends = {
            other[size:]
            for size in range(1, len(phrase))
            for other in self._known
            if len(other) > size and other.startswith(phrase[-size:])
        }
        return _pattern(phrase) + "".join(rf"(?!{re.escape(end)})" for end in sorted(ends))


class _Heard(NamedTuple):
    """What is said in a clause: as it stands in Chinese, and its words."""

    clause: str
    words: tuple[str, ...]

    def holds(self, phrase: str, *, together: bool) -> bool:
        """Whether a phrase stands in it, in English in any order or together: "no pulse" is not
        "a pulse, no fever"."""
        if _CHINESE.search(phrase):
            return phrase in self.clause
        if together:
            return f" {phrase} " in f" {' '.join(self.words)} "
        return set(phrase.split()).issubset(self.words)


def _heard(clause: str, something_else: Iterable[str]) -> _Heard:
    for words in something_else:
        clause = clause.replace(words, _GAP)
    return _Heard(clause, tuple(_WORD.findall(clause)))


def _pattern(word: str) -> str:
    """A word as it stands in a text: an English one whole."""
    pattern = r"\s+".join(map(re.escape, word.split()))
    before = "(?<![a-z0-9])" if _WORD.match(word) else ""
    return f"{before}{pattern}(?![a-z0-9])" if _WORD.match(word[-1]) else before + pattern


def _any(words: Iterable[str], pattern: Callable[[str], str] = _pattern) -> str:
    """One of some words: of those that fit the longest. Of no words: nothing."""
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return f"(?:{'|'.join(map(pattern, longest_first)) or '(?!)'})"
