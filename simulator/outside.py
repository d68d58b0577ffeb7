"""Requests as an outside client makes them: sent again, under the same key, until answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
from prometheus_client import Counter
from pydantic import SecretStr

from simulator.acts import Service
from simulator.endpoints import Endpoints

#: So many requests at a time to one service; the others wait here and not at its door.
AT_ONCE = 32
TIMEOUT = aiohttp.ClientTimeout(total=10.0)
#: What a request raises when the service is away or goes away meanwhile.
AWAY = (aiohttp.ClientError, TimeoutError, OSError)
#: A patient or a device is known to a service a moment after dispatch has said yes.
SOON_S = 30.0
PAUSES_S = (0.1, 0.2, 0.4, 0.8)
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})

REQUESTS = Counter(
    "greenchannel_simulator_requests_total", "Answers by service and status", ["service", "status"]
)


class Refused(Exception):
    """The service said no, for good."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status


@dataclass(frozen=True)
class Request:
    """One act as a request; ``key`` makes a repeat the same event."""

    service: Service
    method: Literal["GET", "POST", "PUT"]
    path: str
    token: SecretStr
    key: str
    body: Mapping[str, Any]


class Outside:
    """One connection pool for each service."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._clients = {name: client(url) for name, url in endpoints.http.items()}
        self._turns = {name: asyncio.Semaphore(AT_ONCE) for name in self._clients}

    async def act(self, request: Request) -> dict[str, Any]:
        """Send until it is answered. Raises ``Refused`` when the answer is no.

        What another service knows comes from the broker, a moment after that one has answered: so
        gateway's and bridge's 404 counts as no only after a while, and so does a 409 when a call is
        to be closed whose patient was just handed over, or a death to be declared that the crew
        has just told dispatch of.
        """
        waited, attempt = 0.0, 0
        while True:
            async with self._turns[request.service]:
                status, text = await self._send(request)
            if 200 <= status < 300:
                return dict(json.loads(text))
            may_come = waited < SOON_S and (
                (status == 404 and request.service != "dispatch")
                or (status == 409 and request.path.endswith(("/closed", "/death")))
            )
            if status not in AGAIN and not may_come:
                raise Refused(status, text[:200])
            pause = PAUSES_S[min(attempt, len(PAUSES_S) - 1)]
            await asyncio.sleep(pause)
            attempt += 1
            waited += pause if may_come else 0.0

    async def _send(self, request: Request) -> tuple[int, str]:
        """Status and text of the answer; 503 when the service is away."""
        headers = {**bearer(request.token), "Idempotency-Key": request.key}
        ask = self._clients[request.service].request(
            request.method, request.path, json=request.body, headers=headers
        )
        try:
            async with ask as answer:
                status, text = answer.status, await answer.text()
        except AWAY:
            REQUESTS.labels(request.service, "none").inc()
            return 503, ""
        REQUESTS.labels(request.service, str(status)).inc()
        return status, text

    async def close(self) -> None:
        """Close all connections."""
        for each in self._clients.values():
            await each.close()


def client(url: str, timeout: aiohttp.ClientTimeout = TIMEOUT) -> aiohttp.ClientSession:
    """A pool of connections to one service. To be made within a running loop."""
    return aiohttp.ClientSession(
        base_url=url, timeout=timeout, connector=aiohttp.TCPConnector(limit=AT_ONCE)
    )


def bearer(token: SecretStr) -> dict[str, str]:
    """The header that signs a request."""
    return {"Authorization": f"Bearer {token.get_secret_value()}"}
