"""Whatever is done about calls, in whatever order, twice or too late: they stand as the table says,
each patient is expected once, and no call leads to one that leads back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from schemas.encounter import EncounterEnded, Outcome, PatientReached
from schemas.event import Event
from schemas.incident import (
    CallerCalledBack,
    IncidentAbandoned,
    IncidentClassified,
    IncidentClosed,
    IncidentDismissed,
    IncidentHeld,
    IncidentMerged,
    IncidentResumed,
    IncidentUnmerged,
)
from services.dispatch.encounter import Encounter, Opening, record
from services.dispatch.incident import (
    Incident,
    Standing,
    add_patients,
    close,
    correct,
    merge,
    stand,
    take_up,
    unmerge,
)
from services.kit.errors import Rejected
from tests.unit.test_incident import about, at, one_more, opened, stands

TABLE = stands()
#: What is done, about which of three calls, and with what choice.
Act = tuple[str, int, int]


class World:
    """Three calls, their patients, and everything that was told of them."""

    def __init__(self) -> None:
        self.calls: dict[str, Incident] = {}
        self.patients: dict[str, Encounter] = {}
        self.told: list[Event] = []
        for number in range(3):
            incident, patients = opened(f"call-{number}", patients=1 + number % 2)
            self._keep(incident, patients)

    def _keep(self, incident: Incident, patients: Sequence[Encounter] = ()) -> None:
        self.calls[incident.incident_id] = incident
        self.patients.update({each.encounter_id: each for each in patients})

    def of(self, call: Incident) -> list[Encounter]:
        return [self.patients[each] for each in call.encounter_ids]

    def take(self, act: Act, number: int) -> bool:
        """Do something, as the interface would; whether anything was told of it."""
        kind, which, choice = act
        call = list(self.calls.values())[which]
        known = dict(self.calls), dict(self.patients)
        try:
            events = ACTS[kind](self, call, choice, f"act-{number}")
        except Rejected:
            assert (self.calls, self.patients) == known, "what is refused changes nothing"
            return False
        for before in known[0].values():
            after = self.calls[before.incident_id]
            moved = before.standing is not after.standing
            assert not moved or TABLE[before.standing, after.standing]
            assert before.encounter_ids == after.encounter_ids[: len(before.encounter_ids)]
        self.told += events
        return bool(events)

    def stand(self, call: Incident, choice: int, name: str) -> Sequence[Event]:
        kinds = (IncidentHeld, IncidentResumed, IncidentAbandoned, IncidentDismissed)
        kind = kinds[choice % 4]
        reason: dict[str, Any] = {"reason": "so"} if "reason" in kind.model_fields else {}
        after, events = stand(call, about(call, kind, name, **reason))
        self._keep(after)
        return events

    def send(self, call: Incident, choice: int, name: str) -> Sequence[Event]:
        after, events = take_up(call, name, at(90), at(91))
        self._keep(after)
        return events

    def correct(self, call: Incident, choice: int, name: str) -> Sequence[Event]:
        event = (
            about(call, CallerCalledBack, name, answered=False)
            if choice % 2
            else about(call, IncidentClassified, name, classification="drill")
        )
        after, events = correct(call, event)
        self._keep(after)
        return events

    def merge(self, call: Incident, choice: int, name: str) -> Sequence[Event]:
        into = list(self.calls.values())[choice % 3]
        event = about(call, IncidentMerged, name, into=into.incident_id)
        after, ended, events = merge(call, into, self.of(call), event)
        self._keep(after, ended)
        return events

    def unmerge(self, call: Incident, choice: int, name: str) -> Sequence[Event]:
        out_of = list(self.calls)[choice % 3]
        event = about(call, IncidentUnmerged, name, out_of=out_of, reason="two crashes")
        after, again, events = unmerge(call, self.of(call), event, at(91))
        self._keep(after, again)
        assert not events or call.merged_into == out_of
        return events

    def close(self, call: Incident, choice: int, name: str) -> Sequence[Event]:
        after, ended, events = close(call, self.of(call), about(call, IncidentClosed, name))
        self._keep(after, ended)
        return events

    def find(self, call: Incident, choice: int, name: str) -> Sequence[Event]:
        openings = [self._found(call, f"E-{name}-{n}") for n in range(1 + choice % 2)]
        after, found, events = add_patients(call, openings, at(91))
        self._keep(after, found)
        return events

    def _found(self, call: Incident, encounter_id: str) -> Opening:
        return one_more(encounter_id=encounter_id, incident_id=call.incident_id)

    def reach(self, call: Incident, choice: int, name: str) -> Sequence[Event]:
        return self._record(call, choice, name, PatientReached, unit_id="U-1")

    def end(self, call: Incident, choice: int, name: str) -> Sequence[Event]:
        return self._record(call, choice, name, EncounterEnded, outcome=Outcome.REFUSED_TRANSPORT)

    def _record(
        self, call: Incident, choice: int, name: str, kind: type, **more: object
    ) -> Sequence[Event]:
        if choice % 3 >= len(call.encounter_ids):
            raise Rejected(404, "Unknown", "There is no such patient.")
        patient = self.patients[call.encounter_ids[choice % 3]]
        told = {"event_id": name, "encounter_id": patient.encounter_id, "occurred_at": at(90)}
        after, events = record(patient, kind(**told, **more))
        self.patients[after.encounter_id] = after
        return events


ACTS: Mapping[str, Callable[[World, Incident, int, str], Sequence[Event]]] = {
    "stand": World.stand,
    "send": World.send,
    "correct": World.correct,
    "merge": World.merge,
    "unmerge": World.unmerge,
    "close": World.close,
    "find": World.find,
    "reach": World.reach,
    "end": World.end,
}
ACT = some.tuples(
    some.sampled_from([*ACTS, "stand", "merge", "unmerge", "close", "again", "again"]),
    some.integers(0, 2),
    some.integers(0, 11),
)
HISTORIES = some.integers(0, 40).flatmap(lambda n: some.lists(ACT, min_size=n, max_size=n))


@settings(max_examples=300)
@given(HISTORIES)
def test_calls_stand_as_the_table_says_whatever_is_done_about_them(acts: list[Act]) -> None:
    world = World()
    done: list[tuple[Act, int]] = []
    for number, act in enumerate(acts):
        if act[0] != "again":
            if world.take(act, number):
                done.append((act, number))
        elif done:
            known = dict(world.calls), dict(world.patients), list(world.told)
            again = done[act[2] % len(done)]
            world.take(*again)
            assert (world.calls, world.patients, world.told) == known, "a repeat changes nothing"
        holds(world)


def holds(world: World) -> None:
    """What is true of calls and their patients at any moment."""
    ids = [event.event_id for event in world.told]
    assert len(ids) == len(set(ids)), "nothing is told twice"
    belongs = Counter(each for call in world.calls.values() for each in call.encounter_ids)
    assert belongs == Counter(world.patients.keys()), "each patient belongs to one call"
    continued = Counter(each.continues for each in world.patients.values() if each.continues)
    assert set(continued.values()) <= {1}, "a patient is expected again once"
    with_them = [each for each in world.patients.values() if each.reached_at]
    assert {each.outcome for each in with_them} <= {None, Outcome.REFUSED_TRANSPORT}
    for call in world.calls.values():
        assert (call.merged_into is not None) is (call.standing is Standing.MERGED)
        assert (call.closed_at is not None) is (call.standing is Standing.CLOSED)
        patients = world.of(call)
        if call.standing in {Standing.MERGED, Standing.CLOSED}:
            assert all(each.outcome for each in patients), "over, and nobody is forgotten"
        if call.standing is not Standing.MERGED:
            gone = [each for each in patients if each.outcome is Outcome.MERGED]
            assert all(continued[each.encounter_id] for each in gone), "expected again"
        goes_on(world, call)


def goes_on(world: World, call: Incident) -> None:
    """Who follows a merged call comes to one that was not."""
    seen = set()
    while call.merged_into is not None:
        assert call.incident_id not in seen, "it leads back"
        seen.add(call.incident_id)
        call = world.calls[call.merged_into]
