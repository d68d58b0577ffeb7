"""Judges who was alarmed: nobody is, for what a facility owed and has done.

What keeps a promise and what says that it is late lie in one topic under one key, in the order in
which the facility's acts were taken in: an alarm behind the act knew of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.case import Case
from simulator.reading import AdmissionSeen, PromiseSeen
from simulator.tally import Tally

#: All that is owed to a patient who is bound for a facility; and what of it, until they are there.
ALL = "all"
UNSEEN = frozenset({"delivered", "displayed", "acknowledged"})
BEFORE_ARRIVAL = frozenset({*UNSEEN, "acknowledged again", "direct_to_confirmed"})
#: What an event keeps, whatever stands in it. Who acts on the record has seen it.
KEEPS: Mapping[str, frozenset[str]] = {
    "RecordDelivered": frozenset({"delivered"}),
    "RecordDisplayed": frozenset({"delivered", "displayed"}),
    "Acknowledged": UNSEEN,
    "Accepted": UNSEEN,
    "CentreActivated": UNSEEN,
    "DirectToConfirmed": UNSEEN | {"direct_to_confirmed"},
    "PatientArrived": BEFORE_ARRIVAL,
    "CareTransferred": frozenset({ALL}),
}


class Alarms:
    """Nobody is called about what was done. That a human there is asked to look once more is known
    to the bridge alone: it is held against arrival and handover, and not against the look before.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def note(self, seen: PromiseSeen, case: Case) -> None:
        """Take in what keeps a promise, or says that one is late; each for the first time."""
        kept = case.kept.setdefault(seen.facility, set())
        match seen.kind:
            case "Escalated":
                owed = seen.what
                if owed == "acknowledged" and seen.because != "bound":
                    owed = "acknowledged again"
                if kept & {owed, ALL}:
                    told = f"{seen.facility} was called about {seen.what}, which was done"
                    self._tally.alarm(seen.id, f"{case.handle}: {told}")
            case "DirectToRevoked":  # a way that is proposed later has to be confirmed anew
                kept.discard("direct_to_confirmed")
            case "DepartmentAnswered":  # the newest answer counts
                kept.discard(answered := f"department_answered/{seen.what}")
                kept |= {answered} if seen.because == "coming" else frozenset()
            case "ActivationWithdrawn":  # who is called once more answers anew
                kept -= {each for each in kept if each.startswith("department_answered/")}
            case "MilestoneReached":
                kept.add(seen.what)
            case "MilestoneRevoked":
                kept.discard(seen.what)
            case "ArrivalRevoked":  # what it had ended is owed again
                kept -= BEFORE_ARRIVAL
            case _:
                kept |= KEEPS.get(seen.kind, frozenset())

    def moved(self, seen: AdmissionSeen, case: Case) -> None:
        """The patient goes elsewhere, or nowhere: the facility before owes nothing any more."""
        if seen.kind == "AdmissionBound" and seen.facility is not None:
            case.kept.pop(seen.facility, None)  # also of who comes back, all is owed anew
        left = seen.facility if seen.kind == "AdmissionCancelled" else seen.before
        if left is not None and not case.is_declared:
            case.kept.setdefault(left, set()).add(ALL)
