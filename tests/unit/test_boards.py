"""The boards keep strangers out, and every word on them is there in both languages."""

from __future__ import annotations

import ast
import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from starlette.datastructures import Headers

from schemas.clinical import DoseUnit, TreatmentCode, VitalSigns
from schemas.handoff import Addressee, Because, Department, Formality, RedirectReason
from schemas.triage import Centre, TriageLevel
from services.boards.door import ROLES, Desk
from services.boards.guard import policy, refusal
from services.boards.page import (
    IMPORT_MAP,
    IMPORTS,
    PAGES,
    SCRIPT_HASH,
    Page,
    first_of,
    page_of,
    shell,
)
from services.boards.session import HOMES, Session, Tokens, landing
from services.kit.documents import read_yaml
from services.kit.duty import LATE, SLACK, Duty
from services.kit.role import Role
from tests.screens import CATALOGUES, catalogue

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "web" / "static"
#: What may be the same in both languages: names of things that have no other.
CJK = re.compile(r"[\u3400-\u9fff]")
T0 = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
URL = "https://boards.example"


NAMES = sorted(p.stem for p in (CATALOGUES / "zh").glob("*.js") if p.stem != "codes")
#: By folder, the catalogues that its scripts use beside the common one.
USED: Mapping[str, tuple[str, ...]] = {
    "kit": ("refusals",),
    "hospital": ("hospital", "patient", "sheet", "beds"),
    "dispatch": ("dispatch",),
    "crew": ("crew",),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_word_is_there_in_both_languages(name: str) -> None:
    zh, en = catalogue("zh", name), catalogue("en", name)
    assert zh.keys() == en.keys()
    slots = re.compile(r"\{\w+\}")
    for key in zh:
        assert zh[key].strip()
        assert en[key].strip()
        assert set(slots.findall(zh[key])) == set(slots.findall(en[key])), key
    told = {key for key, text in en.items() if CJK.search(text)}
    assert told <= {"other_language", "switch_language"}


def test_the_languages_have_the_same_catalogues() -> None:
    assert {p.name for p in (CATALOGUES / "zh").iterdir()} == {
        p.name for p in (CATALOGUES / "en").iterdir()
    }


def said(folder: str) -> Iterator[tuple[str, str]]:
    """Every key that a script asks for, with the file; of a composed one what it begins with."""
    for file in sorted((STATIC / folder).glob("*.js")):
        text = file.read_text("utf-8")
        for key in re.findall(r'\bsay\("([^"]+)"', text):
            yield file.name, key
        for key in re.findall(r"\bsay\(`([^`$]+)\$\{", text):
            yield file.name, f"{key}*"
        for chosen in re.findall(r"\bsay\([^()`]*\?([^()`]+)", text):
            for key in re.findall(r'[?:] *"([^"]+)"', f"?{chosen}"):
                yield file.name, key


def test_no_line_of_a_script_is_longer_than_a_page_is_wide() -> None:
    files = [f for f in STATIC.rglob("*.js") if not {"vendor", "words"} & {*f.parts, f.stem}]
    assert len(files) > 100
    lines = [(f.name, line) for f in files for line in f.read_text("utf-8").splitlines()]
    assert [each for each in lines if len(each[1]) > 120] == []


@pytest.mark.parametrize("folder", USED)
def test_every_key_that_a_script_asks_for_is_translated(folder: str) -> None:
    words = catalogue("zh", "common")
    for name in USED[folder]:
        if name in NAMES:
            words |= catalogue("zh", name)
    for file, key in said(folder):
        if key.endswith("*"):
            assert any(word.startswith(key[:-1]) for word in words), f"{file}: {key}"
        else:
            assert key in words, f"{file}: {key}"


def test_why_help_was_called_is_said_in_one_way_on_every_board() -> None:
    """Who reads the caller's words by themselves loses the complaint that was chosen."""
    boards = [f for f in STATIC.rglob("*.js") if not {"vendor", "words", "first"} & {*f.parts}]
    read = {f.relative_to(STATIC).as_posix() for f in boards
            if re.search(r"\bcomplaint_text\b(?!\")", f.read_text("utf-8"))}  # fmt: skip
    asked = {"crew/people.js", "dispatch/intake.js"}
    assert read == {"kit/person.js", *asked}


@pytest.mark.parametrize(
    ("prefix", "values"),
    [
        ("formality.", get_args(Formality)),
        ("department.", [each.value for each in Department]),
        ("redirect.", get_args(RedirectReason)),
        ("because.", get_args(Because)),
        ("to.", get_args(Addressee)),
        ("centre.", [each.value for each in Centre]),
        ("level.", [each.value for each in TriageLevel]),
        ("step.", ["delivered", "displayed", "acknowledged", "accepted", "arrived", "transferred"]),
    ],
)
def test_the_board_has_a_word_for_every_code(prefix: str, values: Any) -> None:
    words = catalogue("zh", "hospital")
    assert {f"{prefix}{value}" for value in values} <= words.keys()


def test_the_board_has_a_word_for_every_team_and_clock_that_is_shipped() -> None:
    shipped = read_yaml(ROOT / "services/bridge/facilities.yaml")["all"]
    words = catalogue("zh", "hospital")
    teams = {f"team.{name}" for called in shipped["teams"].values() for name in called}
    clocks = {f"clock.{name}" for of in shipped["clocks"].values() for name in of}
    assert teams <= words.keys()
    assert clocks <= words.keys()


def test_no_clock_that_begins_at_the_door_is_said_to_begin_at_the_admission() -> None:
    shipped = read_yaml(ROOT / "services/bridge/facilities.yaml")["all"]["clocks"]
    of_door = [
        clock for of in shipped.values() for clock in of.values() if clock["begins"] == "arrived"
    ]
    names = [*(clock["name"] for clock in of_door), *_spans("door_in", "at_destination")]
    assert len(names) >= 4
    for name in names:
        assert "到院" in name["zh"], name
        assert "入院" not in name["zh"], name
        assert "admi" not in name["en"], name


def _spans(*beginnings: str) -> Iterator[dict[str, str]]:
    words = {language: catalogue(language, "dispatch") for language in ("zh", "en")}
    for key in words["zh"]:
        if key.startswith(tuple(f"span.{beginning}" for beginning in beginnings)):
            yield {language: of[key] for language, of in words.items()}


#: What a service of everybody's says to somebody who acts at a hospital's board.
COMMON = {"Not valid", "Not allowed", "Not a person", "Sign in again", "Try again", "Not ready",
          "Our fault", "Key used before", "Too large"}  # fmt: skip


def titles(folder: Path) -> Iterator[str]:
    """What the code there refuses with."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name(id="Rejected" | "problem"),
                    args=[_, ast.Constant(value=str(title)), *_],
                ):
                    yield title


#: Services whose refusals a board can meet.
REFUSING = ("bridge", "dispatch", "triage", "boards", "kit")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_refusal_that_a_service_declares_is_said_in_both_languages(language: str) -> None:
    told = {title for name in REFUSING for title in titles(ROOT / "services" / name)}
    assert {*titles(ROOT / "services/kit")} >= COMMON
    assert len(told) > 90
    words = catalogue(language, "refusals")
    assert {title for title in told if f"refused.{title}" not in words} == set()


def test_every_field_that_a_refusal_or_a_body_names_has_its_word_on_the_screen() -> None:
    named: set[str] = set()
    for file in (f for name in REFUSING[:2] for f in (ROOT / "services" / name).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named |= {*re.findall(r"Say in '([a-z_]+)'", node.value)}
    tree = ast.parse((ROOT / "services/bridge/requests.py").read_text("utf-8"))
    named |= {node.target.id for node in ast.walk(tree)
              if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
              and node.target.id.islower()}  # fmt: skip
    assert {"occurred_at", "reason", "wristband"} <= named
    words = catalogue("zh", "refusals")
    assert {name for name in named if f"named.{name}" not in words} == set()


@pytest.mark.parametrize(
    ("desk", "page"), [(desk, page) for desk, pages in PAGES.items() for page in pages.values()]
)
def test_every_page_has_its_script_and_its_style(desk: str, page: Page) -> None:
    asked = re.findall(r'(?:href|src)="/static/([^"]+)"', shell(desk, page, {}))
    script = Path(desk) / page.script
    assert {"kit/kit.css", str(script), str(script.with_suffix(".css"))} <= set(asked)
    assert [name for name in asked if not (STATIC / name).is_file()] == []


def test_the_map_of_imports_leads_to_files_and_is_what_the_policy_lets_in() -> None:
    assert all((STATIC / path.removeprefix("/static/")).exists() for path in IMPORTS.values())
    digest = base64.b64encode(hashlib.sha256(IMPORT_MAP.encode()).digest()).decode()
    assert f"'sha256-{digest}'" == SCRIPT_HASH
    page = shell("hospital", PAGES["hospital"]["board"], {"tiles": None})
    inside = re.findall(r"<script(?![^>]*src=)[^>]*>(.*?)</script>", page, re.DOTALL)
    assert inside == [IMPORT_MAP]
    assert "style=" not in page


@pytest.mark.parametrize(
    ("desk", "rest", "script"),
    [
        ("hospital", "board", "board.js"),
        ("hospital", "patient/E-1", "patient.js"),
        ("hospital", "patient/", None),
        ("hospital", "patient/E-1/more", None),
        ("hospital", "patient", None),
        ("crew", "", "crew.js"),
        ("dispatch", "", None),
        ("nowhere", "board", None),
    ],
)
def test_a_path_leads_to_its_page(desk: str, rest: str, script: str | None) -> None:
    page = page_of(desk, rest)
    assert (page.script if page else None) == script


def test_every_desk_is_somebodys_and_has_a_first_page() -> None:
    assert set(PAGES) == {desk.value for desk in Desk}
    assert set().union(*ROLES.values()) == set(HOMES) == {"centre", "crew", "dispatcher"}
    for desk in Desk:
        assert page_of(desk, first_of(desk)) is not None
    assert Role.ADMIN.value not in set().union(*ROLES.values())


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/hospital/board", "/hospital/board"),
        ("/crew/?x=1#y", "/crew/?x=1#y"),
        (None, "/"),
        ("", "/"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("/ok\r\nSet-Cookie: a=b", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_a_sign_in_leads_to_a_page_of_ours_alone(wanted: str | None, led: str) -> None:
    assert landing(wanted) == led


@pytest.mark.parametrize(
    ("method", "headers", "allowed"),
    [
        ("GET", {"host": "boards.example"}, True),
        ("GET", {"host": "BOARDS.example"}, True),
        ("GET", {"host": "boards.example:8443"}, False),
        ("GET", {"host": "elsewhere.example"}, False),
        ("GET", {}, False),
        ("GET", {"host": "boards.example", "origin": "https://elsewhere.example"}, False),
        ("POST", {"host": "boards.example"}, False),
        ("POST", {"host": "boards.example", "origin": "https://boards.example"}, True),
        ("POST", {"host": "boards.example", "origin": "http://boards.example"}, False),
        ("POST", {"host": "boards.example", "origin": "null"}, False),
        ("DELETE", {"host": "boards.example", "origin": "https://x.boards.example"}, False),
    ],
)
def test_only_pages_of_ours_may_ask(method: str, headers: dict[str, str], allowed: bool) -> None:
    assert (refusal(method, Headers(headers), URL) is None) == allowed


def test_the_policy_lets_nothing_in_from_elsewhere_but_tiles_that_the_site_names() -> None:
    without = policy(SCRIPT_HASH, None)["content-security-policy"]
    assert "http" not in without
    assert "unsafe" not in without
    told = policy(SCRIPT_HASH, "https://tiles.example/{z}/{x}/{y}.png")["content-security-policy"]
    assert "https://tiles.example" in told
    assert "unsafe" not in told


@pytest.mark.parametrize(
    ("moment", "sent", "covered"),
    [
        (T0, T0, True),
        (T0 - SLACK, T0, True),
        (T0 - SLACK - timedelta(seconds=1), T0, False),
        (T0 + timedelta(hours=8), T0 + timedelta(hours=8), True),
        (T0 + timedelta(hours=8), T0 + timedelta(hours=8) + LATE, True),
        (T0 + timedelta(hours=7), T0 + timedelta(hours=8, seconds=1) + LATE, False),
        (T0 + timedelta(hours=8, minutes=2, seconds=1), T0 + timedelta(hours=9), False),
    ],
)
def test_a_duty_covers_what_was_done_on_it(moment: datetime, sent: datetime, covered: bool) -> None:
    duty = Duty("D-1", "U-1", "crew-1", T0, T0 + timedelta(hours=8))
    assert duty.covers(moment, sent) is covered


def test_a_session_ends_by_its_time_and_when_nobody_is_there() -> None:
    tokens = Tokens("a", "r", None, T0 + timedelta(minutes=10))
    session = Session("h", "nurse-1", "centre", "F-1", {}, tokens, T0, T0, T0 + timedelta(hours=12))
    idle = timedelta(minutes=30)
    assert not session.is_over(T0 + timedelta(minutes=29), idle)
    assert session.is_over(T0 + timedelta(minutes=30), idle)
    assert session.is_over(T0 + timedelta(hours=12), timedelta(days=2))
    assert not session.must_renew(T0 + timedelta(minutes=9))
    assert session.must_renew(T0 + timedelta(minutes=9, seconds=30))
    assert "tokens" not in session.shown()


def test_what_the_phone_of_a_crew_takes_for_impossible_is_what_the_services_do() -> None:
    script = (STATIC / "crew" / "vitals.js").read_text()
    said = re.search(r"const LIMITS = \{(.*?)\};", script, re.DOTALL)
    assert said is not None
    limits = re.findall(r"(\w+): \[(\d+), (\d+)\]", said[1])
    fields = VitalSigns.model_json_schema()["properties"]
    for name, low, high in limits:
        assert (fields[name]["minimum"], fields[name]["maximum"]) == (int(low), int(high)), name
    scored = {"gcs_eye", "gcs_verbal", "gcs_motor"}  # tapped, not typed
    numbers = {name for name, each in fields.items() if "maximum" in each}
    assert {name for name, *_ in limits} == numbers - scored


def test_each_treatment_has_its_units_on_the_phone_of_a_crew() -> None:
    script = (STATIC / "crew" / "drugs.js").read_text()
    said = dict(re.findall(r"(\w+): \[([^\]]*)\]", script.partition("const UNITS")[0]))
    units = {name: re.findall(r'"([^"]+)"', each) for name, each in said.items()}
    assert units.keys() == set(get_args(TreatmentCode))
    assert {unit for each in units.values() for unit in each} == set(get_args(DoseUnit))
    assert [name for name, each in units.items() if "J" in each] == ["defibrillation"]
    assert [name for name, each in units.items() if "L/min" in each] == ["oxygen"]
