"""Dispatcher, crew and department press what they have to; the truth is told before."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from prometheus_client import Counter

from simulator import truth
from simulator.acts import DOORS, about, body_of
from simulator.endpoints import Endpoints
from simulator.journal import Journal
from simulator.outside import Outside, Refused, Request
from simulator.patient import Patient, Van, moment
from simulator.story import Step

log = logging.getLogger(__name__)

ACTS = Counter("greenchannel_simulator_acts_total", "Acts by outcome", ["act", "outcome"])


class People:
    """Sends acts. ``patients`` are all that were ever called for in this run, by encounter."""

    def __init__(self, endpoints: Endpoints, journal: Journal) -> None:
        self._tokens = endpoints.tokens
        self._journal = journal
        self._outside = Outside(endpoints)
        self.patients: dict[str, Patient] = {}

    async def act(self, patient: Patient, step: Step) -> None:
        """Do it, for as long as it takes; in a story told from its midst, as done when it was due,
        and only entered now. Raises ``Refused`` when the service will not have it."""
        t = time.time()
        is_told = patient.is_forwarding and step.by != "department"  # who answers, answers now
        done = max(patient.pace.due(step.at), patient.van.free_since) if is_told else t
        key = f"{patient.handle}.{step.name}"
        if step.act != "call":  # who the patient is stands in the answer to the call
            self._journal.write(_sent(key, patient, step, t, done))
        try:
            answer = await self._outside.act(self._request(key, patient, step, done))
        except Refused as error:
            self._journal.write(truth.Refused(t=time.time(), ids=[key], status=error.status))
            ACTS.labels(step.act, "refused").inc()
            log.error("an act is refused: %s %s", step.act, error, extra={"action": "refused"})
            raise
        ACTS.labels(step.act, "done").inc()
        self._learn(patient, step, answer)
        if step.act != "call":
            self._journal.write(truth.Acknowledged(t=time.time(), ids=[key]))

    async def stamp(self, patient: Patient, status: str) -> None:
        """A status of the unit that belongs to no patient, and that no one is judged by."""
        body = {"status": status, "occurred_at": moment(time.time())}
        key = f"{patient.handle}.{status}"
        path = f"/v1/units/{patient.van.vehicle.unit_id}/stamps"
        await self._outside.act(Request("dispatch", "POST", path, self._tokens.crew, key, body))

    async def leave(self, encounter_id: str, epoch: str) -> None:
        """End an encounter that nobody goes on with: its monitor speaks for it no longer."""
        body = {"outcome": "left_by_other_means", "occurred_at": moment(time.time())}
        path = f"/v1/encounters/{encounter_id}/outcome"
        key = f"{epoch}-{encounter_id}.left"
        with contextlib.suppress(Refused):  # it had ended
            await self._outside.act(Request("dispatch", "POST", path, self._tokens.crew, key, body))

    async def free(self, van: Van, epoch: str) -> bool:
        """Make a unit available that an abandoned mission may still hold, and end that mission's
        encounters; false when nobody ever sent it."""
        unit_id = van.vehicle.unit_id
        body = {"status": "available", "occurred_at": moment(time.time())}
        key = f"{epoch}-{unit_id}.free"
        path = f"/v1/units/{unit_id}/stamps"
        try:
            unit = await self._outside.act(
                Request("dispatch", "POST", path, self._tokens.crew, key, body)
            )
        except Refused as error:
            return error.status != 404
        if leg := unit.get("leg"):
            path = f"/v1/incidents/{leg['incident_id']}"
            asked = Request("dispatch", "GET", path, self._tokens.dispatcher, key, {})
            with contextlib.suppress(Refused):  # nobody knows of it any more
                for encounter_id in (await self._outside.act(asked))["encounter_ids"]:
                    await self.leave(encounter_id, epoch)
        return True

    async def close(self) -> None:
        """Close all connections."""
        await self._outside.close()

    def _request(self, key: str, patient: Patient, step: Step, done: float) -> Request:
        door = DOORS[step.act]
        match step.by:
            case "department":
                token = self._tokens.centre[patient.mission.facility.id]
            case "crew":
                token = self._tokens.crew
            case _:
                token = self._tokens.dispatcher
        path = door.path.format_map(about(patient, done))
        return Request(door.service, door.method, path, token, key, body_of(step, patient, done))

    def _learn(self, patient: Patient, step: Step, answer: Mapping[str, Any]) -> None:
        match step.act:
            case "call":
                patient.incident_id = answer["incident_id"]
                patient.encounter_id = answer["encounter_ids"][0]
                self.patients[patient.encounter_id] = patient
                self._journal.write(_begun(patient))
            case "assign":
                patient.leg_id = answer.get("leg_id") or answer["leg"]["leg_id"]
            case "destination":
                patient.is_destined = True


def _begun(patient: Patient) -> truth.EncounterBegan:
    return truth.EncounterBegan(
        t=time.time(),
        handle=patient.handle,
        encounter_id=patient.encounter_id,
        incident_id=patient.incident_id,
        story=patient.story.story,
        first_level=patient.story.first_level.value,
        centres=[centre.value for centre in patient.story.centres],
    )


def _sent(key: str, patient: Patient, step: Step, t: float, done: float) -> truth.ActSent:
    told = about(patient, done)
    if step.act == "stamp":
        told |= {"status": step.body["status"], "source": "crew"}
    return truth.ActSent(
        t=t,
        id=key,
        handle=patient.handle,
        act=step.act,
        about=told,
        level=step.then.worst.value if step.then else None,
        destined=patient.is_destined,
        timely=not patient.is_forwarding,
    )
