"""What humans at the boards do while the city lives: it is no fault of the services'.

Pure. What a human did is known by its name alone (``is_by_hand``), never by what follows from it: a
level that fell, a second effect, a refusal that no such act explains is found as ever.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from schemas.triage import TriageLevel
from simulator.case import ALL_QUEUES, Case
from simulator.ledger import FOLLOWS, Ledger, Refusal
from simulator.reading import EffectSeen, PromiseSeen, SampleSeen, is_by_hand

#: Answers of a service that somebody else was faster, or that the patient is somebody else's.
FASTER = frozenset({404, 409})
#: What an emergency department does: after another was chosen it is told of nobody.
AT_FACILITY = frozenset(
    {
        "acknowledgement", "acceptance", "redirect_request", "activation", "direct_to",
        "direct_to_revoked", "answer", "bed", "bed_released", "formality", "death", "identity",
        "arrival", "milestone", "transfer", "report",
    }
)  # fmt: skip
#: After these nothing of the patient's monitor has to be taken any more. Care is handed over by
#: two signatures, and the event of it has a name of its own.
ENDS = frozenset({"CareTransferred", "EncounterEnded", "DeviceDetached"})


class Hands:
    """Told of every event that a human may have caused."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def said(self, seen: SampleSeen, case: Case) -> None:
        """A human set a level, observed something, or took it back."""
        if seen.by_hand is None or seen.id in case.hand.said:
            return
        case.hand.said[seen.id] = seen.by_hand
        if seen.by_hand.to is not None:
            case.given.add(seen.by_hand.to)
        self._ledger.tally.by_hand += 1

    def did(self, seen: EffectSeen | PromiseSeen) -> None:
        """A human did something else, or it followed from that."""
        kind, subject, *rest = seen.key.split("/")
        case = self._ledger.cases.get(subject)
        by_hand = is_by_hand(seen.id)
        self._ledger.tally.by_hand += by_hand
        if case is None:
            return
        is_signed = kind == "CareTransferred" and "HandoverSigned" in case.hand.did
        if not by_hand and not is_signed:
            return
        case.hand.did.setdefault(kind, seen.at)
        match kind:
            case "DestinationSelected":
                self._bind(case, rest[0], seen.t)
            case "PatientBoarded":
                case.hand.boarded.add(round(seen.at * 1000))
            case "DeathDeclared":
                case.may_be_cancelled = case.is_declared = True
            case "EncounterEnded":
                case.left, case.may_be_cancelled = min(case.left, seen.known), True
            case "CareTransferred":
                case.handed_over = min(case.handed_over, seen.known)
        if kind in ENDS:  # whose a sample is is judged by when it was measured
            case.hand.over = min(case.hand.over, seen.at)
            self._let_go(case, seen.t)

    def _bind(self, case: Case, facility: str, t: float) -> None:
        """Another hospital waits; the one before need not have seen the patient."""
        for before in case.bound:
            if before != facility:
                self._ledger.meet(f"queue/{case.encounter_id}/{before}", t)
                self._ledger.meet(f"feed/{case.encounter_id}/{before}", t)
        case.bound.setdefault(facility, 0)

    def _let_go(self, case: Case, t: float) -> None:
        """What came later is shown to nobody."""
        told_until = min(case.handed_over, case.left)
        for item in [item for item in case.acting if item.sent >= told_until]:
            self._ledger.settle(item, ALL_QUEUES, t)
            case.acting.remove(item)
        for name, item in case.pictures.items():
            if item.acked is None:
                self._ledger.meet(f"picture/{case.encounter_id}/{name}", t)


def take_in(case: Case, id_: str) -> None:
    """A decision names what a human said. Of a level that they set all is known until something
    else is measured: they have weighed what there was. Of anything else nobody knows what it
    proves."""
    said = case.hand.said.get(id_)
    if said is None:
        return
    if said.level is not None:
        case.set_level(TriageLevel(said.level))
        case.hand.has_weighed = True
    elif said.gives:
        case.doubt()
    elif said.takes_back is not None:
        case.take_back([said.takes_back])
    else:
        case.prove(id_, TriageLevel.CRITICAL, sure=False)


def is_expected(refusal: Refusal) -> bool:
    """Whether a human was faster, or has ended what the city goes on with."""
    if refusal.item is None or refusal.status not in FASTER:
        return False
    hand = refusal.item.case.hand
    if refusal.item.streamed:
        return refusal.item.sent >= hand.over
    kinds: Sequence[str] = FOLLOWS.get(refusal.item.act, ())
    if refusal.item.act in AT_FACILITY:
        kinds = (*kinds, "DestinationSelected")
    since = min((hand.did.get(kind, math.inf) for kind in kinds), default=math.inf)
    return refusal.t >= min(since, hand.over)
