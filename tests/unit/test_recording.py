"""A recording keeps records as they are, and says them again at another time: all of it later."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.clinical import VitalSigns, VitalSignsRecorded
from schemas.encounter import EncounterOpened, Patient
from schemas.envelope import decode, encode
from schemas.event import Event
from schemas.recording import Head, Recorded, WrongFile, head_line, line, read, read_head
from schemas.topics import registry
from schemas.triage import TriageDecided, TriageLevel
from simulator.replays.rerun import Rerun, fate_of, lines

BEGIN = datetime(2026, 3, 1, 8, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)


def recorded(event: Event, t: int = 1_000) -> Recorded:
    message = encode(event, "greenchannel/test")
    return Recorded(message.topic, 0, t, t, message.key, message.value, message.headers)


def sample(event_id: str = "s-1") -> VitalSignsRecorded:
    return VitalSignsRecorded(
        event_id=event_id,
        occurred_at=BEGIN,
        encounter_id="E-1",
        method="streamed",
        vitals=VitalSigns(heart_rate=80),
        device_id="M-1",
        device_time=BEGIN + timedelta(seconds=612),
    )


texts = st.none() | st.binary(max_size=40) | st.text(max_size=20).map(str.encode)


@given(texts, texts, st.lists(st.tuples(st.text(max_size=5), texts), max_size=3))
def test_whatever_a_record_holds_comes_back_byte_for_byte(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    record = Recorded("ambulance-vitals", 3, 17, 1_700_000_000_123, key, value, headers)
    told = line(record)
    assert told.count("\n") == 1
    assert read(told, 2) == record


@pytest.mark.parametrize(
    "value", [b'{"a":1.50}', b'{"a": 1}', b'{"a":1e2}', b'{"a":"\\u00e9"}', b"1"]
)
def test_json_that_would_be_written_otherwise_is_kept_as_it_is(value: bytes) -> None:
    record = Recorded("ambulance-vitals", 0, 0, 0, b"E-1", value, [])
    assert read(line(record), 2) == record


def test_an_event_is_shown_as_the_object_it_is() -> None:
    shown = json.loads(line(recorded(sample())))
    assert shown["value"]["json"]["vitals"] == {"heart_rate": 80}
    assert shown["key"] == "E-1"


def test_all_times_are_later_by_as_much_and_nothing_else_is_changed() -> None:
    told = sample()
    later = recorded(told).told_from(BEGIN, BEGIN + HOUR)
    event = decode(later.topic, later.key, later.value, later.headers)
    assert isinstance(event, VitalSignsRecorded)
    assert event.device_time is not None
    assert (event.occurred_at, event.device_time) == (BEGIN + HOUR, told.device_time + HOUR)  # type: ignore[operator]
    same = {"occurred_at": told.occurred_at, "device_time": told.device_time}
    assert event.model_copy(update=same) == told
    assert dict(later.headers)["ce_time"] == (BEGIN + HOUR).isoformat().encode()[:-6] + b"Z"


def test_at_a_pace_all_times_are_nearer_to_each_other() -> None:
    later = recorded(sample()).told_from(BEGIN - timedelta(seconds=30), BEGIN + HOUR, pace=3)
    event = decode(later.topic, later.key, later.value, later.headers)
    assert isinstance(event, VitalSignsRecorded)
    assert event.occurred_at == BEGIN + HOUR + timedelta(seconds=10)
    assert event.device_time == BEGIN + HOUR + timedelta(seconds=10 + 612 / 3)


def test_a_time_within_a_text_stays_a_text() -> None:
    words = EncounterOpened(
        event_id="o",
        occurred_at=BEGIN,
        encounter_id="E-1",
        origin="call",
        patient=Patient(complaint_text="fell at 2026-03-01T08:00:00Z or so"),
    )
    later = recorded(words).told_from(BEGIN, BEGIN + HOUR)
    assert b"fell at 2026-03-01T08:00:00Z or so" in (later.value or b"")


def test_a_record_without_a_value_can_be_later_too() -> None:
    empty = Recorded("ambulance-vitals", 0, 0, 0, b"E-1", None, [("ce_time", None)])
    assert empty.told_from(BEGIN, BEGIN + HOUR) == empty


def test_the_first_line_says_what_it_is() -> None:
    head = Head(["ambulance-vitals"], 1, 2)
    assert read_head(head_line(head)) == head
    for text in ("", "{}", "[]", '{"format":"other/1"}', head_line(head).replace("since", "from")):
        with pytest.raises(WrongFile):
            read_head(text)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"topic":"x"}'])
def test_a_line_that_is_none_is_named_by_its_number(text: str) -> None:
    with pytest.raises(WrongFile, match="line 7"):
        read(text, 7)


# -- what becomes of it ----------------------------------------------------------------------


def test_every_topic_is_said_again_or_made_again_or_left_out() -> None:
    fates: dict[str, set[str]] = {"said": set(), "made again": set(), "left out": set()}
    for topic in registry().topics:
        fates[fate_of(Recorded(topic, 0, 0, 0, None, None, []))].add(topic)
    assert fates["said"] == {
        "dispatch-incidents", "dispatch-units", "dispatch-encounters", "ambulance-positions",
        "ambulance-vitals", "ambulance-findings",
    }  # fmt: skip
    assert "dispatch-movements" in fates["made again"]
    assert {"triage-decisions", "bridge-handoffs", "centre-stroke"} < fates["made again"]
    assert all(name == "ambulance-raw" or "dead" in name for name in fates["left out"])


def test_a_level_that_a_facility_set_is_said_again_for_nobody_makes_it() -> None:
    kinds = {"LevelOverridden": "said", "Acknowledged": "made again"}
    for kind, fate in kinds.items():
        header = ("ce_type", f"greenchannel.{kind}.v1".encode())
        assert fate_of(Recorded("bridge-handoffs", 0, 0, 0, None, None, [header])) == fate


def opened(patient: str = "E-1") -> EncounterOpened:
    return EncounterOpened(
        event_id=f"{patient}.opened", occurred_at=BEGIN, encounter_id=patient, origin="call",
        patient=Patient(),
    )  # fmt: skip


def decided(worst: str, number: int = 1, patient: str = "E-1", *folded: str) -> TriageDecided:
    return TriageDecided(
        event_id=f"{patient}.{number}",
        occurred_at=BEGIN,
        encounter_id=patient,
        number=number,
        changed=True,
        worst=TriageLevel(worst),
        current=TriageLevel(worst),
        trend="same",
        reasons=(),
        inputs=(),
        missing=(),
        questions=(),
        centres=(),
        folded=folded,
    )


def test_the_last_decisions_of_then_and_now_are_compared() -> None:
    book = Rerun()
    told = (opened(), sample(), decided("not_yet"), decided("severe", 2, "E-1", "s-1"))
    assert [book.note(recorded(event)) for event in told] == [True, True, False, False]
    assert list(book.folded()) == ["s-1"]
    same = book.compared(lambda _: [decided("urgent"), decided("severe", 7)])
    assert (same["patients"], same["same"], same["otherwise"]) == (1, 1, 0)
    assert same["records"]["triage-decisions"] == {"made again": 2}
    for now in ([], [decided("severe"), decided("critical", 2)]):
        found = book.compared(lambda _, now=now: now)  # type: ignore[misc]
        assert (found["same"], found["otherwise"]) == (0, 1)
        assert found["others"][0]["then"]["worst"] == "severe"
    told_lines = list(lines({**found, "problems": ["x"]}))
    assert "E-1: severe → critical" in told_lines[2]
    assert told_lines[-1] == "✗ x"


def test_who_was_there_before_the_recording_began_is_not_compared() -> None:
    book = Rerun()
    for event in (decided("severe", 5, "E-2", "s-9"), opened("E-3"), opened(), decided("urgent")):
        book.note(recorded(event))
    assert book.patients == {"E-1"}
    assert book.compared(lambda _: [decided("urgent")])["patients_not_whole"] == 2
    assert list(book.folded()) == []


def test_what_cannot_be_read_is_said_again_all_the_same() -> None:
    broken = Recorded("dispatch-encounters", 0, 0, 0, b"E-1", b"no json", [])
    book = Rerun()
    assert book.note(broken)
    assert book.patients == set()


@pytest.mark.parametrize("moment", ["2026-99-99T99:99:99Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_cannot_be_moved_is_said_as_it_was(moment: str) -> None:
    value = b'{"occurred_at":"%s"}' % moment.encode()
    record = Recorded("ambulance-vitals", 0, 0, 0, b"E-1", value, [])
    assert record.told_from(BEGIN, BEGIN + HOUR).value == value


@pytest.mark.parametrize("t", [-1, 10**18, "x", None])
def test_a_record_of_no_time_is_none(t: object) -> None:
    told = {**json.loads(line(recorded(sample()))), "t": t}
    with pytest.raises(WrongFile, match="line 3"):
        read(json.dumps(told), 3)
