"""What hospitals are told is FHIR 4.0.1: HAPI finds no error in it, but those that are put in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.triage import Centre
from services.bridge.fhir import as_json, bundle
from tests.hapi import Issue, errors, validate_fhir
from tests.told import Moment, moments
from tests.unit.test_fhir import everything

pytestmark = pytest.mark.timeout(900)  # the first run on a machine fetches the judge

ZONE = ZoneInfo("Asia/Shanghai")


def made(moment: Moment) -> str:
    return as_json(bundle(moment.case, moment.facility_id, ZONE, withdrawn=moment.withdrawn))


def shapes(text: str) -> Iterator[tuple[str, ...]]:
    """What the answer hangs on, beside codes: of each resource its status and fields."""
    for entry in json.loads(text)["entry"]:
        body = entry["resource"]
        of_class = body.get("class", {}).get("code", "")
        yield (body["resourceType"], of_class, body.get("status", ""), *sorted(body))


@cache
def telling() -> tuple[Moment, ...]:
    """The last of each patient, and all in which something is told that was not told in this way
    before."""
    last = {(moment.case.encounter_id, moment.facility_id): moment for moment in moments()}
    seen: set[tuple[str, ...]] = set()
    chosen = []
    for moment in moments():
        new = set(shapes(made(moment))) - seen
        if new or moment in last.values():
            chosen.append(moment)
            seen |= new
    return tuple(chosen)


def spoilt(text: str, spoil: Callable[[dict[str, Any]], object]) -> str:
    body = json.loads(text)
    spoil({entry["resource"]["resourceType"]: entry["resource"] for entry in body["entry"]})
    return json.dumps(body)


#: What is done to a good bundle, and what HAPI says of it.
SPOILT: dict[str, Callable[[dict[str, Any]], object]] = {
    "'boarding'": lambda of: of["Encounter"].update(status="boarding"),
    "'admission'": lambda of: of["Encounter"].update(admission={}),
    "Observation.code": lambda of: of["Observation"].pop("code"),
    "EMM": lambda of: of["Encounter"]["priority"]["coding"][0].update(code="EMM"),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Issue]]:
    """What HAPI says of everything, by what it is: one Java for all."""
    texts = {f"{n} {m.story} {m.event}": made(m) for n, m in enumerate(telling())}
    texts["everything"] = whole = as_json(bundle(everything(), "H1", ZONE))
    texts |= {said: spoilt(whole, spoil) for said, spoil in SPOILT.items()}
    folder = tmp_path_factory.mktemp("bundles")
    files: dict[str, Path] = {}
    for number, (name, text) in enumerate(texts.items()):
        files[name] = folder / f"{number}.json"
        files[name].write_text(text, "utf-8")
    found = validate_fhir(list(files.values()))
    return {name: errors(issues) for name, issues in zip(files, found, strict=True)}


def test_the_stories_tell_of_all_that_can_happen() -> None:
    told = telling()
    assert {centre for m in told for centre in m.case.centres} == set(Centre)
    assert {m.case.patient.sex for m in told} >= {"male", "female"}
    assert any(m.case.patient.birth_time for m in told)
    assert any(m.case.patient.identity == "unknown" for m in told)
    assert any(m.withdrawn and m.case.facility_id != m.facility_id for m in told)  # redirected
    assert any(m.withdrawn and m.case.ended for m in told)
    assert any(m.case.handoff.identity for m in told)
    assert any(m.case.is_locked for m in told)


def test_no_bundle_of_a_story_has_an_error(judged: dict[str, list[Issue]]) -> None:
    stories = {name: found for name, found in judged.items() if name not in SPOILT}
    assert len(stories) > 20
    assert {name: found for name, found in stories.items() if found} == {}


@pytest.mark.parametrize("said", SPOILT)
def test_an_error_that_is_put_in_is_seen(said: str, judged: dict[str, list[Issue]]) -> None:
    assert any(said in issue.says for issue in judged[said]), judged[said]
