"""A dead letter says what it was, shows no stranger's words, and can be sent again as it came."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from schemas.envelope import Message
from services.kit.dead_letters import letter
from services.operations.letter import CannotRetry, Letter, Place

AT = datetime(2026, 3, 1, tzinfo=UTC)


def came(message: Message, kind: Any = "invalid") -> Letter:
    """As triage set the message down."""
    record = ConsumerRecord(
        topic=message.topic, partition=2, offset=7, timestamp=0, timestamp_type=1,
        key=message.key, value=message.value, checksum=None, serialized_key_size=0,
        serialized_value_size=0, headers=tuple(message.headers),
    )  # fmt: skip
    made = letter("triage", record, kind, "vitals.heart_rate: must be a number")
    return Letter(Place("triage", 2, 0), AT, made.key, made.value, made.headers)


def sample(**headers: bytes) -> Message:
    named = {"ce_type": b"greenchannel.VitalSignsRecorded.v2", "ce_source": b"vendor/1", **headers}
    return Message("ambulance-vitals", b"E-1", b"{}", list(named.items()))


def test_it_is_sent_again_as_it_came_with_a_word_of_where_it_lay() -> None:
    was = sample()
    again = came(was).again()
    assert again._replace(headers=again.headers[:-1]) == was
    assert again.headers[-1] == ("retry_of", b"triage/2/0")


def test_what_came_back_is_sent_again_with_one_word_of_it() -> None:
    first = came(sample()).again()
    second = came(first)
    assert second.retry_of == "triage/2/0"
    assert [name for name, _ in second.again().headers].count("retry_of") == 1


def test_what_was_cut_is_not_sent_again() -> None:
    with pytest.raises(CannotRetry, match="too large"):
        came(Message("ambulance-vitals", b"E-1", b"x" * 1_600_000, [])).again()


def test_what_does_not_say_where_it_came_from_is_not_sent_again() -> None:
    with pytest.raises(CannotRetry, match="which topic"):
        Letter(Place("triage", 0, 0), AT, b"", b"", []).again()


@pytest.mark.parametrize(
    ("ce_type", "shown"),
    [
        (b"greenchannel.VitalSignsRecorded.v2", "VitalSignsRecorded.v2"),
        ("张三".encode(), "?"),
        (b"a\x1b[2J", "?"),
        (b"", "?"),
    ],
)
def test_a_stranger_s_words_are_not_shown(ce_type: bytes, shown: str) -> None:
    assert came(sample(ce_type=ce_type)).event == shown


@pytest.mark.parametrize(
    ("kind", "whom"), [("invalid", None), ("unknown", None), ("bug", "E-1"), ("set_aside", "E-1")]
)
def test_whose_it_is_is_said_where_the_key_was_read(kind: str, whom: str | None) -> None:
    assert came(sample(), kind).of_whom == whom


def test_a_place_is_read_as_it_is_written() -> None:
    assert Place.of("triage/3/120") == Place("triage", 3, 120)
    assert str(Place("triage", 3, 120)) == "triage/3/120"
    for wrong in ("triage/3", "triage/3/-1", "triage/x/1", "triage/3/01", "triage/3/1/2", ""):
        with pytest.raises(ValueError, match="CONSUMER/PARTITION/OFFSET"):
            Place.of(wrong)
