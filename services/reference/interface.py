"""An OpenAPI document as what a reader looks for: operations, who may call them, what they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Json = Mapping[str, Any]
#: Of routes that no part of a service has named a subject for: health, and the description itself.
OTHER = "other"


class Answer(NamedTuple):
    """What is answered to who may: of which media type, and of what shape, where that is said."""

    status: str
    media: str
    schema: Json


class Operation(NamedTuple):
    """One method of one path."""

    service: str
    method: str
    path: str
    raw: Json

    @property
    def name(self) -> str:
        """Unlike that of every other operation of the service."""
        return str(self.raw["operationId"])

    @property
    def anchor(self) -> str:
        """Where it stands on the page."""
        return f"{self.service}-{self.name}"

    @property
    def subject(self) -> str:
        """Under which heading it stands."""
        return str(next(iter(self.raw.get("tags", ())), OTHER))

    @property
    def roles(self) -> tuple[str, ...]:
        """Who may call it; nobody here means anyone."""
        needed = self.raw.get("security") or [{}]
        return tuple(needed[0].get("bearer", ()))

    @property
    def confined(self) -> tuple[str, ...]:
        """Those of the roles that may call it about their own facility alone."""
        return tuple(self.raw.get("x-own-facility", ()))

    @property
    def text(self) -> str:
        """What it does."""
        return str(self.raw.get("description") or self.raw["summary"])

    @property
    def parameters(self) -> list[Json]:
        """Of the path, the query and the headers."""
        return list(self.raw.get("parameters", ()))

    @property
    def body(self) -> tuple[str, Json] | None:
        """Its media type and its schema, where there is one."""
        content = self.raw.get("requestBody", {}).get("content", {})
        return next(((media, one["schema"]) for media, one in content.items()), None)

    @property
    def answers(self) -> Iterator[Answer]:
        """What is answered to who may."""
        for status, said in self.raw["responses"].items():
            if status < "400":
                for media, one in said.get("content", {"": {}}).items():
                    yield Answer(status, media, one.get("schema", {}))

    @property
    def refusals(self) -> list[str]:
        """By which statuses it refuses."""
        return sorted(status for status in self.raw["responses"] if status >= "400")


class Interface(NamedTuple):
    """What one service says of itself."""

    service: str
    document: Json

    @property
    def parts(self) -> Json:
        """The schemas that others name."""
        parts: Json = self.document["components"]["schemas"]
        return parts

    @property
    def operations(self) -> list[Operation]:
        """Every operation, in the order of the document."""
        return [
            Operation(self.service, method.upper(), path, raw)
            for path, methods in self.document["paths"].items()
            for method, raw in methods.items()
        ]

    @property
    def by_subject(self) -> dict[str, list[Operation]]:
        """The operations under their headings; what has none of its own comes last."""
        found: dict[str, list[Operation]] = {}
        for operation in self.operations:
            found.setdefault(operation.subject, []).append(operation)
        if OTHER in found:
            found[OTHER] = found.pop(OTHER)
        return found

    @property
    def refusals(self) -> dict[str, str]:
        """Every status by which something is refused, and what that means."""
        found = {
            status: str(operation.raw["responses"][status]["description"])
            for operation in self.operations
            for status in operation.refusals
            if operation.roles
        }
        return dict(sorted(found.items()))
