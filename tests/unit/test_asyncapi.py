"""The published description of the topics: valid AsyncAPI 3, whole, and never broken backwards."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from schemas import generate
from schemas.compatibility import breaks
from schemas.envelope import versions
from schemas.topics import registry

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "schemas/asyncapi.yaml").read_text("utf-8"))
PUBLISHED: dict[str, Any] = json.loads((ROOT / "schemas/published.json").read_text("utf-8"))
Spoil = Callable[[dict[str, Any]], Any]


def validator() -> Draft7Validator:
    """The schema of AsyncAPI 3.0.0, as its authors publish it."""
    file = ROOT / "tests/specs/asyncapi-3.0.0.schema.json"
    return Draft7Validator(json.loads(file.read_text("utf-8")))


def test_the_document_is_valid() -> None:
    assert [error.message for error in validator().iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("info"),
        lambda d: d.update(asyncapi="2.6.0"),
        lambda d: d["channels"]["dispatch-units"].update(address=7),
        lambda d: d["operations"]["triage.send.triage-decisions"].update(action="publish"),
    ],
)
def test_a_document_that_is_none_is_refused(spoil: Spoil) -> None:
    spoiled = deepcopy(DOCUMENT)
    spoil(spoiled)
    assert not validator().is_valid(spoiled)


def test_every_topic_is_a_channel_with_its_events_and_who_may_touch_it() -> None:
    topics = {name: topic for name, topic in registry().topics.items() if topic.holds}
    assert DOCUMENT["channels"].keys() == topics.keys()
    for name, topic in topics.items():
        every = {kind.__name__ for held in topic.holds for kind in versions(held)}
        assert set(DOCUMENT["channels"][name]["messages"]) == every
    told = {tuple(name.split(".", 2)) for name in DOCUMENT["operations"]}
    assert told == {
        (grant.user, {"write": "send", "read": "receive"}[grant.operation], grant.topic)
        for grant in registry().grants
        if grant.topic in topics
    }
    for name, operation in DOCUMENT["operations"].items():
        if operation["action"] == "receive":
            user = name.partition(".")[0]
            pattern = operation["bindings"]["kafka"]["groupId"]["pattern"]
            groups = (user, f"{user}-1", f"{user}.raw", f"{user}s")
            assert [bool(re.search(pattern, group)) for group in groups] == [True] * 3 + [False]


def test_software_of_the_120_centre_reads_what_it_is_promised_and_nothing_else() -> None:
    """All that dispatch and tracker say, and what the facilities answer."""
    promised = {name for name in DOCUMENT["channels"] if name.startswith("dispatch-")}
    promised |= {"bridge-handoffs", "bridge-capacity"}
    assert len(promised) == 6
    told = {name for name in DOCUMENT["operations"] if name.startswith("dispatch_centre.")}
    assert told == {f"dispatch_centre.receive.{topic}" for topic in promised}
    granted = {(g.operation, g.topic) for g in registry().grants if g.user == "dispatch_centre"}
    assert granted == {("read", topic) for topic in promised}


def test_every_reference_of_the_document_leads_somewhere() -> None:
    for name, message in DOCUMENT["components"]["messages"].items():
        file = message["payload"]["schema"]["$ref"]
        schema = json.loads((ROOT / "schemas" / file).read_text("utf-8"))
        assert schema["title"] == name
    for operation in DOCUMENT["operations"].values():
        for reference in operation["messages"]:
            place: Any = DOCUMENT
            for part in reference["$ref"].removeprefix("#/").split("/"):
                place = place[part]
            assert place["$ref"].rpartition("/")[2] in DOCUMENT["components"]["messages"]


# -- backwards -------------------------------------------------------------------------------------


def test_what_was_published_is_not_broken() -> None:
    assert list(breaks(PUBLISHED, generate.contract())) == []


def field(d: dict[str, Any], event: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = d["events"][event]["properties"][name]
    return found


def definition(d: dict[str, Any], event: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = d["events"][event]["$defs"][name]
    return found


BROKEN: list[tuple[str, Spoil, str]] = [
    (
        "an event is gone",
        lambda d: d["events"].pop("PatientBoarded.v1"),
        "PatientBoarded.v1 is gone",
    ),
    ("a topic is gone", lambda d: d["topics"].pop("ambulance-raw"), "the topic is gone"),
    (
        "another key",
        lambda d: d["topics"]["ambulance-raw"].update(key="unit_id"),
        "its key was device_id",
    ),
    (
        "an event left its topic",
        lambda d: d["topics"]["dispatch-units"]["events"].remove("UnitAssigned"),
        "UnitAssigned is gone",
    ),
    (
        "a field is gone",
        lambda d: d["events"]["UnitAssigned.v1"]["properties"].pop("leg_id"),
        "leg_id is gone",
    ),
    (
        "a field may be absent",
        lambda d: d["events"]["UnitAssigned.v1"]["required"].remove("leg_id"),
        "leg_id was always there",
    ),
    (
        "a new field is required",
        lambda d: d["events"]["UnitAssigned.v1"].update(
            properties={**d["events"]["UnitAssigned.v1"]["properties"], "crew": {"type": "string"}},
            required=[*d["events"]["UnitAssigned.v1"]["required"], "crew"],
        ),
        "crew is new",
    ),
    (
        "an optional field is required",
        lambda d: d["events"]["PositionReported.v1"]["required"].append("accuracy_m"),
        "accuracy_m may be absent in what was written before",
    ),
    (
        "another type",
        lambda d: field(d, "TriageDecided.v1", "number").update(type="string"),
        "number: type was integer",
    ),
    (
        "a narrower range",
        lambda d: field(d, "PositionReported.v1", "latitude").update(maximum=80),
        "latitude: maximum was 90",
    ),
    (
        "a word is gone",
        lambda d: definition(d, "EncounterEnded.v1", "Outcome")["enum"].remove("transported"),
        "transported is no word any more",
    ),
    (
        "another pattern",
        lambda d: field(d, "UnitAssigned.v1", "unit_id").update(pattern="^U-"),
        "unit_id: pattern was",
    ),
    (
        "a choice is gone",
        lambda d: definition(d, "VitalSignsMeasured.v1", "VitalSigns")["properties"]["spo2"][
            "anyOf"
        ].pop(1),
        "one of its choices is gone",
    ),
]


@pytest.mark.parametrize(
    ("spoil", "said"), [case[1:] for case in BROKEN], ids=[c[0] for c in BROKEN]
)
def test_what_breaks_it_is_named(spoil: Spoil, said: str) -> None:
    spoiled = deepcopy(PUBLISHED)
    spoil(spoiled)
    found = list(breaks(PUBLISHED, spoiled))
    assert found
    assert any(said in line for line in found), found


GROWN: list[tuple[str, Spoil]] = [
    (
        "a field that may be absent",
        lambda d: d["events"]["UnitAssigned.v1"]["properties"].update(crew={"type": "string"}),
    ),
    (
        "one more word",
        lambda d: definition(d, "EncounterEnded.v1", "Outcome")["enum"].append("elsewhere"),
    ),
    (
        "a wider range",
        lambda d: field(d, "PositionReported.v1", "latitude").update(maximum=91),
    ),
    ("another text about it", lambda d: field(d, "TriageDecided.v1", "number").update(title="N")),
    ("one more event", lambda d: d["events"].update({"New.v1": {"type": "object"}})),
    ("one more topic", lambda d: d["topics"].update({"new": {"key": "x", "events": []}})),
]


@pytest.mark.parametrize("grow", [case[1] for case in GROWN], ids=[case[0] for case in GROWN])
def test_it_may_grow(grow: Spoil) -> None:
    grown = deepcopy(PUBLISHED)
    grow(grown)
    assert list(breaks(PUBLISHED, grown)) == []


def test_a_check_fails_when_something_published_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--publish"], tmp_path) == 0
    assert generate.main(["--check"], tmp_path) == 0
    file = tmp_path / "published.json"
    file.write_text(file.read_text("utf-8").replace('"leg_id"', '"mission_id"'), "utf-8")
    assert generate.main(["--check"], tmp_path) == 1
    assert "mission_id is gone; keep it readable" in capsys.readouterr().err
