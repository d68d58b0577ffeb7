"""A plausible request for each operation, and how curl sends it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from shlex import quote
from typing import Any

from services.reference.fields import is_identifier, part_of, shown
from services.reference.interface import Json, Operation
from services.reference.words import Examples

#: What stands for a name that nobody gave an example of.
_NAME = "X-1"
#: What stands for a value of which only its kind is known.
_PLAIN: Json = {
    "boolean": True,
    "integer": 1,
    "number": 1.0,
    "date-time": "2026-03-09T14:12:00+08:00",
    "date": "2026-03-09",
}


def body_of(operation: Operation, parts: Json, examples: Examples) -> Any:
    """What may be sent; None where nothing is. Of many lines it is a list."""
    if operation.body is None:
        return None
    _, schema = operation.body
    name = shown(schema.get("$ref", "").rpartition("/")[2])
    for known in (operation.name, name):
        if known in examples.bodies:
            return examples.bodies[known]
    return _value(name, schema, parts, examples)


def curl(operation: Operation, parts: Json, examples: Examples) -> str:
    """The whole command; where a service is and who asks stand in the shell's variables."""
    path = re.sub(
        r"{(\w+)}", lambda found: str(examples.fields.get(found[1], _NAME)), operation.path
    )
    address = f'"${operation.service.upper()}{path}"'
    return " \\\n  ".join([_verb(operation, address, examples), *_sent(operation, parts, examples)])


def _verb(operation: Operation, address: str, examples: Examples) -> str:
    if operation.method == "HEAD":
        return f"curl -I {address}"
    if operation.method != "GET":
        return f"curl -X {operation.method} {address}"
    asked = [
        f"--data-urlencode {_pair(each['name'], '=', examples)}"
        for each in operation.parameters
        if each["in"] == "query" and each["name"] in examples.fields
    ]
    follows = any(answer.media == "text/event-stream" for answer in operation.answers)
    signs = "-N " * follows + "-G " * bool(asked)
    return " \\\n  ".join([f"curl {signs}{address}", *asked])


def _sent(operation: Operation, parts: Json, examples: Examples) -> Iterator[str]:
    if operation.roles:
        yield '-H "Authorization: Bearer $TOKEN"'
    if operation.body is not None:
        yield f"-H 'Content-Type: {operation.body[0]}'"
    for each in operation.parameters:
        if each["in"] == "header" and (each["required"] or each["name"] == "idempotency-key"):
            yield f"-H {_pair(each['name'], ': ', examples)}"
    if operation.body is None:
        return
    media, _ = operation.body
    body = body_of(operation, parts, examples)
    if isinstance(body, str):  # the file itself
        yield f"--data-binary {body}"
    elif media.endswith("ndjson"):
        yield f"--data-binary {quote(lines(body))}"
    else:
        yield f"-d {quote(json.dumps(body, ensure_ascii=False, indent=2))}"


def _pair(name: str, sign: str, examples: Examples) -> str:
    return quote(f"{spelt(name)}{sign}{examples.fields[name]}")


def spelt(name: str) -> str:
    """A header as it is written; what else has a name holds no hyphen."""
    return name.title() if "-" in name else name


def lines(body: list[Any]) -> str:
    """Many values, each on a line of its own."""
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in body)


def _value(name: str, schema: Json, parts: Json, examples: Examples) -> Any:
    part = part_of(schema, parts)
    if name in examples.fields and examples.fields[name] in part.get(
        "enum", examples.fields.values()
    ):
        return examples.fields[name]
    if "properties" in part:
        needed = part.get("required", ())
        inner = {each: part["properties"][each] for each in needed}
        return {each: _value(each, s, parts, examples) for each, s in inner.items()}
    if "anyOf" in part:
        return _value(name, part["anyOf"][0], parts, examples)
    if part.get("type") == "array":
        return [_value(name, part.get("items", {}), parts, examples)]
    return _plain(part)


def _plain(schema: Json) -> Any:
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if is_identifier(schema):
        return _NAME
    return _PLAIN.get(schema.get("format") or schema.get("type", ""), "…")
