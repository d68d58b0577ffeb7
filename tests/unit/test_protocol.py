"""A protocol that is not whole does not load, and every number in those that do has its source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.encounter import Age, Patient
from schemas.triage import TriageLevel
from services.kit.documents import NoDocument, read_yaml
from services.triage.loader import ProtocolRefused, active, on_trial, shipped
from services.triage.protocol import Indicator
from services.triage.rulebook import Edition, Rulebook

Document = dict[str, Any]
RULES = active()
NOW = datetime(2026, 7, 1, tzinfo=UTC)
EDITION = RULES.at(NOW)
(ADULT,) = (protocol for protocol in EDITION.protocols if protocol.protocol == "adult")
SET = files("services.triage") / "protocols" / "default"
NAMES = tuple(sorted(file.name.removesuffix(".yaml") for file in SET.iterdir()))


def document(name: str) -> Document:
    loaded: Document = yaml.safe_load((SET / f"{name}.yaml").read_text("utf-8"))
    return loaded


def with_(name: str, path: str, value: Any) -> Document:
    """The document with one thing in it put in place of another; ``...`` takes it away."""
    spoiled = deepcopy(document(name))
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = spoiled
    for part in way:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return spoiled


PAIN = document("adult")["indicators"]["pain"]


def based_on_default(documents: Mapping[str, Document], where: Path) -> str:
    """A set that stands on the shipped one, with some documents of its own."""
    based: Document = {"based_on": "default"}
    return folder_of({"_base": based, **documents}, where)


def folder_of(documents: Mapping[str, Document], where: Path) -> str:
    """A set of its own."""
    for name, told in documents.items():
        (where / f"{name}.yaml").write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
    return str(where)


#: A row of consciousness.
VOICE = "words.consciousness.letters.V"
BANDS = "indicators.pain.bands"
CONDITION = "centres.chest_pain.rules.complaint.when"
WRONG = [
    pytest.param("adult", BANDS, [], "at least 2", id="no bands"),
    pytest.param("adult", BANDS, [{"level": "urgent"}], "at least 2", id="one band alone"),
    pytest.param(
        "adult",
        BANDS,
        [{"below": 4, "level": "urgent"}, {"through": 6, "level": "severe"}],
        "gap: no band beyond ≤ 6",
        id="a gap above the last band",
    ),
    pytest.param(
        "adult",
        BANDS,
        [{"level": "urgent"}, {"below": 4, "level": "urgent"}, {"level": "severe"}],
        "overlap: band 1 ends open, band 2 no later",
        id="an open band that overlaps all that follow",
    ),
    pytest.param(
        "adult",
        BANDS,
        [{"below": 7, "level": "urgent"}, {"below": 4, "level": "urgent"}, {"level": "severe"}],
        "overlap: band 1 ends < 7, band 2 no later",
        id="bands that fall",
    ),
    pytest.param(
        "adult",
        BANDS,
        [{"below": 4, "level": "urgent"}, {"below": 4, "level": "severe"}, {"level": "severe"}],
        "overlap: band 1 ends < 4",
        id="an end twice",
    ),
    pytest.param(
        "adult",
        BANDS,
        [{"below": 4, "level": "urgent"}, {"level": "severe"}, {"level": "severe"}],
        "overlap: band 2 ends open",
        id="two open bands",
    ),
    pytest.param(
        "adult",
        BANDS,
        [{"below": 4, "through": 5, "level": "urgent"}, {"level": "severe"}],
        "below or through, not both",
        id="a band with both ends",
    ),
    pytest.param(
        "scores",
        "scores.qsofa.items.respiratory_rate.bands",
        [{"below": 22, "points": 0}, {"through": 40, "points": 1}],
        "gap",
        id="a gap in a score",
    ),
    pytest.param(
        "adult", f"{BANDS}.0.below", float("nan"), "finite", id="an end that is no number"
    ),
    pytest.param("adult", f"{BANDS}.0.below", float("inf"), "finite", id="an end without end"),
    pytest.param("adult", f"{BANDS}.0.level", "red", "Input should be", id="an unknown level"),
    pytest.param("adult", f"{BANDS}.0.from", 0, "Extra inputs", id="a word nobody knows in a band"),
    pytest.param("adult", "indicators.pain.unit", ..., "Field required", id="no unit"),
    pytest.param("adult", "indicators.pain.unit", "", "at least 1", id="an empty unit"),
    pytest.param("adult", "indicators.pain.source", ..., "Field required", id="no source"),
    pytest.param("adult", f"{VOICE}.source", "", "at least 1", id="an empty source"),
    pytest.param("adult", "indicators.pain.evidence", ..., "Field required", id="no evidence"),
    pytest.param("adult", "indicators.pain.evidence", "X", "'V', 'V2', 'M'", id="no such mark"),
    pytest.param("adult", "indicators.pain.name.en", ..., "Field required", id="no English"),
    pytest.param("adult", f"{VOICE}.text.zh", " ", "both languages", id="no Chinese"),
    pytest.param("centres", "centres.trauma.rules.phi.text.en", "", "both languages", id="a rule"),
    pytest.param("adult", "required", ["pulse"], "required but not defined", id="a stray required"),
    pytest.param("adult", "required", [], "required: Tuple should have at least", id="no required"),
    pytest.param("adult", f"{VOICE}.source", " \u3000", "V.source: blanks", id="blanks"),
    pytest.param("adult", f"{VOICE}.text.en", "\t", "both languages", id="a text of blanks"),
    pytest.param("adult", "indicators.pain.unit", " ", "unit: blanks alone", id="a unit of blanks"),
    pytest.param(
        "adult", "indicators.systolic_bp.unit", "kPa",
        "indicators.systolic_bp.unit: kPa is not the contract's unit (mmHg)", id="pressure in kPa",
    ),
    pytest.param(
        "adult", "indicators.temperature.unit", "℉",
        "indicators.temperature.unit: ℉ is not the contract's unit (°C or ℃)", id="in Fahrenheit",
    ),
    pytest.param(
        "child", "indicators.spo2.unit", "kPa", "child.1-year): indicators.spo2.unit: kPa is not",
        id="another unit at an age",
    ),
    pytest.param("adult", "indicators.pain.unit", "%", "(/10 or NRS or points or 分)", id="a pain"),
    pytest.param(
        "set", "vitals.blood_glucose.unit", "mg/dL",
        "vitals.blood_glucose.unit: mg/dL is not the contract's unit", id="glucose in mg/dL",
    ),
    pytest.param("adult", "indicators.pulse", PAIN, "no such vital sign", id="no such indicator"),
    pytest.param("adult", "words.mood", {}, "unknown: mood", id="an unknown word"),
    pytest.param("adult", "signs.st_elevatoin", {}, "unknown: st_elevatoin", id="an unknown sign"),
    pytest.param("adult", "complaints.ache", {}, "Input should be", id="an unknown complaint"),
    pytest.param("adult", "effective_from", "2018-06-01T00:00:00", "timezone", id="no zone"),
    pytest.param("adult", "effective_from", ..., "Field required", id="no date of effect"),
    pytest.param("set", "stream.of", 1, "greater than or equal to 2", id="a window of one"),
    pytest.param("set", "stream.of", 4, "less than or equal to 3", id="more than is kept"),
    pytest.param("set", "stream.within_s", 0, "greater than 0", id="a window without width"),
    pytest.param("set", "stream.stale_s", 0, "greater than 0", id="nothing is fresh"),
    pytest.param("set", "stream", ..., "Field required", id="no rule for streams"),
    pytest.param("set", "vitals.pain", ..., "without a name", id="a vital sign without a name"),
    pytest.param("set", "site.altitude_m", 9000, "less than or equal", id="higher than anybody"),
    pytest.param("adult", "colour", "red", "Extra inputs", id="a word nobody knows"),
    pytest.param("centres", CONDITION, {}, "names something", id="no condition"),
    pytest.param(
        "centres", CONDITION, {"any_sign": ["st_depresion"]}, "unknown", id="a sign misspelt"
    ),
    pytest.param(
        "centres", CONDITION, {"any_limit": [{"name": "pulse", "below": 1}]}, "unknown",
        id="no such vital",
    ),
    pytest.param(
        "centres", CONDITION, {"any_limit": [{"name": "spo2"}]}, "one limit",
        id="a limit without end",
    ),
    pytest.param(
        "centres", CONDITION, {"any_limit": [{"name": "spo2", "below": 1, "above": 2}]},
        "one limit", id="a limit with two ends",
    ),
    pytest.param(
        "centres", CONDITION, {"score": {"name": "apgar", "at_least": 1}}, "no such score",
        id="no such score",
    ),
    pytest.param(
        "centres", CONDITION, {"ages": {"to": "28 days"}}, "28 d, 3 mo or 14 y",
        id="an age misspelt",
    ),
    pytest.param(
        "adult", "ages", {"from": "15 y", "unknown": True}, "every age belongs", id="a gap of ages"
    ),
    pytest.param(
        "adult", "ages", {"from": "13 y", "unknown": True}, "every age belongs", id="ages twice"
    ),
    pytest.param("adult", "ages", {"from": "14 y"}, "every age belongs", id="unknown age nowhere"),
    pytest.param("newborn", "ages", {"from": "-1 d"}, "ages.from: Input should", id="before birth"),
    pytest.param("newborn", "ages", {"from": "x d"}, "28 d, 3 mo or 14 y", id="an age of letters"),
    pytest.param("newborn", "ages", {"from": "9 d", "to": "9 d"}, "end after", id="nobody's ages"),
    pytest.param(
        "newborn", "ages", {"to": "28 d", "unknown": True}, "every age belongs", id="unknown twice"
    ),
    pytest.param(
        "centres", CONDITION, {"any_complaint": ["ache"]}, "Input should", id="no complaint"
    ),
    pytest.param(
        "centres", "centres.chest_pain.needs.0.item", "ecg", "unknown", id="an unknown need"
    ),
    pytest.param("centres", "centres.burns", {"rules": {}}, "Input should", id="no such centre"),
    pytest.param("centres", "centres.stroke", ..., "no rules for stroke", id="a centre without"),
    pytest.param(
        "scores", "scores.lams.items.face.scale", "lams.leg", "no item of a scale", id="no item"
    ),
    pytest.param(
        "scores", "scores.rts.items.gcs.of_score", "glasgow", "no such score", id="no inner score"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "value", "complaint"), WRONG)
def test_what_is_wrong_does_not_load_and_is_told_by_file_and_reason(
    name: str, path: str, value: Any, complaint: str, tmp_path: Path
) -> None:
    changed = {name: with_(name, path, value)}
    with pytest.raises(ProtocolRefused, match=re.escape(complaint)) as refused:
        active(based_on_default(changed, tmp_path))
    fits_together = {"every age belongs", "no such vital sign"}
    told_of = complaint in fits_together or "such score" in complaint
    file = (f"{name}.yaml: ", f"{name}.yaml (")
    assert told_of or all(line.startswith(file) for line in refused.value.lines)


#: Bands from low to high, and the two that tell of it.
MILDER = [
    (["urgent", "severe", "non_urgent"], "band 1 (< 1) than band 2 (1–2)"),
    (["non_urgent", "severe", "urgent"], "band 3 (≥ 2) than band 2 (1–2)"),
    (["non_urgent", "severe", "non_urgent"], "band 3 (≥ 2) than band 2 (1–2)"),
    (["severe", "critical", "urgent", "severe"], "band 1 (< 1) than band 2 (1–2)"),
    (["critical", "urgent", "critical", "severe"], "band 4 (≥ 3) than band 3 (2–3)"),
]


def banded(levels: Sequence[str]) -> list[Document]:
    ends = [*({"below": number} for number in range(1, len(levels))), {}]
    return [{**end, "level": level} for end, level in zip(ends, levels, strict=True)]


@pytest.mark.parametrize(("levels", "told"), MILDER)
def test_a_band_that_is_milder_than_one_nearer_to_normal_does_not_load(
    levels: list[str], told: str, tmp_path: Path
) -> None:
    changed = {"adult": with_("adult", BANDS, banded(levels))}
    with pytest.raises(ProtocolRefused) as refused:
        active(based_on_default(changed, tmp_path))
    (line,) = refused.value.lines
    assert line == f"adult.yaml: indicators.pain: milder farther from normal: {told}"


@pytest.mark.parametrize(
    "levels",
    [
        ["critical", "severe", "non_urgent", "urgent", "severe"],
        ["critical", "non_urgent", "non_urgent", "critical"],
        ["non_urgent", "urgent", "urgent", "severe"],
        ["critical", "urgent"],
    ],
)
def test_what_is_normal_may_lie_in_the_middle_or_at_an_end(levels: list[str]) -> None:
    assert indicator(*banded(levels)).most_urgent.value in levels


AGE_3 = "by_age.3-6-months.ages"
ASTRAY = [
    ("child", AGE_3, {"from": "4 mo", "to": "6 mo"}, [
        "none is for ages from 3 mo to 4 mo, beside child.yaml (child.1-3-months) and "
        "child.yaml (child.3-6-months)",
    ]),
    ("child", AGE_3, {"from": "2 mo", "to": "6 mo"}, [
        "child.yaml (child.1-3-months) and child.yaml (child.3-6-months) are for ages from 2 mo to "
        "3 mo",
    ]),
    ("adult", "ages", {"from": "15 y", "unknown": True}, [
        "none is for ages from 14 y to 15 y, beside child.yaml (child.10-14-years) and adult.yaml",
    ]),
    ("adult", "ages", {"from": "13 y", "to": "80 y", "unknown": True}, [
        "child.yaml (child.10-14-years) and adult.yaml are for ages from 13 y to 14 y",
        "none is for ages from 80 y on, beside adult.yaml",
    ]),
    ("newborn", "ages", {"from": "1 d", "to": "newborn_below", "unknown": True}, [
        "none is for ages from 0 y to 1 d, beside newborn.yaml",
        "newborn.yaml and adult.yaml are for an unknown age",
    ]),
    ("adult", "ages", {"from": "child_below"}, ["none is for an unknown age"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "ages", "told"), ASTRAY)
def test_ages_that_do_not_meet_are_told_with_the_files_of_their_protocols(
    name: str, path: str, ages: Document, told: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ProtocolRefused) as refused:
        active(based_on_default({name: with_(name, path, ages)}, tmp_path))
    (line,) = refused.value.lines
    _, _, each = line.partition("every age belongs to one protocol, an unknown one too: ")
    assert each.split("; ") == [f"{one} (since 2021-02-24)" for one in told]


@pytest.mark.parametrize(
    ("name", "key", "line"),
    [
        ("adult", "heart_rate", "  heart_rate: {}\n  heart_rate:\n"),
        ("adult", "protocol", "protocol: child\nprotocol: adult\n"),
        ("set", "spo2", "  spo2: {}\n  spo2: {"),
    ],
)
def test_a_key_that_stands_twice_is_told_by_file_key_and_line(
    name: str, key: str, line: str, tmp_path: Path
) -> None:
    once = line[line.index("\n") + 1 :]
    text = (SET / f"{name}.yaml").read_text("utf-8")
    assert f"\n{once}" in text
    text = text.replace(f"\n{once}", f"\n{line}", 1)
    number = text[: text.index(line)].count("\n") + 1
    (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    (tmp_path / "_base.yaml").write_text("based_on: default", "utf-8")
    with pytest.raises(ProtocolRefused) as refused:
        active(str(tmp_path))
    told = f"line {number + 1}: {key} stands twice, first in line {number}"
    assert refused.value.lines == (f"{name}.yaml: no YAML: {told}",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{a: 1, a: 1}", "line 1: a stands twice"),
        ("a:\n- {b: {c: 1,\n  'c': 2}}", "line 3: c stands twice, first in line 2"),
        ("no: 1\noff: 2", "line 2: False stands twice"),
        ("{[a]: 1}", "line 1: found unhashable key"),
        ("a: 1\n b: 2", "line 2: mapping values are not allowed"),
        ("a: 2026-13-01", "month must be in 1"),
        ("a: \x00", "control characters are not allowed"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_line(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(NoDocument, match=re.escape(told)):
        read_yaml(file)


def test_a_key_that_is_merged_in_may_be_said_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text('{x: &x {a: 1, b: 2}, y: {<<: *x, a: 3}, 1: a, "1": b}', "utf-8")
    assert read_yaml(file) == {"x": {"a": 1, "b": 2}, "y": {"a": 3, "b": 2}, 1: "a", "1": "b"}


REMEMBERED = [
    ("adult", "indicators.pain.evidence"),
    ("adult", "signs.st_elevation"),
    ("adult", "words.consciousness.letters.V.evidence"),
    ("adult", "complaints.stroke"),
    ("adult", "unmeasurable.evidence"),
    ("newborn", "baseline.evidence"),
    ("set", "stream.evidence"),
    ("scores", "scores.news2.evidence"),
    ("centres", "centres.chest_pain.rules.complaint.evidence"),
    ("centres", "centres.chest_pain.needs.0.evidence"),
]


@pytest.mark.parametrize(("name", "path"), REMEMBERED)
def test_what_is_from_memory_loads_on_trial_and_never_decides(
    name: str, path: str, tmp_path: Path
) -> None:
    row = document("adult")["words"]["consciousness"]["letters"]["V"]
    remembered = "M" if path.endswith(".evidence") else {**row, "evidence": "M"}
    folder = based_on_default({name: with_(name, path, remembered)}, tmp_path)
    on_trial(folder)
    with pytest.raises(ProtocolRefused) as refused:
        active(folder)
    place = path.removesuffix(".evidence")
    told = f"{name}.yaml: {place}: evidence M (from memory) never decides"
    assert any(line.startswith(told) for line in refused.value.lines)


@pytest.mark.parametrize(
    ("left_out", "complaint"),
    [("centres", "at least 1"), ("child", "every age belongs"), ("set", "what `set` it is")],
)
def test_what_is_not_whole_does_not_load(left_out: str, complaint: str, tmp_path: Path) -> None:
    whole = {name: document(name) for name in NAMES if name != left_out}
    with pytest.raises(ProtocolRefused, match=complaint):
        active(folder_of(whole, tmp_path))


@pytest.mark.parametrize("twice", ["adult", "centres", "scores", "complaints", "set"])
def test_two_versions_may_not_begin_at_the_same_moment(twice: str, tmp_path: Path) -> None:
    with pytest.raises(ProtocolRefused, match="at the same moment"):
        active(based_on_default({f"{twice}-again": document(twice)}, tmp_path))


def test_a_document_of_another_kind_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(ProtocolRefused, match=r"stray\.yaml: none of"):
        active(based_on_default({"stray": {"protocl": "child"}}, tmp_path))


def test_a_folder_that_is_not_there_is_told_with_the_sets_there_are() -> None:
    with pytest.raises(ProtocolRefused, match="none of the sets default"):
        active("nowhere")


def test_what_is_no_yaml_is_told_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("protocol: [", "utf-8")
    with pytest.raises(ProtocolRefused, match=r"broken\.yaml: no YAML"):
        active(str(tmp_path))


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_set_that_is_shipped_loads(name: str) -> None:
    assert on_trial(name).at(NOW).protocols


def clinical_values(place: Any, inherited: Document) -> Iterator[Document]:
    """Every place in a document that holds a level or an activation, with what stands around it."""
    if isinstance(place, dict):
        around = {**inherited, **place}
        if {"level", "levels", "activation"} & place.keys():
            yield around
        for inner in place.values():
            yield from clinical_values(inner, around)
    elif isinstance(place, list):
        for inner in place:
            yield from clinical_values(inner, inherited)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "complaints"])
def test_everything_that_decides_has_its_source_and_evidence(name: str) -> None:
    found = list(clinical_values(document(name), {}))
    assert found or name in {"set", "scores"}
    for value in found:
        assert value["source"]
        assert value["evidence"] in {"V", "V2", "design"}


def test_a_number_that_no_clinical_source_states_says_so() -> None:
    assert EDITION.frame.stream.evidence == "design"
    assert {protocol.unmeasurable.evidence for protocol in EDITION.protocols} == {"design"}


def indicator(*bands: Document) -> Indicator:
    return Indicator.model_validate(
        {
            "name": {"zh": "甲", "en": "one"},
            "unit": "/min",
            "source": "none",
            "evidence": "design",
            "bands": [*bands],
        }
    )


def test_the_same_value_may_end_one_band_excluded_and_the_next_included() -> None:
    three = indicator(
        {"below": 1, "level": "urgent"}, {"through": 1, "level": "severe"}, {"level": "critical"}
    )
    levels = [three.level(value) for value in (0.9, 1, 1.1)]
    assert levels == [
        (TriageLevel.URGENT, 0),
        (TriageLevel.SEVERE, 1),
        (TriageLevel.CRITICAL, 2),
    ]


def test_the_last_band_has_no_end() -> None:
    assert ADULT.indicators["pain"].level(1e300)[0] is TriageLevel.SEVERE


@pytest.mark.parametrize(
    ("ends", "texts", "spans"),
    [
        ([{"below": 40}, {"through": 50}, {}], ["< 40", "40–50", "> 50"],
         [(None, 40), (40, 50), (50, None)]),
        ([{"through": 41}, {}], ["≤ 41", "> 41"], [(None, 41), (41, None)]),
        ([{"below": 3.33}, {"through": 41}, {}], ["< 3.33", "3.33–41", "> 41"],
         [(None, 3.33), (3.33, 41), (41, None)]),
        ([{"below": 4}, {"below": 7}, {}], ["< 4", "4–7", "≥ 7"], [(None, 4), (4, 7), (7, None)]),
        ([{"below": 0}, {}], ["< 0", "≥ 0"], [(None, 0), (0, None)]),
    ],
)  # fmt: skip
def test_a_band_is_told_in_mathematical_signs_and_drawn_between_its_ends(
    ends: list[Document], texts: list[str], spans: list[tuple[float | None, float | None]]
) -> None:
    made = indicator(*({**end, "level": "urgent"} for end in ends))
    assert [made.range_text(number) for number in range(len(ends))] == texts
    assert [made.span(number) for number in range(len(ends))] == spans


def test_the_most_urgent_band_of_an_indicator_is_known_wherever_it_stands() -> None:
    urgencies = {n: i.most_urgent.value for n, i in ADULT.indicators.items()}
    assert urgencies["pain"] == "severe"
    assert urgencies["temperature"] == urgencies["heart_rate"] == "critical"


# -- versions -------------------------------------------------------------------------------------

OLD, NEW = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Rulebook:
    """Two versions of each, the newer one first: their order in the folder must not matter."""
    documents = {
        f"{number}-{name}": {**document(name), "version": version, "effective_from": begins}
        for number, (version, begins) in enumerate((("new", NEW), ("old", OLD)))
        for name in NAMES
    }
    return active(folder_of(documents, tmp_path_factory.mktemp("versions")))


@pytest.mark.parametrize(
    ("at", "version"),
    [
        (OLD, "old"),
        (datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC), "old"),
        (NEW, "new"),
        (datetime(2030, 1, 1, tzinfo=UTC), "new"),
    ],
)
def test_the_version_in_force_is_chosen_by_the_time_of_the_event(
    at: datetime, version: str, versions: Rulebook
) -> None:
    edition = versions.at(at)
    protocol = edition.for_patient(Patient(), at)
    assert protocol is not None
    parts = (protocol, edition.frame, edition.centres, edition.scores, edition.vocabulary)
    assert {part.version for part in parts} == {version}


def test_before_the_first_version_there_is_none(versions: Rulebook) -> None:
    with pytest.raises(LookupError, match="no protocol is in force"):
        versions.at(datetime(2019, 12, 31, tzinfo=UTC))


def test_the_first_edition_begins_when_every_protocol_has(tmp_path: Path) -> None:
    """Until then somebody would have none: a heart that stands still would be no level."""
    begun = datetime(2024, 5, 1, tzinfo=UTC)
    late = with_("child", "effective_from", begun.isoformat())
    rules = active(based_on_default({"child": late}, tmp_path))
    assert rules.at(begun).for_patient(Patient(age=Age(years=4)), begun) is not None
    with pytest.raises(LookupError, match="before 2024-05-01 00:00"):
        rules.at(begun - timedelta(seconds=1))


@pytest.mark.parametrize("name", [n for n in NAMES if "effective_from" in document(n)])
def test_a_document_that_is_not_in_force_yet_and_has_no_version_before_does_not_load(
    name: str, tmp_path: Path
) -> None:
    late = with_(name, "effective_from", "2999-01-01T00:00:00+08:00")
    with pytest.raises(ProtocolRefused) as refused:
        active(based_on_default({name: late}, tmp_path))
    assert refused.value.lines
    for line in refused.value.lines:
        assert line.startswith((f"{name}.yaml: nothing", f"{name}.yaml ({name}."))
        assert line.endswith("2999-01-01 00:00 +0800")


def test_a_version_may_be_there_before_it_is_in_force(tmp_path: Path) -> None:
    late = with_("adult", "effective_from", "2999-01-01T00:00:00+08:00") | {"version": "next"}
    rules = active(based_on_default({"adult-next": late}, tmp_path))
    versions = [
        {p.version for p in rules.at(at).protocols if p.protocol == "adult"}
        for at in (NOW, datetime(2999, 6, 1, tzinfo=UTC))
    ]
    assert versions == [{ADULT.version}, {"next"}]


def test_every_edition_is_for_every_age_and_not_the_last_alone(tmp_path: Path) -> None:
    for_fewer = with_("adult", "ages", {"from": "15 y", "unknown": True})
    between = for_fewer | {"effective_from": "2023-01-01T00:00:00Z"}
    after = with_("adult", "effective_from", "2024-01-01T00:00:00Z")
    with pytest.raises(ProtocolRefused) as refused:
        active(based_on_default({"adult-2": between, "adult-3": after}, tmp_path))
    (line,) = refused.value.lines
    assert "from 14 y to 15 y, beside child.yaml (child.10-14-years) and adult-2.yaml" in line
    assert line.endswith("(since 2023-01-01)")


@pytest.mark.parametrize(
    ("years", "name"),
    [
        (None, "adult"),
        (0, "newborn"),
        (28.9 / 365.25, "newborn"),
        (29 / 365.25, "child.1-3-months"),
        (0.25, "child.3-6-months"),
        (0.999, "child.6-12-months"),
        (1, "child.1-year"),
        (9.99, "child.9-years"),
        (10, "child.10-14-years"),
        (13.99, "child.10-14-years"),
        (14, "adult"),
        (130, "adult"),
    ],
)
def test_every_age_has_its_protocol(years: float | None, name: str) -> None:
    patient = Patient(age=None if years is None else Age(years=years))
    protocol = EDITION.for_patient(patient, NEW)
    assert protocol is not None
    assert protocol.protocol == name


@pytest.mark.parametrize(
    ("days", "name"), [(0, "newborn"), (28.99, "newborn"), (29, "child.1-3-months")]
)
def test_a_time_of_birth_counts_before_an_age(days: float, name: str) -> None:
    born = NEW - timedelta(days=days)
    protocol = EDITION.for_patient(Patient(birth_time=born, age=Age(years=40)), NEW)
    assert protocol is not None
    assert protocol.protocol == name


@pytest.mark.parametrize(
    ("patient", "is_obstetric"),
    [
        ({"pregnant": "yes"}, True),
        ({"pregnant": "yes", "age": {"years": 13}}, True),
        ({"pregnant": "no"}, False),
        ({"pregnant": "unknown"}, False),
        ({"pregnant": "no", "postpartum_days": 42}, True),
        ({"postpartum_days": 43}, False),
    ],
)
def test_pregnancy_and_the_six_weeks_after_it_count_before_any_age(
    patient: Document, is_obstetric: bool
) -> None:
    protocol = EDITION.for_patient(Patient.model_validate(patient), NEW)
    assert protocol is not None
    assert (protocol.protocol == "obstetric") is is_obstetric


# -- what a site sets -----------------------------------------------------------------------------


def at_a_site(tmp_path: Path, **said: Any) -> Edition:
    file = tmp_path / "site.yaml"
    file.write_text(yaml.safe_dump(said), "utf-8")
    return active(site=file).at(NOW)


@pytest.mark.parametrize(("years", "name"), [(17.9, "child.10-14-years"), (18, "adult")])
def test_a_site_may_set_until_when_somebody_is_a_child(
    years: float, name: str, tmp_path: Path
) -> None:
    patient = Patient(age=Age(years=years))
    protocol = at_a_site(tmp_path, child_below="18 y").for_patient(patient, NEW)
    assert protocol is not None
    assert protocol.protocol == name


def test_a_site_sets_how_soon_somebody_is_seen(tmp_path: Path) -> None:
    limits = {"critical": 0, "severe": 15, "urgent": 30, "non_urgent": 120}
    site = at_a_site(tmp_path, respond_within_min=limits).frame.site
    assert site.respond_within_min == limits


def test_a_site_says_what_it_sets_in_words_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(ProtocolRefused, match=r"^site\.yaml: set\.yaml: site\.altitude: Extra"):
        at_a_site(tmp_path, altitude=3650)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"child_below": "14 years"}, "set.yaml: site.child_below: an age is written like"),
        ({"child_below": "20 d"}, "ages end after they begin"),
        ({"altitude_m": "high"}, "set.yaml: site.altitude_m: Input should be"),
        ({"respond_within_min": {"red": 0}}, "set.yaml: site.respond_within_min.red"),
    ],
)
def test_a_site_that_spoils_a_set_is_told_by_its_file(
    said: Document, told: str, tmp_path: Path
) -> None:
    with pytest.raises(ProtocolRefused, match=re.escape(told)) as refused:
        at_a_site(tmp_path, **said)
    assert all(line.startswith("site.yaml: ") for line in refused.value.lines)


def test_what_is_wrong_with_a_set_is_not_told_of_the_site(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("altitude_m: 2000", "utf-8")
    (tmp_path / "set").mkdir()
    spoiled = {"adult": with_("adult", "required", [])}
    with pytest.raises(ProtocolRefused) as refused:
        active(based_on_default(spoiled, tmp_path / "set"), site)
    assert all(line.startswith("adult.yaml: ") for line in refused.value.lines)


# -- what holds for everyone ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("also", "told"),
    [
        ({"of_evryone": ["signs"]}, "adult.yaml: also: of_everyone: Field required"),
        ({"of_everyone": []}, "adult.yaml: also: of_everyone: Tuple should have at least 1 item"),
        ({"of_everyone": ["sings"]}, "adult.yaml: also: of_everyone.0: Input should be 'signs'"),
        (
            {"of_everyone": ["signs"], "evidence": "X"},
            "adult.yaml: also: evidence: Input should be",
        ),
        (None, "adult.yaml: also: Input should be"),
    ],
)
def test_a_list_that_is_asked_for_by_a_slip_of_the_pen_does_not_load(
    also: Any, told: str, tmp_path: Path
) -> None:
    changed = {**document("adult"), "also": also}
    with pytest.raises(ProtocolRefused) as refused:
        active(based_on_default({"adult": changed}, tmp_path))
    assert any(line.startswith(told) for line in refused.value.lines), refused.value.lines


@pytest.mark.parametrize("everyone", [None, {}, {"signs": {}}, {"complaints": {}}])
def test_a_list_that_is_asked_for_and_not_there_does_not_load(
    everyone: Any, tmp_path: Path
) -> None:
    """Without it whatever is found would be Ⅳ, and nobody would hear why."""
    with pytest.raises(ProtocolRefused, match="also: no document holds `everyone` with signs"):
        active(based_on_default({"everyone": {"everyone": everyone}}, tmp_path))


def test_a_row_that_is_none_is_told_and_is_no_crash(tmp_path: Path) -> None:
    spoilt = with_("everyone", "everyone.signs.shock", "critical")
    with pytest.raises(ProtocolRefused, match=r"signs\.shock"):
        active(based_on_default({"everyone": spoilt}, tmp_path))


def test_a_set_that_is_based_on_itself_is_told_so(tmp_path: Path) -> None:
    folder = tmp_path / "round"
    folder.mkdir()
    (folder / "base.yaml").write_text(f"based_on: {folder}", "utf-8")
    with pytest.raises(ProtocolRefused, match="round: it is based on itself"):
        active(str(folder))


def test_a_set_without_rules_for_pregnancy_does_not_load(tmp_path: Path) -> None:
    plain = with_("obstetric", "obstetric", value=False)
    plain = {**plain, "ages": {"from": "120 y"}}
    grown = with_("adult", "ages", {"from": "child_below", "to": "120 y", "unknown": True})
    with pytest.raises(ProtocolRefused, match="none is for pregnancy and after birth"):
        active(based_on_default({"obstetric": plain, "adult": grown}, tmp_path))
