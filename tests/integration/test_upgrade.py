"""What an earlier version stored goes on with this one: on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import asyncpg
import pytest

from schemas.clinical import FindingRecorded, VitalSignsRecorded
from schemas.event import Event
from schemas.triage import TriageDecided, TriageLevel
from services.triage.decide import State, step
from services.triage.fold import fold
from services.triage.loader import active
from tests.platform import Platform

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
#: A patient as 0.1.0 stored one: Ⅰ by a pressure of 66, which a clinician has weighed and lowered.
STORED = """{
"encounter_id": "E-1", "patient": {"age": {"years": 58.0}, "complaint": "chest_pain"},
"streams": {"heart_rate": [{"value": 88.0, "at": "2026-03-01T08:00:14Z"}]},
"readings": {
  "consciousness": {"value": "A", "at": "2026-03-01T08:00:01Z", "said_by": "e-1"},
  "systolic_bp": {"value": 66.0, "at": "2026-03-01T08:00:01Z", "said_by": "e-1"}},
"signs": {
  "shock": {"present": false, "at": "2026-03-01T08:00:11Z", "said_by": "e-11"},
  "st_elevation": {"present": true, "at": "2026-03-01T08:00:12Z", "said_by": "e-12"}},
"examinations": {"ecg_12_lead": "e-12"},
"override": {"level": "severe", "reason": "looks better", "overridden_by": "crew-1", "role": "crew",
  "occurred_at": "2026-03-01T08:00:13Z"},
"weighed": ["systolic_bp.0", "st_elevation"],
"taken": {"100e81bf15f19406": 1772438411},
"pending": ["e-14"],
"decided": {"event_id": "63a9b19c-3993-5caf-a4bb-28cbfd272c02", "number": 8, "changed": true,
  "occurred_at": "2026-03-01T08:00:13Z", "encounter_id": "E-1", "worst": "severe",
  "current": "critical", "trend": "same", "missing": []}}"""
#: A patient of whom samples were taken in, as they were remembered once: two of them are e-1 and
#: e-2 of M-1.
REMEMBERING = """{
"picture": {"encounter_id": "E-3",
  "points": {"lams.grip": [2, "2026-03-01T08:00:05Z", "e-7"]},
  "examinations": {"ecg_12_lead": "e-8"}, "memory": [1772438400, [
  {"17ec5ef75def9076": null, "1579e9a9d8bc8e26": null}, {}, {"100e81bf15f19406": null}], {}]},
"course": {"number": 3}}"""


@pytest.fixture
async def database(platform: Platform) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A schema of its own in which the earlier version has run."""
    opened = await asyncpg.connect(platform.admin_dsn)
    await opened.execute("CREATE SCHEMA upgrade; SET search_path = upgrade")
    yield opened
    await opened.execute("DROP SCHEMA upgrade CASCADE")
    await opened.close()


async def upgraded(database: asyncpg.Connection[Any]) -> list[asyncpg.Record]:
    folder = files("services.triage") / "migrations"
    await database.execute((folder / "0002_pictures.sql").read_text("utf-8"))
    await database.execute("INSERT INTO pictures VALUES ('E-1', 17, $1)", STORED)
    await database.execute("INSERT INTO pictures VALUES ('E-2', 3, '{\"encounter_id\": \"E-2\"}')")
    await database.execute((folder / "0003_states.sql").read_text("utf-8"))
    await database.execute("INSERT INTO states VALUES ('E-3', 5, $1)", REMEMBERING)
    for later in ("0004_boxes", "0005_replaced"):
        await database.execute((folder / f"{later}.sql").read_text("utf-8"))
    found: list[asyncpg.Record] = await database.fetch("SELECT * FROM states ORDER BY id")
    return found


def made(kind: type[Event], number: int, **more: Any) -> Event:
    at = BEGIN + timedelta(seconds=number)
    common = {"event_id": f"e-{number}", "encounter_id": "E-1", "occurred_at": at}
    return kind.model_validate({**common, **more})


async def test_a_patient_goes_on_with_level_number_and_what_was_said(
    database: asyncpg.Connection[Any],
) -> None:
    one, two, _ = await upgraded(database)
    assert (one["version"], two["version"]) == (17, 3)
    state = State.model_validate_json(one["state"])
    assert (state.course.worst, state.course.number) == (TriageLevel.SEVERE, 8)
    assert State.model_validate_json(two["state"]).picture.encounter_id == "E-2"
    rules = active()
    again = made(FindingRecorded, 11, finding="shock", present=False)
    _, said = step(state, again, BEGIN + timedelta(seconds=20), rules)
    assert said == ()  # what was taken in is known again
    fast = {"method": "reading", "vitals": {"heart_rate": 190}}
    event = made(VitalSignsRecorded, 30, **fast)
    _, said = step(state, event, BEGIN + timedelta(seconds=30), rules)
    (decision,) = said
    assert isinstance(decision, TriageDecided)
    assert (decision.number, decision.worst) == (9, TriageLevel.CRITICAL)
    assert decision.folded == ("e-14", "e-30")
    assert decision.override is not None
    assert [r.rule for r in decision.reasons][:2] == ["heart_rate.6", "systolic_bp.0"]


async def test_what_a_clinician_weighed_stays_weighed(database: asyncpg.Connection[Any]) -> None:
    one, *_ = await upgraded(database)
    state = State.model_validate_json(one["state"])
    calm = made(VitalSignsRecorded, 30, method="reading", vitals={"pain": 1})
    _, said = step(state, calm, BEGIN + timedelta(seconds=30), active())
    assert isinstance(said[0], TriageDecided)
    assert said[0].worst is TriageLevel.SEVERE


async def test_samples_that_were_taken_in_are_known_again(
    database: asyncpg.Connection[Any],
) -> None:
    *_, three = await upgraded(database)
    picture = State.model_validate_json(three["state"]).picture
    assert [each.points for each in picture.points["lams.grip"]] == [2]
    assert [each.said_by for each in picture.examinations["ecg_12_lead"]] == ["e-8"]
    sample = {"method": "streamed", "device_id": "M-1", "vitals": {"spo2": 97}}
    now, stale = BEGIN + timedelta(seconds=20), active().at(BEGIN).stale
    told = [made(VitalSignsRecorded, number, **sample) for number in (1, 2, 3)]
    assert [fold(picture, event, now, stale) is picture for event in told] == [True, True, False]
