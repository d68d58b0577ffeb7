"""A protocol that is not whole does not load, and every number in those that do has its source."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from schemas.encounter import Age, Patient
from schemas.triage import TriageLevel
from services.triage.app import load_protocols
from services.triage.protocol import Band, Indicator, Protocols, protocols_from

Document = dict[str, Any]
PROTOCOLS = load_protocols()
(ADULT,) = (protocol for protocol in PROTOCOLS.all if protocol.protocol == "adult")


def document(name: str) -> Document:
    text = (files("services.triage") / "protocols" / f"{name}.yaml").read_text("utf-8")
    loaded: Document = yaml.safe_load(text)
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


NAMES = ("adult", "centres", "child", "newborn", "obstetric")


def with_others(*changed: tuple[str, Document]) -> list[Document]:
    """These documents, with every other one as it is committed."""
    names = {name for name, _ in changed}
    return [made for _, made in changed] + [document(n) for n in NAMES if n not in names]


BANDS = "indicators.pain.bands"
CONDITION = "centres.chest_pain.rules.0.when"
WRONG = [
    pytest.param("adult", BANDS, [], "at least 2", id="no bands"),
    pytest.param("adult", BANDS, [{"level": "urgent"}], "at least 2", id="one band alone"),
    pytest.param(
        "adult",
        BANDS,
        [{"below": 4, "level": "urgent"}, {"through": 6, "level": "severe"}],
        "the last one open",
        id="a gap above the last band",
    ),
    pytest.param(
        "adult",
        BANDS,
        [{"level": "urgent"}, {"below": 4, "level": "urgent"}, {"level": "severe"}],
        "bands must rise",
        id="an open band that overlaps all that follow",
    ),
    pytest.param(
        "adult",
        BANDS,
        [{"below": 7, "level": "urgent"}, {"below": 4, "level": "urgent"}, {"level": "severe"}],
        "bands must rise",
        id="bands that fall",
    ),
    pytest.param(
        "adult",
        BANDS,
        [{"below": 4, "level": "urgent"}, {"below": 4, "level": "severe"}, {"level": "severe"}],
        "each end once",
        id="an end twice",
    ),
    pytest.param(
        "adult",
        BANDS,
        [{"below": 4, "level": "urgent"}, {"level": "severe"}, {"level": "severe"}],
        "each end once",
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
        "adult", f"{BANDS}.0.below", float("nan"), "finite", id="an end that is no number"
    ),
    pytest.param("adult", f"{BANDS}.0.below", float("inf"), "finite", id="an end without end"),
    pytest.param("adult", f"{BANDS}.0.level", "red", "Input should be", id="an unknown level"),
    pytest.param("adult", f"{BANDS}.0.from", 0, "Extra inputs", id="a word nobody knows in a band"),
    pytest.param(
        "adult", "indicators.pain.unit", ..., "Field required", id="a number without unit"
    ),
    pytest.param("adult", "indicators.pain.source", ..., "Field required", id="without source"),
    pytest.param("adult", "indicators.pain.evidence", ..., "Field required", id="without evidence"),
    pytest.param("adult", "indicators.pain.evidence", "M", "'V', 'V2' or 'design'", id="memory"),
    pytest.param("adult", "signs.st_elevation.evidence", "M", "'V', 'V2'", id="a sign from memory"),
    pytest.param(
        "adult", "words.consciousness.evidence", "M", "'V', 'V2'", id="a word from memory"
    ),
    pytest.param("adult", "stream.evidence", "M", "'V', 'V2'", id="a window from memory"),
    pytest.param("adult", "unmeasurable.evidence", "M", "'V', 'V2'", id="unmeasurable from memory"),
    pytest.param("adult", "required", ["pulse"], "required but not defined", id="a stray required"),
    pytest.param("adult", "indicators.pulse", {}, "unknown: pulse", id="an unknown indicator"),
    pytest.param("adult", "words.mood", {}, "unknown: mood", id="an unknown word"),
    pytest.param("adult", "signs.st_elevatoin", {}, "unknown: st_elevatoin", id="an unknown sign"),
    pytest.param("adult", "effective_from", "2018-06-01T00:00:00", "timezone", id="no zone"),
    pytest.param("adult", "effective_from", ..., "Field required", id="no date of effect"),
    pytest.param("adult", "stream.of", 1, "greater than or equal to 2", id="a window of one"),
    pytest.param("adult", "stream.of", 4, "less than or equal to 3", id="more than is kept"),
    pytest.param("adult", "stream.within_s", 0, "greater than 0", id="a window without width"),
    pytest.param("adult", "stream.stale_s", 0, "greater than 0", id="nothing is fresh"),
    pytest.param("adult", "stream", ..., "Field required", id="no rule for streams"),
    pytest.param("adult", "colour", "red", "Extra inputs", id="a word nobody knows"),
    pytest.param("centres", CONDITION, {}, "names something", id="no condition"),
    pytest.param(
        "centres", CONDITION, {"any_sign": ["st_depresion"]}, "unknown", id="a sign misspelt"
    ),
    pytest.param(
        "centres",
        CONDITION,
        {"limit": {"name": "pulse", "below": 1}},
        "unknown",
        id="no such vital",
    ),
    pytest.param(
        "centres", CONDITION, {"limit": {"name": "spo2"}}, "one limit", id="a limit without end"
    ),
    pytest.param(
        "centres",
        CONDITION,
        {"limit": {"name": "spo2", "below": 1, "above": 2}},
        "one limit",
        id="a limit with two ends",
    ),
    pytest.param(
        "centres",
        CONDITION,
        {"ages": {"to": "28 days"}},
        "28 d, 3 mo or 14 y",
        id="an age misspelt",
    ),
    pytest.param(
        "adult", "ages", {"from": "15 y", "unknown": True}, "every age belongs", id="a gap of ages"
    ),
    pytest.param(
        "adult", "ages", {"from": "13 y", "unknown": True}, "every age belongs", id="ages twice"
    ),
    pytest.param("adult", "ages", {"from": "14 y"}, "every age belongs", id="unknown age nowhere"),
    pytest.param(
        "newborn", "ages", {"to": "28 d", "unknown": True}, "every age belongs", id="unknown twice"
    ),
    pytest.param("newborn", "baseline.evidence", "M", "'V', 'V2'", id="a baseline from memory"),
    pytest.param("centres", CONDITION, {"complaint": "pain"}, "Input should", id="no complaint"),
    pytest.param(
        "centres", "centres.chest_pain.rules.0.evidence", "M", "'V', 'V2'", id="a rule from memory"
    ),
    pytest.param(
        "centres", "centres.chest_pain.needs.0.evidence", "M", "'V', 'V2'", id="a need from memory"
    ),
    pytest.param(
        "centres", "centres.chest_pain.needs.0.item", "ecg", "unknown", id="an unknown need"
    ),
    pytest.param("centres", "centres.burns", {"rules": []}, "Input should", id="an unknown centre"),
]


@pytest.mark.parametrize(("name", "path", "value", "complaint"), WRONG)
def test_what_is_wrong_does_not_load(name: str, path: str, value: Any, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        protocols_from(with_others((name, with_(name, path, value))))


@pytest.mark.parametrize(
    ("documents", "complaint"),
    [
        pytest.param([n for n in NAMES if n != "centres"], "at least 1", id="no rules for centres"),
        pytest.param([*NAMES, "adult"], "at the same moment", id="a version twice"),
        pytest.param([*NAMES, "centres"], "at the same moment", id="centres twice"),
        pytest.param([n for n in NAMES if n != "child"], "every age belongs", id="no children"),
    ],
)
def test_what_does_not_fit_together_does_not_load(documents: list[str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        protocols_from([document(name) for name in documents])


def test_a_document_of_another_kind_is_not_passed_over() -> None:
    with pytest.raises(ValidationError, match="Field required"):
        protocols_from([*map(document, NAMES), {"protocl": "child"}])


def test_what_is_committed_loads() -> None:
    assert protocols_from([document(name) for name in NAMES]) == PROTOCOLS


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


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_decides_has_its_source_and_evidence(name: str) -> None:
    found = list(clinical_values(document(name), {}))
    assert found
    for value in found:
        assert value["source"]
        assert value["evidence"] in {"V", "V2", "design"}


def test_every_number_has_its_unit() -> None:
    for protocol in PROTOCOLS.all:
        assert all(indicator.unit for indicator in protocol.indicators.values())


def test_a_number_that_no_clinical_source_states_says_so() -> None:
    for protocol in PROTOCOLS.all:
        assert protocol.stream.evidence == protocol.unmeasurable.evidence == "design"


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
    assert Band(level=TriageLevel.URGENT).holds(1e300)


def test_no_value_falls_between_bands_however_they_were_made() -> None:
    pain = ADULT.indicators["pain"]
    closed = pain.model_copy(update={"bands": (Band(below=1, level=TriageLevel.URGENT),)})
    with pytest.raises(AssertionError, match="the last band is open"):
        closed.level(2)


@pytest.mark.parametrize(
    ("ends", "texts"),
    [
        ([{"below": 40}, {"through": 50}, {}], ["< 40", "40–50", "> 50"]),
        ([{"through": 41}, {}], ["≤ 41", "> 41"]),
        ([{"below": 3.33}, {"through": 41}, {}], ["< 3.33", "3.33–41", "> 41"]),
        ([{"below": 4}, {"below": 7}, {}], ["< 4", "4–7", "≥ 7"]),
    ],
)
def test_a_band_is_told_in_mathematical_signs(ends: list[Document], texts: list[str]) -> None:
    made = indicator(*({**end, "level": "urgent"} for end in ends))
    assert [made.range_text(number) for number in range(len(ends))] == texts


def test_the_most_urgent_band_of_an_indicator_is_known_wherever_it_stands() -> None:
    urgencies = {n: i.most_urgent.value for n, i in ADULT.indicators.items()}
    assert urgencies["pain"] == "severe"
    assert urgencies["temperature"] == urgencies["heart_rate"] == "critical"


# -- versions -------------------------------------------------------------------------------------

OLD, NEW = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def versions() -> Protocols:
    """Two versions of each, the newer one first: their order in the folder must not matter."""
    documents = [
        {**document(name), "version": version, "effective_from": effective_from}
        for version, effective_from in (("new", NEW), ("old", OLD))
        for name in NAMES
    ]
    return protocols_from(documents)


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
    at: datetime, version: str
) -> None:
    protocol = versions().for_patient(Patient(), at)
    assert protocol is not None
    assert protocol.version == version
    assert versions().centres_at(at).version == version


def test_before_the_first_version_there_is_none() -> None:
    before = datetime(2019, 12, 31, tzinfo=UTC)
    assert versions().for_patient(Patient(), before) is None
    with pytest.raises(LookupError, match="no rules for centres"):
        versions().centres_at(before)


@pytest.mark.parametrize(
    ("years", "name"),
    [
        (None, "adult"),
        (0, "newborn"),
        (27.9 / 365.25, "newborn"),
        (28 / 365.25, "child.1-3-months"),
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
    protocol = versions().for_patient(patient, NEW)
    assert protocol is not None
    assert protocol.protocol == name


@pytest.mark.parametrize(
    ("days", "name"), [(0, "newborn"), (27.99, "newborn"), (28, "child.1-3-months")]
)
def test_a_time_of_birth_counts_before_an_age(days: float, name: str) -> None:
    born = NEW - timedelta(days=days)
    protocol = versions().for_patient(Patient(birth_time=born, age=Age(years=40)), NEW)
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
    protocol = versions().for_patient(Patient.model_validate(patient), NEW)
    assert protocol is not None
    assert (protocol.protocol == "obstetric") is is_obstetric
