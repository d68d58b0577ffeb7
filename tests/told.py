"""The cases that the bridge makes of the stories, at the moments at which a hospital is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

from schemas.encounter import EncounterEvent, PatientBoarded
from schemas.envelope import decode
from schemas.handoff import CareTransferred, HandoffEvent, PreArrivalWithdrawn
from schemas.recording import read
from services.bridge.acts import act
from services.bridge.case import Case
from services.bridge.handlers import TOPICS
from services.bridge.handoff import hear
from services.bridge.record import record_of
from simulator.examples import FOLDER


class Moment(NamedTuple):
    """A case as it stood when something happened, and whom the bridge tells of it."""

    story: str
    event: str
    case: Case
    facility_id: str
    withdrawn: bool


@cache
def moments() -> tuple[Moment, ...]:
    """All stories through the bridge: every change but those of vital signs alone, which would be
    most, and the last."""
    return tuple(moment for file in sorted(FOLDER.iterdir()) for moment in _moments(file.stem))


def _moments(story: str) -> Iterator[Moment]:
    cases: dict[str, Case] = {}
    for line in (FOLDER / f"{story}.ndjson").read_text("utf-8").splitlines()[1:]:
        record = read(line, 1)
        if record.topic not in {*TOPICS, "bridge-handoffs"}:
            continue
        event = decode(record.topic, record.key, record.value, record.headers)
        if not isinstance(event, EncounterEvent):
            continue
        now = datetime.fromtimestamp(record.t / 1000, UTC)
        before = cases.get(event.encounter_id)
        case, told = _decide(before, event, now)
        cases[event.encounter_id] = case
        for left in {e.facility_id for e in told if isinstance(e, PreArrivalWithdrawn)}:
            yield Moment(story, type(event).__name__, case, left, True)
        if case.centres and case.facility_id and _is_new(before, case):
            yield Moment(story, type(event).__name__, case, case.facility_id, False)


def _decide(
    before: Case | None, event: EncounterEvent, now: datetime
) -> tuple[Case, tuple[object, ...]]:
    if isinstance(event, CareTransferred) and before is not None and before.is_locked:
        return before, ()  # the second signature has brought it about
    if isinstance(event, HandoffEvent):
        case, told = act(before, event, now)
        return case, tuple(told)
    if isinstance(event, PatientBoarded) and before is not None and before.admission is None:
        before = before.but(reserved=f"GC-20260302-{len(before.encounter_id):04d}")
    case, said = hear(before, event.encounter_id, event, now)
    return case, tuple(said)


def _is_new(before: Case | None, case: Case) -> bool:
    if before is None or before.handoff != case.handoff:
        return True
    was, now = record_of(before), record_of(case)
    same = {"inputs", "scores", "missing", "questions", "lost", "reasons", "trend"}
    return was.model_dump(exclude=same) != now.model_dump(exclude=same)
