"""The counting core of the judge: fed with the truth and with what was read, asked for a result.

Pure: it has no clock and does no I/O. The truth must be told up to the present before anything
is read: the journal is written before the sending, so the truth is never behind the effect.
"""

from __future__ import annotations

from collections.abc import Callable

from schemas.triage import Centre, TriageLevel
from simulator import truth
from simulator.case import ALL_QUEUES, FOLDED, MEMORY_S, QUEUED, SEEN, Case, Expected, Item
from simulator.ledger import Ledger
from simulator.legs import Legs
from simulator.reading import (
    AdmissionSeen,
    DecisionSeen,
    EffectSeen,
    FeedSeen,
    LegSeen,
    QueueSeen,
    Reading,
    SampleSeen,
    milliseconds,
)

#: While the run goes on, an item counts as lost from this age on, and may still heal.
PATIENCE_S = 30.0


class Verdict:
    """Holds what was read against the books. Patients that are not in the truth are passed over:
    anyone may send their own while a run goes on."""

    def __init__(self, started: float) -> None:
        self._begin(started)

    def _begin(self, started: float) -> None:
        self.ledger = Ledger(started)
        self.tally = self.ledger.tally
        self.legs = Legs()
        self._numbers: dict[str, str] = {}  # of admissions, with the encounter of each

    def tell(self, line: truth.TruthLine) -> None:
        """Take in a line of the truth. A run that begins after an end is counted by itself."""
        if isinstance(line, truth.Epoch) and self.ledger.has_ended:
            self._begin(self.ledger.started)
        self.ledger.tell(line)

    def read(self, reading: Reading) -> None:
        """Take in something that was read."""
        match reading:
            case SampleSeen():
                self._sample(reading)
            case EffectSeen():
                is_new = self.ledger.effect(reading.key, reading.id, reading.t)
                self.tally.acknowledged += is_new and self._is_acknowledgement(reading.key)
            case LegSeen():
                if self.ledger.effect(reading.key, reading.id, reading.t):
                    self.legs.note(reading, self.ledger.incidents)
            case _:
                case = self.ledger.cases.get(reading.encounter_id)
                if case is not None:
                    self._of_case(reading, case)

    def _is_acknowledgement(self, key: str) -> bool:
        kind, _, subject = key.partition("/")
        return kind == "Acknowledged" and subject in self.ledger.cases

    def _of_case(
        self, reading: DecisionSeen | QueueSeen | AdmissionSeen | FeedSeen, case: Case
    ) -> None:
        match reading:
            case DecisionSeen():
                self._decision(reading, case)
            case QueueSeen():
                self._queue(reading, case)
            case AdmissionSeen():
                self._admission(reading, case)
            case FeedSeen():
                self._feed(reading, case)

    # -- clinical events ---------------------------------------------------------------------

    def _sample(self, seen: SampleSeen) -> None:
        case = self.ledger.cases.get(seen.encounter_id)
        if case is None:
            return
        item = case.item(seen.id)
        if item is None:
            if case.is_own_sample(seen.id):
                self.tally.redelivered["sample"] += 1
            elif seen.id in self.ledger.open:  # its own patient will miss it: it counts as lost
                self.tally.find("lost", seen.id, f"it went to another patient, {case.handle}")
        elif item.appended is None:
            item.appended = seen.appended
            if seen.is_vital:  # findings lie in another log, whose places say nothing here
                item.offset = seen.offset
            if item.folded is not None:
                case.folded_to = max(case.folded_to, item.offset)
            self.ledger.settle(item, SEEN, seen.t)
        else:
            self.tally.redelivered["sample"] += 1

    def _decision(self, seen: DecisionSeen, case: Case) -> None:
        noted = case.decisions.note(seen.number, seen.id, seen.t)
        if noted == "again":
            self.tally.redelivered["decision"] += 1
            return
        if noted == "doubled":
            self._doubled(seen.id, f"{case.handle}: decision {seen.number} came under another id")
        else:
            self._fold(seen, case)
        worst = TriageLevel(seen.worst)
        expected = Expected(seen.number, case.worst, not case.decisions.missing, seen.t)
        case.expected[seen.id] = expected
        case.decided = max(seen.decided, case.decided or seen.decided)
        if noted == "new" and not expected.allows(worst):
            self.tally.wrong_level += 1
            told = f"decision {seen.number} says {worst.value}, not {expected.worst.value}"
            self.tally.find("wrong_level", seen.id, f"{case.handle}: {told}")
        for waiting in case.waiting.pop(seen.id, []):
            self._shows(waiting, case, expected)
        case.forget(seen.t - MEMORY_S)

    def _fold(self, seen: DecisionSeen, case: Case) -> None:
        vitals = 0
        folded_before = ""
        item: Item | None = None
        for id_ in seen.folded:
            item = case.item(id_)
            if item is None:
                folded_before = id_ if case.is_own_sample(id_) else folded_before
                continue
            if item.folded is not None:
                folded_before = id_
                continue
            item.folded = seen.number
            vitals += item.vital
            case.folded_to = max(case.folded_to, item.offset)
            if item.level is not None and item.is_new:
                case.worst = item.level
            else:  # what was proven before need not be shown anew
                self.ledger.settle(item, ALL_QUEUES, seen.t)
            self.ledger.settle(item, FOLDED, seen.t)
        trigger = item if item is not None and item.vital and item.folded == seen.number else None
        self.tally.coalesced += vitals - (trigger is not None)
        if trigger is not None:
            self._measure(trigger, self.tally.vitals_to_decision.add, seen.t)
            self.ledger.time(trigger, seen.t)
        if folded_before:
            told = f"decision {seen.number} names {folded_before}, as an earlier one did"
            self._doubled(seen.id, f"{case.handle}: {told}")

    # -- queues, feeds, admissions -----------------------------------------------------------

    def _queue(self, seen: QueueSeen, case: Case) -> None:
        centre = Centre(seen.centre)
        place = f"{seen.encounter_id}/{seen.facility}"
        if seen.facility != case.facility:
            if self.ledger.effect(f"stray/{place}/{centre}/{seen.version}", seen.id, seen.t):
                case.strayed.add((centre, seen.version))
                self._misrouted(seen.id, f"{case.handle}: a record went to {seen.facility}")
            return
        noted = case.queue(centre, seen.version).note(seen.version, seen.id, seen.t)
        if noted == "again":
            self.tally.redelivered["queue"] += 1
            return
        if noted == "doubled":
            told = f"version {seen.version} for {centre.value} came under another id"
            self._doubled(seen.id, f"{case.handle}: {told}")
            return
        self.tally.prearrivals[centre.value] += 1
        if centre is Centre.EMERGENCY:
            self.ledger.meet(f"queue/{place}", seen.t)
        self._agree(case, seen.version, seen.worst)
        if seen.decision is None:
            self._shows(seen, case, Expected(0, TriageLevel.NOT_YET, True, seen.t))
        elif seen.decision in case.expected:
            self._shows(seen, case, case.expected[seen.decision])
        else:
            case.waiting.setdefault(seen.decision, []).append(seen)

    def _shows(self, seen: QueueSeen, case: Case, expected: Expected) -> None:
        """A record stands in a queue and shows this decision: is it what it must show?"""
        if not expected.allows(TriageLevel(seen.worst)):
            told = f"version {seen.version} shows {seen.worst}, not {expected.worst.value}"
            self._wrong_version(case, seen.version, told)
        centre = Centre(seen.centre)
        for item in list(case.acting):
            if item.folded is None or item.folded > expected.number:
                continue
            if item.lacks & QUEUED[centre] and centre is Centre.EMERGENCY:
                self._measure(item, self.tally.vitals_to_queue.add, seen.t)
            self.ledger.settle(item, QUEUED[centre], seen.t)
            if not item.lacks:
                case.acting.remove(item)

    def _feed(self, seen: FeedSeen, case: Case) -> None:
        if seen.facility == case.facility:
            self.ledger.meet(f"feed/{seen.encounter_id}/{seen.facility}", seen.t)
            if seen.worst is not None:
                self._agree(case, seen.version, seen.worst)
        elif seen.facility not in case.strayed_feeds:
            case.strayed_feeds.add(seen.facility)
            told = f"{case.handle}: the feed of {seen.facility} shows it"
            self._misrouted(seen.encounter_id, told)

    def _admission(self, seen: AdmissionSeen, case: Case) -> None:
        if not self.ledger.effect(f"AdmissionOpened/{seen.encounter_id}", seen.id, seen.t):
            return
        self.tally.admissions += 1
        boarding = self.ledger.boardings.get(seen.encounter_id)
        wrong = []
        if self._numbers.setdefault(seen.number, seen.encounter_id) != seen.encounter_id:
            wrong.append("its number belongs to another admission")
        if boarding is None:
            wrong.append("nobody had boarded")
        else:
            if seen.admitted_ms != milliseconds(boarding.about["occurred_at"]):
                wrong.append("it was not opened at the boarding time")
            if seen.facility != case.facility and (boarding.destined or seen.facility):
                wrong.append("it names another facility than was chosen")
            item = case.acts[boarding.id]
            self._measure(item, self.tally.boarding_to_admission.add, seen.t)
        if wrong:
            self.tally.wrong_admission += 1
            self.tally.find("wrong_admission", seen.id, f"{case.handle}: {'; '.join(wrong)}")

    # -- words -------------------------------------------------------------------------------

    def _measure(self, item: Item, add: Callable[[float], None], t: float) -> None:
        """Take a latency, unless the item was sent before the judge looked, or not in time."""
        if item.timely and item.sent >= self.ledger.started:
            add((t - item.sent) * 1000)

    def _agree(self, case: Case, version: int, worst: str) -> None:
        if not case.show(version, worst):
            self._wrong_version(case, version, f"version {version} differs between queue and feed")

    def _wrong_version(self, case: Case, version: int, told: str) -> None:
        if version not in case.wrong_versions:  # one record, however many queues it stands in
            case.wrong_versions.add(version)
            self.tally.wrong_level += 1
            self.tally.find("wrong_level", case.encounter_id, f"{case.handle}: {told}")

    def _misrouted(self, about: str, told: str) -> None:
        self.tally.wrong_facility += 1
        self.tally.find("wrong_facility", about, told)

    def _doubled(self, about: str, told: str) -> None:
        self.tally.doubled += 1
        self.tally.find("duplicated", about, told)

    # -- what is still owed ------------------------------------------------------------------

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
            case.forget(now)
