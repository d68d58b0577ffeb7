"""The rules of the house hold: purity, locks, commands, links."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from deploy.locks import check, complaints

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
#: Names of files that do I/O or wire. Every other file of these packages is a noun, and pure.
ROLES = {
    "schemas": {"generate"},
    "services/dispatch": {
        "alarm_api", "api", "app", "bedside", "board_api", "board_store", "callers", "census",
        "cli", "clinic_api", "director",
        "directory", "encounter_api", "file_store", "gateway", "handlers", "history",
        "incident_api", "indicator_api", "loader", "network_store", "raw", "recommendation_api",
        "register_api", "restorer", "store", "timekeeper", "tracker", "unit_api", "upload_api",
    },
    "services/triage": {"app", "cli", "loader", "log", "reruns", "store"},
    "services/bridge": {
        "api", "app", "bed_api", "bed_store", "census", "cli", "courier", "course_api",
        "course_store",
        "feed", "handlers", "hospital", "house_api", "indicator_api", "journal", "loader", "mllp",
        "outlet", "reading_api", "store", "timekeeper",
    },
    "services/boards": {
        "api", "app", "cli", "door", "forward", "guard", "pages", "provider", "refusals", "store",
    },
    "services/local": {
        "cli", "issuer", "kafka", "postgres", "preflight", "prometheus", "supervisor",
    },
    "services/operations": {"cli", "desk", "doctor"},
    "services/reference": {"generate"},
    "simulator": {
        "api", "bed_manager", "cast", "commands", "crew", "department", "desk", "dispatcher",
        "endpoints", "examples", "feed", "illustrate", "journal", "judge", "listener", "metrics",
        "nurse", "outside", "people", "play", "player", "raw_vendor", "recorder", "replay",
        "screen", "sender", "uplink", "vendor", "witness", "writer",
    },
    "simulator/replays": set(),
    "web": {"app", "audience", "guard", "plugs", "reader"},
}  # fmt: skip
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
GOOD = (
    "one==1.2 \\\n    --hash=sha256:00\ntwo==3 ; sys_platform == 'win32' \\\n    --hash=sha256:11\n"
)


@pytest.mark.parametrize("package", ROLES)
def test_a_file_that_bears_no_role_is_held_to_be_pure(package: str) -> None:
    modules = {p.stem for p in (ROOT / package).glob("*.py")} - {"__init__", "__main__"}
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (pure,) = [c["source_modules"] for c in contracts if "is pure" in c["name"]]
    prefix = package.replace("/", ".") + "."
    held = {name.removeprefix(prefix) for name in pure if name.startswith(prefix)}
    assert modules - ROLES[package] == {name for name in held if "." not in name}


def test_the_committed_locks_fit_the_project() -> None:
    assert list(check()) == []


@pytest.mark.parametrize(
    ("wanted", "lock", "said"),
    [
        ("one>=1", GOOD, []),
        ("one>=2", GOOD, ["does not hold one>=2"]),
        ("three", GOOD, ["does not hold three"]),
        ("one", "one==1.2\n", ["one has no hash"]),
        ("one", f"--index-url https://x.invalid/simple\n{GOOD}", ["names an index or a URL"]),
    ],
)
def test_a_lock_is_complained_about(wanted: str, lock: str, said: list[str]) -> None:
    assert list(complaints([Requirement(wanted)], lock)) == said


@pytest.mark.parametrize(
    ("line", "banned"),
    [
        ("from fhir.resources.patient import Patient", True),
        ("from fhir.resources import get_fhir_model_class", True),
        ("import fhir.resources", True),
        ("from fhir.resources.R4B.patient import Patient", True),
        ("from fhir.resources.R4B.bundle import Bundle  # noqa: TID251", False),
    ],
)
def test_fhir_is_not_made_of_r5_and_in_one_place_alone(line: str, banned: bool) -> None:
    asked = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "TID251", "-"]
    said = subprocess.run(
        [*asked, "--stdin-filename", "services/bridge/fhir.py"], input=line, text=True, cwd=ROOT,
        capture_output=True, check=False,
    )  # fmt: skip
    assert ("TID251" in said.stdout) is banned
    doors = re.compile(r"^(.*fhir.resources.*)# noqa", re.MULTILINE)
    found = [
        door.strip()
        for package in ROLES
        for file in (ROOT / package).glob("*.py")
        for door in doors.findall(file.read_text("utf-8"))
    ]
    assert found == ["from fhir.resources.R4B.bundle import Bundle"]


def test_the_makefile_stays_small() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert len(targets) <= 12


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md", ".ci/run"])
def test_one_test_command_stands_everywhere(page: str) -> None:
    assert "\nmake check test\n" in (ROOT / page).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    linked = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text("utf-8"))
    assert [name for name in linked if not (page.parent / name).exists()] == []
