"""The screen of a facility: it tells by itself what has come to it and is shown. Nobody presses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

import aiohttp

from simulator.endpoints import Endpoints
from simulator.outside import AWAY, bearer, client
from simulator.pace import moment

#: It tells this often, of so many patients at once.
TELL_S = 0.2
MOST = 500


class Screen:
    """What a board shows and has not told of yet."""

    def __init__(self, endpoints: Endpoints, facility: str) -> None:
        self._service = endpoints.http["bridge"]
        self._path = f"/v1/facilities/{facility}/receipts"
        self._headers = bearer(endpoints.tokens.centre[facility])
        self._shown: dict[str, int] = {}

    def show(self, item: Mapping[str, Any]) -> None:
        """A patient comes up, or changes. What the bridge has heard it is not told again."""
        told = (item.get("handoff") or {}).get("displayed_at")
        if item.get("record") is None or told is not None:
            self._shown.pop(item["encounter_id"], None)
        else:
            self._shown[item["encounter_id"]] = item["version"]

    async def run(self) -> None:
        """Tell for ever; what is not taken is told again."""
        async with client(self._service) as session:
            while True:
                await asyncio.sleep(TELL_S)
                if self._shown:
                    await self._tell(session, dict(islice(self._shown.items(), MOST)))

    async def _tell(self, session: aiohttp.ClientSession, shown: Mapping[str, int]) -> None:
        receipts = [
            {"encounter_id": name, "version": version, "displayed": True}
            for name, version in shown.items()
        ]
        body = {"receipts": receipts, "occurred_at": moment(time.time())}
        try:
            async with session.post(self._path, json=body, headers=self._headers) as answer:
                if answer.status >= 500:
                    return
        except AWAY:
            return
        for name, version in shown.items():
            if self._shown.get(name) == version:
                del self._shown[name]
