"""Which patient the page follows closely, and what is shown of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from web.stage import URGENCY, Encounter, Stage

#: How many patients' vitals are read besides those on the screen.
CANDIDATES = 6
#: What just happened counts as dramatic this long.
RECENT_MS = 60_000
#: What lies further ahead is a wrong clock, and no drama.
AHEAD_MS = 10_000


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
    """Urgent, watched by a monitor, and something happens: above all at the patient's side. Who
    is followed already stays so, for as long as something happens."""
    stamps = encounter.stamps
    moments = (stamps.get("reached"), stamps.get("boarded"), encounter.rose and encounter.rose[1])
    moves = any(_is_recent(at, now) for at in moments)
    is_early = "boarded" not in stamps and _is_recent(stamps.get("reached"), now)
    score = 10.0 * URGENCY[encounter.level]
    score += 15 * (len(encounter.told) > 1)  # some centre is concerned
    score += 20 * ("arrived" not in stamps) + 10 * bool(encounter.trace)
    score += 40 * moves + 80 * is_early
    return score + 30 * (moves and encounter.key == stage.featured)


def _is_recent(at: float | None, now: float) -> bool:
    return at is not None and -AHEAD_MS < now - at < RECENT_MS


def _portrait(stage: Stage, encounter: Encounter) -> dict[str, Any]:
    incident = stage.incidents.get(encounter.incident or "")
    stamps = dict(encounter.stamps)
    if encounter.is_asked_again:
        del stamps["acknowledged"]
    if incident:
        known = {"accepted": incident.accepted, **incident.stamps}
        stamps |= {k: at for k in ("accepted", "notified", "departed") if (at := known.get(k))}
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
