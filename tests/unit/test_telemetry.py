"""What devices and vehicles send becomes events: refused only when it cannot be read or placed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.clinical import Invalid, VitalSigns, VitalSignsMeasured, VitalSignsRecorded
from schemas.envelope import InvalidMessage, decode, encode
from services.dispatch.bodies import (
    LONGEST,
    Examination,
    Level,
    PositionLine,
    Reattribution,
    Refusal,
    Retraction,
    Treatment,
    VitalsLine,
)
from services.dispatch.device_clock import (
    KNOWN_FOR,
    MOST_DEVICES,
    SET_ANEW,
    TOLERANCE,
    Clocks,
    Corrected,
    Stamps,
    correct,
)
from services.dispatch.telemetry import (
    from_raw,
    offsets_of,
    position_event,
    read_lines,
    vitals_event,
)

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
NONE = timedelta(0)


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def sample(**more: Any) -> dict[str, Any]:
    return {
        "device_id": "M-1",
        "occurred_at": at(0).isoformat(),
        "vitals": {"heart_rate": 80},
        **more,
    }


def position(**more: Any) -> dict[str, Any]:
    place = {"latitude": 31.23, "longitude": 121.47}
    return {"unit_id": "U-1", "occurred_at": at(0).isoformat(), **place, **more}


def ndjson(*lines: dict[str, Any] | bytes) -> bytes:
    return b"\n".join(
        line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines
    )


def read(*lines: dict[str, Any] | bytes) -> list[VitalsLine | PositionLine | Refusal]:
    return [line for _, line in read_lines(ndjson(*lines))]


def line_of(**more: Any) -> VitalsLine:
    (line,) = read(sample(**more))
    assert isinstance(line, VitalsLine)
    return line


# -- lines ----------------------------------------------------------------------------------------


def test_each_line_stands_for_itself_and_a_bad_one_refuses_itself_alone() -> None:
    kinds = [type(line).__name__ for line in read(sample(), b"{", position(), {}, sample())]
    assert kinds == ["VitalsLine", "Refusal", "PositionLine", "Refusal", "VitalsLine"]


def test_empty_lines_are_passed_over_and_the_others_keep_their_numbers() -> None:
    body = ndjson(b"", sample(), b"  \r", b"{", b"")
    assert [number for number, _ in read_lines(body)] == [2, 4]
    assert list(read_lines(b"")) == []


@pytest.mark.parametrize(
    ("raw", "status", "detail"),
    [
        pytest.param(b"not json", 400, "is not JSON", id="no JSON"),
        pytest.param(b"\xff\xfe", 400, "is not JSON", id="no text"),
        pytest.param(b"[]", 422, "body", id="no object"),
        pytest.param(ndjson({**sample(), "device_id": ""}), 422, "device_id", id="no device"),
        pytest.param(
            ndjson(sample(occurred_at="2026-03-01T08:00:00")), 422, "occurred_at", id="no zone"
        ),
        pytest.param(ndjson(sample(vitals=None)), 422, "vitals", id="no vital signs"),
        pytest.param(ndjson(sample(pulse=80)), 422, "pulse: Extra inputs", id="an unknown field"),
        pytest.param(ndjson(position(latitude=91)), 422, "latitude", id="beyond the pole"),
        pytest.param(ndjson(position(latitude=-90.1)), 422, "latitude", id="and the other"),
        pytest.param(ndjson(position(longitude=-180.1)), 422, "longitude", id="too far west"),
        pytest.param(ndjson(position(longitude=180.1)), 422, "longitude", id="too far east"),
        pytest.param(ndjson(position(accuracy_m=-1)), 422, "accuracy_m", id="accuracy below 0"),
        pytest.param(ndjson(position(speed_kmh=-0.1)), 422, "speed_kmh", id="backwards"),
        pytest.param(ndjson(position(speed_kmh=300.1)), 422, "speed_kmh", id="too fast"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_field_to_mend(
    raw: bytes, status: int, detail: str
) -> None:
    (refusal,) = read(raw)
    assert isinstance(refusal, Refusal)
    assert (refusal.line, refusal.status) == (1, status)
    assert detail in refusal.detail


def test_a_refusal_never_repeats_what_was_sent() -> None:
    (refusal,) = read(sample(device_id="张三 zhang", sent_at="Zhang San", 李四=1))
    assert isinstance(refusal, Refusal)
    for name in ("张三", "zhang", "Zhang", "李四"):
        assert name not in refusal.detail


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(-90, -180), (90, 180), (0, 0)], ids=["south", "north", "zero"]
)
def test_every_place_on_the_earth_is_a_position(latitude: float, longitude: float) -> None:
    (line,) = read(position(latitude=latitude, longitude=longitude, accuracy_m=0, speed_kmh=300))
    assert isinstance(line, PositionLine)


# -- values that cannot be true -------------------------------------------------------------------

IMPOSSIBLE: list[Any] = [
    -1, 351, 10**400, float("nan"), float("inf"), True, "80", "", [80], {"value": 80}, {},
]  # fmt: skip


@pytest.mark.parametrize("value", IMPOSSIBLE, ids=lambda value: str(value)[:12])
def test_one_impossible_number_is_kept_as_invalid_and_the_rest_counts(value: Any) -> None:
    vitals = line_of(vitals={"heart_rate": value, "spo2": 97}).vitals
    assert isinstance(vitals.heart_rate, Invalid)
    assert vitals.spo2 == 97


@pytest.mark.parametrize("value", ["X", "alert", "", 5, True, ["A"], {"A": 1}, {}], ids=str)
def test_one_impossible_word_is_kept_as_invalid_and_the_rest_counts(value: Any) -> None:
    vitals = line_of(vitals={"consciousness": value, "spo2": 97}).vitals
    assert isinstance(vitals.consciousness, Invalid)
    assert vitals.spo2 == 97


@pytest.mark.parametrize("value", ["yes", 1, 0, [], {"on": 1}], ids=str)
def test_whether_oxygen_is_given_is_yes_or_no_and_the_rest_counts(value: Any) -> None:
    vitals = line_of(vitals={"on_oxygen": value, "spo2": 97}).vitals
    assert isinstance(vitals.on_oxygen, Invalid)
    assert vitals.spo2 == 97
    assert [line_of(vitals={"on_oxygen": v}).vitals.on_oxygen for v in (True, False)] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("heart_rate", 0, 350),
        ("respiratory_rate", 0, 150),
        ("spo2", 0, 100),
        ("systolic_bp", 0, 350),
        ("diastolic_bp", 0, 300),
        ("temperature", 10, 50),
        ("gcs_eye", 1, 4),
        ("gcs_verbal", 1, 5),
        ("gcs_motor", 1, 6),
        ("blood_glucose", 0, 100),
        ("pain", 0, 10),
    ],
)
def test_what_an_instrument_can_mean_has_two_ends(name: str, low: float, high: float) -> None:
    for value in (low, high, "unmeasurable", None):
        assert getattr(VitalSigns.model_validate({name: value}), name) == value
    for value in (low - 0.1, high + 0.1):
        assert getattr(VitalSigns.model_validate({name: value}), name) == Invalid(
            invalid=str(value)
        )


def test_what_is_invalid_stays_the_same_through_the_broker() -> None:
    """Also what a vendor has marked as invalid in its own way."""
    vitals = {
        "heart_rate": 999,
        "consciousness": "X",
        "spo2": {"invalid": "97%"},
        "pain": "unmeasurable",
        "on_oxygen": True,
    }
    event = vitals_event(line_of(vitals=vitals), NONE, lambda device, moment: "E-1")
    assert event is not None
    message = encode(event, "greenchannel/gateway")
    again = decode(message.topic, message.key, message.value, message.headers)
    assert again == event
    assert isinstance(again, VitalSignsRecorded)
    assert again.vitals.heart_rate == Invalid(invalid="999")
    assert again.vitals.consciousness == Invalid(invalid="X")
    assert again.vitals.spo2 == Invalid(invalid="97%")


def test_an_invalid_value_is_kept_in_short() -> None:
    kept = line_of(vitals={"heart_rate": "9" * 500}).vitals.heart_rate
    assert kept == Invalid(invalid="9" * 64)


def test_a_header_without_a_value_is_a_bad_message_and_no_bug() -> None:
    with pytest.raises(InvalidMessage, match="ce_type is none of"):
        decode("ambulance-raw", b"M-1", b"{}", [("ce_type", None), ("ce_id", None)])


# -- the device's clock ---------------------------------------------------------------------------

AWAY, AWAY_AT_SENDING = 120, 5


def offset_of(stamps: Stamps, received_at: datetime) -> timedelta:
    return Clocks().offset_of("M-1", stamps, received_at)


@pytest.mark.parametrize("error", [0, 1, -1, AWAY, -AWAY])
def test_a_clock_within_the_tolerance_is_left_as_it_is(error: float) -> None:
    assert offset_of([(at(error), None)], at(0)) == NONE


@pytest.mark.parametrize("error", [0, 1, -1, AWAY_AT_SENDING, -AWAY_AT_SENDING])
def test_a_device_that_says_when_it_sends_is_believed_less_far(error: float) -> None:
    assert offset_of([(at(error), at(error))], at(0)) == NONE
    beyond = error + (1 if error > 0 else -1) * (AWAY_AT_SENDING + 1)
    assert offset_of([(at(beyond), at(beyond))], at(0)) == timedelta(seconds=-beyond)


@pytest.mark.parametrize("error", [0.0, -7.0, 612.0])
def test_samples_that_waited_while_all_stood_still_keep_their_times(error: float) -> None:
    clocks = Clocks()
    sent = [(0.0, 0.2), (1.0, 1.1), (2.0, 6.5), (3.0, 6.5), (7.0, 7.2)]  # and received
    offsets = [
        clocks.offset_of("M-1", [(at(s + error), at(s + error))], at(received))
        for s, received in sent
    ]
    shown = [correct(at(s + error), o).occurred_at for (s, _), o in zip(sent, offsets, strict=True)]
    assert all(
        abs(time - at(s)) <= timedelta(seconds=0.2)
        for time, (s, _) in zip(shown, sent, strict=True)
    )


def test_a_clock_that_is_set_is_believed_at_once_and_one_that_drifts_in_the_end() -> None:
    clocks = Clocks()
    one = "M-1"
    assert clocks.offset_of(one, [(at(600), at(600))], at(0)) == timedelta(seconds=-600)
    assert clocks.offset_of(one, [(at(1), at(1))], at(1)) == NONE, "somebody set it right"
    assert clocks.offset_of(one, [(at(602), at(602))], at(2)) == timedelta(seconds=-600)
    later = KNOWN_FOR.total_seconds()
    drifted = at(later + 580), at(later + 580)
    assert clocks.offset_of(one, [drifted], at(later)) == timedelta(seconds=-600)
    drifted = at(later + 583), at(later + 583)
    assert clocks.offset_of(one, [drifted], at(later + 3)) == timedelta(seconds=-580)
    assert timedelta(seconds=20) < SET_ANEW


def test_a_clock_is_known_by_its_device_and_not_for_ever() -> None:
    clocks = Clocks()
    assert clocks.offset_of("M-1", [(at(600), at(600))], at(0)) == timedelta(seconds=-600)
    assert clocks.offset_of("M-2", [(at(0), at(0))], at(0)) == NONE
    for number in range(MOST_DEVICES):
        clocks.offset_of(f"other-{number}", [(at(0), at(0))], at(0))
    assert clocks.offset_of("M-1", [(at(570), at(570))], at(0)) == timedelta(seconds=-570)


@pytest.mark.parametrize("error", [AWAY + 1, -AWAY - 1, 600, -600, -86_400 * 365 * 30])
def test_a_clock_beyond_the_tolerance_is_corrected_by_all_of_its_error(error: float) -> None:
    offset = offset_of([(at(error), None)], at(0))
    assert offset == timedelta(seconds=-error)
    assert correct(at(error), offset) == Corrected(at(0), at(error))


def test_a_right_clock_needs_no_second_time() -> None:
    assert correct(at(5), NONE) == Corrected(at(5), None)


def test_stored_measurements_sent_late_are_told_from_a_wrong_clock_by_the_time_of_sending() -> None:
    stored = [(at(-3600 + n), at(0)) for n in range(3)]
    assert offset_of(stored, at(0.5)) == NONE
    slow = [(at(-4200 + n), at(-600)) for n in range(3)]
    assert offset_of(slow, at(0)) == timedelta(seconds=600)


def test_without_a_time_of_sending_the_newest_sample_is_taken_for_fresh() -> None:
    assert offset_of([(at(-900), None), (at(-600), None)], at(0)) == timedelta(seconds=600)


moments = st.integers(-(10**9), 10**9).map(at)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(moments, st.none() | moments), min_size=1, max_size=5))
def test_no_corrected_time_lies_ahead_of_ours_by_more_than_the_tolerance(
    samples: list[tuple[datetime, datetime | None]],
) -> None:
    offset = offset_of(samples, at(0))
    assert all(
        correct(occurred, offset).occurred_at <= at(0) + TOLERANCE for occurred, _ in samples
    )


@settings(deadline=None, max_examples=100)
@given(st.lists(moments, min_size=2, max_size=5))
def test_correcting_keeps_the_samples_of_one_delivery_as_far_apart_as_they_were(
    occurred: list[datetime],
) -> None:
    offset = offset_of([(moment, None) for moment in occurred], at(0))
    first, *others = (correct(moment, offset).occurred_at for moment in occurred)
    assert [other - first for other in others] == [m - occurred[0] for m in occurred[1:]]


def test_each_device_of_a_delivery_has_a_clock_of_its_own() -> None:
    lines = [
        line_of(device_id="right"),
        line_of(device_id="slow", occurred_at=at(-600).isoformat()),
        line_of(device_id="slow", occurred_at=at(-601).isoformat()),
    ]
    assert offsets_of(Clocks(), lines, at(1)) == {"right": NONE, "slow": timedelta(seconds=601)}
    assert offsets_of(Clocks(), [], at(1)) == {}


# -- events ---------------------------------------------------------------------------------------


def held_by(encounter_id: str | None) -> tuple[Callable[[str, datetime], str | None], list[Any]]:
    asked = list[Any]()

    def holder(device_id: str, moment: datetime) -> str | None:
        asked.append((device_id, moment))
        return encounter_id

    return holder, asked


def test_a_sample_becomes_vital_signs_of_whoever_has_the_device_at_its_corrected_time() -> None:
    holder, asked = held_by("E-1")
    line = line_of(occurred_at=at(-600).isoformat(), sent_at=at(-600).isoformat())
    event = vitals_event(line, timedelta(seconds=600), holder)
    assert asked == [("M-1", at(0))]
    assert event is not None
    assert (event.encounter_id, event.device_id, event.method) == ("E-1", "M-1", "streamed")
    assert (event.occurred_at, event.device_time) == (at(0), at(-600))
    assert event.vitals == VitalSigns(heart_rate=80)


def test_a_sample_of_a_device_that_nobody_has_becomes_nothing() -> None:
    holder, _ = held_by(None)
    assert vitals_event(line_of(), NONE, holder) is None


def test_the_senders_id_is_kept_and_else_the_content_makes_it() -> None:
    holder, _ = held_by("E-1")

    def id_of(line: VitalsLine) -> str:
        event = vitals_event(line, NONE, holder)
        assert event is not None
        return event.event_id

    assert id_of(line_of(event_id="mine-1")) == "mine-1"
    assert id_of(line_of()) == id_of(line_of())
    others = [
        line_of(device_id="M-2"),
        line_of(occurred_at=at(1).isoformat()),
        line_of(vitals={"heart_rate": 81}),
    ]
    assert len({id_of(line) for line in (line_of(), *others)}) == 4


def test_a_repeat_is_the_same_event_though_the_clock_was_corrected_otherwise() -> None:
    holder, _ = held_by("E-1")
    offsets = (timedelta(seconds=600), timedelta(seconds=603))
    one, other = (vitals_event(line_of(), offset, holder) for offset in offsets)
    assert one is not None
    assert other is not None
    assert one.event_id == other.event_id


def test_a_position_is_told_as_it_is() -> None:
    sent = position(accuracy_m=5, speed_kmh=40, event_id="fix-1")
    (line,) = read(sent)
    assert isinstance(line, PositionLine)
    event = position_event(line)
    told = event.model_dump(mode="json", exclude={"recorded_at", "occurred_at"})
    assert told == {name: sent[name] for name in sent if name != "occurred_at"}
    assert event.occurred_at == at(0)


def test_the_same_fix_is_the_same_event_and_another_units_is_not() -> None:
    lines = read(position(), position(), position(unit_id="U-2"))
    ids = [position_event(line).event_id for line in lines if isinstance(line, PositionLine)]
    assert ids[0] == ids[1] != ids[2]


def test_what_a_vendor_wrote_is_a_line_like_any_other() -> None:
    measured = VitalSignsMeasured(
        event_id="raw-1",
        occurred_at=at(0),
        device_id="M-1",
        sent_at=at(1),
        vitals=VitalSigns(heart_rate=80),
    )
    line = from_raw(measured)
    assert line == line_of(event_id="raw-1", sent_at=at(1).isoformat())


# -- what is corrected ----------------------------------------------------------------------------


def reattribution(since: datetime, until: datetime, **more: Any) -> Reattribution:
    given = {"occurred_at": at(0), "device_id": "M-1", "since": since, "until": until}
    return Reattribution.model_validate({**given, **more})


def test_a_stretch_of_samples_has_a_beginning_and_an_end_at_most_four_hours_later() -> None:
    assert timedelta(hours=4) == LONGEST
    for until in (at(0.001), at(0) + LONGEST):
        assert reattribution(at(0), until).to_encounter_id is None
    for until in (at(0), at(-1), at(0.001) + LONGEST):
        with pytest.raises(ValidationError, match="until comes after since, at most 4:00:00 later"):
            reattribution(at(0), until)


@pytest.mark.parametrize(
    ("body", "given", "field"),
    [
        (Level, {"level": "not_yet", "reason": "x"}, "level"),
        (Level, {"level": "urgent", "reason": ""}, "reason"),
        (Level, {"level": "urgent"}, "reason"),
        (Retraction, {"observation": "level", "observation_id": "e-1", "reason": "artefact"},
         "observation"),
        (Retraction, {"observation": "vitals", "observation_id": "e-1", "reason": "other"},
         "reason"),
        (Examination, {"examination": "ultrasound_fast", "shows": ["free_fluid", "no_free_fluid"]},
         "shows"),
    ],
)  # fmt: skip
def test_what_says_nothing_or_contradicts_itself_is_refused_by_its_field(
    body: Any, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        body.model_validate({"occurred_at": at(0), **given})
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]


def test_an_examination_may_show_several_things_and_a_dose_has_its_unit() -> None:
    shown = {"examination": "ultrasound_fast", "shows": ["free_fluid", "not_readable"]}
    assert Examination.model_validate({"occurred_at": at(0), **shown}).shows == tuple(
        shown["shows"]
    )
    for dose, good in (({"dose": 1, "unit": "g"}, True), ({}, True), ({"dose": 1}, False)):
        body = {"occurred_at": at(0), "treatment": "tranexamic_acid", **dose}
        if good:
            assert Treatment.model_validate(body).dose == dose.get("dose")
        else:
            with pytest.raises(ValidationError, match="a dose has its unit"):
                Treatment.model_validate(body)
