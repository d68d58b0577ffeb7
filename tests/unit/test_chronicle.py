"""The page of the stories: each with its paragraph, levels and picture, and never stale."""

from __future__ import annotations

from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest

from schemas.triage import TriageLevel
from simulator.chronicle import LEVELS, SAID, STAMPS, WORDS, page, picture
from simulator.illustrate import DOCS, documents, main, stale
from simulator.story import Act, Story, every

SVG = "{http://www.w3.org/2000/svg}"


def test_what_is_committed_is_fresh() -> None:
    assert list(stale(documents(), DOCS)) == []


def test_what_is_stale_is_named_with_its_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    (tmp_path / "stories.md").write_text("", "utf-8")
    (tmp_path / "images/stories/stroke.svg").unlink()
    (tmp_path / "images/stories/gone.svg").write_text("", "utf-8")
    assert main(["--check"], tmp_path) == 1
    names = ("images/stories/gone.svg", "images/stories/stroke.svg", "stories.md")
    assert capsys.readouterr().err.splitlines() == [
        f"docs/{name} is stale; type: make schemas" for name in names
    ]
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0


@pytest.mark.parametrize("story", every(), ids=lambda s: s.story)
def test_a_story_is_told_in_both_languages_with_its_levels(story: Story) -> None:
    told = page([story])
    assert story.told.zh in told
    assert story.told.en.strip() in told
    for name in story.patients:
        for at, mark in story.marks(name):
            rises = story.raises(name, at, mark)
            assert (f"| {mark.because.zh} · {mark.because.en} |" in told) or not rises
    said = [p for p in story.patients.values() if p.first_level is not TriageLevel.NOT_YET]
    assert told.count(SAID) == len(said)


@pytest.mark.parametrize("story", every(), ids=lambda s: s.story)
def test_a_picture_is_whole_and_nothing_lies_outside(story: Story) -> None:
    drawn = ElementTree.fromstring(picture(story))
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    bands = [r for r in drawn.iter(f"{SVG}rect") if r.attrib["fill"] in known_colours()]
    assert len(bands) >= len(story.patients)
    for each in (*drawn.iter(f"{SVG}text"), *drawn.iter(f"{SVG}rect")):
        assert 0 <= float(each.attrib.get("x", 0)) < width
        assert 0 <= float(each.attrib.get("y", 0)) < height


def known_colours() -> set[str]:
    return {colour for _, _, colour in LEVELS.values()}


def test_every_act_and_every_stamp_has_its_word() -> None:
    assert WORDS.keys() == set(get_args(Act))
    stamps = {s.body["status"] for story in every() for s in story.steps if s.act == "stamp"}
    assert stamps <= STAMPS.keys()
