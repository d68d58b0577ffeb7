"""A schema as rows that a human reads: a field, what it may be, within which limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from schemas.event import Identifier, Text
from services.reference.interface import Json

_PLACE = "#/components/schemas/"
_IDENTIFIER, _TEXT = (TypeAdapter(each).json_schema() for each in (Identifier, Text))


class Kind(NamedTuple):
    """What a value is: a plain kind, or a schema of the document (``is_part``); ``many`` is ``[]``
    for a list of such, ``{}`` for such by name."""

    name: str
    is_part: bool = False
    many: str = ""


@dataclass(frozen=True)
class Shape:
    """What a value may be. Of several kinds it is one."""

    kinds: tuple[Kind, ...] = ()
    #: Each by the word it is told with; empty, where the sign says enough, or the word does.
    limits: tuple[tuple[str, str], ...] = ()
    allowed: tuple[str, ...] = ()
    is_nullable: bool = False
    text: str = ""

    @property
    def only_part(self) -> Kind | None:
        """The schema of the document that it is, where it can be nothing else."""
        return self.kinds[0] if len(self.kinds) == 1 and self.kinds[0].is_part else None


class Field(NamedTuple):
    """A row. ``within`` is where it lies: ``location.`` or ``patients[].age.``."""

    within: str
    name: str
    shape: Shape
    is_required: bool
    default: str

    @property
    def inside(self) -> str:
        """The place of what lies in it."""
        many = "".join(kind.many for kind in self.shape.kinds[:1])
        return f"{self.within}{self.name}{many}."


def shown(name: str) -> str:
    """The name of a schema, without what tells those who send from those who receive."""
    return name.removesuffix("-Input").removesuffix("-Output")


def part_of(schema: Json, parts: Json) -> Json:
    """The schema itself, or the one it names."""
    named: Json = parts[schema["$ref"].removeprefix(_PLACE)] if "$ref" in schema else schema
    return named


def shape_of(schema: Json, parts: Json) -> Shape:
    """What a value of this schema may be."""
    shape = _kinds(schema, parts)
    limits = (*shape.limits, *_limits(schema))
    return replace(shape, limits=limits, text=str(schema.get("description", shape.text)))


def _kinds(schema: Json, parts: Json) -> Shape:
    if "$ref" in schema:
        named = part_of(schema, parts)
        if "properties" not in named:
            return shape_of(named, parts)
        return Shape((Kind(schema["$ref"].removeprefix(_PLACE), is_part=True),))
    if "anyOf" in schema:
        return _one_of([shape_of(each, parts) for each in schema["anyOf"]])
    if schema.get("type") == "array":
        return _many(schema.get("items", {}), "[]", parts)
    if isinstance(schema.get("additionalProperties"), dict):
        return _many(schema["additionalProperties"], "{}", parts)
    return _plain(schema)


def _one_of(shapes: list[Shape]) -> Shape:
    return Shape(
        kinds=tuple(dict.fromkeys(kind for shape in shapes for kind in shape.kinds)),
        limits=tuple(limit for shape in shapes for limit in shape.limits),
        allowed=tuple(word for shape in shapes for word in shape.allowed),
        is_nullable=any(shape.is_nullable for shape in shapes),
        text=next((shape.text for shape in shapes if shape.text), ""),
    )


def _many(schema: Json, sign: str, parts: Json) -> Shape:
    one = shape_of(schema, parts)
    kinds = one.kinds or (Kind("any"),)
    return replace(one, kinds=tuple(k._replace(many=k.many + sign) for k in kinds))


def _plain(schema: Json) -> Shape:
    if schema.get("type") == "null":
        return Shape(is_nullable=True)
    said = [schema["const"]] if "const" in schema else schema.get("enum", [])
    allowed = tuple(word if isinstance(word, str) else json.dumps(word) for word in said)
    if is_identifier(schema):
        return Shape((Kind("identifier"),), allowed=allowed)
    kind = schema.get("format") or schema.get("type", "any")
    return Shape((Kind("word" if allowed and kind == "string" else kind),), allowed=allowed)


def is_identifier(schema: Json) -> bool:
    """Whether it is a name as every key and number of ours is."""
    return all(schema.get(name) == value for name, value in _IDENTIFIER.items())


def _limits(schema: Json) -> Iterator[tuple[str, str]]:
    if span := _span(schema, "minimum", "maximum"):
        yield "", span
    if "exclusiveMinimum" in schema:
        yield "", f"> {schema['exclusiveMinimum']:g}"
    if "exclusiveMaximum" in schema:
        yield "", f"< {schema['exclusiveMaximum']:g}"
    if (span := _span(schema, "minItems", "maxItems")) and "prefixItems" not in schema:
        yield "items", span
    if not is_identifier(schema):
        if span := _span(schema, "minLength", "maxLength"):
            yield "length", span
        if "pattern" in schema and schema["pattern"] != _TEXT["pattern"]:
            yield "pattern", schema["pattern"]
    if "unit" in schema:
        yield "unit", schema["unit"]


def _span(schema: Json, least: str, most: str) -> str:
    low, high = schema.get(least), schema.get(most)
    if low is not None and high is not None:
        return f"{low:g} … {high:g}"
    if low is not None:
        return f"≥ {low:g}"
    return f"≤ {high:g}" if high is not None else ""


def fields_of(schema: Json, parts: Json) -> Iterator[Field]:
    """The fields of one schema; what lies in them is named by its schema."""
    part = part_of(schema, parts)
    for name, each in part.get("properties", {}).items():
        required = name in part.get("required", ())
        yield Field("", name, shape_of(each, parts), required, _default(each))


def all_fields_of(schema: Json, parts: Json, within: str = "") -> Iterator[Field]:
    """The fields of a body, and in their places those that lie in them."""
    for field in fields_of(schema, parts):
        placed = field._replace(within=within)
        yield placed
        if inner := field.shape.only_part:
            yield from all_fields_of(parts[inner.name], parts, placed.inside)


def _default(schema: Json) -> str:
    """What stands when it is left out, where that is one value."""
    value: Any = schema.get("default")
    return "" if value is None or isinstance(value, list | dict) else json.dumps(value)
