"""The HTTP side every service has: guarded routes, limits, health, metrics."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ParamSpec, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute, iter_route_contexts
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, TypeAdapter, ValidationError

from schemas.envelope import event_id_of
from schemas.event import Identifier, Moment
from services.kit import failpoint
from services.kit import metrics as seen
from services.kit.auth import Gate, Principal
from services.kit.body import Body
from services.kit.duty import Duty
from services.kit.errors import Rejected, TransientFailure, nothing_here
from services.kit.openapi import UNREADY, VERSION, describe
from services.kit.patience import pause
from services.kit.problems import BodyLimit, Ending, add_problems, problem
from services.kit.role import CONFINED, Role
from services.kit.timed import Timed

P = ParamSpec("P")
T = TypeVar("T")

RETRIES = 3
BODY_LIMIT = 256 * 1024
#: A piece of a file (tus): it says nothing of a moment.
PIECE = "application/offset+octet-stream"
OPEN_PATHS = {"/livez", "/readyz", "/metrics"}

IdempotencyKey = Annotated[
    Identifier | None,
    Header(description="The event's id: the same key again gives the same answer."),
]


def event_id_for(request: Request, body: Body, key: str | None) -> str:
    """The sender's key, or an id made from path and content: a repeat is the same event."""
    content = body.model_dump_json().encode()
    return key or event_id_of(request.url.path, body.occurred_at.isoformat(), content)


def retrying(endpoint: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Repeat a request's transaction a few times when a state changed under it or a link broke."""

    @functools.wraps(endpoint)
    async def repeated(*args: P.args, **kwargs: P.kwargs) -> T:
        failpoint.reach("request.received")
        attempt = 0
        while True:
            try:
                answer = await endpoint(*args, **kwargs)
            except TransientFailure:
                if attempt == RETRIES:
                    raise
                await pause(attempt)
                attempt += 1
            else:
                failpoint.reach("request.committed")
                return answer

    return repeated


#: A file of somebody else's is shown, and does nothing; no browser keeps it.
NOTHING_RUNS = {
    "Cache-Control": "no-store",
    "Content-Disposition": "inline",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def unless_known(request: Request, tag: str, content: bytes) -> Response:
    """This content; or 304 without any, where the caller says that they have what bears this tag
    (RFC 9110, If-None-Match). No browser keeps it: whoever asks again does."""
    headers = {"ETag": f'"{tag}"', "Cache-Control": "no-store"}
    known = request.headers.get("if-none-match", "").split(",")
    if any(each.strip().removeprefix("W/").strip('"') == tag for each in known):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


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
        confined = facility is not None and principal.role in CONFINED
        if confined and not principal.is_of(facility):
            raise nothing_here()
        if principal.duty is not None:
            await _must_have_been_on_duty(request, principal.duty)
        return principal


async def _must_have_been_on_duty(request: Request, duty: Duty) -> None:
    """Acts are judged by the authority of their own time, whenever they are sent; who reads has to
    be on duty now. Raises ``Rejected`` 403."""
    now = datetime.now(UTC)
    moment = now
    if request.method not in ("GET", "HEAD"):
        # However a body is called, what it says counts; a piece of a file is not waited for.
        kind = request.headers.get("content-type", "").lower()
        told = None if kind.startswith(PIECE) else _moment_of(await request.body())
        moment = told or min(now, duty.until)
    if not duty.covers(moment, now):
        wanted = "Nobody was on duty with this phone then, or it comes too late: sign on, or report"
        raise Rejected(403, "Not on duty", f"{wanted} it to dispatch.")


def _moment_of(body: bytes) -> datetime | None:
    """When it happened; none where that is not said, as with a piece of a file."""
    try:
        return _WHEN.validate_json(body).occurred_at
    except ValidationError:  # the route says what is wrong with it
        return None


class _When(BaseModel):
    """What every act says."""

    occurred_at: Moment


_WHEN = TypeAdapter(_When)


def routes_of(app: FastAPI) -> Iterator[APIRoute]:
    """Every route of the application, those of its routers too."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context.original_route


def access_of(route: APIRoute) -> Access | None:
    """The access rule of a route, or none when it has none."""
    for dependency in route.dependant.dependencies:
        if isinstance(dependency.call, Access):
            return dependency.call
    return None


def interface_of(app: FastAPI) -> dict[str, Any]:
    """What the application says of itself, OpenAPI 3.1."""
    rules = ((route, access_of(route)) for route in routes_of(app))
    return describe(app, [(route, access.roles) for route, access in rules if access])


def create_app(
    service: str,
    gate: Gate | None,
    routers: Sequence[APIRouter],
    is_ready: Callable[[], Awaitable[bool]],
    body_limit: int = BODY_LIMIT,
) -> FastAPI:
    """The application; without routers it has health and metrics only, and needs no gate.

    Raises ``RuntimeError`` when a route has no access rule.
    """
    app = FastAPI(
        title=f"Green Channel {service}",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.add_middleware(BodyLimit, limit=body_limit)
    app.add_middleware(Ending)
    app.add_middleware(Timed, service=service)
    seen.BUILD.labels(service, VERSION).set(1)
    app.state.gate = gate
    app.state.service = service
    for router in routers:
        app.include_router(router)
    if routers:
        _add_openapi(app)
    _add_health(app, is_ready)
    for route in routes_of(app):
        if route.path not in OPEN_PATHS and not access_of(route):
            raise RuntimeError(f"{route.path} has no access rule")
    add_problems(app)
    return app


def _add_openapi(app: FastAPI) -> None:
    @app.get("/openapi.json", dependencies=[Depends(Access(*Role))])
    async def openapi() -> dict[str, Any]:
        """The description of this interface, for any signed-in caller."""
        return interface_of(app)


def _add_health(app: FastAPI, is_ready: Callable[[], Awaitable[bool]]) -> None:
    @app.get("/livez")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "alive"}

    @app.get("/readyz", responses={503: UNREADY})
    async def ready() -> Response:
        """All parts of this service run."""
        if await is_ready():
            return Response(json.dumps({"status": "ready"}), 200, media_type="application/json")
        return problem(503, "Not ready", "Not all parts of this service run yet. Try again.")

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts and times for Prometheus; of no patient."""
        seen.READY.labels(app.state.service).set(await is_ready())
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
