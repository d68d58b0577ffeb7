"""Judges what facilities are shown and what is opened for them: queues, feeds, admissions."""

from __future__ import annotations

from schemas.triage import Centre, TriageLevel
from simulator.case import QUEUED, Case, Expected
from simulator.ledger import Ledger
from simulator.reading import AdmissionSeen, FeedSeen, QueueSeen, WithdrawalSeen, milliseconds


class Handoffs:
    """A facility sees what is bound for it, all of it, at its level, and nothing else."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tally = ledger.tally
        self._numbers: dict[str, str] = {}  # of admissions, with the encounter of each

    def queue(self, seen: QueueSeen, case: Case) -> None:
        """A version of the record stands in a queue."""
        centre = Centre(seen.centre)
        place = f"{seen.encounter_id}/{seen.facility}"
        if not case.may_be_told(seen.facility, seen.version):
            if self._ledger.effect(f"stray/{place}/{centre}/{seen.version}", seen.id, seen.t):
                case.strayed.add((centre, seen.version))
                self._tally.misroute(seen.id, f"{case.handle}: a record went to {seen.facility}")
            return
        for facility, version in case.tell(seen.facility, seen.version):
            told = f"{case.handle}: version {version} still went to {facility}"
            self._tally.misroute(seen.id, told)
        noted = case.queue(centre, seen.version).note(seen.version, seen.id, seen.t)
        if noted == "again":
            self._tally.redelivered["queue"] += 1
            return
        if noted == "doubled":
            told = f"version {seen.version} for {centre.value} came under another id"
            self._tally.double(seen.id, f"{case.handle}: {told}")
            return
        self._tally.prearrivals[centre.value] += 1
        if centre is Centre.EMERGENCY:
            self._ledger.meet(f"queue/{place}", seen.t)
            for name in seen.pictures:
                self._ledger.meet(f"picture/{seen.encounter_id}/{name}", seen.t)
                self._ledger.meet(f"picture/{place}/{name}", seen.t)
        self._agree(case, seen.version, seen.worst)
        self._admits(seen, case)
        if seen.decision is None:
            none = TriageLevel.NOT_YET
            self.shows(seen, case, Expected(0, none, none, True, seen.t))
        elif seen.decision in case.expected:
            self.shows(seen, case, case.expected[seen.decision])
        else:
            case.waiting.setdefault(seen.decision, []).append(seen)

    def shows(self, seen: QueueSeen, case: Case, expected: Expected) -> None:
        """A record in a queue shows this decision: is it what it must show?"""
        if not expected.allows(TriageLevel(seen.worst)):
            told = f"version {seen.version} shows {seen.worst}, not {expected.worst.value}"
            self._wrong_version(case, seen.version, told)
        centre = Centre(seen.centre)
        for item in list(case.acting):
            if item.folded is None or item.folded > expected.number:
                continue
            if item.lacks & QUEUED[centre] and centre is Centre.EMERGENCY:
                self._ledger.measure(item, self._tally.vitals_to_queue, seen.t)
            self._ledger.settle(item, QUEUED[centre], seen.t)
            if not item.lacks:
                case.acting.remove(item)

    def feed(self, seen: FeedSeen, case: Case) -> None:
        """A facility's own feed shows the patient."""
        if seen.worst is None and seen.facility in case.bound:  # it is told that nobody comes
            if not case.comes_to(seen.facility):  # a feed tells what is: who came and went is gone
                self._ledger.meet(f"feed/{seen.encounter_id}/{seen.facility}", seen.t)
            return
        if case.may_be_told(seen.facility, seen.version):
            self._ledger.meet(f"feed/{seen.encounter_id}/{seen.facility}", seen.t)
            if seen.worst is not None:
                self._agree(case, seen.version, seen.worst)
        elif seen.facility not in case.strayed_feeds:
            case.strayed_feeds.add(seen.facility)
            told = f"{case.handle}: the feed of {seen.facility} shows it"
            self._tally.misroute(seen.encounter_id, told)

    def withdrawal(self, seen: WithdrawalSeen, case: Case) -> None:
        """A facility is told that the patient does not come."""
        if self._ledger.effect(seen.key, seen.id, seen.t):
            self._ledger.meet(f"withdrawn/{seen.encounter_id}/{seen.facility}", seen.t)

    def admission(self, seen: AdmissionSeen, case: Case) -> None:
        """An admission was opened, or something became of it."""
        is_new = self._ledger.effect(seen.key, seen.id, seen.t)
        if seen.kind == "AdmissionConfirmed":  # nobody had pressed boarding: now the time is told
            case.admitted.add(seen.admitted_ms)
        self._is_the_one(seen.id, seen.number, seen.admitted_ms, case)
        if not is_new:
            return
        if seen.kind == "AdmissionCancelled" and not case.may_be_cancelled:
            told = "it was cancelled, and nobody had said that they do not come"
            self._tally.misadmit(seen.id, f"{case.handle}: {told}")
        if seen.kind == "AdmissionOpened":
            self._opened(seen, case)

    def _opened(self, seen: AdmissionSeen, case: Case) -> None:
        self._tally.admissions += 1
        boarding = self._ledger.boardings.get(seen.encounter_id)
        wrong = []
        if self._numbers.setdefault(seen.number, seen.encounter_id) != seen.encounter_id:
            wrong.append("its number belongs to another admission")
        times = set(case.hand.boarded)
        if boarding is not None:
            times.add(milliseconds(boarding.about["occurred_at"]))
        chosen = {case.facility, boarding.facility or None if boarding else case.facility}
        if not times:
            wrong.append("nobody had boarded")
        elif seen.admitted_ms not in times:
            wrong.append("it was not opened at the boarding time")
        if times and seen.facility not in chosen:
            wrong.append("it names another facility than was chosen")
        if boarding is not None:
            item = case.acts[boarding.id]
            self._ledger.measure(item, self._tally.boarding_to_admission, seen.t)
        if wrong:
            self._tally.misadmit(seen.id, f"{case.handle}: {'; '.join(wrong)}")

    def _admits(self, seen: QueueSeen, case: Case) -> None:
        """Once a record shows the admission, all later ones show the same."""
        if seen.admission is not None:
            case.admitted_from = min(case.admitted_from, seen.version)
            self._is_the_one(seen.id, *seen.admission, case)
        elif seen.version > case.admitted_from and not case.may_be_cancelled:
            told = f"version {seen.version} shows no admission any more"
            self._tally.misadmit(seen.id, f"{case.handle}: {told}")

    def _is_the_one(self, id_: str, number: str, admitted_ms: int, case: Case) -> None:
        """Whether it is the admission that was told of first, by whichever topic told it."""
        case.number = case.number or number
        case.admitted = case.admitted or {admitted_ms}
        if number == case.number and admitted_ms in case.admitted:
            return
        if (number, admitted_ms) not in case.other_admissions:  # one, however many records show it
            case.other_admissions.add((number, admitted_ms))
            told = f"{number} is not the admission that was opened, or not its time"
            self._tally.misadmit(id_, f"{case.handle}: {told}")

    def _agree(self, case: Case, version: int, worst: str) -> None:
        if not case.show(version, worst):
            self._wrong_version(case, version, f"version {version} differs between queue and feed")

    def _wrong_version(self, case: Case, version: int, told: str) -> None:
        if version not in case.wrong_versions:  # one record, however many queues it stands in
            case.wrong_versions.add(version)
            self._tally.mislevel(case.encounter_id, f"{case.handle}: {told}")
