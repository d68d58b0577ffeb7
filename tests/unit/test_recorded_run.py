"""Every decision of a recorded run comes out again: the stories, as a real broker and a real
database had them. Their names and times were moved since, by less than a millisecond; of a run that
is as it was, `tests/e2e/test_once_more.py` holds every letter."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from schemas.triage import TriageDecided, TriageLevel
from services.triage.loader import active
from services.triage.rerun import Case, cases_of, decide_again, differences
from services.triage.reruns import of_recording

STORIES = Path(__file__).parents[2] / "schemas/examples/stories"
FILES = sorted(STORIES.glob("*.ndjson"))
RULES = active()


def cases(file: Path) -> list[Case]:
    found = [case for case in cases_of(of_recording(file)) if case.decisions]
    assert found
    return found


def said(decisions: Iterable[TriageDecided]) -> list[TriageDecided]:
    """What they say: all but the name, and the time by which it was moved."""
    moved = {"event_id": "", "occurred_at": None, "recorded_at": None}
    return [decision.model_copy(update=moved) for decision in decisions]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_decision_of_a_story_is_reproduced(file: Path) -> None:
    for case in cases(file):
        assert case.is_whole
        assert said(decide_again(case, RULES)) == said(case.decisions)
        assert list(differences(case, RULES)) == []


def test_something_is_decided_and_something_changes() -> None:
    decisions = [d for file in FILES for case in cases(file) for d in case.decisions]
    assert len(decisions) > 300
    assert len({d.worst for d in decisions}) == 5


def test_a_decision_that_was_tampered_with_is_found() -> None:
    (case, *_) = cases(FILES[0])
    first = case.decisions[0]
    worse = first.model_copy(update={"worst": TriageLevel.CRITICAL})
    found = list(differences(case._replace(decisions=[worse, *case.decisions[1:]]), RULES))
    assert [difference.number for difference in found] == [1]
