"""The cases that clinicians read: each is as it says, and together they leave no number untouched.

All but the first tests look at the default set, and ask for a case on both sides of every number in
it, for a patient whom that number is for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from schemas.clinical import SCALES
from schemas.encounter import Complaint
from services.triage.centres import LOUDNESS, Need
from services.triage.terms import AgeRange
from tests.casebook import CASES, EDITION, PARTS, Case
from tests.edges import (
    RULES_OF_CENTRES,
    Part,
    Sides,
    ages_of_centres,
    ages_of_rules,
    edges_of_bands,
    edges_of_centres,
    edges_of_scores,
    end_of,
    family,
    names_in,
    parts_of_scores,
    rules_in_words,
    subject_of,
    within,
)

#: How near to an age a case lies that is on its other side: about a tenth of a year.
NEAR_YEARS = 0.11
#: Where at 28 days the newborns' rule is as loud and stands first: nobody hears whether these hold.
HIDDEN = {("neonatal.child_critical", 29), ("neonatal.child_severe", 29)}
FAMILIES = {family(protocol.protocol): protocol for protocol in EDITION.protocols}
REASONS = {(case.protocol, rule) for case in CASES for rule in case.output.reasons or ()}


def each(found: Iterable[Any]) -> list[Any]:
    """One test for each of what is found, named after it."""
    return [pytest.param(one, id=" ".join(map(str, one))) for one in found]


def is_near(value: object, wanted: float) -> bool:
    return isinstance(value, int | float) and abs(value - wanted) < 1e-9


def with_value(cases: Iterable[Case], name: str, value: float) -> list[Case]:
    """The cases in which a human measured, or scored, just this."""
    return [c for c in cases if is_near(c.readings.get(name, c.score(name)), value)]


def is_at(case: Case, years: float) -> bool:
    return is_near(case.years, years)


def is_just_before(case: Case, years: float) -> bool:
    return case.years is not None and 1e-9 < years - case.years <= NEAR_YEARS


# -- the cases themselves -------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_case(case: Case) -> None:
    assert case.decided, "no decision went out"
    assert case.found() == case.expects()


def test_no_two_cases_have_the_same_name() -> None:
    assert [name for name, times in Counter(c.name for c in CASES).items() if times > 1] == []


@pytest.mark.parametrize("number", range(1, 9))
def test_every_fault_of_shipped_code_has_a_case(number: int) -> None:
    assert any(case.name.startswith(f"Fault {number}: ") for case in CASES)


# -- protocols ------------------------------------------------------------------------------------


@pytest.mark.parametrize("edge", each(edges_of_bands()))
def test_every_edge_of_a_band_has_a_case_on_both_sides(edge: tuple[str, Sides]) -> None:
    protocol, (name, *values) = edge
    stated = [c for c in CASES if c.protocol == protocol and c.output.reasons is not None]
    low, high = (
        {c.output.reasons for c in with_value(stated, name, value)} - {None} for value in values
    )
    assert low, f"no case has {values[0]:g}"
    assert high, f"no case has {values[1]:g}"
    assert low != high


@pytest.mark.parametrize("rule", each(rules_in_words()))
def test_every_sign_word_and_complaint_is_the_reason_of_a_case(rule: tuple[str, str]) -> None:
    assert rule in {(family(protocol), reason) for protocol, reason in REASONS}


@pytest.mark.parametrize("age", each(ages_of_rules()))
def test_every_age_of_a_sign_or_complaint_has_a_case_on_both_sides(
    age: tuple[str, str, float],
) -> None:
    protocol, rule, end = age
    like = {rule, rule.removeprefix("complaint.")}
    stated = [c for c in CASES if c.protocol == protocol and c.output.reasons is not None]
    at, before = (
        {
            rule in (c.output.reasons or ())
            for c in stated
            if c.mentions & like and is_beyond(c, end)
        }
        for is_beyond in (is_at, is_just_before)
    )
    assert at == {True}
    assert before == {False}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_indicator_that_cannot_be_measured_has_a_case(name: str) -> None:
    said = {reason for protocol, reason in REASONS if family(protocol) == name}
    scored = {n for n, score in EDITION.scores.scores.items() if score.is_by_hand}
    measured = FAMILIES[name].indicators.keys() - scored
    assert {f"{vital}.unmeasurable" for vital in measured} - said == set()


@pytest.mark.parametrize("name", FAMILIES)
def test_all_that_is_required_is_once_the_only_missing_value(name: str) -> None:
    alone = {c.output.missing for c in CASES if family(c.protocol) == name}
    assert {(vital,) for vital in FAMILIES[name].required} - alone == set()


@pytest.mark.parametrize("end", sorted({p.ages.from_ for p in EDITION.protocols if p.ages.from_}))
def test_every_age_at_which_another_protocol_begins_has_cases(end: float) -> None:
    stated = [c for c in CASES if c.output.protocol]
    at = {c.protocol for c in stated if is_at(c, end)}
    before = {c.protocol for c in stated if is_just_before(c, end)}
    assert at - before
    assert before - at


def test_the_last_day_after_birth_has_cases_on_both_sides() -> None:
    last = EDITION.frame.site.postpartum_days
    protocols = {c.known.postpartum_days: c.output.protocol for c in CASES if c.output.protocol}
    assert (protocols[last], protocols[last + 1]) == ("obstetric", "adult")


# -- what callers say -----------------------------------------------------------------------------


@pytest.mark.parametrize("complaint", EDITION.vocabulary.categories)
def test_every_category_is_heard_in_chinese_and_in_english(complaint: Complaint) -> None:
    heard = [c.known.says for c in CASES if complaint in (c.output.complaints or ())]
    assert {text.isascii() for text in heard if text} == {True, False}


def test_every_denial_and_everything_that_only_looks_like_a_complaint_is_said() -> None:
    heard = [(c.known.says or "").lower() for c in CASES if c.output.complaints is not None]
    buts = [but for category in EDITION.vocabulary.categories.values() for but in category.but]
    unsaid = [
        phrase
        for phrase in (*EDITION.vocabulary.negations, *buts)
        if not any(phrase in text or set(phrase.split()) <= set(text.split()) for text in heard)
    ]
    assert unsaid == []


# -- scores ---------------------------------------------------------------------------------------


def stating(score: str) -> list[Case]:
    """The cases that state a score as one number."""
    return [c for c in CASES if isinstance((c.output.scores or {}).get(score), float)]


def points(case: Case, score: str) -> object:
    return (case.output.scores or {}).get(score)


def besides(case: Case, name: str) -> dict[str, Any]:
    """What was measured besides one value and what goes with it."""
    own = {name, *PARTS.get(name, ())}
    own |= {whole for whole, made_of in PARTS.items() if own & set(made_of)}
    return {vital: value for vital, value in case.readings.items() if vital not in own}


@pytest.mark.parametrize("edge", each(edges_of_scores()))
def test_every_edge_of_a_score_tells_two_like_patients_apart(
    edge: tuple[str, Sides, AgeRange | None],
) -> None:
    score, (name, *values), ages = edge
    stated = [c for c in stating(score) if ages is None or ages.holds(c.years)]
    low, high = (with_value(stated, name, value) for value in values)
    alike = [(a, b) for a in low for b in high if besides(a, name) == besides(b, name)]
    assert any(points(a, score) != points(b, score) for a, b in alike)


@pytest.mark.parametrize("part", list(parts_of_scores()), ids=lambda part: part.score)
def test_every_word_sign_and_scale_of_a_score_has_a_case(part: Part) -> None:
    item, stated = part.item, stating(part.score)
    said = {c.readings.get(item.of_letter or "consciousness") for c in stated}
    assert set(item.letters or ()) - said == set()
    for sign in item.signs or ():
        assert {c.last_word(sign) for c in stated} >= {True, False}, sign
    if item.scale is not None:
        scale, _, name = item.scale.partition(".")
        assert {c.last_points(scale, name) for c in stated} >= {0, SCALES[scale][name]}


@pytest.mark.parametrize("score", EDITION.scores.scores)
def test_every_score_is_stated_whole_and_in_part_and_is_not_shown_without_data(score: str) -> None:
    assert any(score in (c.output.not_shown or ()) for c in CASES)
    if EDITION.scores.scores[score].items:
        lacking = [(c.output.lacks or {})[score] for c in CASES if score in (c.output.lacks or {})]
        assert () in lacking
        assert any(lacking)


@pytest.mark.parametrize("score", EDITION.scores.scores)
def test_every_meaning_of_a_score_has_a_case_on_both_sides(score: str) -> None:
    whole = EDITION.scores.scores[score]
    for number, band in enumerate(whole.bands[:-1]):
        for beyond, value in enumerate(end_of(whole.ratio or score, band)[1:]):
            told = [c for c in stating(score) if is_near(points(c, score), value)]
            means = {(c.output.means or {}).get(score) for c in told}
            assert whole.bands[number + beyond].text.en in means, f"{value:g}"


# -- centres --------------------------------------------------------------------------------------


def speaking(name: str) -> list[Case]:
    """The cases that say that a rule of a centre speaks."""
    centre, rule = RULES_OF_CENTRES[name][0], name.partition(".")[2]
    return [case for case in CASES if (case.output.because or {}).get(centre) == rule]


def silent(name: str) -> list[Case]:
    """The cases that say that a rule does not hold, for a quieter one speaks, or a later one that
    is as loud, or none."""
    centre, rule = RULES_OF_CENTRES[name]
    place = (-LOUDNESS[rule.activation], EDITION.centres.order[name])

    def is_silent(case: Case) -> bool:
        said, heard = (case.output.because or {}).get(centre), case.output.centres
        if said is not None:
            other = f"{centre.value}.{said}"
            loudness = LOUDNESS[RULES_OF_CENTRES[other][1].activation]
            return (-loudness, EDITION.centres.order[other]) > place
        if heard is None:
            return False
        return centre not in heard or LOUDNESS[heard[centre]] < LOUDNESS[rule.activation]

    return [case for case in CASES if is_silent(case)]


@pytest.mark.parametrize("name", RULES_OF_CENTRES)
def test_every_rule_of_a_centre_speaks_in_a_case_and_is_silent_in_one_like_it(name: str) -> None:
    named = names_in(RULES_OF_CENTRES[name][1])
    assert speaking(name)
    assert any(not named or named & case.mentions for case in silent(name))


@pytest.mark.parametrize("edge", each(edges_of_centres()))
def test_every_limit_of_a_centre_has_a_case_on_both_sides(edge: tuple[str, Sides]) -> None:
    rule, (name, *values) = edge

    subject = subject_of(RULES_OF_CENTRES[rule][1])

    def has(case: Case, value: float) -> bool:
        is_like = not subject or bool(subject & case.mentions)
        return is_like and is_near(case.readings.get(name, case.score(name)), value)

    one, other = (
        any(has(c, a) for c in speaking(rule)) and any(has(c, b) for c in silent(rule))
        for a, b in (values, values[::-1])
    )
    assert one or other


@pytest.mark.parametrize("age", each(ages_of_centres()))
def test_every_age_of_a_centre_has_a_case_on_both_sides(age: tuple[str, float]) -> None:
    name, end = age
    if (name, round(end * 365.25)) in HIDDEN:
        return

    at, before = (
        [[c for c in cases if side(c, end)] for cases in (speaking(name), silent(name))]
        for side in (is_at, is_just_before)
    )
    assert (at[0] and before[1]) or (before[0] and at[1])


@pytest.mark.parametrize("name", RULES_OF_CENTRES)
def test_every_level_and_hour_of_a_centre_has_a_case_on_both_sides(name: str) -> None:
    for condition in within(RULES_OF_CENTRES[name][1].when):
        if condition.level is not None:
            milder = condition.level.urgency - 1
            assert any(c.decided[-1].worst == condition.level for c in speaking(name))
            assert any(c.decided[-1].worst.urgency == milder for c in silent(name))
        if condition.last_known_well_over_h is not None:
            speaks, is_silent = (
                {
                    c.hours_since_well - condition.last_known_well_over_h
                    for c in cases
                    if c.hours_since_well
                }
                for cases in (speaking(name), silent(name))
            )
            assert 0.0 in speaks
            assert any(0 < hours <= 1 / 60 for hours in is_silent)


@pytest.mark.parametrize(
    "need",
    [n for c in EDITION.centres.centres.values() for n in c.needs],
    ids=lambda need: need.item,
)
def test_every_question_is_asked_in_a_case_and_not_in_another(need: Need) -> None:
    asked = [need.question.en in c.output.asks for c in CASES if c.output.asks is not None]
    assert set(asked) == {True, False}
