"""How far behind a reader is, by what it took and what the broker has said."""

from __future__ import annotations

import time

import pytest
from aiokafka import TopicPartition

from services.kit.lag import Lag

ONE, TWO = TopicPartition("ambulance-raw", 0), TopicPartition("ambulance-raw", 1)


def test_what_was_not_taken_counts_and_its_age_is_that_of_what_was_taken_last() -> None:
    ends: dict[TopicPartition, int | None] = {ONE: 8, TWO: 3}
    lag = Lag("a test", ends.get)
    assert (lag.behind(), lag.seconds()) == (0, 0)
    lag.took(ONE, 4, round(1000 * (time.time() - 20)))
    lag.took(TWO, 2, round(1000 * (time.time() - 30)))
    assert lag.behind() == 3
    assert lag.seconds() == pytest.approx(20, abs=2)
    lag.took(ONE, 7, round(1000 * time.time()))
    assert (lag.behind(), lag.seconds()) == (0, 0)


def test_a_partition_that_is_read_elsewhere_or_of_which_nothing_is_said_does_not_count() -> None:
    ends: dict[TopicPartition, int | None] = {ONE: 8, TWO: None}
    lag = Lag("another test", ends.get)
    lag.took(ONE, 0, 0)
    lag.took(TWO, 0, 0)
    assert lag.behind() == 7
    lag.keep({TWO})
    assert lag.behind() == 0
