"""What the benchmark rests on: the same records each time, and an honest comparison."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from benchmarks.decisions import Expected, Found, agreement, decided
from benchmarks.peer import Decider, Opening, openings, written
from benchmarks.triage_report import FAUST, FOLDED, MEMORY, disagreements
from benchmarks.vitals import Load, Stored, vitals
from benchmarks.vitals import openings as opened
from schemas.envelope import Message, encode
from schemas.triage import TriageLevel
from services.triage.loader import active

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
LOAD = Load(encounters=40, seconds=30, begin=BEGIN)


def test_the_same_seed_makes_the_same_records() -> None:
    assert list(vitals(LOAD)) == list(vitals(LOAD))
    assert opened(LOAD) == opened(LOAD)


def test_records_come_in_the_order_of_time_and_none_is_late() -> None:
    records = [*opened(LOAD), *vitals(LOAD)]
    assert all(one.at <= two.at for one, two in pairwise(records))
    assert all(
        timedelta(0) <= at - event.occurred_at < timedelta(seconds=1) for event, at in records
    )
    assert len(records) == LOAD.encounters + LOAD.vitals


def _expected(records: list[Stored]) -> tuple[Expected, list[Message]]:
    expected = Expected()
    return expected, [told.message for told in decided(records, active(), expected)]


def test_every_record_is_accounted_for_and_some_change_something() -> None:
    expected, _ = _expected([*opened(LOAD), *vitals(LOAD)])
    folded = [i for each in expected.by_encounter.values() for said in each for i in said.folded]
    assert sorted(folded) == sorted(event.event_id for event, _ in vitals(LOAD))
    assert LOAD.encounters < expected.changing < expected.decisions


def test_a_peer_says_the_same_bytes_whether_it_remembers_a_state_or_not(tmp_path: Path) -> None:
    expected, messages = _expected([*opened(LOAD), *vitals(LOAD)])
    file = tmp_path / "openings"
    pairs = (
        (encode(e, "greenchannel/dispatch"), round(at.timestamp() * 1000)) for e, at in opened(LOAD)
    )
    file.write_text(written(pairs), "utf-8")
    rulebook = active()
    remembering = Decider(openings(file), rulebook)
    kept: dict[bytes, bytes] = {}
    found = Found()
    for n, (event, at) in enumerate(vitals(LOAD)):
        record = encode(event, "greenchannel/gateway")
        decider = remembering if n % 3 else Decider(openings(file), rulebook)
        state = kept.get(record.key)
        kept[record.key], said = decider.take(record, round(at.timestamp() * 1000), state)
        for message in said:
            found.note(message, at)
    assert all(agreement(expected.by_encounter, found.by_encounter))
    assert found.decisions == len(messages)
    assert found.folded == LOAD.vitals


def test_a_part_agrees_and_what_is_otherwise_does_not() -> None:
    expected, _ = _expected([*opened(LOAD), *vitals(LOAD)])
    course = expected.by_encounter
    part = {key: said[:2] for key, said in course.items()}
    assert agreement(course, part) == (False, True, True, True)
    key = next(iter(course))
    other = [course[key][0]._replace(worst=TriageLevel.CRITICAL), *course[key][1:]]
    assert agreement(course, {**course, key: other}) == (True, False, True, True)
    assert agreement(course, {**course, "E-unknown": other})[1:] == (False, False, False)


def test_a_limit_holds_at_its_edge() -> None:
    assert FOLDED.beside(40_000)["holds"]
    assert not FOLDED.beside(39_999)["holds"]
    assert MEMORY.beside(20)["holds"]
    assert not MEMORY.beside(20.1)["holds"]
    assert FAUST.beside(5)["limit"] == "≥ 5"


def test_a_way_that_was_cut_off_need_not_have_said_everything() -> None:
    agrees = {"whole": False, "same_levels": True, "same_folded": True, "same_bytes": True}
    found = {
        "alone": {"differing": 0},
        "ways": {"faust": [{"agreement": agrees, "cut_off": True}]},
    }
    assert list(disagreements(found)) == []
    found["ways"]["faust"][0]["cut_off"] = False  # type: ignore[index]
    assert list(disagreements(found)) == ["Faust, with a table, round 1: not whole"]


def test_an_opening_is_kept_with_its_time(tmp_path: Path) -> None:
    (first, *_) = opened(LOAD)
    file = tmp_path / "openings"
    file.write_text(
        written([(encode(first.event, "x"), round(first.at.timestamp() * 1000))]), "utf-8"
    )
    assert openings(file) == {first.event.encounter_id: Opening(*first)}  # type: ignore[attr-defined]
