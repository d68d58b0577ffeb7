"""What every interface says of itself beside its routes: who may come in, and how it refuses."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from services.kit.role import CONFINED, Role

#: Of the interfaces and of the project, whose number stands in pyproject.toml too.
VERSION = "0.1.0"
_PROBLEM = "application/problem+json"
_TEXT = {"type": "string"}
_REFUSAL = {
    "type": "object",
    "description": "RFC 9457. `detail` says what to do; no value of the request is repeated.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "errors": {
            "type": "array",
            "description": "With 422: the fields to mend.",
            "items": {"type": "object", "properties": {"field": _TEXT, "problem": _TEXT}},
        },
    },
}
_ALWAYS = {
    401: "No token, or one that is not valid (any more).",
    403: "Your role may not do this.",
    404: "Nothing of this name that you may see.",
    422: "Something is not as it should be; `errors` or `refused` names it.",
    503: "A part behind this service is away: send the same again.",
}
_WRITING = {
    400: "The body is not JSON.",
    409: "It cannot be any more, or the key stood for another act.",
    413: "The body is too large.",
    415: "The body is not called JSON.",
}


def describe(app: FastAPI, guarded: Iterable[tuple[APIRoute, Collection[Role]]]) -> dict[str, Any]:
    """The description of the interface, OpenAPI 3.1; ``guarded``: routes and whom they let in.

    The roles stand in the operation's ``security``. ``x-own-facility`` names those of them that are
    let in at their own facility alone.
    """
    described: dict[str, Any] = app.openapi()
    parts = described["components"]
    parts["schemas"] = {
        name: schema
        for name, schema in parts["schemas"].items()
        if name not in {"HTTPValidationError", "ValidationError"}
    } | {"Problem": _REFUSAL}
    parts["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "A JSON Web Token, or a key of `greenchannel client add`.",
        }
    }
    for route, roles in guarded:
        for method in route.methods or ():
            operation = described["paths"][route.path][method.lower()]
            _guard(operation, method, roles)
            if "{facility_id}" in route.path and CONFINED.intersection(roles):
                operation["x-own-facility"] = sorted(CONFINED.intersection(roles))
    return described


def _guard(operation: dict[str, Any], method: str, roles: Collection[Role]) -> None:
    operation["security"] = [{"bearer": sorted(roles)}]
    refusals = _ALWAYS if method in {"GET", "HEAD"} else _ALWAYS | _WRITING
    for status, description in sorted(refusals.items()):
        operation["responses"][str(status)] = _refusal(description)


def _refusal(description: str) -> dict[str, Any]:
    content = {_PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}


def file_of(kinds: Iterable[str]) -> dict[str, Any]:
    """How an answer is described that is a file of one of these media types."""
    return {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}}


#: What a service answers until all of it runs.
UNREADY = _refusal("Not all parts of this service run yet.")
#: What is answered to who has what would be answered already.
UNCHANGED = {"description": "As it was: `If-None-Match` names its `ETag`. There is no body."}
#: What is answered to who has as many open as one may have.
TOO_MANY = _refusal("You have as many of these open as one caller may.")
#: What is answered to who speaks a protocol by another version.
OTHER_VERSION = _refusal("You speak the protocol by another version.")
