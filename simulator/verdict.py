"""The counting core of the judge: fed with the truth and with what was read, asked for a result.

Pure: it has no clock and does no I/O. The truth must be told up to the present before anything
is read: the journal is written before the sending, so the truth is never behind the effect.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from typing import TypeAlias

from simulator import truth
from simulator.alarms import Alarms
from simulator.case import ALL_QUEUES, FOLDED, MEMORY_S, Case, Item
from simulator.decisions import Decisions
from simulator.handoffs import Handoffs
from simulator.hands import Hands
from simulator.ledger import Ledger
from simulator.legs import Legs
from simulator.reading import (
    AdmissionSeen,
    DecisionSeen,
    EffectSeen,
    FeedSeen,
    LegSeen,
    PromiseSeen,
    QueueSeen,
    Reading,
    SampleSeen,
    WithdrawalSeen,
    is_by_hand,
)

#: While the run goes on, an item counts as lost from this age on, and may still heal.
PATIENCE_S = 30.0
#: What is kept of encounters that the truth does not know, or not yet.
STRANGERS = 2_000
#: What hangs on an act that was not read yet is judged without it after this long: it lies in
#: another topic, and none of them is read this much later.
HELD_S = 5.0

Held: TypeAlias = DecisionSeen | QueueSeen | WithdrawalSeen | AdmissionSeen | FeedSeen
OfCase: TypeAlias = SampleSeen | Held


class Verdict:
    """Holds what was read against the books. Patients that are not in the truth are passed over:
    anyone may send their own while a run goes on."""

    def __init__(self, started: float) -> None:
        self._begin(started)

    def _begin(self, started: float) -> None:
        self.ledger = Ledger(started)
        self.tally = self.ledger.tally
        self.legs = Legs()
        self._handoffs = Handoffs(self.ledger)
        self._alarms = Alarms(self.tally)
        self._hands = Hands(self.ledger)
        #: What was read of a patient since something that a human at a board explains, or nobody.
        self._held: dict[str, deque[Held]] = {}
        self._decisions = Decisions(self.ledger, self._handoffs.shows)
        self._strangers: dict[str, list[OfCase]] = defaultdict(list)

    def tell(self, line: truth.TruthLine) -> None:
        """Take in a line of the truth. A run that begins after an end is counted by itself."""
        if isinstance(line, truth.Epoch) and self.ledger.has_ended:
            self._begin(self.ledger.started)
        self.ledger.tell(line)
        if isinstance(line, truth.EncounterBegan):
            # A call may have its effects before its answer is written down.
            for reading in self._strangers.pop(line.encounter_id, []):
                self.read(reading)

    def read(self, reading: Reading) -> None:
        """Take in something that was read."""
        match reading:
            case EffectSeen():
                self.ledger.effect(reading.key, reading.id, reading.t)
                self._acted(reading)
            case PromiseSeen():
                if self.ledger.effect(reading.key, reading.id, reading.t):
                    self._promise(reading)
                self._acted(reading)
            case LegSeen():
                if self.ledger.effect(reading.key, reading.id, reading.t):
                    self.legs.note(reading, self.ledger.incidents)
            case _:
                case = self.ledger.cases.get(reading.encounter_id)
                if case is None:
                    self._keep(reading)
                elif isinstance(reading, SampleSeen):
                    self._hands.said(reading, case)
                    self._decisions.sample(reading, case)
                    self._go_on(case)
                elif case.encounter_id in self._held or self._hangs(reading, case):
                    self._held.setdefault(case.encounter_id, deque()).append(reading)
                else:
                    self._of_case(reading, case)

    def _acted(self, seen: EffectSeen | PromiseSeen) -> None:
        self._hands.did(seen)
        case = self.ledger.cases.get(seen.key.split("/")[1])
        if case is not None:
            self._go_on(case)

    def _hangs(self, reading: Held, case: Case) -> bool:
        """Whether it rests on an act of a human at a board, which lies in another topic and was not
        read yet; or on a choice of hospital that nobody has read of."""
        match reading:
            case DecisionSeen():
                return any(is_by_hand(id_) and id_ not in case.hand.said for id_ in reading.folded)
            case QueueSeen() | FeedSeen():
                return reading.facility not in case.bound
        return False

    def _go_on(self, case: Case, *, whole: bool = False) -> None:
        """Judge what was held as far as what it rests on was read, or all of it."""
        held = self._held.get(case.encounter_id)
        while held and (whole or not self._hangs(held[0], case)):
            self._of_case(held.popleft(), case)
        if held is not None and not held:
            del self._held[case.encounter_id]

    def hear_out(self, before: float = math.inf) -> None:
        """Judge what was read before this and still waits for what explains it."""
        for encounter_id in [id_ for id_, held in self._held.items() if held[0].t < before]:
            self._go_on(self.ledger.cases[encounter_id], whole=True)

    def _promise(self, seen: PromiseSeen) -> None:
        case = self.ledger.cases.get(seen.encounter_id)
        if case is not None:
            self.tally.acknowledged += seen.kind == "Acknowledged"
            self._alarms.note(seen, case)

    def _of_case(self, reading: Held, case: Case) -> None:
        match reading:
            case DecisionSeen():
                self._decisions.decision(reading, case)
            case QueueSeen():
                self._handoffs.queue(reading, case)
            case WithdrawalSeen():
                self._handoffs.withdrawal(reading, case)
            case FeedSeen():
                self._handoffs.feed(reading, case)
            case AdmissionSeen():
                self._handoffs.admission(reading, case)
                self._alarms.moved(reading, case)

    def _keep(self, reading: OfCase) -> None:
        kept = self._strangers[reading.encounter_id]
        if len(kept) < 10:  # of somebody whose call was just taken there cannot be more
            kept.append(reading)
        while len(self._strangers) > STRANGERS:
            del self._strangers[next(iter(self._strangers))]

    def owed(self) -> list[Item]:
        """Acknowledged, and lacking an effect that nothing excuses."""
        return [
            item
            for item in self.ledger.open.values()
            if item.acked is not None and not item.is_excused
        ]

    def close_cases(self, now: float) -> None:
        """Forget encounters that have been over for a while, but for what they are still owed."""
        self.hear_out(now - HELD_S)
        over = self.ledger.over
        while over and over[0][0] < now - MEMORY_S:
            _, case = over.popleft()
            for item in [item for item in case.samples.values() if item.is_excused]:
                self.ledger.settle(item, FOLDED | ALL_QUEUES, now)
                case.let_go.add(item.id)
            case.forget(now)
