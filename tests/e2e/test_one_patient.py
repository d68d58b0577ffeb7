"""One patient, end to end, over real HTTP, a real broker and a real database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from schemas.encounter import EncounterEnded
from schemas.handoff import AdmissionOpened, CareTransferred, PreArrivalNotified
from schemas.triage import Activation, Centre, TriageDecided, TriageLevel
from schemas.unit import UnitDeparted, UnitStatusChanged
from services.kit.role import Role
from services.kit.tokens import SigningKey
from tests.platform import Platform
from tests.services import Caller, Service, Watcher, now, running, until

UNIT = "U-one-patient"
STATION = {"latitude": 34.20, "longitude": 117.28}
TOPICS = (
    "dispatch-units",
    "dispatch-encounters",
    "dispatch-movements",
    "triage-decisions",
    "centre-emergency",
    "centre-chest-pain",
    "bridge-handoffs",
)


async def test_a_patient_is_called_for_carried_admitted_and_handed_over(
    platform: Platform, tmp_path: Path
) -> None:
    key = SigningKey()
    dispatch, gateway, tracker, triage, bridge = (
        Service(name, platform, tmp_path, key)
        for name in ("dispatch", "gateway", "tracker", "triage", "bridge")
    )
    async with (
        Watcher(platform, *TOPICS) as seen,
        running(dispatch, gateway, tracker, triage, bridge),
    ):
        desk, crew = Caller(dispatch, Role.DISPATCHER), Caller(dispatch, Role.CREW)
        monitor, ward = Caller(gateway, Role.CREW), Caller(bridge, Role.CENTRE, "F-e2e-1")
        other = Caller(bridge, Role.CENTRE, "F-e2e-2")

        opened = await desk.do(
            "POST",
            "/v1/incidents",
            {
                "occurred_at": now(),
                "location": {"latitude": 34.25, "longitude": 117.30},
                "patients": [{"complaint": "chest_pain", "sex": "male"}],
            },
        )
        (encounter,) = opened["encounter_ids"]
        path = f"/v1/encounters/{encounter}"
        await desk.do(
            "POST",
            f"/v1/incidents/{opened['incident_id']}/units",
            {"unit_id": UNIT, "station": STATION, "occurred_at": now()},
        )
        await monitor.do("POST", f"/v1/units/{UNIT}/positions", {**STATION, "occurred_at": now()})
        fix = {"latitude": 34.205, "longitude": 117.28}
        while not seen.of(UnitDeparted):
            await monitor.do("POST", f"/v1/units/{UNIT}/positions", {**fix, "occurred_at": now()})
            await asyncio.sleep(0.2)
        await until(lambda: [s for s in seen.of(UnitStatusChanged) if s.source == "gps"])

        await crew.do("POST", f"{path}/devices", {"device_id": "M-01", "occurred_at": now()})
        await stream(monitor, 88)
        reading = {
            "systolic_bp": 134,
            "diastolic_bp": 86,
            "pain": 5,
            "temperature": 36.6,
            "consciousness": "A",
        }
        await monitor.do("POST", f"{path}/vitals", {"occurred_at": now(), "vitals": reading})
        await until(lambda: worst(seen, encounter) is TriageLevel.SEVERE)
        await desk.do(
            "POST", f"{path}/destination", {"facility_id": "F-e2e-1", "occurred_at": now()}
        )
        await monitor.do(
            "POST",
            f"{path}/examinations",
            {"occurred_at": now(), "examination": "ecg_12_lead", "shows": ["st_elevation"]},
        )
        await until(lambda: worst(seen, encounter) is TriageLevel.SEVERE)
        await stream(monitor, 36, 36)
        await until(lambda: worst(seen, encounter) is TriageLevel.CRITICAL)

        boarded_at = now()
        await crew.do("POST", f"{path}/boarding", {"unit_id": UNIT, "occurred_at": boarded_at})
        (admitted,) = await until(lambda: seen.of(AdmissionOpened, encounter))
        assert admitted.admission.admitted_at.isoformat() == boarded_at
        assert admitted.facility_id == "F-e2e-1"

        (item,) = (await ward.do("GET", "/v1/facilities/F-e2e-1/queue"))["items"]
        assert (
            item["record"]["admission"]["admission_number"] == admitted.admission.admission_number
        )
        assert item["centres"] == ["emergency", "chest_pain"]
        assert (await other.do("GET", "/v1/facilities/F-e2e-2/queue"))["items"] == []
        assert (await other.send("GET", "/v1/facilities/F-e2e-1/queue")).status_code == 404

        at_bedside = f"/v1/facilities/F-e2e-1/encounters/{encounter}"
        await ward.do("POST", f"{at_bedside}/acknowledgement", {"occurred_at": now()})
        await ward.do("POST", f"{at_bedside}/arrival", {"occurred_at": now()})
        at_door = Caller(bridge, Role.CREW)
        given = await at_door.do("POST", f"{at_bedside}/handover", {"occurred_at": now()})
        assert "record" not in given
        assert given["transferred_at"] is None
        await ward.do("POST", f"{at_bedside}/transfer", {"occurred_at": now()})
        await until(lambda: seen.of(EncounterEnded, encounter))
        assert len(seen.of(CareTransferred, encounter)) == 1
        assert (await ward.do("GET", "/v1/facilities/F-e2e-1/queue"))["items"] == []
        ended = await crew.do("GET", path)
        assert ended["outcome"] == "transported"
        assert ended["admission_number"] == admitted.admission.admission_number
        _check_records(seen, encounter)


def _check_records(seen: Watcher, encounter: str) -> None:
    records = seen.of(PreArrivalNotified, encounter)
    assert {r.centre for r in records} == {Centre.EMERGENCY, Centre.CHEST_PAIN}
    assert {r.facility_id for r in records} == {"F-e2e-1"}
    versions = [r.version for r in records if r.centre is Centre.EMERGENCY]
    assert versions == list(range(1, len(versions) + 1))
    concern = records[-1].record.centres[0]
    assert concern.activation is Activation.ACTIVATE
    decisions = seen.of(TriageDecided, encounter)
    folded = [event_id for decision in decisions for event_id in decision.folded]
    assert len(folded) == len(set(folded))


def worst(seen: Watcher, encounter: str) -> TriageLevel | None:
    decisions = seen.of(TriageDecided, encounter)
    return decisions[-1].worst if decisions else None


async def stream(monitor: Caller, *rates: int) -> None:
    """Samples in order; one of a device that is only being attached is sent again, the same."""
    for rate in rates:
        vitals = {"heart_rate": rate, "spo2": 97}
        line = json.dumps({"device_id": "M-01", "occurred_at": now(), "vitals": vitals})

        async def accepted(line: str = line) -> bool:
            answer = await monitor.http.post("/v1/telemetry", content=line)
            return answer.status_code == 202

        await until(accepted)
