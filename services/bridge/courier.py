"""Tells systems of hospitals what waits for them. A hospital that hangs holds up itself alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

from schemas.handoff import PreArrivalNotified
from services.bridge import hospital
from services.bridge.delivery import Answer, Delivery, Next, Outcome, after, is_open
from services.bridge.facility import Facilities
from services.bridge.feed import CHANNEL
from services.bridge.hospital import First, Place
from services.bridge.outlet import Outlet
from services.bridge.promise import keep
from services.bridge.receipt import Receipt, receive
from services.bridge.store import CASES, CaseStore
from services.kit import failpoint, outbox
from services.kit import metrics as seen
from services.kit.outbox import SILENCE_S
from services.kit.patience import patiently
from services.kit.postgres import Connection, Pool, Row, acquired, transaction
from services.kit.settings import Settings

log = logging.getLogger(__name__)

#: A notification is only a hint; it is looked this often anyway, and so the turn is kept.
LOOK_S = 1.0
#: So many connections at once, however many hospitals answer: requests need the others.
HANDS = 4


@dataclass(eq=False)
class Desk:
    """Who tells one place, and what wakes them."""

    place: Place
    outlet: Outlet
    hint: asyncio.Event = field(default_factory=asyncio.Event)


class Courier:
    """Of all workers one tells, by advisory lock; each channel of each facility for itself."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        cases: CaseStore,
        facilities: Facilities,
        outlets: Mapping[Place, Outlet],
    ) -> None:
        self._settings, self._pool = settings, pool
        self._cases, self._facilities = cases, facilities
        self._desks = {place: Desk(place, way) for place, way in outlets.items()}
        self._hands = asyncio.Semaphore(HANDS)

    async def run(self) -> None:
        """Tell for ever; a database that stays away ends it with ``TransientFailure``."""
        if not self._desks:
            await asyncio.Event().wait()
        try:
            while True:
                await patiently(self._settings, "courier", self._take_turns)
        finally:
            for desk in self._desks.values():
                await desk.outlet.close()

    async def _take_turns(self) -> None:
        """Hold the lock on one connection and tell until something fails."""
        async with acquired(self._pool) as connection:
            try:
                await connection.execute(f"SET idle_session_timeout = '{SILENCE_S}s'")
                mine = "SELECT pg_try_advisory_lock(hashtextextended('courier/bridge', 0))"
                while not await connection.fetchval(mine):  # noqa: ASYNC110 (another's end is it)
                    await asyncio.sleep(LOOK_S)
                await connection.add_listener(CHANNEL, self._on_hint)
                await self._all(connection)
            finally:
                with contextlib.suppress(asyncpg.InterfaceError):  # it is closed already
                    connection.terminate()  # with its turn and its listener

    async def _all(self, connection: Connection) -> None:
        """All places at once; when one ends, all do."""
        tasks = [asyncio.create_task(self._serve(desk)) for desk in self._desks.values()]
        tasks.append(asyncio.create_task(self._look(connection)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for known in (seen.DELIVERY_AGE_SECONDS, seen.DELIVERIES_REFUSED):
                known.clear()  # who has the turn knows, and nobody else

    def _on_hint(self, _connection: object, _pid: int, _channel: str, facility_id: str) -> None:
        for desk in self._desks.values():
            if desk.place[0] == facility_id:
                desk.hint.set()

    async def _look(self, connection: Connection) -> None:
        """See who has something to tell, and how long it waits. The connection must not be silent
        for long, or the turn is lost."""
        while True:
            for place, age in (await hospital.ages(connection, list(self._desks))).items():
                seen.DELIVERY_AGE_SECONDS.labels(*place).set(age or 0)
                if age is not None:
                    self._desks[place].hint.set()
            for place, many in (await hospital.refused(connection, list(self._desks))).items():
                seen.DELIVERIES_REFUSED.labels(*place).set(many)
            await asyncio.sleep(LOOK_S)

    async def _serve(self, desk: Desk) -> None:
        """Tell one place what waits for it, one after the other."""
        while True:
            desk.hint.clear()
            async with self._hands, transaction(self._pool) as connection:
                first = await hospital.first(connection, desk.place)
            if first is None:
                await desk.hint.wait()
            elif first.wait_s > 0:
                await asyncio.sleep(min(first.wait_s, LOOK_S))
            else:
                await self._tell(desk, first)

    async def _tell(self, desk: Desk, first: First) -> None:
        """One try. What cannot be said is a bug of ours: it is set down, and the next goes on."""
        failpoint.reach("courier.read")
        try:
            delivery = first.read()
            answer = await desk.outlet.tell(delivery, first.now)
        except Exception as error:
            cause = type(error).__name__  # its words may repeat what stands in the record
            said = {"action": "delivery_unsaid", "id": first.id, "cause": cause}
            where = dict(zip(("facility", "channel"), desk.place, strict=True))
            log.error("a delivery cannot be told", extra={**said, **where})
            answer = Answer(outcome=Outcome.REFUSED, cause=f"unsaid: {cause}")
            following = Next(outcome=Outcome.REFUSED)
            async with self._hands, transaction(self._pool) as connection:
                await hospital.settle(connection, first.id, following, answer.reason)
        else:
            failpoint.reach("courier.told")
            following = after(delivery, answer, first.now)
            async with self._hands, transaction(self._pool) as connection:
                if following.outcome is Outcome.ACCEPTED:
                    await self._note(connection, delivery)
                await hospital.settle(connection, first.id, following, answer.reason)
            failpoint.reach("courier.settled")
            self._report(delivery, answer, following)
        seen.DELIVERIES.labels(*desk.place, following.outcome.value).inc()

    def _report(self, delivery: Delivery, answer: Answer, following: Next) -> None:
        """Say when a circuit opens and when it closes, and what was refused; not each try."""
        failures = delivery.attempts + (following.again is not None)
        where = {"facility": delivery.facility_id, "channel": delivery.channel}
        why = {"outcome": answer.outcome.value, "cause": answer.cause}
        if following.outcome is Outcome.REFUSED:
            said = {"action": "delivery_refused", "id": delivery.id, **where, **why}
            log.error("a delivery was refused", extra=said)
        if is_open(failures) and not is_open(delivery.attempts):
            said = {"action": "circuit_opened", **where, **why}
            log.warning("a hospital takes nothing", extra=said)
        if is_open(delivery.attempts) and following.again is None:
            log.info("a hospital answers again", extra={"action": "circuit_closed", **where})

    async def _note(self, connection: Connection, delivery: Delivery) -> None:
        """The record has reached the facility: the first to bring one says so."""
        if not isinstance(delivery.event, PreArrivalNotified):
            return
        key, facility_id = delivery.event.encounter_id, delivery.facility_id
        row = (await CASES.load(connection, [key]))[key]
        receipt = Receipt(encounter_id=key, version=delivery.event.version)
        now = await connection.fetchval("SELECT now()")
        case, told = receive(row.state, facility_id, receipt, now, via=delivery.channel)
        if case is None or not told:
            return
        kept = keep(case, self._facilities.of(facility_id), now)
        await self._cases.save(connection, {key: Row(kept, row.version)}, told)
        await outbox.append(connection, "bridge", told)
