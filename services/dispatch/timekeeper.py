"""Tells of what is due and has not happened: by the database's clock, once, whoever looks."""

from __future__ import annotations

from services.dispatch import deadline, director, network_store, store
from services.kit import failpoint, outbox
from services.kit.lookout import MANY
from services.kit.postgres import Pool, transaction

#: How often it is looked.
LOOK_S = 0.5


class Timekeeper:
    """Knows which deadlines have come."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put_off(self) -> None:
        """Of the deadline that came first it is told in a minute."""
        async with transaction(self._pool) as connection:
            await store.put_off(connection)

    async def look(self, many: int = MANY) -> int:
        """Tell of what is due now; how many deadlines were taken."""
        async with transaction(self._pool) as connection:
            now = await store.clock(connection)
            none_is_free = await network_store.is_none_free(connection, now)
            due = await store.take_due(connection, many, none_is_free=none_is_free)
            if not due:
                return 0
            calls = await store.about_what_goes_on(connection, {each.incident_id for each in due})
            missed = deadline.last_steps(
                each.as_missed(now)
                for each in due
                if (call := calls.get(each.incident_id)) and deadline.is_missed(each, call)
            )
            new = await store.raise_alarms(connection, missed)
            events = [deadline.told(each, now) for each in missed if each.deadline_id in new]
            await outbox.append(connection, "dispatch", events)
            for each in missed:
                if each.clock == deadline.BOARDING and each.step is deadline.Step.BREACH:
                    await director.to_be_aboard(connection, each, calls[each.incident_id], now)
            failpoint.reach("timekeeper.told")
        return len(due)
