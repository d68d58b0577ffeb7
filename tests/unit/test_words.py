"""What holds for every word of the vocabulary: it is heard, and it can be denied."""

from __future__ import annotations

import pytest

from schemas.encounter import Complaint, Patient
from tests.casebook import EDITION

CATEGORIES = EDITION.vocabulary.categories
CHINESE = [(complaint, phrase) for complaint, of in CATEGORIES.items() for phrase in of.zh]
ENGLISH = [(complaint, phrase) for complaint, of in CATEGORIES.items() for phrase in of.en]


def heard(text: str) -> frozenset[Complaint]:
    return EDITION.categories(Patient(complaint_text=text))


@pytest.mark.parametrize(("complaint", "phrase"), CHINESE)
def test_a_chinese_word_is_heard_after_the_usual_opening_of_a_note(
    complaint: Complaint, phrase: str
) -> None:
    assert complaint in heard(f"患者无明显诱因出现{phrase}2小时")


@pytest.mark.parametrize(("complaint", "phrase"), CHINESE)
def test_a_chinese_word_can_be_denied(complaint: Complaint, phrase: str) -> None:
    assert complaint not in heard(f"否认{phrase}")


@pytest.mark.parametrize(("complaint", "phrase"), ENGLISH)
def test_an_english_word_is_heard_after_the_usual_complaint(
    complaint: Complaint, phrase: str
) -> None:
    assert complaint in heard(f"not feeling well all morning and now {phrase}")


@pytest.mark.parametrize(("complaint", "phrase"), ENGLISH)
def test_an_english_word_can_be_denied(complaint: Complaint, phrase: str) -> None:
    assert complaint not in heard(f"denies {phrase}")


DENIAL = EDITION.vocabulary.denial


def denied(list_of: str) -> tuple[str, str, str, str]:
    """A negation, two complaints, and what stands between words, in the language of a word."""
    chinese = ("无", "发热", "胸痛", "")
    return ("denies", "fever", "chest pain", " ") if list_of[0].isascii() else chinese


@pytest.mark.parametrize("join", DENIAL.joins)
def test_every_join_goes_on_with_a_list(join: str) -> None:
    no, fever, pain, gap = denied(join)
    assert heard(gap.join((no, fever, join, pain))) == frozenset()


@pytest.mark.parametrize("degree", DENIAL.degrees)
def test_a_degree_may_stand_after_a_negation_or_a_join(degree: str) -> None:
    no, fever, pain, gap = denied(degree)
    assert heard(gap.join((no, degree, fever, "/", degree, pain))) == frozenset()


@pytest.mark.parametrize("lead", DENIAL.leads)
def test_what_leads_to_a_denied_word_begins_something_new_after_it(lead: str) -> None:
    no, fever, pain, gap = denied(lead)
    assert heard(gap.join((no, lead, pain))) == frozenset()
    assert heard(gap.join((no, fever, lead, pain))) == {Complaint.CHEST_PAIN}


@pytest.mark.parametrize("tail", DENIAL.tails)
def test_a_tail_belongs_to_the_word_before(tail: str) -> None:
    assert heard(f"无发热{tail}、胸痛") == frozenset()
    assert heard(f"无发热、胸痛{tail}2小时") == {Complaint.CHEST_PAIN}


@pytest.mark.parametrize("mark", [*DENIAL.happened, "2小时", "两天"])
def test_what_happened_is_said_after_a_denial(mark: str) -> None:
    no, fever, pain, gap = denied(mark)
    join = " and " if gap else "、"
    assert heard(f"{no}{gap}{fever}{join}{pain}{gap}{mark}") == {Complaint.CHEST_PAIN}


@pytest.mark.parametrize("symptom", DENIAL.symptoms)
def test_a_list_that_is_denied_may_begin_with_any_symptom(symptom: str) -> None:
    no, _, pain, gap = denied(symptom)
    assert Complaint.CHEST_PAIN not in heard(gap.join((no, symptom, "/", pain)))


@pytest.mark.parametrize("idiom", DENIAL.none)
def test_what_only_looks_like_a_denial_denies_nothing(idiom: str) -> None:
    _, _, pain, gap = denied(idiom)
    assert heard(f"{idiom}{gap}{pain}") == {Complaint.CHEST_PAIN}
