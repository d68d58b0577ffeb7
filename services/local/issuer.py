"""Signs people in by OpenID Connect where a run has no provider of its own: one click, and the
boards go the way they go in production. Whoever reaches it may be anybody: on the loopback alone.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from schemas.triage import Bilingual
from services.kit.address import is_loopback
from services.kit.problems import BodyLimit
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from services.local import grant, page
from services.local.grant import CLIENT, TOKEN_S, Grants, Refused, SignIn, Words, needed, one
from services.local.people import Person
from web.guard import refusal

BODY_LIMIT = 16 * 1024
_SECRET = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def create_issuer(
    key: SigningKey,
    settings: Settings,
    people: Sequence[Person],
    url: str,
    redirect_uris: Collection[str],
) -> FastAPI:
    """A provider at ``url`` that signs with ``key`` what services with ``settings`` take. Raises
    ``ValueError`` for a redirect URI beyond the loopback."""
    for uri in (url, *redirect_uris):
        if not is_loopback(urlsplit(uri).hostname or ""):
            raise ValueError(f"{uri} is not on the loopback")
    issuer = Issuer(key, settings, people, url, redirect_uris)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(_at_home)])
    app.add_middleware(BodyLimit, limit=BODY_LIMIT)
    for path, methods, endpoint in (
        ("/.well-known/openid-configuration", ["GET"], issuer.configuration),
        ("/jwks", ["GET"], issuer.jwks),
        ("/authorize", ["GET", "POST"], issuer.authorize),
        ("/choice", ["POST"], issuer.choose),
        ("/token", ["POST"], issuer.token),
        ("/end_session", ["GET", "POST"], issuer.end_session),
    ):
        app.add_api_route(path, endpoint, methods=methods)
    return app


def _at_home(request: Request) -> None:
    """A name that another site has pointed here is not ours."""
    if reason := refusal("GET", request.headers.get("host", ""), None):
        raise HTTPException(403, reason)


class Issuer:
    """What is answered. Nothing of it is logged: codes and tokens open doors."""

    def __init__(
        self,
        key: SigningKey,
        settings: Settings,
        people: Sequence[Person],
        url: str,
        redirect_uris: Collection[str],
    ) -> None:
        self._key, self._settings, self._url = key, settings, url
        self._people = {person.sub: person for person in people}
        self._redirect_uris = frozenset(redirect_uris)
        self._origins = frozenset(map(_origin, redirect_uris))
        self._policy = page.policy({*self._origins, _origin(url)})
        self._grants = Grants()

    async def configuration(self) -> Response:
        """OpenID Connect Discovery 1.0."""
        ours = {
            "issuer": self._url,
            "authorization_endpoint": f"{self._url}/authorize",
            "token_endpoint": f"{self._url}/token",
            "jwks_uri": f"{self._url}/jwks",
            "end_session_endpoint": f"{self._url}/end_session",
        }
        return JSONResponse({**ours, **grant.ABILITIES})

    async def jwks(self) -> Response:
        """The key that verifies."""
        return Response(self._key.key_set(), media_type="application/jwk-set+json")

    async def authorize(self, request: Request) -> Response:
        """The page to choose on. Nobody stays signed in here, so it is always shown."""
        words = await _words(request)
        try:
            redirect_uri = grant.destination(words, self._redirect_uris)
        except Refused as refused:
            return self._refusal(refused)
        try:
            asked = grant.request_of(words, redirect_uri)
        except Refused as refused:
            states = words.get("state", ())
            told = {"error": refused.error, "error_description": str(refused)}
            return self._back(redirect_uri, states[0] if len(states) == 1 else None, **told)
        ticket = secrets.token_urlsafe(32)
        self._grants.keep(ticket, asked, _now())
        return self._page(page.choice([*self._people.values()], f"{self._url}/choice", ticket))

    async def choose(self, request: Request) -> Response:
        """Somebody has clicked on themselves: back to the client, with a code."""
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if reason := refusal("POST", host, origin):
            raise HTTPException(403, reason)
        words = await _words(request)
        try:
            asked = self._grants.kept(needed(words, "ticket"), _now())
            person = self._people.get(needed(words, "person"))
            if person is None:
                raise Refused("invalid_request", "Nobody of this name is here: use a button.")
        except Refused as refused:
            return self._refusal(refused)
        code, sid = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        self._grants.grant(code, asked, SignIn(sid, person, _now()))
        return self._back(asked.redirect_uri, asked.state, code=code)

    async def token(self, request: Request) -> Response:
        """Tokens for a code, or new ones for a refresh token."""
        try:
            return JSONResponse(self._granted(await _words(request)), headers=_SECRET)
        except Refused as refused:
            told = {"error": refused.error, "error_description": str(refused)}
            if refused.error != "invalid_client":
                return JSONResponse(told, 400, _SECRET)
            return JSONResponse(told, 401, {**_SECRET, "WWW-Authenticate": "Basic"})

    def _granted(self, words: Words) -> dict[str, Any]:
        if one(words, "client_id") != CLIENT:
            raise Refused("invalid_client", f"The client is {CLIENT}: send it as client_id.")
        secret = secrets.token_urlsafe(32)
        match needed(words, "grant_type"):
            case "authorization_code":
                sign_in, nonce = self._grants.redeem(words, secret, _now())
                more = {"id_token": self._key.signed(self._told(sign_in, nonce))}
            case "refresh_token":
                sign_in, more = self._grants.renew(words, secret, _now()), {}
            case _:
                wanted = "The grant_type here is authorization_code or refresh_token."
                raise Refused("unsupported_grant_type", wanted)
        return {
            "access_token": self._access(sign_in),
            "token_type": "Bearer",
            "expires_in": TOKEN_S,
            "refresh_token": grant.refresh_token(sign_in, secret),
            "scope": "openid",
            **more,
        }

    def _access(self, sign_in: SignIn) -> str:
        person = sign_in.person
        own: dict[str, Any] = {"sub": person.sub, "auth_time": sign_in.at, "unit": person.unit}
        return self._key.token(self._settings, person.role, person.facility, TOKEN_S, **own)

    def _told(self, sign_in: SignIn, nonce: str | None) -> dict[str, Any]:
        """The claims of an ID token."""
        now, person = _now(), sign_in.person
        times = {"iat": now, "exp": now + TOKEN_S, "auth_time": sign_in.at}
        names = {"name": person.name.zh, "name#en": person.name.en}
        whose = {"iss": self._url, "aud": CLIENT, "sub": person.sub, "sid": sign_in.sid}
        return {**whose, **times, **names, "nonce": nonce}

    async def end_session(self, request: Request) -> Response:
        """OpenID Connect RP-Initiated Logout 1.0: what the sign-in granted is renewed no more."""
        words = await _words(request)
        try:
            self._grants.end(self._sid(needed(words, "id_token_hint")))
            place, state = one(words, "post_logout_redirect_uri"), one(words, "state")
            if place and _origin(place) not in self._origins:
                raise Refused("invalid_request", "Signed out; but that address is not a board's.")
        except Refused as refused:
            return self._refusal(refused)
        if place:
            return RedirectResponse(_with(place, state=state), 303, headers=_SECRET)
        title = Bilingual(zh="已退出登录", en="Signed out")
        return self._page(page.notice(title, Bilingual(zh="可以关闭此页。", en="Close this page.")))

    def _sid(self, hint: str) -> str:
        """Whose ID token this is. One that has expired says so as well."""
        wanted = {"audience": CLIENT, "issuer": self._url, "options": {"verify_exp": False}}
        try:
            return str(self._key.read(hint, **wanted)["sid"])
        except jwt.InvalidTokenError as error:
            wrong = "The id_token_hint is no ID token of this provider. Nobody was signed out."
            raise Refused("invalid_request", wrong) from error

    def _back(self, redirect_uri: str, state: str | None, **told: str) -> Response:
        place = _with(redirect_uri, state=state, iss=self._url, **told)
        return RedirectResponse(place, 303, headers=_SECRET)

    def _refusal(self, refused: Refused) -> Response:
        title = Bilingual(zh="无法登录或退出", en="This cannot be done")
        text = Bilingual(zh="请从看板重新打开。", en=str(refused))
        return self._page(page.notice(title, text), 400)

    def _page(self, html: str, status: int = 200) -> Response:
        # With no-referrer a browser would post the choice without saying that it comes from here.
        guarded = {
            "Content-Security-Policy": self._policy,
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }
        return HTMLResponse(html, status, {**_SECRET, **guarded})


async def _words(request: Request) -> Words:
    """Of the query, or of the form that was posted."""
    if request.method == "GET":
        return parse_qs(request.url.query)
    return parse_qs((await request.body()).decode("utf-8", "replace"))


def _with(place: str, **words: str | None) -> str:
    query = urlencode({name: value for name, value in words.items() if value is not None})
    if not query:
        return place
    return f"{place}{'&' if urlsplit(place).query else '?'}{query}"


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"


def _now() -> int:
    return int(time.time())
