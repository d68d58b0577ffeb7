"""Triage beside the experts: the figures are right, the page shows them, and the limits hold."""

from __future__ import annotations

import json
import re
from html import unescape
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evaluation.__main__ import main
from evaluation.figures import Share, compared, wilson
from schemas.triage import TriageLevel

CRITICAL, SEVERE, URGENT, NON_URGENT, NOT_YET = TriageLevel


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # Newcombe, Statistics in Medicine 1998;17:857-872, table I, method 3
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_the_published_one(
    part: int, whole: int, low: float, high: float
) -> None:
    assert list(wilson(part, whole)) == pytest.approx([low, high], abs=5e-5)


def test_without_cases_there_is_no_share() -> None:
    assert Share(0, 0).told() == {"part": 0, "whole": 0, "share": None, "interval_95": None}
    assert Share(0, 3).told()["share"] == 0


def test_a_judge_is_held_against_the_expert() -> None:
    pairs = [
        (CRITICAL, CRITICAL),
        (CRITICAL, SEVERE),
        (SEVERE, NOT_YET),
        (SEVERE, URGENT),
        (URGENT, SEVERE),
        (URGENT, URGENT),
        (NON_URGENT, NON_URGENT),
        (NON_URGENT, NOT_YET),
    ]
    told = compared(pairs)
    assert told["visits"] == 8
    assert told["table"]["critical"] == {
        "critical": 1, "severe": 1, "urgent": 0, "non_urgent": 0, "not_yet": 0,
    }  # fmt: skip
    parts = {n: told[n]["part"] for n in ("exact", "under_triaged", "over_triaged", "not_yet")}
    assert parts == {"exact": 3, "under_triaged": 2, "over_triaged": 1, "not_yet": 2}
    severe = told["severe_or_worse"]
    assert (severe["sensitivity"]["part"], severe["sensitivity"]["whole"]) == (2, 4)
    assert (severe["specificity"]["part"], severe["specificity"]["whole"]) == (3, 4)
    assert told["level_one_missed"] == 1


def test_every_pair_of_levels_is_counted_once() -> None:
    pairs = list(product((CRITICAL, SEVERE, URGENT, NON_URGENT), TriageLevel))
    table = compared(pairs)["table"]
    assert {n for row in table.values() for n in row.values()} == {1}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    folder = tmp_path_factory.mktemp("reports")
    result = CliRunner().invoke(main, ["--reports", str(folder)])
    assert result.exit_code == 0, result.output
    told = json.loads((folder / "triage_eval.json").read_text("utf-8"))
    return told, (folder / "triage_eval.html").read_text("utf-8")


@pytest.mark.needs_shared("data/ktas/ktas.csv")
def test_the_limits_hold_on_the_labelled_visits(evaluated: tuple[dict[str, Any], str]) -> None:
    told, _ = evaluated
    ours = told["green_channel"]
    assert ours["visits"] == 634
    assert sum(n for row in ours["table"].values() for n in row.values()) == 634
    assert ours["severe_or_worse"]["sensitivity"]["share"] >= 0.85
    assert ours["severe_or_worse"]["specificity"]["share"] >= 0.70
    assert ours["level_one_missed"] <= 1
    assert len(told["level_one_missed"]) == ours["level_one_missed"]
    assert all(missed["zh"] and missed["en"] for missed in told["level_one_missed"])


@pytest.mark.needs_shared("data/ktas/ktas.csv")
def test_the_nurses_stand_beside(evaluated: tuple[dict[str, Any], str]) -> None:
    """As the replay of the same visits counts them: 553 exact, 58 under, 23 over."""
    nurses = evaluated[0]["nurses"]
    counts = [nurses[name]["part"] for name in ("exact", "under_triaged", "over_triaged")]
    assert counts == [553, 58, 23]


@pytest.mark.needs_shared("data/ktas/ktas.csv")
def test_the_page_says_what_the_report_says(evaluated: tuple[dict[str, Any], str]) -> None:
    told, page = evaluated[0], unescape(evaluated[1])
    for missed in told["level_one_missed"]:
        assert missed["zh"][0] in page
    for gap in (*told["not_measured"]["zh"], *told["not_measured"]["en"]):
        assert gap in page
    assert "Moon SH" in page
    assert not re.search(r"<(script|link|img)|https?://(?!\S*doi)", page)


def test_without_the_visits_it_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--file", str(tmp_path / "absent.csv")])
    assert result.exit_code == 0
    assert "NOT RUN" in result.output
