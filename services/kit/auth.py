"""Who is asking, and what they may do: denied unless allowed.

A bearer is a JSON Web Token (verified against a key set), a client key or the key of a crew's phone
(stored hashed). Who is on duty with a unit says so in a header, and acts for that unit alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import jwt
from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from schemas.event import Identifier
from services.kit.duty import Duty
from services.kit.errors import Rejected, TransientFailure
from services.kit.postgres import Pool, transaction
from services.kit.role import CONFINED, Role
from services.kit.settings import Settings

log = logging.getLogger(__name__)

ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
#: The key set is read again for an unknown key, at most this often.
REREAD_S = 10.0
#: A revoked client key stops working after this long at the latest.
KEY_CACHE_S = 30.0
#: While the database is away, a key seen this recently still opens the door.
KEY_GRACE_S = 600.0
#: Names the duty of a crew that asks with a token or with its phone's key.
DUTY_HEADER = "green-channel-duty"
#: With what a phone's key begins, and a client's.
HANDSET, CLIENT = "gch_", "gck_"
_CLIENT = """
    SELECT name, role, facility FROM access.clients WHERE hash = $1 AND revoked_at IS NULL
"""
_ON_DUTY = """
    SELECT d.duty_id, d.unit_id, d.name, d.began_at, coalesce(d.ended_at, d.ends_at) AS until,
           h.hash
      FROM access.duties d JOIN access.handsets h USING (handset_id)
     WHERE d.duty_id = $1 AND h.revoked_at IS NULL
"""
_IDENTIFIER = TypeAdapter(Identifier)


@dataclass(frozen=True)
class Principal:
    """A verified caller. ``name`` is a pseudonym that may stand in records."""

    name: str
    role: Role
    facility: str | None = None
    #: When this person last showed who they are; none for software.
    signed_in_at: datetime | None = field(default=None, compare=False)
    #: The unit that a crew has signed on with; none binds it to no unit.
    unit: str | None = None
    #: By which duty a phone acts: the moment of an act is held against it.
    duty: Duty | None = field(default=None, compare=False)

    def is_of(self, facility: str | None) -> bool:
        """Whether the caller belongs to this facility. Who names none belongs to none."""
        return facility is not None and self.facility == facility


def unauthorised(detail: str) -> Rejected:
    """401, with what to do about it."""
    return Rejected(401, "Not signed in", detail)


def must_have_just_signed_in(caller: Principal, within: timedelta, now: datetime) -> None:
    """A signature is a person's who has shown a moment ago who they are (RFC 9470: ``auth_time``).
    Raises ``Rejected`` 403 for software, and 401 with how to sign in again."""
    if caller.signed_in_at is None:
        wanted = "A signature is a person's: sign in, with a token that says when (auth_time)."
        raise Rejected(403, "Not a person", wanted)
    if abs(now - caller.signed_in_at) > within:  # one that lies ahead would never end
        seconds = round(within.total_seconds())
        raise Rejected(
            401,
            "Sign in again",
            f"To sign, show again who you are: a sign-in counts for {seconds} s.",
            f'Bearer error="insufficient_user_authentication", max_age="{seconds}"',
        )


def _moment(claim: object) -> datetime | None:
    is_time = isinstance(claim, int | float) and not isinstance(claim, bool) and 0 < claim < 1e11
    return datetime.fromtimestamp(float(claim), UTC) if is_time else None  # type: ignore[arg-type]


class KeySet:
    """The public keys that sign tokens, from a file or a URL, read again when a key is unknown."""

    def __init__(self, location: str | None) -> None:
        self._location = location
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = -REREAD_S
        self._is_away = False
        self._reading = asyncio.Lock()

    async def key(self, kid: str) -> jwt.PyJWK:
        """The key with this id. Raises ``Rejected`` 401 when there is none, ``TransientFailure``
        when it may be in a key set that is out of reach. Whose key is known waits for nobody."""
        if kid not in self._keys and self._location is not None:
            async with self._reading:
                if kid not in self._keys and time.monotonic() - self._read_at > REREAD_S:
                    await self._read_again(self._location)
        if kid in self._keys:
            return self._keys[kid]
        if self._is_away:
            raise TransientFailure("the key set is out of reach")
        raise unauthorised("The token is signed by a key that is not in the key set.")

    async def _read_again(self, location: str) -> None:
        self._read_at = time.monotonic()
        try:
            raw = await asyncio.to_thread(self._read, location)
            self._keys = {k.key_id: k for k in jwt.PyJWKSet.from_dict(raw).keys if k.key_id}
            self._is_away = False
        except (OSError, ValueError, jwt.PyJWTError) as error:
            self._is_away = True
            log.warning(
                "the key set cannot be read",
                extra={"action": "key_set_away", "cause": type(error).__name__},
            )

    def _read(self, location: str) -> dict[str, Any]:
        if location.startswith("https://"):
            with urlopen(location, timeout=5) as answer:  # noqa: S310 (https only)
                return dict(json.load(answer))
        return dict(json.loads(Path(location).read_text("utf-8")))


class Gate:
    """Turns a bearer into a principal."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings
        self._keys = KeySet(settings.jwks)
        self._pool = pool
        self._known: dict[tuple[str, ...], tuple[float, Any]] = {}

    async def principal(self, request: Request) -> Principal:
        """Who asks. Raises ``Rejected`` 401 without a valid bearer."""
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not bearer:
            raise unauthorised("Send the header 'Authorization: Bearer TOKEN'.")
        if bearer.startswith(CLIENT):
            return await self._client(bearer)
        duty_id = request.headers.get(DUTY_HEADER)
        if bearer.startswith(HANDSET):
            return await self._handset(bearer, duty_id)
        caller = await self._token(bearer)
        if caller.role is Role.CREW and duty_id is not None:
            duty, _ = await self._duty(duty_id)
            if duty is None or duty.name != caller.name:
                raise unauthorised("This is no duty of yours: sign on with your unit again.")
            return replace(caller, unit=duty.unit_id, duty=duty)
        return caller

    async def _token(self, bearer: str) -> Principal:
        try:
            key = await self._keys.key(str(jwt.get_unverified_header(bearer).get("kid")))
            claims = jwt.decode(
                bearer,
                key,
                algorithms=ALGORITHMS,
                issuer=self._settings.jwt_issuer,
                audience=self._settings.jwt_audience,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
            name = _IDENTIFIER.validate_python(claims["sub"])
            role, facility = Role(str(claims.get("role"))), claims.get("facility")
            return Principal(name, role, facility, _moment(claims.get("auth_time")))
        except jwt.ExpiredSignatureError as error:
            raise unauthorised("The token has expired. Sign in again.") from error
        except (jwt.InvalidTokenError, ValueError) as error:
            wanted = (
                "ask for a new one; issuer, audience, key or role are not those of this service"
            )
            raise unauthorised(f"The token is not valid here: {wanted}.") from error

    async def _client(self, bearer: str) -> Principal:
        row = await self._look_up(_CLIENT, hash_of(bearer))
        if row is None:
            raise unauthorised("The client key is unknown or was revoked.")
        return Principal(row["name"], Role(row["role"]), row["facility"])

    async def _handset(self, bearer: str, duty_id: str | None) -> Principal:
        duty, hashed = await self._duty(duty_id or "")
        if duty is None or hashed != hash_of(bearer):
            raise unauthorised("The phone is not enrolled, or nobody is on duty with it: sign on.")
        return Principal(duty.name, Role.CREW, unit=duty.unit_id, duty=duty)

    async def _duty(self, duty_id: str) -> tuple[Duty | None, str | None]:
        """A duty, and the hash of the phone that it was begun with."""
        row = await self._look_up(_ON_DUTY, duty_id)
        if row is None:
            return None, None
        told = dict(row)
        return Duty(**{n: told[n] for n in told if n != "hash"}), told["hash"]

    async def _look_up(self, query: str, asked: str) -> Any:
        """What the operator's tables say, as of half a minute ago at the most."""
        seen_at, row = self._known.get((query, asked), (-KEY_GRACE_S, None))
        age = time.monotonic() - seen_at
        if age > KEY_CACHE_S:
            try:
                if len(self._known) > 10_000:
                    self._known.clear()
                async with transaction(self._pool) as connection:
                    row = await connection.fetchrow(query, asked)
                self._known[query, asked] = (time.monotonic(), row)
            except TransientFailure:
                if age > KEY_GRACE_S:
                    raise
        return row


def hash_of(key: str) -> str:
    """What is stored of a client key. Keys are random, 256 bit, so one round is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


def check_client(name: str, role: Role, facility: str | None) -> None:
    """Raises ``Rejected`` when there can be no such client."""
    try:
        _IDENTIFIER.validate_python(name)
        if facility is not None:
            _IDENTIFIER.validate_python(facility)
    except ValidationError as error:
        wanted = "Names are 1 to 64 of A-Z a-z 0-9 . _ : - and begin with a letter or digit."
        raise Rejected(422, "Name", wanted) from error
    if (role in CONFINED) != (facility is not None):
        wanted = f"{' and '.join(sorted(CONFINED))} need --facility, and no one else has one."
        raise Rejected(422, "Facility", wanted)


async def add_client(pool: Pool, name: str, role: Role, facility: str | None) -> str:
    """Make a client key and return it, once. ``Rejected`` when the name is taken."""
    check_client(name, role, facility)
    key = f"gck_{secrets.token_urlsafe(32)}"
    async with transaction(pool) as connection:
        added = await connection.fetchval(
            "INSERT INTO access.clients (name, role, facility, hash) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT DO NOTHING RETURNING name",
            name,
            role.value,
            facility,
            hash_of(key),
        )
    if added is None:
        raise Rejected(
            409, "Name taken", f"A client named {name} exists. Revoke it or choose another."
        )
    return key


async def revoke_client(pool: Pool, name: str) -> bool:
    """Revoke a client's key; false when there was none to revoke."""
    async with transaction(pool) as connection:
        return bool(
            await connection.fetchval(
                "UPDATE access.clients SET revoked_at = now()"
                " WHERE name = $1 AND revoked_at IS NULL RETURNING true",
                name,
            )
        )
