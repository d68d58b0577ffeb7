"""A hospital at the bridge: its interface on a real PostgreSQL, without a broker."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from schemas.encounter import DestinationSelected, PatientBoarded
from services.bridge import store
from services.bridge.handoff import hear
from services.bridge.promise import keep
from services.bridge.timekeeper import Timekeeper
from services.kit import postgres
from services.kit.postgres import Row, transaction
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from tests.platform import Platform
from tests.premises import opened
from tests.unit.test_promise import decided

FACILITY, ANOTHER = "H-late", "H-other"
NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Ward:
    """The bridge's interface for one facility, two timekeepers, and nothing that relays."""

    http: httpx.AsyncClient
    pool: postgres.Pool
    state: Any
    timekeepers: tuple[Timekeeper, Timekeeper]
    key: SigningKey
    settings: Settings

    async def bind(self, ago_s: float, level: str = "critical", facility: str = FACILITY) -> str:
        """Somebody who was bound for the facility so long ago."""
        name, now = f"E-late-{next(NUMBERS)}", datetime.now(UTC) - timedelta(seconds=ago_s)
        chosen = DestinationSelected(
            event_id="to", occurred_at=now, encounter_id=name, facility_id=facility,
            selected_by="d-1",
        )  # fmt: skip
        case, _ = hear(None, name, decided(level, 1, 0), now)
        case, events = hear(case, name, chosen, now)
        kept = keep(case, self.state.facilities.of(facility), now)
        async with transaction(self.pool) as connection:
            await self.state.cases.save(connection, {name: Row(kept)}, events)
        return name

    async def board(self, name: str, unit: str) -> str:
        """Aboard this unit, and so admitted; the wristband that they have now."""
        now = datetime.now(UTC)
        aboard = PatientBoarded(
            event_id="aboard", occurred_at=now, encounter_id=name, unit_id=unit
        )  # fmt: skip
        async with transaction(self.pool) as connection:
            row = (await store.CASES.load(connection, [name]))[name]
            assert row.state is not None
            numbered = row.state.but(reserved=f"GC-20260301-{next(NUMBERS):04d}")
            case, events = hear(numbered, name, aboard, now)
            await self.state.cases.save(connection, {name: Row(case, row.version)}, events)
        assert case.admission is not None
        return str(case.admission.wristband)

    async def look(self) -> None:
        """Both at once, until nothing is due."""
        while any(await asyncio.gather(*(each.look() for each in self.timekeepers))):
            pass

    async def told(self, name: str) -> list[tuple[str, str, int]]:
        rows = await self.pool.fetch(
            "SELECT topic, value FROM outbox WHERE key = $1 ORDER BY seq", name.encode()
        )
        assert {row["topic"] for row in rows} <= {"bridge-handoffs"}
        events = [json.loads(row["value"]) for row in rows]
        return [(each["owed"], each["to"], each["step"]) for each in events if "owed" in each]

    async def item(self, name: str) -> Any:
        queue = (await self.http.get(f"/v1/facilities/{FACILITY}/queue")).json()
        (item,) = (each for each in queue["items"] if each["encounter_id"] == name)
        return item

    async def receive(self, *names: str, displayed: bool, facility: str = FACILITY) -> int:
        receipts = [{"encounter_id": n, "version": 1, "displayed": displayed} for n in names]
        told = {"receipts": receipts, "occurred_at": datetime.now(UTC).isoformat()}
        answer = await self.http.post(f"/v1/facilities/{facility}/receipts", json=told)
        return answer.status_code

    async def due(self, name: str) -> datetime | None:
        asked = "SELECT due_at FROM wakings WHERE encounter_id = $1"
        found: datetime | None = await self.pool.fetchval(asked, name)
        return found


@asynccontextmanager
async def at_ward(platform: Platform, folder: Path) -> AsyncIterator[Ward]:
    """Open it; what its acts would have told is forgotten in the end."""
    async with opened(platform, "bridge", folder) as at:
        app = at.app()
        keepers = (
            Timekeeper(at.pool, app.state.cases, app.state.facilities),
            Timekeeper(at.pool, app.state.cases, app.state.facilities),
        )
        await at.pool.execute("DELETE FROM wakings")  # of other files: they would come first
        async with at.client(app, Role.CENTRE, FACILITY) as http:
            yield Ward(http, at.pool, app.state, keepers, at.key, at.settings)
        await at.pool.execute("DELETE FROM wakings")
