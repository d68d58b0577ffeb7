"""The bed manager of a facility: every now and then each department's beds are counted anew."""

from __future__ import annotations

import asyncio
import time
from random import Random

import aiohttp

from schemas.handoff import Department
from simulator.endpoints import Endpoints
from simulator.outside import AWAY, bearer, client
from simulator.pace import moment

#: They are counted this often, in seconds; and what is found: for whoever comes, and kept for
#: emergencies. Nothing of it is a hospital's: it is a small invented city's.
COUNT_S = 60.0
FREE, EMERGENCY = (4, 12), (1, 2)


class BedManager:
    """Says how many beds could be given. What was reserved since, the bridge takes off itself."""

    def __init__(self, endpoints: Endpoints, facility: str, rng: Random) -> None:
        self._service = endpoints.http["bridge"]
        self._path = f"/v1/facilities/{facility}/beds"
        self._headers = bearer(endpoints.tokens.centre[facility])
        self._rng = rng

    async def run(self) -> None:
        """Count for ever; what is not taken is counted again later."""
        async with client(self._service) as session:
            while True:
                for department in Department:
                    await self._count(session, department)
                await asyncio.sleep(COUNT_S)

    async def _count(self, session: aiohttp.ClientSession, department: Department) -> None:
        found = {"free": self._rng.randint(*FREE), "emergency": self._rng.randint(*EMERGENCY)}
        body = {**found, "occurred_at": moment(time.time())}
        path = f"{self._path}/{department.value}"
        try:
            async with session.put(path, json=body, headers=self._headers) as answer:
                await answer.read()
        except AWAY:
            return
