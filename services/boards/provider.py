"""Speaks to the OpenID Connect provider: by the code flow with PKCE, as RFC 9700 asks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import jwt

from services.boards.session import Tokens
from services.kit.address import is_loopback
from services.kit.auth import ALGORITHMS
from services.kit.errors import Rejected, TransientFailure
from services.kit.settings import Misconfigured, Settings

#: What the provider says of itself is asked for again after this long.
REREAD_S = 600.0
PATIENCE_S = 5.0
#: The provider's clock may be ahead of ours by this.
LEEWAY_S = 30


@dataclass(frozen=True)
class Asked:
    """A sign-in that has begun: what has to come back with it."""

    state: str
    nonce: str
    verifier: str
    to: str


@dataclass(frozen=True)
class SignedIn:
    """Who has come back, by the identity token and the claims of the access token."""

    tokens: Tokens
    identity: dict[str, Any]
    access: dict[str, Any]


class Provider:
    """The provider of ``GREENCHANNEL_BOARDS_ISSUER``."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._http = http
        self._said: dict[str, Any] = {}
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = -REREAD_S
        self._reading = asyncio.Lock()
        if not settings.boards_issuer:
            raise Misconfigured("GREENCHANNEL_BOARDS_ISSUER: where people sign in is needed")
        self._must_be_safe(settings.boards_issuer, "GREENCHANNEL_BOARDS_ISSUER")
        self._must_be_safe(settings.boards_url, "GREENCHANNEL_BOARDS_URL")

    @staticmethod
    def _must_be_safe(url: str, name: str) -> None:
        parts = urlsplit(url)
        if parts.scheme == "https" or (
            parts.scheme == "http" and is_loopback(parts.hostname or "")
        ):
            return
        raise Misconfigured(f"{name}: https, or http on the loopback alone")

    @property
    def _redirect(self) -> str:
        return f"{self._settings.boards_url}/signed-in"

    async def begin(self, to: str, *, anew: bool) -> tuple[Asked, str]:
        """A new sign-in and the address that it begins at. ``anew``: show again who you are."""
        await self._discover()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        asked = Asked(state, nonce, verifier, to)
        challenge = hashlib.sha256(asked.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.boards_client_id,
            "redirect_uri": self._redirect,
            "scope": self._settings.boards_scope,
            "state": asked.state,
            "nonce": asked.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **({"prompt": "login", "max_age": "0"} if anew else {}),
        }
        return asked, f"{self._said['authorization_endpoint']}?{urlencode(query)}"

    async def finish(self, asked: Asked, code: str) -> SignedIn:
        """Exchange the code. Raises ``Rejected`` 401 where it is not this sign-in's."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect}
        answer = await self._token({**form, "code_verifier": asked.verifier})
        identity = await self._verified(str(answer.get("id_token")))
        if identity.get("nonce") != asked.nonce:
            raise Rejected(401, "Not this sign-in", "Begin the sign-in again.")
        return SignedIn(_tokens(answer), identity, _claims(answer))

    async def renew(self, tokens: Tokens) -> Tokens:
        """Fresh tokens. Raises ``Rejected`` 401 when the provider gives none any more."""
        if tokens.refresh is None:
            raise Rejected(401, "Not signed in", "The sign-in has ended. Sign in again.")
        form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
        answer = await self._token(form)
        kept = {"refresh_token": tokens.refresh, "id_token": tokens.identity}
        return _tokens({**kept, **answer})

    async def farewell(self, tokens: Tokens) -> str | None:
        """Where the provider ends its own session, if it says."""
        await self._discover()
        address = self._said.get("end_session_endpoint")
        if not address:
            return None
        told = {"client_id": self._settings.boards_client_id, "id_token_hint": tokens.identity}
        back = {"post_logout_redirect_uri": f"{self._settings.boards_url}/"}
        return f"{address}?{urlencode({k: v for k, v in (told | back).items() if v})}"

    async def _token(self, form: dict[str, str]) -> dict[str, Any]:
        await self._discover()
        secret = self._settings.boards_client_secret
        client = self._settings.boards_client_id
        auth = (client, secret.get_secret_value()) if secret else None
        body = form if secret else {**form, "client_id": client}
        answer = await self._ask("POST", self._said["token_endpoint"], data=body, auth=auth)
        if answer.status_code != 200:
            raise Rejected(401, "Not signed in", "The sign-in has ended. Sign in again.")
        return dict(answer.json())

    async def _verified(self, token: str) -> dict[str, Any]:
        try:
            kid = str(jwt.get_unverified_header(token).get("kid"))
            if kid not in self._keys:
                await self._discover(anew=True)
            return dict(
                jwt.decode(
                    token,
                    self._keys[kid],
                    algorithms=ALGORITHMS,
                    issuer=self._said["issuer"],
                    audience=self._settings.boards_client_id,
                    leeway=LEEWAY_S,
                    options={"require": ["exp", "iat", "sub", "iss", "aud"]},
                )
            )
        except (jwt.InvalidTokenError, KeyError) as error:
            raise Rejected(
                401, "Not signed in", "The provider's word is not valid here."
            ) from error

    async def _discover(self, *, anew: bool = False) -> None:
        async with self._reading:
            age = time.monotonic() - self._read_at
            if self._said and not (age > REREAD_S or (anew and age > LEEWAY_S)):
                return
            issuer = str(self._settings.boards_issuer).rstrip("/")
            said = (await self._ask("GET", f"{issuer}/.well-known/openid-configuration")).json()
            if str(said.get("issuer")).rstrip("/") != issuer:
                raise TransientFailure("the provider calls itself by another name")
            found = (await self._ask("GET", said["jwks_uri"])).json()
            self._keys = {k.key_id: k for k in jwt.PyJWKSet.from_dict(found).keys if k.key_id}
            self._said, self._read_at = said, time.monotonic()

    async def _ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        try:
            answer = await self._http.request(
                method, url, timeout=PATIENCE_S, follow_redirects=False, **more
            )
        except httpx.HTTPError as error:
            raise TransientFailure("the provider is out of reach") from error
        if answer.status_code >= 500:
            raise TransientFailure("the provider is out of reach")
        return answer


def _tokens(answer: dict[str, Any]) -> Tokens:
    life = timedelta(seconds=float(answer.get("expires_in", 300)))
    refresh, identity = answer.get("refresh_token"), answer.get("id_token")
    return Tokens(str(answer["access_token"]), refresh, identity, datetime.now(UTC) + life)


def _claims(answer: dict[str, Any]) -> dict[str, Any]:
    """What the access token says. It came from the provider itself; the services verify it."""
    try:
        return dict(jwt.decode(str(answer["access_token"]), options={"verify_signature": False}))
    except (jwt.InvalidTokenError, KeyError) as error:
        wanted = "The access token has to be a JSON Web Token with role and facility."
        raise Rejected(401, "Not signed in", wanted) from error
