"""Points at which a test may kill a process: the code has those of the list, and no others."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from services.kit import failpoint
from services.kit.process import ROOT
from tests.crashes import PARTS

ALL = [point for points in failpoint.POINTS.values() for point in points]


def points_in(source: Path) -> list[str]:
    """The names this file reaches; each is written out, so that it can be found."""
    found = []
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoint.reach":
            (name,) = node.args
            assert isinstance(name, ast.Constant), f"{source}:{node.lineno}"
            found.append(str(name.value))
    return found


def test_the_code_reaches_the_listed_points_and_no_others() -> None:
    named = Counter(name for file in (ROOT / "services").rglob("*.py") for name in points_in(file))
    assert set(named) == set(ALL)
    assert len(ALL) == len(set(ALL))


def test_a_point_bears_the_name_of_the_part_that_reaches_it() -> None:
    for part, points in failpoint.POINTS.items():
        assert {point.partition(".")[0] for point in points} == {part}


def test_every_part_is_killed_in_some_service() -> None:
    assert {part for parts in PARTS.values() for part in parts} == set(failpoint.POINTS)


def test_a_point_that_does_not_exist_cannot_be_armed() -> None:
    with pytest.raises(ValueError, match=r"no point is named loop\.recieved"):
        failpoint.arm("loop.recieved", None)


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_a_name_nothing_is_armed(nothing: str | None) -> None:
    failpoint.arm(nothing, None)
    for point in ALL:
        failpoint.reach(point)


def test_an_armed_point_is_noted_and_kills_and_others_do_not(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from services.kit import failpoint;"
        f"failpoint.arm('relay.read', Path({str(tmp_path / 'log')!r}));"
        "failpoint.reach('relay.marked'); print('goes on', flush=True);"
        "failpoint.reach('relay.read')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (-9, "goes on\n")
    assert (tmp_path / "log").read_text() == "relay.read\n"
