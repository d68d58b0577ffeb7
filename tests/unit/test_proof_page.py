"""The page of the proof says what was found, and of what was not run that it was not."""

from __future__ import annotations

from pathlib import Path

from services.kit.process import ROOT
from tests.proof.page import PAGE, PARTS, page

FOUND = {
    "commit": "abc", "at": "2026-03-01T08:00:00+00:00", "machine": "x86_64, 2 cores",
    "seconds": 61.4, "samples": 12, "result": "failed", "seed": 7, "clean_minutes": 10,
    "paged_in_clean": [],
    "faults": [{"fault": "a dark board", "late_s": 3.5}], "limits": {"late_s": 90},
}  # fmt: skip


def test_what_was_not_run_says_so() -> None:
    assert page({}).count("not run.") == len(PARTS)


def test_what_was_found_stands_there_with_its_commit_and_its_machine() -> None:
    said = page({"alerts": FOUND})
    assert said.count("not run.") == len(PARTS) - 1
    assert (
        "**未通过 · FAILED** · 2026-03-01T08:00:00+00:00 · commit `abc` · x86_64, 2 cores" in said
    )
    assert "| paged in clean | none |" in said
    assert "| fault | late s |\n|---|---|\n| a dark board | 3.5 |" in said


def test_each_part_has_its_test_and_its_place_on_the_page_that_is_published() -> None:
    tests = {p.stem.removeprefix("test_") for p in Path(ROOT / "tests/proof").glob("test_*.py")}
    assert tests <= {part.name for part in PARTS}
    published = PAGE.read_text("utf-8")
    assert all(f"`make proof PART={part.name}`" in published for part in PARTS)
