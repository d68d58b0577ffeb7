"""Judges clinical events and the decisions that must name them: each once, and at its level."""

from __future__ import annotations

from collections.abc import Callable

from schemas.triage import TriageLevel
from simulator.case import ALL_QUEUES, FOLDED, MEMORY_S, SEEN, Case, Expected, Item
from simulator.hands import take_in
from simulator.ledger import Ledger
from simulator.reading import DecisionSeen, QueueSeen, SampleSeen


class Decisions:
    """``shown`` is told of the queue records that had waited for a decision to be read."""

    def __init__(self, ledger: Ledger, shown: Callable[[QueueSeen, Case, Expected], None]) -> None:
        self._ledger = ledger
        self._tally = ledger.tally
        self._shown = shown

    def sample(self, seen: SampleSeen, case: Case) -> None:
        """A clinical event stands in its topic."""
        item = case.item(seen.id)
        if item is None:
            if case.is_own_sample(seen.id):
                self._tally.redelivered["sample"] += 1
            elif self._ledger.was_given(seen.id, seen.encounter_id):
                return
            elif seen.id in self._ledger.open:  # its own patient will miss it: it is lost
                told = f"it went to another patient, {case.handle}"
                self._tally.find("lost", seen.id, told)
        elif item.appended is None:
            item.appended = seen.appended
            if seen.is_vital:  # findings lie in another log, whose places say nothing here
                item.offset = seen.offset
            if item.folded is not None:
                case.folded_to = max(case.folded_to, item.offset)
            self._ledger.settle(item, SEEN, seen.t)
        else:
            self._tally.redelivered["sample"] += 1

    def decision(self, seen: DecisionSeen, case: Case) -> None:
        """Triage decided."""
        noted = case.decisions.note(seen.number, seen.id, seen.t)
        if noted == "again":
            self._tally.redelivered["decision"] += 1
            return
        if noted == "doubled":
            told = f"{case.handle}: decision {seen.number} came under another id"
            self._tally.double(seen.id, told)
        else:
            self._open(seen, case)
            self._fold(seen, case)
        is_exact = not case.decisions.missing
        expected = Expected(seen.number, case.worst, case.most, is_exact, seen.t)
        case.decided = max(seen.decided, case.decided or seen.decided)
        worst = TriageLevel(seen.worst)
        if noted == "new" and not expected.allows(worst):
            told = f"decision {seen.number} says {worst.value}, not {expected.worst.value}"
            self._tally.mislevel(seen.id, f"{case.handle}: {told}")
        elif noted == "new" and is_exact:
            case.hear(worst)
        expected = case.expected[seen.id] = expected.said(worst)
        for waiting in case.waiting.pop(seen.id, []):
            self._shown(waiting, case, expected)
        case.forget(seen.t - MEMORY_S)

    def _open(self, seen: DecisionSeen, case: Case) -> None:
        """By an event that is no clinical one, triage has heard of the patient."""
        if case.is_opened or seen.cause in seen.folded:
            return
        case.is_opened = True
        self._ledger.settle(case.acts[f"{case.handle}.opened"], FOLDED, seen.t)

    def _fold(self, seen: DecisionSeen, case: Case) -> None:
        vitals = 0
        before = ""
        trigger: Item | None = None
        for id_ in seen.folded:
            if id_ in case.let_go:
                case.let_go.discard(id_)
                continue
            item = case.item(id_)
            is_new = item is not None and item.folded is None
            trigger = item if is_new else None
            if item is None and (given := self._ledger.given_level(id_, case)):
                case.prove(id_, given)
            if item is None:
                take_in(case, id_)
            if item is None or not is_new:
                before = id_ if item is not None or case.is_own_sample(id_) else before
                continue
            vitals += item.vital
            self._take_in(item, seen)
        if trigger is not None and trigger.vital:
            vitals -= 1
            self._ledger.measure(trigger, self._tally.vitals_to_decision, seen.t)
            self._ledger.time(trigger, seen.t)
        self._tally.coalesced += vitals
        if before:
            told = f"decision {seen.number} names {before}, as an earlier one did"
            self._tally.double(seen.id, f"{case.handle}: {told}")

    def _take_in(self, item: Item, seen: DecisionSeen) -> None:
        case = item.case
        item.folded = seen.number
        case.folded_to = max(case.folded_to, item.offset)
        acts = item.is_new
        if item.level is not None and item.sets:
            case.set_level(item.level)
            case.hand.has_weighed = False
        elif item.level is not None:
            case.prove(item.id, item.level, sure=item.sure)
        case.take_back(item.takes_back)
        if not acts or not case.is_shown(seen.decided, seen.appended):
            # What was proven before need not be shown anew, and nothing to those who took over.
            self._ledger.settle(item, ALL_QUEUES, seen.t)
        self._ledger.settle(item, FOLDED, seen.t)
