"""Positions: what lies behind a batch, what was taken already, and what lies outside a log."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from services.kit.positions import REWIND, Positions, moves_of

A, B = TopicPartition("a", 0), TopicPartition("b", 1)
POOL: Any = None


def test_a_position_is_the_next_offset_to_take() -> None:
    assert moves_of([("a", 0, 7), ("a", 0, 8), ("b", 1, 0)]) == {A: 9, B: 1}


def test_a_record_before_its_position_was_taken_already() -> None:
    positions = Positions(POOL, "triage")
    positions.moved({A: 9})
    assert positions.is_behind("a", 0, 8)
    assert not positions.is_behind("a", 0, 9)
    assert not positions.is_behind("b", 1, 0)


@pytest.mark.parametrize(
    ("position", "log", "found"),
    [
        (5, (0, 10), 5),
        (0, (0, 0), 0),
        (10, (0, 10), 10),
        (11, (0, 10), 0),
        (60_001, (0, 60_000), 60_000 - REWIND),
        (60_001, (55_000, 60_000), 55_000),
        (3, (5, 10), 5),
    ],
)
def test_a_position_outside_the_log_goes_back_by_a_margin_or_to_its_beginning(
    position: int, log: tuple[int, int], found: int
) -> None:
    assert Positions(POOL, "triage")._within(position, *log) == found


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_position_ends_up_within_the_log_and_never_further_than_it_was(
    position: int, first: int, length: int
) -> None:
    last = first + length
    found = Positions(POOL, "triage")._within(position, first, last)
    assert first <= found <= last
    assert found <= max(position, first)
