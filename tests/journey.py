"""Patients brought on their way over HTTP, as dispatch, crew and monitor do it."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from services.kit.role import Role
from tests.boards import Site
from tests.services import Caller, ago, now, until

STATION = {"latitude": 34.20, "longitude": 117.28}
SCENE = {"latitude": 34.25, "longitude": 117.30, "address": "人民路 128 号"}
WELL = {"heart_rate": 82, "systolic_bp": 128, "diastolic_bp": 78, "spo2": 98,
        "respiratory_rate": 16, "temperature": 36.6, "consciousness": "A"}  # fmt: skip
#: What makes somebody critical, whatever else: a pressure of 60.
CRITICAL = {**WELL, "heart_rate": 128, "systolic_bp": 62, "diastolic_bp": 38}
_NUMBERS = itertools.count(1)


@dataclass
class Traveller:
    """One patient and whom the calls about them go to."""

    site: Site
    encounter: str
    incident: str
    unit: str
    desk: Caller = field(repr=False)
    crew: Caller = field(repr=False)
    monitor: Caller = field(repr=False)
    #: The hospital that was chosen last, and who speaks for each that ever was.
    facility: str = ""
    wards: dict[str, Caller] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> str:
        return f"/v1/encounters/{self.encounter}"

    @property
    def path_there(self) -> str:
        """Of the patient at their hospital."""
        return f"/v1/facilities/{self.facility}/encounters/{self.encounter}"

    @property
    def ward(self) -> Caller:
        """Somebody of the hospital, at another screen."""
        if self.facility not in self.wards:
            there = Caller(self.site["bridge"], Role.CENTRE, self.facility)
            self.wards[self.facility] = there
        return self.wards[self.facility]

    async def tell(self, kind: str, **said: Any) -> Any:
        """Something that the crew enters, done now unless it says when."""
        return await self.monitor.do("POST", f"{self.path}/{kind}", {"occurred_at": now(), **said})

    async def reading(self, vitals: Mapping[str, Any], at: str | None = None) -> None:
        """A reading that a human vouches for."""
        await self.tell("vitals", occurred_at=at or now(), vitals=dict(vitals))

    async def finding(self, finding: str, present: bool = True) -> None:
        await self.tell("findings", finding=finding, present=present)

    async def ecg(self, *shows: str) -> None:
        await self.tell("examinations", examination="ecg_12_lead", shows=list(shows))

    async def picture(self, content: bytes) -> dict[str, Any]:
        """A picture that has been sent whole, as an examination names it."""
        sha = hashlib.sha256(content).hexdigest()
        path, tus = f"{self.path}/attachments", {"Tus-Resumable": "1.0.0"}
        told = {"sha256": sha, "filetype": "image/png"}
        pairs = (f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in told.items())
        whole = {"Upload-Length": str(len(content)), "Upload-Metadata": ",".join(pairs)}
        announced = await self.monitor.http.post(path, headers={**tus, **whole})
        assert announced.is_success, announced.text
        piece = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        sent = await self.monitor.http.patch(
            f"{path}/{sha}", content=content, headers={**tus, **piece}
        )
        assert sent.is_success, sent.text
        return {"sha256": sha, "media_type": "image/png", "size": len(content)}

    async def reached(self, at: str | None = None) -> None:
        """The crew is with the patient."""
        body = {"unit_id": self.unit, "occurred_at": at or now()}
        await self.crew.do("POST", f"{self.path}/reached", body)

    async def bound_for(self, facility: str) -> None:
        """A human chooses the hospital."""
        body = {"facility_id": facility, "occurred_at": now()}
        await self.desk.do("POST", f"{self.path}/destination", body)
        self.facility = facility

    async def boards(self, at: str | None = None) -> None:
        """The patient is aboard: admitted."""
        body = {"unit_id": self.unit, "occurred_at": at or now()}
        await self.crew.do("POST", f"{self.path}/boarding", body)

    async def item(self, with_: str | None = None) -> Any:
        """What the hospital is told, once ``with_`` stands in the record; else nothing."""
        answer = await self.ward.http.get(self.path_there)
        if answer.status_code != 200 or (with_ and not answer.json()["record"].get(with_)):
            return None
        return answer.json()

    async def act(self, path: str, **said: Any) -> Any:
        """Somebody at the hospital does something."""
        return await self.ward.do(
            "POST", f"{self.path_there}/{path}", {"occurred_at": now(), **said}
        )

    async def given(self, **said: Any) -> None:
        """The crew signs at the door that it has given the patient."""
        door = Caller(self.site["bridge"], Role.CREW)
        await door.do("POST", f"{self.path_there}/handover", {"occurred_at": now(), **said})


async def admitted(site: Site, facility: str, *patients: Mapping[str, Any]) -> list[Traveller]:
    """Patients who have been aboard for two minutes, and whose hospital knows of it."""
    travellers = await called(site, *patients)
    for one in travellers:
        await one.reached(ago(400))
        await one.bound_for(facility)
        await one.boards(ago(120))
        await until(partial(one.item, "admission"), why="no admission")
    return travellers


async def called(
    site: Site, *patients: Mapping[str, Any], unit: str | None = None
) -> list[Traveller]:
    """A call about these patients, with a unit that is sent to them: this one of the register, or
    one that nobody has heard of before."""
    desk, crew = Caller(site["dispatch"], Role.DISPATCHER), Caller(site["dispatch"], Role.CREW)
    monitor = Caller(site["gateway"], Role.CREW)
    body = {"occurred_at": now(), "location": SCENE, "patients": [dict(one) for one in patients]}
    opened = await desk.do("POST", "/v1/incidents", body)
    sent, incident = unit or f"U-{next(_NUMBERS):04}", opened["incident_id"]
    order = {"unit_id": sent, "occurred_at": now(), **({} if unit else {"station": STATION})}
    await desk.do("POST", f"/v1/incidents/{incident}/units", order)
    return [
        Traveller(site, encounter, incident, sent, desk, crew, monitor)
        for encounter in opened["encounter_ids"]
    ]
