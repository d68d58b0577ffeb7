"""Takes the steps of ladders that have come: by the database's clock, once, whoever looks."""

from __future__ import annotations

from schemas.handoff import Escalated
from services.bridge import store
from services.bridge.case import Case
from services.bridge.facility import Facilities
from services.bridge.promise import fall_due
from services.bridge.store import CASES, CaseStore
from services.kit import failpoint, outbox
from services.kit.lookout import MANY
from services.kit.postgres import Pool, Row, transaction

#: How often it is looked.
LOOK_S = 0.25


class Timekeeper:
    """Knows what is late."""

    def __init__(self, pool: Pool, cases: CaseStore, facilities: Facilities) -> None:
        self._pool = pool
        self._cases, self._facilities = cases, facilities

    async def put_off(self) -> None:
        """Of the patient who is late first it is told in a minute."""
        async with transaction(self._pool) as connection:
            await store.put_off(connection)

    async def look(self, many: int = MANY) -> int:
        """Tell of what is late now; how many patients were looked at. Each is locked and looked at
        again: somebody may have acted meanwhile."""
        async with transaction(self._pool) as connection:
            now, due = await store.due(connection, many)
            if not due:
                return 0
            rows = await CASES.load(connection, due)
            changed: dict[str, Row[Case]] = {}
            told: list[Escalated] = []
            for key, row in rows.items():
                if row.state is None:
                    continue
                facility = self._facilities.of(row.state.facility_id)
                after, events = fall_due(row.state, facility, now)
                told += events
                if events:
                    changed[key] = Row(after, row.version)
            await self._cases.save(connection, changed, told)
            await self._cases.wake(connection, [row.state for row in rows.values() if row.state])
            await outbox.append(connection, "bridge", told)
            failpoint.reach("timekeeper.told")
        return len(due)
