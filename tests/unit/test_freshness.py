"""What was read before a standstill is not what holds now."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition
from prometheus_client import REGISTRY

from services.kit.freshness import Freshness
from services.kit.heartbeat import STALLED_S, STANDSTILL_S, Heartbeat, note_delay

A, B = TopicPartition("dispatch-encounters", 0), TopicPartition("ambulance-vitals", 0)


def test_a_partition_is_known_from_its_first_answer_on() -> None:
    freshness = Freshness()
    assert not freshness.note(0, {A: 0, B: 0})
    assert not freshness.is_known(A)
    assert freshness.note(0, {A: 100, B: 0})
    assert (freshness.is_known(A), freshness.is_known(B)) == (True, False)
    assert not freshness.note(0, {A: 100, B: 0}), "told before"


def test_after_a_standstill_the_first_answer_may_have_been_given_before() -> None:
    freshness = Freshness()
    freshness.note(0, {A: 100})
    known = []
    for at in (100, 9_000, 9_000, 9_020):
        freshness.note(1, {A: at})
        known.append(freshness.is_known(A))
    assert known == [False, False, False, True]


def test_an_answer_noticed_together_with_the_waking_is_not_believed_either() -> None:
    freshness = Freshness()
    freshness.note(0, {A: 100})
    freshness.note(1, {A: 9_000})
    assert not freshness.is_known(A)


def test_each_partition_has_its_own_answers() -> None:
    """They may lie with several brokers: what one says tells nothing of the other's."""
    freshness = Freshness()
    freshness.note(0, {A: 100, B: 100})
    for at in (9_000, 9_005, 9_010):
        freshness.note(1, {A: at, B: 9_001})
    assert (freshness.is_known(A), freshness.is_known(B)) == (True, False)


def test_slow_answers_are_answers() -> None:
    freshness = Freshness()
    for at in range(1_000, 60_000, 1_100):
        freshness.note(0, {A: at})
        assert freshness.is_known(A)


def test_a_heart_that_beats_has_not_stood_still() -> None:
    clock = iter([0.0, 0.1, 0.9, 0.9 + STANDSTILL_S, 9.0, 9.1, 60.0])
    heart = Heartbeat(lambda: next(clock))
    assert [heart.wakings() for _ in range(6)] == [0, 0, 0, 1, 1, 2]


def test_a_standstill_is_one_beat_and_counts_by_its_seconds() -> None:
    def stalled() -> float:
        name = "greenchannel_event_loop_stalled_seconds_total"
        return REGISTRY.get_sample_value(name) or 0.0

    before = stalled()
    for late in (0.0, 0.02, STALLED_S - 0.01, 8.0, STALLED_S):
        note_delay(late)
    assert stalled() - before == pytest.approx(8.0 + STALLED_S)
