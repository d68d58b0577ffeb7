"""Chooses from the stage what one screen can show: the sections the page is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from math import cos, hypot, radians
from typing import Any, NamedTuple

from web.fold import UNREADABLE, milliseconds, settle, why
from web.spotlight import featured
from web.stage import URGENCY, Encounter, Incident, Stage, Unit

CALLS, CARDS, CHIPS, UNITS, SCENES = 8, 6, 12, 120, 40
#: What is over still shows this long, so that one sees it leave.
LEAVING_MS = 5_000
#: Everyone stands in the emergency department's queue; the centres' show who of them concerns them.
EMERGENCY = "centre-emergency"
CENTRES = {
    "centre-chest-pain": "chest_pain",
    "centre-stroke": "stroke",
    "centre-trauma": "trauma",
    "centre-maternal": "maternal",
    "centre-neonatal": "neonatal",
}
#: The steps of a call in their order; the furthest one reached is its state.
STEPS = (
    "notified", "acknowledged", "departed", "on_scene", "reached", "boarded",
    "left_scene", "at_destination", "arrived", "transferred", "ended",
)  # fmt: skip
_WITHOUT_MISSION = frozenset({"available", "returning", "stood_down", "out_of_service"})

Place = tuple[float, float]


class Look(NamedTuple):
    """One look at the stage: ``patients`` are those of each incident, the most urgent first."""

    stage: Stage
    facilities: Mapping[str, Place]
    now: float
    patients: Mapping[str, list[Encounter]]


def sections(stage: Stage, facilities: Mapping[str, Place], now: float) -> dict[str, Any]:
    """Everything that changes on the page, by section."""
    settle(stage)
    patients = {key: _patients(stage, incident) for key, incident in stage.incidents.items()}
    look = Look(stage, facilities, now, patients)
    units = _units(look)  # first: it reads the fixes that the cards' distances come from
    calls = _calls(look)
    queue = _queue(look)
    shown = {key for call in calls["shown"] for key in call["encounters"]}
    shown |= {card["id"] for card in queue["cards"]}
    return {
        "calls": calls,
        "queue": queue,
        "centres": [_centre(look, topic) for topic in CENTRES],
        "featured": featured(stage, shown, now),
        "units": units,
        "scenes": _scenes(look),
    }


def _patients(stage: Stage, incident: Incident) -> list[Encounter]:
    found = [stage.encounters[key] for key in incident.encounters if key in stage.encounters]
    if len(found) > 1:
        found.sort(key=lambda e: -URGENCY[e.level])
    return found


def _calls(look: Look) -> dict[str, Any]:
    """Calls whose clock still runs come before the others; within that the newest first."""
    alive = [i for i in look.stage.incidents.values() if i.accepted is not None and _is_on(look, i)]
    alive.sort(key=lambda i: (_has_left(look, i), -(i.accepted or 0)))
    shown = sorted(alive[:CALLS], key=lambda i: -(i.accepted or 0))
    return {
        "shown": [_call(look, incident) for incident in shown],
        "open": len(alive),
        "departures": _departures(look.stage),
    }


def _has_left(look: Look, incident: Incident) -> bool:
    """Whether its unit has left, though nobody may have stamped it."""
    of_patients = (patient.stamps for patient in look.patients[incident.key])
    return any(step in stamps for stamps in (incident.stamps, *of_patients) for step in STEPS[2:])


def _is_on(look: Look, incident: Incident) -> bool:
    over = look.stage.over(incident)
    return over is None or look.now - over < LEAVING_MS


def _call(look: Look, incident: Incident) -> dict[str, Any]:
    patients = look.patients[incident.key]
    stamps = {**incident.stamps, **(patients[0].stamps if patients else {})}
    state = next((step for step in reversed(STEPS) if step in stamps), "accepted")
    gps = look.stage.departed_by_gps.get(incident.leg or "")
    return {
        "id": incident.key,
        "encounters": incident.encounters,
        "accepted": incident.accepted,
        "notified": incident.stamps.get("notified"),
        "departed": incident.stamps.get("departed") or gps,
        "gps": gps,
        "unit": incident.unit,
        "address": incident.address,
        "state": state,
        "state_at": stamps.get(state, incident.accepted),
        "level": patients[0].level if patients else "not_yet",
        "patient": known(patients[0].patient if patients else None),
    }


def known(patient: dict[str, Any] | None) -> dict[str, Any]:
    """What is known of a patient; unknown is a value."""
    given = patient or {}
    return {
        "age": given.get("age"),
        "birth_time": given.get("birth_time"),
        "sex": given.get("sex", "unknown"),
        "identity": given.get("identity", "unknown"),
        "complaint": given.get("complaint", "unknown"),
        "text": given.get("complaint_text"),
    }


def _departures(stage: Stage) -> dict[str, int]:
    """Of the calls the page remembers: how many units left within three minutes of notification."""
    took = [
        i.stamps["departed"] - i.stamps["notified"]
        for i in stage.incidents.values()
        if "departed" in i.stamps and "notified" in i.stamps
    ]
    return {"within": sum(t <= 180_000 for t in took), "all": len(took)}


def _queue(look: Look) -> dict[str, Any]:
    waiting = _waiting(look, EMERGENCY)
    return {
        "all": len(waiting),
        "admitted": sum(e.admission_number is not None for e in waiting),
        "cards": [card for e in waiting[:CARDS] if (card := _card(look, e))],
    }


def _centre(look: Look, topic: str) -> dict[str, Any]:
    waiting = _waiting(look, topic)
    return {
        "centre": CENTRES[topic],
        "all": len(waiting),
        "admitted": sum(e.admission_number is not None for e in waiting),
        "chips": [_chip(e) for e in waiting[:CHIPS]],
    }


def _chip(encounter: Encounter) -> dict[str, Any]:
    leaving = encounter.over is not None or "transferred" in encounter.stamps
    return {
        "id": encounter.key,
        "level": encounter.level,
        "admitted": encounter.admission_number is not None,
        "leaving": leaving,
    }


def _waiting(look: Look, topic: str) -> list[Encounter]:
    """Who stands in a queue, or has just left it; the most urgent first."""
    listed = [e for e in look.stage.encounters.values() if topic in e.told]
    waiting = [e for e in listed if e.over is None or look.now - e.over < LEAVING_MS]
    return sorted(waiting, key=_most_urgent_first)


def _most_urgent_first(encounter: Encounter) -> tuple[int, bool, float]:
    """By level; who is on the way before who has arrived; then by what happened last."""
    latest = max(encounter.admission_seen or 0.0, *encounter.listed.values())
    return -URGENCY[encounter.level], "arrived" in encounter.stamps, -latest


def _card(look: Look, encounter: Encounter) -> dict[str, Any] | None:
    if encounter.card is None:
        with suppress(*UNREADABLE):
            encounter.card = _told(next(iter(encounter.told.values())))
    if encounter.card is None:
        return None
    unit = look.stage.units.get(encounter.unit or "")
    there = look.facilities.get(encounter.card["facility"])
    stamps = ("boarded", "admitted", "acknowledged", "arrived", "transferred", "ended")
    return {
        "id": encounter.key,
        **encounter.card,
        **{name: encounter.stamps.get(name) for name in stamps},
        "unit": encounter.unit,
        "distance_km": _kilometres(unit.place, there) if unit and unit.place and there else None,
        "admission": encounter.admission_number,
        "admitted_seen": encounter.admission_seen,
        "after_ms": encounter.admitted_after_ms,
        "acknowledged_by": encounter.acknowledged_by,
        "again": encounter.is_asked_again,
    }


def _told(value: bytes) -> dict[str, Any]:
    """What the facility itself was told, not what others know by now."""
    event = json.loads(value)
    record = event["record"]
    reasons = why(record)
    return {
        "facility": event["facility_id"],
        "version": event["version"],
        "told_at": milliseconds(event["occurred_at"]),
        "level": record["worst"],
        "reason": reasons[0]["text"] if reasons else None,
        "patient": known(record["patient"]),
    }


def _kilometres(a: Place, b: Place) -> float:
    """Through the air; near enough within a city."""
    north = (a[0] - b[0]) * 111.2
    east = (a[1] - b[1]) * 111.2 * cos(radians(a[0]))
    return round(hypot(north, east), 1)


def _units(look: Look) -> list[list[Any]]:
    """Ambulances with their patient's level and where they are going; busy ones first."""
    busy_first = sorted(look.stage.units.values(), key=lambda u: u.status in _WITHOUT_MISSION)
    return [row for unit in busy_first[:UNITS] if (row := _unit(look, unit))]


def _unit(look: Look, unit: Unit) -> list[Any] | None:
    if unit.fix is not None:
        with suppress(*UNREADABLE):
            _place(unit, json.loads(unit.fix))
        unit.fix = None
    if unit.place is None:
        return None
    phase, level, target = "idle", "", None
    incident = look.stage.incidents.get(unit.incident or "")
    patients = [e for e in look.patients.get(unit.incident or "", ()) if e.over is None]
    if incident and patients and unit.status not in _WITHOUT_MISSION:
        stamps = patients[0].stamps
        phase = "in" if "boarded" in stamps else "out"
        level = patients[0].level
        target = (
            look.facilities.get(patients[0].facility or "") if phase == "in" else incident.place
        )
        target = None if "arrived" in stamps else target
    return [unit.key, *unit.place, phase, level, target, unit.fixed_at]


def _place(unit: Unit, fix: dict[str, Any]) -> None:
    unit.fixed_at = milliseconds(fix["occurred_at"])
    unit.place = (fix["latitude"], fix["longitude"])


def _scenes(look: Look) -> list[list[Any]]:
    """Where patients wait who are not aboard yet."""
    found = []
    for incident in look.stage.incidents.values():
        patients = look.patients[incident.key]
        waits = not patients or any("boarded" not in e.stamps and not e.over for e in patients)
        if incident.place and waits:
            level = patients[0].level if patients else "not_yet"
            found.append([incident.key, *incident.place, level])
    return found[-SCENES:]
