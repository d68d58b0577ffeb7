"""Which patient the page follows closely, and what is shown of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from web.stage import URGENCY, Encounter, Stage

#: How many patients' vitals are read besides those on the screen.
CANDIDATES = 6
#: What just happened counts as dramatic this long.
RECENT_MS = 60_000


def featured(stage: Stage, shown: Iterable[str], now: float) -> dict[str, Any] | None:
    """The patient to follow. Also turns the spotlight to those who may be followed next."""
    alive = [e for e in stage.encounters.values() if e.over is None and e.stamps]
    ranked = sorted(alive, key=lambda e: -_drama(stage, e, now))[:CANDIDATES]
    stage.spotlight = frozenset(shown) | {e.key for e in ranked}
    chosen = ranked[0] if ranked else stage.encounters.get(stage.featured or "")
    if chosen is None:
        return None
    stage.featured = chosen.key
    return _portrait(stage, chosen)


def _drama(stage: Stage, encounter: Encounter, now: float) -> float:
    """Urgent, watched by a monitor, about to board or just boarded; and no needless changing."""
    boarded = encounter.stamps.get("boarded")
    score = 10.0 * URGENCY[encounter.level]
    score += 15 * ("centre-chest-pain" in encounter.told or _has_chest_pain(encounter))
    score += 20 * ("arrived" not in encounter.stamps)
    score += 30 * ("reached" in encounter.stamps and boarded is None)
    score += 15 * _is_recent(boarded, now)
    score += 25 * (boarded is None and _is_recent(encounter.stamps.get("reached"), now))
    score += 15 * _is_recent(encounter.rose[1] if encounter.rose else None, now)
    score += 10 * bool(encounter.trace)
    if encounter.key == stage.featured:
        score += 45 * (boarded is None or _is_recent(boarded, now))
    return score


def _has_chest_pain(encounter: Encounter) -> bool:
    return (encounter.patient or {}).get("complaint") == "chest_pain"


def _is_recent(at: float | None, now: float) -> bool:
    return at is not None and now - at < RECENT_MS


def _portrait(stage: Stage, encounter: Encounter) -> dict[str, Any]:
    incident = stage.incidents.get(encounter.incident or "")
    stamps = dict(encounter.stamps)
    if incident:
        stamps |= {k: v for k, v in incident.stamps.items() if k in ("notified", "departed")}
        if incident.accepted is not None:
            stamps["accepted"] = incident.accepted
    return {
        "id": encounter.key,
        "unit": encounter.unit or (incident.unit if incident else None),
        "address": incident.address if incident else None,
        "facility": encounter.facility,
        "patient": encounter.patient,
        "level": encounter.level,
        "trend": encounter.trend,
        "rose": encounter.rose,
        "reasons": encounter.reasons,
        "vitals": encounter.vitals,
        "trace": [[at, rate] for at, rate in encounter.trace],
        "stamps": stamps,
        "admission": encounter.admission_number,
        "after_ms": encounter.admitted_after_ms,
        "acknowledged_by": encounter.acknowledged_by,
    }
