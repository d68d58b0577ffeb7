"""A set on trial sees the same as the active one, is told beside it, and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.clinical import FindingRecorded, VitalSignsRecorded
from schemas.encounter import Age, EncounterOpened, Patient
from schemas.event import Event
from schemas.triage import ShadowDecided, TriageDecided, TriageLevel
from services.kit.settings import Misconfigured, Settings
from services.kit.work import Received
from services.triage.app import handle, sets
from services.triage.decide import State, step
from services.triage.loader import active, on_trial
from services.triage.rulebook import Rulebook

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
DEFAULT, ZHEJIANG, MEMORY = active(), active("zhejiang-2021"), on_trial("from-memory")


def made(kind: type[Event], number: int, **more: Any) -> Event:
    at = BEGIN + timedelta(seconds=number)
    common = {"event_id": f"e-{number}", "encounter_id": "E-1", "occurred_at": at}
    return kind.model_validate({**common, **more})


def vitals(number: int, method: str = "reading", **values: Any) -> Event:
    return made(VitalSignsRecorded, number, method=method, vitals=values, device_id="M-1")


def tell(events: Sequence[Event], trial: Rulebook | None) -> list[Event]:
    state, said = None, list[Event]()
    for event in events:
        state, out = step(state, event, event.occurred_at, DEFAULT, trial)
        said += out
        state = State.model_validate_json(state.model_dump_json(exclude_defaults=True))
    return said


OLD_MAN = [
    made(EncounterOpened, 0, patient=Patient(age=Age(years=85))),
    vitals(1, heart_rate=80, systolic_bp=120, spo2=98, temperature=36.8, consciousness="A",
           respiratory_rate=14),
    *(vitals(n, "streamed", heart_rate=145.0) for n in range(2, 20)),
    made(FindingRecorded, 20, finding="diaphoresis", present=True),
]  # fmt: skip


def shadows(said: Sequence[Event]) -> list[ShadowDecided]:
    return [event for event in said if isinstance(event, ShadowDecided)]


@pytest.mark.parametrize("trial", [DEFAULT, ZHEJIANG, MEMORY], ids=lambda rules: rules.name)
def test_the_active_set_says_what_it_says_alone(trial: Rulebook) -> None:
    alone = tell(OLD_MAN, None)
    beside = [event for event in tell(OLD_MAN, trial) if isinstance(event, TriageDecided)]
    assert beside == alone


def test_another_set_is_told_beside_the_decision_with_its_own_reasons() -> None:
    said = tell(OLD_MAN, ZHEJIANG)
    last = shadows(said)[-1]
    decision = [event for event in said if isinstance(event, TriageDecided)][-1]
    assert last.decision == decision.event_id
    assert (decision.worst, last.worst) == (TriageLevel.URGENT, TriageLevel.CRITICAL)
    assert last.differs
    assert {r.rule for r in last.reasons} >= {"heart_rate.3", "modifier.over_80"}
    assert last.protocol
    assert (last.protocol.set, last.protocol.version) == ("zhejiang-2021", "2021.1")


def test_the_same_set_on_trial_never_differs_and_is_quiet_while_nothing_changes() -> None:
    said = tell(OLD_MAN, DEFAULT)
    assert not any(shadow.differs for shadow in shadows(said))
    decisions = [event for event in said if isinstance(event, TriageDecided)]
    assert len(shadows(said)) < len(decisions)


def test_what_is_from_memory_speaks_on_trial_alone() -> None:
    mother = [
        made(EncounterOpened, 0, patient=Patient(age=Age(years=30), pregnant="yes")),
        vitals(1, heart_rate=118, systolic_bp=155, diastolic_bp=80, spo2=98, temperature=36.8),
    ]
    said = tell(mother, MEMORY)
    last = shadows(said)[-1]
    by = {concern.centre.value: (concern.rule, concern.evidence) for concern in last.centres}
    assert by["maternal"] == ("maternal.mewt", "V") or by["maternal"][1] in {"V", "V2", "M"}
    assert any(r.rule.startswith("heart_rate") for r in last.reasons)


def test_each_is_counted() -> None:
    from services.kit.metrics import SHADOWS

    labels = ("urgent", "critical", True)
    before = SHADOWS.labels(*labels)._value.get()
    state = None
    for event in OLD_MAN:
        received = Received("E-1", event, event.occurred_at, record=None)
        state, _ = handle(DEFAULT, ZHEJIANG, state, received)
    assert SHADOWS.labels(*labels)._value.get() > before


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"triage_protocols": "nowhere"}, "none of the sets"),
        ({"triage_protocols": "from-memory"}, "evidence M"),
        ({"triage_on_trial": "nowhere"}, "none of the sets"),
        ({"triage_site": "/no/such/site.yaml"}, "site.yaml"),
    ],
)
def test_a_set_that_cannot_be_used_is_told_before_anything_begins(
    said: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(Misconfigured, match=complaint):
        sets(Settings(**said))


def test_a_set_from_memory_may_be_on_trial() -> None:
    rules, trial = sets(Settings(triage_on_trial="from-memory"))
    assert trial is not None
    assert (rules.name, trial.name) == ("default", "from-memory")
