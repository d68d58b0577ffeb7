"""The contracts hold: nothing is unused, every example is valid, and bad input is refused."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from pydantic import TypeAdapter, ValidationError

from schemas import capacity, clinical, encounter, generate, handoff, incident, triage, unit
from schemas.clinical import Invalid, VitalSigns
from schemas.encounter import EncounterEvent
from schemas.envelope import (
    TYPE_PREFIX,
    InvalidMessage,
    Message,
    complaint,
    decode,
    encode,
    event_types,
    topic_of,
    versions,
)
from schemas.event import Event
from schemas.handoff import CentreEvent, HandoffEvent, ReceiptEvent
from schemas.incident import DeadlineEvent, IncidentEvent
from schemas.topics import Topic, dead_letters_of, registry
from tests.chest_pain import Example, written

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "schemas/examples"
STORY = sorted((EXAMPLES / "chest-pain").glob("*.json"))
VALID = [*STORY, *sorted((EXAMPLES / "other").glob("*.json"))]
INVALID = sorted((EXAMPLES / "invalid").glob("*.json"))
TOPICS = registry().topics
#: What others build on: no event is only this.
ABSTRACT = {
    Event,
    IncidentEvent,
    DeadlineEvent,
    EncounterEvent,
    HandoffEvent,
    CentreEvent,
    ReceiptEvent,
}
MODULES = (capacity, clinical, encounter, handoff, incident, triage, unit)


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


class Record(NamedTuple):
    """A file of ``examples/``, as a broker would hand it out."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    def decoded(self) -> Event:
        return decode(*self)


@cache
def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def record(document: Mapping[str, Any]) -> Record:
    key = document["key"]
    if "value_base64" in document:
        value: bytes | None = base64.b64decode(document["value_base64"])
    elif document["value"] is None:
        value = None
    else:
        value = json.dumps(document["value"]).encode()
    headers = [(name, text.encode()) for name, text in document["headers"].items()]
    return Record(document["topic"], key.encode() if key is not None else None, value, headers)


@cache
def validator(kind: type[Event]) -> Validator:
    file = ROOT / f"schemas/jsonschema/{kind.named()}.v{kind.VERSION}.json"
    schema = json.loads(file.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


# -- nothing is unused, and names are what they should be ------------------------------------------


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS.keys())
def test_a_topic_is_in_kebab_case_and_can_be_told_in_two_languages(topic: Topic) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", topic.name)
    assert topic.description.keys() == {"zh", "en"}


def test_every_event_is_on_a_topic_and_every_topic_holds_known_events() -> None:
    classes = {
        kind.named()
        for module in MODULES
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Event) and kind not in ABSTRACT
    }
    listed = {name for topic in TOPICS.values() for name in topic.holds}
    assert classes ^ listed == set()
    assert set(event_types()) == listed


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS.keys())
def test_what_is_announced_is_not_written_yet_and_a_topic_holds_nothing_twice(
    topic: Topic,
) -> None:
    assert len(set(topic.holds)) == len(topic.events) + len(topic.announced)
    for name in topic.announced:
        assert registry().holding(name) == (topic,)


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS.keys())
def test_a_topic_has_its_writers_and_its_readers(topic: Topic) -> None:
    """The observer reads everything and is nobody's reason for a topic. Centre queues belong to
    the region: its own consumers read them, none of ours. Dead letters wait for a human, and nobody
    may act on what a set on trial says; of a probe the acknowledgement is all."""
    readers = {g.user for g in registry().grants if (g.operation, g.topic) == ("read", topic.name)}
    alone = ("-dead-letters", "-shadow", "-probes")
    unread = topic.name.startswith("centre-") or topic.name.endswith(alone)
    assert topic.writers
    assert unread or readers - {"observer"}


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS.keys())
def test_a_key_is_a_field_that_every_event_of_the_topic_must_have(topic: Topic) -> None:
    for name in topic.holds:
        assert event_types()[name].model_fields[topic.key].is_required()


@pytest.mark.parametrize("name", event_types())
def test_an_event_goes_to_one_topic_unless_it_says_itself_to_which(name: str) -> None:
    kind, holding = event_types()[name], registry().holding(name)
    assert holding
    assert (len(holding) > 1) == isinstance(getattr(kind, "topic", None), property)


#: Of each event that says itself where it goes: the field that decides.
DECIDES = {
    "PreArrivalNotified": "centre",
    "PreArrivalWithdrawn": "centre",
    "ObservationRetracted": "observation",
    "LevelOverridden": "role",
}


def test_an_event_that_says_its_topic_names_each_that_holds_it_and_no_other() -> None:
    assert DECIDES.keys() == {n for n in event_types() if len(registry().holding(n)) > 1}
    for name, field in DECIDES.items():
        kind = event_types()[name]
        event = next(e for e in (record(read(p)).decoded() for p in VALID) if type(e) is kind)
        decides: Any = kind.model_fields[field].annotation
        words = get_args(decides) or tuple(decides)
        named = {topic_of(event.model_copy(update={field: word})).name for word in words}
        assert named == {topic.name for topic in registry().holding(name)}


def test_a_dead_letter_finds_room_and_time() -> None:
    consumers = {reader for t in TOPICS.values() for reader in t.readers if t.holds}
    assert {dead_letters_of(consumer) for consumer in consumers} <= TOPICS.keys()
    for consumer in consumers:
        dead = TOPICS[dead_letters_of(consumer)]
        assert dead.writers == (consumer,)
        for source in (t for t in TOPICS.values() if consumer in t.readers):
            assert dead.max_message_kb >= source.max_message_kb
            assert dead.retention_days >= source.retention_days


# -- generated schemas -----------------------------------------------------------------------------


def test_the_committed_schemas_are_fresh() -> None:
    assert list(generate.stale(generate.documents(), generate.HERE)) == []


def test_a_stale_schema_is_named_with_its_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main([], tmp_path) == 0
    assert generate.main(["--check"], tmp_path) == 0
    folder = tmp_path / "jsonschema"
    (folder / "PatientBoarded.v1.json").write_text("{}", "utf-8")
    (folder / "TriagePaused.v1.json").unlink()
    (folder / "VitalsSeen.v1.json").write_text("{}", "utf-8")
    assert generate.main(["--check"], tmp_path) == 1
    names = ("PatientBoarded", "TriagePaused", "VitalsSeen")
    assert capsys.readouterr().err.splitlines() == [
        f"schemas/jsonschema/{name}.v1.json is stale; type: make schemas" for name in names
    ]
    assert generate.main([], tmp_path) == 0
    assert generate.main(["--check"], tmp_path) == 0
    assert not (folder / "VitalsSeen.v1.json").exists()


T0 = datetime(2026, 3, 9, 8, 40, tzinfo=UTC)
EVERY = [kind for name in event_types() for kind in versions(name)]


@pytest.mark.parametrize("kind", EVERY)
def test_a_schema_says_what_it_is(kind: type[Event]) -> None:
    schema = validator(kind).schema
    assert isinstance(schema, Mapping)
    assert schema["$id"] == f"greenchannel/{kind.named()}/v{kind.VERSION}"
    assert schema["title"] == kind.__name__
    assert schema["description"]


@pytest.mark.parametrize("name", event_types())
def test_versions_are_numbered_from_one_and_the_first_bears_the_plain_name(name: str) -> None:
    assert [kind.VERSION for kind in versions(name)] == [*range(1, len(versions(name)) + 1)]
    assert versions(name)[0] is event_types()[name]
    assert [kind.named() for kind in versions(name)] == [name] * len(versions(name))


def test_both_versions_of_what_a_monitor_measured_are_read_and_say_which_they_are() -> None:
    told = {"event_id": "M-1.1", "device_id": "M-1", "occurred_at": T0, "vitals": VitalSigns()}
    first = clinical.VitalSignsMeasured(**told)
    second = clinical.VitalSignsMeasuredV2(**told, sent_at=T0)
    for event, number in ((first, b"1"), (second, b"2")):
        sent = encode(event, "vendor")
        assert sent.topic == "ambulance-raw"
        assert dict(sent.headers)["ce_type"] == b"greenchannel.VitalSignsMeasured.v" + number
        assert decode(*sent_as_read(sent)) == event
    unsent = {**dict(sent.headers), "ce_id": b"M-1.1"}
    with pytest.raises(InvalidMessage, match="sent_at"):
        decode("ambulance-raw", sent.key, encode(first, "vendor").value, unsent.items())


def test_every_vital_sign_has_its_unit_and_its_range_in_the_schema() -> None:
    fields = generate.schema_of(clinical.VitalSignsMeasured)["$defs"]["VitalSigns"]["properties"]
    assert fields.keys() == VitalSigns.model_fields.keys()
    for name in fields.keys() - {"consciousness", "on_oxygen"}:
        assert fields[name]["unit"]
        assert fields[name]["minimum"] < fields[name]["maximum"]


def test_a_schema_refuses_a_number_out_of_its_range() -> None:
    document = json.loads(json.dumps(read(EXAMPLES / "other/device-clock-ahead.json")))
    assert validator(clinical.VitalSignsMeasuredV2).is_valid(document["value"])
    document["value"]["vitals"]["heart_rate"] = 351
    assert not validator(clinical.VitalSignsMeasuredV2).is_valid(document["value"])


# -- examples --------------------------------------------------------------------------------------


def test_every_event_has_an_example_on_every_topic_that_may_hold_it() -> None:
    shown = {(d["topic"], type(record(d).decoded())) for d in map(read, VALID)}
    held = [(topic.name, name) for topic in TOPICS.values() for name in topic.holds]
    assert shown == {(topic, kind) for topic, name in held for kind in versions(name)}


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_an_example_is_decoded_fits_its_schema_and_is_written_the_same_again(path: Path) -> None:
    document = read(path)
    event = record(document).decoded()
    validator(type(event)).validate(document["value"])
    again = encode(event, document["headers"]["ce_source"])
    assert again.topic == document["topic"]
    assert again.key.decode() == document["key"]
    assert {name: raw.decode() for name, raw in again.headers} == document["headers"]
    assert json.loads(again.value) == document["value"]


@pytest.mark.parametrize("path", STORY, ids=name_of)
def test_a_step_of_the_story_is_named_by_its_number_topic_and_event(path: Path) -> None:
    event = record(read(path)).decoded()
    number = STORY.index(path) + 1
    assert path.name == f"{number:02d}-{read(path)['topic']}.{type(event).__name__}.json"


def test_the_story_begins_with_the_call_and_ends_with_the_outcome() -> None:
    events = [record(read(path)).decoded() for path in STORY]
    assert isinstance(events[0], incident.IncidentOpened)
    ended, decided = events[-2:]
    assert isinstance(ended, encounter.EncounterEnded)
    assert isinstance(decided, triage.TriageDecided)
    assert decided.cause == ended.event_id


def test_the_story_is_one_patients() -> None:
    events = [record(read(path)).decoded() for path in STORY]
    for name in ("incident_id", "encounter_id", "unit_id", "leg_id", "device_id", "facility_id"):
        found = {getattr(event, name, None) for event in events} - {None}
        assert len(found) == 1, name
    ids = [(type(event), event.event_id) for event in events]
    assert len(ids) == len(set(ids))


def test_the_story_goes_forward_in_time() -> None:
    events = [record(read(path)).decoded() for path in STORY]
    learned = [event.recorded_at for event in events if event.recorded_at]
    assert learned == sorted(learned)
    assert all(event.occurred_at <= (event.recorded_at or learned[-1]) for event in events)


def test_the_story_loses_nothing_on_its_way() -> None:
    """Every clinical event is folded once; decisions and versions are numbered without gaps."""
    events = [record(read(path)).decoded() for path in STORY]
    decisions = [e for e in events if isinstance(e, triage.TriageDecided)]
    notified = [e for e in events if isinstance(e, handoff.PreArrivalNotified)]
    folded = [event_id for decision in decisions for event_id in decision.folded]
    clinical_ids = [e.event_id for e in events if type(e).__module__ == clinical.__name__]
    assert sorted(folded) == sorted(set(clinical_ids))
    assert [d.number for d in decisions] == list(range(1, len(decisions) + 1))
    for centre in triage.Centre:
        versions = [n.version for n in notified if n.centre is centre]
        assert versions == list(range(1, len(versions) + 1))
    urgency = [d.worst.urgency for d in decisions]
    assert urgency == sorted(urgency)
    assert decisions[-1].worst is triage.TriageLevel.CRITICAL


def test_the_story_is_what_triage_and_the_bridge_make_of_it_today() -> None:
    example = Example()
    example.whole(written())
    told = [event for _, _, event, _ in sorted(example.told, key=lambda each: each[:2])]
    found = [record(read(path)).decoded() for path in STORY]
    assert told == found, "python -m tests.chest_pain makes it anew"


def test_every_example_is_told_of() -> None:
    told = (EXAMPLES / "README.md").read_text("utf-8")
    for path in VALID:
        assert path in STORY or f"| `{path.name}` |" in told
    folders = {"chest-pain", "stories", "other", "invalid"}
    assert {p.name for p in EXAMPLES.iterdir()} == {"README.md", *folders}
    assert all(f"## `{folder}/`" in told for folder in folders)


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_an_invalid_example_is_refused_with_its_complaint(path: Path) -> None:
    with pytest.raises(InvalidMessage) as refusal:
        record(read(path)).decoded()
    assert refusal.value.reason == path.with_suffix(".complaint").read_text("utf-8").strip()


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_a_complaint_never_holds_a_value(path: Path) -> None:
    said = path.with_suffix(".complaint").read_text("utf-8")
    document = read(path)
    sent = [*leaves(document.get("value")), str(document["key"])]
    sent += [text for name, text in document["headers"].items() if name != "ce_specversion"]
    for value in (text for text in sent if len(text) > 2 and text not in known_words()):
        assert value not in said
        assert ascii(value).strip("'") not in said


@cache
def known_words() -> frozenset[str]:
    """Words that the contract itself lists: a complaint may name them."""
    schemas = " ".join(generate.documents().values())
    lists = re.findall(r'"enum": \[([^]]*)\]', schemas)
    return frozenset(word for listed in lists for word in json.loads(f"[{listed}]"))


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in leaves(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in leaves(inner)]
    return [str(value)]


def test_every_complaint_has_its_example() -> None:
    complaints = {path.stem for path in (EXAMPLES / "invalid").glob("*.complaint")}
    assert complaints == {path.stem for path in INVALID}


def test_a_header_without_a_value_is_complained_about() -> None:
    topic, key, value, headers = record(read(VALID[-1]))
    for absent in ("ce_type", "ce_id"):
        given = [(name, None if name == absent else raw) for name, raw in headers]
        with pytest.raises(InvalidMessage, match=absent):
            decode(topic, key, value, given)


def test_a_field_that_is_text_is_not_named_in_a_complaint() -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(dict[str, int]).validate_python({"张三": "x", "heart_rate": "x"})
    problems = complaint(refused.value).split("; ")
    assert [p.split(": ")[0] for p in problems] == ["(unnamed)", "heart_rate"]


# -- versions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_an_unknown_field_of_a_newer_writer_is_passed_over(path: Path) -> None:
    document = json.loads(json.dumps(read(path)))
    add_unknown(document["value"])
    event = record(document).decoded()
    assert event == record(read(path)).decoded()
    validator(type(event)).validate(document["value"])


def add_unknown(value: Any) -> None:
    if isinstance(value, dict):
        for inner in list(value.values()):
            add_unknown(inner)
        if value.keys() != {"invalid"}:
            value["of_a_newer_writer"] = {"unit": "kPa", "value": 1.5}
    elif isinstance(value, list):
        for inner in value:
            add_unknown(inner)


@pytest.mark.parametrize("name", event_types())
def test_an_event_without_any_optional_field_goes_there_and_back(name: str) -> None:
    kind = event_types()[name]
    full = next(e for e in (record(read(p)).decoded() for p in VALID) if type(e) is kind)
    given = {f: getattr(full, f) for f, field in kind.model_fields.items() if field.is_required()}
    bare = kind(**given)
    sent = encode(bare, "greenchannel/test")
    assert decode(*sent_as_read(sent)) == bare
    filled = {f for f, field in kind.model_fields.items() if field.default not in (None, ...)}
    assert json.loads(sent.value).keys() - filled == given.keys() - filled
    validator(kind).validate(json.loads(sent.value))


@pytest.mark.parametrize("name", event_types())
def test_what_may_be_none_need_not_be_there(name: str) -> None:
    """A message is written without what is none."""
    fields = event_types()[name].model_fields.items()
    required = [(f, get_args(field.annotation)) for f, field in fields if field.is_required()]
    assert [f for f, may_be in required if type(None) in may_be] == []


def sent_as_read(sent: Message) -> tuple[str, bytes, bytes, Sequence[tuple[str, bytes]]]:
    return sent.topic, sent.key, sent.value, sent.headers


@pytest.mark.parametrize("name", event_types())
def test_the_next_version_of_an_event_is_refused_and_not_guessed(name: str) -> None:
    document = next(d for d in map(read, VALID) if f".{name}." in d["headers"]["ce_type"])
    topic, key, value, headers = record(document)
    known = [kind.VERSION for kind in versions(name)]
    newer = f"{TYPE_PREFIX}{name}.v{known[-1] + 1}".encode()
    given = [(header, newer if header == "ce_type" else raw) for header, raw in headers]
    with pytest.raises(
        InvalidMessage, match=f"unknown version of {name}; known: 1.*{known[-1]}$|known: 1$"
    ):
        decode(topic, key, value, given)


# -- vital signs -----------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(),
    st.sampled_from([10**400, -(10**4000), 0, -0.0, 1e-300, True, False]),
)
WORDS = st.one_of(
    st.text(max_size=80),
    st.sampled_from(["unmeasurable", "A", "U", "nan", "88", "\x00", "\ud800", "x" * 100]),
)
ANYTHING = st.recursive(
    st.one_of(st.none(), NUMBERS, WORDS, st.binary(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.just("invalid"), st.text(max_size=5)), inner, max_size=3),
    ),
    max_leaves=5,
)
SETS = st.dictionaries(st.sampled_from(sorted(VitalSigns.model_fields)), ANYTHING)
RANGES: dict[str, tuple[float, float]] = {
    name: (field["minimum"], field["maximum"])
    for name, field in VitalSigns.model_json_schema()["properties"].items()
    if "unit" in field
}


@given(SETS)
def test_nothing_in_a_set_of_vital_signs_is_refused_and_nothing_impossible_counts(
    sent: dict[str, Any],
) -> None:
    kept = VitalSigns.model_validate(sent)
    for name in VitalSigns.model_fields:
        value, raw = getattr(kept, name), sent.get(name)
        if isinstance(value, Invalid):
            assert len(value.invalid) <= 64
        elif value is None:
            assert raw is None
        elif name == "consciousness":
            assert value in {"A", "C", "V", "P", "U"}
        elif name == "on_oxygen":
            assert value is raw
        elif value != "unmeasurable":
            low, high = RANGES[name]
            assert isinstance(value, float)
            assert low <= value <= high
            assert value == raw
            assert not isinstance(raw, bool)


@given(SETS)
def test_a_set_of_vital_signs_goes_there_and_back(sent: dict[str, Any]) -> None:
    kept = VitalSigns.model_validate(sent)
    written = kept.model_dump_json(exclude_none=True)
    assert VitalSigns.model_validate_json(written) == kept
    assert "\\u0000" not in written


@pytest.mark.parametrize("name", RANGES)
def test_the_ends_of_a_range_are_possible_and_what_lies_beyond_is_not(name: str) -> None:
    for end, beyond in zip(RANGES[name], (-math.inf, math.inf), strict=True):
        kept = VitalSigns.model_validate({name: end, "on_oxygen": True})
        assert getattr(kept, name) == end
        kept = VitalSigns.model_validate({name: math.nextafter(end, beyond), "on_oxygen": True})
        assert isinstance(getattr(kept, name), Invalid)
        assert kept.on_oxygen is True


@pytest.mark.parametrize(
    "impossible",
    ["-3", "1e999", "NaN", '"88"', "[88]", '{"value": 88}', "true", '""', "9" * 4000],
)
def test_one_impossible_value_in_a_set_is_invalid_and_the_rest_counts(impossible: str) -> None:
    document = read(EXAMPLES / "other/device-clock-ahead.json")
    written = json.dumps(document["value"]).replace('"heart_rate": 104.0', '"heart_rate": %s')
    assert "%s" in written
    topic, key, _, headers = record(document)
    event = decode(topic, key, (written % impossible).encode(), headers)
    assert isinstance(event, clinical.VitalSignsMeasured)
    assert isinstance(event.vitals.heart_rate, Invalid)
    assert event.vitals.spo2 == 93


def test_a_number_with_more_digits_than_can_be_written_is_invalid_too() -> None:
    kept = VitalSigns.model_validate({"heart_rate": 10**5000, "spo2": 93})
    assert kept.heart_rate == Invalid(invalid="too large to be shown")
    assert kept.spo2 == 93


#: A written time carries its offset in whole minutes (RFC 3339).
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=ZONES))
def test_a_time_with_its_zone_is_kept_to_the_moment(moment: datetime) -> None:
    """What lies outside 1900 to 2200 is no time; inside, no zone makes another moment of it."""
    kinds = event_types()
    given_time = moment.isoformat()
    try:
        made = kinds["TriagePaused"].model_validate(
            {"event_id": "x", "occurred_at": given_time, "encounter_id": "E-1", "worst": "urgent"}
        )
    except ValueError:
        assert not 1901 <= moment.year < 2199
    else:
        assert made.occurred_at == datetime.fromisoformat(given_time)
        assert topic_of(made).name == "triage-decisions"
