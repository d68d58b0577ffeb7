"""The HTTP side every service has: problems, limits, guarded routes, health, metrics."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, ParamSpec, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from schemas.envelope import event_id_of
from schemas.event import Identifier
from services.kit.auth import Gate, Principal
from services.kit.body import Body
from services.kit.errors import Rejected, TransientFailure
from services.kit.patience import pause
from services.kit.role import Role

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

RETRIES = 3
BODY_LIMIT = 256 * 1024
OPEN_PATHS = {"/livez", "/readyz", "/metrics"}

IdempotencyKey = Annotated[
    Identifier | None,
    Header(description="The event's id: the same key again gives the same answer."),
]


def problem(status: int, title: str, detail: str, **more: Any) -> Response:
    """An RFC 9457 answer. ``detail`` says what to do; no value of the request is repeated."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    headers = {"Retry-After": "1"} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(json.dumps(body), status, headers, "application/problem+json")


def event_id_for(request: Request, body: Body, key: str | None) -> str:
    """The sender's key, or an id made from path and content: a repeat is the same event."""
    content = body.model_dump_json().encode()
    return key or event_id_of(request.url.path, body.occurred_at.isoformat(), content)


def retrying(endpoint: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Repeat a request's transaction a few times when a state changed under it or a link broke."""

    @functools.wraps(endpoint)
    async def repeated(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(RETRIES):
            try:
                return await endpoint(*args, **kwargs)
            except TransientFailure:
                await pause(attempt)
        return await endpoint(*args, **kwargs)

    return repeated


class Access:
    """Opens a route to some roles. With ``{facility_id}`` in its path, to that facility alone."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)

    async def __call__(self, request: Request) -> Principal:
        """The caller. Raises 401, 403 for a wrong role, 404 for another facility's resources."""
        gate: Gate = request.app.state.gate
        principal = await gate.principal(request)
        if principal.role not in self.roles:
            allowed = ", ".join(sorted(self.roles))
            raise Rejected(403, "Not allowed", f"This needs one of the roles: {allowed}.")
        facility = request.path_params.get("facility_id")
        if (
            facility is not None
            and principal.role is Role.CENTRE
            and principal.facility != facility
        ):
            raise Rejected(404, "Not found", "There is nothing here for you.")
        return principal


def access_of(route: APIRoute) -> Access | None:
    """The access rule of a route, or none when it has none."""
    for dependency in route.dependant.dependencies:
        if isinstance(dependency.call, Access):
            return dependency.call
    return None


def create_app(
    service: str,
    gate: Gate | None,
    routers: Sequence[APIRouter],
    is_ready: Callable[[], Awaitable[bool]],
    body_limit: int = BODY_LIMIT,
) -> FastAPI:
    """The application; without a gate it has health and metrics only.

    Raises ``RuntimeError`` when a route has no access rule.
    """
    app = FastAPI(
        title=f"Green Channel {service}",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        max_body_size=body_limit,
    )
    app.state.gate = gate
    app.state.service = service
    for router in routers:
        app.include_router(router)
    if gate is not None:
        _add_openapi(app)
    _add_health(app, is_ready)
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path not in OPEN_PATHS and not access_of(route):
            raise RuntimeError(f"{route.path} has no access rule")
    app.add_exception_handler(Rejected, _rejected)
    app.add_exception_handler(TransientFailure, _transient)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)
    return app


def _add_openapi(app: FastAPI) -> None:
    @app.get("/openapi.json", dependencies=[Depends(Access(*Role))])
    async def openapi() -> dict[str, Any]:
        """The description of this interface, for any signed-in caller."""
        return app.openapi()


def _add_health(app: FastAPI, is_ready: Callable[[], Awaitable[bool]]) -> None:
    @app.get("/livez")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    async def ready() -> Response:
        if await is_ready():
            return Response(json.dumps({"status": "ready"}), 200, media_type="application/json")
        return problem(503, "Not ready", "Not all parts of this service run yet. Try again.")

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _rejected(request: Request, error: Any) -> Response:
    return problem(error.status, error.title, error.detail)


async def _transient(request: Request, error: Any) -> Response:
    return problem(503, "Try again", "A part behind this service is away. Send the same again.")


async def _invalid(request: Request, error: Any) -> Response:
    errors = [
        {"field": ".".join(str(part) for part in e["loc"][1:]) or "body", "problem": e["msg"]}
        for e in error.errors()
    ]
    if any(e["type"] == "json_invalid" for e in error.errors()):
        return problem(400, "Not JSON", "The body cannot be read as JSON.")
    return problem(422, "Not valid", "Mend the fields named in 'errors'.", errors=errors[:20])


async def _http(request: Request, error: Any) -> Response:
    if error.status_code == 413:
        return problem(413, "Too large", "Send the same in smaller pieces.")
    return problem(error.status_code, str(error.detail), "See the list of paths in docs/http.md.")


async def _bug(request: Request, error: Any) -> Response:
    log.error("a request failed", extra={"action": "request_failed", "bug": type(error).__name__})
    return problem(500, "Our fault", "Send the same again; nothing is stored twice.")
