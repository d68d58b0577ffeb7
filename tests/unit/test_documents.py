"""The documents say what the code does: no name that callers write, set or read is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from click.testing import CliRunner

from schemas import background, clinical, encounter, handoff, incident, triage, unit
from schemas.capacity import PatientsWaiting
from services.bridge import requests as bridge
from services.bridge.capacity import DivertView, Overview, WardView
from services.bridge.case import Handoff, Promise
from services.bridge.course import Course, Courses, Measured, QueueCourses, Series
from services.bridge.house import House, HouseClock, HouseTerm
from services.bridge.item import Item, Queue
from services.bridge.ward import Reservation
from services.cli import main, run
from services.dispatch import bodies, judgement, overview
from services.dispatch import requests as dispatch
from services.dispatch.clock import Rate
from services.dispatch.deadline import Alarm
from services.dispatch.encounter import Answers, Encounter
from services.dispatch.incident import EarlierCall, Incident, Located
from services.dispatch.judgement import Judgement
from services.dispatch.leg import Correction, Leg, Stamp
from services.dispatch.register import FacilityName
from services.dispatch.unit import Unit
from services.kit.body import Body
from services.kit.settings import Misconfigured, Settings, described, from_environment
from simulator.commands import replay
from simulator.report import report
from simulator.verdict import Verdict

DOCS = Path(__file__).resolve().parents[2] / "docs"
HTTP, RUNNING = ((DOCS / name).read_text("utf-8") for name in ("http.md", "running.md"))
WORDS = (DOCS.parent / "web/static/first/words.js").read_text("utf-8")
BODIES = tuple(
    each
    for module in (dispatch, bridge, bodies)
    for each in vars(module).values()
    if isinstance(each, type) and issubclass(each, Body) and each.__module__ == module.__name__
)
MODELS = (
    *BODIES, bodies.Delivery, bodies.Refusal, bodies.Doubt, bodies.Taken, bodies.VitalsTaken,
    background.Background, background.LineInPlace, background.Consent,
    background.KnownBackground, background.LastWord,
    clinical.VitalSigns, encounter.Patient, encounter.Age, incident.Call, incident.Location,
    Incident, EarlierCall, Located, Encounter, Answers, Unit, Leg, Stamp, Correction, Rate, Alarm,
    Item, Queue, Handoff, Promise, House, HouseClock, HouseTerm,
    Course, Courses, Measured, QueueCourses, Series,
    handoff.RedirectRequested, handoff.CentreActivated, handoff.DirectToConfirmed,
    Overview, WardView, DivertView, Reservation, PatientsWaiting, handoff.BedReserved,
    handoff.IdentityBound, handoff.MilestoneReached, handoff.OutcomeReported,
    encounter.SignedRefusal, encounter.RevokedBoarding, Judgement, judgement.Ground,
    judgement.CentreAsked, FacilityName, overview.Bound,
    overview.Overview, overview.BoardCall, overview.BoardPatient, overview.BoardUnit,
    overview.Countdown, overview.Mission, overview.MissionCall, overview.OtherUnit,
)  # fmt: skip
UNITS = {"mm[Hg]": "mmHg", "Cel": "°C", "{score}": "points"}
#: Fields with few words, by their row.
CODES: Mapping[str, Any] = {
    "classification": incident.CallClass,
    "an incident's `origin`": incident.IncidentOrigin,
    "an encounter's `origin`": encounter.Origin,
    "a location's `source`": incident.LocationSource,
    "a location's `system`": incident.MapSystem,
    "sex": encounter.Patient.model_fields["sex"].annotation,
    "pregnant": encounter.Patient.model_fields["pregnant"].annotation,
    "identity": encounter.Patient.model_fields["identity"].annotation,
    "complaint": encounter.Complaint,
    "signed_by": encounter.SignedRefusal.model_fields["signed_by"].annotation,
    "consent": dispatch.RequestTransfer.model_fields["consent"].annotation,
    "`reason` of a hand-over to a unit": dispatch.HandToUnit.model_fields["reason"].annotation,
    "outcome": encounter.Outcome,
    "level": triage.TriageLevel,
    "a clinician's `level`": bodies.Level.model_fields["level"].annotation,
    "finding": clinical.FindingCode,
    "examination": clinical.ExaminationCode,
    "shows": clinical.Shown,
    "treatment": bodies.Treatment.model_fields["treatment"].annotation,
    "observation": bodies.Retraction.model_fields["observation"].annotation,
    "line": background.LineCode,
    "a consent's `to`": background.Consent.model_fields["to"].annotation,
    "a consent's `by`": background.Consent.model_fields["by"].annotation,
    "told_by": background.Teller,
    "`reason` of a retraction": bodies.Retraction.model_fields["reason"].annotation,
    "status": set(unit.UnitStatus),
    "source": unit.StampSource,
    "unit": get_args(bodies.Treatment.model_fields["unit"].annotation)[0],
    "centre": triage.Centre,
    "activation": bridge.ActivatedCentre.model_fields["activation"].annotation,
    "direct_to": triage.DirectTo,
    "department": handoff.Department,
    "milestone": handoff.Milestone,
    "`reason` of a redirect request": handoff.RedirectReason,
    "the hospital's `outcome`": handoff.HospitalOutcome,
}


def cells(first: str, document: str = HTTP) -> list[str]:
    """The cells of the one row whose first cell begins with this name, or is these words."""
    start = f"| {first} |" if "`" in first else f"| `{first}`"
    (row,) = (line for line in document.splitlines() if line.startswith(start))
    return [cell.strip() for cell in row.strip("|").split("|")]


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.__name__))
def test_every_field_of_a_request_or_an_answer_is_documented(model: Any) -> None:
    assert model.model_fields.keys() - words(HTTP) - {"taken"} == set()


@pytest.mark.parametrize("name", CODES)
def test_the_words_a_field_may_hold_are_those_of_its_row(name: str) -> None:
    code = CODES[name]
    is_listed = isinstance(code, set) or (isinstance(code, type) and issubclass(code, StrEnum))
    allowed = {str(word) for word in (code if is_listed else get_args(code))}
    assert allowed
    assert set(re.findall(r"`([^`]+)`", cells(name)[1])) == allowed


def test_every_vital_sign_stands_in_the_table_with_its_unit_and_range() -> None:
    told: dict[str, tuple[str, str]] = {}
    for name in ("heart_rate", "respiratory_rate", "spo2", "systolic_bp", "diastolic_bp",
                 "temperature", "gcs_eye", "blood_glucose", "pain"):  # fmt: skip
        names, measured_in, ranges = cells(name)
        for each, span in zip(re.findall(r"`(\w+)`", names), ranges.split(", "), strict=True):
            told[each] = measured_in, span
    known = {
        name: (
            UNITS.get(str(extra["unit"]), str(extra["unit"])),
            f"{extra['minimum']} to {extra['maximum']}",
        )
        for name, field in clinical.VitalSigns.model_fields.items()
        if isinstance(extra := field.json_schema_extra, dict)
    }
    assert told == known
    assert set(re.findall(r'"(\w)"', cells("consciousness")[2])) == set("ACVPU")
    assert cells("on_oxygen")[2] == "`true`, `false`"


@pytest.mark.parametrize("code", [encounter.Complaint, triage.TriageLevel, triage.Centre])
def test_every_code_that_the_page_shows_has_its_word_in_both_languages(code: type[StrEnum]) -> None:
    spoken = dict(re.findall(r'^  (\w+): \[\s*"([^"]+",\s*"[^"]+)",?\s*\],$', WORDS, re.MULTILINE))
    names = {f"{each}_centre" if code is triage.Centre else str(each) for each in code}
    assert names - spoken.keys() == set()


def test_every_variable_of_the_environment_is_documented_and_may_be_set_to_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = list(described())
    listed = re.findall(r"^\| `(GREENCHANNEL_\w+)`", RUNNING, re.MULTILINE)
    assert listed == [name for name, _, _ in known]
    for name, what, default in known:
        if default:
            monkeypatch.setenv(name, default)
        assert what, name
        assert f"| `{name}` | {what} | {f'`{default}`' if default else ''} |" in RUNNING
    assert from_environment() == Settings()


@pytest.mark.parametrize("command", [run, replay], ids=["run", "replay"])
def test_every_option_of_a_run_and_of_a_replay_is_documented(command: click.Command) -> None:
    names = {o.opts[0] for o in command.params if isinstance(o, click.Option)}
    assert {name for name in names if f"`{name}" not in RUNNING} == set()


def test_every_key_of_a_report_is_documented() -> None:
    found = report(Verdict(started=0.0), 0.0)
    keys = {*found, *(f"ground_truth.{k}" for k in found["ground_truth"])} - {"ground_truth"}
    table = RUNNING.partition("## The report")[2].partition("\n## ")[0]
    rows = (line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `"))
    assert {name for row in rows for name in re.findall(r"`([a-z0-9_.]+)`", row)} == keys
    assert found["latency_ms"].keys() <= words(cells("latency_ms", RUNNING)[1])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "99999"),
        ("PATIENCE", "-5"),
        ("TIME_ZONE", "Mars"),
        ("KAFKA_SECURITY_PROTOCOL", "X"),
    ],
)
def test_a_variable_that_cannot_be_understood_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"GREENCHANNEL_{name}", value)
    with pytest.raises(Misconfigured, match=f"^GREENCHANNEL_{name}: ") as told:
        from_environment()
    assert value not in str(told.value).removeprefix(f"GREENCHANNEL_{name}: ").split()
    assert CliRunner().invoke(main, ["run", "--port", "0"]).exit_code == 2
    assert CliRunner().invoke(main, ["dispatch"]).exit_code == 2


GOOD, BAD = 0, 2


@pytest.mark.parametrize(
    ("option", "value", "status"),
    [
        ("--kafka", "127.0.0.1:9092", GOOD),
        ("--kafka", "a:1,b.example:65535,[::1]:9092", GOOD),
        ("--kafka", "nonsense", BAD),
        ("--kafka", "a:1,", BAD),
        ("--kafka", "a:99999", BAD),
        ("--kafka", "a:1/x", BAD),
        ("--kafka", "http://a:1", BAD),
        ("--postgres", "postgresql://h", GOOD),
        ("--postgres", "postgres://u:p@[::1]:5432/x?sslmode=require", GOOD),
        ("--postgres", "nonsense", BAD),
        ("--postgres", "mysql://h", BAD),
        ("--postgres", "postgresql://h:99999", BAD),
        ("--postgres", "postgresql:///x", BAD),
        ("--for", "0", BAD),
        ("--calls-per-hour", "0", GOOD),
        ("--calls-per-hour", "-1", BAD),
        ("--calls-per-hour", "nan", BAD),
        ("--calls-per-hour", "inf", BAD),
        ("--report", "/no/such/folder/r.json", BAD),
    ],
)
def test_an_option_that_cannot_work_is_refused_by_its_name(
    option: str, value: str, status: int
) -> None:
    context = click.Context(run)
    if status == GOOD:
        assert run.make_context("run", [option, value]).params
        return
    with pytest.raises(click.BadParameter) as told:
        run.parse_args(context, [option, value])
    assert told.value.param is not None
    assert option in told.value.param.opts
