"""Every story stands among the examples as a recording: whole, readable, and under fixed names."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from schemas.encounter import EncounterOpened
from schemas.envelope import decode
from schemas.event import Event
from schemas.recording import Recorded, read, read_head
from schemas.triage import TriageDecided
from simulator import examples, truth
from simulator.examples import FOLDER, Telling, tellings, told
from simulator.story import Story, every, load

STORIES = [pytest.param(story, number, id=story.story) for number, story in enumerate(every(), 1)]


def records_of(story: Story, number: int) -> list[Recorded]:
    head, *lines = file_of(story, number).read_text("utf-8").splitlines()
    read_head(head)
    return [read(line, n) for n, line in enumerate(lines, 2)]


def file_of(story: Story, number: int) -> Path:
    return FOLDER / f"{number:02}-{story.story}.ndjson"


def event_of(record: Recorded) -> Event:
    return decode(record.topic, record.key, record.value, record.headers)


def test_there_is_one_for_each_story_and_none_besides() -> None:
    wanted = {file_of(story, number) for number, story in enumerate(every(), 1)}
    assert set(FOLDER.iterdir()) == wanted


@pytest.mark.parametrize(("story", "number"), STORIES)
def test_every_act_of_the_story_is_in_it_and_every_patient(story: Story, number: int) -> None:
    """A story that is changed is to be told and recorded anew."""
    events = [event_of(record) for record in records_of(story, number)]
    said = {event.event_id.partition(".")[2] for event in events}
    opens = {step.name for step in story.steps if step.act in {"found", "walk_in"}}
    assert {step.name for step in story.steps} - said == opens
    opened = [event for event in events if isinstance(event, EncounterOpened)]
    assert len(opened) == len(story.patients)


@pytest.mark.parametrize(("story", "number"), STORIES)
def test_its_levels_are_those_of_the_story(story: Story, number: int) -> None:
    last: dict[str, str] = {}
    for event in map(event_of, records_of(story, number)):
        if isinstance(event, TriageDecided):
            last[event.encounter_id] = event.worst.value
    due = {story.marks(name)[-1][1].worst.value if story.marks(name) else person.first_level.value
           for name, person in story.patients.items()}  # fmt: skip
    if story.story == "monitors_swapped":  # the older brother's heart is his own in the end
        due |= {"severe"}
    assert set(last.values()) <= due | {"not_yet"}
    assert due <= set(last.values())


@pytest.mark.parametrize(("story", "number"), STORIES)
def test_it_is_in_order_under_fixed_names_and_times(story: Story, number: int) -> None:
    found = records_of(story, number)
    assert all(a.t <= b.t for a, b in pairwise(found))
    text = file_of(story, number).read_text("utf-8")
    years = {moment[:4] for moment in re.findall(r"\d{4}-\d\d-\d\dT", text)}
    assert years <= {"2026"}
    assert set(re.findall(r"2026-\d\d-\d\dT", text)) == {"2026-03-02T"}
    for topic in {record.topic for record in found}:
        mine = [record.offset for record in found if record.topic == topic]
        assert mine == [*range(len(mine))]


# -- how they are made -----------------------------------------------------------------------


def began(handle: str, story: str, t: float = 100.0) -> truth.EncounterBegan:
    return truth.EncounterBegan(
        t=t, id=f"{handle}.call", handle=handle, encounter_id=f"E-of-{handle}", story=story,
        first_level="not_yet", centres=[],
    )  # fmt: skip


def test_the_first_telling_that_came_to_its_end_is_taken() -> None:
    journal: list[truth.TruthLine] = [
        began("a-1", "cut_hand"),
        began("a-2", "two_unknown"),
        began("a-3", "two_unknown"),
        began("a-4", "cut_hand", 150.0),
        truth.EncounterOver(t=200.0, handle="a-4"),
        truth.EncounterOver(t=210.0, handle="a-1"),
        truth.EncounterOver(t=220.0, handle="a-2"),
    ]
    found = tellings(journal)
    assert found.keys() == {"cut_hand"}
    assert found["cut_hand"].handles == ["a-4"]
    ended = tellings([*journal, truth.EncounterOver(t=230.0, handle="a-3")])
    assert ended["two_unknown"].handles == ["a-2", "a-3"]
    assert (ended["two_unknown"].began, ended["two_unknown"].ended) == (100.0, 230.0)


def test_what_is_about_others_or_another_time_is_left_out() -> None:
    telling = Telling(load("cut_hand"), 100.0, 160.0, ["a-1"])
    telling.name("E-x", "E")

    def record(key: str, t: float) -> Recorded:
        return Recorded("triage-decisions", 3, 99, round(t * 1000), key.encode(),
                        b'{"event_id":"a-1.x","for":"E-x","by":"a-11.x","no":"GC-20250101-0077"}',
                        [("ce_time", b"1970-01-01T00:01:50Z")])  # fmt: skip

    every_record = [record("E-x", 110.0), record("E-y", 110.0), record("E-x", 170.0)]
    (mine,) = told(telling, every_record)
    assert (mine.key, mine.offset, mine.partition) == (b"E-cut_hand-1", 0, 0)
    assert mine.value == (
        b'{"event_id":"cut_hand-1.x","for":"E-cut_hand-1","by":"a-11.x","no":"GC-20260302-0001"}'
    )
    assert dict(mine.headers)["ce_time"] == b"2026-03-02T01:00:10Z"


def test_a_run_that_did_not_tell_all_of_them_makes_none(tmp_path: Path) -> None:
    recording, journal = tmp_path / "r.ndjson", tmp_path / "t.ndjson"
    recording.write_text(next(iter(FOLDER.iterdir())).read_text("utf-8"), "utf-8")
    journal.write_text(truth.encode(truth.Ended(t=1.0)), "utf-8")
    before = {file: file.read_bytes() for file in FOLDER.iterdir()}
    assert examples.main([str(recording), str(journal)]) == 1
    assert {file: file.read_bytes() for file in FOLDER.iterdir()} == before
