"""A story as its own monitors and vehicles tell it to triage, with the judge beside it: what comes
late, and what was another's.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import groupby
from random import Random
from typing import Any

import pytest

from schemas.clinical import ObservationReattributed, VitalSignsRecorded
from schemas.encounter import EncounterOpened
from schemas.event import Event
from schemas.triage import TriageDecided, TriageLevel
from services.triage.decide import State
from services.triage.decide import step as decide
from services.triage.loader import active
from simulator import truth
from simulator.pace import Line, Pace
from simulator.people import _taken_back
from simulator.reading import DecisionSeen, EffectSeen, SampleSeen
from simulator.realism import Realism
from simulator.story import Step
from simulator.telemetry import Telemetry, told
from simulator.verdict import Verdict
from tests.simulated import tale
from tests.unit.test_stories import BEGIN, event_of, opened_as

RULES = active()


class Telling:
    """A story that its own monitors and vehicles tell to triage, with the judge beside it. What is
    sent is heard at once."""

    def __init__(self, name: str, stretch: float) -> None:
        self.tale = tale(name, pace=Pace(BEGIN.timestamp(), stretch=stretch))
        self.story = self.tale.story
        self.verdict = Verdict(0.0)
        self.worst: dict[str, list[TriageLevel]] = {name: [] for name in self.story.patients}
        self.taken_back: list[str] = []
        self._telemetry = Telemetry(None, list(self.tale.vans.values()), Realism((), Random))
        self._states: dict[str, State] = {}
        self._batch = self._offset = 0
        self._given: list[VitalSignsRecorded] = []
        self._heard: dict[tuple[str, str], list[VitalSignsRecorded]] = {}

    def whole(self) -> None:
        """Tell it, and hold the judge's count against it."""
        now = BEGIN.timestamp()
        self._telemetry.begin(now)
        for step in self.story.steps:
            zone = self.story.zone_at(step.unit, step.at) if step.by == "crew" else None
            due = self.tale.pace.due(zone.end if zone else step.at)
            while now < due:
                now = min(due, now + 0.5)
                self._send(self._telemetry.until(now), now)
            self._act(step, self.tale.pace.due(step.at), now)
        self.verdict.tell(truth.Ended(t=now))
        owed = [item.id for item in self.verdict.owed()]
        assert not owed
        assert not self.verdict.tally.findings

    def _act(self, step: Step, done: float, now: float) -> None:
        self.tale.done[step.name] = done
        self.tale.taken.add(step.name)
        for name in step.opens if step.act == "call" else ():
            self._open(step, name, done)
        if step.act == "attach":
            self.tale.unplug(step)
            self.tale.attach(step)
            for monitor in self.tale.speaking():
                self._telemetry.attach(monitor)
        patient = self.tale.patient(step.patient)
        event = event_of(step, {}) if step.act != "call" else None
        if step.act == "reattribution":
            event = self._reattribution(step, now)
        if event is not None:
            id_ = f"{patient.handle}.{step.name}"
            about = {"encounter_id": patient.encounter_id, "to_encounter_id": ""}
            if step.other:
                about["to_encounter_id"] = self.tale.patients[step.other].encounter_id
            level = step.then.worst.value if step.then else None
            takes = _taken_back(self.tale, step, now)
            sent = truth.ActSent(
                t=now, id=id_, handle=patient.handle, act=step.act, about=about, level=level,
                takes_back=takes,
            )  # fmt: skip
            self.verdict.tell(sent)
            self.verdict.tell(truth.Acknowledged(t=now, ids=[id_]))
            given, self._given = self._given, []
            for each in given:
                self._hear(each, now)
            happened = {"event_id": id_, "encounter_id": patient.encounter_id}
            when = datetime.fromtimestamp(done, UTC)
            self._hear(event.model_copy(update={**happened, "occurred_at": when}), now)
        if step.act in {"transfer", "outcome"}:
            patient.is_over = True

    def _open(self, step: Step, name: str, now: float) -> None:
        patient, person = self.tale.patients[name], self.story.patients[name]
        self.verdict.tell(truth.EncounterBegan(
            t=now, id=f"{patient.handle}.call", handle=patient.handle, story=self.story.story,
            encounter_id=patient.encounter_id, first_level=person.first_level.value,
            centres=[centre.value for centre in person.centres]))  # fmt: skip
        event_id, when = f"{name}.opened", datetime.fromtimestamp(now, UTC)
        known = {"occurred_at": when, "event_id": event_id}
        whom = {"encounter_id": patient.encounter_id, "patient": opened_as(self.story, name)[1]}
        self._hear(EncounterOpened.model_validate({**known, **whom}), now)
        key = f"EncounterOpened/{patient.encounter_id}"
        self.verdict.read(EffectSeen(now, event_id, key))

    def _reattribution(self, step: Step, now: float) -> Event:
        since, until = (datetime.fromtimestamp(t, UTC) for t in self.tale.taken_for(now))
        giver, other = self.tale.patients[step.patient], self.tale.patients[str(step.other)]
        device = self.tale.van(step.unit).vehicle.monitor(step.monitor)
        self._given = [
            event.model_copy(update={"encounter_id": other.encounter_id})
            for event in self._heard.get((giver.encounter_id, device), [])
            if since <= event.occurred_at < until
        ]
        return ObservationReattributed(
            event_id="x", occurred_at=until, encounter_id=giver.encounter_id, device_id=device,
            since=since, until=until, to_encounter_id=other.encounter_id, reported_by="crew-1",
        )  # fmt: skip

    def _send(self, lines: list[Line], now: float) -> None:
        samples = [line for line in lines if line.handle]
        if not samples:
            return
        self._batch += 1
        self.verdict.tell(told(self._batch, samples, now))
        self.verdict.tell(truth.Acknowledged(t=now, batch=self._batch))
        whose = {p.handle: p.encounter_id for p in self.tale.patients.values()}
        for line in samples:
            said = json.loads(line.whole(now)) | {"encounter_id": whose[line.handle]}
            said.pop("sent_at", None)
            event = VitalSignsRecorded.model_validate({**said, "method": "streamed"})
            key = event.encounter_id, str(event.device_id)
            self._heard.setdefault(key, []).append(event)
            self._hear(event, now)

    def _hear(self, event: Any, now: float) -> None:
        """The broker has it, and triage decides; the judge reads both."""
        self._offset += 1
        encounter_id = event.encounter_id
        if not isinstance(event, EncounterOpened):
            is_vital = isinstance(event, VitalSignsRecorded)
            self.verdict.read(
                SampleSeen(now, event.event_id, encounter_id, now, self._offset, is_vital)
            )
        state = self._states.get(encounter_id)
        when = datetime.fromtimestamp(now, UTC)
        self._states[encounter_id], decisions = decide(state, event, when, RULES)
        (name,) = (n for n, p in self.tale.patients.items() if p.encounter_id == encounter_id)
        for decision in decisions:
            assert isinstance(decision, TriageDecided)
            self.worst[name].append(decision.worst)
            self.taken_back += [reason.rule for reason in decision.taken_back]
            self.verdict.read(DecisionSeen(
                now, decision.event_id, encounter_id, decision.number, now, now,
                decision.worst.value, decision.folded, decision.cause))  # fmt: skip


def in_turn(levels: list[TriageLevel]) -> list[str]:
    """Each level once, as it came."""
    return [level.value for level, _ in groupby(levels)]


@pytest.mark.parametrize("stretch", [1.0, 5.0, 8.0, 9.7, 10.0, 13.0, 29.0])
def test_what_comes_out_of_a_dead_zone_counts_however_late_it_comes(stretch: float) -> None:
    telling = Telling("dead_zone", stretch)
    telling.whole()
    assert in_turn(telling.worst["patient"]) == ["urgent", "severe"]


@pytest.mark.parametrize("stretch", [1.0, 6.0, 20.0])
def test_a_level_falls_when_the_samples_that_proved_it_are_given_back(stretch: float) -> None:
    telling = Telling("monitors_swapped", stretch)
    telling.whole()
    risen, fallen = in_turn(telling.worst["younger"])[:2], in_turn(telling.worst["younger"])[2:]
    assert risen == ["not_yet", "severe"]
    assert fallen[-1] == "non_urgent", "at the latest when all is measured again"
    assert fallen[:-1] in ([], ["not_yet"])
    assert in_turn(telling.worst["older"]) == ["not_yet", "severe"]
    assert "heart_rate.1" in telling.taken_back
