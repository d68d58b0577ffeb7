"""Whatever reaches the bridge, in whatever order, twice, and whenever it dies in between: one
admission for who boarded, versions that only grow, and nobody told of whom they do not wait for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from schemas.clinical import FindingRecorded
from schemas.encounter import (
    ArrivalExpected,
    DestinationSelected,
    EncounterEnded,
    Outcome,
    PatientBoarded,
    PatientHandedToUnit,
    PatientReached,
)
from schemas.event import Event
from schemas.handoff import (
    Accepted,
    Acknowledged,
    AdmissionCancelled,
    AdmissionOpened,
    CentreActivated,
    DepartmentAnswered,
    Escalated,
    FormalityCompleted,
    HandoffEvent,
    HandoverSigned,
    IdentityBound,
    PatientArrived,
    PreArrivalNotified,
    PreArrivalWithdrawn,
    ReceiptEvent,
    RedirectRequested,
)
from services.bridge import loader
from services.bridge.acts import act
from services.bridge.case import Case
from services.bridge.handlers import is_refresh
from services.bridge.handoff import hear
from services.bridge.item import item_of
from services.bridge.promise import fall_due, keep
from services.bridge.receipt import Receipt, receive
from services.kit.errors import Rejected
from tests.unit.test_bridge_acts import at, made
from tests.unit.test_promise import concern, decided

FACILITIES = loader.facilities()
HOSPITALS = ("H-1", "H-2", "H-3")
OUTCOMES = (Outcome.TRANSPORTED, Outcome.DIED_EN_ROUTE, Outcome.REFUSED_TRANSPORT,
            Outcome.LEFT_BY_OTHER_MEANS)  # fmt: skip
LEVELS = ("urgent", "critical", "not_yet", "severe")
#: What a facility does, with what else it says.
ACTS: Mapping[type[HandoffEvent], dict[str, Any]] = {
    Acknowledged: {},
    Accepted: {},
    RedirectRequested: {"reason": "no_bed"},
    CentreActivated: {"centre": "trauma", "activation": "activate", "departments": ("imaging",)},
    DepartmentAnswered: {"department": "imaging", "answer": "coming"},
    IdentityBound: {"reference": "V-1"},
    FormalityCompleted: {"formality": "consent"},
    PatientArrived: {},
}
#: Kind of input, which hospital, a choice.
Input = tuple[str, int, int]
INPUT = some.tuples(
    some.sampled_from(
        ["bind", "bind", "board", "end", "triage", "triage", "find", "reach", "relay", "expect",
         "act", "act", "act", "sign", "receive", "look", "look", "die"]
    ),
    some.integers(0, 2),
    some.integers(0, 11),
)  # fmt: skip
INPUTS = some.integers(0, 40).flatmap(lambda n: some.lists(INPUT, min_size=n, max_size=n))


class Bridge:
    """One patient at the bridge, as database and topics would hold them."""

    def __init__(self) -> None:
        self.stored = Case(encounter_id="E-1").model_dump_json(exclude_defaults=True)
        self.told: list[Event] = []
        #: What each hospital's queue shows.
        self.queues: dict[str, dict[str, Any]] = {}
        self.decisions = 0
        #: The acts that were refused: whoever tries again may be heard.
        self.refused: set[int] = set()

    @property
    def case(self) -> Case:
        return Case.model_validate_json(self.stored)

    def commit(self, case: Case, events: Sequence[Event], second: float) -> None:
        """Effect, queue and outbox, in one transaction."""
        kept = keep(case, FACILITIES.of(case.facility_id), at(second))
        self.stored = kept.model_dump_json(exclude_defaults=True)
        assert self.case == kept, "what is stored is what it was"
        self.told += events
        shown = (PreArrivalNotified, PreArrivalWithdrawn, ReceiptEvent, HandoffEvent, Escalated)
        for event in events:
            if isinstance(event, shown):
                gone = kept.facility_id != event.facility_id or isinstance(
                    event, PreArrivalWithdrawn
                )
                self.queues[event.facility_id] = item_of(kept, event.facility_id, withdrawn=gone)

    def take(self, given: Input, number: int) -> None:
        """One input, as it comes; what is refused changes nothing."""
        kind, _, choice = given
        second = 10.0 * number
        if kind == "look":
            late, told = fall_due(self.case, FACILITIES.of(self.case.facility_id), at(second))
            self.commit(late, told, second)
        elif kind == "receive":
            receipt = Receipt(encounter_id="E-1", version=1, displayed=bool(choice % 2))
            shown, noted = receive(self.case, HOSPITALS[given[1]], receipt, at(second))
            assert shown is not None
            self.commit(shown, noted, second)
        elif kind in {"act", "sign"}:
            event = self._act(given, number)
            try:
                case, events = act(self.case, event, at(second))
            except Rejected:
                self.refused.add(number)
                return
            self.commit(case, events, second)
        elif kind != "die":
            self._hears(self._input(given, number), second)

    def _hears(self, event: Event, second: float) -> None:
        before = self._with_number()
        case, events = hear(before, "E-1", event, at(second))
        if is_refresh(before, case, event):
            owed = keep(case, FACILITIES.of(case.facility_id), at(second))
            assert owed == case, "nobody owes anything for fresh vital signs"
        if case is not before:
            self.commit(case, events, second)

    def _with_number(self) -> Case:
        """An admission number is set aside where one may be needed."""
        case = self.case
        return case if case.admission else case.but(reserved="GC-20260301-0001")

    def _act(self, given: Input, number: int) -> HandoffEvent:
        kind, hospital, choice = given
        of = {"facility_id": HOSPITALS[hospital], "staff_id": f"n-{choice % 3}"}
        if kind == "sign":
            side = ("gave", "received")[choice % 2]
            signed: HandoffEvent = made(
                HandoverSigned, f"s-{number}", 10.0 * number, side=side, **of
            )
            return signed
        wanted = list(ACTS)[choice % len(ACTS)]
        says = dict(ACTS[wanted])
        if wanted is DepartmentAnswered and number % 2:
            says["answer"] = "cannot"
        event: HandoffEvent = made(wanted, f"a-{number}", 10.0 * number, **of, **says)
        return event

    def _input(self, given: Input, number: int) -> Event:
        kind, hospital, choice = given
        name, second = f"i-{number}", 10.0 * number
        said: dict[str, Any]
        match kind:
            case "bind":
                said = {"facility_id": HOSPITALS[hospital], "selected_by": "d"}
                event = made(DestinationSelected, name, second, **said)
            case "board":
                said = {"unit_id": "U-1", "inferred": choice % 3 == 0}
                event = made(PatientBoarded, name, second, **said)
            case "end":
                event = made(EncounterEnded, name, second, outcome=OUTCOMES[choice % 4])
            case "find":
                event = made(FindingRecorded, name, second, finding="diaphoresis", present=True)
            case "reach":
                event = made(PatientReached, name, second, unit_id="U-1")
            case "relay":
                said = {"unit_id": "U-1", "to_unit_id": "U-2", "reason": "relay"}
                event = made(PatientHandedToUnit, name, second, **said)
            case "expect":
                said = {"unit_id": "U-1", "arrives_at": at(second + 120 * choice)}
                event = made(ArrivalExpected, name, second, estimated_at=at(second), **said)
            case _:
                self.decisions += 1
                centres = [concern("stroke")] if choice % 3 else []
                event = decided(LEVELS[choice % 4], self.decisions, second, centres)
                last = self.case.decision
                if last is not None and choice % 2:  # the same with fresh vital signs
                    same = {"event_id": event.event_id, "number": event.number, "changed": False}
                    event = last.but(occurred_at=at(second), **same)
        told: Event = event
        return told


@settings(max_examples=300)
@given(INPUTS, some.data())
def test_the_bridge_keeps_its_word_whatever_comes(inputs: list[Input], data: Any) -> None:
    bridge = Bridge()
    for number, given_ in enumerate(inputs):
        before, known = bridge.stored, len(bridge.told)
        if given_[0] == "die" and number:  # what was not committed comes again, with what follows
            first = data.draw(some.integers(max(0, number - 4), number - 1))
            again(bridge, inputs[first:number], first)
            continue
        bridge.take(given_, number)
        told_to_whom_it_concerns(bridge, bridge.told[known:], Case.model_validate_json(before))
        holds(bridge)


def again(bridge: Bridge, inputs: Sequence[Input], first: int) -> None:
    """The same inputs once more: an act that is repeated, an event that is redelivered."""
    for number, given_ in enumerate(inputs, start=first):
        if given_[0] in {"look", "receive", "die", "triage"} or number in bridge.refused:
            continue  # not told by anybody under an id; decisions are numbered
        told, stored = len(bridge.told), bridge.stored
        bridge.take(given_, number)
        assert bridge.told[told:] == [], "a repeat tells nobody"
        assert Case.model_validate_json(stored).but(taken=bridge.case.taken) == bridge.case


def told_to_whom_it_concerns(bridge: Bridge, events: Sequence[Event], before: Case) -> None:
    """A record goes to the hospital that was chosen, a withdrawal to the one that was left."""
    for event in events:
        if isinstance(event, PreArrivalNotified | Escalated | ReceiptEvent | HandoffEvent):
            assert event.facility_id == bridge.case.facility_id
        if isinstance(event, PreArrivalWithdrawn):
            assert event.facility_id == before.facility_id


def holds(bridge: Bridge) -> None:
    """What is true at any moment."""
    case = bridge.case
    ids = Counter((type(e).__name__, e.event_id) for e in bridge.told)
    assert set(ids.values()) <= {1}, "nothing is told twice"
    opened = [e for e in bridge.told if isinstance(e, AdmissionOpened)]
    cancelled = [e for e in bridge.told if isinstance(e, AdmissionCancelled)]
    assert len(opened) <= 1
    assert (case.admission is not None) is (len(opened) > len(cancelled))
    assert not case.admission or case.boarded_at is not None
    versions: dict[str, list[int]] = defaultdict(list)
    for event in bridge.told:
        if isinstance(event, PreArrivalNotified):
            versions[event.centre].append(event.version)
    assert all(each == sorted(set(each)) for each in versions.values()), "versions only grow"
    for facility, item in bridge.queues.items():
        shown = not item["withdrawn"]
        assert not shown or case.facility_id == facility, "shown to who was left"
        assert (item["record"] is not None) is shown
