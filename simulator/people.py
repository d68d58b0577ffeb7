"""Dispatcher, crew and department press what they have to; the truth is told before."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from prometheus_client import Counter

from simulator import truth
from simulator.acts import DOORS, about, body_of, enrolment, picture_of
from simulator.city import City, Vehicle
from simulator.endpoints import Endpoints
from simulator.journal import Journal
from simulator.outside import Outside, Refused, Request
from simulator.pace import moment
from simulator.story import Step
from simulator.tale import Patient, Tale, Van
from simulator.uplink import Uplink

log = logging.getLogger(__name__)

#: Every vehicle of the city carries the same.
ABOARD = ("defibrillator", "ecg", "obstetric_kit", "incubator")
#: No bed may be left, and then none is given back: that is an answer, and the patient comes.
BEDS = frozenset({"bed", "bed_released"})
#: Acts that open a patient: whom they are about stands in the answer.
OPENS = frozenset({"call", "found", "walk_in"})

#: Why dispatch sends another unit, or none yet: somebody else has taken this one, or it is kept.
TAKEN = re.compile(r'"title":\s*"(Not free|Reserve)"')

ACTS = Counter("greenchannel_simulator_acts_total", "Acts by outcome", ["act", "outcome"])


class Taken(Exception):
    """The unit is not free any more: a human at a board has sent it elsewhere."""


class People:
    """Sends acts; what an examination leaves behind follows it by ``uplink``, and nobody waits for
    it. ``patients`` are all that were ever opened in this run, by encounter."""

    def __init__(
        self, endpoints: Endpoints, journal: Journal, uplink: Uplink | None = None
    ) -> None:
        self._tokens = endpoints.tokens
        self._journal = journal
        self._uplink = uplink
        self._outside = Outside(endpoints)
        self.patients: dict[str, Patient] = {}

    async def act(self, tale: Tale, step: Step, done: float | None = None) -> None:
        """Do it, for as long as it takes; in a story told from its midst, as done when it was due,
        and only entered now, as are acts with a ``done`` of their own. Raises ``Refused`` when the
        service will not have it, ``Taken`` when another unit has to go."""
        if step.act == "examination":  # drawn once, and not where all others would wait
            await asyncio.to_thread(picture_of, tale, step)
        t = time.time()
        is_told = tale.is_forwarding and step.by != "department"  # who answers, answers now
        free_since = tale.van(step.unit).free_since
        # What was due before the vehicle was free is told one after the other all the same.
        first = free_since + step.at / 1000
        when = max(tale.pace.due(step.at), first) if is_told else done or t
        patient = tale.patient(_subject(step))
        tries = tale.tries.get(step.name, 0)
        key = f"{patient.handle}.{step.name}" + (f"-{tries + 1}" if tries else "")
        tale.done[step.name], tale.ids[step.name] = when, key
        if step.act not in OPENS:  # who the patient is stands in the answer
            self._journal.write(_sent(key, tale, step, t, when))
        try:
            if step.act == "transfer":  # who gives signs first
                await self._outside.act(self._handing_over(key, tale, step, when))
            answer = await self._outside.act(self._request(key, tale, step, when))
        except Refused as error:
            self._refused(tale, step, key, error)
            return
        ACTS.labels(step.act, "done").inc()
        tale.taken.add(step.name)
        self._learn(tale, step, key, answer)
        if step.act not in OPENS:
            self._journal.write(truth.Acknowledged(t=time.time(), ids=[key]))

    def _refused(self, tale: Tale, step: Step, key: str, error: Refused) -> None:
        """Write that down. Raises ``Taken``, or it again, unless the no is an answer."""
        is_taken = step.act == "assign" and error.status == 409 and TAKEN.search(str(error))
        is_due = bool(is_taken) or (step.act in BEDS and error.status == 409)
        refused = truth.Refused(t=time.time(), ids=[key], status=error.status, due=is_due)
        self._journal.write(refused)
        ACTS.labels(step.act, "refused").inc()
        if is_taken:
            tale.tries[step.name] = tale.tries.get(step.name, 0) + 1
            raise Taken from error
        if not is_due:
            log.error("an act is refused: %s %s", step.act, error, extra={"action": "refused"})
            raise error

    async def stamp(self, tale: Tale, van: Van, status: str) -> None:
        """A status of the unit that belongs to no patient, and that no one is judged by. It is one
        of its own mission: where a human has sent the unit again meanwhile, it ends nothing."""
        body = {"status": status, "occurred_at": moment(time.time())}
        key = f"{tale.patient('').handle}.{van.role}.{status}"
        leg = tale.legs.get(van.role)
        whose = f"legs/{leg}" if leg else f"units/{van.vehicle.unit_id}"
        path = f"/v1/{whose}/stamps"
        await self._outside.act(Request("dispatch", "POST", path, self._tokens.crew, key, body))

    async def close_calls(self, tale: Tale) -> None:
        """A dispatcher closes what all units have come home from, where the story does not say so.
        One that a human has closed or merged, or with a patient without an outcome, stays so."""
        told = {step.call for step in tale.story.steps if step.act in {"close", "merge"}}
        handle = tale.patient("").handle
        for name, incident_id in tale.incidents.items():
            if name in told:
                continue
            path, body = f"/v1/incidents/{incident_id}/closed", {"occurred_at": moment(time.time())}
            key = f"{handle}.{name}.closed"
            asked = Request("dispatch", "POST", path, self._tokens.dispatcher, key, body)
            with contextlib.suppress(Refused):
                await self._outside.act(asked)

    async def enrol(self, known: City, vehicles: Sequence[Vehicle], epoch: str) -> None:
        """Enter the stations, the hospitals and the vehicles of the city. A vehicle of a kept
        folder that is entered anew stays where it was."""
        for path, body in enrolment(known):
            await self._put(path, body, epoch)
        at = moment(time.time())
        await asyncio.gather(*(self._enrol(vehicle, at, epoch) for vehicle in vehicles))

    async def _enrol(self, vehicle: Vehicle, at: str, epoch: str) -> None:
        path = f"/v1/units/{vehicle.unit_id}"
        told = {
            **{"station_id": vehicle.station.id, "kind": "monitoring", "equipment": ABOARD},
            "call_back": vehicle.call_back,
        }
        ready = {"crew": "complete", "equipment": "complete", "oxygen": "enough", "fuel": "enough"}
        for door, body in ((path, told), (f"{path}/readiness", ready)):
            await self._put(door, {**body, "occurred_at": at}, epoch)

    async def _put(self, path: str, body: Mapping[str, Any], epoch: str) -> None:
        key = f"{epoch}{path.replace('/', '.')}"
        await self._outside.act(
            Request("dispatch", "PUT", path, self._tokens.dispatcher, key, body)
        )

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

    def _request(self, key: str, tale: Tale, step: Step, done: float) -> Request:
        door = DOORS[step.act]
        facility = tale.facility(step.facility).id
        token = self._tokens.of(step.by, facility)
        path = door.path.format_map(about(tale, step, done))
        return Request(door.service, door.method, path, token, key, body_of(tale, step, done))

    def _handing_over(self, key: str, tale: Tale, step: Step, done: float) -> Request:
        """The crew's signature beside the one of who receives."""
        told = self._request(f"{key}.gave", tale, step, done)
        path = told.path.removesuffix("transfer") + "handover"
        return replace(told, path=path, token=self._tokens.crew)

    def _learn(self, tale: Tale, step: Step, key: str, answer: Mapping[str, Any]) -> None:
        match step.act:
            case "call":
                self._begin_incident(tale, step, key, answer["incident_id"])
                for name, encounter_id in zip(step.opens, answer["encounter_ids"], strict=True):
                    self._begin(tale.patients[name], key, encounter_id)
            case "found":
                self._begin(tale.patient(step.patient), key, answer["encounter_id"])
            case "walk_in":
                self._begin(tale.patient(step.opens[0]), key, answer["encounter_id"])
            case "transfer_request":
                self._begin_incident(tale, step, key, answer["incident_id"])
            case "assign":
                tale.legs[step.unit] = answer.get("leg_id") or answer["leg"]["leg_id"]
            case "destination":
                tale.patient(step.patient).facility = tale.facility(step.facility).id
            case "boarding":
                tale.patient(step.patient).boarded = True
            case "examination" if self._uplink is not None:
                self._uplink.follow(tale, step)

    def _begin_incident(self, tale: Tale, step: Step, key: str, incident_id: str) -> None:
        tale.incidents[step.call] = incident_id
        handle = tale.patient(_subject(step)).handle
        began = truth.IncidentBegan(t=time.time(), id=key, handle=handle, incident_id=incident_id)
        self._journal.write(began)

    def _begin(self, patient: Patient, key: str, encounter_id: str) -> None:
        patient.encounter_id = encounter_id
        self.patients[encounter_id] = patient
        person = patient.tale.story.patients[patient.role]
        began = truth.EncounterBegan(
            t=time.time(),
            id=key,
            handle=patient.handle,
            encounter_id=encounter_id,
            story=patient.tale.story.story,
            first_level=person.first_level.value,
            centres=[centre.value for centre in person.centres],
        )
        self._journal.write(began)


def _subject(step: Step) -> str:
    """The patient whose act it is: of a call and a walk-in the first that it opens."""
    return step.opens[0] if step.act in {"call", "walk_in"} else step.patient


def _sent(key: str, tale: Tale, step: Step, t: float, done: float) -> truth.ActSent:
    patient = tale.patient(step.patient)
    told = about(tale, step, done)
    match step.act:
        case "stamp":
            told |= {"status": step.body["status"], "source": "crew"}
        case "outcome":
            told["outcome"] = step.body["outcome"]
        case "activation":
            told["centre"] = step.body["centre"]
        case "milestone":
            told["milestone"] = step.body["milestone"]
        case "formality":
            told["formality"] = step.body["formality"]
    return truth.ActSent(
        t=t,
        id=key,
        handle=patient.handle,
        act=step.act,
        about=told,
        level=step.then.worst.value if step.then else None,
        sets=step.act == "level",
        facility=patient.facility,
        boarded=patient.boarded,
        timely=not tale.is_forwarding and abs(t - done) < 1.0,
        takes_back=_taken_back(tale, step, done),
    )


def _taken_back(tale: Tale, step: Step, done: float) -> list[str]:
    """What proves nothing any more from this act on."""
    match step.act:
        case "retraction":
            return [tale.ids[str(step.about)]]
        case "reattribution":
            device_id = tale.van(step.unit).vehicle.monitor(step.monitor)
            return tale.patient(step.patient).gives_back(device_id, *tale.taken_for(done))
    return []
