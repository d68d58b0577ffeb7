"""The desk of a dispatcher: dispatch's interface on a real PostgreSQL, without a broker."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from services.dispatch.app import advice_of, site_of
from services.dispatch.timekeeper import Timekeeper
from services.kit import postgres
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from tests.platform import Platform
from tests.premises import opened

HERE = {"latitude": 34.2, "longitude": 117.3}
NUMBERS = itertools.count(1)


class Desk:
    """The interface of dispatch, for a dispatcher, and its timekeeper."""

    def __init__(
        self, http: httpx.AsyncClient, pool: postgres.Pool, settings: Settings, key: SigningKey
    ) -> None:
        self._http, self.pool, self._settings, self._key = http, pool, settings, key
        self.timekeeper = Timekeeper(pool)
        site = site_of(settings)
        self.clocks, self.advice = site.clocks, advice_of(settings, site)

    async def alarms(self, call: str) -> list[tuple[str, str, str | None]]:
        """The open alarms of a call."""
        answer = await self._http.get("/v1/alarms")
        assert answer.is_success, answer.text
        mine = [alarm for alarm in answer.json() if alarm["incident_id"] == call]
        return [(alarm["clock"], alarm["step"], alarm["acknowledged_by"]) for alarm in mine]

    async def alarm_id(self, call: str) -> str:
        found = (await self._http.get("/v1/alarms")).json()
        return next(str(each["alarm_id"]) for each in found if each["incident_id"] == call)

    async def told(self, call: str) -> list[str]:
        """The events of a call, in the order in which they will be sent."""
        rows = await self.pool.fetch(
            "SELECT headers ->> 'ce_type' AS type FROM outbox WHERE key = $1 ORDER BY seq",
            call.encode(),
        )
        return [row["type"].split(".")[1] for row in rows]

    async def put(self, path: str, **body: Any) -> Any:
        answer = await self._http.put(f"/v1/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def get(self, path: str) -> Any:
        answer = await self._http.get(f"/v1/{path}")
        assert answer.is_success, answer.text
        return answer.json()

    async def attempt(self, path: str, at: datetime, **body: Any) -> httpx.Response:
        """The answer, whatever it is."""
        key = {"Idempotency-Key": f"t-{next(NUMBERS)}"}
        told = {**body, "occurred_at": at.isoformat()}
        return await self._http.post(f"/v1/{path}", json=told, headers=key)

    async def events(self, key: str) -> list[dict[str, Any]]:
        """What was told of a subject, in order, each with its ``type``."""
        rows = await self.pool.fetch(
            "SELECT headers ->> 'ce_type' AS type, value FROM outbox WHERE key = $1 ORDER BY seq",
            key.encode(),
        )
        return [{"type": r["type"].split(".")[1], **json.loads(r["value"])} for r in rows]

    async def assigned_since(self, seq: int) -> list[tuple[str, str]]:
        """Which unit was sent to which call after this, in the order in which they were told."""
        rows = await self.pool.fetch(
            "SELECT value FROM outbox WHERE seq > $1"
            " AND headers ->> 'ce_type' LIKE '%.UnitAssigned.%' ORDER BY seq",
            seq,
        )
        told = [json.loads(row["value"]) for row in rows]
        return [(each["unit_id"], each["incident_id"]) for each in told]

    async def post(self, path: str, at: datetime, **body: Any) -> Any:
        told = {**body, "occurred_at": at.isoformat()}
        key = {"Idempotency-Key": f"t-{next(NUMBERS)}"}
        answer = await self._http.post(f"/v1/{path}", json=told, headers=key)
        assert answer.is_success, answer.text
        return answer.json()

    async def ask_for_transfer(self, facility: str, at: datetime) -> str:
        """The call that a clinic opens for its patient."""
        token = self._key.token(self._settings, Role.PRIMARY_CARE, facility)
        path, told = f"/v1/facilities/{facility}/encounters", {"occurred_at": at.isoformat()}
        said = {"location": HERE, "consent": "given", "arrived_at": at.isoformat()}
        headers = {"Authorization": f"Bearer {token}"}
        opened = await self._http.post(path, json=told, headers=headers)
        path += f"/{opened.json()['encounter_id']}/transfer-request"
        asked = await self._http.post(path, json={**told, **said}, headers=headers)
        assert asked.is_success, asked.text
        return str(asked.json()["incident_id"])

    async def call(self, at: datetime, **more: Any) -> str:
        return str((await self.post("incidents", at, location=HERE, **more))["incident_id"])

    async def send(self, call: str, unit: str, at: datetime, **more: Any) -> str:
        sent = {"unit_id": unit, "station": HERE, **more}
        told = await self.post(f"incidents/{call}/units", at, **sent)
        return str(told["leg"]["leg_id"])

    async def stamp(self, unit: str, status: str, at: datetime) -> Any:
        return await self.post(f"units/{unit}/stamps", at, status=status)

    async def indicators(self, since: datetime, until: datetime, **more: str) -> Any:
        asked = {"since": since.isoformat(), "until": until.isoformat(), **more}
        answer = await self._http.get("/v1/indicators", params=asked)
        assert answer.is_success, answer.text
        return answer.json()

    async def table(self, since: datetime, until: datetime, **more: str) -> list[dict[str, str]]:
        asked = {"since": since.isoformat(), "until": until.isoformat(), **more}
        answer = await self._http.get("/v1/indicators.csv", params=asked)
        assert answer.headers["content-type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(answer.text)))

    async def refused(self, since: datetime, until: datetime) -> int:
        asked = {"since": since.isoformat(), "until": until.isoformat()}
        return (await self._http.get("/v1/indicators", params=asked)).status_code


@asynccontextmanager
async def at_desk(platform: Platform, folder: Path) -> AsyncIterator[Desk]:
    """Open it; what its acts would have told is forgotten in the end."""
    async with opened(platform, "dispatch", folder, size=8) as at:
        async with at.client(at.app(), Role.DISPATCHER) as http:
            yield Desk(http, at.pool, at.settings, at.key)
        await at.pool.execute("DELETE FROM deadlines")  # of other files: they would come first
