"""The desk from which records are sent again: its doors, its names, and its book of rows."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from simulator.acts import Service
from simulator.endpoints import Endpoints
from simulator.outside import Outside, Refused, Request
from simulator.replays.account import Account, Fate

#: The records hold no places, and the contract asks for one: everything is put at one point, and
#: said to be as uncertain as a county is wide.
NOWHERE = {"latitude": 40.81, "longitude": -96.68}
LOCATION = {**NOWHERE, "accuracy_m": 50_000.0}
#: Who has not answered for so long is gone: the run has ended, and nothing more can be sent.
PATIENCE_S = 60.0


class Gone(Exception):
    """The system does not answer any more."""


@contextlib.asynccontextmanager
async def patience() -> AsyncIterator[None]:
    """Wait for an answer, but not for ever. Raises ``Gone``."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    except TimeoutError as error:
        raise Gone from error


@dataclass
class Desk:
    """Sends requests. Everything sent bears the name of the ``run``, so that a second replay into
    the same system has units, devices and keys of its own."""

    known: Endpoints
    outside: Outside
    account: Account
    #: Told of each row that has ended.
    tick: Callable[[], object]
    run: str = field(default_factory=lambda: f"{int(time.time() * 1000):x}")

    @property
    def dispatcher(self) -> SecretStr:
        """Who answers the telephone."""
        return self.known.tokens.dispatcher

    @property
    def crew(self) -> SecretStr:
        """Who drives."""
        return self.known.tokens.crew

    async def post(
        self, service: Service, path: str, by: SecretStr, key: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The answer. Raises ``Refused``, ``Gone``."""
        asked = Request(service, "POST", path, by, f"{self.run}.{key}", body)
        async with patience():
            return await self.outside.act(asked)

    async def get(self, service: Service, path: str, by: SecretStr) -> dict[str, Any]:
        """What stands there. Raises ``Refused``, ``Gone``."""
        async with patience():
            return await self.outside.act(Request(service, "GET", path, by, self.run, {}))

    def settle(self, place: str, fate: Fate, reason: str = "") -> None:
        """Enter how a row ended."""
        self.account.settle(place, fate, reason)
        self.tick()

    async def enter(self, place: str, sending: Awaitable[object]) -> None:
        """Send a row, and enter how it ended."""
        try:
            await sending
        except Refused as error:
            self.settle(place, Fate.REFUSED, reason_of(error))
        else:
            self.settle(place, Fate.SENT)


def reason_of(error: Refused) -> str:
    """The status with the service's own words, as far as it gave any; they repeat no value."""
    said = re.findall(r'"(?:title|detail)":\s*"([^"]*)', str(error))
    return f"{error.status} {': '.join(said)}".strip()
