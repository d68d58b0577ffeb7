"""The counting core of the judge: fed with the truth and with what was read, asked for a result.

Pure: it has no clock and does no I/O. The truth must be told up to the present before anything
is read: the journal is written before the sending, so the truth is never behind the effect.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TypeAlias

from simulator import truth
from simulator.alarms import Alarms
from simulator.case import ALL_QUEUES, FOLDED, MEMORY_S, Case, Item
from simulator.decisions import Decisions
from simulator.handoffs import Handoffs
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
)

#: While the run goes on, an item counts as lost from this age on, and may still heal.
PATIENCE_S = 30.0
#: What is kept of encounters that the truth does not know, or not yet.
STRANGERS = 2_000

OfCase: TypeAlias = (
    SampleSeen | DecisionSeen | QueueSeen | WithdrawalSeen | AdmissionSeen | FeedSeen
)


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
            case PromiseSeen():
                if self.ledger.effect(reading.key, reading.id, reading.t):
                    self._promise(reading)
            case LegSeen():
                if self.ledger.effect(reading.key, reading.id, reading.t):
                    self.legs.note(reading, self.ledger.incidents)
            case _:
                case = self.ledger.cases.get(reading.encounter_id)
                if case is None:
                    self._keep(reading)
                else:
                    self._of_case(reading, case)

    def _promise(self, seen: PromiseSeen) -> None:
        case = self.ledger.cases.get(seen.encounter_id)
        if case is not None:
            self.tally.acknowledged += seen.kind == "Acknowledged"
            self._alarms.note(seen, case)

    def _of_case(self, reading: OfCase, case: Case) -> None:
        match reading:
            case SampleSeen():
                self._decisions.sample(reading, case)
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
        over = self.ledger.over
        while over and over[0][0] < now - MEMORY_S:
            _, case = over.popleft()
            for item in [item for item in case.samples.values() if item.is_excused]:
                self.ledger.settle(item, FOLDED | ALL_QUEUES, now)
                case.let_go.add(item.id)
            case.forget(now)
