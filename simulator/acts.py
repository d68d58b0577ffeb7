"""What each act of a story asks of which service, and what its events will carry."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from simulator import ecg
from simulator.city import City, Spot, metres
from simulator.pace import moment
from simulator.story import Step
from simulator.tale import Tale

Service: TypeAlias = Literal["dispatch", "gateway", "bridge"]


class Door(NamedTuple):
    """Where an act is sent; names in braces are filled from the tale."""

    service: Service
    path: str
    method: Literal["POST", "PUT"] = "POST"


_INCIDENT = "/v1/incidents/{incident_id}"
_ENCOUNTER = "/v1/encounters/{encounter_id}"
_CLINIC = "/v1/facilities/{facility_id}/encounters"
_FACILITY = "/v1/facilities/{facility_id}/encounters/{encounter_id}"

DOORS: Mapping[str, Door] = {
    "call": Door("dispatch", "/v1/incidents"),
    "locate": Door("dispatch", f"{_INCIDENT}/location", "PUT"),
    "classify": Door("dispatch", f"{_INCIDENT}/classification", "PUT"),
    "merge": Door("dispatch", f"{_INCIDENT}/merge"),
    "close": Door("dispatch", f"{_INCIDENT}/closed"),
    "assign": Door("dispatch", f"{_INCIDENT}/units"),
    "found": Door("dispatch", f"{_INCIDENT}/encounters"),
    "stamp": Door("dispatch", "/v1/units/{unit_id}/stamps"),
    "reached": Door("dispatch", f"{_ENCOUNTER}/reached"),
    "attach": Door("dispatch", f"{_ENCOUNTER}/devices"),
    "detach": Door("dispatch", f"{_ENCOUNTER}/devices/{{device_id}}/detached"),
    "update": Door("dispatch", f"{_ENCOUNTER}/patient", "PUT"),
    "destination": Door("dispatch", f"{_ENCOUNTER}/destination"),
    "boarding": Door("dispatch", f"{_ENCOUNTER}/boarding"),
    "handed_to_unit": Door("dispatch", f"{_ENCOUNTER}/handed-to-unit"),
    "outcome": Door("dispatch", f"{_ENCOUNTER}/outcome"),
    "walk_in": Door("dispatch", _CLINIC),
    "transfer_request": Door("dispatch", f"{_FACILITY}/transfer-request"),
    "reading": Door("gateway", f"{_ENCOUNTER}/vitals"),
    "finding": Door("gateway", f"{_ENCOUNTER}/findings"),
    "examination": Door("gateway", f"{_ENCOUNTER}/examinations"),
    "treatment": Door("gateway", f"{_ENCOUNTER}/treatments"),
    "background": Door("gateway", f"{_ENCOUNTER}/background"),
    "level": Door("gateway", f"{_ENCOUNTER}/level"),
    "retraction": Door("gateway", f"{_ENCOUNTER}/retractions"),
    "reattribution": Door("gateway", f"{_ENCOUNTER}/reattributions"),
    "acknowledgement": Door("bridge", f"{_FACILITY}/acknowledgement"),
    "acceptance": Door("bridge", f"{_FACILITY}/acceptance"),
    "redirect_request": Door("bridge", f"{_FACILITY}/redirect-request"),
    "activation": Door("bridge", f"{_FACILITY}/activation"),
    "answer": Door("bridge", f"{_FACILITY}/departments/{{department}}/answer"),
    "direct_to": Door("bridge", f"{_FACILITY}/direct-to"),
    "direct_to_revoked": Door("bridge", f"{_FACILITY}/direct-to/revoked"),
    "bed": Door("bridge", f"{_FACILITY}/bed"),
    "bed_released": Door("bridge", f"{_FACILITY}/bed/released"),
    "identity": Door("bridge", f"{_FACILITY}/identity"),
    "formality": Door("bridge", f"{_FACILITY}/formalities"),
    "arrival": Door("bridge", f"{_FACILITY}/arrival"),
    "death": Door("bridge", f"{_FACILITY}/death"),
    "milestone": Door("bridge", f"{_FACILITY}/milestones"),
    "transfer": Door("bridge", f"{_FACILITY}/transfer"),
    "report": Door("bridge", f"{_FACILITY}/outcome"),
}
#: What of the particulars the request itself repeats.
_REPEATS: Mapping[str, tuple[str, ...]] = {
    "assign": ("unit_id",),
    "reached": ("unit_id",),
    "boarding": ("unit_id",),
    "handed_to_unit": ("unit_id", "to_unit_id"),
    "attach": ("device_id",),
    "destination": ("facility_id",),
    "merge": ("into",),
    "reattribution": ("device_id", "to_encounter_id"),
}

#: Beats a minute where the monitor shows no heart rate.
RESTING = 72


def about(tale: Tale, step: Step, t: float) -> dict[str, str]:
    """Whose act it is, which vehicle and facility it is about, and when it was done."""
    patient, van = tale.patient(step.patient), tale.van(step.unit)
    told = {
        "encounter_id": patient.encounter_id,
        "incident_id": tale.incidents.get(step.call, ""),
        "unit_id": van.vehicle.unit_id,
        "leg_id": tale.legs.get(step.unit, ""),
        "device_id": van.vehicle.monitor(step.monitor),
        "facility_id": tale.facility(step.facility).id,
        "occurred_at": moment(t),
    }
    if step.act == "answer":
        told["department"] = step.body["department"]
    if step.other is not None:
        told |= _other(tale, step.act, step.other)
    return told


def _other(tale: Tale, act: str, name: str) -> dict[str, str]:
    match act:
        case "handed_to_unit":
            return {"to_unit_id": tale.van(name).vehicle.unit_id}
        case "merge":
            return {"into": tale.incidents[name]}
        case "found":
            return {"mother_id": tale.patients[name].encounter_id}
        case "walk_in":
            return {"continues": tale.patients[name].encounter_id}
        case _:
            return {"to_encounter_id": tale.patients[name].encounter_id}


def body_of(tale: Tale, step: Step, t: float) -> dict[str, Any]:
    """What the request carries."""
    told = about(tale, step, t)
    body = {**step.body, "occurred_at": told["occurred_at"]}
    body |= {name: told[name] for name in _REPEATS.get(step.act, ())}
    body |= _files(tale, step)
    match step.act:
        case "call":
            body["location"] = _location(tale, tale.mission.said, 100)
            body["call"] = {
                "received_at": moment(t - 48),
                "answered_at": moment(t - 44),
                "accepted_at": told["occurred_at"],
            }
        case "locate":
            body["location"] = _location(tale, tale.mission.scene, 8)
        case "transfer_request":
            latitude, longitude = tale.facility(step.facility).point
            body["location"] = {"latitude": latitude, "longitude": longitude}
        case "assign":
            latitude, longitude = tale.van(step.unit).vehicle.station.point
            body["station"] = {"latitude": latitude, "longitude": longitude}
        case "found" if step.other is not None:
            body["mother_id"] = told["mother_id"]
            body["patient"] = {**body["patient"], "birth_time": told["occurred_at"]}
        case "walk_in" if step.other is not None:
            body["continues"] = told["continues"]
        case "reattribution":
            body["since"], body["until"] = map(moment, tale.taken_for(t))
        case "answer":  # which department answers stands in the path
            del body["department"]
        case "retraction":
            body["observation_id"] = tale.ids[str(step.about)]
    return body


def picture_of(tale: Tale, step: Step) -> bytes | None:
    """The picture that an examination leaves behind; None where there is none. The first time
    it has to be drawn, which takes a while."""
    if step.body.get("examination") != "ecg_12_lead":
        return None
    shown = tale.story.hold_at(step.patient, step.at)
    return ecg.drawn(tuple(step.body["shows"]), shown.heart_rate or RESTING)


def _files(tale: Tale, step: Step) -> dict[str, Any]:
    picture = picture_of(tale, step)
    return {} if picture is None else {"attachments": [described(picture)]}


def described(picture: bytes) -> dict[str, Any]:
    """A picture as its examination names it."""
    name = hashlib.sha256(picture).hexdigest()
    return {"sha256": name, "media_type": "image/png", "size": len(picture)}


def _location(tale: Tale, spot: Spot, accuracy_m: float) -> dict[str, Any]:
    latitude, longitude = spot
    where = {"latitude": latitude, "longitude": longitude, "accuracy_m": accuracy_m}
    return {**where, "address": tale.mission.address}


def enrolment(known: City) -> Iterator[tuple[str, dict[str, Any]]]:
    """The register of a city: where each station and hospital is entered, and as what."""
    for hospital in known.facilities:
        body = {"name": hospital.name.model_dump(), "location": _at(hospital.point)}
        yield (
            f"/v1/facilities/{hospital.id}",
            {
                **body,
                "centres": list(hospital.centres),
                "phone": hospital.phone,
            },
        )
    for station in known.stations:
        nearest = min(known.facilities, key=lambda each: metres(each.point, station.point))
        yield (
            f"/v1/stations/{station.id}",
            {
                "name": station.name.model_dump(),
                "kind": station.kind,
                "county": station.county,
                "location": _at(station.point),
                "network_facility_id": nearest.id,
                "enrolled_from": "2024-01-01",
            },
        )


def _at(spot: Spot) -> dict[str, float]:
    return {"latitude": spot[0], "longitude": spot[1]}
