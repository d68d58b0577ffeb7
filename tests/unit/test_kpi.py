"""The indicators of a file of stamps, at the command line: against an independent count."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from services.cli import main
from services.dispatch.loader import SHIPPED, DispatchRefused, clocks

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
LINCOLN = Path(__file__).parents[3] / "shared" / "data" / "lincoln_ems"


def line(status: str, second: float, unit: str = "U-1", incident: str = "0012-A") -> str:
    when = (BEGIN + timedelta(seconds=second)).isoformat()
    told = {"incident_id": incident, "unit_id": unit, "status": status, "occurred_at": when}
    return json.dumps(told)


def asked(lines: Iterable[str]) -> Result:
    return CliRunner().invoke(main, ["kpi", "-"], input="\n".join(lines))


def told(*lines: str) -> dict[str, Any]:
    result = asked(lines)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def three(*lines: str) -> tuple[int, int, int]:
    found = told(*lines)["dispatch_within_3min"]
    return found["numerator"], found["denominator"], found["missing"]


SENT = line("notified", 0)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], (0, 0, 0)),
        ([SENT, line("departed", 0)], (1, 1, 0)),
        ([SENT, line("departed", 180)], (1, 1, 0)),
        ([SENT, line("departed", 181)], (0, 1, 0)),
        ([SENT], (0, 0, 1)),
        ([SENT, line("available", 60)], (0, 0, 1)),
        ([SENT, line("on_scene", 600), line("available", 900)], (0, 0, 1)),
        ([SENT, line("stood_down", 60)], (0, 0, 0)),
        ([SENT, line("stood_down", 600)], (0, 0, 0)),
        ([SENT, line("departed", 90), line("stood_down", 120)], (1, 1, 0)),
        ([SENT, line("departed", 90), line("departed", 400)], (1, 1, 0)),
        ([SENT, SENT, line("departed", 90), line("departed", 90)], (1, 1, 0)),
        ([SENT, line("departed", 300), line("notified", 1000), line("departed", 1100)], (1, 2, 0)),
        ([SENT, line("stood_down", 60), line("notified", 60), line("departed", 120)], (1, 1, 0)),
        ([SENT, line("departed", 90, "U-2"), line("notified", 0, "U-2")], (1, 1, 1)),
        ([SENT, line("departed", 90, incident="2"), line("notified", 0, incident="2")], (1, 1, 1)),
        ([line("departed", 60)], (0, 0, 1)),
        ([line("departed", -10), SENT], (1, 1, 0)),
    ],
)
def test_what_a_few_stamps_come_to(lines: list[str], expected: tuple[int, int, int]) -> None:
    assert three(*lines) == expected


def test_the_order_of_lines_does_not_matter() -> None:
    lines = [SENT, line("stood_down", 60), line("notified", 60), line("departed", 120),
             line("available", 900)]  # fmt: skip
    assert {three(*order) for order in permutations(lines)} == {(1, 1, 0)}


def test_the_first_unit_counts_for_the_incident_and_a_replacement_does_not_begin_it_anew() -> None:
    found = told(SENT, line("stood_down", 170), line("notified", 170, "U-2"),
                 line("departed", 300, "U-2"))  # fmt: skip
    assert found["dispatch_within_3min"]["numerator"] == 1, "its own clock: 130 s"
    first = found["first_unit_within_3min"]
    assert (first["numerator"], first["denominator"], first["p50_s"]) == (0, 1, 300)


def test_the_rate_is_printed_both_ways_and_absent_without_samples() -> None:
    found = told(SENT, line("departed", 90), line("notified", 0, "U-2"))["dispatch_within_3min"]
    assert (found["rate"], found["rate_if_missing_is_late"]) == (1, 0.5)
    assert "rate" not in told()["dispatch_within_3min"]
    assert told()["intervals"]["notified_to_departed"] == {
        "measured": 0, "missing": 0, "running": 0, "before_its_beginning": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "Invalid JSON"),
        (line("gone", 0), "status"),
        (line("departed", 0).replace("+00:00", ""), "occurred_at"),
        (json.dumps({"incident_id": "1", "status": "departed"}), "unit_id"),
        (line("departed", 0, unit=""), "unit_id"),
    ],
)
def test_a_bad_line_is_told_by_its_number_and_the_rest_goes_on(bad: str, reason: str) -> None:
    result = asked([SENT, bad, line("departed", 90)])
    assert result.exit_code == 1
    assert "line 2: " in result.stderr
    assert reason in result.stderr
    found = json.loads(result.stdout)
    assert found["lines"] == {"read": 2, "refused": 1}
    assert found["dispatch_within_3min"]["numerator"] == 1


def test_a_line_that_is_not_utf_8_is_told_by_its_number_and_a_mark_of_utf_8_is_no_part() -> None:
    lost = line("departed", 30, unit="救护车").encode()
    bad = json.dumps({**json.loads(lost), "unit_id": "救护车"}, ensure_ascii=False).encode("gbk")
    given = b"\n".join([SENT.encode("utf-8-sig"), bad, line("departed", 90).encode()])
    result = CliRunner().invoke(main, ["kpi", "-"], input=given)
    assert result.exit_code == 1
    assert "第 2 行 · line 2: 不是 UTF-8 · not UTF-8: " in result.stderr
    found = json.loads(result.stdout)
    assert found["lines"] == {"read": 2, "refused": 1}
    assert found["dispatch_within_3min"]["numerator"] == 1


def test_a_clock_that_stands_twice_in_the_file_of_a_site_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    shipped = SHIPPED.read_text("utf-8")
    file.write_text(f"{shipped}\ndispatch_within_3min: {{}}\n", "utf-8")
    with pytest.raises(DispatchRefused, match=r"site\.yaml: line \d+: dispatch_within_3min stands"):
        clocks(file)


COLUMNS = {"enroute_s": "departed", "arrive_s": "on_scene", "to_hospital_s": "left_scene",
           "at_hospital_s": "at_destination", "clear_s": "available"}  # fmt: skip


def test_five_years_of_a_county_come_to_what_an_independent_count_of_the_table_gives(
    tmp_path: Path,
) -> None:
    if not LINCOLN.is_dir():
        pytest.skip("the records of Lincoln are not here")
    zone, seen = ZoneInfo("America/Chicago"), set()
    in_time = departed = missing = 0
    file = tmp_path / "stamps.jsonl"
    table = LINCOLN / "unit_legs_2010_2015.csv"
    with file.open("w") as written, table.open(newline="") as read:
        for row in csv.DictReader(read):
            told = f"{row['incident_date']} {row['dispatch_time']}"
            notified = datetime.strptime(told, "%m/%d/%y %H:%M:%S").replace(tzinfo=zone)
            stamps = {"notified": notified} | {
                status: notified + timedelta(seconds=float(row[column]))
                for column, status in COLUMNS.items()
                if row[column]
            }
            for status, when in stamps.items():
                body = {"incident_id": row["incident_num"], "unit_id": row["unit"]}
                body |= {"status": status, "occurred_at": when.isoformat()}
                written.write(json.dumps(body) + "\n")
            key = (row["incident_num"], row["unit"], notified)
            if key in seen:  # a row that stands in the table twice is one dispatch
                continue
            seen.add(key)
            took = row["enroute_s"]
            missing += not took
            departed += bool(took)
            in_time += bool(took) and float(took) <= 180
    result = CliRunner().invoke(main, ["kpi", str(file)])
    found = json.loads(result.stdout)
    three = found["dispatch_within_3min"]
    assert (three["numerator"], three["denominator"], three["missing"]) == (
        in_time, departed, missing,
    )  # fmt: skip
    assert (in_time, departed, missing, found["dispatches"]) == (10222, 16787, 6091, len(seen))
