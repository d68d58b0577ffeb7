"""Dead letters keep what came; limits judge each source by its own records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiokafka import ConsumerRecord

from services.kit.dead_letters import Limits, letter, source_of


def record(headers: Iterable[tuple[str, bytes]] = (), value: bytes | None = b"\xff") -> Any:
    return ConsumerRecord(
        topic="ambulance-vitals", partition=3, offset=17, timestamp=0, timestamp_type=1,
        key=b"E-1", value=value, checksum=None, serialized_key_size=3, serialized_value_size=1,
        headers=tuple(headers),
    )  # fmt: skip


def test_a_letter_holds_the_bytes_as_they_came_with_origin_and_reason() -> None:
    came = [("ce_id", b"1"), ("x", b"\x00\xff")]
    made = letter("triage", record(came), "invalid", "vitals.spo2: too much")
    assert made.topic == "triage-dead-letters"
    assert (made.key, made.value) == (b"E-1", b"\xff")
    assert made.headers[:2] == came
    assert dict(made.headers[2:]) == {
        "dead_topic": b"ambulance-vitals",
        "dead_partition": b"3",
        "dead_offset": b"17",
        "dead_kind": b"invalid",
        "dead_reason": b"vitals.spo2: too much",
    }


def test_a_letter_without_value_or_with_a_long_reason_can_be_written() -> None:
    made = letter("triage", record(value=None), "bug", "x" * 2000)
    assert made.value == b""
    assert dict(made.headers)["dead_reason"] == b"x" * 1000


def test_a_source_is_who_the_record_says_it_is() -> None:
    assert source_of(record([("ce_type", b"x"), ("ce_source", b"greenchannel/gateway")])) == (
        "greenchannel/gateway"
    )
    assert source_of(record()) == "unnamed"
    assert source_of(record([("ce_source", b"\xff" * 100)])) == "\N{REPLACEMENT CHARACTER}" * 64


def told(limits: Limits, source: str, records: str) -> str:
    """What becomes of records that are good (g) or bad (b): read (r), set down unread (u)."""
    found = ""
    for one in records:
        if limits.is_paused(source):
            found += "u"
        else:
            limits.note(source, good=one == "g")
            found += "r"
    return found


def test_a_source_that_sends_more_than_half_rubbish_is_paused_and_comes_back() -> None:
    limits = Limits(window=4)
    assert told(limits, "a", "bbgb" + "gggg" + "gggg") == "rrrr" + "uuuu" + "rrrr"
    assert limits.paused == 0


def test_a_source_that_goes_on_sending_rubbish_is_paused_again() -> None:
    assert told(Limits(window=4), "a", "b" * 16) == "rrrruuuu" * 2


def test_half_rubbish_is_not_yet_too_much() -> None:
    assert told(Limits(window=4), "a", "bg" * 20) == "r" * 40


def test_a_few_bad_records_pause_nobody() -> None:
    assert told(Limits(window=50), "a", "b" * 49) == "r" * 49


def test_a_burst_of_rubbish_is_judged_by_the_last_records_alone() -> None:
    limits = Limits(window=4)
    assert told(limits, "a", "g" * 100 + "bb") == "r" * 102
    assert limits.paused == 0
    assert told(limits, "a", "b") == "r"
    assert limits.paused == 1


def test_one_source_does_not_pause_another() -> None:
    limits = Limits(window=4)
    told(limits, "a", "bbbb")
    assert told(limits, "b", "gggg") == "rrrr"
    assert limits.paused == 1
    assert not limits.fault_is_ours


def test_when_most_sources_are_paused_the_fault_is_ours() -> None:
    limits = Limits(window=4)
    for count, source in enumerate("abc", start=1):
        assert limits.fault_is_ours == (count > 2 + 1)
        told(limits, source, "bbbb")
    assert limits.paused == 3
    assert limits.fault_is_ours
    for source in "def":
        told(limits, source, "g")
    assert not limits.fault_is_ours


def test_of_two_sources_nobody_can_say_whose_fault_it_is() -> None:
    limits = Limits(window=4)
    told(limits, "a", "bbbb")
    told(limits, "b", "bbbb")
    assert limits.paused == 2
    assert not limits.fault_is_ours


def test_a_service_of_our_own_that_sends_rubbish_is_our_fault_at_once() -> None:
    limits = Limits(window=4)
    told(limits, "greenchannel/dispatch", "gggg")
    assert not limits.fault_is_ours
    told(limits, "greenchannel/gateway", "bbbb")
    assert limits.fault_is_ours
