"""What each act of a story asks of which service, and what its events will carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from simulator.outside import Service
from simulator.patient import Patient, moment
from simulator.story import Step


class Door(NamedTuple):
    """Where an act is sent; names in braces are filled from the patient."""

    service: Service
    path: str
    method: Literal["POST", "PUT"] = "POST"


_ENCOUNTER = "/v1/encounters/{encounter_id}"
_FACILITY = "/v1/facilities/{facility_id}/encounters/{encounter_id}"

DOORS: Mapping[str, Door] = {
    "call": Door("dispatch", "/v1/incidents"),
    "assign": Door("dispatch", "/v1/incidents/{incident_id}/units"),
    "stamp": Door("dispatch", "/v1/units/{unit_id}/stamps"),
    "reached": Door("dispatch", f"{_ENCOUNTER}/reached"),
    "attach": Door("dispatch", f"{_ENCOUNTER}/devices"),
    "update": Door("dispatch", f"{_ENCOUNTER}/patient", "PUT"),
    "destination": Door("dispatch", f"{_ENCOUNTER}/destination"),
    "boarding": Door("dispatch", f"{_ENCOUNTER}/boarding"),
    "reading": Door("gateway", f"{_ENCOUNTER}/vitals"),
    "examination": Door("gateway", f"{_ENCOUNTER}/examinations"),
    "treatment": Door("gateway", f"{_ENCOUNTER}/treatments"),
    "acknowledgement": Door("bridge", f"{_FACILITY}/acknowledgement"),
    "arrival": Door("bridge", f"{_FACILITY}/arrival"),
    "transfer": Door("bridge", f"{_FACILITY}/transfer"),
}
#: What of the patient's particulars the request itself repeats.
_REPEATS: Mapping[str, tuple[str, ...]] = {
    "assign": ("unit_id",),
    "reached": ("unit_id",),
    "boarding": ("unit_id",),
    "attach": ("device_id",),
    "destination": ("facility_id",),
}


def about(patient: Patient, t: float) -> dict[str, str]:
    """Whose act it is, and when."""
    return {
        "encounter_id": patient.encounter_id,
        "incident_id": patient.incident_id,
        "unit_id": patient.van.vehicle.unit_id,
        "leg_id": patient.leg_id,
        "device_id": patient.van.vehicle.device_id,
        "facility_id": patient.mission.facility.id,
        "occurred_at": moment(t),
    }


def body_of(step: Step, patient: Patient, t: float) -> dict[str, Any]:
    """What the request carries."""
    told = about(patient, t)
    body = {**step.body, "occurred_at": told["occurred_at"]}
    body |= {name: told[name] for name in _REPEATS.get(step.act, ())}
    match step.act:
        case "call":
            latitude, longitude = patient.mission.scene
            where = {"latitude": latitude, "longitude": longitude, "accuracy_m": 30}
            body["location"] = {**where, "address": patient.mission.address}
            body["call"] = {
                "received_at": moment(t - 48),
                "answered_at": moment(t - 44),
                "accepted_at": told["occurred_at"],
            }
        case "assign":
            latitude, longitude = patient.van.vehicle.station.point
            body["station"] = {"latitude": latitude, "longitude": longitude}
        case "transfer":
            body["handed_over_by"] = f"crew-{told['unit_id']}"
    return body
