"""What was read before a standstill is not what holds now."""

from __future__ import annotations

from services.kit.freshness import STALE_MS, Freshness

AGO = 100


def fresh() -> Freshness:
    """Answered every 100 ms until second 10."""
    freshness = Freshness()
    for at in range(9_000, 10_001, AGO):
        freshness.answered(at)
    return freshness


def test_the_first_answer_of_all_is_not_enough() -> None:
    freshness = Freshness()
    assert not freshness.is_fresh(9_000)
    assert freshness.answered(9_000)
    assert not freshness.is_fresh(9_000)
    assert freshness.answered(9_100)
    assert freshness.is_fresh(9_100)


def test_what_was_read_lately_is_fresh() -> None:
    freshness = fresh()
    assert freshness.is_fresh(10_000 + STALE_MS)
    assert not freshness.answered(10_000), "told before"


def test_after_a_standstill_two_answers_are_needed() -> None:
    freshness = fresh()
    assert not freshness.is_fresh(14_000)
    freshness.answered(14_001)
    assert not freshness.is_fresh(14_001), "it may have been given before"
    freshness.answered(14_020)
    assert freshness.is_fresh(14_020)


def test_an_answer_that_comes_first_after_a_standstill_is_not_believed_either() -> None:
    freshness = fresh()
    freshness.answered(14_000)
    assert not freshness.is_fresh(14_000)
    freshness.answered(14_100)
    assert freshness.is_fresh(14_100)


def test_who_asks_often_does_not_put_it_off() -> None:
    freshness = fresh()
    for now in (14_000, 14_001, 14_002):
        assert not freshness.is_fresh(now)
    freshness.answered(14_003)
    assert not freshness.is_fresh(14_003)
    freshness.answered(14_103)
    assert freshness.is_fresh(14_103)
