"""What the pages ask the boards themselves: signing in and out, phones and duties, sounds."""

from __future__ import annotations

import base64
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field

from schemas.event import Identifier, Value
from services.boards import store
from services.boards.door import (
    ASKED,
    HANDSET,
    SESSION,
    AtDesk,
    AtDispatch,
    Begun,
    Desk,
    Here,
    asked_of,
    handset_key,
    open_session,
    put,
    settings_of,
)
from services.boards.provider import Provider
from services.boards.session import landing
from services.kit import metrics as seen
from services.kit.auth import hash_of
from services.kit.errors import Rejected

router = APIRouter()
#: For so many seconds what a sign-in waits for lies in the browser.
ASKED_S = 600


class Code(Value):
    """What an operator has given for one phone."""

    code: Annotated[str, Field(min_length=4, max_length=32)]


class SignOn(Value):
    """With which unit a duty begins."""

    unit_id: Identifier


class Sound(Value):
    """A sound that a board has made."""

    because: Literal["critical", "activated", "overdue", "telephone"]


@router.get("/{desk}/sign-in")
async def begin_sign_in(
    request: Request, desk: AtDesk, to: str | None = None, anew: bool = False
) -> Response:
    """Go to the provider; ``anew`` asks there again who it is, as for a signature."""
    provider: Provider = request.app.state.provider
    asked, address = await provider.begin(landing(to) if to else f"/{desk}/", anew=anew)
    response = RedirectResponse(address, 303)
    # The session that this one takes the place of is known here: its cookie goes no further.
    before = hash_of(request.cookies.get(SESSION, ""))
    kept = Begun(**asdict(asked), desk=desk, before=before).model_dump_json().encode()
    response.set_cookie(
        ASKED,
        base64.urlsafe_b64encode(kept).decode(),
        max_age=ASKED_S,
        path="/signed-in",
        secure=settings_of(request).boards_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/signed-in")
async def finish_sign_in(
    request: Request,
    state: str = "",
    code: str = "",
    error: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Back from the provider: the session begins, and the page that was wanted follows."""
    provider: Provider = request.app.state.provider
    asked, desk, before = asked_of(request.cookies.get(ASKED))
    if asked is None or asked.state != state or error is not None or not code:
        raise Rejected(401, "Not signed in", "The sign-in was not finished. Begin it again.")
    come = await provider.finish(asked, code)
    response = RedirectResponse(asked.to, 303)
    await open_session(request, response, desk, come)
    await store.end(request.app.state.pool, before)
    response.delete_cookie(ASKED, path="/signed-in")
    return response


@router.get("/{desk}/session")
async def read_session(desk: AtDesk, session: Here) -> dict[str, Any]:
    """Who is signed in here, and the clock that ages are measured by."""
    return {**session.shown(), "now": datetime.now(UTC).isoformat()}


@router.get("/dispatch/colleagues")
async def read_colleagues(request: Request, session: AtDispatch) -> dict[str, dict[str, str]]:
    """How the dispatchers who are signed in are called: the services know pseudonyms alone."""
    return await store.spoken_names(request.app.state.pool, session.role)


@router.post("/{desk}/sign-out")
async def sign_out(request: Request, desk: AtDesk, session: Here) -> dict[str, str]:
    """End the session; ``to`` is where the provider ends its own."""
    provider: Provider = request.app.state.provider
    await store.end(request.app.state.pool, session.hash)
    return {"to": await provider.farewell(session.tokens) or f"/{desk}/"}


@router.get("/crew/handset")
async def read_handset(request: Request) -> dict[str, Any]:
    """Whether this phone is enrolled, and the clock; asked before anybody signs in."""
    key = request.cookies.get(HANDSET)
    is_enrolled = bool(key) and await store.is_enrolled(request.app.state.pool, str(key))
    return {"enrolled": is_enrolled, "now": datetime.now(UTC).isoformat()}


@router.post("/crew/handset", status_code=204)
async def enrol(request: Request, response: Response, body: Code) -> None:
    """Enrol this phone, by a code that an operator has made."""
    key = await store.enrol(request.app.state.pool, body.code.strip().upper())
    put(response, settings_of(request), HANDSET, key, Desk.CREW)


@router.get("/{desk}/duties")
async def read_duties(request: Request, desk: AtDesk) -> list[dict[str, Any]]:
    """Who is on duty with this phone. It may be asked when nobody is signed in any more: a duty
    goes on after the sign-in by which it was begun."""
    return await store.on_duty(request.app.state.pool, handset_key(request))


@router.post("/{desk}/duties", status_code=201)
async def sign_on(
    request: Request, desk: AtDesk, session: Here, body: SignOn
) -> list[dict[str, Any]]:
    """Whoever is signed in begins a duty with this unit, on this phone."""
    pool, key = request.app.state.pool, handset_key(request)
    await store.sign_on(pool, key, body.unit_id, session.name)
    return await store.on_duty(pool, key)


@router.delete("/{desk}/duties/{duty_id}", status_code=204)
async def sign_off(request: Request, desk: AtDesk, duty_id: Identifier) -> None:
    """A duty ends. Whoever holds the phone may say so, also when nobody is signed in any more."""
    await store.sign_off(request.app.state.pool, handset_key(request), duty_id)


@router.post("/{desk}/sounds", status_code=204)
async def count_sound(desk: AtDesk, session: Here, body: Sound) -> None:
    """A board of this facility has made a sound."""
    seen.SOUNDS.labels(session.facility or "", body.because).inc()
