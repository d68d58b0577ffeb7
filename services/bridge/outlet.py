"""The ways out to systems of hospitals: each says one message and hears one answer."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol, cast
from zoneinfo import ZoneInfo

import httpx

from schemas.handoff import PreArrivalWithdrawn
from services.bridge import fhir, hl7, webhook
from services.bridge.delivery import Answer, Delivery, Outcome, judge
from services.bridge.facility import Facilities, Interface
from services.bridge.hospital import Place
from services.bridge.mllp import ANSWER_S, CONNECT_S, Line, Unreached
from services.kit.errors import TransientFailure


class InterfaceRefused(Exception):
    """An interface cannot be used as it is set; the message says what to mend."""


class Outlet(Protocol):
    """A way out. ``tell`` raises nothing that has to do with the hospital: what it does is answered
    with; what else it raises is a bug in what we say."""

    async def tell(self, delivery: Delivery, now: datetime) -> Answer:
        """Say it, and hear what the hospital answers."""

    async def close(self) -> None:
        """Let go of what is held open."""


def outlet(interface: Interface, zone: ZoneInfo) -> Outlet:
    """The way out that an interface names. Raises ``InterfaceRefused``."""
    try:
        tls = _tls(interface)
        secret = _secret(interface.secret)
        if interface.channel == "hl7":
            return Hl7(Line(interface.host, interface.address.port or 0, tls), zone)
        if interface.channel == "webhook":
            return Webhook(str(interface.address), tls, webhook.key_of(secret))
        if not (secret.isascii() and secret.isprintable()):
            raise ValueError("a bearer is written in plain characters")
        return Fhir(str(interface.address), tls, secret, zone)
    except (OSError, ValueError) as error:
        raise InterfaceRefused(f"{interface.channel}: {error}") from error


def outlets(facilities: Facilities, zone: ZoneInfo) -> Mapping[Place, Outlet]:
    """All that the facilities name. Raises ``InterfaceRefused``."""
    found: dict[Place, Outlet] = {}
    for facility_id, facility in facilities.facilities.items():
        for interface in facility.interfaces:
            try:
                found[facility_id, interface.channel] = outlet(interface, zone)
            except InterfaceRefused as refused:
                raise InterfaceRefused(f"{facility_id}: {refused}") from refused
    return found


def _tls(interface: Interface) -> ssl.SSLContext | None:
    if not interface.is_enciphered:
        return None
    try:
        return ssl.create_default_context(cafile=interface.ca_file)
    except OSError as error:  # it does not say which file it looked for
        raise ValueError(f"ca_file {interface.ca_file}: {error.strerror or error}") from error


def _secret(place: str | None) -> str:
    """What lies in a file or an environment variable."""
    if place is None:
        return ""
    found = Path(place).read_text("utf-8") if place.startswith("/") else os.environ.get(place, "")
    if not found.strip():
        raise ValueError(f"there is no secret in {place}")
    return found.strip()


class Hl7:
    """HL7 v2 over MLLP."""

    def __init__(self, line: Line, zone: ZoneInfo) -> None:
        self._line, self._zone = line, zone

    async def tell(self, delivery: Delivery, now: datetime) -> Answer:
        event = cast("hl7.Told", delivery.event)  # what is written for this channel
        said = hl7.message(event, delivery.case, self._zone).encode("utf-8", "replace")
        try:
            answer = await self._line.ask(said)
        except TransientFailure as failure:
            spoken = not isinstance(failure, Unreached)
            return Answer(outcome=Outcome.AWAY, cause=str(failure), spoken=spoken)
        read = hl7.read(answer, hl7.control_id(event, delivery.facility_id))
        if read.outcome is Outcome.AWAY:
            self._line.close()  # whatever else it says is not ours to wait for
        return read

    async def close(self) -> None:
        self._line.close()


class Http:
    """A POST with a body. Of the answer the status counts; what else it says is not read."""

    def __init__(self, address: str, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._http = httpx.AsyncClient(
            verify=True if tls is None else tls,
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            follow_redirects=False,
            trust_env=False,
        )

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Say it, and judge the answer."""
        try:
            async with (
                asyncio.timeout(CONNECT_S + ANSWER_S),
                self._http.stream("POST", self._address, content=body, headers=headers) as answer,
            ):
                return judge(answer.status_code)
        except TimeoutError:
            return Answer(outcome=Outcome.AWAY, cause="no answer in time")
        except httpx.RequestError as error:
            spoken = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            return Answer(outcome=Outcome.AWAY, cause=type(error).__name__, spoken=spoken)

    async def close(self) -> None:
        """End its connections."""
        await self._http.aclose()


class Webhook(Http):
    """The queue's item, signed."""

    def __init__(self, address: str, tls: ssl.SSLContext | None, key: bytes) -> None:
        super().__init__(address, tls)
        self._key = key

    async def tell(self, delivery: Delivery, now: datetime) -> Answer:
        body = webhook.body_of(delivery.event, delivery.case, delivery.facility_id)
        return await self.post(body, webhook.headers(delivery.id, now, body, self._key))


class Fhir(Http):
    """A bundle for the base of a FHIR server."""

    def __init__(
        self, address: str, tls: ssl.SSLContext | None, bearer: str, zone: ZoneInfo
    ) -> None:
        super().__init__(address, tls)
        self._headers = {"content-type": "application/fhir+json"}
        if bearer:
            self._headers["authorization"] = f"Bearer {bearer}"
        self._zone = zone

    async def tell(self, delivery: Delivery, now: datetime) -> Answer:
        withdrawn = isinstance(delivery.event, PreArrivalWithdrawn)
        bundle = fhir.bundle(delivery.case, delivery.facility_id, self._zone, withdrawn=withdrawn)
        return await self.post(fhir.as_json(bundle).encode(), self._headers)
