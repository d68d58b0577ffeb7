"""What a crew is told beside the complaint stands on the board of who receives, and changes no
level."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from schemas.clinical import BackgroundTold
from schemas.triage import TriageDecided
from services.kit.role import Role
from services.kit.tokens import SigningKey
from tests.platform import Platform
from tests.services import Caller, Service, Watcher, ago, now, running, until

HOME = "F-background"
PLACE = {"latitude": 34.25, "longitude": 117.30}


async def test_what_is_told_of_a_patient_is_on_the_board_field_by_field_until_it_is_taken_back(
    platform: Platform, tmp_path: Path
) -> None:
    key = SigningKey()
    names = ("dispatch", "gateway", "triage", "bridge")
    services = [Service(name, platform, tmp_path, key) for name in names]
    async with (
        Watcher(platform, "ambulance-findings", "triage-decisions") as seen,
        running(*services),
    ):
        dispatch, gateway, _, bridge = services
        desk, crew = Caller(dispatch, Role.DISPATCHER), Caller(gateway, Role.CREW)
        ward = Caller(bridge, Role.CENTRE, HOME)
        call = {"location": PLACE, "patients": [{"complaint": "chest_pain"}]}
        opened = await desk.do("POST", "/v1/incidents", {**call, "occurred_at": now()})
        (encounter,) = opened["encounter_ids"]
        path = f"/v1/encounters/{encounter}"
        chosen = {"facility_id": HOME, "occurred_at": now()}
        await desk.do("POST", f"{path}/destination", chosen)

        async def tell(at: str, by: str | None = None, **background: Any) -> str:
            body = {"occurred_at": at, "background": background, "told_by": by}
            return str((await crew.do("POST", f"{path}/background", body))["event_id"])

        async def shown() -> dict[str, Any]:
            answer = await ward.http.get(f"/v1/facilities/{HOME}/encounters/{encounter}")
            return dict((answer.json().get("record") or {}).get("background") or {})

        async def is_shown(**wanted: Any) -> None:
            async def is_so() -> bool:
                return {k: v for k, v in (await shown()).items() if k != "said"} == wanted

            await until(is_so, 20, f"the board does not show {wanted}")

        splint = {"line": "splint", "where": "右腿"}
        first = await tell(ago(60), "patient", allergies=[], medications=["华法林"])
        await is_shown(allergies=[], medications=["华法林"])
        second = await tell(ago(30), "relative", allergies=["青霉素"], lines=[splint])
        await is_shown(allergies=["青霉素"], medications=["华法林"], lines=[splint])
        said = {word["field"]: word.get("told_by") for word in (await shown())["said"]}
        assert said == {"allergies": "relative", "medications": "patient", "lines": "relative"}

        gone = {"observation": "background", "observation_id": second, "reason": "wrong_patient"}
        body = {**gone, "occurred_at": now()}
        taken = (await crew.do("POST", f"{path}/retractions", body))["event_id"]
        await is_shown(allergies=[], medications=["华法林"])

        def folded() -> list[str]:
            decided = [d for d in seen.of(TriageDecided) if d.encounter_id == encounter]
            return [name for decision in decided for name in decision.folded]

        await until(lambda: taken in folded(), 20, "triage has not taken it in")
        assert [folded().count(each) for each in (first, second, taken)] == [1, 1, 1]
        levels = {d.worst for d in seen.of(TriageDecided) if d.encounter_id == encounter}
        assert len(levels) == 1
        assert [e.event_id for e in seen.of(BackgroundTold)] == [first, second]


async def test_what_says_nothing_is_refused_with_what_to_do(
    platform: Platform, tmp_path: Path
) -> None:
    gateway = Service("gateway", platform, tmp_path, SigningKey())
    async with running(gateway):
        crew = Caller(gateway, Role.CREW)

        async def refused(**body: Any) -> httpx.Response:
            path = "/v1/encounters/E-nobody/background"
            return await crew.send("POST", path, {"occurred_at": now(), **body})

        for background, said in (
            ({}, "an empty list says: none"),
            ({"allergies": ["x" * 121]}, "at most 120 characters"),
            ({"phone": "555-0142"}, "phone"),
        ):
            answer = await refused(background=background)
            assert answer.status_code == 422
            assert answer.headers["content-type"] == "application/problem+json"
            assert said in answer.text
        assert (await refused(background={"allergies": []})).status_code == 404
