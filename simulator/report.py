"""The report of a run and the line at the foot of the page, from what the verdict has counted."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from schemas.topics import registry
from schemas.triage import Centre
from simulator.case import EFFECTS, FOLDED, SEEN, Item
from simulator.hands import is_expected
from simulator.tally import FINDINGS
from simulator.truth import ActSent
from simulator.verdict import PATIENCE_S, Verdict

#: Distributions whose versions a reader of the report wants to know.
_PARTS = ("aiokafka", "asyncpg", "fastapi", "faust-streaming", "pydantic", "uvicorn")


def versions() -> Mapping[str, str]:
    """What the run was made with, as far as this environment knows it."""
    return {"python": platform.python_version()} | {p: metadata.version(p) for p in _PARTS}


def report(verdict: Verdict, now: float) -> dict[str, Any]:
    """The count, taken at ``now``. ``recovery_s`` is left to who restarts the services."""
    verdict.hear_out()
    tally, presence = verdict.tally, verdict.ledger.presence
    boardings = verdict.ledger.boardings.values()
    gaps = [(case, gap) for case in verdict.ledger.cases.values() for gap in case.gaps()]
    owed = verdict.owed()
    lost = [_finding(item.id, _lacking(item)) for item in owed]
    lost += [_finding(case.encounter_id, f"{case.handle}: {gap}") for case, gap in gaps]
    refused = [each for each in verdict.ledger.refusals if not is_expected(each)]
    told = [_finding(r.id, f"the service answered {r.status}", "refused") for r in refused]
    return {
        "vitals_sent": tally.vitals_sent,
        "vitals_per_s": presence.mean_rate(tally.vitals_sent, now),
        "live_encounters": presence.mean_live(),
        "coalesced": tally.coalesced,
        "late": tally.late,
        "redelivered": tally.redelivered.total(),
        "unknowable": unknowable(verdict),
        "incidents": tally.incidents,
        "encounters": tally.encounters,
        "boardings": sum(_has_boarded(verdict, boarding) for boarding in boardings),
        "admissions": tally.admissions,
        "prearrivals": {centre.value: tally.prearrivals[centre.value] for centre in Centre},
        "acknowledged": tally.acknowledged,
        "dead_letters": {
            name: tally.dead_letters[name]
            for name in registry().topics
            if name.endswith("-dead-letters")
        },
        "dispatch_within_3min": verdict.legs.within_limit(now),
        "latency_ms": {
            "vitals_to_decision": tally.vitals_to_decision.summary(),
            "vitals_to_queue": tally.vitals_to_queue.summary(),
            "boarding_to_admission": tally.boarding_to_admission.summary(),
        },
        "ground_truth": {
            "lost": len(lost),
            "duplicated": tally.doubled,
            "wrong_facility": tally.wrong_facility,
            "wrong_level": tally.wrong_level,
            "wrong_admission": tally.wrong_admission,
            "false_alarm": tally.false_alarm,
        },
        "recovery_s": {},
        "versions": versions(),
        "refused": len(refused),
        "by_hand": {
            "acts": tally.by_hand,
            "done_by_both": tally.done_by_both,
            "refused": len(verdict.ledger.refusals) - len(refused),
        },
        "redelivered_of": dict(tally.redelivered),
        "findings": _of_each_kind([*tally.findings, *told, *lost]),
    }


def score(verdict: Verdict, now: float) -> dict[str, Any]:
    """The totals while the run goes on. What is lost here may still heal: then it was late."""
    tally, presence = verdict.tally, verdict.ledger.presence
    lost = [item for item in verdict.owed() if now - (item.acked or now) > PATIENCE_S]
    waiting = sum(item.is_excused for item in verdict.ledger.open.values())
    since = presence.began
    return {
        "sent": tally.sent,
        "arrived": tally.arrived + waiting,
        "lost": len(lost),
        "doubled": tally.doubled,
        "late": tally.late,
        "redelivered": tally.redelivered.total(),
        "wrong": tally.wrong_facility
        + tally.wrong_level
        + tally.wrong_admission
        + tally.false_alarm,
        "p50": tally.vitals_to_queue.quantile(0.50),
        "p99": tally.vitals_to_queue.quantile(0.99),
        "boarding_to_admission_p50": tally.boarding_to_admission.quantile(0.50),
        "live_encounters": presence.live,
        "vitals_per_s": presence.rate_now(now),
        "since": None if since is None else datetime.fromtimestamp(since, UTC).isoformat(),
    }


def unknowable(verdict: Verdict) -> list[str]:
    """What this judge could not see, in sentences."""
    said = []
    if verdict.tally.before:
        said.append(
            f"{verdict.tally.before} items were sent before the judge began to look: their"
            " latencies, whether they came late, and what the feeds showed then"
        )
    if verdict.tally.homeless:
        said.append(
            f"{verdict.tally.homeless} samples of monitors that no crew had entered: what they"
            " would have proven"
        )
    hands = [case.hand for case in verdict.ledger.cases.values()]
    observed = sum(not hand.has_weighed and bool(hand.said) for hand in hands)
    if weighed := sum(hand.has_weighed for hand in hands):
        said.append(
            f"{weighed} patients whose level a human at a board has set: what of it is proven anew"
            " by what was measured later"
        )
    if observed:
        said.append(f"{observed} patients observed by humans at boards: what that proves")
    unread = sum(len(seen) for case in verdict.ledger.cases.values() for seen in case.waiting)
    if unread:
        said.append(f"{unread} decisions that records in queues show, but that were never read")
    return said


def _has_boarded(verdict: Verdict, boarding: ActSent) -> bool:
    """Acknowledged to the crew, or stored although its answer was lost."""
    item = verdict.ledger.cases[boarding.about["encounter_id"]].acts[boarding.id]
    return item.acked is not None or not item.lacks & EFFECTS[0]


def _of_each_kind(findings: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The first of each kind: hundreds of one must not hide the others."""
    seen: Counter[str] = Counter()
    told = []
    for finding in findings:
        seen[finding["what"]] += 1
        if seen[finding["what"]] <= FINDINGS:
            told.append(finding)
    return told


def _finding(about: str, sentence: str, what: str = "lost") -> dict[str, str]:
    return {"what": what, "id": about, "finding": sentence}


def _lacking(item: Item) -> str:
    if item.lacks & SEEN:
        return "acknowledged, and never seen under its encounter"
    if item.lacks & FOLDED:
        return "named in no decision of its encounter"
    return "acknowledged, and an effect of it was never seen"
