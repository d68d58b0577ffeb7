"""The documents say what the code does: no name that callers write, set or read is left out."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import click
import pytest

from schemas import clinical, encounter, incident, triage, unit
from services.bridge.case import Handoff
from services.bridge.item import Item
from services.cli import run
from services.dispatch import api, gateway, telemetry
from services.dispatch.encounter import Encounter
from services.dispatch.incident import Incident
from services.dispatch.unit import Leg, Stamp, Unit
from services.kit.settings import described
from simulator.report import report
from simulator.verdict import Verdict

DOCS = Path(__file__).resolve().parents[2] / "docs"
HTTP, RUNNING = ((DOCS / name).read_text("utf-8") for name in ("http.md", "running.md"))
MODELS = (
    api.OpenIncident, api.AssignUnit, api.StampUnit, api.UpdatePatient, api.ByUnit,
    api.AttachDevice, api.SelectDestination, api.EndEncounter, gateway.Reading, gateway.Finding,
    gateway.Examination, gateway.Treatment, telemetry.DeviceSample, telemetry.UnitFix,
    telemetry.VitalsLine, telemetry.PositionLine, telemetry.Delivery, telemetry.Refusal,
    telemetry.Doubt, telemetry.Taken, telemetry.VitalsTaken, clinical.VitalSigns,
    encounter.Patient, encounter.Age, incident.Call, incident.Location, Incident, Encounter, Unit,
    Leg, Stamp, Item, Handoff,
)  # fmt: skip
CODES: tuple[Any, ...] = (
    encounter.Outcome, encounter.Complaint, unit.UnitStatus, triage.TriageLevel,
    clinical.FindingCode, unit.StampSource, incident.CallClass, clinical.ExaminationCode,
    clinical.Shown,
    *(encounter.Patient.model_fields[name].annotation for name in ("sex", "pregnant", "identity")),
)  # fmt: skip


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.__name__))
def test_every_field_of_a_request_or_an_answer_is_documented(model: Any) -> None:
    assert model.model_fields.keys() - words(HTTP) - {"taken"} == set()


@pytest.mark.parametrize("code", CODES, ids=str)
def test_every_word_a_caller_may_write_is_documented(code: Any) -> None:
    is_enum = isinstance(code, type) and issubclass(code, StrEnum)
    allowed = {str(word) for word in (code if is_enum else get_args(code))}
    assert allowed
    assert allowed - words(HTTP) == set()


def test_every_vital_sign_stands_in_the_table_with_its_range() -> None:
    for name, field in clinical.VitalSigns.model_fields.items():
        (row,) = (
            line for line in HTTP.splitlines() if line.startswith("|") and f"`{name}`" in line
        )
        extra = field.json_schema_extra
        if isinstance(extra, dict):
            assert f"{extra['minimum']} to {extra['maximum']}" in row


def test_every_variable_of_the_environment_is_documented() -> None:
    for name, what, default in described():
        assert what, name
        assert f"| `{name}` | {what} | {f'`{default}`' if default else ''} |" in RUNNING


def test_every_option_of_a_run_is_documented() -> None:
    names = {o.opts[0] for o in run.params if isinstance(o, click.Option)}
    assert {name for name in names if f"`{name}" not in RUNNING} == set()


def test_every_key_of_a_report_is_documented() -> None:
    found = report(Verdict(started=0.0), 0.0)
    keys = {*found, *found["latency_ms"], *(f"ground_truth.{k}" for k in found["ground_truth"])}
    listed = set(re.findall(r"`([a-z0-9_.]+)`", RUNNING))
    assert keys - {"ground_truth"} - listed == set()
