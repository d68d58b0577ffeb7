"""Who stands at a desk: reads the secrets that a browser brings, and leaves them there."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Path, Request, Response

from schemas.event import Value
from services.boards import store
from services.boards.provider import Asked, Provider, SignedIn
from services.boards.session import Session, landing, signed_out
from services.kit.auth import hash_of
from services.kit.errors import Rejected
from services.kit.role import Role
from services.kit.settings import Settings

#: A phone stays enrolled for as long as a browser keeps a cookie.
KEPT_S = 400 * 86400
SESSION, HANDSET, ASKED = "gc_session", "gc_handset", "gc_asked"


class Desk(StrEnum):
    """Whose pages they are. Each has sessions of its own: who stands at two is two people."""

    HOSPITAL = "hospital"
    DISPATCH = "dispatch"
    CREW = "crew"


#: Who may stand where.
ROLES = {
    Desk.HOSPITAL: frozenset({Role.CENTRE.value}),
    Desk.DISPATCH: frozenset({Role.DISPATCHER.value}),
    Desk.CREW: frozenset({Role.CREW.value}),
}
AtDesk = Annotated[Desk, Path(description="Whose pages they are.")]


def settings_of(request: Request) -> Settings:
    """What this process was told."""
    settings: Settings = request.app.state.settings
    return settings


def put(response: Response, settings: Settings, name: str, secret: str, desk: Desk) -> None:
    """Leave a secret in the browser, for the pages of this desk alone."""
    response.set_cookie(
        name,
        secret,
        max_age=KEPT_S if name == HANDSET else round(settings.boards_session_s),
        path=f"/{desk}",
        secure=settings.boards_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )


async def signed_in(request: Request, desk: AtDesk) -> Session:
    """The session at this desk, with an access token that is good. Raises ``Rejected`` 401."""
    secret = request.cookies.get(SESSION)
    pool, now = request.app.state.pool, datetime.now(UTC)
    session = await store.find(pool, secret) if secret else None
    if session is None or session.role not in ROLES[desk]:
        raise signed_out()
    if session.is_over(now, timedelta(seconds=settings_of(request).boards_idle_s)):
        await store.end(pool, session.hash)
        raise signed_out()
    await store.note(pool, session, now)
    return await _fresh(request, session, str(secret)) if session.must_renew(now) else session


async def _fresh(request: Request, session: Session, secret: str) -> Session:
    """The same with a fresh token. Two requests at once renew it once."""
    provider: Provider = request.app.state.provider
    pool = request.app.state.pool
    async with store.held(pool, secret) as (connection, found):
        if found is None:
            raise signed_out()
        if not found.must_renew(datetime.now(UTC)):
            return found
        with suppress(Rejected):
            renewed = found.renewed(await provider.renew(found.tokens))
            await store.keep(connection, renewed, secret)
            return renewed
    await store.end(pool, session.hash)
    raise signed_out()


async def open_session(request: Request, response: Response, desk: Desk, come: SignedIn) -> Session:
    """Begin a session for who has signed in. Raises ``Rejected`` 403 for who does not belong."""
    role = str(come.access.get("role"))
    if role not in ROLES[desk]:
        wanted = "These pages are for others: sign in as somebody who works here."
        raise Rejected(403, "Not your desk", wanted)
    settings, now, secret = settings_of(request), datetime.now(UTC), secrets.token_urlsafe(32)
    session = Session(
        hash=hash_of(secret),
        name=str(come.access["sub"]),
        role=role,
        facility=come.access.get("facility"),
        spoken=_spoken(come.identity),
        tokens=come.tokens,
        began_at=now,
        seen_at=now,
        ends_at=now + timedelta(seconds=settings.boards_session_s),
    )
    await store.begin(request.app.state.pool, session, secret)
    put(response, settings, SESSION, secret, desk)
    return session


class Begun(Value):
    """What lies in the browser while somebody is at the provider."""

    state: str
    nonce: str
    verifier: str
    to: str
    desk: Desk
    before: str


def asked_of(kept: str | None) -> tuple[Asked | None, Desk, str]:
    """The sign-in that this browser has begun, if any; at which desk, and the hash of the session
    that it takes the place of. ``kept`` is what lies in the browser meanwhile."""
    try:
        told = Begun.model_validate_json(base64.urlsafe_b64decode(kept or ""))
    except ValueError:
        return None, Desk.HOSPITAL, ""
    return Asked(told.state, told.nonce, told.verifier, landing(told.to)), told.desk, told.before


def _spoken(identity: Mapping[str, object]) -> dict[str, str]:
    """What the provider calls them, by language: ``name``, and ``name#en`` where it has one."""
    name = identity.get("name")
    told = {"zh": identity.get("name#zh") or name, "en": identity.get("name#en") or name}
    return {language: str(words)[:80] for language, words in told.items() if words}


def handset_key(request: Request) -> str:
    """The key of the phone that asks. Raises ``Rejected`` 403 where it has none."""
    key = request.cookies.get(HANDSET)
    if not key:
        raise Rejected(403, "Not enrolled", "Enrol this phone first, by a code of the operator's.")
    return key


async def at_dispatch(request: Request) -> Session:
    """The session of a dispatcher. Raises ``Rejected`` 401."""
    return await signed_in(request, Desk.DISPATCH)


Here = Annotated[Session, Depends(signed_in)]
AtDispatch = Annotated[Session, Depends(at_dispatch)]
